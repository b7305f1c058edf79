"""The sum of two energies: a product of densities."""

cimport cython

import copy

from .base import as_energy, set_add

from ..kernels.math cimport in_t, out_t
from .combined cimport Combined


cdef void add(in_t more, out_t out, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i] += more[i]


@cython.final
cdef class Sum(Combined):
    """E(x) = first(x) + second(x), written ``first + second``: a product of experts, or a base and its tilt.

    It is trained where its parts are, and theta is theirs, one behind the other. A sum of normal laws and of
    `WellMixture` keeps its closed forms: it is a mixture with a part for every pair.

    Parameters
    ----------
    first, second : Energy
        Of the same n_features. Copies are kept.

    Raises
    ------
    TypeError, ValueError
        If one is not an energy, or the numbers of features differ.

    Examples
    --------
    >>> import fastebm as fe
    >>> product = fe.Gaussian(0.0, 1.0) + fe.Gaussian(2.0, 1.0)
    >>> product.modes, product.mode_scales.round(4)
    (array([[1.]]), array([[0.7071]]))
    """

    def __init__(self, first, second):
        for value, name in ((first, "first"), (second, "second")):
            as_energy(value, name)
        if first.n_features != second.n_features:
            raise ValueError(
                f"the parts of a sum must have the same n_features, got {first.n_features} and {second.n_features}"
            )
        self.hold(first, second)

    cdef Py_ssize_t scratch_size(self, Py_ssize_t n) noexcept nogil:
        return (self.n_features + 1) * n + max(self.first.work_size(n), self.second.work_size(n))

    cdef int energy_block(self, const double* x, double* out, double* work,
                          Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef double* rest = work + (self.n_features + 1) * stride
        if self.first.energy_block(x, out, rest, n, stride) or self.second.energy_block(x, work, rest, n, stride):
            return -1
        add(work, out, n)
        return 0

    cdef int grad_block(self, const double* x, double* out, double* work,
                        Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t d
        cdef double* rest = work + (self.n_features + 1) * stride
        if self.first.grad_block(x, out, rest, n, stride) or self.second.grad_block(x, work, rest, n, stride):
            return -1
        for d in range(self.n_features):
            add(work + d * stride, out + d * stride, n)
        return 0

    cdef int energy_grad_block(self, const double* x, double* energy, double* grad, double* work,
                               Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t d
        cdef double* more = work + self.n_features * stride
        cdef double* rest = more + stride
        if (self.first.energy_grad_block(x, energy, grad, rest, n, stride)
                or self.second.energy_grad_block(x, more, work, rest, n, stride)):
            return -1
        add(more, energy, n)
        for d in range(self.n_features):
            add(work + d * stride, grad + d * stride, n)
        return 0

    cdef int param_grad_block(self, const double* x, const double* weights, double* acc, double* work,
                              Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        if self.first.param_grad_block(x, weights, acc, work, n, stride):
            return -1
        return self.second.param_grad_block(x, weights, acc + self.first.n_params, work, n, stride)

    cdef int directional_param_grad_block(self, const double* x, const double* v, const double* weights, double* acc,
                                          double* work, Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        if self.first.directional_param_grad_block(x, v, weights, acc, work, n, stride):
            return -1
        return self.second.directional_param_grad_block(x, v, weights, acc + self.first.n_params, work, n, stride)

    cdef int laplacian_block(self, const double* x, double* out, double* work,
                             Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef double* rest = work + (self.n_features + 1) * stride
        if self.first.laplacian_block(x, out, rest, n, stride) or self.second.laplacian_block(x, work, rest, n, stride):
            return -1
        add(work, out, n)
        return 0

    def _normal_mixture(self):
        first = self.first._normal_mixture()
        second = None if first is None else self.second._normal_mixture()
        return None if second is None else first.times(second)

    def _split(self):
        # (base, tilt): a part that annealing can begin from, and the other, which must be finite wherever that one is.
        for base, tilt in ((self.first, self.second), (self.second, self.first)):
            if base.has_log_partition and base.has_exact_sample and not tilt.has_walls:
                return base, tilt
        return None, None

    @property
    def annealing_base(self):
        """A copy of the first part that has a closed log Z and exact samples, or of the second; None if neither has."""
        return copy.copy(self._split()[0])

    @property
    def tilt(self):
        """A copy of the part that is not the `annealing_base`; None if there is none."""
        return copy.copy(self._split()[1])

    @property
    def param_names(self):
        """Names of the parameters: the parts', after "first." and "second."."""
        return tuple([f"{part}.{name}" for part, energy in (("first", self.first), ("second", self.second))
                      for name in energy.param_names])

    def _arguments(self):
        return {"first": self.first, "second": self.second}


set_add(Sum)
