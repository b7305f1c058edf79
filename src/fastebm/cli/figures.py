"""Numbers as the tables of the command line show them."""

from __future__ import annotations

import math


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
