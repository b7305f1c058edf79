"""A column on a circle: hours, angles, days of the year."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from .transform import Transform

# Images of the circle on either side: a law fitted to one period has a standard deviation of 0.29 periods if it is
# even, and 2.5 periods are then 8.6 of these.
REACH = 2
# The emptiest place is looked for at so many angles, after smoothing by a kernel of this width, in turns.
ANGLES, SMOOTHING = 360, 0.03
ROWS = 10_000


@dataclass(frozen=True)
class Cyclic(Transform):
    """z = (x - cut) modulo the period: the circle is cut at its emptiest place and laid out.

    A density f on the line gives the wrapped density sum_k f(z + k period), which is smooth across the cut and whose
    integral over one period is that of f over the line.

    Attributes
    ----------
    period : float
    cut : float
        Where the circle is cut, in units of x.
    start : float
        Samples are in [start, start + period).
    """

    period: float = 1.0
    cut: float = 0.0
    start: float = 0.0
    kind: ClassVar[str] = "cyclic"
    n_free: ClassVar[int] = 1

    def forward(self, x):
        return np.mod(x - self.cut, self.period)

    def inverse(self, z):
        return self.wrap(self.cut + z)

    def wrap(self, x: np.ndarray) -> np.ndarray:
        """The same place on the circle, in [start, start + period)."""
        # What is there already keeps its bits.
        inside = (x >= self.start) & (x < self.start + self.period)
        turned = self.start + np.mod(x - self.start, self.period)
        return np.where(inside, x, np.where(turned < self.start + self.period, turned, self.start))

    def log_slope(self, x):
        return np.zeros_like(x)

    def log_slope_grad(self, x):
        return np.zeros_like(x)

    @property
    def images(self) -> np.ndarray:
        """What is added to z for each image of the circle."""
        return self.period * np.arange(-REACH, REACH + 1.0)

    def __str__(self):
        return f"cyclic, period {self.period:g}, cut at {self.cut:.4g}"


def lay_out(x: np.ndarray, period: float) -> Cyclic:
    """The circle cut at its emptiest place."""
    turns = np.mod(x[:: -(-len(x) // ROWS)] / period, 1.0)
    places = np.arange(ANGLES) / ANGLES
    # Counts first: the kernel then costs ANGLES^2, however many rows there are.
    counts = np.bincount(np.rint(turns * ANGLES).astype(int) % ANGLES, minlength=ANGLES)
    away = 2.0 * np.pi * (places[:, None] - places)
    kernel = np.exp((np.cos(away) - 1.0) / (2.0 * np.pi * SMOOTHING) ** 2)
    density = kernel @ counts
    emptiest = np.flatnonzero(density <= density.min() * (1 + 1e-9) + 1e-12 * density.max())
    # Of several equally empty places the middle one of the longest run.
    runs = np.split(emptiest, np.flatnonzero(np.diff(emptiest) != 1) + 1)
    if len(runs) > 1 and runs[0][0] == 0 and runs[-1][-1] == ANGLES - 1:
        runs[0] = np.concatenate([runs.pop() - ANGLES, runs[0]])
    longest = max(runs, key=len)
    cut = float(period * (longest[len(longest) // 2] % ANGLES) / ANGLES)
    return Cyclic(period, cut, _start(x, period))


def _start(x, period):
    # The window that the data are in already, if they are in one.
    low, high = float(x.min()), float(x.max())
    for start in (0.0, -0.5 * period):
        if low >= start and high < start + period:
            return start
    return low if high - low < period else 0.0
