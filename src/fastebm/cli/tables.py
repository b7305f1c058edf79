"""Numbers from a file: CSV with or without a header, NPY, NPZ, or standard input."""

from __future__ import annotations

import csv
import io
import os
import sys
import zipfile
import zlib
from dataclasses import dataclass

import numpy as np

from .._runtime.check import choice
from .._runtime.progress import bar
from ..storage.archive import HEADER

# Characters of text parsed at a time; 1e6 rows of two columns are about ten such pieces.
PIECE = 1 << 22
MISSING = {"", "na", "n/a", "nan", "null", "none"}
# So many rows are named in a message.
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
    """

    x: np.ndarray
    names: tuple[str, ...]
    dropped: int = 0


def read_table(source, columns=None, *, header="auto", drop_na=False, progress=False) -> Table:
    """Read columns of numbers.

    Parameters
    ----------
    source : str or path-like
        A file, or "-" for standard input. NPY and NPZ are known by their first bytes; anything else is text in UTF-8
        with cells separated by tab, semicolon, comma or blanks.
    columns : sequence of str, optional
        Names from the header, or positions counted from 1. By default all columns.
    header : {"auto", "yes", "no"}, default "auto"
        Whether the first line of a text holds names. "auto": it does if none of its cells is a number.
    drop_na : bool, default False
        Leave out rows with a missing cell (empty, NA, N/A, NaN, null, none) instead of refusing the file.
    progress : bool, default False
        Show a bar on stderr (needs tqdm).

    Returns
    -------
    Table

    Raises
    ------
    OSError
        If the file cannot be read.
    TableError
        If it is empty, ragged, holds text or missing cells where numbers are wanted, or lacks a column.
    """
    choice(header, "header", ("auto", "yes", "no"))
    name = "standard input" if source == "-" else os.fspath(source)
    with _opened(source, name) as stream:
        start = stream.peek(6)[:6]
        total = None if source == "-" else os.path.getsize(source)
        show = bar(progress, total, f"reading {os.path.basename(name)}", "B")
        try:
            if start[:6] == b"\x93NUMPY" or start[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
                names, x = _arrays(stream, name)
                chosen = _positions(columns, names, name, len(names))
                where, x = "row", x[:, chosen]
                lines = np.arange(1, len(x) + 1)
            else:
                where = "line"
                names, chosen, x, lines = _Text(stream, name, columns, header, show).read()
        finally:
            if show is not None:
                show.close()
    return _finite(x, tuple(names[i] for i in chosen), lines, where, name, drop_na)


def _opened(source, name):
    try:
        if source == "-":
            # The buffer may be a BytesIO in tests; a reader of its own gives peek in any case.
            return io.BufferedReader(_Raw(sys.stdin.buffer))
        return open(source, "rb")
    except OSError as error:
        raise OSError(error.errno, f"cannot read {name}: {error.strerror}") from None


class _Raw(io.RawIOBase):
    """Standard input as a raw stream that is not closed with its reader."""

    def __init__(self, stream):
        self.stream = stream

    def readable(self):
        return True

    def readinto(self, buffer):
        data = (
            self.stream.read1(len(buffer)) if hasattr(self.stream, "read1") else self.stream.read(len(buffer))
        )
        buffer[: len(data)] = data
        return len(data)


def _finite(x, names, lines, where, name, drop_na) -> Table:
    infinite = np.isinf(x)
    if infinite.any():
        i, j = np.argwhere(infinite)[0]
        raise TableError(f"{name}: {where} {lines[i]}, {names[j]!r} is infinite")
    bad = np.isnan(x).any(axis=1)
    n_bad = int(bad.sum())
    if n_bad and not drop_na:
        rows = ", ".join(map(str, lines[bad][:NAMED])) + (", ..." if n_bad > NAMED else "")
        cells = int(np.isnan(x).sum())
        raise TableError(
            f"{name}: {cells} missing cell{'s' * (cells > 1)} in {n_bad} row{'s' * (n_bad > 1)} "
            f"({where} {rows}); fill them, or leave those rows out with --drop-na"
        )
    x = np.ascontiguousarray(x[~bad]) if n_bad else np.ascontiguousarray(x)
    if not len(x):
        raise TableError(
            f"{name} holds no rows of numbers" + (f" ({n_bad} with missing cells)" if n_bad else "")
        )
    return Table(x, names, n_bad)


def _positions(columns, names, name, width) -> list[int]:
    if columns is None:
        return list(range(width))
    chosen = []
    for wanted in columns:
        found = [i for i, n in enumerate(names) if n == wanted]
        if len(found) > 1:
            raise TableError(
                f"{name}: {len(found)} columns are called {wanted!r}; choose by position, 1 to {width}"
            )
        if not found and wanted.isascii() and wanted.isdigit() and 1 <= int(wanted) <= width:
            found = [int(wanted) - 1]
        if not found:
            raise TableError(f"{name}: no column {wanted!r}; it has {', '.join(map(repr, names[:20]))}")
        if found[0] in chosen:
            raise TableError(f"{name}: column {wanted!r} is asked for twice")
        chosen += found
    return chosen


def _only_arrays(archive, name):
    """Refuse a zip archive that is no NPZ, saying what it seems to be and what to do."""
    members = archive.namelist()
    others = [member for member in members if not member.endswith(".npy")]
    if members and not others:
        return
    if not members:
        what, do = "an empty zip archive", "give a CSV, NPY or NPZ file"
    elif "xl/workbook.xml" in members or "xl/workbook.bin" in members:
        what, do = "an Excel workbook", "export the sheet as CSV and give that file"
    elif "mimetype" in members and b"opendocument.spreadsheet" in archive.read("mimetype"):
        what, do = "an OpenDocument spreadsheet", "export the sheet as CSV and give that file"
    elif HEADER in members:
        what, do = "a file that fastebm saved", "give the data; fastebm.load reads that file"
    else:
        shown = ", ".join(repr(member[:40]) for member in others[:3]) + (", ..." if len(others) > 3 else "")
        what, do = f"a zip archive, with {shown}", "unzip it first and give the table inside"
    raise TableError(f"{name} is {what}, not a table; {do}")


def _arrays(stream, name):
    try:
        loaded = np.load(io.BytesIO(stream.read()), allow_pickle=False)
        if hasattr(loaded, "files"):
            _only_arrays(loaded.zip, name)
            arrays = {k: loaded[k] for k in loaded.files}
        else:
            arrays = {None: loaded}
        # NumPy hands out the bytes of a member that does not start like an array.
        if not all(isinstance(array, np.ndarray) for array in arrays.values()):
            raise ValueError
    except TableError:
        raise
    # Beside the obvious: RuntimeError for a member with a password, zlib.error for damaged bytes.
    except (ValueError, EOFError, OSError, RuntimeError, zipfile.BadZipFile, zlib.error) as error:
        pickled = " (it holds Python objects, which are never loaded)" if "pickle" in str(error) else ""
        raise TableError(f"{name}: the file is damaged or holds no plain arrays{pickled}") from None
    names, parts = [], []
    for key, array in arrays.items():
        if array.dtype.names:
            array, own = np.stack([array[f] for f in array.dtype.names], axis=-1), list(array.dtype.names)
        else:
            own = None
        if array.dtype.kind not in "fiub" or array.ndim not in (1, 2):
            label = f"array {key!r}" if key else "the array"
            raise TableError(
                f"{name}: {label} is {array.dtype} of shape {array.shape}; numbers on one or two axes are wanted"
            )
        array = array.astype(float)
        array = array[:, None] if array.ndim == 1 else array
        width = array.shape[1]
        names += own or (
            [key] if key and width == 1 else [f"{key or 'column'} {i + 1}" for i in range(width)]
        )
        parts.append(array)
    if not parts or len({len(p) for p in parts}) > 1:
        shapes = {k: a.shape for k, a in arrays.items()}
        raise TableError(f"{name}: its arrays do not make one table (shapes {shapes})")
    return names, np.hstack(parts)


class _Text:
    """One text file: pieces of lines through NumPy's parser, and cell by cell where that one gives up."""

    def __init__(self, stream, name, columns, header, show):
        self.stream, self.name, self.columns, self.header, self.show = stream, name, columns, header, show
        self.separator, self.width, self.names, self.chosen = None, None, None, None

    def read(self):
        parts, numbers, last = [], [], 0
        text = io.TextIOWrapper(self.stream, encoding="utf-8-sig")
        while True:
            try:
                lines = text.readlines(PIECE)
            except UnicodeDecodeError:
                raise TableError(f"{self.name} is not text in UTF-8, nor NPY, nor NPZ") from None
            if not lines:
                break
            if self.show is not None:
                self.show.update(sum(map(len, lines)))
            number = np.arange(last + 1, last + len(lines) + 1)
            last += len(lines)
            full = [not line.isspace() for line in lines]
            if not all(full):
                lines, number = [line for line, f in zip(lines, full, strict=True) if f], number[full]
            if lines and self.width is None and self._first(lines[0], number[0]):
                lines, number = lines[1:], number[1:]
            if lines:
                parts.append(self._parse(lines, number))
                numbers.append(number)
        # The stream is closed by its owner.
        text.detach()
        if self.width is None:
            raise TableError(f"{self.name} is empty")
        if not parts:
            raise TableError(f"{self.name} holds a header and no rows")
        return self.names, self.chosen, np.vstack(parts), np.concatenate(numbers)

    def _first(self, line, number) -> bool:
        """Learn separator, width and names from the first line; tell whether it is a header."""
        self.separator = next((s for s in "\t;," if s in line), None)
        cells = self._cells(line, number)
        self.width = len(cells)
        named = self.header == "yes" or (
            self.header == "auto" and not any(_number(c) is not None for c in cells)
        )
        self.names = [c.strip() for c in cells] if named else [f"column {i + 1}" for i in range(self.width)]
        self.chosen = _positions(self.columns, self.names, self.name, self.width)
        return named

    def _cells(self, line, number) -> list[str]:
        if self.separator is None:
            return line.split()
        try:
            return next(csv.reader([line], delimiter=self.separator, strict=True))
        except csv.Error as error:
            raise TableError(f"{self.name}: line {number}: {error}") from None

    def _parse(self, lines, number):
        if self.separator is None:
            same = all(len(line.split()) == self.width for line in lines)
        else:
            same = all(line.count(self.separator) == self.width - 1 and '"' not in line for line in lines)
        if same:
            try:
                return np.loadtxt(
                    lines, delimiter=self.separator, usecols=self.chosen, ndmin=2, comments=None
                )
            except ValueError:
                # A cell is missing or not a number: find it.
                pass
        return np.array([self._row(line, n) for line, n in zip(lines, number, strict=True)])

    def _row(self, line, number):
        cells = self._cells(line, number)
        if len(cells) != self.width:
            raise TableError(
                f"{self.name}: line {number} has {len(cells)} cell{'s' * (len(cells) != 1)}, "
                f"where the first line has {self.width}"
            )
        values = [_number(cells[i]) for i in self.chosen]
        if None in values:
            i = self.chosen[values.index(None)]
            advice = "use a decimal point" if "," in cells[i] else "choose columns of numbers with --columns"
            shown = cells[i].strip()
            shown = shown if len(shown) <= 40 else shown[:37] + "..."
            raise TableError(
                f"{self.name}: line {number}, {self.names[i]!r}: {shown!r} is not a number; {advice}"
            )
        return values


def _number(cell: str) -> float | None:
    """The number in a cell, NaN for a missing one, None for text."""
    text = cell.strip()
    if text.lower() in MISSING:
        return float("nan")
    if "_" in text:
        return None
    try:
        return float(text)
    except ValueError:
        return None
