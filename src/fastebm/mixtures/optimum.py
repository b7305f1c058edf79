"""How far wells are from the best that their number can do, by climbs from where they are and from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._runtime.seed import seed_sequence
from ._em import Blocks
from .search import collapsed, family_of, search, widths_of

# A climb ends at a gain below this, in nats a row, or after so many steps.
TOLERANCE, STEPS = 1e-7, 2000
# Rows that are looked at, at most.
ROWS = 20_000
# Starts of the search beside the fit itself.
STARTS = 6


@dataclass(frozen=True, eq=False)
class Optimum:
    """The best wells that were found by looking for better ones.

    Attributes
    ----------
    wells : WellMixture or StudentTMixture
        Normalised.
    gain : float
        Mean log-likelihood of the rows above that of the fit, in nats; at least 0.
    own_gain : float
        The same for the optimum that climbs from the fit itself.
    kind : str
        The start that led there: "own", "k-means", "rows", "wells" or "split".
    """

    wells: Any
    gain: float
    own_gain: float
    kind: str


def optimum(x: np.ndarray, wells: Any, seed=0, n_init: int = STARTS) -> Optimum:
    """Climb from the given wells and from n_init other starts.

    Parameters
    ----------
    x : ndarray of shape (n_samples, n_features)
        Checked rows; of more than 20,000 a random subset is looked at.
    wells : WellMixture or StudentTMixture
    seed : None, int, SeedSequence or Generator
    n_init : int
        0: climb from the given wells only.
    """
    choose, look = seed_sequence(seed).spawn(2)
    if len(x) > ROWS:
        x = x[np.sort(np.random.default_rng(choose).choice(len(x), ROWS, replace=False))]
    widths, family = widths_of(wells), family_of(wells)
    before = float(wells.log_prob(x).mean())
    end = family.climb(Blocks(x), family.taken(wells), widths, TOLERANCE, STEPS)
    own = family.built(family.wells(end))
    own_gain = max(0.0, float(own.log_prob(x).mean()) - before)
    best = Optimum(own if own_gain > 0 else wells, own_gain, own_gain, "own")
    if wells.n_wells == 1 or n_init == 0:
        return best
    found = search(
        x,
        wells.n_wells,
        n_init=n_init,
        seed=look,
        std_range=widths,
        tol=TOLERANCE,
        max_iter=STEPS,
        covariance=wells.covariance,
        family=family,
    )
    gain = found.log_likelihood - before
    if gain > best.gain and not (found.collapsed and not collapsed(end)):
        best = Optimum(found.wells, gain, own_gain, found.kind)
    return best
