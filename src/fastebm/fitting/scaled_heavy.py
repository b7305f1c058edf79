"""Wells with heavy tails, fitted on standardised data and reported in the user's units."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._runtime.check import check_size, choice, integer
from .._runtime.seed import seed_sequence
from ..energies.python_energy import PythonEnergy
from ..energies.student_mixture import StudentTMixture
from ..energies.well_theta import COVARIANCES, LOG_L_LIMIT
from ..mixtures.heavy import search_heavy
from ..mixtures.search import n_starts
from ..mixtures.starts import check_distinct
from ..training.after_fit import conclude
from .scaled_wells import ScaledWells, _Rescaled, standardise

# Share of the standard deviation below which no scale is taken: a feature that is nearly constant but for a few rows.
LEAST = 0.01


@dataclass(frozen=True, eq=False)
class ScaledHeavyWells(ScaledWells):
    """A fitted density whose wells have heavy tails: rows far from all of them do not pull them.

    Attributes
    ----------
    wells : StudentTMixture
        The energy on standardised data z = (x - offset) / scale.
    offset, scale : ndarray of shape (n_features,)
        Median and robust standard deviation (1.4826 times the median distance from it, but at least a hundredth of the
        standard deviation), in units of x.
    """

    wells: Any

    @property
    def tails(self) -> str:
        """ "student"."""
        return "student"

    @property
    def degrees_of_freedom_(self) -> np.ndarray:
        """Degrees of freedom of each well, shape (n_wells,); 200 is as good as normal."""
        return self.wells.degrees_of_freedom_

    @property
    def scales_(self) -> np.ndarray:
        """Scales of each well, shape (n_wells, n_features), in units of x: standard deviations are these times the root
        of df / (df - 2)."""
        return self.scale * self.wells.scales_

    @property
    def stds_(self) -> np.ndarray:
        """Standard deviations, shape (n_wells, n_features), in units of x."""
        return np.sqrt(np.diagonal(self.covariances_, axis1=1, axis2=2))

    @property
    def energy_(self):
        """The normalised energy -log p(x) in units of x.

        A `StudentTMixture` where its range of scales (0.00064 to 775) allows it, else a `PythonEnergy` of the same
        density.
        """
        lower = np.diagonal(self.wells._factors(), axis1=1, axis2=2) / self.scale
        if not (np.abs(np.log(lower)) <= LOG_L_LIMIT).all():
            rescaled = _Rescaled(self.wells, self.offset, self.scale)
            return PythonEnergy(rescaled.energy, rescaled.grad, self.n_features)
        parts = self.weights_, self.means_
        if self.covariance == "diag":
            return StudentTMixture.from_mixture(*parts, self.scales_, self.degrees_of_freedom_)
        matrices = np.outer(self.scale, self.scale) * self.wells.scale_matrices_
        return StudentTMixture.from_mixture(*parts, df=self.degrees_of_freedom_, scale_matrices=matrices)


def robust_scale(x: np.ndarray, names=None) -> tuple[np.ndarray, np.ndarray]:
    """Return (median, robust standard deviation) of the columns, the latter at least a hundredth of the standard
    deviation; refuse a column without spread, as `standardise` does."""
    _, spread = standardise(x, names)
    offset = np.median(x, axis=0)
    return offset, np.maximum(1.4826 * np.median(np.abs(x - offset), axis=0), LEAST * spread)


def fit_heavy_rows(
    x: np.ndarray,
    n_wells,
    *,
    recipe="auto",
    n_init="auto",
    covariance="diag",
    seed=None,
    names=None,
    diagnose=True,
    strict=False,
) -> ScaledHeavyWells:
    """As `fit_wells` with ``tails="student"``, on checked rows.

    Raises
    ------
    ValueError, TypeError
        If an argument is out of range, or recipe is "contrastive".
    """
    k = integer(n_wells, "n_wells", 1)
    choice(covariance, "covariance", COVARIANCES)
    if recipe == "contrastive":
        raise ValueError(
            "tails='student' is fitted by likelihood: leave out recipe='contrastive', or train a StudentTMixture with "
            "ContrastiveDivergence"
        )
    offset, scale = robust_scale(x, names)
    z = (x - offset) / scale
    check_size(z)
    check_distinct(z, k)
    # The first child, as for normal wells.
    start = seed_sequence(seed).spawn(3)[0]
    starts = n_starts(n_init, z, k, covariance)
    found = search_heavy(z, k, n_init=starts, seed=start, covariance=covariance)
    named = None if names is None else tuple(map(str, names))
    fit = ScaledHeavyWells(found.wells, offset, scale, None, named, n_init=starts)
    return conclude(fit, z, diagnose, strict)
