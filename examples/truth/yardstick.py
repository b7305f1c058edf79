"""The best fit that is known: expectation-maximisation by scikit-learn, from many starts and from the truth."""

from __future__ import annotations

import time
import warnings

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture

# The narrowest and widest standard deviation of a well, in units of the data's.
NARROWEST, WIDEST = 0.0581, 8.61
# Fitted widths of a plain case stay above the narrowest by at least this factor, but for chance.
ROOM = 1.4


def plain(z, k, n_init, seed) -> tuple[float, float]:
    """(mean log-likelihood, seconds) of scikit-learn as a user would call it."""
    begin = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        fit = GaussianMixture(k, covariance_type="diag", n_init=n_init, random_state=seed).fit(z)
    return float(fit.score(z)), time.perf_counter() - begin


def best(z, k, truth, seed) -> float:
    """Largest mean log-likelihood of 20 starts (6 for many rows) and the truth, within the range of widths."""
    scores, each = [-np.inf], 10 if len(z) <= 3000 else 3
    starts = [
        {"init_params": kind, "random_state": s}
        for kind in ("kmeans", "random_from_data")
        for s in range(each)
    ]
    if truth is not None and len(truth[0]) == k:
        weights, means, stds = truth
        starts.append({"weights_init": weights, "means_init": means, "precisions_init": 1.0 / stds**2})
    for start in starts:
        if "random_state" in start:
            start["random_state"] += 1000 * seed
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            fit = GaussianMixture(
                k, covariance_type="diag", tol=1e-5, max_iter=500, reg_covar=1e-9, **start
            ).fit(z)
        stds = np.sqrt(fit.covariances_)
        if stds.min() >= NARROWEST and stds.max() <= WIDEST:
            scores.append(float(fit.score(z)))
    return max(scores)
