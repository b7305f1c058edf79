"""Any fitted density as an energy, and where it stands in the user's units."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._runtime.check import describe
from ..energies.base import Energy
from ..fitting.scaled_network import ScaledNetwork
from ..fitting.scaled_wells import ScaledWells


class Place(NamedTuple):
    """A density of x = offset + scale z.

    Attributes
    ----------
    energy : Energy
        Of z.
    offset, scale : ndarray of shape (n_features,)
        In units of x.
    names : tuple of str or None
        Of the features.
    chains : ndarray of shape (n, n_features) or None
        States of chains that ran towards the density, in units of z: where to start others.
    standard : bool
        Are offset and scale the mean and standard deviation of data?
    """

    energy: Energy
    offset: np.ndarray
    scale: np.ndarray
    names: tuple[str, ...] | None = None
    chains: np.ndarray | None = None
    standard: bool = True

    @property
    def n_features(self) -> int:
        """Dimension of x."""
        return self.energy.n_features

    def inwards(self, x):
        """From x to z; NaN stays NaN."""
        return (x - self.offset) / self.scale

    def outwards(self, z):
        """From z to x."""
        return self.offset + self.scale * z


def place_of(model) -> Place:
    """Where a density stands.

    Parameters
    ----------
    model : Energy, ScaledWells, ScaledNetwork, or an estimator that has one as ``model_``

    Raises
    ------
    TypeError
        If it is none of these, or an estimator that is not fitted.
    """
    fitted = getattr(model, "model_", model)
    if isinstance(fitted, ScaledNetwork) and not fitted.better:
        fitted = fitted.wells
    if isinstance(fitted, Energy):
        n = fitted.n_features
        return Place(fitted, np.zeros(n), np.ones(n), standard=False)
    if isinstance(fitted, ScaledWells):
        return Place(fitted.wells, fitted.offset, fitted.scale, fitted.names)
    if isinstance(fitted, ScaledNetwork):
        chains = np.reshape(fitted.training.buffer.states, (-1, fitted.n_features))
        return Place(fitted.network, fitted.offset, fitted.scale, fitted.names, chains)
    raise TypeError(
        "model must be an energy, what fit_wells or fit_network returned, or a fitted EnergyDensity, got "
        f"{describe(model)}"
    )
