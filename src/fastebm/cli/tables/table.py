"""What a file holds, what is chosen of it, and how it is said."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

# So many names, rows or cells are shown in a message.
NAMED = 5


class TableError(ValueError):
    """A file does not hold the table that was asked for. The message is one line."""


@dataclass(frozen=True, eq=False)
class Table:
    """A table of finite numbers.

    Attributes
    ----------
    x : ndarray of shape (n_rows, n_columns)
    names : tuple of str
        From the header, or "column 1", "column 2", ...
    dropped : int
        Rows left out because a cell was missing.
    notes : tuple of str
        What was left out or taken for granted, a line each, with what to type if it is wrong.
    words : tuple of str
        Options of the command line, beside --columns, --header and --drop-na, that read the file this way.
    named : bool
        Whether the names come from the file.
    lines : ndarray of int, shape (n_rows,), or None
        Where each row stands in the file, counted from 1: lines of a text, rows of anything else.
    """

    x: np.ndarray
    names: tuple[str, ...]
    dropped: int = 0
    notes: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    named: bool = True
    lines: np.ndarray | None = None


@dataclass(frozen=True)
class How:
    """How a file is written, as far as the user says; what is None is found out."""

    header: str = "auto"
    separator: str | None = None
    decimal: str | None = None
    encoding: str | None = None
    na: tuple[str, ...] = ()
    skip: int = 0
    sheet: str | None = None

    def words(self) -> tuple[str, ...]:
        """The options that say the same, --header apart, as words of a shell."""
        words = []
        for name in ("separator", "decimal", "encoding", "sheet"):
            if (value := getattr(self, name)) is not None:
                words.append(f"--{name}={value}")
        if self.na:
            words.append("--na=" + ",".join(self.na))
        return tuple(words + ([f"--skip={self.skip}"] if self.skip else []))


@dataclass(eq=False)
class Column:
    """One column of a file.

    Attributes
    ----------
    name : str
    kind : str
        "numbers", "true/false", "per cent", "dates", "durations", "text", "mixed" (some cells are numbers, some not),
        "empty".
    values : ndarray of shape (n_rows,) or None
        Numbers, NaN where a cell is missing; None for text and where nothing was asked for.
    role : str
        "data" or "row names".
    trouble : str
        Why the column cannot be read as numbers, with the place and the cell: "line 3, 'b': 'four' is not a number".
    cure : str
        What to do about it, beside choosing other columns.
    rounded : str
        The place of a whole number that float64 does not hold.
    missing : int
    distinct : int or None
        Number of different cells, for text.
    cells : tuple of str
        The first different cells, for text.
    """

    name: str
    kind: str = "numbers"
    values: Any = None
    role: str = "data"
    trouble: str = ""
    cure: str = ""
    rounded: str = ""
    missing: int = 0
    distinct: int | None = None
    cells: tuple[str, ...] = ()


@dataclass(eq=False)
class Parsed:
    """A file, read: its columns, where its rows stand, and what was found out about it.

    Attributes
    ----------
    name : str
        Of the file, for messages.
    columns : list of Column
    lines : ndarray of int, shape (n_rows,)
        Where each row stands, counted from 1.
    where : str
        What that counts: "line" or "row".
    named : bool
        Whether the names come from the file.
    facts : dict
        What `fastebm describe` says of the file.
    notes : list of str
    """

    name: str
    columns: list[Column]
    lines: np.ndarray
    where: str = "line"
    named: bool = False
    facts: dict = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def shown(cell: str, size: int = 40) -> str:
    """A cell for a message: quoted and short."""
    cell = " ".join(str(cell).split())
    return repr(cell if len(cell) <= size else cell[: size - 3] + "...")


def few(items, most: int = NAMED) -> str:
    """The first items, comma between them, and dots if there are more."""
    items = list(items)
    return ", ".join(map(str, items[:most])) + (", ..." if len(items) > most else "")


def need(what: str, packages: str, error: ImportError) -> TableError:
    """The refusal of what cannot be read without other packages, with the error that importing them gave."""
    return TableError(f"{what}: pip install {packages} ({error})")
