"""Wells moved from where there are too many of them to where there are too few."""

from __future__ import annotations

from itertools import zip_longest

import numpy as np

from ..energies.well_mixture import WellMixture
from .kmeans import covariance_of, kmeans, sphere

# A group that is split has at least so many rows.
ENOUGH = 8
# Rounds of k-means: a start need not be at rest.
ROUNDS = 10
# Far tails do not make a well better to split than this, in nats for a row of its own and a feature.
MOST_GAIN = 0.3
TINY = 1e-300

# Weights, means, and standard deviations (k, d) or covariances (k, d, d).
Wells = tuple[np.ndarray, np.ndarray, np.ndarray]


def built(wells: Wells) -> WellMixture:
    """The energy of these wells, with log Z = 0."""
    weights, means, spread = wells
    if spread.ndim == 3:
        return WellMixture.from_mixture(weights, means, covariances=spread)
    return WellMixture.from_mixture(weights, means, spread)


def moves(wells: Wells, x: np.ndarray, rng: np.random.Generator, most: int, shares=None) -> list[Wells]:
    """Starts that spend one well elsewhere, the most promising first.

    The two wells that share most rows become one; the freed one is put where a well looks least like a normal law.

    Parameters
    ----------
    wells : (weights, means, stds or covariances)
        At least two, as a climb left them.
    x : ndarray of shape (n_samples, n_features)
    rng : Generator
    most : int
        How many to return at most.
    shares : ndarray of shape (n_samples, n_wells), optional
        Of the wells in every row; by default those of normal laws.

    References
    ----------
    Ueda, Nakano, Ghahramani and Hinton, SMEM algorithm for mixture models, Neural Computation 2000.
    """
    shares = built(wells).shares(x) if shares is None else shares
    overlap = shares.T @ shares
    size = np.sqrt(np.diag(overlap))
    overlap /= np.outer(size, size) + 1e-300
    np.fill_diagonal(overlap, -1.0)
    lightest = int(wells[0].argmin())
    # A climb likes to end with a well on a few rows that their neighbour explains as well.
    pairs = [(int(overlap[lightest].argmax()), lightest)]
    closest = divmod(int(overlap.argmax()), len(overlap))
    if lightest not in closest:
        pairs.append(closest)
    lists = [_after_merge(wells, pair, shares, x, rng) for pair in pairs]
    # In turn, the best of either first.
    turns = [start for both in zip_longest(*lists) for start in both if start is not None]
    return turns[:most]


def _after_merge(wells, pair, shares, x, rng):
    keep, gone = pair
    merged, shares = merge(wells, keep, gone), shares.copy()
    shares[:, keep] += shares[:, gone]
    return _split(merged, np.delete(shares, gone, axis=1), x, rng)


def additions(wells: Wells, x: np.ndarray, rng: np.random.Generator, most: int, shares=None) -> list[Wells]:
    """Starts with one well more, the most promising first: `moves` without the merge."""
    return _split(wells, built(wells).shares(x) if shares is None else shares, x, rng)[:most]


def _split(wells, shares, x, rng):
    nearest = shares.argmax(axis=1)
    candidates = []
    for well in range(len(wells[0])):
        rows = x[nearest == well]
        if len(rows) >= ENOUGH:
            candidates.append(beside(wells, well, rows, rng))
            candidates.append(nested(wells, well, x, shares[:, well]))
    # A sort that keeps the order of equals.
    return [start for _, start in sorted(candidates, key=lambda c: -c[0])]


def merge(wells: Wells, i: int, j: int) -> Wells:
    """Wells i and j as one with the moments of both, in the place of i."""
    weights, means, spread = wells[0].copy(), wells[1].copy(), wells[2].copy()
    total = weights[i] + weights[j]
    part = (weights[[i, j]] / total)[:, None]
    mean = (part * means[[i, j]]).sum(axis=0)
    apart = means[[i, j]] - mean
    if spread.ndim == 3:
        spread[i] = (part[:, :, None] * (spread[[i, j]] + apart[:, :, None] * apart[:, None])).sum(axis=0)
    else:
        spread[i] = np.sqrt((part * (spread[[i, j]] ** 2 + apart**2)).sum(axis=0))
    means[i], weights[i] = mean, total
    return np.delete(weights, j), np.delete(means, j, axis=0), np.delete(spread, j, axis=0)


def beside(wells: Wells, well: int, rows: np.ndarray, rng: np.random.Generator) -> tuple[float, Wells]:
    """(expected gain in nats a row, wells): the rows of one well as two k-means groups."""
    spread = rows.std(axis=0)
    spread[spread == 0] = 1.0
    full = wells[2].ndim == 3
    upper = kmeans(sphere(rows / spread) if full else rows / spread, 2, rng, ROUNDS, 1)[1] == 1
    halves = [rows[upper], rows[~upper]]
    if min(len(h) for h in halves) < 2:
        return nested(wells, well, rows, np.ones(len(rows)))
    shares = np.array([len(h) / len(rows) for h in halves])
    means = np.array([h.mean(axis=0) for h in halves])
    if full:
        covariances = np.array([covariance_of(h, spread) for h in (*halves, rows)])
        logs = 0.5 * np.linalg.slogdet(covariances)[1]
        gain = logs[2] + (shares * (np.log(shares) - logs[:2])).sum()
        weight = wells[0][well]
        return float(weight * gain), _replaced(wells, well, weight * shares, means, covariances[:2])
    widths = np.array([h.std(axis=0) for h in halves])
    whole = np.log(np.maximum(rows.std(axis=0), TINY)).sum()
    parts = (shares * (np.log(shares) - np.log(np.maximum(widths, TINY)).sum(axis=1))).sum()
    weight = wells[0][well]
    return float(weight * (whole + parts)), _replaced(wells, well, weight * shares, means, widths)


def nested(wells: Wells, well: int, x: np.ndarray, share: np.ndarray) -> tuple[float, Wells]:
    """(expected gain in nats a row, wells): a narrow well inside a wide one, in the place of one.

    The gain is that of a normal law with some excess kurtosis k, k^2 / 48 for each feature (Hyvarinen, Karhunen and
    Oja, Independent Component Analysis, 2001, section 5.5), as long as it is small.
    """
    weights, means, spread = wells
    if spread.ndim == 3:
        # Along the well's own axes.
        values, vectors = np.linalg.eigh(spread[well])
        squares = ((x - means[well]) @ vectors) ** 2 / values
        factors = np.array([0.3, 1.3])[:, None, None] ** 2
    else:
        squares = ((x - means[well]) / spread[well]) ** 2
        factors = np.array([[0.3], [1.3]])
    excess = share @ squares**2 / (share.sum() + TINY) - 3.0
    gain = np.minimum(np.maximum(excess, 0.0) ** 2 / 48.0, MOST_GAIN).sum()
    halves = np.full(2, 0.5 * weights[well])
    pair = _replaced(wells, well, halves, means[[well, well]], spread[well] * factors)
    return float(weights[well] * gain), pair


def _replaced(wells, well, weights, means, spread):
    new = (weights, means, spread)
    return tuple(np.concatenate([np.delete(a, well, axis=0), b]) for a, b in zip(wells, new, strict=True))
