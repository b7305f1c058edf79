"""Expectation-maximisation of wells with heavy tails, compiled: mixtures of multivariate laws of Student."""

from libc.math cimport INFINITY, sqrt
from libc.string cimport memcmp, memcpy

import numpy as np

from .._runtime.control cimport Control
from .._runtime.fast cimport address
from ..kernels.gamma cimport df_of_gap, digamma_gap, student_excess
from ..kernels.math cimport fill, lane_dot, lane_sum, log1p_positive, log_normal, lower
from ..kernels.student cimport heavy_well
from ..kernels.wells cimport scale
from ._em cimport BLOCK, NOTHING, Blocks, Climb
from ._em_full cimport FullClimb


cdef class Tails:
    """Degrees of freedom of wells, and what depends on them.

    Parameters
    ----------
    df : array-like of shape (n_wells,)
    n_features : int
    low, high : float
        Degrees of freedom are kept in this interval, which solves the constrained step exactly.
    tied : bool
        One number for all wells?
    """

    def __init__(self, df, Py_ssize_t n_features, double low, double high, bint tied):
        cdef Py_ssize_t wells = len(df)
        self.df = np.clip(np.array(df, dtype=np.float64), low, high)
        self.n_wells, self.n_features, self.low, self.high, self.tied = wells, n_features, low, high, tied
        self.memory = np.ones(5 * wells)
        self.nu, self.rate = address(self.df), address(self.memory)
        self.half = self.rate + wells
        self.k = self.half + wells
        self.mean = self.k + wells
        self.alpha = self.mean + wells

    cdef void prepare(self, double* k) noexcept nogil:
        # k holds the energies at the centres of normal wells, and zeros afterwards.
        cdef Py_ssize_t j
        for j in range(self.n_wells):
            self.rate[j] = 2.0 / self.nu[j]
            self.half[j] = 0.5 * (self.nu[j] + self.n_features)
            self.k[j] = k[j] + student_excess(self.nu[j], self.n_features)
            k[j] = 0.0

    cdef void turn(self, double* shares, double* low, double* logs, Py_ssize_t n) noexcept nogil:
        # From half the squared distances in the rows of shares: energies and their minimum; behind logs, u.
        cdef Py_ssize_t j
        cdef double* u = logs + self.n_wells * BLOCK
        fill(low, n, INFINITY)
        for j in range(self.n_wells):
            heavy_well(shares + j * BLOCK, u + j * BLOCK, logs + j * BLOCK, n, self.rate[j], self.half[j], self.k[j])
            lower(shares + j * BLOCK, low, n)

    cdef void weigh(self, double* shares, const double* logs, double* sums, Py_ssize_t n) noexcept nogil:
        # Adds the mass of each well and its sum of logarithms; the shares become weights of the moments.
        cdef Py_ssize_t j
        cdef const double* u = logs + self.n_wells * BLOCK
        for j in range(self.n_wells):
            sums[2 * j] += lane_sum(shares + j * BLOCK, n)
            sums[2 * j + 1] += lane_dot(shares + j * BLOCK, logs + j * BLOCK, n)
            scale(shares + j * BLOCK, u + j * BLOCK, n)

    cdef void average(self, const double* sums, const double* masses, Py_ssize_t step) noexcept nogil:
        # The mean of u, from the sum of share times u at every step-th of masses.
        cdef Py_ssize_t j
        for j in range(self.n_wells):
            self.mean[j] = masses[j * step] / sums[2 * j] if sums[2 * j] > NOTHING else 1.0
            self.alpha[j] = self.mean[j]

    cdef void maximise(self, const double* sums) noexcept nogil:
        cdef Py_ssize_t j
        cdef double gap, slope, total = 0.0, mass = 0.0
        for j in range(self.n_wells):
            if not sums[2 * j] > NOTHING:
                continue
            # Mean of log u less that of log tau, then of tau / alpha - log(tau / alpha) - 1, tau being the unknown
            # precision of a row.
            gap = digamma_gap(self.half[j], &slope) + sums[2 * j + 1] / sums[2 * j] - log1p_positive(
                0.5 * self.rate[j] * self.n_features)
            gap += log_normal(self.alpha[j]) + self.mean[j] / self.alpha[j] - 1.0
            total += sums[2 * j] * gap
            mass += sums[2 * j]
            if not self.tied:
                self.nu[j] = df_of_gap(gap, self.low, self.high)
        if self.tied and mass > 0.0:
            self.nu[0] = df_of_gap(total / mass, self.low, self.high)
            for j in range(1, self.n_wells):
                self.nu[j] = self.nu[0]

    cdef void save(self, double* to) noexcept nogil:
        # Of 1 / df, in which wells become normal along a line: 139 and 222 steps to the optimum of two mixtures, with
        # log df 343 and 683.
        cdef Py_ssize_t j
        for j in range(self.n_wells):
            to[j] = 1.0 / self.nu[j]

    cdef void load(self, const double* of) noexcept nogil:
        cdef Py_ssize_t j
        for j in range(self.n_wells):
            self.nu[j] = 1.0 / min(max(of[j], 1.0 / self.high), 1.0 / self.low)


cdef class HeavyClimb(Climb):
    r"""As `Climb`, of multivariate laws of Student: with Q_ij = sum_d (x_id - m_jd)^2 / s_jd^2,

    .. math:: u_{ij} = \frac{\nu_j + D}{\nu_j + Q_{ij}}, \quad
              m_j = \frac{\sum_i r_{ij} u_{ij} x_i}{\sum_i r_{ij} u_{ij}}, \quad
              s_j^2 = \frac{\sum_i r_{ij} u_{ij} (x_i - m_j)^2}{\sum_i r_{ij} u_{ij}},

    and \nu_j from an equation of its own. Dividing by the sum of r u in the place of that of r is the expanded step of
    Liu, Rubin and Wu; a well that a limit of the widths clips takes the plain step. Either never lowers the likelihood.

    Parameters
    ----------
    data, weights, means, narrowest, widest, control
        As in `Climb`.
    scales : array-like of shape (n_wells, n_features)
        s, in the units of x: of many degrees of freedom the standard deviations.
    df : array-like of shape (n_wells,)
        Degrees of freedom to begin with.
    df_range : (float, float)
        Degrees of freedom are kept in this interval.
    tied : bool
        The same degrees of freedom in all wells?

    Attributes
    ----------
    df : ndarray of shape (n_wells,)
        As they stand; ``stds`` holds the scales.

    References
    ----------
    Peel and McLachlan, Robust mixture modelling using the t distribution, Statistics and Computing 10, 2000.
    Liu and Rubin, ML estimation of the t distribution using EM and its extensions, ECM and ECME, Statistica Sinica 5,
    1995. Liu, Rubin and Wu, Parameter expansion to accelerate EM: the PX-EM algorithm, Biometrika 85, 1998.
    """

    def __init__(self, Blocks data not None, weights, means, scales, df, narrowest, widest, df_range, tied,
                 Control control not None):
        cdef Py_ssize_t d = data.n_features, wells = len(weights)
        self.tails = Tails(df, d, df_range[0], df_range[1], tied)
        self._place(data, weights, means, scales, narrowest, widest, control, 2 * d + 2, 2 * d + 1, 2 * wells)
        self.n_inner = wells * (2 * d + 1)
        self.own = np.empty(wells * d)
        self.a = address(self.own)

    @property
    def df(self):
        return self.tails.df

    cdef void _prepare(self) noexcept nogil:
        Climb._prepare(self)
        self.tails.prepare(self.k)

    cdef void _energies(self, const double* x, Py_ssize_t n, double* shares, double* low) noexcept nogil:
        Climb._energies(self, x, n, shares, low)
        self.tails.turn(shares, low, shares + (self.n_wells + 2) * BLOCK, n)

    cdef void _add_moments(self, const double* x, Py_ssize_t n, double* shares, double* sums) noexcept nogil:
        self.tails.weigh(shares, shares + (self.n_wells + 2) * BLOCK, sums + self.n_inner, n)
        Climb._add_moments(self, x, n, shares, sums)

    cdef void _maximise(self) noexcept nogil:
        cdef Py_ssize_t j, d, i, features = self.data.n_features, step = 2 * features + 1
        cdef const double* masses = self.sums + self.n_inner
        cdef const double* sums
        cdef double shift, variance
        cdef bint clipped
        Climb._maximise(self)
        self.tails.average(masses, self.sums, step)
        for j in range(self.n_wells):
            sums = self.sums + j * step
            self.w[j] = max(masses[2 * j], NOTHING) / self.data.n
            clipped = False
            for d in range(features):
                i = j * features + d
                clipped = clipped or self.s[i] == self.narrowest or self.s[i] == self.widest
            if not (clipped and sums[0] > NOTHING):
                continue
            self.tails.alpha[j] = 1.0
            for d in range(features):
                shift = sums[1 + 2 * d] / sums[0]
                variance = self.tails.mean[j] * (sums[2 + 2 * d] / sums[0] - shift * shift)
                self.s[j * features + d] = self._kept(sqrt(variance if variance > 0.0 else 0.0))
        self.tails.maximise(masses)

    cdef void _save(self, double* to) noexcept nogil:
        Climb._save(self, to)
        self.tails.save(to + self.n_inner)

    cdef void _load(self, const double* of) noexcept nogil:
        Climb._load(self, of)
        self.tails.load(of + self.n_inner)


cdef class HeavyFullClimb(FullClimb):
    """As `HeavyClimb`, with covariances as in `FullClimb` in the place of the scales: scale matrices, which times
    df / (df - 2) are the covariances."""

    def __init__(self, Blocks data not None, weights, means, scales, df, narrowest, widest, df_range, tied,
                 Control control not None):
        cdef Py_ssize_t d = data.n_features, wells = len(weights)
        self.tails = Tails(df, d, df_range[0], df_range[1], tied)
        self.n_inner = wells * (1 + d + d * (d + 1) // 2)
        self.backup = np.empty(d * d)
        self.before = address(self.backup)
        self._place_full(data, weights, means, scales, narrowest, widest, control, 2, 1, 2 * wells)

    @property
    def df(self):
        return self.tails.df

    cdef void _keep(self, Py_ssize_t j) noexcept nogil:
        cdef Py_ssize_t i, size = self.data.n_features * self.data.n_features
        cdef double* s = self.cov + j * size
        memcpy(self.before, s, size * sizeof(double))
        FullClimb._keep(self, j)
        if self.tails.mean[j] == 1.0 or not memcmp(self.before, s, size * sizeof(double)):
            return
        # A limit of the widths has changed it: the plain step in the place of the expanded one.
        for i in range(size):
            s[i] = self.tails.mean[j] * self.before[i]
        self.tails.alpha[j] = 1.0
        FullClimb._keep(self, j)

    cdef void _prepare(self) noexcept nogil:
        FullClimb._prepare(self)
        self.tails.prepare(self.k)

    cdef void _energies(self, const double* x, Py_ssize_t n, double* shares, double* low) noexcept nogil:
        FullClimb._energies(self, x, n, shares, low)
        self.tails.turn(shares, low, shares + (self.n_wells + 2 + 3 * self.data.n_features) * BLOCK, n)

    cdef void _add_moments(self, const double* x, Py_ssize_t n, double* shares, double* sums) noexcept nogil:
        self.tails.weigh(shares, shares + (self.n_wells + 2 + 3 * self.data.n_features) * BLOCK, sums + self.n_inner, n)
        FullClimb._add_moments(self, x, n, shares, sums)

    cdef void _maximise(self) noexcept nogil:
        cdef Py_ssize_t j
        cdef const double* masses = self.sums + self.n_inner
        self.tails.average(masses, self.sums, self.n_inner // self.n_wells)
        FullClimb._maximise(self)
        for j in range(self.n_wells):
            self.w[j] = max(masses[2 * j], NOTHING) / self.data.n
        self.tails.maximise(masses)

    cdef void _save(self, double* to) noexcept nogil:
        FullClimb._save(self, to)
        self.tails.save(to + self.n_inner)

    cdef void _load(self, const double* of) noexcept nogil:
        cdef Py_ssize_t j
        for j in range(self.n_wells):
            self.tails.mean[j] = 1.0
        FullClimb._load(self, of)
        self.tails.load(of + self.n_inner)
