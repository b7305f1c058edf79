# Spectral norms: how much a matrix can stretch.

from libc.stdint cimport int64_t

from .layers cimport Stack

# Largest singular value of w (rows x columns), with u and v of length 1 so that u' w v is it.
cdef double largest(const double* w, Py_ssize_t rows, Py_ssize_t columns, double* u, double* v,
                    double* work) noexcept nogil
# Numbers of that work.
cdef Py_ssize_t spectral_work(Py_ssize_t rows, Py_ssize_t columns) noexcept nogil


cdef class SpectralBound:
    cdef readonly double bound
    cdef Py_ssize_t n_params, n_matrices
    # Of every matrix: first parameter, rows, columns; its norm; its two vectors, one matrix behind the other.
    cdef int64_t[:, ::1] places
    cdef double* norms
    cdef double* vectors
    # theta within the bound.
    cdef double* bounded
    cdef double* work
    cdef double[::1] memory
    cdef void apply(self, const double* theta) noexcept nogil
    # acc += in theta what the gradient `inner` is in `bounded`.
    cdef void pull(self, const double* theta, const double* inner, double* acc) noexcept nogil
