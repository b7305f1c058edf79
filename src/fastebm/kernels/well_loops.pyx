"""What the block loops of all kinds of wells have in common."""

import numpy as np

from .layout cimport gather, scatter
from .scratch cimport aligned


cdef class WellLoops:
    """Block loops that a well mixture owns; the classes derived from this one do the work."""

    def __init__(self, Py_ssize_t n_wells, Py_ssize_t n_features, double limit):
        self.n_wells, self.n_features, self.limit = n_wells, n_features, limit

    def shares(self, const double[:, ::1] rows not None):
        """Share of every well in exp(-E), shape (n_samples, n_wells), of checked rows (n_samples, n_features)."""
        cdef Py_ssize_t start, m, n = rows.shape[0], size = self.block_size, stride = (size + 7) & ~7
        cdef double[:, ::1] out
        cdef double[::1] memory
        cdef double* x
        cdef double* work
        result = np.empty((n, self.n_wells))
        out, memory = result, np.empty(self.n_features * stride + self.scratch_size(stride) + 8)
        x = aligned(&memory[0])
        work = x + self.n_features * stride
        for start in range(0, n, size):
            m = min(size, n - start)
            gather(&rows[start, 0], x, m, self.n_features, stride)
            self.normalised_weights(x, work, m, stride)
            scatter(work, &out[start, 0], m, self.n_wells, stride)
        return result

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
