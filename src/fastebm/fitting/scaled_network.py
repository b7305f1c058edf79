"""A fitted density whose log Z had to be estimated: a network, or any energy, in the user's units."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .._runtime import html
from .._runtime.check import integer, samples
from .._runtime.errors import FastEBMWarning
from .._runtime.seed import seed_sequence
from ..energies.base import Energy
from ..energies.python_energy import PythonEnergy
from ..partition import ais
from ..partition.log_partition import LogPartition
from ..samplers.cycle import Cycle
from ..training.after_fit import _level_of_caller
from ..training.result import TrainingResult

# Samples are annealed in groups of at least so many chains, that their weights can be judged, and of at most so many.
FEWEST_CHAINS, MOST_CHAINS = 256, 4096
# Moves after the annealed chains were drawn by their weights, so that copies of a chain part.
MOVES = 20
# Effective share of the annealed chains below which their draws are not independent samples any more.
EVEN = 0.5


class _Normalised:
    """-log p and its gradient in the user's units, as functions. Picklable."""

    def __init__(self, energy: Energy, offset, scale, log_z: float):
        self.inner, self.offset, self.scale = energy, offset, scale
        self.constant = log_z + float(np.log(scale).sum())

    def energy(self, X):
        return self.inner.energy((X - self.offset) / self.scale) + self.constant

    def grad(self, X):
        return self.inner.grad((X - self.offset) / self.scale) / self.scale


@dataclass(frozen=True, eq=False)
class ScaledNetwork(html.Shown):
    """What `fit_network` returns: a trained energy, its log Z, and the wells that it was compared with.

    Attributes
    ----------
    network : Energy
        The trained energy, on z = (x - offset) / scale.
    offset, scale : ndarray of shape (n_features,)
        In units of x.
    estimate : LogPartition
        log Z of the network, on z.
    training : TrainingResult
        The run, on z.
    wells : ScaledWells or None
        What it is compared with: the wells that are likeliest on the held-out rows, fitted again to all rows that were
        given. They are the density where ``better`` is False. None if an energy of the user's own was trained.
    better : bool
        Is the network the density? True where its log-likelihood on held-out rows, taken at the lower end of its
        certificate, is above that of the wells by two standard errors of the paired differences.
    held_out : dict
        On the held-out rows that no choice has seen, nats a row in units of x: ``n_rows``, ``lower`` and ``upper`` end
        of the network's mean log-likelihood, its ``standard_error``, ``wells`` (that of the wells fitted without these
        rows), ``gain`` (lower end of the difference) and ``gain_error``.
    names : tuple of str or None
        Names of the features, if they were given.
    held_out_scores : ndarray of shape (n,) or None
        Sorted log-densities of those rows under the density, in units of x.
    warnings, not_checked : list
        What the checks have to say, and what they did not look at.
    candidates : ndarray or None
        What `fit_auto` tried.

    Examples
    --------
    >>> import fastebm as fe
    >>> X = fe.datasets.moons(400, seed=1)
    >>> fit = fe.fit_network(X, hidden=(8,), n_updates=20, seed=1)
    >>> fit.n_features, fit.score_samples(X).shape, fit.sample(3, seed=2).shape
    (2, (400,), (3, 2))
    """

    network: Any
    offset: np.ndarray
    scale: np.ndarray
    estimate: LogPartition
    training: TrainingResult
    # None only where an energy of the user's was trained, and then it is `better`.
    wells: Any = None
    better: bool = True
    held_out: dict = field(default_factory=dict)
    names: tuple[str, ...] | None = None
    warnings: list = field(default_factory=list)
    not_checked: list = field(default_factory=list)
    candidates: np.ndarray | None = None
    held_out_scores: np.ndarray | None = None

    @property
    def n_features(self) -> int:
        """Dimension of x."""
        return self.network.n_features

    @property
    def log_partition(self) -> float:
        """log Z of the network on z, in nats: the value of ``estimate``, which need not be one to trust."""
        return self.estimate._value

    @property
    def energy_(self) -> Energy:
        """The normalised energy -log p(x) in units of x; its log Z is 0, though a `PythonEnergy` does not know that."""
        if not self.better:
            return self.wells.energy_
        whole = _Normalised(self.network, self.offset, self.scale, self.log_partition)
        return PythonEnergy(whole.energy, whole.grad, self.n_features)

    def _html(self) -> str:
        taken = "the network" if self.better else f"{self.wells.n_wells} wells, for the network is no better"
        rows = [("density", taken), ("network", html.code(self.network)), ("its log Z", str(self.estimate))]
        rows += [(f"held out: {name.replace('_', ' ')}", value) for name, value in self.held_out.items()]
        return html.card("ScaledNetwork", rows, html.verdict(self.warnings, self.not_checked))

    def score_samples(self, X) -> np.ndarray:
        """log p(x) of every row of X, shape (n_samples,), a density per unit of x.

        All of them share the error of log Z: ``estimate.lower`` and ``estimate.upper`` are its ends.
        """
        return self._log_prob(samples(X, self.n_features)[0])

    def _log_prob(self, x: np.ndarray) -> np.ndarray:
        if not self.better:
            return self.wells._log_prob(x)
        energies = self.network._energy_with_walls((x - self.offset) / self.scale)
        return -energies - self.log_partition - float(np.log(self.scale).sum())

    def sample(self, n: int, seed=None) -> np.ndarray:
        """Draw n samples, shape (n, n_features), in units of x.

        Chains are annealed from the base of the network, drawn by their weights, and moved on. A `FastEBMWarning` says
        so if the weights are so uneven that samples are not independent.
        """
        if not self.better:
            return self.wells.sample(n, seed=seed)
        count = integer(n, "n", 1)
        return self.offset + self.scale * self._draw(count, seed)

    def _draw(self, n, seed):
        if self.network.has_exact_sample:
            return self.network.exact_sample(n, seed=seed)
        # A file may hold the chains; what they ran towards is near enough for a base.
        base = annealing_start(self.network, np.reshape(self.training.buffer.states, (-1, self.n_features)))
        groups, parts, worst = -(-n // MOST_CHAINS), [], 1.0
        move = moves_of(self.training)
        for size, stream in zip(_cut(n, groups), seed_sequence(seed).spawn(groups), strict=True):
            climb, pick, on = stream.spawn(3)
            run = ais.forward(
                self.network, base, n_chains=max(size, FEWEST_CHAINS), n_steps="auto", seed=climb
            )
            shares = np.exp(run.log_weights - run.log_weights.max())
            shares /= shares.sum()
            worst = min(worst, 1.0 / (len(shares) * float((shares**2).sum())))
            chosen = run.x[_systematic(shares, size, np.random.default_rng(pick))]
            parts.append(move.run(self.network, chosen, MOVES, seed=on).x)
        if worst < EVEN:
            warnings.warn(
                f"the annealed chains count as {100 * worst:.0f} % of their number (limit {100 * EVEN:.0f} %), so some "
                "samples are near copies of others; long chains tell R-hat: fastebm.sample(fit.network, n, "
                "x0=fit.training.buffer.states), in standardised units",
                FastEBMWarning,
                stacklevel=_level_of_caller(),
            )
        return np.concatenate(parts)


def annealing_start(energy: Energy, x: np.ndarray) -> Energy | None:
    """Where to anneal from: None for the energy's own `annealing_base`, else its base, else a normal law like x."""
    if energy.annealing_base is not None:
        return None
    base = getattr(energy, "base", None)
    usable = base is not None and base.has_log_partition and base.has_exact_sample
    return base if usable else ais.normal_base(x)


def moves_of(training: TrainingResult) -> Cycle:
    """The moves of training, those that leave the density as it is."""
    parts = [(training.sampler.adjusted_twin(), 1)]
    other = training.global_move
    if other is not None and other.exact_at == 1.0:
        parts.append((other, 1))
    return Cycle(parts)


def _cut(n, groups):
    return [n // groups + (i < n % groups) for i in range(groups)]


def _systematic(shares, n, rng):
    """n rows by their shares, each as often as its share says, up to one (Carpenter et al. 1999); in random order."""
    points = (rng.random() + np.arange(n)) / n
    rows = np.minimum(np.searchsorted(np.cumsum(shares), points, side="right"), len(shares) - 1)
    return rows[rng.permutation(n)]
