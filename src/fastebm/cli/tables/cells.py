"""Cells as people and programs write them: numbers, missing, per cent, thousands, dates."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from itertools import chain
from typing import Any

import numpy as np

from .table import Column, few, shown

MISSING = {
    *("", "na", "n/a", "n.a.", "nan", "-nan", "null", "(null)", "none", "nil", "<na>", "nat", "missing"),
    *("-", "--", "---", "?", ".", "*", r"\n"),
    *("#n/a", "#na", "#div/0!", "#value!", "#ref!", "#name?", "#null!", "#num!"),
}
SAID = {"true": 1.0, "false": 0.0}
# Fortran writes its exponents with a D.
NUMBER = re.compile(
    r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eEdD][+-]?\d+)?|[+-]?inf(?:inity)?", re.IGNORECASE | re.ASCII
)
WHOLE = re.compile(r"[+-]?\d+", re.ASCII)
# What a number begins with; a cell that begins so and is none is no name either.
BEGIN = re.compile(r"[+\-−(]?\s*[$€£¥]?\s*[.,]?\d", re.ASCII)
_GROUPS = r"[+-]?[1-9]\d{{0,2}}(?:(?P<mark>[{mark} \u00a0\u202f\u2009'’])\d{{3}})(?:(?P=mark)\d{{3}})*(?:{sign}\d*)?"
GROUPED = {
    ".": re.compile(_GROUPS.format(mark=",", sign=r"\."), re.ASCII),
    ",": re.compile(_GROUPS.format(mark=".", sign=","), re.ASCII),
}
COMMA = re.compile(r"[+-]?\d*,\d+(?:[eE][+-]?\d+)?%?", re.ASCII)
POINT = re.compile(r"[+-]?\d*\.\d+(?:[eE][+-]?\d+)?%?", re.ASCII)
_TIME = r"[T ]\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?\s*(?:Z|[+-]\d{2}:?\d{2})?"
DATE = re.compile(rf"\d{{4}}-\d{{1,2}}|\d{{4}}([-/])\d{{1,2}}\1\d{{1,2}}(?:{_TIME})?", re.ASCII)
# Dates of any order, times of a day, versions, addresses.
DATED = re.compile(r"\d{1,4}([-/. ])(?:\d{1,2}|[A-Za-z]{3,9}\.?)\1\d{1,4}.*|\d{1,2}:\d{2}.*", re.ASCII)
DAY = 86400.0
EPOCH = datetime(1970, 1, 1)


def is_missing(cell: str, na=()) -> bool:
    """Whether a cell stands for no value: empty, NA, N/A, NaN, null, none, ?, a dash, Excel's errors, or one of na."""
    cell = cell.strip()
    return cell.lower() in MISSING or cell in na


def number(cell: str, decimal: str = ".") -> float | None:
    """The number in a cell, or None. Thousands may be marked, by the other sign, a blank or an apostrophe."""
    cell = cell.strip().replace("\u2212", "-")
    if decimal == "," and "." not in cell:
        plain = cell.replace(",", ".", 1)
    else:
        plain = cell if decimal == "." else ""
    if NUMBER.fullmatch(plain):
        return float(re.sub("[dD]", "e", plain))
    if GROUPED[decimal].fullmatch(cell):
        bare = re.sub(r"[ \u00a0\u202f\u2009'’]", "", cell).replace("," if decimal == "." else ".", "")
        return float(bare.replace(",", "."))
    return None


def looks(cell: str) -> bool:
    """Whether a cell is a number by either decimal sign, per cent included."""
    bare = cell.strip().removesuffix("%")
    return number(bare) is not None or number(bare, ",") is not None


def days(cell: str) -> float | None:
    """Days since 1970-01-01 of a date in ISO 8601 (2024-12-31, 2024/12/31, 2024-12, 2024-12-31 23:59:59Z), or None."""
    cell = cell.strip()
    if not DATE.fullmatch(cell):
        return None
    day, _, time = re.sub(r"\s+", " ", cell).replace("/", "-").replace("T", " ").partition(" ")
    try:
        year, month, number_of_day = map(int, (day + "-1" * (day.count("-") == 1)).split("-"))
        if not time:
            return float((date(year, month, number_of_day) - EPOCH.date()).days)
        hour = time.replace(" ", "").replace(",", ".").rjust(5, "0")
        found = datetime.fromisoformat(f"{year:04}-{month:02}-{number_of_day:02} {hour}")
    except ValueError:
        return None
    if found.tzinfo is not None:
        found = found.astimezone(UTC).replace(tzinfo=None)
    return (found - EPOCH).total_seconds() / DAY


def decimal_sign(cells) -> tuple[str | None, str | None]:
    """(sign, doubt) by the cells of a file that are numbers by one sign only; doubt is a cell that may be either.

    "1,5" tells of a decimal comma, "1.5" and "1,234,567" of a point; "1,234" tells nothing.
    """
    comma = point = doubt = None
    cells = list(cells)
    with_comma = [cell for cell in cells if "," in cell]
    # Without a comma in a number there is nothing to decide.
    for cell in chain(with_comma, (c for c in cells if "." in c and "," not in c)):
        if "," not in cell and not (comma or doubt):
            break
        cell = cell.strip().removesuffix("%").rstrip()
        us, european = GROUPED["."].fullmatch(cell), GROUPED[","].fullmatch(cell)
        if COMMA.fullmatch(cell):
            if us and cell.count(",") == 1:
                doubt = doubt or cell
            else:
                comma = comma or cell
        elif POINT.fullmatch(cell):
            if not european:
                point = point or cell
        elif european and "." in cell:
            comma = comma or cell
        elif us and "," in cell:
            point = point or cell
        if point:
            break
    if comma and not point:
        return ",", None
    if point or not doubt:
        return ".", None
    return None, doubt


def too_long(cell: str) -> bool:
    """Whether a cell is a whole number that float64 rounds: beyond 2^53, and not one that it holds by chance."""
    cell = cell.strip()
    return len(cell) > 15 and bool(WHOLE.fullmatch(cell)) and int(float(cell)) != int(cell)


def column(name: str, cells, index, lines, where: str, decimal: str = ".", na=()) -> Column:
    """A column of text: what its cells are, and their numbers.

    Parameters
    ----------
    name : str
    cells : sequence of str
        The different cells.
    index : ndarray of int, shape (n_rows,)
        Which of them each row holds.
    lines : ndarray of int, shape (n_rows,)
        Where each row stands.
    where : str
        "line" or "row".
    decimal : {".", ","}
    na : collection of str
        Further spellings of a missing value.
    """
    cells = [str(c).strip() for c in cells]
    count = np.bincount(index, minlength=len(cells))
    numbers_of_na = {v for c in na if (v := number(c, decimal)) is not None}
    gone = [is_missing(c, na) or bool(numbers_of_na and number(c, decimal) in numbers_of_na) for c in cells]
    here = [i for i, g in enumerate(gone) if not g]
    n_missing = int(count[gone].sum()) if any(gone) else 0
    if not here:
        return Column(name, "empty", missing=n_missing)

    def made(kind, values):
        table = np.full(len(cells), np.nan)
        table[here] = values
        return Column(name, kind, table[index], missing=n_missing, distinct=len(here))

    def place(i):
        return f"{where} {lines[np.argmax(index == i)]}, {shown(name)}: {shown(cells[i])}"

    if all(cells[i].lower() in SAID for i in here):
        return made("true/false", [SAID[cells[i].lower()] for i in here])
    percent = [i for i in here if cells[i].endswith("%")]
    share = len(percent) == len(here)
    values: list[Any] = [number(cells[i].removesuffix("%") if share else cells[i], decimal) for i in here]
    strays = [i for i, v in zip(here, values, strict=True) if v is None]
    if not strays:
        if share:
            # 12.5 % is read as 12.5e-2, which is rounded once.
            values = [v / 100 if "e" in repr(v) or "inf" in repr(v) else float(f"{v!r}e-2") for v in values]
        found = made("per cent" if share else "numbers", values)
        long = [i for i in here if too_long(cells[i])]
        if long:
            found.rounded = place(long[0])
        return found
    if all((v := days(cells[i])) is not None for i in here):
        return made("dates", [days(cells[i]) for i in here])
    like = sum(int(count[i]) for i in here if BEGIN.match(cells[i]) and not DATED.fullmatch(cells[i]))
    text = Column(
        name, "text", missing=n_missing, distinct=len(here), cells=tuple(cells[i] for i in here[:3])
    )
    text.trouble = f"{place(here[0])} is text"
    if 2 * like >= sum(int(count[i]) for i in here):
        text.kind, text.trouble = "mixed", f"{place(strays[0])} is not a number"
        cell = cells[strays[0]]
        if percent and not share:
            text.cure = "write all of the column in per cent, or nothing of it"
        elif number(cell, "," if decimal == "." else ".") is not None:
            other = "," if decimal == "." else "."
            text.cure = f"if {other!r} is the decimal sign, say --decimal {other}"
        elif not BEGIN.match(cell):
            text.cure = f"if it stands for a missing value, say --na {quoted(cell)} --drop-na"
        else:
            text.cure = "write the number alone, its unit in the header"
    elif DATED.fullmatch(cells[here[0]]):
        text.cure = "write dates as 2024-12-31"
    return text


def quoted(word: str) -> str:
    """A word for a shell, short."""
    import shlex

    return shlex.quote(word if len(word) <= 40 else word[:37] + "...")


def described(column: Column) -> str:
    """A column that is left out, for a note: 'species' (text: 'setosa', 'virginica')."""
    if column.role == "row names":
        return f"{shown(column.name)} (row names)"
    if column.kind == "text":
        return f"{shown(column.name)} (text: {few((shown(c, 16) for c in column.cells), 2)})"
    return f"{shown(column.name)} ({column.kind})"
