"""Which columns of a file are taken, and whether they hold nothing but finite numbers."""

from __future__ import annotations

import csv
import io
import shlex

import numpy as np

from .cells import described
from .table import NAMED, Column, How, Parsed, Table, TableError, few, shown


def positions(asked, names, name: str) -> list[int]:
    """The columns that are asked for by name or by position from 1.

    Raises
    ------
    TableError
        If there is no such column, more than one, or one is asked for twice.
    """
    chosen: list[int] = []
    for wanted in asked:
        found = [i for i, n in enumerate(names) if n == wanted]
        alike = [
            i
            for i, n in enumerate(names)
            if n.startswith(f"{wanted} (") and n[len(wanted) + 2 : -1].isdigit()
        ]
        if not found and len(alike) > 1:
            raise TableError(
                f"{name}: {len(alike)} columns are called {wanted!r}; choose by position, "
                f"--columns {few((i + 1 for i in alike), 20)}"
            )
        if not found and wanted.isascii() and wanted.isdigit() and 1 <= int(wanted) <= len(names):
            found = [int(wanted) - 1]
        if not found:
            raise TableError(f"{name}: no column {wanted!r}; it has {few(map(repr, names), 20)}")
        if found[0] in chosen:
            raise TableError(f"{name}: column {wanted!r} is asked for twice")
        chosen += found
    return chosen


def matching(expected, names, named: bool, name: str) -> list[int] | None:
    """The columns that a model knows, by name where the file has names; None: by position.

    Raises
    ------
    TableError
        If the file has names, and not all of those of the model.
    """
    lost = [n for n in expected if n not in names]
    if not lost:
        return positions(expected, names, name)
    if not named:
        return None
    raise TableError(
        f"{name}: no column {lost[0]!r}, which the model was fitted to; it has {few(map(repr, names), 20)}; "
        "name the model's columns in its order with --columns"
    )


def default(parsed: Parsed) -> list[int]:
    """The columns of numbers; what is left out is noted.

    Raises
    ------
    TableError
        If a column is neither numbers nor text, or if there is none of numbers.
    """
    taken, left, n = [], [], len(parsed.columns)
    while n and parsed.columns[n - 1].kind == "empty" and parsed.columns[n - 1].name == f"column {n}":
        # Separators at the end of the lines.
        n -= 1
    for i, column in enumerate(parsed.columns[:n]):
        if column.role == "row names" or column.kind in ("text", "dates", "durations", "empty"):
            left.append(column)
        else:
            taken.append(i)
    good = [
        parsed.columns[i].name
        for i in taken
        if not parsed.columns[i].trouble and not parsed.columns[i].rounded
    ]
    others = f"--columns {shlex.quote(joined(good))}" if good and len(good) <= 20 else "--columns"
    for i in taken:
        column = parsed.columns[i]
        if column.trouble:
            instead = (
                f"choose other columns: {others}" if good else "choose columns of numbers with --columns"
            )
            raise TableError(
                f"{parsed.name}: {column.trouble}; " + "; or ".join(filter(None, [column.cure, instead]))
            )
        if column.rounded:
            raise TableError(
                f"{parsed.name}: {column.rounded} has more digits than float64 holds; leave the column out "
                f"({others}), or name it in --columns to have it rounded"
            )
    if not taken:
        if left and (text := next((c for c in left if c.trouble), None)):
            raise TableError(f"{parsed.name} has no column of numbers: {text.trouble}; {_cure(text)}")
        raise TableError(
            f"{parsed.name} has no column of numbers: {few(map(described, left))}"
            + ("; name one in --columns" if left else "")
        )
    for i in taken if len(taken) > 1 else []:
        if counts(parsed.columns[i].values):
            rest = joined([n for n in good if n != parsed.columns[i].name])
            said = f"{shown(parsed.columns[i].name)} counts the rows; --columns {shlex.quote(rest)} leaves it out"
            parsed.notes.append(said)
    if left:
        dated = " (dates as days since 1970)" if any(c.kind == "dates" for c in left) else ""
        count = f"{len(left)} columns, " if len(left) > 8 else ""
        parsed.notes.append(f"left out: {count}{few(map(described, left), 8)}; --columns chooses{dated}")
    return taken


def counts(values: np.ndarray) -> bool:
    """Whether a column is 0, 1, 2, ... or 1, 2, 3, ..., at least ten of them: numbers of rows and no measurement."""
    n = len(values)
    return n >= 10 and values[0] in (0, 1) and bool((values == values[0] + np.arange(n)).all())


def _cure(column: Column) -> str:
    return column.cure or "give at least one column of numbers"


def joined(names) -> str:
    """Names as --columns takes them."""
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="").writerow(names)
    return buffer.getvalue()


def missing_rows(parsed: Parsed, chosen: list[int]) -> int:
    """Number of rows with a missing cell in one of the chosen columns."""
    values = [parsed.columns[i].values for i in chosen]
    return int(np.any([np.isnan(v) for v in values if v is not None], axis=0).sum()) if values else 0


def table(parsed: Parsed, chosen: list[int] | None, drop_na: bool | None, how: How) -> Table:
    """The chosen columns (by default those of numbers) as a table of finite numbers; with drop_na=None, and of NaN.

    Raises
    ------
    TableError
        If a column is text, a cell is missing (with drop_na=False) or infinite, or no row is left.
    """
    if chosen is None:
        chosen = default(parsed)
    columns = [parsed.columns[i] for i in chosen]
    name, lines, where = parsed.name, parsed.lines, parsed.where
    for column in columns:
        if column.values is None and column.kind == "empty":
            raise TableError(f"{name}: column {column.name!r} is empty; choose others with --columns")
        if column.trouble:
            cures = filter(None, [column.cure, "choose columns of numbers with --columns"])
            raise TableError(f"{name}: {column.trouble}; {'; or '.join(cures)}")
        if column.rounded:
            parsed.notes.append(f"{column.rounded} has more digits than float64 holds: the column is rounded")
        if column.kind == "dates":
            parsed.notes.append(f"{column.name!r} holds dates, read as days since 1970-01-01")
        if column.kind == "per cent":
            parsed.notes.append(f"{column.name!r} is in per cent, read as fractions (12 % is 0.12)")
    x = np.column_stack([c.values for c in columns]) if len(lines) else np.empty((0, len(columns)))
    names = tuple(c.name for c in columns)
    infinite = np.isinf(x)
    if infinite.any():
        i, j = np.argwhere(infinite)[0]
        raise TableError(
            f"{name}: {where} {lines[i]}, {names[j]!r} is infinite; leave the cell empty and say --drop-na, "
            "or choose other columns with --columns"
        )
    bad = np.isnan(x).any(axis=1) if drop_na is not None else np.zeros(len(x), dtype=bool)
    n_bad = int(bad.sum())
    if n_bad and not drop_na:
        rows = few(lines[bad], NAMED)
        cells = int(np.isnan(x).sum())
        raise TableError(
            f"{name}: {cells} missing cell{'s' * (cells > 1)} in {n_bad} row{'s' * (n_bad > 1)} "
            f"({where} {rows}); fill them, or leave those rows out with --drop-na"
        )
    x = np.ascontiguousarray(x[~bad] if n_bad else x)
    if not len(x):
        raise TableError(
            f"{name} holds no rows of numbers" + (f" ({n_bad} with missing cells)" if n_bad else "")
        )
    return Table(x, names, n_bad, tuple(parsed.notes), how.words(), parsed.named, lines[~bad])


def shown_names(names) -> str:
    """Names for a message."""
    return few(map(shown, names), 20)
