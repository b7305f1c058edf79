# Counter-based random numbers: Threefry-2x64-13 (Salmon, Moraes, Dror and Shaw, SC'11) and Box-Muller.
#
# A number depends only on (key, chain, step, dimension, purpose), never on the order in which numbers are asked for.
# One Threefry call gives the normals of two consecutive steps, so no number is computed for a chain that is not there.

from libc.math cimport sqrt
from libc.stdint cimport uint64_t

from .math cimport from_bits, log_normal, octant_cos, octant_sin, out_t, to_bits

cdef struct Key:
    uint64_t k0
    uint64_t k1

# What a stream is for: the top four bits of the second counter word.
cdef enum:
    LANGEVIN_NOISE = 0
    ACCEPT = 1
    PROPOSAL = 2
    PROPOSAL_ACCEPT = 3
    BATCH = 4
    REPLAY = 5
    REINIT = 6
    RESAMPLE = 7


cdef inline uint64_t rotl(uint64_t x, int r) noexcept nogil:
    return (x << r) | (x >> (64 - r))


cdef inline void threefry(uint64_t k0, uint64_t k1, uint64_t c0, uint64_t c1,
                          uint64_t* r0, uint64_t* r1) noexcept nogil:
    cdef uint64_t k2 = <uint64_t>0x1BD11BDAA9FC1A22 ^ k0 ^ k1
    cdef uint64_t a = c0 + k0
    cdef uint64_t b = c1 + k1
    a += b
    b = rotl(b, 16) ^ a
    a += b
    b = rotl(b, 42) ^ a
    a += b
    b = rotl(b, 12) ^ a
    a += b
    b = rotl(b, 31) ^ a
    a += k1
    b += k2 + 1
    a += b
    b = rotl(b, 16) ^ a
    a += b
    b = rotl(b, 32) ^ a
    a += b
    b = rotl(b, 24) ^ a
    a += b
    b = rotl(b, 21) ^ a
    a += k2
    b += k0 + 2
    a += b
    b = rotl(b, 16) ^ a
    a += b
    b = rotl(b, 42) ^ a
    a += b
    b = rotl(b, 12) ^ a
    a += b
    b = rotl(b, 31) ^ a
    a += k0
    b += k1 + 3
    a += b
    b = rotl(b, 16) ^ a
    r0[0] = a
    r1[0] = b


cdef inline uint64_t counter(uint64_t purpose, uint64_t dim, uint64_t index) noexcept nogil:
    # 4 bits of purpose, 20 of dimension, 40 of step or update.
    return (purpose << 60) | (dim << 40) | index


cdef inline double unit(uint64_t r) noexcept nogil:
    # Uniform on (0, 1]: 52 random bits below a fixed exponent.
    return 2.0 - from_bits((r >> 12) | <uint64_t>0x3FF0000000000000)


cdef inline void random_words(Key key, uint64_t chain0, uint64_t c1, Py_ssize_t n,
                              out_t w0, out_t w1) noexcept nogil:
    # The two words of every chain, kept as the bits of doubles.
    cdef Py_ssize_t i
    cdef uint64_t r0, r1
    for i in range(n):
        threefry(key.k0, key.k1, chain0 + <uint64_t>i, c1, &r0, &r1)
        w0[i] = from_bits(r0)
        w1[i] = from_bits(r1)


cdef inline void words_to_radii(out_t w, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        w[i] = sqrt(-2.0 * log_normal(unit(to_bits(w[i]))))


cdef inline void turn(out_t z0, out_t z1, Py_ssize_t n) noexcept nogil:
    # z0 holds radii, z1 words. The angle is uniform on an octant; three more bits choose one of its eight mirror
    # images, which costs less than reducing an angle.
    cdef Py_ssize_t i
    cdef uint64_t r
    cdef double w, c, s, a, b
    for i in range(n):
        r = to_bits(z1[i])
        w = unit(r)
        c = z0[i] * octant_cos(w)
        s = z0[i] * octant_sin(w)
        a = s if r & 4 else c
        b = c if r & 4 else s
        z0[i] = from_bits(to_bits(a) ^ (r << 63))
        z1[i] = from_bits(to_bits(b) ^ ((r & 2) << 62))


cdef inline void normal_pairs(Key key, uint64_t chain0, uint64_t c1, Py_ssize_t n, out_t z0, out_t z1) noexcept nogil:
    # Two standard normals for each of the chains chain0 .. chain0 + n - 1. Three short loops instead of one: each then
    # has several iterations in flight.
    random_words(key, chain0, c1, n, z0, z1)
    words_to_radii(z0, n)
    turn(z0, z1, n)


cdef inline void uniform_pairs(Key key, uint64_t chain0, uint64_t c1, Py_ssize_t n, out_t u0, out_t u1) noexcept nogil:
    # Two uniforms on (0, 1] for each chain.
    cdef Py_ssize_t i
    cdef uint64_t r0, r1
    for i in range(n):
        threefry(key.k0, key.k1, chain0 + <uint64_t>i, c1, &r0, &r1)
        u0[i] = unit(r0)
        u1[i] = unit(r1)
