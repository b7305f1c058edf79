"""A quartic double well in every feature."""

import math

import numpy as np

from libc.string cimport memset

from .._runtime.check import integer, real, samples
from .._runtime.seed import seed_sequence

cimport cython

from ..kernels.math cimport in_t, out_t
from .base cimport Energy

# Up to so many features every corner is listed as a mode.
cdef int MOST_CORNERS = 8


cdef void add_quartic(in_t x, out_t out, Py_ssize_t n, double h) noexcept nogil:
    cdef Py_ssize_t i
    cdef double v
    for i in range(n):
        v = x[i] * x[i] - 1.0
        out[i] += h * (v * v)


cdef void set_slope(in_t x, out_t out, Py_ssize_t n, double h) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i] = 4.0 * h * ((x[i] * x[i] - 1.0) * x[i])


cdef void add_curvature(in_t x, out_t out, Py_ssize_t n, double h) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i] += h * (12.0 * (x[i] * x[i]) - 4.0)


@cython.final
cdef class DoubleWell(Energy):
    r"""Quartic double well in every feature, with minima at -1 and 1.

    .. math:: E(x) = \sum_d h (x_d^2 - 1)^2.

    Every corner of :math:`\{-1, 1\}^D` has the same mass, and a chain has to climb h to leave it along one feature.

    Parameters
    ----------
    n_features : int, default 1
    height : float, default 4.0
        Of the barrier, in nats.

    Raises
    ------
    ValueError, TypeError
        If n_features is not a positive integer or height not a positive number.

    Notes
    -----
    log Z is n_features times that of one feature, which the trapezoidal rule gives to 1e-14: its error falls
    exponentially for a smooth integrand that vanishes at both ends (Trefethen and Weideman, SIAM Review 2014).

    Examples
    --------
    >>> import fastebm as fe
    >>> round(fe.DoubleWell(2, height=1.0).log_partition(), 6)
    1.359852
    """

    cdef readonly double height
    cdef object log_z, spread

    def __init__(self, n_features=1, height=4.0):
        cdef Py_ssize_t features = integer(n_features, "n_features", 1, 1_000_000)
        h = real(height, "height", above=0, maximum=1e6)
        self.allocate(features, 0)
        self.block_size = max(32, min(512, 65536 // (4 * features) & ~7))
        self.height = h
        # One feature on a grid that is fine for the width 1 / sqrt(8 h) of a well and reaches where E is 800.
        reach = math.sqrt(1.0 + math.sqrt(800.0 / h))
        cells = int(math.ceil(40.0 * reach * math.sqrt(8.0 * h + 1.0))) + 200
        x = np.linspace(-reach, reach, 2 * cells + 1)
        p = np.exp(-h * (x * x - 1.0) ** 2)
        self.log_z = math.log(p.sum() * (x[1] - x[0]))
        right = p[cells:].copy()
        # Half of the middle belongs to either side.
        right[0] *= 0.5
        first, second = ((x[cells:] ** k * right).sum() / right.sum() for k in (1, 2))
        self.spread = math.sqrt(second - first * first)

    cdef int energy_block(self, const double* x, double* out, double* work,
                          Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t d
        memset(out, 0, n * sizeof(double))
        for d in range(self.n_features):
            add_quartic(x + d * stride, out, n, self.height)
        return 0

    cdef int grad_block(self, const double* x, double* out, double* work,
                        Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t d
        for d in range(self.n_features):
            set_slope(x + d * stride, out + d * stride, n, self.height)
        return 0

    cdef int laplacian_block(self, const double* x, double* out, double* work,
                             Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t d
        memset(out, 0, n * sizeof(double))
        for d in range(self.n_features):
            add_curvature(x + d * stride, out, n, self.height)
        return 0

    @property
    def modes(self):
        """The corners, shape (2**n_features, n_features); None above 8 features."""
        self._check_ready()
        if self.n_features > MOST_CORNERS:
            return None
        corners = np.indices((2,) * self.n_features).reshape(self.n_features, -1).T
        return 2.0 * corners - 1.0

    @property
    def mode_shares(self):
        """Equal masses, shape (2**n_features,); None above 8 features."""
        corners = self.modes
        return None if corners is None else np.full(len(corners), 1.0 / len(corners))

    @property
    def mode_scales(self):
        """Standard deviation in a corner, shape (2**n_features, n_features); None above 8 features."""
        corners = self.modes
        return None if corners is None else np.full(corners.shape, self.spread)

    def shares(self, X):
        """1 for the corner that a sample belongs to by its signs, 0 for the others. Raises as `energy` does."""
        x, _ = samples(X, self.n_features)
        corners = self.modes
        if corners is None:
            return Energy.shares(self, X)
        return (np.where(x < 0, -1.0, 1.0)[:, None] == corners).all(axis=2).astype(float)

    def log_partition(self):
        """log Z, within 1e-14 of each feature, as a float."""
        self._check_ready()
        return self.n_features * self.log_z

    def exact_sample(self, n, seed=None):
        """Draw n independent samples, shape (n, n_features), by rejection from normal laws in the corners.

        For x > 0, (x^2 - 1)^2 is at least (x - 1)^2.

        Raises
        ------
        ValueError, TypeError
            If n is not an integer of at least 0 or seed is not a seed.
        """
        self._check_ready()
        rng = np.random.default_rng(seed_sequence(seed))
        wanted = integer(n, "n", 0) * self.n_features
        found, count = [], 0
        while count < wanted:
            x = 1.0 + rng.standard_normal(2 * (wanted - count) + 64) / math.sqrt(2.0 * self.height)
            x = x[x > 0]
            kept = x[rng.random(len(x)) < np.exp(-self.height * ((x * x - 1.0) ** 2 - (x - 1.0) ** 2))]
            found.append(kept)
            count += len(kept)
        x = np.concatenate(found)[:wanted] if found else np.empty(0)
        return (x * rng.choice([-1.0, 1.0], wanted)).reshape(-1, self.n_features)

    def _arguments(self):
        return {"n_features": self.n_features, "height": self.height}
