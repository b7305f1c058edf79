"""Rosenbrock's valley."""

import math

import numpy as np

from .._runtime.check import integer, real
from .._runtime.seed import seed_sequence

cimport cython

from ..kernels.math cimport in_t, out_t
from .base cimport Energy


cdef void set_energy(in_t x, in_t y, out_t out, Py_ssize_t n, double a, double b) noexcept nogil:
    cdef Py_ssize_t i
    cdef double u, v
    for i in range(n):
        u = 1.0 - x[i]
        v = y[i] - x[i] * x[i]
        out[i] = a * (u * u) + b * (v * v)


cdef void set_grad(in_t x, in_t y, out_t gx, out_t gy, Py_ssize_t n, double a, double b) noexcept nogil:
    cdef Py_ssize_t i
    cdef double v
    for i in range(n):
        v = y[i] - x[i] * x[i]
        gx[i] = -2.0 * a * (1.0 - x[i]) - 4.0 * b * (v * x[i])
        gy[i] = 2.0 * b * v


cdef void set_laplacian(in_t x, in_t y, out_t out, Py_ssize_t n, double a, double b) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i] = 2.0 * a + 2.0 * b + b * (12.0 * (x[i] * x[i]) - 4.0 * y[i])


@cython.final
cdef class Rosenbrock(Energy):
    r"""Rosenbrock's valley in two features: a narrow, curved ridge of probability.

    .. math:: E(x, y) = a (1 - x)^2 + b (y - x^2)^2.

    Parameters
    ----------
    a, b : float, default 0.05 and 5.0
        How short the valley is, and how narrow. Its length is :math:`1 / \sqrt{2a}`, its width
        :math:`1 / \sqrt{2b}`.

    Raises
    ------
    ValueError, TypeError
        If a or b is not a positive number.

    Notes
    -----
    x is normal with mean 1 and variance 1 / 2a, and y given x normal with mean x^2 and variance 1 / 2b, so log Z and
    samples are exact.

    References
    ----------
    Goodman and Weare, Ensemble samplers with affine invariance, 2010, section 4.

    Examples
    --------
    >>> import fastebm as fe
    >>> round(fe.Rosenbrock(1.0, 100.0).log_partition(), 6)
    -1.157855
    """

    cdef readonly double a, b

    def __init__(self, a=0.05, b=5.0):
        first, second = real(a, "a", above=0), real(b, "b", above=0)
        self.allocate(2, 0)
        self.a, self.b = first, second

    cdef int energy_block(self, const double* x, double* out, double* work,
                          Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        set_energy(x, x + stride, out, n, self.a, self.b)
        return 0

    cdef int grad_block(self, const double* x, double* out, double* work,
                        Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        set_grad(x, x + stride, out, out + stride, n, self.a, self.b)
        return 0

    cdef int laplacian_block(self, const double* x, double* out, double* work,
                             Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        set_laplacian(x, x + stride, out, n, self.a, self.b)
        return 0

    def log_partition(self):
        """log Z = log(pi / sqrt(a b)), exact, as a float."""
        self._check_ready()
        return math.log(math.pi) - 0.5 * (math.log(self.a) + math.log(self.b))

    def exact_sample(self, n, seed=None):
        """Draw n independent samples, shape (n, 2).

        Raises
        ------
        ValueError, TypeError
            If n is not an integer of at least 0 or seed is not a seed.
        """
        self._check_ready()
        z = np.random.default_rng(seed_sequence(seed)).standard_normal((integer(n, "n", 0), 2))
        x = 1.0 + z[:, 0] / math.sqrt(2.0 * self.a)
        return np.stack([x, x * x + z[:, 1] / math.sqrt(2.0 * self.b)], axis=1)

    def _arguments(self):
        return {"a": self.a, "b": self.b}
