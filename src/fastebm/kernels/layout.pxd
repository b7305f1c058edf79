# Between rows of samples, as users hold them, and blocks with one row for each feature, as kernels read them.

from libc.string cimport memcpy


cdef inline void gather(const double* rows, double* block, Py_ssize_t n, Py_ssize_t n_features,
                        Py_ssize_t stride) noexcept nogil:
    cdef Py_ssize_t i, d
    if n_features == 1:
        memcpy(block, rows, n * sizeof(double))
        return
    for i in range(n):
        for d in range(n_features):
            block[d * stride + i] = rows[i * n_features + d]


cdef inline void scatter(const double* block, double* rows, Py_ssize_t n, Py_ssize_t n_features,
                         Py_ssize_t stride) noexcept nogil:
    cdef Py_ssize_t i, d
    if n_features == 1:
        memcpy(rows, block, n * sizeof(double))
        return
    for i in range(n):
        for d in range(n_features):
            rows[i * n_features + d] = block[d * stride + i]
