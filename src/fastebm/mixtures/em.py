"""The exact maximum-likelihood well mixture, by expectation-maximisation: the yardstick for a trained energy."""

from __future__ import annotations

import numpy as np

from .._runtime.check import integer, rows
from ..energies.well_mixture import WellMixture
from .starts import place_wells


def maximum_likelihood_wells(
    X, n_wells: int = 2, *, seed=0, max_iter: int = 5000, tol: float = 1e-12, std_range=None
) -> WellMixture:
    """Fit a WellMixture by EM, which is possible because its density is a Gaussian mixture with diagonal covariance.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features), or (n_samples,)
        Finite data.
    n_wells : int, default 2
        Number of wells, at most the number of distinct rows of X.
    seed : None, int, SeedSequence or Generator
        Seeds the k-means start.
    max_iter : int, default 5000
        Largest number of iterations.
    tol : float, default 1e-12
        Stop when the mean log-likelihood gains less than this, in nats.
    std_range : (float, float), optional
        Keep every standard deviation in this interval. The result is then the optimum inside it, for clipping a
        variance solves the constrained step exactly.

    Returns
    -------
    WellMixture
        Normalised: its log-partition is 0. A local optimum, as EM finds it from the k-means start.

    Raises
    ------
    ValueError, TypeError
        If X is not finite data, has fewer distinct rows than wells, or a well collapses below the range of raw_a.
    """
    x, iterations = rows(X), integer(max_iter, "max_iter", 1)
    return climb(x, place_wells(x, integer(n_wells, "n_wells", 1), seed), iterations, tol, std_range)


def climb(x: np.ndarray, start: WellMixture, max_iter: int, tol: float, std_range) -> WellMixture:
    """As `maximum_likelihood_wells`, on checked rows and from given wells."""
    weights, means, stds = start.weights_, start.means_, start.stds_
    before = -np.inf
    for _ in range(max_iter):
        # log of weight * normal density, without the constant, which cancels in the shares.
        logs = np.stack(
            [
                np.log(w) - np.log(s).sum() - 0.5 * (((x - m) / s) ** 2).sum(axis=1)
                for w, m, s in zip(weights, means, stds, strict=True)
            ],
            axis=1,
        )
        top = logs.max(axis=1, keepdims=True)
        total = top[:, 0] + np.log(np.exp(logs - top).sum(axis=1))
        share = np.exp(logs - total[:, None])
        # A well that has lost all its samples stays where it can be seen to weigh nothing.
        mass = np.maximum(share.sum(axis=0), np.finfo(float).tiny)
        weights = mass / len(x)
        means = share.T @ x / mass[:, None]
        stds = np.sqrt(
            np.stack([s @ (x - m) ** 2 for s, m in zip(share.T, means, strict=True)]) / mass[:, None]
        )
        if std_range is not None:
            stds = np.clip(stds, *std_range)
        now = total.mean()
        if now - before < tol:
            break
        before = now
    return WellMixture.from_mixture(weights, means, stds)
