from libc.stdint cimport int64_t, uint64_t

from ..energies.base cimport Energy
from ..kernels.random cimport Key
from ..samplers.base cimport Sampler
from .augment cimport Changes


cdef class Negatives:
    cdef readonly Py_ssize_t n_chains
    cdef Py_ssize_t features, width
    # Where the chains stand after the moves of the update that is under way, and what their sampler keeps for each.
    cdef object moved_rows, moved_states
    cdef double* moved
    cdef double* moved_state
    # Their energies; their weights, or NULL where all count the same.
    cdef object memory
    cdef double* energies
    cdef double* weights
    cdef double[::1] low, high
    # Chains that go on changed: how likely, by what; which of them in this update, and their states.
    cdef double augment_prob
    cdef Changes changes
    cdef object picked_mask, picked_rows
    cdef double[::1] picked
    cdef double* changed

    # What the start of an update takes from all chains at once. -1 if a function of the user's raised.
    cdef int begin(self, Key key, uint64_t update) noexcept nogil
    cdef int augment(self, Py_ssize_t replayed, Key key, uint64_t update) noexcept nogil
    # Write the changed states over those of the chains start .. start + n - 1.
    cdef void put_changed(self, double* x, Py_ssize_t start, Py_ssize_t n, Py_ssize_t stride) noexcept nogil
    # The chains start .. start + n - 1, and their state, where the update begins.
    cdef int load(self, Energy energy, Sampler sampler, Py_ssize_t start, Py_ssize_t n, double* x, double* state,
                  double* work, Py_ssize_t stride, Key key, uint64_t update) noexcept nogil
    cdef void store(self, Py_ssize_t start, Py_ssize_t n, const double* x, const double* state,
                    Py_ssize_t stride) noexcept nogil
    # Keep what moved.
    cdef void commit(self) noexcept nogil
    cdef int fresh(self, Energy energy, Sampler sampler, Py_ssize_t first, Py_ssize_t n, double* x, double* state,
                   double* work, Py_ssize_t stride, Key key, uint64_t update) noexcept nogil


cdef class Persistent(Negatives):
    cdef object rows, states
    cdef double* chains
    cdef double* chain_states
    cdef double reinit_prob
    cdef double[::1] uniforms
    cdef bint started


cdef class Weighted(Persistent):
    cdef object logs, kept
    cdef double[::1] log_weight, next_log_weight
    cdef readonly double smallest_ess
    cdef readonly int64_t n_resampled
    cdef double ess
    cdef bint resampled
    cdef int64_t[::1] source
    cdef double[::1] spare
    cdef void permute(self, double* rows, Py_ssize_t width) noexcept nogil
    # Before theta changes: even out the weights if they have become uneven.
    cdef void even_out(self, Key key, uint64_t update) noexcept nogil
    # Once theta has changed: a chain that was fair for the old theta carries exp(E_old - E_new) for the new one.
    cdef void reweigh(self, const double* new_energies) noexcept nogil


cdef class Fifo(Negatives):
    cdef object rows
    cdef double* ring
    cdef readonly Py_ssize_t capacity, ring_start, ring_size
    cdef Py_ssize_t n_replay, replay
    cdef object chosen_rows
    cdef int64_t[::1] order, chosen, swapped
    cdef double[::1] uniforms
