"""A first-in, first-out store of states."""

from __future__ import annotations

import numpy as np

from .._runtime.check import integer, samples
from .._runtime.seed import seed_sequence


class ReplayBuffer:
    """Keeps the last `capacity` states that were pushed.

    Parameters
    ----------
    capacity : int
        Largest number of states, at least 0. A buffer of capacity 0 stays empty.
    n_features : int, default 1
        Dimension of a state.

    Raises
    ------
    ValueError, TypeError
        If capacity is not an integer of at least 0, or n_features not one of at least 1.

    Examples
    --------
    >>> buffer = ReplayBuffer(3)
    >>> buffer.push([1.0, 2.0, 3.0, 4.0])
    >>> buffer.states
    array([2., 3., 4.])
    """

    def __init__(self, capacity: int, n_features: int = 1):
        self.capacity = integer(capacity, "capacity", 0)
        self.n_features = integer(n_features, "n_features", 1)
        # A ring: the oldest state lies at _start. Rows are made as they are needed, up to capacity.
        self._store = np.empty((min(self.capacity, 1024), self.n_features))
        self._start = 0
        self._size = 0
        self._flat = False

    def __len__(self) -> int:
        return self._size

    @property
    def states(self) -> np.ndarray:
        """Copy of the states, oldest first, shape (len, n_features); (len,) if the last push was 1-D."""
        rows = self._store[self._places(np.arange(self._size))]
        return rows[:, 0] if self._flat else rows

    def push(self, X) -> None:
        """Append states, oldest first; what exceeds the capacity is dropped from the old end.

        Parameters
        ----------
        X : array-like of shape (n, n_features), or (n,) if n_features is 1
            n may be 0. Checked as a whole before anything is stored.
        """
        rows, flat = samples(X, self.n_features, allow_empty=True)
        self._flat = flat
        rows = rows[max(0, len(rows) - self.capacity) :]
        if not len(rows):
            return
        if self._size + len(rows) > len(self._store) and len(self._store) < self.capacity:
            self._grow(self._size + len(rows))
        self._store[self._places(self._size + np.arange(len(rows)))] = rows
        total = self._size + len(rows)
        dropped = max(0, total - self.capacity)
        self._start = (self._start + dropped) % max(self.capacity, 1)
        self._size = total - dropped

    def draw(self, n: int, seed=None) -> np.ndarray:
        """Draw n different states at random, without removing them.

        Parameters
        ----------
        n : int
            At least 0. If the buffer holds n states or fewer, all of them come back, oldest first.
        seed : None, int, SeedSequence or Generator

        Returns
        -------
        ndarray of shape (min(n, len), n_features), or 1-D as `states`
        """
        count = integer(n, "n", 0)
        sequence = seed_sequence(seed)
        if count >= self._size:
            return self.states
        chosen = np.random.default_rng(sequence).choice(self._size, count, replace=False)
        rows = self._store[self._places(chosen)]
        return rows[:, 0] if self._flat else rows

    def _places(self, order: np.ndarray) -> np.ndarray:
        return (self._start + order) % max(len(self._store), 1)

    def _grow(self, needed: int) -> None:
        store = np.empty((min(self.capacity, max(needed, 2 * len(self._store))), self.n_features))
        store[: self._size] = self._store[self._places(np.arange(self._size))]
        self._store, self._start = store, 0

    @classmethod
    def _from_ring(cls, store: np.ndarray, start: int, size: int, flat: bool) -> ReplayBuffer:
        buffer = cls(len(store), store.shape[1])
        buffer._store, buffer._start, buffer._size, buffer._flat = store, start, size, flat
        return buffer

    def __eq__(self, other) -> bool:
        if not isinstance(other, ReplayBuffer):
            return NotImplemented
        return self.capacity == other.capacity and np.array_equal(self.states, other.states)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"ReplayBuffer(capacity={self.capacity}, n_features={self.n_features}) holding {len(self)}"
