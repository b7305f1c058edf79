"""Rows given some of their cells: samples of the rest, and missing cells filled in."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Mapping

import numpy as np

from .._runtime.check import choice, integer, numeric
from .._runtime.errors import FastEBMWarning
from .._runtime.seed import seed_sequence
from ..energies.conditioned import Conditioned
from ..sampling import Sample, sample
from ..training.after_fit import _level_of_caller
from . import langevin
from .parts import Parts, parts_of
from .place import Place, place_of

# Numbers of each part that are worked on at once.
AT_ONCE = 1_000_000


def conditional_sample(model, given, n_samples, *, seed=None, **options) -> Sample:
    """Draw rows of which some cells are known.

    Of wells of all kinds and normal laws the samples are independent and exact. For any other energy the known cells
    are held fixed and chains of the others are run by `fastebm.sample`, which says whether to believe them.

    Parameters
    ----------
    model : Energy, EnergyDensity, or what a fit returned
    given : array-like of shape (n_features,), or dict
        The row with NaN in every cell that is to be drawn; or {name or number of a feature: value}.
    n_samples : int
        At least 1.
    seed : None, int, SeedSequence or Generator
    **options
        Of `fastebm.sample`, for an energy that cannot be sampled directly.

    Returns
    -------
    Sample
        ``x`` holds whole rows, in the units of the model. Its trace is that of the drawn cells, as the model has them
        inside (a fit standardises).

    Raises
    ------
    ValueError, TypeError
        If given does not fit the model, has an infinite cell or none to be drawn.

    Examples
    --------
    >>> import fastebm as fe
    >>> wells = fe.WellMixture.from_mixture([0.5, 0.5], [[-1.0, 0.0], [1.0, 5.0]], [[0.3, 1.0], [0.3, 1.0]])
    >>> rows = fe.conditional_sample(wells, {0: 1.0}, 1000, seed=1).x
    >>> rows.shape, rows.mean(axis=0).round(1).tolist()
    ((1000, 2), [1.0, 5.0])
    """
    place = place_of(model)
    row = _row(given, place)
    n = integer(n_samples, "n_samples", 1)
    _agreed(place, row[None], "given")
    z = place.inwards(row[None])[0]
    observed = np.flatnonzero(~np.isnan(z))
    if len(observed) == len(z):
        raise ValueError("the cells to draw follow from the others: they are constant, or copies of them")
    whole, free = np.tile(z, (n, 1)), np.flatnonzero(np.isnan(z))
    parts = parts_of(place.energy)
    if parts is not None and "sampler" not in options:
        law = parts.given(observed, z[None, observed])
        whole[:, free] = law.repeated(n).draw(np.random.default_rng(seed_sequence(seed)))
        drawn = Sample(whole, None, np.ones(len(free)), np.full(len(free), float(n)), None, None, 0)
    else:
        rest = Conditioned(place.energy, observed, z[observed])
        if place.chains is not None:
            options.setdefault("x0", place.chains[:, free])
        drawn = sample(rest, n, seed=seed, **options)
        whole[:, free] = drawn.x
    x = np.where(np.isnan(row), place.outwards(whole), row)
    return dataclasses.replace(drawn, x=x)


def _row(given, place: Place) -> np.ndarray:
    d = place.n_features
    if isinstance(given, Mapping):
        row = np.full(d, np.nan)
        for key, value in given.items():
            row[_feature(key, place)] = numeric([value], f"given[{key!r}]")[0]
    else:
        row = numeric(given, "given").copy()
    if row.shape != (d,):
        raise ValueError(f"given must have shape ({d},), with NaN in the cells to draw, got {row.shape}")
    if np.isinf(row).any():
        raise ValueError(f"given[{int(np.flatnonzero(np.isinf(row))[0])}] is infinite")
    if not np.isnan(row).any():
        raise ValueError(
            "given has no cell to draw: put NaN where the model is to draw, or leave it out of the dict"
        )
    return row


def _feature(key, place: Place) -> int:
    names = place.names or ()
    if isinstance(key, str):
        if key not in names:
            known = f"; they are {', '.join(names)}" if names else " (this model has no names: use numbers)"
            raise ValueError(f"given names {key!r}, which is no feature of the model{known}")
        return names.index(key)
    return integer(key, "a feature in given", 0, place.n_features - 1)


def impute(model, X, *, how="mean", seed=None) -> np.ndarray:
    """Fill the missing cells of X in by what the density says of them, given the other cells of their row.

    Parameters
    ----------
    model : Energy, EnergyDensity, or what a fit returned
    X : array-like of shape (n_samples, n_features)
        NaN where a cell is missing; a row may miss all of them.
    how : {"mean", "draw"}, default "mean"
        The conditional mean, which is the best single guess by squared error, or a draw from the conditional law, which
        keeps spreads and correlations as they are. Several tables of draws, by several seeds, tell how much an analysis
        depends on what was missing (multiple imputation).
    seed : None, int, SeedSequence or Generator
        Of the draws, and of the chains.

    Returns
    -------
    ndarray of shape (n_samples, n_features)
        A copy; cells that were there are unchanged, to the bit.

    Raises
    ------
    ValueError, TypeError
        If X does not fit the model or holds infinity.

    Notes
    -----
    Of a transformed column (``preprocess=``) the mean is that of the transformed values, mapped back: near its median.
    Of a cyclic one, values near the ends of its period are rough.

    Exact for wells of all kinds and normal laws. For any other energy, Langevin steps with an accept step move the
    missing cells of all rows at once, the others held fixed, until the chains of every row agree (R-hat); a
    `FastEBMWarning` says for how many rows they do not.

    Examples
    --------
    >>> import fastebm as fe, numpy as np
    >>> wells = fe.WellMixture.from_mixture([0.5, 0.5], [[-1.0, 0.0], [1.0, 5.0]], [[0.3, 1.0], [0.3, 1.0]])
    >>> fe.impute(wells, [[1.0, np.nan], [0.3, 0.4]]).round(2).tolist()
    [[1.0, 5.0], [0.3, 0.4]]
    """
    place = place_of(model)
    choice(how, "how", ("mean", "draw"))
    x = _with_gaps(X, place.n_features)
    missing = np.isnan(x)
    if not missing.any():
        return x
    # A row without gaps is not asked about.
    _agreed(place, np.where(missing.any(axis=1, keepdims=True), x, np.nan), "row {}")
    z = place.inwards(x)
    gaps = np.isnan(z)
    parts = parts_of(place.energy)
    if not gaps.any():
        filled = z
    elif parts is None:
        filled = _by_chains(place, z, gaps, how, seed)
    else:
        filled = _exactly(parts, z, gaps, how, np.random.default_rng(seed_sequence(seed)))
    x[missing] = place.outwards(filled)[missing]
    return x


def _agreed(place: Place, x, what):
    mended = place.mended(x)
    wrong = np.argwhere(~np.isnan(x) & (mended != x))
    if len(wrong):
        i, j = (int(v) for v in wrong[0])
        raise ValueError(
            f"{what.format(i)} has {x[i, j]:.6g} in feature {j}, which the model has as {mended[i, j]:.6g} there (a "
            "constant, or a copy of another feature), so its density is 0; put NaN there"
        )


def _with_gaps(X, d) -> np.ndarray:
    x = numeric(X, "X")
    if x.ndim == 1 and d == 1:
        x = x[:, None]
    if x.ndim != 2 or x.shape[1] != d:
        raise ValueError(f"X must have shape (n_samples, {d}), got {x.shape}")
    if np.isinf(x).any():
        i, j = (int(v) for v in np.argwhere(np.isinf(x))[0])
        raise ValueError(f"X[{i}, {j}] is infinite; a missing cell is NaN")
    return x.copy()


def _exactly(parts: Parts, z, missing, how, rng) -> np.ndarray:
    filled = z.copy()
    patterns, which = np.unique(missing, axis=0, return_inverse=True)
    size = max(1, AT_ONCE // (len(parts.means) * z.shape[1]))
    for p, gaps in enumerate(patterns):
        if not gaps.any():
            continue
        rows, observed = np.flatnonzero(which.ravel() == p), np.flatnonzero(~gaps)
        for start in range(0, len(rows), size):
            part = rows[start : start + size]
            law = parts.given(observed, z[part][:, observed])
            filled[part[:, None], np.flatnonzero(gaps)] = law.mean() if how == "mean" else law.draw(rng)
    return filled


def _by_chains(place: Place, z, missing, how, seed):
    rows = np.flatnonzero(missing.any(axis=1))
    run = langevin.fill(place.energy, z[rows], place.chains, seed)
    if len(run.apart):
        warnings.warn(
            f"the chains of {len(run.apart)} of {len(rows)} rows with missing cells disagree after {run.n_steps} steps "
            f"(R-hat up to {run.rhat.max():.2f}, limit {langevin.GOOD:.2f}): their cells may be from one of several "
            "places. conditional_sample of such a row looks further; the first is row "
            f"{int(rows[run.apart[0]])}",
            FastEBMWarning,
            stacklevel=_level_of_caller(),
        )
    filled = z.copy()
    filled[rows] = run.mean if how == "mean" else run.last
    return filled
