"""The normal law with any covariance."""

import math

from libc.math cimport fma
from libc.stdlib cimport free, malloc

import numpy as np

from .._runtime.check import first_bad, integer, numeric, real, samples
from .._runtime.seed import seed_sequence
from .normals import NormalMixture, precision_factor

from ..kernels.math cimport exp_neg, fill, lane_dot, lane_sum
from ..kernels.triangle cimport add_product, add_squares, subtract, transposed_product
from ..kernels.wells cimport scale
from .base cimport Energy

# Where the logarithm of a diagonal entry is clipped: exp(300)^2 is still a number.
cdef double LOG_LIMIT = 300.0


cdef class Gaussian(Energy):
    r"""Normal law with full covariance, trainable.

    .. math:: E(x) = |L^T (x - m)|^2 + c, \qquad \Sigma^{-1} = 2 L L^T,

    L lower triangular with a positive diagonal.

    Parameters
    ----------
    mean : float or array-like of shape (n_features,)
        In the units of x.
    covariance : array-like of shape (n_features, n_features), or a number if n_features is 1; optional
        Symmetric and positive definite; by default the unit matrix.

    Raises
    ------
    ValueError, TypeError
        If the shapes disagree, a value is not finite, or covariance is not symmetric or not positive definite.

    Notes
    -----
    theta holds the logarithms of the diagonal of L (n_features), the entries below it row by row, the mean (n_features)
    and c, which is chosen so that log Z = 0. Logarithms beyond +-300 count as +-300, with a derivative of zero.

    See Also
    --------
    Gaussian.fit : the maximum-likelihood fit to data.

    Examples
    --------
    >>> import fastebm as fe
    >>> law = fe.Gaussian([0.0, 1.0], [[2.0, 0.6], [0.6, 0.5]])
    >>> law.log_prob([[0.0, 1.0]]).round(4)
    array([-1.6147])
    """

    def __init__(self, mean, covariance=None):
        centre = np.atleast_1d(numeric(mean, "mean"))
        if centre.ndim != 1 or not centre.size:
            raise ValueError(f"mean must be a number or have shape (n_features,), got {centre.shape}")
        first_bad(centre, "mean")
        cdef Py_ssize_t features = centre.size
        lower = np.eye(features) * math.sqrt(0.5) if covariance is None else _factor(covariance, features)
        self.allocate(features, features * (features + 1) // 2 + features + 1)
        self.factor = <double*>malloc(features * (features + 1) * sizeof(double))
        if self.factor is NULL:
            raise MemoryError
        self.centre = self.factor + features * features
        # State, gradient, noise and the rows of a block should fit the second-level cache, as for wells.
        self.block_size = max(32, min(512, 65536 // (6 * features) & ~7))
        logs = np.log(np.diag(lower))
        # c makes the energy -log p: log Z = -sum log L_ii + D / 2 log pi - c.
        offset = 0.5 * features * math.log(math.pi) - logs.sum()
        self.theta = np.concatenate([logs, lower[np.tril_indices(features, -1)], centre, [offset]])

    def __dealloc__(self):
        free(self.factor)

    cdef void prepare(self) noexcept nogil:
        cdef Py_ssize_t i, k, features = self.n_features
        cdef const double* below = self.theta_ptr + features
        cdef double raw
        self.curvature = 0.0
        for i in range(features):
            for k in range(i):
                self.factor[i * features + k] = below[0]
                self.curvature = fma(2.0 * below[0], below[0], self.curvature)
                below += 1
            raw = self.theta_ptr[i]
            # Written so that a NaN is kept.
            raw = LOG_LIMIT if raw > LOG_LIMIT else raw
            raw = -LOG_LIMIT if raw < -LOG_LIMIT else raw
            # Not the C library's exp: its last bit differs between machines.
            self.factor[i * features + i] = exp_neg(-raw)
            self.curvature = fma(2.0 * self.factor[i * features + i], self.factor[i * features + i], self.curvature)
        for i in range(features):
            self.centre[i] = below[i]
        self.offset = below[features]

    cdef Py_ssize_t scratch_size(self, Py_ssize_t n) noexcept nogil:
        return 2 * self.n_features * n

    cdef void whiten(self, const double* x, double* work, Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t i, features = self.n_features
        for i in range(features):
            subtract(x + i * stride, work + i * stride, n, self.centre[i])
        transposed_product(self.factor, work, work + features * stride, features, n, stride)

    cdef void square(self, const double* u, double* out, Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t k
        fill(out, n, self.offset)
        for k in range(self.n_features):
            add_squares(u + k * stride, out, n)

    cdef void pull(self, const double* u, double* out, Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t i
        for i in range(self.n_features):
            fill(out + i * stride, n, 0.0)
        add_product(self.factor, u, out, 2.0, self.n_features, n, stride)

    cdef int energy_block(self, const double* x, double* out, double* work,
                          Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        self.whiten(x, work, n, stride)
        self.square(work + self.n_features * stride, out, n, stride)
        return 0

    cdef int grad_block(self, const double* x, double* out, double* work,
                        Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        self.whiten(x, work, n, stride)
        self.pull(work + self.n_features * stride, out, n, stride)
        return 0

    cdef int energy_grad_block(self, const double* x, double* energy, double* grad, double* work,
                               Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        self.whiten(x, work, n, stride)
        self.square(work + self.n_features * stride, energy, n, stride)
        self.pull(work + self.n_features * stride, grad, n, stride)
        return 0

    cdef int param_grad_block(self, const double* x, const double* weights, double* acc, double* work,
                              Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        # dE/dL_ik = 2 d_i u_k, on the diagonal times L_kk for its logarithm; dE/dm = -2 L u.
        cdef Py_ssize_t i, k, features = self.n_features
        cdef double* u = work + features * stride
        cdef double* below = acc + features
        cdef double* mean = below + features * (features - 1) // 2
        cdef double total
        self.whiten(x, work, n, stride)
        if weights is not NULL:
            for k in range(features):
                scale(u + k * stride, weights, n)
        for i in range(features):
            for k in range(i):
                below[0] += 2.0 * lane_dot(work + i * stride, u + k * stride, n)
                below += 1
            if -LOG_LIMIT <= self.theta_ptr[i] <= LOG_LIMIT:
                acc[i] += 2.0 * self.factor[i * features + i] * lane_dot(work + i * stride, u + i * stride, n)
        # Sums of u are in the place of d, which is used up.
        for k in range(features):
            work[k] = lane_sum(u + k * stride, n)
        for i in range(features):
            total = 0.0
            for k in range(i + 1):
                total = fma(self.factor[i * features + k], work[k], total)
            mean[i] -= 2.0 * total
        mean[features] += n if weights is NULL else lane_sum(weights, n)
        return 0

    cdef int laplacian_block(self, const double* x, double* out, double* work,
                             Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        # 2 tr(L L'), wherever x is; d and u tell where it is not a number.
        cdef Py_ssize_t d, i
        fill(out, n, self.curvature)
        for d in range(self.n_features):
            for i in range(n):
                out[i] = fma(0.0, x[d * stride + i], out[i])
        return 0

    cdef void identifiable(self, double* step) noexcept nogil:
        # c does not change the density.
        step[self.n_params - 1] = 0.0

    def _lower(self):
        self._check_ready()
        features = self.n_features
        lower = np.zeros((features, features))
        theta = self.theta
        lower[np.tril_indices(features, -1)] = theta[features:features * (features + 1) // 2]
        lower[np.diag_indices(features)] = np.exp(np.clip(theta[:features], -LOG_LIMIT, LOG_LIMIT))
        return lower

    @property
    def mean(self):
        """Centre, shape (n_features,), in the units of x."""
        self._check_ready()
        return self.theta[self.n_params - 1 - self.n_features:self.n_params - 1]

    @property
    def precision(self):
        """Inverse of the covariance, 2 L L', shape (n_features, n_features)."""
        lower = self._lower()
        return 2.0 * lower @ lower.T

    @property
    def covariance(self):
        """Covariance, (2 L L')^-1, shape (n_features, n_features), in the units of x squared."""
        inverse = np.linalg.inv(self._lower())
        return 0.5 * inverse.T @ inverse

    modes = property(lambda self: self.mean[None], doc="The mean, shape (1, n_features).")
    mode_shares = property(lambda self: np.ones(1), doc="All of the mass, shape (1,).")
    mode_scales = property(lambda self: np.sqrt(np.diag(self.covariance))[None],
                           doc="Standard deviation of every feature, shape (1, n_features).")
    mode_covariances = property(lambda self: self.covariance[None], doc="The covariance, (1, n_features, n_features).")

    def _normal_mixture(self):
        return NormalMixture(np.array([-self.offset]), self.mean[None], self.precision[None])

    @property
    def theta_limits(self):
        """(low, high), each of shape (n_params,): -300 and 300 for the logarithms, infinite for the others."""
        high = np.full(self.n_params, np.inf)
        high[:self.n_features] = LOG_LIMIT
        return -high, high

    def shares(self, X):
        """Ones, shape (n_samples, 1): there is one mode. Raises as `energy` does."""
        x, _ = samples(X, self.n_features)
        return np.ones((len(x), 1))

    def log_partition(self):
        """log Z = n_features / 2 log(pi) - sum_i log L_ii - c, exact, as a float."""
        self._check_ready()
        logs = np.clip(self.theta[:self.n_features], -LOG_LIMIT, LOG_LIMIT)
        return float(0.5 * self.n_features * math.log(math.pi) - logs.sum() - self.offset)

    def exact_sample(self, n, seed=None):
        """Draw n independent samples of the density with NumPy's generator, shape (n, n_features).

        Raises
        ------
        ValueError, TypeError
            If n is not an integer of at least 0 or seed is not a seed.
        """
        count = integer(n, "n", 0)
        rng = np.random.default_rng(seed_sequence(seed))
        inverse = np.linalg.inv(self._lower())
        return self.mean + math.sqrt(0.5) * rng.standard_normal((count, self.n_features)) @ inverse

    @property
    def param_names(self):
        """Names of the parameters, in the order of theta."""
        d = range(self.n_features)
        below = [f"L[{i},{k}]" for i in d for k in range(i)]
        return (*[f"log_L[{i}]" for i in d], *below, *[f"m[{i}]" for i in d], "c")

    @classmethod
    def fit(cls, X, *, ridge=0.0):
        """The maximum-likelihood fit: the mean and the covariance of the rows (divided by their number).

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or (n_samples,)
            Finite data.
        ridge : float, default 0.0
            Share of each variance that is added to it, for data whose covariance is singular or nearly so.

        Returns
        -------
        Gaussian
            With log Z = 0.

        Raises
        ------
        ValueError, TypeError
            If X is not finite data, a feature is constant, or the covariance is singular.
        """
        x, _ = samples(X, np.shape(X)[1] if np.ndim(X) == 2 else 1)
        share = real(ridge, "ridge", minimum=0)
        mean = x.mean(axis=0)
        covariance = (x - mean).T @ (x - mean) / len(x)
        variances = np.diag(covariance)
        if not (variances > 0).all():
            feature = int(np.flatnonzero(~(variances > 0))[0])
            raise ValueError(
                f"X has zero variance in feature {feature} (all values are {x[0, feature]:g}), so its density is "
                "infinite; drop the feature"
            )
        covariance[np.diag_indices(len(mean))] *= 1.0 + share
        scales = np.sqrt(variances)
        rank = int(np.linalg.matrix_rank(covariance / np.outer(scales, scales), hermitian=True))
        if rank < len(mean):
            raise ValueError(
                f"the covariance of X has rank {rank} in {len(mean)} features ({len(x)} rows): some features follow "
                "from the others; drop them, give more rows, or use a ridge such as 1e-6"
            )
        return cls(mean, covariance)

    def _arguments(self):
        # theta says the rest.
        return {"mean": self.mean.tolist()}

    def __repr__(self):
        text = [np.array2string(v, precision=4, threshold=20, separator=", ").replace("\n", "")
                for v in (self.mean, self.covariance)]
        return f"Gaussian(n_features={self.n_features}, mean={text[0]}, covariance={text[1]})"


def _factor(covariance, features):
    """L of a covariance: lower triangular, with (2 L L')^-1 the covariance."""
    matrix = numeric(covariance, "covariance")
    matrix = matrix.reshape(1, 1) if matrix.ndim == 0 else matrix
    if matrix.shape != (features, features):
        raise ValueError(f"covariance must have shape ({features}, {features}), as mean has it, got {matrix.shape}")
    return precision_factor(matrix, "covariance")
