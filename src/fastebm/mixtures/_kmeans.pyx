"""The nearest of a few centres, compiled: k-means spends its time here."""

import numpy as np

from libc.stdint cimport int64_t

from .._runtime.fast cimport address

cdef enum:
    # NumPy's sum adds up to so many numbers in eight lanes, and more of them by halves. We add as it does: the same bits.
    LANES_UP_TO = 128


cdef double squared(const double* x, const double* c, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i, j, half
    cdef double total, d
    cdef double[8] lane
    if n < 8:
        total = 0.0
        for i in range(n):
            d = x[i] - c[i]
            total += d * d
        return total
    if n > LANES_UP_TO:
        half = n // 2
        half -= half & 7
        return squared(x, c, half) + squared(x + half, c + half, n - half)
    for j in range(8):
        d = x[j] - c[j]
        lane[j] = d * d
    i = 8
    while i < n - (n & 7):
        for j in range(8):
            d = x[i + j] - c[i + j]
            lane[j] += d * d
        i += 8
    total = ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]))
    while i < n:
        d = x[i] - c[i]
        total += d * d
        i += 1
    return total


def nearest(rows, centres):
    """Return (index of the nearest centre, its squared distance) of every row, each of shape (n,).

    Parameters
    ----------
    rows : ndarray of shape (n, n_features)
    centres : ndarray of shape (k, n_features)
        Both C-ordered float64, checked by the caller. Of centres at the same distance the first counts.
    """
    cdef Py_ssize_t n = len(rows), k = len(centres), features = rows.shape[1], i, j
    labels, low = np.empty(n, dtype=np.int64), np.empty(n)
    cdef const double* x = address(rows)
    cdef const double* c = address(centres)
    cdef int64_t[::1] label = labels
    cdef double[::1] least = low
    cdef double d
    with nogil:
        for i in range(n):
            least[i] = squared(x + i * features, c, features)
            label[i] = 0
            for j in range(1, k):
                d = squared(x + i * features, c + j * features, features)
                if d < least[i]:
                    least[i] = d
                    label[i] = j
    return labels, low


def add_groups(rows, labels, Py_ssize_t k):
    """Return the sum of the rows of every group, shape (k, n_features), and how many they are, shape (k,).

    Rows are added one after the other, as NumPy adds along the first of two axes: the same bits for two features or more.
    """
    cdef Py_ssize_t n = len(rows), features = rows.shape[1], i, d
    sums, counts = np.zeros((k, features)), np.zeros(k, dtype=np.int64)
    cdef const double* x = address(rows)
    cdef double* total = address(sums)
    cdef const int64_t[::1] label = labels
    cdef int64_t[::1] count = counts
    with nogil:
        for i in range(n):
            count[label[i]] += 1
            for d in range(features):
                total[label[i] * features + d] += x[i * features + d]
    return sums, counts
