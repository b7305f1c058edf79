"""A mixture of quadratic wells, joined by log-sum-exp."""

from libc.math cimport INFINITY, copysign, fabs, fma
from libc.stdlib cimport free, malloc

import math

import numpy as np

from .._runtime.check import integer
from .._runtime.seed import seed_sequence

from ..kernels.math cimport (
    exp_neg, exp_reduce, exp_tail, fill, from_bits, in_t, lane_sum, log1p_positive, lower, out_t, to_bits,
)
from .base cimport Energy

cdef double RAW_A_LIMIT = 5.0


# ---- block loops ----

cdef void two_wells_reduce(in_t x, out_t q, out_t scale, Py_ssize_t n, double a1, double m1, double k1,
                           double a2, double m2, double k2) noexcept nogil:
    # exp(-|e1 - e2|) = exp_tail(q) * |scale|; scale has the sign of e1 - e2.
    cdef Py_ssize_t i
    cdef double d1, d2, diff
    for i in range(n):
        d1 = x[i] - m1
        d2 = x[i] - m2
        diff = fma(a1 * d1, d1, k1) - fma(a2 * d2, d2, k2)
        scale[i] = copysign(from_bits(exp_reduce(fabs(diff), &q[i])), diff)


cdef void two_wells_ratio(out_t q, in_t scale, Py_ssize_t n) noexcept nogil:
    # q becomes t = exp(-|e1 - e2|).
    cdef Py_ssize_t i
    for i in range(n):
        q[i] = exp_tail(q[i]) * fabs(scale[i])


cdef void two_wells_grad(in_t x, out_t q, in_t scale, out_t out, Py_ssize_t n, double a1, double m1,
                         double a2, double m2) noexcept nogil:
    # q becomes t. The nearer well's gradient plus t times the farther's, over 1 + t: one exp and one division. With
    # two_wells_reduce 1.55 ns (AVX2), in one loop 1.69: the exponential is long, and fewer iterations are in flight.
    cdef Py_ssize_t i
    cdef double g1, g2, t, near, far
    for i in range(n):
        g1 = a1 * (x[i] - m1)
        g2 = a2 * (x[i] - m2)
        t = exp_tail(q[i]) * fabs(scale[i])
        q[i] = t
        near = g1 if scale[i] < 0.0 else g2
        # The other of the two, by exclusive or: cheaper than a second blend.
        far = from_bits(to_bits(g1) ^ to_bits(g2) ^ to_bits(near))
        # 2 (near + t far) / (1 + t)
        out[i] = fma(t, far, near) / fma(t, 0.5, 0.5)


cdef void two_wells_weights(in_t q, in_t scale, out_t w1, out_t w2, Py_ssize_t n) noexcept nogil:
    # The same operations as in the general path, in 2 loops instead of 13.
    cdef Py_ssize_t i
    cdef double t, near, far, floor = exp_neg(690.0)
    for i in range(n):
        t = exp_tail(q[i]) * fabs(scale[i])
        # As in `boltzmann`: times a large square the floor would be a number.
        t = 0.0 if t <= floor else t
        near = 1.0 / (1.0 + t)
        far = t * near
        w1[i] = near if scale[i] < 0.0 else far
        w2[i] = far if scale[i] < 0.0 else near


cdef void two_wells_energy(in_t x, in_t t, out_t out, Py_ssize_t n, double a1, double m1, double k1,
                           double a2, double m2, double k2, double c) noexcept nogil:
    cdef Py_ssize_t i
    cdef double d1, d2, e1, e2, low
    for i in range(n):
        d1 = x[i] - m1
        d2 = x[i] - m2
        e1 = fma(a1 * d1, d1, k1)
        e2 = fma(a2 * d2, d2, k2)
        low = e1 if e1 < e2 else e2
        out[i] = (low - log1p_positive(t[i])) + c


cdef void add_square(in_t x, out_t e, Py_ssize_t n, double a, double m) noexcept nogil:
    cdef Py_ssize_t i
    cdef double d
    for i in range(n):
        d = x[i] - m
        e[i] = fma(a * d, d, e[i])


cdef void add_two_squares(in_t x, out_t e, Py_ssize_t n, Py_ssize_t stride, in_t a, in_t m) noexcept nogil:
    cdef Py_ssize_t i
    cdef double a0 = a[0], a1 = a[1], m0 = m[0], m1 = m[1], d0, d1
    for i in range(n):
        d0 = x[i] - m0
        d1 = x[stride + i] - m1
        e[i] = fma(a1 * d1, d1, fma(a0 * d0, d0, e[i]))


cdef void add_four_squares(in_t x, out_t e, Py_ssize_t n, Py_ssize_t stride, in_t a, in_t m) noexcept nogil:
    # Four features at once: 0.09 ns for a well and feature instead of 0.15, where loads and stores were the limit.
    cdef Py_ssize_t i
    cdef double a0 = a[0], a1 = a[1], a2 = a[2], a3 = a[3], m0 = m[0], m1 = m[1], m2 = m[2], m3 = m[3]
    cdef double d0, d1, d2, d3
    for i in range(n):
        d0 = x[i] - m0
        d1 = x[stride + i] - m1
        d2 = x[2 * stride + i] - m2
        d3 = x[3 * stride + i] - m3
        e[i] = fma(a3 * d3, d3, fma(a2 * d2, d2, fma(a1 * d1, d1, fma(a0 * d0, d0, e[i]))))


cdef void two_feature_well(in_t x, out_t e, out_t low, Py_ssize_t n, Py_ssize_t stride, in_t a, in_t m,
                           double k) noexcept nogil:
    # The energy and the minimum so far in one pass: 2-5 % of a step for 8 wells.
    cdef Py_ssize_t i
    cdef double a0 = a[0], a1 = a[1], m0 = m[0], m1 = m[1], d0, d1, v
    for i in range(n):
        d0 = x[i] - m0
        d1 = x[stride + i] - m1
        v = fma(a1 * d1, d1, fma(a0 * d0, d0, k))
        e[i] = v
        low[i] = low[i] if low[i] < v else v


cdef void boltzmann(out_t e, in_t low, out_t ties, out_t rest, Py_ssize_t n) noexcept nogil:
    # e becomes exp(low - e). Wells exactly at the minimum are counted apart from the others, so that log1p sees small
    # sums in full precision.
    cdef Py_ssize_t i
    cdef double d, t
    for i in range(n):
        d = e[i] - low[i]
        # Not the floor of exp_neg: times a large square (a well 1e150 away) that would be a number.
        t = 0.0 if d > 690.0 else exp_neg(d)
        ties[i] += 1.0 if d == 0.0 else 0.0
        rest[i] += 0.0 if d == 0.0 else t
        e[i] = t


cdef void boltzmann_sum(out_t e, in_t low, out_t total, Py_ssize_t n) noexcept nogil:
    # The same without counting ties: all that a gradient needs.
    cdef Py_ssize_t i
    cdef double d, t
    for i in range(n):
        d = e[i] - low[i]
        t = 0.0 if d > 690.0 else exp_neg(d)
        total[i] += t
        e[i] = t


cdef void invert(out_t v, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        v[i] = 1.0 / v[i]


cdef void mixture_energy(in_t low, in_t ties, in_t rest, out_t out, Py_ssize_t n, double c) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i] = (low[i] - log1p_positive(rest[i] + (ties[i] - 1.0))) + c


cdef void reciprocal(in_t ties, out_t rest, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        rest[i] = 1.0 / (ties[i] + rest[i])


cdef void scale(out_t w, in_t by, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        w[i] *= by[i]


cdef void add_pull(in_t x, in_t w, out_t g, Py_ssize_t n, double a2, double m) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        g[i] = fma(w[i], a2 * (x[i] - m), g[i])


cdef void add_four_pulls(in_t x, in_t w, out_t g, Py_ssize_t n, Py_ssize_t stride, Py_ssize_t features,
                         in_t a2, in_t m) noexcept nogil:
    # Four wells at once: 0.10 ns for a well and feature instead of 0.19.
    cdef Py_ssize_t i
    cdef double b0 = a2[0], b1 = a2[features], b2 = a2[2 * features], b3 = a2[3 * features]
    cdef double m0 = m[0], m1 = m[features], m2 = m[2 * features], m3 = m[3 * features], v
    for i in range(n):
        v = x[i]
        g[i] = fma(w[3 * stride + i], b3 * (v - m3), fma(w[2 * stride + i], b2 * (v - m2),
                   fma(w[stride + i], b1 * (v - m1), fma(w[i], b0 * (v - m0), g[i]))))


cdef void well_moments(in_t x, in_t w, out_t first, out_t second, Py_ssize_t n, double m) noexcept nogil:
    cdef Py_ssize_t i
    cdef double d
    for i in range(n):
        d = x[i] - m
        first[i] = w[i] * d
        second[i] = first[i] * d


cdef void add_spread(in_t x, in_t g, in_t w, out_t out, Py_ssize_t n, double a2, double m) noexcept nogil:
    # Subtracts w (2 a d - grad)^2, this well's part of the variance of the wells' gradients.
    cdef Py_ssize_t i
    cdef double s
    for i in range(n):
        s = fma(a2, x[i] - m, -g[i])
        out[i] = fma(-w[i] * s, s, out[i])


cdef void add_scaled(in_t w, out_t out, Py_ssize_t n, double by) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i] = fma(w[i], by, out[i])


# ---- the energy ----

cdef class WellMixture(Energy):
    r"""Log-sum-exp of quadratic wells with diagonal precision.

    .. math:: E(x) = -\log \sum_j e^{-e_j(x)} + c, \qquad e_j(x) = \sum_d a_{jd} (x_d - m_{jd})^2 + k_j,

    with :math:`a = \exp(\operatorname{clip}(\mathrm{raw\_a}, -5, 5))`. The density is a Gaussian mixture: well j has
    variance 1 / (2 a_jd) in direction d and a weight proportional to exp(-k_j) prod_d a_jd^(-1/2).

    Parameters
    ----------
    n_wells : int, default 2
        Number of wells, at least 1.
    n_features : int, default 1
        Dimension of x, at least 1.
    theta : array-like of shape (n_wells * (2 * n_features + 1) + 1,), optional
        For each well raw_a (n_features), m (n_features), k; last c. By default raw_a, k and c are zero and the wells
        stand evenly spaced from -1 to 1 along the diagonal.

    Raises
    ------
    ValueError, TypeError
        If a size is not a positive integer or theta has the wrong length or is not finite.

    Notes
    -----
    Evaluated as min_j e_j - log1p(sum of the others) with every weight from its own difference, so nothing underflows.
    Where raw_a lies beyond +-5 its derivative is exactly zero.

    Examples
    --------
    >>> import fastebm as fe
    >>> wells = fe.WellMixture(theta=[0.1, -1.2, 0.0, 0.2, 1.3, 0.2, 0.0])
    >>> wells.energy([-2.0, 1.5]).round(5)
    array([0.70731, 0.24845])
    """

    def __init__(self, n_wells=2, n_features=1, theta=None):
        cdef Py_ssize_t wells = integer(n_wells, "n_wells", 1, 1_000_000)
        cdef Py_ssize_t features = integer(n_features, "n_features", 1, 1_000_000)
        self.allocate(features, wells * (2 * features + 1) + 1)
        self.n_wells = wells
        self.a = <double*>malloc((3 * features + 2) * wells * sizeof(double))
        if self.a is NULL:
            raise MemoryError
        self.m = self.a + wells * features
        self.a2 = self.m + wells * features
        self.k = self.a2 + wells * features
        self.trace = self.k + wells
        # State, gradient, noise and weights of a block should fit half a megabyte of second-level cache; within that,
        # long loops are faster than staying in the first level (K = 16, D = 32, a chain-step: 206 ns with 32 chains,
        # 133 with 256; 4 % less than that with 440).
        self.block_size = max(32, min(512, 65536 // (4 * features + wells + 3) & ~7))
        # For theta = 0, which stays if the one that was given is refused.
        self.prepare()
        if theta is None:
            theta = np.zeros(self.n_params)
            if wells > 1:
                layout = theta[:self.n_params - 1].reshape(wells, -1)
                layout[:, features:2 * features] = np.linspace(-1.0, 1.0, wells)[:, None]
        self.theta = theta

    def __dealloc__(self):
        free(self.a)

    cdef void prepare(self) noexcept nogil:
        cdef Py_ssize_t j, d, i, features = self.n_features
        cdef const double* well
        cdef double raw
        for j in range(self.n_wells):
            well = self.theta_ptr + j * (2 * features + 1)
            self.trace[j] = 0.0
            for d in range(features):
                i = j * features + d
                raw = well[d]
                # Written so that a NaN is kept.
                raw = RAW_A_LIMIT if raw > RAW_A_LIMIT else raw
                raw = -RAW_A_LIMIT if raw < -RAW_A_LIMIT else raw
                # Not the C library's exp: its last bit differs between machines.
                self.a[i] = exp_neg(-raw)
                self.a2[i] = 2.0 * self.a[i]
                self.m[i] = well[features + d]
                self.trace[j] += self.a2[i]
            self.k[j] = well[2 * features]
        self.c = self.theta_ptr[self.n_params - 1]

    cdef Py_ssize_t work_size(self, Py_ssize_t n) noexcept nogil:
        # A weight for each well; low, ties, rest; a gradient for the laplacian.
        return n * (self.n_wells + 3 + self.n_features)

    cdef void well_energies(self, const double* x, double* work, Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        # work[j * stride + i] = e_j(x_i); behind the wells their minimum, then two rows of zeros.
        cdef Py_ssize_t j, d, i, features = self.n_features
        cdef double* low = work + self.n_wells * stride
        cdef double* e
        fill(low, n, INFINITY)
        for j in range(self.n_wells):
            e = work + j * stride
            if features == 2:
                two_feature_well(x, e, low, n, stride, self.a + 2 * j, self.m + 2 * j, self.k[j])
                continue
            fill(e, n, self.k[j])
            d = 0
            while d < features:
                i = j * features + d
                if features - d >= 4:
                    add_four_squares(x + d * stride, e, n, stride, self.a + i, self.m + i)
                    d += 4
                elif features - d >= 2:
                    add_two_squares(x + d * stride, e, n, stride, self.a + i, self.m + i)
                    d += 2
                else:
                    add_square(x + d * stride, e, n, self.a[i], self.m[i])
                    d += 1
            lower(e, low, n)
        fill(low + stride, n, 0.0)
        fill(low + 2 * stride, n, 0.0)

    cdef void weights(self, const double* x, double* work, Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        # work[j * stride + i] = exp(low_i - e_j(x_i)); then low, ties and rest, stride apart.
        cdef Py_ssize_t j
        cdef double* low = work + self.n_wells * stride
        self.well_energies(x, work, n, stride)
        for j in range(self.n_wells):
            boltzmann(work + j * stride, low, low + stride, low + 2 * stride, n)

    cdef void normalised_weights(self, const double* x, double* work, Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t j
        cdef double* ties = work + (self.n_wells + 1) * stride
        if self.n_wells == 2 and self.n_features == 1:
            two_wells_reduce(x, ties, ties + stride, n, self.a[0], self.m[0], self.k[0],
                             self.a[1], self.m[1], self.k[1])
            two_wells_weights(ties, ties + stride, work, work + stride, n)
            return
        self.weights(x, work, n, stride)
        reciprocal(ties, ties + stride, n)
        for j in range(self.n_wells):
            scale(work + j * stride, ties + stride, n)

    cdef void pull(self, const double* x, const double* weights, const double* by, double* out,
                   Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        # out = by * sum_j weights_j 2 A_j (x - m_j); by may be NULL.
        cdef Py_ssize_t j, d, i, features = self.n_features
        for d in range(features):
            fill(out + d * stride, n, 0.0)
            j = 0
            while j < self.n_wells:
                i = j * features + d
                if self.n_wells - j >= 4:
                    add_four_pulls(x + d * stride, weights + j * stride, out + d * stride, n, stride, features,
                                   self.a2 + i, self.m + i)
                    j += 4
                else:
                    add_pull(x + d * stride, weights + j * stride, out + d * stride, n, self.a2[i], self.m[i])
                    j += 1
            if by is not NULL:
                scale(out + d * stride, by, n)

    cdef void two_wells(self, const double* x, double* energy, double* grad, double* work,
                        Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        # Two wells in one dimension share one exponential. energy or grad may be NULL.
        cdef double* signed_scale = work + stride
        cdef double a1 = self.a[0], m1 = self.m[0], k1 = self.k[0], a2 = self.a[1], m2 = self.m[1], k2 = self.k[1]
        two_wells_reduce(x, work, signed_scale, n, a1, m1, k1, a2, m2, k2)
        if grad is not NULL:
            two_wells_grad(x, work, signed_scale, grad, n, a1, m1, a2, m2)
        else:
            two_wells_ratio(work, signed_scale, n)
        if energy is not NULL:
            two_wells_energy(x, work, energy, n, a1, m1, k1, a2, m2, k2, self.c)

    cdef int energy_block(self, const double* x, double* out, double* work,
                          Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef double* low = work + self.n_wells * stride
        if self.n_wells == 2 and self.n_features == 1:
            self.two_wells(x, out, NULL, work, n, stride)
            return 0
        self.weights(x, work, n, stride)
        mixture_energy(low, low + stride, low + 2 * stride, out, n, self.c)
        return 0

    cdef int grad_block(self, const double* x, double* out, double* work,
                        Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t j
        cdef double* low
        if self.n_wells == 2 and self.n_features == 1:
            self.two_wells(x, NULL, out, work, n, stride)
            return 0
        low = work + self.n_wells * stride
        self.well_energies(x, work, n, stride)
        for j in range(self.n_wells):
            boltzmann_sum(work + j * stride, low, low + stride, n)
        invert(low + stride, n)
        self.pull(x, work, low + stride, out, n, stride)
        return 0

    cdef int energy_grad_block(self, const double* x, double* energy, double* grad, double* work,
                               Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef double* low = work + self.n_wells * stride
        if self.n_wells == 2 and self.n_features == 1:
            self.two_wells(x, energy, grad, work, n, stride)
            return 0
        self.weights(x, work, n, stride)
        mixture_energy(low, low + stride, low + 2 * stride, energy, n, self.c)
        reciprocal(low + stride, low + 2 * stride, n)
        self.pull(x, work, low + 2 * stride, grad, n, stride)
        return 0

    cdef int param_grad_block(self, const double* x, double* acc, double* work,
                              Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t j, d, i, features = self.n_features
        # low and ties are free once the weights are normalised.
        cdef double* first = work + self.n_wells * stride
        cdef double* second = first + stride
        cdef double* well
        self.normalised_weights(x, work, n, stride)
        for j in range(self.n_wells):
            well = acc + j * (2 * features + 1)
            for d in range(features):
                i = j * features + d
                well_moments(x + d * stride, work + j * stride, first, second, n, self.m[i])
                if fabs(self.theta_ptr[j * (2 * features + 1) + d]) <= RAW_A_LIMIT:
                    well[d] += self.a[i] * lane_sum(second, n)
                well[features + d] -= self.a2[i] * lane_sum(first, n)
            well[2 * features] += lane_sum(work + j * stride, n)
        acc[self.n_params - 1] += n
        return 0

    cdef int laplacian_block(self, const double* x, double* out, double* work,
                             Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        # 2 sum_j w_j tr A_j - sum_j w_j |2 A_j d_j - grad|^2
        cdef Py_ssize_t j, d, features = self.n_features
        cdef double* grad = work + (self.n_wells + 3) * stride
        self.normalised_weights(x, work, n, stride)
        self.pull(x, work, NULL, grad, n, stride)
        fill(out, n, 0.0)
        for j in range(self.n_wells):
            add_scaled(work + j * stride, out, n, self.trace[j])
            for d in range(features):
                add_spread(x + d * stride, grad + d * stride, work + j * stride, out, n,
                           self.a2[j * features + d], self.m[j * features + d])
        return 0

    cdef void identifiable(self, double* step) noexcept nogil:
        # Only differences of the k matter, and c not at all.
        cdef Py_ssize_t j, width = 2 * self.n_features + 1
        cdef double mean = 0.0
        for j in range(self.n_wells):
            mean += step[j * width + width - 1]
        mean /= self.n_wells
        for j in range(self.n_wells):
            step[j * width + width - 1] -= mean
        step[self.n_params - 1] = 0.0

    def _wells(self):
        self._check_ready()
        theta = self.theta[:self.n_params - 1].reshape(self.n_wells, -1)
        raw, m, k = np.split(theta, [self.n_features, 2 * self.n_features], axis=1)
        return np.clip(raw, -RAW_A_LIMIT, RAW_A_LIMIT), m, k[:, 0]

    def _log_masses(self):
        # log of the integral of exp(-e_j): -k - 1/2 log|A| + D/2 log pi.
        raw, _, k = self._wells()
        return -k - 0.5 * raw.sum(axis=1) + 0.5 * self.n_features * math.log(math.pi)

    def log_partition(self):
        """log Z = logsumexp_j(-k_j - 1/2 sum_d log a_jd) + n_features / 2 log(pi) - c, exact, as a float."""
        masses = self._log_masses()
        top = masses.max()
        return float(top + math.log(np.exp(masses - top).sum()) - self.c)

    @property
    def weights_(self):
        """Mass of each well, shape (n_wells,), sums to 1: proportional to exp(-k_j) prod_d a_jd^(-1/2)."""
        masses = self._log_masses()
        weights = np.exp(masses - masses.max())
        return weights / weights.sum()

    @property
    def means_(self):
        """Centre of each well, shape (n_wells, n_features), in the units of x."""
        return self._wells()[1].copy()

    @property
    def stds_(self):
        """Standard deviation of each well, (2 a)^(-1/2), shape (n_wells, n_features), in the units of x."""
        return np.exp(-0.5 * self._wells()[0]) * math.sqrt(0.5)

    @property
    def param_names(self):
        """Names of the parameters, in the order of theta."""
        cdef Py_ssize_t j, d
        names = []
        for j in range(1, self.n_wells + 1):
            for part in ("raw_a", "m"):
                if self.n_features == 1:
                    names.append(f"{part}{j}")
                else:
                    names.extend([f"{part}{j}[{d}]" for d in range(self.n_features)])
            names.append(f"k{j}")
        return (*names, "c")

    def exact_sample(self, n, seed=None):
        """Draw n independent samples of the density (NumPy's generator; a well by its mass, then a normal).

        Returns
        -------
        ndarray of shape (n, n_features)

        Raises
        ------
        ValueError, TypeError
            If n is not an integer of at least 0 or seed is not a seed.
        """
        count = integer(n, "n", 0)
        rng = np.random.default_rng(seed_sequence(seed))
        well = rng.choice(self.n_wells, size=count, p=self.weights_)
        return self.means_[well] + self.stds_[well] * rng.standard_normal((count, self.n_features))

    @classmethod
    def from_mixture(cls, weights, means, stds, *, normalised=True):
        """Build the energy of a given Gaussian mixture with diagonal covariance.

        Parameters
        ----------
        weights : array-like of shape (n_wells,)
            Positive; scaled to sum to 1.
        means, stds : array-like of shape (n_wells,) or (n_wells, n_features)
            In the units of x; stds positive and between 0.0581 and 8.61 (raw_a within +-5).
        normalised : bool, default True
            Choose c so that log Z = 0 and the energy is -log p.

        Raises
        ------
        ValueError
            If shapes disagree or a value is out of range.
        """
        from .._runtime.check import first_bad, numeric

        weights, means, stds = (numeric(v, n) for v, n in ((weights, "weights"), (means, "means"), (stds, "stds")))
        if weights.ndim != 1 or weights.size == 0 or means.shape != stds.shape or means.shape[:1] != weights.shape:
            raise ValueError(
                f"weights {weights.shape}, means {means.shape} and stds {stds.shape} must describe the same wells"
            )
        means, stds = means.reshape(weights.size, -1), stds.reshape(weights.size, -1)
        for array, name in ((weights, "weights"), (means, "means"), (stds, "stds")):
            first_bad(array, name)
        if (weights <= 0).any() or (stds <= 0).any():
            raise ValueError("weights and stds must be positive")
        raw = -np.log(2.0 * stds * stds)
        if (np.abs(raw) > RAW_A_LIMIT).any():
            raise ValueError(
                f"stds must lie between {math.exp(-2.5) * math.sqrt(0.5):.4f} and "
                f"{math.exp(2.5) * math.sqrt(0.5):.4f}, got {stds.min():g} to {stds.max():g}; rescale x"
            )
        k = -np.log(weights / weights.sum()) - 0.5 * raw.sum(axis=1)
        k -= k.mean()
        theta = np.append(np.column_stack([raw, means, k]).ravel(), 0.0)
        energy = cls(weights.size, means.shape[1], theta)
        if normalised:
            theta[energy.n_params - 1] = energy.log_partition()
            energy.theta = theta
        return energy

    def _arguments(self):
        return {"n_wells": self.n_wells, "n_features": self.n_features}

    def __repr__(self):
        shown = np.array2string(self.theta, precision=4, threshold=20, separator=", ").replace("\n", "")
        return f"WellMixture(n_wells={self.n_wells}, n_features={self.n_features}, theta={shown})"
