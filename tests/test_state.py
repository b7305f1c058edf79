"""Runs as values: a run that is continued, cut, saved or joined gives the bytes of the run that was not."""

import pickle
from itertools import pairwise

import numpy as np
import pytest
from cases import ENERGIES, SAMPLERS, parametrise
from numpy.testing import assert_array_equal
from stats import KS_LIMIT, ks, well_cdf

import fastebm as fe

WELLS = fe.WellMixture(theta=[0.1, -1.2, 0.0, 0.2, 1.3, 0.2, 0.0])
# Energies of one and of several features, and one in Python.
SOME = [case for case in ENERGIES if case.name in ("wells-2x1", "wells-2x2", "python-ring")]


def starts(energy, n=70):
    return np.random.default_rng(1).uniform(-1.0, 1.0, (n, energy.n_features))


@parametrise("sampler", SAMPLERS)
@parametrise("case", SOME)
def test_a_run_cut_into_any_ranges_of_chains_and_steps_gives_the_bytes_of_the_whole(case, sampler):
    energy = case.make()
    x0 = starts(energy)
    sampler = sampler.make(energy.n_features)
    whole = sampler.run(energy, x0, 23, seed=4)
    for steps in ([1, 22], [2, 3, 5, 13], [22, 1]):
        for cuts in ([0, 70], [0, 1, 33, 70]):
            parts = []
            for first, last in pairwise(cuts):
                result = sampler.run(energy, x0[first:last], steps[0], seed=4, first_chain=first)
                for n in steps[1:]:
                    result = sampler.run(energy, result.state, n)
                parts.append(result)
            assert_array_equal(np.concatenate([p.x for p in parts]), whole.x)
            assert_array_equal(np.concatenate([p.energies for p in parts]), whole.energies)
            assert fe.RunState.join([p.state for p in parts[::-1]]) == whole.state


def test_a_state_is_cut_after_a_run_as_well_as_before():
    sampler, x0 = fe.MALA(0.05), starts(WELLS)
    half = sampler.run(WELLS, x0, 7, seed=4).state
    parts = [sampler.run(WELLS, half.chains(a, b), 9).state for a, b in ((30, 70), (0, 30))]
    assert fe.RunState.join(parts) == sampler.run(WELLS, x0, 16, seed=4).state


def test_the_control_a_run_that_forgets_its_steps_is_another_one():
    sampler, x0 = fe.MALA(0.05), starts(WELLS)
    first = sampler.run(WELLS, x0, 7, seed=4)
    again = sampler.run(WELLS, first.x, 9, seed=4)
    assert not np.array_equal(again.x, sampler.run(WELLS, first.state, 9).x)


@pytest.mark.parametrize("thin", [1, 3, 5])
@pytest.mark.parametrize("burn_in", [0, 1, 8, 40])
def test_burn_in_is_left_out_of_trace_and_counts(thin, burn_in):
    sampler, x0 = fe.MALA(0.4), starts(WELLS).ravel()
    whole = sampler.run(WELLS, x0, burn_in + 30, seed=2, thin=1)
    result = sampler.run(WELLS, x0, 30, seed=2, thin=thin, burn_in=burn_in)
    assert_array_equal(result.trace, whole.trace[burn_in + thin - 1 :: thin])
    assert_array_equal(result.x, whole.x)
    after = sampler.run(WELLS, sampler.run(WELLS, x0, burn_in, seed=2).state, 30)
    assert result.acceptance_rate == after.acceptance_rate
    assert_array_equal(sampler.sample(WELLS, x0, 30, seed=2, burn_in=burn_in), result.x)


@parametrise("case", ENERGIES)
def test_energies_are_those_of_the_last_states(case):
    energy = case.make()
    x0 = starts(energy, 600)
    sampler = fe.MALA(0.01)
    result = sampler.run(energy, x0, 4, seed=1)
    assert_array_equal(result.energies, energy.energy(result.x))
    assert_array_equal(sampler.run(energy, x0, 0).energies, energy.energy(x0))


def test_first_chain_is_a_place_in_the_population():
    x0 = starts(WELLS)
    sampler = fe.SGLD(0.02)
    whole = sampler.sample(WELLS, x0, 9, seed=1)
    assert_array_equal(sampler.sample(WELLS, x0[25:40], 9, seed=1, first_chain=25), whole[25:40])
    assert not np.array_equal(sampler.sample(WELLS, x0[25:40], 9, seed=1), whole[25:40])


def test_flat_chains_stay_flat():
    x0 = starts(WELLS).ravel()
    state = fe.SGLD(0.02).run(WELLS, x0, 3, seed=1).state
    assert state.x.shape == (70,) and fe.SGLD(0.02).sample(WELLS, state, 2).shape == (70,)


def test_saved_loaded_pickled(tmp_path):
    result = fe.MALA(0.05).run(WELLS, starts(WELLS), 6, seed=9, thin=2)
    for name, value in {"state": result.state, "result": result}.items():
        fe.save(tmp_path / name, value)
        back = fe.load(tmp_path / name)
        assert type(back) is type(value)
        state = back if name == "state" else back.state
        assert state == result.state
        assert_array_equal(
            fe.MALA(0.05).sample(WELLS, state, 5), fe.MALA(0.05).sample(WELLS, result.state, 5)
        )
    assert_array_equal(back.trace, result.trace)
    assert back.acceptance_rates == result.acceptance_rates
    assert pickle.loads(pickle.dumps(result.state)) == result.state


def test_bad_input():
    x0 = starts(WELLS)
    sampler = fe.MALA(0.05)
    state = sampler.run(WELLS, x0, 2, seed=1).state
    for bad, message in (
        ({"seed": 1}, "seed is part of the state"),
        ({"first_chain": 0}, "first_chain is part of the state"),
    ):
        with pytest.raises(ValueError, match=message):
            sampler.run(WELLS, state, 2, **bad)
    for bad, message in (
        ({"first_chain": -1}, "first_chain must be at least 0"),
        ({"burn_in": -1}, "burn_in must be at least 0"),
        ({"burn_in": 2**40}, "burn_in must be at most"),
        ({"burn_in": 2**40 - 2}, "too many"),
    ):
        with pytest.raises(ValueError, match=message):
            sampler.run(WELLS, x0, 3, **bad)
    with pytest.raises(TypeError, match="burn_in must be an integer"):
        sampler.run(WELLS, x0, 3, burn_in=1.5)
    with pytest.raises(ValueError, match=r"x0\.x must have shape \(n_samples, 2\)"):
        sampler.run(fe.WellMixture(2, 2), state, 2)
    good = {"x": x0, "chain_state": np.empty((70, 0)), "first_chain": 0, "next_step": 0, "stream": (1, 2)}
    assert len(fe.RunState(**good)) == 70
    for name, value in (
        ("x", np.full((70, 1), np.nan)),
        ("x", "abc"),
        ("chain_state", np.empty((3, 0))),
        ("first_chain", -1),
        ("next_step", 1.5),
        ("stream", (1, 2**64)),
        ("stream", 3),
    ):
        with pytest.raises((ValueError, TypeError), match=name):
            fe.RunState(**(good | {name: value}))
    with pytest.raises(ValueError, match="chain 30 should be next"):
        fe.RunState.join([state.chains(0, 30), state.chains(31, 70)])
    with pytest.raises(ValueError, match="at the same step"):
        fe.RunState.join([state.chains(0, 30), sampler.run(WELLS, state, 1).state.chains(30, 70)])
    with pytest.raises(ValueError, match="start must be below stop"):
        state.chains(5, 5)
    wide = fe.RunState(**(good | {"chain_state": np.zeros((70, 3))}))
    with pytest.raises(ValueError, match="3 numbers for each chain, but this sampler keeps 0"):
        sampler.run(WELLS, wide, 1)


# ---- cycles ----


def test_a_cycle_is_its_samplers_in_turn():
    """By hand: round by round, each with its own step numbers, on the chains as the other left them."""
    mala, jump = fe.MALA(0.05), fe.IndependenceMH(-6.0, 6.0)
    x0 = starts(WELLS)
    together = fe.cycle((mala, 3), (jump, 2)).run(WELLS, x0, 4, seed=8)
    a = mala.run(WELLS, x0, 0, seed=8).state
    b = jump.run(WELLS, x0, 0, seed=8).state
    x = x0
    for turn in range(4):
        for sampler, n, state in ((mala, 3, a), (jump, 2, b)):
            at = fe.RunState(x, state.chain_state, 0, n * turn, state.stream)
            x = sampler.sample(WELLS, at, n)
    assert_array_equal(together.x, x)
    assert (
        len(together.acceptance_rates) == 2 and together.acceptance_rates[0] != together.acceptance_rates[1]
    )


def noise_of(parts, n=4000):
    """What the parts of a cycle of free steps add to a chain: on a flat energy a step is nothing but noise."""
    flat = fe.PythonEnergy(lambda X: np.zeros(len(X)), lambda X: np.zeros_like(X))
    return fe.cycle(*parts).sample(flat, np.zeros(n), 1, seed=3)


def test_samplers_of_one_class_do_not_share_noise():
    step = fe.SGLD(0.5)
    # Two steps of unit variance each: variance 2 if they are independent, 4 if they are the same numbers.
    x = noise_of([step, step])
    assert ks(x / np.sqrt(2.0), well_cdf(fe.WellMixture.from_mixture([1.0], [0.0], [1.0]))) < KS_LIMIT
    # The control: the same step twice.
    twice = noise_of([fe.SGLD(0.5, noise_std=2.0)])
    assert ks(twice / np.sqrt(2.0), well_cdf(fe.WellMixture.from_mixture([1.0], [0.0], [1.0]))) > KS_LIMIT


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_no_two_of_many_nested_parts_share_noise(depth):
    """Independent parts add their variances, whatever the nesting; any pair of equal streams would add to it."""
    step = fe.SGLD(0.5)

    def nested(d):
        return fe.cycle(step, step) if d == 1 else fe.cycle(nested(d - 1), step, nested(d - 1), step)

    def count(d):
        return 2 if d == 1 else 2 * count(d - 1) + 2

    x = noise_of([nested(depth)], 20_000) / np.sqrt(count(depth))
    assert ks(x, well_cdf(fe.WellMixture.from_mixture([1.0], [0.0], [1.0]))) < KS_LIMIT


def test_training_and_its_samplers_do_not_share_noise():
    """A sampler and a global move of one class: 12.6 where 2.69 is allowed, when they drew the same numbers."""
    truth = fe.WellMixture.from_mixture([1.0], [0.0], [1.0])
    # theta is held by its bounds, so that the chains sample one fixed law.
    start = fe.WellMixture(1, 1, theta=truth.theta)
    step = fe.MALA(0.4)
    trainer = fe.ContrastiveDivergence(
        start, step, global_move=step, n_global=5, n_updates=1, n_chains=40_000, init="model",
        theta_bounds=(truth.theta, truth.theta), average=0.0,
    )  # fmt: skip
    result = trainer.fit(truth.exact_sample(300, seed=1), seed=2, diagnose=False)
    assert ks(result.buffer.states, well_cdf(truth)) < KS_LIMIT
    # The control: the same numbers twice.
    x0 = truth.exact_sample(40_000, seed=3)
    twice = step.sample(truth, step.sample(truth, x0, 5, seed=4), 5, seed=4)
    assert ks(twice, well_cdf(truth)) > KS_LIMIT


def test_facts_of_a_cycle():
    mala, jump = fe.MALA(0.05), fe.IndependenceMH(-6.0, 6.0)
    both = fe.cycle(jump, (mala, 5))
    assert (both.exact_at, both.adjusted, both.step_size, both.temperature) == (1.0, True, 0.05, 1.0)
    mixed = fe.cycle(fe.SGLD(0.05, bounds=(-3, 3)), jump)
    assert (mixed.exact_at, mixed.adjusted, mixed.step_size, mixed.bounds) == (None, False, 0.05, (-3.0, 3.0))
    assert fe.cycle(mala, fe.MALA(0.1, temperature=2.0)).exact_at is None
    assert both == fe.cycle(jump, (mala, 5)) != mixed
    assert both.parts == ((jump, 1), (mala, 5))
    assert eval(repr(both), {"cycle": fe.cycle, "MALA": fe.MALA, "IndependenceMH": fe.IndependenceMH}) == both
    assert pickle.loads(pickle.dumps(both)) == both


def test_a_cycle_is_saved_and_trained_with(tmp_path):
    both = fe.cycle((fe.MALA(0.05), 2), fe.cycle(fe.IndependenceMH(-6.0, 6.0), fe.MALA(0.02)))
    fe.save(tmp_path / "cycle", both)
    assert fe.load(tmp_path / "cycle") == both
    x = WELLS.exact_sample(300, seed=1)
    trainer = fe.ContrastiveDivergence(WELLS, both, global_move=None, n_updates=40)
    result = trainer.fit(x, seed=1)
    assert 0 < result.acceptance_rate < 1 and result.global_acceptance_rate is None
    trainer.fit(x, seed=1, checkpoint=tmp_path / "run", callback=lambda s: s.update == 17)
    assert_array_equal(fe.ContrastiveDivergence.resume(tmp_path / "run", x).theta, result.theta)


@pytest.mark.parametrize(
    ("parts", "error", "message"),
    [
        ([], ValueError, "at least one"),
        ([3], TypeError, r"parts\[0\] must be a sampler or a pair"),
        ([(fe.MALA(0.1), 0)], ValueError, r"parts\[0\] n_steps must be at least 1"),
        ([(fe.MALA(0.1), 1.5)], TypeError, r"parts\[0\] n_steps must be an integer"),
        ([fe.MALA(0.1), ("MALA", 1)], TypeError, r"parts\[1\] must be a Sampler"),
    ],
)
def test_bad_parts(parts, error, message):
    with pytest.raises(error, match=message):
        fe.cycle(*parts)


def test_a_part_that_does_not_fit_the_energy_is_refused():
    with pytest.raises(ValueError, match="n_features=2"):
        fe.cycle(fe.IndependenceMH([0.0, 0.0, 0.0], [1.0, 1.0, 1.0])).sample(
            fe.WellMixture(2, 2), np.zeros((3, 2)), 1
        )
