"""Does an energy's gradient belong to its energy?"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np

from .._runtime.check import describe, real, samples
from ..energies.base import Energy


@dataclass(frozen=True)
class GradientReport:
    """Result of `check_grad`.

    Attributes
    ----------
    max_grad_error, max_param_grad_error : float
        Largest ``|analytic - numerical| / (1 + |numerical| + |E|)`` over samples and components, of dE/dx and
        dE/dtheta; 0 where there is nothing to check.
    limit : float
        What `ok` compares them with.
    worst : str
        Where the largest error is.
    """

    max_grad_error: float
    max_param_grad_error: float
    limit: float
    worst: str

    @property
    def ok(self) -> bool:
        """Are both errors below the limit?"""
        return self.max_grad_error < self.limit and self.max_param_grad_error < self.limit

    def __bool__(self) -> bool:
        return self.ok

    def __str__(self) -> str:
        verdict = "the gradients agree with the energy" if self.ok else f"WRONG: {self.worst}"
        return (
            f"check_grad: dE/dx error {self.max_grad_error:.1e}, dE/dtheta error {self.max_param_grad_error:.1e} "
            f"(limit {self.limit:.0e}); {verdict}"
        )


def check_grad(energy, X, *, step: float = 1e-5, limit: float = 1e-6) -> GradientReport:
    """Compare an energy's gradients with central differences of the energy.

    Parameters
    ----------
    energy : Energy
    X : array-like of shape (n_samples, n_features), or (n_samples,)
        Where to compare. Use typical points, not only special ones.
    step : float, default 1e-5
        The differences use a step of ``step * (1 + |x|)``; their own error is of order step^2 and
        ``1e-16 |E| / step``.
    limit : float, default 1e-6
        Largest error that counts as agreement.

    Returns
    -------
    GradientReport
        True in a condition if the gradients agree; str() says where they do not.

    Raises
    ------
    ValueError, TypeError
        If X does not fit the energy, or an argument is out of range.
    NonFiniteError
        If the energy or a gradient is not finite at X or next to it.

    Notes
    -----
    At a kink, such as the edge of WellMixture's clip of raw_a, a difference across the edge disagrees with either side.

    Examples
    --------
    >>> import fastebm as fe
    >>> wrong = fe.PythonEnergy(lambda X: X[:, 0] ** 4, lambda X: X**3)
    >>> bool(fe.check_grad(wrong, [0.5, 1.0]))
    False
    """
    if not isinstance(energy, Energy):
        raise TypeError(f"energy must be an Energy, got {describe(energy)}")
    x, _ = samples(X, energy.n_features)
    delta = real(step, "step", above=0, below=1)
    limit = real(limit, "limit", above=0)
    size = 1.0 + np.abs(energy.energy(x))
    grad = energy.grad(x).reshape(x.shape)
    worst, where = 0.0, "nothing to check"
    for d in range(energy.n_features):
        moved = [x.copy(), x.copy()]
        moved[0][:, d] -= delta * (1.0 + np.abs(x[:, d]))
        moved[1][:, d] += delta * (1.0 + np.abs(x[:, d]))
        numerical = (energy.energy(moved[1]) - energy.energy(moved[0])) / (moved[1][:, d] - moved[0][:, d])
        error = np.abs(grad[:, d] - numerical) / (size + np.abs(numerical))
        i = int(error.argmax())
        if error[i] >= worst:
            worst, where = (
                float(error[i]),
                (
                    f"dE/dx[{d}] at x = {describe(x[i].tolist())} is {grad[i, d]:.6g}, the energy's slope is "
                    f"{numerical[i]:.6g}"
                ),
            )
    worst_x, where_x = worst, where
    worst, analytic, theta = 0.0, energy.param_grad(x), energy.theta
    other = copy.copy(energy)
    for p in range(energy.n_params):
        width = delta * (1.0 + abs(theta[p]))
        values = []
        for sign in (-1.0, 1.0):
            shifted = theta.copy()
            shifted[p] += sign * width
            other.theta = shifted
            values.append(other.energy(x))
        numerical = (values[1] - values[0]) / (2.0 * width)
        error = np.abs(analytic[:, p] - numerical) / (size + np.abs(numerical))
        i = int(error.argmax())
        if error[i] >= worst:
            worst, where = (
                float(error[i]),
                (
                    f"dE/d{energy.param_names[p]} at x = {describe(x[i].tolist())} is {analytic[i, p]:.6g}, the "
                    f"energy's slope "
                    f"is {numerical[i]:.6g}"
                ),
            )
    return GradientReport(worst_x, worst, limit, where_x if worst_x >= worst else where)
