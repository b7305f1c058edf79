"""The options of every command that reads a table."""

from __future__ import annotations

import argparse
import csv


def table_options(command: argparse.ArgumentParser, drop_na: bool = True) -> None:
    """Declare which columns and rows are wanted, and how the file is written; `tables.asked` reads the answers."""
    command.add_argument(
        "--columns", type=names, metavar="A,B", help="columns by name or position (default: all of numbers)"
    )
    if drop_na:
        command.add_argument("--drop-na", action="store_true", help="leave out rows with missing cells")
    group = command.add_argument_group("how the file is written (default: found out)")
    group.add_argument(
        "--header", choices=("auto", "yes", "no"), default="auto", help="does the first line hold names?"
    )
    group.add_argument(
        "--separator", type=separator, metavar="SIGN", help="between cells: ',', ';', tab, space, ..."
    )
    group.add_argument("--decimal", choices=(".", ","), help="the decimal sign")
    group.add_argument(
        "--encoding", metavar="NAME", help="of the text: utf-8, latin-1, utf-16, shift_jis, ..."
    )
    group.add_argument(
        "--na", type=names, default=(), metavar="A,B", help="more cells that stand for no value: --na=-999,x"
    )
    group.add_argument(
        "--skip", type=natural, default=0, metavar="N", help="lines above the table (default 0)"
    )
    group.add_argument("--sheet", metavar="NAME", help="of an Excel workbook (default: the first)")


def natural(text: str) -> int:
    """A whole number of at least 0."""
    if not text.isascii() or not text.isdigit():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 0")
    return int(text)


def rate(text: str) -> float:
    """A share between 0 and 1, as 1% or 0.01."""
    try:
        value = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a rate between 0 and 1, such as 1% or 0.01")
    return value


def names(text: str) -> list[str]:
    """Names with commas between them, in quotes where they hold one."""
    found = [n.strip() for n in next(csv.reader([text], skipinitialspace=True), [])]
    if not found or "" in found:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of names such as a,b")
    return found


def separator(text: str) -> str:
    """One sign, or the name of one."""
    from .tables.text import SEPARATORS

    if len(text) != 1 and text not in SEPARATORS:
        raise argparse.ArgumentTypeError(f"{text!r} is not one sign, tab, space, comma, semicolon or bar")
    return text
