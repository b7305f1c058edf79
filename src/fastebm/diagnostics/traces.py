"""Numbers for traces of chains: R-hat, mode occupancy, barrier crossings.

A trace is what ``sampler.sample(..., thin=k)`` returns: shape (n_draws, n_chains, n_features), or (n_draws,
n_chains) in one dimension.
"""

from __future__ import annotations

import math

import numpy as np

from .._runtime.check import first_bad, numeric
from ..energies.base import as_energy
from .ranks import normal_scores, per_feature


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

    Examples
    --------
    >>> import fastebm as fe
    >>> chains = np.random.default_rng(1).normal(size=(1000, 4))
    >>> fe.rhat(chains) < 1.01, fe.rhat(chains + [0, 0, 0, 2]) > 1.1
    (True, True)
    """
    return per_feature(trace, _rhat)


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

    Examples
    --------
    >>> import fastebm as fe
    >>> fe.mode_occupancy([[-1.0, 2.0], [1.0, 2.0]], 0.0)
    array([0.25, 0.75])
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

    Examples
    --------
    >>> import fastebm as fe
    >>> fe.barrier_crossings([[-1.0, 2.0], [1.0, 2.0], [-1.0, 2.0]], 0.0)
    array([2, 0])
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


def _rhat(x) -> float:
    if np.ptp(x) == 0:
        return math.nan
    half = len(x) // 2
    split = np.concatenate([x[:half], x[-half:]], axis=1)
    folded = np.abs(split - np.median(split))
    return max(_plain_rhat(normal_scores(split)), _plain_rhat(normal_scores(folded)))


def _plain_rhat(x) -> float:
    n = len(x)
    within = x.var(axis=0, ddof=1).mean()
    between = x.mean(axis=0).var(ddof=1)
    if within == 0:
        return math.inf if between > 0 else math.nan
    return math.sqrt((n - 1) / n + between / within)
