"""Restricted Boltzmann machine with normal visible and binary hidden units, these summed out."""

import math

from libc.math cimport fabs, fma
from libc.stdlib cimport free, malloc

import numpy as np

from .._runtime.check import integer
from .._runtime.seed import seed_sequence

cimport cython

from ..kernels.math cimport exp_neg, fill, in_t, lane_dot, lane_sum, log1p_positive, out_t
from .base cimport Energy

# Hidden units up to which all 2^n_hidden states are listed.
cdef int MOST_HIDDEN = 20
cdef double RAW_LIMIT = 20.0


cdef void add_scaled(in_t x, out_t t, Py_ssize_t n, double by) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        t[i] = fma(by, x[i], t[i])


cdef void add_well(in_t x, out_t e, Py_ssize_t n, double half, double centre) noexcept nogil:
    cdef Py_ssize_t i
    cdef double v
    for i in range(n):
        v = x[i] - centre
        e[i] = fma(half * v, v, e[i])


cdef void take_softplus(in_t t, out_t e, Py_ssize_t n) noexcept nogil:
    # log(1 + exp(t)) without overflow.
    cdef Py_ssize_t i
    for i in range(n):
        e[i] -= (t[i] if t[i] > 0.0 else 0.0) + log1p_positive(exp_neg(fabs(t[i])))
        # A NaN compares false above.
        e[i] = t[i] if t[i] != t[i] else e[i]


cdef void logistic(out_t t, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    cdef double small
    for i in range(n):
        small = exp_neg(fabs(t[i]))
        small = t[i] if t[i] != t[i] else small
        t[i] = (1.0 if t[i] > 0.0 else small) / (1.0 + small)


cdef void linear(in_t x, out_t g, Py_ssize_t n, double precision, double centre) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        g[i] = precision * (x[i] - centre)


cdef void weigh(in_t weights, out_t t, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        t[i] *= weights[i]


cdef void add_variance(in_t p, out_t out, Py_ssize_t n, double by) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i] = fma(by, p[i] * (1.0 - p[i]), out[i])


@cython.final
cdef class GaussianBernoulliRBM(Energy):
    r"""Gaussian-Bernoulli restricted Boltzmann machine, its hidden units summed out; trainable.

    .. math:: E(x) = \sum_d \frac{(x_d - b_d)^2}{2 \sigma_d^2}
              - \sum_j \log\bigl(1 + e^{c_j + \sum_d w_{dj} x_d / \sigma_d^2}\bigr).

    Given the hidden units h the visible ones are normal with mean b + W h and standard deviation sigma: the density is
    a mixture of 2^n_hidden normal laws.

    Parameters
    ----------
    n_features : int
        Visible units.
    n_hidden : int
        Hidden units.
    theta : array-like of shape (n_params,), optional
        log sigma (n_features), b (n_features), c (n_hidden), then w, row by row (n_features * n_hidden). By default
        sigma is 1, b and c are 0, and w is drawn from N(0, 0.1^2) by `seed`: equal hidden units would stay equal.
    seed : int, default 0
        Of the weights that theta does not give.

    Raises
    ------
    ValueError, TypeError
        If a size is not a positive integer, or theta has the wrong length or is not finite.

    Notes
    -----
    log Z and samples are exact up to 20 hidden units, by listing their states; above, use `log_partition` (annealed
    importance sampling) and a sampler. log sigma counts as within +-20.

    References
    ----------
    Hinton and Salakhutdinov, Reducing the dimensionality of data with neural networks, 2006; Melchior, Wang and
    Wiskott, Gaussian-binary restricted Boltzmann machines for modeling natural image statistics, 2017.

    Examples
    --------
    >>> import fastebm as fe
    >>> machine = fe.GaussianBernoulliRBM(2, 3)
    >>> machine.exact_sample(5, seed=1).shape
    (5, 2)
    """

    cdef readonly Py_ssize_t n_hidden
    cdef double* precision
    cdef double* weight

    def __init__(self, n_features, n_hidden, theta=None, *, seed=0):
        cdef Py_ssize_t features = integer(n_features, "n_features", 1, 1_000_000)
        cdef Py_ssize_t hidden = integer(n_hidden, "n_hidden", 1, 1_000_000)
        self.allocate(features, 2 * features + hidden + features * hidden)
        self.n_hidden = hidden
        self.precision = <double*>malloc((features + features * hidden) * sizeof(double))
        if self.precision is NULL:
            raise MemoryError
        self.weight = self.precision + features
        self.block_size = max(32, min(512, 65536 // (4 * features + hidden) & ~7))
        self.prepare()
        if theta is None:
            theta = np.zeros(self.n_params)
            rng = np.random.default_rng(seed_sequence(seed))
            theta[2 * features + hidden:] = 0.1 * rng.standard_normal(features * hidden)
        self.theta = theta

    def __dealloc__(self):
        free(self.precision)

    cdef void prepare(self) noexcept nogil:
        # weight[d, j] = w_dj / sigma_d^2
        cdef Py_ssize_t d, j
        cdef double raw
        cdef const double* w = self.theta_ptr + 2 * self.n_features + self.n_hidden
        for d in range(self.n_features):
            raw = self.theta_ptr[d]
            raw = RAW_LIMIT if raw > RAW_LIMIT else raw
            raw = -RAW_LIMIT if raw < -RAW_LIMIT else raw
            self.precision[d] = exp_neg(2.0 * raw)
            for j in range(self.n_hidden):
                self.weight[d * self.n_hidden + j] = self.precision[d] * w[d * self.n_hidden + j]

    cdef Py_ssize_t scratch_size(self, Py_ssize_t n) noexcept nogil:
        return (self.n_hidden + 2) * n

    cdef void inputs(self, const double* x, double* t, Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        # t[j] = c_j + sum_d w_dj x_d / sigma_d^2
        cdef Py_ssize_t d, j
        cdef const double* c = self.theta_ptr + 2 * self.n_features
        for j in range(self.n_hidden):
            fill(t + j * stride, n, c[j])
            for d in range(self.n_features):
                add_scaled(x + d * stride, t + j * stride, n, self.weight[d * self.n_hidden + j])

    cdef void quadratic(self, const double* x, const double* t, double* out, Py_ssize_t n,
                        Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t d, j
        fill(out, n, 0.0)
        for d in range(self.n_features):
            add_well(x + d * stride, out, n, 0.5 * self.precision[d], self.theta_ptr[self.n_features + d])
        for j in range(self.n_hidden):
            take_softplus(t + j * stride, out, n)

    cdef void pull(self, const double* x, const double* p, double* out, Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t d, j
        for d in range(self.n_features):
            linear(x + d * stride, out + d * stride, n, self.precision[d], self.theta_ptr[self.n_features + d])
            for j in range(self.n_hidden):
                add_scaled(p + j * stride, out + d * stride, n, -self.weight[d * self.n_hidden + j])

    cdef void probabilities(self, double* t, Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t j
        for j in range(self.n_hidden):
            logistic(t + j * stride, n)

    cdef int energy_block(self, const double* x, double* out, double* work,
                          Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        self.inputs(x, work, n, stride)
        self.quadratic(x, work, out, n, stride)
        return 0

    cdef int grad_block(self, const double* x, double* out, double* work,
                        Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        self.inputs(x, work, n, stride)
        self.probabilities(work, n, stride)
        self.pull(x, work, out, n, stride)
        return 0

    cdef int energy_grad_block(self, const double* x, double* energy, double* grad, double* work,
                               Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        self.inputs(x, work, n, stride)
        self.quadratic(x, work, energy, n, stride)
        self.probabilities(work, n, stride)
        self.pull(x, work, grad, n, stride)
        return 0

    cdef int param_grad_block(self, const double* x, const double* weights, double* acc, double* work,
                              Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        # dE/db = -(x - b) / s^2, dE/dc = -p, dE/dw = -p x / s^2, dE/dlog s = -(x - b)^2 / s^2 + 2 sum_j p w x / s^2.
        cdef Py_ssize_t d, j, features = self.n_features, hidden = self.n_hidden
        cdef double* ones = work + hidden * stride
        cdef double* apart = ones + stride
        cdef double* c = acc + 2 * features
        cdef double* w = c + hidden
        cdef double moment, weighted
        self.inputs(x, work, n, stride)
        self.probabilities(work, n, stride)
        if weights is NULL:
            fill(ones, n, 1.0)
        else:
            fill(ones, n, 0.0)
            add_scaled(weights, ones, n, 1.0)
            for j in range(hidden):
                weigh(weights, work + j * stride, n)
        for d in range(features):
            # apart = weight (x - b)
            linear(x + d * stride, apart, n, 1.0, self.theta_ptr[features + d])
            weighted = 0.0
            weigh(ones, apart, n)
            acc[features + d] -= self.precision[d] * lane_sum(apart, n)
            for j in range(hidden):
                moment = lane_dot(work + j * stride, x + d * stride, n)
                w[d * hidden + j] -= self.precision[d] * moment
                weighted = fma(self.weight[d * hidden + j], moment, weighted)
            if fabs(self.theta_ptr[d]) <= RAW_LIMIT:
                moment = lane_dot(apart, x + d * stride, n) - self.theta_ptr[features + d] * lane_sum(apart, n)
                acc[d] += 2.0 * weighted - self.precision[d] * moment
        for j in range(hidden):
            c[j] -= lane_sum(work + j * stride, n)
        return 0

    cdef int laplacian_block(self, const double* x, double* out, double* work,
                             Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        # sum_d 1 / s_d^2 - sum_j p (1 - p) |w_j / s^2|^2
        cdef Py_ssize_t d, j
        cdef double trace = 0.0, square
        for d in range(self.n_features):
            trace += self.precision[d]
        self.inputs(x, work, n, stride)
        self.probabilities(work, n, stride)
        fill(out, n, trace)
        for j in range(self.n_hidden):
            square = 0.0
            for d in range(self.n_features):
                square = fma(self.weight[d * self.n_hidden + j], self.weight[d * self.n_hidden + j], square)
            add_variance(work + j * stride, out, n, -square)
        return 0

    def _units(self):
        self._check_ready()
        theta, k, h = self.theta, self.n_features, self.n_hidden
        sigma = np.exp(np.clip(theta[:k], -RAW_LIMIT, RAW_LIMIT))
        return sigma, theta[k:2 * k], theta[2 * k:2 * k + h], theta[2 * k + h:].reshape(k, h)

    @property
    def std(self):
        """Standard deviation of each visible unit given the hidden ones, shape (n_features,)."""
        return self._units()[0]

    @property
    def weights(self):
        """w, shape (n_features, n_hidden), in the units of x."""
        return self._units()[3].copy()

    @property
    def theta_limits(self):
        """(low, high), each of shape (n_params,): -20 and 20 for log sigma, infinite for the others."""
        high = np.full(self.n_params, np.inf)
        high[:self.n_features] = RAW_LIMIT
        return -high, high

    @property
    def has_log_partition(self):
        """Up to 20 hidden units."""
        return self.n_hidden <= MOST_HIDDEN

    @property
    def has_exact_sample(self):
        """Up to 20 hidden units."""
        return self.n_hidden <= MOST_HIDDEN

    def _log_masses(self):
        # log of the mass of each state h, shape (2^n_low, 2^n_high): c h + (|b + W h|^2 - |b|^2) / (2 sigma^2) + log of
        # the normal's integral. Half of the units by half: a product of matrices, and no table of all means.
        sigma, b, c, w = self._units()
        half = self.n_hidden // 2
        low, high = _states(half), _states(self.n_hidden - half)
        base = b / sigma
        near, far = base + low @ (w[:, :half] / sigma[:, None]).T, high @ (w[:, half:] / sigma[:, None]).T
        one = low @ c[:half] + 0.5 * ((near**2).sum(axis=1) - (base**2).sum())
        other = high @ c[half:] + 0.5 * (far**2).sum(axis=1)
        constant = 0.5 * self.n_features * math.log(2.0 * math.pi) + np.log(sigma).sum()
        return one[:, None] + other + near @ far.T + constant

    def log_partition(self):
        """log Z, exact up to rounding, as a float. Raises NotImplementedError above 20 hidden units."""
        if not self.has_log_partition:
            return Energy.log_partition(self)
        masses = self._log_masses()
        top = masses.max()
        return float(top + math.log(np.exp(masses - top).sum()))

    def exact_sample(self, n, seed=None):
        """Draw n independent samples, shape (n, n_features): a state of the hidden units by its mass, then a normal.
        Raises NotImplementedError above 20 hidden units."""
        if not self.has_exact_sample:
            return Energy.exact_sample(self, n, seed)
        count = integer(n, "n", 0)
        rng = np.random.default_rng(seed_sequence(seed))
        masses = self._log_masses()
        reached = np.cumsum(np.exp(masses - masses.max()))
        state = np.minimum(np.searchsorted(reached, rng.random(count) * reached[-1]), masses.size - 1)
        half = self.n_hidden // 2
        low, high = np.unravel_index(state, masses.shape)
        hidden = np.concatenate([_states(half)[low], _states(self.n_hidden - half)[high]], axis=1)
        sigma, b, _, w = self._units()
        return b + hidden @ w.T + sigma * rng.standard_normal((count, self.n_features))

    @property
    def param_names(self):
        """Names of the parameters, in the order of theta."""
        d, j = range(self.n_features), range(self.n_hidden)
        return (*[f"log_sigma[{i}]" for i in d], *[f"b[{i}]" for i in d], *[f"c[{k}]" for k in j],
                *[f"w[{i},{k}]" for i in d for k in j])

    def _arguments(self):
        return {"n_features": self.n_features, "n_hidden": self.n_hidden}


def _states(n):
    """All states of n binary units, shape (2^n, n)."""
    return (np.arange(2**n)[:, None] >> np.arange(n) & 1).astype(float)
