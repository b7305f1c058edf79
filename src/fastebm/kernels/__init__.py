"""Inline maths and random numbers (``.pxd``), the block loops of wells, and a probe through which tests reach them."""

from .._runtime.isa import level_path

__path__ = level_path(list(__path__))
