"""The uniform law of a box."""

cimport cython

from libc.math cimport INFINITY
from libc.stdlib cimport free, malloc
from libc.string cimport memset

import numpy as np

from .._runtime.check import first_bad, integer, numeric
from .._runtime.seed import seed_sequence

from ..kernels.math cimport in_t, out_t
from .base cimport Energy


cdef void wall(in_t x, out_t out, Py_ssize_t n, double low, double high) noexcept nogil:
    # 0 inside, infinity outside; a NaN stays one.
    cdef Py_ssize_t i
    for i in range(n):
        out[i] = INFINITY if (x[i] < low or x[i] > high) else out[i]
        out[i] = x[i] if x[i] != x[i] else out[i]


cdef void flat(in_t x, out_t out, Py_ssize_t n) noexcept nogil:
    # 0 where x is a number.
    cdef Py_ssize_t i
    for i in range(n):
        out[i] = x[i] if x[i] != x[i] else out[i]


@cython.final
cdef class Box(Energy):
    """E(x) = 0 inside a box and infinity outside: the uniform law, and with ``energy + box`` a density cut off by it.

    Parameters
    ----------
    low, high : float or array-like of shape (n_features,)
        low < high, in the units of x.

    Raises
    ------
    ValueError, TypeError
        If the shapes differ, a value is not finite or low is not below high.

    Notes
    -----
    Samplers with an accept step never leave it. `SGLD` and `Underdamped` without one would, unawares: they refuse an
    energy that has walls. The gradient is 0 on both sides.

    Examples
    --------
    >>> import fastebm as fe
    >>> half = fe.Gaussian(0.0) + fe.Box(0.0, 10.0)
    >>> half.energy([1.0, -1.0]).round(3)
    array([1.419,   inf])
    """

    cdef double* ends

    def __init__(self, low, high):
        cdef Py_ssize_t d
        bottom, top = np.atleast_1d(numeric(low, "low")), np.atleast_1d(numeric(high, "high"))
        if bottom.ndim != 1 or bottom.shape != top.shape or not bottom.size:
            raise ValueError(f"low and high must have the same shape (n_features,), got {bottom.shape} and {top.shape}")
        first_bad(bottom, "low")
        first_bad(top, "high")
        if not (bottom < top).all():
            d = int(np.flatnonzero(~(bottom < top))[0])
            raise ValueError(f"low must be below high, got {bottom[d]:g} and {top[d]:g} in feature {d}")
        self.allocate(bottom.size, 0)
        self.block_size = max(32, min(512, 65536 // (4 * bottom.size) & ~7))
        self.ends = <double*>malloc(2 * bottom.size * sizeof(double))
        if self.ends is NULL:
            raise MemoryError
        for d in range(self.n_features):
            self.ends[2 * d], self.ends[2 * d + 1] = bottom[d], top[d]

    def __dealloc__(self):
        free(self.ends)

    cdef int energy_block(self, const double* x, double* out, double* work,
                          Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t d
        memset(out, 0, n * sizeof(double))
        for d in range(self.n_features):
            wall(x + d * stride, out, n, self.ends[2 * d], self.ends[2 * d + 1])
        return 0

    cdef int grad_block(self, const double* x, double* out, double* work,
                        Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t d
        for d in range(self.n_features):
            memset(out + d * stride, 0, n * sizeof(double))
            flat(x + d * stride, out + d * stride, n)
        return 0

    cdef int laplacian_block(self, const double* x, double* out, double* work,
                             Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t d
        memset(out, 0, n * sizeof(double))
        for d in range(self.n_features):
            flat(x + d * stride, out, n)
        return 0

    @property
    def has_walls(self):
        """True: the energy is infinite outside."""
        return True

    @property
    def low(self):
        """Lower ends, shape (n_features,)."""
        self._check_ready()
        return np.array([self.ends[2 * d] for d in range(self.n_features)])

    @property
    def high(self):
        """Upper ends, shape (n_features,)."""
        self._check_ready()
        return np.array([self.ends[2 * d + 1] for d in range(self.n_features)])

    def log_partition(self):
        """log of the box's volume, as a float."""
        return float(np.log(self.high - self.low).sum())

    def exact_sample(self, n, seed=None):
        """Draw n independent samples, shape (n, n_features)."""
        rng = np.random.default_rng(seed_sequence(seed))
        return rng.uniform(self.low, self.high, (integer(n, "n", 0), self.n_features))

    def _arguments(self):
        return {"low": self.low.tolist(), "high": self.high.tolist()}
