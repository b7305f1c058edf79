"""The same wells with log Z = 0."""

from __future__ import annotations

from ..energies.well_mixture import WellMixture


def normalised(wells: WellMixture) -> WellMixture:
    """Return a copy whose energy is -log p."""
    theta = wells.theta
    # c, the last parameter, moves by log Z.
    theta[-1] += wells.log_partition()
    return WellMixture(wells.n_wells, wells.n_features, theta, covariance=wells.covariance)
