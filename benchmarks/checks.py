"""No peer is timed before it has shown that it does the work: drift, noise, law of the final states."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from peers.base import Peer
from workloads import Fit, Training, Workload

Moments = tuple[int, np.ndarray, np.ndarray]

# Where the recipe ends on this data: mean of ten random streams. Between streams the standard deviation is
# 0.005 in raw_a and m, 0.02 in k.
TRAINED_THETA = np.array([-0.760, -1.953, -0.144, -0.743, 1.779, 0.144, 0.0])
TRAINED_TOLERANCE = 0.1


class WrongPeer(AssertionError):
    """The peer computes something else than the workload."""


def _require(ok: bool, message: str) -> None:
    if not ok:
        raise WrongPeer(message)


def check_peer(peer: Peer, work: Workload) -> None:
    """Check one peer on the model of ``work`` with few chains."""
    _check_drift(peer, replace(work, n_chains=64, n_steps=3, noise_std=1e-9))
    # Enough numbers to see a noise that is 3 % too wide.
    n = max(1000, 40_000 // work.n_features)
    _check_noise(peer, replace(work, n_chains=n, n_steps=4, step_size=1e-9, noise_std=0.1))


def _check_drift(peer: Peer, work: Workload) -> None:
    """Next to no noise: three steps must be three exact gradient steps."""
    x = work.x0()
    for _ in range(work.n_steps):
        x = x - work.step_size * work.wells.grad(x)
    error = np.abs(peer.to_numpy(peer.prepare(work)(), work) - x).max()
    tolerance = 1e-7 if peer.dtype == "float64" else 2e-4
    _require(error < tolerance, f"drift is off by {error:.2g} (tolerance {tolerance:g})")


def _check_noise(peer: Peer, work: Workload) -> None:
    """Next to no drift: displacements must be normal, of the right width, independent between neighbours."""
    z = (peer.to_numpy(peer.prepare(work)(), work) - work.x0()) / (work.noise_std * np.sqrt(work.n_steps))
    n = z.size
    flat = z.ravel()
    statistics = {
        "mean": flat.mean() * np.sqrt(n),
        "variance": (flat.var() - 1.0) * np.sqrt(n / 2.0),
        "kurtosis": (np.mean(flat**4) - 3.0) * np.sqrt(n / 96.0),
        "correlation of neighbours": np.mean(flat[1:] * flat[:-1]) * np.sqrt(n),
    }
    for name, score in statistics.items():
        _require(abs(score) < 6.0, f"noise: {name} is {score:+.1f} standard errors off")
    _require(np.unique(flat).size > 0.99 * n, "noise: chains share their random numbers")


def moments(x: np.ndarray) -> Moments:
    return x.shape[0], x.mean(axis=0), x.std(axis=0)


def reference_moments(work: Workload, n_chains: int = 1000) -> Moments:
    """Moments of the final states by the textbook formula."""
    small = replace(work, n_chains=n_chains)
    x, rng = small.x0(), np.random.default_rng(2)
    for _ in range(work.n_steps):
        x = x - work.step_size * work.wells.grad(x) + work.noise_std * rng.standard_normal(x.shape)
    return moments(x)


def check_moments(found: Moments, expected: Moments) -> None:
    """Loose: six standard errors, each side with its own sample size."""
    (n, mean, std), (m, mean0, std0) = found, expected
    width = np.maximum(std, std0) * np.sqrt(1.0 / n + 1.0 / m)
    off = np.abs(mean - mean0) / width
    _require(bool(np.all(off < 6.0)), f"mean of the final states is {np.max(off):.1f} standard errors off")
    ratio = std / std0
    _require(
        bool(np.all(np.abs(np.log(ratio)) < 6.0 * np.sqrt(0.5 / n + 0.5 / m))),
        "spread of the final states is off",
    )


def check_training(theta: np.ndarray, work: Training) -> None:
    error = np.abs(np.asarray(theta, dtype=float) - TRAINED_THETA).max()
    _require(error < TRAINED_TOLERANCE, f"trained theta is {error:.2f} from where the recipe ends")


def check_fit(theta: np.ndarray, work: Fit) -> None:
    """The wells must be where the data are."""
    centres = np.sort(np.asarray(theta, dtype=float)[[1, 4]])
    _require(bool(np.abs(centres - [-2.0, 1.8]).max() < 0.1), f"wells of the fit are at {centres}")
