"""What exact likelihood tells about a fit, for energies whose best fit can be found in another way."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import singledispatch

import numpy as np

from ..energies.base import Energy
from ..energies.gaussian import Gaussian
from ..energies.student_mixture import StudentTMixture
from ..energies.well_mixture import WellMixture
from ..mixtures.adequacy import cost_of_limits, held_out_gap, one_more
from ..mixtures.optimum import STARTS, optimum


@dataclass(frozen=True, eq=False)
class Examination:
    """A fit beside the best one that is known. Gains are in nats a row; NaN where a number does not apply.

    Attributes
    ----------
    best : Energy
        The best fit that was found, the one under examination included.
    gain : float
        Mean log-likelihood of the rows under the best above that under the fit; at least 0.
    own_gain : float
        The same for the optimum that the fit itself belongs to.
    start : str
        From where the best was found.
    one_more : float
        What one more mode gains beyond the best.
    gap, gap_error : float
        How much more likely rows are to the best than to one fitted without them, and the standard error.
    limits : float
        What modes could gain that are as narrow or as wide as the energy allows, if it allowed more.
    """

    best: Energy
    gain: float
    own_gain: float
    start: str
    one_more: float = math.nan
    gap: float = math.nan
    gap_error: float = math.nan
    limits: float = 0.0


@singledispatch
def examine(energy: Energy, x: np.ndarray, seed=0, searched=False) -> Examination | None:
    """Look for a better fit of the same family.

    Parameters
    ----------
    energy : Energy
        The fit.
    x : ndarray of shape (n_samples, n_features)
        The rows it was fitted to, checked.
    seed : None, int, SeedSequence or Generator
        Of the search.
    searched : bool
        The fit is the best of several starts already: look from the fit itself only.

    Returns
    -------
    Examination or None
        None for a family whose best fit is not known.
    """
    return None


@examine.register(StudentTMixture)
@examine.register(WellMixture)
def _of_wells(energy, x, seed=0, searched=False):
    found = optimum(x, energy, seed, 0 if searched else STARTS)
    gap, error = held_out_gap(x, found.wells, seed)
    more = one_more(x, found.wells, seed)
    limits = cost_of_limits(x, found.wells)
    return Examination(found.wells, found.gain, found.own_gain, found.kind, more, gap, error, limits)


@examine.register
def _of_gaussian(energy: Gaussian, x, seed=0, searched=False):
    try:
        best = Gaussian.fit(x)
    except ValueError:
        # Fewer rows than features, or one that is a combination of others: the likelihood has no maximum.
        return None
    gain = max(0.0, float(best.log_prob(x).mean() - energy.log_prob(x).mean()))
    return Examination(best, gain, gain, "own")
