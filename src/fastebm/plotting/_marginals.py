"""Densities of one and of two features of a model: closed forms of wells and normal laws, else from samples."""

from __future__ import annotations

import math

import numpy as np

from ..answers.place import Place
from ..energies.normals import NormalMixture

# Draws that tell which density a contour of so much mass has.
DRAWS = 4000


class Closed:
    """Marginals of a mixture of normal laws, in the units of x, as wide as half a cell of the grid at least: a needle
    between two points of the grid would not be seen.

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
        """Density of feature j at t, evenly spaced."""
        variances = self.covariances[:, j, j] + (0.5 * (t[1] - t[0])) ** 2
        apart = t[:, None] - self.means[:, j]
        return np.exp(-0.5 * apart**2 / variances) @ (self.shares / np.sqrt(2 * math.pi * variances))

    def over(self, i: int, j: int, u: np.ndarray, v: np.ndarray, masses) -> tuple[np.ndarray, np.ndarray]:
        """(density of features i and j on an even grid, shape (len(v), len(u)); levels above which such masses lie)"""
        cell = np.diag([(0.5 * (u[1] - u[0])) ** 2, (0.5 * (v[1] - v[0])) ** 2])
        wide = self.covariances[:, [[i], [j]], [i, j]] + cell
        density = self._at(self.means[:, (i, j)], wide, np.stack(np.meshgrid(u, v), axis=-1))
        levels = np.quantile(
            self._at(self.means[:, (i, j)], wide, self.draws[:, (i, j)]), 1.0 - np.asarray(masses)
        )
        return density, levels

    def _at(self, means, covariances, points):
        total = np.zeros(points.shape[:-1])
        for share, mean, covariance in zip(self.shares, means, covariances, strict=True):
            apart = points - mean
            cost = np.einsum("...d,de,...e->...", apart, np.linalg.inv(covariance), apart)
            total += share / (2 * math.pi * math.sqrt(np.linalg.det(covariance))) * np.exp(-0.5 * cost)
        return total


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

    def over(self, i, j, u, v, masses):
        """(density of features i and j on an even grid, shape (len(v), len(u)); levels above which such masses lie)"""
        counts, _, _ = np.histogram2d(self.x[:, j], self.x[:, i], (_edges(v), _edges(u)))
        across, up = (0.5 * self.spread[k] * len(self.x) ** (-1 / 6) for k in (i, j))
        rows = np.apply_along_axis(_smooth, 1, counts, across / (u[1] - u[0]))
        whole = np.apply_along_axis(_smooth, 0, rows, up / (v[1] - v[0]))
        order = np.sort(whole.ravel())[::-1]
        inside = np.searchsorted(np.cumsum(order) / order.sum(), masses)
        levels = order[np.minimum(inside, len(order) - 1)]
        size = len(self.x) * (u[1] - u[0]) * (v[1] - v[0])
        return whole / size, levels / size


def _edges(t):
    half = 0.5 * (t[1] - t[0])
    return np.concatenate([t - half, [t[-1] + half]])


def _smooth(counts, width):
    """Counts spread over their neighbours, by a normal law of so many cells."""
    reach = max(1, math.ceil(4 * width))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / max(width, 1e-3)) ** 2)
    return np.convolve(counts, kernel / kernel.sum(), mode="full")[reach:-reach]
