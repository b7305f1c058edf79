"""Whether the first line of a table holds names."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

from .cells import WHOLE, is_missing, looks
from .table import TableError, few, shown

YEARS = range(1500, 2200)


def has_names(first: list[str], body: list[list[str]], name: str, line: int) -> tuple[bool, str]:
    """Whether the first row names the columns, and what to say about it.

    It does if none of its cells is a number. Cells that are numbers may be names too: years, or the 0, 1, 2, ... that
    pandas writes; they are taken as such where the rows below hold other numbers.

    Parameters
    ----------
    first : list of str
        Cells of the first row.
    body : list of list of str
        Cells of some rows below.
    name, line
        The file and where its first row stands, for messages.

    Raises
    ------
    TableError
        If it cannot be told.
    """
    numeric = [j for j, cell in enumerate(first) if looks(cell)]
    text = [j for j, cell in enumerate(first) if not looks(cell) and not is_missing(cell)]
    if not numeric:
        return bool(text), ""
    if not body:
        return False, ""
    below = {
        j: [row[j] for row in body if j < len(row) and not is_missing(row[j])] for j in range(len(first))
    }
    like = {j for j, cells in below.items() if cells and 2 * sum(map(looks, cells)) >= len(cells)}
    named, numbered = [j for j in text if j in like], [j for j in numeric if j in like]
    said = f"line {line} ({few(first)}) is taken as names; --header no reads it as numbers"
    doubt = f"{name}: line {line} ({few(map(shown, first))}) may be names or numbers; say --header yes or --header no"
    cells = [first[j].strip() for j in numeric]
    whole = all(WHOLE.fullmatch(cell) for cell in cells) and len(set(cells)) == len(cells)
    values = [int(cell) for cell in cells] if whole else []
    years = whole and all(v in YEARS for v in values)
    even = len({b - a for a, b in pairwise(values)}) == 1
    counting = whole and values == list(range(len(values)))
    if named:
        if years or counting or len(named) >= 2 * len(numbered):
            return True, said
        if whole:
            raise TableError(doubt)
        return False, ""
    seen = [cell.strip() for j in numeric for cell in below[j]]
    if years and (len(values) > 1 or text):
        alike = sum(WHOLE.fullmatch(cell) is not None and int(cell) in YEARS for cell in seen)
        if 2 * alike >= len(seen):
            return False, ""
        if even:
            return True, said
        raise TableError(doubt)
    # The index that pandas writes counts the rows, under a name that is empty.
    if counting and not first[0].strip() and [row[0].strip() for row in body] in _counts(len(body)):
        return True, said
    if counting and len(values) > 1:
        integers = all(WHOLE.fullmatch(cell) for cell in seen)
        if len(values) > 2 and not integers:
            return True, said
        if (len(values) > 2) == integers:
            raise TableError(doubt)
    return False, ""


def _counts(n: int) -> list[list[str]]:
    return [[str(i + start) for i in range(n)] for start in (0, 1)]


def unique(names: list[str]) -> tuple[list[str], str]:
    """Names that differ, "a (1)" and "a (2)" where the file has a twice, and what to say about it."""
    twice = [n for n, times in Counter(names).items() if times > 1]
    if not twice:
        return names, ""
    taken, count, found = set(names), dict.fromkeys(twice, 0), []
    for name in names:
        fresh = name
        while name in count and fresh in taken:
            count[name] += 1
            fresh = f"{name} ({count[name]})"
        taken.add(fresh)
        found.append(fresh)
    first = [f for f, n in zip(found, names, strict=True) if n == twice[0]]
    return (
        found,
        f"{few(map(shown, twice))} names more than one column: they are called {few(map(shown, first))} here",
    )
