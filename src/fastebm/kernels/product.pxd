# One product of matrices for every layer of a network: dense, convolution, and their gradients.
#
#     out[o * ldo + i] = first + sum_k w[o * step + wk[k] * by] * x[rows[k] * ldi + i],    0 <= i < n, 0 <= o < n_out
#
# where first is start[o], or 0 if start is NULL, or with `more` what out holds.
#
# The tables wk and rows say which weight meets which row. Every sum runs over k in order, one fma after the other, so
# the bits do not depend on the size of a tile, which is as large as the registers of a level allow (8 outputs x 2
# vectors with AVX-512: 130 GFLOP/s in float32 on one core; 6 x 2 with AVX2: 75). Rows are read and written up to a whole
# vector: see `padded`.

from libc.stdint cimport int32_t

cdef extern from *:
    """
    #include <math.h>
    #include <stdint.h>
    #if defined(_MSC_VER)
    #define FASTEBM_TIGHT __restrict
    #else
    #define FASTEBM_TIGHT __restrict__
    #endif
    #if defined(__AVX512F__) && defined(__GNUC__)
    #include <immintrin.h>
    #define FASTEBM_TILED 1
    #define FASTEBM_WIDE 8
    typedef __m512 fastebm_vf;
    typedef __m512d fastebm_vd;
    #define FASTEBM_VEC(op, suffix) _mm512_##op##_##suffix
    #elif defined(__AVX2__) && defined(__FMA__) && defined(__GNUC__)
    #include <immintrin.h>
    #define FASTEBM_TILED 1
    #define FASTEBM_WIDE 6
    typedef __m256 fastebm_vf;
    typedef __m256d fastebm_vd;
    #define FASTEBM_VEC(op, suffix) _mm256_##op##_##suffix
    #else
    #define FASTEBM_TILED 0
    #endif

    #if FASTEBM_TILED
    /* One register of its own: gcc otherwise adds the place of the weight to each step anew. 10 % of a dense gradient. */
    #define FASTEBM_AS_IT_IS(pointer) __asm__("" : "+r"(pointer))
    #define FASTEBM_TILE(NAME, T, VT, S, J, V)                                                                        \\
        static inline __attribute__((always_inline)) void NAME(                                                       \\
            T *out, ptrdiff_t ldo, const T *w, ptrdiff_t step, ptrdiff_t by, const int32_t *wk, const T *in,          \\
            ptrdiff_t ldi, const int32_t *rows, ptrdiff_t n_k, const T *start, int more)\\
        {                                                                                                             \\
            const int lanes = sizeof(VT) / sizeof(T);                                                                 \\
            VT acc[J][V], x[V], s;                                                                                    \\
            for (int j = 0; j < J; j++)                                                                               \\
                for (int v = 0; v < V; v++)                                                                           \\
                    acc[j][v] = more ? FASTEBM_VEC(loadu, S)(out + j * ldo + v * lanes)                               \\
                                     : FASTEBM_VEC(set1, S)(start ? start[j] : 0);                                    \\
            for (ptrdiff_t k = 0; k < n_k; k++) {                                                                     \\
                const T *row = in + rows[k] * ldi, *weight = w + by * wk[k];                                          \\
                FASTEBM_AS_IT_IS(weight);                                                                             \\
                for (int v = 0; v < V; v++) x[v] = FASTEBM_VEC(loadu, S)(row + v * lanes);                            \\
                for (int j = 0; j < J; j++) {                                                                         \\
                    s = FASTEBM_VEC(set1, S)(weight[j * step]);                                                       \\
                    for (int v = 0; v < V; v++) acc[j][v] = FASTEBM_VEC(fmadd, S)(s, x[v], acc[j][v]);                \\
                }                                                                                                     \\
            }                                                                                                         \\
            for (int j = 0; j < J; j++)                                                                               \\
                for (int v = 0; v < V; v++) FASTEBM_VEC(storeu, S)(out + j * ldo + v * lanes, acc[j][v]);             \\
        }
    /* Vectors outside, outputs inside: two vectors of all rows stay in the first-level cache. */
    #define FASTEBM_PRODUCT(NAME, T, VT, S)                                                                           \\
        FASTEBM_TILE(NAME##_full, T, VT, S, FASTEBM_WIDE, 2)                                                          \\
        FASTEBM_TILE(NAME##_half, T, VT, S, FASTEBM_WIDE, 1)                                                          \\
        FASTEBM_TILE(NAME##_thin, T, VT, S, 1, 4)                                                                     \\
        FASTEBM_TILE(NAME##_one, T, VT, S, 1, 1)                                                                      \\
        static void NAME(T *out, ptrdiff_t ldo, ptrdiff_t n_out, const T *w, ptrdiff_t step, ptrdiff_t by,            \\
                         const int32_t *wk, const T *in, ptrdiff_t ldi, const int32_t *rows, ptrdiff_t n_k,           \\
                         ptrdiff_t n, const T *start, int more)                                                       \\
        {                                                                                                             \\
            const ptrdiff_t lanes = sizeof(VT) / sizeof(T), whole = n_out - n_out % FASTEBM_WIDE;                     \\
            ptrdiff_t i = 0, o;                                                                                       \\
            for (; i + lanes < n; i += 2 * lanes)                                                                     \\
                for (o = 0; o < whole; o += FASTEBM_WIDE)                                                             \\
                    NAME##_full(out + o * ldo + i, ldo, w + o * step, step, by, wk, in + i, ldi, rows, n_k,           \\
                                start ? start + o : 0, more);                                                         \\
            for (; i < n; i += lanes)                                                                                 \\
                for (o = 0; o < whole; o += FASTEBM_WIDE)                                                             \\
                    NAME##_half(out + o * ldo + i, ldo, w + o * step, step, by, wk, in + i, ldi, rows, n_k,           \\
                                start ? start + o : 0, more);                                                         \\
            for (o = whole; o < n_out; o++) {                                                                         \\
                for (i = 0; i + 3 * lanes < n; i += 4 * lanes)                                                        \\
                    NAME##_thin(out + o * ldo + i, ldo, w + o * step, step, by, wk, in + i, ldi, rows, n_k,           \\
                                start ? start + o : 0, more);                                                         \\
                for (; i < n; i += lanes)                                                                             \\
                    NAME##_one(out + o * ldo + i, ldo, w + o * step, step, by, wk, in + i, ldi, rows, n_k,            \\
                               start ? start + o : 0, more);                                                          \\
            }                                                                                                         \\
        }
    FASTEBM_PRODUCT(fastebm_product_f, float, fastebm_vf, ps)
    FASTEBM_PRODUCT(fastebm_product_d, double, fastebm_vd, pd)
    #else
    #define FASTEBM_PRODUCT(NAME, T, FMA)                                                                             \\
        static void NAME(T *out, ptrdiff_t ldo, ptrdiff_t n_out, const T *w, ptrdiff_t step, ptrdiff_t by,            \\
                         const int32_t *wk, const T *in, ptrdiff_t ldi, const int32_t *rows, ptrdiff_t n_k,           \\
                         ptrdiff_t n, const T *start, int more)                                                       \\
        {                                                                                                             \\
            for (ptrdiff_t o = 0; o < n_out; o++) {                                                                   \\
                T *FASTEBM_TIGHT to = out + o * ldo;                                                                  \\
                for (ptrdiff_t i = 0; i < n && !more; i++) to[i] = start ? start[o] : 0;                              \\
                for (ptrdiff_t k = 0; k < n_k; k++) {                                                                 \\
                    const T *FASTEBM_TIGHT row = in + rows[k] * ldi;                                                  \\
                    const T weight = w[o * step + by * wk[k]];                                                        \\
                    for (ptrdiff_t i = 0; i < n; i++) to[i] = FMA(weight, row[i], to[i]);                             \\
                }                                                                                                     \\
            }                                                                                                         \\
        }
    FASTEBM_PRODUCT(fastebm_product_f, float, fmaf)
    FASTEBM_PRODUCT(fastebm_product_d, double, fma)
    #endif
    """
    void product_f "fastebm_product_f"(
        float* out, Py_ssize_t ldo, Py_ssize_t n_out, const float* w, Py_ssize_t step, Py_ssize_t by,
        const int32_t* wk, const float* x, Py_ssize_t ldi, const int32_t* rows, Py_ssize_t n_k, Py_ssize_t n,
        const float* start, bint more) noexcept nogil
    void product_d "fastebm_product_d"(
        double* out, Py_ssize_t ldo, Py_ssize_t n_out, const double* w, Py_ssize_t step, Py_ssize_t by,
        const int32_t* wk, const double* x, Py_ssize_t ldi, const int32_t* rows, Py_ssize_t n_k, Py_ssize_t n,
        const double* start, bint more) noexcept nogil


cdef inline Py_ssize_t padded(Py_ssize_t n, bint single) noexcept nogil:
    # Numbers in a row of n: whole cache lines, and an odd number of them, so that a column meets every set of the cache.
    if single:
        return ((n + 15) // 16 | 1) * 16
    return ((n + 7) // 8 | 1) * 8


ctypedef fused real:
    float
    double


cdef inline void product(
    real* out, Py_ssize_t ldo, Py_ssize_t n_out, const real* w, Py_ssize_t step, Py_ssize_t by, const int32_t* wk,
    const real* x, Py_ssize_t ldi, const int32_t* rows, Py_ssize_t n_k, Py_ssize_t n, const real* start, bint more
) noexcept nogil:
    if real is float:
        product_f(out, ldo, n_out, w, step, by, wk, x, ldi, rows, n_k, n, start, more)
    else:
        product_d(out, ldo, n_out, w, step, by, wk, x, ldi, rows, n_k, n, start, more)


cdef inline void transpose(const real* rows, Py_ssize_t ldi, Py_ssize_t n_rows, Py_ssize_t n, real* out,
                           Py_ssize_t ldo) noexcept nogil:
    # out[i * ldo + r] = rows[r * ldi + i], eight columns at a time; out is filled up to ldo with zeros.
    cdef Py_ssize_t r, i, j, some
    for i in range(0, n, 8):
        some = min(8, n - i)
        for r in range(n_rows):
            for j in range(some):
                out[(i + j) * ldo + r] = rows[r * ldi + i + j]
        for j in range(some):
            for r in range(n_rows, ldo):
                out[(i + j) * ldo + r] = 0


cdef inline double row_sum(const real* row, Py_ssize_t n) noexcept nogil:
    # In eight lanes, as lane_sum has them.
    cdef double[8] lanes
    cdef Py_ssize_t i, j, whole = n - (n & 7)
    for j in range(8):
        lanes[j] = 0.0
    for i in range(0, whole, 8):
        for j in range(8):
            lanes[j] += row[i + j]
    for i in range(whole, n):
        lanes[0] += row[i]
    return ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]))
