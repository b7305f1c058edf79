"""What the options of the command line may be: each reads one text, or says what it should be."""

from __future__ import annotations

import argparse

from .options import natural


def setting(text: str):
    """A setting of a sweep: see `fastebm sweep`."""
    from . import sweep

    try:
        return sweep.setting(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def rate(text: str) -> float:
    """A share, as 1% or 0.01."""
    try:
        value = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a rate between 0 and 1, such as 1% or 0.01")
    return value


def wells(text: str):
    """A number of wells, or auto."""
    if text == "auto":
        return text
    number = natural(text)
    if number == 0:
        raise argparse.ArgumentTypeError("at least one well, or auto")
    return number


def period(text: str) -> tuple[str, float]:
    """A column and its period, as hour=24."""
    name, _, number = text.rpartition("=")
    try:
        period = float(number)
    except ValueError:
        period = 0.0
    if not name or not 0 < period < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a column and its period, such as hour=24")
    return name, period


def widths(text: str):
    """Widths of layers, as 64,64, or auto."""
    if text == "auto":
        return text
    widths = [natural(part.strip()) for part in text.split(",")]
    if 0 in widths:
        raise argparse.ArgumentTypeError("a layer has at least one unit")
    return tuple(widths)
