"""A torch module as an energy."""

from __future__ import annotations

from functools import wraps
from threading import RLock

import numpy as np

from .._runtime.check import describe
from ..energies.python_energy import PythonEnergy

try:
    import torch
except ImportError:
    raise ImportError(
        "TorchEnergy needs torch; install a CPU build of it (see pytorch.org), fastebm does not"
    ) from None


# functional_call puts other parameters into the module while it runs, and torch lets other threads run meanwhile.
_ALONE = RLock()


def _alone(method):
    @wraps(method)
    def locked(*args):
        with _ALONE:
            return method(*args)

    return locked


class TorchEnergy(PythonEnergy):
    """An energy given by a torch module; gradients in x and in its parameters by torch's autograd.

    Parameters
    ----------
    module : torch.nn.Module
        Maps a tensor of shape (n, n_features) to energies of shape (n,) or (n, 1), row by row: a layer that mixes rows
        (batch normalisation in training mode) or draws numbers (dropout) breaks what the samplers promise; call
        ``module.eval()`` first. It computes in the type of its parameters, float32 by default, or float64 without any.
    n_features : int
        Dimension of x.

    Raises
    ------
    TypeError, ValueError
        If module is not a torch module, its parameters are of several types or not real, or it returns another shape;
        while running, if the shapes of its parameters have changed.

    Notes
    -----
    theta holds the parameters that require a gradient, one behind the other, in the order of
    ``module.named_parameters()``, as float64. The energy never writes to the module by itself: a trained copy does by
    `write_back`.

    Examples
    --------
    >>> import torch  # doctest: +SKIP
    >>> net = torch.nn.Sequential(torch.nn.Linear(2, 64), torch.nn.SiLU(), torch.nn.Linear(64, 1))  # doctest: +SKIP
    >>> energy = fe.interop.TorchEnergy(net, 2)  # doctest: +SKIP
    >>> result = fe.ContrastiveDivergence(energy + fe.Gaussian.fit(X)).fit(X)  # doctest: +SKIP
    """

    unsaved = "it holds a torch module; save its state_dict with torch, and build the energy anew"

    def __init__(self, module, n_features):
        if not isinstance(module, torch.nn.Module):
            raise TypeError(f"module must be a torch.nn.Module, got {describe(module)}")
        self.module = module
        self._layout = _layout(module)
        kinds = {p.dtype for p in module.parameters()}
        if len(kinds) > 1 or not all(kind.is_floating_point for kind in kinds):
            raise ValueError(
                f"the parameters of the module must be of one real type, got {sorted(map(str, kinds))}"
            )
        self.dtype = kinds.pop() if kinds else torch.float64
        theta = _flat(module)
        super().__init__(
            self._energy,
            self._grad,
            n_features,
            param_grad_sum=self._param_grad_sum if theta.size else None,
            theta=theta if theta.size else None,
        )
        self._set_rounding(torch.finfo(self.dtype).eps)

    def _check(self):
        layout = _layout(self.module)
        if layout != self._layout:
            raise ValueError(
                f"the parameters of the module have changed from {dict(self._layout)} to {dict(layout)}; build a new "
                "TorchEnergy from it"
            )

    def _values(self, theta, trainable=False):
        # The parameters as tensors, by name.
        self._check()
        values, at = {}, 0
        for name, shape in self._layout:
            size = int(np.prod(shape))
            part = torch.tensor(theta[at : at + size], dtype=self.dtype).reshape(shape)
            values[name] = part.requires_grad_(trainable)
            at += size
        return values

    def _call(self, values, x):
        e = torch.func.functional_call(self.module, values, (x,)) if values else self.module(x)
        n = x.shape[0]
        if not isinstance(e, torch.Tensor) or e.shape not in ((n,), (n, 1)):
            raise ValueError(
                f"the module must return shape ({n},) or ({n}, 1) for input of shape {tuple(x.shape)}, got "
                f"{tuple(e.shape) if isinstance(e, torch.Tensor) else describe(e)}"
            )
        return e.reshape(n)

    @_alone
    def _energy(self, X, theta=()):
        with torch.no_grad():
            e = self._call(self._values(theta), torch.as_tensor(X, dtype=self.dtype))
        return e.numpy().astype(np.float64)

    @_alone
    def _grad(self, X, theta=()):
        with torch.enable_grad():
            x = torch.tensor(X, dtype=self.dtype, requires_grad=True)
            e = self._call(self._values(theta), x)
            if not e.requires_grad:
                return np.zeros(X.shape)
            (g,) = torch.autograd.grad(e.sum(), x)
        return g.numpy().astype(np.float64)

    @_alone
    def _param_grad_sum(self, X, theta, weights):
        with torch.enable_grad():
            values = self._values(theta, trainable=True)
            e = self._call(values, torch.as_tensor(X, dtype=self.dtype))
            total = (e * torch.as_tensor(weights, dtype=self.dtype)).sum()
            parts = torch.autograd.grad(
                total, list(values.values()), allow_unused=True, materialize_grads=True
            )
        return np.concatenate([p.numpy().astype(np.float64).ravel() for p in parts])

    @property
    def param_names(self):
        """The module's names, with an index for each entry."""
        return tuple(
            f"{name}[{','.join(map(str, index))}]" if shape else name
            for name, shape in self._layout
            for index in np.ndindex(shape)
        )

    @_alone
    def write_back(self):
        """Write theta into the module's parameters, and return the module."""
        self._check()
        values = self._values(self.theta) if self.n_params else {}
        with torch.no_grad():
            for name, parameter in self.module.named_parameters():
                if name in values:
                    parameter.copy_(values[name])
        return self.module

    def _arguments(self):
        return {"module": self.module, "n_features": self.n_features}


def _layout(module):
    return tuple((name, tuple(p.shape)) for name, p in module.named_parameters() if p.requires_grad)


def _flat(module):
    parts = [
        p.detach().cpu().numpy().astype(np.float64).ravel() for p in module.parameters() if p.requires_grad
    ]
    return np.concatenate(parts) if parts else np.empty(0)
