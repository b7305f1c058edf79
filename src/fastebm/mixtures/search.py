"""The best wells that several starts lead to, by likelihood."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import singledispatch
from typing import Any

import numpy as np

from .._runtime.check import describe, integer
from .._runtime.control import Control
from .._runtime.seed import seed_sequence
from .._runtime.threads import each, resolve
from ..energies.student_mixture import StudentTMixture
from ..energies.well_mixture import WellMixture
from ._em import Blocks, Climb
from ._em_full import FullClimb
from .kmeans import group_covariances, group_mixture
from .splits import ROUNDS, Wells, additions, built, moves

# Kinds of starts after the first, in turn. Of 40 climbs for eight wells in ten dimensions, k-means led 34 to the best
# optimum, random rows 16, random wells none; the latter two find what groups cannot show, such as concentric wells.
KINDS = ("k-means", "rows", "k-means", "k-means", "wells")
# This share of the starts, at least one where there are three, moves wells of the best so far.
SPLITS = 0.5
# Rows times features times wells from which threads are worth their start.
WORTH_THREADS = 50_000
# Starts are compared on at most so many rows, and until a step gains less than this, in nats a row.
ENOUGH_ROWS, COARSE, COARSE_STEPS = 4096, 1e-4, 300
# So many of the best then climb to the end on all rows, none of them further below the best than this, in nats a row:
# it would not catch up (five full wells in twenty features: half of the time went into one that was 0.8 short).
FINALISTS, FAR = 2, 0.2
# A moved well is kept for a gain of this, in nats a row.
WORTH = 1e-3
# Optima within this, in nats a row, are one and the same.
SAME = 1e-4
# A well at the narrowest width that holds fewer rows than this has collapsed onto them: its likelihood is no evidence.
FEW_ROWS = 3.0
# What n_init="auto" stands for: so many starts and one for each well, but no more than cost about this many numbers
# (rows times wells times features), and no fewer than the last.
AUTO, AUTO_COST, FEWEST = 8, 6e6, 4


@dataclass(frozen=True, eq=False)
class Found:
    """The best of several climbs.

    Attributes
    ----------
    wells : WellMixture, or what another family has
        Normalised: its log-partition is 0.
    log_likelihood : float
        Mean over the rows, in nats.
    kind : str
        Which kind of start led there.
    start : tuple of three ndarray
        Weights, means and standard deviations, or covariances, that the climb began with.
    log_likelihoods : ndarray of shape (n_starts,)
        Of every start, on the rows they were compared on.
    collapsed : bool
        Has a well shrunk onto a few rows?
    """

    wells: Any
    log_likelihood: float
    kind: str
    start: tuple
    log_likelihoods: np.ndarray
    collapsed: bool


def search(
    x: np.ndarray,
    n_wells: int,
    *,
    n_init: int,
    seed,
    std_range: tuple[float, float],
    tol: float,
    max_iter: int,
    n_threads: int | None = None,
    covariance: str = "diag",
    family=None,
) -> Found:
    """Climb from several starts and keep the best.

    Parameters
    ----------
    x : ndarray of shape (n_samples, n_features)
        Checked rows.
    n_wells, n_init : int
        At least 1.
    seed : None, int, SeedSequence or Generator
    std_range : (float, float)
        Every standard deviation is kept in it; of full wells, that along every direction.
    tol, max_iter
        Of the last climbs: a gain in nats a row, and a number of steps.
    n_threads : int, optional
        Climbs at the same time; the bytes are the same. By default one where a climb takes less than a millisecond.
    covariance : {"diag", "full"}
        Of the wells.
    family : optional
        What a well is: an object with the methods of `Normal`, which is the default.

    References
    ----------
    Ueda, Nakano, Ghahramani and Hinton, SMEM algorithm for mixture models, Neural Computation 2000 (splits and
    merges).
    """
    sequence = seed_sequence(seed)
    pick, splitter, *plain = [np.random.default_rng(s) for s in sequence.spawn(2 + n_init)]
    few = x if len(x) <= ENOUGH_ROWS else x[np.sort(pick.choice(len(x), ENOUGH_ROWS, replace=False))]
    blocks = Blocks(few)
    threads = resolve(n_threads) if n_threads is not None or few.size * n_wells > WORTH_THREADS else 1
    n_splits = max(1, int(SPLITS * n_init)) if n_init > 2 and n_wells > 1 else 0

    family = Normal(covariance) if family is None else family

    def climb_from(i):
        kind = "k-means" if i == 0 else KINDS[(i - 1) % len(KINDS)]
        start = family.start(kind, few, n_wells, plain[i], i)
        return family.climb(blocks, start, std_range, COARSE, COARSE_STEPS), kind, start

    climbs = each(climb_from, n_init - n_splits, threads)
    best = max(climbs, key=_rank)

    climbs += _with_wells_moved(family, best, few, blocks, n_splits, splitter, std_range)
    return _best_on_all_rows(family, x, few, climbs, std_range, tol, max_iter, threads)


class Normal:
    """Wells of normal laws, as a search sees them. Wells are tuples of arrays, one row for each."""

    def __init__(self, covariance: str):
        self.full = covariance == "full"

    def start(self, kind: str, x: np.ndarray, n_wells: int, rng: np.random.Generator, number: int) -> Wells:
        """Wells to climb from, for start number ``number`` of a search."""
        # Every other time the groups are those of rows without correlations.
        return (
            _full_start(kind, x, n_wells, rng, number % 2 == 1)
            if self.full
            else _start(kind, x, n_wells, rng)
        )

    def climb(self, blocks: Blocks, wells: tuple, std_range, tol: float, max_iter: int) -> Climb:
        """Climb from wells."""
        return _climb(blocks, wells, std_range, tol, max_iter)

    def wells(self, climb: Any) -> tuple:
        """Where a climb stands."""
        return climb.weights, climb.means, climb.spread

    def moves(self, wells: tuple, x: np.ndarray, rng: np.random.Generator, most: int) -> list:
        """Starts with one well elsewhere, the most promising first."""
        return moves(wells, x, rng, most)

    def additions(self, wells: tuple, x: np.ndarray, rng: np.random.Generator, most: int) -> list:
        """Starts with one well more, the most promising first."""
        return additions(wells, x, rng, most)

    def built(self, wells: tuple) -> Any:
        """The energy of these wells, with log Z = 0."""
        return built(wells)

    def taken(self, energy: Any) -> tuple:
        """The wells of an energy."""
        return wells_of(energy)


@singledispatch
def family_of(energy: Any) -> Normal:
    """What the wells of an energy are."""
    return Normal(energy.covariance)


def n_starts(n_init, x: np.ndarray, n_wells: int, covariance: str = "diag") -> int:
    """The number of starts that n_init stands for: "auto" is 8 + n_wells, or fewer where each of them is dear.

    Raises
    ------
    ValueError, TypeError
        If it is another word, no integer or below 1.
    """
    if isinstance(n_init, str):
        if n_init != "auto":
            raise ValueError(f"n_init must be an integer or 'auto', got {describe(n_init)}")
        size = x.shape[1] * (x.shape[1] + 1) // 2 if covariance == "full" else x.shape[1]
        cost = min(len(x), ENOUGH_ROWS) * n_wells * size
        return int(min(AUTO + n_wells, max(FEWEST, AUTO_COST / cost)))
    return integer(n_init, "n_init", 1)


def widths_of(energy: WellMixture | StudentTMixture) -> tuple[float, float]:
    """The range of widths, narrowed so that rounding cannot leave it."""
    limits = energy.scale_limits
    return limits[0] * (1 + 1e-12), limits[1] * (1 - 1e-12)


def wells_of(energy: WellMixture) -> Wells:
    """Weights, means and standard deviations, or covariances of full wells."""
    spread = energy.stds_ if energy.covariance == "diag" else energy.covariances_
    return energy.weights_, energy.means_, spread


def climb_on(
    x: np.ndarray, start: Wells, std_range, tol: float, max_iter: int, n_threads: int = 1, weights=None
) -> Climb:
    """Climb from start on all rows of x, which may have weights."""
    return _climb(Blocks(x, weights), start, std_range, tol, max_iter, n_threads)


def _climb(blocks, start, std_range, tol, max_iter, n_threads=1):
    low, high = std_range
    weights, means, spread = start
    if spread.ndim == 3:
        climb = FullClimb(blocks, weights, means, spread, low, high, Control(None, 1.0))
    else:
        climb = Climb(blocks, weights, means, np.clip(spread, low, high), low, high, Control(None, 1.0))
    return climb.climb(max_iter, tol, n_threads)


def _with_wells_moved(family, best, few, blocks, tries, rng, std_range):
    # From the best so far; again from every better one that is found.
    found, failed = [], 0
    todo = []
    while failed < tries:
        if not todo:
            todo = family.moves(family.wells(best[0]), few, rng, tries)
            if not todo:
                break
        start = todo.pop(0)
        entry = family.climb(blocks, start, std_range, COARSE, COARSE_STEPS), "split", start
        found.append(entry)
        if _rank(entry) > _rank(best) and entry[0].log_likelihood > best[0].log_likelihood + WORTH:
            best, todo, failed = entry, [], 0
        else:
            failed += 1
    return found


def _best_on_all_rows(family, x, few, climbs, std_range, tol, max_iter, n_threads):
    ranked = sorted(climbs, key=_rank, reverse=True)
    finalists = [ranked[0]]
    best = ranked[0][0].log_likelihood
    for climb in ranked[1:]:
        if len(finalists) < FINALISTS and best - FAR < climb[0].log_likelihood < best - SAME:
            finalists.append(climb)
    blocks = Blocks(x)

    def finish(i):
        climb, kind, start = finalists[i]
        return family.climb(blocks, family.wells(climb), std_range, tol, max_iter), kind, start

    ends = each(finish, len(finalists), n_threads)
    climb, kind, start = max(ends, key=_rank)
    wells = family.built(family.wells(climb))
    scores = np.array([c.log_likelihood for c, _, _ in climbs])
    return Found(wells, float(wells.log_prob(x).mean()), kind, start, scores, collapsed(climb))


def _rank(entry):
    # A NaN loses, and so does a climb that ends on a few rows.
    climb = entry[0]
    value = climb.log_likelihood
    return (not math.isnan(value), not collapsed(climb), value)


def collapsed(climb: Climb) -> bool:
    """Has a well shrunk onto a few rows?"""
    mass = climb.weights * climb.n
    if climb.spread.ndim == 2:
        return bool((climb.narrow & (mass < FEW_ROWS)).any())
    # A full one does onto any n_features rows, and one row more hardly stops it.
    least = climb.means.shape[1] + 1
    return bool(((mass < least + 1) | (climb.narrow & (mass < 2 * least))).any())


def _start(kind, x, k, rng):
    if kind == "k-means":
        groups = group_mixture(x, k, rng, best_of=1, rounds=ROUNDS)
        # A sample of the rows may hold fewer distinct ones than all of them do.
        if len(groups[0]) == k:
            return groups
    spread = x.std(axis=0)
    means = x[rng.choice(len(x), k, replace=False)]
    stds = np.tile(np.where(spread > 0, spread, 1.0), (k, 1))
    if kind == "wells":
        stds *= rng.uniform(0.15, 1.0, (k, 1))
    return np.full(k, 1.0 / k), means, stds


def _full_start(kind, x, k, rng, sphered):
    if kind == "k-means":
        groups = group_covariances(x, k, rng, best_of=1, rounds=ROUNDS, sphered=sphered)
        if len(groups[0]) == k:
            return groups
    weights, means, stds = _start("rows" if kind == "k-means" else kind, x, k, rng)
    return weights, means, stds[:, :, None] ** 2 * np.eye(x.shape[1])
