cimport cython


@cython.final
cdef class FullWells:
    cdef readonly Py_ssize_t n_wells, n_features, block_size
    # The owner's theta, and the numbers of one well in it.
    cdef const double* theta
    cdef Py_ssize_t width
    # Constants of the current theta, well by well: the rows of L, the centre, then k and 2 tr(L L').
    cdef double* factor
    cdef double* m
    cdef double* k
    cdef double* trace
    cdef double c

    cdef void load(self, const double* theta) noexcept nogil
    cdef Py_ssize_t scratch_size(self, Py_ssize_t n) noexcept nogil
    # Rows of scratch: a weight for each well, then low, ties, rest; L' (x - m) of each well; x - m; a gradient.
    cdef void whiten(self, const double* x, double* work, Py_ssize_t n, Py_ssize_t stride) noexcept nogil
    cdef void weights(self, const double* x, double* work, Py_ssize_t n, Py_ssize_t stride) noexcept nogil
    cdef void normalised_weights(self, const double* x, double* work, Py_ssize_t n, Py_ssize_t stride) noexcept nogil
    cdef void pull(self, double* work, double* out, Py_ssize_t n, Py_ssize_t stride) noexcept nogil
    cdef void slope(self, Py_ssize_t j, const double* u, double* out, Py_ssize_t n, Py_ssize_t stride) noexcept nogil
    cdef void energy_block(self, const double* x, double* out, double* work,
                           Py_ssize_t n, Py_ssize_t stride) noexcept nogil
    cdef void energy_grad_block(self, const double* x, double* energy, double* grad, double* work,
                                Py_ssize_t n, Py_ssize_t stride) noexcept nogil
    cdef void param_grad_block(self, const double* x, const double* weights, double* acc, double* work,
                               Py_ssize_t n, Py_ssize_t stride) noexcept nogil
    cdef void laplacian_block(self, const double* x, double* out, double* work,
                              Py_ssize_t n, Py_ssize_t stride) noexcept nogil
