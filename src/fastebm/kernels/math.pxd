# Branch-free elementary functions, written so that gcc vectorises the loop that calls them.
#
# Every operation is an IEEE add, multiply, divide, square root or an explicit fma, so all instruction-set levels give
# the same bits. Coefficients: tools/minimax.py. The errors stated are the largest in about 3e8 points over the whole
# range; tests/test_kernels.py measures them against mpmath and long double.

from libc.math cimport fma
from libc.stdint cimport uint64_t

cdef extern from *:
    """
    #if defined(_MSC_VER)
    #define FASTEBM_RESTRICT __restrict
    #else
    #define FASTEBM_RESTRICT __restrict__
    #endif
    """
    # Pointers that promise not to overlap: without them gcc guards each vector loop with run-time checks.
    ctypedef double* out_t "double * FASTEBM_RESTRICT"
    ctypedef const double* in_t "const double * FASTEBM_RESTRICT"

cdef union Bits:
    double d
    uint64_t u


cdef inline uint64_t to_bits(double x) noexcept nogil:
    cdef Bits b
    b.d = x
    return b.u


cdef inline double from_bits(uint64_t u) noexcept nogil:
    cdef Bits b
    b.u = u
    return b.d


# Polynomials are summed as two chains, even and odd powers: half the latency of Horner's rule for the same operations
# (the gradient of two wells: 2.03 -> 1.64 ns with AVX2).

# exp in two halves, for loops that are better split there: exp(-d) = exp_tail(q) * from_bits(scale).

cdef inline uint64_t exp_reduce(double d, double* q) noexcept nogil:
    # exp(-d) = 2^n exp(-q), |q| <= log(2) / 2; returns the bits of 2^n. Beyond 690 d counts as 690.
    cdef double x = 690.0 if d > 690.0 else d
    # Adding 1.5 * 2^52 rounds to an integer and leaves it in the low bits; + 1023 makes it a biased exponent.
    cdef double t = fma(x, -1.4426950408889634, 6755399441056767.0)
    cdef double n = t - 6755399441056767.0
    q[0] = fma(n, 1.9082149292705877e-10, fma(n, 0.6931471803691238, x))
    return to_bits(t) << 52


cdef inline double exp_tail(double q) noexcept nogil:
    cdef double z = q * q, even, odd
    even = fma(z, 2.7630248407465575e-07, 2.4801493098818066e-05)
    even = fma(z, even, 0.0013888888943630205)
    even = fma(z, even, 0.041666666666530155)
    even = fma(z, even, 0.5000000000000011)
    odd = fma(z, -2.500006022014549e-08, -2.7557586375895884e-06)
    odd = fma(z, odd, -0.00019841269506579748)
    odd = fma(z, odd, -0.00833333333349446)
    odd = fma(z, odd, -0.16666666666666413)
    return fma(z, fma(q, odd, even), -q) + 1.0


cdef inline double exp_neg(double d) noexcept nogil:
    # exp(-d) for d >= -690, within 1.08 ulp. Beyond 690 it stays at exp(-690) = 2e-300: a product with it is still a
    # normal number, and denormals cost 2-4x even in lanes that are thrown away. A NaN stays a NaN.
    cdef double q
    cdef uint64_t scale = exp_reduce(d, &q)
    return exp_tail(q) * from_bits(scale)


cdef inline uint64_t split(double u) noexcept nogil:
    # Shifts u's bits so that the exponent field is the k of u = 2^k m with m in [sqrt(1/2), sqrt(2)).
    return to_bits(u) + <uint64_t>0x00095F619980C433


cdef inline double _exponent(uint64_t t) noexcept nogil:
    # The exponent field of `split` as a double: 2^52 + field, minus 2^52 + 1023; no integer conversion is needed.
    return from_bits((t >> 52) | <uint64_t>0x4330000000000000) - 4503599627371519.0


cdef inline double log_split(uint64_t t) noexcept nogil:
    # log(u) for t = split(u), u positive and normal, within 1.17 ulp. Without the division that log1p needs: the noise
    # divides enough.
    cdef double k = _exponent(t)
    cdef double f = from_bits((t & <uint64_t>0x000FFFFFFFFFFFFF) + <uint64_t>0x3FE6A09E667F3BCD) - 1.0
    cdef double z = f * f, half = 0.5 * z, even, odd
    even = fma(z, 0.0632494296419815, 0.05972227420821032)
    even = fma(z, even, 0.06622099320165012)
    even = fma(z, even, 0.07697635762237696)
    even = fma(z, even, 0.09090589313601027)
    even = fma(z, even, 0.11111121744582317)
    even = fma(z, even, 0.1428571409410346)
    even = fma(z, even, 0.20000000001652934)
    even = fma(z, even, 0.33333333333328524)
    odd = fma(z, -0.02832489184572066, -0.06783508246726824)
    odd = fma(z, odd, -0.060420457309859156)
    odd = fma(z, odd, -0.07160167979632256)
    odd = fma(z, odd, -0.08332554942308595)
    odd = fma(z, odd, -0.10000018340264558)
    odd = fma(z, odd, -0.12499999814640203)
    odd = fma(z, odd, -0.16666666666733584)
    odd = fma(z, odd, -0.250000000000063)
    even = fma(z * f, fma(f, odd, even), k * 1.9082149292705877e-10)
    return fma(k, 0.6931471803691238, f - (half - even))


cdef inline double log_normal(double u) noexcept nogil:
    return log_split(split(u))


cdef inline double log1p_positive(double x) noexcept nogil:
    # log(1 + x) for x >= 0, within 1.44 ulp. With 1 + x = 2^k m: f = m - 1 = x 2^-k + (2^-k - 1), one rounding.
    cdef uint64_t t = split(1.0 + x)
    cdef double k = _exponent(t)
    cdef double scale = from_bits(<uint64_t>0x7FE0000000000000 - (t & <uint64_t>0x7FF0000000000000))
    cdef double f = fma(x, scale, scale - 1.0)
    cdef double s = f / (2.0 + f), z = s * s, y = z * z, half = 0.5 * f * f, even, odd
    even = fma(y, 0.14795949502747258, 0.18183564326069543)
    even = fma(y, even, 0.2857142874238778)
    even = fma(y, even, 0.6666666666666734)
    odd = fma(y, 0.1531405056328444, 0.2222219857317723)
    odd = fma(y, odd, 0.39999999999414676)
    even = fma(s, fma(z, fma(z, odd, even), half), k * 1.9082149292705877e-10)
    return fma(k, 0.6931471803691238, f - (half - even))


cdef inline double octant_sin(double w) noexcept nogil:
    # sin(pi w / 4), 0 <= w <= 1, within 1.55 ulp.
    cdef double z = w * w, p
    p = fma(z, 6.877100853385869e-12, -1.7571492941956607e-09)
    p = fma(z, p, 3.133616216634215e-07)
    p = fma(z, p, -3.657620415845641e-05)
    p = fma(z, p, 0.0024903945701887364)
    p = fma(z, p, -0.08074551218828054)
    p = fma(z, p, 0.7853981633974483)
    return w * p


cdef inline double octant_cos(double w) noexcept nogil:
    # cos(pi w / 4), 0 <= w <= 1, within 1.8 ulp.
    cdef double z = w * w, p
    p = fma(z, 1.1365481638964206e-10, -2.4609507466896348e-08)
    p = fma(z, p, 3.5908591802696177e-06)
    p = fma(z, p, -0.0003259918864837575)
    p = fma(z, p, 0.015854344243741596)
    p = fma(z, p, -0.30842513753403783)
    return fma(z, p, 1.0)


cdef inline double quotient(double a, double b, double inverse) noexcept nogil:
    # a / b to the last bit, given inverse = 1 / b, unless a quotient or its remainder is below 1e-290 (Markstein, IBM
    # J. Res. Dev. 34, 1990): 3 operations that pipeline, where many numbers are divided by one. A division takes eight
    # AVX-512 lanes 16 cycles.
    cdef double q = a * inverse
    return fma(fma(-b, q, a), inverse, q)


cdef inline void fill(out_t v, Py_ssize_t n, double value) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        v[i] = value


cdef inline void add_into(out_t total, in_t more, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        total[i] += more[i]


cdef inline void divide_by(out_t v, Py_ssize_t n, double by) noexcept nogil:
    cdef Py_ssize_t i
    cdef double inverse = 1.0 / by
    for i in range(n):
        v[i] = quotient(v[i], by, inverse)


cdef inline void lower(in_t e, out_t low, Py_ssize_t n) noexcept nogil:
    # A NaN in e stays: the comparison is false for it, and low[i] is read only where it is true.
    cdef Py_ssize_t i
    for i in range(n):
        low[i] = low[i] if low[i] < e[i] else e[i]


cdef inline double lane_sum(in_t v, Py_ssize_t n) noexcept nogil:
    # Sum in eight fixed lanes: vectorises without reassociation, so the bits are the same at every level.
    cdef double s0 = 0, s1 = 0, s2 = 0, s3 = 0, s4 = 0, s5 = 0, s6 = 0, s7 = 0
    cdef Py_ssize_t i = 0, whole = n - (n & 7)
    while i < whole:
        s0 += v[i]
        s1 += v[i + 1]
        s2 += v[i + 2]
        s3 += v[i + 3]
        s4 += v[i + 4]
        s5 += v[i + 5]
        s6 += v[i + 6]
        s7 += v[i + 7]
        i += 8
    while i < n:
        s0 += v[i]
        i += 1
    return ((s0 + s4) + (s2 + s6)) + ((s1 + s5) + (s3 + s7))


cdef inline double lane_dot(in_t v, in_t w, Py_ssize_t n) noexcept nogil:
    # Sum of products in the lanes of lane_sum.
    cdef double s0 = 0, s1 = 0, s2 = 0, s3 = 0, s4 = 0, s5 = 0, s6 = 0, s7 = 0
    cdef Py_ssize_t i = 0, whole = n - (n & 7)
    while i < whole:
        s0 = fma(v[i], w[i], s0)
        s1 = fma(v[i + 1], w[i + 1], s1)
        s2 = fma(v[i + 2], w[i + 2], s2)
        s3 = fma(v[i + 3], w[i + 3], s3)
        s4 = fma(v[i + 4], w[i + 4], s4)
        s5 = fma(v[i + 5], w[i + 5], s5)
        s6 = fma(v[i + 6], w[i + 6], s6)
        s7 = fma(v[i + 7], w[i + 7], s7)
        i += 8
    while i < n:
        s0 = fma(v[i], w[i], s0)
        i += 1
    return ((s0 + s4) + (s2 + s6)) + ((s1 + s5) + (s3 + s7))
