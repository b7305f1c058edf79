"""An energy in other coordinates."""

from libc.math cimport fma
from libc.stdlib cimport free, malloc

import numpy as np

from .._runtime.check import first_bad, numeric, samples
from .base import as_energy

cimport cython

from ..kernels.math cimport fill, in_t, out_t
from .combined cimport Combined


cdef void add_difference(in_t x, out_t z, Py_ssize_t n, double offset, double by) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        z[i] = fma(by, x[i] - offset, z[i])


cdef void add_scaled(in_t g, out_t out, Py_ssize_t n, double by) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i] = fma(by, g[i], out[i])


@cython.final
cdef class Affine(Combined):
    """The density of scale z + offset, where z has the density of an energy: E(x) = energy(scale^-1 (x - offset)).

    Parameters
    ----------
    energy : Energy
        A copy is kept; theta is its.
    scale : float, array-like of shape (n_features,) or (n_features, n_features)
        A factor for all features, one for each, or a matrix; not zero, or invertible.
    offset : float or array-like of shape (n_features,), default 0.0
        In the units of x.

    Raises
    ------
    TypeError, ValueError
        If energy is not an energy, a shape does not suit it, a value is not finite, or scale cannot be inverted.

    Examples
    --------
    >>> import fastebm as fe
    >>> celsius = fe.WellMixture.from_mixture([0.5, 0.5], [-1.0, 1.0], [0.3, 0.3])
    >>> fahrenheit = fe.Affine(celsius, 1.8, 32.0)
    >>> fahrenheit.modes.round(1).tolist()
    [[30.2], [33.8]]
    """

    cdef double* inverse
    cdef double* shift
    cdef bint diagonal
    cdef object matrix
    cdef object given

    def __dealloc__(self):
        free(self.inverse)

    def __init__(self, energy, scale, offset=0.0):
        cdef Py_ssize_t i, k, features = as_energy(energy).n_features
        size = int(features)
        by, at = numeric(scale, "scale"), numeric(offset, "offset")
        first_bad(np.atleast_1d(by), "scale")
        first_bad(np.atleast_1d(at), "offset")
        shapes = ((), (size,), (size, size))
        if by.shape not in shapes:
            raise ValueError(f"scale must be a number or have shape {shapes[1]} or {shapes[2]}, got {by.shape}")
        if at.shape not in shapes[:2]:
            raise ValueError(f"offset must be a number or have shape {shapes[1]}, got {at.shape}")
        matrix = by if by.ndim == 2 else np.diag(np.broadcast_to(by, features))
        if np.linalg.matrix_rank(matrix) < features:
            raise ValueError("scale must be invertible" if by.ndim == 2 else f"scale must not be 0, got {by.tolist()}")
        self.hold(energy, None)
        self.inverse = <double*>malloc((features + 1) * features * sizeof(double))
        if self.inverse is NULL:
            raise MemoryError
        self.shift = self.inverse + features * features
        inverse = np.linalg.inv(matrix)
        shift = np.broadcast_to(at, features)
        for i in range(features):
            self.shift[i] = shift[i]
            for k in range(features):
                self.inverse[i * features + k] = inverse[i, k]
        self.diagonal = by.ndim < 2
        self.matrix = matrix
        self.given = by.tolist(), at.tolist()

    cdef Py_ssize_t scratch_size(self, Py_ssize_t n) noexcept nogil:
        # z, and a gradient in it.
        return 2 * self.n_features * n + self.first.work_size(n)

    cdef void pull_back(self, const double* x, double* z, Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t i, k, features = self.n_features
        for i in range(features):
            fill(z + i * stride, n, 0.0)
            for k in range(i if self.diagonal else 0, i + 1 if self.diagonal else features):
                add_difference(x + k * stride, z + i * stride, n, self.shift[k], self.inverse[i * features + k])

    cdef void push(self, const double* g, double* out, Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        # The transposed inverse times a gradient.
        cdef Py_ssize_t i, k, features = self.n_features
        for k in range(features):
            fill(out + k * stride, n, 0.0)
            for i in range(k if self.diagonal else 0, k + 1 if self.diagonal else features):
                add_scaled(g + i * stride, out + k * stride, n, self.inverse[i * features + k])

    cdef int energy_block(self, const double* x, double* out, double* work,
                          Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        self.pull_back(x, work, n, stride)
        return self.first.energy_block(work, out, work + 2 * self.n_features * stride, n, stride)

    cdef int grad_block(self, const double* x, double* out, double* work,
                        Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef double* g = work + self.n_features * stride
        self.pull_back(x, work, n, stride)
        if self.first.grad_block(work, g, g + self.n_features * stride, n, stride):
            return -1
        self.push(g, out, n, stride)
        return 0

    cdef int energy_grad_block(self, const double* x, double* energy, double* grad, double* work,
                               Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef double* g = work + self.n_features * stride
        self.pull_back(x, work, n, stride)
        if self.first.energy_grad_block(work, energy, g, g + self.n_features * stride, n, stride):
            return -1
        self.push(g, grad, n, stride)
        return 0

    cdef int param_grad_block(self, const double* x, const double* weights, double* acc, double* work,
                              Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        self.pull_back(x, work, n, stride)
        return self.first.param_grad_block(work, weights, acc, work + 2 * self.n_features * stride, n, stride)

    cdef int directional_param_grad_block(self, const double* x, const double* v, const double* weights, double* acc,
                                          double* work, Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        # A direction is mapped back without the offset.
        cdef Py_ssize_t i, k, features = self.n_features
        cdef double* back = work + features * stride
        self.pull_back(x, work, n, stride)
        for i in range(features):
            fill(back + i * stride, n, 0.0)
            for k in range(i if self.diagonal else 0, i + 1 if self.diagonal else features):
                add_scaled(v + k * stride, back + i * stride, n, self.inverse[i * features + k])
        return self.first.directional_param_grad_block(work, back, weights, acc, back + features * stride, n, stride)

    @property
    def scale(self):
        """The matrix, shape (n_features, n_features)."""
        self._check_ready()
        return self.matrix.copy()

    @property
    def offset(self):
        """The offset, shape (n_features,)."""
        self._check_ready()
        return np.array([self.shift[d] for d in range(self.n_features)])

    def _inverted(self, X):
        x, _ = samples(X, self.n_features)
        return np.linalg.solve(self.matrix, (x - self.offset).T).T

    def _normal_mixture(self):
        mixture = self.first._normal_mixture()
        return None if mixture is None else mixture.mapped(self.matrix, np.linalg.inv(self.matrix), self.offset)

    def _closed(self):
        return self.first

    def log_partition(self):
        """log Z = that of the energy + log(abs(det(scale))). Raises NotImplementedError where the energy does."""
        self._check_ready()
        return self.first.log_partition() + float(np.linalg.slogdet(self.matrix)[1])

    def exact_sample(self, n, seed=None):
        """Draw n independent samples, shape (n, n_features): the energy's, mapped. Raises NotImplementedError where it
        does."""
        self._check_ready()
        return self.first.exact_sample(n, seed) @ self.matrix.T + self.offset

    @property
    def modes(self):
        """The energy's, mapped, or None."""
        modes = self.first.modes
        return None if modes is None else modes @ self.matrix.T + self.offset

    @property
    def mode_shares(self):
        """The energy's."""
        return self.first.mode_shares

    @property
    def mode_scales(self):
        """Standard deviation around each mode; None where the energy's are not known, or its normal parts where scale
        is a matrix."""
        if self.diagonal:
            scales = self.first.mode_scales
            return None if scales is None else scales * np.abs(np.diag(self.matrix))
        return Combined.mode_scales.__get__(self)

    def shares(self, X):
        """The energy's, at the samples mapped back."""
        return self.first.shares(self._inverted(X))

    @property
    def param_names(self):
        """The energy's."""
        return self.first.param_names

    def _arguments(self):
        return {"energy": self.first, "scale": self.given[0], "offset": self.given[1]}
