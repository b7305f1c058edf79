"""Any fitted density as an energy, and where it stands in the user's units."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._runtime.check import describe
from .._runtime.errors import NonFiniteError
from ..energies.base import Energy
from ..fitting.prepared import PreparedDensity
from ..fitting.scaled_network import ScaledNetwork
from ..fitting.scaled_wells import ScaledWells
from ..preprocess import Preprocessing
from ..preprocess.dropped import Copy

# Further out than this, in standard deviations, squares in the narrowest wells overflow.
FURTHEST = 1e150


@dataclass(frozen=True, eq=False)
class Place:
    """A density of x = offset + scale z.

    Attributes
    ----------
    energy : Energy
        Of z.
    offset, scale : ndarray of shape (n_features,)
        In units of x.
    names : tuple of str or None
        Of the columns of x.
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
        """Columns of x."""
        return self.energy.n_features

    @property
    def kept(self) -> np.ndarray:
        """The columns of x that z has."""
        return np.arange(self.n_features)

    def inwards(self, x: np.ndarray) -> np.ndarray:
        """From rows of x to rows of z; NaN stays NaN. Raises NonFiniteError where squares overflow."""
        z = (x - self.offset) / self.scale
        if (np.abs(z) > FURTHEST).any():
            row, j = map(int, np.argwhere(np.abs(z) > FURTHEST)[0])
            raise NonFiniteError(
                f"row {row} is so far from the data in column {int(self.kept[j])} that its density is beyond the range "
                "of float64; leave the row out"
            )
        return z

    def outwards(self, z: np.ndarray) -> np.ndarray:
        """From rows of z to rows of x."""
        return self.offset + self.scale * z

    def mended(self, x: np.ndarray) -> np.ndarray:
        """x with every cell of a left-out column as the others have it, which is where the density is not 0."""
        return x

    def log_slopes(self, x: np.ndarray) -> np.ndarray:
        """log(dz/dx) of every cell of the kept columns."""
        return np.broadcast_to(-np.log(self.scale), x.shape)


@dataclass(frozen=True, eq=False)
class PreparedPlace(Place):
    """A density of transformed columns: x, then y = preparation(x), then z = (y - offset) / scale.

    Of a cyclic column only the period that was fitted counts, not its images: what is said near its ends is rough.

    Attributes
    ----------
    preparation : Preprocessing
    """

    preparation: Preprocessing | None = None

    @property
    def _known(self) -> Preprocessing:
        assert self.preparation is not None
        return self.preparation

    @property
    def n_features(self) -> int:
        return self._known.n_features

    @property
    def kept(self) -> np.ndarray:
        return np.array(self._known.kept)

    def inwards(self, x):
        x = self._from_copies(x)
        y = np.full((len(x), len(self.kept)), np.nan)
        for i, column in enumerate(self.kept):
            action, own = self.preparation.columns[column].action, x[:, column]
            known = ~np.isnan(own)
            if (own[known] <= action.low).any():
                row = int(np.flatnonzero(known & (own <= action.low))[0])
                raise ValueError(
                    f"row {row}: {own[row]:.6g} is not above {action.low:.6g}, the bound of column "
                    f"{self.preparation.columns[column].name!r}"
                )
            y[known, i] = action.forward(own[known])
        return super().inwards(y)

    def _from_copies(self, x):
        # A missing cell may be told by a copy of its column.
        x = x.copy()
        for j, column in enumerate(self.preparation.columns):
            if isinstance(column.action, Copy):
                source = column.action.source
                gap = np.isnan(x[:, source]) & ~np.isnan(x[:, j])
                x[gap, source] = (x[gap, j] - column.action.offset) / column.action.slope
        return x

    def mended(self, x):
        out = x.copy()
        for j, column in enumerate(self.preparation.columns):
            if not column.kept:
                own, said = x[:, j], column.action.restored(x)
                breaks = ~np.isnan(own) & ~np.isnan(said) & ~column.action.agrees(own, x)
                out[breaks, j] = said[breaks]
        return out

    def outwards(self, z):
        return self.preparation._restored(super().outwards(z))

    def log_slopes(self, x):
        actions = [self.preparation.columns[j].action for j in self.kept]
        own = np.stack([a.log_slope(x[:, j]) for a, j in zip(actions, self.kept, strict=True)], axis=1)
        return own - np.log(self.scale)


def place_of(model) -> Place:
    """Where a density stands.

    Parameters
    ----------
    model : Energy, what a fit returned, or an estimator that has that as ``model_``

    Raises
    ------
    TypeError
        If it is none of these, or an estimator that is not fitted.
    """
    fitted = getattr(model, "model_", model)
    if isinstance(fitted, PreparedDensity):
        inner = place_of(fitted.inner)
        return PreparedPlace(
            inner.energy,
            inner.offset,
            inner.scale,
            fitted.names,
            inner.chains,
            preparation=fitted.preparation,
        )
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
