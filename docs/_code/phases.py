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


@cache
def grid():
    """Steps x noise around the notebook's recipe, three runs each."""
    settings = {"n_steps": STEPS, "sampler__noise_std": NOISE}
    return fe.sweep(
        fe.ContrastiveDivergence.notebook(), DATA, settings, seed=1, truth=TRUTH, n_repeats=REPEATS
    )


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
    ax = fe.plotting.plot_sweep(grid(), "n_steps", "sampler__noise_std", marks=marks)
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


def timed():
    """Seconds for so many trainings on this machine, without and with the checks."""
    seconds = []
    for checks in (False, True):
        result = fe.sweep(
            fe.ContrastiveDivergence.notebook(),
            DATA,
            {"n_steps": [30]},
            seed=3,
            n_repeats=50,
            diagnose=checks,
        )
        seconds.append(float(np.median(result.table["seconds"])))
    return seconds


__all__ = ["draw_phases", "grid", "plt", "print_replay", "single", "timed"]
