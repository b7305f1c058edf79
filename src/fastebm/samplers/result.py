"""What a run of a sampler returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .state import RunState


@dataclass(frozen=True, eq=False)
class SampleResult:
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
    """

    x: np.ndarray
    trace: np.ndarray | None
    acceptance_rate: float | None
    n_clipped: int
    energies: np.ndarray | None = None
    state: RunState | None = None
    acceptance_rates: tuple[float | None, ...] = ()

    def __repr__(self) -> str:
        trace = "" if self.trace is None else f", trace of shape {self.trace.shape}"
        rate = "" if self.acceptance_rate is None else f", acceptance_rate={self.acceptance_rate:.3f}"
        return f"SampleResult(x of shape {self.x.shape}{trace}{rate}, n_clipped={self.n_clipped})"
