cimport cython

from ..kernels.student_wells cimport StudentWells
from .base cimport Energy


@cython.final
cdef class StudentTMixture(Energy):
    cdef readonly Py_ssize_t n_wells
    cdef StudentWells loops
