"""Metropolis-adjusted Langevin algorithm."""

import math

from libc.math cimport INFINITY, fma
from libc.stdint cimport int64_t, uint64_t
from libc.string cimport memset

from .._runtime.check import interval, real
from .scales import Scales as _Scales

from ..energies.base cimport Energy
from ..kernels.math cimport in_t, lane_sum, out_t
from ..kernels.metropolis cimport adopt, decide
from ..kernels.random cimport ACCEPT, LANGEVIN_NOISE, Key, counter, normal_pairs, uniform_pairs
from ..kernels.scratch cimport Arena, carve
from .base cimport Sampler, Tally
from .scales cimport Scales


cdef void propose(in_t x, in_t g, in_t z, out_t y, Py_ssize_t n, double minus_h, double s) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        y[i] = fma(s, z[i], fma(minus_h, g[i], x[i]))


cdef void reverse_distance(in_t x, in_t gx, in_t y, in_t gy, out_t q, Py_ssize_t n, double h,
                           double inverse_square) noexcept nogil:
    # q += (|x - y + h g(y)|^2 - |y - x + h g(x)|^2) / scale^2 of one feature.
    cdef Py_ssize_t i
    cdef double step, back, forth
    for i in range(n):
        step = y[i] - x[i]
        back = fma(h, gy[i], -step)
        forth = fma(h, gx[i], step)
        q[i] += inverse_square * fma(back, back, -forth * forth)


cdef void outside(in_t y, out_t energy, Py_ssize_t n, double low, double high) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        energy[i] = INFINITY if (y[i] < low or y[i] > high) else energy[i]


cdef void log_ratio(in_t ex, in_t ey, out_t q, Py_ssize_t n, double beta, double per_q) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        q[i] = fma(beta, ex[i] - ey[i], -per_q * q[i])


cdef struct Room:
    # Two gradients, the proposal, the normals of two steps; two energies, the log-ratio, what is taken and what is not
    # a number, the uniforms of two steps; what the energy needs.
    double* gx
    double* gy
    double* y
    double* even
    double* odd
    double* ex
    double* ey
    double* q
    double* take
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
    room.even = carve(&arena, width)
    room.odd = carve(&arena, width)
    room.ex = carve(&arena, stride)
    room.ey = carve(&arena, stride)
    room.q = carve(&arena, stride)
    room.take = carve(&arena, stride)
    room.bad = carve(&arena, stride)
    room.u_even = carve(&arena, stride)
    room.u_odd = carve(&arena, stride)
    room.rest = carve(&arena, energy.work_size(stride))
    return arena.used


cdef class MALA(Sampler):
    r"""Langevin proposals with a Metropolis test, so that the sampled law is exactly exp(-E / T) / Z.

    Proposal y = x - h dE/dx + sqrt(2 h T) N(0, 1), accepted with probability min(1, r),

    .. math:: \log r = \frac{E(x) - E(y)}{T} - \frac{|x - y + h \nabla E(y)|^2 - |y - x + h \nabla E(x)|^2}{4 h T}.

    Parameters
    ----------
    step_size : float or "auto"
        h > 0, in squared units of x (of x / scale with a preconditioner). An acceptance rate of 0.5 to 0.95 is healthy.
        "auto" tunes it, and scale, before a run (see `tune`).
    temperature : float, default 1.0
        T > 0.
    bounds : (float, float), optional
        Proposals with a coordinate outside are rejected, which keeps detailed balance; nothing is clipped.
    scale : array-like of shape (n_features,), optional
        Diagonal preconditioner, in the units of x: feature d moves with a step of step_size * scale[d]^2.

    Raises
    ------
    ValueError, TypeError
        If a value is not a number, not finite or out of its range, or bounds are reversed.

    References
    ----------
    Roberts and Tweedie, Exponential convergence of Langevin distributions and their discrete approximations, 1996.

    Examples
    --------
    >>> import fastebm as fe
    >>> bell = fe.Gaussian(0.0, 1.0)
    >>> run = fe.MALA(0.5).run(bell, [3.0] * 4000, 100, seed=1)
    >>> print(f"variance {run.x.var():.1f}, accepted {run.acceptance_rate:.2f}")
    variance 1.0, accepted 0.92
    """

    cdef double h
    cdef readonly bint automatic
    cdef readonly double noise_std
    cdef readonly double temperature
    cdef Scales scales
    cdef readonly object bounds
    cdef double low
    cdef double high

    def __cinit__(self, *args, **kwargs):
        self.purposes = 1 << LANGEVIN_NOISE | 1 << ACCEPT

    def __init__(self, step_size, *, temperature=1.0, bounds=None, scale=None):
        self.automatic = isinstance(step_size, str) and step_size == "auto"
        self.h = 1.0 if self.automatic else real(step_size, "step_size", above=0)
        self.temperature = real(temperature, "temperature", above=0)
        self.noise_std = math.sqrt(2.0 * self.h * self.temperature)
        self.bounds = interval(bounds, "bounds")
        if self.bounds is not None:
            self.low, self.high = self.bounds
        self.scales = _Scales(scale)

    @property
    def step_size(self):
        """h, in squared units of x / scale; "auto" until it is tuned."""
        return "auto" if self.automatic else self.h

    @property
    def scale(self):
        """The preconditioner, a tuple, or None."""
        return self.scales.given

    @property
    def langevin_step(self):
        """h times the square of the largest scale."""
        return self.h * self.scales.largest ** 2

    def step_size_of(self, h):
        """The step_size whose `langevin_step` is h."""
        return h / self.scales.largest ** 2

    @property
    def target_acceptance(self):
        """0.574, which is best for many independent features (Roberts and Rosenthal 1998)."""
        return 0.574

    def at_temperature(self, factor):
        """This sampler at factor times its temperature, with steps as much longer."""
        h = "auto" if self.automatic else self.h * factor
        return self.with_arguments(step_size=h, temperature=self.temperature * factor)

    def check(self, Energy energy not None):
        """Raise ValueError if scale does not suit the energy."""
        self.scales.check(energy.n_features)

    @property
    def exact_at(self):
        """Its temperature; None with bounds, which cut the density off."""
        return self.temperature if self.bounds is None else None

    @property
    def adjusted(self):
        """True: proposals are accepted or rejected."""
        return True

    def _is_ready(self):
        return self.h > 0.0

    cdef Py_ssize_t work_size(self, Energy energy, Py_ssize_t n) noexcept nogil:
        cdef Room room
        return lay_out(energy, n, NULL, &room)

    cdef int run_block(self, Energy energy, double* x, double* state, double* work, Py_ssize_t n, Py_ssize_t stride,
                       Key key, uint64_t chain0, uint64_t step0, int64_t n_steps, Tally* tally) noexcept nogil:
        cdef Room room
        cdef Py_ssize_t d, features = energy.n_features
        cdef double* z
        cdef uint64_t step
        cdef double h = self.h, beta = 1.0 / self.temperature, s, square
        cdef bint bounded = self.bounds is not None
        lay_out(energy, stride, work, &room)
        if energy.energy_grad_block(x, room.ex, room.gx, room.rest, n, stride):
            return -1
        for step in range(step0, step0 + <uint64_t>n_steps):
            if step == step0 or step & 1 == 0:
                for d in range(features):
                    normal_pairs(key, chain0, counter(LANGEVIN_NOISE, d, step >> 1), n,
                                 room.even + d * stride, room.odd + d * stride)
                uniform_pairs(key, chain0, counter(ACCEPT, 0, step >> 1), n, room.u_even, room.u_odd)
            z = room.odd if step & 1 else room.even
            for d in range(features):
                s = self.scales.at(d)
                propose(x + d * stride, room.gx + d * stride, z + d * stride, room.y + d * stride, n, -h * (s * s),
                        self.noise_std * s)
            if energy.energy_grad_block(room.y, room.ey, room.gy, room.rest, n, stride):
                return -1
            memset(room.q, 0, n * sizeof(double))
            for d in range(features):
                square = self.scales.at(d) * self.scales.at(d)
                reverse_distance(x + d * stride, room.gx + d * stride, room.y + d * stride, room.gy + d * stride,
                                 room.q, n, h * square, 1.0 / square)
                if bounded:
                    outside(room.y + d * stride, room.ey, n, self.low, self.high)
            log_ratio(room.ex, room.ey, room.q, n, beta, 0.25 * beta / h)
            decide(room.q, room.ey, room.u_odd if step & 1 else room.u_even, room.take, room.bad, n)
            tally.proposed += n
            tally.accepted += <int64_t>lane_sum(room.take, n)
            tally.undefined += <int64_t>lane_sum(room.bad, n)
            adopt(room.take, room.ey, room.ex, n)
            for d in range(features):
                adopt(room.take, room.y + d * stride, x + d * stride, n)
                adopt(room.take, room.gy + d * stride, room.gx + d * stride, n)
        return 0

    def _arguments(self):
        own = {"step_size": self.step_size, "temperature": self.temperature, "bounds": self.bounds}
        return own if self.scale is None else own | {"scale": self.scale}
