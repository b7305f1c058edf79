from .._runtime.control cimport Control
from ._em cimport Blocks, Climb


cdef class FullClimb(Climb):
    cdef readonly object covariances
    cdef object floor
    cdef double* cov
    # L of each well, with (2 L L')^-1 its covariance.
    cdef double* factor
    cdef double* at_floor
    # Four matrices.
    cdef double* room
    cdef double to_own, to_pooled, apart

    cdef _place_full(self, Blocks data, weights, means, covariances, narrowest, widest, Control control,
                     Py_ssize_t moments, Py_ssize_t numbers, Py_ssize_t rows)
    cdef void _keep(self, Py_ssize_t j) noexcept nogil
    cdef void _shrink(self, Py_ssize_t j, const double* shared) noexcept nogil
