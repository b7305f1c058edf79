"""Independence Metropolis-Hastings: a global move that lets chains change wells."""

from libc.math cimport INFINITY, fma
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

import numpy as np

from .._runtime.check import first_bad, numeric, real

from ..energies.base cimport Energy
from ..kernels.math cimport in_t, lane_sum, out_t
from ..kernels.metropolis cimport adopt, decide
from ..kernels.random cimport PROPOSAL, PROPOSAL_ACCEPT, Key, counter, uniform_pairs
from ..kernels.scratch cimport Arena, carve
from .base cimport Sampler, Tally


cdef void spread(out_t u, Py_ssize_t n, double low, double width) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        u[i] = fma(width, u[i], low)


cdef void wall_off(in_t x, out_t energy, Py_ssize_t n, double low, double high) noexcept nogil:
    # The proposal never reaches a state outside its box, so the move back from a new state to it has density zero:
    # such a
    # chain stays where it is. An energy of minus infinity does that.
    cdef Py_ssize_t i
    for i in range(n):
        energy[i] = -INFINITY if (x[i] < low or x[i] > high) else energy[i]


cdef void log_ratio(in_t ex, in_t ey, out_t ratio, Py_ssize_t n, double beta) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        ratio[i] = beta * (ex[i] - ey[i])


cdef struct Room:
    # The proposal (one spare feature: uniforms come in pairs); two energies, what is taken and what is not a number,
    # the log-ratio, the uniforms of two steps; what the energy needs.
    double* y
    double* ex
    double* ey
    double* take
    double* bad
    double* ratio
    double* u_even
    double* u_odd
    double* rest


cdef Py_ssize_t lay_out(Energy energy, Py_ssize_t stride, double* memory, Room* room) noexcept nogil:
    cdef Arena arena
    arena.at, arena.used = memory, 0
    room.y = carve(&arena, (energy.n_features + 1) * stride)
    room.ex = carve(&arena, stride)
    room.ey = carve(&arena, stride)
    room.take = carve(&arena, stride)
    room.bad = carve(&arena, stride)
    room.ratio = carve(&arena, stride)
    room.u_even = carve(&arena, stride)
    room.u_odd = carve(&arena, stride)
    room.rest = carve(&arena, energy.work_size(stride))
    return arena.used


cdef class IndependenceMH(Sampler):
    """Propose from the uniform law on a box, whatever the current state, and accept by the energy difference.

    A chain in the box moves to y ~ U(box) with probability min(1, exp((E(x) - E(y)) / T)); a chain outside stays.
    The law
    exp(-E / T) / Z is invariant. One such move now and then carries chains across barriers that Langevin steps do not
    cross; it works in few dimensions, where a uniform draw has a fair chance to land in a well.

    Parameters
    ----------
    low, high : float or array-like of shape (n_features,)
        Corners of the box, in the units of x.
    temperature : float, default 1.0
        T > 0.

    Raises
    ------
    ValueError, TypeError
        If low is not below high in every direction or a value is not a finite number.

    Examples
    --------
    >>> import fastebm as fe
    >>> wells = fe.WellMixture.from_mixture([0.3, 0.7], [-3.0, 3.0], [0.5, 0.5])
    >>> x = fe.IndependenceMH(-6, 6).sample(wells, [-3.0] * 4000, 200, seed=1)
    >>> print(f"{(x < 0).mean():.2f}")  # all began on the left
    0.30
    """

    cdef readonly double temperature
    cdef double* corners
    cdef Py_ssize_t n_corners

    def __cinit__(self, *args, **kwargs):
        self.purposes = 1 << PROPOSAL | 1 << PROPOSAL_ACCEPT

    def __init__(self, low, high, *, temperature=1.0):
        cdef const double[::1] flat
        if self.corners is not NULL:
            raise TypeError("IndependenceMH is already initialised; make a new one")
        lows, highs = np.atleast_1d(numeric(low, "low")), np.atleast_1d(numeric(high, "high"))
        if lows.ndim != 1 or lows.shape != highs.shape or lows.size == 0:
            raise ValueError(
                f"low and high must be one number or n_features numbers each, got {lows.shape}, {highs.shape}"
            )
        first_bad(lows, "low")
        first_bad(highs, "high")
        if not (lows < highs).all():
            raise ValueError(f"low must be below high in every direction, got {low!r} and {high!r}")
        self.temperature = real(temperature, "temperature", above=0)
        flat = np.ascontiguousarray(np.concatenate([lows, highs]))
        self.n_corners = lows.size
        self.corners = <double*>malloc(2 * self.n_corners * sizeof(double))
        if self.corners is NULL:
            raise MemoryError
        memcpy(self.corners, &flat[0], 2 * self.n_corners * sizeof(double))

    def __dealloc__(self):
        free(self.corners)

    def check(self, Energy energy not None):
        """Raise ValueError if the box has another dimension than the energy."""
        if self.n_corners not in (1, energy.n_features):
            raise ValueError(
                f"low and high have {self.n_corners} entries, but the energy has n_features={energy.n_features}"
            )

    @property
    def low(self):
        """Lower corner, shape (1,) or (n_features,)."""
        return np.array([self.corners[i] for i in range(self.n_corners)])

    @property
    def high(self):
        """Upper corner, shape (1,) or (n_features,)."""
        return np.array([self.corners[self.n_corners + i] for i in range(self.n_corners)])

    @property
    def proposal_box(self):
        """(low, high)."""
        return self.low, self.high

    def at_temperature(self, factor):
        """This sampler at factor times its temperature; its proposals stay where they are."""
        return self.with_arguments(temperature=self.temperature * factor)

    @property
    def exact_at(self):
        """Its temperature."""
        return self.temperature

    @property
    def adjusted(self):
        """True: proposals are accepted or rejected."""
        return True

    def _is_ready(self):
        return self.corners is not NULL

    cdef Py_ssize_t work_size(self, Energy energy, Py_ssize_t n) noexcept nogil:
        cdef Room room
        return lay_out(energy, n, NULL, &room)

    cdef int run_block(self, Energy energy, double* x, double* state, double* work, Py_ssize_t n, Py_ssize_t stride,
                       Key key, uint64_t chain0, uint64_t step0, int64_t n_steps, Tally* tally) noexcept nogil:
        cdef Room room
        cdef Py_ssize_t d, c, features = energy.n_features
        cdef uint64_t step
        cdef double low, high
        lay_out(energy, stride, work, &room)
        if energy.energy_block(x, room.ex, room.rest, n, stride):
            return -1
        for d in range(features):
            c = d if self.n_corners > 1 else 0
            wall_off(x + d * stride, room.ex, n, self.corners[c], self.corners[self.n_corners + c])
        for step in range(step0, step0 + <uint64_t>n_steps):
            for d in range(0, features, 2):
                uniform_pairs(key, chain0, counter(PROPOSAL, d >> 1, step), n,
                              room.y + d * stride, room.y + (d + 1) * stride)
            for d in range(features):
                c = d if self.n_corners > 1 else 0
                low, high = self.corners[c], self.corners[self.n_corners + c]
                spread(room.y + d * stride, n, low, high - low)
            if energy.energy_block(room.y, room.ey, room.rest, n, stride):
                return -1
            if step == step0 or step & 1 == 0:
                uniform_pairs(key, chain0, counter(PROPOSAL_ACCEPT, 0, step >> 1), n, room.u_even, room.u_odd)
            log_ratio(room.ex, room.ey, room.ratio, n, 1.0 / self.temperature)
            decide(room.ratio, room.ey, room.u_odd if step & 1 else room.u_even, room.take, room.bad, n)
            tally.proposed += n
            tally.accepted += <int64_t>lane_sum(room.take, n)
            tally.undefined += <int64_t>lane_sum(room.bad, n)
            adopt(room.take, room.ey, room.ex, n)
            for d in range(features):
                adopt(room.take, room.y + d * stride, x + d * stride, n)
        return 0

    def _arguments(self):
        return {"low": self.low.tolist(), "high": self.high.tolist(), "temperature": self.temperature}
