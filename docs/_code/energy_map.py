"""Energies, scores and diffusion: the same data by contrastive divergence and by score matching, for both languages."""

from __future__ import annotations

import time
from functools import cache

import matplotlib.pyplot as plt
import numpy as np

import fastebm as fe
from fastebm.datasets import moons

NOISE = 0.1
X = moons(10_000, seed=1)
BASE = fe.Gaussian.fit(X)
EDGE = (-1.9, 2.9, -1.4, 1.9)

# Two groups that do not touch, for what score matching cannot see.
TRUTH = fe.WellMixture.from_mixture([0.7, 0.3], [[-3.0, 0.0], [3.0, 0.0]], [[0.5, 0.7], [0.6, 0.5]])
APART = TRUTH.exact_sample(3000, seed=2)
EVEN = fe.WellMixture.from_mixture([0.5, 0.5], TRUTH.means_, TRUTH.stds_)


def network():
    return fe.NetworkEnergy(
        2, [("fourier", 32, 0.5), ("dense", 64), "silu", ("dense", 64), "silu"], base=BASE, seed=1
    )


@cache
def by_scores(n_updates=2000):
    """The network by denoising score matching."""
    trainer = fe.ScoreMatching(
        network(),
        noise_std=NOISE,
        n_updates=n_updates,
        learning_rate=5e-3,
        schedule="linear",
        hold=0.3,
        batch_size=512,
        average=0.0,
        ema=0.995,
    )
    return trainer.fit(X, seed=3)


@cache
def by_chains():
    """The same network by contrastive divergence, on the same noisy data."""
    low, high = X.min(axis=0) - 0.5, X.max(axis=0) + 0.5
    trainer = fe.ContrastiveDivergence(
        network(),
        fe.MALA(0.006),
        n_updates=1000,
        n_chains=512,
        batch_size=512,
        learning_rate=3e-3,
        optimizer="adam",
        schedule="linear",
        hold=0.3,
        average=0.0,
        ema=0.995,
        global_move=fe.IndependenceMH(low, high),
        data_noise=NOISE,
    )
    return trainer.fit(X, seed=3, diagnose=False)


def fits():
    return {"contrastive divergence": by_chains().energy, "score matching": by_scores().energy}


def grid(n):
    a, b, c, d = EDGE
    u, v = np.meshgrid(np.linspace(a, b, n), np.linspace(c, d, n))
    return u, v, np.stack([u.ravel(), v.ravel()], axis=1)


def draw_fields(names=("true", "contrastive divergence", "score matching")):
    """Density in colour, score as arrows: the truth with the noise on it, and both fits."""
    _, panels = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained", sharey=True)
    u, v, fine = grid(161)
    p, q, coarse = grid(22)
    wide = fe.datasets.toys.Curve("noisy", None, moons.nodes, moons.weights, np.hypot(moons.std, NOISE))
    cell = (u[0, 1] - u[0, 0]) * (v[1, 0] - v[0, 0])
    fields = [(wide.log_prob(fine), wide.score(coarse), wide.log_prob(coarse))]
    for energy in fits().values():
        low = -energy.energy(fine)
        log_z = np.log(np.exp(low - low.max()).sum() * cell) + low.max()
        fields.append((low - log_z, energy.score(coarse), -energy.energy(coarse) - log_z))
    levels = np.linspace(0.0, 1.1 * np.exp(fields[0][0].max()), 24)
    for ax, name, (log_p, score, at) in zip(panels, names, fields, strict=True):
        ax.contourf(u, v, np.exp(log_p).reshape(u.shape), levels, cmap="cividis", extend="max")
        shown = at > -9
        ax.quiver(p.ravel()[shown], q.ravel()[shown], *score[shown].T, color="white", width=0.003, scale=250)
        ax.set(title=name, xlabel="x1", xlim=EDGE[:2], ylim=EDGE[2:])
    panels[0].set_ylabel("x2")


def nats_lost(energy):
    """KL(truth with the noise || energy), by quadrature."""
    u, v, fine = grid(301)
    cell = (u[0, 1] - u[0, 0]) * (v[1, 0] - v[0, 0])
    wide = fe.datasets.toys.Curve("noisy", None, moons.nodes, moons.weights, np.hypot(moons.std, NOISE))
    log_p, low = wide.log_prob(fine), -energy.energy(fine)
    log_z = np.log(np.exp(low - low.max()).sum() * cell) + low.max()
    return float((np.exp(log_p) * (log_p - low + log_z)).sum() * cell)


def print_fits(words=("fit", "error of the score", "nats lost")):
    """What each gets right: the error of the score against the truth, and the nats lost."""
    print(f"{words[0]:24} {words[1]:>20} {words[2]:>12}")
    for name, energy in fits().items():
        error = fe.score_error(energy, X, NOISE, score=lambda x: moons.score(x, NOISE), seed=4)
        print(f"{name:24} {error:20.3f} {nats_lost(energy):12.3f}")


def points_error():
    """Relative error of the score of the points themselves with the noise, against the truth."""
    x = moons(2000, seed=7) + NOISE * np.random.default_rng(8).standard_normal((2000, 2))
    points = fe.datasets.toys.Curve("points", None, X, np.ones(len(X)), NOISE)
    own, true = points.score(x), moons.score(x, NOISE)
    return float(np.sqrt(((own - true) ** 2).sum() / (true**2).sum()))


@cache
def ladder():
    """From much noise to little on the two groups."""
    start = fe.WellMixture.from_mixture([0.5, 0.5], [[-1.0, 0.0], [1.0, 0.0]], [[2.0, 1.0], [2.0, 1.0]])
    return fe.noise_ladder(
        start,
        APART,
        [2.0, 1.4, 1.0, 0.5, 0.25],
        seed=1,
        n_updates=1000,
        learning_rate=0.05,
        schedule="linear",
    )


def left(energy):
    """Share of the left well: wells that touch may change places."""
    return energy.weights_[energy.means_[:, 0].argmin()]


SHARES = ("share of the left group", "data", "contrastive divergence", "score matching", "ladder", "chains")


def print_shares(words=SHARES):
    """The share of the left group, as each sees it."""
    chains = left(fe.ContrastiveDivergence(EVEN).fit(APART, seed=1).energy)
    scores = fe.ScoreMatching(EVEN, noise_std=0.25, optimizer="sgd").fit(APART, seed=1)
    print(words[0])
    print(f"  {words[1]:44} {(APART[:, 0] < 0).mean():.3f}")
    print(f"  {words[2]:44} {chains:.3f}")
    print(f"  {words[3]:44} {left(scores.energy):.3f}")
    for noise, energy in zip(ladder().noise_stds, ladder().energies, strict=True):
        print(f"  {words[4] + f', noise {noise:g}':44} {left(energy):.3f}")
    print(f"  {words[5]:44} {(walk()[-1][:, 0] < 0).mean():.3f}")
    return scores


@cache
def walk():
    """Chains at the start and after each level of the ladder."""
    x = np.random.default_rng(5).normal(0.0, 4.0, (2000, 2))
    states = [x]
    for i, (energy, noise) in enumerate(zip(ladder().energies, ladder().noise_stds, strict=True)):
        states.append(fe.annealed_langevin(energy, [noise], states[-1], 100, seed=(6, i)))
    return states


def draw_walk(start="start", level="noise {:g}"):
    """The chains as the noise falls."""
    titles = [start, *[level.format(s) for s in ladder().noise_stds]]
    _, panels = plt.subplots(1, 6, figsize=(12, 2.4), layout="constrained", sharex=True, sharey=True)
    for ax, title, x in zip(panels, titles, walk(), strict=True):
        ax.plot(*x.T, ".", ms=1.5, color="#0072B2", alpha=0.5)
        ax.set(title=title, xlim=(-9, 9), ylim=(-6, 6))


__all__ = [
    "NOISE",
    "X",
    "by_scores",
    "draw_fields",
    "draw_walk",
    "moons",
    "points_error",
    "print_fits",
    "print_shares",
]

if __name__ == "__main__":
    # The target of the project: below 0.05, against the smoothed score of the 10,000 points.
    start = time.perf_counter()
    fit = by_scores(10_000).energy
    seconds = time.perf_counter() - start
    own = fe.score_error(fit, X, NOISE, seed=4)
    true = fe.score_error(fit, X, NOISE, score=lambda x: moons.score(x, NOISE), seed=4)
    print(
        f"{seconds:.0f} s; error against the score of the points with the noise {own:.4f}, against the true score"
    )
    print(f"{true:.4f}; of the points' own score against the true one {points_error():.4f}")
