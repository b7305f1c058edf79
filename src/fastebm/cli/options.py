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
        "--header",
        choices=("auto", "yes", "no"),
        default="auto",
        help="does the first line hold names? (default auto: as its cells look)",
    )
    group.add_argument(
        "--separator", type=separator, metavar="SIGN", help="between cells: ',', ';', tab, space, ..."
    )
    group.add_argument("--decimal", choices=(".", ","), help="the decimal sign")
    group.add_argument(
        "--encoding", metavar="NAME", help="of the text: utf-8, latin-1, utf-16, shift_jis, ..."
    )
    group.add_argument(
        "--na",
        type=names,
        default=(),
        metavar="A,B",
        help="more cells that stand for no value: --na=-999,x (default: none more)",
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


def names(text: str) -> list[str]:
    """Names with commas between them, in quotes where they hold one."""
    found = [n.strip() for n in next(csv.reader([text], skipinitialspace=True), [])]
    if not found or "" in found:
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of names such as a,b")
    return found


def separator(text: str) -> str:
    """One sign, or the name of one."""
    from .tables.text import SEPARATORS

    sign = len(text) == 1 and text.isascii() and not text.isalnum() and text not in "\"'.+-#%"
    if not sign and text not in SEPARATORS:
        raise argparse.ArgumentTypeError(f"{text!r} is not one sign, tab, space, comma, semicolon or bar")
    return text
