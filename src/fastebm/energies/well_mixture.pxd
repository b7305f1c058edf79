cimport cython

from ..kernels.well_loops cimport WellLoops
from .base cimport Energy


@cython.final
cdef class WellMixture(Energy):
    cdef readonly Py_ssize_t n_wells
    cdef WellLoops loops
    cdef bint full
