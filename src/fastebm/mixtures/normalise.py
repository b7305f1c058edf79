"""The same wells with log Z = 0."""

from __future__ import annotations

import copy
from typing import TypeVar

from ..energies.base import Energy

Wells = TypeVar("Wells", bound=Energy)


def normalised(wells: Wells) -> Wells:
    """Return a copy whose energy is -log p; c is the last parameter."""
    same = copy.copy(wells)
    theta = wells.theta
    # c moves by log Z.
    theta[-1] += wells.log_partition()
    same.theta = theta
    return same
