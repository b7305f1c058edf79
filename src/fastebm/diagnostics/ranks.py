"""What every number of a trace is made of: features one by one, halves of chains, normal scores."""

from __future__ import annotations

import numpy as np

from .._runtime.check import first_bad, numeric


def per_feature(trace, function, min_draws=4):
    x = numeric(trace, "trace")
    if x.ndim not in (2, 3) or x.shape[0] < 4 or x.size == 0:
        raise ValueError(f"trace must have shape (n_draws >= 4, n_chains[, n_features]), got {x.shape}")
    if x.shape[0] < min_draws:
        raise ValueError(
            f"trace has {x.shape[0]} draws of every chain, but at least {min_draws} are needed: half a chain of fewer "
            "than 5 draws shows no autocorrelation; keep more draws (a smaller thin), or use rhat"
        )
    first_bad(x, "trace")
    if x.ndim == 2:
        return function(x)
    return np.array([function(np.ascontiguousarray(x[:, :, d])) for d in range(x.shape[2])])


def halves(x):
    """Every chain as two, shape (2 n_chains, n_draws // 2); of an odd number of draws the middle one is left out."""
    half = len(x) // 2
    return np.ascontiguousarray(np.concatenate([x[:half], x[-half:]], axis=1).T)


def normal_scores(x):
    """Normal quantiles of the fractional ranks (ties share their mean rank)."""
    _, inverse, counts = np.unique(x, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - 0.5 * (counts - 1)
    return normal_quantile((ranks - 0.375) / (x.size + 0.25))[inverse.reshape(x.shape)]


def normal_quantile(p) -> np.ndarray:
    """Inverse of the standard normal distribution function, relative error below 1.2e-9, for 0 < p < 1.

    References
    ----------
    Acklam, An algorithm for computing the inverse normal cumulative distribution function, 2003.
    """
    p = np.asarray(p, dtype=float)
    a = [
        -3.969683028665376e1,
        2.209460984245205e2,
        -2.759285104469687e2,
        1.383577518672690e2,
        -3.066479806614716e1,
        2.506628277459239,
    ]
    b = [
        -5.447609879822406e1,
        1.615858368580409e2,
        -1.556989798598866e2,
        6.680131188771972e1,
        -1.328068155288572e1,
        1.0,
    ]
    c = [
        -7.784894002430293e-3,
        -3.223964580411365e-1,
        -2.400758277161838,
        -2.549732539343734,
        4.374664141464968,
        2.938163982698783,
    ]
    d = [7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996, 3.754408661907416, 1.0]
    q = p - 0.5
    r = q * q
    middle = np.polyval(a, r) * q / np.polyval(b, r)
    s = np.sqrt(-2.0 * np.log(np.minimum(p, 1.0 - p)))
    tail = np.polyval(c, s) / np.polyval(d, s)
    return np.where(np.abs(q) <= 0.47575, middle, np.where(q < 0, tail, -tail))
