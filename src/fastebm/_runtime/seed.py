"""From anything NumPy takes as a seed to the 128-bit key of a counter-based stream."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .check import describe
from .fast import int_key

if TYPE_CHECKING:
    # What NumPy takes as a seed, less its legacy generators. Not at run time: numpy.random is an import of its own.
    _Seed = int | Sequence[int] | np.random.SeedSequence | np.random.Generator | None


def seed_sequence(seed) -> np.random.SeedSequence:
    """Return the SeedSequence that a seed stands for.

    Parameters
    ----------
    seed : None, int, sequence of int, SeedSequence or Generator
        As in NumPy. None draws fresh entropy. A Generator is advanced by two 64-bit words.
    """
    if seed is None:
        return np.random.SeedSequence()
    if isinstance(seed, np.random.SeedSequence):
        return seed
    if isinstance(seed, np.random.Generator):
        return np.random.SeedSequence([int(w) for w in seed.integers(0, 2**64, size=2, dtype=np.uint64)])
    if isinstance(seed, (bool, np.bool_)):
        raise TypeError(f"seed must be an int, a SeedSequence, a Generator or None, got {seed!r}")
    try:
        words = [operator.index(seed)]
    except TypeError:
        if isinstance(seed, np.ndarray):
            seed = seed.tolist()
        if not isinstance(seed, (list, tuple)) or len(seed) == 0:
            raise TypeError(
                f"seed must be an int, a SeedSequence, a Generator or None, got {describe(seed)}"
            ) from None
        try:
            words = [operator.index(w) for w in seed]
        except TypeError:
            raise TypeError(f"seed must hold integers, got {describe(seed)}") from None
    if min(words) < 0:
        raise ValueError(f"seed must not be negative, got {describe(seed)}")
    return np.random.SeedSequence(words if len(words) > 1 else words[0])


def key(seed) -> tuple[int, int]:
    """Return the two 64-bit words that key the stream of this seed."""
    if type(seed) is int and 0 <= seed < 2**64:
        return int_key(seed)
    low, high = seed_sequence(seed).generate_state(2, np.uint64)
    return int(low), int(high)
