"""The study behind the page "The notebook revisited": what the teaching notebook learns, and why.

``from fastebm.revisited import *`` and every block of that page runs as it stands. The runs are computed when they are
first asked for (the longest takes some seconds) and kept; the pictures need matplotlib and draw on a new figure.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Callable
from functools import cache
from typing import TypeVar, cast

import numpy as np

from . import notebook
from ._runtime.errors import FastEBMWarning
from .datasets import two_normals_truth
from .energies import Energy, WellMixture
from .mixtures.em import maximum_likelihood_wells
from .plotting._canvas import BLUE, DPI, GREEN, GREY, ORANGE, RED, an_energy, missing_matplotlib
from .samplers import SGLD
from .training import ContrastiveDivergence, TrainingResult

__all__ = [
    "DATA",
    "TEMPERATURE",
    "TRUTH",
    "WARM",
    "best",
    "cold",
    "divergence",
    "draw_budget",
    "draw_first_look",
    "draw_longer",
    "draw_recipe",
    "exact_run",
    "good",
    "left",
    "notebook_run",
    "warm",
]

TRUTH = two_normals_truth()
GRID = np.linspace(-9, 9, 6001)
STEP = GRID[1] - GRID[0]
LOG_TRUTH = TRUTH.log_prob(GRID)
# Noise of temperature 1 in place of the notebook's, and the temperature that the notebook's is.
WARM = SGLD(0.055, bounds=(-6, 6))
TEMPERATURE = SGLD(0.055, noise_std=0.085).temperature
START = [0.0, -0.2, 0.0, 0.0, 0.2, 0.0, 0.0]


Function = TypeVar("Function", bound=Callable)


def _kept(function: Function) -> Function:
    """`cache`, which keeps the signature for those who read types."""
    return cast(Function, cache(function))


def _seeded(call):
    """What call() gives after ``random.seed(31)``, as in the notebook; the global generator is put back."""
    before = random.getstate()
    try:
        random.seed(31)
        return call()
    finally:
        random.setstate(before)


DATA = np.array(_seeded(lambda: notebook.sample_real(2400)))


def divergence(energy: Energy) -> float:
    """KL(true law || model) in nats, by the midpoint rule on [-9, 9].

    Parameters
    ----------
    energy : Energy
        Of one feature, with log Z in closed form.

    Examples
    --------
    >>> from fastebm.revisited import best, divergence
    >>> round(divergence(best()), 4)
    0.0016
    """
    an_energy(energy, (1,), "an energy of one feature")
    return float((np.exp(LOG_TRUTH) * (LOG_TRUTH - energy.log_prob(GRID))).sum() * STEP)


def left(energy: Energy) -> float:
    """The model's mass left of 0."""
    return float(np.exp(energy.log_prob(GRID))[GRID < 0].sum() * STEP)


@_kept
def notebook_run() -> tuple[WellMixture, np.ndarray]:
    """The notebook itself, seed 31: its energy and the 2,600 samples that it shows."""
    with warnings.catch_warnings():
        # The page says it at length.
        warnings.simplefilter("ignore", FastEBMWarning)
        theta, _, _ = _seeded(lambda: notebook.train_ebm(START, DATA.tolist()))
    return WellMixture(theta=theta), np.array(_seeded(lambda: notebook.draw_model_samples(theta)))


@_kept
def exact_run(n_updates: int = 381) -> WellMixture:
    """The notebook's updates with the model's exact expectation in place of chains."""
    rng, bound = np.random.default_rng(3), np.array([3.0, 4.0, 3.0, 3.0, 4.0, 3.0, np.inf])
    l2 = 8e-4 * np.array([1, 0, 0.2, 1, 0, 0.2, 0])
    energy = WellMixture(theta=START)
    for _ in range(n_updates):
        batch = rng.choice(DATA, 96, replace=False)
        expected = (np.exp(energy.log_prob(GRID)) * STEP) @ energy.param_grad(GRID)
        step = energy.mean_param_grad(batch) - expected + 2 * l2 * energy.theta
        energy.theta = np.clip(energy.theta - 0.016 * step, -bound, bound)
    return energy


def _fitted(trainer) -> TrainingResult:
    # These runs are known to be wrong: what the checks say is on the results.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FastEBMWarning)
        return trainer.fit(DATA, seed=3)


@_kept
def cold(n_updates: int = 381) -> TrainingResult:
    """The notebook's recipe, compiled: its noise is too cold for its step."""
    return _fitted(ContrastiveDivergence.notebook(n_updates=n_updates))


@_kept
def warm(n_updates: int = 381) -> TrainingResult:
    """The same with noise of temperature 1, and nothing else changed."""
    return _fitted(ContrastiveDivergence.notebook(sampler=WARM, n_updates=n_updates))


@_kept
def good(n_updates: int = 800) -> TrainingResult:
    """The default recipe, from the notebook's start."""
    start = WellMixture(theta=START)
    return _fitted(ContrastiveDivergence(start, n_updates=n_updates))


@_kept
def best() -> WellMixture:
    """The maximum-likelihood fit to the same data."""
    return maximum_likelihood_wells(DATA)


def _figure(*shape, **options):
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise missing_matplotlib(error) from None
    return plt.subplots(*shape, layout="constrained", dpi=DPI, **options)[1]


def _density(axis, energy, **style):
    axis.plot(GRID, np.exp(energy.log_prob(GRID)), lw=2, **style)


def _truth(axis):
    axis.fill_between(GRID, np.exp(LOG_TRUTH), color=GREY, alpha=0.35, lw=0, label="truth")
    axis.set(xlabel="x (units of the data)", ylabel="density (1 / unit of x)", xlim=(-5, 5), ylim=(0, 1.1))


def draw_first_look() -> None:
    """Draw what the notebook shows beside the density that it has learned."""
    model, shown = notebook_run()
    axes = _figure(1, 2, figsize=(9.5, 3.6), sharey=True)
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


def draw_budget() -> None:
    """Draw the distance from the truth with one thing repaired at a time."""
    values = {
        "notebook": (divergence(cold().energy), RED),
        "warm noise": (divergence(warm().energy), ORANGE),
        "exact gradient,\nno chains": (divergence(exact_run()), BLUE),
        "default recipe": (divergence(good().energy), GREEN),
        "maximum\nlikelihood": (divergence(best()), GREY),
    }
    axis = _figure(figsize=(7.5, 3.2))
    bars = axis.barh(list(values), [v for v, _ in values.values()], color=[c for _, c in values.values()])
    axis.bar_label(bars, [f"{v:.4f}" for v, _ in values.values()], padding=4)
    axis.invert_yaxis()
    axis.set(xlabel="KL(truth || model), nats", xlim=(0, 1.15 * max(v for v, _ in values.values())))
    axis.spines[["top", "right"]].set_visible(False)


def _path(result):
    history, energy, values = result.history, WellMixture(), []
    steps = np.unique(np.geomspace(1, len(history), 60).astype(int)) - 1
    for step in steps:
        energy.theta = history["theta"][step]
        values.append((divergence(energy), left(energy)))
    return steps + 1, np.array(values)


def draw_longer() -> None:
    """Draw distance and left mass along 6,000 updates of three recipes."""
    axes = _figure(1, 2, figsize=(9.5, 3.8))
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


def draw_recipe() -> None:
    """Draw the default recipe's density with that of maximum likelihood."""
    axis = _figure(figsize=(6.5, 3.6))
    _truth(axis)
    _density(axis, good().energy, color=GREEN, label="default recipe")
    _density(axis, best(), color="black", ls=":", label="maximum likelihood")
    axis.legend(frameon=False)
