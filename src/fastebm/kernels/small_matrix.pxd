# Small symmetric and triangular matrices, n x n, rows one behind the other. Plain loops in a fixed order, no LAPACK:
# the bits are the same everywhere.

from libc.math cimport fabs, fma, sqrt

from .math cimport in_t, lane_dot, out_t


cdef inline void add_row(in_t a, out_t b, Py_ssize_t n, double by) noexcept nogil:
    cdef Py_ssize_t k
    for k in range(n):
        b[k] = fma(a[k], by, b[k])


cdef inline bint lower_root(double* s, double* m, Py_ssize_t n) noexcept nogil:
    # m lower triangular with m' m = s, whose lower half is used up. False if s is not positive definite.
    cdef Py_ssize_t r, i, k
    cdef double p
    for r in range(n - 1, -1, -1):
        p = s[r * n + r]
        # Written so that a NaN is refused.
        if not p > 0.0:
            return False
        p = sqrt(p)
        m[r * n + r] = p
        for k in range(r):
            m[r * n + k] = s[r * n + k] / p
        for k in range(r + 1, n):
            m[r * n + k] = 0.0
        for i in range(r):
            add_row(m + r * n, s + i * n, i + 1, -m[r * n + i])
    return True


cdef inline void invert_lower(const double* m, double* out, Py_ssize_t n, double by) noexcept nogil:
    # out = by * m^-1 for a lower triangular m.
    cdef Py_ssize_t i, r, k
    cdef double p
    for i in range(n):
        p = 1.0 / m[i * n + i]
        for k in range(n):
            out[i * n + k] = 0.0
        for r in range(i):
            add_row(out + r * n, out + i * n, r + 1, -m[i * n + r] * p)
        out[i * n + i] = by * p


cdef inline void square_of_lower(const double* m, double* out, Py_ssize_t n) noexcept nogil:
    # out = m' m for a lower triangular m.
    cdef Py_ssize_t r, i, k
    for i in range(n * n):
        out[i] = 0.0
    for r in range(n):
        for i in range(r + 1):
            add_row(m + r * n, out + i * n, i + 1, m[r * n + i])
    for i in range(n):
        for k in range(i):
            out[k * n + i] = out[i * n + k]


cdef inline void rotate(out_t a, out_t b, Py_ssize_t n, double c, double s) noexcept nogil:
    cdef Py_ssize_t k
    cdef double u
    for k in range(n):
        u = a[k]
        a[k] = fma(c, u, -s * b[k])
        b[k] = fma(s, u, c * b[k])


cdef inline bint clip_eigenvalues(double* s, double* w, double* v, Py_ssize_t n, double low, double high,
                                  double near) noexcept nogil:
    # Clips the eigenvalues of the symmetric s; w and v are scratch. Was one below near? One-sided Jacobi rotations
    # (Hestenes 1958): rows of w = s v are made orthogonal, those of v are then the eigenvectors.
    cdef Py_ssize_t i, p, q, _sweep
    cdef double a, b, c, zeta, t, cosine, value, top = 0.0
    cdef bint turned, below = False
    for i in range(n * n):
        w[i] = s[i]
        v[i] = 0.0
    for i in range(n):
        v[i * n + i] = 1.0
        a = lane_dot(w + i * n, w + i * n, n)
        top = a if a > top else top
    for _sweep in range(40):
        turned = False
        for p in range(n - 1):
            for q in range(p + 1, n):
                a = lane_dot(w + p * n, w + p * n, n)
                b = lane_dot(w + q * n, w + q * n, n)
                c = lane_dot(w + p * n, w + q * n, n)
                # A NaN turns nothing. Rows that are nothing but rounding are left alone.
                if not c * c > 1e-28 * a * b or a < 1e-32 * top or b < 1e-32 * top:
                    continue
                turned = True
                zeta = 0.5 * (b - a) / c
                t = (1.0 if zeta >= 0.0 else -1.0) / (fabs(zeta) + sqrt(fma(zeta, zeta, 1.0)))
                cosine = 1.0 / sqrt(fma(t, t, 1.0))
                rotate(w + p * n, w + q * n, n, cosine, cosine * t)
                rotate(v + p * n, v + q * n, n, cosine, cosine * t)
        if not turned:
            break
    for i in range(n * n):
        s[i] = 0.0
    for p in range(n):
        value = lane_dot(v + p * n, w + p * n, n)
        below = below or value < near
        value = low if value < low else value
        value = high if value > high else value
        for i in range(n):
            add_row(v + p * n, s + i * n, n, value * v[p * n + i])
    return below
