"""What `networks.py` times: networks with random weights, their gradient in plain NumPy, the check of every peer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np


@dataclass(frozen=True)
class NetworkWork:
    """SGLD of ``n_chains`` chains on f(x): convolutions 3 x 3 (all but the first of stride 2) on an ``image`` x
    ``image`` square if there are ``channels``, dense layers, SiLU after each, and a weighted sum.
    """

    name: str
    n_features: int
    dense: tuple[int, ...]
    channels: tuple[int, ...] = ()
    image: int = 0
    n_chains: int = 256
    n_steps: int = 8
    step_size: float = 1e-3
    noise_std: float = 0.01
    n_threads: int = 1

    @property
    def chain_steps(self) -> int:
        return self.n_chains * self.n_steps

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def x0(self) -> np.ndarray:
        return np.random.default_rng(1).normal(size=(self.n_chains, self.n_features))

    @cached_property
    def sides(self) -> list[int]:
        """Side of the image before and after every convolution."""
        found = [self.image]
        for i in range(len(self.channels)):
            found.append(found[-1] if i == 0 else (found[-1] - 1) // 2 + 1)
        return found

    @cached_property
    def weights(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """(W, b) of every layer: convolutions (out, in, 3, 3), dense (out, in); the sum at the end without b."""
        rng, made, c = np.random.default_rng(2), [], 1
        for n in self.channels:
            made.append((rng.normal(0.0, 1.4 / np.sqrt(9 * c), (n, c, 3, 3)), rng.normal(0.0, 0.1, n)))
            c = n
        n_in = c * self.sides[-1] ** 2 if self.channels else self.n_features
        for n in (*self.dense, 1):
            made.append((rng.normal(0.0, 1.4 / np.sqrt(n_in), (n, n_in)), rng.normal(0.0, 0.1, n)))
            n_in = n
        made[-1] = (made[-1][0], np.zeros(1))
        return made

    @property
    def theta(self) -> np.ndarray:
        """As fastebm orders them: no bias at the end."""
        parts = [v.ravel() for pair in self.weights for v in pair]
        return np.concatenate(parts[:-1])

    def matrices(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """The same with every convolution written out as a matrix: slow, and right by inspection."""
        out = []
        for i, (w, b) in enumerate(self.weights):
            if i >= len(self.channels):
                out.append((w, b))
                continue
            before, after, stride = self.sides[i], self.sides[i + 1], 2 if i else 1
            whole = np.zeros((len(w), after, after, w.shape[1], before, before))
            for y, x, ty, tx in np.ndindex(after, after, 3, 3):
                iy, ix = y * stride + ty - 1, x * stride + tx - 1
                if 0 <= iy < before and 0 <= ix < before:
                    whole[:, y, x, :, iy, ix] = w[:, :, ty, tx]
            out.append((whole.reshape(len(w) * after**2, -1), np.repeat(b, after**2)))
        return out

    def grad(self, x: np.ndarray) -> np.ndarray:
        *layers, (last, _) = self.matrices()
        slopes, a = [], x
        for w, b in layers:
            z = a @ w.T + b
            s = 1.0 / (1.0 + np.exp(-z))
            a = z * s
            slopes.append(s + a * (1.0 - s))
        g = np.broadcast_to(last, (len(x), last.shape[1]))
        for (w, _), slope in zip(reversed(layers), reversed(slopes), strict=True):
            g = (g * slope) @ w
        return g


@dataclass(frozen=True)
class NetworkTraining:
    """Updates of 64-256-256-1 on images of 64 numbers: 256 chains, 8 MALA steps, batch 128."""

    name: str = "training"
    n_updates: int = 40
    hidden: tuple[int, ...] = (256, 256)
    n_threads: int = 1

    @property
    def chain_steps(self) -> int:
        return self.n_updates * 256 * 8

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def data(self) -> np.ndarray:
        rng = np.random.default_rng(3)
        centres = rng.uniform(0.0, 1.0, (10, 64))
        return centres[rng.integers(0, 10, 1200)] + rng.normal(0.0, 0.15, (1200, 64))


class WrongPeer(AssertionError):
    """The peer computes something else."""


def check(prepare: Callable[[NetworkWork], Callable[[], Any]], work: NetworkWork) -> None:
    """Three steps without noise are steps along the gradient; without gradient the noise has its width."""
    calm = replace(work, n_chains=64, n_steps=3, noise_std=1e-9)
    x = calm.x0()
    for _ in range(3):
        x = x - calm.step_size * calm.grad(x)
    error = np.abs(np.asarray(prepare(calm)(), dtype=float) - x).max()
    if not error < 2e-5:
        raise WrongPeer(f"drift is off by {error:.2g}")
    loud = replace(work, n_chains=4096, n_steps=4, step_size=1e-9, noise_std=0.1, dense=(4,))
    z = (np.asarray(prepare(loud)(), dtype=float) - loud.x0()).ravel() / 0.2
    for what, score in (
        ("mean", z.mean() * z.size**0.5),
        ("variance", (z.var() - 1.0) * (z.size / 2) ** 0.5),
    ):
        if not abs(score) < 6.0:
            raise WrongPeer(f"noise: {what} is {score:+.1f} standard errors off")


DENSE_2 = NetworkWork("2-128-128-1", 2, (128, 128))
DENSE_64 = NetworkWork("64-256-256-1", 64, (256, 256))
CONV = NetworkWork("conv 16-32-128", 64, (128,), (16, 32), 8)
TRAINING = NetworkTraining()
WORKS = (DENSE_2, DENSE_64, CONV)
SMOKE = (
    NetworkWork("smoke dense", 3, (8, 8), n_chains=32, n_steps=3),
    NetworkWork("smoke conv", 16, (8,), (3, 4), 4, n_chains=32, n_steps=3),
)
SMOKE_TRAINING = NetworkTraining("smoke training", n_updates=3, hidden=(8, 8))
