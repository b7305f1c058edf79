"""Densities that people use, fitted to some rows and scored on others. scikit-learn is imported where it is needed."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import partial

import numpy as np

from ..mixtures.kmeans import distinct_rows
from .auto import fit_auto_rows
from .scaled_wells import fit_rows
from .standardise import standardise

# Numbers of wells or components that are tried, and bandwidths in standard deviations.
MOST, BANDWIDTHS = 10, np.geomspace(0.05, 1.5, 25)

# (log p of the second rows, what was chosen) of (rows, rows that were not fitted, seed).
Rival = Callable[[np.ndarray, np.ndarray, int], tuple[np.ndarray, str]]


def counted(number, noun: str) -> str:
    """As many of them, in words."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _auto(x, unseen, seed, max_seconds=None):
    fit = fit_auto_rows(
        x, max_wells=None, n_folds=5, hidden="auto", max_seconds=max_seconds, seed=seed, diagnose=False
    )
    top = fit.candidates[0]
    said = str(top["family"]) if top["family"] == "network" else counted(top["n_wells"], "well")
    return fit._log_prob(unseen), said


def _em(x, unseen, seed):
    """Our diagonal wells by maximum likelihood, their number by BIC."""
    best, lowest = None, np.inf
    for k in range(1, distinct_rows(x, MOST) + 1):
        fit = fit_rows(
            x,
            k,
            recipe="em",
            n_updates=0,
            n_chains=None,
            learning_rate=None,
            n_init="auto",
            seed=seed,
            diagnose=False,
        )
        bic = (fit.wells.n_params - 2) * np.log(len(x)) - 2.0 * fit._log_prob(x).sum()
        if bic < lowest:
            best, lowest = fit, bic
    assert best is not None
    return best._log_prob(unseen), counted(best.n_wells, "well")


def _gaussian_mixture(x, unseen, seed, covariance, raw=False):
    from sklearn.mixture import GaussianMixture

    offset, scale = (0.0, np.ones(x.shape[1])) if raw else _standard(x)
    z = (x - offset) / scale
    fits = []
    for k in range(1, min(MOST, len(x)) + 1):
        fits.append(GaussianMixture(k, covariance_type=covariance, random_state=seed).fit(z))
    best = min(fits, key=lambda fit: fit.bic(z))
    log_p = best.score_samples((unseen - offset) / scale) - np.log(scale).sum()
    return log_p, counted(best.n_components, "component")


def _kernels(x, unseen, seed):
    from sklearn.model_selection import GridSearchCV, KFold
    from sklearn.neighbors import KernelDensity

    offset, scale = _standard(x)
    folds = KFold(5, shuffle=True, random_state=seed)
    search = GridSearchCV(KernelDensity(), {"bandwidth": BANDWIDTHS}, cv=folds).fit((x - offset) / scale)
    log_p = search.best_estimator_.score_samples((unseen - offset) / scale) - np.log(scale).sum()
    return log_p, f"bandwidth {search.best_params_['bandwidth']:.2g}"


def _standard(x):
    standardise(x)
    return x.mean(axis=0), x.std(axis=0)


METHODS: dict[str, tuple[str, Rival]] = {
    "auto": ("fit_auto (model='auto')", _auto),
    "em": ("wells, diagonal, EM: up to ten by BIC", _em),
    "gm-diag": (
        "GaussianMixture, diagonal: up to ten by BIC, standardised columns",
        partial(_gaussian_mixture, covariance="diag"),
    ),
    "gm-full": (
        "GaussianMixture, full: up to ten by BIC, standardised columns",
        partial(_gaussian_mixture, covariance="full"),
    ),
    "kde": ("KernelDensity, bandwidth by 5 folds, standardised columns", _kernels),
    "gm-diag-raw": (
        "GaussianMixture, diagonal, columns as they are",
        partial(_gaussian_mixture, covariance="diag", raw=True),
    ),
    "gm-full-raw": (
        "GaussianMixture, full, columns as they are",
        partial(_gaussian_mixture, covariance="full", raw=True),
    ),
}
OURS = ("auto", "em")


def rival(name: str, max_seconds=None) -> Rival:
    """The function of a method."""
    return partial(_auto, max_seconds=max_seconds) if name == "auto" else METHODS[name][1]


def need_sklearn(methods) -> None:
    """Raise ImportError where a method needs scikit-learn and it is not there."""
    theirs = [m for m in methods if m not in OURS]
    if not theirs:
        return
    try:
        import sklearn.mixture  # noqa: F401
    except ImportError as error:
        raise ImportError(
            f"{', '.join(theirs)} need scikit-learn ({error}): pip install scikit-learn; {' and '.join(OURS)} do not"
        ) from None


def quietly(fit: Rival, x, unseen, seed):
    """The rival's answer; what it warns of (EM that has not converged, say) is its usual way."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fit(x, unseen, seed)
