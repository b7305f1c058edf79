"""The contrastive training loop: from the first update to the last without the GIL."""

import numpy as np

from libc.math cimport INFINITY, fma, isfinite, sqrt
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy, memset

from .._runtime.control cimport Control
from ..energies.base cimport Energy
from ..kernels.math cimport exp_neg, in_t, lane_sum, out_t
from ..kernels.random cimport BATCH, REINIT, REPLAY, RESAMPLE, Key, counter, unit, threefry, uniform_pairs
from ..samplers.base cimport Sampler, Tally, key_of

# Pieces of a sampler run between two looks at Ctrl-C.
cdef int64_t PIECE = 256
# Blocks of a mean between two looks.
cdef int64_t LOOK = 16


cdef void draw_subset(int64_t* order, int64_t total, int64_t count, int64_t* chosen, int64_t* swapped, double* u,
                      Key key, uint64_t c1) noexcept nogil:
    # The first `count` places of a Fisher-Yates shuffle, which is then undone: the draw depends on the key and the
    # counter alone, not on earlier draws. `order` is the identity before and after.
    cdef int64_t j, other, half = (count + 1) // 2
    uniform_pairs(key, 0, c1, half, u, u + half)
    for j in range(count):
        # 1 - u is in [0, 1); its 52 bits make the bias of a draw at most total / 2^52.
        other = j + <int64_t>((1.0 - u[j]) * (total - j))
        swapped[j] = other
        order[j], order[other] = order[other], order[j]
        chosen[j] = order[j]
    for j in range(count - 1, -1, -1):
        order[j], order[swapped[j]] = order[swapped[j]], order[j]


cdef void spread(in_t u, out_t x, Py_ssize_t n, double low, double width) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        x[i] = fma(width, u[i], low)


cdef class Loop:
    """State of one training run. Everything an update changes is committed at its end, or not at all."""

    cdef Energy energy
    cdef Sampler sampler
    cdef Sampler global_move
    cdef Control control
    cdef Key key
    cdef bint fifo, adam, weighted
    cdef Py_ssize_t features, n_params, n_data, batch, n_chains, stride, capacity, ring_start, ring_size, n_replay
    cdef int64_t n_steps, global_steps, n_updates, average_from, averaged
    cdef double rate, reinit_prob, decay1, decay2
    cdef readonly int64_t update
    cdef readonly int64_t n_resampled
    cdef readonly double smallest_ess
    cdef Tally tally, global_tally
    cdef const double[:, ::1] data
    cdef double[:, ::1] store, chains
    cdef double[::1] theta, lower, upper, l2, low, high, first, second, total, log_weight
    cdef double[:, ::1] history
    cdef double[::1] _memory
    cdef int64_t[::1] order, chosen, swapped, ring_order
    cdef object arrays
    # Scratch: the batch, the negatives, energies, uniforms, gradients, a candidate theta, and what the sampler needs.
    cdef double* xb
    cdef double* xn
    cdef double* e
    cdef double* e_new
    cdef double* weight
    cdef double* u
    cdef double* g_data
    cdef double* g_model
    cdef double* one
    cdef double* candidate
    cdef double* first_next
    cdef double* second_next
    cdef double* work

    def __init__(self, Energy energy not None, Sampler sampler not None, global_move, data, *, store, ring, chains,
                 history, n_updates, n_steps, global_steps, batch, learning_rate, optimizer, fifo, n_replay,
                 reinit_prob, reinit_low, reinit_high, l2, lower, upper, average_from, weighted, seed, control):
        cdef Py_ssize_t need, size
        self.energy, self.sampler, self.global_move, self.control = energy, sampler, global_move, control
        self.key = key_of(seed)
        self.features, self.n_params = energy.n_features, energy.n_params
        self.data, self.n_data, self.batch = data, data.shape[0], batch
        self.fifo, self.adam, self.weighted = fifo, optimizer == "adam", weighted
        self.n_chains = chains.shape[0]
        self.store, (self.ring_start, self.ring_size), self.capacity = store, ring, store.shape[0]
        self.chains = chains
        self.n_replay, self.reinit_prob = n_replay, reinit_prob
        self.low, self.high = reinit_low, reinit_high
        self.n_steps, self.global_steps, self.n_updates = n_steps, global_steps, n_updates
        self.average_from = average_from
        self.rate = learning_rate
        self.history = history
        self.smallest_ess = self.decay1 = self.decay2 = 1.0
        size = max(self.n_params, 1)
        theta = np.zeros(size)
        theta[:self.n_params] = energy.theta
        self.arrays = {"theta": theta, "first": np.zeros(size), "second": np.zeros(size), "total": np.zeros(size),
                       "log_weight": np.zeros(self.n_chains)}
        self.theta, self.first, self.second = theta, self.arrays["first"], self.arrays["second"]
        self.total, self.log_weight = self.arrays["total"], self.arrays["log_weight"]
        self.l2, self.lower, self.upper = l2, lower, upper
        self.order = np.arange(self.n_data)
        self.ring_order = np.arange(max(self.capacity, 1))
        self.chosen = np.empty(max(batch, self.n_chains), dtype=np.int64)
        self.swapped = np.empty(max(batch, self.n_chains), dtype=np.int64)
        self.stride = (max(batch, self.n_chains) + 7) & ~7
        need = energy.work_size(self.stride)
        need = max(need, sampler.work_size(energy, self.stride))
        if global_move is not None:
            need = max(need, self.global_move.work_size(energy, self.stride))
        self._memory = np.empty(2 * self.features * self.stride + 4 * self.stride + 16 + 7 * (size + 8) + need + 8)
        self.xb = <double*>((<size_t>&self._memory[0] + 63) & ~<size_t>63)
        self.xn = self.xb + self.features * self.stride
        self.e = self.xn + self.features * self.stride
        self.e_new = self.e + self.stride
        self.weight = self.e_new + self.stride
        self.u = self.weight + self.stride
        self.g_data = self.u + self.stride + 16
        self.g_model = self.g_data + size
        self.one = self.g_model + size
        self.candidate = self.one + size
        self.first_next = self.candidate + size
        self.second_next = self.first_next + size
        self.work = <double*>((<size_t>(self.second_next + size) + 63) & ~<size_t>63)

    # ---- the phases of an update ----

    cdef void _draw_batch(self) noexcept nogil:
        cdef Py_ssize_t i, d
        cdef int64_t row
        if self.batch < self.n_data:
            draw_subset(&self.order[0], self.n_data, self.batch, &self.chosen[0], &self.swapped[0], self.u, self.key,
                        counter(BATCH, 0, self.update))
        for i in range(self.batch):
            row = self.chosen[i] if self.batch < self.n_data else i
            for d in range(self.features):
                self.xb[d * self.stride + i] = self.data[row, d]

    cdef void _fresh(self, Py_ssize_t first, Py_ssize_t n) noexcept nogil:
        # New states for n chains, uniform on the reinitialisation box.
        cdef Py_ssize_t d
        for d in range(self.features):
            uniform_pairs(self.key, first, counter(REINIT, d + 1, self.update), n, self.e, self.e_new)
            spread(self.e, self.xn + d * self.stride + first, n, self.low[d], self.high[d] - self.low[d])

    cdef void _start_negatives(self) noexcept nogil:
        cdef Py_ssize_t i, d, n = self.n_chains
        cdef int64_t row, replay
        if self.fifo:
            replay = min(min(self.n_replay, self.ring_size), n)
            if 0 < replay < self.ring_size:
                draw_subset(&self.ring_order[0], self.ring_size, replay, &self.chosen[0], &self.swapped[0], self.u,
                            self.key, counter(REPLAY, 0, self.update))
            for i in range(replay):
                row = self.ring_start + (self.chosen[i] if replay < self.ring_size else i)
                # Both are below the capacity; a division costs as much as a chain-step.
                row = row if row < self.capacity else row - self.capacity
                for d in range(self.features):
                    self.xn[d * self.stride + i] = self.store[row, d]
            self._fresh(replay, n - replay)
            return
        for i in range(n):
            for d in range(self.features):
                self.xn[d * self.stride + i] = self.chains[i, d]
        if self.reinit_prob > 0.0:
            uniform_pairs(self.key, 0, counter(REINIT, 0, self.update), (n + 1) // 2, self.u, self.u + (n + 1) // 2)
            for i in range(n):
                if self.u[i] <= self.reinit_prob:
                    self._fresh(i, 1)

    cdef int _move(self, Sampler sampler, int64_t n_steps, Tally* tally) noexcept nogil:
        cdef Py_ssize_t start = 0, m, size = self.energy.block_size
        cdef int64_t step, count
        while start < self.n_chains:
            m = min(size, self.n_chains - start)
            step = 0
            while step < n_steps:
                count = min(PIECE, n_steps - step)
                if sampler.run_block(self.energy, self.xn + start, NULL, self.work, m, self.stride, self.key, start,
                                     self.update * n_steps + step, count, tally):
                    return -1
                step += count
                if self.control.poll(<double>self.update):
                    return -1
            start += m
        return 0

    cdef int _mean_energy(self, const double* x, Py_ssize_t n, double* mean) noexcept nogil:
        # self.e receives the energies; block by block, so that scratch stays in the cache.
        cdef Py_ssize_t start = 0, m, size = self.energy.block_size, until = LOOK * size
        mean[0] = 0.0
        while start < n:
            m = min(size, n - start)
            if self.energy.energy_block(x + start, self.e + start, self.work, m, self.stride):
                return -1
            mean[0] += lane_sum(self.e + start, m)
            start += m
            if start >= until:
                until += LOOK * size
                if self.control.poll(<double>self.update):
                    return -1
        mean[0] /= n
        return 0

    cdef int _mean_param_grad(self, const double* x, double* g, Py_ssize_t n) noexcept nogil:
        cdef Py_ssize_t start = 0, m, p, size = self.energy.block_size, until = LOOK * size
        memset(g, 0, self.n_params * sizeof(double))
        while start < n:
            m = min(size, n - start)
            if self.energy.param_grad_block(x + start, NULL, g, self.work, m, self.stride):
                return -1
            start += m
            if start >= until:
                until += LOOK * size
                if self.control.poll(<double>self.update):
                    return -1
        for p in range(self.n_params):
            g[p] /= n
        return 0

    cdef double _normalise_weights(self) noexcept nogil:
        # weight = softmax(log_weight); returns the effective sample size as a fraction of the chains.
        cdef Py_ssize_t i, n = self.n_chains
        cdef double top = -INFINITY, total = 0.0, square = 0.0
        for i in range(n):
            top = max(top, self.log_weight[i])
        for i in range(n):
            self.weight[i] = exp_neg(top - self.log_weight[i])
            total += self.weight[i]
        for i in range(n):
            self.weight[i] /= total
            square += self.weight[i] * self.weight[i]
        return 1.0 / (square * n)

    cdef int _weighted_phase(self, double* g, double* mean) noexcept nogil:
        # Energies are in self.e; the gradient chain by chain, because the contract sums without weights.
        cdef Py_ssize_t i, p
        memset(g, 0, self.n_params * sizeof(double))
        mean[0] = 0.0
        for i in range(self.n_chains):
            if i & 255 == 255 and self.control.poll(<double>self.update):
                return -1
            memset(self.one, 0, self.n_params * sizeof(double))
            if self.energy.param_grad_block(self.xn + i, NULL, self.one, self.work, 1, self.stride):
                return -1
            mean[0] = fma(self.weight[i], self.e[i], mean[0])
            for p in range(self.n_params):
                g[p] = fma(self.weight[i], self.one[p], g[p])
        return 0

    cdef void _resample(self) noexcept nogil:
        # Systematic resampling of the chains by weight; equal weights afterwards. xb is free here: it takes the copies.
        cdef Py_ssize_t i, d, source = 0, n = self.n_chains
        cdef uint64_t r0, r1
        cdef double point, reached = self.weight[0]
        threefry(self.key.k0, self.key.k1, 0, counter(RESAMPLE, 0, self.update), &r0, &r1)
        for i in range(n):
            point = (i + 1.0 - unit(r0)) / n
            while reached < point and source < n - 1:
                source += 1
                reached += self.weight[source]
            for d in range(self.features):
                self.xb[d * self.stride + i] = self.xn[d * self.stride + source]
        memcpy(self.xn, self.xb, self.features * self.stride * sizeof(double))
        for i in range(n):
            self.log_weight[i] = 0.0

    cdef int _step(self, double* step_out) noexcept nogil:
        # candidate = theta - rate * direction, inside its bounds. Returns -1 if anything is not finite.
        cdef Py_ssize_t p
        cdef double g, m, v
        for p in range(self.n_params):
            g = self.g_data[p] - self.g_model[p] + 2.0 * self.l2[p] * self.theta[p]
            if not isfinite(g):
                return -1
            if self.adam:
                # Kingma and Ba 2015, with their defaults.
                m = 0.9 * self.first[p] + 0.1 * g
                v = 0.999 * self.second[p] + 0.001 * g * g
                self.first_next[p], self.second_next[p] = m, v
                g = (m / (1.0 - 0.9 * self.decay1)) / (sqrt(v / (1.0 - 0.999 * self.decay2)) + 1e-8)
            step_out[p] = g
        self.energy.identifiable(step_out)
        for p in range(self.n_params):
            g = self.theta[p] - self.rate * step_out[p]
            if not isfinite(g):
                return -1
            g = self.lower[p] if g < self.lower[p] else g
            self.candidate[p] = self.upper[p] if g > self.upper[p] else g
        return 0

    cdef void _commit_chains(self) noexcept nogil:
        cdef Py_ssize_t i, d, row
        if self.fifo and self.capacity == 0:
            return
        for i in range(self.n_chains):
            if self.fifo:
                row = self.ring_start + self.ring_size
                row = row if row < self.capacity else row - self.capacity
                if self.ring_size < self.capacity:
                    self.ring_size += 1
                else:
                    self.ring_start += 1
                    self.ring_start = self.ring_start if self.ring_start < self.capacity else 0
                for d in range(self.features):
                    self.store[row, d] = self.xn[d * self.stride + i]
            else:
                for d in range(self.features):
                    self.chains[i, d] = self.xn[d * self.stride + i]

    cdef int _one_update(self) noexcept nogil:
        # 0: done; 1: something is not finite; -1: stopped.
        cdef Py_ssize_t i, d, p
        cdef int status
        cdef double e_data = 0.0, e_model = 0.0, ess = 1.0
        cdef Tally tally = self.tally, global_tally = self.global_tally
        self._draw_batch()
        self._start_negatives()
        if self._move(self.sampler, self.n_steps, &tally):
            return -1
        if self.global_move is not None and self._move(self.global_move, self.global_steps, &global_tally):
            return -1
        if tally.undefined or global_tally.undefined:
            return 1
        for d in range(self.features):
            for i in range(self.n_chains):
                if not isfinite(self.xn[d * self.stride + i]):
                    return 1
        if self._mean_energy(self.xb, self.batch, &e_data) or self._mean_param_grad(self.xb, self.g_data, self.batch):
            return -1
        if self._mean_energy(self.xn, self.n_chains, &e_model):
            return -1
        if self.weighted:
            ess = self._normalise_weights()
            if self._weighted_phase(self.g_model, &e_model):
                return -1
        elif self._mean_param_grad(self.xn, self.g_model, self.n_chains):
            return -1
        if not isfinite(e_data) or not isfinite(e_model) or self._step(self.one):
            return 1
        if self.weighted:
            status = self._reweigh(ess)
            if status:
                return status

        # From here on the update is complete: commit.
        self.tally, self.global_tally = tally, global_tally
        self._commit_chains()
        self.history[self.update, 0] = e_data
        self.history[self.update, 1] = e_model
        self.history[self.update, 2] = ess
        for p in range(self.n_params):
            self.history[self.update, 3 + p] = self.theta[p]
        if self.adam:
            memcpy(&self.first[0], self.first_next, self.n_params * sizeof(double))
            memcpy(&self.second[0], self.second_next, self.n_params * sizeof(double))
            self.decay1 *= 0.9
            self.decay2 *= 0.999
        memcpy(&self.theta[0], self.candidate, self.n_params * sizeof(double))
        self.energy.load_theta(&self.theta[0])
        if self.update >= self.average_from:
            self.averaged += 1
            for p in range(self.n_params):
                self.total[p] += self.theta[p]
        self.update += 1
        return 0

    cdef int _reweigh(self, double ess) noexcept nogil:
        # Jarzynski: a chain that was fair for the old theta carries exp(E_old - E_new) for the new one. Resampling,
        # if the weights have become uneven, comes first, while they still belong to the old energy. Returns what
        # _one_update does; whatever stops it, the old weights stay.
        cdef Py_ssize_t i
        cdef int status
        cdef double unused = 0.0
        # Kept in case the new energies are not finite; u is free here.
        memcpy(self.u, &self.log_weight[0], self.n_chains * sizeof(double))
        if ess < 0.5:
            self._resample()
            if self._mean_energy(self.xn, self.n_chains, &unused):
                memcpy(&self.log_weight[0], self.u, self.n_chains * sizeof(double))
                return -1
        memcpy(self.e_new, self.e, self.n_chains * sizeof(double))
        self.energy.load_theta(self.candidate)
        status = self._mean_energy(self.xn, self.n_chains, &unused)
        if status or not isfinite(unused):
            self.energy.load_theta(&self.theta[0])
            memcpy(&self.log_weight[0], self.u, self.n_chains * sizeof(double))
            return status if status else 1
        for i in range(self.n_chains):
            self.log_weight[i] += self.e_new[i] - self.e[i]
        self.smallest_ess = min(self.smallest_ess, ess)
        if ess < 0.5:
            self.n_resampled += 1
        return 0

    def advance(self, updates):
        """Run up to this many more updates. Returns 0, or 1 if something was not finite, or -1 if it was stopped."""
        cdef int64_t last = min(self.update + <int64_t>updates, self.n_updates)
        cdef int status = 0
        with nogil:
            while self.update < last and status == 0:
                status = self.control.poll(<double>self.update)
                if status == 0:
                    status = self._one_update()
        return status

    def state(self):
        """Everything that the next update depends on or that the result reports: a dict of ints, floats and arrays.

        Between two updates the rest of this object is scratch, or follows from the arguments.
        """
        return {
            "update": self.update, "averaged": self.averaged, "n_resampled": self.n_resampled,
            "smallest_ess": self.smallest_ess, "decay1": self.decay1, "decay2": self.decay2,
            "ring_start": self.ring_start, "ring_size": self.ring_size,
            "key": [self.key.k0, self.key.k1],
            "tally": [self.tally.proposed, self.tally.accepted, self.tally.clipped, self.tally.undefined],
            "global_tally": [self.global_tally.proposed, self.global_tally.accepted, self.global_tally.clipped,
                             self.global_tally.undefined],
            "chains": np.array(self.chains), "store": np.array(self.store[:self.ring_size]),
            "history": np.array(self.history[:self.update]),
            **{name: array.copy() for name, array in self.arrays.items()},
        }

    def restore(self, state):
        """Go on from what `state` of a loop with the same arguments returned. Raises ValueError if it does not fit."""
        cdef double[::1] theta
        shapes = {
            "chains": (self.n_chains, self.features),
            "store": (min(int(state["ring_size"]), self.capacity), self.features),
            "history": (int(state["update"]), self.history.shape[1]),
            **{name: array.shape for name, array in self.arrays.items()},
        }
        for name, shape in shapes.items():
            if state[name].shape != shape or state[name].dtype != np.float64:
                raise ValueError(f"{name} has shape {state[name].shape} in place of {shape}")
        if not (0 <= state["update"] <= self.n_updates and 0 <= state["averaged"] <= state["update"]
                and 0 <= state["ring_size"] <= self.capacity and 0 <= state["ring_start"] < max(self.capacity, 1)):
            raise ValueError("a counter is out of range")
        counts = [int(v) for v in (*state["tally"], *state["global_tally"])]
        self.tally.proposed, self.tally.accepted, self.tally.clipped, self.tally.undefined = counts[:4]
        self.global_tally.proposed, self.global_tally.accepted = counts[4:6]
        self.global_tally.clipped, self.global_tally.undefined = counts[6:]
        self.key.k0, self.key.k1 = state["key"]
        self.update, self.averaged, self.n_resampled = state["update"], state["averaged"], state["n_resampled"]
        self.smallest_ess, self.decay1, self.decay2 = state["smallest_ess"], state["decay1"], state["decay2"]
        self.ring_start, self.ring_size = state["ring_start"], state["ring_size"]
        np.asarray(self.chains)[...] = state["chains"]
        np.asarray(self.store)[:self.ring_size] = state["store"]
        np.asarray(self.history)[:self.update] = state["history"]
        for name, array in self.arrays.items():
            array[...] = state[name]
        theta = self.arrays["theta"]
        self.energy.load_theta(&theta[0])

    @property
    def last_theta(self):
        """Parameters after the last complete update."""
        return self.arrays["theta"][:self.n_params].copy()

    @property
    def average_theta(self):
        """Mean of the parameters over the updates since average_from, or the last ones if there are none."""
        if not self.averaged:
            return self.last_theta
        return self.arrays["total"][:self.n_params] / self.averaged

    @property
    def ring(self):
        """(start, size) of the replay store."""
        return self.ring_start, self.ring_size

    @property
    def weights(self):
        """Log-weights of the chains, shape (n_chains,)."""
        return self.arrays["log_weight"].copy()

    @property
    def counts(self):
        """Dict of proposed, accepted, clipped (local sampler) and of the global move's proposed and accepted."""
        return {
            "proposed": self.tally.proposed, "accepted": self.tally.accepted, "clipped": self.tally.clipped,
            "global_proposed": self.global_tally.proposed, "global_accepted": self.global_tally.accepted,
        }
