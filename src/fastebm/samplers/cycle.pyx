"""Several samplers that take turns on the same chains."""

from libc.stdint cimport int64_t, uint64_t

from .._runtime.check import describe, integer
from .base import as_sampler

from .._runtime.control cimport Control
from ..energies.base cimport Energy
from ..kernels.random cimport DERIVE, Key, counter, threefry
from .base cimport Sampler, Tally

# Steps of one part between two looks at Ctrl-C.
cdef int64_t PIECE = 256


cdef class Part:
    cdef Key key_for(self, Key key) noexcept nogil:
        cdef Key own = key
        if self.slot:
            threefry(key.k0, key.k1, self.slot, counter(DERIVE, self.depth, 0), &own.k0, &own.k1)
        return own

    cdef Py_ssize_t widths(self, Energy energy) noexcept nogil:
        cdef Py_ssize_t own = self.sampler.state_size(energy)
        return own if self.following is None else own + self.following.widths(energy)

    cdef Py_ssize_t most_work(self, Energy energy, Py_ssize_t n) noexcept nogil:
        cdef Py_ssize_t own = self.sampler.work_size(energy, n)
        return own if self.following is None else max(own, self.following.most_work(energy, n))

    cdef int start(self, Energy energy, const double* x, double* state, double* work, Py_ssize_t n, Py_ssize_t stride,
                   Key key, uint64_t chain0, uint64_t round) noexcept nogil:
        if self.sampler.start_block(energy, x, state, work, n, stride, self.key_for(key), chain0,
                                    round * self.n_steps):
            return -1
        if self.following is None:
            return 0
        return self.following.start(energy, x, state + self.sampler.state_size(energy) * stride, work, n, stride, key,
                                    chain0, round)

    cdef int turn(self, Energy energy, double* x, double* state, double* work, Py_ssize_t n, Py_ssize_t stride, Key key,
                  uint64_t chain0, uint64_t round, Tally* tally, bint moved) noexcept nogil:
        cdef Key own = self.key_for(key)
        cdef int64_t step = 0, count
        # Another part has moved the chains since this one's last turn.
        if moved and self.sampler.refresh_block(energy, x, state, work, n, stride):
            return -1
        while step < self.n_steps:
            count = self.n_steps if self.control is None else min(PIECE, self.n_steps - step)
            if self.sampler.run_block(energy, x, state, work, n, stride, own, chain0,
                                      round * self.n_steps + step, count, tally):
                return -1
            step += count
            if self.control is not None and step < self.n_steps and self.control.poll(-1.0):
                return -1
        if self.following is None:
            return 0
        return self.following.turn(energy, x, state + self.sampler.state_size(energy) * stride, work, n, stride, key,
                                   chain0, round, tally + self.sampler.n_tallies, True)


cdef class Cycle(Sampler):
    """Samplers that take turns: see `fastebm.cycle`.

    Parameters
    ----------
    parts : sequence of (Sampler, int)
        Samplers and the steps that each takes in a round.
    reserved : int, default 0
        Purposes of random numbers (bit p for purpose p) that whoever runs the cycle draws from the same key.

    Attributes
    ----------
    parts : tuple of (Sampler, int)

    Examples
    --------
    >>> import fastebm as fe
    >>> turns = fe.cycle((fe.MALA(0.05), 20), fe.IndependenceMH(-6, 6))
    >>> isinstance(turns, fe.Cycle), [n_steps for _, n_steps in turns.parts]
    (True, [20, 1])
    """

    def __init__(self, parts, *, reserved=0):
        cdef Part part, last = None
        cdef Sampler sampler
        cdef uint64_t derive = <uint64_t>1 << DERIVE, own, taken
        if self.first is not None:
            raise TypeError("Cycle is already initialised; make a new one")
        checked = []
        for i, (value, n_steps) in enumerate(parts):
            checked.append((as_sampler(value, f"parts[{i}]"), integer(n_steps, f"parts[{i}] n_steps", 1, 2**30)))
        if not checked:
            raise ValueError("a cycle needs at least one sampler")
        self.depth = 1 + max([s.depth if isinstance(s, Cycle) else 0 for s, _ in checked])
        self.n_tallies = 0
        # The first key of which none of a sampler's purposes is taken. Keys of cycles of different depth differ.
        slots = [reserved | derive]
        nested = 0
        for value, n_steps in checked:
            sampler = value
            own = sampler.purposes
            if isinstance(value, Cycle) and not nested & derive:
                # Its own derived keys are of a smaller depth than this cycle's.
                nested |= own & derive
                own &= ~derive
            slot = 0
            while slot < len(slots):
                taken = slots[slot]
                if not taken & own:
                    break
                slot += 1
            if slot == len(slots):
                slots.append(0)
            slots[slot] |= own
            part = Part()
            part.sampler, part.n_steps, part.slot, part.depth = sampler, n_steps, slot, self.depth
            if last is None:
                self.first = part
            else:
                last.following = part
            last = part
            self.n_tallies += sampler.n_tallies
        self.purposes = (slots[0] & ~reserved & ~derive) | (derive if len(slots) > 1 or nested else 0)
        self.parts = tuple(checked)

    cdef void watch(self, Control control):
        cdef Part part = self.first
        while part is not None:
            part.control = control
            part = part.following

    def check(self, Energy energy not None):
        """Raise ValueError if one of the samplers cannot run on this energy."""
        for sampler, _ in self.parts:
            sampler.check(energy)

    def _is_ready(self):
        return self.first is not None

    cdef Py_ssize_t state_size(self, Energy energy) noexcept nogil:
        return self.first.widths(energy)

    cdef int start_block(self, Energy energy, const double* x, double* state, double* work, Py_ssize_t n,
                         Py_ssize_t stride, Key key, uint64_t chain0, uint64_t step0) noexcept nogil:
        return self.first.start(energy, x, state, work, n, stride, key, chain0, step0)

    cdef Py_ssize_t work_size(self, Energy energy, Py_ssize_t n) noexcept nogil:
        return self.first.most_work(energy, n)

    cdef int run_block(self, Energy energy, double* x, double* state, double* work, Py_ssize_t n, Py_ssize_t stride,
                       Key key, uint64_t chain0, uint64_t step0, int64_t n_steps, Tally* tally) noexcept nogil:
        cdef uint64_t round
        for round in range(step0, step0 + <uint64_t>n_steps):
            if self.first.turn(energy, x, state, work, n, stride, key, chain0, round, tally, True):
                return -1
        return 0

    def _common(self, name):
        """The value of a fact that all parts share, or None."""
        values = {getattr(sampler, name) for sampler, _ in self.parts}
        return values.pop() if len(values) == 1 else None

    @property
    def exact_at(self):
        """The temperature at which every part is exact, or None."""
        return self._common("exact_at")

    @property
    def adjusted(self):
        """Has every part an accept step?"""
        return all([sampler.adjusted for sampler, _ in self.parts])

    @property
    def step_size(self):
        """Step size of the first part that has one, or None."""
        return next((s.step_size for s, _ in self.parts if s.step_size is not None), None)

    @property
    def langevin_step(self):
        """Of the first part that has one, or None."""
        return next((s.langevin_step for s, _ in self.parts if s.langevin_step is not None), None)

    def step_size_of(self, h):
        """The step size of the first part that has one, for h."""
        return next((s.step_size_of(h) for s, _ in self.parts if s.step_size is not None), h)

    @property
    def automatic(self):
        """Has a part a step size to be tuned?"""
        return any([sampler.automatic for sampler, _ in self.parts])

    @property
    def noise_std(self):
        """Of the first part that has one, or None."""
        return next((s.noise_std for s, _ in self.parts if s.noise_std is not None), None)

    def tuned_by(self, tune):
        """Every part tuned in turn."""
        return Cycle([(sampler.tuned_by(tune), n) for sampler, n in self.parts]) if self.automatic else self

    def at_temperature(self, factor):
        """Every part at factor times its temperature."""
        return Cycle([(sampler.at_temperature(factor), n) for sampler, n in self.parts])

    @property
    def temperature(self):
        """Temperature of all parts, or None if they differ."""
        return self._common("temperature")

    @property
    def intended_temperature(self):
        """The temperature that was asked for, by the first part."""
        return self.parts[0][0].intended_temperature

    @property
    def bounds(self):
        """Bounds of the first part that has some, or None."""
        return next((s.bounds for s, _ in self.parts if s.bounds is not None), None)

    def _arguments(self):
        return {"parts": list(self.parts)}

    def __repr__(self):
        return f"cycle({', '.join([f'({sampler!r}, {n})' for sampler, n in self.parts])})"


def cycle(*parts):
    """Return a sampler that lets others take turns: one step of it is a round, in which each takes its steps.

    Parameters
    ----------
    *parts : (Sampler, int) or Sampler
        A sampler and how many steps it takes in a round; a sampler alone takes one. A cycle may be a part.

    Returns
    -------
    Cycle
        A `Sampler`. If every part leaves exp(-E / T) / Z invariant, so does it. No two parts share random numbers.

    Raises
    ------
    TypeError, ValueError
        If a part is not a sampler, or a number of steps is not an integer of at least 1.

    Examples
    --------
    >>> import fastebm as fe, numpy as np
    >>> wells = fe.WellMixture.from_mixture([0.5, 0.5], [-3.0, 3.0], [0.5, 0.5])
    >>> mixing = fe.cycle((fe.MALA(0.05), 5), fe.IndependenceMH(-6, 6))
    >>> x = mixing.sample(wells, np.full(1000, 3.0), 50, seed=1)
    >>> bool(0.4 < (x < 0).mean() < 0.6)
    True
    """
    pairs = []
    for i, part in enumerate(parts):
        if isinstance(part, Sampler):
            pairs.append((part, 1))
            continue
        try:
            sampler, n_steps = part
        except (TypeError, ValueError):
            raise TypeError(
                f"parts[{i}] must be a sampler or a pair (sampler, n_steps), got {describe(part)}"
            ) from None
        pairs.append((sampler, n_steps))
    return Cycle(pairs)
