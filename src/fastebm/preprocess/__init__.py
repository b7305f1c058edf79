"""Columns made fit for a density: one file per transform, the rules that choose one, and what keeps them."""

from .how import is_asked
from .preprocessing import Preprocessing, prepare, prepare_rows

__all__ = ["Preprocessing", "is_asked", "prepare", "prepare_rows"]
