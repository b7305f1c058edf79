"""The path between two energies, and a normalised energy for it to begin at."""

import math

from libc.stdlib cimport free, malloc

import numpy as np

from .._runtime.check import integer, numeric, first_bad, real
from .._runtime.seed import seed_sequence

from ..kernels.math cimport in_t, out_t
from .base cimport Energy


cdef void start_with(out_t e, Py_ssize_t n, double value) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        e[i] = value


cdef void add_half_square(in_t x, out_t e, Py_ssize_t n, double centre, double inverse) noexcept nogil:
    cdef Py_ssize_t i
    cdef double z
    for i in range(n):
        z = (x[i] - centre) * inverse
        e[i] += 0.5 * z * z


cdef void linear_pull(in_t x, out_t g, Py_ssize_t n, double centre, double precision) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        g[i] = (x[i] - centre) * precision


cdef void blend(in_t first, out_t last, Py_ssize_t n, double beta) noexcept nogil:
    # last = (1 - beta) first + beta last
    cdef Py_ssize_t i
    for i in range(n):
        last[i] = (1.0 - beta) * first[i] + beta * last[i]


cdef class Normal(Energy):
    """Normal law with independent features, normalised: energy(x) = -log density, log Z = 0. Nothing to train.

    Parameters
    ----------
    mean, std : array-like of shape (n_features,)
        In the units of x; std positive.

    Raises
    ------
    ValueError, TypeError
        If the shapes differ or a value is not finite or a std not positive.
    """

    def __init__(self, mean, std):
        cdef Py_ssize_t d
        means, stds = np.atleast_1d(numeric(mean, "mean")), np.atleast_1d(numeric(std, "std"))
        if means.ndim != 1 or means.shape != stds.shape or not means.size:
            raise ValueError(f"mean and std must have the same shape (n_features,), got {means.shape} and {stds.shape}")
        first_bad(means, "mean")
        first_bad(stds, "std")
        if not (stds > 0).all():
            raise ValueError(f"std must be positive, got {stds.min():g}")
        self.allocate(means.size, 0)
        self.constants = <double*>malloc(3 * self.n_features * sizeof(double))
        if self.constants is NULL:
            raise MemoryError
        for d in range(self.n_features):
            self.constants[3 * d] = means[d]
            self.constants[3 * d + 1] = 1.0 / stds[d]
            self.constants[3 * d + 2] = 1.0 / (stds[d] * stds[d])
        self.offset = float(np.log(stds).sum()) + 0.5 * self.n_features * math.log(2.0 * math.pi)

    def __dealloc__(self):
        free(self.constants)

    cdef int energy_block(self, const double* x, double* out, double* work,
                          Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t d
        start_with(out, n, self.offset)
        for d in range(self.n_features):
            add_half_square(x + d * stride, out, n, self.constants[3 * d], self.constants[3 * d + 1])
        return 0

    cdef int grad_block(self, const double* x, double* out, double* work,
                        Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t d
        for d in range(self.n_features):
            linear_pull(x + d * stride, out + d * stride, n, self.constants[3 * d], self.constants[3 * d + 2])
        return 0

    cdef int laplacian_block(self, const double* x, double* out, double* work,
                             Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t d
        cdef double trace = 0.0
        for d in range(self.n_features):
            trace += self.constants[3 * d + 2]
        start_with(out, n, trace)
        return 0

    @property
    def mean(self):
        """Centre, shape (n_features,)."""
        return np.array([self.constants[3 * d] for d in range(self.n_features)])

    @property
    def std(self):
        """Standard deviation of each feature, shape (n_features,)."""
        return np.array([1.0 / self.constants[3 * d + 1] for d in range(self.n_features)])

    def log_partition(self):
        """log Z = 0: the energy is normalised."""
        return 0.0

    def exact_sample(self, n, seed=None):
        """Draw n independent samples, shape (n, n_features)."""
        rng = np.random.default_rng(seed_sequence(seed))
        return self.mean + self.std * rng.standard_normal((integer(n, "n", 0), self.n_features))

    def _arguments(self):
        return {"mean": self.mean.tolist(), "std": self.std.tolist()}


cdef class Bridge(Energy):
    """(1 - beta) E_start + beta E_end: the bridge that annealing walks. Nothing to train.

    It reads the two energies, it does not copy them: a change of their theta shows here.

    Parameters
    ----------
    start, end : Energy
        Of the same n_features.
    beta : float, default 1.0
        Between 0 and 1. At exactly 0 or 1 only one of the two is evaluated.

    Raises
    ------
    ValueError, TypeError
        If the energies' dimensions differ or beta is out of range.
    """

    def __init__(self, Energy start not None, Energy end not None, beta=1.0):
        if start.n_features != end.n_features:
            raise ValueError(f"start has n_features={start.n_features}, but end has n_features={end.n_features}")
        between = real(beta, "beta", minimum=0, maximum=1)
        self.allocate(start.n_features, 0)
        self.start, self.end, self.beta = start, end, between
        # The end is the energy of interest: a Python function behind it wants large blocks.
        self.block_size = end.block_size

    cdef Py_ssize_t scratch_size(self, Py_ssize_t n) noexcept nogil:
        # A gradient and an energy of the start, then the larger scratch of the two.
        return (self.n_features + 1) * n + max(self.start.work_size(n), self.end.work_size(n))

    cdef int energy_block(self, const double* x, double* out, double* work,
                          Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef double* rest = work + (self.n_features + 1) * stride
        if self.beta == 0.0:
            return self.start.energy_block(x, out, rest, n, stride)
        if self.end.energy_block(x, out, rest, n, stride):
            return -1
        if self.beta == 1.0:
            return 0
        if self.start.energy_block(x, work, rest, n, stride):
            return -1
        blend(work, out, n, self.beta)
        return 0

    cdef int grad_block(self, const double* x, double* out, double* work,
                        Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t d
        cdef double* rest = work + (self.n_features + 1) * stride
        if self.beta == 0.0:
            return self.start.grad_block(x, out, rest, n, stride)
        if self.end.grad_block(x, out, rest, n, stride):
            return -1
        if self.beta == 1.0:
            return 0
        if self.start.grad_block(x, work, rest, n, stride):
            return -1
        for d in range(self.n_features):
            blend(work + d * stride, out + d * stride, n, self.beta)
        return 0

    cdef int energy_grad_block(self, const double* x, double* energy, double* grad, double* work,
                               Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t d
        cdef double* low = work + self.n_features * stride
        cdef double* rest = low + stride
        if self.beta == 0.0:
            return self.start.energy_grad_block(x, energy, grad, rest, n, stride)
        if self.end.energy_grad_block(x, energy, grad, rest, n, stride):
            return -1
        if self.beta == 1.0:
            return 0
        if self.start.energy_grad_block(x, low, work, rest, n, stride):
            return -1
        blend(low, energy, n, self.beta)
        for d in range(self.n_features):
            blend(work + d * stride, grad + d * stride, n, self.beta)
        return 0

    def take_failure(self):
        """Return and forget the exception that stopped one of the two energies on this thread, or None."""
        failure, other = self.start.take_failure(), self.end.take_failure()
        return other if failure is None else failure

    def _arguments(self):
        return {"start": self.start, "end": self.end, "beta": self.beta}
