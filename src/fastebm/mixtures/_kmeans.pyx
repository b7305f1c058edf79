"""The nearest of a few centres, compiled: k-means spends its time here."""

import numpy as np

from libc.math cimport INFINITY
from libc.stdint cimport int64_t

from .._runtime.fast cimport address
from ..kernels.layout cimport gather
from ..kernels.math cimport fill, in_t, out_t
from ..kernels.scratch cimport aligned

cdef enum:
    BLOCK = 256
    # NumPy's sum adds up to so many numbers in eight lanes, and more of them by halves. We add as it does, for the same
    # bits.
    LANES = 8
    LANES_UP_TO = 128


cdef void set_square(in_t x, out_t out, Py_ssize_t n, double c) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i] = (x[i] - c) * (x[i] - c)


cdef void add_square(in_t x, out_t out, Py_ssize_t n, double c) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i] += (x[i] - c) * (x[i] - c)


cdef void add_lanes(out_t a, Py_ssize_t n) noexcept nogil:
    # The first of eight rows becomes their sum.
    cdef Py_ssize_t i
    for i in range(n):
        a[i] = ((a[i] + a[BLOCK + i]) + (a[2 * BLOCK + i] + a[3 * BLOCK + i])) + (
            (a[4 * BLOCK + i] + a[5 * BLOCK + i]) + (a[6 * BLOCK + i] + a[7 * BLOCK + i])
        )


cdef void add(in_t x, out_t out, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i] += x[i]


cdef void take_nearer(in_t distance, out_t low, out_t which, Py_ssize_t n, double j) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        which[i] = j if distance[i] < low[i] else which[i]
        low[i] = distance[i] if distance[i] < low[i] else low[i]


cdef void distances(const double* x, const double* c, Py_ssize_t features, Py_ssize_t n,
                    double* lanes) noexcept nogil:
    # Squared distances of n points x[d * BLOCK + i] from c, in the first of the lanes (8 rows for each level).
    cdef Py_ssize_t d, half, whole = features - features % LANES
    if features > LANES_UP_TO:
        half = features // 2
        half -= half % LANES
        distances(x, c, half, n, lanes)
        distances(x + half * BLOCK, c + half, features - half, n, lanes + LANES * BLOCK)
        add(lanes + LANES * BLOCK, lanes, n)
        return
    for d in range(whole):
        if d < LANES:
            set_square(x + d * BLOCK, lanes + d * BLOCK, n, c[d])
        else:
            add_square(x + d * BLOCK, lanes + (d % LANES) * BLOCK, n, c[d])
    if whole:
        add_lanes(lanes, n)
    for d in range(whole, features):
        if d == 0:
            set_square(x, lanes, n, c[0])
        else:
            add_square(x + d * BLOCK, lanes, n, c[d])


cdef void find_nearest(const double* rows, const double* c, double* x, double* lanes, double* which, double* least,
                       int64_t* label, Py_ssize_t n, Py_ssize_t k, Py_ssize_t features) noexcept nogil:
    cdef Py_ssize_t start = 0, i, j, m
    while start < n:
        m = min(BLOCK, n - start)
        gather(rows + start * features, x, m, features, BLOCK)
        fill(which, m, 0.0)
        fill(least + start, m, INFINITY)
        for j in range(k):
            distances(x, c + j * features, features, m, lanes)
            take_nearer(lanes, least + start, which, m, j)
        for i in range(m):
            label[start + i] = <int64_t>which[i]
        start += BLOCK


cdef void add_rows(const double* x, const int64_t* label, double* total, int64_t* count,
                   Py_ssize_t n, Py_ssize_t features) noexcept nogil:
    cdef Py_ssize_t i, d
    for i in range(n):
        count[label[i]] += 1
        for d in range(features):
            total[label[i] * features + d] += x[i * features + d]


def nearest(rows, centres):
    """Return (index of the nearest centre, its squared distance) of every row, each of shape (n,).

    Parameters
    ----------
    rows : ndarray of shape (n, n_features)
    centres : ndarray of shape (k, n_features)
        Both C-ordered float64, checked by the caller. Of centres at the same distance the first counts.
    """
    cdef Py_ssize_t n = len(rows), k = len(centres), features = rows.shape[1], levels = 1
    labels, low = np.empty(n, dtype=np.int64), np.empty(n)
    while (features >> levels) > 0:
        levels += 1
    memory = np.empty((features + LANES * levels + 1) * BLOCK + 8)
    cdef double* x = aligned(address(memory))
    cdef double* lanes = x + features * BLOCK
    cdef double* which = lanes + LANES * levels * BLOCK
    cdef const double* source = address(rows)
    cdef const double* c = address(centres)
    cdef double* least = address(low)
    cdef int64_t[::1] label = labels
    with nogil:
        find_nearest(source, c, x, lanes, which, least, &label[0], n, k, features)
    return labels, low


def add_groups(rows, labels, Py_ssize_t k):
    """Return the sum of the rows of every group, shape (k, n_features), and how many they are, shape (k,).

    Rows are added one after the other, as NumPy adds along the first of two axes: the same bits from two features on.
    """
    cdef Py_ssize_t n = len(rows), features = rows.shape[1]
    sums, counts = np.zeros((k, features)), np.zeros(k, dtype=np.int64)
    cdef const double* x = address(rows)
    cdef double* total = address(sums)
    cdef const int64_t[::1] label = labels
    cdef int64_t[::1] count = counts
    with nogil:
        add_rows(x, &label[0], total, &count[0], n, features)
    return sums, counts
