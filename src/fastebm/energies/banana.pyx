"""A normal law that is bent."""

import math

import numpy as np

from .._runtime.check import integer, real
from .._runtime.seed import seed_sequence

cimport cython

from ..kernels.math cimport in_t, out_t
from .base cimport Energy


cdef void set_energy(in_t x, in_t y, out_t out, Py_ssize_t n, double a, double b, double v) noexcept nogil:
    cdef Py_ssize_t i
    cdef double u
    for i in range(n):
        u = y[i] + b * (x[i] * x[i] - v)
        out[i] = a * (x[i] * x[i]) + 0.5 * (u * u)


cdef void add_half_squares(in_t x, out_t out, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i] += 0.5 * (x[i] * x[i])


cdef void set_grad(in_t x, in_t y, out_t gx, out_t gy, Py_ssize_t n, double a, double b, double v) noexcept nogil:
    cdef Py_ssize_t i
    cdef double u
    for i in range(n):
        u = y[i] + b * (x[i] * x[i] - v)
        gx[i] = 2.0 * a * x[i] + 2.0 * b * (u * x[i])
        gy[i] = u


cdef void copy(in_t x, out_t out, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i] = x[i]


cdef void set_laplacian(in_t x, in_t y, out_t out, Py_ssize_t n, double a, double b, double v,
                        double rest) noexcept nogil:
    cdef Py_ssize_t i
    cdef double u
    for i in range(n):
        u = y[i] + b * (x[i] * x[i] - v)
        out[i] = 2.0 * a + rest + 2.0 * b * u + 4.0 * b * b * (x[i] * x[i])


cdef void carry_nan(in_t x, out_t out, Py_ssize_t n) noexcept nogil:
    # Features that the Laplacian does not depend on: what is not a number there is none here.
    cdef Py_ssize_t i
    for i in range(n):
        out[i] += 0.0 * x[i]


@cython.final
cdef class Banana(Energy):
    r"""A normal law bent along a parabola.

    .. math:: x_1 \sim N(0, s^2), \qquad x_2 + b (x_1^2 - s^2) \sim N(0, 1), \qquad x_d \sim N(0, 1), \; d > 2.

    Parameters
    ----------
    n_features : int, default 2
        At least 2.
    curvature : float, default 0.1
        b; 0 is the normal law itself.
    scale : float, default 3.0
        s, in the units of x.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range.

    Notes
    -----
    Bending leaves volumes as they are, so log Z is that of the normal law and samples are exact.

    References
    ----------
    Haario, Saksman and Tamminen, Adaptive proposal distribution for random walk Metropolis algorithm, Computational
    Statistics 1999.

    Examples
    --------
    >>> import fastebm as fe
    >>> round(fe.Banana(scale=10.0).log_partition(), 6)
    4.140462
    """

    cdef readonly double curvature, scale

    def __init__(self, n_features=2, curvature=0.1, scale=3.0):
        cdef Py_ssize_t features = integer(n_features, "n_features", 2, 1_000_000)
        b, s = real(curvature, "curvature"), real(scale, "scale", above=0)
        self.allocate(features, 0)
        self.block_size = max(32, min(512, 65536 // (4 * features) & ~7))
        self.curvature, self.scale = b, s

    cdef int energy_block(self, const double* x, double* out, double* work,
                          Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t d
        cdef double v = self.scale * self.scale
        set_energy(x, x + stride, out, n, 0.5 / v, self.curvature, v)
        for d in range(2, self.n_features):
            add_half_squares(x + d * stride, out, n)
        return 0

    cdef int grad_block(self, const double* x, double* out, double* work,
                        Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t d
        cdef double v = self.scale * self.scale
        set_grad(x, x + stride, out, out + stride, n, 0.5 / v, self.curvature, v)
        for d in range(2, self.n_features):
            copy(x + d * stride, out + d * stride, n)
        return 0

    cdef int laplacian_block(self, const double* x, double* out, double* work,
                             Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t d
        cdef double v = self.scale * self.scale
        set_laplacian(x, x + stride, out, n, 0.5 / v, self.curvature, v, <double>(self.n_features - 1))
        for d in range(2, self.n_features):
            carry_nan(x + d * stride, out, n)
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
        x = np.random.default_rng(seed_sequence(seed)).standard_normal((integer(n, "n", 0), self.n_features))
        x[:, 0] *= self.scale
        x[:, 1] -= self.curvature * (x[:, 0] ** 2 - self.scale * self.scale)
        return x

    def _arguments(self):
        return {"n_features": self.n_features, "curvature": self.curvature, "scale": self.scale}
