"""Underdamped Langevin dynamics, with or without an accept step."""

import math

from libc.math cimport exp, fma, sqrt
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy, memset

from .._runtime.check import describe, real
from .scales import Scales as _Scales

from ..energies.base cimport Energy
from ..kernels.leapfrog cimport add_kinetic, drift, energy_ratio, guarded_step, kick, last_kick
from ..kernels.math cimport in_t, lane_sum, out_t
from ..kernels.metropolis cimport adopt, decide
from ..kernels.random cimport ACCEPT, CHAIN_STATE, LANGEVIN_NOISE, Key, counter, normal_pairs, uniform_pairs
from ..kernels.scratch cimport Arena, carve
from .base cimport Sampler, Tally
from .scales cimport Scales


cdef void stir(in_t z, out_t w, Py_ssize_t n, double keep, double noise) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        w[i] = fma(keep, w[i], noise * z[i])


cdef void adopt_or_turn(in_t take, in_t y, in_t pushed, out_t x, out_t w, Py_ssize_t n) noexcept nogil:
    # Whoever stays where it is goes back the way it came.
    cdef Py_ssize_t i
    for i in range(n):
        x[i] = y[i] if take[i] != 0.0 else x[i]
        w[i] = pushed[i] if take[i] != 0.0 else -w[i]


cdef struct Room:
    # Two gradients, the proposal and its momenta, the normals of two steps; two energies, the log-ratio, what is taken
    # and what is not a number, lost trajectories, gradients that are not numbers, the uniforms of two steps; what the
    # energy needs.
    double* g
    double* gy
    double* y
    double* w
    double* even
    double* odd
    double* ex
    double* ey
    double* q
    double* take
    double* undefined
    double* lost
    double* bad
    double* u_even
    double* u_odd
    double* rest


cdef Py_ssize_t lay_out(Energy energy, Py_ssize_t stride, double* memory, Room* room) noexcept nogil:
    cdef Py_ssize_t width = energy.n_features * stride
    cdef Arena arena
    arena.at, arena.used = memory, 0
    room.g = carve(&arena, width)
    room.gy = carve(&arena, width)
    room.y = carve(&arena, width)
    room.w = carve(&arena, width)
    room.even = carve(&arena, width)
    room.odd = carve(&arena, width)
    room.ex = carve(&arena, stride)
    room.ey = carve(&arena, stride)
    room.q = carve(&arena, stride)
    room.take = carve(&arena, stride)
    room.undefined = carve(&arena, stride)
    room.lost = carve(&arena, stride)
    room.bad = carve(&arena, stride)
    room.u_even = carve(&arena, stride)
    room.u_odd = carve(&arena, stride)
    room.rest = carve(&arena, energy.work_size(stride))
    return arena.used


cdef class Underdamped(Sampler):
    r"""Underdamped Langevin dynamics: chains have momenta, which persist from step to step.

    Without an accept step, the splitting BAOAB: half a kick, half a drift, friction and noise, half a drift, half a
    kick, at one gradient a step. Its law of x is exact for a quadratic energy, and elsewhere off by O(step_size^4)
    where friction is high. With one, generalised HMC: friction and noise, then one leapfrog step that is accepted with
    probability :math:`\min(1, e^{-\Delta H / T})`, or else the momenta are reversed.

    Parameters
    ----------
    step_size : float or "auto"
        Time step > 0, in the units of x (of x / scale with a preconditioner). Stable below 2 / sqrt(largest curvature
        of E). "auto" tunes it, and scale, before a run (see `tune`).
    friction : float, default 1.0
        The momenta forget themselves at this rate > 0 per unit of time.
    metropolis : bool, default False
        Accept or reject every step, so that the sampled law is exactly exp(-E / T) / Z.
    temperature : float, default 1.0
        T > 0.
    scale : array-like of shape (n_features,), optional
        Diagonal preconditioner, in the units of x: the density's standard deviation along each feature is a good one
        (the mass is 1 / scale^2).

    Raises
    ------
    ValueError, TypeError
        If a value is not a number, not finite or out of its range.

    References
    ----------
    Leimkuhler and Matthews, Rational construction of stochastic numerical methods for molecular sampling, 2013.
    Horowitz, A generalized guided Monte Carlo algorithm, 1991.

    Examples
    --------
    >>> import fastebm as fe, numpy as np
    >>> x = fe.Underdamped(0.3).sample(fe.Gaussian(np.zeros(2)), np.zeros((1000, 2)), n_steps=100, seed=1)
    >>> bool(np.abs(x.std(axis=0) - 1).max() < 0.1)
    True
    """

    cdef double time
    cdef readonly bint automatic
    cdef readonly double friction
    cdef readonly bint metropolis
    cdef readonly double temperature
    cdef Scales scales

    def __cinit__(self, *args, **kwargs):
        self.purposes = 1 << LANGEVIN_NOISE | 1 << ACCEPT | 1 << CHAIN_STATE

    def __init__(self, step_size, friction=1.0, *, metropolis=False, temperature=1.0, scale=None):
        self.automatic = isinstance(step_size, str) and step_size == "auto"
        self.time = 1.0 if self.automatic else real(step_size, "step_size", above=0)
        self.friction = real(friction, "friction", above=0)
        if not isinstance(metropolis, bool):
            raise TypeError(f"metropolis must be True or False, got {describe(metropolis)}")
        self.metropolis = metropolis
        self.temperature = real(temperature, "temperature", above=0)
        self.scales = _Scales(scale)

    @property
    def step_size(self):
        """Time step, in the units of x / scale; "auto" until it is tuned."""
        return "auto" if self.automatic else self.time

    @property
    def scale(self):
        """The preconditioner, a tuple, or None."""
        return self.scales.given

    @property
    def langevin_step(self):
        """Half the square of the longest step, in squared units of x."""
        return 0.5 * (self.time * self.scales.largest) ** 2

    def step_size_of(self, h):
        """The step_size whose `langevin_step` is h."""
        return math.sqrt(2.0 * h) / self.scales.largest

    @property
    def exact_at(self):
        """Its temperature with an accept step, otherwise None."""
        return self.temperature if self.metropolis else None

    @property
    def adjusted(self):
        """Has it an accept step?"""
        return self.metropolis

    @property
    def target_acceptance(self):
        """0.95: a rejection reverses the momenta, which then lead nowhere."""
        return 0.95

    def adjusted_twin(self):
        """The same with an accept step."""
        return self if self.metropolis else self.with_arguments(metropolis=True)

    def at_temperature(self, factor):
        """This sampler at factor times its temperature, with steps as much longer."""
        time = "auto" if self.automatic else self.time * math.sqrt(factor)
        return self.with_arguments(step_size=time, temperature=self.temperature * factor)

    def check(self, Energy energy not None):
        """Raise ValueError if scale does not suit the energy."""
        self.scales.check(energy.n_features)

    def _is_ready(self):
        return self.time > 0.0

    cdef Py_ssize_t state_size(self, Energy energy) noexcept nogil:
        # The momenta, of unit mass in x / scale.
        return energy.n_features

    cdef Py_ssize_t work_size(self, Energy energy, Py_ssize_t n) noexcept nogil:
        cdef Room room
        return lay_out(energy, n, NULL, &room)

    cdef int start_block(self, Energy energy, const double* x, double* state, double* work, Py_ssize_t n,
                         Py_ssize_t stride, Key key, uint64_t chain0, uint64_t step0) noexcept nogil:
        cdef Py_ssize_t d, i
        cdef double std = sqrt(self.temperature)
        cdef Room room
        lay_out(energy, stride, work, &room)
        for d in range(energy.n_features):
            normal_pairs(key, chain0, counter(CHAIN_STATE, d, step0), n, room.even, room.odd)
            for i in range(n):
                state[d * stride + i] = std * room.even[i]
        return 0

    cdef int run_block(self, Energy energy, double* x, double* state, double* work, Py_ssize_t n, Py_ssize_t stride,
                       Key key, uint64_t chain0, uint64_t step0, int64_t n_steps, Tally* tally) noexcept nogil:
        cdef Room room
        cdef Py_ssize_t d, features = energy.n_features
        cdef uint64_t step
        lay_out(energy, stride, work, &room)
        # By the call that made the last gradient of an earlier piece: the two may differ in the last bit.
        if self.metropolis:
            if energy.energy_grad_block(x, room.ex, room.g, room.rest, n, stride):
                return -1
        elif energy.grad_block(x, room.g, room.rest, n, stride):
            return -1
        for step in range(step0, step0 + <uint64_t>n_steps):
            if step == step0 or step & 1 == 0:
                for d in range(features):
                    normal_pairs(key, chain0, counter(LANGEVIN_NOISE, d, step >> 1), n,
                                 room.even + d * stride, room.odd + d * stride)
                if self.metropolis:
                    uniform_pairs(key, chain0, counter(ACCEPT, 0, step >> 1), n, room.u_even, room.u_odd)
            if self.metropolis:
                if self.proposed(energy, x, state, &room, n, stride, step, tally):
                    return -1
            elif self.moved(energy, x, state, &room, n, stride, step):
                return -1
        return 0

    cdef int moved(self, Energy energy, double* x, double* w, Room* room, Py_ssize_t n, Py_ssize_t stride,
                   uint64_t step) noexcept nogil:
        # BAOAB; room.g holds the gradient at x, before and after.
        cdef Py_ssize_t d, row
        cdef double keep = exp(-self.friction * self.time), noise = sqrt(self.temperature * (1.0 - keep * keep)), half
        cdef double* z = room.odd if step & 1 else room.even
        for d in range(energy.n_features):
            row, half = d * stride, 0.5 * self.time * self.scales.at(d)
            kick(room.g + row, w + row, n, -half)
            drift(w + row, x + row, n, half)
            stir(z + row, w + row, n, keep, noise)
            drift(w + row, x + row, n, half)
        if energy.grad_block(x, room.g, room.rest, n, stride):
            return -1
        for d in range(energy.n_features):
            row, half = d * stride, 0.5 * self.time * self.scales.at(d)
            kick(room.g + row, w + row, n, -half)
        return 0

    cdef int proposed(self, Energy energy, double* x, double* w, Room* room, Py_ssize_t n, Py_ssize_t stride,
                      uint64_t step, Tally* tally) noexcept nogil:
        # Friction and noise, one leapfrog step, accepted or turned back.
        cdef Py_ssize_t d, row
        cdef double keep = exp(-self.friction * self.time), noise = sqrt(self.temperature * (1.0 - keep * keep)), time
        cdef double* z = room.odd if step & 1 else room.even
        memset(room.q, 0, n * sizeof(double))
        memset(room.lost, 0, n * sizeof(double))
        memset(room.bad, 0, n * sizeof(double))
        for d in range(energy.n_features):
            row, time = d * stride, self.time * self.scales.at(d)
            stir(z + row, w + row, n, keep, noise)
            add_kinetic(w + row, room.q, n, 1.0)
            memcpy(room.y + row, x + row, n * sizeof(double))
            memcpy(room.w + row, w + row, n * sizeof(double))
            guarded_step(room.g + row, room.w + row, room.y + row, room.lost, room.bad, n, -0.5 * time, time)
        if energy.energy_grad_block(room.y, room.ey, room.gy, room.rest, n, stride):
            return -1
        for d in range(energy.n_features):
            row, time = d * stride, self.time * self.scales.at(d)
            last_kick(room.gy + row, room.w + row, room.lost, room.bad, n, -0.5 * time)
            add_kinetic(room.w + row, room.q, n, -1.0)
        energy_ratio(room.ex, room.ey, room.lost, room.bad, room.q, n, 1.0 / self.temperature)
        decide(room.q, room.ey, room.u_odd if step & 1 else room.u_even, room.take, room.undefined, n)
        tally.proposed += n
        tally.accepted += <int64_t>lane_sum(room.take, n)
        tally.undefined += <int64_t>lane_sum(room.undefined, n)
        adopt(room.take, room.ey, room.ex, n)
        for d in range(energy.n_features):
            row = d * stride
            adopt_or_turn(room.take, room.y + row, room.w + row, x + row, w + row, n)
            adopt(room.take, room.gy + row, room.g + row, n)
        return 0

    def _arguments(self):
        own = {"step_size": self.step_size, "friction": self.friction, "metropolis": bool(self.metropolis),
               "temperature": self.temperature}
        return own if self.scale is None else own | {"scale": self.scale}
