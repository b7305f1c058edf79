# The block loops of quadratic wells, whatever their shape: what a well mixture asks of them. x, scratch and results as
# in the contract of energies; the scratch begins with a row for the weight of each well.

cdef class WellLoops:
    cdef readonly Py_ssize_t n_wells, n_features, block_size
    # Parameters of a well; beyond +-limit the first n_features of them have no effect.
    cdef readonly Py_ssize_t width
    cdef readonly double limit
    # The owner's theta: the wells, one behind the other, then c. Its constants are computed by `load`.
    cdef const double* theta
    cdef double c

    cdef void load(self, const double* theta) noexcept nogil
    # Scratch, in doubles, for blocks of n.
    cdef Py_ssize_t scratch_size(self, Py_ssize_t n) noexcept nogil
    # Share of every well in exp(-E) in its row of work.
    cdef void normalised_weights(self, const double* x, double* work, Py_ssize_t n, Py_ssize_t stride) noexcept nogil
    cdef void energy_block(self, const double* x, double* out, double* work,
                           Py_ssize_t n, Py_ssize_t stride) noexcept nogil
    cdef void grad_block(self, const double* x, double* out, double* work,
                         Py_ssize_t n, Py_ssize_t stride) noexcept nogil
    cdef void energy_grad_block(self, const double* x, double* energy, double* grad, double* work,
                                Py_ssize_t n, Py_ssize_t stride) noexcept nogil
    cdef void param_grad_block(self, const double* x, const double* weights, double* acc, double* work,
                               Py_ssize_t n, Py_ssize_t stride) noexcept nogil
    cdef void laplacian_block(self, const double* x, double* out, double* work,
                              Py_ssize_t n, Py_ssize_t stride) noexcept nogil
