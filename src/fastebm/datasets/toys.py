"""Densities in the plane that networks are tried on, each with its exact log density."""

from __future__ import annotations

import math

import numpy as np

from .._runtime.check import integer, real, samples
from .._runtime.seed import seed_sequence
from ..energies.smoothed import smoothed


class Toy:
    """A density in the plane: call it with (n, seed) to draw from it; `log_prob` is its exact log density.

    `eight_gaussians`, `moons`, `checkerboard` and `rings` are of this kind.

    Examples
    --------
    >>> from fastebm.datasets import Toy, moons
    >>> isinstance(moons, Toy), moons(100, seed=1).shape, moons.log_prob([[0.0, 1.0]]).shape
    (True, (100, 2), (1,))
    """

    # Half the side of the square around the origin outside of which there is less than 1e-6 of it.
    extent = 4.0

    def __init__(self, name: str):
        self.name = name

    def __call__(self, n: int, seed=None) -> np.ndarray:
        """Draw n samples, shape (n, 2).

        Parameters
        ----------
        n : int
            At least 0.
        seed : None, int, SeedSequence or Generator
            As in NumPy.
        """
        return self._draw(integer(n, "n", 0), np.random.default_rng(seed_sequence(seed)))

    def log_prob(self, X) -> np.ndarray:
        """Log of the density of every sample, shape (n_samples,)."""
        return self._log_prob(samples(X, 2)[0])

    def _draw(self, n, rng):
        raise NotImplementedError

    def _log_prob(self, x):
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"fastebm.datasets.{self.name}"


class Curve(Toy):
    """Points of curves with normal noise of standard deviation `std` on them.

    Parameters
    ----------
    name : str
    draw : callable
        ``draw(n, rng)``: n points of the curves, shape (n, 2).
    nodes, weights : ndarray of shape (m, 2) and (m,)
        A quadrature rule for the mean over the curves.
    std : float
    """

    def __init__(self, name, draw, nodes, weights, std):
        super().__init__(name)
        self._points, self.nodes, self.weights, self.std = draw, nodes, weights, std

    def _draw(self, n, rng):
        points = self._points(n, rng)
        return points + self.std * rng.standard_normal(points.shape)

    def _log_prob(self, x):
        return smoothed(x, self.nodes, self.std, self.weights)[0]

    def score(self, X, noise_std: float = 0.0) -> np.ndarray:
        """d log p / dx of the samples with more normal noise on them, shape (n_samples, 2)."""
        x, _ = samples(X, 2)
        more = real(noise_std, "noise_std", minimum=0)
        return smoothed(x, self.nodes, math.hypot(self.std, more), self.weights)[1]


class Checkerboard(Toy):
    """Every second of 4 x 4 unit squares around the origin, filled evenly."""

    extent = 2.0

    def _draw(self, n, rng):
        square = rng.integers(0, 8, n)
        row = square // 2
        column = 2 * (square % 2) + row % 2
        return np.stack([column, row], axis=1) - 2.0 + rng.random((n, 2))

    def _log_prob(self, x):
        cell = np.floor(x)
        inside = (np.abs(x) < 2.0).all(axis=1) & (cell.sum(axis=1) % 2 == 0)
        return np.where(inside, -math.log(8.0), -np.inf)


CORNERS = 2.0 * np.stack([f(np.arange(8) * math.pi / 4) for f in (np.cos, np.sin)], axis=1)


def _moon(t, lower):
    """Points at the angles t of the two half circles, of which the lower one is shifted by (1, 1/2)."""
    x, y = np.cos(t), np.sin(t)
    return np.stack([np.where(lower, 1.0 - x, x), np.where(lower, 0.5 - y, y)], axis=1)


def _ring(t, radius):
    return np.stack([radius * np.cos(t), radius * np.sin(t)], axis=1)


def _draw_corners(n, rng):
    return CORNERS[rng.integers(0, 8, n)]


def _draw_moons(n, rng):
    return _moon(rng.uniform(0.0, math.pi, n), rng.random(n) < 0.5)


def _draw_rings(n, rng):
    return _ring(rng.uniform(0.0, 2.0 * math.pi, n), 0.6 * rng.integers(1, 5, n))


# Relative errors: 5e-12 with 128 Gauss-Legendre nodes for a noise of a tenth, 3e-13 with 400 on the largest ring.
_t, _w = np.polynomial.legendre.leggauss(128)
_arc = 0.5 * math.pi * (_t + 1.0)
_turn = np.arange(400) * (2.0 * math.pi / 400)

eight_gaussians = Curve("eight_gaussians", _draw_corners, CORNERS, np.ones(8), 0.2)
moons = Curve(
    "moons",
    _draw_moons,
    np.concatenate([_moon(_arc, False), _moon(_arc, True)]),
    np.concatenate([_w, _w]),
    0.1,
)
rings = Curve(
    "rings",
    _draw_rings,
    np.concatenate([_ring(_turn, 0.6 * k) for k in (1, 2, 3, 4)]),
    np.ones(1600),
    0.08,
)
checkerboard = Checkerboard("checkerboard")
