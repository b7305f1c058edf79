"""Columns that say nothing more: constants, and copies of others. A density has no place for them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

# What counts as the same number: so many last bits of what it was computed from, and of a copy so much of its spread.
# (Times of 1.6e9 s that begin and end something differ by less than 1e-9 of themselves, and are no copies.)
BITS, SAME = 16 * 2.0**-52, 1e-9
# Pairs with a smaller correlation are not looked at.
NEARLY_ONE = 1.0 - 1e-7


@dataclass(frozen=True)
class Constant:
    """Every row has the same value.

    It takes no part in the density, samples carry it, and a row with another value has density 0.
    """

    value: float
    kind: ClassVar[str] = "constant"

    def restored(self, x: np.ndarray) -> np.ndarray:
        """The column of samples whose other columns are those of x."""
        return np.full(len(x), self.value)

    def agrees(self, own: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Which rows have the value that they should have?"""
        return np.abs(own - self.value) <= BITS * abs(self.value)

    def __str__(self):
        return f"constant {self.value:.6g}, left out"


@dataclass(frozen=True)
class Copy:
    """The column is offset + slope times another one.

    It takes no part in the density, samples have it computed, and a row that breaks the rule has density 0.
    """

    source: int
    slope: float
    offset: float
    spread: float
    kind: ClassVar[str] = "copy"

    def restored(self, x: np.ndarray) -> np.ndarray:
        """The column of samples whose other columns are those of x."""
        return self.offset + self.slope * x[:, self.source]

    def agrees(self, own: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Which rows have the value that they should have?"""
        part = self.slope * x[:, self.source]
        size = np.abs(own) + np.abs(part) + abs(self.offset)
        return np.abs(own - (self.offset + part)) <= SAME * self.spread + BITS * size

    def __str__(self):
        added = f" and plus {self.offset:.6g}" if self.offset else ""
        return f"another column times {self.slope:.6g}{added}, left out"


def find_constant(x: np.ndarray) -> Constant | None:
    """The value of a column without spread, else None."""
    low, high = float(x.min()), float(x.max())
    middle = 0.5 * low + 0.5 * high
    # Or all but the last bits: what was computed to be the same.
    if high - low <= 0.5 * BITS * abs(middle):
        return Constant(low)
    return None


def find_copies(x: np.ndarray, candidates: list[int]) -> dict[int, Copy]:
    """Columns that are exact linear functions of an earlier one, by number."""
    found: dict[int, Copy] = {}
    if len(candidates) < 2 or len(x) < 3:
        return found
    with np.errstate(over="ignore", invalid="ignore"):
        centred = x[:, candidates] - x[:, candidates].mean(axis=0)
        centred /= np.sqrt((centred**2).mean(axis=0))
        r = centred.T @ centred / len(x)
    for j in range(1, len(candidates)):
        for i in np.flatnonzero(np.abs(r[j, :j]) > NEARLY_ONE):
            source, own = candidates[i], candidates[j]
            if source in found:
                continue
            copy = _line(x[:, source], x[:, own], source)
            if copy.agrees(x[:, own], x).all():
                found[own] = copy
                break
    return found


def _line(a, b, source) -> Copy:
    spread = float(b.std())
    if (a == b).all():
        return Copy(source, 1.0, 0.0, spread)
    # Through the two rows that are furthest apart: least squares would spread the rounding of all.
    low, high = int(a.argmin()), int(a.argmax())
    slope = float((b[high] - b[low]) / (a[high] - a[low]))
    offset = float(b[low] - slope * a[low])
    # A multiple, but for rounding.
    if abs(offset) <= 1e-12 * float(np.abs(b).max()):
        offset = 0.0
    return Copy(source, slope, offset, spread)
