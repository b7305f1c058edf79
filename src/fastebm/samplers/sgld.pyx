"""Stochastic gradient Langevin dynamics: the unadjusted Langevin algorithm, with a free noise level and bounds."""

import math

from libc.math cimport fma
from libc.stdint cimport int64_t, uint64_t

from .._runtime.check import interval, real
from .mala import MALA
from .scales import Scales as _Scales

from ..energies.base cimport Energy
from ..kernels.math cimport in_t, out_t
from ..kernels.random cimport LANGEVIN_NOISE, Key, counter, normal_pairs
from ..kernels.scratch cimport Arena, carve
from .base cimport Sampler, Tally
from .scales cimport Scales


cdef void langevin_step(out_t x, in_t g, in_t z, Py_ssize_t n, double minus_h, double s) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        x[i] = fma(s, z[i], fma(minus_h, g[i], x[i]))


cdef int64_t clipped_step(out_t x, in_t g, in_t z, Py_ssize_t n, double minus_h, double s,
                          double low, double high) noexcept nogil:
    # 0 * y turns an infinite y into NaN, which would otherwise become a respectable bound; a NaN passes both
    # comparisons.
    cdef Py_ssize_t i
    cdef int64_t clipped = 0
    cdef double y, c
    for i in range(n):
        y = fma(s, z[i], fma(minus_h, g[i], x[i]))
        c = low if y < low else y
        c = high if c > high else c
        clipped += 1 if c != y else 0
        x[i] = fma(0.0, y, c)
    return clipped


cdef struct Room:
    # The gradient, the normals of two steps; what the energy needs.
    double* g
    double* even
    double* odd
    double* rest


cdef Py_ssize_t lay_out(Energy energy, Py_ssize_t stride, double* memory, Room* room) noexcept nogil:
    cdef Py_ssize_t width = energy.n_features * stride
    cdef Arena arena
    arena.at, arena.used = memory, 0
    room.g = carve(&arena, width)
    room.even = carve(&arena, width)
    room.odd = carve(&arena, width)
    room.rest = carve(&arena, energy.work_size(stride))
    return arena.used


cdef class SGLD(Sampler):
    """Langevin dynamics: x <- clip(x - step_size * dE/dx + noise_std * N(0, 1)).

    Parameters
    ----------
    step_size : float or "auto"
        h > 0, in squared units of x (of x / scale with a preconditioner). "auto" tunes it, and scale, before a run (see
        `tune`). Stable while h times the largest curvature of E is below 2; the bias of the
        sampled law grows with h (for a quadratic of variance v, the chain's variance is v / (1 - h / (2 v))).
    temperature : float, default 1.0
        T > 0: the target is exp(-E / T), and noise_std = sqrt(2 * step_size * T).
    noise_std : float, optional
        Noise per step, at least 0, in place of temperature, which then reports noise_std^2 / (2 * step_size).
    bounds : (float, float), optional
        Clip every coordinate after every step. Clipping puts atoms of probability on the bounds; by default there
        is none.
    scale : array-like of shape (n_features,), optional
        Diagonal preconditioner, in the units of x: feature d moves with a step of step_size * scale[d]^2 and a noise of
        noise_std * scale[d].

    Raises
    ------
    ValueError, TypeError
        If a value is not a number, not finite or out of its range, bounds are reversed, or temperature and noise_std
        are both given and contradict each other.

    See Also
    --------
    MALA : adds the accept step that makes the sampled law exact.

    References
    ----------
    Welling and Teh, Bayesian learning via stochastic gradient Langevin dynamics, ICML 2011.

    Examples
    --------
    >>> import fastebm as fe, numpy as np
    >>> x = fe.SGLD(0.01).sample(fe.WellMixture(), np.zeros(1000), n_steps=100, seed=1)
    >>> x.shape
    (1000,)
    """

    cdef double h
    cdef readonly bint automatic
    cdef readonly double noise_std
    cdef readonly double temperature
    cdef readonly object bounds
    cdef double low
    cdef double high
    cdef object given
    cdef Scales scales

    def __cinit__(self, *args, **kwargs):
        self.purposes = 1 << LANGEVIN_NOISE

    def __init__(self, step_size, *, temperature=None, noise_std=None, bounds=None, scale=None):
        self.automatic = isinstance(step_size, str) and step_size == "auto"
        if self.automatic and noise_std is not None:
            raise ValueError(f"noise_std={noise_std!r} needs a step_size of its own: \"auto\" tunes both together")
        self.h = 1.0 if self.automatic else real(step_size, "step_size", above=0)
        asked = None if temperature is None else real(temperature, "temperature", above=0)
        self.temperature = 1.0 if asked is None else asked
        if noise_std is None:
            self.noise_std = math.sqrt(2.0 * self.h * self.temperature)
            self.given = {"temperature": self.temperature}
        else:
            self.noise_std = real(noise_std, "noise_std", minimum=0)
            self.temperature = self.noise_std * self.noise_std / (2.0 * self.h)
            if asked is not None and not math.isclose(asked, self.temperature, rel_tol=1e-9):
                raise ValueError(
                    f"temperature={asked:g} needs noise_std=sqrt(2 * step_size * temperature)="
                    f"{math.sqrt(2.0 * self.h * asked):.6g}, but noise_std={self.noise_std:g} was given too; "
                    "leave one of them out"
                )
            self.given = {"temperature": asked, "noise_std": self.noise_std}
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
        """0.95, of MALA with the same steps: nothing corrects what they do wrong."""
        return 0.95

    def adjusted_twin(self):
        """MALA with the same steps."""
        return MALA(self.step_size, temperature=self.temperature, bounds=self.bounds, scale=self.scale)

    def at_temperature(self, factor):
        """This sampler at factor times its temperature, with steps as much longer."""
        if "noise_std" in self.given:
            raise ValueError(f"{self!r} was given a noise_std; give a temperature instead to put it on a ladder")
        h = "auto" if self.automatic else self.h * factor
        return self.with_arguments(step_size=h, temperature=self.temperature * factor)

    def check(self, Energy energy not None):
        """Raise ValueError if scale does not suit the energy."""
        self.scales.check(energy.n_features)

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
        cdef bint bounded = self.bounds is not None
        cdef double s, minus_h
        lay_out(energy, stride, work, &room)
        for step in range(step0, step0 + <uint64_t>n_steps):
            if step == step0 or step & 1 == 0:
                for d in range(features):
                    normal_pairs(key, chain0, counter(LANGEVIN_NOISE, d, step >> 1), n,
                                 room.even + d * stride, room.odd + d * stride)
            z = room.odd if step & 1 else room.even
            if energy.grad_block(x, room.g, room.rest, n, stride):
                return -1
            for d in range(features):
                s = self.scales.at(d)
                minus_h = -self.h * (s * s)
                if bounded:
                    tally.clipped += clipped_step(x + d * stride, room.g + d * stride, z + d * stride, n,
                                                  minus_h, self.noise_std * s, self.low, self.high)
                else:
                    langevin_step(x + d * stride, room.g + d * stride, z + d * stride, n, minus_h, self.noise_std * s)
        return 0

    def _arguments(self):
        own = {"step_size": self.step_size, **self.given, "bounds": self.bounds}
        return own if self.scale is None else own | {"scale": self.scale}

    @property
    def intended_temperature(self):
        """The temperature that was asked for: 1 if only a noise level was."""
        asked = self.given["temperature"]
        return 1.0 if asked is None else asked
