"""What training returns."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..energies.base import Energy
from ..samplers.base import Sampler
from .replay import ReplayBuffer


@dataclass(frozen=True, eq=False)
class TrainingResult:
    """Result of `ContrastiveDivergence.fit`.

    Attributes
    ----------
    energy : Energy
        A copy of the trainer's energy with the fitted theta.
    theta : ndarray of shape (n_params,)
        The fitted parameters: the mean over the last `average` of the updates, or the last ones.
    history : structured ndarray of shape (n_updates,)
        ``step`` (update, from 0), ``energy_data`` and ``energy_model`` (mean energy of the batch and of the chains),
        ``energy_gap`` (their difference) and ``theta`` (n_params), all as they were when the update began.
    buffer : ReplayBuffer
        The chains after the last update.
    settings : dict
        What the trainer was told: ``n_steps``, ``n_global``, ``n_chains``, ``batch_size``, ``learning_rate``,
        ``optimizer``, ``buffer``, ``reinit_prob``, ``reinit_range``, ``l2``, ``theta_bounds``, ``average`` and
        ``weighting``.
    warnings : list
        What `fastebm.diagnose` has to say; empty for a run that gives no cause for doubt.
    sampler, global_move : Sampler or None
        What moved the chains.
    acceptance_rate, global_acceptance_rate : float or None
        Accepted over proposed moves of either; None if nothing was proposed.
    n_clipped : int
        How often a coordinate of a chain was set to a bound.
    effective_sample_size : float
        Smallest effective fraction of the chains under Jarzynski weights; 1 without weights.
    log_weights : ndarray of shape (n_chains,)
        Log-weights of the chains under the last theta; zeros without weighting.
    """

    energy: Energy
    theta: np.ndarray
    history: np.ndarray
    buffer: ReplayBuffer
    sampler: Sampler
    global_move: Sampler | None
    acceptance_rate: float | None
    global_acceptance_rate: float | None
    n_clipped: int
    effective_sample_size: float
    log_weights: np.ndarray
    settings: dict = field(default_factory=dict)
    warnings: list = field(default_factory=list)

    def __repr__(self) -> str:
        notes = f", {len(self.warnings)} warnings" if self.warnings else ""
        return f"TrainingResult({self.energy!r}, {len(self.history)} updates{notes})"


def history_array(raw: np.ndarray, n_params: int) -> np.ndarray:
    """Turn the loop's rows (energy_data, energy_model, ess, theta...) into the structured history."""
    history = np.empty(
        len(raw),
        dtype=[
            ("step", np.int64),
            ("energy_data", np.float64),
            ("energy_model", np.float64),
            ("energy_gap", np.float64),
            ("theta", np.float64, (n_params,)),
        ],
    )
    history["step"] = np.arange(len(raw))
    history["energy_data"] = raw[:, 0]
    history["energy_model"] = raw[:, 1]
    history["energy_gap"] = raw[:, 0] - raw[:, 1]
    history["theta"] = raw[:, 3:]
    return history
