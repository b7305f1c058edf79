cimport cython

from .base cimport Energy


@cython.final
cdef class PythonEnergy(Energy):
    cdef object energy_function
    cdef object grad_function
    cdef object laplacian_function
    cdef dict failures
    cdef int call(self, object function, str name, const double* x, double* out, Py_ssize_t width,
                  Py_ssize_t n, Py_ssize_t stride) noexcept nogil
    cdef bint has_laplacian(self) noexcept nogil
