"""What a user asks for, column by column, checked."""

from __future__ import annotations

import numbers
from typing import NamedTuple

from .._runtime.check import describe, real

WORDS = ("auto", "none", "log", "yeo-johnson", "softplus")
FORMS = (
    "one of 'auto', 'none', 'log', 'yeo-johnson', 'softplus', or a pair ('log', bound), ('softplus', bound) or "
    "('cyclic', period)"
)


class Wish(NamedTuple):
    """A method and its number: the bound of "log" and "softplus", the period of "cyclic"."""

    method: str = "auto"
    number: float | None = None


def wishes(how, names: tuple[str, ...], named: bool, cyclic=None) -> list[Wish]:
    """A wish for every column.

    Parameters
    ----------
    how : "auto" or dict
        Of methods, by name or number of the column; columns that are not in it are "auto".
    names : tuple of str
    named : bool
        Are the names the user's?
    cyclic : dict or None
        Periods, by name or number of the column.

    Raises
    ------
    ValueError, TypeError
        That name what is wrong and what to give.
    """
    if isinstance(how, str):
        if how != "auto":
            raise ValueError(f"preprocess must be None, 'auto' or a dict of columns, got {describe(how)}")
        how = {}
    if not isinstance(how, dict):
        raise TypeError(f"preprocess must be None, 'auto' or a dict of columns, got {describe(how)}")
    if cyclic is not None and not isinstance(cyclic, dict):
        raise TypeError(f"cyclic must be a dict, as {{'hour': 24}}, got {describe(cyclic)}")
    asked = [(key, _wish(key, value)) for key, value in how.items()]
    asked += [(key, _wish(key, ("cyclic", period))) for key, period in (cyclic or {}).items()]
    found = [Wish()] * len(names)
    seen: set[int] = set()
    for key, wish in asked:
        j = _number(key, names, named)
        if j in seen:
            raise ValueError(f"column {names[j]!r} is given twice in preprocess and cyclic; give it once")
        seen.add(j)
        found[j] = wish
    return found


def _wish(key, value) -> Wish:
    if isinstance(value, str) and value in WORDS:
        return Wish(value)
    if isinstance(value, (tuple, list)) and len(value) == 2 and isinstance(value[0], str):
        method, number = value
        if method == "cyclic":
            return Wish(method, real(number, f"the period of column {key!r}", above=0))
        if method in ("log", "softplus"):
            return Wish(method, real(number, f"the bound of column {key!r}"))
    more = "; a cyclic column needs its period" if value == "cyclic" else ""
    raise ValueError(f"preprocess[{key!r}] must be {FORMS}, got {describe(value)}{more}")


def _number(key, names, named) -> int:
    if isinstance(key, str):
        if key in names and names.count(key) == 1:
            return names.index(key)
        wanted = "X has no names; give the number of the column" if not named else f"it has {_list(names)}"
        raise ValueError(f"preprocess names the column {key!r}, but {wanted}")
    if isinstance(key, numbers.Integral) and not isinstance(key, bool):
        number = int(key)
        if 0 <= number < len(names):
            return number
        raise ValueError(f"preprocess names column {key}, but X has {len(names)}, counted from 0")
    raise TypeError(f"preprocess must have names or numbers of columns as keys, got {describe(key)}")


def _list(names) -> str:
    shown = ", ".join(map(repr, names[:8]))
    return shown + (f" and {len(names) - 8} more" if len(names) > 8 else "")
