"""MixtureMH: the law it leaves invariant, and the guarantees of every sampler."""

import copy
import math
import pickle

import numpy as np
import pytest

import fastebm as fe


def normal_cdf(z):
    return 0.5 * np.array([math.erfc(-v / math.sqrt(2)) for v in z])


def ks(energy, x, direction):
    """sqrt(N) times the Kolmogorov distance of a projection from its exact law, a mixture in one dimension."""
    t = np.sort(x @ direction)
    means, stds = energy.means_ @ direction, np.sqrt(energy.stds_**2 @ direction**2)
    cdf = sum(w * normal_cdf((t - m) / s) for w, m, s in zip(energy.weights_, means, stds, strict=True))
    n = len(t)
    return math.sqrt(n) * max((np.arange(1, n + 1) / n - cdf).max(), (cdf - np.arange(n) / n).max())


@pytest.fixture(scope="module")
def case():
    rng = np.random.default_rng(1)
    energy = fe.WellMixture.from_mixture(
        [0.5, 0.3, 0.2], rng.normal(0, 2, (3, 6)), rng.uniform(0.5, 1, (3, 6))
    )
    move = fe.MixtureMH([0.2, 0.3, 0.5], energy.means_ + 0.1, 1.2 * energy.stds_)
    return energy, move


def directions():
    d = np.random.default_rng(2).normal(size=(3, 6))
    return d / np.sqrt((d**2).sum(axis=1, keepdims=True))


def test_the_law_is_invariant(case):
    energy, move = case
    x = move.sample(energy, energy.exact_sample(20_000, seed=3), 5, seed=4)
    assert max(ks(energy, x, d) for d in directions()) < 2.69


def test_chains_from_one_well_find_the_others(case):
    energy, move = case
    x0 = np.tile(energy.means_[0], (20_000, 1))
    run = move.run(energy, x0, 60, seed=5)
    assert run.acceptance_rate > 0.3
    assert max(ks(energy, run.x, d) for d in directions()) < 2.69
    # Negative control: local moves alone leave every chain in its well.
    assert max(ks(energy, fe.MALA(0.05).sample(energy, x0, 60, seed=5), d) for d in directions()) > 2.69


def test_every_proposal_from_the_density_itself_is_accepted(case):
    energy, _ = case
    move = fe.MixtureMH(energy.weights_, energy.means_, energy.stds_)
    run = move.run(energy, np.zeros((500, 6)), 40, seed=6)
    assert run.acceptance_rate > 0.999


def test_temperature(case):
    energy = fe.WellMixture(1, theta=[0.0, 0.5, 0.0, 0.0])
    x = fe.MixtureMH([1.0], [[0.0]], [[2.0]], temperature=2.0).sample(energy, np.zeros(50_000), 60, seed=7)
    # exp(-(x - .5)^2 / 2) has variance 1.
    assert abs(x.var() - 1) < 4.9 * math.sqrt(2 / 50_000)


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
