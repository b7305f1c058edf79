"""Sums, means and resampling of weighted chains that have the same bits on every machine, which NumPy's have not."""

import numpy as np

from libc.math cimport sqrt
from libc.stdint cimport int64_t

from ..kernels.math cimport exp_neg, lane_dot, lane_sum, log_normal


cdef double top_of(const double* v, Py_ssize_t n) noexcept nogil:
    cdef double top = v[0]
    cdef Py_ssize_t i
    for i in range(n):
        top = v[i] if v[i] > top else top
    return top


def mean(const double[::1] v not None):
    """Mean of an array that is not empty."""
    return lane_sum(&v[0], v.shape[0]) / v.shape[0]


def spread(const double[::1] v not None):
    """Standard deviation (over n) of an array that is not empty."""
    cdef Py_ssize_t n = v.shape[0], i
    cdef double middle = lane_sum(&v[0], n) / n
    cdef double[::1] apart = np.empty(n)
    for i in range(n):
        apart[i] = v[i] - middle
    return sqrt(lane_dot(&apart[0], &apart[0], n) / n)


def log_mean_exp(const double[::1] v not None):
    """log of the mean of exp(v); what is 690 below the largest counts as nothing."""
    cdef Py_ssize_t n = v.shape[0], i
    cdef double top = top_of(&v[0], n), total = 0.0
    for i in range(n):
        total += exp_neg(top - v[i])
    return top + log_normal(total / n)


def effective_share(const double[::1] v not None):
    """Effective sample size of weights exp(v), as a share of their number."""
    cdef Py_ssize_t n = v.shape[0], i
    cdef double top = top_of(&v[0], n), total = 0.0, squares = 0.0, w
    for i in range(n):
        w = exp_neg(top - v[i])
        total += w
        squares += w * w
    return total * total / (squares * n)


def systematic(const double[::1] v not None, double u):
    """Places of a systematic resampling by weights exp(v), shape (n,); u is uniform on [0, 1)."""
    cdef Py_ssize_t n = v.shape[0], i, source = 0
    cdef double top = top_of(&v[0], n), total = 0.0, reached
    cdef double[::1] w = np.empty(n)
    cdef int64_t[::1] places = np.empty(n, dtype=np.int64)
    for i in range(n):
        w[i] = exp_neg(top - v[i])
        total += w[i]
    reached = w[0] / total
    for i in range(n):
        while reached < (i + u) / n and source < n - 1:
            source += 1
            reached += w[source] / total
        places[i] = source
    return np.asarray(places)
