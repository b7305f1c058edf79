"""k-means, for starting values and for the scale of the data. Not a clustering library."""

from __future__ import annotations

import numpy as np

from ._kmeans import add_groups, nearest

# k-means sees at most this many rows.
ENOUGH_ROWS = 4000


def kmeans(x: np.ndarray, k: int, rng: np.random.Generator, rounds: int = 30, restarts: int = 4):
    """Return (centres (k, d), labels (n,)) of the best of a few Lloyd runs from k-means++ starts.

    References
    ----------
    Arthur and Vassilvitskii, k-means++: the advantages of careful seeding, SODA 2007.
    """
    lowest = np.inf
    for _ in range(restarts):
        centres = _plus_plus(x, k, rng)
        labels = None
        for _ in range(rounds):
            new, _ = nearest(x, centres)
            if labels is not None and np.array_equal(new, labels):
                break
            labels = new
            _centre(x, labels, centres)
        loss = nearest(x, centres)[1].sum()
        if loss < lowest:
            lowest, best = loss, (centres, labels)
    return best


def _centre(x: np.ndarray, labels: np.ndarray, centres: np.ndarray) -> None:
    sums, counts = add_groups(x, labels, len(centres))
    there = counts > 0
    if x.shape[1] > 1:
        centres[there] = sums[there] / counts[there, None]
        return
    # NumPy adds a single feature in another order than rows of several; the same bits as before are worth a mask.
    for j in np.flatnonzero(there):
        centres[j] = x[labels == j].mean(axis=0)


def _plus_plus(x: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    centres = x[rng.integers(len(x))][None, :]
    distance = nearest(x, centres)[1]
    while len(centres) < k:
        total = distance.sum()
        p = distance / total if total > 0 else None
        centres = np.vstack([centres, x[rng.choice(len(x), p=p)]])
        distance = np.minimum(distance, nearest(x, centres[-1:])[1])
    return centres.copy()


def distinct_rows(x: np.ndarray, most: int) -> int:
    """Number of distinct rows, counted up to most; a sort of all rows costs 1 ms, this 5 us."""
    few = 32 * most
    if len(x) > few and distinct_rows(x[:few], most) >= most:
        return most
    count = 0
    while count < most and len(x):
        x = x[(x != x[0]).any(axis=1)]
        count += 1
    return count


def group_covariances(
    x: np.ndarray, n_groups: int, rng: np.random.Generator, best_of: int = 4, rounds: int = 30, sphered=False
):
    """As `group_mixture`, with covariances (k, d, d) of groups; with sphered, of k-means on rows without correlations,
    which tells apart groups that are long in the same direction."""
    if len(x) > ENOUGH_ROWS:
        x = x[rng.choice(len(x), ENOUGH_ROWS, replace=False)]
    spread = np.where(x.std(axis=0) > 0, x.std(axis=0), 1.0)
    z = x / spread
    k = distinct_rows(x, n_groups)
    _, labels = kmeans(sphere(z) if sphered else z, k, rng, rounds, best_of)
    counts = np.maximum(np.bincount(labels, minlength=k), 1)
    groups = [x[labels == j] if (labels == j).any() else x for j in range(k)]
    means = np.array([g.mean(axis=0) for g in groups])
    return counts / counts.sum(), means, np.array([covariance_of(g, spread) for g in groups])


def covariance_of(rows: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Covariance of rows, with a ridge of (0.05 spread)^2; without correlations where they are too few to show them."""
    d = rows.shape[1]
    ridge = np.diag((0.05 * spread) ** 2)
    # A group of one or two rows says nothing about its width.
    if len(rows) <= max(2, d):
        return np.diag(rows.var(axis=0) if len(rows) > 2 else spread**2) + ridge
    apart = rows - rows.mean(axis=0)
    return apart.T @ apart / len(rows) + ridge


def sphere(x: np.ndarray) -> np.ndarray:
    """Rows in units in which their covariance is the unit matrix; directions without spread stay so."""
    apart = x - x.mean(axis=0)
    values, vectors = np.linalg.eigh(apart.T @ apart / len(x))
    return apart @ (vectors / np.sqrt(np.maximum(values, 1e-12 * values[-1] + 1e-300)))


def group_mixture(x: np.ndarray, n_groups: int, rng: np.random.Generator, best_of: int = 4, rounds: int = 30):
    """Shares (k,), means (k, d) and standard deviations (k, d) of the k-means groups of x, none of them empty."""
    if len(x) > ENOUGH_ROWS:
        x = x[rng.choice(len(x), ENOUGH_ROWS, replace=False)]
    spread = np.where(x.std(axis=0) > 0, x.std(axis=0), 1.0)
    k = distinct_rows(x, n_groups)
    centres, labels = kmeans(x / spread, k, rng, rounds, best_of)
    counts = np.bincount(labels, minlength=k)
    # A group of one or two rows says nothing about its width.
    stds = np.array([x[labels == j].std(axis=0) if counts[j] > 2 else spread for j in range(k)])
    return (
        np.maximum(counts, 1) / np.maximum(counts, 1).sum(),
        centres * spread,
        np.maximum(stds, 0.05 * spread),
    )
