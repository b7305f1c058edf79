"""A density fitted to transformed columns, and reported in the user's units."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from .._runtime import html
from .._runtime.check import samples
from .._runtime.errors import FastEBMWarning
from ..energies.affine import Affine
from ..energies.base import Energy
from ..preprocess import Preprocessing
from ..training.after_fit import _level_of_caller, conclude
from .prepared_energy import PreparedEnergy, shares_of


@dataclass(frozen=True, eq=False)
class PreparedDensity(html.Shown):
    """What a fit with ``preprocess=`` returns: the transforms of the columns, and the density of what they give.

    Attributes
    ----------
    preparation : Preprocessing
        The transforms; ``print`` it to see what was decided, and why.
    inner : ScaledWells or ScaledNetwork
        The density of z, the transformed rows of the kept columns. Its numbers are in units of z.
    warnings, not_checked : list
        What the checks have to say about the columns and about the fit, and what they did not look at.
    why : str
        Where rows that were not fitted have chosen the transforms (`fit_auto`): what these gain.

    Notes
    -----
    log p(x) = log p(z(x)) + log(dz/dx): a density per unit of X, of the columns that were kept. Constant columns and
    exact copies of others take no part in it: samples carry them, and a row with another value there has log-density
    -inf. The density of a rounded column is that of the values before rounding, at the value that is asked for.

    Examples
    --------
    >>> import fastebm as fe, numpy as np
    >>> depth = np.random.default_rng(0).lognormal(1.0, 1.0, 500)
    >>> fit = fe.fit_wells(depth, 1, preprocess="auto", seed=1)
    >>> print(fit.preparation)
    feature 0  log(x) (not negative and near 0; a normal law gains 0.69 nats a row)
    >>> bool((fit.sample(1000, seed=2) > 0).all()), fit.means_.shape
    (True, (1, 1))
    """

    preparation: Preprocessing
    inner: Any
    warnings: list = field(default_factory=list)
    not_checked: list = field(default_factory=list)
    why: str = ""

    @property
    def n_features(self) -> int:
        """Number of columns of X."""
        return self.preparation.n_features

    @property
    def names(self) -> tuple[str, ...] | None:
        """Names of the columns of X, if they were given."""
        return self.preparation.names if self.preparation.named else None

    @property
    def training(self):
        """The training run, on standardised z; None after EM."""
        return self.inner.training

    @property
    def gained(self) -> float:
        """Of wells: what the check of a training run gained; see `ScaledWells`."""
        return getattr(self.inner, "gained", 0.0)

    @property
    def candidates(self) -> np.ndarray | None:
        """Of `fit_auto`: what was tried, in nats a row of X."""
        return getattr(self.inner, "candidates", None)

    @property
    def polished(self) -> bool:
        """Of wells: did EM go on from what training had found?"""
        return getattr(self.inner, "polished", False)

    @property
    def wells(self):
        """The `ScaledWells` of z that are the density; None if a network is, or an energy of the user's."""
        return wells_of(self.inner)

    @property
    def n_wells(self) -> int:
        """Number of wells."""
        return self._of_wells("n_wells")

    @property
    def weights_(self) -> np.ndarray:
        """Mass of each well, shape (n_wells,), sums to 1."""
        return self._of_wells("weights_")

    @property
    def means_(self) -> np.ndarray:
        """Centre of each well, shape (n_wells, n_features), in units of X; its median where a column is transformed."""
        return self.preparation._restored(self._of_wells("means_"), snap=False)

    @property
    def stds_(self) -> np.ndarray:
        """Width of each well, shape (n_wells, n_features), in units of X: half of the range that has the middle 68 %
        of its mass, which is the standard deviation where a column is not transformed; 0 for a constant."""
        kept = self.preparation._widths(self._of_wells("means_"), self._of_wells("stds_"))
        return kept @ np.abs(self.preparation._loadings).T

    @property
    def degrees_of_freedom_(self) -> np.ndarray | None:
        """Degrees of freedom of each well with heavy tails, shape (n_wells,); None of normal wells."""
        return self._of_wells("degrees_of_freedom_")

    @property
    def covariance(self) -> str:
        """Of the wells: "diag" or "full"."""
        return self._of_wells("covariance")

    @property
    def covariances_(self) -> np.ndarray:
        """Shape (n_wells, n_features, n_features): the widths, with the correlations of the transformed columns."""
        inner, stds = self._of_wells("covariances_"), self._of_wells("stds_")
        r = inner / (stds[:, :, None] * stds[:, None, :])
        along = self.preparation._loadings
        widths = self.preparation._widths(self._of_wells("means_"), stds)
        return along @ (r * widths[:, :, None] * widths[:, None, :]) @ along.T

    def _of_wells(self, name):
        wells = self.wells
        if wells is None:
            raise AttributeError(f"the density is no wells, so it has no {name}")
        return getattr(wells, name)

    @cached_property
    def energy_(self) -> Energy:
        """The normalised energy -log p in units of X, of the kept columns (``preparation.kept``).

        That of the density itself where no column is transformed, else a `PreparedEnergy`. It is infinite outside the
        support.
        """
        energy = self.inner.energy_
        if self.preparation.is_plain:
            return energy
        wells = self.wells
        if wells is not None and not energy.has_exact_sample:
            # Beyond the widths that wells can have in units of z.
            energy = Affine(wells.wells, wells.scale, wells.offset)
        return PreparedEnergy(self.preparation, energy)

    def score_samples(self, X) -> np.ndarray:
        """log p(x) of every row of X, shape (n_samples,), a density per unit of the kept columns of X.

        Outside the support it is -inf, and a `FastEBMWarning` says how many rows are and in which columns.

        Raises
        ------
        NonFiniteError
            If a row is so far out that its transform is beyond float64.
        """
        return self._log_prob(samples(X, self.n_features)[0])

    def _log_prob(self, x: np.ndarray) -> np.ndarray:
        z, inside, log_slopes = self.preparation._mapped(x)
        self.preparation._check_range(x, z)
        out = np.full(len(x), -np.inf)
        if inside.any():
            z = z[inside]
            parts = [self.inner._log_prob(z + image) for image in self.preparation.images]
            out[inside] = np.logaddexp.reduce(np.stack(parts), axis=0) + log_slopes[inside]
        self._say_outside(x, inside)
        return out

    def _say_outside(self, x, inside):
        if not inside.all():
            warnings.warn(self.preparation._outside(x, inside), FastEBMWarning, stacklevel=_level_of_caller())

    def shares(self, X) -> np.ndarray:
        """Share of each well in the density at every row of X, shape (n_samples, n_wells); rows sum to 1.

        A row outside the support, of which a `FastEBMWarning` tells, has those of a place inside.
        """
        return self._shares(samples(X, self.n_features)[0])

    def _shares(self, x):
        self._of_wells("_shares")
        z, inside, _ = self.preparation._mapped(x)
        self._say_outside(x, inside)
        return shares_of(self.preparation, _OnZ(self.wells), z)

    def sample(self, n: int, seed=None) -> np.ndarray:
        """Draw n samples, shape (n, n_features), in units of X: rounded as the data are, left-out columns restored."""
        return self.preparation._restored(self.inner.sample(n, seed=seed))

    def _html(self) -> str:
        columns = html.table([(c.name, str(c)) for c in self.preparation.columns])
        wells = self.wells
        if wells is None:
            inside = html.Markup(self.inner._repr_html_() or html.code(self.inner))
            rows = [("density of the transformed columns", "a network, or an energy of the user's")]
            table = html.folded("the density of the transformed columns", inside)
        else:
            rows = [("wells", self.n_wells), ("covariance", self.covariance)]
            table = html.table(
                [
                    (j + 1, f"{w:.4f}", *(f"{m:.4g} ± {s:.3g}" for m, s in zip(mean, std, strict=True)))
                    for j, (w, mean, std) in enumerate(
                        zip(self.weights_, self.means_, self.stds_, strict=True)
                    )
                ],
                ("well", "weight", *self.preparation.names),
            )
        return html.card(
            "PreparedDensity", rows, columns, table, html.verdict(self.warnings, self.not_checked)
        )

    def __str__(self) -> str:
        return "\n".join([str(self.preparation), *([self.why] if self.why else []), repr(self.inner)])


class _OnZ:
    """Shares and energies of wells, as `shares_of` asks for them."""

    def __init__(self, fit):
        self.fit, self.shares = fit, fit._shares

    def _energy_with_walls(self, z):
        return -self.fit._log_prob(z)


def wells_of(fit):
    """The wells that are a fitted density, in its own units; None if a network is, or an energy of the user's.

    Parameters
    ----------
    fit : ScaledWells, ScaledNetwork or PreparedDensity
    """
    if isinstance(fit, PreparedDensity):
        return None if fit.wells is None else fit
    better = getattr(fit, "better", None)
    return fit if better is None else None if better else fit.wells


def prepared(preparation: Preprocessing, inner, x, diagnose=True, strict=False, why="") -> PreparedDensity:
    """A density of z with the transforms that made z, checked.

    Parameters
    ----------
    preparation : Preprocessing
    inner : ScaledWells or ScaledNetwork
        Fitted to z.
    x : ndarray of shape (n_samples, n_features)
        The rows, in units of X.
    diagnose, strict : bool
        See `fit_wells`.
    why : str
        Why there are transforms.
    """
    # Errors of the inner fit were heard when it ended.
    return conclude(PreparedDensity(preparation, inner, why=why), x, diagnose, strict, heard=False)
