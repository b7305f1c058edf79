"""Missing cells of many rows at once, by Langevin steps with an accept step; what is known of a row stands still."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .._runtime.seed import seed_sequence
from ..diagnostics import rhat
from ..energies.base import Energy
from ..sampling import _starts

# Chains of a row, draws of each that are kept, and steps of a round; the first round tunes the step and is forgotten.
CHAINS, DRAWS, STEPS, ROUNDS = 8, 64, 256, 6
# Acceptance that is aimed at, and R-hat at which the chains of a row agree: the largest of 5,000 rows with 8 chains of
# 64 independent draws is 1.03.
ACCEPTANCE, GOOD = 0.57, 1.1
# Drift of a step, at most, in standard deviations of its noise.
LONGEST = 10.0
# Rows times chains that are moved at once.
AT_ONCE = 16_384


class Filled(NamedTuple):
    """Rows with their missing cells filled in.

    Attributes
    ----------
    mean, last : ndarray of shape (n, n_features)
        By the mean of the chains, and by the last state of one.
    rhat : ndarray of shape (n,)
        The largest of a row's cells.
    apart : ndarray of int
        Rows whose chains do not agree.
    n_steps : int
        Of every chain, at most.
    """

    mean: np.ndarray
    last: np.ndarray
    rhat: np.ndarray
    apart: np.ndarray
    n_steps: int


def fill(energy: Energy, z: np.ndarray, chains: np.ndarray | None, seed) -> Filled:
    """Fill NaN in.

    Parameters
    ----------
    energy : Energy
        Its features have about the same scale.
    z : ndarray of shape (n, n_features)
        Every row with at least one NaN.
    chains : ndarray of shape (n_chains, n_features) or None
        Rows whose cells the missing ones start from; None: where `fastebm.sample` would start.
    seed : None, int, SeedSequence or Generator
    """
    first, *streams = seed_sequence(seed).spawn(1 + -(-len(z) * CHAINS // AT_ONCE))
    rng = np.random.default_rng(first)
    pool = _starts(energy, None, 64 * CHAINS, rng) if chains is None else chains
    parts = [
        _fill(energy, part, pool, np.random.default_rng(stream))
        for part, stream in zip(np.array_split(z, len(streams)), streams, strict=True)
    ]
    mean, last, worst, steps = (np.concatenate(v) for v in zip(*parts, strict=True))
    return Filled(mean, last, worst, np.flatnonzero(~(worst <= GOOD)), int(steps.max()))


def _fill(energy, z, pool, rng):
    n, d = z.shape
    gaps = np.isnan(z)
    mean, last, worst, steps = z.copy(), z.copy(), np.full(n, np.inf), np.zeros(n, dtype=np.int64)
    todo = np.arange(n)
    mask = np.repeat(gaps, CHAINS, axis=0)
    x = np.where(mask, pool[rng.integers(len(pool), size=n * CHAINS)], np.repeat(z, CHAINS, axis=0))
    step = np.full(n * CHAINS, 0.1)
    length = STEPS
    for turn in range(ROUNDS):
        trace, x, step = _walk(energy, x, mask, step, length, rng, tune=turn == 0)
        steps[todo] += length
        if turn == 0:
            continue
        # Only the missing cells have a spread.
        watched = trace.reshape(len(trace), len(todo), CHAINS, d).transpose(0, 2, 1, 3)[:, :, gaps[todo]]
        found = np.full((len(todo), d), -np.inf)
        found[gaps[todo]] = np.nan_to_num(np.atleast_1d(rhat(watched)), nan=np.inf)
        worst[todo] = found.max(axis=1)
        mean[todo] = np.where(
            gaps[todo], trace.reshape(len(trace), len(todo), CHAINS, d).mean(axis=(0, 2)), z[todo]
        )
        last[todo] = x[::CHAINS]
        apart = ~(worst[todo] <= GOOD)
        if not apart.any():
            break
        # Those that disagree walk on, twice as far.
        rows = np.repeat(apart, CHAINS)
        x, mask, step, todo = x[rows], mask[rows], step[rows], todo[apart]
        length *= 2
    return mean, last, worst, steps


def _walk(energy, x, mask, step, n_steps, rng, tune):
    """Metropolis-adjusted Langevin steps of the masked cells, with a drift of limited length (Roberts and Tweedie
    1996): a start on a steep wall does not overshoot beyond the range of float64."""
    x = x.copy()
    e, g = energy._energy_with_walls(x), energy.grad(x).reshape(x.shape) * mask
    every, kept = max(1, n_steps // DRAWS), []
    for t in range(n_steps):
        root = np.sqrt(2.0 * step)[:, None]
        noise = rng.standard_normal(x.shape) * mask
        to = x - _drift(g, root) + root * noise
        e_to = energy._energy_with_walls(to)
        g_to = energy.grad(to).reshape(x.shape) * mask
        # The noise of the way back.
        back = (x - to + _drift(g_to, root)) / root * mask
        log_ratio = e - e_to + 0.5 * ((noise**2).sum(axis=1) - (back**2).sum(axis=1))
        # From one place beyond a wall to another.
        log_ratio[np.isnan(log_ratio)] = -np.inf
        taken = np.log(rng.random(len(x))) < log_ratio
        x[taken], e[taken], g[taken] = to[taken], e_to[taken], g_to[taken]
        if tune:
            step *= np.exp(
                (np.minimum(1.0, np.exp(np.minimum(log_ratio, 0.0))) - ACCEPTANCE) / np.sqrt(t + 1.0)
            )
        elif (t + 1) % every == 0:
            kept.append(x.copy())
    return np.array(kept), x, step


def _drift(g, root):
    # Half a squared noise times the slope, and no longer than so many noises.
    drift = 0.5 * root**2 * g
    length = np.sqrt((drift**2).sum(axis=1, keepdims=True))
    return drift * np.minimum(1.0, LONGEST * root / np.maximum(length, 1e-300))
