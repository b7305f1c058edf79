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


cdef inline void add_two_dots(in_t v, in_t a, in_t b, out_t sums, Py_ssize_t n) noexcept nogil:
    # sums[0] += sum v a, sums[1] += sum v b, in the lanes of lane_sum: each v is loaded once.
    cdef double p0 = 0, p1 = 0, p2 = 0, p3 = 0, p4 = 0, p5 = 0, p6 = 0, p7 = 0
    cdef double q0 = 0, q1 = 0, q2 = 0, q3 = 0, q4 = 0, q5 = 0, q6 = 0, q7 = 0
    cdef Py_ssize_t i = 0, whole = n - (n & 7)
    while i < whole:
        p0 = fma(v[i], a[i], p0)
        p1 = fma(v[i + 1], a[i + 1], p1)
        p2 = fma(v[i + 2], a[i + 2], p2)
        p3 = fma(v[i + 3], a[i + 3], p3)
        p4 = fma(v[i + 4], a[i + 4], p4)
        p5 = fma(v[i + 5], a[i + 5], p5)
        p6 = fma(v[i + 6], a[i + 6], p6)
        p7 = fma(v[i + 7], a[i + 7], p7)
        q0 = fma(v[i], b[i], q0)
        q1 = fma(v[i + 1], b[i + 1], q1)
        q2 = fma(v[i + 2], b[i + 2], q2)
        q3 = fma(v[i + 3], b[i + 3], q3)
        q4 = fma(v[i + 4], b[i + 4], q4)
        q5 = fma(v[i + 5], b[i + 5], q5)
        q6 = fma(v[i + 6], b[i + 6], q6)
        q7 = fma(v[i + 7], b[i + 7], q7)
        i += 8
    while i < n:
        p0 = fma(v[i], a[i], p0)
        q0 = fma(v[i], b[i], q0)
        i += 1
    sums[0] += ((p0 + p4) + (p2 + p6)) + ((p1 + p5) + (p3 + p7))
    sums[1] += ((q0 + q4) + (q2 + q6)) + ((q1 + q5) + (q3 + q7))
