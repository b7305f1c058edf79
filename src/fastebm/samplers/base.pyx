"""The sampler contract, and the driver that runs blocks of chains on one or more threads."""

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memset

import numpy as np

from .._runtime.check import describe, integer, samples
from .._runtime.errors import NonFiniteError
from .._runtime.progress import bar
from .._runtime.seed import key as seed_key
from .._runtime.threads import resolve, submit
from .result import SampleResult

from .._runtime.control cimport Control, now
from .._runtime.fast cimport finite
from ..energies.base cimport Energy
from ..kernels.layout cimport gather, scatter
from ..kernels.random cimport Key

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


cdef Key key_of(object seed) except *:
    cdef Key key
    key.k0, key.k1 = seed_key(seed)
    return key


cdef class _Run:
    """One run: the shared state of the threads that work on it."""

    cdef Sampler sampler
    cdef Energy energy
    cdef Control control
    cdef double[:, ::1] x
    cdef double[:, :, ::1] trace
    cdef Key key
    cdef Py_ssize_t n, features, size, stride
    cdef int64_t n_steps, thin, next_block, n_blocks, done
    cdef Tally tally
    cdef int failed
    cdef bint undecided
    cdef object n_threads, helpers

    cdef int _piece(self, double* x, double* work, Py_ssize_t start, Py_ssize_t m, Tally* tally) noexcept nogil:
        # All steps of one block, in pieces that are short enough to be interrupted.
        cdef int64_t step = 0, count, limit = 16
        cdef double begin, end
        gather(&self.x[start, 0], x, m, self.features, self.stride)
        begin = now()
        while step < self.n_steps:
            count = min(limit, self.n_steps - step)
            if self.thin:
                count = min(count, self.thin - step % self.thin)
            if self.sampler.run_block(self.energy, x, work, m, self.stride, self.key, start, step, count, tally):
                return -1
            step += count
            if self.undecided:
                self._decide((now() - begin) / (<double>m * count))
            if self.thin and step % self.thin == 0:
                scatter(x, &self.trace[step // self.thin - 1, start, 0], m, self.features, self.stride)
            if step < self.n_steps:
                end = now()
                # Only a full piece tells that pieces could be longer: thin cuts them shorter.
                if count == limit and end - begin < PIECE:
                    limit *= 2
                begin = end
                fastebm_fetch_add(&self.done, m * count)
                if self.control.poll(<double>self.done):
                    return -1
            else:
                fastebm_fetch_add(&self.done, m * count)
        scatter(x, &self.x[start, 0], m, self.features, self.stride)
        return 0

    cdef void _decide(self, double cost) noexcept nogil:
        # The calling thread does the first piece alone; its cost tells whether helpers are worth their start.
        self.undecided = False
        if self.n_blocks > 1 and cost * self.n * self.n_steps > WORTH_THREADS:
            with gil:
                try:
                    self.helpers = submit(self.work, min(resolve(self.n_threads), self.n_blocks) - 1)
                except BaseException as error:
                    self.control.failure = error
                    self.control.halt()

    cdef int _loop(self, double* scratch) noexcept nogil:
        cdef Tally tally
        cdef int64_t block
        cdef int status = 0
        cdef Py_ssize_t start
        cdef double* work = scratch + self.features * self.stride
        memset(&tally, 0, sizeof(tally))
        while not self.failed:
            block = fastebm_fetch_add(&self.next_block, 1)
            if block >= self.n_blocks:
                break
            start = block * self.size
            if self._piece(scratch, work, start, min(self.size, self.n - start), &tally):
                # The other threads stop at their next poll.
                self.failed = 1
                self.control.stop = 1
                status = -1
                break
            if self.control.poll(<double>self.done):
                self.failed = 1
        fastebm_fetch_add(&self.tally.proposed, tally.proposed)
        fastebm_fetch_add(&self.tally.accepted, tally.accepted)
        fastebm_fetch_add(&self.tally.clipped, tally.clipped)
        fastebm_fetch_add(&self.tally.undefined, tally.undefined)
        return status

    def work(self):
        """Take blocks until none is left."""
        cdef double[::1] scratch = np.empty(
            self.features * self.stride + self.sampler.work_size(self.energy, self.stride) + 8
        )
        # Vectors that straddle cache lines cost: start on one.
        cdef double* aligned = <double*>((<size_t>&scratch[0] + 63) & ~<size_t>63)
        cdef int status
        with nogil:
            status = self._loop(aligned)
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
        self.helpers = []
        self.undecided = True
        try:
            self.work()
            self._join()
        except BaseException:
            # Ctrl-C while waiting: no helper may go on working on a run that nobody wants.
            self.control.halt()
            self._join()
            raise
        self.control.finish()
        if self.failed:
            self.energy.raise_failure()


cdef class Sampler:
    """Moves a population of independent chains. This is the contract; use `SGLD`, `MALA` or `IndependenceMH`."""

    cdef Py_ssize_t work_size(self, Energy energy, Py_ssize_t n) noexcept nogil:
        return 0

    cdef int run_block(self, Energy energy, double* x, double* work, Py_ssize_t n, Py_ssize_t stride, Key key,
                       uint64_t chain0, uint64_t step0, int64_t n_steps, Tally* tally) noexcept nogil:
        return -1

    @property
    def exact_at(self):
        """Temperature T at which exp(-E / T) / Z is invariant, or None if it is invariant at none."""
        return None

    @property
    def adjusted(self):
        """Has it an accept step?"""
        return False

    @property
    def step_size(self):
        """Step size in squared units of x, or None if it has none."""
        return None

    @property
    def temperature(self):
        """T of the density exp(-E / T) / Z that it samples, exactly or nearly; None if it has none."""
        return None

    @property
    def intended_temperature(self):
        """The temperature that was asked for: 1 where only a noise level was given."""
        return 1.0 if self.temperature is None else self.temperature

    @property
    def bounds(self):
        """(low, high) that no coordinate leaves, or None."""
        return None

    def _is_ready(self):
        """Has __init__ run?"""
        return True

    def _check_ready(self):
        """Raise TypeError if this is the abstract class, or was made by __new__ alone."""
        if type(self) is Sampler:
            raise TypeError("Sampler is abstract; use SGLD, MALA, IndependenceMH or MixtureMH")
        if not self._is_ready():
            raise TypeError(f"{type(self).__name__} is not initialised; call its constructor")

    def check(self, Energy energy not None):
        """Raise ValueError if this sampler cannot run on this energy."""

    def sample(self, Energy energy not None, x0, n_steps, *, seed=None, n_threads=None, thin=None, progress=False):
        """Run the chains and return their states.

        Parameters
        ----------
        energy : Energy
            What to sample.
        x0 : array-like of shape (n_chains, n_features), or (n_chains,) if n_features is 1
            Where the chains start. It is not modified.
        n_steps : int
            Number of steps, at least 0; 0 returns a copy of x0.
        seed : None, int, SeedSequence or Generator
            The same seed gives the same bytes, whatever n_threads and instruction set, and chain i does not depend on
            the other chains.
        n_threads : int, optional
            Threads to use, by default FASTEBM_NUM_THREADS or every processor. Short runs use one.
        thin : int, optional
            Keep every thin-th state instead of only the last.
        progress : bool, default False
            Show a progress bar (needs tqdm).

        Returns
        -------
        ndarray, shaped like x0; with thin, of shape ``(n_steps // thin, *x0.shape)``

        Raises
        ------
        ValueError, TypeError
            If an argument has the wrong shape, type or range.
        NonFiniteError
            If a chain diverges.
        """
        x, trace, _ = self._run(energy, x0, n_steps, seed, n_threads, thin, progress)
        return x if thin is None else trace

    def run(self, Energy energy not None, x0, n_steps, *, seed=None, n_threads=None, thin=None, progress=False):
        """As `sample`, but returns a `SampleResult` with the last states, the trace and the counts."""
        x, trace, tally = self._run(energy, x0, n_steps, seed, n_threads, thin, progress)
        proposed, accepted, clipped = tally
        return SampleResult(x, trace, accepted / proposed if proposed else None, clipped)

    def _run(self, Energy energy, x0, n_steps, seed, n_threads, thin, progress):
        cdef _Run run = _Run.__new__(_Run)
        cdef int64_t steps, every
        self._check_ready()
        energy._check_ready()
        start, flat = samples(x0, energy.n_features, "x0")
        steps = integer(n_steps, "n_steps", 0, 2**40 - 1)
        every = 0 if thin is None else integer(thin, "thin", 1, 2**40 - 1)
        if n_threads is not None:
            resolve(n_threads)
        self.check(energy)
        run.key = key_of(seed)
        x = start.copy()
        run.x = x
        run.n, run.features = run.x.shape[0], run.x.shape[1]
        trace = np.empty((steps // every, run.n, run.features)) if every else None
        run.sampler = self
        run.n_threads = n_threads
        run.energy = energy
        run.size = min(energy.block_size, run.n)
        run.stride = (run.size + 7) & ~7
        run.n_steps = steps
        # Without a single state to keep, there is no trace to write to.
        run.thin = every if every and trace.size else 0
        if run.thin:
            run.trace = trace
        run.n_blocks = (run.n + run.size - 1) // run.size
        display = bar(progress, float(run.n) * steps, "sampling", "step") if progress else None
        run.control = Control(display, float(run.n) * steps)
        if steps:
            try:
                run.run()
            finally:
                if display is not None:
                    display.close()
        self._check_run(run, x)
        if flat:
            x = x.reshape(-1)
            trace = trace.reshape(-1, run.n) if every else None
        return x, trace, (run.tally.proposed, run.tally.accepted, run.tally.clipped)

    def _check_run(self, _Run run, x):
        if run.tally.undefined:
            raise NonFiniteError(
                f"the energy or its gradient was not a number for {run.tally.undefined} proposals of {self!r}; "
                "check the energy's functions, or use a smaller step_size"
            )
        if not finite(&run.x[0, 0], run.n * run.features):
            chain = int(np.argwhere(~np.isfinite(x).all(axis=1))[0, 0])
            raise NonFiniteError(
                f"chain {chain} diverged under {self!r}; use a smaller step_size (stable below 2 / largest curvature "
                "of the energy), or check the energy's gradient"
            )

    def _arguments(self):
        return {}

    def __reduce__(self):
        return _rebuild, (type(self), self._arguments())

    def __eq__(self, other):
        return type(self) is type(other) and self._arguments() == other._arguments()

    __hash__ = None

    def __repr__(self):
        shown = ", ".join(f"{k}={v:g}" if isinstance(v, float) else f"{k}={v!r}" for k, v in self._arguments().items()
                          if v is not None)
        return f"{type(self).__name__}({shown})"


def as_sampler(value, str name="sampler"):
    """Return value if it is a sampler whose constructor has run; TypeError if not."""
    if not isinstance(value, Sampler):
        raise TypeError(f"{name} must be a Sampler, got {describe(value)}")
    value._check_ready()
    return value


def _rebuild(cls, arguments):
    return cls(**arguments)
