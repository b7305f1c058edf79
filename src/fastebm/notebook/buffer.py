"""The replay buffer."""

import math
import random
from collections.abc import Iterable


class SampleReplayBuffer:
    """The newest `max_size` chains, first in, first out.

    Parameters
    ----------
    max_size : int
        Most numbers kept. 0 keeps none (the notebook's slice ``[-0:]`` would keep them all).

    Attributes
    ----------
    items : list of float
        What is kept, oldest first.

    Raises
    ------
    ValueError
        If `max_size` is negative.

    Examples
    --------
    >>> buffer = SampleReplayBuffer(max_size=3)
    >>> buffer.add([1.0, 2.0, 3.0, 4.0])
    >>> buffer.items
    [2.0, 3.0, 4.0]
    """

    def __init__(self, max_size: int = 12000) -> None:
        self.max_size = max_size
        self.items: list[float] = []

    @property
    def max_size(self) -> int:
        return self._max_size

    @max_size.setter
    def max_size(self, value: int) -> None:
        if not value >= 0:
            raise ValueError(f"max_size must not be negative, got {value!r}")
        self._max_size = value

    def add(self, xs: Iterable[float]) -> None:
        """Append `xs`; the oldest leave.

        Raises
        ------
        ValueError
            If a number is not finite; nothing is added then.
        """
        xs = list(xs)
        for i, x in enumerate(xs):
            if not math.isfinite(x):
                raise ValueError(f"xs[{i}] must be finite, got {x!r}")
        if len(self.items) + len(xs) <= self.max_size:
            self.items.extend(xs)
        else:
            items = self.items + xs
            self.items = items[len(items) - self.max_size :]

    def sample(self, n: int) -> list[float]:
        """Draw `n` without replacement; all, in order and without a random draw, if there are no more.

        Raises
        ------
        ValueError
            If `n` is negative and the buffer is not empty.
        """
        if not self.items or n >= len(self.items):
            return self.items[:]
        if n < 0:
            raise ValueError(f"n must not be negative, got {n!r}")
        # Ctrl-C may stop random.sample between two of its draws.
        before = random.getstate()
        try:
            return random.sample(self.items, n)
        except BaseException:
            random.setstate(before)
            raise
