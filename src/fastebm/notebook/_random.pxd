# Random numbers: the Mersenne Twister and what CPython's random.py makes of it. What is drawn one at a time is inline.

cimport cython
from libc.math cimport cos, log, sin, sqrt
from libc.stdint cimport uint32_t

from ._lists cimport Memory


cdef struct Twister:
    uint32_t word[624]
    int next
    bint has_spare              # random.gauss makes two normals at a time and keeps one
    double spare


cdef void refill(uint32_t *w) noexcept nogil


cdef inline uint32_t random32(Twister *t) noexcept nogil:
    cdef uint32_t y
    if t.next >= 624:
        refill(t.word)
        t.next = 0
    y = t.word[t.next]
    t.next += 1
    y ^= y >> 11
    y ^= (y << 7) & 0x9d2c5680u
    y ^= (y << 15) & 0xefc60000u
    return y ^ (y >> 18)


cdef inline double random53(Twister *t) noexcept nogil:
    """random.random()"""
    cdef uint32_t a = random32(t) >> 5
    cdef uint32_t b = random32(t) >> 6
    return (a * 67108864.0 + b) * (1.0 / 9007199254740992.0)


cdef inline double uniform(Twister *t, double low, double high) noexcept nogil:
    """random.uniform(low, high)"""
    return low + (high - low) * random53(t)


cdef inline double normal(Twister *t) noexcept nogil:
    """random.gauss(0.0, 1.0), whose mu + z * sigma turns -0.0 into 0.0."""
    cdef double angle, radius
    if t.has_spare:
        t.has_spare = False
        return 0.0 + t.spare
    angle = random53(t) * 6.283185307179586  # 2 pi
    radius = sqrt(-2.0 * log(1.0 - random53(t)))
    t.spare = sin(angle) * radius
    t.has_spare = True
    return 0.0 + cos(angle) * radius


cdef inline void fill_normal(Twister *t, double *z, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        z[i] = normal(t)


@cython.final
cdef class Stream:
    cdef Twister t

    cdef tuple state(self)


@cython.final
cdef class Chooser:
    cdef Memory pool, taken

    cdef void choose(self, Twister *t, Py_ssize_t n, Py_ssize_t k, Py_ssize_t *out) noexcept
