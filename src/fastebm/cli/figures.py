"""Numbers as the tables of the command line show them."""

from __future__ import annotations

import math
from unicodedata import east_asian_width


def plus_minus(mean: float, width: float) -> str:
    """Centre and width of a well, to three digits of the width."""
    if width == 0:
        # A column that is constant.
        return f"{mean:.8g}"
    decimals = max(0, 2 - math.floor(math.log10(width)))
    return (
        f"{mean:.{decimals}f} ± {width:.{decimals}f}"
        if decimals <= 9 and width < 1e9
        else f"{mean:.8g} ± {width:.3g}"
    )


def counted(wells: int) -> str:
    return f"{wells} well{'s' * (wells != 1)}"


def width_of(text: str) -> int:
    """Signs that a text takes in a terminal, where a Japanese one takes two."""
    return len(text) + sum(east_asian_width(sign) in "WF" for sign in text)


def padded(text: str, width: int, left: bool = False) -> str:
    """The text with blanks before it (left: behind it), as wide as it should be."""
    blanks = " " * (width - width_of(text))
    return text + blanks if left else blanks + text
