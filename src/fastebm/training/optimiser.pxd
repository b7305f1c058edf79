from libc.stdint cimport int64_t, uint64_t

from ..energies.base cimport Energy


cdef class Schedule:
    cdef double rate, n_updates, warm_up, falls
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
    # theta takes the place of previous, candidate that of theta, when an update is committed.
    cdef double* theta
    cdef double* candidate
    cdef double* previous
    cdef double[::1] step, lower, upper, l2
    cdef bint bounded, penalised
    cdef int at
    cdef int _turn(self, int at) except -1
    # From a gradient to a direction, for the parameters start .. start + n - 1; the state for the next update may
    # change, but is not yet committed.
    cdef void direct(self, Py_ssize_t start, Py_ssize_t n) noexcept nogil
    cdef void settle(self) noexcept nogil
    # A few parameters' gradient, from the means of both phases, which are where those of `start` are. -1 if it is not
    # finite. Different parameters may be given by different threads.
    cdef int take(self, const double* positive, const double* negative, Py_ssize_t start, Py_ssize_t n) noexcept nogil
    # Once all are taken: candidate = theta - rate * direction, inside its bounds. -1 if anything is not finite.
    cdef int step_to_candidate(self, Energy energy, int64_t update) noexcept nogil
    # Both for all parameters.
    cdef int propose(self, Energy energy, const double* positive, const double* negative, int64_t update) noexcept nogil
    # theta = candidate.
    cdef void commit(self, int64_t update) noexcept nogil


cdef class Adam(Optimiser):
    cdef object moments
    cdef double* first
    cdef double* second
    cdef double* first_next
    cdef double* second_next
    cdef bint odd
    cdef int _place(self, bint odd) except -1
    cdef object _rows(self)
    # 1 less the betas, as the decimals that they were written as say; the powers of the betas.
    cdef double beta1, beta2, rest1, rest2, epsilon, decay1, decay2
