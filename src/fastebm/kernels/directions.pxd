# Moving every chain of a block along a direction of its own.

from libc.math cimport sqrt

from .math cimport in_t, out_t


cdef inline void step_lengths(in_t x, in_t v, out_t step, Py_ssize_t features, Py_ssize_t n, Py_ssize_t stride,
                              double reach) noexcept nogil:
    # Multiples of v as long as reach (1 + |x|), with |x| the root mean square over features. Nothing moves along a v of
    # zero; a NaN in either gives a NaN.
    cdef Py_ssize_t d, i
    cdef double size, length
    for i in range(n):
        size = length = 0.0
        for d in range(features):
            size += x[d * stride + i] * x[d * stride + i]
            length += v[d * stride + i] * v[d * stride + i]
        step[i] = 0.0 if length == 0.0 else reach * (1.0 + sqrt(size / features)) / sqrt(length)


cdef inline void move_along(in_t x, in_t v, in_t step, out_t out, Py_ssize_t features, Py_ssize_t n, Py_ssize_t stride,
                            double sign) noexcept nogil:
    cdef Py_ssize_t d, i
    for d in range(features):
        for i in range(n):
            out[d * stride + i] = x[d * stride + i] + sign * step[i] * v[d * stride + i]
