"""Does an energy's gradient belong to its energy?"""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import numpy as np

from .._runtime import html
from .._runtime.check import describe, real, samples
from ..energies.base import as_energy

# Differences of an energy in float64: rounding leaves 1e-16 |E| / step, and the difference itself is off by step^2.
STEP, LIMIT = 1e-5, 1e-6
# Relative rounding up to which an energy counts as computed in float64, and the range of float32.
FLOAT64, FLOAT32 = 1e-11, (1e-9, 1e-6)
# With rounding r the best step is of order r^(1/3) and leaves an error of order r^(2/3). Correct wells and networks in
# float32 stay below a fifth of the limit, and an error of 1 % in one component is 3 to 20 times above it.
PER_ROUNDING = 40.0
# A gradient that is wrong is so at every step; the smaller ones are for narrow wells.
PARTS = (1.0, 0.25, 0.0625)
# Samples are moved this far to see the rounding; further where that is too little for the energy to change at all.
SPACINGS = (1e-5, 1e-4, 1e-3, 1e-2)
ORDER = 6


@dataclass(frozen=True)
class GradientReport(html.Shown):
    """Result of `check_grad`.

    Attributes
    ----------
    max_grad_error, max_param_grad_error : float
        Largest ``|analytic - numerical| / (1 + |numerical| + |E|)`` over samples and components, of dE/dx and
        dE/dtheta; 0 where there is nothing to check, infinite where nothing can be checked.
    limit : float
        What `ok` compares them with.
    worst : str
        Where the largest error is.
    precision : str
        In what the energy is computed, as its rounding shows: "float64", "float32", or the relative rounding itself,
        such as "rounding 3e-04"; "not repeatable" if two evaluations differ.

    Examples
    --------
    >>> import fastebm as fe
    >>> report = fe.check_grad(fe.WellMixture(), [-2.0, 0.0, 1.5])
    >>> report.ok, report.max_grad_error < report.limit, report.precision
    (True, True, 'float64')
    """

    max_grad_error: float
    max_param_grad_error: float
    limit: float
    worst: str
    precision: str = "float64"

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
            f"(limit {self.limit:.0e}; energy: {self.precision}); {verdict}"
        )

    def _html(self) -> str:
        rows = [
            ("gradients agree with the energy", self.ok),
            ("largest error of dE/dx", f"{self.max_grad_error:.1e}"),
        ]
        rows += [
            ("largest error of dE/dtheta", f"{self.max_param_grad_error:.1e}"),
            ("limit", f"{self.limit:.0e}"),
        ]
        return html.card("check_grad", [*rows, ("energy computed in", self.precision), ("worst", self.worst)])


def check_grad(energy, X, *, step: float | str = "auto", limit: float | str = "auto") -> GradientReport:
    """Compare an energy's gradients with central differences of the energy.

    Parameters
    ----------
    energy : Energy
    X : array-like of shape (n_samples, n_features), or (n_samples,)
        Where to compare. Use typical points, not only special ones.
    step : float or "auto", default "auto"
        The differences use a step of ``step * (1 + |x|)``. "auto" follows the rounding of the energy, which is
        measured: 1e-5 for one that is computed in float64; otherwise the cube root of the relative rounding (about 3e-3
        in float32), a quarter and a sixteenth of it, of which the one that agrees best counts.
    limit : float or "auto", default "auto"
        Largest error that counts as agreement: by "auto" 1e-6 in float64, otherwise 40 times the rounding to the power
        2/3, about 3e-4 in float32.

    Returns
    -------
    GradientReport
        True in a condition if the gradients agree; str() says where they do not. An energy that does not repeat itself,
        with different values at the same X, fails.

    Raises
    ------
    ValueError, TypeError
        If X does not fit the energy, or an argument is out of range.
    NonFiniteError
        If the energy or a gradient is not finite at X or next to it.

    Notes
    -----
    At a kink, such as the edge of WellMixture's clip of raw_a or a rectified unit at zero, a difference across the edge
    disagrees with either side; in float32 the steps are long and meet more of them.

    The rounding is the median over the samples of the sixth differences of the energy along a line, where a smooth
    energy leaves nothing else (the table of Hamming; Moré and Wild, Estimating computational noise, SIAM Journal on
    Scientific Computing 2011).

    Examples
    --------
    >>> import fastebm as fe
    >>> wrong = fe.PythonEnergy(lambda X: X[:, 0] ** 4, lambda X: X**3)
    >>> bool(fe.check_grad(wrong, [0.5, 1.0]))
    False
    """
    as_energy(energy)
    x, _ = samples(X, energy.n_features)
    given = None if _is_auto(step) else real(step, "step", above=0, below=1)
    allowed = None if _is_auto(limit) else real(limit, "limit", above=0)
    return compare(energy, x, given, allowed, energy.has_param_grad)


def compare(energy, x, given=None, allowed=None, trained=False) -> GradientReport:
    """As `check_grad`, on checked rows; the gradient in theta only if trained."""
    at, again = energy.energy(x), energy.energy(x)
    if not np.array_equal(at, again):
        i = int((at != again).argmax())
        return GradientReport(
            math.inf,
            math.inf if trained else 0.0,
            LIMIT if allowed is None else allowed,
            f"the energy is not repeatable: two evaluations at x = {describe(x[i].tolist())} give {float(at[i])!r} and "
            f"{float(again[i])!r}; make it deterministic (no dropout, no noise, fixed seeds)",
            "not repeatable",
        )
    there = _Moved(energy, x, 1.0 + np.abs(at))
    rounding = there.rounding(trained)
    exact = rounding <= FLOAT64
    if allowed is None:
        allowed = LIMIT if exact else min(0.05, PER_ROUNDING * rounding ** (2 / 3))
    if given is not None:
        steps = [given]
    else:
        steps = [STEP] if exact else [part * min(0.05, rounding ** (1 / 3)) for part in PARTS]
    grad = energy.grad(x).reshape(x.shape)
    parts = [(f"dE/dx[{d}]", grad[:, d], there.along_x(d)) for d in range(energy.n_features)]
    worst_x, where_x = there.worst(parts, steps)
    parts = []
    if trained:
        analytic = energy.param_grad(x)
        parts = [
            (f"dE/d{name}", analytic[:, p], there.along_theta(p)) for p, name in enumerate(energy.param_names)
        ]
    worst, where = there.worst(parts, steps)
    return GradientReport(worst_x, worst, allowed, where_x if worst_x >= worst else where, _name(rounding))


def _is_auto(value) -> bool:
    return isinstance(value, str) and value == "auto"


def _name(rounding: float) -> str:
    if rounding <= FLOAT64:
        return "float64"
    return "float32" if FLOAT32[0] <= rounding <= FLOAT32[1] else f"rounding {rounding:.0e}"


class _Moved:
    """The energy next to the samples, in x and in theta."""

    def __init__(self, energy, x, size):
        self.energy, self.x, self.size = energy, x, size
        self.theta, self.other = energy.theta, copy.copy(energy)

    def at_theta(self, theta):
        self.other.theta = theta
        return self.other.energy(self.x)

    def rounding(self, trained: bool) -> float:
        """Rounding of the energy relative to 1 + |E|, for half of the samples, as x or theta moves along a line."""
        rng = np.random.default_rng(0)
        x, theta = self.x, self.theta
        sides = rng.choice([-1.0, 1.0], x.shape) * (1.0 + np.abs(x))
        found = self.along_line(lambda t: self.energy.energy(x + t * sides))
        if trained:
            ways = rng.choice([-1.0, 1.0], theta.shape) * (1.0 + np.abs(theta))
            found = max(found, self.along_line(lambda t: self.at_theta(theta + t * ways)))
        return found

    def along_line(self, evaluate) -> float:
        for spacing in SPACINGS:
            values = np.stack([evaluate(k * spacing) for k in range(-4, 5)])
            # Independent errors of variance s^2 leave differences of variance s^2 (2k)! / k!^2.
            left = np.diff(values, n=ORDER, axis=0) ** 2 / math.comb(2 * ORDER, ORDER)
            found = float(np.median(np.sqrt(left.mean(axis=0)) / self.size))
            if found > 0:
                break
        return found

    def along_x(self, d):
        """Function of the step that gives the energy's slope along feature d at every sample."""

        def slope(step):
            low, high = self.x.copy(), self.x.copy()
            low[:, d] -= step * (1.0 + np.abs(self.x[:, d]))
            high[:, d] += step * (1.0 + np.abs(self.x[:, d]))
            return (self.energy.energy(high) - self.energy.energy(low)) / (high[:, d] - low[:, d])

        return slope

    def along_theta(self, p):
        """The same along parameter p."""

        def slope(step):
            width = step * (1.0 + abs(self.theta[p]))
            ends = []
            for sign in (-1.0, 1.0):
                theta = self.theta.copy()
                theta[p] += sign * width
                ends.append(self.at_theta(theta))
            return (ends[1] - ends[0]) / (2.0 * width)

        return slope

    def worst(self, parts, steps):
        """(largest error, where it is) of (name, analytic derivative, slope) over parts and samples."""
        worst, where = 0.0, "nothing to check"
        for name, analytic, slope in parts:
            slopes = np.stack([slope(step) for step in steps])
            errors = np.abs(analytic - slopes) / (self.size + np.abs(slopes))
            i = int(errors.min(axis=0).argmax())
            best = int(errors[:, i].argmin())
            if errors[best, i] >= worst:
                worst, where = (
                    float(errors[best, i]),
                    f"{name} at x = {describe(self.x[i].tolist())} is {analytic[i]:.6g}, the energy's slope is "
                    f"{slopes[best, i]:.6g}",
                )
        return worst, where
