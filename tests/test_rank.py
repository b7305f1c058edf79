"""Rank test of whole kernels (T14).

For a reversible kernel with the right law, an exact draw hidden at a random place of a chain that runs to both sides of
it has a uniform rank (Gandy and Scott, Unit testing for MCMC, 2021).
"""

import numpy as np
import pytest
from stats import chi2_limit

import fastebm as fe

TRUTH = fe.WellMixture(theta=[0.9039, -2.0, -0.2, 0.5025, 1.8, 0.2, 0.3])
PLACES, CHAINS, BINS = 20, 4000, 20
LIMIT = chi2_limit(BINS - 1)


def statistic(step, seed, start=TRUTH):
    rng = np.random.default_rng(seed)
    exact = start.exact_sample(CHAINS, seed=seed + 1)[:, 0]
    place = rng.integers(PLACES, size=CHAINS)
    states = np.empty((PLACES, CHAINS))
    # A reversible kernel runs to the left as it runs to the right.
    for direction in (1, -1):
        x = exact.copy()
        for k in range(PLACES):
            at = place + direction * k
            inside = (at >= 0) & (at < PLACES)
            states[at[inside], np.flatnonzero(inside)] = x[inside]
            x = step(x, [seed, direction + 1, k])
    # Ties (rejected moves) are broken at random.
    keys = rng.random(states.shape)
    mine, key = states[place, np.arange(CHAINS)], keys[place, np.arange(CHAINS)]
    rank = ((states < mine) | ((states == mine) & (keys < key))).sum(axis=0)
    counts = np.bincount(rank, minlength=BINS)
    return ((counts - CHAINS / BINS) ** 2 / (CHAINS / BINS)).sum()


def mala(x, seed):
    return fe.MALA(0.2).sample(TRUTH, x, 3, seed=seed)


def uniform_moves(x, seed):
    return fe.IndependenceMH(-6, 6).sample(TRUTH, x, 1, seed=seed)


def mixture_moves(x, seed):
    return fe.MixtureMH([0.3, 0.7], [[-1.5], [1.0]], [[1.0], [1.3]]).sample(TRUTH, x, 1, seed=seed)


@pytest.mark.parametrize("step", [mala, uniform_moves, mixture_moves])
def test_the_rank_is_uniform(step):
    assert statistic(step, 11) < LIMIT


def no_accept_step(x, seed):
    return fe.SGLD(0.2).sample(TRUTH, x, 3, seed=seed)


def cold(x, seed):
    return fe.MALA(0.2, temperature=0.5).sample(TRUTH, x, 3, seed=seed)


def no_hastings_ratio(x, seed):
    rng = np.random.default_rng(seed)
    y = rng.normal(0.5, 2.0, x.shape)
    take = np.log(rng.random(x.shape)) < TRUTH.energy(x) - TRUTH.energy(y)
    return np.where(take, y, x)


@pytest.mark.parametrize("step", [no_accept_step, cold, no_hastings_ratio])
def test_wrong_kernels_fail(step):
    assert statistic(step, 11) > LIMIT
