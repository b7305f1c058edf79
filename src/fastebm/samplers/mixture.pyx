"""Independence Metropolis-Hastings with a normal mixture as proposal: a global move for more than a few dimensions."""

import math

from libc.math cimport fma
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

import numpy as np

from .._runtime.check import first_bad, numeric, real

from ..energies.base cimport Energy
from ..kernels.math cimport exp_neg, fill, in_t, lane_sum, log_normal, lower, out_t
from ..kernels.metropolis cimport adopt, decide
from ..kernels.random cimport PROPOSAL, PROPOSAL_ACCEPT, Key, counter, normal_pairs, uniform_pairs
from ..kernels.scratch cimport Arena, carve
from .base cimport Sampler, Tally


cdef void choose(in_t u, out_t part, Py_ssize_t n, const double* reached, Py_ssize_t n_parts) noexcept nogil:
    # The component whose share of (0, 1] holds u: count the cumulated weights below it.
    cdef Py_ssize_t i, j
    for i in range(n):
        part[i] = 0.0
    for j in range(n_parts - 1):
        for i in range(n):
            part[i] += 1.0 if u[i] > reached[j] else 0.0


cdef void place(out_t z, in_t part, out_t scratch, Py_ssize_t n, const double* mean, const double* std,
                Py_ssize_t n_parts, Py_ssize_t features) noexcept nogil:
    # z becomes mean + std z of the chosen component; mean and std point at one feature of component 0.
    cdef Py_ssize_t i, j
    cdef double m, s
    for j in range(n_parts):
        m, s = mean[j * features], std[j * features]
        for i in range(n):
            scratch[i] = fma(s, z[i], m) if part[i] == <double>j else scratch[i]
    for i in range(n):
        z[i] = scratch[i]


cdef void add_square(in_t x, out_t e, Py_ssize_t n, double mean, double std) noexcept nogil:
    cdef Py_ssize_t i
    cdef double z
    for i in range(n):
        z = (x[i] - mean) / std
        e[i] = fma(0.5 * z, z, e[i])


cdef void add_boltzmann(in_t e, in_t low, out_t total, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        total[i] += exp_neg(e[i] - low[i])


cdef void minus_log(in_t low, in_t total, out_t out, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i] = low[i] - log_normal(total[i])


cdef void log_ratio(in_t ex, in_t ey, in_t qx, in_t qy, out_t ratio, Py_ssize_t n, double beta) noexcept nogil:
    # q is -log of the proposal's density.
    cdef Py_ssize_t i
    for i in range(n):
        ratio[i] = fma(beta, ex[i] - ey[i], qy[i] - qx[i])


cdef struct Room:
    # The normals of two steps, the proposal; two energies, two q, what is taken and what is not a number, the
    # log-ratio, the component, four uniforms; the components' energies and three rows more for their sum; what the
    # energy needs.
    double* even
    double* odd
    double* y
    double* ex
    double* ey
    double* qx
    double* qy
    double* take
    double* bad
    double* ratio
    double* part
    double* u_even
    double* u_odd
    double* c_even
    double* c_odd
    double* sums
    double* rest


cdef Py_ssize_t lay_out(Energy energy, Py_ssize_t n_parts, Py_ssize_t stride, double* memory,
                        Room* room) noexcept nogil:
    cdef Py_ssize_t width = energy.n_features * stride
    cdef Arena arena
    arena.at, arena.used = memory, 0
    room.even = carve(&arena, width)
    room.odd = carve(&arena, width)
    room.y = carve(&arena, width)
    room.ex = carve(&arena, stride)
    room.ey = carve(&arena, stride)
    room.qx = carve(&arena, stride)
    room.qy = carve(&arena, stride)
    room.take = carve(&arena, stride)
    room.bad = carve(&arena, stride)
    room.ratio = carve(&arena, stride)
    room.part = carve(&arena, stride)
    room.u_even = carve(&arena, stride)
    room.u_odd = carve(&arena, stride)
    room.c_even = carve(&arena, stride)
    room.c_odd = carve(&arena, stride)
    room.sums = carve(&arena, (n_parts + 3) * stride)
    room.rest = carve(&arena, energy.work_size(stride))
    return arena.used


cdef class MixtureMH(Sampler):
    r"""Propose from a fixed normal mixture, whatever the current state, and accept with the Hastings ratio.

    A chain at x moves to y ~ q with probability min(1, r),

    .. math:: \log r = \frac{E(x) - E(y)}{T} + \log q(x) - \log q(y),

    which leaves exp(-E / T) / Z invariant. With q close to the density almost every proposal is accepted, so chains
    change wells in one step in any dimension. `fastebm.ContrastiveDivergence` fits q to the data.

    Parameters
    ----------
    weights : array-like of shape (n_parts,)
        Positive; scaled to sum to 1.
    means, stds : array-like of shape (n_parts, n_features)
        Of the components, in the units of x; features are independent within a component. A q that is narrower than the
        density leaves chains stuck in the tails: widen stds when in doubt.
    temperature : float, default 1.0
        T > 0.

    Raises
    ------
    ValueError, TypeError
        If shapes disagree, a value is not finite, or a weight or std is not positive.

    Examples
    --------
    >>> import fastebm as fe
    >>> wells = fe.WellMixture.from_mixture([0.3, 0.7], [-3.0, 3.0], [0.5, 0.5])
    >>> move = fe.MixtureMH([0.5, 0.5], [[-3.0], [3.0]], [[0.6], [0.6]])
    >>> x = move.sample(wells, [-3.0] * 4000, 20, seed=2)
    >>> print(f"{(x < 0).mean():.2f}")  # all began on the left
    0.30
    """

    cdef readonly double temperature
    cdef readonly Py_ssize_t n_parts
    cdef readonly Py_ssize_t n_features
    # Cumulated weights and constants of the components; means and standard deviations, component by component.
    cdef double* reached
    cdef double* offset
    cdef double* mean
    cdef double* std
    cdef object given

    def __cinit__(self, *args, **kwargs):
        self.purposes = 1 << PROPOSAL | 1 << PROPOSAL_ACCEPT

    def __init__(self, weights, means, stds, *, temperature=1.0):
        cdef const double[::1] flat
        if self.reached is not NULL:
            raise TypeError("MixtureMH is already initialised; make a new one")
        weights, means, stds = (numeric(v, n) for v, n in ((weights, "weights"), (means, "means"), (stds, "stds")))
        shape = (weights.size, means.shape[means.ndim - 1] if means.ndim else 0)
        if weights.ndim != 1 or not weights.size or means.shape != shape or stds.shape != shape:
            raise ValueError(
                f"weights {weights.shape} must have shape (n_parts,), means {means.shape} and stds {stds.shape} shape "
                "(n_parts, n_features)"
            )
        for array, name in ((weights, "weights"), (means, "means"), (stds, "stds")):
            first_bad(array, name)
        if not (weights > 0).all() or not (stds > 0).all():
            raise ValueError("weights and stds must be positive")
        self.temperature = real(temperature, "temperature", above=0)
        self.n_parts, self.n_features = means.shape
        weights = weights / weights.sum()
        offset = np.log(stds).sum(axis=1) - np.log(weights) + 0.5 * self.n_features * math.log(2.0 * math.pi)
        flat = np.concatenate([np.cumsum(weights), offset, means.ravel(), stds.ravel()])
        self.reached = <double*>malloc(flat.size * sizeof(double))
        if self.reached is NULL:
            raise MemoryError
        memcpy(self.reached, &flat[0], flat.size * sizeof(double))
        self.offset = self.reached + self.n_parts
        self.mean = self.offset + self.n_parts
        self.std = self.mean + self.n_parts * self.n_features
        self.given = {"weights": weights.tolist(), "means": means.tolist(), "stds": stds.tolist()}

    def __dealloc__(self):
        free(self.reached)

    def check(self, Energy energy not None):
        """Raise ValueError if the mixture has another dimension than the energy."""
        if self.n_features != energy.n_features:
            raise ValueError(f"the proposal has n_features={self.n_features}, but the energy has {energy.n_features}")

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
        return self.reached is not NULL

    cdef Py_ssize_t work_size(self, Energy energy, Py_ssize_t n) noexcept nogil:
        cdef Room room
        return lay_out(energy, self.n_parts, n, NULL, &room)

    cdef void minus_log_q(self, const double* x, double* out, double* work,
                          Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t j, d
        cdef double* e = work + 2 * stride
        for j in range(self.n_parts):
            fill(e + j * stride, n, self.offset[j])
            for d in range(self.n_features):
                add_square(x + d * stride, e + j * stride, n, self.mean[j * self.n_features + d],
                           self.std[j * self.n_features + d])
        memcpy(work, e, n * sizeof(double))
        for j in range(1, self.n_parts):
            lower(e + j * stride, work, n)
        fill(work + stride, n, 0.0)
        for j in range(self.n_parts):
            add_boltzmann(e + j * stride, work, work + stride, n)
        minus_log(work, work + stride, out, n)

    cdef int run_block(self, Energy energy, double* x, double* state, double* work, Py_ssize_t n, Py_ssize_t stride,
                       Key key, uint64_t chain0, uint64_t step0, int64_t n_steps, Tally* tally) noexcept nogil:
        cdef Room room
        cdef Py_ssize_t d, features = energy.n_features, width = energy.n_features * stride
        cdef uint64_t step
        lay_out(energy, self.n_parts, stride, work, &room)
        if energy.energy_block(x, room.ex, room.rest, n, stride):
            return -1
        self.minus_log_q(x, room.qx, room.sums, n, stride)
        for step in range(step0, step0 + <uint64_t>n_steps):
            if step == step0 or step & 1 == 0:
                for d in range(features):
                    normal_pairs(key, chain0, counter(PROPOSAL, d, step >> 1), n,
                                 room.even + d * stride, room.odd + d * stride)
                uniform_pairs(key, chain0, counter(PROPOSAL, features, step >> 1), n, room.c_even, room.c_odd)
                uniform_pairs(key, chain0, counter(PROPOSAL_ACCEPT, 0, step >> 1), n, room.u_even, room.u_odd)
            choose(room.c_odd if step & 1 else room.c_even, room.part, n, self.reached, self.n_parts)
            memcpy(room.y, room.odd if step & 1 else room.even, width * sizeof(double))
            for d in range(features):
                place(room.y + d * stride, room.part, room.sums, n, self.mean + d, self.std + d, self.n_parts, features)
            if energy.energy_block(room.y, room.ey, room.rest, n, stride):
                return -1
            self.minus_log_q(room.y, room.qy, room.sums, n, stride)
            log_ratio(room.ex, room.ey, room.qx, room.qy, room.ratio, n, 1.0 / self.temperature)
            decide(room.ratio, room.ey, room.u_odd if step & 1 else room.u_even, room.take, room.bad, n)
            tally.proposed += n
            tally.accepted += <int64_t>lane_sum(room.take, n)
            tally.undefined += <int64_t>lane_sum(room.bad, n)
            adopt(room.take, room.ey, room.ex, n)
            adopt(room.take, room.qy, room.qx, n)
            for d in range(features):
                adopt(room.take, room.y + d * stride, x + d * stride, n)
        return 0

    def _arguments(self):
        return {**self.given, "temperature": self.temperature}

    def __repr__(self):
        return f"MixtureMH({self.n_parts} parts, n_features={self.n_features}, temperature={self.temperature:g})"
