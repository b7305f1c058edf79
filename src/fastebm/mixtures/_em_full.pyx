"""Expectation-maximisation of wells with full covariance, compiled."""

from libc.math cimport NAN, sqrt
from libc.string cimport memcpy

import numpy as np

from .._runtime.control cimport Control
from .._runtime.fast cimport address
from ..kernels.math cimport exp_neg, fill, lane_dot, lane_sum, log_normal, lower
from ..kernels.small_matrix cimport clip_eigenvalues, invert_lower, lower_root, square_of_lower
from ..kernels.triangle cimport add_squares, add_two_dots, subtract, transposed_product
from ..kernels.wells cimport scale, tilted_well
from ._em cimport BLOCK, NOTHING, Blocks, Climb

cdef double HALF_LOG_PI = 0.5723649429247001
cdef double ROOT_HALF = 0.7071067811865476


cdef class FullClimb(Climb):
    r"""As `Climb`, with

    .. math:: S_j = \frac{\sum_i r_{ij} (x_i - m_j)(x_i - m_j)^T}{n w_j}

    in the place of s_j^2. Eigenvalues of S_j are clipped to the squares of the interval of widths, which solves the
    constrained step exactly, as clipping a variance does. Long steps are taken in log w, m and the triangular factor
    of the precision, so that every one of them is a covariance.

    Parameters
    ----------
    data, weights, means, narrowest, widest, control
        As in `Climb`.
    covariances : array-like of shape (n_wells, n_features, n_features)
        Symmetric, in the units of x squared.

    Attributes
    ----------
    covariances : ndarray
        Of the wells, as they stand; ``stds`` are the roots of their diagonals.
    """

    def __init__(self, Blocks data not None, weights, means, covariances, narrowest, widest, Control control not None):
        self._place_full(data, weights, means, covariances, narrowest, widest, control, 0, 0, 0)

    cdef _place_full(self, Blocks data, weights, means, covariances, narrowest, widest, Control control,
                     Py_ssize_t moments, Py_ssize_t numbers, Py_ssize_t rows):
        # As `_place`, beside what these wells need.
        cdef Py_ssize_t j, d = data.n_features, wells = len(weights), half = d * (d + 1) // 2
        self._place(data, weights, means, np.ones((wells, d)), narrowest, widest, control, d + half + moments,
                    d + half + numbers, 3 * d + rows)
        self.covariances = np.array(covariances, dtype=np.float64, order="C").reshape(wells, d, d)
        self.floor = np.zeros(wells)
        self.own = np.empty((wells + 4) * d * d)
        self.cov, self.at_floor, self.factor = address(self.covariances), address(self.floor), address(self.own)
        self.room = self.factor + wells * d * d
        for j in range(wells):
            self._keep(j)

    def shrink(self, double own, double pooled, double apart=0.0):
        r"""Shrink covariances at every step that follows, for fits to few rows.

        With C_j the sum of r_ij (x_i - m_j)(x_i - m_j)^T, n_j = n w_j, and P = sum_j C_j / n what the wells have in
        common,

        .. math:: S_j = \frac{C'_j + b P'}{n_j + b}, \quad
                  C'_{jkl} = \frac{n_j}{n_j + a} C_{jkl}, \quad P'_{kl} = (1 - c) P_{kl} \quad (k \ne l).

        Such steps climb no likelihood: they are not lengthened, and end where the likelihood changes by less than tol.

        Parameters
        ----------
        own, pooled : float
            a and b, in rows: towards a well's own variances without correlations, and towards the covariance that all
            wells share. Infinite: no correlations, or one covariance.
        apart : float in [0, 1], default 0
            c: at 1 wells share variances alone.

        Returns
        -------
        FullClimb
            Itself.
        """
        self.to_own, self.to_pooled, self.apart = own, pooled, apart
        self.plain = own > 0.0 or pooled > 0.0
        return self

    @property
    def spread(self):
        """What a well has beside its weight and mean: covariances."""
        return self.covariances

    @property
    def narrow(self):
        """Is an eigenvalue of a well's covariance at the lower limit, shape (n_wells,)?"""
        return self.floor > 0.0

    cdef void _keep(self, Py_ssize_t j) noexcept nogil:
        # The covariance of well j with its eigenvalues in range; its factor and widths.
        cdef Py_ssize_t i, d = self.data.n_features, size = d * d
        cdef double* s = self.cov + j * size
        cdef double* first = self.room
        cdef double* root = first + size
        cdef double low = self.narrowest * self.narrowest, high = self.widest * self.widest, trace = 0.0
        # What was clipped is at the limit but for rounding, and is still to be known as such.
        cdef double near = low * (1.0 + 1e-6)
        memcpy(first, s, size * sizeof(double))
        for i in range(d):
            trace += s[i * d + i]
            first[i * d + i] -= near
        self.at_floor[j] = 0.0
        # Most of the time no eigenvalue is near a limit, and a triangular root tells: 1/20 of the cost.
        if not (trace <= high and lower_root(first, root, d)):
            if clip_eigenvalues(s, first, root, d, low, high, near):
                self.at_floor[j] = 1.0
        memcpy(first, s, size * sizeof(double))
        if lower_root(first, root, d):
            invert_lower(root, self.factor + j * size, d, ROOT_HALF)
        else:
            # Not a number, or widths without limits: the likelihood says so.
            fill(self.factor + j * size, size, NAN)
        for i in range(d):
            self.s[j * d + i] = sqrt(s[i * d + i])

    cdef void _prepare(self) noexcept nogil:
        # e_j(x) = |L' (x - m)|^2 + k = -log(w_j N(x; m_j, S_j)).
        cdef Py_ssize_t j, i, d = self.data.n_features
        for j in range(self.n_wells):
            self.k[j] = d * HALF_LOG_PI - log_normal(self.w[j])
            for i in range(d):
                self.k[j] -= log_normal(self.factor[(j * d + i) * d + i])

    cdef void _energies(self, const double* x, Py_ssize_t n, double* shares, double* low) noexcept nogil:
        cdef Py_ssize_t j, i, d = self.data.n_features
        cdef double* delta = shares + (self.n_wells + 2) * BLOCK
        cdef double* u = delta + d * BLOCK
        cdef const double* factor
        cdef double* e
        for j in range(self.n_wells):
            e, factor = shares + j * BLOCK, self.factor + j * d * d
            if d == 2:
                tilted_well(x, u, e, low, n, BLOCK, self.m + 2 * j, factor[0], factor[2], factor[3], self.k[j])
                continue
            for i in range(d):
                subtract(x + i * BLOCK, delta + i * BLOCK, n, self.m[j * d + i])
            transposed_product(factor, delta, u, d, n, BLOCK)
            fill(e, n, self.k[j])
            for i in range(d):
                add_squares(u + i * BLOCK, e, n)
            lower(e, low, n)

    cdef void _add_moments(self, const double* x, Py_ssize_t n, double* shares, double* sums) noexcept nogil:
        cdef Py_ssize_t j, i, k, d = self.data.n_features
        cdef double* delta = shares + (self.n_wells + 2) * BLOCK
        cdef double* f = delta + d * BLOCK
        for j in range(self.n_wells):
            sums[0] += lane_sum(shares + j * BLOCK, n)
            sums += 1
            for i in range(d):
                subtract(x + i * BLOCK, delta + i * BLOCK, n, self.m[j * d + i])
                memcpy(f + i * BLOCK, delta + i * BLOCK, n * sizeof(double))
                scale(f + i * BLOCK, shares + j * BLOCK, n)
                sums[i] += lane_sum(f + i * BLOCK, n)
            sums += d
            for i in range(d):
                k = 0
                while k < i:
                    add_two_dots(f + i * BLOCK, delta + k * BLOCK, delta + (k + 1) * BLOCK, sums + k, n)
                    k += 2
                if k == i:
                    sums[k] += lane_dot(f + i * BLOCK, delta + k * BLOCK, n)
                sums += i + 1

    cdef void _maximise(self) noexcept nogil:
        cdef Py_ssize_t j, i, k, d = self.data.n_features
        cdef double* sums = self.sums
        cdef double* shift = self.room
        cdef double* shared = self.room + 3 * d * d
        cdef double* s
        cdef double mass
        fill(shared, d * d, 0.0)
        for j in range(self.n_wells):
            mass = sums[0]
            if not mass > NOTHING:
                self.w[j] = NOTHING / self.data.n
                sums += 1 + d + d * (d + 1) // 2
                continue
            self.w[j] = mass / self.data.n
            sums += 1
            s = self.cov + j * d * d
            for i in range(d):
                shift[i] = sums[i] / mass
                self.m[j * d + i] += shift[i]
            sums += d
            for i in range(d):
                for k in range(i + 1):
                    s[i * d + k] = sums[k] / mass - shift[i] * shift[k]
                    s[k * d + i] = s[i * d + k]
                    shared[i * d + k] += self.w[j] * s[i * d + k]
                sums += i + 1
            if not self.plain:
                self._keep(j)
        if self.plain:
            for j in range(self.n_wells):
                self._shrink(j, shared)
                self._keep(j)

    cdef void _shrink(self, Py_ssize_t j, const double* shared) noexcept nogil:
        cdef Py_ssize_t i, k, d = self.data.n_features
        cdef double* s = self.cov + j * d * d
        cdef double mass = self.w[j] * self.data.n
        # Written so that infinite strengths do as they should.
        cdef double kept = 1.0 / (1.0 + self.to_own / mass), part = 1.0 - 1.0 / (1.0 + self.to_pooled / mass)
        for i in range(d):
            s[i * d + i] += part * (shared[i * d + i] - s[i * d + i])
            for k in range(i):
                s[i * d + k] = (1.0 - part) * kept * s[i * d + k] + part * (1.0 - self.apart) * shared[i * d + k]
                s[k * d + i] = s[i * d + k]

    cdef void _save(self, double* to) noexcept nogil:
        cdef Py_ssize_t i, k, _j, d = self.data.n_features, wells = self.n_wells
        cdef const double* row = self.factor
        for i in range(wells):
            to[i] = log_normal(self.w[i])
        to += wells
        memcpy(to, self.m, wells * d * sizeof(double))
        to += wells * d
        for _j in range(wells):
            for i in range(d):
                for k in range(i):
                    to[k] = row[k]
                to[i] = log_normal(row[i])
                to += i + 1
                row += d

    cdef void _load(self, const double* of) noexcept nogil:
        cdef Py_ssize_t i, k, j, d = self.data.n_features, wells = self.n_wells
        cdef double* row = self.factor
        self._load_weights(of)
        of += wells
        memcpy(self.m, of, wells * d * sizeof(double))
        of += wells * d
        for j in range(wells):
            for i in range(d):
                for k in range(i):
                    row[k] = of[k]
                row[i] = exp_neg(max(-of[i], -600.0))
                of += i + 1
                row += d
            invert_lower(self.factor + j * d * d, self.room, d, ROOT_HALF)
            square_of_lower(self.room, self.cov + j * d * d, d)
            self._keep(j)

    cdef void _measure(self, double* units) noexcept nogil:
        # Entries below the diagonal by what they do to u = L' (x - m) one width away.
        cdef Py_ssize_t i, k, j, d = self.data.n_features, wells = self.n_wells
        fill(units, self.n_theta, 1.0)
        units += wells
        for i in range(wells * d):
            units[i] = 1.0 / self.s[i]
        units += wells * d
        for j in range(wells):
            for i in range(d):
                for k in range(i):
                    units[k] = self.s[j * d + i]
                units += i + 1
