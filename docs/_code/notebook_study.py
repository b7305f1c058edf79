"""What the pages on the teaching notebook compute and draw, in one place for both languages."""

from __future__ import annotations

import random
from functools import cache

import matplotlib.pyplot as plt
import numpy as np

import fastebm as fe
from fastebm import notebook
from fastebm.datasets import two_normals_truth
from fastebm.mixtures.em import maximum_likelihood_wells

# Okabe and Ito's colours; line styles repeat the distinction.
BLUE, ORANGE, GREEN, RED, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#999999"
TRUTH = two_normals_truth()
GRID = np.linspace(-9, 9, 6001)
STEP = GRID[1] - GRID[0]
LOG_TRUTH = TRUTH.log_prob(GRID)
WARM = fe.SGLD(0.055, bounds=(-6, 6))
TEMPERATURE = fe.SGLD(0.055, noise_std=0.085).temperature

random.seed(31)
DATA = np.array(notebook.sample_real(2400))


def divergence(energy) -> float:
    """KL(true law || model) in nats, by quadrature."""
    return float((np.exp(LOG_TRUTH) * (LOG_TRUTH - energy.log_prob(GRID))).sum() * STEP)


def left(energy) -> float:
    """The model's mass left of 0."""
    return float(np.exp(energy.log_prob(GRID))[GRID < 0].sum() * STEP)


@cache
def notebook_run():
    """The notebook itself, seed 31: its energy and the samples it shows."""
    random.seed(31)
    theta, _, _ = notebook.train_ebm([0.0, -0.2, 0.0, 0.0, 0.2, 0.0, 0.0], DATA.tolist())
    random.seed(31)
    return fe.WellMixture(theta=theta), np.array(notebook.draw_model_samples(theta))


@cache
def exact_run(n_updates: int = 381):
    """The notebook's updates with the model's exact expectation in place of chains."""
    rng, bound = np.random.default_rng(3), np.array([3.0, 4.0, 3.0, 3.0, 4.0, 3.0, np.inf])
    l2 = 8e-4 * np.array([1, 0, 0.2, 1, 0, 0.2, 0])
    energy = fe.WellMixture(theta=[0, -0.2, 0, 0, 0.2, 0, 0])
    for _ in range(n_updates):
        batch = rng.choice(DATA, 96, replace=False)
        expected = (np.exp(energy.log_prob(GRID)) * STEP) @ energy.param_grad(GRID)
        step = energy.mean_param_grad(batch) - expected + 2 * l2 * energy.theta
        energy.theta = np.clip(energy.theta - 0.016 * step, -bound, bound)
    return energy


@cache
def cold(n_updates: int = 381):
    return fe.ContrastiveDivergence.notebook(n_updates=n_updates).fit(DATA, seed=3)


@cache
def warm(n_updates: int = 381):
    return fe.ContrastiveDivergence.notebook(sampler=WARM, n_updates=n_updates).fit(DATA, seed=3)


@cache
def good(n_updates: int = 800):
    start = fe.WellMixture(theta=[0, -0.2, 0, 0, 0.2, 0, 0])
    return fe.ContrastiveDivergence(start, n_updates=n_updates).fit(DATA, seed=3)


@cache
def best():
    """The maximum-likelihood fit to the same data."""
    return maximum_likelihood_wells(DATA)


def _density(axis, energy, **style):
    axis.plot(GRID, np.exp(energy.log_prob(GRID)), lw=2, **style)


def _truth(axis):
    axis.fill_between(GRID, np.exp(LOG_TRUTH), color=GREY, alpha=0.35, lw=0, label="truth")
    axis.set(xlabel="x (units of the data)", ylabel="density (1 / unit of x)", xlim=(-5, 5), ylim=(0, 1.1))


def draw_first_look():
    model, shown = notebook_run()
    _, axes = plt.subplots(1, 2, figsize=(9.5, 3.6), layout="constrained", sharey=True)
    for axis in axes:
        _truth(axis)
    axes[0].hist(
        shown,
        bins=80,
        range=(-5, 5),
        density=True,
        histtype="step",
        color=ORANGE,
        lw=1.5,
        label="samples shown",
    )
    _density(axes[1], model, color=RED, label="density learned")
    axes[0].set(title="What the notebook shows")
    axes[1].set(title="What it has learned", ylabel="")
    for axis in axes:
        axis.legend(frameon=False)


def draw_budget():
    values = {
        "notebook": (divergence(cold().energy), RED),
        "warm noise": (divergence(warm().energy), ORANGE),
        "exact gradient,\nno chains": (divergence(exact_run()), BLUE),
        "default recipe": (divergence(good().energy), GREEN),
        "maximum\nlikelihood": (divergence(best()), GREY),
    }
    _, axis = plt.subplots(figsize=(7.5, 3.2), layout="constrained")
    bars = axis.barh(list(values), [v for v, _ in values.values()], color=[c for _, c in values.values()])
    axis.bar_label(bars, [f"{v:.4f}" for v, _ in values.values()], padding=4)
    axis.invert_yaxis()
    axis.set(xlabel="KL(truth || model), nats", xlim=(0, 1.15 * max(v for v, _ in values.values())))
    axis.spines[["top", "right"]].set_visible(False)


def _path(result):
    history, energy, values = result.history, fe.WellMixture(), []
    steps = np.unique(np.geomspace(1, len(history), 60).astype(int)) - 1
    for step in steps:
        energy.theta = history["theta"][step]
        values.append((divergence(energy), left(energy)))
    return steps + 1, np.array(values)


def draw_longer():
    _, axes = plt.subplots(1, 2, figsize=(9.5, 3.8), layout="constrained")
    runs = (
        ("cold (notebook)", cold(6000), RED, "-"),
        ("warm, 30 % afresh", warm(6000), ORANGE, "--"),
        ("default recipe", good(6000), GREEN, "-."),
    )
    for name, result, colour, style in runs:
        steps, values = _path(result)
        for axis, column in zip(axes, values.T, strict=True):
            axis.plot(steps, column, color=colour, ls=style, lw=2, label=name)
    axes[1].axhline(left(TRUTH), color=GREY, lw=1, label="truth")
    axes[0].set(ylabel="KL(truth || model), nats", yscale="log")
    axes[1].set(ylabel="mass of the model left of 0", ylim=(0, 1.02))
    for axis in axes:
        axis.axvline(381, color=GREY, lw=1, ls=":")
        axis.set(xlabel="updates (dotted: the notebook stops)", xscale="log")
    axes[1].legend(frameon=False, loc="lower left")


def draw_recipe():
    _, axis = plt.subplots(figsize=(6.5, 3.6), layout="constrained")
    _truth(axis)
    _density(axis, good().energy, color=GREEN, label="default recipe")
    _density(axis, best(), color="black", ls=":", label="maximum likelihood")
    axis.legend(frameon=False)
