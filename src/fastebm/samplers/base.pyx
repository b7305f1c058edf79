"""The sampler contract, and what all samplers share."""

from libc.stdint cimport int64_t, uint64_t

from .._runtime.check import check_heap_type, describe
from .._runtime.seed import key as seed_key

from .._runtime.fast cimport key_words
from ..energies.base cimport Energy
from ..kernels.random cimport Key

cdef object WORD = 2**64
# drive(sampler, energy, start, ...): set by `driver`, which knows the contract, not the other way round.
cdef object drive = None
# tune(sampler, energy, x0, ...): set by `tuning`.
tuner = None


def set_driver(function):
    """Tell the contract what runs it."""
    global drive
    drive = function


def set_tuner(function):
    """Tell the contract what tunes a step size that is "auto"."""
    global tuner
    tuner = function


cdef Key key_of(object seed) except *:
    cdef Key key
    if type(seed) is int and 0 <= seed < WORD:
        key_words(seed, &key.k0, &key.k1)
    else:
        key.k0, key.k1 = seed_key(seed)
    return key


cdef class Sampler:
    """Moves a population of independent chains. This is the contract; use `SGLD`, `MALA` or `IndependenceMH`.

    Examples
    --------
    >>> import fastebm as fe
    >>> sampler = fe.MALA(0.05)
    >>> isinstance(sampler, fe.Sampler), sampler.adjusted, sampler.temperature
    (True, True, 1.0)
    """

    def __cinit__(self, *args, **kwargs):
        check_heap_type(type(self))
        self.purposes = ~<uint64_t>0
        self.n_tallies = 1

    cdef Py_ssize_t state_size(self, Energy energy) noexcept nogil:
        return 0

    cdef int start_block(self, Energy energy, const double* x, double* state, double* work, Py_ssize_t n,
                         Py_ssize_t stride, Key key, uint64_t chain0, uint64_t step0) noexcept nogil:
        return 0

    cdef int refresh_block(self, Energy energy, const double* x, double* state, double* work, Py_ssize_t n,
                           Py_ssize_t stride) noexcept nogil:
        return 0

    cdef Py_ssize_t work_size(self, Energy energy, Py_ssize_t n) noexcept nogil:
        return energy.work_size(n)

    cdef int run_block(self, Energy energy, double* x, double* state, double* work, Py_ssize_t n, Py_ssize_t stride,
                       Key key, uint64_t chain0, uint64_t step0, int64_t n_steps, Tally* tally) noexcept nogil:
        with gil:
            return energy.fail(NotImplementedError(
                f"{type(self).__name__} has no run_block: a sampler's steps are written in Cython (see 'How to add a "
                "sampler' in CONTRIBUTING.md); in Python combine samplers with fastebm.cycle"
            ))

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
        """Step size as its constructor takes it ("auto" until it is tuned), or None if it has none."""
        return None

    @property
    def langevin_step(self):
        """h of the Langevin step x - h dE/dx that its shortest move is, in squared units of x; None if it has none."""
        return self.step_size

    def step_size_of(self, h):
        """The step_size whose `langevin_step` is h."""
        return h

    @property
    def automatic(self):
        """Is its step size "auto", to be tuned before a run?"""
        return False

    @property
    def target_acceptance(self):
        """Acceptance rate that tuning aims at, or None if there is nothing to tune."""
        return None

    def tuned_by(self, tune):
        """This sampler with every part whose step size is "auto" replaced by tune(part)."""
        return tune(self) if self.automatic else self

    def adjusted_twin(self):
        """The sampler of the same moves with an accept step, which tells what a step size costs."""
        return self

    def with_arguments(self, **changes):
        """A new sampler with some arguments of its constructor changed."""
        return type(self)(**(self._arguments() | changes))

    def at_temperature(self, factor):
        """This sampler at factor times its temperature, with steps as much longer; ValueError if it cannot be."""
        raise ValueError(f"{type(self).__name__} has no temperature that could be raised")

    @property
    def noise_std(self):
        """Standard deviation of the noise of one Langevin step, in units of x / scale; None if it takes none."""
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

    @property
    def proposal_box(self):
        """(low, high) that every proposal lies in, or None: beyond it chains are never brought."""
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

    def check_for(self, Energy energy not None):
        """Raise ValueError if this sampler cannot run on this energy, or would leave its walls unawares."""
        if energy.has_walls and not self.adjusted:
            raise ValueError(
                f"{self!r} has no accept step and would walk through the walls of {type(energy).__name__}; use MALA or "
                "HMC, which reject what is outside"
            )
        self.check(energy)

    def check(self, Energy energy not None):
        """Raise ValueError if this sampler cannot run on this energy."""

    def sample(self, Energy energy not None, x0, n_steps, *, seed=None, n_threads=None, thin=None, progress=False,
               first_chain=None, burn_in=0):
        """Run the chains and return their states.

        Parameters
        ----------
        energy : Energy
            What to sample.
        x0 : array-like of shape (n_chains, n_features), or (n_chains,) if n_features is 1; or RunState
            Where the chains start. It is not modified. A `RunState`, the ``state`` of an earlier result, goes on from
            there: the bytes are those of one long run.
        n_steps : int
            Number of steps, at least 0; 0 returns a copy of x0.
        seed : None, int, SeedSequence or Generator
            The same seed gives the same bytes, whatever n_threads and instruction set, and chain i does not depend on
            the other chains. A `RunState` has its own.
        n_threads : int, optional
            Threads to use, by default FASTEBM_NUM_THREADS or every processor. Short runs use one.
        thin : int, optional
            Keep every thin-th state instead of only the last.
        progress : bool, default False
            Show a progress bar (needs tqdm).
        first_chain : int, default 0
            Number of the first chain: with it a run of the chains k, k + 1, ... of a larger population gives the bytes
            that they have there. A `RunState` has its own.
        burn_in : int, default 0
            Steps before the n_steps, of which nothing is kept or counted.

        Returns
        -------
        ndarray, shaped like x0; with thin, of shape ``(n_steps // thin, *x0.shape)``

        Raises
        ------
        ValueError, TypeError
            If an argument has the wrong shape, type or range.
        NonFiniteError
            If a chain diverges.
        SamplingInterrupted
            After Ctrl-C. It is a KeyboardInterrupt, and its ``result`` is that of `run` with as many steps as are done.
        """
        return drive(self, energy, x0, n_steps, seed, n_threads, thin, progress, first_chain, burn_in, False)

    def run(self, Energy energy not None, x0, n_steps, *, seed=None, n_threads=None, thin=None, progress=False,
            first_chain=None, burn_in=0):
        """As `sample`, but returns a `SampleResult`: the last states and their energies, the trace, the counts, and the
        state from which to go on."""
        return drive(self, energy, x0, n_steps, seed, n_threads, thin, progress, first_chain, burn_in, True)

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

    def _repr_html_(self):
        # Late: nobody who is not in a notebook needs it.
        from .._runtime import html

        def make():
            self._check_ready()
            t = self.exact_at
            law = None if t is None else "exp(-E)" if t == 1.0 else f"exp(-E / {t:g})"
            rows = [("step size", self.step_size), ("temperature", self.temperature), ("noise_std", self.noise_std),
                    ("bounds", self.bounds), ("accept step", self.adjusted),
                    ("leaves invariant", law or "no law exactly: it is off by the step size")]
            known = [row for row in rows if row[1] is not None]
            return html.card(type(self).__name__, known, html.folded("repr", html.code(self)))

        return html.guarded(make)


def as_sampler(value, str name="sampler"):
    """Return value if it is a sampler whose constructor has run; TypeError if not."""
    if not isinstance(value, Sampler):
        raise TypeError(f"{name} must be a Sampler, got {describe(value)}")
    value._check_ready()
    return value


def _rebuild(cls, arguments):
    return cls(**arguments)
