cimport cython

from .well_loops cimport WellLoops


@cython.final
cdef class StudentWells(WellLoops):
    cdef readonly bint full
    cdef readonly double low_df, high_df
    # Constants of the current theta, well by well: the rows of L, or the diagonal of A = L L' and then of 2 A; the
    # centre; then k, 2 tr A, df, 2 / df and (df + D) / 2.
    cdef double* factor
    cdef double* a2
    cdef double* m
    cdef double* k
    cdef double* trace
    cdef double* df
    cdef double* rate
    cdef double* half

    # Rows of scratch: a weight for each well, then low, ties, rest; u = de/dq of each well; log(1 + 2 q / df) of each;
    # two for each feature, and of full wells L' (x - m) of each, which comes first.
    cdef double* slopes(self, double* work, Py_ssize_t stride) noexcept nogil
    cdef double* whitened(self, double* work, Py_ssize_t stride) noexcept nogil
    cdef void squares(self, Py_ssize_t j, const double* x, double* q, Py_ssize_t n, Py_ssize_t stride) noexcept nogil
    cdef void pull(self, const double* x, const double* v, double* out, Py_ssize_t n, Py_ssize_t stride) noexcept nogil
    cdef void distances(self, const double* x, double* work, Py_ssize_t n, Py_ssize_t stride) noexcept nogil
    cdef void weights(self, const double* x, double* work, Py_ssize_t n, Py_ssize_t stride) noexcept nogil
    cdef void add_slope(self, Py_ssize_t j, const double* white, double* out, Py_ssize_t n,
                        Py_ssize_t stride) noexcept nogil
    cdef void diagonal_param_grad(self, Py_ssize_t j, const double* x, const double* v, double* acc, double* work,
                                  Py_ssize_t n, Py_ssize_t stride) noexcept nogil
    cdef void full_param_grad(self, Py_ssize_t j, const double* x, const double* v, double* acc, double* work,
                              Py_ssize_t n, Py_ssize_t stride) noexcept nogil
    cdef void full_laplacian(self, double* out, double* work, Py_ssize_t n, Py_ssize_t stride) noexcept nogil
