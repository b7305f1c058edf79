"""The state of a run: all that the next step depends on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from .._runtime.check import describe, first_bad, integer, numeric


@dataclass(frozen=True, eq=False)
class RunState:
    """Where a run stands. A sampler takes it in place of x0 and goes on as if the run had never stopped.

    Attributes
    ----------
    x : ndarray of shape (n_chains, n_features), or (n_chains,) as it was given
        States of the chains.
    chain_state : ndarray of shape (n_chains, n_numbers)
        What the sampler keeps for each chain beside x (momenta, for one); n_numbers is 0 for most.
    first_chain : int
        Number of the first chain.
    next_step : int
        Number of the next step.
    stream : tuple of two int
        The 128-bit key of the run's random numbers: its seed, expanded.

    Examples
    --------
    >>> import fastebm as fe
    >>> wells, sampler = fe.WellMixture(), fe.MALA(0.05)
    >>> whole = sampler.sample(wells, [0.0, 1.0], 30, seed=1)
    >>> half = sampler.run(wells, [0.0, 1.0], 10, seed=1)
    >>> np.array_equal(sampler.sample(wells, half.state, 20), whole)
    True
    """

    x: np.ndarray
    chain_state: np.ndarray
    first_chain: int
    next_step: int
    stream: tuple[int, int]

    def __post_init__(self):
        for name in ("x", "chain_state"):
            array = np.ascontiguousarray(numeric(getattr(self, name), name))
            first_bad(array, name)
            object.__setattr__(self, name, array)
        if self.x.ndim not in (1, 2) or self.chain_state.ndim != 2 or len(self.chain_state) != len(self.x):
            raise ValueError(
                f"x {self.x.shape} and chain_state {self.chain_state.shape} must have a row for each chain"
            )
        integer(self.first_chain, "first_chain", 0, 2**62)
        integer(self.next_step, "next_step", 0, 2**40)
        try:
            low, high = (integer(word, "stream", 0, 2**64 - 1) for word in self.stream)
        except (TypeError, ValueError):
            raise ValueError(
                f"stream must be two integers below 2**64, got {describe(self.stream)}"
            ) from None
        object.__setattr__(self, "stream", (low, high))

    def __len__(self) -> int:
        return len(self.x)

    def chains(self, start: int, stop: int) -> RunState:
        """The state of the chains ``start`` to ``stop - 1`` of this population (0 is its first chain)."""
        start, stop = integer(start, "start", 0, len(self)), integer(stop, "stop", 1, len(self))
        if not start < stop:
            raise ValueError(f"start must be below stop, got {start} and {stop}")
        return replace(
            self,
            x=self.x[start:stop].copy(),
            chain_state=self.chain_state[start:stop].copy(),
            first_chain=self.first_chain + start,
        )

    @classmethod
    def join(cls, states) -> RunState:
        """The state of neighbouring ranges of chains, put together again in the order of their chains.

        Raises
        ------
        ValueError
            If they are not of one run, not at the same step, or leave a gap.
        """
        parts = sorted(states, key=lambda s: s.first_chain)
        if not parts:
            raise ValueError("states is empty")
        first = parts[0]
        expected = first.first_chain
        for part in parts:
            if (part.stream, part.next_step) != (first.stream, first.next_step):
                raise ValueError("states must be of one run and at the same step")
            if part.first_chain != expected:
                raise ValueError(
                    f"states must be neighbours: chain {expected} should be next, got {part.first_chain}"
                )
            expected += len(part)
        return replace(
            first,
            x=np.concatenate([p.x for p in parts]),
            chain_state=np.concatenate([p.chain_state for p in parts]),
        )

    def __eq__(self, other) -> bool:
        if not isinstance(other, RunState):
            return NotImplemented
        mine = (self.first_chain, self.next_step, self.stream)
        return (
            mine == (other.first_chain, other.next_step, other.stream)
            and np.array_equal(self.x, other.x)
            and np.array_equal(self.chain_state, other.chain_state)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"RunState({len(self)} chains from number {self.first_chain} on, before step {self.next_step})"
