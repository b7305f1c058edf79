"""How likely rows are to wells that have not seen them."""

from __future__ import annotations

import numpy as np

from .._runtime.seed import seed_sequence
from ..energies.student_mixture import StudentTMixture
from ..energies.well_mixture import WellMixture
from ._em import Blocks
from .adequacy import FOLDS, STEPS, TOLERANCE
from .search import family_of, widths_of

# Scores that are kept, at most: for a threshold that one row in a thousand is below they tell it within 45 %.
MOST = 5000


def held_out_scores(x: np.ndarray, wells: WellMixture | StudentTMixture, seed=0) -> np.ndarray | None:
    """Log-densities of rows, each under wells that were fitted to the other four fifths of them.

    Parameters
    ----------
    x : ndarray of shape (n_samples, n_features)
        Checked rows; of more than 5,000 a random subset is scored, by wells of the others.
    wells : WellMixture or StudentTMixture
        At their optimum: the climbs of the fits begin there.
    seed : None, int, SeedSequence or Generator

    Returns
    -------
    ndarray of shape (n,), sorted, or None
        None for fewer than 10 rows.
    """
    if len(x) < 2 * FOLDS:
        return None
    order = np.random.default_rng(seed_sequence(seed)).permutation(len(x))[:MOST]
    scores, family = [], family_of(wells)
    for part in np.array_split(order, FOLDS):
        rest = np.delete(x, part, axis=0)
        end = family.climb(Blocks(rest), family.taken(wells), widths_of(wells), TOLERANCE, STEPS)
        scores.append(family.built(family.wells(end)).log_prob(x[part]))
    return np.sort(np.concatenate(scores))
