"""The ladder of temperatures of an annealing, from a pilot run: where the weights spread, how long a step may be."""

from __future__ import annotations

import math
import time
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from .._runtime.check import describe
from .._runtime.errors import NonFiniteError
from .._runtime.progress import bar
from .._runtime.seed import key
from ..energies.base import Energy, as_energy
from ._anneal import anneal

# The part of its momentum that a chain keeps, and the acceptance rate that suits it. Spread of the log-weights with
# 0.7 and 0.85 against MALA's 0 and 0.7, the same evaluations: 0.90 and 1.15 (50 features, 4 wells), 0.96 and 1.11 (8x8
# digits, 15 full normals), 0.33 and 0.33 (10 features), 0.18 and 0.17 (a ring of 8 wells in the plane).
KEEP, ACCEPTANCE = 0.7, 0.85
# The pilot run: chains, temperatures, and windows of them for each of which the spread is taken.
PILOT_CHAINS, PILOT_STEPS, WINDOWS = 128, 320, 20
# Moves at the first temperature that find its time step.
FIRST_MOVES = 64
# How fast the pilot's time step follows its acceptance rate, by the share of the chains that moved in one step.
FIRST_GAIN, GAIN = 1.0, 0.3
# Neighbours on either side that a time step is averaged with.
SMOOTH = 8
# Least share of the ladder for a window, of its even share: a window of no spread in the pilot run still has steps.
LEAST_SHARE = 0.1
# The second pilot run, of a ladder whose length is chosen: at most so many times the first.
LONGEST_PILOT = 4
FEWEST_STEPS = 64
# Spread of the log-weights that a ladder of chosen length aims at. What comes out is up to 1.7 times as much, as chains
# remember more than the pilot runs see: 0.50 to 0.88 where 0.5 was aimed at (10 and 50 features, digits).
TARGET = 0.4
INFINITE = "annealed importance sampling met an infinite energy; use a base that ends where the energy does"


class Path(NamedTuple):
    """What is annealed: ``base + beta other`` for a tilt, otherwise ``(1 - beta) base + beta other``.

    Attributes
    ----------
    base, other : Energy
    tilt : bool
    log_z0 : float
        log Z of the base.
    scale : ndarray of shape (n_features,)
        Spread of the base along each feature.
    """

    base: Energy
    other: Energy
    tilt: bool
    log_z0: float
    scale: np.ndarray

    def energies(self, parts) -> np.ndarray:
        """Energies at beta = 1 from those of base and other, shape (2, n)."""
        return parts[0] + parts[1] if self.tilt else parts[1].copy()

    def walk(self, x, betas, times, seed, **more):
        """`anneal` along this path."""
        return anneal(self.base, self.other, self.tilt, x, betas, times, self.scale, KEEP, key(seed), **more)


class Ladder(NamedTuple):
    """Temperatures and time steps of an annealing.

    Attributes
    ----------
    betas, times : ndarray of shape (n_steps + 1,)
        Inverse temperatures from 0 to 1; time steps, in units of the path's scale.
    length : float
        n_steps times the variance of the log-weights is about its square, for many steps.
    n_evaluations : int
        Of the pilot runs.
    seconds : float
        What one step of one chain took in them, on one thread.
    """

    betas: np.ndarray
    times: np.ndarray
    length: float
    n_evaluations: int
    seconds: float

    @property
    def n_steps(self) -> int:
        """Temperatures less one."""
        return len(self.betas) - 1


def path(energy: Energy, base: Energy | None, seed) -> Path:
    """The path from a base to an energy; without a base, from the energy's own `annealing_base`.

    Raises
    ------
    ValueError, TypeError
        If the base has no closed log Z or no exact sampler, or another number of features.
    """
    other, tilt = energy, False
    start = as_energy(energy.annealing_base if base is None else base, "base")
    if base is None and energy.tilt is not None:
        other, tilt = energy.tilt, True
    if not (start.has_log_partition and start.has_exact_sample):
        raise ValueError(
            f"base must be normalised, with a closed log_partition, and have an exact sampler, got {describe(start)}"
        )
    if energy.n_features != start.n_features:
        raise ValueError(
            f"base has n_features={start.n_features}, but the energy has {energy.n_features}: {describe(start)}"
        )
    # By quartiles, as a base may have heavy tails.
    x = start.exact_sample(1024, seed)
    scale = np.subtract(*np.percentile(x, [75.0, 25.0], axis=0)) / 1.349
    scale = np.where(scale > 0, scale, 1.0)
    return Path(start, other, tilt, float(start.log_partition()), np.ascontiguousarray(scale))


def bars(progress: bool, what: str):
    """``show(total)`` for a phase of an annealing: a progress bar, or None."""
    return lambda total: bar(progress, total, what)


def schedule(n_steps: int) -> np.ndarray:
    """n_steps + 1 inverse temperatures from 0 to 1, close together at the start, where the law changes fastest."""
    t = np.linspace(0.0, 1.0, n_steps + 1)
    return t * t * (3.0 - 2.0 * t) * 0.5 + t**2 * 0.5


def plan(
    path: Path, n_steps: int | None, seed, *, target=TARGET, most=20_000, afford=None, show=None
) -> Ladder:
    """Choose the temperatures so that every step adds the same spread to the log-weights.

    A pilot run of 128 chains goes up a ladder of 320 steps. The variance v of the log-weights that a window of m steps
    adds tells how dense temperatures must be there, ``sqrt(m v)`` for the width of the window, times what its chains
    remember from step to step; with densities like that the variance after n steps is least, ``(sum sqrt(m v))^2 / n``.

    Parameters
    ----------
    path : Path
    n_steps : int or None
        Steps of the ladder; None chooses: a second pilot run on the new ladder tells how many are needed.
    seed : SeedSequence
    target : float
        Standard deviation of the log-weights that None aims at, by what the pilot runs see.
    most : int
        Most steps that None chooses.
    afford : callable, optional
        ``afford(seconds)``: the most steps, given what a step of one chain takes.
    show : callable, optional
        ``show(total)`` gives a progress bar for so many chain-steps, or None.

    References
    ----------
    Neal, Annealed importance sampling, 2001. Sivak and Crooks, Thermodynamic metrics and optimal paths, 2012: the steps
    are even in the length that they define.
    """
    first, warm, up, again, second = seed.spawn(5)
    x = path.base.exact_sample(PILOT_CHAINS, first)
    betas = schedule(PILOT_STEPS)
    start = np.full(FIRST_MOVES + 2, betas[1])
    shown = show(PILOT_CHAINS * PILOT_STEPS) if show else None
    begin = time.perf_counter()
    moved = path.walk(x, start, np.full(len(start), 0.5), warm, adapt=(FIRST_GAIN, ACCEPTANCE))
    times = np.full(PILOT_STEPS + 1, moved[4][-2])
    length, ladder, times = _pilot(path, x, betas, times, up, shown)
    seconds = (time.perf_counter() - begin) / (PILOT_CHAINS * (PILOT_STEPS + FIRST_MOVES))
    spent = PILOT_CHAINS * (PILOT_STEPS + FIRST_MOVES + 2)
    if n_steps is None:
        limit = most if afford is None else min(most, max(FEWEST_STEPS, afford(seconds)))
        wanted = _steps(length, target, limit)
        middle = ladder(min(max(wanted, PILOT_STEPS), LONGEST_PILOT * PILOT_STEPS, max(limit, PILOT_STEPS)))
        shown = show(PILOT_CHAINS * (len(middle) - 1)) if show else None
        x = path.base.exact_sample(PILOT_CHAINS, again)
        length, ladder, times = _pilot(path, x, middle, np.interp(middle, betas, times), second, shown)
        betas = middle
        spent += PILOT_CHAINS * len(middle)
        n_steps = _steps(length, target, limit)
    chosen = ladder(n_steps)
    return Ladder(chosen, np.interp(chosen, betas, times), length, spent, seconds)


def _steps(length: float, target: float, most: int) -> int:
    needed = (length / target) ** 2
    return int(min(max(math.ceil(needed), FEWEST_STEPS), most)) if math.isfinite(needed) else most


def _pilot(path, x, betas, times, seed, shown):
    """(length, ladder of n steps as a function, time steps) from one run up the ladder."""
    try:
        _, work, _, _, found, history, _ = path.walk(
            x, betas, times, seed, adapt=(GAIN, ACCEPTANCE), record=True, show=shown
        )
    finally:
        if shown is not None:
            shown.close()
    if not np.isfinite(history).all():
        raise NonFiniteError(INFINITE)
    n_steps = len(betas) - 1
    edges = np.linspace(0, n_steps, WINDOWS + 1).astype(int)
    rises = -np.diff(betas)[:, None] * history
    added = np.array([rises[a:b].sum(axis=0).var() for a, b in pairwise(edges)])
    lengths = np.sqrt(added * np.diff(edges))
    total = float(lengths.sum())
    # What chains remember beyond a window makes the whole vary more than its parts.
    tied = max(1.0, float(work.var() / added.sum())) if added.sum() > 0 else 1.0
    lengths = np.maximum(lengths, LEAST_SHARE * total / WINDOWS) if total > 0 else np.ones(WINDOWS)
    reached = np.concatenate([[0.0], np.cumsum(lengths)])

    def ladder(n):
        chosen = np.interp(np.linspace(0.0, reached[-1], n + 1), reached, betas[edges])
        chosen[0], chosen[-1] = 0.0, 1.0
        return chosen

    # Each time step came from one acceptance rate of 128 chains: neighbours are averaged.
    found[0], found[-1] = found[1], found[-2]
    wide = np.pad(found, SMOOTH, "edge")
    # Added one by one: NumPy's convolution is a BLAS product, whose last bits differ between machines.
    smooth = sum(wide[i : i + len(found)] for i in range(2 * SMOOTH + 1)) / (2 * SMOOTH + 1)
    return total * math.sqrt(tied), ladder, smooth
