"""Which cell makes a row odd?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .._runtime.check import describe, interval, samples
from ..energies.base import Energy
from .parts import Parts, parts_of
from .place import Place, place_of

# Numbers of a block of rows.
AT_ONCE = 2_000_000
# Steps to the top of a conditional mixture, from the centre of its highest part.
CLIMBS = 30
# Without closed forms: points along a cell, and how far it may be from the middle of the data, in their standard
# deviations, where the range is not given.
POINTS, REACH = 241, 6.0


@dataclass(frozen=True, eq=False)
class Explanation:
    """What `explain` returns. Every cell is compared with what it could be, the others of its row being what they are.

    Attributes
    ----------
    nats : ndarray of shape (n_samples, n_features)
        By how much the row would be likelier if this cell alone were changed to its likeliest value: at least 0, free
        of units. A normal cell lies 0.5 above on average, one of three standard deviations 4.5. Of columns that are
        left out of the density (``preprocess=``): infinite where the value is another than it must be, else 0.
    likeliest : ndarray of shape (n_samples, n_features)
        That value, in the units of X.
    surprise : ndarray of shape (n_samples, n_features)
        -log p(x_j given the rest of the row), in nats, for the density per unit of x_j.
    column : ndarray of int, shape (n_samples,)
        The cell with the largest nats.
    names : tuple of str or None
        Of the columns.

    Examples
    --------
    >>> import fastebm as fe
    >>> wells = fe.WellMixture.from_mixture([0.5, 0.5], [[-1.0, 0.0], [1.0, 5.0]], [[0.3, 1.0], [0.3, 1.0]])
    >>> said = fe.explain(wells, [[1.0, 8.0]])
    >>> said.column_names, said.nats.round(1).tolist()
    (['column 2'], [[0.0, 4.5]])
    """

    nats: np.ndarray
    likeliest: np.ndarray
    surprise: np.ndarray
    column: np.ndarray
    names: tuple[str, ...] | None = None

    @property
    def column_names(self) -> list[str]:
        """The name of `column` for every row: as the model knows it, else "column 1", "column 2", ..."""
        return [self.names[j] if self.names else f"column {j + 1}" for j in self.column]

    def __repr__(self) -> str:
        return f"Explanation({len(self.column)} rows, {self.nats.shape[1]} columns)"


def explain(model, X, *, bounds=None) -> Explanation:
    """For every cell of X: how much likelier would its row be if only this cell were another?

    Parameters
    ----------
    model : Energy, EnergyDensity, or what a fit returned
    X : array-like of shape (n_samples, n_features)
    bounds : sequence of (low, high), one for each feature, optional
        Where a cell may be, in the units of X: for an energy without closed conditional forms, whose cells are moved
        along 241 points. By default six standard deviations around the mean of the data of a fit; an energy of its own
        needs them. Cells outside widen their range.

    Returns
    -------
    Explanation

    Raises
    ------
    ValueError, TypeError
        If X does not fit the model, or bounds are needed or wrong.

    Notes
    -----
    Closed form for wells of all kinds and normal laws: with d = x - m_k and P_k the precision of part k, its
    conditional for cell j has the mean x_j - (P_k d)_j / P_k,jj, the variance 1 / P_k,jj (of laws of Student more) and
    a weight in which the cell is integrated out. The likeliest value is a mode of that mixture. log Z is not needed for
    ``nats``. A transformed column (``preprocess=``) is compared as it is after the transform.

    Examples
    --------
    >>> import fastebm as fe
    >>> wells = fe.WellMixture.from_mixture([0.5, 0.5], [[-1.0, 0.0], [1.0, 5.0]], [[0.3, 1.0], [0.3, 1.0]])
    >>> said = fe.explain(wells, [[1.0, 0.0], [1.0, 5.0]])
    >>> said.nats.round(1).tolist(), said.likeliest[0].round(1).tolist()
    ([[12.5, 12.5], [0.0, 0.0]], [-1.0, 5.0])
    """
    place = place_of(model)
    x = samples(X, place.n_features)[0]
    z = place.inwards(x)
    parts = parts_of(place.energy)
    if parts is not None:
        nats, best, surprise = _in_blocks(_closed, parts, z, len(parts.means) * z.shape[1])
    else:
        ranges = _ranges(bounds, place)
        nats, best, surprise = _in_blocks(_along, (place.energy, ranges), z, POINTS * z.shape[1])
    surprise = surprise - place.log_slopes(x)
    kept = place.kept
    whole = np.zeros((3, *x.shape))
    # Left-out columns follow from the others: what they should be is certain.
    whole[1] = place.mended(x)
    whole[0][whole[1] != x] = whole[2][whole[1] != x] = np.inf
    whole[0][:, kept], whole[2][:, kept] = nats, surprise
    whole[1][:, kept] = place.outwards(best)[:, kept]
    return Explanation(whole[0], whole[1], whole[2], whole[0].argmax(axis=1), place.names)


def _in_blocks(function, of, z, numbers):
    size = max(1, AT_ONCE // numbers)
    parts = [function(of, z[start : start + size]) for start in range(0, len(z), size)]
    return tuple(np.concatenate(p) for p in zip(*parts, strict=True))


def _closed(parts: Parts, z):
    """nats, likeliest, surprise; shapes (n, n_features)."""
    cells = parts.cells(z)
    here, _ = cells.log_whole(z)
    # From the centre of the part that is highest there, uphill.
    best, top = z, here
    tops = np.stack([cells.log_whole(cells.centres[:, k])[0] for k in range(cells.centres.shape[1])])
    at = np.take_along_axis(cells.centres, tops.argmax(axis=0)[:, None], axis=1)[:, 0]
    for _ in range(CLIMBS):
        value, terms = cells.log_whole(at)
        better = value > top
        best, top = np.where(better, at, best), np.where(better, value, top)
        moved = cells.uphill(at, terms)
        if np.abs(moved - at).max() < 1e-9:
            break
        at = moved
    return top - here, best, cells.log_rest() - here


def _ranges(bounds, place: Place):
    d = len(place.scale)
    if bounds is None:
        if not place.standard:
            raise ValueError(
                "where this energy has its mass is not known; give bounds, a (low, high) for each feature"
            )
        return np.full(d, -REACH), np.full(d, REACH)
    if len(bounds) != d:
        raise ValueError(f"bounds must hold a (low, high) for each of {d} features, got {describe(bounds)}")
    ends = np.array([interval(b, f"bounds[{j}]") for j, b in enumerate(bounds)], dtype=float)
    low, high = place.inwards(ends.T)
    return low, high


def _along(of, z):
    """The same by moving one cell at a time along its range: the trapezoid rule, and a parabola at the top."""
    energy, (low, high) = of
    n, d = z.shape
    here = _energies(energy, z)
    nats, best, surprise = np.empty((n, d)), np.empty((n, d)), np.empty((n, d))
    steps = np.linspace(0.0, 1.0, POINTS)
    for j in range(d):
        start, end = np.minimum(low[j], z[:, j]), np.maximum(high[j], z[:, j])
        grid = start[:, None] + (end - start)[:, None] * steps
        whole = np.repeat(z, POINTS, axis=0)
        whole[:, j] = grid.ravel()
        e = _energies(energy, whole).reshape(n, POINTS)
        lowest = e.argmin(axis=1)
        bottom, at = _parabola(e, grid, lowest)
        closer = bottom < here
        nats[:, j] = np.where(closer, here - bottom, 0.0)
        best[:, j] = np.where(closer, at, z[:, j])
        weight = np.exp(np.minimum(e.min(axis=1), here)[:, None] - e)
        mass = (weight.sum(axis=1) - 0.5 * (weight[:, 0] + weight[:, -1])) * (grid[:, 1] - grid[:, 0])
        with np.errstate(divide="ignore"):
            surprise[:, j] = here - np.minimum(e.min(axis=1), here) + np.log(mass)
    return nats, best, surprise


def _energies(energy: Energy, rows):
    return energy._energy_with_walls(rows)


def _parabola(e, grid, lowest):
    rows, inner = np.arange(len(e)), np.clip(lowest, 1, e.shape[1] - 2)
    a, b, c = (e[rows, inner + k] for k in (-1, 0, 1))
    with np.errstate(invalid="ignore", divide="ignore"):
        curve = a - 2.0 * b + c
        shift = np.where(curve > 0, 0.5 * (a - c) / curve, 0.0)
    usable = (lowest == inner) & (np.abs(shift) <= 1.0) & np.isfinite(curve)
    shift = np.where(usable, shift, 0.0)
    value = np.where(usable, b - 0.25 * (a - c) * shift, e[rows, lowest])
    return value, grid[rows, np.where(usable, inner, lowest)] + shift * (grid[:, 1] - grid[:, 0])
