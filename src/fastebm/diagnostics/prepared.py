"""What was found in the columns of a table, and what was done about it."""

from __future__ import annotations

from ..preprocess import Preprocessing
from .diagnostic import Diagnostic

# A grid is said where its step is so many standard deviations: noise of one step widens a normal law by 1 / 24 of the
# square of this, which is 0.0004.
COARSE = 0.1
# Names that a message lists.
SHOWN = 5


def of_columns(preparation: Preprocessing) -> list[Diagnostic]:
    """One warning for each kind of column that a density cannot describe as it is."""
    return [d for check in (_constant, _copies, _rounded, _zeros, _atoms) for d in check(preparation.columns)]


def _constant(columns):
    found = [c for c in columns if c.action.kind == "constant"]
    if not found:
        return []
    said = _names([f"{c.name} = {c.action.value:.6g}" for c in found])
    return [
        Diagnostic(
            "constant_column",
            float(len(found)),
            0.0,
            f"{_columns(found)} without spread: {said}. Left out of the density; samples carry the value, and a row "
            "with another one has log-density -inf",
            "drop the column, or give rows in which it varies",
        )
    ]


def _copies(columns):
    found = [c for c in columns if c.action.kind == "copy"]
    if not found:
        return []
    said = _names([f"{c.name} of {columns[c.action.source].name}" for c in found])
    return [
        Diagnostic(
            "duplicate_column",
            float(len(found)),
            0.0,
            f"{_columns(found)} an exact linear function of another: {said}. Left out of the density; samples have "
            "it computed, and a row that breaks the rule has log-density -inf",
            "drop the column",
        )
    ]


def _rounded(columns):
    found = [c for c in columns if c.kept and (grid := c.rounding) and grid.noise and grid.relative >= COARSE]
    if not found:
        return []
    found.sort(key=lambda c: -c.rounding.relative)
    said = _names([f"{c.name} to {c.rounding.step:.4g}" for c in found])
    return [
        Diagnostic(
            "rounded",
            found[0].rounding.relative,
            COARSE,
            f"{_columns(found)} on a grid whose step is up to {found[0].rounding.relative:.2g} standard deviations: "
            f"{said}. The fit saw it with noise of one step; the density is that of values before rounding, and "
            "samples are rounded again",
            "nothing where that is meant; a category is better left out, and each of its values fitted alone",
        )
    ]


def _zeros(columns):
    found = [c for c in columns if c.kept and c.zeros is not None]
    if not found:
        return []
    found.sort(key=lambda c: -c.zeros.share)
    top = found[0].zeros.share
    said = _names([f"{c.name} ({100 * c.zeros.share:.2g} %)" for c in found])
    return [
        Diagnostic(
            "zeros",
            top,
            0.0,
            f"{_columns(found)} with exact zeros among values that are no grid: {said}. A density has no mass at "
            "a point: zeros were spread over a small cell below 0, from which samples are zero, and the log-density of "
            "a row with a zero depends on the width of that cell",
            "compare rows without zeros, or fit whether it is zero and how large it is apart",
        )
    ]


def _atoms(columns):
    found = [c for c in columns if c.kept and c.atom is not None]
    if not found:
        return []
    found.sort(key=lambda c: -c.atom[1])
    said = _names([f"{c.name} = {c.atom[0]:.6g} ({100 * c.atom[1]:.2g} %)" for c in found])
    return [
        Diagnostic(
            "atom",
            found[0].atom[1],
            0.0,
            f"{_columns(found)} with one value that many rows share, among values that are no grid: {said}. A well "
            "that narrows onto it has a likelihood without limit",
            "if the value stands for 'missing' or 'at the limit', leave these rows out, or fit them apart",
        )
    ]


def _columns(found):
    return f"{len(found)} column{'s' if len(found) > 1 else ''}"


def _names(words):
    more = f" and {len(words) - SHOWN} more" if len(words) > SHOWN else ""
    return ", ".join(words[:SHOWN]) + more
