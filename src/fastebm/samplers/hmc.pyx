"""Hamiltonian Monte Carlo with a jittered path length."""

import math

from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memcpy, memset

from .._runtime.check import integer, real
from .scales import Scales as _Scales

from ..energies.base cimport Energy
from ..kernels.leapfrog cimport add_kinetic, energy_ratio, guarded_step, last_kick
from ..kernels.math cimport in_t, lane_sum, out_t
from ..kernels.metropolis cimport adopt, decide
from ..kernels.random cimport ACCEPT, LANGEVIN_NOISE, PATH_LENGTH, Key, counter, normal_pairs, threefry, uniform_pairs
from ..kernels.scratch cimport Arena, carve
from .base cimport Sampler, Tally
from .scales cimport Scales


cdef void momenta(in_t z, out_t w, Py_ssize_t n, double std) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        w[i] = std * z[i]


cdef struct Room:
    # Two gradients, the proposal, its momenta, the normals of two steps; two energies, the log-ratio, what is taken and
    # what is not a number, lost trajectories, gradients that are not numbers, the uniforms of two steps; what the
    # energy needs.
    double* gx
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
    room.gx = carve(&arena, width)
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


cdef class HMC(Sampler):
    r"""Hamiltonian Monte Carlo: the sampled law is exactly exp(-E / T) / Z.

    Every step draws momenta, follows the Hamiltonian dynamics by the leapfrog rule and accepts where it ends with
    probability :math:`\min(1, e^{-\Delta H / T})`. A trajectory that diverges is a rejection.

    Parameters
    ----------
    step_size : float or "auto"
        Leapfrog time step > 0, in the units of x (of x / scale with a preconditioner): with one leapfrog step a step of
        size s is MALA's of s^2 / 2. An acceptance rate of 0.6 to 0.95 is healthy. "auto" tunes it, and scale, before a
        run (see `tune`).
    n_leapfrog : int, default 10
        Mean number of leapfrog steps. The number is drawn anew at every step, the same for all chains, uniformly from
        1, ..., 2 n_leapfrog - 1, so that no direction of the density is in step with it.
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
    Neal, MCMC using Hamiltonian dynamics, Handbook of Markov Chain Monte Carlo, 2011, section 3.2 (random lengths).

    Examples
    --------
    >>> import fastebm as fe, numpy as np
    >>> x = fe.HMC(0.2, 8).sample(fe.Gaussian(np.zeros(2)), np.zeros((1000, 2)), n_steps=20, seed=1)
    >>> bool(np.abs(x.std(axis=0) - 1).max() < 0.1)
    True
    """

    cdef double time
    cdef readonly bint automatic
    cdef readonly Py_ssize_t n_leapfrog
    cdef readonly double temperature
    cdef Scales scales

    def __cinit__(self, *args, **kwargs):
        self.purposes = 1 << LANGEVIN_NOISE | 1 << ACCEPT | 1 << PATH_LENGTH

    def __init__(self, step_size, n_leapfrog=10, *, temperature=1.0, scale=None):
        self.automatic = isinstance(step_size, str) and step_size == "auto"
        self.time = 1.0 if self.automatic else real(step_size, "step_size", above=0)
        self.n_leapfrog = integer(n_leapfrog, "n_leapfrog", 1, 2**20)
        self.temperature = real(temperature, "temperature", above=0)
        self.scales = _Scales(scale)

    @property
    def step_size(self):
        """Leapfrog time step, in the units of x / scale; "auto" until it is tuned."""
        return "auto" if self.automatic else self.time

    @property
    def scale(self):
        """The preconditioner, a tuple, or None."""
        return self.scales.given

    @property
    def langevin_step(self):
        """Half the square of the longest leapfrog step, in squared units of x."""
        return 0.5 * (self.time * self.scales.largest) ** 2

    def step_size_of(self, h):
        """The step_size whose `langevin_step` is h."""
        return math.sqrt(2.0 * h) / self.scales.largest

    @property
    def exact_at(self):
        """Its temperature."""
        return self.temperature

    @property
    def adjusted(self):
        """True: trajectories are accepted or rejected."""
        return True

    @property
    def target_acceptance(self):
        """0.9: shorter steps than the 0.65 that is best for many independent features.

        Against 0.8, effective samples a gradient: 5 times on a banana, whose ends reject longer steps, 1.1 to 1.4 times
        on Gaussian, StudentT, DoubleWell and two wells in 8 to 10 features, 0.8 times on a phi^4 chain.
        """
        return 0.9

    def at_temperature(self, factor):
        """This sampler at factor times its temperature, with steps as much longer."""
        time = "auto" if self.automatic else self.time * math.sqrt(factor)
        return self.with_arguments(step_size=time, temperature=self.temperature * factor)

    def check(self, Energy energy not None):
        """Raise ValueError if scale does not suit the energy."""
        self.scales.check(energy.n_features)

    def _is_ready(self):
        return self.time > 0.0

    cdef Py_ssize_t work_size(self, Energy energy, Py_ssize_t n) noexcept nogil:
        cdef Room room
        return lay_out(energy, n, NULL, &room)

    cdef int run_block(self, Energy energy, double* x, double* state, double* work, Py_ssize_t n, Py_ssize_t stride,
                       Key key, uint64_t chain0, uint64_t step0, int64_t n_steps, Tally* tally) noexcept nogil:
        cdef Room room
        cdef Py_ssize_t d, row, features = energy.n_features
        cdef double* z
        cdef uint64_t step, word, other, leap, length
        cdef double std = self.temperature ** 0.5, beta = 1.0 / self.temperature, time, part
        lay_out(energy, stride, work, &room)
        if energy.energy_grad_block(x, room.ex, room.gx, room.rest, n, stride):
            return -1
        for step in range(step0, step0 + <uint64_t>n_steps):
            if step == step0 or step & 1 == 0:
                for d in range(features):
                    normal_pairs(key, chain0, counter(LANGEVIN_NOISE, d, step >> 1), n,
                                 room.even + d * stride, room.odd + d * stride)
                uniform_pairs(key, chain0, counter(ACCEPT, 0, step >> 1), n, room.u_even, room.u_odd)
            # The same for every chain, so that a block of them stays together.
            threefry(key.k0, key.k1, 0, counter(PATH_LENGTH, 0, step), &word, &other)
            length = 1 + (((word >> 32) * <uint64_t>(2 * self.n_leapfrog - 1)) >> 32)
            z = room.odd if step & 1 else room.even
            memset(room.q, 0, n * sizeof(double))
            memset(room.lost, 0, n * sizeof(double))
            memset(room.bad, 0, n * sizeof(double))
            for d in range(features):
                row = d * stride
                momenta(z + row, room.w + row, n, std)
                add_kinetic(room.w + row, room.q, n, 1.0)
                memcpy(room.y + row, x + row, n * sizeof(double))
                memcpy(room.gy + row, room.gx + row, n * sizeof(double))
            for leap in range(length):
                part = 0.5 if leap == 0 else 1.0
                for d in range(features):
                    row = d * stride
                    time = self.time * self.scales.at(d)
                    guarded_step(room.gy + row, room.w + row, room.y + row, room.lost, room.bad, n, -part * time, time)
                if leap + 1 < length:
                    if energy.grad_block(room.y, room.gy, room.rest, n, stride):
                        return -1
                elif energy.energy_grad_block(room.y, room.ey, room.gy, room.rest, n, stride):
                    return -1
            for d in range(features):
                row = d * stride
                last_kick(room.gy + row, room.w + row, room.lost, room.bad, n, -0.5 * self.time * self.scales.at(d))
                add_kinetic(room.w + row, room.q, n, -1.0)
            energy_ratio(room.ex, room.ey, room.lost, room.bad, room.q, n, beta)
            decide(room.q, room.ey, room.u_odd if step & 1 else room.u_even, room.take, room.undefined, n)
            tally.proposed += n
            tally.accepted += <int64_t>lane_sum(room.take, n)
            tally.undefined += <int64_t>lane_sum(room.undefined, n)
            adopt(room.take, room.ey, room.ex, n)
            for d in range(features):
                row = d * stride
                adopt(room.take, room.y + row, x + row, n)
                adopt(room.take, room.gy + row, room.gx + row, n)
        return 0

    def _arguments(self):
        own = {"step_size": self.step_size, "n_leapfrog": self.n_leapfrog, "temperature": self.temperature}
        return own if self.scale is None else own | {"scale": self.scale}
