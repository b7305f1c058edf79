# The contract between a layer and the network that holds it.
#
# A row holds one number for each chain of a block, `padded` apart (kernels/product.pxd); a layer maps n_in rows to
# n_out rows. It computes in float32 (single) or float64, as the caller says, who owns all memory: parameters, rows, and
# what is kept between forward and backward. Nothing allocates or raises; a layer has no state, so threads may share it.
# What stands between the last chain and the end of a row is never read into the result of a chain.

from libc.stdint cimport int32_t


cdef class Layer:
    cdef readonly Py_ssize_t n_in, n_out, n_params
    # Numbers kept between forward and backward, and scratch of backward, for rows of this length.
    cdef Py_ssize_t kept_size(self, Py_ssize_t n, Py_ssize_t ld) noexcept nogil
    cdef Py_ssize_t work_size(self, Py_ssize_t n, Py_ssize_t ld) noexcept nogil
    # y = f(x). x may be overwritten by what backward needs in its place.
    cdef void forward(self, bint single, const void* theta, void* x, void* y, void* kept,
                      Py_ssize_t n, Py_ssize_t ld) noexcept nogil
    # gx = gy df/dx, and acc += gy df/dtheta, summed over the n chains; gx or acc may be NULL. x is as forward left it;
    # gx may be its memory: gradients take the place of what they are the gradient of.
    cdef void backward(self, bint single, const void* theta, void* x, const void* kept, const void* gy, void* gx,
                       double* acc, void* work, Py_ssize_t n, Py_ssize_t ld) noexcept nogil


cdef class Stack(Layer):
    cdef readonly tuple layers
    cdef Layer first
    cdef Stack rest

# 0, 1, 2, ... for `product`.
cdef const int32_t* counting() noexcept nogil

cdef inline void* beyond(const void* memory, Py_ssize_t n, bint single) noexcept nogil:
    return <char*>memory + n * (4 if single else 8)
