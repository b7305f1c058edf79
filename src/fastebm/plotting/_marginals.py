"""Densities of one and of two features of a model: closed forms of wells and normal laws, else from samples."""

from __future__ import annotations

import math

import numpy as np

from ..answers.place import Place
from ..energies.normals import NormalMixture

# Draws that tell which density a contour of so much mass has.
DRAWS = 4000


class Closed:
    """Marginals of a mixture of normal laws, in the units of x.

    Parameters
    ----------
    mixture : NormalMixture
        Of z, with x = offset + scale z.
    place : Place
    seed : SeedSequence
        Of the draws that place the contours.
    """

    def __init__(self, mixture: NormalMixture, place: Place, seed):
        self.shares = mixture.shares
        self.means = place.outwards(mixture.means)
        self.covariances = np.linalg.inv(mixture.precisions) * np.outer(place.scale, place.scale)
        self.draws = place.outwards(mixture.sample(DRAWS, np.random.default_rng(seed)))

    def along(self, j: int, t: np.ndarray) -> np.ndarray:
        """Density of feature j at t."""
        variances = self.covariances[:, j, j]
        apart = t[:, None] - self.means[:, j]
        return np.exp(-0.5 * apart**2 / variances) @ (self.shares / np.sqrt(2 * math.pi * variances))

    def over(self, i: int, j: int, u: np.ndarray, v: np.ndarray) -> np.ndarray:
        """Density of features i and j on the grid, shape (len(v), len(u))."""
        return self._at(i, j, np.stack(np.meshgrid(u, v), axis=-1))

    def _at(self, i, j, points):
        both = np.ix_(range(len(self.shares)), (i, j), (i, j))
        inverse = np.linalg.inv(self.covariances[both])
        total = np.zeros(points.shape[:-1])
        for share, mean, precision in zip(self.shares, self.means[:, (i, j)], inverse, strict=True):
            apart = points - mean
            cost = np.einsum("...d,de,...e->...", apart, precision, apart)
            total += share * math.sqrt(np.linalg.det(precision)) / (2 * math.pi) * np.exp(-0.5 * cost)
        return total

    def levels(self, i: int, j: int, masses, density) -> np.ndarray:
        """Densities above which so much mass lies."""
        return np.quantile(self._at(i, j, self.draws[:, (i, j)]), 1.0 - np.asarray(masses))


class Sampled:
    """Marginals of a sample, smoothed by normal kernels (Scott's rule).

    Parameters
    ----------
    x : ndarray of shape (n, n_features)
    """

    def __init__(self, x: np.ndarray):
        self.x = x
        self.spread = x.std(axis=0)

    def along(self, j, t):
        """Density of feature j at t, evenly spaced."""
        counts, _ = np.histogram(self.x[:, j], _edges(t))
        width = 0.5 * self.spread[j] * len(self.x) ** (-1 / 5)
        return _smooth(counts, width / (t[1] - t[0])) / (len(self.x) * (t[1] - t[0]))

    def over(self, i, j, u, v):
        """Density of features i and j on an even grid, shape (len(v), len(u))."""
        counts, _, _ = np.histogram2d(self.x[:, j], self.x[:, i], (_edges(v), _edges(u)))
        across, up = (0.5 * self.spread[k] * len(self.x) ** (-1 / 6) for k in (i, j))
        rows = np.apply_along_axis(_smooth, 1, counts, across / (u[1] - u[0]))
        whole = np.apply_along_axis(_smooth, 0, rows, up / (v[1] - v[0]))
        return whole / (len(self.x) * (u[1] - u[0]) * (v[1] - v[0]))

    def levels(self, i, j, masses, density):
        """Densities above which so much mass lies, by the cells of the grid."""
        order = np.sort(density.ravel())[::-1]
        mass = np.cumsum(order) / order.sum()
        return order[np.minimum(np.searchsorted(mass, masses), len(order) - 1)]


def _edges(t):
    half = 0.5 * (t[1] - t[0])
    return np.concatenate([t - half, [t[-1] + half]])


def _smooth(counts, width):
    """Counts spread over their neighbours, by a normal law of so many cells."""
    reach = max(1, math.ceil(4 * width))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(width, 1e-3)) ** 2)
    return np.convolve(counts, kernel / kernel.sum(), mode="full")[reach:-reach]
