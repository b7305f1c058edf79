from libc.stdint cimport int64_t, uint64_t

from ..energies.base cimport Energy
from ..kernels.random cimport Key
from .augment cimport Changes


cdef class Positive:
    cdef readonly Py_ssize_t batch
    cdef Py_ssize_t n_data, features
    cdef object data
    cdef const double* rows
    cdef int64_t[::1] order, chosen, swapped
    cdef double[::1] uniforms
    cdef Changes changes
    cdef bint changed
    # Where a function of the user's changes whole batches: the batch, once it has.
    cdef object batch_rows
    cdef const double* seen
    # Choose the rows of an update. -1 if a function of the user's raised: its exception is in changes.failure.
    cdef int draw(self, Key key, uint64_t update) noexcept nogil
    # The rows start .. start + n - 1 of the batch, as a block; work as the energy's block methods have it.
    cdef void load(self, Py_ssize_t start, Py_ssize_t n, double* x, double* work, Py_ssize_t stride, Key key,
                   uint64_t update) noexcept nogil
