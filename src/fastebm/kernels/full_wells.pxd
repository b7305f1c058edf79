cimport cython

from .well_loops cimport WellLoops


@cython.final
cdef class FullWells(WellLoops):
    # Constants of the current theta, well by well: the rows of L, the centre, then k and 2 tr(L L').
    cdef double* factor
    cdef double* m
    cdef double* k
    cdef double* trace

    # Rows of scratch: a weight for each well, then low, ties, rest; L' (x - m) of each well; x - m; a gradient.
    cdef void whiten(self, const double* x, double* work, Py_ssize_t n, Py_ssize_t stride) noexcept nogil
    cdef void weights(self, const double* x, double* work, Py_ssize_t n, Py_ssize_t stride) noexcept nogil
    cdef void pull(self, double* work, double* out, Py_ssize_t n, Py_ssize_t stride) noexcept nogil
    cdef void slope(self, Py_ssize_t j, const double* u, double* out, Py_ssize_t n, Py_ssize_t stride) noexcept nogil
