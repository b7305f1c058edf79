"""What the trainer chooses from the data: the step size, the box of the global move."""

from __future__ import annotations

import numpy as np

from ..mixtures.kmeans import ENOUGH_ROWS, distinct_rows, group_mixture, kmeans
from ..samplers.base import Sampler
from ..samplers.independence import IndependenceMH
from ..samplers.mixture import MixtureMH

# MALA at a quarter of the narrowest variance accepts about 95 % of its moves in one dimension, and a Langevin step
# without the accept test keeps a fixed point below one half of it (s^2 < v with s^2 = 2 h).
STEP_FRACTION = 0.25
# In more dimensions a uniform draw hardly ever lands in a well.
GLOBAL_MOVE_FEATURES = 3
# Wider than the groups, so that the proposal's tails cover the model's while it moves.
PROPOSAL_WIDTH = 1.1


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


def local_variance(x: np.ndarray, n_groups: int, rng: np.random.Generator, tilted: bool = False) -> float:
    """Smallest variance, over features and over k-means groups that hold at least 5 % of the rows, in units of x^2.

    With tilted, over all directions instead of features alone, for energies whose modes may be narrow along any
    (``mode_covariances``): the smallest eigenvalue of the groups' covariances.
    """
    if len(x) > ENOUGH_ROWS:
        x = x[rng.choice(len(x), ENOUGH_ROWS, replace=False)]
    spread = check_spread(x, "a sampler with a step_size of your own")
    _, labels = kmeans(x / spread, distinct_rows(x, n_groups), rng)
    variance = _principal_variances if tilted else _variances
    variances = [
        variance(x[labels == j]) for j in np.unique(labels) if (labels == j).sum() >= max(2, 0.05 * len(x))
    ]
    positive = [v[v > 0].min() for v in variances if (v > 0).any()]
    return float(min(positive)) if positive else float(spread.min() ** 2)


def _variances(rows):
    return rows.var(axis=0)


def _principal_variances(rows):
    if len(rows) <= 2 * rows.shape[1]:
        return rows.var(axis=0)
    values = np.linalg.eigvalsh(np.atleast_2d(np.cov(rows.T, bias=True)))
    # A direction without spread, but for rounding, is none.
    return np.where(values > 1e-12 * values[-1], values, 0.0)


def default_step_size(x: np.ndarray, n_groups: int, rng: np.random.Generator, covariances=None) -> float:
    """A quarter of the narrowest variance in the data.

    covariances are those of the modes that training starts from, where they may be tilted (``mode_covariances``):
    then along any direction, and of these modes too, which k-means groups need not be like.
    """
    variance = local_variance(x, n_groups, rng, covariances is not None)
    if covariances is not None:
        variance = min(variance, float(np.linalg.eigvalsh(covariances).min()))
    return STEP_FRACTION * variance


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
