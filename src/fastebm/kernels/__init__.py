"""Inline maths and random numbers (``.pxd``), and a probe module through which tests reach them."""

from .._runtime.isa import level_path

__path__ = level_path(list(__path__))
