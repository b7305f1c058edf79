"""What the trainer chooses from the data: the step size, the box of the global move, starting wells."""

from __future__ import annotations

import math

import numpy as np

from .._check import integer, samples
from .._seed import seed_sequence
from ..energies.well_mixture import WellMixture
from ..samplers.independence import IndependenceMH
from .kmeans import kmeans

# MALA at a quarter of the narrowest variance accepts about 95 % of its moves in one dimension, and a Langevin step
# without the accept test keeps a fixed point below one half of it (s^2 < v with s^2 = 2 h).
STEP_FRACTION = 0.25
# In more dimensions a uniform draw hardly ever lands in a well.
GLOBAL_MOVE_FEATURES = 3
# k-means sees at most this many rows.
ENOUGH_ROWS = 4000


def local_variance(x: np.ndarray, n_groups: int, rng: np.random.Generator) -> float:
    """Smallest variance, over features and over k-means groups that hold at least 5 % of the rows, in units of x^2."""
    if len(x) > ENOUGH_ROWS:
        x = x[rng.choice(len(x), ENOUGH_ROWS, replace=False)]
    spread = x.std(axis=0)
    if not (spread > 0).all():
        feature = int(np.flatnonzero(spread == 0)[0])
        raise ValueError(
            f"X has zero variance in feature {feature} (all values are {x[0, feature]:g}); drop the feature, or give "
            "a sampler with a step_size of your own"
        )
    _, labels = kmeans(x / spread, min(n_groups, len(np.unique(x, axis=0))), rng)
    variances = [
        x[labels == j].var(axis=0) for j in np.unique(labels) if (labels == j).sum() >= max(2, 0.05 * len(x))
    ]
    positive = [v[v > 0].min() for v in variances if (v > 0).any()]
    return float(min(positive)) if positive else float(spread.min() ** 2)


def default_step_size(x: np.ndarray, n_groups: int, rng: np.random.Generator) -> float:
    """A quarter of the narrowest variance in the data."""
    return STEP_FRACTION * local_variance(x, n_groups, rng)


def default_global_move(x: np.ndarray, temperature: float) -> IndependenceMH | None:
    """Uniform proposals over the range of the data and half a standard deviation more, in up to three dimensions."""
    if x.shape[1] > GLOBAL_MOVE_FEATURES:
        return None
    margin = 0.5 * x.std(axis=0)
    return IndependenceMH(x.min(axis=0) - margin, x.max(axis=0) + margin, temperature=temperature)


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
    distinct = len(np.unique(x, axis=0))
    if distinct < k:
        raise ValueError(f"X has {distinct} distinct rows, fewer than n_wells={k}; use fewer wells")
    rng = np.random.default_rng(seed_sequence(seed))
    if len(x) > ENOUGH_ROWS:
        x = x[rng.choice(len(x), ENOUGH_ROWS, replace=False)]
    spread = np.where(x.std(axis=0) > 0, x.std(axis=0), 1.0)
    centres, labels = kmeans(x / spread, k, rng)
    counts = np.bincount(labels, minlength=k)
    stds = np.array([x[labels == j].std(axis=0) if counts[j] > 1 else spread for j in range(k)])
    # Just inside raw_a = +-5, where the derivative still moves it.
    narrow, wide = math.exp(-2.45) * math.sqrt(0.5), math.exp(2.45) * math.sqrt(0.5)
    stds = np.clip(np.maximum(stds, 0.05 * spread), narrow, wide)
    return WellMixture.from_mixture(np.maximum(counts, 1), centres * spread, stds)
