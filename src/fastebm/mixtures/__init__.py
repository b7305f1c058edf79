"""What is true of wells only: k-means, starting wells, expectation-maximisation."""

from .._runtime.isa import level_path

__path__ = level_path(list(__path__))
