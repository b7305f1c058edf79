"""A JAX function as an energy."""

from __future__ import annotations

import numpy as np

from .._runtime.check import describe
from ..energies.python_energy import PythonEnergy

try:
    import jax
    import jax.numpy as jnp
    from jax.flatten_util import ravel_pytree
except ImportError:
    raise ImportError("JaxEnergy needs JAX; install it (pip install jax), fastebm does not") from None


class JaxEnergy(PythonEnergy):
    """An energy given by a JAX function; gradients in x and in its parameters by JAX's autograd, compiled.

    Parameters
    ----------
    function : callable
        ``function(params, X) -> (n,)`` for X of shape (n, n_features), row by row; pure, as JAX asks.
    params : pytree of arrays, or None
        Its parameters; None if there is nothing to train.
    n_features : int
        Dimension of x.

    Raises
    ------
    TypeError, ValueError
        If function is not callable, a parameter is not real, or the function returns another shape.

    Notes
    -----
    theta holds the parameters flattened by ``jax.flatten_util.ravel_pytree``, as float64; JAX computes in float32
    unless it was told otherwise (``jax_enable_x64``). JAX compiles a function once for every number of rows: rows are
    filled up to a power of two.

    Examples
    --------
    >>> ring = fe.interop.JaxEnergy(lambda p, X: p["k"] * ((X**2).sum(1) - 1) ** 2, {"k": 4.0}, 2)  # doctest: +SKIP
    """

    unsaved = "it holds a JAX function; save its params and build the energy anew"

    def __init__(self, function, params, n_features):
        if not callable(function):
            raise TypeError(f"function must be callable, got {describe(function)}")
        leaves = jax.tree.leaves(params)
        if not all(np.issubdtype(np.asarray(leaf).dtype, np.floating) for leaf in leaves):
            raise TypeError("params must hold real numbers (arrays or floats) only")
        self.function = function
        flat, self._unravel = ravel_pytree(params)
        self._start = params

        def checked(theta, X):
            e = function(self._unravel(theta) if leaves else params, X)
            if jnp.shape(e) != (X.shape[0],):
                raise ValueError(
                    f"the function must return shape ({X.shape[0]},) for X of shape {X.shape}, got {jnp.shape(e)}"
                )
            return e

        self._e = jax.jit(checked)
        self._dx = jax.jit(jax.grad(lambda theta, X: checked(theta, X).sum(), argnums=1))
        self._dtheta = jax.jit(jax.grad(lambda theta, X, w: (checked(theta, X) * w).sum()))
        self._empty = flat
        super().__init__(
            self._energy,
            self._grad,
            n_features,
            param_grad_sum=self._param_grad_sum if leaves else None,
            theta=np.asarray(flat, dtype=np.float64) if leaves else None,
        )
        self._set_rounding(float(jnp.finfo(flat.dtype).eps))

    def _theta(self, theta):
        return jnp.asarray(theta, dtype=self._empty.dtype) if len(theta) else self._empty

    def _energy(self, X, theta=()):
        return np.asarray(self._e(self._theta(theta), _filled(X))[: len(X)], dtype=np.float64)

    def _grad(self, X, theta=()):
        return np.asarray(self._dx(self._theta(theta), _filled(X))[: len(X)], dtype=np.float64)

    def _param_grad_sum(self, X, theta, weights):
        # A row that fills up weighs nothing.
        w = np.zeros(_size(len(X)))
        w[: len(X)] = weights
        return np.asarray(self._dtheta(self._theta(theta), _filled(X), jnp.asarray(w)), dtype=np.float64)

    @property
    def params(self):
        """The parameters, as the pytree that they were given as."""
        return self._unravel(self._theta(self.theta)) if self.n_params else self._start

    def _arguments(self):
        return {"function": self.function, "params": self._start, "n_features": self.n_features}

    def __eq__(self, other):
        if type(self) is not type(other):
            return NotImplemented
        same = self.function is other.function and self.n_features == other.n_features
        return same and bool(np.array_equal(self.theta, other.theta))

    __hash__ = None  # type: ignore[assignment]


def _size(n):
    return 1 << max(n - 1, 0).bit_length()


def _filled(X):
    # Up to a power of two, by the first row again.
    more = _size(len(X)) - len(X)
    return jnp.asarray(np.concatenate([X, np.broadcast_to(X[:1], (more, X.shape[1]))]) if more else X)
