"""What the block loops of all kinds of wells have in common."""


cdef class WellLoops:
    """Block loops that a well mixture owns; the classes derived from this one do the work."""

    def __init__(self, Py_ssize_t n_wells, Py_ssize_t n_features, double limit):
        self.n_wells, self.n_features, self.limit = n_wells, n_features, limit

    cdef void load(self, const double* theta) noexcept nogil:
        pass

    cdef Py_ssize_t scratch_size(self, Py_ssize_t n) noexcept nogil:
        return 0

    cdef void normalised_weights(self, const double* x, double* work, Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        pass

    cdef void energy_block(self, const double* x, double* out, double* work,
                           Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        pass

    cdef void grad_block(self, const double* x, double* out, double* work,
                         Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        pass

    cdef void energy_grad_block(self, const double* x, double* energy, double* grad, double* work,
                                Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        pass

    cdef void param_grad_block(self, const double* x, const double* weights, double* acc, double* work,
                               Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        pass

    cdef void laplacian_block(self, const double* x, double* out, double* work,
                              Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        pass
