from ..networks.layers cimport Stack
from ..networks.spectral cimport SpectralBound
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
    # The weights that count: theta, or theta within the spectral bounds, if there are any.
    cdef double* effective
    cdef SpectralBound bounds
    cdef double* centre
    cdef double* inverse
    cdef dict described

    cdef int adopt(self, Energy prior, Stack stack, dict described) except -1
    cdef Py_ssize_t carve_room(self, bint single, double* memory, Room* room, Py_ssize_t n) noexcept nogil
    # out += f, grad += df/dx, acc += the sum of weights df/dtheta, where they are not NULL; in float32 if single.
    cdef void evaluate(self, bint single, const double* x, const double* weights, double* out, double* grad,
                       double* acc, double* work, Py_ssize_t n, Py_ssize_t stride) noexcept nogil
