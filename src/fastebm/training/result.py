"""What training returns."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .._runtime import html
from ..energies.base import Energy
from ..samplers.base import Sampler
from .after_fit import certify
from .replay import ReplayBuffer


@dataclass(frozen=True, eq=False)
class TrainingResult(html.Shown):
    """Result of `ContrastiveDivergence.fit`.

    Attributes
    ----------
    energy : Energy
        A copy of the trainer's energy with the fitted theta.
    theta : ndarray of shape (n_params,)
        The fitted parameters: the mean over the last `average` of the updates, or the last ones; with ``X_val``, those
        of the best evaluation.
    history : structured ndarray of shape (n_updates,)
        ``step`` (update, from 0), ``energy_data`` and ``energy_model`` (mean energy of the batch and of the chains),
        ``energy_gap`` (their difference) and, unless the trace is a thinned one, ``theta`` (n_params), all as they were
        when the update began.
    buffer : ReplayBuffer
        The chains after the last update.
    settings : dict
        What the trainer was told: ``n_steps``, ``n_global``, ``n_chains``, ``batch_size``, ``learning_rate``,
        ``optimizer``, ``betas``, ``epsilon``, ``buffer``, ``reinit_prob``, ``reinit_range``, ``l2``, ``theta_bounds``,
        ``average`` and ``weighting``, ``schedule``, ``warm_up``, ``hold``, ``clip_norm``, ``ema``, ``data_noise``,
        ``augment`` and ``augment_chains``.
    warnings : list
        What `fastebm.diagnose` has to say; empty for a run that gives no cause for doubt in what was checked.
    not_checked : list of str
        What it did not look at, and why; empty if every check ran.
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
    validation : structured ndarray or None
        With ``X_val``, a row for each evaluation: ``update`` (complete updates), ``energy_val`` and ``energy_train``
        (mean energies), ``log_z``, its standard error ``log_z_error``, and ``log_likelihood`` of a held-out row, which
        is ``-energy_val - log_z``. Where the energy has no log Z in closed form, log_z is followed along the run: from
        the base that it tilts (`NetworkEnergy`), or else from 0, and then only differences of log_likelihood mean
        something.
    best_update : int or None
        The evaluation, by its update, whose theta this is.
    thinned : tuple of two ndarray, or None
        Updates and thetas of a thinned trace; None where the history has theta of every update.

    Examples
    --------
    >>> import fastebm as fe
    >>> result = fe.ContrastiveDivergence(fe.WellMixture(), n_updates=800).fit(fe.datasets.two_normals(seed=1), seed=1)
    >>> result.warnings, len(result.history), result.acceptance_rate > 0.9
    ([], 800, True)
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
    thinned: tuple[np.ndarray, np.ndarray] | None = None
    not_checked: list = field(default_factory=list)
    validation: np.ndarray | None = None
    best_update: int | None = None

    @property
    def theta_steps(self) -> np.ndarray:
        """Updates of `theta_trace`, shape (n_kept,); the last update is always among them."""
        return self.history["step"] if self.thinned is None else self.thinned[0]

    @property
    def theta_trace(self) -> np.ndarray:
        """Theta as it was when those updates began, shape (n_kept, n_params)."""
        return self.history["theta"] if self.thinned is None else self.thinned[1]

    def certificate(self, X_test, *, chains=None, **options):
        """Mean log-likelihood of rows that were not trained on, between two ends: see `fastebm.certificate`.

        Parameters
        ----------
        X_test : array-like of shape (n_rows, n_features)
        chains : array-like of shape (n, n_features), optional
            Samples of the model; by default those of ``buffer``, by their weights, which are run further first.
        **options
            As `fastebm.certificate` takes them: ``n_chains``, ``n_steps``, ``budget_s``, ``seed``, ``progress``, ...

        Returns
        -------
        Certificate
        """
        if chains is None:
            chains = self.buffer.states
            if len(chains) == len(self.log_weights) and np.ptp(self.log_weights) > 0:
                # Systematic resampling.
                reached = np.cumsum(np.exp(self.log_weights - self.log_weights.max()))
                at = (np.arange(len(chains)) + 0.5) / len(chains) * reached[-1]
                chains = chains[np.minimum(np.searchsorted(reached, at), len(chains) - 1)]
        return certify(self.energy, X_test, chains=chains, **options)

    def __repr__(self) -> str:
        notes = f", {len(self.warnings)} warnings" if self.warnings else ""
        return f"TrainingResult({self.energy!r}, {len(self.history)} updates{notes})"

    def _html(self) -> str:
        rows = [("energy", html.code(self.energy)), ("updates", len(self.history))]
        if len(self.history):
            late = self.history["energy_gap"][-max(1, len(self.history) // 5) :]
            rows += [("energy gap, last fifth of the updates", f"{late.mean():.3g} nats (0 at the optimum)")]
        for name, rate in (
            ("accepted", self.acceptance_rate),
            ("global moves accepted", self.global_acceptance_rate),
        ):
            if rate is not None:
                rows.append((name, f"{100 * rate:.1f} %"))
        if self.validation is not None and len(self.validation):
            rows.append(("held-out log-likelihood, best", float(self.validation["log_likelihood"].max())))
            rows.append(("best update", self.best_update))
        rows.append(("sampler", html.code(self.sampler)))
        return html.card(
            "TrainingResult", rows, html.verdict(self.warnings, self.not_checked), drawn(self.energy)
        )


def drawn(energy) -> html.Markup:
    """What a notebook shows of an energy, after a click."""
    return html.folded("the fitted energy", html.Markup(energy._repr_html_() or html.code(energy)))


def history_array(numbers: np.ndarray, thetas: np.ndarray | None) -> np.ndarray:
    """Turn the loop's rows (energy_data, energy_model, ess) and thetas, if there is one a row, into the history."""
    kinds: list = [
        ("step", np.int64),
        ("energy_data", np.float64),
        ("energy_model", np.float64),
        ("energy_gap", np.float64),
    ]
    if thetas is not None:
        kinds.append(("theta", np.float64, (thetas.shape[1],)))
    history = np.empty(len(numbers), dtype=kinds)
    history["step"] = np.arange(len(numbers))
    history["energy_data"] = numbers[:, 0]
    history["energy_model"] = numbers[:, 1]
    history["energy_gap"] = numbers[:, 0] - numbers[:, 1]
    if thetas is not None:
        history["theta"] = thetas
    return history


def fill_from(array: np.ndarray, value, name: str) -> None:
    """Copy an array of a saved state to its place. Raises ValueError if it does not fit."""
    if value.shape != array.shape or value.dtype != array.dtype:
        raise ValueError(f"{name} is {value.dtype} {value.shape} in place of {array.dtype} {array.shape}")
    array[...] = value
