"""What the trainer chooses from the data: the step size, the box of the global move, starting wells."""

from __future__ import annotations

import math

import numpy as np

from .._check import integer, samples
from .._seed import seed_sequence
from ..energies.well_mixture import WellMixture
from ..samplers.base import Sampler
from ..samplers.independence import IndependenceMH
from ..samplers.mixture import MixtureMH
from .kmeans import kmeans

# MALA at a quarter of the narrowest variance accepts about 95 % of its moves in one dimension, and a Langevin step
# without the accept test keeps a fixed point below one half of it (s^2 < v with s^2 = 2 h).
STEP_FRACTION = 0.25
# In more dimensions a uniform draw hardly ever lands in a well.
GLOBAL_MOVE_FEATURES = 3
# Wider than the groups, so that the proposal's tails cover the model's while it moves.
PROPOSAL_WIDTH = 1.1
# Beyond it squares are useless.
LARGEST = 1e100
# k-means sees at most this many rows.
ENOUGH_ROWS = 4000


def check_spread(x: np.ndarray, own: str) -> np.ndarray:
    """Standard deviations of the features; ValueError if one is zero, so that nothing can be chosen from the data."""
    spread = x.std(axis=0)
    if not (spread > 0).all():
        feature = int(np.flatnonzero(spread == 0)[0])
        raise ValueError(
            f"X has zero variance in feature {feature} (all values are {x[0, feature]:g}); drop the feature, or "
            f"give {own}"
        )
    return spread


def check_size(x: np.ndarray) -> None:
    """Raise ValueError if squares of the data, or sums of them, leave the range of float64."""
    largest = float(np.abs(x).max())
    if largest > LARGEST:
        raise ValueError(
            f"X holds values up to {largest:.3g}, whose squares overflow; rescale the data to a spread near 1"
        )


def local_variance(x: np.ndarray, n_groups: int, rng: np.random.Generator) -> float:
    """Smallest variance, over features and over k-means groups that hold at least 5 % of the rows, in units of x^2."""
    if len(x) > ENOUGH_ROWS:
        x = x[rng.choice(len(x), ENOUGH_ROWS, replace=False)]
    spread = check_spread(x, "a sampler with a step_size of your own")
    _, labels = kmeans(x / spread, distinct_rows(x, n_groups), rng)
    variances = [
        x[labels == j].var(axis=0) for j in np.unique(labels) if (labels == j).sum() >= max(2, 0.05 * len(x))
    ]
    positive = [v[v > 0].min() for v in variances if (v > 0).any()]
    return float(min(positive)) if positive else float(spread.min() ** 2)


def distinct_rows(x: np.ndarray, most: int) -> int:
    """Number of distinct rows, counted up to most; a sort of all rows costs 1 ms, this 10 us."""
    count = 0
    while count < most and len(x):
        x = x[(x != x[0]).any(axis=1)]
        count += 1
    return count


def check_distinct(x: np.ndarray, n_wells: int) -> None:
    """Raise ValueError if there are more wells than distinct rows."""
    found = distinct_rows(x, n_wells)
    if found < n_wells:
        raise ValueError(
            f"X has {found} distinct rows, fewer than n_wells={n_wells}; use fewer wells or more data"
        )


def default_step_size(x: np.ndarray, n_groups: int, rng: np.random.Generator) -> float:
    """A quarter of the narrowest variance in the data."""
    return STEP_FRACTION * local_variance(x, n_groups, rng)


def default_global_move(x: np.ndarray, n_groups: int, rng: np.random.Generator) -> Sampler:
    """The second sampler of an update, which lets chains change wells.

    In up to three dimensions, uniform proposals over the range of the data and half a standard deviation more; above, a
    normal mixture on the k-means groups of the data.
    """
    if x.shape[1] <= GLOBAL_MOVE_FEATURES:
        margin = 0.5 * check_spread(x, "global_move=None")
        return IndependenceMH(x.min(axis=0) - margin, x.max(axis=0) + margin)
    weights, means, stds = group_mixture(x, n_groups, rng)
    return MixtureMH(weights, means, PROPOSAL_WIDTH * stds)


def group_mixture(x: np.ndarray, n_groups: int, rng: np.random.Generator):
    """Shares (k,), means (k, d) and standard deviations (k, d) of the k-means groups of x, none of them empty."""
    if len(x) > ENOUGH_ROWS:
        x = x[rng.choice(len(x), ENOUGH_ROWS, replace=False)]
    spread = np.where(x.std(axis=0) > 0, x.std(axis=0), 1.0)
    k = distinct_rows(x, n_groups)
    centres, labels = kmeans(x / spread, k, rng)
    counts = np.bincount(labels, minlength=k)
    # A group of one or two rows says nothing about its width.
    stds = np.array([x[labels == j].std(axis=0) if counts[j] > 2 else spread for j in range(k)])
    return (
        np.maximum(counts, 1) / np.maximum(counts, 1).sum(),
        centres * spread,
        np.maximum(stds, 0.05 * spread),
    )


def initial_wells(X, n_wells: int = 2, *, seed=None) -> WellMixture:
    """Return a WellMixture to start training from: one well on each k-means group of the data.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features), or (n_samples,)
        Finite data.
    n_wells : int, default 2
        Number of wells, at most the number of distinct rows of X.
    seed : None, int, SeedSequence or Generator
        Seeds k-means++.

    Returns
    -------
    WellMixture
        With the groups' means, standard deviations (kept within the range of raw_a) and shares.

    Raises
    ------
    ValueError, TypeError
        If X is not finite data or has fewer distinct rows than wells.
    """
    n_features = np.shape(X)[1] if np.ndim(X) == 2 else 1
    x, _ = samples(X, n_features)
    k = integer(n_wells, "n_wells", 1)
    check_size(x)
    check_distinct(x, k)
    rng = np.random.default_rng(seed_sequence(seed))
    weights, means, stds = group_mixture(x, k, rng)
    # Just inside raw_a = +-5, where the derivative still moves it.
    narrow, wide = math.exp(-2.45) * math.sqrt(0.5), math.exp(2.45) * math.sqrt(0.5)
    return WellMixture.from_mixture(weights, means, np.clip(stds, narrow, wide))
