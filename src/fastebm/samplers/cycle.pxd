from libc.stdint cimport int64_t, uint64_t

from .._runtime.control cimport Control
from ..energies.base cimport Energy
from ..kernels.random cimport Key
from .base cimport Sampler, Tally


cdef class Part:
    # One sampler of a cycle, its steps in a round, and the parts behind it.
    cdef Sampler sampler
    cdef int64_t n_steps
    # Which key, of those that a cycle of this depth makes, its numbers come from; 0 is the run's own.
    cdef uint64_t slot, depth
    cdef Part following
    # Polled between pieces of a long turn, where the owner of the run gave one.
    cdef Control control
    cdef Key key_for(self, Key key) noexcept nogil
    cdef Py_ssize_t widths(self, Energy energy) noexcept nogil
    cdef Py_ssize_t most_work(self, Energy energy, Py_ssize_t n) noexcept nogil
    cdef int start(self, Energy energy, const double* x, double* state, double* work, Py_ssize_t n, Py_ssize_t stride,
                   Key key, uint64_t chain0, uint64_t round) noexcept nogil
    cdef int turn(self, Energy energy, double* x, double* state, double* work, Py_ssize_t n, Py_ssize_t stride, Key key,
                  uint64_t chain0, uint64_t round, Tally* tally, bint moved) noexcept nogil


cdef class Cycle(Sampler):
    cdef Part first
    cdef readonly tuple parts
    cdef readonly int depth
    cdef void watch(self, Control control)
