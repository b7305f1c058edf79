# Moves of a Hamiltonian trajectory in whitened momenta: x' = scale * w, w' = -scale * dE/dx.

from libc.math cimport INFINITY, NAN, fabs, fma

from .math cimport in_t, out_t

# A trajectory that gets here is lost and stays where it was: squares of squares do not overflow yet, so an energy that
# is not a number there is the energy's fault. The rule is the same in both directions of time, so it may reject.


cdef inline void kick(in_t g, out_t w, Py_ssize_t n, double minus_time) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        w[i] = fma(minus_time, g[i], w[i])


cdef inline void drift(in_t w, out_t x, Py_ssize_t n, double time) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        x[i] = fma(time, w[i], x[i])


cdef inline void guarded_step(in_t g, out_t w, out_t y, out_t lost, out_t bad, Py_ssize_t n, double minus_kick,
                              double time) noexcept nogil:
    # A kick, then a drift, which stops where the trajectory is lost. A gradient that is not a number is reported.
    cdef Py_ssize_t i
    cdef double moved, pushed, there
    for i in range(n):
        pushed = fma(minus_kick, g[i], w[i])
        moved = fma(time, pushed, y[i])
        there = 1.0 if fabs(moved) < 1e70 else 0.0
        bad[i] = 1.0 if (g[i] != g[i] and lost[i] == 0.0) else bad[i]
        lost[i] = lost[i] if there != 0.0 else 1.0
        y[i] = moved if there != 0.0 else y[i]
        w[i] = pushed


cdef inline void last_kick(in_t g, out_t w, in_t lost, out_t bad, Py_ssize_t n, double minus_kick) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        bad[i] = 1.0 if (g[i] != g[i] and lost[i] == 0.0) else bad[i]
        w[i] = fma(minus_kick, g[i], w[i])


cdef inline void add_kinetic(in_t w, out_t total, Py_ssize_t n, double sign) noexcept nogil:
    # total += sign w^2 / 2
    cdef Py_ssize_t i
    for i in range(n):
        total[i] = fma(0.5 * sign * w[i], w[i], total[i])


cdef inline void energy_ratio(in_t ex, out_t ey, in_t lost, in_t bad, out_t q, Py_ssize_t n,
                              double beta) noexcept nogil:
    # q holds the loss of kinetic energy and becomes the log of the Metropolis ratio. A lost trajectory hits a wall; a
    # gradient that was not a number makes the ratio none.
    cdef Py_ssize_t i
    for i in range(n):
        ey[i] = INFINITY if lost[i] != 0.0 else ey[i]
        q[i] = beta * ((ex[i] - ey[i]) + q[i])
        q[i] = NAN if bad[i] != 0.0 else q[i]
        ey[i] = 0.0 if bad[i] != 0.0 else ey[i]
