"""Ladders of noise: the exact law of annealed Langevin chains, and what a ladder sees that one level does not."""

import numpy as np
import pytest
from scipy.stats import norm
from stats import KS_LIMIT, Z_LIMIT, ks, share_z

import fastebm as fe

LEVELS = [2.0, 1.0, 0.5]
SMOOTHED = [fe.Gaussian(3.0, 1.0 + s * s) for s in LEVELS]
TRUTH = fe.WellMixture.from_mixture([0.7, 0.3], [-3.0, 3.0], [0.5, 0.7])
START = fe.WellMixture.from_mixture([0.5, 0.5], [-1.0, 1.0], [2.0, 2.0])


def law(levels, energies, x0, n_steps, step_size):
    """Mean and variance of the chains: every step is linear in x."""
    mean, variance = x0, 0.0
    for s, energy in zip(levels, energies, strict=True):
        h = step_size * s * s
        for _ in range(n_steps):
            r = 1.0 - h / energy.covariance[0, 0]
            mean, variance = energy.mean[0] + r * (mean - energy.mean[0]), r * r * variance + 2.0 * h
    return mean, variance


def test_exact_law_of_every_step():
    n, x0 = 100_000, np.full(100_000, -1.0)
    for steps, h in ((1, 0.3), (2, 0.1), (25, 0.2)):
        x = fe.annealed_langevin(SMOOTHED, LEVELS, x0, steps, step_size=h, seed=steps)
        mean, variance = law(LEVELS, SMOOTHED, -1.0, steps, h)
        assert ks(x, norm(mean, np.sqrt(variance)).cdf) < KS_LIMIT
        # The controls: one step fewer or more, a level left out, steps that do not shrink.
        if steps < 25:
            for wrong in (
                law(LEVELS, SMOOTHED, -1.0, steps + 1, h),
                law(LEVELS[1:], SMOOTHED[1:], -1.0, steps, h),
                law([2.0, 2.0, 2.0], SMOOTHED, -1.0, steps, h),
            ):
                assert ks(x, norm(wrong[0], np.sqrt(wrong[1])).cdf) > KS_LIMIT
    assert len(x) == n


def test_tweedie_takes_the_noise_away():
    x0 = SMOOTHED[-1].exact_sample(50_000, seed=1)[:, 0]
    noisy = fe.annealed_langevin(SMOOTHED[-1:], [0.5], x0, 1, step_size=1e-9, seed=2)
    clean = fe.annealed_langevin(SMOOTHED[-1:], [0.5], x0, 1, step_size=1e-9, denoise=True, seed=2)
    assert np.allclose(clean, noisy - 0.25 * (noisy - 3.0) / 1.25, rtol=0, atol=1e-12)
    # The mean of x given x + noise has the variance 1 / 1.25.
    assert abs(clean.var() - 0.8) < Z_LIMIT * 0.8 * np.sqrt(2 / 50_000)


def test_one_energy_for_all_levels():
    x0 = np.zeros((40, 1))
    many = fe.annealed_langevin([SMOOTHED[0]] * 3, LEVELS, x0, 5, seed=1)
    assert np.array_equal(fe.annealed_langevin(SMOOTHED[0], LEVELS, x0, 5, seed=1), many)
    assert np.array_equal(fe.annealed_langevin(SMOOTHED[0], LEVELS, x0, 5, seed=1, n_threads=3), many)
    assert not np.array_equal(fe.annealed_langevin(SMOOTHED[0], LEVELS, x0, 5, seed=2), many)
    # No two levels draw the same noise: with the same numbers in each, the sum would be wider.
    flat = fe.PythonEnergy(lambda X: np.zeros(len(X)), lambda X: np.zeros(X.shape))
    x = fe.annealed_langevin(flat, [1.001, 1.0], np.zeros(50_000), 1, step_size=0.5, seed=1)
    assert abs(x.var() - 2.0) < Z_LIMIT * 2.0 * np.sqrt(2 / 50_000)


def test_a_ladder_sees_shares_that_one_level_does_not():
    x = TRUTH.exact_sample(3000, seed=1)
    alone = fe.ScoreMatching(START.from_mixture([0.5, 0.5], [-3.0, 3.0], [0.5, 0.7]), noise_std=0.25)
    shares = alone.replace(optimizer="sgd").fit(x, seed=1).energy.weights_
    assert abs(shares[0] - 0.7) > 0.15
    ladder = fe.noise_ladder(
        START,
        x,
        [3.0, 2.0, 1.0, 0.5, 0.25],
        seed=1,
        n_updates=1000,
        learning_rate=0.05,
        schedule="linear",
    )
    for level, energy in zip(ladder.noise_stds[:3], ladder.energies, strict=False):
        assert abs(energy.weights_[0] - 0.7) < 0.04, level
    # The last levels do not see them, and say so; samples keep what the first ones gave them.
    assert {w.code for _, w in ladder.warnings} == {"mode_weights_not_identified"}
    assert {s for s, _ in ladder.warnings} <= {0.5, 0.25}
    drawn = ladder.sample(np.random.default_rng(1).normal(0.0, 4.0, 4000), 100, seed=1)
    assert abs((drawn < 0).mean() - 0.7) < 0.05
    assert abs(share_z((drawn < 0).sum(), len(drawn), 0.5)) > Z_LIMIT
    assert abs(drawn[drawn < 0].std() - np.hypot(0.5, 0.25)) < 0.05


def test_saved_and_loaded(tmp_path):
    ladder = fe.noise_ladder(START, TRUTH.exact_sample(300, seed=1), [2.0, 1.0], seed=3, n_updates=20)
    fe.save(tmp_path / "ladder.npz", ladder)
    back = fe.load(tmp_path / "ladder.npz")
    assert back.energies == ladder.energies and np.array_equal(back.noise_stds, ladder.noise_stds)
    assert np.array_equal(back.sample(np.zeros(9), 3, seed=1), ladder.sample(np.zeros(9), 3, seed=1))


def test_levels_start_where_the_one_before_ended():
    x = TRUTH.exact_sample(500, seed=1)
    ladder = fe.noise_ladder(START, x, [2.0, 1.0], seed=3, n_updates=5, average=0.0)
    assert np.array_equal(ladder.results[1].theta_trace[0], ladder.energies[0].theta)
    again = fe.noise_ladder(START, x, [2.0, 1.0], seed=3, n_updates=5, average=0.0, n_threads=2)
    assert ladder.energies == again.energies
    assert repr(ladder) == "NoiseLadder(2 levels, noise_std 2 to 1)"


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"noise_stds": [1.0, 2.0, 3.0]}, ValueError, "positive and fall"),
        ({"noise_stds": [1.0, 0.5, 0.0]}, ValueError, "positive and fall"),
        ({"noise_stds": []}, ValueError, "shape"),
        ({"noise_stds": [1.0, 0.5]}, ValueError, "3 energies, but 2 noise_stds"),
        ({"energies": 3}, TypeError, "sequence of Energy"),
        ({"energies": [3, 4, 5]}, TypeError, r"energies\[0\]"),
        ({"energies": [fe.Gaussian([0.0, 0.0]), *SMOOTHED[1:]]}, ValueError, "same n_features"),
        ({"x0": np.zeros((3, 2))}, ValueError, "x0"),
        ({"n_steps": 0}, ValueError, "n_steps"),
        ({"step_size": 0.0}, ValueError, "step_size"),
        ({"denoise": 2}, TypeError, "denoise"),
        ({"seed": "a"}, TypeError, "seed"),
        ({"step_size": 1e6, "n_steps": 200}, fe.NonFiniteError, None),
    ],
)
def test_bad_input(change, error, match):
    arguments = {"energies": SMOOTHED, "noise_stds": LEVELS, "x0": np.zeros(5), "n_steps": 3} | change
    with pytest.raises(error, match=match):
        fe.annealed_langevin(**arguments)


def test_bad_ladders():
    x = TRUTH.exact_sample(50, seed=1)
    with pytest.raises(ValueError, match="positive and fall"):
        fe.noise_ladder(START, x, [1.0, 1.0])
    with pytest.raises(TypeError, match="noise_std is not an option"):
        fe.noise_ladder(START, x, [1.0], noise_std=1.0)
    with pytest.raises(ValueError, match="X must have shape"):
        fe.noise_ladder(START, x[:, [0, 0]], [1.0])
