# What laws of Student need of the gamma function: differences that vanish for many degrees of freedom, without the
# cancellation of lgamma, and with the same bits everywhere. Series in 1/y (Abramowitz and Stegun, 6.1.40 and 6.3.18)
# from y = 10 on, where the first term that is left out is below 1e-15; recurrences below.

from libc.math cimport fabs

from .math cimport exp_neg, log1p_positive, log_normal


cdef inline double digamma_gap(double y, double* slope) noexcept nogil:
    # log y - digamma(y), about 1 / (2 y), and its derivative, for y > 0.
    cdef double rest = 0.0, squares = 0.0, first = y, z
    while y < 10.0:
        rest += 1.0 / y
        squares += 1.0 / (y * y)
        y += 1.0
    z = 1.0 / (y * y)
    slope[0] = 1.0 / first - 1.0 / y - squares - z * (0.5 + (1.0 / 6.0 - z * (1.0 / 30.0 - z / 42.0)) / y)
    return rest - log_normal(y / first) + 0.5 / y + z * (
        1.0 / 12.0 - z * (1.0 / 120.0 - z * (1.0 / 252.0 - z * (1.0 / 240.0 - z * (
            1.0 / 132.0 - z * 691.0 / 32760.0)))))


cdef inline double half_step(double x) noexcept nogil:
    # log Gamma(x + 1/2) - log Gamma(x) - log(x) / 2, for x > 0.
    cdef double rest = 0.0, z
    while x < 10.0:
        rest += 0.5 * log1p_positive(1.0 / x) - log1p_positive(0.5 / x)
        x += 1.0
    z = 1.0 / (x * x)
    return rest - (1.0 / 8.0 - z * (1.0 / 192.0 - z * (1.0 / 640.0 - z * (17.0 / 14336.0 - z * (
        31.0 / 18432.0 - z * 691.0 / 180224.0))))) / x


cdef inline double student_excess(double df, Py_ssize_t n_features) noexcept nogil:
    # -log of the density of Student's law at its centre, above that of the normal law with the same scale matrix:
    # n / 2 log(df / 2) + log Gamma(df / 2) - log Gamma((df + n) / 2).
    cdef double y = 0.5 * df, total = 0.0
    cdef Py_ssize_t i, whole = n_features // 2
    for i in range(1, whole):
        total -= log1p_positive(i / y)
    if n_features & 1:
        total -= half_step(y + whole) + 0.5 * log1p_positive(whole / y)
    return total


cdef inline double df_of_gap(double gap, double low, double high) noexcept nogil:
    # df in [low, high] with digamma_gap(df / 2) = gap, or the end of the interval next to it. Newton's method in the
    # logarithms of both, where the curve is nearly a line of slope -1.
    cdef double slope, y = 0.5 * low, now, miss
    cdef int _i
    if not gap < digamma_gap(y, &slope):
        return low
    if not gap > digamma_gap(0.5 * high, &slope):
        return high
    y = 0.5 / gap
    for _i in range(30):
        y = min(max(y, 0.5 * low), 0.5 * high)
        now = digamma_gap(y, &slope)
        miss = log_normal(now / gap) * now / (y * slope)
        y *= exp_neg(miss)
        if fabs(miss) < 1e-14:
            break
    return min(max(2.0 * y, low), high)
