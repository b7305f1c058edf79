"""Tables of numbers from files: text of any make, NPY and NPZ; Parquet, Feather and Excel through pandas.

`source` unpacks the file, `text` and `header` find out how it is written, `cells` and `columns` read its numbers,
`choose` takes the columns. What cannot be read for certain is refused in one line that says where, and what to type;
what is left out is said on stderr.
"""

from __future__ import annotations

import os
import sys
from typing import Any

from ..._runtime.check import choice
from . import arrays, choose, columns, frames, source, text
from .choose import joined
from .table import Column, How, Parsed, Table, TableError

__all__ = [
    "Column",
    "How",
    "Parsed",
    "Table",
    "TableError",
    "asked",
    "joined",
    "parse",
    "read_table",
    "written",
]


def read_table(
    source, columns=None, *, header="auto", drop_na=False, progress=False, expected=None, how=None
) -> Table:
    """Read columns of numbers; what is left out, and what is taken for granted, is said on stderr.

    Parameters
    ----------
    source : str or path-like
        A file, or "-" for standard input. What it is shows in its first bytes, not in its name.
    columns : sequence of str, optional
        Names from the header, or positions counted from 1. By default all columns of numbers.
    header : {"auto", "yes", "no"}, default "auto"
        Whether the first line of a text holds names. "auto": see `header.has_names`.
    drop_na : bool or None, default False
        Leave out rows with a missing cell instead of refusing the file; None keeps them, with NaN in the cell.
    progress : bool, default False
        Show a bar on stderr (needs tqdm).
    expected : sequence of str, optional
        Names that a model knows: without `columns`, they are taken by name from a file that has names, and by position
        from one that has none.
    how : How, optional
        How the file is written; header is taken from the argument of that name.

    Returns
    -------
    Table

    Raises
    ------
    OSError
        If the file cannot be read.
    TableError
        If it holds no such table: one line that names the file, the place and what to type.
    """
    choice(header, "header", ("auto", "yes", "no"))
    how = How(**{**vars(how or How()), "header": header})
    chosen: list[int] | None = None

    def wanted(found) -> list[int]:
        nonlocal chosen
        if columns is not None:
            chosen = choose.positions(columns, found.names, found.name)
        elif expected is not None:
            chosen = choose.matching(expected, found.names, found.named, found.name)
            if chosen is None:
                found.notes.append(f"no header: the columns are taken as {choose.shown_names(expected)}")
        return list(range(len(found.names))) if chosen is None else chosen

    parsed = parse(source, how, wanted, progress=progress)
    table = choose.table(parsed, chosen, drop_na, how)
    for note in table.notes:
        print(f"fastebm: note: {parsed.name}: {note}", file=sys.stderr)
    return table


def asked(arguments, progress=False, expected=None) -> Table:
    """The table that the arguments of a command ask for (`options.table_options` declares them).

    Parameters
    ----------
    arguments : argparse.Namespace
    progress, expected
        As `read_table`.
    """
    return read_table(
        arguments.data,
        arguments.columns,
        header=arguments.header,
        drop_na=arguments.drop_na,
        progress=progress,
        expected=expected,
        how=written(arguments),
    )


def written(arguments) -> How:
    """How the arguments of a command say that the file is written."""
    names = ("header", "separator", "decimal", "encoding", "na", "skip", "sheet")
    said: dict[str, Any] = {n: getattr(arguments, n) for n in names}
    said = {n: tuple(v) if isinstance(v, list) else v for n, v in said.items()}
    return How(**said)


def parse(source_, how: How, wanted=None, *, progress=False) -> Parsed:
    """Read a file without judging it.

    Parameters
    ----------
    source_ : str or path-like
        A file, or "-" for standard input.
    how : How
    wanted : callable, optional
        Given what has ``name``, ``names``, ``named`` and ``notes``, the numbers of the columns to read; by default all.
    progress : bool

    Returns
    -------
    Parsed
        With all columns; those that were not wanted have the kind "unread".
    """
    name = "standard input" if source_ == "-" else os.fspath(source_)
    data, kind, packed = source.read(source_, name, progress)
    wanted = wanted or (lambda found: list(range(len(found.names))))
    if kind == "excel":
        parsed = frames.workbook(data, name, wanted, how)
    elif kind == "text":
        parsed = _text(data, name, wanted, how)
    else:
        whole = arrays.parse(data, name) if kind in ("numpy", "npz") else frames.parse(data, name, kind)
        wanted(_Names(whole))
        parsed = whole
    parsed.facts = {"kind": kind, "compression": packed} | parsed.facts
    return parsed


class _Names:
    """What is to be known of a file to choose columns."""

    def __init__(self, parsed):
        self.name, self.named, self.notes = parsed.name, parsed.named, parsed.notes
        self.names = [c.name for c in parsed.columns]


def _text(data, name, wanted, how) -> Parsed:
    layout = text.layout(data, name, how)
    chosen = wanted(layout)
    read = dict(zip(chosen, columns.of_text(layout, chosen, how), strict=True))
    found = [read.get(j, Column(n, "unread")) for j, n in enumerate(layout.names)]
    if layout.index:
        found[0].role = "row names"
    return Parsed(name, found, layout.lines, layout.where, layout.named, layout.facts, layout.notes)
