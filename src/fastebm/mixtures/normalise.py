"""The same wells with log Z = 0."""

from __future__ import annotations

import copy

from ..energies.student_mixture import StudentTMixture
from ..energies.well_mixture import WellMixture


def normalised(wells: WellMixture | StudentTMixture) -> WellMixture | StudentTMixture:
    """Return a copy whose energy is -log p."""
    same = copy.copy(wells)
    theta = wells.theta
    # c, the last parameter, moves by log Z.
    theta[-1] += wells.log_partition()
    same.theta = theta
    return same
