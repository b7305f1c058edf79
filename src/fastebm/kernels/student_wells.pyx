"""The block loops of wells with heavy tails."""

from libc.math cimport INFINITY, fabs, fma
from libc.stdlib cimport free, malloc

import numpy as np

from .gamma cimport student_excess
from .math cimport exp_neg, fill, lane_dot, lane_sum, lower
from .student cimport add_bend, add_tail_spread, heavy_well, tail_slope
from .triangle cimport add_product, add_squares, subtract, transposed_product
from .well_loops cimport WellLoops
from .wells cimport (
    add_four_pulls, add_four_squares, add_pull, add_scaled, add_square, add_two_squares, add_weighted,
    boltzmann, mixture_energy, reciprocal, scale, subtract_spread, well_moments,
)


cdef class StudentWells(WellLoops):
    r"""e_j(x) = k_j + (df_j + D) / 2 log(1 + 2 |L_j' (x - m_j)|^2 / df_j) and their log-sum-exp.

    L_j is lower triangular, or diagonal without ``full``. theta holds, for each well, the logarithms of the diagonal of
    L, with ``full`` the entries below it row by row, m, log df and k; last c.
    """

    def __init__(self, Py_ssize_t n_wells, Py_ssize_t n_features, double limit, bint full, double low_df,
                 double high_df):
        cdef Py_ssize_t size = n_features * n_features if full else 2 * n_features
        if self.factor is not NULL:
            raise TypeError("StudentWells is already initialised")
        WellLoops.__init__(self, n_wells, n_features, limit)
        self.full, self.low_df, self.high_df = full, low_df, high_df
        self.width = (n_features * (n_features + 1) // 2 if full else n_features) + n_features + 2
        self.factor = <double*>malloc((size + n_features + 5) * n_wells * sizeof(double))
        if self.factor is NULL:
            raise MemoryError
        self.a2 = self.factor + n_wells * n_features
        self.m = self.factor + n_wells * size
        self.k = self.m + n_wells * n_features
        self.trace = self.k + n_wells
        self.df = self.trace + n_wells
        self.rate = self.df + n_wells
        self.half = self.rate + n_wells
        # The scratch of a block and the state of its chains should fit the second-level cache, as for normal wells.
        size = (n_wells if full else 0) + 6
        self.block_size = max(32, min(512, 65536 // (size * n_features + 3 * n_wells + 3) & ~7))

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
                    self.factor[j * features + i] = raw * raw
                    self.a2[j * features + i] = 2.0 * raw * raw
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
        cdef Py_ssize_t rows = (self.n_wells if self.full else 0) + 2
        return n * (3 * self.n_wells + 3 + rows * self.n_features)

    cdef double* slopes(self, double* work, Py_ssize_t stride) noexcept nogil:
        return work + (self.n_wells + 3) * stride

    cdef double* whitened(self, double* work, Py_ssize_t stride) noexcept nogil:
        return work + (3 * self.n_wells + 3) * stride

    cdef void squares(self, Py_ssize_t j, const double* x, double* q, Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        # q = sum_d a (x - m)^2, of wells without correlations.
        cdef Py_ssize_t d = 0, i, features = self.n_features
        fill(q, n, 0.0)
        while d < features:
            i = j * features + d
            if features - d >= 4:
                add_four_squares(x + d * stride, q, n, stride, self.factor + i, self.m + i)
                d += 4
            elif features - d >= 2:
                add_two_squares(x + d * stride, q, n, stride, self.factor + i, self.m + i)
                d += 2
            else:
                add_square(x + d * stride, q, n, self.factor[i], self.m[i])
                d += 1

    cdef void pull(self, const double* x, const double* v, double* out, Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        # out = sum_j v_j 2 A_j (x - m_j), of wells without correlations.
        cdef Py_ssize_t j, d, i, features = self.n_features
        for d in range(features):
            fill(out + d * stride, n, 0.0)
            j = 0
            while j < self.n_wells:
                i = j * features + d
                if self.n_wells - j >= 4:
                    add_four_pulls(x + d * stride, v + j * stride, out + d * stride, n, stride, features, self.a2 + i,
                                   self.m + i)
                    j += 4
                else:
                    add_pull(x + d * stride, v + j * stride, out + d * stride, n, self.a2[i], self.m[i])
                    j += 1

    cdef void distances(self, const double* x, double* work, Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        # The well energies and, behind them, their minimum and two rows of zeros; of every well u, the logarithm and,
        # of a full one, L' (x - m).
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
            if self.full:
                fill(e, n, 0.0)
                for i in range(features):
                    subtract(x + i * stride, d + i * stride, n, self.m[j * features + i])
                transposed_product(self.factor + j * features * features, d, white, features, n, stride)
                for i in range(features):
                    add_squares(white + i * stride, e, n)
                white += features * stride
            else:
                self.squares(j, x, e, n, stride)
            heavy_well(e, u + j * stride, logs + j * stride, n, self.rate[j], self.half[j], self.k[j])
            lower(e, low, n)
        fill(low + stride, n, 0.0)
        fill(low + 2 * stride, n, 0.0)

    cdef void weights(self, const double* x, double* work, Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        # exp(low - e_j) of each well; then low, ties and rest.
        cdef Py_ssize_t j
        cdef double* low = work + self.n_wells * stride
        self.distances(x, work, n, stride)
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
        add_product(self.factor + j * self.n_features * self.n_features, white, out, 2.0, self.n_features, n, stride)

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
        for j in range(self.n_wells):
            scale(u + j * stride, work + j * stride, n)
        if not self.full:
            self.pull(x, u, grad, n, stride)
        else:
            for i in range(features):
                fill(grad + i * stride, n, 0.0)
            for j in range(self.n_wells):
                for i in range(features):
                    scale(white + i * stride, u + j * stride, n)
                self.add_slope(j, white, grad, n, stride)
                white += features * stride
        for i in range(features):
            scale(grad + i * stride, low + 2 * stride, n)

    cdef void param_grad_block(self, const double* x, const double* weights, double* acc, double* work,
                               Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t j, i, features = self.n_features
        cdef double* w = work
        cdef double* u = self.slopes(work, stride)
        cdef double* logs = u + self.n_wells * stride
        cdef double* white = self.whitened(work, stride)
        # Free once the weights are normalised.
        cdef double* q = work + self.n_wells * stride
        self.normalised_weights(x, work, n, stride)
        for j in range(self.n_wells):
            if weights is not NULL:
                scale(w, weights, n)
            if self.full:
                fill(q, n, 0.0)
                for i in range(features):
                    add_squares(white + i * stride, q, n)
                white += features * stride
            else:
                self.squares(j, x, q, n, stride)
            tail_slope(logs, u, q, n, self.df[j])
            if self.low_df < self.df[j] < self.high_df:
                acc[self.width - 2] += lane_dot(q, w, n)
            acc[self.width - 1] += lane_sum(w, n)
            scale(u, w, n)
            if self.full:
                self.full_param_grad(j, x, u, acc, work, n, stride)
            else:
                self.diagonal_param_grad(j, x, u, acc, work, n, stride)
            w += stride
            u += stride
            logs += stride
            acc += self.width
        acc[0] += n if weights is NULL else lane_sum(weights, n)

    cdef void diagonal_param_grad(self, Py_ssize_t j, const double* x, const double* v, double* acc, double* work,
                                  Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        # dE/dlog L = 2 v a d^2, dE/dm = -2 v a d.
        cdef Py_ssize_t i, d, features = self.n_features
        cdef double* first = self.whitened(work, stride)
        cdef double* second = first + stride
        for d in range(features):
            i = j * features + d
            well_moments(x + d * stride, v, first, second, n, self.m[i])
            if fabs(self.theta[j * self.width + d]) <= self.limit:
                acc[d] += self.a2[i] * lane_sum(second, n)
            acc[features + d] -= self.a2[i] * lane_sum(first, n)

    cdef void full_param_grad(self, Py_ssize_t j, const double* x, const double* v, double* acc, double* work,
                              Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        # dE/dL_ik = 2 v d_i white_k, on the diagonal times L_kk for its logarithm; dE/dm = -2 v L white.
        cdef Py_ssize_t i, k, features = self.n_features
        cdef double* white = self.whitened(work, stride) + j * features * stride
        cdef double* d = self.whitened(work, stride) + self.n_wells * features * stride
        cdef double* below = acc + features
        cdef const double* factor = self.factor + j * features * features
        cdef const double* well = self.theta + j * self.width
        cdef double total
        for i in range(features):
            subtract(x + i * stride, d + i * stride, n, self.m[j * features + i])
            scale(white + i * stride, v, n)
        for i in range(features):
            for k in range(i):
                below[0] += 2.0 * lane_dot(d + i * stride, white + k * stride, n)
                below += 1
            if fabs(well[i]) <= self.limit:
                acc[i] += 2.0 * factor[i * features + i] * lane_dot(d + i * stride, white + i * stride, n)
        # Sums take the place of d, which is used up.
        for k in range(features):
            d[k] = lane_sum(white + k * stride, n)
        for i in range(features):
            total = 0.0
            for k in range(i + 1):
                total = fma(factor[i * features + k], d[k], total)
            below[i] -= 2.0 * total

    cdef void laplacian_block(self, const double* x, double* out, double* work,
                              Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        # Of a well with energy e(q): u tr + du/dq |grad q|^2; of the mixture the mean of these less the variance of the
        # wells' gradients.
        cdef Py_ssize_t j, d, features = self.n_features
        cdef double* u = self.slopes(work, stride)
        # In place of the logarithms: w u.
        cdef double* v = u + self.n_wells * stride
        cdef double* grad = self.whitened(work, stride)
        self.normalised_weights(x, work, n, stride)
        fill(out, n, 0.0)
        for j in range(self.n_wells):
            fill(v + j * stride, n, 0.0)
            add_weighted(work + j * stride, u + j * stride, v + j * stride, n)
            add_scaled(v + j * stride, out, n, self.trace[j])
        if self.full:
            self.full_laplacian(out, work, n, stride)
            return
        self.pull(x, v, grad, n, stride)
        for j in range(self.n_wells):
            for d in range(features):
                add_tail_spread(x + d * stride, grad + d * stride, work + j * stride, u + j * stride, out, n,
                                self.a2[j * features + d], self.m[j * features + d], 1.0 / self.half[j])

    cdef void full_laplacian(self, double* out, double* work, Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t j, i, features = self.n_features
        cdef double* w = work
        cdef double* u = self.slopes(work, stride)
        cdef double* white = self.whitened(work, stride)
        cdef double* slope = white + self.n_wells * features * stride
        cdef double* grad = slope + features * stride
        for i in range(features):
            fill(grad + i * stride, n, 0.0)
        for j in range(self.n_wells):
            for i in range(features):
                fill(slope + i * stride, n, 0.0)
            self.add_slope(j, white, slope, n, stride)
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
