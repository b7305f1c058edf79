"""MixtureMH: the law it leaves invariant, and the guarantees of every sampler."""

import copy
import math
import pickle

import numpy as np
import pytest
from stats import Z_LIMIT, ks, ks_limit, projected_cdf, variance_z

import fastebm as fe


def worst_ks(energy, x):
    """Largest KS statistic over three random directions."""
    directions = np.random.default_rng(2).normal(size=(3, 6))
    return max(ks(x @ d, projected_cdf(energy, d)) for d in directions)


LIMIT = ks_limit(3)


@pytest.fixture(scope="module")
def case():
    rng = np.random.default_rng(1)
    energy = fe.WellMixture.from_mixture(
        [0.5, 0.3, 0.2], rng.normal(0, 2, (3, 6)), rng.uniform(0.5, 1, (3, 6))
    )
    move = fe.MixtureMH([0.2, 0.3, 0.5], energy.means_ + 0.1, 1.2 * energy.stds_)
    return energy, move


def test_the_law_is_invariant(case):
    energy, move = case
    x = move.sample(energy, energy.exact_sample(20_000, seed=3), 5, seed=4)
    assert worst_ks(energy, x) < LIMIT


def test_chains_from_one_well_find_the_others(case):
    energy, move = case
    x0 = np.tile(energy.means_[0], (20_000, 1))
    run = move.run(energy, x0, 60, seed=5)
    assert run.acceptance_rate > 0.3
    assert worst_ks(energy, run.x) < LIMIT
    # Negative control: local moves alone leave every chain in its well.
    assert worst_ks(energy, fe.MALA(0.05).sample(energy, x0, 60, seed=5)) > LIMIT


def test_every_proposal_from_the_density_itself_is_accepted(case):
    energy, _ = case
    move = fe.MixtureMH(energy.weights_, energy.means_, energy.stds_)
    run = move.run(energy, np.zeros((500, 6)), 40, seed=6)
    assert run.acceptance_rate > 0.999


def test_temperature(case):
    energy = fe.WellMixture(1, theta=[0.0, 0.5, 0.0, 0.0])
    x = fe.MixtureMH([1.0], [[0.0]], [[2.0]], temperature=2.0).sample(energy, np.zeros(50_000), 60, seed=7)
    # exp(-(x - .5)^2 / 2) has variance 1; at temperature 1 it would be half of that.
    assert abs(variance_z(x, 0.5, 1.0)) < Z_LIMIT < abs(variance_z(x, 0.5, 0.5))


def test_guarantees(case):
    energy, move = case
    x0 = energy.exact_sample(700, seed=1)
    before = x0.copy()
    whole = move.sample(energy, x0, 9, seed=8, n_threads=1)
    np.testing.assert_array_equal(x0, before)
    assert move.sample(energy, x0, 9, seed=8, n_threads=2).tobytes() == whole.tobytes()
    assert move.sample(energy, x0[:300], 9, seed=8).tobytes() == whole[:300].tobytes()
    trace = move.sample(energy, x0, 9, seed=8, thin=1)
    assert trace[-1].tobytes() == whole.tobytes()
    for other in (copy.deepcopy(move), pickle.loads(pickle.dumps(move))):
        assert other == move
        assert other.sample(energy, x0, 9, seed=8).tobytes() == whole.tobytes()


@pytest.mark.parametrize(
    "arguments, message",
    [
        (([1.0], [[0.0]], [[0.0]]), "positive"),
        (([0.0], [[0.0]], [[1.0]]), "positive"),
        (([1.0], [0.0], [1.0]), "shape"),
        (([1.0, 1.0], [[0.0]], [[1.0]]), "shape"),
        (([math.nan], [[0.0]], [[1.0]]), "not finite"),
        (([], np.zeros((0, 1)), np.zeros((0, 1))), "shape"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        fe.MixtureMH(*arguments)


def test_other_bad_input(case):
    _, move = case
    with pytest.raises(ValueError, match="temperature"):
        fe.MixtureMH([1.0], [[0.0]], [[1.0]], temperature=0)
    with pytest.raises(ValueError, match="n_features=6"):
        move.sample(fe.WellMixture(), [0.0], 1)
    with pytest.raises(TypeError):
        move.sample(None, [0.0], 1)
