"""The block loops of wells whose axes are the features."""

from libc.math cimport INFINITY, fabs
from libc.stdlib cimport free, malloc

from .math cimport exp_neg, fill, lane_sum, lower
from .well_loops cimport WellLoops
from .wells cimport (
    add_four_pulls, add_four_squares, add_pull, add_scaled, add_spread, add_square, add_two_squares,
    boltzmann, boltzmann_sum, invert, mixture_energy, reciprocal, scale, two_feature_well,
    two_wells_energy, two_wells_grad, two_wells_ratio, two_wells_reduce, two_wells_weights, well_moments,
)


cdef class DiagonalWells(WellLoops):
    r"""e_j(x) = sum_d a_jd (x_d - m_jd)^2 + k_j and their log-sum-exp.

    theta holds, for each well, raw_a = log a, m and k; last c.
    """

    def __init__(self, Py_ssize_t n_wells, Py_ssize_t n_features, double limit):
        if self.a is not NULL:
            raise TypeError("DiagonalWells is already initialised")
        WellLoops.__init__(self, n_wells, n_features, limit)
        self.width = 2 * n_features + 1
        self.a = <double*>malloc((3 * n_features + 2) * n_wells * sizeof(double))
        if self.a is NULL:
            raise MemoryError
        self.m = self.a + n_wells * n_features
        self.a2 = self.m + n_wells * n_features
        self.k = self.a2 + n_wells * n_features
        self.trace = self.k + n_wells
        # State, gradient, noise and weights of a block should fit half a megabyte of second-level cache; within that,
        # long loops are faster than staying in the first level (K = 16, D = 32, a chain-step: 206 ns with 32 chains,
        # 133 with 256; 4 % less than that with 440).
        self.block_size = max(32, min(512, 65536 // (4 * n_features + n_wells + 3) & ~7))

    def __dealloc__(self):
        free(self.a)

    cdef void load(self, const double* theta) noexcept nogil:
        cdef Py_ssize_t j, d, i, features = self.n_features
        cdef const double* well
        cdef double raw
        self.theta = theta
        for j in range(self.n_wells):
            well = self.theta + j * self.width
            self.trace[j] = 0.0
            for d in range(features):
                i = j * features + d
                raw = well[d]
                # Written so that a NaN is kept.
                raw = self.limit if raw > self.limit else raw
                raw = -self.limit if raw < -self.limit else raw
                # Not the C library's exp: its last bit differs between machines.
                self.a[i] = exp_neg(-raw)
                self.a2[i] = 2.0 * self.a[i]
                self.m[i] = well[features + d]
                self.trace[j] += self.a2[i]
            self.k[j] = well[2 * features]
        self.c = self.theta[self.n_wells * self.width]

    cdef Py_ssize_t scratch_size(self, Py_ssize_t n) noexcept nogil:
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

    cdef void energy_block(self, const double* x, double* out, double* work,
                           Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef double* low = work + self.n_wells * stride
        if self.n_wells == 2 and self.n_features == 1:
            self.two_wells(x, out, NULL, work, n, stride)
            return
        self.weights(x, work, n, stride)
        mixture_energy(low, low + stride, low + 2 * stride, out, n, self.c)

    cdef void grad_block(self, const double* x, double* out, double* work,
                         Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t j
        cdef double* low
        if self.n_wells == 2 and self.n_features == 1:
            self.two_wells(x, NULL, out, work, n, stride)
            return
        low = work + self.n_wells * stride
        self.well_energies(x, work, n, stride)
        for j in range(self.n_wells):
            boltzmann_sum(work + j * stride, low, low + stride, n)
        invert(low + stride, n)
        self.pull(x, work, low + stride, out, n, stride)

    cdef void energy_grad_block(self, const double* x, double* energy, double* grad, double* work,
                                Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef double* low = work + self.n_wells * stride
        if self.n_wells == 2 and self.n_features == 1:
            self.two_wells(x, energy, grad, work, n, stride)
            return
        self.weights(x, work, n, stride)
        mixture_energy(low, low + stride, low + 2 * stride, energy, n, self.c)
        reciprocal(low + stride, low + 2 * stride, n)
        self.pull(x, work, low + 2 * stride, grad, n, stride)

    cdef void param_grad_block(self, const double* x, const double* weights, double* acc, double* work,
                               Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t j, d, i, features = self.n_features
        # low and ties are free once the weights are normalised.
        cdef double* first = work + self.n_wells * stride
        cdef double* second = first + stride
        cdef double* well
        self.normalised_weights(x, work, n, stride)
        if weights is not NULL:
            for j in range(self.n_wells):
                scale(work + j * stride, weights, n)
        for j in range(self.n_wells):
            well = acc + j * self.width
            for d in range(features):
                i = j * features + d
                well_moments(x + d * stride, work + j * stride, first, second, n, self.m[i])
                if fabs(self.theta[j * self.width + d]) <= self.limit:
                    well[d] += self.a[i] * lane_sum(second, n)
                well[features + d] -= self.a2[i] * lane_sum(first, n)
            well[2 * features] += lane_sum(work + j * stride, n)
        acc[self.n_wells * self.width] += n if weights is NULL else lane_sum(weights, n)

    cdef void laplacian_block(self, const double* x, double* out, double* work,
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
