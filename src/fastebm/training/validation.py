"""Held-out rows during training: how likely they are to the model, and when that stops getting better."""

from __future__ import annotations

import copy
from typing import NamedTuple

import numpy as np

from .._runtime.check import integer
from ..energies.base import Energy
from . import weights
from .checkpoint import data_digest
from .tracking import CHAINS, Tracker, exact_move

FIELDS: list = [
    ("update", np.int64),
    ("energy_val", np.float64),
    ("energy_train", np.float64),
    ("log_z", np.float64),
    ("log_z_error", np.float64),
    ("log_likelihood", np.float64),
]
# Training rows whose energy is compared.
ROWS = 2048
# Evaluations of a run, unless said otherwise.
EVALUATIONS = 40


class Found(NamedTuple):
    """All that evaluations have found: one value, so that an evaluation is there as a whole or not at all."""

    rows: tuple = ()
    best_theta: np.ndarray | None = None
    best_update: int = -1
    since: int = 0
    tracker: Tracker | None = None


class Validation:
    """Evaluates theta as the run would return it, and keeps the best.

    Parameters
    ----------
    x_val, x : ndarray of shape (n, n_features)
        Held-out and training rows.
    settings : Settings
    choices : dict
        What the run takes from the data.
    changes : Changes
        Its noise is added to both, the same at every evaluation.
    seed : list of two int
    patience : int or None
        Evaluations without a better one after which training stops.
    every : int or None
        Updates between two evaluations.
    """

    def __init__(self, x_val, x, settings, choices, changes, seed, patience, every, n_threads=None):
        self.patience = None if patience is None else integer(patience, "patience", 1)
        default = max(1, settings.n_updates // EVALUATIONS)
        self.every = default if every is None else integer(every, "eval_every", 1)
        self.total, self.seed, self.digest = settings.n_updates, [int(w) for w in seed], data_digest(x_val)
        rng = np.random.default_rng(self.seed)
        self.held_out = changes.visit(x_val, rng, augmented=False)
        some = x if len(x) <= ROWS else x[np.sort(rng.choice(len(x), ROWS, replace=False))]
        self.train = changes.visit(some, rng, augmented=False)
        self.energy = copy.copy(settings.energy)
        tracker = None
        if not self.energy.has_log_partition:
            tracker = _tracker(self.energy, settings, choices, x, rng, self.seed, n_threads)
        self.found = Found(tracker=tracker)

    @property
    def last(self) -> int:
        """Update of the last evaluation, or -1."""
        return self.found.rows[-1][0] if self.found.rows else -1

    @property
    def stopped(self) -> bool:
        """Is it time to stop training?"""
        return self.patience is not None and self.found.since >= self.patience

    def due_in(self, update: int) -> int:
        """Updates until the next evaluation; 0 if it is now."""
        after = min(self.every - update % self.every, max(self.total - update, 1))
        on_time = update % self.every == 0 or update == self.total
        return 0 if on_time and update != self.last else after

    def evaluate(self, update: int, theta: np.ndarray) -> None:
        """Look at theta, reached after so many updates. Raises NonFiniteError; then nothing has changed."""
        before = self.found
        self.energy.theta = theta
        held_out = weights.mean(self.energy.energy(self.held_out))
        train = weights.mean(self.energy.energy(self.train))
        if before.tracker is None:
            tracker, log_z, error = None, float(self.energy.log_partition()), 0.0
        else:
            tracker = before.tracker.to(theta)
            log_z, error = tracker.value, tracker.error
        row = (update, held_out, train, log_z, error, -held_out - log_z)
        best = (before.best_theta, before.best_update, before.since + 1)
        if not before.rows or row[-1] > max(r[-1] for r in before.rows):
            best = (theta.copy(), update, 0)
        self.found = Found((*before.rows, row), *best, tracker)

    def table(self) -> np.ndarray:
        """All evaluations, a structured array."""
        return np.array(list(self.found.rows), dtype=FIELDS)

    def state(self) -> dict:
        """What the next evaluation depends on, and what the result reports."""
        found = self.found
        return {
            "patience": self.patience,
            "every": self.every,
            "seed": self.seed,
            "digest": self.digest,
            "rows": self.table(),
            "best_theta": found.best_theta,
            "best_update": found.best_update,
            "since": found.since,
            "tracker": None if found.tracker is None else found.tracker.state(),
        }

    def restore(self, state: dict) -> None:
        """Go on from what `state` returned. Raises ValueError if it does not fit."""
        if state["rows"].dtype != np.dtype(FIELDS):
            raise ValueError("the evaluations are damaged")
        best, tracker = state["best_theta"], self.found.tracker
        if best is not None and best.shape != (self.energy.n_params,):
            raise ValueError("the best theta is damaged")
        if tracker is not None:
            tracker.restore(state["tracker"])
        rows = tuple(tuple(row) for row in state["rows"].tolist())
        self.found = Found(rows, best, state["best_update"], state["since"], tracker)


def _tracker(energy: Energy, settings, choices, x, rng, seed, n_threads) -> Tracker:
    """Chains at exact samples of the starting energy or of the base that it tilts, or else at rows of the data."""
    move = exact_move(choices["sampler"], settings.n_steps, choices["global_move"], settings.n_global)
    base = energy.annealing_base
    if base is not None:
        start = base.exact_sample(CHAINS, rng)
        tracker = Tracker(energy, move, start, seed, True, n_threads)
        # From the base to the energy in one stride: nothing for a network whose last layer is 0.
        tracker.log_weights, tracker.resampled = (
            base.energy(start) - energy.energy(start),
            base.log_partition(),
        )
        return tracker
    exact = energy.has_exact_sample
    start = (
        energy.exact_sample(CHAINS, rng) if exact else x[rng.choice(len(x), CHAINS, replace=len(x) < CHAINS)]
    )
    return Tracker(energy, move, start, seed, exact, n_threads)
