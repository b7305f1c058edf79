"""The columns of a text: by NumPy where every cell is a plain number, else by pandas, or cell by cell without it."""

from __future__ import annotations

import io

import numpy as np

from .cells import MISSING, column, decimal_sign, too_long
from .table import Column, How, TableError, shown
from .text import Layout

# Whole numbers from here on may have been rounded.
EXACT = 2.0**53
SPELLED = sorted({s for m in MISSING for s in (m, m.upper(), m.capitalize(), m.title())} | {"NaN", "NaT"})


def of_text(layout: Layout, wanted: list[int], how: How) -> list[Column]:
    """The wanted columns of a text.

    Raises
    ------
    TableError
        If it cannot be told whether "1,234" is 1234 or 1.234.
    """
    x = numbers(layout, wanted) if not how.na and how.decimal in (None, ".") else None
    if x is not None:
        layout.facts["decimal"] = "."
        return [Column(layout.names[j], values=x[:, i]) for i, j in enumerate(wanted)]
    pandas = _pandas(layout)
    sign = how.decimal or _sign(layout, pandas)
    layout.facts["decimal"] = sign
    native = _inferred(layout, wanted, pandas, sign, how) if pandas else {}
    found = {j: Column(layout.names[j], values=v, missing=int(np.isnan(v).sum())) for j, v in native.items()}
    rest = [j for j in wanted if j not in found]
    for j, (cells, index) in _strings(layout, rest, pandas).items():
        found[j] = column(layout.names[j], cells, index, layout.lines, layout.where, sign, how.na)
    return [found[j] for j in wanted]


def numbers(layout: Layout, wanted: list[int]) -> np.ndarray | None:
    """The wanted columns, shape (n_rows, n_wanted), if all of their cells are plain numbers, else None.

    NumPy reads 300,000 x 3 numbers in 0.35 s, pandas in 0.2 s, but importing pandas takes 0.5 s.
    """
    rows, separator = layout.rows, layout.separator
    if layout.quoted and any("\n" in row for row in rows):
        return None
    if separator != "," and any("," in row for row in rows):
        # The decimal sign may be a comma: all columns tell.
        return None
    try:
        x = np.loadtxt(
            rows,
            delimiter=None if separator == " " else separator,
            usecols=wanted,
            ndmin=2,
            comments=None,
            quotechar='"' if layout.quoted else None,
        )
    except ValueError:
        return None
    # NumPy skips a row without anything in it.
    plain = len(x) == len(rows) and np.isfinite(x).all() and not (np.abs(x) >= EXACT).any()
    return x if plain else None


def _pandas(layout: Layout):
    """pandas, or None where it is not installed; a note where it is and cannot be imported."""
    try:
        import pandas
    except ModuleNotFoundError as error:
        if error.name != "pandas":
            layout.notes.append(f"pandas cannot be imported ({error}); read without it")
        return None
    except ImportError as error:
        layout.notes.append(
            f"pandas cannot be imported ({' '.join(str(error).split())[:200]}); read without it"
        )
        return None
    return pandas


def _frame(layout: Layout, wanted, pandas, **settings):
    separator = layout.separator
    return pandas.read_csv(
        io.StringIO("\n".join(layout.rows)),
        sep=r"\s+" if separator == " " else separator,
        header=None,
        names=range(layout.width),
        usecols=wanted,
        index_col=False,
        keep_default_na=False,
        skip_blank_lines=False,
        skipinitialspace=True,
        low_memory=False,
        **settings,
    )


def _inferred(layout, wanted, pandas, sign, how) -> dict[int, np.ndarray]:
    """The columns that pandas reads as numbers, and of which nothing was rounded."""
    # The default of pandas 3 is exact.
    exact = {} if int(pandas.__version__.split(".")[0]) >= 3 else {"float_precision": "round_trip"}
    frame = _frame(layout, wanted, pandas, decimal=sign, na_values=[*SPELLED, *how.na], **exact)
    found = {}
    for j in wanted:
        if frame[j].dtype.kind in "iuf":
            values = frame[j].to_numpy(dtype=float)
            # A column without a value, or of true and false, is for the slow way.
            if not np.isnan(values).all() and not (np.abs(values) >= EXACT).any():
                found[j] = values
    return found


def _strings(layout, wanted, pandas) -> dict[int, tuple[list[str], np.ndarray]]:
    """The different cells of each wanted column, and which of them each row holds."""
    if not wanted:
        return {}
    if pandas:
        frame = _frame(layout, wanted, pandas, dtype=str)
        columns = {j: pandas.factorize(frame[j].to_numpy(dtype=object)) for j in wanted}
        return {j: (list(cells), index) for j, (index, cells) in columns.items()}
    rows = [layout.cells(row) for row in layout.rows]
    found = {}
    for j in wanted:
        known: dict[str, int] = {}
        index = np.array([known.setdefault(row[j], len(known)) for row in rows])
        found[j] = list(known), index
    return found


def _sign(layout, pandas) -> str:
    if layout.separator == "," and not layout.quoted:
        return "."
    if not any("," in row for row in layout.rows):
        return "."
    columns = _strings(layout, list(range(layout.width)), pandas)
    sign, doubt = decimal_sign(cell for cells, _ in columns.values() for cell in cells)
    if sign is None:
        assert doubt is not None
        j, i = next(
            (j, cells.index(c))
            for j, (cells, _) in columns.items()
            for c in cells
            if c.strip().startswith(doubt)
        )
        place = f"line {layout.lines[np.argmax(columns[j][1] == i)]}, {shown(layout.names[j])}"
        bare, point = doubt.replace(",", ""), doubt.replace(",", ".")
        raise TableError(
            f"{layout.name}: {place}: {shown(doubt)} may be {bare} or {point}; say --decimal . or --decimal ,"
        )
    return sign


def of_grid(layout: Layout, rows: list[list[str]], wanted: list[int], how: How) -> list[Column]:
    """The wanted columns of a sheet, whose cells are texts with a decimal point."""
    found = []
    for j in wanted:
        known: dict[str, int] = {}
        index = np.array([known.setdefault(row[j], len(known)) for row in rows])
        sign = how.decimal or decimal_sign(known)[0] or "."
        found.append(column(layout.names[j], list(known), index, layout.lines, layout.where, sign, how.na))
    return found


def of_numbers(name: str, values: np.ndarray, lines, where: str) -> Column:
    """A column of an array that holds numbers of any kind, whole ones beyond 2^53 noted."""
    x = values.astype(float)
    found = Column(
        name, "true/false" if values.dtype.kind == "b" else "numbers", x, missing=int(np.isnan(x).sum())
    )
    if values.dtype.kind in "iu" and (large := np.flatnonzero(np.abs(x) >= EXACT)).size:
        rounded = [i for i in large if too_long(str(values[i]))]
        if rounded:
            found.rounded = f"{where} {lines[rounded[0]]}, {shown(name)}: '{values[rounded[0]]}'"
    return found
