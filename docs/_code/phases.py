"""The phase diagram of the notebook's trainer, in one place for both languages."""

from __future__ import annotations

import math
from functools import cache

import matplotlib.pyplot as plt
import numpy as np

import fastebm as fe
from fastebm.datasets import two_normals_truth

TRUTH = two_normals_truth()
DATA = TRUTH.exact_sample(2400, seed=31)
STEPS = [1, 2, 5, 10, 20, 30, 60]
NOISE = [0.03, 0.05, 0.085, 0.15, 0.2, 0.25, 0.3, 0.3317, 0.4, 0.5]
REPEATS = 3
# The checks whose borders are drawn. Of the others that warn, mode_imbalance comes and goes between runs of one
# setting, and mode_weights_not_identified warns everywhere.
CODES = (
    "temperature",
    "measured_temperature",
    "biased_chains",
    "too_few_steps",
    "under_training",
    "step_too_big",
)


@cache
def grid():
    """Steps x noise around the notebook's recipe, three runs each."""
    settings = {"n_steps": STEPS, "sampler__noise_std": NOISE}
    return fe.sweep(
        fe.ContrastiveDivergence.notebook(), DATA, settings, seed=1, truth=TRUTH, n_repeats=REPEATS
    )


def lost(n_steps, noise):
    """Median nats lost at one place of the map."""
    return np.median(grid().grid("nats_lost"), axis=2)[STEPS.index(n_steps), NOISE.index(noise)]


def best():
    """(n_steps, noise) of the smallest median."""
    at = np.median(grid().grid("nats_lost"), axis=2)
    i, j = np.unravel_index(at.argmin(), at.shape)
    return STEPS[i], NOISE[j]


@cache
def single(name):
    """Nats lost by one recipe: the notebook's, its failing example, and the default."""
    notebook = fe.ContrastiveDivergence.notebook()
    trainers = {
        "notebook": notebook,
        "failing": notebook.replace(n_steps=5, n_updates=141, batch_size=64, n_chains=64),
        "default": fe.ContrastiveDivergence(fe.initial_wells(DATA, 2, seed=1)),
    }
    result = fe.sweep(
        trainers[name], DATA, [{"n_steps": trainers[name].n_steps}], seed=1, truth=TRUTH, n_repeats=3
    )
    return float(np.median(result.table["nats_lost"]))


def draw_phases(labels=("the notebook", "its failing example", "the default recipe")):
    """The map, with three recipes marked."""
    h = 0.055
    marks = {
        f"{labels[0]} ({single('notebook'):.2f})": (30, 0.085),
        f"{labels[1]} ({single('failing'):.2f})": (5, 0.085),
        f"{labels[2]} ({single('default'):.3f})": (5, math.sqrt(2 * h)),
    }
    ax = fe.plotting.plot_sweep(grid(), "n_steps", "sampler__noise_std", codes=CODES, marks=marks)
    ax.figure.set_size_inches(9, 5.6)
    return ax


def replay():
    """The share of fresh starts against the noise, at 30 steps."""
    settings = {"reinit_prob": [0.0, 0.05, 0.1, 0.3, 0.6, 1.0], "sampler__noise_std": [0.085, 0.2, 0.3317]}
    return fe.sweep(
        fe.ContrastiveDivergence.notebook(), DATA, settings, seed=2, truth=TRUTH, n_repeats=3, diagnose=False
    )


def print_replay():
    """Median nats lost for each share of fresh starts and each noise."""
    result = replay()
    lost = np.median(result.grid("nats_lost"), axis=2)
    shares, noise = (np.unique(result.table[name]) for name in result.names)
    print("fresh starts " + "".join(f"{f'noise {s:g}':>14}" for s in noise))
    for share, row in zip(shares, lost, strict=True):
        print(f"{share:12.2f} " + "".join(f"{v:14.3f}" for v in row))


__all__ = ["best", "draw_phases", "grid", "lost", "plt", "print_replay", "single"]
