cimport cython

from .base cimport Energy


@cython.final
cdef class Gaussian(Energy):
    # Constants of the current theta: the rows of L, one behind the other; the mean.
    cdef double* factor
    cdef double* centre
    cdef double offset, curvature

    # Rows d = x - mean, and u = L' d behind them.
    cdef void whiten(self, const double* x, double* work, Py_ssize_t n, Py_ssize_t stride) noexcept nogil
    cdef void square(self, const double* u, double* out, Py_ssize_t n, Py_ssize_t stride) noexcept nogil
    cdef void pull(self, const double* u, double* out, Py_ssize_t n, Py_ssize_t stride) noexcept nogil
