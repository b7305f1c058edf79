"""A user's own vectorised functions behind the energy contract."""

from threading import get_ident

import numpy as np

from .._runtime.check import describe, integer, numeric

from .base cimport Energy


cdef class PythonEnergy(Energy):
    """An energy given by Python functions.

    The functions are called on blocks of up to 65,536 samples; the GIL is held only inside them. An exception they
    raise reaches the caller as itself.

    Parameters
    ----------
    energy : callable
        ``energy(X) -> (n,)`` for X of shape (n, n_features), float64.
    grad : callable
        ``grad(X) -> (n, n_features)``, the gradient in x. For n_features = 1, shape (n,) is accepted too.
    n_features : int, default 1
        Dimension of x.
    laplacian : callable, optional
        ``laplacian(X) -> (n,)``; without it, central differences of grad are used.

    Raises
    ------
    TypeError, ValueError
        If a function is not callable or n_features is not a positive integer; while running, if a function returns the
        wrong shape or something that is not real numbers.

    Notes
    -----
    It has no parameters to train (n_params = 0). Same seed, same bytes holds as far as the functions themselves give
    the same result for a sample whatever block it is in.

    Examples
    --------
    >>> import fastebm as fe
    >>> ring = fe.PythonEnergy(lambda X: 4 * ((X**2).sum(1) - 1) ** 2,
    ...                        lambda X: 16 * ((X**2).sum(1, keepdims=True) - 1) * X, n_features=2)
    >>> ring.energy([[1.0, 0.0], [2.0, 0.0]])
    array([ 0., 36.])
    """

    def __init__(self, energy, grad, n_features=1, *, laplacian=None):
        for function, name in ((energy, "energy"), (grad, "grad"), (laplacian, "laplacian")):
            if not callable(function) and not (function is None and name == "laplacian"):
                raise TypeError(f"{name} must be callable, got {describe(function)}")
        features = integer(n_features, "n_features", 1, 1_000_000)
        self.block_size = max(256, 65536 // features)
        self.allocate(features, 0)
        self.energy_function = energy
        self.grad_function = grad
        self.laplacian_function = laplacian
        self.failures = {}

    def take_failure(self):
        """Return and forget the exception that stopped a function on this thread, or None."""
        return self.failures.pop(get_ident(), None)

    cdef int call(self, object function, str name, const double* x, double* out, Py_ssize_t width,
                  Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t i, d, features = self.n_features
        cdef double[:, ::1] rows
        cdef const double[:, :] values
        with gil:
            try:
                array = np.empty((n, features))
                rows = array
                for i in range(n):
                    for d in range(features):
                        rows[i, d] = x[d * stride + i]
                result = numeric(function(array), f"the result of {name}(X)")
                if result.shape != (n, width) and not (width == 1 and result.shape == (n,)):
                    expected = f"({n}, {width})" if name == "grad" else f"({n},)"
                    raise ValueError(f"{name}(X) must return shape {expected}, got {result.shape}")
                values = result.reshape(n, width)
                for i in range(n):
                    for d in range(width):
                        out[d * stride + i] = values[i, d]
            except BaseException as error:
                # Carried to the caller by take_failure: a block method cannot raise. Each thread has its own: two runs
                # may fail at once.
                self.failures[get_ident()] = error
                return -1
        return 0

    cdef int energy_block(self, const double* x, double* out, double* work,
                          Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        return self.call(self.energy_function, "energy", x, out, 1, n, stride)

    cdef int grad_block(self, const double* x, double* out, double* work,
                        Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        return self.call(self.grad_function, "grad", x, out, self.n_features, n, stride)

    cdef int laplacian_block(self, const double* x, double* out, double* work,
                             Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        if self.has_laplacian():
            return self.call(self.laplacian_function, "laplacian", x, out, 1, n, stride)
        return Energy.laplacian_block(self, x, out, work, n, stride)

    cdef bint has_laplacian(self) noexcept nogil:
        with gil:
            return self.laplacian_function is not None

    def _arguments(self):
        return {
            "energy": self.energy_function,
            "grad": self.grad_function,
            "n_features": self.n_features,
            "laplacian": self.laplacian_function,
        }
