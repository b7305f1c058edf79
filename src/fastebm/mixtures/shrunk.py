"""Wells for few rows and many features: normal or heavy-tailed, with covariances that are shrunk at every step."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from .._runtime.control import Control
from ..energies.student_mixture import StudentTMixture
from ..energies.well_mixture import WellMixture
from ._em import Blocks, Climb
from ._em_full import FullClimb
from ._heavy import HeavyClimb, HeavyFullClimb
from .heavy import DF_RANGE
from .kmeans import group_covariances, group_mixture
from .search import widths_of
from .splits import ROUNDS

# Degrees of freedom that a climb begins with, and those that stand for a normal law.
START_DF, NORMAL_DF = 10.0, 1e6


class Shape(NamedTuple):
    """What kind of wells.

    Attributes
    ----------
    covariance : {"diag", "full"}
    heavy : bool
        Laws of Student in place of normal ones?
    own, pooled, apart : float
        How full covariances are shrunk, in rows for each feature: see `FullClimb.shrink`. Without any of it the wells
        are those of maximum likelihood.
    """

    covariance: str
    heavy: bool = False
    own: float = 0.0
    pooled: float = 0.0
    apart: float = 0.0

    @property
    def full(self) -> bool:
        """May features be correlated?"""
        return self.covariance == "full"


def start_of(shape: Shape, x: np.ndarray, n_wells: int, rng: np.random.Generator, sphered: bool = False):
    """(weights, means, spread) of k-means groups, or None where there are fewer groups than wells."""
    if shape.full:
        start = group_covariances(x, n_wells, rng, best_of=1, rounds=ROUNDS, sphered=sphered)
    else:
        start = group_mixture(x, n_wells, rng, best_of=1, rounds=ROUNDS)
    return start if len(start[0]) == n_wells else None


def climb_shrunk(blocks: Blocks, start, shape: Shape, tol: float, max_iter: int) -> Climb:
    """Climb from start, which is (weights, means, spread) or with degrees of freedom the end of a heavy climb."""
    control, d = Control(None, 1.0), blocks.n_features
    weights, means, spread, *df = start
    low, high = widths_of(StudentTMixture() if shape.heavy else WellMixture(covariance=shape.covariance))
    if not shape.full:
        spread = np.clip(spread, low, high)
    if shape.heavy:
        tails = df[0] if df else np.full(len(weights), START_DF)
        kind = HeavyFullClimb if shape.full else HeavyClimb
        climb: Any = kind(blocks, weights, means, spread, tails, low, high, DF_RANGE, False, control)
    elif shape.full:
        climb = FullClimb(blocks, weights, means, spread, low, high, control)
    else:
        climb = Climb(blocks, weights, means, spread, low, high, control)
    if shape.full:
        climb.shrink(d * shape.own, d * shape.pooled, shape.apart)
    return climb.climb(max_iter, tol)


def end_of(climb: Climb):
    """Where a climb stands: a start for another one."""
    df = getattr(climb, "df", None)
    tails = () if df is None else (df,)
    return climb.weights, climb.means, climb.spread, *tails


def together(parts, shares) -> WellMixture | StudentTMixture:
    """One density of several: the wells of each, by its share.

    Parameters
    ----------
    parts : sequence of tuple
        What `end_of` gave.
    shares : sequence of float
        Positive; they sum to 1.

    Returns
    -------
    WellMixture or StudentTMixture
        With log Z = 0. Normal wells beside heavy ones get a million degrees of freedom, and diagonal ones beside full
        ones a matrix without correlations.
    """
    weights = np.concatenate([share * part[0] for part, share in zip(parts, shares, strict=True)])
    means = np.concatenate([part[1] for part in parts])
    full = any(part[2].ndim == 3 for part in parts)
    d = means.shape[1]
    spread = np.concatenate(
        [part[2][:, :, None] ** 2 * np.eye(d) if full and part[2].ndim == 2 else part[2] for part in parts]
    )
    # Wells that lost their rows.
    there = weights > 1e-12
    weights, means, spread = weights[there], means[there], spread[there]
    weights /= weights.sum()
    if all(len(part) == 3 for part in parts):
        if full:
            return WellMixture.from_mixture(weights, means, covariances=spread)
        return WellMixture.from_mixture(weights, means, spread)
    df = np.concatenate([part[3] if len(part) == 4 else np.full(len(part[0]), NORMAL_DF) for part in parts])[
        there
    ]
    if full:
        return StudentTMixture.from_mixture(weights, means, None, df, scale_matrices=spread)
    return StudentTMixture.from_mixture(weights, means, spread, df)
