"""The driver: runs blocks of chains on one or more threads, in pieces that Ctrl-C can end."""

from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memset

import numpy as np

from .._runtime.check import integer, samples
from .._runtime.errors import NonFiniteError, SamplingInterrupted
from .._runtime.progress import bar
from .._runtime.seed import seed_sequence
from .._runtime.threads import resolve, submit
from . import base as _base
from .base import set_driver
from .result import SampleResult
from .state import RunState

from .._runtime.control cimport Control, now
from .._runtime.fast cimport address, finite
from ..energies.base cimport Energy
from ..kernels.layout cimport gather, scatter
from ..kernels.random cimport Key
from ..kernels.scratch cimport Arena, aligned, carve
from .base cimport Sampler, Tally, key_of

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

# A pool call costs 50-100 us: below this many seconds of remaining work, one thread is faster.
cdef double WORTH_THREADS = 1e-3
# A piece of a run should end well within the 0.2 s in which Ctrl-C must work.
cdef double PIECE = 0.01
# Steps of the first piece, which tells how long pieces may be: enough for a short run to be one piece.
cdef int64_t FIRST_PIECE = 32
# Seconds of work on a block that Ctrl-C may cost: so often it is put where the caller finds it.
cdef double SAVED = 0.05
cdef int64_t MOST = <int64_t>1 << 40
cdef object FLOAT = np.dtype(np.float64)


cdef struct Room:
    # Scratch of one thread.
    double* x
    double* state
    double* work


cdef class _Run:
    """One run: the shared state of the threads that work on it."""

    cdef Sampler sampler
    cdef Energy energy
    cdef Control control
    # Rows of all chains, in arrays that the caller keeps; NULL where there is none.
    cdef double* x
    cdef double* state
    cdef double* trace
    cdef double* energies
    cdef Key key
    cdef Py_ssize_t n, features, width, size, stride, n_tallies
    cdef uint64_t first_chain, first_step
    cdef bint fresh
    cdef int64_t n_steps, burn_in, thin, next_block, n_blocks, done
    cdef Tally* tallies
    # Steps after which each block is in the rows.
    cdef int64_t* reached
    cdef int failed
    cdef bint undecided
    cdef object n_threads, helpers

    def __dealloc__(self):
        free(self.tallies)
        free(self.reached)

    cdef void _put(self, Room* room, Py_ssize_t start, Py_ssize_t m, int64_t step) noexcept nogil:
        # The block, as it is after so many steps, to the rows of the caller.
        scatter(room.x, self.x + start * self.features, m, self.features, self.stride)
        if self.width:
            scatter(room.state, self.state + start * self.width, m, self.width, self.stride)
        self.reached[start // self.size] = step

    cdef Py_ssize_t _carve(self, double* memory, Room* room) noexcept nogil:
        cdef Arena arena
        arena.at, arena.used = memory, 0
        room.x = carve(&arena, self.features * self.stride)
        room.state = carve(&arena, self.width * self.stride)
        # At least what an evaluation of the energy needs.
        room.work = carve(&arena, max(self.sampler.work_size(self.energy, self.stride),
                                      self.energy.work_size(self.stride)))
        return arena.used

    cdef int _piece(self, Room* room, Py_ssize_t start, Py_ssize_t m, Tally* counted, Tally* idle) noexcept nogil:
        # All steps of one block, in pieces that are short enough to be interrupted.
        cdef int64_t step = 0, count, limit = FIRST_PIECE, total = self.burn_in + self.n_steps, kept
        cdef uint64_t chain0 = self.first_chain + <uint64_t>start
        cdef double begin = 0.0, end, put = 0.0
        # A block that is done in one piece, alone, need not look at the clock.
        cdef bint timed = total > limit or self.n_blocks > 1
        gather(self.x + start * self.features, room.x, m, self.features, self.stride)
        if self.width:
            gather(self.state + start * self.width, room.state, m, self.width, self.stride)
            if self.fresh:
                if self.sampler.start_block(self.energy, room.x, room.state, room.work, m, self.stride, self.key,
                                            chain0, self.first_step):
                    return -1
            elif self.sampler.refresh_block(self.energy, room.x, room.state, room.work, m, self.stride):
                return -1
        if timed:
            begin = now()
        while step < total:
            count = min(limit, total - step)
            if step < self.burn_in:
                count = min(count, self.burn_in - step)
            elif self.thin:
                count = min(count, self.thin - (step - self.burn_in) % self.thin)
            if self.sampler.run_block(self.energy, room.x, room.state, room.work, m, self.stride, self.key, chain0,
                                      self.first_step + <uint64_t>step, count,
                                      idle if step < self.burn_in else counted):
                return -1
            step += count
            if timed and self.undecided:
                self._decide((now() - begin) / (<double>m * count))
            kept = step - self.burn_in
            if self.thin and kept > 0 and kept % self.thin == 0:
                scatter(room.x, self.trace + ((kept // self.thin - 1) * self.n + start) * self.features, m,
                        self.features, self.stride)
            if step < total:
                end = now()
                # Only a full piece tells that pieces could be longer: thin cuts them shorter.
                if count == limit and end - begin < PIECE:
                    limit *= 2
                begin = end
                fastebm_fetch_add(&self.done, m * count)
                # An exception in the energy leaves a block between two steps: it is put away before.
                if end - put > SAVED:
                    self._put(room, start, m, step)
                    put = end
                if self.control.poll(<double>self.done):
                    self._put(room, start, m, step)
                    return -1
            else:
                fastebm_fetch_add(&self.done, m * count)
        self._put(room, start, m, total)
        if self.energies is not NULL and self.energy.energy_block(room.x, self.energies + start, room.work, m,
                                                                  self.stride):
            return -1
        return 0

    cdef void _decide(self, double cost) noexcept nogil:
        # The calling thread does the first piece alone; its cost tells whether helpers are worth their start.
        self.undecided = False
        if self.n_blocks > 1 and cost * self.n * (self.burn_in + self.n_steps) > WORTH_THREADS:
            with gil:
                try:
                    self.helpers = submit(self.work, min(resolve(self.n_threads), self.n_blocks) - 1)
                except BaseException as error:
                    self.control.failure = error
                    self.control.halt()

    cdef int _loop(self, Room* room, Tally* counted, Tally* idle) noexcept nogil:
        cdef int64_t block
        cdef int status = 0
        cdef Py_ssize_t start, j
        while not self.failed:
            block = fastebm_fetch_add(&self.next_block, 1)
            if block >= self.n_blocks:
                break
            start = block * self.size
            if self._piece(room, start, min(self.size, self.n - start), counted, idle):
                # The other threads stop at their next poll.
                self.failed = 1
                self.control.stop = 1
                status = -1
                break
            if self.n_blocks > 1 and self.control.poll(<double>self.done):
                self.failed = 1
        for j in range(self.n_tallies):
            fastebm_fetch_add(&self.tallies[j].proposed, counted[j].proposed)
            fastebm_fetch_add(&self.tallies[j].accepted, counted[j].accepted)
            fastebm_fetch_add(&self.tallies[j].clipped, counted[j].clipped)
            fastebm_fetch_add(&self.tallies[j].undefined, counted[j].undefined + idle[j].undefined)
        return status

    def work(self):
        """Take blocks until none is left."""
        cdef Room room
        cdef Py_ssize_t need = self._carve(NULL, &room)
        # Two tallies for each part behind the scratch.
        cdef double* memory = <double*>malloc((need + 8) * sizeof(double) + 2 * self.n_tallies * sizeof(Tally))
        cdef Tally* counted
        cdef int status
        if memory is NULL:
            raise MemoryError(f"no room for {need} numbers of scratch")
        self._carve(aligned(memory), &room)
        counted = <Tally*>(aligned(memory) + need)
        memset(counted, 0, 2 * self.n_tallies * sizeof(Tally))
        with nogil:
            status = self._loop(&room, counted, counted + self.n_tallies)
            free(memory)
        if status:
            # Only the thread that met it can ask for it; the first one is raised.
            failure = self.energy.take_failure()
            if self.control.failure is None:
                self.control.failure = failure

    def _join(self):
        for helper in self.helpers:
            helper.cancel()
        for helper in self.helpers:
            if not helper.cancelled():
                helper.result()

    def run(self):
        """Run everything; returns when no thread works on it any more."""
        self.helpers = ()
        self.undecided = True
        try:
            self.work()
            if self.helpers:
                self._join()
        except BaseException:
            # Ctrl-C while waiting: no helper may go on working on a run that nobody wants.
            self.control.halt()
            self._join()
            raise
        self.control.finish()
        if self.failed:
            self.energy.raise_failure()

    def check(self, x, chain_state):
        """Raise NonFiniteError if a proposal, a chain or its state was not a number."""
        cdef Py_ssize_t j
        cdef int64_t undefined = 0
        for j in range(self.n_tallies):
            undefined += self.tallies[j].undefined
        if undefined:
            raise NonFiniteError(
                f"the energy or its gradient was not a number for {undefined} proposals of {self.sampler!r}; check the "
                "energy's functions, or use a smaller step_size"
            )
        wrong = None
        if not finite(self.x, self.n * self.features):
            wrong = x
        elif self.width and not finite(self.state, self.n * self.width):
            wrong = chain_state
        if wrong is not None:
            chain = int(np.argwhere(~np.isfinite(wrong))[0, 0]) + self.first_chain
            raise NonFiniteError(
                f"chain {chain} diverged under {self.sampler!r}; use a smaller step_size (stable below 2 / largest "
                "curvature of the energy), or check the energy's gradient"
            )


cdef int64_t _count(value, str name, int64_t minimum) except -1:
    # A plain int, which it nearly always is, without a call.
    cdef int64_t number
    if type(value) is int and 0 <= value < MOST:
        number = value
        if number >= minimum:
            return number
    return integer(value, name, minimum, MOST - 1)


cdef object _chains(x0, Py_ssize_t n_features, str name):
    """(copy of shape (n_chains, n_features) or (n_chains,), number of chains), checked and finite."""
    cdef Py_ssize_t n
    if type(x0) is np.ndarray and x0.dtype is FLOAT and x0.flags.c_contiguous:
        shape = x0.shape
        if len(shape) == (1 if n_features == 1 else 2) and (n_features == 1 or shape[1] == n_features) and shape[0]:
            x, n = x0.copy(), shape[0]
            if finite(address(x), n * n_features):
                return x, n
    # Everything else takes the door that converts, or says what is wrong.
    start, flat = samples(x0, n_features, name)
    return (start.reshape(-1) if flat else start).copy(), len(start)


def _drive(Sampler sampler not None, Energy energy not None, x0, n_steps, seed, n_threads, thin, progress, first_chain,
           burn_in, whole):
    """What `Sampler.sample` (states) and `Sampler.run` (the whole result) do."""
    cdef _Run run = _Run.__new__(_Run)
    cdef int64_t steps = _count(n_steps, "n_steps", 0), burn = _count(burn_in, "burn_in", 0)
    cdef int64_t every = 0 if thin is None else _count(thin, "thin", 1)
    sampler._check_ready()
    energy._check_ready()
    if n_threads is not None:
        resolve(n_threads)
    continued = isinstance(x0, RunState)
    if sampler.automatic:
        if continued or first_chain is not None:
            raise ValueError(f"{sampler!r} is tuned by all chains at their start: use fastebm.tune once, and go on "
                             "with the sampler that it returns (result.sampler)")
        # A fresh seed or a Generator serves the warm-up and the run.
        seed = seed_sequence(seed)
        tuned = _base.tuner(sampler, energy, x0, seed=seed, n_threads=n_threads, progress=progress)
        sampler, x0 = tuned.sampler, tuned.x
    x, run.n = _chains(x0.x, energy.n_features, "x0.x") if continued else _chains(x0, energy.n_features, "x0")
    sampler.check_for(energy)
    run.features, run.width, run.n_tallies = energy.n_features, sampler.state_size(energy), sampler.n_tallies
    _begin(run, x0, seed, first_chain)
    if run.first_step + <uint64_t>(burn + steps) >= <uint64_t>MOST:
        raise ValueError(f"n_steps={steps} is too many: a run has fewer than 2**40 steps in all")
    run.x = address(x)
    chain_state = None
    if continued:
        chain_state = _fitting(x0, run.n, run.width).copy()
    elif run.width:
        chain_state = np.zeros((run.n, run.width))
    if run.width:
        run.state = address(chain_state)
    trace = np.empty((steps // every, *x.shape)) if every else None
    run.sampler, run.energy, run.n_threads = sampler, energy, n_threads
    run.size = min(energy.block_size, run.n)
    run.stride = (run.size + 7) & ~7
    run.n_steps, run.burn_in = steps, burn
    # Without a single state to keep, there is no trace to write to.
    if every and trace.size:
        run.thin, run.trace = every, address(trace)
    energies = None
    if whole:
        energies = np.empty(run.n)
        run.energies = address(energies)
    run.n_blocks = (run.n + run.size - 1) // run.size
    run.tallies = <Tally*>calloc(run.n_tallies, sizeof(Tally))
    run.reached = <int64_t*>calloc(run.n_blocks, sizeof(int64_t))
    if run.tallies is NULL or run.reached is NULL:
        raise MemoryError
    total = <double>run.n * (burn + steps)
    display = bar(progress, total, "sampling", "step") if progress else None
    run.control = Control(display, total)
    if burn + steps or whole:
        try:
            run.run()
        except KeyboardInterrupt:
            raise _interrupted(run, x, chain_state, trace) from None
        finally:
            if display is not None:
                display.close()
    run.check(x, chain_state)
    if not whole:
        return x if thin is None else trace
    return _result(run, x, chain_state, trace, energies, burn + steps)


cdef object _result(_Run run, x, chain_state, trace, energies, int64_t steps):
    cdef Py_ssize_t j
    if chain_state is None:
        chain_state = np.empty((len(x), 0))
    state = RunState(x.copy(), chain_state, run.first_chain, run.first_step + <uint64_t>steps,
                     (run.key.k0, run.key.k1))
    counts = [run.tallies[j] for j in range(run.n_tallies)]
    accepted, proposed, clipped = [sum([c[k] for c in counts]) for k in ("accepted", "proposed", "clipped")]
    return SampleResult(x, trace, _rate(accepted, proposed), clipped, energies, state,
                        tuple([_rate(c["accepted"], c["proposed"]) for c in counts]), run.sampler, run.energy,
                        run.thin or 1)


cdef object _interrupted(_Run run, x, chain_state, trace):
    # What is complete: the first blocks that came to their end, or else as many steps of the first one as it made.
    cdef int64_t total = run.burn_in + run.n_steps, steps
    cdef Py_ssize_t blocks = 0, n
    while blocks < run.n_blocks and run.reached[blocks] == total:
        blocks += 1
    steps = total if blocks else run.reached[0]
    n = min(max(blocks, 1) * run.size, run.n)
    x, chain_state = x[:n].copy(), None if chain_state is None else chain_state[:n].copy()
    if not (steps and np.isfinite(x).all() and (chain_state is None or np.isfinite(chain_state).all())):
        return SamplingInterrupted("interrupted before anything was complete", None)
    if trace is not None:
        trace = trace[:max(steps - run.burn_in, 0) // run.thin if run.thin else 0, :n].copy()
    try:
        energies = run.energy._energy_with_walls(x)
    except Exception:
        energies = None
    some = f" of the first {n:,} of {run.n:,} chains" if n < run.n else ""
    return SamplingInterrupted(
        f"interrupted; .result of this error holds {steps:,} of {total:,} steps{some}, and run(energy, "
        "error.result.state, n) goes on from there with the same bytes",
        _result(run, x, chain_state, trace, energies, steps), steps
    )


def _rate(accepted, proposed):
    return accepted / proposed if proposed else None


cdef _begin(_Run run, x0, seed, first_chain):
    # Key, first chain and first step: from the state of an earlier run, or from the arguments.
    if not isinstance(x0, RunState):
        run.key = key_of(seed)
        run.first_chain = 0 if first_chain is None else integer(first_chain, "first_chain", 0, 2**62)
        run.first_step, run.fresh = 0, True
        return
    for value, name in ((seed, "seed"), (first_chain, "first_chain")):
        if value is not None:
            raise ValueError(f"{name} is part of the state that the run goes on from; leave it out, got {value!r}")
    run.key.k0, run.key.k1 = x0.stream
    run.first_chain, run.first_step, run.fresh = x0.first_chain, x0.next_step, False


def _fitting(state, n, width):
    if state.chain_state.shape != (n, width):
        raise ValueError(
            f"the state has {state.chain_state.shape[1]} numbers for each chain, but this sampler keeps {width}: it is "
            "the state of another sampler's run"
        )
    return state.chain_state


set_driver(_drive)
