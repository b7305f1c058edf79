"""The chains that the checks look at: the negatives of the last update, and the same chains run further."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np

from ..energies.base import Energy
from ..samplers.base import Sampler
from ..training.augment import Changes
from ..training.result import TrainingResult
from ..training.score_result import ScoreResult

# With 96 chains the check for too few steps has no power (z of 3 to 5 for a failure); with 1000 it has.
ENOUGH_CHAINS = 1024
# Rows below which every row is visited more than once.
MANY_ROWS = 2000
# Rounds of n_steps that the chains run further.
ROUNDS = 10


@dataclass(frozen=True)
class Population:
    """Chains at the end of an update and later.

    Attributes
    ----------
    energy : Energy
        Under which the chains moved.
    sampler, global_move : Sampler or None
    n_steps : int
        Sampler steps of a round.
    negatives, extended : ndarray of shape (n_groups * copies, n_features)
        End of the update; ROUNDS rounds later. Row i is a copy of the independent chain ``i % n_groups``.
    n_groups : int
        Number of independent chains.
    path : ndarray of shape (ROUNDS + 1, n, n_features)
        From the first to the second.
    life : float or None
        Rounds that a chain lives before it is started afresh or training ends; None outside training.
    fresh : float
        Share of the chains that started afresh in the round.
    settings : dict or None
        Of the training run; None outside training.
    """

    energy: Energy
    sampler: Sampler
    global_move: Sampler | None
    n_steps: int
    negatives: np.ndarray
    path: np.ndarray
    n_groups: int
    life: float | None
    fresh: float
    settings: dict | None = None

    @property
    def extended(self) -> np.ndarray:
        return self.path[-1]

    def group_mean(self, values: np.ndarray) -> np.ndarray:
        """Mean over the copies of each independent chain, shape (n_groups, ...)."""
        return values.reshape(-1, self.n_groups, *values.shape[1:]).mean(axis=0)

    def z(self, values: np.ndarray) -> float:
        """Mean over its standard error; 0 for values that do not vary."""
        means = self.group_mean(values)
        error = means.std(ddof=1) / np.sqrt(len(means)) if len(means) > 1 else 0.0
        return float(means.mean() / error) if error > 0 else 0.0


def thetas(result: TrainingResult | ScoreResult) -> tuple[np.ndarray, np.ndarray]:
    """(updates, theta at the beginning of each): all of them or some, but always the last one."""
    if hasattr(result, "theta_trace"):
        return np.asarray(result.theta_steps), np.asarray(result.theta_trace)
    return result.history["step"], result.history["theta"]


def _changes(result: TrainingResult) -> Changes | None:
    """What training did to its rows; None if it did nothing, or if that is not known."""
    noise, parts = result.settings.get("data_noise"), result.settings.get("augment") or ()
    if noise is None:
        return None
    changes = Changes([p for p in parts if not isinstance(p, str)], np.asarray(noise))
    return None if changes.nothing else changes


def as_seen(result: TrainingResult, x: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """The rows as training saw them, one visit of each, and what could not be done to them."""
    changes = _changes(result)
    lost = [p for p in result.settings.get("augment") or () if isinstance(p, str)]
    skipped = [f"the rows as {p} changes them: the file holds no code" for p in lost]
    # As many rows as a small data set needs for the law of the noise to show.
    visits = max(1, MANY_ROWS // len(x))
    return (x if changes is None else changes.visit(x, 0, visits=visits)), skipped


def noise_of(result: TrainingResult):
    """A function (rows, seed) that adds the noise of training, or None if there was none."""
    changes = _changes(result)
    if changes is None:
        return None
    return lambda rows, seed: changes.visit(rows, seed, augmented=False)


def advance(energy, sampler, global_move, x, n_steps, n_global, rng):
    """One round: n_steps of the sampler, then n_global of the global move."""
    if n_steps:
        x = sampler.sample(energy, x, n_steps, seed=rng)
    if global_move is not None and n_global:
        x = global_move.sample(energy, x, n_global, seed=rng)
    return x


def extend(energy, sampler, global_move, x, n_steps, n_global, rng, rounds=ROUNDS):
    """States after 0, 1, ... rounds, shape (rounds + 1, n, n_features)."""
    path = [x]
    for _ in range(rounds):
        path.append(advance(energy, sampler, global_move, path[-1], n_steps, n_global, rng))
    return np.array(path)


def from_chains(energy, sampler, global_move, x0, n_steps, n_global, rng, *, life, fresh) -> Population:
    """Copy the starts up to ENOUGH_CHAINS, run one round, and go on from there."""
    copies = -(-ENOUGH_CHAINS // len(x0))
    negatives = advance(energy, sampler, global_move, np.tile(x0, (copies, 1)), n_steps, n_global, rng)
    path = extend(energy, sampler, global_move, negatives, n_steps, n_global, rng)
    return Population(energy, sampler, global_move, n_steps, negatives, path, len(x0), life, fresh)


def from_result(result: TrainingResult, rng) -> Population | None:
    """Repeat the negative phase of the last update, with the same starts and settings but ENOUGH_CHAINS chains.

    None if there is nothing to look at: no update was made, or the store kept no chain.
    """
    settings, states = result.settings, result.buffer.states
    if not len(result.history) or not len(states) or not settings:
        return None
    energy = copy.copy(result.energy)
    # The chains moved under the theta with which the last update began.
    energy.theta = thetas(result)[1][-1]
    states = states.reshape(len(states), energy.n_features)
    fresh, (low, high) = settings["reinit_prob"], settings["reinit_range"]
    if settings["buffer"] == "fifo":
        starts = states[rng.permutation(len(states))[:ENOUGH_CHAINS]]
    else:
        starts = states[resample(result.log_weights, rng)] if settings["weighting"] == "jarzynski" else states
        starts = np.tile(starts, (-(-ENOUGH_CHAINS // len(starts)), 1))
    groups = len(starts) if settings["buffer"] == "fifo" else len(states)
    if fresh > 0:
        again = rng.random(len(starts)) < fresh
        starts = np.where(again[:, None], rng.uniform(low, high, starts.shape), starts)
    n_steps, n_global = settings["n_steps"], settings["n_global"]
    negatives = starts
    if settings["buffer"] == "fifo" or fresh > 0:
        negatives = advance(energy, result.sampler, result.global_move, starts, n_steps, n_global, rng)
    path = extend(energy, result.sampler, result.global_move, negatives, n_steps, n_global, rng)
    life = min(len(result.history), 1.0 / fresh if fresh > 0 else np.inf)
    run = settings | {"n_updates": len(result.history)}
    return Population(
        energy, result.sampler, result.global_move, n_steps, negatives, path, groups, life, fresh, run
    )


def why_none(result: TrainingResult) -> str:
    """Why `from_result` found nothing to look at."""
    return "no update was made" if not len(result.history) else "the store kept none"


def resample(log_weights, rng):
    """Indices of a systematic resampling by weight."""
    weights = np.exp(log_weights - log_weights.max())
    points = (np.arange(len(weights)) + rng.random()) / len(weights)
    return np.minimum(np.searchsorted(np.cumsum(weights / weights.sum()), points), len(weights) - 1)
