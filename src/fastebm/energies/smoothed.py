"""The density of points with normal noise on them: its logarithm and its score, in closed form."""

from __future__ import annotations

import math

import numpy as np

# Numbers of a table of samples times points.
TABLE = 4_000_000


def smoothed(x: np.ndarray, points: np.ndarray, noise_std: float, weights: np.ndarray | None = None):
    """log p and d log p / dx at x, for p the mixture of N(point, noise_std^2) over the points.

    Parameters
    ----------
    x : ndarray of shape (n, n_features)
    points : ndarray of shape (n_points, n_features)
    noise_std : float
    weights : ndarray of shape (n_points,), optional
        Of the points; by default all the same. They are scaled to sum to 1.

    Returns
    -------
    (ndarray of shape (n,), ndarray of shape (n, n_features))
    """
    features, precision = points.shape[1], 1.0 / noise_std**2
    shares = np.full(len(points), 1.0 / len(points)) if weights is None else weights / weights.sum()
    # Around their middle, where the squares lose the least.
    middle = points.mean(axis=0)
    points, x = points - middle, x - middle
    logs = np.log(shares) - 0.5 * precision * (points**2).sum(axis=1)
    log_p, score = np.empty(len(x)), np.empty(x.shape)
    rows = max(1, TABLE // len(points))
    for start in range(0, len(x), rows):
        part = slice(start, start + rows)
        table = precision * x[part] @ points.T + logs
        top = table.max(axis=1, keepdims=True)
        table = np.exp(table - top)
        total = table.sum(axis=1, keepdims=True)
        log_p[part] = (top + np.log(total))[:, 0] - 0.5 * precision * (x[part] ** 2).sum(axis=1)
        score[part] = precision * (table @ points / total - x[part])
    return log_p - features * (0.5 * math.log(2.0 * math.pi) + math.log(noise_std)), score
