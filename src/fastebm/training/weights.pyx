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


cdef void centre(const double* v, double* apart, Py_ssize_t n, double middle) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        apart[i] = v[i] - middle


cdef void weigh(const double* v, Py_ssize_t n, double* w, double* total, double* squares) noexcept nogil:
    # w = exp(v - max v), where wanted, and the sums of w and w^2.
    cdef Py_ssize_t i
    cdef double top = top_of(v, n), one
    total[0] = squares[0] = 0.0
    for i in range(n):
        one = exp_neg(top - v[i])
        if w is not NULL:
            w[i] = one
        total[0] += one
        squares[0] += one * one


cdef void places_of(const double* w, double total, double u, int64_t* places, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i, source = 0
    cdef double reached = w[0] / total
    for i in range(n):
        while reached < (i + u) / n and source < n - 1:
            source += 1
            reached += w[source] / total
        places[i] = source


def mean(const double[::1] v not None):
    """Mean of an array that is not empty."""
    return lane_sum(&v[0], v.shape[0]) / v.shape[0]


def spread(const double[::1] v not None):
    """Standard deviation (over n) of an array that is not empty."""
    cdef Py_ssize_t n = v.shape[0]
    cdef double[::1] apart = np.empty(n)
    centre(&v[0], &apart[0], n, lane_sum(&v[0], n) / n)
    return sqrt(lane_dot(&apart[0], &apart[0], n) / n)


def log_mean_exp(const double[::1] v not None):
    """log of the mean of exp(v); what is 690 below the largest counts as nothing."""
    cdef Py_ssize_t n = v.shape[0]
    cdef double total, squares
    weigh(&v[0], n, NULL, &total, &squares)
    return top_of(&v[0], n) + log_normal(total / n)


def effective_share(const double[::1] v not None):
    """Effective sample size of weights exp(v), as a share of their number."""
    cdef double total, squares
    weigh(&v[0], v.shape[0], NULL, &total, &squares)
    return total * total / (squares * v.shape[0])


def systematic(const double[::1] v not None, double u):
    """Places of a systematic resampling by weights exp(v), shape (n,); u is uniform on [0, 1)."""
    cdef Py_ssize_t n = v.shape[0]
    cdef double total, squares
    cdef double[::1] w = np.empty(n)
    cdef int64_t[::1] places = np.empty(n, dtype=np.int64)
    weigh(&v[0], n, &w[0], &total, &squares)
    places_of(&w[0], total, u, &places[0], n)
    return np.asarray(places)
