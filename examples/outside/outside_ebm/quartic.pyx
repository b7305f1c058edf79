"""A trainable energy: in every feature a double well with a height, a place and a tilt of its own."""

import numpy as np

from libc.math cimport INFINITY, exp
from libc.stdlib cimport free, malloc
from libc.string cimport memset

from fastebm.energies.base cimport Energy
from fastebm.kernels.math cimport in_t, lane_sum, out_t

# A loop of one job over one feature of a block vectorises: the pointers in_t and out_t promise not to overlap.


cdef void add_energy(in_t x, out_t out, Py_ssize_t n, double h, double m, double t, double s) noexcept nogil:
    cdef Py_ssize_t i
    cdef double u, v
    for i in range(n):
        u = x[i] - m
        v = u * u - s
        out[i] += h * (v * v) + t * u


cdef void slope(in_t x, out_t out, Py_ssize_t n, double h, double m, double t, double s) noexcept nogil:
    cdef Py_ssize_t i
    cdef double u
    for i in range(n):
        u = x[i] - m
        out[i] = 4.0 * h * u * (u * u - s) + t


cdef void param_terms(in_t x, in_t w, out_t da, out_t dm, out_t dt, Py_ssize_t n, double h, double m, double t,
                      double s) noexcept nogil:
    cdef Py_ssize_t i
    cdef double u, v
    for i in range(n):
        u = x[i] - m
        v = u * u - s
        da[i] = w[i] * (h * (v * v))
        dm[i] = -w[i] * (4.0 * h * u * v + t)
        dt[i] = w[i] * u


cdef class QuarticWell(Energy):
    """E(x) = sum over d of exp(a_d) (u_d^2 - radius^2)^2 + t_d u_d, with u_d = x_d - m_d.

    Parameters
    ----------
    n_features : int
    radius : float, default 1.0
        Of the two minima from m_d, where there is no tilt.
    theta : array-like of shape (3 * n_features,), optional
        (a_d, m_d, t_d) feature by feature: log height, place and tilt. By default zeros.
    """

    cdef readonly double radius
    # exp(a_d) of the present theta, which `prepare` computes.
    cdef double* height

    def __init__(self, Py_ssize_t n_features=1, double radius=1.0, theta=None):
        if n_features < 1:
            raise ValueError(f"n_features must be at least 1, got {n_features}")
        if not 0.0 < radius < INFINITY:
            raise ValueError(f"radius must be a positive number, got {radius}")
        self.allocate(n_features, 3 * n_features)
        self.height = <double*>malloc(n_features * sizeof(double))
        if self.height is NULL:
            raise MemoryError
        self.radius = radius
        self.theta = np.zeros(self.n_params) if theta is None else theta

    def __dealloc__(self):
        free(self.height)

    cdef void prepare(self) noexcept nogil:
        cdef Py_ssize_t d
        for d in range(self.n_features):
            self.height[d] = exp(self.theta_ptr[3 * d])

    cdef Py_ssize_t scratch_size(self, Py_ssize_t n) noexcept nogil:
        # What param_grad_block needs: weights, and the terms of three sums.
        return 4 * n

    cdef int energy_block(self, const double* x, double* out, double* work,
                          Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t d
        memset(out, 0, n * sizeof(double))
        for d in range(self.n_features):
            add_energy(x + d * stride, out, n, self.height[d], self.theta_ptr[3 * d + 1], self.theta_ptr[3 * d + 2],
                       self.radius * self.radius)
        return 0

    cdef int grad_block(self, const double* x, double* out, double* work,
                        Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t d
        for d in range(self.n_features):
            slope(x + d * stride, out + d * stride, n, self.height[d], self.theta_ptr[3 * d + 1],
                  self.theta_ptr[3 * d + 2], self.radius * self.radius)
        return 0

    cdef int param_grad_block(self, const double* x, const double* weights, double* acc, double* work,
                              Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t d, i, k
        cdef double* terms = work + stride
        for i in range(n):
            work[i] = 1.0 if weights is NULL else weights[i]
        for d in range(self.n_features):
            param_terms(x + d * stride, work, terms, terms + stride, terms + 2 * stride, n, self.height[d],
                        self.theta_ptr[3 * d + 1], self.theta_ptr[3 * d + 2], self.radius * self.radius)
            for k in range(3):
                acc[3 * d + k] += lane_sum(terms + k * stride, n)
        return 0

    @property
    def param_names(self):
        """("a0", "m0", "t0", "a1", ...)"""
        return tuple([f"{name}{d}" for d in range(self.n_features) for name in "amt"])

    def _arguments(self):
        return {"n_features": self.n_features, "radius": self.radius}
