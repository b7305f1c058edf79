"""Neal's funnel."""

import math

import numpy as np

from libc.math cimport INFINITY

from .._runtime.check import integer, real
from .._runtime.seed import seed_sequence

cimport cython

from ..kernels.math cimport exp_neg, fill, in_t, out_t
from .base cimport Energy


cdef void precisions(in_t v, out_t p, Py_ssize_t n) noexcept nogil:
    # exp(-v); below -690 it is beyond what exp_neg knows, and as good as infinite.
    cdef Py_ssize_t i
    cdef double e
    for i in range(n):
        e = exp_neg(-690.0 if v[i] < -690.0 else v[i])
        p[i] = INFINITY if v[i] < -690.0 else e


cdef void add_squares(in_t x, out_t out, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i] += x[i] * x[i]


cdef void set_energy(in_t v, in_t p, in_t squares, out_t out, Py_ssize_t n, double a, double b) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i] = a * (v[i] * v[i]) + b * v[i] + 0.5 * (p[i] * squares[i])


cdef void set_neck_slope(in_t v, in_t p, in_t squares, out_t out, Py_ssize_t n, double a, double b) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i] = 2.0 * a * v[i] + b - 0.5 * (p[i] * squares[i])


cdef void set_slope(in_t x, in_t p, out_t out, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i] = p[i] * x[i]


cdef void set_curvature(in_t p, in_t squares, out_t out, Py_ssize_t n, double a, double rest) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i] = 2.0 * a + p[i] * (0.5 * squares[i] + rest)


@cython.final
cdef class Funnel(Energy):
    r"""Neal's funnel: the first feature is the log-variance of the others.

    .. math:: v \sim N(0, s^2), \qquad x_d \mid v \sim N(0, e^v), \qquad
              E = \frac{v^2}{2 s^2} + \frac{D - 1}{2} v + \frac12 e^{-v} |x|^2.

    No step size suits both the neck and the mouth, whose widths differ by a factor of thousands.

    Parameters
    ----------
    n_features : int, default 10
        v and the others: at least 2.
    scale : float, default 3.0
        Standard deviation s of v.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range.

    References
    ----------
    Neal, Slice sampling, Annals of Statistics 2003, section 8.

    Examples
    --------
    >>> import fastebm as fe
    >>> round(fe.Funnel(2).log_partition(), 6)
    2.936489
    """

    cdef readonly double scale

    def __init__(self, n_features=10, scale=3.0):
        cdef Py_ssize_t features = integer(n_features, "n_features", 2, 1_000_000)
        s = real(scale, "scale", above=0)
        self.allocate(features, 0)
        self.block_size = max(32, min(512, 65536 // (4 * features) & ~7))
        self.scale = s

    cdef Py_ssize_t scratch_size(self, Py_ssize_t n) noexcept nogil:
        # Precisions, and sums of squares.
        return 2 * n

    cdef int energy_block(self, const double* x, double* out, double* work,
                          Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        measure(self, x, work, n, stride)
        set_energy(x, work, work + stride, out, n, 0.5 / (self.scale * self.scale), 0.5 * (self.n_features - 1))
        return 0

    cdef int grad_block(self, const double* x, double* out, double* work,
                        Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t d
        measure(self, x, work, n, stride)
        set_neck_slope(x, work, work + stride, out, n, 0.5 / (self.scale * self.scale), 0.5 * (self.n_features - 1))
        for d in range(1, self.n_features):
            set_slope(x + d * stride, work, out + d * stride, n)
        return 0

    cdef int laplacian_block(self, const double* x, double* out, double* work,
                             Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        measure(self, x, work, n, stride)
        set_curvature(work, work + stride, out, n, 0.5 / (self.scale * self.scale), <double>(self.n_features - 1))
        return 0

    def log_partition(self):
        """log Z = log s + n_features / 2 log(2 pi), exact, as a float."""
        self._check_ready()
        return math.log(self.scale) + 0.5 * self.n_features * math.log(2.0 * math.pi)

    def exact_sample(self, n, seed=None):
        """Draw n independent samples, shape (n, n_features).

        Raises
        ------
        ValueError, TypeError
            If n is not an integer of at least 0 or seed is not a seed.
        """
        self._check_ready()
        rng = np.random.default_rng(seed_sequence(seed))
        x = rng.standard_normal((integer(n, "n", 0), self.n_features))
        x[:, 0] *= self.scale
        x[:, 1:] *= np.exp(0.5 * x[:, :1])
        return x

    def _arguments(self):
        return {"n_features": self.n_features, "scale": self.scale}


cdef void measure(Funnel energy, const double* x, double* work, Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
    cdef Py_ssize_t d
    precisions(x, work, n)
    fill(work + stride, n, 0.0)
    for d in range(1, energy.n_features):
        add_squares(x + d * stride, work + stride, n)
