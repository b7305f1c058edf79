"""The layout of a text: encoding, lines, comments, separator, names. Cells are left as they are."""

from __future__ import annotations

import codecs
import csv
import re
from dataclasses import dataclass, field

import numpy as np

from . import header
from .cells import is_missing, looks
from .table import How, TableError, few, shown

# So many lines decide on the separator and on the header.
SAMPLE = 200
SEPARATORS = {"tab": "\t", "semicolon": ";", "comma": ",", "bar": "|", "space": " ", "\\t": "\t"}
MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
# Excel's errors are cells.
COMMENT = re.compile(r"\s*(?:%|#(?!N/A|NA\b|DIV/0!|VALUE!|REF!|NAME\?|NULL!|NUM!))")
ROW_NAMES = {"", "unnamed: 0", "rownames", "row.names", "row names"}


@dataclass(eq=False)
class Layout:
    """The rows of a text, below the names.

    Attributes
    ----------
    name : str
        Of the file, for messages.
    rows : list of str
        A row may hold several lines, inside quotes.
    lines : ndarray of int
        Where each row begins, counted from 1.
    separator : str
        " " stands for any blanks.
    width : int
        Cells in every row.
    names : list of str
    named : bool
        Whether the names come from the file.
    index : bool
        Whether the first column holds names of rows.
    quoted : bool
        Whether there are quotes.
    where : str
    facts : dict
    notes : list of str
    """

    name: str
    rows: list[str]
    lines: np.ndarray
    separator: str
    width: int = 0
    names: list[str] = field(default_factory=list)
    named: bool = False
    index: bool = False
    quoted: bool = False
    where: str = "line"
    facts: dict = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def call(self, names: list[str]) -> None:
        """Name the columns; those without a name by their positions, a first one as names of rows."""
        self.index = self.named and self.width > 1 and names[0].lower() in ROW_NAMES
        names = [
            n or ("row names" if self.index and i == 0 else f"column {i + 1}") for i, n in enumerate(names)
        ]
        self.names, said = header.unique([" ".join(n.split()) for n in names])
        self.notes += [said] if said else []

    def cells(self, row: str) -> list[str]:
        """The cells of a row."""
        return split(row, self.separator)


def split(row: str, separator: str) -> list[str]:
    """The cells of a row; quotes are taken off."""
    if separator == " ":
        if '"' not in row:
            return row.split()
        row = " ".join(row.split())
    if '"' not in row:
        return row.rstrip("\r\n").split(separator)
    return next(csv.reader(row.splitlines(keepends=True), delimiter=separator, skipinitialspace=True), [])


def decode(data: bytes, name: str, how: How) -> tuple[str, str, str]:
    """(text, encoding, what to say about it)."""
    mark = next((encoding for start, encoding in MARKS.items() if data.startswith(start)), None)
    if how.encoding is not None or mark is not None:
        encoding = how.encoding or mark or ""
        try:
            return data.decode(encoding).removeprefix("\ufeff"), encoding, ""
        except LookupError:
            raise TableError(
                f"{name}: --encoding {how.encoding} is not known; try utf-8, latin-1 or utf-16"
            ) from None
        except UnicodeError as error:
            raise TableError(f"{name} is not text in {encoding} ({error}); say --encoding") from None
    start = data[:4000]
    for encoding, zeros in (("utf-16-le", start[1::2]), ("utf-16-be", start[::2])):
        if len(zeros) > 1 and 2 * zeros.count(0) > len(zeros):
            text = data.decode(encoding, errors="replace")
            # Small whole numbers in binary have zeros there too, and are no text.
            if not re.search("[\x00-\x08\x0e-\x1f\ufffd]", text):
                return text, encoding, ""
    if b"\x00" in data:
        raise TableError(
            f"{name} is not text, nor a kind of table that is known; "
            "give CSV, Excel (.xlsx), Parquet, Feather, NPY or NPZ"
        )
    try:
        return data.decode("utf-8"), "utf-8", ""
    except UnicodeDecodeError:
        pass
    try:
        text = data.decode("cp1252")
    except UnicodeDecodeError:
        raise TableError(
            f"{name} is text neither in UTF-8 nor in Latin-1; say which: --encoding shift_jis, gb18030, cp1251, ..."
        ) from None
    return text, "cp1252", "not UTF-8, read as Windows-1252 (Latin-1); --encoding names another"


def layout(data: bytes, name: str, how: How) -> Layout:
    """Find out how a text is laid out.

    Raises
    ------
    TableError
        If it is empty or ragged, or if it cannot be told whether it has a header.
    """
    text, encoding, said = decode(data, name, how)
    lines = re.split(r"\r\n|\n|\r", text)
    numbers = np.arange(1, len(lines) + 1)
    first = how.skip
    asked = re.fullmatch(r"sep=(.)", lines[first].strip()) if first < len(lines) else None
    if asked:
        # The line by which Excel knows the separator.
        first += 1
    separator = (how.separator and SEPARATORS.get(how.separator, how.separator)) or (
        asked.group(1) if asked else None
    )
    full = [i >= first and not (not line or line.isspace()) for i, line in enumerate(lines)]
    comment = (
        [f and COMMENT.match(line) is not None for f, line in zip(full, lines, strict=True)]
        if "#" in text or "%" in text
        else [False] * len(lines)
    )
    comments = [(i + 1, lines[i].strip()) for i, c in enumerate(comment) if c]
    kept = [f and not c for f, c in zip(full, comment, strict=True)]
    rows, numbers = [line for line, k in zip(lines, kept, strict=True) if k], numbers[kept]
    if not rows:
        raise TableError(f"{name} is empty" + (" (comments apart)" if comments else ""))
    found = Layout(name, rows, numbers, separator or _separator(rows[:SAMPLE]))
    found.quoted = '"' in text
    # Excel ends a table with lines of separators.
    end = len(rows)
    while end > 1 and found.separator != " " and not rows[end - 1].strip(found.separator + ' "'):
        end -= 1
    found.rows, found.lines = rows[:end], numbers[:end]
    found.facts = {"encoding": encoding, "comments": len(comments)}
    found.notes += [said] if said else []
    counts = _rows(found)
    _names(found, counts, how, [c for c in comments if c[0] < numbers[0]])
    found.facts["separator"] = found.separator if found.width > 1 else None
    like_rows = [
        i for i, line in comments if i > numbers[0] and 1 < len(split(line, found.separator)) == found.width
    ]
    if like_rows:
        where = f"also line {few(like_rows)}, which has {found.width} cells"
        found.notes.append(f"lines that begin with # or % are left out, {where}")
    return found


def _separator(rows: list[str]) -> str:
    """The separator that cuts all rows into equally many cells, most of them numbers or missing."""
    best, choice = (False, 0.0), " "
    for separator in "\t;,| ":
        if separator != " " and not any(separator in row for row in rows):
            continue
        cells = [split(row, separator) for row in rows]
        widths = [len(c) for c in cells]
        # The header may be shorter by one: row names, or a separator at the end of the lines below.
        width = widths[-1]
        same = set(widths[1:]) <= {width} and widths[0] in (width, width - 1) and width > 1
        below = [c for row in cells[1:] or cells for c in row]
        share = sum(looks(c) or is_missing(c) for c in below) / max(1, len(below))
        # One that is in every line is meant, also where a line has too many of it.
        every = separator != " " and all(separator in row for row in rows)
        if (score := (same or every, share if same else share / 2)) > best:
            best, choice = score, separator
    # One column, under a name with blanks in it.
    plain = not any(separator in row for row in rows for separator in "\t;,|")
    one = plain and not best[0] and len(rows) > 1 and all(looks(row) or is_missing(row) for row in rows[1:])
    return "\t" if one else choice


def _rows(found: Layout) -> list[int]:
    """Join the lines of quoted cells; return the number of cells of every row."""
    rows, separator = found.rows, found.separator
    if separator == " ":
        if (odd := next((i for i, row in enumerate(rows) if row.count('"') % 2), None)) is not None:
            raise TableError(f"{found.name}: line {found.lines[odd]}: a quote stays open; mend it")
        return [len(split(row, " ")) for row in rows]
    if not found.quoted:
        return [row.count(separator) + 1 for row in rows]
    reader = csv.reader((row + "\n" for row in rows), delimiter=separator, skipinitialspace=True, strict=True)
    joined, begins, counts, last = [], [], [], 0
    try:
        for cells in reader:
            joined.append("\n".join(rows[last : reader.line_num]))
            begins.append(found.lines[last])
            counts.append(len(cells))
            last = reader.line_num
    except csv.Error as error:
        raise TableError(
            f"{found.name}: line {found.lines[min(last, len(rows) - 1)]}: {error}; mend the quotes there"
        ) from None
    found.rows, found.lines = joined, np.array(begins)
    return counts


def _names(found: Layout, counts: list[int], how: How, comments) -> None:
    """Learn the width and the names, and take the header off the rows."""
    body = [found.cells(row) for row in found.rows[1 : SAMPLE + 1]]
    first = [cell.strip() for cell in found.cells(found.rows[0])]
    said, commented = "", None
    if how.header == "auto":
        named, said = header.has_names(first, body, found.name, found.lines[0])
        if not named:
            # NumPy and gnuplot write the names behind a #; the last such line counts.
            for number, line in comments[-1:]:
                cells = [c.strip() for c in split(line.lstrip("#% "), found.separator)]
                if len(cells) == counts[0] and not any(map(looks, cells)) and all(cells):
                    commented = cells
                    said = f"the comment in line {number} is taken as names; --header no leaves them out"
    else:
        named = how.header == "yes"
    found.named = named or commented is not None
    found.facts["header"] = f"line {found.lines[0]}" if named else "comment" if commented else "none"
    found.notes += [said] if said else []
    if named:
        found.rows, found.lines, counts = found.rows[1:], found.lines[1:], counts[1:]
        if not found.rows:
            raise TableError(f"{found.name} holds a header and no rows")
    width = len(first)
    if named and counts[0] == width + 1 and min(counts) == width + 1:
        if all(not found.cells(row)[-1].strip() for row in found.rows):
            first = [*first, ""]
        elif _name_rows(found, [row[0].strip() for row in body if row]):
            # R writes no name above the names of the rows.
            first = ["", *first]
    found.width = len(first)
    _check_width(found, counts, named)
    names = commented or (first if named else [""] * found.width)
    found.call(names)


def _name_rows(found: Layout, cells: list[str]) -> bool:
    """Whether the cells of a first column without a name are names of rows: text, or whole numbers that differ."""
    if len(set(cells)) < len(cells):
        return False
    # A whole number before a comma may be half of one with a decimal comma; R has its names of rows in quotes.
    whole = (found.separator != "," or found.quoted) and all(c.isdigit() for c in cells)
    return whole or not any(map(looks, cells))


def _check_width(found: Layout, counts: list[int], named: bool) -> None:
    width, separator = found.width, found.separator
    off = [i for i, n in enumerate(counts) if n != width]
    for i in off:
        cells = found.cells(found.rows[i])
        if len(cells) < width or any(c.strip() for c in cells[width:]):
            break
        # Separators at the end of a line are no cells.
        empty = rf'(?:{re.escape(separator)} *(?:"")? *){{{len(cells) - width}}}$'
        found.rows[i] = re.sub(empty, "", found.rows[i])
    else:
        return
    n, most = counts[i], max(set(counts), key=counts.count)
    message = (
        f"{found.name}: line {found.lines[i]} has {n} cell{'s' * (n != 1)}, where the first line has {width}"
    )
    begin = next(j for j, c in enumerate(counts) if c == most)
    if most != width and 2 * counts.count(most) > len(counts):
        skip = found.lines[begin] - 1
        if named and width == 1 and separator == "," and all(map(looks, found.cells(found.rows[0]))):
            raise TableError(f"{message}; if ',' is the decimal sign, say --separator ';' --decimal ,")
        if begin > 0 or named:
            raise TableError(f"{message}; if the table begins in line {skip + 1}, say --skip {skip}")
    called = {v: k for k, v in SEPARATORS.items()}.get(separator, separator)
    raise TableError(
        f"{message} (separated by {called.replace(chr(92) + 't', 'tab')}); mend it, or say --separator"
    )


def grid(rows: list[list[str]], lines: np.ndarray, name: str, how: How) -> tuple[Layout, list[list[str]]]:
    """The layout of a sheet, and its cells below the names: empty rows and empty columns at its edges are left out."""
    keep = [i for i, row in enumerate(rows) if any(c.strip() for c in row) and lines[i] > how.skip]
    rows, lines = [rows[i] for i in keep], lines[keep]
    if not rows:
        raise TableError(f"{name} is empty")
    used = [any(row[j].strip() for row in rows) for j in range(len(rows[0]))]
    rows = [[c for c, u in zip(row, used, strict=True) if u] for row in rows]
    found = Layout(name, [], lines, "", len(rows[0]), where="row")
    first = [cell.strip() for cell in rows[0]]
    if (
        found.width > 1
        and sum(map(bool, first)) == 1
        and first[0]
        and how.header == "auto"
        and not looks(first[0])
    ):
        raise TableError(
            f"{name}: row {lines[0]} holds one cell ({shown(first[0])}), a title it seems; say --skip {lines[0]}"
        )
    named, said = how.header == "yes", ""
    if how.header == "auto":
        named, said = header.has_names(first, rows[1 : SAMPLE + 1], name, lines[0])
    found.named = named
    found.facts["header"] = f"row {lines[0]}" if named else "none"
    if named:
        rows, found.lines = rows[1:], lines[1:]
        if not rows:
            raise TableError(f"{name} holds a header and no rows")
    found.notes += [said.replace("line ", "row ")] if said else []
    found.call(first if named else [""] * found.width)
    return found, rows
