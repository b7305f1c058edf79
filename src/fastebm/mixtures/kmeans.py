"""k-means, for starting values and for the scale of the data. Not a clustering library."""

from __future__ import annotations

import numpy as np

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
            distance = _squared_distances(x, centres)
            new = distance.argmin(axis=1)
            if labels is not None and np.array_equal(new, labels):
                break
            labels = new
            count = np.bincount(labels, minlength=k)
            for j in np.flatnonzero(count):
                centres[j] = x[labels == j].mean(axis=0)
        loss = _squared_distances(x, centres).min(axis=1).sum()
        if loss < lowest:
            lowest, best = loss, (centres, labels)
    return best


def _squared_distances(x: np.ndarray, centres: np.ndarray) -> np.ndarray:
    return np.stack([((x - c) ** 2).sum(axis=1) for c in centres], axis=1)


def _plus_plus(x: np.ndarray, k: int, rng: np.random.Generator) -> np.ndarray:
    centres = x[rng.integers(len(x))][None, :]
    while len(centres) < k:
        distance = _squared_distances(x, centres).min(axis=1)
        total = distance.sum()
        p = distance / total if total > 0 else None
        centres = np.vstack([centres, x[rng.choice(len(x), p=p)]])
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


def group_mixture(x: np.ndarray, n_groups: int, rng: np.random.Generator):
    """Shares (k,), means (k, d) and standard deviations (k, d) of the k-means groups of x, none of them empty."""
    if len(x) > ENOUGH_ROWS:
        x = x[rng.choice(len(x), ENOUGH_ROWS, replace=False)]
    spread = np.where(x.std(axis=0) > 0, x.std(axis=0), 1.0)
    k = distinct_rows(x, n_groups)
    centres, labels = kmeans(x / spread, k, rng)
    counts = np.bincount(labels, minlength=k)
    # A group of one or two rows says nothing about its width.
    stds = np.array([x[labels == j].std(axis=0) if counts[j] > 2 else spread for j in range(k)])
    return (
        np.maximum(counts, 1) / np.maximum(counts, 1).sum(),
        centres * spread,
        np.maximum(stds, 0.05 * spread),
    )
