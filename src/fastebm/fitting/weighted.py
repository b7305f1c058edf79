"""Rows that stand for more than one row, or for less."""

from __future__ import annotations

import numpy as np

from .._runtime.check import first_bad, numeric

# Rows that weighted ones are written out as, at most, and copies of a row on average.
MOST, COPIES = 20_000, 8
# Weights beyond this quantile count as it, where rows are chosen once.
HEAVY = 0.95
# Sums of larger weights may overflow.
LARGEST = 1e290
NOT_CHECKED = "too many wells: rows are repeated by their weights, so none is new to a fit without its copies"


def checked_weights(sample_weight, n: int) -> np.ndarray | None:
    """Weights of mean 1; None where all rows count alike.

    Raises
    ------
    ValueError, TypeError
        If there is not one for each of n rows, one is negative or not finite, or all are 0.
    """
    if sample_weight is None:
        return None
    weights = numeric(sample_weight, "sample_weight")
    if weights.ndim == 0:
        weights = np.full(n, float(weights))
    if weights.shape != (n,):
        raise ValueError(f"sample_weight must have shape ({n},), one for each row, got {weights.shape}")
    first_bad(weights, "sample_weight")
    if (weights < 0).any():
        i = int(np.flatnonzero(weights < 0)[0])
        raise ValueError(f"sample_weight must not be negative, got {weights[i]:g} for row {i}")
    if not weights.any():
        raise ValueError("sample_weight is zero for every row")
    if (weights == weights[0]).all():
        return None
    if weights.max() > LARGEST:
        weights = weights / weights.max()
    return weights / weights.mean()


def counted(x: np.ndarray, weights: np.ndarray | None) -> tuple[np.ndarray, np.ndarray | None]:
    """The rows of weight above 0, and their weights; None where these are alike."""
    if weights is None or (weights > 0).all():
        return x, weights
    there = weights > 0
    if there.sum() < 2:
        raise ValueError("sample_weight leaves a single row: all the others have weight 0")
    return np.ascontiguousarray(x[there]), checked_weights(weights[there], int(there.sum()))


def written_out(x: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """The rows, each about as often as its weight says: exactly so for whole numbers with a sum of 20,000 or less.

    Systematic: the number of copies is off by less than one, and rows keep their order.
    """
    n = len(x)
    least = weights[weights > 0].min()
    whole = weights / least
    total = whole.sum()
    if np.abs(whole - np.round(whole)).max() < 1e-9 * whole.max() and total <= MOST:
        return np.repeat(x, np.round(whole).astype(np.int64), axis=0)
    size = n * max(1, min(COPIES, MOST // n))
    marks = np.floor(np.cumsum(weights) * (size / weights.sum()) + 0.5).astype(np.int64)
    return np.repeat(x, np.diff(marks, prepend=0), axis=0)


def thinned(x: np.ndarray, weights: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A sample of the weighted rows without copies, each kept with a probability that goes with its weight.

    The heaviest twentieth is kept for certain: it counts a little less than it weighs.
    """
    most = np.quantile(weights[weights > 0], HEAVY, method="lower")
    return x[rng.random(len(x)) * most < weights]
