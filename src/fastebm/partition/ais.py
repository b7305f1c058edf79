"""Annealed importance sampling: log Z of an energy in any dimension, with a bracket."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .._runtime.check import integer, samples
from .._runtime.errors import NonFiniteError
from .._runtime.seed import seed_sequence
from ..energies.base import Energy
from ..energies.bridge import Normal
from .ladder import INFINITE, Ladder, Path, path, plan, schedule

__all__ = ["AISRun", "climb", "descend", "forward", "log_mean_exp", "normal_base", "reverse", "schedule"]

# Standard errors of the ends of a bracket, and the least number of groups that they come from: by Student's law an end
# is then on the wrong side by chance less often than once in 12,000.
BRACKET, GROUPS = 5.0, 16


class AISRun(NamedTuple):
    """Log-weights of one annealing run.

    Attributes
    ----------
    log_weights : ndarray of shape (n_chains,)
        Forward: log w with E[w] = Z. Reverse: the same sum along chains that start in the target, E[1 / w] = 1 / Z.
    acceptance_rate : float
        Over all steps and chains.
    n_evaluations : int
        Energy and gradient evaluations, pilot run included.
    x : ndarray of shape (n_chains, n_features)
        Where the chains ended: forward, weighted by w they follow the target.
    energies : ndarray of shape (n_chains,)
        The target's energies there.
    """

    log_weights: np.ndarray
    acceptance_rate: float
    n_evaluations: int
    x: np.ndarray
    energies: np.ndarray


def normal_base(X) -> Normal:
    """The normal law with the mean of X and its standard deviations widened by a fifth, to begin the annealing at.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        Data or chains. A feature without any spread gets a standard deviation of 1.
    """
    x, _ = samples(X, np.shape(X)[1] if np.ndim(X) == 2 else 1)
    spread = x.std(axis=0)
    # Weights have a finite variance only if the base reaches as far as the target does.
    return Normal(x.mean(axis=0), 1.2 * np.where(spread > 0, spread, 1.0))


def forward(
    energy: Energy,
    base: Energy | None,
    *,
    n_chains: int = 1024,
    n_steps: int | str = 1000,
    seed=None,
    n_threads=None,
) -> AISRun:
    """Anneal chains from the base to the energy.

    Parameters
    ----------
    energy : Energy
        The target, exp(-E) / Z with Z unknown.
    base : Energy or None
        With a closed log Z and an exact sampler; see `normal_base`. None stands for ``energy.annealing_base``.
    n_chains : int, default 1024
        Independent chains, at least 2.
    n_steps : int or "auto", default 1000
        Temperatures, with one move at each. More steps make the weights more even; "auto" chooses them so that the
        log-weights spread by 0.4 to 0.7.
    seed : None, int, SeedSequence or Generator
    n_threads : int, optional
        As in ``Sampler.sample``.

    Returns
    -------
    AISRun
        ``mean(exp(log_weights))`` is an unbiased estimate of Z, and the mean of the log-weights is below log Z.

    References
    ----------
    Neal, Annealed importance sampling, Statistics and Computing 2001.
    """
    n, steps = integer(n_chains, "n_chains", 2), steps_of(n_steps)
    first, pilot, moves = seed_sequence(seed).spawn(3)
    way = path(energy, base, pilot)
    return climb(way, plan(way, steps, pilot), n, first, moves, n_threads=n_threads)


def reverse(
    energy: Energy, base: Energy | None, X, *, n_steps: int | str = 1000, seed=None, n_threads=None
) -> AISRun:
    """Anneal chains from samples of the energy back to the base: the other side of the bracket.

    Parameters
    ----------
    energy, base : Energy
        As in `forward`.
    X : array-like of shape (n_chains, n_features)
        Exact samples of exp(-E) / Z, or the ends of long runs. Their law is taken at its word.
    n_steps, seed, n_threads
        As in `forward`.

    Returns
    -------
    AISRun
        The mean of its log-weights is above log Z.

    References
    ----------
    Grosse, Ghahramani and Adams, Sandwiching the marginal likelihood using bidirectional Monte Carlo, 2015.
    """
    x, _ = samples(X, energy.n_features)
    if len(x) < 2:
        raise ValueError(f"X must hold at least 2 samples for a reverse run, got {len(x)}")
    steps = steps_of(n_steps)
    pilot, moves = seed_sequence(seed).spawn(2)
    way = path(energy, base, pilot)
    return descend(way, plan(way, steps, pilot), x, moves, n_threads=n_threads)


def steps_of(n_steps) -> int | None:
    """n_steps as a number, or None for "auto"."""
    return None if isinstance(n_steps, str) and n_steps == "auto" else integer(n_steps, "n_steps", 1)


def climb(way: Path, ladder: Ladder, n_chains: int, first, moves, *, n_threads=None, show=None) -> AISRun:
    """Forward run up a ladder, from exact samples of the base."""
    x = way.base.exact_sample(n_chains, first)
    return _run(way, x, ladder.betas, ladder.times, moves, ladder, n_threads, show)


def descend(way: Path, ladder: Ladder, x, moves, *, n_threads=None, show=None) -> AISRun:
    """Reverse run down a ladder, from samples of the target.

    Raises
    ------
    ValueError
        If one of them is where the base has no mass.
    """
    outside = ~np.isfinite(way.base._energy_with_walls(x))
    if outside.any():
        raise ValueError(
            f"sample {int(np.argmax(outside))} of the reverse run is outside the walls of {way.base!r}; give samples "
            "of the model, and a base that reaches as far"
        )
    betas, times = (np.ascontiguousarray(a[::-1]) for a in (ladder.betas, ladder.times))
    run = _run(way, x, betas, times, moves, ladder, n_threads, show)
    return run._replace(log_weights=2.0 * way.log_z0 - run.log_weights)


def _run(way, x, betas, times, seed, ladder, n_threads, show):
    shown = show(len(x) * ladder.n_steps) if show else None
    try:
        ends, work, parts, rates, _, _, undefined = way.walk(
            x, betas, times, seed, n_threads=n_threads, show=shown
        )
    finally:
        if shown is not None:
            shown.close()
    if undefined:
        raise NonFiniteError(
            f"the energy or its gradient was not a number for {undefined} proposals of the annealing; check the "
            "energy's functions, or use a narrower base"
        )
    if not np.isfinite(work).all():
        raise NonFiniteError(INFINITE)
    rate = float(rates[1:-1].mean()) if ladder.n_steps > 1 else 1.0
    spent = ladder.n_evaluations + len(x) * ladder.n_steps
    return AISRun(work + way.log_z0, rate, spent, ends, way.energies(parts))


def log_mean_exp(log_weights: np.ndarray) -> float:
    """log of the mean of exp(log_weights)."""
    top = float(log_weights.max())
    return top + math.log(np.exp(log_weights - top).mean())


def grouped(log_weights: np.ndarray) -> tuple[float, float]:
    """(mean, standard error of it) of log-mean-exp over groups of chains, at least 16 of them.

    By Jensen's inequality the expectation of the mean is below the log of the mean weight; with larger groups it is
    closer. The groups are fixed before the weights are known.
    """
    n = len(log_weights)
    groups = min(n, max(GROUPS, math.isqrt(n)))
    means = np.array([log_mean_exp(part) for part in np.array_split(log_weights, groups)])
    return float(means.mean()), float(means.std(ddof=1) / math.sqrt(groups))


def bracket(there: np.ndarray, back: np.ndarray | None) -> tuple[float, float]:
    """(lower, upper) end of log Z, from the log-weights of forward runs and of reverse ones, if there are any."""
    mean, error = grouped(there)
    lower, upper = mean - BRACKET * error, math.inf
    if back is not None:
        mean, error = grouped(-back)
        upper = -mean + BRACKET * error
    return lower, upper
