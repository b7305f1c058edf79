"""Which wells: their kind, number and shrinkage, by rows that were not fitted."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np

from .._runtime.seed import seed_sequence
from ..mixtures.shrunk import Shape, together
from .folds import Candidate, Folds
from .stacking import stack, stacked_scores

# Numbers of wells that are tried, one after the other.
NUMBERS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128, 192, 256)
# Rows for every well, at least.
ROWS_EACH = 4
# Kinds of wells, the likeliest to be best first: what comes later is given up where it stays far behind.
FULL = {
    "mixed": lambda level: Shape("full", True, pooled=level, apart=0.5),
    "pooled": lambda level: Shape("full", True, pooled=level),
    "own": lambda level: Shape("full", True, own=level),
}
DIAG = {"diag": lambda level: Shape("diag"), "heavy diag": lambda level: Shape("diag", True)}
# Strengths of shrinkage, in rows for each feature.
LEVELS = (1 / 27, 1 / 9, 1 / 3, 1.0, 3.0, 9.0, 27.0)
USUAL = 1.0
# Rows times features squared from which numbers and strengths are screened on two folds; and from which nothing else is
# scored than these folds, only these numbers and the usual strength are tried, and kinds after the first only near the
# number that was best.
DEAR, SCREENED = 40_000, 2
VERY_DEAR, FEW_NUMBERS = 1_000_000, (1, 2, 4, 8, 16, 32, 64, 128, 256)
# A kind is left after so many numbers without a gain; where fits are dear, after one.
IN_VAIN = 2
# And if it is behind the best by more than this many of its last gains.
HOPELESS = 10.0
# Candidates of which the density is made, scored on all folds: where fits are cheap, dear and very dear. Old Faithful,
# iris and wine: 16 in place of 8 are worth 0.005, 0.011 and 0.047 nats a row.
FINALISTS = 16, 8, 4


class Row(NamedTuple):
    """What became of a candidate.

    Attributes
    ----------
    family, n_wells, shrinkage
        The last one in rows for each feature.
    scores : ndarray of shape (m,) or None
        log p of the same rows; None where fewer folds were scored.
    mean, seconds, weight : float
        Of its scores; of its fits; in the density.
    """

    family: str
    n_wells: int
    shrinkage: float
    scores: np.ndarray | None
    mean: float
    seconds: float
    weight: float


@dataclass(frozen=True, eq=False)
class SearchedWells:
    """What `search_wells` found.

    Attributes
    ----------
    wells : WellMixture or StudentTMixture
        On z; log Z = 0.
    scores : ndarray of shape (m,)
        log p of ``rows`` under wells fitted, and weighted, without the fold of the row.
    rows : ndarray of shape (m,)
        Which of z, in order: all, but for searches that are very dear.
    folds : list of ndarray
        Rows of z in each fold that was scored.
    table : list of Row
        The likeliest first.
    seconds : float
        What everything took.
    """

    wells: Any
    scores: np.ndarray
    rows: np.ndarray
    folds: list
    table: list
    seconds: float


def search_wells(z: np.ndarray, *, n_folds=5, seed=None, most=None, shown=None, final=None) -> SearchedWells:
    """Try kinds, numbers and strengths; put together those under which unseen rows are likeliest.

    Parameters
    ----------
    z : ndarray of shape (n, n_features)
        Standardised rows.
    n_folds : int
    seed : None, int, SeedSequence or Generator
    most : int, optional
        Largest number of wells; by default as many as the data bear.
    shown : function, optional
        Called with a line of text before every candidate.
    final : ndarray of shape (m, n_features), optional
        Rows of the last fits; by default z.
    """
    begin = time.perf_counter()
    search = _Search(Folds(z, n_folds, seed_sequence(seed), final=final), most, shown)
    search.run()
    return search.result(begin)


class _Search:
    def __init__(self, folds: Folds, most, shown):
        n, d = folds.z.shape
        self.folds, self.shown = folds, shown
        dear, very_dear = n * d * d > DEAR, n * d * d > VERY_DEAR
        self.numbers = FEW_NUMBERS if very_dear else NUMBERS
        self.finalists = FINALISTS[dear + very_dear]
        self.near = very_dear
        self.screen = range(min(SCREENED, folds.n_folds) if dear else folds.n_folds)
        self.judges = self.screen if very_dear else range(folds.n_folds)
        self.in_vain = 1 if dear else IN_VAIN
        limit = folds.most(ROWS_EACH)
        self.most = limit if most is None else min(most, limit)
        self.means: dict[Candidate, float] = {}
        self.names: dict[Candidate, tuple[str, float]] = {}
        self.seconds: dict[Candidate, float] = {}

    def run(self):
        """Fill the table."""
        kinds = (FULL if self.folds.z.shape[1] > 1 else {}) | DIAG
        for name, shape in kinds.items():
            self._numbers(name, shape)
        if not self.near:
            self._strengths()

    def _mean(self, name, level, shape, k):
        candidate = Candidate(shape, k)
        if candidate not in self.means:
            if self.shown is not None:
                self.shown(f"{k} {name}")
            self.names[candidate] = name, level
            begin = time.perf_counter()
            self.means[candidate] = self.folds.mean(candidate, self.screen)
            self.seconds[candidate] = time.perf_counter() - begin
        return self.means[candidate]

    def _numbers(self, name, shape):
        """More and more wells of one kind, until they gain nothing."""
        lead, vain, top = -np.inf, 0, max(self.means.values(), default=-np.inf)
        first, last = 1.0, float(self.most)
        if self.near and self.means:
            best = max(self.means, key=self.means.__getitem__).n_wells
            first, last = best / 2, float(best)
        for k in [k for k in self.numbers if first <= k <= last]:
            value = self._mean(name, USUAL, shape(USUAL), k)
            gain = value - lead
            lead, vain = max(lead, value), 0 if gain > 0 else vain + 1
            # Two wells may do nothing that three do not.
            if (vain >= self.in_vain and k > 2) or (k > 3 and top - lead > HOPELESS * max(gain, 0.0)):
                break

    def _strengths(self):
        """Stronger and weaker shrinkage of the best, and normal wells like it."""
        best = max((c for c in self.means if c.shape.full), key=self.means.__getitem__, default=None)
        if best is None:
            return
        name, k = self.names[best][0], best.n_wells
        for step in (1, -1):
            i = LEVELS.index(USUAL)
            while 0 <= i + step < len(LEVELS):
                i += step
                before = max(self.means.values())
                if self._mean(name, LEVELS[i], FULL[name](LEVELS[i]), k) <= before:
                    break
        for number in [n for n in self.numbers if n <= self.most and k / 2 <= n <= 2 * k]:
            light = FULL[name](USUAL)._replace(heavy=False)
            self._mean(f"normal {name}", USUAL, light, number)

    def result(self, begin: float) -> SearchedWells:
        """The best of each kind and the best of all, weighted."""
        ranked = [c for c in self.means if np.isfinite(self.means[c])]
        ranked.sort(key=self.means.__getitem__, reverse=True)
        chosen: list[Candidate] = []
        for candidate in ranked[: 4 * self.finalists]:
            if self.names[candidate][0] not in {self.names[c][0] for c in chosen}:
                chosen.append(candidate)
        chosen += [c for c in ranked if c not in chosen][: max(0, self.finalists - len(chosen))]
        log_p = np.stack([self._judged(c) for c in chosen], axis=1)
        fine = np.isfinite(log_p).all(axis=0)
        chosen, log_p = [c for c, ok in zip(chosen, fine, strict=True) if ok], log_p[:, fine]
        weights = stack(log_p)
        if self.shown is not None:
            self.shown("all rows")
        parts = [(self.folds.refit(c), w) for c, w in zip(chosen, weights, strict=True) if w > 0]
        wells = together(*zip(*parts, strict=True))
        ends = np.cumsum([0, *(len(self.folds.parts[i]) for i in self.judges)])
        parts_of = [np.arange(a, b) for a, b in pairwise(ends)]
        judged = [self.folds.parts[i] for i in self.judges]
        rows = np.concatenate(judged)
        in_order = np.argsort(rows)
        scores = stacked_scores(log_p, parts_of)[in_order]
        log_p, rows = log_p[in_order], rows[in_order]
        table = []
        for candidate in ranked:
            own, weight = None, 0.0
            if candidate in chosen:
                own, weight = log_p[:, chosen.index(candidate)], float(weights[chosen.index(candidate)])
            mean = self.means[candidate] if own is None else float(own.mean())
            family, level = self.names[candidate]
            level = level if candidate.shape.full else 0.0
            row = Row(family, candidate.n_wells, level, own, mean, self.seconds[candidate], weight)
            table.append(row)
        return SearchedWells(wells, scores, rows, judged, table, time.perf_counter() - begin)

    def _judged(self, candidate):
        begin = time.perf_counter()
        scores = self.folds.score(candidate, self.judges)
        self.seconds[candidate] += time.perf_counter() - begin
        return scores
