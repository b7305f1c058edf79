"""Parallel tempering: the ladder of temperatures is the state of one chain."""

from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

import numpy as np

from .._runtime.check import first_bad, integer, numeric
from .base import as_sampler
from .result import LadderStatistics
from .state import RunState

from ..energies.base cimport Energy
from ..kernels.math cimport in_t, lane_sum, out_t
from ..kernels.metropolis cimport decide
from ..kernels.random cimport DERIVE, SWAP, Key, counter, threefry, uniform_pairs
from ..kernels.scratch cimport Arena, carve
from .base cimport Sampler, Tally

# Beside the depths of cycles, which count from 1.
cdef uint64_t DEPTH = 0


cdef void swap_ratio(in_t e_cold, in_t e_hot, out_t q, Py_ssize_t n, double beta_difference) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        q[i] = beta_difference * (e_cold[i] - e_hot[i])


cdef void swap(in_t take, out_t a, out_t b, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    cdef double low, high
    for i in range(n):
        low, high = a[i], b[i]
        a[i] = high if take[i] != 0.0 else low
        b[i] = low if take[i] != 0.0 else high


cdef void count(in_t take, out_t accepted, out_t attempted, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        accepted[i] += take[i]
        attempted[i] += 1.0


cdef void turn_round(out_t bottom, out_t top, out_t trips, Py_ssize_t n) noexcept nogil:
    # A walker comes up from the bottom (1) or down from the top (-1), or has seen neither (0).
    cdef Py_ssize_t i
    for i in range(n):
        trips[i] += 1.0 if bottom[i] == -1.0 else 0.0
        bottom[i] = 1.0
        top[i] = -1.0


cdef struct Room:
    # The energy at every rung; the log-ratio, the uniforms, what is taken and what is not a number; counts of the hot
    # rungs; what the base sampler needs.
    double* e
    double* q
    double* u
    double* spare
    double* take
    double* undefined
    Tally* hot
    double* rest


cdef class Rung:
    # The sampler of one temperature, and the rungs above it.

    cdef Key key_for(self, Key key) noexcept nogil:
        cdef Key own
        threefry(key.k0, key.k1, self.slot, counter(DERIVE, DEPTH, 0), &own.k0, &own.k1)
        return own

    cdef int start(self, Energy energy, const double* x, double* state, double* work, Py_ssize_t n, Py_ssize_t stride,
                   Key key, uint64_t chain0, uint64_t step0) noexcept nogil:
        # All rungs start at the same x.
        if self.sampler.start_block(energy, x, state, work, n, stride, self.key_for(key), chain0, step0):
            return -1
        if self.above is None:
            return 0
        return self.above.start(energy, x, state + self.sampler.state_size(energy) * stride, work, n, stride, key,
                                chain0, step0)

    cdef int refresh(self, Energy energy, const double* x, const double* hot, double* state, double* work, Py_ssize_t n,
                     Py_ssize_t stride) noexcept nogil:
        if self.sampler.refresh_block(energy, x, state, work, n, stride):
            return -1
        if self.above is None:
            return 0
        return self.above.refresh(energy, hot, hot + energy.n_features * stride,
                                  state + self.sampler.state_size(energy) * stride, work, n, stride)

    cdef int run(self, Energy energy, double* x, double* hot, double* state, double* work, Py_ssize_t n,
                 Py_ssize_t stride, Key key, uint64_t chain0, uint64_t step0, int64_t n_steps, Tally* tally,
                 Tally* hot_tally) noexcept nogil:
        if self.sampler.run_block(energy, x, state, work, n, stride, self.key_for(key), chain0, step0, n_steps, tally):
            return -1
        if self.above is None:
            return 0
        return self.above.run(energy, hot, hot + energy.n_features * stride,
                              state + self.sampler.state_size(energy) * stride, work, n, stride, key, chain0, step0,
                              n_steps, hot_tally, hot_tally)


cdef class Tempering(Sampler):
    r"""Parallel tempering (replica exchange): chains that cross any barrier, at the price of a ladder of replicas.

    Every chain carries a replica for each temperature. A step moves each replica swap_every times with the base sampler
    at its temperature, then offers neighbours, alternately the even and the odd pairs, to exchange their places, which
    is accepted with probability

    .. math:: \min(1, e^{(1/T_i - 1/T_j) (E_i - E_j)}).

    The chain's x is the replica at T = 1. If the base sampler is exact, so is this.

    Parameters
    ----------
    sampler : Sampler
        Moves the replicas: `MALA`, `HMC`, `Underdamped`, `SGLD` or a cycle of them. At temperature T_i its steps are
        as much longer as the density is wider: sqrt(T_i) in the units of x.
    temperatures : array-like of shape (n_temperatures,)
        Increasing, the first of them 1. Neighbours should exchange in a fifth to a half of the offers
        (`swap_statistics`); a geometric ladder is a good start, as ``np.geomspace(1, 50, 8)``.
    swap_every : int, default 5
        Moves of each replica between two offers.
    step_sizes : array-like of shape (n_temperatures,), optional
        Of the base sampler at each temperature, in place of that rule. With a base sampler whose step size is "auto"
        they are tuned one by one.

    Raises
    ------
    ValueError, TypeError
        If the temperatures are fewer than two, not increasing or do not begin with 1, or the sampler has no
        temperature.

    References
    ----------
    Swendsen and Wang, Replica Monte Carlo simulation of spin glasses, 1986; Syed et al., Non-reversible parallel
    tempering, 2022 (even and odd pairs in turn).

    Examples
    --------
    >>> import fastebm as fe, numpy as np
    >>> far = fe.WellMixture.from_mixture([0.3, 0.7], [-8.0, 8.0], [0.5, 0.5])
    >>> ladder = fe.Tempering(fe.MALA(0.1), np.geomspace(1, 200, 10))
    >>> x = ladder.sample(far, np.full(1000, -8.0), 400, seed=1)
    >>> bool(0.6 < (x > 0).mean() < 0.8)
    True
    """

    cdef readonly Sampler sampler
    cdef readonly Py_ssize_t swap_every
    cdef readonly tuple temperatures
    cdef readonly tuple step_sizes
    cdef Py_ssize_t n_rungs
    cdef double* betas
    cdef Rung first

    def __cinit__(self, *args, **kwargs):
        self.purposes = (<uint64_t>1 << DERIVE) | (<uint64_t>1 << SWAP)

    def __dealloc__(self):
        free(self.betas)

    def __init__(self, sampler, temperatures, *, swap_every=5, step_sizes=None):
        cdef Rung rung, last = None
        cdef Py_ssize_t k
        if self.first is not None:
            raise TypeError("Tempering is already initialised; make a new one")
        base = as_sampler(sampler)
        values = np.atleast_1d(numeric(temperatures, "temperatures"))
        if values.ndim != 1 or len(values) < 2:
            raise ValueError(f"temperatures must be at least two numbers, got shape {values.shape}")
        first_bad(values, "temperatures")
        if values[0] != 1.0:
            raise ValueError(f"temperatures must begin with 1, the density itself; got {values[0]:g}")
        if not (np.diff(values) > 0).all():
            raise ValueError(f"temperatures must increase, got {values.tolist()}")
        if base.temperature is None:
            raise ValueError(f"{base!r} has no temperature that could be raised")
        self.swap_every = integer(swap_every, "swap_every", 1, 2**20)
        self.n_rungs = len(values)
        self.betas = <double*>malloc(self.n_rungs * sizeof(double))
        if self.betas is NULL:
            raise MemoryError
        rungs = [base if t == 1.0 else base.at_temperature(t) for t in values.tolist()]
        self.step_sizes = None
        if step_sizes is not None:
            sizes = np.atleast_1d(numeric(step_sizes, "step_sizes"))
            if sizes.shape != values.shape:
                raise ValueError(
                    f"step_sizes must have shape {values.shape}, as temperatures has it, got {sizes.shape}"
                )
            self.step_sizes = tuple(sizes.tolist())
            rungs = [part.with_arguments(step_size=h) for part, h in zip(rungs, self.step_sizes, strict=True)]
            base = rungs[0]
        for k in range(self.n_rungs):
            rung = Rung()
            rung.sampler, rung.slot = rungs[k], k
            self.betas[k] = 1.0 / (values[k] * base.temperature)
            if last is not None:
                last.above = rung
            last = rung
            if k == 0:
                first = rung
        self.sampler = base
        self.temperatures = tuple(values.tolist())
        self.n_tallies = self.sampler.n_tallies
        self.first = first

    @property
    def exact_at(self):
        """The base sampler's."""
        return self.sampler.exact_at

    @property
    def adjusted(self):
        """Has the base sampler an accept step?"""
        return self.sampler.adjusted

    @property
    def step_size(self):
        """The base sampler's, at T = 1."""
        return self.sampler.step_size

    @property
    def langevin_step(self):
        """The base sampler's, at T = 1."""
        return self.sampler.langevin_step

    def step_size_of(self, h):
        """The base sampler's."""
        return self.sampler.step_size_of(h)

    @property
    def automatic(self):
        """Is the base sampler's step size "auto"?"""
        return self.sampler.automatic

    @property
    def noise_std(self):
        """The base sampler's."""
        return self.sampler.noise_std

    def tuned_by(self, tune):
        """The base sampler tuned at every temperature, with the preconditioner of T = 1."""
        if not self.automatic:
            return self
        base = self.sampler.tuned_by(tune)
        if "step_size" not in base._arguments():
            return self.with_arguments(sampler=base)
        sizes = [base.step_size]
        for t in self.temperatures[1:]:
            sizes.append(base.at_temperature(t).with_arguments(step_size="auto").tuned_by(tune).step_size)
        return self.with_arguments(sampler=base, step_sizes=sizes)

    @property
    def temperature(self):
        """The base sampler's, of the replica that is the chain's x."""
        return self.sampler.temperature

    @property
    def intended_temperature(self):
        """The base sampler's."""
        return self.sampler.intended_temperature

    @property
    def bounds(self):
        """The base sampler's."""
        return self.sampler.bounds

    def check(self, Energy energy not None):
        """Raise ValueError if the base sampler cannot run on this energy."""
        self.sampler.check(energy)

    def _is_ready(self):
        return self.first is not None

    def swap_statistics(self, state):
        """How replicas moved on the ladder, from the first step of the chains on.

        Parameters
        ----------
        state : RunState or SampleResult
            Of a run of this sampler.

        Returns
        -------
        LadderStatistics
            ``swap_rates`` (n_temperatures - 1,): accepted over offered exchanges of each pair of neighbours;
            ``round_trips`` (n_chains,): how often a replica went from the bottom of a chain's ladder to its top and
            back.

        Raises
        ------
        ValueError, TypeError
            If it is the state of another sampler's run.
        """
        run = getattr(state, "state", state)
        if not isinstance(run, RunState):
            raise TypeError(f"state must be a RunState or a SampleResult, got {type(state).__name__}")
        k, width = self.n_rungs, run.chain_state.shape[1]
        features = 1 if run.x.ndim == 1 else run.x.shape[1]
        tail = 3 * k - 1
        if width < (k - 1) * features + tail:
            raise ValueError(f"the state has {width} numbers for each chain, too few for this ladder's: it is the "
                             "state of another sampler's run")
        last = run.chain_state[:, width - tail:]
        accepted, offered = last[:, k:2 * k - 1].sum(axis=0), last[:, 2 * k - 1:3 * k - 2].sum(axis=0)
        with np.errstate(invalid="ignore"):
            rates = accepted / offered
        return LadderStatistics(np.array(self.temperatures), rates, last[:, -1].astype(np.int64))

    cdef Py_ssize_t state_size(self, Energy energy) noexcept nogil:
        # Replicas above the first; what the base sampler keeps for each; where each walker comes from; exchanges
        # accepted and offered, by pair; round trips.
        return ((self.n_rungs - 1) * energy.n_features + self.n_rungs * self.sampler.state_size(energy)
                + self.n_rungs + 2 * (self.n_rungs - 1) + 1)

    cdef Py_ssize_t lay_out(self, Energy energy, Py_ssize_t stride, double* memory, Room* room) noexcept nogil:
        cdef Arena arena
        arena.at, arena.used = memory, 0
        room.e = carve(&arena, self.n_rungs * stride)
        room.q = carve(&arena, stride)
        room.u = carve(&arena, stride)
        room.spare = carve(&arena, stride)
        room.take = carve(&arena, stride)
        room.undefined = carve(&arena, stride)
        room.hot = <Tally*>carve(&arena, self.n_tallies * <Py_ssize_t>(sizeof(Tally) // sizeof(double)))
        room.rest = carve(&arena, max(self.sampler.work_size(energy, stride), energy.work_size(stride)))
        return arena.used

    cdef Py_ssize_t work_size(self, Energy energy, Py_ssize_t n) noexcept nogil:
        cdef Room room
        return self.lay_out(energy, n, NULL, &room)

    cdef int start_block(self, Energy energy, const double* x, double* state, double* work, Py_ssize_t n,
                         Py_ssize_t stride, Key key, uint64_t chain0, uint64_t step0) noexcept nogil:
        cdef Room room
        cdef Py_ssize_t k, width = energy.n_features * stride
        cdef double* inner = state + (self.n_rungs - 1) * width
        cdef double* direction = inner + self.n_rungs * self.sampler.state_size(energy) * stride
        self.lay_out(energy, stride, work, &room)
        for k in range(self.n_rungs - 1):
            memcpy(state + k * width, x, width * sizeof(double))
        memset(direction, 0, (3 * self.n_rungs - 1) * stride * sizeof(double))
        return self.first.start(energy, x, inner, room.rest, n, stride, key, chain0, step0 * self.swap_every)

    cdef int refresh_block(self, Energy energy, const double* x, double* state, double* work, Py_ssize_t n,
                           Py_ssize_t stride) noexcept nogil:
        cdef Room room
        self.lay_out(energy, stride, work, &room)
        return self.first.refresh(energy, x, state, state + (self.n_rungs - 1) * energy.n_features * stride, room.rest,
                                  n, stride)

    cdef int run_block(self, Energy energy, double* x, double* state, double* work, Py_ssize_t n, Py_ssize_t stride,
                       Key key, uint64_t chain0, uint64_t step0, int64_t n_steps, Tally* tally) noexcept nogil:
        cdef Room room
        cdef Py_ssize_t k, d, width = energy.n_features * stride, last = self.n_rungs - 1, j
        cdef Py_ssize_t own = self.sampler.state_size(energy)
        cdef double* inner = state + last * width
        cdef double* direction = inner + self.n_rungs * own * stride
        cdef double* accepted = direction + self.n_rungs * stride
        cdef double* offered = accepted + last * stride
        cdef double* trips = offered + last * stride
        cdef double* cold
        cdef double* hot
        cdef uint64_t step
        self.lay_out(energy, stride, work, &room)
        memset(room.hot, 0, self.n_tallies * sizeof(Tally))
        for step in range(step0, step0 + <uint64_t>n_steps):
            if self.first.run(energy, x, state, inner, room.rest, n, stride, key, chain0, step * self.swap_every,
                              self.swap_every, tally, room.hot):
                return -1
            for k in range(step & 1, self.n_rungs):
                # Pairs of one parity; the last rung of an odd number of them has no partner.
                cold = x if k == 0 else state + (k - 1) * width
                if energy.energy_block(cold, room.e + k * stride, room.rest, n, stride):
                    return -1
            for k in range(step & 1, last, 2):
                cold = x if k == 0 else state + (k - 1) * width
                hot = state + k * width
                uniform_pairs(key, chain0, counter(SWAP, k, step), n, room.u, room.spare)
                swap_ratio(room.e + k * stride, room.e + (k + 1) * stride, room.q, n, self.betas[k] - self.betas[k + 1])
                decide(room.q, room.e + (k + 1) * stride, room.u, room.take, room.undefined, n)
                tally.undefined += <int64_t>lane_sum(room.undefined, n)
                count(room.take, accepted + k * stride, offered + k * stride, n)
                for d in range(energy.n_features):
                    swap(room.take, cold + d * stride, hot + d * stride, n)
                swap(room.take, direction + k * stride, direction + (k + 1) * stride, n)
            turn_round(direction, direction + last * stride, trips, n)
            if own and self.first.refresh(energy, x, state, inner, room.rest, n, stride):
                return -1
        for j in range(self.n_tallies):
            tally.undefined += room.hot[j].undefined
        return 0

    def with_arguments(self, **changes):
        """A new ladder; arguments of the base sampler are passed on to it."""
        own = {name: changes.pop(name) for name in list(changes) if name in self._arguments()}
        if changes:
            own["sampler"] = self.sampler.with_arguments(**changes)
        return type(self)(**(self._arguments() | own))

    def _arguments(self):
        own = {"sampler": self.sampler, "temperatures": list(self.temperatures), "swap_every": self.swap_every}
        return own | {"step_sizes": None if self.step_sizes is None else list(self.step_sizes)}
