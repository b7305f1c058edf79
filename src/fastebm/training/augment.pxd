from libc.stdint cimport uint64_t

from ..kernels.random cimport Key


cdef class Augmentation:
    # Numbers of a row that it fits; 0: any.
    cdef readonly Py_ssize_t n_features
    cdef double prob
    # Change the rows of a block, x[d * stride + i]. The numbers depend on (key, first + i, update) alone; work has room
    # for 4 n_features rows of the stride.
    cdef void apply(self, double* x, double* work, Py_ssize_t features, Py_ssize_t n, Py_ssize_t stride, Key key,
                    uint64_t first, uint64_t update) noexcept nogil


cdef class Noise(Augmentation):
    cdef object std
    cdef double[::1] stds


cdef class OfImages(Augmentation):
    cdef readonly tuple image_shape
    cdef Py_ssize_t channels, height, width
    # Change one image: `image` is where row i of the block begins, u a uniform number on (0, 1] of its own.
    cdef void change(self, double* image, Py_ssize_t stride, double* copy, double u) noexcept nogil


cdef class Shift(OfImages):
    cdef readonly Py_ssize_t pixels
    cdef bint edge
    cdef double value


cdef class Flip(OfImages):
    cdef readonly Py_ssize_t axis


cdef class Crop(OfImages):
    cdef readonly Py_ssize_t pixels
    cdef bint edge
    cdef double value


cdef class Link:
    cdef Augmentation part
    cdef Link following
    cdef uint64_t place
    cdef void block(self, double* x, double* work, Py_ssize_t features, Py_ssize_t n, Py_ssize_t stride, Key key,
                    uint64_t first, uint64_t update) noexcept nogil


cdef class Changes:
    cdef readonly tuple parts
    cdef readonly bint compiled
    cdef Py_ssize_t features
    cdef Link first_part
    cdef double[::1] stds
    cdef bint noisy
    # The exception that a function of the user's left.
    cdef object failure
    # All of it on a block of rows first, first + 1, ... of a batch; needs `compiled`.
    cdef void block(self, double* x, double* work, Py_ssize_t n, Py_ssize_t stride, Key key, uint64_t first,
                    uint64_t update) noexcept nogil
    cdef void noise(self, double* x, double* work, Py_ssize_t n, Py_ssize_t stride, Key key, uint64_t first,
                    uint64_t update) noexcept nogil
    # The parts, without the noise, on whole rows: a new array.
    cdef object rows(self, object rows, Key key, uint64_t first, uint64_t update)
