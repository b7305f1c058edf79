"""Trainings that go wrong, each in one way, and good ones: what must be caught, and what must be left alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import fastebm as fe
from fastebm.mixtures.em import maximum_likelihood_wells

TWO = fe.WellMixture.from_mixture([0.55, 0.45], [-2.0, 1.8], [0.45, 0.55])
# Nats a row that count as lost.
LOST = 0.02


def two(rng, n=2400):
    return TWO.exact_sample(n, seed=rng)


def groups(rng, centres, sd, n=2400):
    return (np.asarray(centres)[rng.integers(0, len(centres), n)] + sd * rng.normal(size=n))[:, None]


def four(rng):
    return groups(rng, [-4, -1.5, 1.5, 4], 0.4)


def outliers(rng):
    return np.concatenate([two(rng, 2376), rng.uniform(-60, 60, (24, 1))])


def trainer(x, n_wells, seed, **settings):
    return fe.ContrastiveDivergence(fe.initial_wells(x, n_wells, seed=seed, n_init=1), **settings)


@dataclass(frozen=True)
class Case:
    """``data(rng)`` of shape (n, d), ``make(x, seed)`` a trainer of it, and a code that is to be among the warnings."""

    name: str
    data: Callable
    make: Callable
    code: str | None


CASES = [
    Case("a store of size 0", two, lambda x, s: trainer(x, 2, s, buffer="fifo", buffer_size=0), "drift"),
    Case("a penalty that costs", two, lambda x, s: trainer(x, 2, s, l2=0.1), "penalty"),
    Case(
        "three groups, two wells",
        lambda r: groups(r, [-3, 0, 3], 0.5),
        lambda x, s: trainer(x, 2, s),
        "too_few_modes",
    ),
    Case(
        "few updates",
        two,
        lambda x, s: fe.ContrastiveDivergence(fe.WellMixture(), n_updates=5),
        "under_training",
    ),
    Case(
        "more than 400 parameters",
        lambda r: r.normal(size=(300, 30)),
        lambda x, s: trainer(x, 8, s, n_updates=20, global_move=None),
        "memorisation",
    ),
    Case("ten times the rate", two, lambda x, s: trainer(x, 2, s, learning_rate=1.0, average=0.0), None),
    Case("a hundred times the rate", two, lambda x, s: trainer(x, 2, s, learning_rate=10.0), "learning_rate"),
    Case(
        "four wells in one group",
        four,
        lambda x, s: fe.ContrastiveDivergence(
            fe.WellMixture.from_mixture([0.25] * 4, [-4.1, -4.0, -3.9, -3.8], [0.4] * 4)
        ),
        "local_optimum",
    ),
    Case("one percent of outliers", outliers, lambda x, s: trainer(x, 2, s), "too_few_modes"),
    Case("batches of two", two, lambda x, s: trainer(x, 2, s, batch_size=2, average=0.0), None),
    Case("more wells than rows bear", lambda r: two(r, 20), lambda x, s: trainer(x, 10, s), "memorisation"),
    Case(
        "a global box without a mode",
        two,
        lambda x, s: trainer(x, 2, s, global_move=fe.IndependenceMH(-4, 0)),
        "global_box",
    ),
    Case(
        "no global move, fresh chains",
        two,
        lambda x, s: trainer(x, 2, s, reinit_prob=0.3, global_move=None),
        None,
    ),
]
GOOD = [
    Case("two", two, lambda x, s: trainer(x, 2, s), None),
    Case("four", four, lambda x, s: trainer(x, 4, s, optimizer="adam", learning_rate=0.02), None),
]


def loss(energy, x, seed=0) -> float:
    """Nats a row below the best of many climbs, from the fit itself too."""
    here = float(energy.log_prob(x).mean())
    low, high = energy.scale_limits
    best = maximum_likelihood_wells(
        x, energy.n_wells, seed=seed + 1000, n_init=20, std_range=(low * (1 + 1e-9), high * (1 - 1e-9))
    )
    return max(0.0, float(best.log_prob(x).mean()) - here)


def follow(trained, result, x, seed):
    """A trainer changed as the first line of advice says, word for word; the same one if it says nothing of it."""
    text, settings = result.warnings[0].advice, trained.get_params()
    wells = trained.energy.n_wells
    changes = {}
    for name, value in re.findall(r"(\w+)=('[^']*'|[\w.+-]+)", text):
        if name in settings:
            changes[name] = ast.literal_eval(value)
    start = re.search(r"initial_wells\(X, \d+, n_init=(\d+)\)", text)
    if start:
        changes = {"energy": fe.initial_wells(x, wells, seed=seed + 100, n_init=int(start[1]))}
    more = re.search(r"use (\d+) wells", text)
    if more or "fewer wells" in text:
        wells = int(more[1]) if more else max(1, wells // 2)
        changes["energy"] = fe.initial_wells(x, wells, seed=seed + 100, n_init="auto")
    if "twice the n_updates" in text:
        changes["n_updates"] = 2 * settings["n_updates"]
    elif "more n_updates" in text:
        changes["n_updates"] = 10 * settings["n_updates"]
    if "more n_steps" in text:
        changes["n_steps"] = 4 * settings["n_steps"]
    return trained.replace(**changes) if changes else trained
