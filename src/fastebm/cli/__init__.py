"""The command line: `commands` reads the arguments; then one file for each job."""

from .commands import main

__all__ = ["main"]
