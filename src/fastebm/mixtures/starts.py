"""Starting wells, placed on the data."""

from __future__ import annotations

import math

import numpy as np

from .._runtime.check import check_size, choice, integer, rows
from .._runtime.seed import seed_sequence
from ..energies.well_mixture import WellMixture
from ..energies.well_theta import COVARIANCES
from .kmeans import distinct_rows, group_covariances, group_mixture
from .search import n_starts, search, widths_of
from .splits import built


def check_distinct(x: np.ndarray, n_wells: int) -> None:
    """Raise ValueError if there are more wells than distinct rows."""
    found = distinct_rows(x, n_wells)
    if found < n_wells:
        raise ValueError(
            f"X has {found} distinct rows, fewer than n_wells={n_wells}; use fewer wells or more data"
        )


def initial_wells(X, n_wells: int = 2, *, seed=None, n_init="auto", covariance: str = "diag") -> WellMixture:
    """Return a WellMixture to start training from: the best wells that climbs from several starts lead to.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features), or (n_samples,)
        Finite data.
    n_wells : int, default 2
        Number of wells, at most the number of distinct rows of X.
    seed : None, int, SeedSequence or Generator
        Seeds k-means++ and the other starts.
    n_init : int or "auto", default "auto"
        Expectation-maximisation climbs from so many starts (k-means, random rows, random wells, splits of the best),
        and the best wells that it leads to are returned: training then begins at the best optimum known. "auto" is
        8 + n_wells, fewer where each costs much. 1 does not climb: it returns the k-means groups as they are, from
        which training can be watched; it may end at another optimum (concentric wells: always, 0.35 nats short).
    covariance : {"diag", "full"}, default "diag"
        May the features of a well be correlated? See `WellMixture`.

    Returns
    -------
    WellMixture
        With log Z = 0 and standard deviations within the range of raw_a, or along every direction of log_L.

    Raises
    ------
    ValueError, TypeError
        If X is not finite data or has fewer distinct rows than wells.

    Examples
    --------
    >>> import fastebm as fe
    >>> start = fe.initial_wells(fe.datasets.load_old_faithful()[:, 0], 2, seed=1)
    >>> np.sort(start.means_.ravel()).round(1)
    array([2. , 4.3])
    """
    x, k = rows(X), integer(n_wells, "n_wells", 1)
    choice(covariance, "covariance", COVARIANCES)
    starts = n_starts(n_init, x, k, covariance)
    if starts == 1:
        return place_wells(x, k, seed, covariance)
    check_size(x)
    check_distinct(x, k)
    return search(
        x,
        k,
        n_init=starts,
        seed=seed,
        std_range=widths_of(WellMixture(covariance=covariance)),
        tol=1e-8,
        max_iter=5000,
        covariance=covariance,
    ).wells


def place_wells(x: np.ndarray, n_wells: int, seed, covariance: str = "diag") -> WellMixture:
    """As `initial_wells`, on checked rows."""
    check_size(x)
    check_distinct(x, n_wells)
    rng = np.random.default_rng(seed_sequence(seed))
    if covariance == "full":
        weights, means, covariances = group_covariances(x, n_wells, rng)
        low, high = (v**2 for v in widths_of(WellMixture(covariance="full")))
        values, vectors = np.linalg.eigh(covariances)
        values = np.clip(values, 1.1 * low, high / 1.1)[:, None]
        return built((weights, means, (vectors * values) @ np.swapaxes(vectors, 1, 2)))
    weights, means, stds = group_mixture(x, n_wells, rng)
    # Just inside raw_a = +-5, where the derivative still moves it.
    narrow, wide = math.exp(-2.45) * math.sqrt(0.5), math.exp(2.45) * math.sqrt(0.5)
    return WellMixture.from_mixture(weights, means, np.clip(stds, narrow, wide))
