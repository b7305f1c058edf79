# Spectral norms: how much a matrix can stretch.

# Largest singular value of w (rows x columns), with u and v of length 1 so that u' w v is it; work: spectral_work numbers.
cdef double largest(const double* w, Py_ssize_t rows, Py_ssize_t columns, double* u, double* v,
                    double* work) noexcept nogil
cdef Py_ssize_t spectral_work(Py_ssize_t rows, Py_ssize_t columns) noexcept nogil
