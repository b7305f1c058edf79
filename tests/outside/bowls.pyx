"""Somebody's own package, compiled against the installed contracts: an energy and a sampler."""

from libc.stdint cimport int64_t, uint64_t

from fastebm.energies.base cimport Energy
from fastebm.kernels.random cimport Key
from fastebm.samplers.base cimport Sampler, Tally

import numpy as np


cdef class Bowl(Energy):
    """E(x) = theta (x - centre)^2 / 2 in one dimension."""

    cdef readonly double centre

    def __init__(self, centre, theta=1.0):
        self.centre = centre
        self.allocate(1, 1)
        self.theta = np.array([theta], dtype=float)

    cdef int energy_block(self, const double* x, double* out, double* work,
                          Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t i
        for i in range(n):
            out[i] = 0.5 * self.theta_ptr[0] * (x[i] - self.centre) * (x[i] - self.centre)
        return 0

    cdef int grad_block(self, const double* x, double* out, double* work,
                        Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t i
        for i in range(n):
            out[i] = self.theta_ptr[0] * (x[i] - self.centre)
        return 0

    cdef int param_grad_block(self, const double* x, const double* weights, double* acc, double* work,
                              Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t i
        for i in range(n):
            acc[0] += (1.0 if weights is NULL else weights[i]) * 0.5 * (x[i] - self.centre) * (x[i] - self.centre)
        return 0

    def _arguments(self):
        return {"centre": self.centre}


cdef class Halve(Sampler):
    """Moves every chain half the way to the origin."""

    cdef int run_block(self, Energy energy, double* x, double* state, double* work, Py_ssize_t n, Py_ssize_t stride,
                       Key key, uint64_t chain0, uint64_t step0, int64_t n_steps, Tally* tally) noexcept nogil:
        cdef Py_ssize_t i
        for _ in range(n_steps):
            for i in range(n):
                x[i] *= 0.5
        return 0
