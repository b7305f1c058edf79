# What energies made of energies share.

from .base cimport Energy


cdef class Combined(Energy):
    # Parts of its own, whose theta stand one behind the other in its own; the second may be None.
    cdef Energy first
    cdef Energy second
    cdef int hold(self, Energy first, Energy second, Py_ssize_t n_features=*) except -1
