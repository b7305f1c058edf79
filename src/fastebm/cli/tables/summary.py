"""What the numbers of a column are like, before any model: range, rounding, repeats, skew, what it repeats."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import numpy as np

from .table import Column, Parsed

# Bars of a histogram.
BINS = 24
FIVE = ("min", "q1", "median", "q3", "max")
# A column is rounded to a step if every value is a multiple of it up to this share of the step, and up to the
# rounding of float64.
TOLERANCE = 1e-6


def summary(parsed: Parsed, which=None) -> list[dict]:
    """Facts about every column.

    Parameters
    ----------
    parsed : Parsed
    which : sequence of int, optional
        The columns; by default all.

    Returns
    -------
    list of dict
        With ``name``, ``kind``, ``role``, ``n`` (cells with a value), ``missing``, and for numbers also ``min``,
        ``q1``, ``median``, ``q3``, ``max``, ``step`` (what the values are rounded to, None if they are not),
        ``repeated`` (share of the values that occur more than once), ``constant``, ``copy_of`` (name of an earlier
        column with the same numbers), ``skew`` (third central moment over the cube of the standard deviation) and
        ``histogram`` (counts in `BINS` bins of equal width). Values that are infinite are counted in ``infinite`` and
        in nothing else. Text has ``distinct`` and ``examples``.
    """
    chosen = range(len(parsed.columns)) if which is None else which
    found: list[dict] = []
    seen: dict[bytes, str] = {}
    for i in chosen:
        column = parsed.columns[i]
        facts = {"name": column.name, "position": i + 1, "kind": column.kind, "role": column.role}
        facts |= {"n": len(parsed.lines) - column.missing, "missing": column.missing}
        if column.values is None:
            facts |= {"distinct": column.distinct or 0, "examples": list(column.cells)}
        else:
            facts |= numbers(column.values)
            same = seen.setdefault(blake2b(column.values.tobytes()).digest(), column.name)
            facts["copy_of"] = None if same == column.name else same
        found.append(facts | {"trouble": _trouble(column)})
    return found


def _trouble(column: Column) -> str | None:
    if column.kind == "mixed":
        return "; ".join(filter(None, [column.trouble, column.cure]))
    return f"{column.rounded} has more digits than float64 holds" if column.rounded else None


def numbers(values: np.ndarray) -> dict:
    """Facts about numbers, shape (n,), NaN where one is missing."""
    finite = np.sort(values[np.isfinite(values)])
    facts: dict[str, Any] = {"infinite": int(np.isinf(values).sum())}
    if not len(finite):
        return facts | {"constant": False, "step": None, "repeated": 0.0, "skew": None, "histogram": None}
    size = float(max(abs(finite[0]), abs(finite[-1]))) or 1.0
    # Differences of numbers near the largest float64 overflow; a quarter of them does not.
    unit = 4.0 if size > 1e300 else 1.0
    quartiles = unit * np.percentile(finite / unit, [0, 25, 50, 75, 100])
    counts = np.unique(finite, return_counts=True)[1]
    constant = len(counts) == 1
    facts |= dict(zip(FIVE, quartiles.tolist(), strict=True)) | {
        "distinct": len(counts),
        "constant": constant,
    }
    facts["step"] = None if constant else step(finite)
    facts["repeated"] = float(counts[counts > 1].sum() / len(finite))
    # Scaled first, so that no square overflows.
    centred = finite / size - np.mean(finite / size)
    spread = np.sqrt(np.mean(centred**2))
    facts["skew"] = None if constant or spread == 0 else float(np.mean((centred / spread) ** 3))
    facts["histogram"] = None if constant else histogram(finite)
    return facts


def histogram(x: np.ndarray, bins: int = BINS) -> list[int]:
    """Counts of sorted finite numbers in bins of equal width."""
    low, high = x[0] / 2, x[-1] / 2
    # Halved, so that the range of numbers near the largest float64 is one too.
    place = np.minimum((bins * ((x / 2 - low) / (high - low))).astype(int), bins - 1)
    return np.bincount(place, minlength=bins).tolist()


def step(x: np.ndarray) -> float | None:
    """The largest of 1, 2, 2.5 and 5 times a power of ten of which all numbers are multiples; None if there is none.

    Numbers of random digits have one too, at the rounding of float64; so it counts only where the range holds fewer
    than ten million steps.
    """
    size, reach = max(abs(x[0]), abs(x[-1])), float(x[-1]) - float(x[0])
    if not 0 < reach < np.inf:
        return None
    # A few numbers rule most candidates out.
    few = x[:: max(1, len(x) // 50)]
    top = int(np.floor(np.log10(reach)))
    for power in range(top + 1, top - 7, -1):
        for digit in ("5", "2.5", "2", "1"):
            unit = float(f"{digit}e{power}")
            slack = TOLERANCE + 4 * np.spacing(size) / unit
            if all(np.abs(part / unit - np.rint(part / unit)).max() <= slack for part in (few, x)):
                return unit
    return None
