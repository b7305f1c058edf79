cimport cython

from .base cimport Energy
from .full_wells cimport FullWells


@cython.final
cdef class WellMixture(Energy):
    cdef readonly Py_ssize_t n_wells
    # The loops of covariance="full"; None for "diag", and what follows is for "diag" alone.
    cdef FullWells full
    # Constants of the current theta, well by well: a, m and 2a (n_features each), then k and 2 tr(A).
    cdef double* a
    cdef double* m
    cdef double* a2
    cdef double* k
    cdef double* trace
    cdef double c

    cdef int _allocate_diagonal(self, Py_ssize_t wells, Py_ssize_t features) except -1
    cdef void two_wells(self, const double* x, double* energy, double* grad, double* work,
                        Py_ssize_t n, Py_ssize_t stride) noexcept nogil
    cdef void well_energies(self, const double* x, double* work, Py_ssize_t n, Py_ssize_t stride) noexcept nogil
    cdef void weights(self, const double* x, double* work, Py_ssize_t n, Py_ssize_t stride) noexcept nogil
    cdef void normalised_weights(self, const double* x, double* work, Py_ssize_t n, Py_ssize_t stride) noexcept nogil
    cdef void pull(self, const double* x, const double* weights, const double* by, double* out,
                   Py_ssize_t n, Py_ssize_t stride) noexcept nogil
