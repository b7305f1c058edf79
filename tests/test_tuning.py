"""step_size="auto": what is found, that it is frozen, and that it is the same bytes every time."""

import numpy as np
import pytest
from stats import KS_LIMIT, ks, well_cdf

import fastebm as fe

NARROW = fe.Gaussian(np.zeros(3), np.diag([1.0, 0.01, 100.0]))
X0 = np.random.default_rng(0).normal(size=(100, 3))
AUTO = {
    "sgld": fe.SGLD("auto"),
    "mala": fe.MALA("auto"),
    "hmc": fe.HMC("auto", 5),
    "underdamped": fe.Underdamped("auto"),
    "underdamped with accept": fe.Underdamped("auto", metropolis=True),
}


@pytest.mark.parametrize("name", AUTO)
def test_finds_the_scales_and_the_acceptance_aimed_at(name):
    sampler = AUTO[name]
    assert sampler.automatic and sampler.step_size == "auto"
    tuned = fe.tune(sampler, NARROW, X0, seed=1)
    found = tuned.sampler
    assert type(found) is type(sampler) and not found.automatic
    np.testing.assert_allclose(found.scale, [1.0, 0.1, 10.0], rtol=0.05)
    twin = found.adjusted_twin()
    rate = twin.run(NARROW, NARROW.exact_sample(2000, 3), 300, seed=2).acceptance_rate
    assert abs(rate - sampler.target_acceptance) < 0.06
    assert tuned.x.shape == X0.shape and tuned.n_steps > 80


@pytest.mark.parametrize("name", AUTO)
def test_same_seed_same_bytes(name):
    runs = [AUTO[name].run(NARROW, X0, 20, seed=5, n_threads=t) for t in (1, 2, 1)]
    assert runs[0].sampler == runs[1].sampler
    assert all(r.x.tobytes() == runs[0].x.tobytes() for r in runs)
    assert AUTO[name].run(NARROW, X0, 20, seed=6).x.tobytes() != runs[0].x.tobytes()
    # What ran is the frozen sampler, from where the warm-up had left the chains.
    tuned = fe.tune(AUTO[name], NARROW, X0, seed=5)
    assert tuned.sampler == runs[0].sampler
    again = tuned.sampler.sample(NARROW, tuned.x, 20, seed=np.random.SeedSequence(5))
    assert again.tobytes() == runs[0].x.tobytes()


def test_goes_on_with_the_frozen_sampler():
    result = fe.HMC("auto").run(NARROW, X0, 5, seed=1)
    on = result.sampler.run(NARROW, result.state, 5)
    whole = result.sampler.run(
        NARROW, fe.tune(fe.HMC("auto"), NARROW, X0, seed=1).x, 10, seed=np.random.SeedSequence(1)
    )
    assert on.x.tobytes() == whole.x.tobytes()
    with pytest.raises(ValueError, match=r"result\.sampler"):
        fe.HMC("auto").run(NARROW, result.state, 5)
    with pytest.raises(ValueError, match="tune"):
        fe.HMC("auto").run(NARROW, X0, 5, first_chain=3)


def test_law_of_the_frozen_sampler():
    wells = fe.WellMixture.from_mixture([0.55, 0.45], [-1.0, 0.9], [0.45, 0.55])
    result = fe.MALA("auto").run(wells, np.zeros(50_000), 200, seed=1)
    assert ks(result.x, well_cdf(wells)) < KS_LIMIT


def test_a_given_scale_is_kept_and_nothing_is_tuned_twice():
    tuned = fe.tune(fe.MALA("auto", scale=[1.0, 2.0, 3.0]), NARROW, X0, seed=1).sampler
    assert tuned.scale == (1.0, 2.0, 3.0)
    assert fe.tune(tuned, NARROW, X0, seed=2).sampler is tuned


def test_parts_and_ladders():
    both = fe.cycle((fe.MALA("auto"), 2), fe.HMC("auto", 3))
    assert both.automatic
    found = fe.tune(both, NARROW, X0, seed=1).sampler
    assert not found.automatic and [n for _, n in found.parts] == [2, 1]
    ladder = fe.Tempering(fe.HMC("auto", 3), [1.0, 2.0, 4.0])
    assert ladder.automatic
    result = ladder.run(NARROW, X0, 20, seed=1)
    assert not result.sampler.automatic and result.sampler.temperatures == (1.0, 2.0, 4.0)
    assert result.sampler.swap_statistics(result).swap_rates.min() > 0.1


def test_few_chains():
    assert not fe.tune(fe.HMC("auto"), NARROW, X0[:1], seed=1).sampler.automatic


def test_trainer_takes_its_step_from_the_data():
    x = fe.WellMixture.from_mixture([0.5, 0.5], [-2.0, 2.0], [0.5, 0.5]).exact_sample(300, 1)
    results = [
        fe.ContrastiveDivergence(fe.WellMixture(), sampler, n_updates=30).fit(x, seed=1)
        for sampler in (None, fe.MALA("auto"))
    ]
    assert results[0].theta.tobytes() == results[1].theta.tobytes()
    moved = fe.ContrastiveDivergence(fe.WellMixture(), fe.HMC("auto", 3), n_updates=30).fit(x, seed=1)
    assert np.isfinite(moved.theta).all()


def test_no_step_size_will_do():
    wall = fe.PythonEnergy(lambda X: np.where(np.abs(X[:, 0]) < 1e-200, 0.0, np.inf), np.zeros_like)
    with pytest.raises(ValueError, match="no step size"):
        fe.tune(fe.MALA("auto"), wall, np.zeros(100), seed=1)
    with pytest.raises(ValueError, match="auto"):
        fe.SGLD("auto", noise_std=0.1)
