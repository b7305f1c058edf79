"""The targets, and what was measured beside each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from timing import Timing

LEVELS = {"AVX-512": "x86-64-v4", "AVX2": "x86-64-v3"}


@dataclass(frozen=True)
class Target:
    """``peers`` are forms of one competitor: the fastest of them counts."""

    work: str
    against: str
    peers: tuple[str, ...]
    wanted: dict[str, float]


def _t(work: str, against: str, peers: tuple[str, ...], avx512: float, avx2: float) -> Target:
    return Target(work, against, peers, {"AVX-512": avx512, "AVX2": avx2})


TARGETS: Sequence[Target] = (
    _t("W1", "pure Python", ("python",), 1000, 600),
    _t("W1", "NumPy", ("numpy", "numpy-best"), 8, 5),
    _t("W1", "JAX float64", ("jax-f64",), 9, 5.5),
    _t("W1", "JAX float32", ("jax-f32",), 3, 1.8),
    _t("W1", "Numba", ("numba", "numba-best"), 15, 10),
    _t("W1", "PyTorch float32", ("torch-f32",), 5, 3),
    _t("W1-small", "NumPy", ("numpy", "numpy-best"), 30, 20),
    _t("W1-small", "JAX", ("jax-f64", "jax-f32"), 6, 4),
    _t("W2 K=8 D=2", "best of NumPy, JAX float64", ("numpy", "jax-f64"), 5, 3.5),
    _t("W2 K=16 D=32", "best of NumPy, JAX float64", ("numpy", "jax-f64"), 4, 3),
    _t("W3", "pure Python notebook", ("python",), 700, 450),
)


def compare(timings: dict[str, list[Timing]]) -> list[dict[str, Any]]:
    """One row a target and level: wanted, reached (None where a side was not measured), form that counted."""
    rows = []
    for target in TARGETS:
        if target.work not in timings:
            continue
        here = {t.key: t for t in timings[target.work]}
        for level, wanted in target.wanted.items():
            ours = here.get(f"fastebm@{LEVELS[level]}")
            forms = {p: here[p].ratio_to(ours) for p in target.peers if ours and p in here}
            best = min(forms, key=forms.__getitem__, default=None)
            reached = forms[best] if best else None
            rows.append(
                {
                    "work": target.work,
                    "against": target.against,
                    "level": level,
                    "wanted": wanted,
                    "reached": reached,
                    "form": here[best].label if best else None,
                    "forms": {here[p].label: r for p, r in forms.items()},
                    "met": None if reached is None else reached >= wanted,
                }
            )
    return rows
