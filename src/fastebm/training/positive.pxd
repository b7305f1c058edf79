from libc.stdint cimport int64_t, uint64_t

from ..energies.base cimport Energy
from ..kernels.random cimport Key


cdef class Positive:
    cdef readonly Py_ssize_t batch
    cdef Py_ssize_t n_data, features
    cdef object data
    cdef const double* rows
    cdef int64_t[::1] order, chosen, swapped
    cdef double[::1] uniforms
    # Choose the rows of an update.
    cdef void draw(self, Key key, uint64_t update) noexcept nogil
    # The rows start .. start + n - 1 of the batch, as a block.
    cdef void load(self, Py_ssize_t start, Py_ssize_t n, double* x, Py_ssize_t stride) noexcept nogil
