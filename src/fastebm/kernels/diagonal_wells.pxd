cimport cython

from .well_loops cimport WellLoops


@cython.final
cdef class DiagonalWells(WellLoops):
    # Constants of the current theta, well by well: a, m and 2a (n_features each), then k and 2 tr(A).
    cdef double* a
    cdef double* m
    cdef double* a2
    cdef double* k
    cdef double* trace

    cdef void two_wells(self, const double* x, double* energy, double* grad, double* work,
                        Py_ssize_t n, Py_ssize_t stride) noexcept nogil
    cdef void well_energies(self, const double* x, double* work, Py_ssize_t n, Py_ssize_t stride) noexcept nogil
    cdef void weights(self, const double* x, double* work, Py_ssize_t n, Py_ssize_t stride) noexcept nogil
    cdef void pull(self, const double* x, const double* weights, const double* by, double* out,
                   Py_ssize_t n, Py_ssize_t stride) noexcept nogil
