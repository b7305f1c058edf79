"""A mixture of quadratic wells, joined by log-sum-exp."""

import math

import numpy as np

from .._runtime.check import choice, integer, samples
from .._runtime.seed import seed_sequence
from . import well_theta
from .normals import NormalMixture

from ..kernels.diagonal_wells cimport DiagonalWells
from ..kernels.full_wells cimport FullWells
from .base cimport Energy


cdef class WellMixture(Energy):
    r"""Log-sum-exp of quadratic wells.

    .. math:: E(x) = -\log \sum_j e^{-e_j(x)} + c, \qquad e_j(x) = (x - m_j)^T A_j (x - m_j) + k_j.

    The density is a Gaussian mixture: well j has the covariance A_j^-1 / 2 and a weight proportional to
    exp(-k_j) det A_j^(-1/2). A_j is diagonal (wells whose axes are the features), with
    :math:`a = \exp(\operatorname{clip}(\mathrm{raw\_a}, -5, 5))`, or full, :math:`A_j = L_j L_j^T` with L_j lower
    triangular and :math:`L_{ii} = \exp(\operatorname{clip}(\mathrm{log\_L}_i, -7, 7))`.

    Parameters
    ----------
    n_wells : int, default 2
        Number of wells, at least 1.
    n_features : int, default 1
        Dimension of x, at least 1.
    theta : array-like of shape (n_params,), optional
        For each well raw_a (n_features), m (n_features), k; last c. With full covariance log_L (n_features) and the
        entries of L below the diagonal, row by row, are in the place of raw_a. By default all are zero and the wells
        stand evenly spaced from -1 to 1 along the diagonal.
    covariance : {"diag", "full"}, default "diag"
        May the features of a well be correlated? A full well has n_features (n_features - 1) / 2 parameters more.

    Raises
    ------
    ValueError, TypeError
        If a size is not a positive integer or theta has the wrong length or is not finite.

    Notes
    -----
    Evaluated as min_j e_j - log1p(sum of the others) with every weight from its own difference, so nothing underflows.
    Where raw_a lies beyond +-5, or log_L beyond +-7, its derivative is exactly zero.

    Examples
    --------
    >>> import fastebm as fe
    >>> wells = fe.WellMixture(theta=[0.1, -1.2, 0.0, 0.2, 1.3, 0.2, 0.0])
    >>> wells.energy([-2.0, 1.5]).round(5)
    array([0.70731, 0.24845])
    """

    def __init__(self, n_wells=2, n_features=1, theta=None, *, covariance="diag"):
        cdef Py_ssize_t wells = integer(n_wells, "n_wells", 1, 1_000_000)
        cdef Py_ssize_t features = integer(n_features, "n_features", 1, 1_000_000)
        cdef bint full = choice(covariance, "covariance", well_theta.COVARIANCES) == "full"
        self.allocate(features, wells * well_theta.numbers_of_a_well(features, full) + 1)
        self.n_wells = wells
        self.loops = (FullWells if full else DiagonalWells)(
            wells, features, well_theta.LOG_L_LIMIT if full else well_theta.RAW_A_LIMIT
        )
        self.full = full
        self.block_size = self.loops.block_size
        # For theta = 0, which stays if the one that was given is refused.
        self.prepare()
        if theta is None:
            theta = np.zeros(self.n_params)
            if wells > 1:
                layout = theta[:self.n_params - 1].reshape(wells, -1)
                layout[:, -1 - features:-1] = np.linspace(-1.0, 1.0, wells)[:, None]
        self.theta = theta

    cdef void prepare(self) noexcept nogil:
        self.loops.load(self.theta_ptr)

    cdef Py_ssize_t scratch_size(self, Py_ssize_t n) noexcept nogil:
        return self.loops.scratch_size(n)

    cdef int energy_block(self, const double* x, double* out, double* work,
                          Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        self.loops.energy_block(x, out, work, n, stride)
        return 0

    cdef int grad_block(self, const double* x, double* out, double* work,
                        Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        self.loops.grad_block(x, out, work, n, stride)
        return 0

    cdef int energy_grad_block(self, const double* x, double* energy, double* grad, double* work,
                               Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        self.loops.energy_grad_block(x, energy, grad, work, n, stride)
        return 0

    cdef int param_grad_block(self, const double* x, const double* weights, double* acc, double* work,
                              Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        self.loops.param_grad_block(x, weights, acc, work, n, stride)
        return 0

    cdef int laplacian_block(self, const double* x, double* out, double* work,
                             Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        self.loops.laplacian_block(x, out, work, n, stride)
        return 0

    cdef void identifiable(self, double* step) noexcept nogil:
        # Only differences of the k matter, and c not at all.
        cdef Py_ssize_t j, width = (self.n_params - 1) // self.n_wells
        cdef double mean = 0.0
        for j in range(self.n_wells):
            mean += step[j * width + width - 1]
        mean /= self.n_wells
        for j in range(self.n_wells):
            step[j * width + width - 1] -= mean
        step[self.n_params - 1] = 0.0

    @property
    def covariance(self):
        """"diag" or "full"."""
        return "diag" if not self.full else "full"

    def _wells(self):
        # Of full wells twice log_L is in the place of raw_a.
        self._check_ready()
        d = self.n_features
        theta = self.theta[:self.n_params - 1].reshape(self.n_wells, -1)
        raw, m, k = np.clip(theta[:, :d], *self._limits()), theta[:, -1 - d:-1], theta[:, -1]
        return raw if not self.full else 2.0 * raw, m, k

    def _limits(self):
        return -self.loops.limit, self.loops.limit

    def _factors(self):
        self._check_ready()
        return well_theta.lower_factors(self.theta, self.n_wells, self.n_features)

    def _log_masses(self):
        # log of the integral of exp(-e_j): -k - 1/2 log|A| + D/2 log pi.
        raw, _, k = self._wells()
        return -k - 0.5 * raw.sum(axis=1) + 0.5 * self.n_features * math.log(math.pi)

    def log_partition(self):
        """log Z = logsumexp_j(-k_j - 1/2 log det A_j) + n_features / 2 log(pi) - c, exact, as a float."""
        masses = self._log_masses()
        top = masses.max()
        return float(top + math.log(np.exp(masses - top).sum()) - self.loops.c)

    @property
    def weights_(self):
        """Mass of each well, shape (n_wells,), sums to 1: proportional to exp(-k_j) det A_j^(-1/2)."""
        masses = self._log_masses()
        weights = np.exp(masses - masses.max())
        return weights / weights.sum()

    @property
    def means_(self):
        """Centre of each well, shape (n_wells, n_features), in the units of x."""
        return self._wells()[1].copy()

    @property
    def stds_(self):
        """Standard deviation of each feature in each well, shape (n_wells, n_features), in the units of x."""
        if self.full:
            return np.sqrt(np.diagonal(self.covariances_, axis1=1, axis2=2))
        return np.exp(-0.5 * self._wells()[0]) * math.sqrt(0.5)

    @property
    def covariances_(self):
        """Covariance of each well, A_j^-1 / 2, shape (n_wells, n_features, n_features), in the units of x squared."""
        if not self.full:
            return self.stds_[:, :, None] ** 2 * np.eye(self.n_features)
        inverse = np.linalg.inv(self._factors())
        return 0.5 * np.swapaxes(inverse, 1, 2) @ inverse

    modes = property(lambda self: self.means_, doc="Centres of the wells, as `means_`.")
    mode_shares = property(lambda self: self.weights_, doc="Mass of each well, as `weights_`.")
    mode_scales = property(lambda self: self.stds_, doc="Standard deviation of each well, as `stds_`.")
    mode_covariances = property(lambda self: self.covariances_ if self.covariance == "full" else None,
                                doc="Covariance of each well, as `covariances_`; None for diagonal ones.")

    def _rescaled(self, offset, scale):
        # The law of offset + scale x as such wells, or None beyond their range of widths.
        means = offset + scale * self.means_
        if self.full:
            lower = self._factors() / scale[:, None]
            if not (np.abs(np.log(np.diagonal(lower, axis1=1, axis2=2))) <= well_theta.LOG_L_LIMIT).all():
                return None
            return WellMixture.from_mixture(
                self.weights_, means, covariances=np.outer(scale, scale) * self.covariances_
            )
        narrowest, widest = self.scale_limits
        stds = scale * self.stds_
        if not ((stds >= narrowest) & (stds <= widest)).all():
            return None
        return WellMixture.from_mixture(self.weights_, means, stds)

    def _normal_mixture(self):
        raw, m, k = self._wells()
        if self.full:
            lower = self._factors()
            return NormalMixture(-k - self.loops.c, m, 2.0 * lower @ np.swapaxes(lower, 1, 2))
        return NormalMixture(-k - self.loops.c, m, 2.0 * np.exp(raw)[:, :, None] * np.eye(self.n_features))

    @property
    def scale_limits(self):
        """(0.0581, 8.61): the standard deviations at which raw_a is clipped; (0.00064, 775) for log_L.

        Fits keep the standard deviation of a full well along every direction between them, by clipping the eigenvalues
        of its covariance.
        """
        return well_theta.narrowest(self.full), well_theta.widest(self.full)

    @property
    def theta_limits(self):
        """(low, high), each of shape (n_params,): -5 and 5 for raw_a, -7 and 7 for log_L, infinite for the others."""
        high = np.full(self.n_params, np.inf)
        high[:self.n_params - 1].reshape(self.n_wells, -1)[:, :self.n_features] = self._limits()[1]
        return -high, high

    def shares(self, X):
        """Share of each well in the density at every sample, exp(-e_j) / sum_i exp(-e_i).

        Returns
        -------
        ndarray of shape (n_samples, n_wells)
            Rows sum to 1; the mean over the density is `weights_`.

        Raises
        ------
        ValueError, TypeError
            As `energy` does.
        """
        self._check_ready()
        return self.loops.shares(samples(X, self.n_features)[0])

    @property
    def param_names(self):
        """Names of the parameters, in the order of theta."""
        return well_theta.parameter_names(self.n_wells, self.n_features, self.full)

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
        if self.full:
            noise = math.sqrt(0.5) * rng.standard_normal((count, self.n_features))
            for j, inverse in enumerate(np.linalg.inv(self._factors())):
                noise[well == j] = noise[well == j] @ inverse
            return self.means_[well] + noise
        return self.means_[well] + self.stds_[well] * rng.standard_normal((count, self.n_features))

    @classmethod
    def from_mixture(cls, weights, means, stds=None, *, covariances=None, normalised=True):
        """Build the energy of a given Gaussian mixture, from its standard deviations or from its covariances.

        Parameters
        ----------
        weights : array-like of shape (n_wells,)
            Positive; scaled to sum to 1.
        means, stds : array-like of shape (n_wells,) or (n_wells, n_features)
            In the units of x; stds positive and between 0.0581 and 8.61 (raw_a within +-5).
        covariances : array-like of shape (n_wells, n_features, n_features), in the place of stds
            Symmetric and positive definite, with eigenvalues between 0.00064^2 and 775^2 (log_L within +-7): the wells
            are full ones.
        normalised : bool, default True
            Choose c so that log Z = 0 and the energy is -log p.

        Raises
        ------
        ValueError
            If shapes disagree, a value is out of range, or not exactly one of stds and covariances is given.
        """
        theta, features, full = well_theta.theta_of_mixture(weights, means, stds, covariances)
        energy = cls(len(weights), features, theta, covariance=well_theta.COVARIANCES[full])
        if normalised:
            theta[energy.n_params - 1] = energy.log_partition()
            energy.theta = theta
        return energy

    def __copy__(self):
        # Without the default theta that `_arguments` alone would make: 17 us of a fit, which copies twice.
        return WellMixture(self.n_wells, self.n_features, self.theta, covariance=self.covariance)

    def _arguments(self):
        arguments = {"n_wells": self.n_wells, "n_features": self.n_features}
        # Files of diagonal wells stay as they were.
        return arguments if not self.full else arguments | {"covariance": "full"}

    def __repr__(self):
        shown = np.array2string(self.theta, precision=4, threshold=20, separator=", ").replace("\n", "")
        kind = "" if not self.full else ", covariance='full'"
        return f"WellMixture(n_wells={self.n_wells}, n_features={self.n_features}, theta={shown}{kind})"
