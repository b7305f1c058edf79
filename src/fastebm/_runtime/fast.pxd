cdef bint finite(const double* values, Py_ssize_t n) noexcept nogil
