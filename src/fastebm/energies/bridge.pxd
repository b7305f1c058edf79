cimport cython

from .base cimport Energy


@cython.final
cdef class Normal(Energy):
    # Centre, 1 / standard deviation and 1 / variance of each feature; then the constant that normalises.
    cdef double* constants
    cdef double offset


@cython.final
cdef class Bridge(Energy):
    cdef readonly Energy start
    cdef readonly Energy end
    cdef readonly double beta
