"""The negative phase: where the chains of an update start, and what is kept of them."""

import numpy as np

from .result import fill_from

from libc.math cimport INFINITY, fma
from libc.stdint cimport uint64_t
from libc.string cimport memcpy

from .._runtime.fast cimport address
from ..energies.base cimport Energy
from ..kernels.layout cimport gather, scatter
from ..kernels.math cimport exp_neg, in_t, out_t
from ..kernels.random cimport AUGMENT, REINIT, REPLAY, RESAMPLE, Key, counter, threefry, uniform_pairs, unit
from ..kernels.subset cimport draw_subset
from ..samplers.base cimport Sampler
from .augment cimport Changes

from .augment import FIRST_CHAIN

# Effective share of the weighted chains below which they are resampled.
cdef double UNEVEN = 0.5
cdef uint64_t FIRST_CHAIN_ = FIRST_CHAIN


cdef void spread(in_t u, out_t x, Py_ssize_t n, double low, double width) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        x[i] = fma(width, u[i], low)


cdef class Negatives:
    """The chains of the model. This is the contract; `Persistent`, `Weighted` and `Fifo` say where chains start.

    Parameters
    ----------
    n_chains, n_features : int
    width : int
        Numbers that the sampler keeps for each chain.
    low, high : ndarray of shape (n_features,)
        Box of chains that start afresh.
    """

    def __init__(self, n_chains, n_features, width, low, high):
        self.n_chains, self.features, self.width = n_chains, n_features, width
        self.moved_rows = np.zeros((n_chains, n_features))
        self.moved = address(self.moved_rows)
        self.moved_states = np.zeros((n_chains, max(width, 1)))
        self.moved_state = address(self.moved_states)
        self.memory = np.zeros(n_chains)
        self.energies = address(self.memory)
        self.low, self.high = low, high

    def change(self, Changes changes not None, prob):
        """From now on let each replayed chain begin an update changed, with this probability."""
        self.changes, self.augment_prob = changes, prob
        self.picked_mask = np.zeros(self.n_chains + 1)
        self.picked = self.picked_mask
        self.picked_rows = np.zeros((self.n_chains, self.features))
        self.changed = address(self.picked_rows)

    cdef int begin(self, Key key, uint64_t update) noexcept nogil:
        return 0

    def _replayed(self, places):
        """States from which the chains at these places begin the update, shape (len(places), n_features)."""
        raise NotImplementedError

    cdef int augment(self, Py_ssize_t replayed, Key key, uint64_t update) noexcept nogil:
        # Few chains are changed, so this may take the interpreter: about 20 us an update.
        cdef Py_ssize_t half = (self.n_chains + 1) // 2
        cdef uint64_t first = FIRST_CHAIN_
        if not self.augment_prob > 0.0:
            return 0
        uniform_pairs(key, first, counter(AUGMENT, 1, update), half, &self.picked[0], &self.picked[half])
        with gil:
            try:
                mask = self.picked_mask[:self.n_chains]
                mask[replayed:] = 2.0
                places = np.flatnonzero(mask <= self.augment_prob)
                mask[:] = 0.0
                if len(places):
                    self.picked_rows[places] = self.changes.rows(self._replayed(places), key, first, update)
                    mask[places] = 1.0
            except BaseException as error:
                self.changes.failure = error
                return -1
        return 0

    cdef void put_changed(self, double* x, Py_ssize_t start, Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t i, d
        if not self.augment_prob > 0.0:
            return
        for i in range(n):
            if self.picked[start + i] > 0.0:
                for d in range(self.features):
                    x[d * stride + i] = self.changed[(start + i) * self.features + d]

    cdef int load(self, Energy energy, Sampler sampler, Py_ssize_t start, Py_ssize_t n, double* x, double* state,
                  double* work, Py_ssize_t stride, Key key, uint64_t update) noexcept nogil:
        return -1

    cdef void store(self, Py_ssize_t start, Py_ssize_t n, const double* x, const double* state,
                    Py_ssize_t stride) noexcept nogil:
        scatter(x, self.moved + start * self.features, n, self.features, stride)
        if self.width:
            scatter(state, self.moved_state + start * self.width, n, self.width, stride)

    cdef void commit(self) noexcept nogil:
        pass

    cdef int fresh(self, Energy energy, Sampler sampler, Py_ssize_t first, Py_ssize_t n, double* x, double* state,
                   double* work, Py_ssize_t stride, Key key, uint64_t update) noexcept nogil:
        # New chains first .. first + n - 1, uniform on the box.
        cdef Py_ssize_t d
        for d in range(self.features):
            # Uniforms come in pairs; the second of each is not used. An energy's scratch has four rows at least.
            uniform_pairs(key, first, counter(REINIT, d + 1, update), n, work, work + stride)
            spread(work, x + d * stride, n, self.low[d], self.high[d] - self.low[d])
        if self.width:
            return sampler.start_block(energy, x, state, work, n, stride, key, first, update)
        return 0

    def state(self):
        """What the next update depends on: a dict of ints, floats and arrays."""
        raise NotImplementedError

    def restore(self, state):
        """Go on from what `state` returned. Raises ValueError if it does not fit."""
        raise NotImplementedError

    @property
    def log_weights(self):
        """Log-weights of the chains, shape (n_chains,): zeros, unless they are weighted."""
        return np.zeros(self.n_chains)


cdef class Persistent(Negatives):
    """Chains that go on from update to update; each starts afresh with a probability of reinit_prob."""

    def __init__(self, chains, width, low, high, *, reinit_prob=0.0):
        Negatives.__init__(self, len(chains), chains.shape[1], width, low, high)
        self.rows, self.chains = chains, address(chains)
        self.states = np.zeros((self.n_chains, max(width, 1)))
        self.chain_states = address(self.states)
        self.reinit_prob = reinit_prob
        self.uniforms = np.ones(self.n_chains + 1)

    def _replayed(self, places):
        return self.rows[places]

    cdef int begin(self, Key key, uint64_t update) noexcept nogil:
        cdef Py_ssize_t half = (self.n_chains + 1) // 2
        if self.reinit_prob > 0.0:
            uniform_pairs(key, 0, counter(REINIT, 0, update), half, &self.uniforms[0], &self.uniforms[half])
        return self.augment(self.n_chains, key, update)

    cdef int load(self, Energy energy, Sampler sampler, Py_ssize_t start, Py_ssize_t n, double* x, double* state,
                  double* work, Py_ssize_t stride, Key key, uint64_t update) noexcept nogil:
        cdef Py_ssize_t i
        gather(self.chains + start * self.features, x, n, self.features, stride)
        self.put_changed(x, start, n, stride)
        if self.width and self.started:
            gather(self.chain_states + start * self.width, state, n, self.width, stride)
        elif self.width and sampler.start_block(energy, x, state, work, n, stride, key, start, update):
            return -1
        if self.reinit_prob > 0.0:
            for i in range(n):
                if self.uniforms[start + i] <= self.reinit_prob and self.fresh(
                    energy, sampler, start + i, 1, x + i, state + i, work, stride, key, update
                ):
                    return -1
        return 0

    cdef void commit(self) noexcept nogil:
        memcpy(self.chains, self.moved, self.n_chains * self.features * sizeof(double))
        if self.width:
            memcpy(self.chain_states, self.moved_state, self.n_chains * self.width * sizeof(double))
        self.started = True

    def state(self):
        return {"chains": self.rows.copy(), "states": self.states.copy(), "started": bool(self.started)}

    def restore(self, state):
        fill_from(self.rows, state["chains"], "chains")
        fill_from(self.states, state["states"], "states")
        self.started = state["started"]


cdef class Weighted(Persistent):
    """Persistent chains with Jarzynski weights.

    References
    ----------
    Carbone, Hua, Coste and Vanden-Eijnden, NeurIPS 2023.
    """

    def __init__(self, chains, width, low, high):
        Persistent.__init__(self, chains, width, low, high)
        self.logs = np.zeros(self.n_chains)
        self.log_weight, self.next_log_weight = self.logs, np.zeros(self.n_chains)
        self.kept = np.zeros(self.n_chains)
        self.weights = address(self.kept)
        self.smallest_ess = self.ess = 1.0
        self.source = np.zeros(self.n_chains, dtype=np.int64)
        self.spare = np.zeros(self.n_chains * max(self.features, width))

    cdef int begin(self, Key key, uint64_t update) noexcept nogil:
        # weight = softmax(log_weight), and the effective sample size as a fraction of the chains.
        cdef Py_ssize_t i
        cdef double top = -INFINITY, total = 0.0, square = 0.0
        for i in range(self.n_chains):
            top = max(top, self.log_weight[i])
        for i in range(self.n_chains):
            self.weights[i] = exp_neg(top - self.log_weight[i])
            total += self.weights[i]
        for i in range(self.n_chains):
            self.weights[i] /= total
            square += self.weights[i] * self.weights[i]
        self.ess = 1.0 / (square * self.n_chains)
        return 0

    cdef void even_out(self, Key key, uint64_t update) noexcept nogil:
        # Systematic resampling; equal weights afterwards. It comes while the weights still belong to the old energy.
        # What is committed stays as it is: an update may yet fail.
        cdef Py_ssize_t i, source = 0, n = self.n_chains
        cdef uint64_t r0, r1
        cdef double point, reached = self.weights[0]
        memcpy(&self.next_log_weight[0], &self.log_weight[0], n * sizeof(double))
        self.resampled = self.ess < UNEVEN
        if not self.resampled:
            return
        threefry(key.k0, key.k1, 0, counter(RESAMPLE, 0, update), &r0, &r1)
        for i in range(n):
            point = (i + 1.0 - unit(r0)) / n
            while reached < point and source < n - 1:
                source += 1
                reached += self.weights[source]
            self.source[i] = source
            self.next_log_weight[i] = 0.0
        self.permute(self.moved, self.features)
        self.permute(self.energies, 1)
        if self.width:
            self.permute(self.moved_state, self.width)

    cdef void permute(self, double* rows, Py_ssize_t width) noexcept nogil:
        # Row i becomes a copy of row source[i].
        cdef Py_ssize_t i
        for i in range(self.n_chains):
            memcpy(&self.spare[i * width], rows + self.source[i] * width, width * sizeof(double))
        memcpy(rows, &self.spare[0], self.n_chains * width * sizeof(double))

    cdef void reweigh(self, const double* new_energies) noexcept nogil:
        cdef Py_ssize_t i
        for i in range(self.n_chains):
            self.next_log_weight[i] += self.energies[i] - new_energies[i]

    cdef void commit(self) noexcept nogil:
        Persistent.commit(self)
        memcpy(&self.log_weight[0], &self.next_log_weight[0], self.n_chains * sizeof(double))
        self.smallest_ess = min(self.smallest_ess, self.ess)
        self.n_resampled += 1 if self.resampled else 0

    def state(self):
        return Persistent.state(self) | {
            "log_weight": self.logs.copy(), "smallest_ess": self.smallest_ess, "n_resampled": self.n_resampled,
        }

    def restore(self, state):
        Persistent.restore(self, state)
        fill_from(self.logs, state["log_weight"], "log_weight")
        self.smallest_ess, self.n_resampled = state["smallest_ess"], state["n_resampled"]

    @property
    def log_weights(self):
        """Log-weights of the chains, shape (n_chains,)."""
        return self.logs.copy()


cdef class Fifo(Negatives):
    """The replay buffer of the teaching notebook: finished chains are appended to a ring, starts are drawn from it.

    Parameters
    ----------
    n_chains, n_features, width, low, high
        As for `Negatives`.
    rows : ndarray of shape (capacity, n_features)
        The ring, empty at first.
    n_replay : int
        How many of the chains start at states from the ring, as far as it holds so many; the others start afresh.
    """

    def __init__(self, n_chains, n_features, width, low, high, *, rows, n_replay):
        Negatives.__init__(self, n_chains, n_features, width, low, high)
        self.rows, self.capacity, self.n_replay = rows, len(rows), n_replay
        if self.capacity:
            self.ring = address(rows)
        self.order = np.arange(max(self.capacity, 1))
        self.chosen_rows = np.empty(n_chains, dtype=np.int64)
        self.chosen = self.chosen_rows
        self.swapped = np.empty(n_chains, dtype=np.int64)
        self.uniforms = np.empty(n_chains + 1)

    def _replayed(self, places):
        return self.rows[(self.ring_start + self.chosen_rows[places]) % self.capacity]

    cdef int begin(self, Key key, uint64_t update) noexcept nogil:
        cdef Py_ssize_t i
        self.replay = min(min(self.n_replay, self.ring_size), self.n_chains)
        if 0 < self.replay < self.ring_size:
            draw_subset(&self.order[0], self.ring_size, self.replay, &self.chosen[0], &self.swapped[0],
                        &self.uniforms[0], key, counter(REPLAY, 0, update))
        else:
            for i in range(self.replay):
                self.chosen[i] = i
        return self.augment(self.replay, key, update)

    cdef int load(self, Energy energy, Sampler sampler, Py_ssize_t start, Py_ssize_t n, double* x, double* state,
                  double* work, Py_ssize_t stride, Key key, uint64_t update) noexcept nogil:
        cdef Py_ssize_t i, d, row, stored = max(0, min(n, self.replay - start))
        for i in range(stored):
            row = self.ring_start + self.chosen[start + i]
            # Both are below the capacity; a division costs as much as a chain-step.
            row = row if row < self.capacity else row - self.capacity
            for d in range(self.features):
                x[d * stride + i] = self.ring[row * self.features + d]
        self.put_changed(x, start, stored, stride)
        # The ring keeps no more than x: what else a sampler keeps starts anew with every leg.
        if self.width and stored and sampler.start_block(energy, x, state, work, stored, stride, key, start, update):
            return -1
        if stored == n:
            return 0
        return self.fresh(energy, sampler, start + stored, n - stored, x + stored, state + stored, work, stride, key,
                          update)

    cdef void commit(self) noexcept nogil:
        # In runs up to the end of the ring.
        cdef Py_ssize_t i = 0, row, n, added
        while i < self.n_chains and self.capacity > 0:
            row = self.ring_start + self.ring_size
            row = row if row < self.capacity else row - self.capacity
            n = min(self.n_chains - i, self.capacity - row)
            memcpy(self.ring + row * self.features, self.moved + i * self.features, n * self.features * sizeof(double))
            added = min(n, self.capacity - self.ring_size)
            self.ring_size += added
            self.ring_start += n - added
            self.ring_start = self.ring_start if self.ring_start < self.capacity else self.ring_start - self.capacity
            i += n

    def state(self):
        return {"store": self.rows[:self.ring_size].copy(), "ring_start": self.ring_start, "ring_size": self.ring_size}

    def restore(self, state):
        start, size = int(state["ring_start"]), int(state["ring_size"])
        if not (0 <= size <= self.capacity and 0 <= start < max(self.capacity, 1)):
            raise ValueError("ring_start or ring_size is out of range")
        fill_from(self.rows[:size], state["store"], "store")
        self.ring_start, self.ring_size = start, size
