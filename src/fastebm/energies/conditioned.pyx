"""An energy of some features, the others fixed at what was observed of them."""

from libc.stdlib cimport free, malloc
from libc.string cimport memcpy, memset

import numpy as np

from .._runtime.check import describe, vector
from .base import as_energy

cimport cython

from ..kernels.math cimport fill
from .combined cimport Combined


@cython.final
cdef class Conditioned(Combined):
    """The law of the features that are free, given the others: E(x_free) = energy(x_free, x_observed).

    Parameters
    ----------
    energy : Energy
        Of all features. A copy is kept; theta is its.
    observed : array-like of int, shape (n_observed,), or of bool, shape (n_features,)
        Which features are fixed; at least one is left free.
    values : array-like of shape (n_observed,)
        What they are, in the order of observed.

    Raises
    ------
    TypeError, ValueError
        If energy is not an energy, a feature is named twice or does not exist, none is free, or a value is not finite.

    Notes
    -----
    exp(-E) / Z is the conditional density, and Z is the density of the observed values times the Z of the energy.
    Closed forms of normal laws and of wells survive. Samples and gradients have the free features alone, in their
    order.

    Examples
    --------
    >>> import fastebm as fe
    >>> wells = fe.WellMixture.from_mixture([0.5, 0.5], [[-1.0, 0.0], [1.0, 5.0]], [[0.3, 1.0], [0.3, 1.0]])
    >>> second = fe.Conditioned(wells, observed=[0], values=[1.0])
    >>> second.n_features, second.exact_sample(1000, seed=1).mean().round(1).item()
    (1, 5.0)
    """

    # Features of the whole that are free, then those that are observed; what the latter are.
    cdef Py_ssize_t* places
    cdef double* values_ptr
    cdef Py_ssize_t n_all

    def __dealloc__(self):
        free(self.places)
        free(self.values_ptr)

    def __init__(self, energy, observed, values):
        cdef Py_ssize_t i, features = as_energy(energy).n_features
        fixed = _columns(observed, int(features))
        at = vector(values, len(fixed), "values", ", one for each observed feature")
        rest = [d for d in range(features) if d not in set(fixed)]
        cdef Py_ssize_t* places = <Py_ssize_t*>malloc(features * sizeof(Py_ssize_t))
        cdef double* values_ptr = <double*>malloc(features * sizeof(double))
        try:
            if places is NULL or values_ptr is NULL:
                raise MemoryError
            for i, d in enumerate(rest + fixed):
                places[i] = d
            for i in range(len(fixed)):
                values_ptr[i] = at[i]
            # Refuses a second call: what the first one made is still there.
            self.hold(energy, None, len(rest))
        except BaseException:
            free(places)
            free(values_ptr)
            raise
        self.places, self.values_ptr, self.n_all = places, values_ptr, features

    cdef Py_ssize_t scratch_size(self, Py_ssize_t n) noexcept nogil:
        # All features, and a gradient in them.
        return 2 * self.n_all * n + self.first.work_size(n)

    cdef void widen(self, const double* x, double* whole, Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t i
        for i in range(self.n_features):
            memcpy(whole + self.places[i] * stride, x + i * stride, n * sizeof(double))
        for i in range(self.n_features, self.n_all):
            fill(whole + self.places[i] * stride, n, self.values_ptr[i - self.n_features])

    cdef void narrow(self, const double* whole, double* out, Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t i
        for i in range(self.n_features):
            memcpy(out + i * stride, whole + self.places[i] * stride, n * sizeof(double))

    cdef int energy_block(self, const double* x, double* out, double* work,
                          Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        self.widen(x, work, n, stride)
        return self.first.energy_block(work, out, work + 2 * self.n_all * stride, n, stride)

    cdef int grad_block(self, const double* x, double* out, double* work,
                        Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef double* g = work + self.n_all * stride
        self.widen(x, work, n, stride)
        if self.first.grad_block(work, g, g + self.n_all * stride, n, stride):
            return -1
        self.narrow(g, out, n, stride)
        return 0

    cdef int energy_grad_block(self, const double* x, double* energy, double* grad, double* work,
                               Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef double* g = work + self.n_all * stride
        self.widen(x, work, n, stride)
        if self.first.energy_grad_block(work, energy, g, g + self.n_all * stride, n, stride):
            return -1
        self.narrow(g, grad, n, stride)
        return 0

    cdef int param_grad_block(self, const double* x, const double* weights, double* acc, double* work,
                              Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        self.widen(x, work, n, stride)
        return self.first.param_grad_block(work, weights, acc, work + 2 * self.n_all * stride, n, stride)

    cdef int directional_param_grad_block(self, const double* x, const double* v, const double* weights, double* acc,
                                          double* work, Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        # What is observed does not move.
        cdef Py_ssize_t i
        cdef double* along = work + self.n_all * stride
        self.widen(x, work, n, stride)
        memset(along, 0, self.n_all * stride * sizeof(double))
        for i in range(self.n_features):
            memcpy(along + self.places[i] * stride, v + i * stride, n * sizeof(double))
        return self.first.directional_param_grad_block(work, along, weights, acc, along + self.n_all * stride, n,
                                                       stride)

    @property
    def free(self):
        """Features of the whole that are free, in their order, shape (n_features,)."""
        self._check_ready()
        return np.array([self.places[i] for i in range(self.n_features)])

    @property
    def observed(self):
        """Features of the whole that are fixed, in the order they were given, shape (n_observed,)."""
        self._check_ready()
        return np.array([self.places[i] for i in range(self.n_features, self.n_all)], dtype=np.int64)

    @property
    def values(self):
        """What they are fixed at, shape (n_observed,)."""
        self._check_ready()
        return np.array([self.values_ptr[i] for i in range(self.n_all - self.n_features)])

    def _normal_mixture(self):
        mixture = self.first._normal_mixture()
        return None if mixture is None else mixture.given(self.observed, self.values)

    @property
    def param_names(self):
        """The energy's."""
        return self.first.param_names

    def _arguments(self):
        return {"energy": self.first, "observed": self.observed.tolist(), "values": self.values.tolist()}


def _columns(observed, n_features):
    """The columns that observed names, as a list of int."""
    if np.size(observed) == 0:
        return []
    array = np.asarray(observed)
    if array.dtype == bool and array.shape == (n_features,):
        array = np.flatnonzero(array)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise ValueError(
            f"observed must be numbers of features, or {n_features} booleans, got {describe(observed)}"
        )
    fixed = [int(d) for d in array]
    for d in fixed:
        if not 0 <= d < n_features:
            raise ValueError(f"observed names feature {d}, but there are {n_features}, counted from 0")
    if len(set(fixed)) < len(fixed):
        raise ValueError(f"observed must name every feature once, got {describe(fixed)}")
    if len(fixed) == n_features:
        raise ValueError(f"observed names all {n_features} features; leave at least one free")
    return fixed
