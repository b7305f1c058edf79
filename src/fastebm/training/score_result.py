"""What score matching returns."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .._runtime import html
from ..energies.base import Energy
from .after_fit import certify
from .result import drawn


@dataclass(frozen=True, eq=False)
class ScoreResult(html.Shown):
    """Result of `ScoreMatching.fit`.

    Attributes
    ----------
    energy : Energy
        A copy of the trainer's energy with the fitted theta. With noise on the data it is the energy of the data *and*
        the noise: a density wider by noise_std.
    theta : ndarray of shape (n_params,)
        The fitted parameters: the mean over the last `average` of the updates, or the last ones.
    history : structured ndarray of shape (n_updates,)
        ``step`` (update, from 0), ``loss`` (of the batch), ``grad_norm`` (Euclidean norm of its gradient in theta) and,
        unless the trace is a thinned one, ``theta`` (n_params), all as they were when the update began.
    settings : dict
        What the trainer was told.
    warnings : list
        What `fastebm.diagnose` has to say; empty for a run that gives no cause for doubt in what was checked.
    not_checked : list of str
        What it did not look at, and why; empty if every check ran.
    thinned : tuple of two ndarray, or None
        Updates and thetas of a thinned trace; None where the history has theta of every update.

    Examples
    --------
    >>> import fastebm as fe
    >>> X = fe.datasets.two_normals(1000, seed=1)
    >>> result = fe.ScoreMatching(fe.WellMixture(), noise_std=0.5, n_updates=100).fit(X, seed=1)
    >>> result.history["loss"].shape, result.energy.n_features
    ((100,), 1)
    """

    energy: Energy
    theta: np.ndarray
    history: np.ndarray
    settings: dict = field(default_factory=dict)
    warnings: list = field(default_factory=list)
    not_checked: list = field(default_factory=list)
    thinned: tuple[np.ndarray, np.ndarray] | None = None

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

        It is that of the energy as it is: of an energy fitted with noise on the data, rows with that noise on them are
        the fair ones.

        Parameters
        ----------
        X_test : array-like of shape (n_rows, n_features)
        chains : array-like of shape (n, n_features), optional
            Samples of the model, such as ``fastebm.sample(energy, 512).x``: score matching has no chains of its own.
            Not needed where log Z is known, the energy has an exact sampler or at most two features.
        **options
            As `fastebm.certificate` takes them.

        Returns
        -------
        Certificate
        """
        return certify(self.energy, X_test, chains=chains, **options)

    def __repr__(self) -> str:
        notes = f", {len(self.warnings)} warnings" if self.warnings else ""
        return f"ScoreResult({self.energy!r}, {len(self.history)} updates{notes})"

    def _html(self) -> str:
        rows = [("energy", html.code(self.energy)), ("updates", len(self.history))]
        rows += [(name, self.settings[name]) for name in ("method", "noise_std") if name in self.settings]
        if len(self.history):
            late = self.history[-max(1, len(self.history) // 5) :]
            rows += [("loss, last fifth of the updates", float(late["loss"].mean()))]
        return html.card(
            "ScoreResult", rows, html.verdict(self.warnings, self.not_checked), drawn(self.energy)
        )


def score_history(numbers: np.ndarray, thetas: np.ndarray | None) -> np.ndarray:
    """Turn the loop's rows (loss, norm of the gradient, unused) and thetas, if there is one a row, into the history."""
    kinds: list = [("step", np.int64), ("loss", np.float64), ("grad_norm", np.float64)]
    if thetas is not None:
        kinds.append(("theta", np.float64, (thetas.shape[1],)))
    history = np.empty(len(numbers), dtype=kinds)
    history["step"] = np.arange(len(numbers))
    history["loss"], history["grad_norm"] = numbers[:, 0], numbers[:, 1]
    if thetas is not None:
        history["theta"] = thetas
    return history
