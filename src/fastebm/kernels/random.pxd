# Counter-based random numbers: Threefry-2x64-13 (Salmon, Moraes, Dror and Shaw, SC'11) and Box-Muller.
#
# A number depends only on (key, chain, step, dimension, purpose), never on the order in which numbers are asked for.
# One Threefry call gives the normals of two consecutive steps, so no number is computed for a chain that is not there.

from libc.math cimport sqrt
from libc.stdint cimport uint64_t

from .math cimport from_bits, log_split, octant_cos, octant_sin, out_t, split, to_bits

# AVX2 has no vector rotation, and gcc makes each of two shifts and an or. By a multiple of 8 it is one byte shuffle, if
# written out for four lanes: 1.19 -> 0.98 ns a number. Elsewhere this is not used.
cdef extern from *:
    """
    #if defined(__AVX2__) && !defined(__AVX512F__) && defined(__GNUC__)
    #include <immintrin.h>
    #define FASTEBM_THREEFRY4 1
    #define FASTEBM_SHIFTS(b, r) _mm256_or_si256(_mm256_slli_epi64(b, r), _mm256_srli_epi64(b, 64 - r))
    #define FASTEBM_BYTES(b, ...) _mm256_shuffle_epi8(b, _mm256_broadcastsi128_si256(_mm_setr_epi8(__VA_ARGS__)))
    #define FASTEBM_16(b) FASTEBM_BYTES(b, 6, 7, 0, 1, 2, 3, 4, 5, 14, 15, 8, 9, 10, 11, 12, 13)
    #define FASTEBM_24(b) FASTEBM_BYTES(b, 5, 6, 7, 0, 1, 2, 3, 4, 13, 14, 15, 8, 9, 10, 11, 12)
    #define FASTEBM_32(b) _mm256_shuffle_epi32(b, 0xB1)
    #define FASTEBM_ROUND(rotated) a = _mm256_add_epi64(a, b); b = _mm256_xor_si256(rotated, a);
    #define FASTEBM_FOUR(r0, r1, r2, r3) FASTEBM_ROUND(r0) FASTEBM_ROUND(r1) FASTEBM_ROUND(r2) FASTEBM_ROUND(r3)
    #define FASTEBM_KEY(x, y) a = _mm256_add_epi64(a, _mm256_set1_epi64x((long long)(x))); \
                              b = _mm256_add_epi64(b, _mm256_set1_epi64x((long long)(y)));
    static inline void fastebm_threefry4(uint64_t k0, uint64_t k1, uint64_t c0, uint64_t c1, double *w0, double *w1)
    {
        const uint64_t k2 = 0x1BD11BDAA9FC1A22u ^ k0 ^ k1;
        __m256i a = _mm256_setr_epi64x(0, 1, 2, 3), b = _mm256_setzero_si256();
        FASTEBM_KEY(c0 + k0, c1 + k1)
        FASTEBM_FOUR(FASTEBM_16(b), FASTEBM_SHIFTS(b, 42), FASTEBM_SHIFTS(b, 12), FASTEBM_SHIFTS(b, 31))
        FASTEBM_KEY(k1, k2 + 1)
        FASTEBM_FOUR(FASTEBM_16(b), FASTEBM_32(b), FASTEBM_24(b), FASTEBM_SHIFTS(b, 21))
        FASTEBM_KEY(k2, k0 + 2)
        FASTEBM_FOUR(FASTEBM_16(b), FASTEBM_SHIFTS(b, 42), FASTEBM_SHIFTS(b, 12), FASTEBM_SHIFTS(b, 31))
        FASTEBM_KEY(k0, k1 + 3)
        FASTEBM_ROUND(FASTEBM_16(b))
        _mm256_storeu_pd(w0, _mm256_castsi256_pd(a));
        _mm256_storeu_pd(w1, _mm256_castsi256_pd(b));
    }
    #else
    #define FASTEBM_THREEFRY4 0
    #define fastebm_threefry4(k0, k1, c0, c1, w0, w1) ((void)0)
    #endif
    """
    const bint THREEFRY4 "FASTEBM_THREEFRY4"
    # The words of the chains c0 .. c0 + 3.
    void threefry4 "fastebm_threefry4"(uint64_t k0, uint64_t k1, uint64_t c0, uint64_t c1,
                                       double* w0, double* w1) noexcept nogil

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
    # Keys for the parts of a cycle.
    DERIVE = 8
    # The state that new chains have beside x.
    CHAIN_STATE = 9
    PATH_LENGTH = 10
    SWAP = 11
    # Augmentation of rows and chains, and the keys of its parts; noise on the rows of a batch.
    AUGMENT = 12
    DATA_NOISE = 13
    # Score matching: noise on the data; directions of slices.
    SCORE_NOISE = 14
    SLICE = 15


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
    cdef Py_ssize_t i, whole = n & ~3 if THREEFRY4 else 0
    cdef uint64_t r0, r1
    for i in range(0, whole, 4):
        threefry4(key.k0, key.k1, chain0 + <uint64_t>i, c1, &w0[i], &w1[i])
    for i in range(whole, n):
        threefry(key.k0, key.k1, chain0 + <uint64_t>i, c1, &r0, &r1)
        w0[i] = from_bits(r0)
        w1[i] = from_bits(r1)


cdef inline void squared_radii(out_t w, Py_ssize_t n) noexcept nogil:
    # Words to -2 log u, in two loops.
    cdef Py_ssize_t i
    for i in range(n):
        w[i] = from_bits(split(unit(to_bits(w[i]))))
    for i in range(n):
        w[i] = -2.0 * log_split(to_bits(w[i]))


cdef inline void turn(out_t z0, out_t z1, Py_ssize_t n) noexcept nogil:
    # z0 holds squared radii, z1 words. The angle is uniform on an octant; three more bits choose one of its eight
    # mirror images, which costs less than reducing an angle.
    cdef Py_ssize_t i
    cdef uint64_t r
    cdef double radius, w, c, s, a, b
    for i in range(n):
        radius = sqrt(z0[i])
        r = to_bits(z1[i])
        w = unit(r)
        c = radius * octant_cos(w)
        s = radius * octant_sin(w)
        a = s if r & 4 else c
        b = c if r & 4 else s
        z0[i] = from_bits(to_bits(a) ^ (r << 63))
        z1[i] = from_bits(to_bits(b) ^ ((r & 2) << 62))


cdef inline void normal_pairs(Key key, uint64_t chain0, uint64_t c1, Py_ssize_t n, out_t z0, out_t z1) noexcept nogil:
    # Two standard normals for each of the chains chain0 .. chain0 + n - 1. Short loops instead of one: each then has
    # several iterations in flight (AVX2 2.4 in place of 3.0 ns a number).
    random_words(key, chain0, c1, n, z0, z1)
    squared_radii(z0, n)
    turn(z0, z1, n)


cdef inline void uniform_pairs(Key key, uint64_t chain0, uint64_t c1, Py_ssize_t n, out_t u0, out_t u1) noexcept nogil:
    # Two uniforms on (0, 1] for each chain.
    cdef Py_ssize_t i
    random_words(key, chain0, c1, n, u0, u1)
    for i in range(n):
        u0[i] = unit(to_bits(u0[i]))
        u1[i] = unit(to_bits(u1[i]))
