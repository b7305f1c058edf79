# Block loops of quadratic wells and of their log-sum-exp: short, with one job each, so that each vectorises and has
# many iterations in flight.

from libc.math cimport copysign, fabs, fma

from .math cimport exp_neg, exp_reduce, exp_tail, from_bits, in_t, log1p_positive, out_t, to_bits


cdef inline void two_wells_reduce(in_t x, out_t q, out_t scale, Py_ssize_t n, double a1, double m1, double k1,
                                  double a2, double m2, double k2) noexcept nogil:
    # exp(-|e1 - e2|) = exp_tail(q) * |scale|; scale has the sign of e1 - e2.
    cdef Py_ssize_t i
    cdef double d1, d2, diff
    for i in range(n):
        d1 = x[i] - m1
        d2 = x[i] - m2
        diff = fma(a1 * d1, d1, k1) - fma(a2 * d2, d2, k2)
        scale[i] = copysign(from_bits(exp_reduce(fabs(diff), &q[i])), diff)


cdef inline void two_wells_ratio(out_t q, in_t scale, Py_ssize_t n) noexcept nogil:
    # q becomes t = exp(-|e1 - e2|).
    cdef Py_ssize_t i
    for i in range(n):
        q[i] = exp_tail(q[i]) * fabs(scale[i])


cdef inline void two_wells_grad(in_t x, out_t q, in_t scale, out_t out, Py_ssize_t n, double a1, double m1,
                                double a2, double m2) noexcept nogil:
    # q becomes t. The nearer well's gradient plus t times the farther's, over 1 + t: one exp and one division. With
    # two_wells_reduce 1.55 ns (AVX2), in one loop 1.69: the exponential is long, and fewer iterations are in flight.
    cdef Py_ssize_t i
    cdef double g1, g2, t, near, far
    for i in range(n):
        g1 = a1 * (x[i] - m1)
        g2 = a2 * (x[i] - m2)
        t = exp_tail(q[i]) * fabs(scale[i])
        q[i] = t
        near = g1 if scale[i] < 0.0 else g2
        # The other of the two, by exclusive or: cheaper than a second blend.
        far = from_bits(to_bits(g1) ^ to_bits(g2) ^ to_bits(near))
        # 2 (near + t far) / (1 + t)
        out[i] = fma(t, far, near) / fma(t, 0.5, 0.5)


cdef inline void two_wells_weights(in_t q, in_t scale, out_t w1, out_t w2, Py_ssize_t n) noexcept nogil:
    # The same operations as in the general path, in 2 loops instead of 13.
    cdef Py_ssize_t i
    cdef double t, near, far, floor = exp_neg(690.0)
    for i in range(n):
        t = exp_tail(q[i]) * fabs(scale[i])
        # As in `boltzmann`: times a large square the floor would be a number.
        t = 0.0 if t <= floor else t
        near = 1.0 / (1.0 + t)
        far = t * near
        w1[i] = near if scale[i] < 0.0 else far
        w2[i] = far if scale[i] < 0.0 else near


cdef inline void two_wells_energy(in_t x, in_t t, out_t out, Py_ssize_t n, double a1, double m1, double k1,
                                  double a2, double m2, double k2, double c) noexcept nogil:
    cdef Py_ssize_t i
    cdef double d1, d2, e1, e2, low
    for i in range(n):
        d1 = x[i] - m1
        d2 = x[i] - m2
        e1 = fma(a1 * d1, d1, k1)
        e2 = fma(a2 * d2, d2, k2)
        low = e1 if e1 < e2 else e2
        out[i] = (low - log1p_positive(t[i])) + c


cdef inline void add_square(in_t x, out_t e, Py_ssize_t n, double a, double m) noexcept nogil:
    cdef Py_ssize_t i
    cdef double d
    for i in range(n):
        d = x[i] - m
        e[i] = fma(a * d, d, e[i])


cdef inline void add_two_squares(in_t x, out_t e, Py_ssize_t n, Py_ssize_t stride, in_t a, in_t m) noexcept nogil:
    cdef Py_ssize_t i
    cdef double a0 = a[0], a1 = a[1], m0 = m[0], m1 = m[1], d0, d1
    for i in range(n):
        d0 = x[i] - m0
        d1 = x[stride + i] - m1
        e[i] = fma(a1 * d1, d1, fma(a0 * d0, d0, e[i]))


cdef inline void add_four_squares(in_t x, out_t e, Py_ssize_t n, Py_ssize_t stride, in_t a, in_t m) noexcept nogil:
    # Four features at once: 0.09 ns for a well and feature instead of 0.15, where loads and stores were the limit.
    cdef Py_ssize_t i
    cdef double a0 = a[0], a1 = a[1], a2 = a[2], a3 = a[3], m0 = m[0], m1 = m[1], m2 = m[2], m3 = m[3]
    cdef double d0, d1, d2, d3
    for i in range(n):
        d0 = x[i] - m0
        d1 = x[stride + i] - m1
        d2 = x[2 * stride + i] - m2
        d3 = x[3 * stride + i] - m3
        e[i] = fma(a3 * d3, d3, fma(a2 * d2, d2, fma(a1 * d1, d1, fma(a0 * d0, d0, e[i]))))


cdef inline void two_feature_well(in_t x, out_t e, out_t low, Py_ssize_t n, Py_ssize_t stride, in_t a, in_t m,
                                  double k) noexcept nogil:
    # The energy and the minimum so far in one pass: 2-5 % of a step for 8 wells.
    cdef Py_ssize_t i
    cdef double a0 = a[0], a1 = a[1], m0 = m[0], m1 = m[1], d0, d1, v
    for i in range(n):
        d0 = x[i] - m0
        d1 = x[stride + i] - m1
        v = fma(a1 * d1, d1, fma(a0 * d0, d0, k))
        e[i] = v
        low[i] = low[i] if low[i] < v else v


cdef inline void boltzmann(out_t e, in_t low, out_t ties, out_t rest, Py_ssize_t n) noexcept nogil:
    # e becomes exp(low - e). Wells exactly at the minimum are counted apart from the others, so that log1p sees small
    # sums in full precision.
    cdef Py_ssize_t i
    cdef double d, t
    for i in range(n):
        d = e[i] - low[i]
        # Not the floor of exp_neg: times a large square (a well 1e150 away) that would be a number.
        t = 0.0 if d > 690.0 else exp_neg(d)
        ties[i] += 1.0 if d == 0.0 else 0.0
        rest[i] += 0.0 if d == 0.0 else t
        e[i] = t


cdef inline void boltzmann_sum(out_t e, in_t low, out_t total, Py_ssize_t n) noexcept nogil:
    # The same without counting ties: all that a gradient needs.
    cdef Py_ssize_t i
    cdef double d, t
    for i in range(n):
        d = e[i] - low[i]
        t = 0.0 if d > 690.0 else exp_neg(d)
        total[i] += t
        e[i] = t


cdef inline void invert(out_t v, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        v[i] = 1.0 / v[i]


cdef inline void mixture_energy(in_t low, in_t ties, in_t rest, out_t out, Py_ssize_t n, double c) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i] = (low[i] - log1p_positive(rest[i] + (ties[i] - 1.0))) + c


cdef inline void reciprocal(in_t ties, out_t rest, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        rest[i] = 1.0 / (ties[i] + rest[i])


cdef inline void scale(out_t w, in_t by, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        w[i] *= by[i]


cdef inline void add_pull(in_t x, in_t w, out_t g, Py_ssize_t n, double a2, double m) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        g[i] = fma(w[i], a2 * (x[i] - m), g[i])


cdef inline void add_four_pulls(in_t x, in_t w, out_t g, Py_ssize_t n, Py_ssize_t stride, Py_ssize_t features,
                                in_t a2, in_t m) noexcept nogil:
    # Four wells at once: 0.10 ns for a well and feature instead of 0.19.
    cdef Py_ssize_t i
    cdef double b0 = a2[0], b1 = a2[features], b2 = a2[2 * features], b3 = a2[3 * features]
    cdef double m0 = m[0], m1 = m[features], m2 = m[2 * features], m3 = m[3 * features], v
    for i in range(n):
        v = x[i]
        g[i] = fma(w[3 * stride + i], b3 * (v - m3), fma(w[2 * stride + i], b2 * (v - m2),
                   fma(w[stride + i], b1 * (v - m1), fma(w[i], b0 * (v - m0), g[i]))))


cdef inline void well_moments(in_t x, in_t w, out_t first, out_t second, Py_ssize_t n, double m) noexcept nogil:
    cdef Py_ssize_t i
    cdef double d
    for i in range(n):
        d = x[i] - m
        first[i] = w[i] * d
        second[i] = first[i] * d


cdef inline void add_spread(in_t x, in_t g, in_t w, out_t out, Py_ssize_t n, double a2, double m) noexcept nogil:
    # Subtracts w (2 a d - grad)^2, this well's part of the variance of the wells' gradients.
    cdef Py_ssize_t i
    cdef double s
    for i in range(n):
        s = fma(a2, x[i] - m, -g[i])
        out[i] = fma(-w[i] * s, s, out[i])


cdef inline void add_scaled(in_t w, out_t out, Py_ssize_t n, double by) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i] = fma(w[i], by, out[i])


cdef inline void tilted_well(in_t x, out_t u, out_t e, out_t low, Py_ssize_t n, Py_ssize_t stride, in_t m, double l00,
                             double l10, double l11, double k) noexcept nogil:
    # Two features: u = L' (x - m), |u|^2 + k and the minimum so far in one pass.
    cdef Py_ssize_t i
    cdef double m0 = m[0], m1 = m[1], d0, d1, u0, u1, v
    for i in range(n):
        d0 = x[i] - m0
        d1 = x[stride + i] - m1
        u0 = fma(l10, d1, l00 * d0)
        u1 = l11 * d1
        v = fma(u1, u1, fma(u0, u0, k))
        u[i] = u0
        u[stride + i] = u1
        e[i] = v
        low[i] = low[i] if low[i] < v else v


cdef inline void add_weighted(in_t v, in_t w, out_t out, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i] = fma(v[i], w[i], out[i])


cdef inline void subtract_spread(in_t slope, in_t g, in_t w, out_t out, Py_ssize_t n) noexcept nogil:
    # As `add_spread`, of a slope that is at hand.
    cdef Py_ssize_t i
    cdef double s
    for i in range(n):
        s = slope[i] - g[i]
        out[i] = fma(-w[i] * s, s, out[i])
