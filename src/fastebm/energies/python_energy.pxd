from .base cimport Energy


cdef class PythonEnergy(Energy):
    cdef object energy_function
    cdef object grad_function
    cdef object laplacian_function
    cdef object param_grad_function
    cdef bint summed
    cdef bint has_laplacian
    cdef object rows(self, const double* x, Py_ssize_t n, Py_ssize_t stride)
    cdef object ask(self, object function, str name, object array, tuple more, tuple shapes)
    cdef int call(self, object function, str name, const double* x, double* out, Py_ssize_t width,
                  Py_ssize_t n, Py_ssize_t stride) noexcept nogil
