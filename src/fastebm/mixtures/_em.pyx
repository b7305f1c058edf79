"""Expectation-maximisation, compiled: one climb from given wells to the optimum above them. Diagonal wells, and what
wells of all kinds share."""

from libc.math cimport INFINITY, fabs, fma, sqrt
from libc.string cimport memcpy, memset

import math

import numpy as np

from .._runtime.control cimport Control
from .._runtime.fast cimport address
from .._runtime.team cimport Team
from ..kernels.layout cimport gather
from ..kernels.math cimport exp_neg, fill, in_t, lane_sum, log_normal, lower, out_t
from ..kernels.scratch cimport aligned
from ..kernels.wells cimport (
    add_four_squares, add_square, add_two_squares, boltzmann_sum, invert, scale,
)

cdef enum:
    # Blocks of a task; sums are added by block within a task, and by task: the bits do not depend on the threads.
    BLOCKS = 16

NOTHING = 1e-280
# Steps are lengthened once a plain one gains less than this, in nats a row: before, a long step may leave for the basin
# of another optimum.
cdef double TAIL = 1e-3
cdef double HALF_LOG_TWO_PI = 0.9189385332046727


cdef inline void add_moments(in_t x, in_t w, out_t sums, Py_ssize_t n, double m) noexcept nogil:
    # sums[0] += sum w d, sums[1] += sum w d^2 with d = x - m, in the lanes of lane_sum.
    cdef double p0 = 0, p1 = 0, p2 = 0, p3 = 0, p4 = 0, p5 = 0, p6 = 0, p7 = 0
    cdef double q0 = 0, q1 = 0, q2 = 0, q3 = 0, q4 = 0, q5 = 0, q6 = 0, q7 = 0
    cdef double d0, d1, d2, d3, d4, d5, d6, d7, f0, f1, f2, f3, f4, f5, f6, f7
    cdef Py_ssize_t i = 0, whole = n - (n & 7)
    while i < whole:
        d0 = x[i] - m
        d1 = x[i + 1] - m
        d2 = x[i + 2] - m
        d3 = x[i + 3] - m
        d4 = x[i + 4] - m
        d5 = x[i + 5] - m
        d6 = x[i + 6] - m
        d7 = x[i + 7] - m
        f0 = w[i] * d0
        f1 = w[i + 1] * d1
        f2 = w[i + 2] * d2
        f3 = w[i + 3] * d3
        f4 = w[i + 4] * d4
        f5 = w[i + 5] * d5
        f6 = w[i + 6] * d6
        f7 = w[i + 7] * d7
        p0 += f0
        p1 += f1
        p2 += f2
        p3 += f3
        p4 += f4
        p5 += f5
        p6 += f6
        p7 += f7
        q0 = fma(f0, d0, q0)
        q1 = fma(f1, d1, q1)
        q2 = fma(f2, d2, q2)
        q3 = fma(f3, d3, q3)
        q4 = fma(f4, d4, q4)
        q5 = fma(f5, d5, q5)
        q6 = fma(f6, d6, q6)
        q7 = fma(f7, d7, q7)
        i += 8
    while i < n:
        d0 = x[i] - m
        f0 = w[i] * d0
        p0 += f0
        q0 = fma(f0, d0, q0)
        i += 1
    sums[0] += ((p0 + p4) + (p2 + p6)) + ((p1 + p5) + (p3 + p7))
    sums[1] += ((q0 + q4) + (q2 + q6)) + ((q1 + q5) + (q3 + q7))


cdef inline double log_sums(out_t low, in_t total, Py_ssize_t n) noexcept nogil:
    # Sum of log p, with e^-low total = p.
    cdef Py_ssize_t i
    for i in range(n):
        low[i] = log_normal(total[i]) - low[i]
    return lane_sum(low, n)


cdef class Blocks:
    """Rows in blocks, one row of a block for each feature, as kernels read them. Shared by climbs on any threads.

    Parameters
    ----------
    rows : ndarray of shape (n_samples, n_features)
        C-ordered float64, checked by the caller.
    weights : ndarray of shape (n_samples,), optional
        How many rows each stands for: positive, of mean 1.
    """

    def __init__(self, rows, weights=None):
        cdef const double* source = address(rows)
        cdef Py_ssize_t start = 0
        self.n, self.n_features = rows.shape
        self.kept, self.w = weights, NULL if weights is None else address(weights)
        self.memory = np.empty((self.n + BLOCK) * self.n_features + 8)
        self.x = aligned(address(self.memory))
        with nogil:
            while start < self.n:
                gather(source + start * self.n_features, self.x + start * self.n_features, min(BLOCK, self.n - start),
                       self.n_features, BLOCK)
                start += BLOCK


cdef class Climb(Team):
    r"""Wells that climb the likelihood of their rows.

    .. math:: r_{ij} = \frac{w_j N(x_i; m_j, s_j)}{\sum_l w_l N(x_i; m_l, s_l)}, \quad
              w_j = \frac1n \sum_i r_{ij}, \quad m_j = \frac{\sum_i r_{ij} x_i}{n w_j}, \quad
              s_j^2 = \frac{\sum_i r_{ij} (x_i - m_j)^2}{n w_j}.

    Once a step gains little, every third one is lengthened (the scheme S3 of Varadhan and Roland, Scandinavian Journal
    of Statistics 35, 2008) and taken back if the likelihood falls below that of the steps it was made from.

    Parameters
    ----------
    data : Blocks
    weights : array-like of shape (n_wells,)
        Positive; sum to 1.
    means, stds : array-like of shape (n_wells, n_features)
        In the units of x.
    narrowest, widest : float
        Standard deviations are kept in this interval, which solves the constrained step exactly.
    control : Control
        Polled after every step.

    Attributes
    ----------
    weights, means, stds : ndarray
        The wells, as they stand.
    log_likelihood : float
        Mean over the rows, in nats, of the wells before their last step: a lower bound of the present one.
    n_iter : int
        Steps taken, rejected ones included.
    n, n_wells : int
        Rows and wells.
    narrowest : float
    """

    def __init__(self, Blocks data not None, weights, means, stds, narrowest, widest, Control control not None):
        cdef Py_ssize_t features = data.n_features
        self._place(data, weights, means, stds, narrowest, widest, control, 2 * features, 2 * features, 0)
        self.own = np.empty(self.n_wells * features)
        self.a = address(self.own)

    cdef _place(self, Blocks data, weights, means, stds, narrowest, widest, Control control, Py_ssize_t moments,
                Py_ssize_t numbers, Py_ssize_t rows):
        # moments of a well beside its mass, numbers of a well beside its weight, rows of scratch beside the shares.
        cdef Py_ssize_t wells = len(weights)
        self.data, self.control, self.n_wells, self.n = data, control, wells, data.n
        self.narrowest, self.widest = narrowest, widest
        self.weights = np.array(weights, dtype=np.float64, order="C")
        self.means = np.array(means, dtype=np.float64, order="C").reshape(wells, data.n_features)
        self.stds = np.array(stds, dtype=np.float64, order="C").reshape(wells, data.n_features)
        self.w, self.m, self.s = address(self.weights), address(self.means), address(self.stds)
        self.log_likelihood = -math.inf
        self.n_tasks = (data.n + BLOCK * BLOCKS - 1) // (BLOCK * BLOCKS)
        self.n_sums = wells * (moments + 1) + 1
        self.n_theta = wells * (numbers + 1)
        self.n_rows = wells + 2 + rows
        self.keep = np.empty(wells + self.n_tasks * self.n_sums + 4 * self.n_theta)
        self.k = address(self.keep)
        self.sums = self.k + wells
        self.past = self.sums + self.n_tasks * self.n_sums

    @property
    def spread(self):
        """What a well has beside its weight and mean: standard deviations."""
        return self.stds

    @property
    def narrow(self):
        """Is a well at the narrowest width, shape (n_wells,)?"""
        return (self.stds <= self.narrowest * (1 + 1e-9)).any(axis=1)

    def climb(self, max_iter, tol, n_threads=1):
        """Take steps until a plain one gains less than tol nats a row, at most max_iter.

        Returns
        -------
        Climb
            Itself.
        """
        cdef Py_ssize_t limit = self.n_iter + max_iter, helpers = min(n_threads, self.n_tasks) - 1
        cdef double gain = tol
        cdef int status
        self.scratch = np.empty((helpers + 1) * self.n_rows * BLOCK + 8)
        self.work = aligned(address(self.scratch))
        if helpers:
            self.open(helpers)
        try:
            with nogil:
                status = self._steps(limit, gain)
        finally:
            if helpers:
                self.close()
        if status:
            self.control.finish()
            raise KeyboardInterrupt
        return self

    def log_prob(self, Blocks data not None):
        """log p of every row of data under the wells as they stand.

        Returns
        -------
        ndarray of shape (data.n,)
        """
        cdef Py_ssize_t start = 0, n, j
        cdef double* shares
        cdef double* low
        cdef double* total
        cdef double* to
        if data.n_features != self.data.n_features:
            raise ValueError(f"rows of {data.n_features} features, wells of {self.data.n_features}")
        memory = np.empty(self.n_rows * BLOCK + 8)
        out = np.empty(data.n)
        shares, to = aligned(address(memory)), address(out)
        low = shares + self.n_wells * BLOCK
        total = low + BLOCK
        with nogil:
            self._prepare()
            while start < data.n:
                n = min(BLOCK, data.n - start)
                fill(low, n, INFINITY)
                self._energies(data.x + start * data.n_features, n, shares, low)
                fill(total, n, 0.0)
                for j in range(self.n_wells):
                    boltzmann_sum(shares + j * BLOCK, low, total, n)
                log_sums(low, total, n)
                memcpy(to + start, low, n * sizeof(double))
                start += BLOCK
        return out

    cdef void _prepare(self) noexcept nogil:
        # e_j(x) = sum_d a (x - m)^2 + k = -log(w_j N(x; m_j, s_j)).
        cdef Py_ssize_t j, d, i, features = self.data.n_features
        for j in range(self.n_wells):
            self.k[j] = features * HALF_LOG_TWO_PI - log_normal(self.w[j])
            for d in range(features):
                i = j * features + d
                self.a[i] = 0.5 / (self.s[i] * self.s[i])
                self.k[j] += log_normal(self.s[i])

    cdef int task(self, Py_ssize_t index, Py_ssize_t worker) noexcept nogil:
        cdef Py_ssize_t start = index * BLOCK * BLOCKS, stop = min(start + BLOCK * BLOCKS, self.data.n)
        cdef double* sums = self.sums + index * self.n_sums
        memset(sums, 0, self.n_sums * sizeof(double))
        while start < stop:
            self._add_block(self.data.x + start * self.data.n_features, min(BLOCK, stop - start),
                            self.work + worker * self.n_rows * BLOCK, sums)
            start += BLOCK
        return 0

    cdef void _add_block(self, const double* x, Py_ssize_t n, double* shares, double* sums) noexcept nogil:
        cdef Py_ssize_t j, wells = self.n_wells
        cdef double* low = shares + wells * BLOCK
        cdef double* total = low + BLOCK
        cdef const double* weights = NULL
        if self.data.w is not NULL:
            weights = self.data.w + (x - self.data.x) // self.data.n_features
        fill(low, n, INFINITY)
        self._energies(x, n, shares, low)
        fill(total, n, 0.0)
        for j in range(wells):
            boltzmann_sum(shares + j * BLOCK, low, total, n)
        if weights is NULL:
            sums[self.n_sums - 1] += log_sums(low, total, n)
            invert(total, n)
        else:
            log_sums(low, total, n)
            scale(low, weights, n)
            sums[self.n_sums - 1] += lane_sum(low, n)
            invert(total, n)
            scale(total, weights, n)
        for j in range(wells):
            scale(shares + j * BLOCK, total, n)
        self._add_moments(x, n, shares, sums)

    cdef void _energies(self, const double* x, Py_ssize_t n, double* shares, double* low) noexcept nogil:
        # e_j(x) of every well in its row, and their minimum.
        cdef Py_ssize_t j, d, features = self.data.n_features
        cdef double* e
        cdef double* a
        cdef double* m
        for j in range(self.n_wells):
            e, a, m = shares + j * BLOCK, self.a + j * features, self.m + j * features
            fill(e, n, self.k[j])
            d = 0
            while features - d >= 4:
                add_four_squares(x + d * BLOCK, e, n, BLOCK, a + d, m + d)
                d += 4
            if features - d >= 2:
                add_two_squares(x + d * BLOCK, e, n, BLOCK, a + d, m + d)
                d += 2
            if features - d:
                add_square(x + d * BLOCK, e, n, a[d], m[d])
            lower(e, low, n)

    cdef void _add_moments(self, const double* x, Py_ssize_t n, double* shares, double* sums) noexcept nogil:
        cdef Py_ssize_t j, d, features = self.data.n_features
        cdef double* w
        cdef double* m
        for j in range(self.n_wells):
            w, m = shares + j * BLOCK, self.m + j * features
            sums[0] += lane_sum(w, n)
            sums += 1
            for d in range(features):
                add_moments(x + d * BLOCK, w, sums, n, m[d])
                sums += 2

    cdef double _gather_sums(self) noexcept nogil:
        # The sums of all tasks in those of the first; returns the mean log-likelihood.
        cdef Py_ssize_t t, i
        for t in range(1, self.n_tasks):
            for i in range(self.n_sums):
                self.sums[i] += self.sums[t * self.n_sums + i]
        return self.sums[self.n_sums - 1] / self.data.n

    cdef void _maximise(self) noexcept nogil:
        cdef Py_ssize_t j, d, i, features = self.data.n_features
        cdef double* sums = self.sums
        cdef double mass, shift, variance
        for j in range(self.n_wells):
            mass = sums[0]
            if not mass > NOTHING:
                self.w[j] = NOTHING / self.data.n
                sums += 2 * features + 1
                continue
            self.w[j] = mass / self.data.n
            sums += 1
            for d in range(features):
                i = j * features + d
                shift = sums[0] / mass
                self.m[i] += shift
                variance = sums[1] / mass - shift * shift
                self.s[i] = self._kept(sqrt(variance if variance > 0.0 else 0.0))
                sums += 2

    cdef double _kept(self, double s) noexcept nogil:
        s = self.narrowest if s < self.narrowest else s
        return self.widest if s > self.widest else s

    cdef int _steps(self, Py_ssize_t limit, double tol) noexcept nogil:
        cdef double now, gained, before = -INFINITY
        # In the tail of a climb: 0 at the first point of three, 1 at the second, 2 at the end of a long step.
        cdef int phase = 0
        self.longest = 4.0
        while self.n_iter < limit:
            self._prepare()
            if self.together(self.n_tasks) or self.control.poll(-1.0):
                return -1
            self.n_iter += 1
            now = self._gather_sums()
            if phase == 2:
                phase = 0
                # Written so that a NaN is taken back, and below, so that it ends the climb.
                if not now >= before:
                    self._load(self.past + 2 * self.n_theta)
                    self.longest = max(self.longest / 4.0, 4.0)
                    continue
                self._maximise()
            else:
                if not self.plain and (phase == 1 or now - before < TAIL):
                    self._save(self.past + phase * self.n_theta)
                    phase += 1
                self._maximise()
                gained = now - before
                if not (fabs(gained) if self.plain else gained) >= tol:
                    self.log_likelihood = now
                    return 0
                if phase == 2:
                    self._save(self.past + 2 * self.n_theta)
                    if not self._lengthen():
                        phase = 0
            self.log_likelihood = before = now
        if phase == 2:
            # The steps ran out before the long one was looked at.
            self._load(self.past + 2 * self.n_theta)
        return 0

    cdef void _save(self, double* to) noexcept nogil:
        cdef Py_ssize_t i, size = self.n_wells * self.data.n_features
        for i in range(self.n_wells):
            to[i] = log_normal(self.w[i])
        memcpy(to + self.n_wells, self.m, size * sizeof(double))
        for i in range(size):
            to[self.n_wells + size + i] = log_normal(self.s[i])

    cdef void _load_weights(self, const double* of) noexcept nogil:
        cdef Py_ssize_t i
        cdef double top = -INFINITY, total = 0.0
        for i in range(self.n_wells):
            top = max(top, of[i])
        for i in range(self.n_wells):
            self.w[i] = exp_neg(min(top - of[i], 600.0))
            total += self.w[i]
        for i in range(self.n_wells):
            self.w[i] /= total

    cdef void _load(self, const double* of) noexcept nogil:
        cdef Py_ssize_t i, size = self.n_wells * self.data.n_features
        self._load_weights(of)
        memcpy(self.m, of + self.n_wells, size * sizeof(double))
        for i in range(size):
            self.s[i] = self._kept(exp_neg(max(-of[self.n_wells + size + i], -600.0)))

    cdef void _measure(self, double* units) noexcept nogil:
        # What makes steps of all numbers alike: means are measured in widths.
        cdef Py_ssize_t i, size = self.n_wells * self.data.n_features
        fill(units, self.n_theta, 1.0)
        for i in range(size):
            units[self.n_wells + i] = 1.0 / self.s[i]

    cdef bint _lengthen(self) noexcept nogil:
        # From p0, p1, p2 to p0 + 2 l r + l^2 v with r = p1 - p0, v = p2 - 2 p1 + p0, l = |r| / |v|; l = 1 is p2.
        cdef Py_ssize_t i
        cdef double* p0 = self.past
        cdef double* p1 = p0 + self.n_theta
        cdef double* p2 = p1 + self.n_theta
        cdef double* units = p2 + self.n_theta
        cdef double rr = 0.0, vv = 0.0, r, v, length
        self._measure(units)
        for i in range(self.n_theta):
            r = (p1[i] - p0[i]) * units[i]
            v = (p2[i] - p1[i]) * units[i] - r
            rr += r * r
            vv += v * v
        if not rr > vv:
            return False
        length = sqrt(rr / vv) if vv > 0.0 else INFINITY
        if length > self.longest:
            length = self.longest
            self.longest *= 4.0
        for i in range(self.n_theta):
            r = p1[i] - p0[i]
            v = (p2[i] - p1[i]) - r
            p0[i] += length * (2.0 * r + length * v)
        self._load(p0)
        return True
