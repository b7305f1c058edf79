"""A user's own vectorised functions behind the energy contract."""

import numpy as np

from .._runtime.check import describe, finite_result, first_bad, integer, numeric, samples

from .base cimport Energy


cdef class PythonEnergy(Energy):
    """An energy given by Python functions.

    The functions are called on blocks of up to 65,536 numbers; the GIL is held only inside them. An exception they
    raise reaches the caller as itself.

    Parameters
    ----------
    energy : callable
        ``energy(X) -> (n,)`` for X of shape (n, n_features), float64; ``energy(X, theta)`` if theta is given.
    grad : callable
        ``grad(X) -> (n, n_features)``, the gradient in x; ``grad(X, theta)`` if theta is given. For n_features = 1,
        shape (n,) is accepted too.
    n_features : int, default 1
        Dimension of x.
    laplacian : callable, optional
        ``laplacian(X) -> (n,)`` or ``laplacian(X, theta)``; without it, central differences of grad are used.
    param_grad : callable, optional
        ``param_grad(X, theta) -> (n, n_params)``, the gradient in theta for each sample. With it the energy can be
        trained.
    param_grad_sum : callable, optional
        In place of param_grad, where an array of (n, n_params) would be too large: ``param_grad_sum(X, theta, weights)
        -> (n_params,)``, the sum over the samples of weights times the gradient in theta; weights has shape (n,).
    theta : array-like of shape (n_params,), optional
        The parameters. The functions are given a copy.

    Raises
    ------
    TypeError, ValueError
        If a function is not callable, n_features is not a positive integer, theta is not finite, or a gradient in theta
        is given without theta; while running, if a function returns the wrong shape or something that is not real
        numbers.

    Notes
    -----
    Without theta there is nothing to train (n_params = 0). Same seed, same bytes holds as far as the functions
    themselves give the same result for a sample whatever block it is in.

    Examples
    --------
    >>> import fastebm as fe
    >>> ring = fe.PythonEnergy(lambda X: 4 * ((X**2).sum(1) - 1) ** 2,
    ...                        lambda X: 16 * ((X**2).sum(1, keepdims=True) - 1) * X, n_features=2)
    >>> ring.energy([[1.0, 0.0], [2.0, 0.0]])
    array([ 0., 36.])

    One parameter, the precision of a normal law:

    >>> bell = fe.PythonEnergy(lambda X, theta: 0.5 * theta[0] * X[:, 0] ** 2, lambda X, theta: theta[0] * X,
    ...                        param_grad=lambda X, theta: 0.5 * X**2, theta=[1.0])
    >>> bell.mean_param_grad([1.0, 2.0])
    array([1.25])
    """

    unsaved = "it is made of Python functions, and a file holds only numbers; save its arguments and build it anew"

    def __init__(self, energy, grad, n_features=1, *, laplacian=None, param_grad=None, param_grad_sum=None,
                 theta=None):
        optional = ((laplacian, "laplacian"), (param_grad, "param_grad"), (param_grad_sum, "param_grad_sum"))
        for function, name in ((energy, "energy"), (grad, "grad"), *optional):
            if not (callable(function) or (function is None and (function, name) in optional)):
                raise TypeError(f"{name} must be callable, got {describe(function)}")
        if param_grad is not None and param_grad_sum is not None:
            raise ValueError("param_grad and param_grad_sum are two forms of the same gradient; give one of them")
        features = integer(n_features, "n_features", 1, 1_000_000)
        start = None
        if theta is not None:
            start = np.atleast_1d(numeric(theta, "theta"))
            if start.ndim != 1 or not start.size:
                raise ValueError(f"theta must have shape (n_params,) with at least one entry, got {start.shape}")
            first_bad(start, "theta")
        elif param_grad is not None or param_grad_sum is not None:
            raise ValueError("a gradient in theta needs theta, the parameters to start from")
        self.allocate(features, 0 if start is None else start.size)
        self.block_size = max(256, 65536 // features)
        self.energy_function = energy
        self.grad_function = grad
        self.laplacian_function = laplacian
        self.has_laplacian = laplacian is not None
        self.summed = param_grad_sum is not None
        self.param_grad_function = param_grad_sum if self.summed else param_grad
        if start is not None:
            self.theta = start

    @property
    def has_param_grad(self):
        """Was a gradient in theta given?"""
        return self.param_grad_function is not None

    cdef object rows(self, const double* x, Py_ssize_t n, Py_ssize_t stride):
        cdef Py_ssize_t i, d, features = self.n_features
        cdef double[:, ::1] rows
        array = np.empty((n, features))
        rows = array
        for i in range(n):
            for d in range(features):
                rows[i, d] = x[d * stride + i]
        return array

    cdef object ask(self, object function, str name, object array, tuple more, tuple shapes):
        # The function's answer, checked: its shape must be the first of shapes, or another one that means the same.
        arguments = (array, self.theta, *more) if self.n_params else (array,)
        called = "X, theta, weights" if more else "X, theta" if self.n_params else "X"
        result = numeric(function(*arguments), f"the result of {name}({called})")
        if result.shape not in shapes:
            raise ValueError(f"{name}({called}) must return shape {shapes[0]}, got {result.shape}")
        return result

    cdef int call(self, object function, str name, const double* x, double* out, Py_ssize_t width,
                  Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t i, d
        cdef const double[:, :] values
        with gil:
            try:
                shapes = [(n, width)]
                if width == 1:
                    shapes.insert(1 if name == "grad" else 0, (n,))
                values = self.ask(function, name, self.rows(x, n, stride), (), tuple(shapes)).reshape(n, width)
                for i in range(n):
                    for d in range(width):
                        out[d * stride + i] = values[i, d]
            except BaseException as error:
                # Carried to the caller by take_failure: a block method cannot raise.
                return self.fail(error)
        return 0

    cdef int energy_block(self, const double* x, double* out, double* work,
                          Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        return self.call(self.energy_function, "energy", x, out, 1, n, stride)

    cdef int grad_block(self, const double* x, double* out, double* work,
                        Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        return self.call(self.grad_function, "grad", x, out, self.n_features, n, stride)

    cdef int laplacian_block(self, const double* x, double* out, double* work,
                             Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        if self.has_laplacian:
            return self.call(self.laplacian_function, "laplacian", x, out, 1, n, stride)
        return Energy.laplacian_block(self, x, out, work, n, stride)

    cdef int param_grad_block(self, const double* x, const double* weights, double* acc, double* work,
                              Py_ssize_t n, Py_ssize_t stride) noexcept nogil:
        cdef Py_ssize_t i, p
        cdef double w
        cdef double[::1] by, total
        cdef const double[:, ::1] each
        cdef const double[::1] summed
        if self.n_params == 0:
            return 0
        with gil:
            try:
                if self.param_grad_function is None:
                    raise NotImplementedError(
                        "this PythonEnergy has theta, but no gradient in it: give param_grad or param_grad_sum"
                    )
                array = self.rows(x, n, stride)
                if self.summed:
                    factors = np.ones(n)
                    by = factors
                    if weights is not NULL:
                        for i in range(n):
                            by[i] = weights[i]
                    summed = self.ask(self.param_grad_function, "param_grad_sum", array, (factors,),
                                      ((self.n_params,),))
                else:
                    each = self.ask(self.param_grad_function, "param_grad", array, (), ((n, self.n_params),))
                    # Sample after sample: a product of matrices would have other last bits elsewhere.
                    total = np.zeros(self.n_params)
                    for i in range(n):
                        w = 1.0 if weights is NULL else weights[i]
                        for p in range(self.n_params):
                            total[p] += w * each[i, p]
                    summed = total
                for p in range(self.n_params):
                    acc[p] += summed[p]
            except BaseException as error:
                return self.fail(error)
        return 0

    def param_grad(self, X):
        """dE/dtheta of every sample, shape (n_samples, n_params). Raises as `energy` does.

        With param_grad_sum, one call for each sample.
        """
        if self.summed or self.param_grad_function is None:
            return Energy.param_grad(self, X)
        self._check_ready()
        x, _ = samples(X, self.n_features)
        result = np.concatenate([
            self.ask(self.param_grad_function, "param_grad", x[i:i + self.block_size].copy(), (),
                     ((min(self.block_size, len(x) - i), self.n_params),))
            for i in range(0, len(x), self.block_size)
        ])
        finite_result(result, "param_grad", "check the function that was given")
        return result

    def _arguments(self):
        arguments = {
            "energy": self.energy_function,
            "grad": self.grad_function,
            "n_features": self.n_features,
            "laplacian": self.laplacian_function,
        }
        if self.n_params:
            name = "param_grad_sum" if self.summed else "param_grad"
            arguments |= {name: self.param_grad_function, "theta": self.theta.tolist()}
        return arguments
