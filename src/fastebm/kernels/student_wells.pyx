"""The block loops of wells with heavy tails."""

from libc.math cimport INFINITY, fabs, fma
from libc.stdlib cimport free, malloc

import numpy as np

from .gamma cimport student_excess
from .math cimport exp_neg, fill, lane_dot, lane_sum, lower
from .student cimport add_bend, heavy_well, tail_slope
from .triangle cimport add_product, add_squares, subtract, transposed_product
from .well_loops cimport WellLoops
from .wells cimport (
    add_scaled, add_weighted, boltzmann, mixture_energy, reciprocal, scale, subtract_spread,
)


cdef class StudentWells(WellLoops):
    r"""e_j(x) = k_j + (df_j + D) / 2 log(1 + 2 |L_j' (x - m_j)|^2 / df_j) and their log-sum-exp.

    L_j is lower triangular, or diagonal without ``full``. theta holds, for each well, the logarithms of the diagonal of
    L, with ``full`` the entries below it row by row, m, log df and k; last c.
    """

    def __init__(self, Py_ssize_t n_wells, Py_ssize_t n_features, double limit, bint full, double low_df,
                 double high_df):
        cdef Py_ssize_t size = n_features * n_features if full else n_features
        if self.factor is not NULL:
            raise TypeError("StudentWells is already initialised")
        WellLoops.__init__(self, n_wells, n_features, limit)
        self.full, self.low_df, self.high_df = full, low_df, high_df
        self.width = (n_features * (n_features + 1) // 2 if full else n_features) + n_features + 2
        self.factor = <double*>malloc((size + n_features + 5) * n_wells * sizeof(double))
        if self.factor is NULL:
            raise MemoryError
        self.m = self.factor + n_wells * size
        self.k = self.m + n_wells * n_features
        self.trace = self.k + n_wells
        self.df = self.trace + n_wells
        self.rate = self.df + n_wells
        self.half = self.rate + n_wells
        # The scratch of a block and the state of its chains should fit the second-level cache, as for normal wells.
        self.block_size = max(32, min(512, 65536 // ((n_wells + 6) * n_features + 3 * n_wells + 3) & ~7))

    def __dealloc__(self):
        free(self.factor)

    def excesses(self):
        """-log of the density of each well at its centre, above that of a normal one, shape (n_wells,)."""
        return np.array([student_excess(self.df[j], self.n_features) for j in range(self.n_wells)])

    cdef void load(self, const double* theta) noexcept nogil:
        cdef Py_ssize_t j, i, k, features = self.n_features
        cdef const double* well
        cdef const double* below
        cdef double* row
        cdef double raw
        self.theta = theta
        for j in range(self.n_wells):
            well = theta + j * self.width
            below = well + features
            self.trace[j] = 0.0
            for i in range(features):
                raw = well[i]
                # Written so that a NaN is kept.
                raw = self.limit if raw > self.limit else raw
                raw = -self.limit if raw < -self.limit else raw
                # Not the C library's exp: its last bit differs between machines.
                raw = exp_neg(-raw)
                self.trace[j] = fma(2.0 * raw, raw, self.trace[j])
                if not self.full:
                    self.factor[j * features + i] = raw
                    continue
                row = self.factor + (j * features + i) * features
                for k in range(i):
                    row[k] = below[0]
                    self.trace[j] = fma(2.0 * row[k], row[k], self.trace[j])
                    below += 1
                row[i] = raw
                for k in range(i + 1, features):
                    row[k] = 0.0
            for i in range(features):
                self.m[j * features + i] = below[i]
            raw = below[features]
            raw = 100.0 if raw > 100.0 else raw
            raw = -100.0 if raw < -100.0 else raw
            raw = exp_neg(-raw)
            raw = self.high_df if raw > self.high_df else raw
            raw = self.low_df if raw < self.low_df else raw
            self.df[j] = raw
            self.rate[j] = 2.0 / raw
            self.half[j] = 0.5 * (raw + features)
            self.k[j] = below[features + 1]
        self.c = theta[self.n_wells * self.width]

    cdef Py_ssize_t scratch_size(self, Py_ssize_t n) noexcept nogil:
        return n * (3 * self.n_wells + 3 + (self.n_wells + 2) * self.n_features)

    cdef double* slopes(self, double* work, Py_ssize_t stride) noexcept nogil:
        return work + (self.n_wells + 3) * stride

    cdef double* whitened(self, double* work, Py_ssize_t stride) noexcept nogil:
        return work + (3 * self.n_wells + 3) * stride

    cdef void whiten(self, const double* x, double* work, Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        # The well energies and, behind them, their minimum and two rows of zeros; of every well the other rows.
        cdef Py_ssize_t j, i, features = self.n_features
        cdef double* low = work + self.n_wells * stride
        cdef double* u = self.slopes(work, stride)
        cdef double* logs = u + self.n_wells * stride
        cdef double* white = self.whitened(work, stride)
        cdef double* d = white + self.n_wells * features * stride
        cdef double* e
        fill(low, n, INFINITY)
        for j in range(self.n_wells):
            e = work + j * stride
            fill(e, n, 0.0)
            for i in range(features):
                if self.full:
                    subtract(x + i * stride, d + i * stride, n, self.m[j * features + i])
                else:
                    fill(white + i * stride, n, 0.0)
                    subtract(x + i * stride, d, n, self.m[j * features + i])
                    add_scaled(d, white + i * stride, n, self.factor[j * features + i])
            if self.full:
                transposed_product(self.factor + j * features * features, d, white, features, n, stride)
            for i in range(features):
                add_squares(white + i * stride, e, n)
            heavy_well(e, u + j * stride, logs + j * stride, n, self.rate[j], self.half[j], self.k[j])
            lower(e, low, n)
            white += features * stride
        fill(low + stride, n, 0.0)
        fill(low + 2 * stride, n, 0.0)

    cdef void weights(self, const double* x, double* work, Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        # exp(low - e_j) of each well; then low, ties and rest.
        cdef Py_ssize_t j
        cdef double* low = work + self.n_wells * stride
        self.whiten(x, work, n, stride)
        for j in range(self.n_wells):
            boltzmann(work + j * stride, low, low + stride, low + 2 * stride, n)

    cdef void normalised_weights(self, const double* x, double* work, Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t j
        cdef double* ties = work + (self.n_wells + 1) * stride
        self.weights(x, work, n, stride)
        reciprocal(ties, ties + stride, n)
        for j in range(self.n_wells):
            scale(work + j * stride, ties + stride, n)

    cdef void add_slope(self, Py_ssize_t j, const double* white, double* out, Py_ssize_t n,
                        Py_ssize_t stride) noexcept nogil:
        # out += 2 L white, the gradient of q where white = L' (x - m).
        cdef Py_ssize_t i, features = self.n_features
        if self.full:
            add_product(self.factor + j * features * features, white, out, 2.0, features, n, stride)
            return
        for i in range(features):
            add_scaled(white + i * stride, out + i * stride, n, 2.0 * self.factor[j * features + i])

    cdef void energy_block(self, const double* x, double* out, double* work,
                           Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef double* low = work + self.n_wells * stride
        self.weights(x, work, n, stride)
        mixture_energy(low, low + stride, low + 2 * stride, out, n, self.c)

    cdef void grad_block(self, const double* x, double* out, double* work,
                         Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        self.energy_grad_block(x, NULL, out, work, n, stride)

    cdef void energy_grad_block(self, const double* x, double* energy, double* grad, double* work,
                                Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        # energy may be NULL.
        cdef Py_ssize_t j, i, features = self.n_features
        cdef double* low = work + self.n_wells * stride
        cdef double* u = self.slopes(work, stride)
        cdef double* white = self.whitened(work, stride)
        self.weights(x, work, n, stride)
        if energy is not NULL:
            mixture_energy(low, low + stride, low + 2 * stride, energy, n, self.c)
        reciprocal(low + stride, low + 2 * stride, n)
        for i in range(features):
            fill(grad + i * stride, n, 0.0)
        for j in range(self.n_wells):
            scale(u + j * stride, work + j * stride, n)
            for i in range(features):
                scale(white + i * stride, u + j * stride, n)
            self.add_slope(j, white, grad, n, stride)
            white += features * stride
        for i in range(features):
            scale(grad + i * stride, low + 2 * stride, n)

    cdef void param_grad_block(self, const double* x, const double* weights, double* acc, double* work,
                               Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        # With v = w u: dE/dL_ik = 2 v d_i white_k, on the diagonal times L_kk for its logarithm; dE/dm = -2 v L white.
        cdef Py_ssize_t j, i, k, features = self.n_features
        cdef double* w = work
        cdef double* u = self.slopes(work, stride)
        cdef double* logs = u + self.n_wells * stride
        cdef double* white = self.whitened(work, stride)
        cdef double* d = white + self.n_wells * features * stride
        # Free once the weights are normalised.
        cdef double* free_row = work + self.n_wells * stride
        cdef double* below
        cdef const double* factor
        cdef const double* well
        cdef double total
        self.normalised_weights(x, work, n, stride)
        for j in range(self.n_wells):
            factor = self.factor + j * features * (features if self.full else 1)
            well = self.theta + j * self.width
            if weights is not NULL:
                scale(w, weights, n)
            fill(free_row, n, 0.0)
            for i in range(features):
                add_squares(white + i * stride, free_row, n)
            tail_slope(logs, u, free_row, n, self.df[j])
            scale(u, w, n)
            below = acc + features
            for i in range(features):
                subtract(x + i * stride, d + i * stride, n, self.m[j * features + i])
                scale(white + i * stride, u, n)
            for i in range(features):
                if self.full:
                    for k in range(i):
                        below[0] += 2.0 * lane_dot(d + i * stride, white + k * stride, n)
                        below += 1
                if fabs(well[i]) <= self.limit:
                    total = factor[i * features + i] if self.full else factor[i]
                    acc[i] += 2.0 * total * lane_dot(d + i * stride, white + i * stride, n)
            # Sums take the place of d, which is used up.
            for k in range(features):
                d[k] = lane_sum(white + k * stride, n)
            for i in range(features):
                total = 0.0
                if self.full:
                    for k in range(i + 1):
                        total = fma(factor[i * features + k], d[k], total)
                else:
                    total = factor[i] * d[i]
                below[i] -= 2.0 * total
            if self.low_df < self.df[j] < self.high_df:
                below[features] += lane_dot(free_row, w, n)
            below[features + 1] += lane_sum(w, n)
            white += features * stride
            w += stride
            u += stride
            logs += stride
            acc += self.width
        acc[0] += n if weights is NULL else lane_sum(weights, n)

    cdef void laplacian_block(self, const double* x, double* out, double* work,
                              Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        # Of a well with energy e(q): u tr + du/dq |grad q|^2; of the mixture the mean of these less the variance of the
        # wells' gradients.
        cdef Py_ssize_t j, i, features = self.n_features
        cdef double* w = work
        cdef double* low = work + self.n_wells * stride
        cdef double* u = self.slopes(work, stride)
        cdef double* white = self.whitened(work, stride)
        cdef double* slope = white + self.n_wells * features * stride
        cdef double* grad = slope + features * stride
        self.normalised_weights(x, work, n, stride)
        fill(out, n, 0.0)
        for i in range(features):
            fill(grad + i * stride, n, 0.0)
        for j in range(self.n_wells):
            for i in range(features):
                fill(slope + i * stride, n, 0.0)
            self.add_slope(j, white, slope, n, stride)
            # low is free: the weight of tr.
            fill(low, n, 0.0)
            add_weighted(w, u, low, n)
            add_scaled(low, out, n, self.trace[j])
            for i in range(features):
                add_bend(slope + i * stride, u, w, out, n, 1.0 / self.half[j])
                # The whitened rows are used up: the well's gradient takes their place.
                fill(white + i * stride, n, 0.0)
                add_weighted(slope + i * stride, u, white + i * stride, n)
                add_weighted(white + i * stride, w, grad + i * stride, n)
            white += features * stride
            w += stride
            u += stride
        white = self.whitened(work, stride)
        for j in range(self.n_wells):
            for i in range(features):
                subtract_spread(white + i * stride, grad + i * stride, work + j * stride, out, n)
            white += features * stride
