from libc.stdint cimport int64_t, uint64_t

from ..energies.base cimport Energy


cdef class Schedule:
    cdef double rate, n_updates, warm_up
    cdef int kind
    # Length of a step in an update.
    cdef double at(self, int64_t update) noexcept nogil


cdef class Average:
    cdef double decay
    cdef int64_t first, count
    cdef object memory
    cdef double[::1] total
    cdef void add(self, const double* theta, Py_ssize_t n, int64_t update) noexcept nogil


cdef class Optimiser:
    cdef Schedule schedule
    cdef readonly Average average
    cdef Py_ssize_t n_params
    cdef double clip_norm
    cdef object memory
    cdef double[::1] theta, candidate, step, lower, upper, l2
    # From a gradient to a direction; the state for the next update may change, but is not yet committed.
    cdef void direct(self, double* gradient) noexcept nogil
    cdef void settle(self) noexcept nogil
    # candidate = theta - rate * direction, inside its bounds. -1 if anything is not finite.
    cdef int propose(self, Energy energy, const double* positive, const double* negative, int64_t update) noexcept nogil
    # theta = candidate.
    cdef void commit(self, int64_t update) noexcept nogil


cdef class Adam(Optimiser):
    cdef object moments
    cdef double[::1] first, second, first_next, second_next
    cdef double decay1, decay2
