"""Numbers for traces of chains: effective sample size, R-hat, mode occupancy, barrier crossings.

A trace is what ``sampler.sample(..., thin=k)`` returns: shape (n_draws, n_chains, n_features), or (n_draws,
n_chains) in
one dimension.
"""

from __future__ import annotations

import math

import numpy as np

from .._runtime.check import first_bad, numeric
from ..energies.base import as_energy


def ess(trace) -> np.ndarray | float:
    """Effective sample size of the mean, over all chains, by Geyer's initial monotone sequence.

    Parameters
    ----------
    trace : array-like of shape (n_draws, n_chains[, n_features])
        At least 4 draws.

    Returns
    -------
    float, or ndarray of shape (n_features,) for a 3-D trace
        At most n_draws * n_chains * log10(n_draws * n_chains); NaN if every draw is the same.

    Raises
    ------
    ValueError, TypeError
        If the trace has the wrong shape or is not finite.

    References
    ----------
    Geyer, Practical Markov chain Monte Carlo, Statistical Science 1992. Between- and within-chain variances are
    combined as in Vehtari et al., Rank-normalization, folding, and localization: an improved R-hat, Bayesian Analysis
    2021.
    """
    return _per_feature(trace, _ess)


def rhat(trace) -> np.ndarray | float:
    """Rank-normalised split R-hat: near 1 for chains that agree, above 1.01 for chains that do not.

    The larger of the bulk and the folded value, so that chains with equal means and different spreads are seen too.

    Parameters
    ----------
    trace : array-like of shape (n_draws, n_chains[, n_features])
        At least 4 draws. Each chain is split into halves.

    Returns
    -------
    float, or ndarray of shape (n_features,) for a 3-D trace
        NaN if every draw is the same: nothing is known about a chain that never moved.

    Raises
    ------
    ValueError, TypeError
        If the trace has the wrong shape or is not finite.

    References
    ----------
    Vehtari, Gelman, Simpson, Carpenter and Bürkner, Bayesian Analysis 2021, section 4.
    """
    return _per_feature(trace, _rhat)


def mode_occupancy(trace, modes) -> np.ndarray:
    """Fraction of all states that are in each mode.

    Parameters
    ----------
    trace : array-like
        A trace, or states of shape (n, n_features).
    modes : Energy, array-like of shape (n_modes, n_features), or float
        An energy that knows its modes, such as a WellMixture (the mode with the largest share at x), centres (the
        nearest one), or in one dimension a threshold that separates two modes.

    Returns
    -------
    ndarray of shape (n_modes,)
        Sums to 1.
    """
    labels, count = mode_labels(trace, modes)
    return np.bincount(labels.ravel(), minlength=count) / labels.size


def barrier_crossings(trace, modes) -> np.ndarray:
    """How often each chain changed its mode from one kept draw to the next.

    Parameters
    ----------
    trace : array-like of shape (n_draws, n_chains[, n_features])
        A crossing back and forth between two kept draws is not seen.
    modes
        As in `mode_occupancy`.

    Returns
    -------
    ndarray of int, shape (n_chains,)
    """
    labels, _ = mode_labels(trace, modes)
    if labels.ndim != 2:
        raise ValueError(f"trace must have shape (n_draws, n_chains[, n_features]), got {np.shape(trace)}")
    return (labels[1:] != labels[:-1]).sum(axis=0)


def mode_labels(states, modes) -> tuple[np.ndarray, int]:
    """Return (index of the mode of every state, number of modes)."""
    x = numeric(states, "trace")
    first_bad(x, "trace")
    # Every energy has the attribute; an array has not.
    if hasattr(modes, "mode_shares"):
        energy = as_energy(modes, "modes")
        if energy.modes is None:
            raise TypeError(
                f"modes must be an energy that knows its modes (such as a WellMixture), centres or a threshold, "
                f"got {modes!r}"
            )
        flat, shape = _rows(x, energy.n_features)
        return energy.shares(flat).argmax(axis=1).reshape(shape), len(energy.modes)
    centres = numeric(modes, "modes")
    first_bad(np.atleast_1d(centres), "modes")
    if centres.ndim == 0:
        x = x[..., 0] if x.ndim > 1 and x.shape[-1] == 1 else x
        return (x > centres).astype(np.int64), 2
    centres = centres.reshape(len(centres), -1)
    flat, shape = _rows(x, centres.shape[1])
    return nearest(flat, centres).reshape(shape), len(centres)


def nearest(x: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """Index of the nearest centre of every row."""
    return np.stack([((x - c) ** 2).sum(axis=1) for c in centres]).argmin(axis=0)


def _rows(x, n_features):
    """(states as rows, shape without the features); in one dimension the axis of the features may be left out."""
    if x.shape[-1:] == (n_features,):
        return x.reshape(-1, n_features), x.shape[:-1]
    if n_features == 1 and x.ndim < 3:
        return x.reshape(-1, 1), x.shape
    raise ValueError(f"trace has shape {x.shape}, but modes have {n_features} features")


def _per_feature(trace, function):
    x = numeric(trace, "trace")
    if x.ndim not in (2, 3) or x.shape[0] < 4 or x.size == 0:
        raise ValueError(f"trace must have shape (n_draws >= 4, n_chains[, n_features]), got {x.shape}")
    first_bad(x, "trace")
    if x.ndim == 2:
        return function(x)
    return np.array([function(x[:, :, d]) for d in range(x.shape[2])])


def _autocovariance(x):
    """Autocovariance of each column at every lag (divided by n), by FFT."""
    n = len(x)
    centred = x - x.mean(axis=0)
    size = 1 << (2 * n - 1).bit_length()
    spectrum = np.fft.rfft(centred, size, axis=0)
    return np.fft.irfft(spectrum * spectrum.conj(), size, axis=0)[:n] / n


def _ess(x) -> float:
    n, m = x.shape
    if np.ptp(x) == 0:
        return math.nan
    covariance = _autocovariance(x)
    within = covariance[0].mean() * n / (n - 1)
    total = covariance[0].mean() + (x.mean(axis=0).var(ddof=1) if m > 1 else 0.0)
    rho = 1.0 - (within - covariance.mean(axis=1)) / total
    rho[0] = 1.0
    # Sums of neighbouring pairs are positive and decreasing for a reversible chain: stop at the first that is not
    # positive, and let none exceed the one before.
    pairs = rho[: n - n % 2].reshape(-1, 2).sum(axis=1)
    negative = np.flatnonzero(pairs <= 0)
    pairs = np.minimum.accumulate(pairs[: negative[0]] if len(negative) else pairs)
    tau = max(-1.0 + 2.0 * pairs.sum(), 1.0 / math.log10(n * m))
    return float(n * m / tau)


def _rhat(x) -> float:
    if np.ptp(x) == 0:
        return math.nan
    half = len(x) // 2
    split = np.concatenate([x[:half], x[-half:]], axis=1)
    folded = np.abs(split - np.median(split))
    return max(_plain_rhat(_normal_scores(split)), _plain_rhat(_normal_scores(folded)))


def _plain_rhat(x) -> float:
    n = len(x)
    within = x.var(axis=0, ddof=1).mean()
    between = x.mean(axis=0).var(ddof=1)
    if within == 0:
        return math.inf if between > 0 else math.nan
    return math.sqrt((n - 1) / n + between / within)


def _normal_scores(x):
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
