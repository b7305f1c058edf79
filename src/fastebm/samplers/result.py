"""What a run of a sampler returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._runtime import html
from .state import RunState

if TYPE_CHECKING:
    from ..energies.base import Energy
    from .base import Sampler


@dataclass(frozen=True, eq=False)
class SampleResult(html.Shown):
    """Result of ``sampler.run``.

    Attributes
    ----------
    x : ndarray, shaped like x0
        Last state of every chain.
    trace : ndarray of shape ``(n_steps // thin, *x0.shape)`` or None
        Every thin-th state, if thin was given.
    acceptance_rate : float or None
        Accepted over proposed moves; None for a sampler that accepts every move.
    n_clipped : int
        How many times a coordinate was set to a bound, over all chains and steps.
    energies : ndarray of shape (n_chains,) or None
        Energy of every chain's last state.
    state : RunState or None
        What ``run`` and ``sample`` take in place of x0, to go on.
    acceptance_rates : tuple of (float or None)
        The acceptance rate of every part of a `cycle`, in order; of the sampler itself otherwise.
    sampler : Sampler
        What ran: with ``step_size="auto"`` the sampler as it was tuned.
    energy : Energy or None
        What was sampled, the object itself and no copy, for pictures; None of a result from a file or a pickle.
    every : int
        The k of `thin`, steps from one record of the trace to the next; 1 without a trace.

    Examples
    --------
    >>> import fastebm as fe
    >>> run = fe.MALA(0.05).run(fe.WellMixture(), [0.0] * 10, 100, seed=1, thin=20)
    >>> run.x.shape, run.trace.shape, run.n_clipped
    ((10,), (5, 10), 0)
    """

    x: np.ndarray
    trace: np.ndarray | None
    acceptance_rate: float | None
    n_clipped: int
    energies: np.ndarray | None = None
    state: RunState | None = None
    acceptance_rates: tuple[float | None, ...] = ()
    sampler: Sampler | None = None
    energy: Energy | None = None
    every: int = 1

    # An energy of functions cannot be pickled, and a result went to other processes before it knew its energy.
    def __getstate__(self):
        return self.__dict__ | {"energy": None}

    def __repr__(self) -> str:
        trace = "" if self.trace is None else f", trace of shape {self.trace.shape}"
        rate = "" if self.acceptance_rate is None else f", acceptance_rate={self.acceptance_rate:.3f}"
        return f"SampleResult(x of shape {self.x.shape}{trace}{rate}, n_clipped={self.n_clipped})"

    def _html(self) -> str:
        rows: list[tuple[str, Any]] = [
            ("chains", len(self.x)),
            ("steps so far", None if self.state is None else self.state.next_step),
        ]
        if self.trace is not None:
            rows.append(("trace", f"{len(self.trace):,} records, every {self.every} steps"))
        rows += [
            ("accepted", None if self.acceptance_rate is None else f"{100 * self.acceptance_rate:.1f} %")
        ]
        if self.n_clipped:
            rows.append(("set to a bound", self.n_clipped))
        if self.energies is not None:
            rows.append(("mean energy of the last states", float(np.mean(self.energies))))
        x = self.x.reshape(len(self.x), -1)
        if x.shape[1] <= 8:
            rows += [("mean of the last states", html.short(x.mean(axis=0)))]
            rows += [("their standard deviation", html.short(x.std(axis=0)))]
        return html.card("SampleResult", [*rows, ("sampler", html.code(self.sampler))])


@dataclass(frozen=True, eq=False)
class LadderStatistics:
    """How replicas moved on the ladder of a `Tempering` run.

    Attributes
    ----------
    temperatures : ndarray of shape (n_temperatures,)
    swap_rates : ndarray of shape (n_temperatures - 1,)
        Accepted over offered exchanges of neighbours; NaN where none was offered.
    round_trips : ndarray of int, shape (n_chains,)
        Ways from the bottom of a chain's ladder to its top and back.
    """

    temperatures: np.ndarray
    swap_rates: np.ndarray
    round_trips: np.ndarray

    def __str__(self) -> str:
        rates = " ".join(f"{r:.2f}" for r in self.swap_rates)
        return f"swap rates {rates}; {self.round_trips.mean():.3g} round trips a chain"
