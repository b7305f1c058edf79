"""What every function does with its arguments and with Python's global generator."""

import math
import random
from collections.abc import Callable
from typing import Any


def finite(value: float, name: str) -> float:
    value = float(value)
    if not math.isfinite(value):
        raise ValueError(f"{name} must be finite, got {value!r}")
    return value


def setstate(state: tuple[Any, ...]) -> None:
    before = random.getstate()
    try:
        random.setstate(state)
    except BaseException:
        # setstate assigns in two steps, and Ctrl-C can come between them.
        random.setstate(before)
        raise


def draw(kernel: Callable[..., tuple[Any, ...]], *args: object) -> Any:
    """``kernel(state, *args)``; the global generator advances only if it succeeds."""
    *result, state = kernel(random.getstate(), *args)
    setstate(state)
    return result[0] if len(result) == 1 else result
