"""The power transform of Yeo and Johnson (2000), its power by maximum likelihood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .transform import Transform

# Outside of it the transform does not reach the whole line: a density in z would have mass where there is no x.
POWERS = 0.0, 2.0
# Rows that tell the shape of a column, at most; evenly spaced ones of more.
ROWS = 100_000
GRID, TOLERANCE = 33, 1e-9
GOLDEN = (np.sqrt(5.0) - 1.0) / 2.0


@dataclass(frozen=True)
class YeoJohnson(Transform):
    """z = ((1 + u)^power - 1) / power for u >= 0, and -((1 - u)^(2 - power) - 1) / (2 - power) for u < 0, where
    u = (x - centre) / scale; the limits at power 0 and 2 are logarithms.

    Attributes
    ----------
    centre, scale : float
        In units of x.
    power : float
        From 0 (a right tail is drawn in) over 1 (nothing) to 2 (a left tail is drawn in). All of these, and no others,
        map the line onto the line.

    References
    ----------
    Yeo and Johnson, A new family of power transformations to improve normality or symmetry, Biometrika 87 (2000).
    """

    centre: float = 0.0
    scale: float = 1.0
    power: float = 1.0
    kind: ClassVar[str] = "yeo-johnson"
    n_free: ClassVar[int] = 1

    def forward(self, x):
        return yeo_johnson((x - self.centre) / self.scale, self.power)

    def inverse(self, z):
        # Both signs are one formula, with 2 - power for the negative ones.
        power = np.where(z < 0, 2.0 - self.power, self.power)
        size = np.abs(z)
        with np.errstate(divide="ignore", invalid="ignore"):
            logs = np.where(power == 0, size, np.log1p(power * size) / power)
        return self.centre + self.scale * np.copysign(np.expm1(logs), z)

    def log_slope(self, x):
        u = (x - self.centre) / self.scale
        return np.copysign(np.log1p(np.abs(u)), u) * (self.power - 1.0) - np.log(self.scale)

    def log_slope_grad(self, x):
        u = (x - self.centre) / self.scale
        return (self.power - 1.0) / (1.0 + np.abs(u)) / self.scale

    def __str__(self):
        return f"Yeo-Johnson, power {self.power:.3g}"


def yeo_johnson(u: np.ndarray, power: float) -> np.ndarray:
    """The transform of numbers without unit, for any power."""
    return _of_logs(np.log1p(np.abs(u)), u, power)


def _of_logs(logs, u, power):
    powers = np.where(u < 0, 2.0 - power, power)
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.where(powers == 0, logs, np.expm1(powers * logs) / powers)
    return np.copysign(size, u)


def best_power(u: np.ndarray, low: float = POWERS[0], high: float = POWERS[1]) -> float:
    """The power between low and high that is likeliest if z is normal with its own mean and variance.

    Parameters
    ----------
    u : ndarray of shape (n,)
        Not all equal.
    """
    logs = np.log1p(np.abs(u))
    signed = float(np.copysign(logs, u).mean())

    def loss(power):
        with np.errstate(over="ignore", invalid="ignore"):
            spread = float(_of_logs(logs, u, power).std())
        return np.log(spread) - (power - 1.0) * signed if 0 < spread < np.inf else np.inf

    grid = np.linspace(low, high, GRID)
    best = int(np.argmin([loss(p) for p in grid]))
    # Golden section around the best of the grid (the likelihood is unimodal in all but odd cases).
    a, b = grid[max(best - 1, 0)], grid[min(best + 1, GRID - 1)]
    c, d = b - GOLDEN * (b - a), a + GOLDEN * (b - a)
    at_c, at_d = loss(c), loss(d)
    while b - a > TOLERANCE:
        if at_c <= at_d:
            b, d, at_d = d, c, at_c
            c = b - GOLDEN * (b - a)
            at_c = loss(c)
        else:
            a, c, at_c = c, d, at_d
            d = a + GOLDEN * (b - a)
            at_d = loss(d)
    found = 0.5 * (a + b)
    return float(min((low, found, high), key=loss))
