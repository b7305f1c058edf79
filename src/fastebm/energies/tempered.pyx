"""An energy at another temperature."""

cimport cython

from .._runtime.check import real
from .base import as_energy

from ..kernels.math cimport in_t, out_t
from .combined cimport Combined


cdef void multiply(out_t v, Py_ssize_t n, double by) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        v[i] *= by


cdef void scaled(in_t v, out_t out, Py_ssize_t n, double by) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        out[i] = by * v[i]


@cython.final
cdef class Tempered(Combined):
    """E(x) / T: the density to the power of 1 / T, flatter above T = 1 and sharper below.

    Parameters
    ----------
    energy : Energy
        A copy is kept; theta is its.
    temperature : float
        T > 0. At 1 every closed form survives, elsewhere that of a single normal law.

    Raises
    ------
    TypeError, ValueError
        If energy is not an energy or temperature not a positive number.

    Examples
    --------
    >>> import fastebm as fe
    >>> fe.Tempered(fe.Gaussian(0.0, 1.0), 4.0).mode_scales.round(6)
    array([[2.]])
    """

    cdef readonly double temperature

    def __init__(self, energy, temperature):
        as_energy(energy)
        hotter = real(temperature, "temperature", above=0)
        self.hold(energy, None)
        self.temperature = hotter

    cdef Py_ssize_t scratch_size(self, Py_ssize_t n) noexcept nogil:
        return n + self.first.work_size(n)

    cdef int energy_block(self, const double* x, double* out, double* work,
                          Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        if self.first.energy_block(x, out, work, n, stride):
            return -1
        multiply(out, n, 1.0 / self.temperature)
        return 0

    cdef int grad_block(self, const double* x, double* out, double* work,
                        Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t d
        if self.first.grad_block(x, out, work, n, stride):
            return -1
        for d in range(self.n_features):
            multiply(out + d * stride, n, 1.0 / self.temperature)
        return 0

    cdef int energy_grad_block(self, const double* x, double* energy, double* grad, double* work,
                               Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t d
        if self.first.energy_grad_block(x, energy, grad, work, n, stride):
            return -1
        multiply(energy, n, 1.0 / self.temperature)
        for d in range(self.n_features):
            multiply(grad + d * stride, n, 1.0 / self.temperature)
        return 0

    cdef void weigh(self, const double* weights, double* out, Py_ssize_t n) noexcept nogil:
        cdef Py_ssize_t i
        if weights is NULL:
            for i in range(n):
                out[i] = 1.0 / self.temperature
        else:
            scaled(weights, out, n, 1.0 / self.temperature)

    cdef int param_grad_block(self, const double* x, const double* weights, double* acc, double* work,
                              Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        self.weigh(weights, work, n)
        return self.first.param_grad_block(x, work, acc, work + stride, n, stride)

    cdef int directional_param_grad_block(self, const double* x, const double* v, const double* weights, double* acc,
                                          double* work, Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        self.weigh(weights, work, n)
        return self.first.directional_param_grad_block(x, v, work, acc, work + stride, n, stride)

    cdef int laplacian_block(self, const double* x, double* out, double* work,
                             Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        if self.first.laplacian_block(x, out, work, n, stride):
            return -1
        multiply(out, n, 1.0 / self.temperature)
        return 0

    def _normal_mixture(self):
        mixture = self.first._normal_mixture()
        return None if mixture is None else mixture if self.temperature == 1.0 else mixture.tempered(self.temperature)

    def _closed(self):
        return self.first if self.temperature == 1.0 else None

    def log_partition(self):
        """log Z, for a single normal law or at T = 1. Raises NotImplementedError elsewhere."""
        closed = self._closed()
        return Combined.log_partition(self) if closed is None else closed.log_partition()

    def exact_sample(self, n, seed=None):
        """Draw n independent samples, for a single normal law or at T = 1. Raises NotImplementedError elsewhere."""
        closed = self._closed()
        return Combined.exact_sample(self, n, seed) if closed is None else closed.exact_sample(n, seed)

    @property
    def param_names(self):
        """The energy's."""
        return self.first.param_names

    def _arguments(self):
        return {"energy": self.first, "temperature": self.temperature}
