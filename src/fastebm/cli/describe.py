"""The command describe: what is understood of a table, column by column, before anything is fitted to it."""

from __future__ import annotations

import shutil
import sys

import numpy as np

from .figures import padded, width_of
from .tables import TableError, choose, parse, written
from .tables.summary import BINS, FIVE, summary
from .tables.table import shown

BLOCKS, LETTERS = "▁▂▃▄▅▆▇█", ".:-=+*#@"
# A skew beyond which a logarithm is worth a thought, and a share of repeated values beyond which rounding is.
SKEWED, REPEATED = 2.0, 0.5
HEADS = ("min", "25 %", "median", "75 %", "max")


def run(arguments, progress, print_json):
    """`fastebm describe`."""
    how = written(arguments)
    which = None

    def wanted(found):
        nonlocal which
        if arguments.columns is not None:
            which = choose.positions(arguments.columns, found.names, found.name)
        return list(range(len(found.names))) if which is None else which

    parsed = parse(arguments.data, how, wanted, progress=progress)
    columns = summary(parsed, which)
    refusal = None
    try:
        # What fit and score would take by default, and what they would say.
        chosen = choose.default(parsed) if which is None else which
        gone = choose.missing_rows(parsed, chosen)
    except TableError as error:
        refusal, chosen, gone = str(error), [], 0
    taken = [parsed.columns[i].name for i in chosen]
    facts = {
        "data": parsed.name,
        **{
            "kind": None,
            "compression": None,
            "encoding": None,
            "separator": None,
            "decimal": None,
            "header": None,
        },
        **parsed.facts,
        "n_rows": len(parsed.lines),
        "rows_with_missing_cells": gone,
        "fitted": taken,
        "refused": refusal,
        "notes": list(parsed.notes),
        "columns": columns,
    }
    if arguments.json:
        print_json(facts)
    else:
        print(as_text(facts))


def as_text(facts: dict) -> str:
    """The page that the command prints: the file, a block for every column, what a fit would take."""
    lines = [f"{facts['data']}: {facts['n_rows']:,} rows, {_written(facts)}", ""]
    size = min(24, max([6, *(width_of(_name(c)) for c in facts["columns"])]))
    wide = size + 2 + BINS + 12 * len(HEADS) <= shutil.get_terminal_size((120, 24)).columns
    if wide and any("min" in column for column in facts["columns"]):
        lines.append(f"{'column':<{size}}  {'histogram':<{BINS}}" + "".join(f"{h:>12}" for h in HEADS))
    for column in facts["columns"]:
        lines += _block(column, size, wide)
    lines.append("")
    if facts["refused"]:
        lines.append(f"fit refuses     {facts['refused']}")
    else:
        lines.append(f"fit takes       {', '.join(facts['fitted'])}")
        for column in facts["columns"]:
            if column.get("constant") and column["name"] in facts["fitted"]:
                lines.append(
                    f"constant        {column['name']!r}: leave it out with --columns, or say --preprocess auto"
                )
        if gone := facts["rows_with_missing_cells"]:
            lines.append(f"missing         in {gone:,} row{'s' * (gone > 1)}; --drop-na leaves them out")
    lines += [f"note            {note}" for note in facts["notes"]]
    return "\n".join(lines)


def _written(facts) -> str:
    words = [facts["kind"] if facts["kind"] != "text" else f"text in {facts['encoding']}"]
    if facts["compression"]:
        words.append(f"packed by {facts['compression']}")
    if facts["separator"]:
        called = {"\t": "tab", " ": "blanks"}.get(facts["separator"], repr(facts["separator"]))
        words.append(f"separator {called}")
    if facts["decimal"]:
        words.append(f"decimal {facts['decimal']!r}")
    if facts["header"]:
        words.append(f"header {facts['header']}")
    if facts.get("sheet"):
        words.append(f"sheet {facts['sheet']!r}")
    if facts.get("comments"):
        words.append(f"{facts['comments']} comment lines left out")
    return ", ".join(words)


def _name(column) -> str:
    name = column["name"]
    return name if len(name) <= 24 else name[:21] + "..."


def _block(column, size, wide) -> list[str]:
    head = padded(_name(column), size, left=True) + "  "
    missing = f", {column['missing']:,} missing" if column["missing"] else ""
    if "min" not in column:
        said = column["role"] if column["role"] == "row names" else column["kind"]
        if column.get("distinct"):
            said += f", {column['distinct']:,} different: " + ", ".join(
                shown(c, 20) for c in column["examples"]
            )
        return [head + (column["trouble"] or said) + missing]
    five = [_figure(column[k], column["kind"]) for k in FIVE]
    words = [] if column["kind"] == "numbers" else [column["kind"]]
    words += [column["role"]] if column["role"] == "row names" else []
    if column["constant"]:
        words.append(f"constant, {five[0]}")
    if column["copy_of"]:
        words.append(f"the same as {column['copy_of']!r}")
    if column["step"]:
        words.append(f"rounded to {column['step']:g}")
    if column["repeated"] >= REPEATED:
        words.append(f"{column['repeated']:.0%} of the values repeated")
    if column["skew"] is not None:
        words.append(f"skew {column['skew']:.1f}" + (" (long tail)" if abs(column["skew"]) > SKEWED else ""))
    if column["infinite"]:
        words.append(f"{column['infinite']:,} infinite")
    if column["trouble"]:
        words.append(column["trouble"])
    bars = _bars(column["histogram"]) if column["histogram"] else " " * BINS
    rest = f"{column['n']:,} values{missing}" + ("; " + ", ".join(words) if words else "")
    if wide:
        return [head + bars + "".join(f"{f:>12}" for f in five), f"{'':<{size}}  {rest}"]
    figures = ", ".join(f"{h} {f}" for h, f in zip(HEADS, five, strict=True))
    return [head + bars, *(f"{'':<{size}}  {line}" for line in (figures, rest))]


def _figure(value: float, kind: str) -> str:
    if kind == "dates":
        # Days since 1970; NumPy's dates end where its 64 bits do.
        return str(np.datetime64(0, "D") + np.timedelta64(int(value), "D"))
    return f"{value:.5g}"


def _bars(counts) -> str:
    """A histogram in one line; a bin that is not empty is seen."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    try:
        BLOCKS.encode(encoding)
        signs = BLOCKS
    except (UnicodeEncodeError, LookupError):
        signs = LETTERS
    top = max(counts)
    return "".join(signs[-(-c * len(signs) // top) - 1] if c else " " for c in counts)
