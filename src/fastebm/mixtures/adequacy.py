"""Is the number of wells right? One more well, and rows that the fit has not seen."""

from __future__ import annotations

import math

import numpy as np

from .._runtime.seed import seed_sequence
from ..energies.normals import principal_scales
from ._em import Blocks
from .optimum import ROWS
from .search import family_of, widths_of

# Climbs are short: they begin next to where they end. One more well need not be placed to the last digit.
TOLERANCE, ROUGH, STEPS = 1e-5, 1e-4, 200
# Rows and additions that are tried for one more well, and folds of the rows.
ENOUGH, TRIES, FOLDS = 4096, 3, 5
# Nats of a row.
LARGEST = 5.0
# Relative distance from a limit at which a well counts as being there.
AT = 1e-6


def one_more(x: np.ndarray, wells, seed=0) -> float:
    """Mean log-likelihood, in nats a row, that one more well gains; at least 0.

    Parameters
    ----------
    x : ndarray of shape (n_samples, n_features)
        Checked rows; of more than 4,096 a random subset is looked at.
    wells : WellMixture or StudentTMixture
        At its own optimum, or near it.
    seed : None, int, SeedSequence or Generator
    """
    rng = np.random.default_rng(seed_sequence(seed))
    if len(x) > ENOUGH:
        x = x[np.sort(rng.choice(len(x), ENOUGH, replace=False))]
    before = float(wells.log_prob(x).mean())
    gain, family, blocks = 0.0, family_of(wells), Blocks(x)
    for start in family.additions(family.taken(wells), x, rng, TRIES):
        end = family.climb(blocks, start, widths_of(wells), ROUGH, STEPS)
        gain = max(gain, end.log_likelihood - before)
    return gain


def cost_of_limits(x: np.ndarray, wells) -> float:
    """Mean log-likelihood, in nats a row, that a range of widths from a quarter to four times as much would gain.

    0 if no well is at a limit.

    Parameters
    ----------
    x, wells
        As for `one_more`; of more than 20,000 rows the first ones are looked at.
    """
    low, high = widths_of(wells)
    scales = principal_scales(wells)
    assert scales is not None
    if ((scales > low * (1.0 + AT)) & (scales < high * (1.0 - AT))).all():
        return 0.0
    x = x[:ROWS]
    family = family_of(wells)
    end = family.climb(Blocks(x), family.taken(wells), (low / 4.0, high * 4.0), TOLERANCE, STEPS)
    return max(0.0, end.log_likelihood - float(wells.log_prob(x).mean()))


def held_out_gap(x: np.ndarray, wells, seed=0) -> tuple[float, float]:
    """How much more likely the rows are to their fit than to one that has not seen them, in nats a row.

    Parameters
    ----------
    x, wells, seed
        As for `one_more`; of more than 20,000 rows the first ones are looked at.

    Returns
    -------
    gap, error : float
        Mean over the rows of the difference, by 5-fold cross-validation with every fit begun at the wells, and its
        standard error; NaN for fewer than 10 rows. Differences are cut at 5 nats, so that a few rows do not decide:
        where that matters, the true mean is larger.
    """
    x = x[:ROWS]
    if len(x) < 2 * FOLDS:
        return math.nan, math.nan
    order = np.random.default_rng(seed_sequence(seed)).permutation(len(x))
    gap, family = np.empty(len(x)), family_of(wells)
    for part in np.array_split(order, FOLDS):
        rest = np.delete(x, part, axis=0)
        end = family.climb(Blocks(rest), family.taken(wells), widths_of(wells), TOLERANCE, STEPS)
        unseen = family.built(family.wells(end))
        gap[part] = np.clip(wells.log_prob(x[part]) - unseen.log_prob(x[part]), -LARGEST, LARGEST)
    return float(gap.mean()), float(gap.std(ddof=1) / math.sqrt(len(x)))
