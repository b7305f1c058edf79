# Between blocks of float64, as energies have them, and the rows of a network.

from ..kernels.product cimport real


cdef inline void load(const double* x, real* u, const double* centre, const double* inverse, Py_ssize_t features,
                      Py_ssize_t n, Py_ssize_t stride, Py_ssize_t ld) noexcept nogil:
    cdef Py_ssize_t d, i
    for d in range(features):
        for i in range(n):
            u[d * ld + i] = <real>((x[d * stride + i] - centre[d]) * inverse[d])
        for i in range(n, ld):
            u[d * ld + i] = 0


cdef inline void seed_with(real* seed, const double* weights, Py_ssize_t n, Py_ssize_t ld) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        seed[i] = 1 if weights is NULL else <real>weights[i]
    for i in range(n, ld):
        seed[i] = 0


cdef inline void take(const real* rows, double* out, const double* inverse, Py_ssize_t features, Py_ssize_t n,
                      Py_ssize_t stride, Py_ssize_t ld) noexcept nogil:
    # out += rows * inverse; without inverse, out += rows.
    cdef Py_ssize_t d, i
    for d in range(features):
        for i in range(n):
            out[d * stride + i] += rows[d * ld + i] * (1.0 if inverse is NULL else inverse[d])


cdef inline void narrow(const double* theta, float* weights, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t p
    for p in range(n):
        weights[p] = <float>theta[p]
