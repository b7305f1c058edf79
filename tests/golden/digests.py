"""Runs whose bytes are fixed for good: what test_golden.py compares with digests.json.

``python digests.py`` prints the digests of the installed version. A digest may change only for a reason that the
changelog gives; the file records which version each comes from.
"""

from __future__ import annotations

import hashlib
import json

import numpy as np

import fastebm as fe

TWO = [0.1, -1.2, 0.0, 0.2, 1.3, 0.2, 0.0]


def digest(*arrays) -> str:
    joined = hashlib.sha256()
    for array in arrays:
        joined.update(np.ascontiguousarray(array, dtype="<f8").tobytes())
    return joined.hexdigest()


def wells(n_wells, n_features):
    """Wells whose parameters come from integer arithmetic, the same on every machine."""
    size = n_wells * (2 * n_features + 1) + 1
    return fe.WellMixture(n_wells, n_features, ((np.arange(size) * 37) % 23 - 11) / 8)


def points(n, n_features, width=64):
    i = np.arange(n * n_features)
    return (((i * 7919) % 10007) / 10007 - 0.5).reshape(n, n_features) * (width / 16)


def ring():
    return fe.PythonEnergy(
        lambda X: ((X**2).sum(axis=1) - 1.0) ** 2,
        lambda X: 4.0 * ((X**2).sum(axis=1, keepdims=True) - 1.0) * X,
        2,
    )


def samplers(n_features):
    mixture = fe.MixtureMH([1.0, 2.0], points(2, n_features), 1.0 + abs(points(2, n_features)))
    return {
        "sgld": fe.SGLD(0.02),
        "sgld cold, bounded": fe.SGLD(0.02, noise_std=0.1, bounds=(-1.5, 1.5)),
        "mala": fe.MALA(0.05),
        "mala at 0.7, bounded": fe.MALA(0.05, temperature=0.7, bounds=(-4.0, 4.0)),
        "independence": fe.IndependenceMH([-5.0] * n_features, [5.0] * n_features),
        "mixture": mixture,
    }


def sampling():
    energies = {
        "wells 2x1": fe.WellMixture(theta=TWO),
        "wells 3x1": wells(3, 1),
        "wells 8x2": wells(8, 2),
        "wells 4x5": wells(4, 5),
        "wells 16x32": wells(16, 32),
        "ring": ring(),
    }
    for name, energy in energies.items():
        x0 = points(1030, energy.n_features)
        for kind, sampler in samplers(energy.n_features).items():
            yield f"{name}: {kind}", sampler.sample(energy, x0, 11, seed=5)
        yield f"{name}: mala, thinned", fe.MALA(0.05).sample(energy, x0[:40], 12, seed=[1, 2], thin=5)
        yield f"{name}: energy", energy.energy(x0)
        yield f"{name}: grad", energy.grad(x0)
        yield f"{name}: laplacian", energy.laplacian(x0)
        yield f"{name}: mean_param_grad", energy.mean_param_grad(x0)


def training():
    line = np.concatenate([points(150, 1) - 2.0, points(250, 1, 32) + 1.8]).ravel()
    plane = np.concatenate([points(150, 2) - 2.0, points(250, 2, 32) + 1.5])
    box = fe.IndependenceMH(-6.0, 6.0)
    quick = {"n_updates": 60, "n_chains": 96, "batch_size": 64}
    own = {"sampler": fe.MALA(0.05), "global_move": box}
    start = fe.WellMixture(theta=TWO)
    runs = {
        "default": (fe.ContrastiveDivergence(start), line),
        "persistent": (fe.ContrastiveDivergence(start, **quick, **own), line),
        "adam, l2, bounds": (
            fe.ContrastiveDivergence(
                start, **quick, **own, optimizer="adam", l2=0.01, theta_bounds=(-2.0, 2.0), learning_rate=0.02
            ),
            line,
        ),
        "reinit": (fe.ContrastiveDivergence(start, **quick, **own, reinit_prob=0.1, average=0.0), line),
        "no global move": (
            fe.ContrastiveDivergence(start, **quick, sampler=fe.SGLD(0.02), global_move=None, init="uniform"),
            line,
        ),
        "fifo": (fe.ContrastiveDivergence(start, **quick, **own, buffer="fifo", reinit_prob=0.3), line),
        "small fifo": (
            fe.ContrastiveDivergence(start, **quick, **own, buffer="fifo", buffer_size=130, reinit_prob=0.2),
            line,
        ),
        "notebook": (fe.ContrastiveDivergence.notebook(n_updates=50), line),
        "jarzynski": (
            fe.ContrastiveDivergence(start, **quick, **own, weighting="jarzynski", init="data"),
            line,
        ),
        "plane": (fe.ContrastiveDivergence(wells(3, 2), n_updates=40, n_chains=1100), plane),
        "mixture move": (
            fe.ContrastiveDivergence(
                wells(4, 5),
                n_updates=20,
                n_chains=600,
                global_move=fe.MixtureMH([1.0, 1.0], points(2, 5), np.ones((2, 5))),
            ),
            points(300, 5),
        ),
    }
    for name, (trainer, data) in runs.items():
        result = trainer.fit(data, seed=3, diagnose=False)
        history = result.history
        yield (
            f"training: {name}",
            result.theta,
            result.buffer.states,
            result.log_weights,
            history["energy_data"],
            history["energy_model"],
            history["theta"],
        )


def collect() -> dict[str, str]:
    return {name: digest(*arrays) for runs in (sampling(), training()) for name, *arrays in runs}


if __name__ == "__main__":
    print(json.dumps(collect(), indent=1))
