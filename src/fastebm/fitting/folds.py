"""Wells of many kinds and numbers, each scored by rows that its fit has not seen."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .._runtime.seed import seed_sequence
from .._runtime.threads import each, resolve
from ..mixtures._em import Blocks, Climb
from ..mixtures.kmeans import distinct_rows
from ..mixtures.shrunk import Shape, climb_shrunk, end_of, start_of

# A climb ends at a gain below this, in nats for a row and a feature, or after so many steps. What more steps gain on
# the rows of a fit they lose on others: an eighth of it and 60 steps cost breast_cancer's 30 columns 0.6 nats a row.
TOLERANCE, STEPS = 2e-4, 40
# A climb on all rows goes on to this part of it.
FINE, FINE_STEPS = 0.1, 500
# Rows times features squared times wells from which threads are worth their start.
WORTH_THREADS = 200_000


class Candidate(NamedTuple):
    """A number of wells of a shape."""

    shape: Shape
    n_wells: int


class Folds:
    """Standardised rows in folds, and what fits to all but one of the folds say about the rows of that one.

    Parameters
    ----------
    z : ndarray of shape (n, n_features)
    n_folds : int
    seed : SeedSequence
        Of the folds and of k-means.
    n_starts : int
        Climbs for each fit.
    tol, max_iter : float, int
        Of a climb: nats a row, and steps.
    final : ndarray of shape (m, n_features), optional
        Rows of `refit`; by default z.
    """

    def __init__(
        self, z: np.ndarray, n_folds: int, seed, *, n_starts=1, tol=None, max_iter=STEPS, final=None
    ):
        order, self.seed = seed_sequence(seed).spawn(2)
        self.z, self.n_folds, self.n_starts, self.max_iter = z, n_folds, n_starts, max_iter
        self.tol = TOLERANCE * z.shape[1] if tol is None else tol
        self.parts = [
            np.sort(p) for p in np.array_split(np.random.default_rng(order).permutation(len(z)), n_folds)
        ]
        self.rest = [np.delete(z, part, axis=0) for part in self.parts]
        self.blocks = [Blocks(rest) for rest in self.rest]
        self.unseen = [Blocks(np.ascontiguousarray(z[part])) for part in self.parts]
        self.all = Blocks(np.ascontiguousarray(z if final is None else final))
        self.scores: dict[tuple[Candidate, int], np.ndarray] = {}
        self.ends: dict[tuple[Candidate, int], tuple] = {}
        self._starts: dict = {}

    def most(self, rows_each: int) -> int:
        """The largest number of wells that every fold bears: so many rows for each, two of them distinct."""
        limit = max(1, min(len(rest) for rest in self.rest) // rows_each)
        return min([limit, *(max(1, distinct_rows(rest, 2 * limit) // 2) for rest in self.rest)])

    def score(self, candidate: Candidate, folds) -> np.ndarray:
        """log p of the rows of these folds, one fold behind the other, each under the fit to the others."""
        todo = [i for i in folds if (candidate, i) not in self.scores]
        work = len(self.z) * self.z.shape[1] ** 2 * candidate.n_wells
        threads = resolve(None) if work > WORTH_THREADS else 1
        for i, (log_p, end) in zip(
            todo, each(lambda j: self._fit(candidate, todo[j]), len(todo), threads), strict=True
        ):
            self.scores[candidate, i], self.ends[candidate, i] = log_p, end
        return np.concatenate([self.scores[candidate, i] for i in folds])

    def mean(self, candidate: Candidate, folds) -> float:
        """Mean of `score`; minus infinity where a fit broke down."""
        value = float(self.score(candidate, folds).mean())
        return value if np.isfinite(value) else -np.inf

    def row_scores(self, candidate: Candidate) -> np.ndarray:
        """log p of every row, in the order of z."""
        out = np.empty(len(self.z))
        self.score(candidate, range(self.n_folds))
        for i, part in enumerate(self.parts):
            out[part] = self.scores[candidate, i]
        return out

    def _fit(self, candidate, fold):
        shape, k = candidate
        best = None
        for number in range(self.n_starts if k > 1 else 1):
            start = self._start(shape, k, fold, number)
            if start is None:
                continue
            climb = climb_shrunk(self.blocks[fold], start, shape, self.tol, self.max_iter)
            best = _better(best, climb)
        if best is None:
            return np.full(self.unseen[fold].n, -np.inf), None
        return best.log_prob(self.unseen[fold]), end_of(best)

    def _start(self, shape, k, fold, number):
        # Fold -1: all rows. The seed depends on nothing that was tried before.
        key = shape.full, k, fold, number
        if key not in self._starts:
            words = (*self.seed.spawn_key, int(shape.full), k, fold + 1, number)
            rng = np.random.default_rng(np.random.SeedSequence(self.seed.entropy, spawn_key=words))
            rows = self.z if fold < 0 else self.rest[fold]
            self._starts[key] = start_of(shape, rows, k, rng, number % 2 == 1)
        return self._starts[key]

    def refit(self, candidate: Candidate) -> tuple:
        """The candidate on all rows, from where the fits of the folds ended and from k-means.

        What was scored is then what is had: from other starts a climb may end in an optimum of another kind (diabetes,
        which has two values in a column: 3 nats a row less).
        """
        shape, k = candidate
        starts = [self.ends.get((candidate, i)) for i in range(self.n_folds)]
        starts += [self._start(shape, k, -1, number) for number in range(self.n_starts)]
        # Where a start leads is clear after two steps.
        begun = [climb_shrunk(self.all, s, shape, self.tol, 2) for s in starts if s is not None]
        best = None
        for climb in begun:
            best = _better(best, climb)
        assert best is not None
        return end_of(best.climb(self.max_iter if k > 1 else FINE_STEPS, FINE * self.tol))


def _better(best: Climb | None, climb: Climb) -> Climb:
    # A NaN loses.
    if best is None or math.isnan(best.log_likelihood) or climb.log_likelihood > best.log_likelihood:
        return climb
    return best
