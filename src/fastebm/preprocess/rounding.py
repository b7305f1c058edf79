"""Columns whose values stand on a grid: integers, and numbers with few decimals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

# Share of the rows that must have their value in common with another row: without ties rounding does no harm.
TIED = 0.2
# A difference is a multiple of the step if it is one within this share of the largest number.
EXACT = 1e-10
# More cells than this between the smallest and the largest value are no grid that matters.
MOST_CELLS = 1e6
# A column of so few values takes no others in samples.
FEW = 10
MOST_DECIMALS = 12
# Noise keeps this far from the lower end of a cell, which may be the end of the support.
INSIDE = 1.0 - 1e-9


@dataclass(frozen=True)
class Rounding:
    """A grid origin + k step.

    For a fit, uniform noise of one step is added (a density has no business at single points: it would be infinite
    there); samples are put back onto the grid. The density is left alone: it is per unit of x, at the x that is asked
    for, and its integral over a cell is the probability of the value in the middle of the cell.

    Attributes
    ----------
    step, origin : float
        In units of x.
    decimals : int
        Samples are rounded to so many, so that 0.3 is the same number as in the data; -1 for none.
    lowest, highest : float
        Limits of samples; infinite for a column of more than 10 values.
    n_values : int
        Different values in the data.
    relative : float
        The step in standard deviations of the column.
    noise : bool
        Is there noise in what a fit sees?
    """

    step: float
    origin: float
    decimals: int
    lowest: float
    highest: float
    n_values: int
    relative: float
    noise: bool = True

    def noised(self, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """x moved inside its cell, never onto the lower end of it."""
        return x + self.step * (0.5 - INSIDE * rng.random(len(x))) if self.noise else x

    def snapped(self, x: np.ndarray) -> np.ndarray:
        """The nearest point of the grid."""
        on = self.origin + self.step * np.rint((x - self.origin) / self.step)
        if self.decimals >= 0:
            on = np.round(on, self.decimals)
        # + 0.0 makes 0 of -0.
        return np.clip(on, self.lowest, self.highest) + 0.0


def find_rounding(x: np.ndarray, unique=None) -> Rounding | None:
    """The grid that a column stands on, where at least a fifth of its rows are tied; else None.

    Parameters
    ----------
    x : ndarray of shape (n,)
    unique : tuple (values, counts), optional
        `numpy.unique` of x, if it is known.
    """
    values, counts = np.unique(x, return_counts=True) if unique is None else unique
    if len(values) < 2 or counts[counts > 1].sum() < TIED * len(x):
        return None
    gaps = values - values[0]
    largest = float(np.abs(values).max())
    step = _common_divisor(gaps[1:], EXACT * largest)
    if step is None or gaps[-1] > MOST_CELLS * step:
        return None
    decimals = next((k for k in range(MOST_DECIMALS + 1) if (np.round(values, k) == values).all()), -1)
    if decimals >= 0:
        step = float(np.round(step, decimals))
    few = len(values) <= FEW
    origin = float(values[0])
    if decimals >= 0 and abs(origin / step - np.rint(origin / step)) < 1e-6:
        # Zero is on the grid.
        origin = 0.0
    return Rounding(
        step,
        origin,
        decimals,
        float(values[0]) if few else -np.inf,
        float(values[-1]) if few else np.inf,
        len(values),
        step / float(x.std()),
    )


def _common_divisor(gaps, tolerance) -> float | None:
    """The largest number of which all gaps are multiples, by Euclid's algorithm; None if there is none."""
    step = float(np.diff(gaps, prepend=0.0).min())
    while step > 100 * tolerance:
        off = np.abs(gaps - step * np.rint(gaps / step))
        bad = off > tolerance
        if not bad.any():
            cells = np.rint(gaps / step)
            # By all of them: the bits of a single gap are those of a difference.
            return float((gaps @ cells) / (cells @ cells))
        step = float(off[bad].min())
    return None
