"""Annealing, compiled: blocks of chains walk a ladder of temperatures, each by itself."""

from libc.math cimport fma
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy, memset

import numpy as np

from .._runtime.threads import resolve, submit

from .._runtime.control cimport Control
from .._runtime.fast cimport address
from ..energies.base cimport Energy
from ..kernels.layout cimport gather, scatter
from ..kernels.math cimport exp_neg, in_t, lane_sum, out_t
from ..kernels.metropolis cimport adopt, decide
from ..kernels.random cimport ACCEPT, LANGEVIN_NOISE, Key, counter, normal_pairs, uniform_pairs
from ..kernels.scratch cimport Arena, aligned, carve
from ..kernels.wells cimport add_scaled

cdef extern from *:
    """
    #if defined(_MSC_VER)
    #include <intrin.h>
    #define fastebm_fetch_add(p, v) _InterlockedExchangeAdd64((volatile __int64 *)(p), (v))
    #else
    #define fastebm_fetch_add(p, v) __atomic_fetch_add((p), (v), __ATOMIC_RELAXED)
    #endif
    """
    int64_t fastebm_fetch_add(int64_t* p, int64_t v) nogil

# Below so many numbers moved, a second thread is not worth its start (50-100 us).
cdef double WORTH_THREADS = 2e5


cdef void refresh(in_t z, out_t v, Py_ssize_t n, double keep, double fresh) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        v[i] = fma(keep, v[i], fresh * z[i])


cdef void mix(in_t first, in_t second, out_t out, Py_ssize_t n, double a, double b) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i] = fma(b, second[i], a * first[i])


cdef void kick(in_t g0, in_t g1, in_t v, out_t w, Py_ssize_t n, double first, double second) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        w[i] = fma(second, g1[i], fma(first, g0[i], v[i]))


cdef void kick_again(in_t g0, in_t g1, out_t w, Py_ssize_t n, double first, double second) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        w[i] = fma(second, g1[i], fma(first, g0[i], w[i]))


cdef void drift(in_t x, in_t w, out_t y, Py_ssize_t n, double time) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = fma(time, w[i], x[i])


cdef void take_kinetic(in_t v, in_t w, out_t q, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        q[i] = fma(0.5 * (v[i] - w[i]), v[i] + w[i], q[i])


cdef void difference(in_t first, in_t second, out_t out, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i] = first[i] - second[i]


cdef void turn_back(in_t take, in_t w, out_t v, Py_ssize_t n) noexcept nogil:
    # Momentum goes on where the move was taken, and turns where it was not.
    cdef Py_ssize_t i
    for i in range(n):
        v[i] = w[i] if take[i] != 0.0 else -v[i]


cdef struct Room:
    # State, momentum and the gradients of the two parts; the same of a proposal; the normals of two steps; energies,
    # and what the accept step needs.
    double* x
    double* v
    double* g0
    double* g1
    double* y
    double* w
    double* h0
    double* h1
    double* even
    double* odd
    double* e0
    double* e1
    double* n0
    double* n1
    double* ux
    double* uy
    double* q
    double* take
    double* bad
    double* u_even
    double* u_odd
    double* log_w
    double* rest


cdef class Annealing:
    """Chains on their way along ``a E_base + beta E_other``, a = 1 for a tilt and 1 - beta for two whole energies.

    Each move is a leapfrog step with a Metropolis test that keeps a part of the momentum (Horowitz 1991; keeping none
    is MALA). Energies and gradients of both parts at the new point serve the weight and the next move, so a temperature
    costs one evaluation of each. Backwards the same moves in the opposite order are the path reversed in time.
    """

    cdef Energy base
    cdef Energy other
    cdef bint tilt
    cdef readonly Control control
    cdef double* x
    cdef double* log_w
    cdef double* parts
    cdef double* record
    cdef double* betas
    cdef double* times
    cdef double* scale
    cdef int64_t* accepted
    cdef Key key
    cdef Py_ssize_t n, features, size, stride
    cdef int64_t n_steps, n_blocks, next_block, done, undefined
    cdef double keep, fresh, gain, target
    cdef int failed

    cdef Py_ssize_t _carve(self, double* memory, Room* room) noexcept nogil:
        cdef Py_ssize_t width = self.features * self.stride
        cdef Arena arena
        arena.at, arena.used = memory, 0
        room.x, room.v = carve(&arena, width), carve(&arena, width)
        room.g0, room.g1 = carve(&arena, width), carve(&arena, width)
        room.y, room.w = carve(&arena, width), carve(&arena, width)
        room.h0, room.h1 = carve(&arena, width), carve(&arena, width)
        room.even, room.odd = carve(&arena, width), carve(&arena, width)
        room.e0, room.e1 = carve(&arena, self.stride), carve(&arena, self.stride)
        room.n0, room.n1 = carve(&arena, self.stride), carve(&arena, self.stride)
        room.ux, room.uy = carve(&arena, self.stride), carve(&arena, self.stride)
        room.q, room.take, room.bad = carve(&arena, self.stride), carve(&arena, self.stride), carve(&arena, self.stride)
        room.u_even, room.u_odd = carve(&arena, self.stride), carve(&arena, self.stride)
        room.log_w = carve(&arena, self.stride)
        room.rest = carve(&arena, max(self.base.work_size(self.stride), self.other.work_size(self.stride)))
        return arena.used

    cdef void _blend(self, in_t first, in_t second, out_t out, Py_ssize_t n, double beta) noexcept nogil:
        # At beta = 1 the first of two whole energies has no part, not even where it is infinite.
        if not self.tilt and beta == 1.0:
            memcpy(out, second, n * sizeof(double))
        else:
            mix(first, second, out, n, 1.0 if self.tilt else 1.0 - beta, beta)

    cdef int _evaluate(self, const double* x, double* e0, double* e1, double* g0, double* g1, double* rest,
                       Py_ssize_t m) noexcept nogil:
        if self.base.energy_grad_block(x, e0, g0, rest, m, self.stride):
            return -1
        return self.other.energy_grad_block(x, e1, g1, rest, m, self.stride)

    cdef void _weigh(self, Room* room, Py_ssize_t m, Py_ssize_t start, int64_t t) noexcept nogil:
        # d/dbeta of the path's energy, and the log-weight of the way from temperature t to t + 1.
        if self.tilt:
            memcpy(room.q, room.e1, m * sizeof(double))
        else:
            difference(room.e1, room.e0, room.q, m)
        if self.record is not NULL:
            memcpy(self.record + t * self.n + start, room.q, m * sizeof(double))
        add_scaled(room.q, room.log_w, m, self.betas[t] - self.betas[t + 1])

    cdef int64_t _step(self, Room* room, Py_ssize_t m, uint64_t chain0, int64_t t) noexcept nogil:
        # One move at temperature t; -1 if an energy failed, otherwise how many chains moved.
        cdef Py_ssize_t d, row
        cdef uint64_t step = <uint64_t>t
        cdef double beta = self.betas[t], time = self.times[t], alpha = 1.0 if self.tilt else 1.0 - beta, half
        cdef double* z = room.odd if step & 1 else room.even
        cdef int64_t taken
        if t == 1 or step & 1 == 0:
            for d in range(self.features):
                normal_pairs(self.key, chain0, counter(LANGEVIN_NOISE, d, step >> 1), m,
                             room.even + d * self.stride, room.odd + d * self.stride)
            uniform_pairs(self.key, chain0, counter(ACCEPT, 0, step >> 1), m, room.u_even, room.u_odd)
        for d in range(self.features):
            row, half = d * self.stride, -0.5 * time * self.scale[d]
            if t == 1:
                memcpy(room.v + row, z + row, m * sizeof(double))
            else:
                refresh(z + row, room.v + row, m, self.keep, self.fresh)
            kick(room.g0 + row, room.g1 + row, room.v + row, room.w + row, m, half * alpha, half * beta)
            drift(room.x + row, room.w + row, room.y + row, m, time * self.scale[d])
        if self._evaluate(room.y, room.n0, room.n1, room.h0, room.h1, room.rest, m):
            return -1
        self._blend(room.e0, room.e1, room.ux, m, beta)
        self._blend(room.n0, room.n1, room.uy, m, beta)
        difference(room.ux, room.uy, room.q, m)
        for d in range(self.features):
            row, half = d * self.stride, -0.5 * time * self.scale[d]
            kick_again(room.h0 + row, room.h1 + row, room.w + row, m, half * alpha, half * beta)
            take_kinetic(room.v + row, room.w + row, room.q, m)
        decide(room.q, room.uy, room.u_odd if step & 1 else room.u_even, room.take, room.bad, m)
        adopt(room.take, room.n0, room.e0, m)
        adopt(room.take, room.n1, room.e1, m)
        for d in range(self.features):
            row = d * self.stride
            adopt(room.take, room.y + row, room.x + row, m)
            adopt(room.take, room.h0 + row, room.g0 + row, m)
            adopt(room.take, room.h1 + row, room.g1 + row, m)
            turn_back(room.take, room.w + row, room.v + row, m)
        taken = <int64_t>lane_sum(room.take, m)
        fastebm_fetch_add(&self.accepted[t], taken)
        fastebm_fetch_add(&self.undefined, <int64_t>lane_sum(room.bad, m))
        return taken

    cdef int _block(self, Room* room, Py_ssize_t start, Py_ssize_t m) noexcept nogil:
        cdef int64_t t, taken
        cdef uint64_t chain0 = <uint64_t>start
        gather(self.x + start * self.features, room.x, m, self.features, self.stride)
        memset(room.log_w, 0, m * sizeof(double))
        if self._evaluate(room.x, room.e0, room.e1, room.g0, room.g1, room.rest, m):
            return -1
        for t in range(self.n_steps):
            self._weigh(room, m, start, t)
            if t + 1 < self.n_steps:
                taken = self._step(room, m, chain0, t + 1)
                if taken < 0:
                    return -1
                if self.gain > 0.0 and t + 2 < self.n_steps:
                    # The pilot finds the time step on its way.
                    self.times[t + 2] = self.times[t + 1] * exp_neg(self.gain * (self.target - <double>taken / m))
            fastebm_fetch_add(&self.done, m)
            if self.control.poll(<double>self.done):
                return -1
        scatter(room.x, self.x + start * self.features, m, self.features, self.stride)
        memcpy(self.log_w + start, room.log_w, m * sizeof(double))
        memcpy(self.parts + start, room.e0, m * sizeof(double))
        memcpy(self.parts + self.n + start, room.e1, m * sizeof(double))
        return 0

    def work(self):
        """Take blocks until none is left."""
        cdef Room room
        cdef int64_t block
        cdef int status = 0
        cdef Py_ssize_t start
        memory = np.empty(self._carve(NULL, &room) + 8)
        self._carve(aligned(address(memory)), &room)
        with nogil:
            while not self.failed:
                block = fastebm_fetch_add(&self.next_block, 1)
                if block >= self.n_blocks:
                    break
                start = block * self.size
                status = self._block(&room, start, min(self.size, self.n - start))
                if status:
                    # The other threads stop at their next poll.
                    self.failed = 1
                    self.control.stop = 1
        if status:
            # Only the thread that met it can ask for it; the first one is raised.
            failures = [e.take_failure() for e in (self.base, self.other)]
            failure = next((f for f in failures if f is not None), None)
            if self.control.failure is None:
                self.control.failure = failure

    def run(self, n_threads):
        """Run everything; returns when no thread works on it any more."""
        helpers = ()
        try:
            if self.n_blocks > 1:
                helpers = submit(self.work, min(n_threads, self.n_blocks) - 1)
            self.work()
        except BaseException:
            self.control.halt()
            raise
        finally:
            for helper in helpers:
                helper.cancel()
            for helper in helpers:
                if not helper.cancelled():
                    helper.result()
        self.control.finish()
        if self.failed:
            self.base.raise_failure()


def anneal(Energy base not None, Energy other not None, bint tilt, rows, betas, times, scale, double keep, stream, *,
           n_threads=None, adapt=None, bint record=False, show=None):
    """Walk chains from ``betas[0]`` to ``betas[-1]``, up or down; the caller has checked everything.

    Parameters
    ----------
    base, other : Energy
        The path is ``base + beta other`` for a tilt, else ``(1 - beta) base + beta other``.
    tilt : bool
    rows : ndarray of shape (n_chains, n_features)
        Where the chains begin.
    betas, times : ndarray of shape (n_steps + 1,)
        Inverse temperatures; time step of the move at each (there is none at the first and the last).
    scale : ndarray of shape (n_features,)
        Diagonal preconditioner.
    keep : float
        Part of the momentum that a move leaves to the next, 0 to 1; 0 is MALA.
    stream : (int, int)
        Key of the random numbers.
    n_threads : int, optional
        It does not change a bit of the results.
    adapt : (float, float), optional
        Gain, and acceptance rate that the time steps are to follow. All chains are then one block.
    record : bool
        Keep the derivative of the path's energy by beta at every temperature.
    show : tqdm bar, optional
        In units of n_chains * n_steps.

    Returns
    -------
    x : ndarray of shape (n_chains, n_features)
    work : ndarray of shape (n_chains,)
        Minus the sum of (beta[t + 1] - beta[t]) times that derivative: the log-weight on the way up.
    parts : ndarray of shape (2, n_chains)
        Energies of base and other at the end.
    rates : ndarray of shape (n_steps + 1,)
        Share of the chains that moved at each temperature; 0 at the ends.
    times : ndarray of shape (n_steps + 1,)
        As given, or as adapted.
    history : ndarray of shape (n_steps, n_chains) or None
    undefined : int
        Proposals whose energy or gradient was not a number.
    """
    cdef Annealing run = Annealing.__new__(Annealing)
    cdef Py_ssize_t threads
    run.base, run.other, run.tilt = base, other, tilt
    run.n, run.features = rows.shape
    run.n_steps = len(betas) - 1
    x, times = rows.copy(), times.copy()
    log_w, parts = np.zeros(run.n), np.zeros((2, run.n))
    history = np.zeros((run.n_steps, run.n)) if record else None
    run.x, run.log_w, run.parts = address(x), address(log_w), address(parts)
    run.betas, run.times, run.scale = address(betas), address(times), address(scale)
    if record:
        run.record = address(history)
    run.keep, run.fresh = keep, (1.0 - keep * keep) ** 0.5
    run.key.k0, run.key.k1 = stream
    threads = resolve(n_threads)
    if adapt is not None:
        run.gain, run.target = adapt
        run.size = run.n
    else:
        # Enough blocks for every thread; a chain's numbers do not depend on its block.
        if <double>run.n * run.n_steps * run.features < WORTH_THREADS:
            threads = 1
        # The other energy is the one of interest: a Python function behind it wants large blocks.
        run.size = min(other.block_size, (run.n + threads - 1) // threads)
        run.size = min(run.n, max(8, (run.size + 7) & ~7))
    run.stride = (run.size + 7) & ~7
    run.n_blocks = (run.n + run.size - 1) // run.size
    accepted = np.zeros(run.n_steps + 1, np.int64)
    run.accepted = <int64_t*><void*>address(accepted)
    run.control = Control(show, <double>run.n * run.n_steps)
    run.run(threads)
    return x, log_w, parts, accepted / run.n, times, history, run.undefined
