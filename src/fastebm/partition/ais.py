"""Annealed importance sampling: log Z of an energy in any dimension, with a bracket."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .._runtime.check import describe, integer, samples
from .._runtime.seed import seed_sequence
from ..energies.base import Energy
from ..energies.bridge import Bridge, Normal
from ..samplers.mala import MALA

# Temperatures at which the pilot run sets the step size; in between the nearest one below holds.
KNOTS = 40
# MALA mixes fastest at an acceptance rate of 0.574 in many dimensions (Roberts and Rosenthal 1998); a little more is
# safer, because a chain that stays in a narrow region is paid for in the weights.
ACCEPTANCE = 0.7


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
    """

    log_weights: np.ndarray
    acceptance_rate: float
    n_evaluations: int


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


def schedule(n_steps: int) -> np.ndarray:
    """n_steps + 1 inverse temperatures from 0 to 1, close together at the start, where the law changes fastest."""
    t = np.linspace(0.0, 1.0, n_steps + 1)
    return t * t * (3.0 - 2.0 * t) * 0.5 + t**2 * 0.5


def forward(
    energy: Energy, base: Energy, *, n_chains: int = 1024, n_steps: int = 1000, seed=None, n_threads=None
) -> AISRun:
    """Anneal chains from the base to the energy.

    Parameters
    ----------
    energy : Energy
        The target, exp(-E) / Z with Z unknown.
    base : Energy
        Normalised (log Z = 0), with an exact sampler; see `normal_base`.
    n_chains : int, default 1024
        Independent chains, at least 2.
    n_steps : int, default 1000
        Temperatures, with one MALA step at each. More steps make the weights more even.
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
    n, steps = integer(n_chains, "n_chains", 2), integer(n_steps, "n_steps", 1)
    first, pilot, moves = seed_sequence(seed).spawn(3)
    betas = schedule(steps)
    sizes, spent = _pilot(energy, base, betas, pilot)
    return _anneal(energy, base, base.exact_sample(n, first), betas, sizes, moves, spent, n_threads)


def reverse(energy: Energy, base: Energy, X, *, n_steps: int = 1000, seed=None, n_threads=None) -> AISRun:
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
    steps = integer(n_steps, "n_steps", 1)
    pilot, moves = seed_sequence(seed).spawn(2)
    betas = schedule(steps)
    sizes, spent = _pilot(energy, base, betas, pilot)
    return _anneal(energy, base, x, betas, sizes, moves, spent, n_threads, backwards=True)


def log_mean_exp(log_weights: np.ndarray) -> float:
    """log of the mean of exp(log_weights)."""
    top = float(log_weights.max())
    return top + math.log(np.exp(log_weights - top).mean())


def _pilot(energy, base, betas, seed):
    """Step sizes for every temperature, from 128 chains of their own, so that the main run stays unbiased."""
    if energy.n_features != base.n_features:
        raise ValueError(
            f"base has n_features={base.n_features}, but the energy has {energy.n_features}: {describe(base)}"
        )
    first, moves = seed.spawn(2)
    x = base.exact_sample(128, first)
    # The base's own scale: the mean curvature of its energy.
    size = 0.5 * energy.n_features / float(base.laplacian(x).mean())
    knots = np.linspace(0.0, 1.0, KNOTS)
    chosen, spent = [], 0
    for knot, key in zip(knots, moves.generate_state(KNOTS, np.uint64), strict=True):
        path = Bridge(base, energy, float(knot))
        for turn in range(6):
            run = MALA(size).run(path, x, 4, seed=[int(key), turn], n_threads=1)
            x = run.x
            size *= math.exp(1.5 * (run.acceptance_rate - ACCEPTANCE))
            spent += 4 * len(x)
        chosen.append(size)
    return np.array(chosen)[np.clip((betas * (KNOTS - 1)).astype(int), 0, KNOTS - 1)], spent


def _anneal(energy, base, x, betas, sizes, seed, spent, n_threads, backwards=False):
    log_weights = np.zeros(len(x))
    accepted, keys = 0.0, seed.generate_state(len(betas), np.uint64)
    steps = range(len(betas) - 1, 0, -1) if backwards else range(1, len(betas))
    for t in steps:
        # The factor f_t / f_(t-1) is taken where the chain is between the moves at the two temperatures.
        log_weights += (betas[t] - betas[t - 1]) * (base.energy(x) - energy.energy(x))
        at = t - 1 if backwards else t
        run = MALA(sizes[at]).run(
            Bridge(base, energy, betas[at]), x, 1, seed=int(keys[at]), n_threads=n_threads
        )
        accepted += run.acceptance_rate
        x = run.x
    return AISRun(log_weights, accepted / (len(betas) - 1), spent + 2 * len(x) * (len(betas) - 1))
