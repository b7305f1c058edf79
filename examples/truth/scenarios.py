"""The situations: data with a known law, and how many wells are fitted to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Wells = tuple[np.ndarray, np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Scenario:
    """``draw(rng)`` gives rows and, where they are a mixture of wells, (weights, means, stds); else None."""

    name: str
    group: str
    n_wells: int
    n_features: int
    n: int
    seeds: int
    draw: Callable
    # Nothing awkward about it: warnings of a fit at the optimum would be false alarms.
    plain: bool = False
    # How it is fitted, of "em", "contrastive" and "trainer".
    paths: tuple[str, ...] = ("em", "contrastive", "trainer")


def mixture(rng, n, weights, means, stds) -> tuple[np.ndarray, Wells]:
    weights, means, stds = (np.asarray(v, dtype=float) for v in (weights, means, stds))
    which = rng.choice(len(weights), n, p=weights)
    return means[which] + stds[which] * rng.standard_normal((n, means.shape[1])), (weights, means, stds)


def separated(k, d, n, distance=3.0, sd=0.5):
    """Centres about `distance` apart, weights from Dirichlet(5)."""

    def draw(rng):
        centres = rng.standard_normal((k, d))
        apart = np.sqrt(((centres[:, None] - centres) ** 2).sum(axis=2))[np.triu_indices(k, 1)]
        return mixture(
            rng, n, rng.dirichlet(np.full(k, 5.0)), centres * distance / apart.mean(), np.full((k, d), sd)
        )

    return draw


def of(weights, means, stds, n):
    return lambda rng: mixture(rng, n, weights, means, stds)


def concentric(n, d=1):
    return of([0.5, 0.5], np.zeros((2, d)), [[0.2] * d, [2.0] * d], n)


def with_outliers(n):
    def draw(rng):
        x, _ = mixture(rng, n - n // 100, [0.55, 0.45], [[-2.0], [1.8]], [[0.45], [0.55]])
        return np.concatenate([x, rng.uniform(-60, 60, (n // 100, 1))]), None

    return draw


def repeated(n, share=0.08):
    def draw(rng):
        x, _ = mixture(rng, n, [0.55, 0.45], [[-2.0], [1.8]], [[0.45], [0.55]])
        x[: int(share * n)] = 0.7
        return x, None

    return draw


def rounded(n):
    return lambda rng: (np.round(mixture(rng, n, [0.5, 0.5], [[-2.0], [2.0]], [[0.5], [0.5]])[0], 1), None)


def heavy(n, d):
    centres = lambda rng: 6.0 * rng.integers(0, 2, (n, 1)) * np.eye(d)[0]  # noqa: E731
    return lambda rng: (rng.standard_t(3, (n, d)) + centres(rng), None)


def grid() -> list[Scenario]:
    """Separated wells over the whole space, and the same closer together."""
    found = []
    for d in (1, 2, 5, 10, 20):
        for k in (2, 4, 8):
            for n, seeds in ((30, 2), (300, 4), (3000, 4), (30_000, 1)):
                free = k * (2 * d + 1) - 1
                paths = ("em", "contrastive", "trainer") if d <= 2 and 300 <= n <= 3000 else ("em",)
                # Fewer than ten rows for a parameter: a warning may well be right.
                found.append(
                    Scenario(f"K={k} D={d} n={n}", f"separated, n={n:,}", k, d, n, seeds,
                             separated(k, d, n, 3.0 * max(1.0, k / 4) if d == 1 else 3.0), n >= 20 * free, paths)
                )  # fmt: skip
    return found


def special() -> list[Scenario]:
    low = ("em", "contrastive", "trainer")
    em = ("em",)
    return [
        Scenario("D=10 K=8", "eight wells in ten features", 8, 10, 3000, 40, separated(8, 10, 3000), True, em),
        Scenario("D=10 K=8 by chains", "eight wells in ten features, chains", 8, 10, 3000, 3, separated(8, 10, 3000),
                 True, ("contrastive",)),
        Scenario("D=20 K=8", "eight wells in twenty features", 8, 20, 3000, 20, separated(8, 20, 3000), True, em),
        Scenario("concentric", "concentric", 2, 1, 3000, 40, concentric(3000), True, low),
        Scenario("concentric D=2", "concentric", 2, 2, 3000, 10, concentric(3000, 2), True, low),
        Scenario("2 % well", "wells of 2 %", 3, 1, 3000, 20,
                 of([0.49, 0.49, 0.02], [[-2.0], [2.0], [6.0]], [[0.5], [0.5], [0.3]], 3000), True, low),
        Scenario("2 % well D=5", "wells of 2 %", 3, 5, 3000, 20,
                 of([0.49, 0.49, 0.02], [[-2.0] * 5, [2.0] * 5, [0.0, 4.0, 0.0, 4.0, 0.0]], np.full((3, 5), 0.5), 3000),
                 True, em),
        Scenario("overlapping", "overlapping", 2, 1, 3000, 20, of([0.6, 0.4], [[0.0], [1.5]], [[0.8], [0.6]], 3000),
                 True, low),
        Scenario("unequal widths", "unequal widths", 3, 2, 3000, 20,
                 of([0.3, 0.3, 0.4], [[0, 0], [3, 0], [0, 4]], [[0.2, 1.5], [0.5, 0.5], [2.0, 0.3]], 3000), True, low),
        Scenario("heavy tails D=1", "heavy tails (t_3)", 2, 1, 1000, 20, heavy(1000, 1), False, low),
        Scenario("heavy tails D=3", "heavy tails (t_3)", 3, 3, 1000, 20, heavy(1000, 3), False, low),
        Scenario("24 identical rows of 300", "ties", 2, 1, 300, 20, repeated(300), False, low),
        Scenario("rounded", "ties", 2, 1, 1000, 20, rounded(1000), False, low),
        Scenario("outliers", "1 % outliers", 2, 1, 2400, 20, with_outliers(2400), False, low),
        Scenario("uniform", "uniform", 3, 2, 1000, 20, lambda rng: (rng.random((1000, 2)), None), False, low),
        Scenario("three as two", "too few wells", 2, 1, 2400, 10,
                 lambda r: (mixture(r, 2400, [1 / 3] * 3, [[-3.0], [0.0], [3.0]], [[0.5]] * 3)[0], None), False, low),
        Scenario("two as four", "too many wells", 4, 1, 300, 20,
                 lambda rng: (mixture(rng, 300, [0.5, 0.5], [[-2.0], [2.0]], [[0.5], [0.5]])[0], None), False, low),
    ]  # fmt: skip


ALL = grid() + special()
