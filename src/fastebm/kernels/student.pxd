# The loop over a block of one well with heavy tails.

from libc.math cimport fma

from .math cimport in_t, log1p_positive, out_t


cdef inline void heavy_well(out_t e, out_t u, out_t logs, Py_ssize_t n, double rate, double half,
                            double k) noexcept nogil:
    # q = (x - m)' A (x - m) comes in e. The energy k + half log(1 + rate q), with rate = 2 / df and
    # half = (df + D) / 2, its derivative by q in u, and the logarithm.
    cdef Py_ssize_t i
    cdef double t, log, most = half * rate
    for i in range(n):
        t = rate * e[i]
        # The last term: what is not a number, or beyond the logarithm's range, stays so.
        log = log1p_positive(t) + 0.0 * t
        logs[i] = log
        u[i] = most / (1.0 + t)
        e[i] = fma(half, log, k)


cdef inline void tail_slope(in_t logs, in_t u, out_t q, Py_ssize_t n, double df) noexcept nogil:
    # q becomes df times the derivative of the energy by df.
    cdef Py_ssize_t i
    cdef double half = 0.5 * df
    for i in range(n):
        q[i] = fma(half, logs[i], -q[i] * u[i])


cdef inline void add_bend(in_t slope, in_t u, in_t w, out_t out, Py_ssize_t n, double inverse_half) noexcept nogil:
    # u falls with q by u^2 / half.
    cdef Py_ssize_t i
    cdef double s
    for i in range(n):
        s = u[i] * slope[i]
        out[i] = fma(-inverse_half * w[i] * s, s, out[i])


cdef inline void add_tail_spread(in_t x, in_t g, in_t w, in_t u, out_t out, Py_ssize_t n, double a2, double m,
                                 double inverse_half) noexcept nogil:
    # Of a well without correlations: `add_bend`, and this well's part of the variance of the wells' gradients.
    cdef Py_ssize_t i
    cdef double slope, s
    for i in range(n):
        slope = u[i] * (a2 * (x[i] - m))
        s = slope - g[i]
        out[i] = fma(-w[i], fma(s, s, inverse_half * slope * slope), out[i])
