"""One density of several: weights by the likelihood of rows that no part has seen."""

from __future__ import annotations

import numpy as np

# Steps of EM for the weights, whose likelihood has one maximum: until a light part is left out, and for the last ones.
FIRST_STEPS, STEPS = 50, 300
# A part that weighs less is left out.
LEAST = 0.05
# A density, beside the likeliest one of a row, below which none counts as smaller.
TINY = 1e-280


def stack(log_p: np.ndarray) -> np.ndarray:
    """Weights of the parts of the likeliest mean of their densities.

    Parameters
    ----------
    log_p : ndarray of shape (n_rows, n_parts)
        Of rows that the fits have not seen.

    Returns
    -------
    ndarray of shape (n_parts,)
        Sums to 1. 0 for parts that would weigh less than 0.05.

    References
    ----------
    Smyth and Wolpert, Linearly combining density estimators via stacking, Machine Learning 36, 1999.
    """
    with np.errstate(under="ignore"):
        p = np.exp(log_p - log_p.max(axis=1, keepdims=True))
        kept, weights = np.arange(p.shape[1]), np.full(p.shape[1], 1.0 / p.shape[1])
        while True:
            weights = _climb(p[:, kept], weights, FIRST_STEPS)
            if not (weights < LEAST).any():
                break
            # The lightest first: what it gives up may be what another one needs.
            lightest = weights.argmin()
            kept, weights = np.delete(kept, lightest), np.delete(weights, lightest)
            # A row that only a part left out explained.
            p = np.maximum(p, TINY)
        weights = _climb(p[:, kept], weights / weights.sum(), STEPS)
    out = np.zeros(p.shape[1])
    out[kept] = weights
    return out


def _climb(p, weights, steps):
    for _ in range(steps):
        weights = weights * ((1.0 / (p @ weights)) @ p) / len(p)
    return weights / weights.sum()


def mixed(log_p: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """log of the weighted mean of densities, shape (n_rows,)."""
    with np.errstate(divide="ignore", under="ignore"):
        # Beside a part of no weight a row of the others may be below any number.
        log_p, weights = log_p[:, weights > 0], weights[weights > 0]
        top = log_p.max(axis=1)
        return top + np.log(np.exp(log_p - top[:, None]) @ weights)


def stacked_scores(log_p: np.ndarray, parts) -> np.ndarray:
    """log p of every row under the stack whose weights the other folds chose, shape (n_rows,).

    Parameters
    ----------
    log_p : ndarray of shape (n_rows, n_parts)
    parts : list of ndarray
        Rows of each fold.
    """
    out = np.empty(len(log_p))
    for part in parts:
        out[part] = mixed(log_p[part], stack(np.delete(log_p, part, axis=0)))
    return out
