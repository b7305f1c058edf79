"""The block loops of wells with full precision."""

from libc.math cimport INFINITY, fabs, fma
from libc.stdlib cimport free, malloc

from .math cimport exp_neg, fill, lane_dot, lane_sum, lower
from .triangle cimport add_product, add_squares, subtract, transposed_product
from .well_loops cimport WellLoops
from .wells cimport (
    add_scaled, add_weighted, boltzmann, mixture_energy, reciprocal, scale, subtract_spread, tilted_well,
)


cdef class FullWells(WellLoops):
    r"""e_j(x) = |L_j' (x - m_j)|^2 + k_j and their log-sum-exp, with L_j lower triangular.

    theta holds, for each well, the logarithms of the diagonal of L, the entries below it row by row, m and k; last c.
    """

    def __init__(self, Py_ssize_t n_wells, Py_ssize_t n_features, double limit):
        cdef Py_ssize_t size = n_features * n_features
        if self.factor is not NULL:
            raise TypeError("FullWells is already initialised")
        WellLoops.__init__(self, n_wells, n_features, limit)
        self.width = n_features * (n_features + 1) // 2 + n_features + 1
        self.factor = <double*>malloc((size + n_features + 2) * n_wells * sizeof(double))
        if self.factor is NULL:
            raise MemoryError
        self.m = self.factor + n_wells * size
        self.k = self.m + n_wells * n_features
        self.trace = self.k + n_wells
        # The scratch of a block and the state of its chains should fit the second-level cache, as for parallel wells.
        self.block_size = max(32, min(512, 65536 // ((n_wells + 6) * n_features + n_wells + 3) & ~7))

    def __dealloc__(self):
        free(self.factor)

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
                row = self.factor + (j * features + i) * features
                for k in range(i):
                    row[k] = below[0]
                    below += 1
                raw = well[i]
                # Written so that a NaN is kept.
                raw = self.limit if raw > self.limit else raw
                raw = -self.limit if raw < -self.limit else raw
                # Not the C library's exp: its last bit differs between machines.
                row[i] = exp_neg(-raw)
                for k in range(i + 1, features):
                    row[k] = 0.0
                for k in range(i + 1):
                    self.trace[j] = fma(2.0 * row[k], row[k], self.trace[j])
            for i in range(features):
                self.m[j * features + i] = below[i]
            self.k[j] = below[features]
        self.c = theta[self.n_wells * self.width]

    cdef Py_ssize_t scratch_size(self, Py_ssize_t n) noexcept nogil:
        return n * (self.n_wells + 3 + (self.n_wells + 2) * self.n_features)

    cdef void whiten(self, const double* x, double* work, Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        # The well energies and, behind them, their minimum and two rows of zeros; every well's u = L' (x - m).
        cdef Py_ssize_t j, i, features = self.n_features
        cdef double* low = work + self.n_wells * stride
        cdef double* u = low + 3 * stride
        cdef double* d = u + self.n_wells * features * stride
        cdef const double* factor
        cdef double* e
        fill(low, n, INFINITY)
        for j in range(self.n_wells):
            e, factor = work + j * stride, self.factor + j * features * features
            if features == 2:
                tilted_well(x, u, e, low, n, stride, self.m + 2 * j, factor[0], factor[2], factor[3], self.k[j])
            else:
                for i in range(features):
                    subtract(x + i * stride, d + i * stride, n, self.m[j * features + i])
                transposed_product(factor, d, u, features, n, stride)
                fill(e, n, self.k[j])
                for i in range(features):
                    add_squares(u + i * stride, e, n)
                lower(e, low, n)
            u += features * stride
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

    cdef void pull(self, double* work, double* out, Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        # out = sum_j w_j 2 L_j u_j; every u_j becomes w_j u_j.
        cdef Py_ssize_t j, i, features = self.n_features
        cdef double* u = work + (self.n_wells + 3) * stride
        for i in range(features):
            fill(out + i * stride, n, 0.0)
        for j in range(self.n_wells):
            for i in range(features):
                scale(u + i * stride, work + j * stride, n)
            add_product(self.factor + j * features * features, u, out, 2.0, features, n, stride)
            u += features * stride

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
        cdef Py_ssize_t i
        cdef double* low = work + self.n_wells * stride
        self.weights(x, work, n, stride)
        if energy is not NULL:
            mixture_energy(low, low + stride, low + 2 * stride, energy, n, self.c)
        reciprocal(low + stride, low + 2 * stride, n)
        self.pull(work, grad, n, stride)
        for i in range(self.n_features):
            scale(grad + i * stride, low + 2 * stride, n)

    cdef void param_grad_block(self, const double* x, const double* weights, double* acc, double* work,
                               Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        # dE/dL_ik = 2 w d_i u_k, on the diagonal times L_kk for its logarithm; dE/dm = -2 w L u; dE/dk = w.
        cdef Py_ssize_t j, i, k, features = self.n_features
        cdef double* u = work + (self.n_wells + 3) * stride
        cdef double* d = u + self.n_wells * features * stride
        cdef double* below
        cdef const double* factor
        cdef const double* well
        cdef double total
        self.normalised_weights(x, work, n, stride)
        if weights is not NULL:
            for j in range(self.n_wells):
                scale(work + j * stride, weights, n)
        for j in range(self.n_wells):
            factor, well = self.factor + j * features * features, self.theta + j * self.width
            below = acc + features
            for i in range(features):
                subtract(x + i * stride, d + i * stride, n, self.m[j * features + i])
                scale(u + i * stride, work + j * stride, n)
            for i in range(features):
                for k in range(i):
                    below[0] += 2.0 * lane_dot(d + i * stride, u + k * stride, n)
                    below += 1
                if fabs(well[i]) <= self.limit:
                    acc[i] += 2.0 * factor[i * features + i] * lane_dot(d + i * stride, u + i * stride, n)
            # Sums of u take the place of d, which is used up.
            for k in range(features):
                d[k] = lane_sum(u + k * stride, n)
            for i in range(features):
                total = 0.0
                for k in range(i + 1):
                    total = fma(factor[i * features + k], d[k], total)
                below[i] -= 2.0 * total
            below[features] += lane_sum(work + j * stride, n)
            u += features * stride
            acc += self.width
        acc[0] += n if weights is NULL else lane_sum(weights, n)

    cdef void slope(self, Py_ssize_t j, const double* u, double* out, Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        # 2 A_j d_j = 2 L_j u_j
        cdef Py_ssize_t i, features = self.n_features
        for i in range(features):
            fill(out + i * stride, n, 0.0)
        add_product(self.factor + j * features * features, u, out, 2.0, features, n, stride)

    cdef void laplacian_block(self, const double* x, double* out, double* work,
                              Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        # 2 sum_j w_j tr A_j - sum_j w_j |2 A_j d_j - grad|^2
        cdef Py_ssize_t j, i, features = self.n_features
        cdef double* u = work + (self.n_wells + 3) * stride
        cdef double* slope = u + self.n_wells * features * stride
        cdef double* grad = slope + features * stride
        cdef double* w
        self.normalised_weights(x, work, n, stride)
        for i in range(features):
            fill(grad + i * stride, n, 0.0)
        fill(out, n, 0.0)
        for j in range(self.n_wells):
            self.slope(j, u + j * features * stride, slope, n, stride)
            w = work + j * stride
            for i in range(features):
                add_weighted(slope + i * stride, w, grad + i * stride, n)
        for j in range(self.n_wells):
            self.slope(j, u + j * features * stride, slope, n, stride)
            w = work + j * stride
            add_scaled(w, out, n, self.trace[j])
            for i in range(features):
                subtract_spread(slope + i * stride, grad + i * stride, w, out, n)
