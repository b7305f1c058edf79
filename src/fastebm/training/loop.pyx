"""The contrastive training loop: from the first update to the last without the GIL."""

import numpy as np

from libc.math cimport fma, isfinite
from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memset

from .._runtime.threads import resolve

from .._runtime.control cimport Control, now
from .._runtime.fast cimport address, finite
from .._runtime.team cimport Team
from ..energies.base cimport Energy
from ..kernels.layout cimport gather
from ..kernels.math cimport add_into, divide_by, lane_sum
from ..kernels.random cimport AUGMENT, BATCH, DATA_NOISE, REINIT, REPLAY, RESAMPLE, Key
from ..kernels.scratch cimport Arena, aligned, carve
from ..samplers.base cimport Tally, key_of
from ..samplers.cycle cimport Cycle
from .history cimport History
from .negatives cimport Negatives, Weighted
from .optimiser cimport Optimiser
from .positive cimport Positive

# A round of tasks shorter than this many seconds is faster on one thread: waking a helper costs a tenth of it.
cdef double WORTH_HELP = 1e-4
# Updates before that is measured: the first ones touch cold memory.
cdef int64_t WARM = 3
# Parameters of a task, where block sums become a step: 128 kB an array.
cdef Py_ssize_t SHARE = 16384

# Random numbers that the parts of an update draw from the run's own key: no sampler may draw them from the same.
OWN_PURPOSES = 1 << BATCH | 1 << REPLAY | 1 << REINIT | 1 << RESAMPLE | 1 << AUGMENT | 1 << DATA_NOISE

cdef enum Phase:
    GRADIENT, ENERGY, OPTIMISE


cdef struct Room:
    # Scratch of one thread, for one block.
    double* x
    double* state
    double* energies
    double* work


def state_size(Cycle sampler not None, Energy energy not None):
    """Numbers that a sampler keeps for each chain beside x."""
    return sampler.state_size(energy)


cdef class Loop(Team):
    """State of one training run. Everything an update changes is committed at its end, or not at all.

    An update sums over blocks of ``energy.block_size`` rows and chains, and adds the sums in the order of the blocks:
    the bytes do not depend on which thread computed which.

    Parameters
    ----------
    energy : Energy
        Its theta moves.
    sampler : Cycle or None
        One round moves the chains of an update.
    positive, negatives, optimiser, history
        The parts of an update.
    n_updates : int
    seed
        Anything that stands for a key.
    control : Control
    n_threads : int or None
    """

    cdef Energy energy
    cdef Cycle sampler
    cdef Positive positive
    cdef Negatives negatives
    cdef Weighted weighted
    cdef Optimiser optimiser
    cdef History history
    cdef Key key
    cdef Phase phase
    cdef Py_ssize_t features, n_params, width, size, stride, n_positive, n_negative, n_tallies
    cdef int64_t n_updates, most_helpers
    cdef readonly int64_t update
    # What the last update on one thread took; 0 before.
    cdef double seconds
    # Sums of every block, positive ones first.
    cdef double* sums
    cdef double* energy_sums
    # By what the sums of the negative blocks are divided: the chains, or 1 where their weights sum to it.
    cdef double weight
    # Shares of the parameters whose gradient is not finite.
    cdef int* unfit
    cdef object new_energies
    cdef double* energies_after
    # Counts of the committed updates; then, for every thread, of the one that is under way.
    cdef Tally* tallies
    cdef double** memory
    cdef Room* rooms

    def __init__(self, Energy energy not None, Cycle sampler, Positive positive not None, Negatives negatives not None,
                 Optimiser optimiser not None, History history not None, *, n_updates, seed, Control control not None,
                 n_threads=None):
        cdef Py_ssize_t blocks
        self.energy, self.sampler, self.control, self.key = energy, sampler, control, key_of(seed)
        self.positive, self.negatives, self.optimiser, self.history = positive, negatives, optimiser, history
        self.weighted = negatives if isinstance(negatives, Weighted) else None
        self.n_updates, self.features, self.n_params = n_updates, energy.n_features, energy.n_params
        self.width, self.n_tallies = negatives.width, 0 if sampler is None else sampler.n_tallies
        self.size = energy.block_size
        self.stride = (min(self.size, max(positive.batch, negatives.n_chains)) + 7) & ~7
        self.n_positive = (positive.batch + self.size - 1) // self.size
        self.n_negative = (negatives.n_chains + self.size - 1) // self.size
        blocks = self.n_positive + self.n_negative
        self.most_helpers = min(resolve(n_threads), blocks) - 1
        self.weight = <double>negatives.n_chains if negatives.weights is NULL else 1.0
        self.sums = <double*>malloc((blocks * self.n_params + blocks + 1) * sizeof(double))
        self.unfit = <int*>calloc(self.n_params // SHARE + 1, sizeof(int))
        self.tallies = <Tally*>calloc((self.n_tallies + 1) * (self.most_helpers + 2), sizeof(Tally))
        self.memory = <double**>calloc(self.most_helpers + 1, sizeof(double*))
        self.rooms = <Room*>calloc(self.most_helpers + 1, sizeof(Room))
        if self.sums is NULL or self.unfit is NULL or self.tallies is NULL or self.memory is NULL or self.rooms is NULL:
            raise MemoryError
        self.energy_sums = self.sums + blocks * self.n_params
        self.new_energies = np.zeros(negatives.n_chains)
        self.energies_after = address(self.new_energies)
        self._make_room(0)
        if sampler is not None:
            sampler.watch(control)

    def __dealloc__(self):
        cdef int64_t i
        if self.memory is not NULL:
            for i in range(self.most_helpers + 1):
                free(self.memory[i])
        free(self.memory)
        free(self.sums)
        free(self.unfit)
        free(self.tallies)
        free(self.rooms)

    cdef Py_ssize_t _carve(self, double* memory, Room* room) noexcept nogil:
        cdef Py_ssize_t need = self.energy.work_size(self.stride)
        cdef Arena arena
        if self.sampler is not None:
            need = max(need, self.sampler.work_size(self.energy, self.stride))
        arena.at, arena.used = memory, 0
        room.x = carve(&arena, self.features * self.stride)
        room.state = carve(&arena, self.width * self.stride)
        room.energies = carve(&arena, self.stride)
        room.work = carve(&arena, need)
        return arena.used

    cdef int _make_room(self, int64_t worker) except -1:
        if self.memory[worker] is NULL:
            self.memory[worker] = <double*>malloc((self._carve(NULL, &self.rooms[worker]) + 8) * sizeof(double))
            if self.memory[worker] is NULL:
                raise MemoryError
            self._carve(aligned(self.memory[worker]), &self.rooms[worker])
        return 0

    # ---- the blocks of an update ----

    cdef int task(self, Py_ssize_t index, Py_ssize_t worker) noexcept nogil:
        cdef Room* room = &self.rooms[worker]
        if self.phase == ENERGY:
            return self._energy_after(index, room)
        if self.phase == OPTIMISE:
            return self._gradients(index)
        if index < self.n_positive:
            return self._positive_block(index, room)
        return self._negative_block(index - self.n_positive, room, worker)

    cdef int _sum(self, Py_ssize_t block, Room* room, const double* energies, const double* weights,
                  Py_ssize_t n) noexcept nogil:
        # Sums of energy and of its gradient in theta over a block.
        cdef Py_ssize_t i
        cdef double* g = self.sums + block * self.n_params
        cdef double total = 0.0
        if weights is NULL:
            total = lane_sum(energies, n)
        else:
            for i in range(n):
                total = fma(weights[i], energies[i], total)
        self.energy_sums[block] = total
        memset(g, 0, self.n_params * sizeof(double))
        return self.energy.param_grad_block(room.x, weights, g, room.work, n, self.stride)

    cdef int _positive_block(self, Py_ssize_t block, Room* room) noexcept nogil:
        cdef Py_ssize_t start = block * self.size, n = min(self.size, self.positive.batch - start)
        self.positive.load(start, n, room.x, room.work, self.stride, self.key, self.update)
        if self.energy.energy_block(room.x, room.energies, room.work, n, self.stride):
            return -1
        return self._sum(block, room, room.energies, NULL, n)

    cdef int _negative_block(self, Py_ssize_t block, Room* room, Py_ssize_t worker) noexcept nogil:
        cdef Py_ssize_t start = block * self.size, n = min(self.size, self.negatives.n_chains - start)
        cdef double* energies = self.negatives.energies + start
        cdef double* weights = NULL
        if self.negatives.load(
            self.energy, self.sampler, start, n, room.x, room.state, room.work, self.stride, self.key, self.update
        ):
            return -1
        if self.sampler is not None and self.sampler.run_block(
            self.energy, room.x, room.state, room.work, n, self.stride, self.key, start, self.update, 1,
            self.tallies + (worker + 1) * self.n_tallies
        ):
            return -1
        self.negatives.store(start, n, room.x, room.state, self.stride)
        if self.energy.energy_block(room.x, energies, room.work, n, self.stride):
            return -1
        if self.negatives.weights is not NULL:
            weights = self.negatives.weights + start
        return self._sum(self.n_positive + block, room, energies, weights, n)

    cdef int _energy_after(self, Py_ssize_t block, Room* room) noexcept nogil:
        cdef Py_ssize_t start = block * self.size, n = min(self.size, self.negatives.n_chains - start)
        gather(self.negatives.moved + start * self.features, room.x, n, self.features, self.stride)
        return self.energy.energy_block(room.x, self.energies_after + start, room.work, n, self.stride)

    # ---- an update ----

    cdef double _mean_energy(self, Py_ssize_t first, Py_ssize_t blocks, double n) noexcept nogil:
        # Block sums, added in their order.
        cdef Py_ssize_t b
        cdef double total = 0.0
        for b in range(first, first + blocks):
            total += self.energy_sums[b]
        return total / n

    cdef void _mean_gradient(self, Py_ssize_t first, Py_ssize_t blocks, double n, Py_ssize_t start, double* g,
                             Py_ssize_t m) noexcept nogil:
        # The same for the parameters start .. start + m - 1.
        cdef Py_ssize_t b
        memset(g, 0, m * sizeof(double))
        for b in range(first, first + blocks):
            add_into(g, self.sums + b * self.n_params + start, m)
        divide_by(g, m, n)

    cdef int _gradients(self, Py_ssize_t index) noexcept nogil:
        # A share of the parameters, from block sums to the direction of the step, a piece at a time.
        cdef Py_ssize_t start = index * SHARE, end = min(start + SHARE, self.n_params), m
        cdef double[1024] positive
        cdef double[1024] negative
        while start < end:
            m = min(1024, end - start)
            self._mean_gradient(0, self.n_positive, <double>self.positive.batch, start, positive, m)
            self._mean_gradient(self.n_positive, self.n_negative, self.weight, start, negative, m)
            if self.optimiser.take(positive, negative, start, m):
                self.unfit[index] = 1
                return 0
            start += m
        return 0

    cdef int _direct(self) noexcept nogil:
        # From block sums to the next theta: what _one_update returns.
        cdef Py_ssize_t shares = (self.n_params + SHARE - 1) // SHARE, i
        memset(self.unfit, 0, shares * sizeof(int))
        self.phase = OPTIMISE
        if self.together(shares):
            return -1
        for i in range(shares):
            if self.unfit[i]:
                return 1
        return 1 if self.optimiser.step_to_candidate(self.energy, self.update) else 0

    cdef int64_t _gather_tallies(self) noexcept nogil:
        # Counts of all threads for the update under way, in the place of the first; returns the undefined proposals.
        cdef int64_t w, undefined = 0
        cdef Py_ssize_t j
        cdef Tally* one
        cdef Tally* all_
        for j in range(self.n_tallies):
            all_ = self.tallies + self.n_tallies + j
            for w in range(1, self.n_helpers + 1):
                one = self.tallies + (w + 1) * self.n_tallies + j
                all_.proposed += one.proposed
                all_.accepted += one.accepted
                all_.clipped += one.clipped
                all_.undefined += one.undefined
            undefined += all_.undefined
        return undefined

    cdef int _failed(self) noexcept nogil:
        # A function of the user's raised.
        with gil:
            self.control.failure, self.positive.changes.failure = self.positive.changes.failure, None
        return -1

    cdef int _one_update(self) noexcept nogil:
        # 0: done; 1: something is not finite; -1: stopped.
        cdef Py_ssize_t j
        cdef double e_data, e_model, ess = 1.0
        cdef int status
        cdef Tally* now_
        memset(self.tallies + self.n_tallies, 0, self.n_tallies * (self.n_helpers + 1) * sizeof(Tally))
        if self.positive.draw(self.key, self.update) or self.negatives.begin(self.key, self.update):
            return self._failed()
        self.phase = GRADIENT
        if self.together(self.n_positive + self.n_negative):
            return -1
        if self._gather_tallies() or not finite(self.negatives.moved, self.negatives.n_chains * self.features):
            return 1
        if self.width and not finite(self.negatives.moved_state, self.negatives.n_chains * self.width):
            return 1
        e_data = self._mean_energy(0, self.n_positive, <double>self.positive.batch)
        e_model = self._mean_energy(self.n_positive, self.n_negative, self.weight)
        if not isfinite(e_data) or not isfinite(e_model):
            return 1
        status = self._direct()
        if status:
            return status
        if self.weighted is not None:
            status = self._reweigh()
            if status:
                return status
            ess = self.weighted.ess

        # From here on the update is complete: commit.
        for j in range(self.n_tallies):
            now_ = self.tallies + self.n_tallies + j
            self.tallies[j].proposed += now_.proposed
            self.tallies[j].accepted += now_.accepted
            self.tallies[j].clipped += now_.clipped
        self.negatives.commit()
        self.history.add(e_data, e_model, ess, &self.optimiser.theta[0])
        self.optimiser.commit(self.update)
        self.energy.load_theta(&self.optimiser.theta[0])
        self.update += 1
        return 0

    cdef int _reweigh(self) noexcept nogil:
        # Returns what _one_update does; whatever stops it, energy and weights stay as they were.
        cdef int status
        self.weighted.even_out(self.key, self.update)
        self.energy.load_theta(&self.optimiser.candidate[0])
        self.phase = ENERGY
        status = self.together(self.n_negative)
        if status or not finite(self.energies_after, self.negatives.n_chains):
            self.energy.load_theta(&self.optimiser.theta[0])
            return status if status else 1
        self.weighted.reweigh(self.energies_after)
        return 0

    cdef int64_t _wanted(self, double seconds, int64_t left) noexcept nogil:
        # Helpers that are worth their start, given what an update takes one thread.
        if self.most_helpers < 1 or seconds < WORTH_HELP or seconds * left < 10 * WORTH_HELP:
            return 0
        return self.most_helpers

    def advance(self, updates):
        """Run up to this many more updates. Returns 0, or 1 if something was not finite, or -1 if it was stopped."""
        cdef int64_t last = min(self.update + <int64_t>updates, self.n_updates), begun = self.update
        cdef int status = 0
        cdef double before = 0.0
        try:
            if self.seconds > 0.0 and self.most_helpers > 0:
                # Known from an earlier call: a callback after every update must not cost the helpers.
                with nogil:
                    self._consider(self.seconds, last - self.update)
            with nogil:
                while self.update < last and status == 0:
                    status = self.control.poll(<double>self.update)
                    if status:
                        break
                    if self.most_helpers > 0 and self.n_helpers == 0 and self.update < begun + WARM:
                        before = now()
                    status = self._one_update()
                    if before > 0.0 and status == 0:
                        self.seconds = now() - before
                        self._consider(self.seconds, last - self.update)
                        before = 0.0
        finally:
            if self.n_helpers:
                self.close()
        return status

    cdef void _consider(self, double seconds, int64_t left) noexcept nogil:
        cdef int64_t helpers = self._wanted(seconds, left), i
        if helpers == 0:
            return
        with gil:
            try:
                for i in range(1, helpers + 1):
                    self._make_room(i)
                self.open(helpers)
            except BaseException as error:
                self.control.failure = error
                self.control.halt()

    def take_failure(self):
        """Return and forget the exception that stopped the energy on this thread, or None."""
        return self.energy.take_failure()

    # ---- state ----

    def state(self):
        """Everything that the next update depends on or that the result reports: dicts of ints, floats and arrays.

        Between two updates the rest of this object is scratch, or follows from the arguments.
        """
        return {
            "update": self.update,
            "key": [self.key.k0, self.key.k1],
            "tallies": [[t["proposed"], t["accepted"], t["clipped"]] for t in self._counts()],
            "positive": self.positive.state(),
            "negatives": self.negatives.state(),
            "optimiser": self.optimiser.state(),
            "history": self.history.state(self.optimiser.before),
        }

    def restore(self, state):
        """Go on from what `state` of a loop with the same arguments returned. Raises ValueError if it does not fit."""
        cdef Py_ssize_t j
        if not 0 <= state["update"] <= self.n_updates or len(state["tallies"]) != self.n_tallies:
            raise ValueError("a counter is out of range")
        if len(state["history"]["rows"]) != state["update"] or not (
            0 <= state["optimiser"]["averaged"] <= state["update"]
        ):
            raise ValueError("the counts do not belong together")
        self.positive.restore(state["positive"])
        self.negatives.restore(state["negatives"])
        self.optimiser.restore(state["optimiser"])
        before = self.history.restore(state["history"])
        if before is not None:
            self.optimiser.restore_before(before)
        self.key.k0, self.key.k1 = state["key"]
        self.update = state["update"]
        for j, (proposed, accepted, clipped) in enumerate(state["tallies"]):
            self.tallies[j].proposed, self.tallies[j].accepted, self.tallies[j].clipped = proposed, accepted, clipped
        self.energy.load_theta(&self.optimiser.theta[0])

    cdef list _counts(self):
        return [self.tallies[j] for j in range(self.n_tallies)]

    @property
    def counts(self):
        """Dicts of proposed, accepted and clipped, one for every sampler of the cycle."""
        return self._counts()
