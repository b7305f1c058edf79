"""Parquet, Feather and Excel, through pandas."""

from __future__ import annotations

import io
from datetime import date, datetime, time, timedelta

import numpy as np

from .cells import column
from .columns import of_grid, of_numbers
from .header import unique
from .table import Column, How, Parsed, TableError, few, need, shown
from .text import grid

DAY = np.timedelta64(1, "D")


def parse(data: bytes, name: str, kind: str) -> Parsed:
    """The columns of a Parquet or Feather file.

    Raises
    ------
    TableError
        If pandas or pyarrow is missing, with the error that importing them gave, or if the file is damaged.
    """
    try:
        import pandas
        import pyarrow  # noqa: F401 (pandas would say less of why it is missing)
    except ImportError as error:
        raise need(
            f"{name}: {kind.capitalize()} files need pandas and pyarrow", "pandas pyarrow", error
        ) from None
    reader = pandas.read_parquet if kind == "parquet" else pandas.read_feather
    try:
        # Whole numbers stay whole where some are missing.
        frame = reader(io.BytesIO(data), dtype_backend="numpy_nullable")
    # pyarrow has errors of its own, and some of them are OSError, some ValueError, some neither.
    except Exception as error:
        raise TableError(f"{name}: the {kind.capitalize()} file is damaged ({_short(error)})") from None
    parts = []
    if not isinstance(frame.index, pandas.RangeIndex):
        # Names of rows, which pandas stores beside the columns.
        for level, label in enumerate(frame.index.names):
            parts.append(
                (str(label or "row names"), frame.index.get_level_values(level).to_series(), "row names")
            )
    parts += [(str(label), frame.iloc[:, i], "data") for i, label in enumerate(frame.columns)]
    if not parts:
        raise TableError(f"{name} holds no columns")
    lines = np.arange(1, len(frame) + 1)
    columns = []
    labels, said = unique([label for label, _, _ in parts])
    for label, (_, series, role) in zip(labels, parts, strict=True):
        columns.append(_column(label, series, lines, pandas))
        columns[-1].role = role
    return Parsed(name, columns, lines, "row", True, notes=[said] if said else [])


def _column(label, series, lines, pandas) -> Column:
    types = pandas.api.types
    if isinstance(series.dtype, pandas.CategoricalDtype):
        series = series.astype(series.cat.categories.dtype)
    if types.is_bool_dtype(series.dtype) or types.is_integer_dtype(series.dtype):
        if not series.isna().any():
            whole = np.uint64 if types.is_unsigned_integer_dtype(series.dtype) else np.int64
            values = series.to_numpy(dtype=bool if types.is_bool_dtype(series.dtype) else whole)
            return of_numbers(label, values, lines, "row")
        gone = series.isna().to_numpy()
        found = _column(
            label, series.fillna(False if types.is_bool_dtype(series.dtype) else 0), lines, pandas
        )
        found.values[gone] = np.nan
        found.missing = int(gone.sum())
        return found
    if types.is_float_dtype(series.dtype):
        return of_numbers(label, series.to_numpy(dtype=float, na_value=np.nan), lines, "row")
    if types.is_datetime64_any_dtype(series.dtype) or types.is_timedelta64_dtype(series.dtype):
        clock = types.is_timedelta64_dtype(series.dtype)
        if not clock and series.dt.tz is not None:
            series = series.dt.tz_convert("UTC").dt.tz_localize(None)
        gone = series.isna().to_numpy()
        start = np.timedelta64(0, "s") if clock else np.datetime64("1970-01-01")
        values = np.full(len(series), np.nan)
        values[~gone] = (series.to_numpy()[~gone] - start) / DAY
        return Column(label, "durations" if clock else "dates", values, missing=int(gone.sum()))
    gone = series.isna().to_numpy()
    texts = ["" if g else as_text(v) for v, g in zip(series.tolist(), gone, strict=True)]
    index, cells = pandas.factorize(np.array(texts, dtype=object))
    return column(label, list(cells), index, lines, "row")


def workbook(data: bytes, name: str, wanted, how: How) -> Parsed:
    """The columns of a sheet of an Excel workbook.

    Parameters
    ----------
    data : bytes
    name : str
    wanted : callable
        Given the names of the columns and whether they come from the file, the numbers of those that are read.
    how : How

    Raises
    ------
    TableError
        If pandas or openpyxl is missing, if the workbook is damaged, empty, or has no such sheet.
    """
    try:
        import openpyxl  # noqa: F401 (pandas would say less of why it is missing)
        import pandas
    except ImportError as error:
        raise need(
            f"{name} is an Excel workbook, which needs pandas and openpyxl", "pandas openpyxl", error
        ) from None
    try:
        sheets = pandas.read_excel(
            io.BytesIO(data),
            sheet_name=None,
            header=None,
            dtype=object,
            keep_default_na=False,
            engine="openpyxl",
        )
    # openpyxl reads XML of any make: KeyError, ValueError, BadZipFile and others.
    except Exception as error:
        raise TableError(
            f"{name}: the Excel workbook is damaged ({_short(error)}); save it again, or save the sheet as CSV"
        ) from None
    full = [title for title, frame in sheets.items() if frame.size]
    if how.sheet is not None and how.sheet not in sheets:
        raise TableError(f"{name}: no sheet {how.sheet!r}; it has {few(map(shown, sheets), 20)}")
    if not full:
        raise TableError(f"{name} is empty")
    title = how.sheet or full[0]
    frame = sheets[title]
    rows = [
        ["" if v is None or v != v else as_text(v) for v in row]
        for row in frame.to_numpy(dtype=object).tolist()
    ]
    layout, rows = grid(rows, np.arange(1, len(rows) + 1), name, how)
    if how.sheet is None and len(full) > 1:
        layout.notes.append(
            f"sheet {title!r} is read, the first of {few(map(shown, full))}; --sheet reads another"
        )
    chosen = wanted(layout)
    columns = dict(zip(chosen, of_grid(layout, rows, chosen, how), strict=True))
    found = [columns.get(j, Column(n, "unread")) for j, n in enumerate(layout.names)]
    facts = layout.facts | {"sheet": title}
    parsed = Parsed(name, found, layout.lines, "row", layout.named, facts, layout.notes)
    if layout.index:
        parsed.columns[0].role = "row names"
    return parsed


def as_text(value) -> str:
    """A cell that is no text, written as a text file would have it."""
    if isinstance(value, bool | np.bool_):
        return str(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return str(int(value))
    if isinstance(value, datetime):
        return value.isoformat(" ") if value.time() != time() or value.tzinfo else value.date().isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, timedelta):
        return repr(value.total_seconds() / 86400)
    return str(value)


def _short(error) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
