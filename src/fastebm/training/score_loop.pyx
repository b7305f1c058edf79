"""The score-matching loop: from the first update to the last without the GIL."""

from libc.math cimport isfinite, sqrt
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memset

from .._runtime.threads import resolve

from .._runtime.control cimport Control, now
from .._runtime.team cimport Team
from ..energies.base cimport Energy
from ..kernels.directions cimport move_along, step_lengths
from ..kernels.math cimport in_t, out_t
from ..kernels.random cimport SCORE_NOISE, SLICE, Key, counter, normal_pairs, uniform_pairs
from ..kernels.scratch cimport Arena, aligned, carve
from ..samplers.base cimport key_of
from .history cimport History
from .optimiser cimport Optimiser
from .positive cimport Positive

# As in the contrastive loop: shorter rounds are faster on one thread, and the first updates touch cold memory.
cdef double WORTH_HELP = 1e-4
cdef int64_t WARM = 3


cdef struct Room:
    # Scratch of one thread, for one block.
    double* x
    double* z
    double* moved
    double* grad
    double* other
    double* step
    double* by
    double* work


cdef void move(in_t x, in_t z, out_t out, Py_ssize_t n, double by) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i] = x[i] + by * z[i]


cdef double subtract(in_t z, out_t g, Py_ssize_t n, double by) noexcept nogil:
    # g becomes g - by z; returns half of its sum of squares.
    cdef Py_ssize_t i
    cdef double total = 0.0
    for i in range(n):
        g[i] -= by * z[i]
        total += g[i] * g[i]
    return 0.5 * total


cdef class ScoreLoop(Team):
    r"""State of one run of score matching. Everything an update changes is committed at its end, or not at all.

    The loss of a row x, for denoising with noise z ~ N(0, 1), at s = noise_std, and for slices along v = +-1:

        1/2 |grad E(x + s z) - z / s|^2        and        1/2 |grad E(x)|^2 - v' Hess E(x) v.

    The first has as its optimum the score of the data with the noise on them: score = -grad E, and the score of x + s z
    around x is -z / s. A sum is that of blocks of ``energy.block_size`` rows and of one pair of draws (or one slice),
    added in their order.

    Parameters
    ----------
    energy : Energy
        Its theta moves.
    positive, optimiser, history
        The parts of an update.
    noise_std : float
        Of denoising; 0 for slices.
    n_draws : int
        Noises or slices of a row in an update. Noises come in pairs +-z.
    n_updates : int
    seed
        Anything that stands for a key.
    control : Control
    n_threads : int or None
    """

    cdef Energy energy
    cdef Positive positive
    cdef Optimiser optimiser
    cdef History history
    cdef Key key
    cdef double noise_std
    cdef Py_ssize_t features, n_params, size, stride, n_blocks, n_draws, n_pairs, n_tasks
    cdef int64_t n_updates, most_helpers
    cdef readonly int64_t update
    # Sums of every task and their mean; zeros in the place of a negative phase.
    cdef double* sums
    cdef double* losses
    cdef double* mean
    cdef double* zeros
    cdef double** memory
    cdef Room* rooms

    def __init__(self, Energy energy not None, Positive positive not None, Optimiser optimiser not None,
                 History history not None, *, noise_std, n_draws, n_updates, seed, Control control not None,
                 n_threads=None):
        self.energy, self.control, self.key = energy, control, key_of(seed)
        self.positive, self.optimiser, self.history = positive, optimiser, history
        self.noise_std, self.n_draws, self.n_updates = noise_std, n_draws, n_updates
        self.features, self.n_params, self.size = energy.n_features, energy.n_params, energy.block_size
        self.stride = (min(self.size, positive.batch) + 7) & ~7
        self.n_blocks = (positive.batch + self.size - 1) // self.size
        self.n_pairs = (self.n_draws + 1) // 2 if self.noise_std > 0.0 else self.n_draws
        self.n_tasks = self.n_blocks * self.n_pairs
        self.most_helpers = min(resolve(n_threads), self.n_tasks) - 1
        self.sums = <double*>calloc((self.n_tasks + 2) * self.n_params + self.n_tasks, sizeof(double))
        self.memory = <double**>calloc(self.most_helpers + 1, sizeof(double*))
        self.rooms = <Room*>calloc(self.most_helpers + 1, sizeof(Room))
        if self.sums is NULL or self.memory is NULL or self.rooms is NULL:
            raise MemoryError
        self.losses = self.sums + self.n_tasks * self.n_params
        self.mean = self.losses + self.n_tasks
        self.zeros = self.mean + self.n_params
        self._make_room(0)

    def __dealloc__(self):
        cdef int64_t i
        if self.memory is not NULL:
            for i in range(self.most_helpers + 1):
                free(self.memory[i])
        free(self.memory)
        free(self.sums)
        free(self.rooms)

    cdef Py_ssize_t _carve(self, double* memory, Room* room) noexcept nogil:
        cdef Py_ssize_t width = self.features * self.stride
        cdef Arena arena
        arena.at, arena.used = memory, 0
        room.x = carve(&arena, width)
        # Normals come in pairs.
        room.z = carve(&arena, width + self.stride)
        room.moved = carve(&arena, width)
        room.grad = carve(&arena, width)
        room.other = carve(&arena, width)
        room.step = carve(&arena, self.stride)
        room.by = carve(&arena, self.stride)
        room.work = carve(&arena, self.energy.work_size(self.stride))
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
        cdef Py_ssize_t block = index // self.n_pairs, pair = index % self.n_pairs
        cdef Py_ssize_t start = block * self.size, n = min(self.size, self.positive.batch - start)
        cdef double* g = self.sums + index * self.n_params
        memset(g, 0, self.n_params * sizeof(double))
        self.losses[index] = 0.0
        self.positive.load(start, n, room.x, room.work, self.stride, self.key, self.update)
        if self.noise_std > 0.0:
            return self._denoise(room, start, n, pair, g, &self.losses[index])
        return self._slice(room, start, n, pair, g, &self.losses[index])

    cdef int _denoise(self, Room* room, Py_ssize_t start, Py_ssize_t n, Py_ssize_t pair, double* g,
                      double* loss) noexcept nogil:
        cdef Py_ssize_t d, j, _sign, signs = 1 if 2 * pair + 1 == self.n_draws else 2
        cdef double sign = 1.0, s = self.noise_std
        cdef uint64_t number = <uint64_t>(self.update * self.n_pairs + pair)
        for j in range((self.features + 1) // 2):
            normal_pairs(self.key, <uint64_t>start, counter(SCORE_NOISE, j, number), n,
                         room.z + 2 * j * self.stride, room.z + (2 * j + 1) * self.stride)
        for _sign in range(signs):
            for d in range(self.features):
                move(room.x + d * self.stride, room.z + d * self.stride, room.moved + d * self.stride, n, sign * s)
            if self.energy.grad_block(room.moved, room.grad, room.work, n, self.stride):
                return -1
            for d in range(self.features):
                loss[0] += subtract(room.z + d * self.stride, room.grad + d * self.stride, n, sign / s)
            if self.energy.directional_param_grad_block(room.moved, room.grad, NULL, g, room.work, n, self.stride):
                return -1
            sign = -1.0
        return 0

    cdef int _slice(self, Room* room, Py_ssize_t start, Py_ssize_t n, Py_ssize_t pair, double* g,
                    double* loss) noexcept nogil:
        # v'Hv by a difference of gradients; its gradient in theta by a second difference of the gradient in theta.
        cdef Py_ssize_t d, i, j, side, stride = self.stride, features = self.features
        cdef uint64_t number = <uint64_t>(self.update * self.n_pairs + pair)
        cdef double sign
        cdef double* v = room.z
        for j in range((features + 1) // 2):
            uniform_pairs(self.key, <uint64_t>start, counter(SLICE, j, number), n,
                          v + 2 * j * stride, v + (2 * j + 1) * stride)
        for d in range(features):
            for i in range(n):
                v[d * stride + i] = 1.0 if v[d * stride + i] > 0.5 else -1.0
        if self.energy.grad_block(room.x, room.grad, room.work, n, stride):
            return -1
        for d in range(features):
            loss[0] += subtract(v, room.grad + d * stride, n, 0.0)
        if self.energy.directional_param_grad_block(room.x, room.grad, NULL, g, room.work, n, stride):
            return -1
        step_lengths(room.x, v, room.step, features, n, stride, self.energy.first_step)
        for side in range(2):
            sign = 1.0 - 2.0 * side
            move_along(room.x, v, room.step, room.moved, features, n, stride, sign)
            if self.energy.grad_block(room.moved, room.other, room.work, n, stride):
                return -1
            for d in range(features):
                for i in range(n):
                    loss[0] -= sign * v[d * stride + i] * room.other[d * stride + i] / (2.0 * room.step[i])
        step_lengths(room.x, v, room.step, features, n, stride, self.energy.second_step)
        for i in range(n):
            room.by[i] = -1.0 / (room.step[i] * room.step[i])
        for side in range(2):
            move_along(room.x, v, room.step, room.moved, features, n, stride, 1.0 - 2.0 * side)
            if self.energy.param_grad_block(room.moved, room.by, g, room.work, n, stride):
                return -1
        for i in range(n):
            room.by[i] *= -2.0
        return self.energy.param_grad_block(room.x, room.by, g, room.work, n, stride)

    # ---- an update ----

    cdef int _one_update(self) noexcept nogil:
        # 0: done; 1: something is not finite; -1: stopped.
        cdef Py_ssize_t t, p
        cdef double* sums
        cdef double loss = 0.0, norm = 0.0, rows = <double>self.positive.batch * self.n_draws
        if self.positive.draw(self.key, self.update):
            with gil:
                self.control.failure, self.positive.changes.failure = self.positive.changes.failure, None
            return -1
        if self.together(self.n_tasks):
            return -1
        memset(self.mean, 0, self.n_params * sizeof(double))
        for t in range(self.n_tasks):
            loss += self.losses[t]
            sums = self.sums + t * self.n_params
            for p in range(self.n_params):
                self.mean[p] += sums[p]
        for p in range(self.n_params):
            self.mean[p] /= rows
            norm += self.mean[p] * self.mean[p]
        loss /= rows
        if not isfinite(loss) or self.optimiser.propose(self.energy, self.mean, self.zeros, self.update):
            return 1
        self.history.add(loss, sqrt(norm), 1.0, self.optimiser.theta)
        self.optimiser.commit(self.update)
        self.energy.load_theta(self.optimiser.theta)
        self.update += 1
        return 0

    def advance(self, updates):
        """Run up to this many more updates. Returns 0, or 1 if something was not finite, or -1 if it was stopped."""
        cdef int64_t last = min(self.update + <int64_t>updates, self.n_updates), begun = self.update
        cdef int status = 0
        cdef double before = 0.0
        try:
            with nogil:
                while self.update < last and status == 0:
                    status = self.control.poll(<double>self.update)
                    if status:
                        break
                    if self.most_helpers > 0 and self.n_helpers == 0 and self.update < begun + WARM:
                        before = now()
                    status = self._one_update()
                    if before > 0.0 and status == 0:
                        self._consider(now() - before, last - self.update)
                        before = 0.0
        finally:
            if self.n_helpers:
                self.close()
        return status

    cdef void _consider(self, double seconds, int64_t left) noexcept nogil:
        cdef int64_t i
        if seconds < WORTH_HELP or seconds * left < 10 * WORTH_HELP:
            return
        with gil:
            try:
                for i in range(1, self.most_helpers + 1):
                    self._make_room(i)
                self.open(self.most_helpers)
            except BaseException as error:
                self.control.failure = error
                self.control.halt()

    def take_failure(self):
        """Return and forget the exception that stopped the energy on this thread, or None."""
        return self.energy.take_failure()

    def state(self):
        """Everything that the next update depends on or that the result reports: dicts of ints, floats and arrays."""
        return {
            "update": self.update,
            "key": [self.key.k0, self.key.k1],
            "positive": self.positive.state(),
            "optimiser": self.optimiser.state(),
            "history": self.history.state(self.optimiser.before),
        }

    def restore(self, state):
        """Go on from what `state` of a loop with the same arguments returned. Raises ValueError if it does not fit."""
        if not 0 <= state["update"] <= self.n_updates:
            raise ValueError("a counter is out of range")
        if len(state["history"]["rows"]) != state["update"] or not (
            0 <= state["optimiser"]["averaged"] <= state["update"]
        ):
            raise ValueError("the counts do not belong together")
        self.positive.restore(state["positive"])
        self.optimiser.restore(state["optimiser"])
        before = self.history.restore(state["history"])
        if before is not None:
            self.optimiser.restore_before(before)
        self.key.k0, self.key.k1 = state["key"]
        self.update = state["update"]
        self.energy.load_theta(self.optimiser.theta)
