"""Columns made fit for a density: one file per transform, the rules that choose one, and what keeps them."""

from .preprocessing import Preprocessing, prepare, prepare_rows

__all__ = ["Preprocessing", "prepare", "prepare_rows"]
