from ..networks.layers cimport Stack
from .base cimport Energy

cdef struct Room:
    # Rows of the input, what the layers keep, the output, its gradient, scratch.
    double* x
    double* kept
    double* out
    double* seed
    double* work


cdef class NetworkEnergy(Energy):
    cdef readonly bint single
    cdef Energy prior
    cdef Stack stack
    # theta in float32; per feature where the input is centred, and one over its scale.
    cdef float* weights
    # With a bound of the spectral norms: theta after it; of every matrix its place, rows and columns, norm, and its two
    # vectors, one matrix behind the other. Without one, `effective` is theta itself.
    cdef readonly double bound
    cdef double* effective
    cdef Py_ssize_t n_matrices, n_vectors
    cdef Py_ssize_t* places
    cdef double* norms
    cdef double* vectors
    cdef double* spectral
    cdef double* centre
    cdef double* inverse
    cdef dict described

    cdef int adopt(self, Energy prior, Stack stack, dict described) except -1
    cdef int make_bound(self, double bound) except -1
    cdef Py_ssize_t carve_room(self, bint single, double* memory, Room* room, Py_ssize_t n) noexcept nogil
    cdef void normalise(self) noexcept nogil
    # acc += what the gradient in the bounded weights is in theta.
    cdef void unbound(self, const double* inner, double* acc) noexcept nogil
    # f, or with grad also df/dx, or with acc also the sum of weights df/dtheta; in float32 if single. The gradient is added.
    cdef void evaluate(self, bint single, const double* x, const double* weights, double* out, double* grad, double* acc,
                       double* work, Py_ssize_t n, Py_ssize_t stride) noexcept nogil
