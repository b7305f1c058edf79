"""Layers of networks: maps between blocks of rows, with both of their gradients, in float32 or float64."""

from .._runtime.isa import level_path

__path__ = level_path(list(__path__))
