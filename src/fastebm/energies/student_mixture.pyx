"""A mixture of multivariate laws of Student: wells with heavy tails."""

import math

import numpy as np

from .._runtime.check import choice, integer, samples
from .._runtime.seed import seed_sequence
from . import student_theta
from .student_theta import COVARIANCES, LOG_L_LIMIT

from ..kernels.student_wells cimport StudentWells
from .base cimport Energy


cdef class StudentTMixture(Energy):
    r"""Log-sum-exp of wells whose walls grow like a logarithm: rows far from all of them cost little.

    .. math:: E(x) = -\log \sum_j e^{-e_j(x)} + c, \qquad
              e_j(x) = k_j + \frac{\nu_j + D}{2} \log\Bigl(1 + \frac{2 |L_j^T (x - m_j)|^2}{\nu_j}\Bigr).

    The density is a mixture of multivariate laws of Student: well j has :math:`\nu_j` degrees of freedom and the scale
    matrix S_j = (2 L_j L_j^T)^-1, which times :math:`\nu_j / (\nu_j - 2)` is its covariance. L_j is diagonal, or lower
    triangular with full covariance. With many degrees of freedom it is the well of a `WellMixture`.

    Parameters
    ----------
    n_wells : int, default 2
        Number of wells, at least 1.
    n_features : int, default 1
        Dimension of x, at least 1.
    theta : array-like of shape (n_params,), optional
        For each well log_L (n_features), with full covariance the entries of L below the diagonal, row by row, then m
        (n_features), log_df and k; last c. By default the wells stand evenly spaced from -1 to 1 along the diagonal,
        log_df is log 5 and everything else zero.
    covariance : {"diag", "full"}, default "diag"
        May the features of a well be correlated? Without correlations they are still not independent: a row far out in
        one feature is likelier to be far out in others.

    Raises
    ------
    ValueError, TypeError
        If a size is not a positive integer or theta has the wrong length or is not finite.

    Notes
    -----
    Where log_L lies beyond +-7, or the degrees of freedom beyond 0.5 and 10^6, they count as if they were there, and
    the derivative is exactly zero. log Z has a closed form (Kotz and Nadarajah, Multivariate t Distributions and Their
    Applications, 2004, section 1.1); so have independent samples.

    Examples
    --------
    >>> import fastebm as fe
    >>> wells = fe.StudentTMixture.from_mixture([1, 1], [[-2.0], [2.0]], [[0.5], [0.5]], df=3.0)
    >>> wells.log_prob([2.0, 20.0]).round(3)
    array([ -0.999, -12.772])
    """

    def __init__(self, n_wells=2, n_features=1, theta=None, *, covariance="diag"):
        cdef Py_ssize_t wells = integer(n_wells, "n_wells", 1, 1_000_000)
        cdef Py_ssize_t features = integer(n_features, "n_features", 1, 1_000_000)
        cdef bint full = choice(covariance, "covariance", COVARIANCES) == "full"
        self.allocate(features, wells * student_theta.numbers_of_a_well(features, full) + 1)
        self.n_wells = wells
        self.loops = StudentWells(wells, features, LOG_L_LIMIT, full, *student_theta.DF_LIMITS)
        self.block_size = self.loops.block_size
        # For theta = 0, which stays if the one that was given is refused.
        self.prepare()
        if theta is None:
            theta = np.zeros(self.n_params)
            layout = theta[:self.n_params - 1].reshape(wells, -1)
            layout[:, -2] = math.log(5.0)
            if wells > 1:
                layout[:, -2 - features:-2] = np.linspace(-1.0, 1.0, wells)[:, None]
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
        cdef Py_ssize_t j, width = self.loops.width
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
        self._check_ready()
        return "full" if self.loops.full else "diag"

    def _wells(self):
        self._check_ready()
        return self.theta[:self.n_params - 1].reshape(self.n_wells, -1)

    def _factors(self):
        self._check_ready()
        return student_theta.lower_factors(self.theta, self.n_wells, self.n_features, self.loops.full)

    def _log_masses(self):
        # log of the integral of exp(-e_j): that of a normal well with S for its covariance, and what the tails add.
        wells, d = self._wells(), self.n_features
        logs = np.clip(wells[:, :d], -LOG_L_LIMIT, LOG_L_LIMIT)
        return -wells[:, -1] - logs.sum(axis=1) + 0.5 * d * math.log(math.pi) + self.loops.excesses()

    def log_partition(self):
        """log Z, exact, as a float."""
        masses = self._log_masses()
        top = masses.max()
        return float(top + math.log(np.exp(masses - top).sum()) - self.loops.c)

    @property
    def weights_(self):
        """Mass of each well, shape (n_wells,), sums to 1."""
        masses = self._log_masses()
        weights = np.exp(masses - masses.max())
        return weights / weights.sum()

    @property
    def means_(self):
        """Centre of each well, shape (n_wells, n_features), in the units of x; its mean, where it has one (df > 1)."""
        return self._wells()[:, -2 - self.n_features:-2].copy()

    @property
    def degrees_of_freedom_(self):
        """Degrees of freedom of each well, shape (n_wells,)."""
        return np.clip(np.exp(np.clip(self._wells()[:, -2], -100.0, 100.0)), *student_theta.DF_LIMITS)

    @property
    def scale_matrices_(self):
        """S of each well, shape (n_wells, n_features, n_features), in the units of x squared."""
        inverse = np.linalg.inv(self._factors())
        return 0.5 * np.swapaxes(inverse, 1, 2) @ inverse

    @property
    def scales_(self):
        """Root of the diagonal of S of each well, shape (n_wells, n_features), in the units of x."""
        return np.sqrt(np.diagonal(self.scale_matrices_, axis1=1, axis2=2))

    @property
    def covariances_(self):
        """Covariance of each well, S df / (df - 2), in the units of x squared; all infinite where df is at most 2."""
        df = self.degrees_of_freedom_
        result = self.scale_matrices_ * (df / np.where(df > 2.0, df - 2.0, 1.0))[:, None, None]
        result[df <= 2.0] = np.inf
        return result

    @property
    def stds_(self):
        """Standard deviation of each feature in each well, shape (n_wells, n_features), in the units of x; infinite
        where df is at most 2."""
        return np.sqrt(np.diagonal(self.covariances_, axis1=1, axis2=2))

    def _rescaled(self, offset, scale):
        # The law of offset + scale x as such wells, or None beyond their range of scales.
        lower = np.diagonal(self._factors(), axis1=1, axis2=2) / scale
        if not (np.abs(np.log(lower)) <= LOG_L_LIMIT).all():
            return None
        parts, df = (self.weights_, offset + scale * self.means_), self.degrees_of_freedom_
        if not self.loops.full:
            return StudentTMixture.from_mixture(*parts, scale * self.scales_, df)
        matrices = np.outer(scale, scale) * self.scale_matrices_
        return StudentTMixture.from_mixture(*parts, df=df, scale_matrices=matrices)

    modes = property(lambda self: self.means_, doc="Centres of the wells, as `means_`.")
    mode_shares = property(lambda self: self.weights_, doc="Mass of each well, as `weights_`.")
    mode_scales = property(lambda self: self.scales_, doc=(
        "Scale of each well, as `scales_`: it and no standard deviation is the scale for step sizes."))
    mode_covariances = property(lambda self: self.scale_matrices_ if self.covariance == "full" else None,
                                doc="Scale matrix of each well, as `scale_matrices_`; None for diagonal ones.")
    scale_limits = property(lambda self: student_theta.SCALE_LIMITS, doc=(
        "(0.00064, 775): the scales at which log_L is clipped."))

    @property
    def theta_limits(self):
        """(low, high), each of shape (n_params,): -7 and 7 for log_L, the logarithms of 0.5 and 10^6 for log_df,
        infinite for the others."""
        self._check_ready()
        high = np.full(self.n_params, np.inf)
        low = -high
        for edge, limit, df in ((low, -LOG_L_LIMIT, self.loops.low_df), (high, LOG_L_LIMIT, self.loops.high_df)):
            wells = edge[:self.n_params - 1].reshape(self.n_wells, -1)
            wells[:, :self.n_features] = limit
            wells[:, -2] = math.log(df)
        return low, high

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
        self._check_ready()
        return student_theta.parameter_names(self.n_wells, self.n_features, self.loops.full)

    def exact_sample(self, n, seed=None):
        """Draw n independent samples (NumPy's generator; a well by its mass, then a normal over the root of a gamma).

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
        noise = math.sqrt(0.5) * rng.standard_normal((count, self.n_features))
        half = 0.5 * self.degrees_of_freedom_[well]
        noise /= np.sqrt(rng.standard_gamma(half) / half)[:, None]
        for j, inverse in enumerate(np.linalg.inv(self._factors())):
            noise[well == j] = noise[well == j] @ inverse
        return self.means_[well] + noise

    @classmethod
    def from_mixture(cls, weights, means, scales=None, df=None, *, scale_matrices=None, normalised=True):
        """Build the energy of a given mixture of laws of Student.

        Parameters
        ----------
        weights : array-like of shape (n_wells,)
            Positive; scaled to sum to 1.
        means : array-like of shape (n_wells,) or (n_wells, n_features)
            In the units of x.
        scales : array-like shaped like means
            In the units of x, between 0.00064 and 775 (log_L within +-7); standard deviations are these times the root
            of df / (df - 2).
        df : float or array-like of shape (n_wells,)
            Degrees of freedom, between 0.5 and 10^6.
        scale_matrices : array-like of shape (n_wells, n_features, n_features), in the place of scales
            Symmetric and positive definite: the wells are full ones.
        normalised : bool, default True
            Choose c so that log Z = 0 and the energy is -log p.

        Raises
        ------
        ValueError
            If shapes disagree, a value is out of range, df is missing, or not exactly one of scales and scale_matrices
            is given.
        """
        if df is None:
            raise ValueError("df is missing: give the degrees of freedom, one number or one for each well")
        theta, features, full = student_theta.theta_of_mixture(weights, means, scales, scale_matrices, df)
        energy = cls(len(weights), features, theta, covariance=COVARIANCES[full])
        # k takes in what depends on df, so that the masses are the weights.
        wells = theta[:energy.n_params - 1].reshape(energy.n_wells, -1)
        wells[:, -1] += energy._log_masses() - np.log(np.divide(weights, np.sum(weights)))
        wells[:, -1] -= wells[:, -1].mean()
        energy.theta = theta
        if normalised:
            theta[energy.n_params - 1] = energy.log_partition()
            energy.theta = theta
        return energy

    def _arguments(self):
        return {"n_wells": self.n_wells, "n_features": self.n_features, "covariance": self.covariance}

    def __repr__(self):
        shown = np.array2string(self.theta, precision=4, threshold=20, separator=", ").replace("\n", "")
        kind = "" if self.covariance == "diag" else ", covariance='full'"
        return f"StudentTMixture(n_wells={self.n_wells}, n_features={self.n_features}, theta={shown}{kind})"
