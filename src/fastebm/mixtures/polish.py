"""From trained wells to the maximum-likelihood wells of the same optimum, which their exact log Z makes possible."""

from __future__ import annotations

import numpy as np

from ._em import Blocks
from .normalise import Wells
from .search import collapsed, family_of, widths_of

# A climb ends at a gain below this, in nats a row, or after so many steps. Masses lie in flat directions: on 40
# mixtures in three features they end within 0.00014 of where a climb without end takes them, and at 1e-8 within 0.0043.
TOLERANCE, STEPS = 1e-11, 5000


def polished(x: np.ndarray, wells: Wells, weights: np.ndarray | None = None) -> tuple[Wells, float]:
    """Steps of expectation-maximisation from the given wells, none of which lowers the likelihood.

    Parameters
    ----------
    x : ndarray of shape (n_samples, n_features)
        Checked rows.
    wells : WellMixture or StudentTMixture
        Normalised.
    weights : ndarray of shape (n_samples,), optional
        How many rows each stands for: positive, of mean 1.

    Returns
    -------
    wells : WellMixture or StudentTMixture
        Normalised; the given ones where the climb gains nothing, or ends with a well on a few rows.
    gain : float
        Mean log-likelihood above that of the given wells, in nats a row; at least 0.
    """
    before = float(np.average(wells.log_prob(x), weights=weights))
    family = family_of(wells)
    end = family.climb(Blocks(x, weights), family.taken(wells), widths_of(wells), TOLERANCE, STEPS)
    if collapsed(end):
        return wells, 0.0
    best = family.built(family.wells(end))
    gain = float(np.average(best.log_prob(x), weights=weights)) - before
    return (best, gain) if gain > 0 else (wells, 0.0)
