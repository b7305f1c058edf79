"""Columns as a density can be fitted to them: one file per transform, the rules that choose one, and what keeps them."""

from .preprocessing import Preprocessing, prepare

__all__ = ["Preprocessing", "prepare"]
