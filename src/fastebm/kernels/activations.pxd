# Activation functions of networks over rows of numbers, in float32 or float64: x becomes the slope, y the value.
#
# Every operation is an IEEE add, multiply, divide or an explicit fma: the same bits at every level. Infinities and NaN
# come out as infinities or NaN.

from libc.math cimport fabs

from .math cimport exp_neg, log1p_positive, octant_cos, octant_sin
from .product cimport real

cdef extern from "<math.h>" nogil:
    float fmaf(float, float, float)
    float fabsf(float)

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    static inline float fastebm_exponent(float one, float shifted) {
        /* one * 2^n, for the n in the low bits of shifted */
        int32_t a, b;
        memcpy(&a, &one, 4);
        memcpy(&b, &shifted, 4);
        a = (int32_t)((uint32_t)a + ((uint32_t)b << 23));
        memcpy(&one, &a, 4);
        return one;
    }
    """
    float with_exponent "fastebm_exponent"(float one, float shifted) noexcept nogil


cdef inline float expf_neg(float d) noexcept nogil:
    # exp(-d) for 0 <= d, within 1.5 ulp; beyond 87 it stays at exp(-87), a normal number. A NaN stays a NaN.
    cdef float x = <float>87.0 if d > <float>87.0 else d
    # Constants are cast: with double ones the loop would be one of doubles.
    cdef float shifted = fmaf(x, <float>-1.44269504, <float>12582912.0)
    cdef float n = shifted - <float>12582912.0
    cdef float q = fmaf(n, <float>-1.42860677e-6, fmaf(n, <float>-0.693145752, -x))
    cdef float p = fmaf(q, <float>0.00138367421, <float>0.00837489869)
    p = fmaf(q, p, <float>0.0416682325)
    p = fmaf(q, p, <float>0.166664198)
    p = fmaf(q, p, <float>0.499999911)
    p = fmaf(q, p, <float>1)
    p = fmaf(q, p, <float>1)
    return with_exponent(p, shifted)


cdef inline float reciprocal_1_2(float y) noexcept nogil:
    # 1 / y for 1 <= y <= 2: the quadratic of smallest error, 1 / 99, and two of Newton's steps, 1e-8. A third of the
    # time of a division with AVX-512.
    cdef float r = fmaf(y, fmaf(y, <float>0.32323232, <float>-1.4545455), <float>2.1212121)
    r = fmaf(fmaf(-y, r, <float>1.0), r, r)
    return fmaf(fmaf(-y, r, <float>1.0), r, r)


cdef inline float log1pf_unit(float t) noexcept nogil:
    # log(1 + t) for 0 <= t <= 1: 2 artanh(t / (2 + t)).
    cdef float s = t * <float>0.5 * reciprocal_1_2(fmaf(t, <float>0.5, <float>1.0))
    cdef float z = s * s
    cdef float p = fmaf(z, <float>0.18181818, <float>0.22222222)
    p = fmaf(z, p, <float>0.28571428)
    p = fmaf(z, p, <float>0.4)
    p = fmaf(z, p, <float>0.66666667)
    return fmaf(s * z, p, s + s)


cdef inline real sigmoid_parts(real x, real* t) noexcept nogil:
    # exp(-|x|), and 1 / (1 + it). Far out it is 0: subnormal products would cost the next layer 4 to 16 times its time.
    if real is float:
        t[0] = <float>0 if fabsf(x) > <float>40 else expf_neg(fabsf(x))
        return reciprocal_1_2(<float>1.0 + t[0])
    else:
        t[0] = 0.0 if fabs(x) > 350.0 else exp_neg(fabs(x))
        return 1.0 / (1.0 + t[0])


cdef inline void silu(real* x, real* y, Py_ssize_t n) noexcept nogil:
    # x s(x), with slope s + x s (1 - s), s the sigmoid.
    cdef Py_ssize_t i
    cdef real t, r, s, v
    for i in range(n):
        r = sigmoid_parts(x[i], &t)
        s = r if x[i] >= 0 else t * r
        v = x[i] * s
        y[i] = v
        x[i] = s + v * (1 - s)


cdef inline void softplus(real* x, real* y, Py_ssize_t n) noexcept nogil:
    # log(1 + exp(x)), with slope s(x).
    cdef Py_ssize_t i
    cdef real t, r, top
    for i in range(n):
        r = sigmoid_parts(x[i], &t)
        # x - x and not 0: of -inf it is NaN.
        top = x[i] - x[i] if x[i] < 0 else x[i]
        if real is float:
            y[i] = top + log1pf_unit(t)
        else:
            y[i] = top + log1p_positive(t)
        x[i] = r if x[i] >= 0 else t * r


cdef inline void leaky_relu(real* x, real* y, Py_ssize_t n) noexcept nogil:
    # x, and a hundredth of it below 0.
    cdef Py_ssize_t i
    cdef real slope
    for i in range(n):
        slope = <real>0.01 if x[i] < 0 else <real>1
        y[i] = slope * x[i]
        x[i] = slope


cdef inline void turn(double t, double* sine, double* cosine) noexcept nogil:
    # sin and cos of 2 pi t, t in turns: reduced to an octant by exact differences.
    cdef double r = t - ((t + 6755399441055744.0) - 6755399441055744.0)
    cdef double h = fabs(r), q = h if h <= 0.25 else 0.5 - h, e = q if q <= 0.125 else 0.25 - q
    cdef double a = octant_sin(8.0 * e), b = octant_cos(8.0 * e)
    cdef double s = a if q <= 0.125 else b, c = b if q <= 0.125 else a
    sine[0] = -s if r < 0.0 else s
    cosine[0] = c if h <= 0.25 else -c
