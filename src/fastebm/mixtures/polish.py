"""From trained wells to the maximum-likelihood wells of the same optimum, which their exact log Z makes possible."""

from __future__ import annotations

import numpy as np

from ..energies.well_mixture import WellMixture
from .search import climb_on, collapsed, wells_of, widths_of
from .splits import built

# A climb ends at a gain below this, in nats a row, or after so many steps. Masses lie in flat directions: on 40
# mixtures in three features they end within 0.00014 of where a climb without end takes them, and at 1e-8 within 0.0043.
TOLERANCE, STEPS = 1e-11, 5000


def polished(
    x: np.ndarray, wells: WellMixture, weights: np.ndarray | None = None
) -> tuple[WellMixture, float]:
    """Steps of expectation-maximisation from the given wells, none of which lowers the likelihood.

    Parameters
    ----------
    x : ndarray of shape (n_samples, n_features)
        Checked rows.
    wells : WellMixture
        Normalised.
    weights : ndarray of shape (n_samples,), optional
        How many rows each stands for: positive, of mean 1.

    Returns
    -------
    wells : WellMixture
        Normalised; the given ones where the climb gains nothing, or ends with a well on a few rows.
    gain : float
        Mean log-likelihood above that of the given wells, in nats a row; at least 0.
    """
    before = float(np.average(wells.log_prob(x), weights=weights))
    end = climb_on(x, wells_of(wells), widths_of(wells), TOLERANCE, STEPS, weights=weights)
    if collapsed(end):
        return wells, 0.0
    best = built((end.weights, end.means, end.spread))
    gain = float(np.average(best.log_prob(x), weights=weights)) - before
    return (best, gain) if gain > 0 else (wells, 0.0)
