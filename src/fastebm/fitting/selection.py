"""How many wells? Chosen by the likelihood of data that the fit has not seen."""

from __future__ import annotations

import numpy as np

from .._runtime.check import choice, integer, rows
from .._runtime.seed import seed_sequence
from ..energies.well_theta import COVARIANCES
from ..mixtures.shrunk import Shape
from ..preprocess import is_asked, prepare_rows
from .folds import Candidate, Folds
from .grid import off_the_grid
from .scaled_wells import SELECTION_ROWS, TAILS
from .standardise import standardise

# In standard errors (Breiman, Friedman, Olshen and Stone, Classification and Regression Trees, 1984, section 3.4.3).
SIGNIFICANT = 1.0
# More wells are tried until so many numbers in a row have not been better.
IN_VAIN = 3
# Climbs for each fit and fold: k-means, and k-means without correlations.
STARTS = 2
# A climb ends at a gain below this, in nats a row, or after so many steps. Three starts, 1e-6 and
# 1,000 steps take 1.1 to 2.8 times as long, and make unseen rows likelier by -0.09 to 0.1 nats a row on five tables,
# diagonal and full, apart from breast_cancer full (0.6 of 33.5).
TOLERANCE, STEPS = 1e-4, 100
# Rows for every well, at least.
ROWS_EACH = 2
HELD_OUT = np.dtype([("n_wells", np.int64), ("log_likelihood", np.float64), ("gain", np.float64)])


def select_n_wells(
    X,
    *,
    max_wells: int | None = None,
    n_folds: int = 5,
    covariance="diag",
    tails="normal",
    seed=None,
    preprocess=None,
    names=None,
    **settings,
) -> tuple[int, np.ndarray]:
    """Choose the number of wells by cross-validation.

    Every sample is scored by the likeliest wells (EM) of the other folds. The choice is the smallest number that the
    best one leads by no more than one standard error of the paired difference. Rounded columns are seen with noise of
    their step.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features), or (n_samples,)
        Finite data. Above 20,000 rows a random subset is used.
    max_wells : int, optional
        Largest candidate. By default more wells are tried until three numbers in a row were not better. Candidates stop
        where a training fold has fewer than two distinct rows for each well.
    n_folds : int, default 5
        At least 2.
    covariance : {"diag", "full"}, default "diag"
    tails : {"normal", "student"}, default "normal"
    seed : None, int, SeedSequence or Generator
    preprocess : None, "auto" or dict, default None
        As in `fit_wells`. All rows decide on the transforms, which have a parameter or two each.
    names : sequence of str, optional
        Of the columns.
    **settings
        Others of `fit_wells`, which do not matter here.

    Returns
    -------
    n_wells : int
    held_out : structured ndarray of shape (n_candidates,)
        ``n_wells``, ``log_likelihood`` (mean per held-out sample, nats, in the units of X) and ``gain`` (the lead of
        the best candidate, where it has more wells, in standard errors).

    Raises
    ------
    ValueError, TypeError
        If X has fewer than two rows per fold, or an argument is out of range.

    References
    ----------
    Nadeau and Bengio, Inference for the generalization error, Machine Learning 52, 2003 (the standard error).
    """
    x = rows(X)
    options = {
        "max_wells": max_wells,
        "n_folds": n_folds,
        "covariance": covariance,
        "tails": tails,
    } | settings
    if not is_asked(preprocess):
        return choose_n_wells(x, seed=seed, names=names, **options)
    noise, stream = seed_sequence(seed).spawn(2)
    z, preparation = prepare_rows(x, names, preprocess, noise)
    n_wells, table = choose_n_wells(z, seed=stream, names=preparation.kept_names, **options)
    # Of x, not of z.
    table["log_likelihood"] += preparation._mean_log_slope(z)
    return n_wells, table


def choose_n_wells(
    x: np.ndarray, *, max_wells, n_folds, seed, covariance="diag", tails="normal", names=None, **_
):
    """As `select_n_wells`, on checked rows."""
    most = None if max_wells is None else integer(max_wells, "max_wells", 1)
    n = integer(n_folds, "n_folds", 2)
    heavy = choice(tails, "tails", TAILS) == "student"
    shape = Shape(choice(covariance, "covariance", COVARIANCES), heavy)
    if len(x) < 2 * n:
        raise ValueError(
            f"n_wells='auto' needs at least two rows per fold, {2 * n} in all, got {len(x)}; give n_wells"
        )
    pick, stream = seed_sequence(seed).spawn(2)
    rng = np.random.default_rng(pick)
    if len(x) > SELECTION_ROWS:
        x = x[np.sort(rng.permutation(len(x))[:SELECTION_ROWS])]
    x = off_the_grid(x, rng)
    offset, scale = standardise(x, names)
    folds = Folds((x - offset) / scale, n, stream, n_starts=STARTS, tol=TOLERANCE, max_iter=STEPS)
    limit = folds.most(ROWS_EACH)
    log_p: list[np.ndarray] = []
    best = 0
    while len(log_p) < (limit if most is None else min(limit, most)):
        log_p.append(folds.row_scores(Candidate(shape, len(log_p) + 1)))
        if log_p[-1].mean() > log_p[best].mean():
            best = len(log_p) - 1
        if most is None and len(log_p) - 1 - best >= IN_VAIN:
            break
    # Nadeau and Bengio: folds share training rows, which adds n_test / n_train to every 1 / n_folds of the variance.
    inflation = np.sqrt(1.0 + n / (n - 1.0))
    gains = [_lead(log_p[best], a) / inflation if i < best else 0.0 for i, a in enumerate(log_p)]
    means = np.array([s.mean() for s in log_p]) - np.log(scale).sum()
    table = np.array(list(zip(range(1, len(means) + 1), means, gains, strict=True)), dtype=HELD_OUT)
    chosen = int(np.flatnonzero(table["gain"] <= SIGNIFICANT)[0])
    return int(table["n_wells"][chosen]), table


def _lead(b, a):
    # Standard errors by which b beats a, as if the scores were independent.
    difference = b - a
    spread = difference.std()
    return float(difference.mean() / spread * np.sqrt(len(difference))) if spread > 0 else 0.0
