"""How many wells? Chosen by the likelihood of data that the fit has not seen."""

from __future__ import annotations

import numpy as np

from .._runtime.check import integer, rows
from .._runtime.seed import seed_sequence
from ..preprocess import prepare_rows
from .scaled_wells import SELECTION_ROWS, fit_rows, fit_wells

# In standard errors. Old Faithful's two columns, 20 seeds: the best lead over two wells is 1.0 to 2.2.
SIGNIFICANT = 3.0
# What is not given is as in fit_wells; each fold has a seed of its own.
DEFAULTS = {
    k: v
    for k, v in (fit_wells.__kwdefaults__ or {}).items()
    if k not in ("seed", "preprocess", "sample_weight")
}
# The fits of the folds are compared by rows that they have not seen: nothing else looks at them.
UNCHECKED = {"diagnose": False, "strict": False}
HELD_OUT = np.dtype([("n_wells", np.int64), ("log_likelihood", np.float64), ("gain", np.float64)])


def select_n_wells(
    X, *, max_wells: int = 6, n_folds: int = 5, seed=None, preprocess=None, **settings
) -> tuple[int, np.ndarray]:
    """Choose the number of wells by cross-validation.

    Every sample is scored by a fit to the other folds. The choice is the smallest number that no larger one
    beats by more than three standard errors of the paired difference.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features), or (n_samples,)
        Finite data. Above 20,000 rows a random subset is used.
    max_wells : int, default 6
        Largest candidate; candidates stop where a training fold has fewer distinct rows.
    n_folds : int, default 5
        At least 2.
    seed : None, int, SeedSequence or Generator
    preprocess : None, "auto" or dict, default None
        As in `fit_wells`. All rows decide on the transforms, which have a parameter or two each.
    **settings
        Of `fit_wells`.

    Returns
    -------
    n_wells : int
    held_out : structured ndarray of shape (n_candidates,)
        ``n_wells``, ``log_likelihood`` (mean per held-out sample, nats, in the units of X) and ``gain`` (the
        largest lead of a larger candidate, in standard errors).

    Raises
    ------
    ValueError, TypeError
        If X has fewer than two rows per fold, or an argument is out of range.

    References
    ----------
    Nadeau and Bengio, Inference for the generalization error, Machine Learning 52, 2003 (the standard error).
    """
    x, settings = rows(X), DEFAULTS | settings
    if preprocess is None:
        return choose_n_wells(x, max_wells=max_wells, n_folds=n_folds, seed=seed, **settings)
    noise, stream = seed_sequence(seed).spawn(2)
    z, preparation = prepare_rows(x, settings["names"], preprocess, noise)
    settings["names"] = preparation.kept_names
    n_wells, table = choose_n_wells(z, max_wells=max_wells, n_folds=n_folds, seed=stream, **settings)
    # Of x, not of z.
    table["log_likelihood"] += preparation.log_jacobian(x).mean()
    return n_wells, table


def choose_n_wells(x: np.ndarray, *, max_wells, n_folds, seed, **settings) -> tuple[int, np.ndarray]:
    """As `select_n_wells`, on checked rows and with every setting given."""
    most = integer(max_wells, "max_wells", 1)
    folds = integer(n_folds, "n_folds", 2)
    if len(x) < 2 * folds:
        raise ValueError(
            f"n_wells='auto' needs at least two rows per fold, {2 * folds} in all, got {len(x)}; give n_wells"
        )
    order_seed, *streams = seed_sequence(seed).spawn(1 + most)
    order = np.random.default_rng(order_seed).permutation(len(x))[:SELECTION_ROWS]
    x = x[order]
    parts = np.array_split(np.arange(len(x)), folds)
    log_p = []
    for k, stream in zip(range(1, most + 1), streams, strict=True):
        scores = _held_out_scores(x, parts, k, stream, settings)
        if scores is None:
            break
        log_p.append(scores)
    means = np.array([s.mean() for s in log_p])
    # Nadeau and Bengio: folds share training rows, which adds n_test / n_train to every 1 / n_folds of the variance.
    inflation = np.sqrt(1.0 + folds / (folds - 1.0))
    gains = [max((_lead(b, a) / inflation for b in log_p[i + 1 :]), default=0.0) for i, a in enumerate(log_p)]
    table = np.array(list(zip(range(1, len(means) + 1), means, gains, strict=True)), dtype=HELD_OUT)
    chosen = int(np.flatnonzero(table["gain"] <= SIGNIFICANT)[0])
    return int(table["n_wells"][chosen]), table


def _lead(b, a):
    # Standard errors by which b beats a, as if the scores were independent.
    difference = b - a
    spread = difference.std()
    return float(difference.mean() / spread * np.sqrt(len(difference))) if spread > 0 else 0.0


def _held_out_scores(x, parts, k, stream, settings):
    # None: a training fold has too few distinct rows for k wells.
    scores = np.empty(len(x))
    for part, seed in zip(parts, stream.spawn(len(parts)), strict=True):
        train = np.delete(x, part, axis=0)
        if k > 1 and len(np.unique(train, axis=0)) < 2 * k:
            return None
        scores[part] = fit_rows(train, k, seed=seed, **(settings | UNCHECKED))._log_prob(x[part])
    return scores
