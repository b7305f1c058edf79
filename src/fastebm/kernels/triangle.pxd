# Rows of a block times a lower triangular matrix L, given as its rows one behind the other (features x features).

from libc.math cimport fma

from .math cimport fill, in_t, out_t
from .wells cimport add_scaled


cdef inline void subtract(in_t x, out_t d, Py_ssize_t n, double mean) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        d[i] = x[i] - mean


cdef inline void add_four_scaled(in_t r, out_t out, Py_ssize_t n, Py_ssize_t stride, double b0, double b1, double b2,
                                 double b3) noexcept nogil:
    # Four rows in one pass: the loads and stores of out would be the limit.
    cdef Py_ssize_t i
    for i in range(n):
        out[i] = fma(r[3 * stride + i], b3, fma(r[2 * stride + i], b2, fma(r[stride + i], b1, fma(r[i], b0, out[i]))))


cdef inline void add_squares(in_t u, out_t out, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i] = fma(u[i], u[i], out[i])


cdef inline void transposed_product(const double* lower, const double* d, double* u, Py_ssize_t features, Py_ssize_t n,
                                    Py_ssize_t stride) noexcept nogil:
    # u = L' d
    cdef Py_ssize_t i, k
    cdef const double* column
    for k in range(features):
        fill(u + k * stride, n, 0.0)
        column = lower + k
        i = k
        while i < features:
            if features - i >= 4:
                add_four_scaled(d + i * stride, u + k * stride, n, stride, column[i * features],
                                column[(i + 1) * features], column[(i + 2) * features], column[(i + 3) * features])
                i += 4
            else:
                add_scaled(d + i * stride, u + k * stride, n, column[i * features])
                i += 1


cdef inline void add_product(const double* lower, const double* u, double* out, double by, Py_ssize_t features,
                             Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
    # out += by * L u
    cdef Py_ssize_t i, k
    cdef const double* row
    for i in range(features):
        row = lower + i * features
        k = 0
        while k <= i:
            if i + 1 - k >= 4:
                add_four_scaled(u + k * stride, out + i * stride, n, stride, by * row[k], by * row[k + 1],
                                by * row[k + 2], by * row[k + 3])
                k += 4
            else:
                add_scaled(u + k * stride, out + i * stride, n, by * row[k])
                k += 1
