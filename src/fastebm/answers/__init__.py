"""What a fitted density answers beyond how likely a row is: rows given some of their cells, and which cell is odd."""

from .conditional import conditional_sample, impute
from .odd_cells import Explanation, explain

__all__ = ["Explanation", "conditional_sample", "explain", "impute"]
