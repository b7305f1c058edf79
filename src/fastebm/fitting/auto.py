"""The density under which unseen rows are likeliest, of wells of all kinds and of a network."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from warnings import catch_warnings, simplefilter

import numpy as np

from .._runtime.check import integer, real, rows
from .._runtime.errors import FastEBMWarning
from .._runtime.progress import bar
from .._runtime.seed import seed_sequence
from ..preprocess import is_asked, prepare_rows
from ..training.after_fit import check_strict, conclude
from .grid import off_the_grid
from .network import fit_network_rows
from .prepared import PreparedDensity, prepared
from .scaled_network import ScaledNetwork
from .scaled_wells import SELECTION_ROWS, ScaledWells
from .standardise import standardise
from .wells_search import search_wells
from .worth import choose_transforms

# Fewer rows than this are left to wells. Held out, a network was behind them by 0.02 to 0.04 nats a row (moons, 1,000
# to 10,000 rows) or 2 (digits, 1,437), or ahead by 0.002 (a ring, 3,000 and 10,000); it took 0.6 to 12 times as long.
NETWORK_ROWS = 5000
CANDIDATES = np.dtype(
    [
        ("family", "U24"),
        ("n_wells", np.int64),
        ("shrinkage", np.float64),
        ("log_likelihood", np.float64),
        ("standard_error", np.float64),
        ("seconds", np.float64),
        ("weight", np.float64),
        ("chosen", np.bool_),
    ]
)


def fit_auto(
    X,
    *,
    max_wells=None,
    n_folds=5,
    hidden="auto",
    max_seconds=None,
    seed=None,
    progress=False,
    names=None,
    preprocess="choose",
    diagnose=True,
    strict=False,
) -> ScaledWells | ScaledNetwork | PreparedDensity:
    """Choose a density by the likelihood of rows that were not fitted.

    Wells are tried with diagonal and full covariances, with normal and heavy tails, in growing numbers until unseen
    rows gain nothing, and with covariances shrunk towards what wells share or towards no correlations. The likeliest
    are put together, each with a weight: a mean of densities of wells is one of wells. From 5,000 rows a network is
    tried too, and taken where it is better by two standard errors. Rounded columns are seen with noise of their step.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features), or (n_samples,)
        Finite data. Of more than 20,000 rows a random subset chooses.
    max_wells : int, optional
        Largest number of wells of one candidate; by default as many as the data bear (four rows for each).
    n_folds : int, default 5
        At least 2.
    hidden : sequence of int or "auto", default "auto"
        Of the network: see `fit_network`.
    max_seconds : float, optional
        Stop training the network after so long; 0 tries none. The result then depends on the speed of the machine.
    seed : None, int, SeedSequence or Generator
    progress : bool, default False
        Show progress bars (needs tqdm).
    names : sequence of str, optional
        Names of the features, for messages.
    preprocess : {"choose", "none", None, "auto"} or dict, default "choose"
        Transform the columns first: see `Preprocessing.fit`. "choose" does so where rows that were not fitted gain by
        it clearly, by two standard errors, and leaves out constant columns and copies of others in any case.
    diagnose, strict : bool
        As in `fit_wells`.

    Returns
    -------
    ScaledWells, ScaledNetwork or PreparedDensity
        With ``candidates``, a structured array, the likeliest first: ``family``, ``n_wells``, ``shrinkage`` (in rows
        for each feature), ``log_likelihood`` (mean of unseen rows, nats, in units of X), ``standard_error`` (of its
        difference from the density that was taken; NaN where only some folds were looked at), ``seconds``, ``weight``
        and ``chosen``. The row "wells together" is the weighted mean, with weights that were chosen without the rows
        they are judged by.

    Raises
    ------
    ValueError, TypeError
        If X or an argument is out of range.
    UntrustedFitError
        With strict=True, if there are warnings. It carries the fit.

    Examples
    --------
    >>> import fastebm as fe, numpy as np
    >>> rng = np.random.default_rng(0)
    >>> x = np.r_[rng.standard_t(3, (200, 2)), rng.normal([8, 0], 1, (100, 2))]
    >>> fit = fe.fit_auto(x, seed=0)
    >>> str(fit.candidates["family"][0])
    'wells together'
    >>> fit.sample(5, seed=1).shape
    (5, 2)
    """
    check_strict(strict, diagnose)
    return fit_auto_rows(
        rows(X),
        max_wells=max_wells,
        n_folds=n_folds,
        hidden=hidden,
        max_seconds=max_seconds,
        seed=seed,
        progress=progress,
        names=names,
        preprocess=preprocess,
        diagnose=diagnose,
        strict=strict,
    )


def fit_auto_rows(
    x: np.ndarray,
    *,
    max_wells,
    n_folds,
    hidden,
    max_seconds,
    seed,
    progress=False,
    names=None,
    preprocess="choose",
    diagnose=True,
    strict=False,
) -> ScaledWells | ScaledNetwork | PreparedDensity:
    """As `fit_auto`, on checked rows."""
    most = None if max_wells is None else integer(max_wells, "max_wells", 1)
    folds = integer(n_folds, "n_folds", 2)
    limit = None if max_seconds is None else real(max_seconds, "max_seconds", minimum=0)
    if len(x) < 2 * folds:
        raise ValueError(
            f"model='auto' needs at least two rows per fold, {2 * folds} in all, got {len(x)}; fit_wells does with two"
        )
    if is_asked(preprocess):
        settings = {"max_wells": most, "n_folds": folds, "hidden": hidden, "max_seconds": limit, "seed": seed}
        settings |= {"progress": progress, "diagnose": diagnose}
        return _transformed(x, preprocess, names, strict, settings)
    offset, scale = standardise(x, names)
    named = None if names is None else tuple(map(str, names))
    pick, search, train, noise = seed_sequence(seed).spawn(4)
    raw, x = x, off_the_grid(x, np.random.default_rng(noise))
    z = (x - offset) / scale
    order = np.arange(len(z))
    if len(z) > SELECTION_ROWS:
        order = np.sort(np.random.default_rng(pick).permutation(len(z))[:SELECTION_ROWS])
    shown = bar(progress, None, "search", "candidate")
    try:
        found = search_wells(
            z[order],
            n_folds=folds,
            seed=search,
            most=most,
            shown=None if shown is None else lambda what: shown.update(1) or shown.set_postfix_str(what),
            final=z,
        )
    finally:
        if shown is not None:
            shown.close()
    jacobian = float(np.log(scale).sum())
    wells = ScaledWells(found.wells, offset, scale, None, named)
    network, seconds = None, 0.0
    if len(x) >= NETWORK_ROWS and limit != 0:
        begin = time.perf_counter()
        network = _network(x[order], wells, found, jacobian, hidden, limit, train, progress, names)
        seconds = time.perf_counter() - begin
    better = network is not None and network.better
    table = _table(found, jacobian, network, seconds, better)
    wells = conclude(
        replace(wells, candidates=table, held_out_scores=np.sort(found.scores) - jacobian),
        (raw - offset) / scale,
        diagnose,
        strict and not better,
    )
    if not better:
        return wells
    assert network is not None
    fit = replace(network, wells=wells, candidates=table, warnings=[], not_checked=[])
    return conclude(fit, (raw - fit.offset) / fit.scale, diagnose, strict)


def _transformed(x, preprocess, names, strict, settings):
    """Fit to the transformed columns, if they are to be transformed."""
    # A stream of its own: what is fitted without transforms is the same whether they were looked at or not.
    root = seed_sequence(settings["seed"])
    own = np.random.SeedSequence(root.entropy, spawn_key=(*root.spawn_key, 97), pool_size=root.pool_size)
    if preprocess == "choose":
        z, preparation, why = choose_transforms(x, names, own)
    else:
        z, preparation = prepare_rows(x, names, preprocess, own)
        why = ""
    settings["seed"] = root
    if preparation is None:
        return fit_auto_rows(x, names=names, preprocess=None, strict=strict, **settings)
    fit = fit_auto_rows(z, names=preparation.kept_names, preprocess=None, **settings)
    # Of x, not of z.
    fit.candidates["log_likelihood"] += preparation._mean_log_slope(z)
    return prepared(preparation, fit, x, settings["diagnose"], strict, why)


def _network(x, wells, found, jacobian, hidden, limit, seed, progress, names):
    """A network trained without the first fold, and compared on it with wells that have not seen it either."""
    unseen = found.folds[0]
    with catch_warnings():
        simplefilter("ignore", FastEBMWarning)
        return fit_network_rows(
            np.delete(x, unseen, axis=0),
            None,
            hidden=hidden,
            base="auto",
            x_val=x[unseen],
            validation=0.2,
            n_updates=None,
            n_chains=None,
            learning_rate=None,
            max_seconds=limit,
            seed=seed,
            progress=progress,
            names=names,
            diagnose=False,
            against=(wells, found.scores[np.searchsorted(found.rows, unseen)] - jacobian),
        )


def _table(found, jacobian, network, seconds, better):
    lines = []
    for row in found.table:
        error = math.nan if row.scores is None else _error(found.scores - row.scores)
        lines.append(
            (
                row.family,
                row.n_wells,
                row.shrinkage,
                row.mean - jacobian,
                error,
                row.seconds,
                row.weight,
                not better and row.weight > 0,
            )
        )
    lines.sort(key=lambda line: -line[3])
    whole = found.wells.n_wells, 0.0, float(found.scores.mean()) - jacobian, 0.0
    lines.insert(0, ("wells together", *whole, found.seconds, 0.0 if better else 1.0, not better))
    if network is not None:
        held = network.held_out
        # On other rows than the others: as much above the wells as there.
        value = float(found.scores.mean()) - jacobian + held["gain"]
        line = "network", 0, 0.0, value, held["gain_error"], seconds, float(better), better
        lines.insert(0 if better else 1, line)
    return np.array(lines, dtype=CANDIDATES)


def _error(difference):
    return float(difference.std(ddof=1) / math.sqrt(len(difference)))
