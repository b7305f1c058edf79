"""Where results go: checked before the work begins, written whole or not at all."""

from __future__ import annotations

import os
import sys

from ..storage import whole


def check_writable(*paths) -> None:
    """Raise OSError if one of the files (None and "-" apart) cannot be written, or ValueError if two are the same."""
    real = [os.path.realpath(p) for p in paths if p not in (None, "-")]
    for target in real:
        folder = os.path.dirname(target)
        if os.path.isdir(target):
            raise OSError(f"cannot write {target}: it is a folder; give the name of a file")
        if not os.path.isdir(folder):
            raise OSError(f"cannot write {target}: there is no folder {folder}")
        if not os.access(target if os.path.exists(target) else folder, os.W_OK):
            raise OSError(f"cannot write {target}: permission denied")
        if real.count(target) > 1:
            raise ValueError(f"two outputs have the same name {target}")


def say(arguments, text: str, warnings=()) -> None:
    """Print the text on standard output; with --quiet the warnings alone, on standard error."""
    if not arguments.quiet:
        print(text)
        return
    for warning in warnings:
        print(f"fastebm: {warning}", file=sys.stderr)


def write(path, data: bytes) -> None:
    """Write bytes to path, or to standard output for "-"; a file keeps its old content if anything fails.

    Raises
    ------
    OSError
        With the path and the cause in one line.
    """
    if path == "-":
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
        return
    whole.write(path, data, devices=True)
