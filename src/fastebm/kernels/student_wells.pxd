cimport cython

from .well_loops cimport WellLoops


@cython.final
cdef class StudentWells(WellLoops):
    cdef readonly bint full
    cdef readonly double low_df, high_df
    # Constants of the current theta, well by well: the rows of L, or its diagonal; the centre; then k, 2 tr(L L'), df,
    # 2 / df and (df + D) / 2.
    cdef double* factor
    cdef double* m
    cdef double* k
    cdef double* trace
    cdef double* df
    cdef double* rate
    cdef double* half

    # Rows of scratch: a weight for each well, then low, ties, rest; u = de/dq of each well; log(1 + 2 q / df) of each;
    # L' (x - m) of each; x - m; a gradient.
    cdef double* slopes(self, double* work, Py_ssize_t stride) noexcept nogil
    cdef double* whitened(self, double* work, Py_ssize_t stride) noexcept nogil
    cdef void whiten(self, const double* x, double* work, Py_ssize_t n, Py_ssize_t stride) noexcept nogil
    cdef void weights(self, const double* x, double* work, Py_ssize_t n, Py_ssize_t stride) noexcept nogil
    cdef void add_slope(self, Py_ssize_t j, const double* white, double* out, Py_ssize_t n,
                        Py_ssize_t stride) noexcept nogil
