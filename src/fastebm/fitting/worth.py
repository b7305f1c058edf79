"""Are transforms of the columns worth it? Told by rows that were not fitted."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .._runtime.seed import seed_sequence
from ..preprocess import Preprocessing, prepare_rows
from .scaled_wells import standardise
from .wells_search import search_wells

# Rows, folds and wells of the two searches that are compared. They need not be good fits, only alike: with one well a
# lopsided mixture of two passes for skewed, with two it does not.
ROWS, FOLDS, MOST = 2000, 2, 2
# Rows times features squared from which one well must do (digits: 26 s otherwise), and that no search goes beyond.
DEAR, DEAREST = 1_000_000, 4_000_000

# Standard errors, as for a network.
CLEARLY = 2.0


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
        """Is the gain more than two standard errors?"""
        return self.gain > CLEARLY * self.error

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
    d = len(preparation.kept)
    n = min(len(x), ROWS, max(200, DEAREST // d**2))
    if len(x) > n:
        x = x[np.sort(np.random.default_rng(pick).permutation(len(x))[:n])]
    kept = preparation._noised(x, noise)[:, preparation.kept]
    z, _, _ = preparation._forward(kept)
    # Columns that these few rows do not tell apart are left out of both.
    varied = np.flatnonzero((np.ptp(kept, axis=0) > 0) & (np.ptp(z, axis=0) > 0))
    actions = [preparation.columns[preparation.kept[i]].action for i in varied]
    log_slopes = sum(action.log_slope(kept[:, i]) for i, action in zip(varied, actions, strict=True))
    key, most = search.generate_state(4).tolist(), 1 if n * d**2 > DEAR else MOST
    scores = [_scores(np.ascontiguousarray(part[:, varied]), key, most) for part in (z, kept)]
    difference = log_slopes + scores[0] - scores[1]
    # A search may score some folds only.
    difference = difference[np.isfinite(difference)]
    n = len(difference)
    gain = float(difference.mean()) - preparation.n_free / n
    error = float(difference.std(ddof=1)) / math.sqrt(n) * math.sqrt(1.0 + FOLDS / (FOLDS - 1.0))
    return Worth(gain, error, n)


def _scores(rows, key, most):
    """log p of every row under wells that have not seen it, in units of the rows; NaN where none were scored."""
    offset, scale = standardise(rows)
    stream = np.random.SeedSequence(key)
    found = search_wells((rows - offset) / scale, n_folds=FOLDS, seed=stream, most=most)
    log_p = np.full(len(rows), np.nan)
    log_p[found.rows] = found.scores - float(np.log(scale).sum())
    return log_p


def choose_transforms(x: np.ndarray, names, seed):
    """Transform the columns where that is clearly worth it; leave constants and copies out in any case.

    Returns
    -------
    z : ndarray of shape (n, n_kept)
        What a density is to be fitted to.
    preparation : Preprocessing or None
        None where z is x.
    why : str
        What was measured; empty if there was nothing to choose.
    """
    noise, judge = seed_sequence(seed).spawn(2)
    # The search looks after grids of a few values in its own way.
    z, preparation = prepare_rows(x, names, "auto", noise, noise="many")
    why = ""
    if not preparation.is_plain:
        worth = worth_transforming(x, preparation, judge)
        if worth.clear:
            return z, preparation, f"transforms gain {worth}"
        why = f"transforms were not taken: they gain {worth}"
    if len(preparation.kept) == x.shape[1]:
        return x, None, why
    z, preparation = prepare_rows(x, names, dict.fromkeys(range(x.shape[1]), "none"), noise)
    return z, preparation, why
