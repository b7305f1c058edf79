# The contract between an energy and whoever calls it. Installed, so that other Cython packages can add energies:
# compile them with the macro CYTHON_USE_TYPE_SPECS=1, as our types are (or for the limited API).
#
# Inside a block, state is structure-of-arrays: x[d * stride + i] is feature d of chain i, 0 <= i < n <= stride.
# Pointers do not overlap. Block methods allocate nothing, raise nothing and do not need the GIL; non-finite input gives
# non-finite output. They return 0, or -1 to stop the run (an exception is then waiting for take_failure).
# A result for chain i must not depend on n or on the other chains of the block.

cdef class Energy:
    cdef readonly Py_ssize_t n_features
    cdef readonly Py_ssize_t n_params
    # Chains per call that suit this energy. A sum over chains is the sum, in order, of the sums of such blocks, so its
    # last bits depend on it, and nothing else does.
    cdef readonly Py_ssize_t block_size
    cdef double* theta_ptr
    # Relative rounding of what the block methods compute, a power of 2: 2^-52, or 2^-23 where they work in float32.
    # Steps of differences are chosen from it. Set by `rounds_to`; `allocate` sets 2^-52.
    cdef readonly double rounding
    # Steps, relative to 1 + |x|, of first and of second differences of a gradient: the third and the fourth root of it,
    # as powers of 2, the same everywhere (2^-17 and 2^-13; with float32 2^-8 and 2^-6).
    cdef double first_step, second_step
    # Exceptions that wait for take_failure, by thread: two runs may fail at once.
    cdef dict failures

    # Called once by __init__ of a concrete energy, before it sets theta.
    cdef int allocate(self, Py_ssize_t n_features, Py_ssize_t n_params) except -1
    cdef void rounds_to(self, double rounding)
    # theta -> constants. Called after every change of theta.
    cdef void prepare(self) noexcept nogil
    cdef void load_theta(self, const double* theta) noexcept nogil
    # Remember an exception for take_failure. Needs the GIL; returns -1, for a block method to return.
    cdef int fail(self, object error) noexcept
    # Scratch, in doubles, that this energy's own block methods need for n chains. To be overridden, not called.
    cdef Py_ssize_t scratch_size(self, Py_ssize_t n) noexcept nogil
    # Scratch that a caller provides: all that any block method may touch, the defaults included. n is the stride.
    cdef Py_ssize_t work_size(self, Py_ssize_t n) noexcept nogil

    # out[i] = E(x_i)
    cdef int energy_block(self, const double* x, double* out, double* work,
                          Py_ssize_t n, Py_ssize_t stride) noexcept nogil
    # out[d * stride + i] = dE/dx_d (x_i)
    cdef int grad_block(self, const double* x, double* out, double* work,
                        Py_ssize_t n, Py_ssize_t stride) noexcept nogil
    # Both at once. The default calls the two above.
    cdef int energy_grad_block(self, const double* x, double* energy, double* grad, double* work,
                               Py_ssize_t n, Py_ssize_t stride) noexcept nogil
    # acc[p] += sum_i weights[i] dE/dtheta_p (x_i); weights may be NULL, which stands for ones.
    cdef int param_grad_block(self, const double* x, const double* weights, double* acc, double* work,
                              Py_ssize_t n, Py_ssize_t stride) noexcept nogil
    # acc[p] += sum_i weights[i] (d/dt) dE/dtheta_p (x_i + t v_i) at t = 0, v laid out like x; weights may be NULL. What
    # score matching needs of an energy. The default takes central differences of param_grad_block.
    cdef int directional_param_grad_block(self, const double* x, const double* v, const double* weights, double* acc,
                                          double* work, Py_ssize_t n, Py_ssize_t stride) noexcept nogil
    # out[i] = trace of the Hessian in x at x_i. The default takes central differences of grad_block.
    cdef int laplacian_block(self, const double* x, double* out, double* work,
                             Py_ssize_t n, Py_ssize_t stride) noexcept nogil
    # Remove from a step in theta what does not change the density (a gauge). The default keeps everything.
    cdef void identifiable(self, double* step) noexcept nogil
