"""Exact zeros of a non-negative column that is no grid: an atom, which no density has."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .rounding import INSIDE

# The cell of zero is half of this quantile of the other values: the smallest of them can be any number.
QUANTILE = 0.01


@dataclass(frozen=True)
class Zeros:
    """The cell (-width, 0], which stands for zero: a fit sees zeros spread over it, samples from it are zero.

    The mass of the cell is then the share of zeros. The log-density of a row at zero is that at the edge of the cell,
    and has -log(width) in it, an arbitrary number.

    Attributes
    ----------
    width : float
        In units of x.
    share : float
        Of zeros among the rows.
    """

    width: float
    share: float

    def noised(self, x: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """x with its zeros inside the cell."""
        return np.where(x == 0, -self.width * INSIDE * rng.random(len(x)), x)

    def snapped(self, x: np.ndarray) -> np.ndarray:
        """x with what is in the cell put to zero."""
        return np.where(x < 0, 0.0, x)


def find_zeros(x: np.ndarray) -> Zeros | None:
    """The cell of zero of a column that has zeros and positive values; else None."""
    positive = x[x > 0]
    if len(positive) == len(x) or not len(positive) or x.min() < 0:
        return None
    return Zeros(0.5 * float(np.quantile(positive, QUANTILE)), 1.0 - len(positive) / len(x))
