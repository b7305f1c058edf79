"""Are transforms of the columns worth it? Told by rows that were not fitted."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .._runtime.seed import seed_sequence
from ..preprocess import Preprocessing
from .scaled_wells import standardise
from .wells_search import search_wells

# Rows, folds and wells of the two searches that are compared. They need not be good fits, only alike.
ROWS, FOLDS, MOST = 2000, 3, 3


@dataclass(frozen=True)
class Worth:
    """What transforms gain on rows that were not fitted.

    Attributes
    ----------
    gain, error : float
        Nats a row, and its standard error. The gain is less what the parameters of the transforms may have gained by
        being fitted to all rows.
    n_rows : int
    """

    gain: float
    error: float
    n_rows: int

    @property
    def clear(self) -> bool:
        """Is the gain more than one standard error?"""
        return self.gain > self.error

    def __str__(self) -> str:
        return f"{self.gain:.3g} +- {self.error:.2g} nats a row on {self.n_rows:,} rows that were not fitted"


def worth_transforming(x: np.ndarray, preparation: Preprocessing, seed) -> Worth:
    """Compare wells of the kept columns as they are with wells of what the transforms make of them.

    Both are searched in the same way, and see the same noise in rounded columns.

    Parameters
    ----------
    x : ndarray of shape (n, n_features)
        Rows inside the support of the transforms, which may have been fitted to them.
    preparation : Preprocessing
    seed : None, int, SeedSequence or Generator

    References
    ----------
    Nadeau and Bengio, Inference for the generalization error, Machine Learning 52, 2003 (the standard error).
    """
    pick, noise, search = seed_sequence(seed).spawn(3)
    if len(x) > ROWS:
        x = x[np.sort(np.random.default_rng(pick).permutation(len(x))[:ROWS])]
    kept = np.ascontiguousarray(preparation._noised(x, noise)[:, preparation.kept])
    z, _, log_slopes = preparation._forward(kept)
    key = search.generate_state(4)
    difference = log_slopes + _scores(z, key) - _scores(kept, key)
    n = len(difference)
    gain = float(difference.mean()) - preparation.n_free / n
    error = float(difference.std(ddof=1)) / math.sqrt(n) * math.sqrt(1.0 + FOLDS / (FOLDS - 1.0))
    return Worth(gain, error, n)


def _scores(rows, key):
    """log p of every row under wells that have not seen it, in units of the rows."""
    offset, scale = standardise(rows)
    found = search_wells(
        (rows - offset) / scale, n_folds=FOLDS, seed=np.random.SeedSequence(key.tolist()), most=MOST
    )
    return found.scores - float(np.log(scale).sum())
