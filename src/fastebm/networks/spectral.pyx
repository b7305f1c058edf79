"""The largest singular value of a matrix, by Lanczos bidiagonalisation from a fixed start.

A function of the matrix alone: power iteration that goes on from update to update would be cheaper, but then an energy
would depend on the way to its theta, and not only on theta.
"""

from libc.math cimport fabs, fma, sqrt
from libc.string cimport memcpy, memset

import numpy as np

from ..kernels.math cimport lane_dot
from .layers cimport Stack

# With 24 steps sigma of a random 256 x 256 matrix is right to 1e-6, in 0.8 ms; up to that rank it is exact.
cdef enum:
    STEPS = 24
    # Squarings of the small matrix: its power 2^12 leaves the leading direction.
    SQUARINGS = 12


cdef Py_ssize_t spectral_work(Py_ssize_t rows, Py_ssize_t columns) noexcept nogil:
    return STEPS * (rows + columns) + 3 * STEPS * STEPS + 3 * STEPS


cdef void apart(double* x, const double* basis, Py_ssize_t n, Py_ssize_t count) noexcept nogil:
    # Take from x what lies along the vectors of the basis, twice: once is not enough in floating point.
    cdef Py_ssize_t _turn, j, i
    cdef double along
    for _turn in range(2):
        for j in range(count):
            along = lane_dot(x, basis + j * n, n)
            for i in range(n):
                x[i] = fma(-along, basis[j * n + i], x[i])


cdef double normalise(double* x, Py_ssize_t n) noexcept nogil:
    cdef double length = sqrt(lane_dot(x, x, n))
    cdef Py_ssize_t i
    if length > 0.0:
        for i in range(n):
            x[i] /= length
    return length


cdef double largest(const double* w, Py_ssize_t rows, Py_ssize_t columns, double* u, double* v,
                    double* work) noexcept nogil:
    cdef Py_ssize_t steps = min(STEPS, min(rows, columns) + 1), done = 0, i, j, _k, o, best
    cdef double* us = work
    cdef double* vs = us + STEPS * rows
    cdef double* alpha = vs + STEPS * columns
    cdef double* beta = alpha + STEPS
    cdef double* t = beta + STEPS
    cdef double* square = t + STEPS * STEPS
    cdef double* vector = square + STEPS * STEPS
    cdef double* x
    cdef double top = 0.0, total
    for i in range(rows * columns):
        top = max(top, fabs(w[i]))
    memset(u, 0, rows * sizeof(double))
    memset(v, 0, columns * sizeof(double))
    if not top > 0.0:
        # A matrix of zeros; of NaN too, which the caller meets elsewhere.
        return 0.0 if top == 0.0 else top
    # A start without symmetry.
    for i in range(columns):
        vs[i] = 1.0 + 0.37 * ((i * 7) % 11)
    normalise(vs, columns)
    for j in range(steps):
        x = us + j * rows
        for o in range(rows):
            x[o] = lane_dot(w + o * columns, vs + j * columns, columns)
        apart(x, us, rows, j)
        alpha[j] = normalise(x, rows)
        done = j + 1
        if alpha[j] <= 1e-13 * top or done == steps:
            break
        x = vs + done * columns
        memset(x, 0, columns * sizeof(double))
        for o in range(rows):
            for i in range(columns):
                x[i] = fma(us[j * rows + o], w[o * columns + i], x[i])
        apart(x, vs, columns, done)
        beta[j] = normalise(x, columns)
        if beta[j] <= 1e-13 * top:
            break
    # u' w v is upper bidiagonal: alpha on the diagonal, beta beside it. Its square's leading vector, by squaring.
    memset(t, 0, STEPS * STEPS * sizeof(double))
    for j in range(done):
        t[j * done + j] = alpha[j] * alpha[j] + (beta[j - 1] * beta[j - 1] if j else 0.0)
        if j + 1 < done:
            t[j * done + j + 1] = t[(j + 1) * done + j] = alpha[j] * beta[j]
    for _k in range(SQUARINGS):
        total = 0.0
        for j in range(done):
            total += t[j * done + j]
        for i in range(done * done):
            t[i] /= total
        for i in range(done):
            for j in range(done):
                total = 0.0
                for o in range(done):
                    total += t[i * done + o] * t[o * done + j]
                square[i * done + j] = total
        memcpy(t, square, done * done * sizeof(double))
    best = 0
    for j in range(done):
        if t[j * done + j] > t[best * done + best]:
            best = j
    memcpy(vector, t + best * done, done * sizeof(double))
    normalise(vector, done)
    for j in range(done):
        for i in range(columns):
            v[i] = fma(vector[j], vs[j * columns + i], v[i])
    normalise(v, columns)
    for o in range(rows):
        u[o] = lane_dot(w + o * columns, v, columns)
    return normalise(u, rows)


def spectral_norm(const double[:, ::1] w):
    """Largest singular value of a matrix; for tests."""
    work = np.empty(spectral_work(w.shape[0], w.shape[1]) + w.shape[0] + w.shape[1])
    cdef double[::1] memory = work
    cdef double* u = &memory[0]
    return largest(&w[0, 0], w.shape[0], w.shape[1], u, u + w.shape[0], u + w.shape[0] + w.shape[1])


cdef class SpectralBound:
    """Keeps the largest singular value of every matrix of a stack but the last at or below a bound.

    W becomes W min(1, bound / sigma(W)). The last matrix begins at zero.
    """

    def __init__(self, Stack stack, bound):
        cdef Py_ssize_t j, most = 0
        matrices = stack.matrices()
        matrices.pop()
        self.bound, self.n_params, self.n_matrices = bound, stack.n_params, len(matrices)
        self.places = np.array(matrices, dtype=np.int64).reshape(-1, 3)
        for j in range(self.n_matrices):
            most = max(most, spectral_work(self.places[j, 1], self.places[j, 2]))
        n_vectors = sum([rows + columns for _, rows, columns in matrices])
        self.memory = np.zeros(self.n_params + self.n_matrices + n_vectors + most + 1)
        self.bounded = &self.memory[0]
        self.norms = self.bounded + self.n_params
        self.vectors = self.norms + self.n_matrices
        self.work = self.vectors + <Py_ssize_t>n_vectors

    cdef void apply(self, const double* theta) noexcept nogil:
        cdef Py_ssize_t j, p, first, rows, columns
        cdef double* u = self.vectors
        cdef double by
        memcpy(self.bounded, theta, self.n_params * sizeof(double))
        for j in range(self.n_matrices):
            first, rows, columns = self.places[j, 0], self.places[j, 1], self.places[j, 2]
            self.norms[j] = largest(theta + first, rows, columns, u, u + rows, self.work)
            if self.norms[j] > self.bound:
                by = self.bound / self.norms[j]
                for p in range(first, first + rows * columns):
                    self.bounded[p] = by * theta[p]
            u += rows + columns

    cdef void pull(self, const double* theta, const double* inner, double* acc) noexcept nogil:
        # With W' = bound W / sigma and d sigma = u' dW v: bound / sigma (G - (<G, W> / sigma) u v').
        cdef Py_ssize_t j, p, o, i, first, rows, columns, at = 0
        cdef const double* u = self.vectors
        cdef const double* v
        cdef double by, along
        for j in range(self.n_matrices):
            first, rows, columns = self.places[j, 0], self.places[j, 1], self.places[j, 2]
            v = u + rows
            for p in range(at, first):
                acc[p] += inner[p]
            by, along = 1.0, 0.0
            if self.norms[j] > self.bound:
                by = self.bound / self.norms[j]
                along = lane_dot(inner + first, theta + first, rows * columns) / self.norms[j]
            for o in range(rows):
                for i in range(columns):
                    p = first + o * columns + i
                    acc[p] += by * (inner[p] - along * (u[o] * v[i]))
            at, u = first + rows * columns, v + columns
        for p in range(at, self.n_params):
            acc[p] += inner[p]
