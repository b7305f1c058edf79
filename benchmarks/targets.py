"""The targets, and what was measured beside each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import levels
from timing import Timing


@dataclass(frozen=True)
class Target:
    """``usual`` are the forms the target was set with; ``faster`` are faster ones, found since or in float32."""

    work: str
    against: str
    wanted: dict[str, float]
    usual: tuple[str, ...]
    faster: tuple[str, ...] = ()


def _t(work: str, against: str, avx512: float, avx2: float, *usual: str, faster: str = "") -> Target:
    return Target(
        work, against, {levels.AVX512: avx512, levels.AVX2: avx2}, usual, (faster,) if faster else ()
    )


TARGETS: Sequence[Target] = (
    _t("W1", "pure Python", 1000, 600, "python"),
    _t("W1", "NumPy", 8, 5, "numpy", faster="numpy-best"),
    _t("W1", "JAX float64", 9, 5.5, "jax-f64"),
    _t("W1", "JAX float32", 3, 1.8, "jax-f32"),
    _t("W1", "Numba", 15, 10, "numba", faster="numba-best"),
    _t("W1", "PyTorch float32", 5, 3, "torch-f32"),
    _t("W1-small", "NumPy", 30, 20, "numpy", faster="numpy-best"),
    _t("W1-small", "JAX", 6, 4, "jax-f64", faster="jax-f32"),
    _t("W2 K=8 D=2", "best of NumPy, JAX float64", 5, 3.5, "numpy", "jax-f64"),
    _t("W2 K=16 D=32", "best of NumPy, JAX float64", 4, 3, "numpy", "jax-f64"),
    _t("W3", "pure Python notebook", 700, 450, "python"),
)


def _score(here: dict[str, Timing], level: str, forms: tuple[str, ...]) -> dict[str, Any] | None:
    """Against the fastest of these forms at this level: its name, the ratios of medians and best samples."""
    ours = here.get(f"fastebm@{level}")
    timed = [here[key] for p in forms for key in (f"{p}@{level}", p) if key in here]
    if ours is None or not timed:
        return None
    against = min(timed, key=lambda t: t.ratio_to(ours))
    return {"form": against.label, "median": against.ratio_to(ours), "best": against.best_ratio_to(ours)}


def compare(timings: dict[str, list[Timing]]) -> list[dict[str, Any]]:
    """One row a target and level: wanted, and what was reached against the usual and the fastest form."""
    rows = []
    for target in TARGETS:
        if target.work not in timings:
            continue
        here = {t.key: t for t in timings[target.work]}
        for level, wanted in target.wanted.items():
            row = {"work": target.work, "against": target.against, "wanted": wanted}
            row["level"] = levels.NAMES[level]
            row["usual"] = _score(here, level, target.usual)
            row["fastest"] = _score(here, level, target.usual + target.faster)
            rows.append(row)
    return rows
