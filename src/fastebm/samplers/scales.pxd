# The diagonal preconditioner that samplers with a step size share.

cdef class Scales:
    # NULL without a preconditioner.
    cdef double* each
    cdef Py_ssize_t n
    cdef readonly object given

    # Scale of feature d; 1 without a preconditioner.
    cdef inline double at(self, Py_ssize_t d) noexcept nogil:
        return 1.0 if self.each is NULL else self.each[d]
