"""Certificates: the interval holds the exact log-likelihood, and where it may not, it says so (T11, T15)."""

import math
import pickle

import numpy as np
import pytest

import fastebm as fe
from fastebm.partition import ais
from fastebm.partition.ladder import FEWEST_STEPS

RNG = np.random.default_rng(0)


def tilted(d=3):
    """A base, a tilt and their exact sum."""
    rng = np.random.default_rng(d)
    means = rng.normal(0, 1.0, (2, d))
    return fe.Gaussian(np.zeros(d), 2.0 * np.eye(d)) + fe.WellMixture.from_mixture(
        [0.3, 0.7], means, np.full((2, d), 1.2), normalised=False
    )


def silent(energy):
    """The same energy, of which nothing is known."""
    return fe.PythonEnergy(energy.energy, energy.grad, energy.n_features)


def test_the_interval_holds_the_exact_value_in_200_seeds():
    # With exact chains, and with chains that were moved on; an end is missed once in 12,000 seeds at most.
    energy = tilted()
    x = energy.exact_sample(100, seed=1)
    exact = float(energy.log_prob(x).mean())
    missed = of_mean = 0
    for seed in range(200):
        chains = None if seed % 2 else energy.exact_sample(64, seed=seed)
        c = fe.certificate(energy, x, method="ais", chains=chains, n_chains=64, n_steps=40, seed=seed)
        missed += not c.lower <= exact <= c.upper
        assert c.trusted and c.upper - c.lower < 1.0 and abs(c.value - exact) < 0.3
        # Negative control: an interval that took the log of the mean weight for log Z.
        of_mean += not abs(c.value - exact) < 0.02
    assert missed == 0 and of_mean > 20


def test_the_ends_are_ends_where_the_ladder_is_too_short():
    # A spread so large that both means are far off: still the exact value is inside, and nothing is called a number.
    energy = fe.WellMixture.from_mixture(
        np.ones(4), RNG.normal(0, 1.5, (4, 20)), RNG.uniform(0.5, 1.2, (4, 20))
    )
    x = energy.exact_sample(300, seed=1)
    c = fe.certificate(energy, x, method="ais", base=ais.normal_base(x), n_steps=30, n_chains=400, seed=1)
    exact = float(energy.log_prob(x).mean())
    assert c.lower < exact < c.upper and c.upper - c.lower > 1.0 and c.sd_log_weights > 1.0
    assert not c.trusted and "NOT to be trusted" in str(c)
    with pytest.raises(fe.UntrustedEstimateError, match="no single number"):
        _ = c.value


@pytest.mark.parametrize("seed", [1, 2])
def test_a_machine_of_16_hidden_units(seed):
    machine = fe.GaussianBernoulliRBM(12, 16, seed=seed)
    rng = np.random.default_rng(seed)
    machine.theta = machine.theta + np.concatenate(
        [np.zeros(24), 0.5 * rng.normal(size=machine.n_params - 24)]
    )
    x = machine.exact_sample(300, seed=3)
    c = fe.certificate(
        machine, x, method="ais", chains=machine.exact_sample(512, seed=4), n_steps=400, seed=5
    )
    exact = float(machine.log_prob(x).mean())
    assert abs(c.value - exact) < 0.06
    assert c.lower < exact < c.upper and c.upper - c.lower < 0.3
    # Negative control: a machine that has lost a hidden unit is outside of the interval.
    theta = machine.theta
    theta[24] = -30.0
    other = fe.GaussianBernoulliRBM(12, 16, theta=theta)
    assert not c.lower <= -float(machine.energy(x).mean()) - other.log_partition() <= c.upper


def test_closed_forms_and_quadrature_need_no_chains():
    wells = fe.WellMixture.from_mixture([0.5, 0.5], [-2.0, 2.0], [0.5, 0.6])
    x = wells.exact_sample(200, seed=1)
    exact = float(wells.log_prob(x).mean())
    closed = fe.certificate(wells, x)
    assert closed.estimate.method == "closed_form" and closed.upper - closed.lower < 1e-13
    assert closed.value == pytest.approx(exact, abs=1e-13) and closed.n_steps == 0
    by_grid = fe.certificate(silent(wells), x)
    assert by_grid.estimate.method == "quadrature" and by_grid.upper - by_grid.lower < 1e-4
    assert by_grid.lower <= exact <= by_grid.upper
    error = float(wells.energy(x).std(ddof=1) / math.sqrt(200))
    assert closed.standard_error == pytest.approx(error)
    low, high = closed.interval(0.95)
    assert (high - low) / 2 == pytest.approx(1.959964 * error, rel=1e-6)
    assert pickle.loads(pickle.dumps(closed)).lower == closed.lower
    assert f"between {closed.lower:.4f} and {closed.upper:.4f} nats a row" in str(closed)


def test_comparison_with_another_model_on_the_same_rows():
    wells = fe.WellMixture.from_mixture([0.5, 0.5], [[-2.0] * 3, [2.0] * 3], np.full((2, 3), 0.6))
    x = wells.exact_sample(400, seed=1)
    other = fe.Gaussian.fit(wells.exact_sample(2000, seed=2)).log_prob(x)
    c = fe.certificate(wells, x, method="ais", base=ais.normal_base(x), n_chains=256, seed=1)
    difference = wells.log_prob(x) - other
    compared = c.compare(other)
    assert compared.lower < difference.mean() < compared.upper
    assert compared.standard_error == pytest.approx(difference.std(ddof=1) / 20)
    assert compared.z == pytest.approx(compared.lower / compared.standard_error) and compared.z > 3
    # Unpaired, the error would be larger; against itself there is no difference to see.
    assert compared.standard_error < math.hypot(c.standard_error, other.std(ddof=1) / 20)
    assert c.compare(wells.log_prob(x)).z == 0.0
    worse = fe.certificate(fe.Gaussian.fit(x), x).compare(wells.log_prob(x))
    assert worse.upper < 0 and worse.z < -3 and "better by -" in str(worse)
    with pytest.raises(ValueError, match=r"shape \(400,\)"):
        c.compare(other[:-1])
    with pytest.raises(ValueError, match=r"log_prob\[3\] = -inf"):
        c.compare(np.where(np.arange(400) == 3, -np.inf, other))


def test_chains_that_do_not_follow_the_model_are_seen():
    two = fe.WellMixture.from_mixture([0.5, 0.5], [[-2.0] * 3, [2.0] * 3], np.full((2, 3), 0.6))
    x = two.exact_sample(1000, seed=1)
    options = {"method": "ais", "base": ais.normal_base(x), "n_chains": 256, "seed": 1}
    assert fe.certificate(two, x, chains=x, **options).trusted
    one = x[x[:, 0] < 0]
    c = fe.certificate(two, x, chains=one, **options)
    assert not c.trusted and "do not follow the model: their mean of feature" in c.doubt
    # Too cold: the right modes, but at half the temperature, and never moved on.
    cold = np.where(x[:, :1] < 0, -2.0 + 0.5 * (x + 2.0), 2.0 + 0.5 * (x - 2.0))
    c = fe.certificate(two, x, chains=cold, burn_in=0, **options)
    assert not c.trusted and "mean energy" in c.doubt
    # The moves of the burn-in cure that.
    assert fe.certificate(two, x, chains=cold, burn_in=100, **options).trusted


def test_a_training_result_certifies_itself():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(1500, 4)) * [1.0, 0.5, 1.5, 1.0] + [0.0, 1.0, 0.0, -1.0]
    for options in ({}, {"weighting": "jarzynski", "global_move": None}):
        trainer = fe.ContrastiveDivergence(
            fe.Gaussian(np.zeros(4), 2.0 * np.eye(4)), n_updates=150, **options
        )
        result = trainer.fit(x[:1000], seed=1, diagnose=False)
        before = result.buffer.states.tobytes()
        c = result.certificate(
            x[1000:], method="ais", base=fe.Gaussian(np.zeros(4), 4 * np.eye(4)), n_chains=256, seed=2
        )
        exact = float(result.energy.log_prob(x[1000:]).mean())
        assert c.lower < exact < c.upper and c.trusted and c.burn_in == c.n_steps
        assert result.buffer.states.tobytes() == before
        assert result.certificate(x[1000:]).estimate.method == "closed_form"


def test_same_bytes_for_any_number_of_threads():
    energy = tilted()
    x, chains = energy.exact_sample(50, seed=1), energy.exact_sample(300, seed=2)
    first, *others = [
        fe.certificate(energy, x, method="ais", chains=chains, n_chains=300, seed=3, n_threads=t)
        for t in (1, 2, 3)
    ]
    for other in others:
        assert (first.lower, first.upper, first.disagreement) == (
            other.lower,
            other.upper,
            other.disagreement,
        )
        assert first.estimate == other.estimate and first.n_steps == other.n_steps


def test_steps_fit_the_budget_of_time():
    energy = silent(
        fe.WellMixture.from_mixture(np.ones(3), RNG.normal(0, 2.0, (3, 30)), np.full((3, 30), 0.4))
    )
    x = RNG.normal(size=(200, 30))
    options = {"chains": x, "n_chains": 64, "seed": 1}
    assert fe.certificate(energy, x, max_steps=400, **options).n_steps == 400
    # No time at all: the fewest steps that there are.
    c = fe.certificate(energy, x, max_steps=400, budget_s=1e-3, **options)
    assert c.n_steps == FEWEST_STEPS < 400


GOOD = np.random.default_rng(0).normal(size=(40, 3))


@pytest.mark.parametrize(
    ("x", "options", "message"),
    [
        (GOOD[:, :2], {"chains": GOOD}, r"X_test must have shape \(n_samples, 3\)"),
        (np.where(GOOD > 2, np.nan, GOOD), {"chains": GOOD}, r"X_test\[.*nan is not finite"),
        (GOOD[:1], {"chains": GOOD}, "at least 2 rows"),
        (GOOD, {}, "give chains"),
        (GOOD, {"chains": GOOD[:15]}, "chains must hold at least 16"),
        (GOOD, {"chains": GOOD[:, :2]}, r"chains must have shape \(n_samples, 3\)"),
        (GOOD, {"chains": GOOD, "n_chains": 8}, "n_chains must be at least 16"),
        (GOOD, {"chains": GOOD, "n_steps": 0}, "n_steps must be at least 1"),
        (GOOD, {"chains": GOOD, "burn_in": -1}, "burn_in must be at least 0"),
        (GOOD, {"chains": GOOD, "budget_s": 0.0}, "budget_s must be greater than 0"),
        (GOOD, {"chains": GOOD, "method": "quadrature"}, "method must be one of"),
        (GOOD, {"chains": GOOD, "base": fe.Gaussian([0.0, 0.0])}, "n_features=2, but the energy has 3"),
        (GOOD, {"chains": GOOD, "base": silent(fe.Gaussian(np.zeros(3)))}, "base must be normalised"),
    ],
)
def test_bad_input(x, options, message):
    quartic = fe.PythonEnergy(lambda X: (X**4).sum(1), lambda X: 4 * X**3, 3)
    with pytest.raises(ValueError, match=message):
        fe.certificate(quartic, x, **options)


def test_rows_and_chains_outside_of_walls():
    energy = fe.Gaussian(np.zeros(3)) + fe.Box([-1.0] * 3, [1.0] * 3)
    inside = np.random.default_rng(1).uniform(-1, 1, (50, 3))
    outside = np.vstack([inside, [2.0, 0.0, 0.0]])
    with pytest.raises(ValueError, match=r"X_test\[50\] is outside the walls"):
        fe.certificate(energy, outside, chains=inside)
    with pytest.raises(ValueError, match="outside the walls"):
        fe.certificate(energy, inside, chains=outside, burn_in=0)
    exact = -energy.energy(inside).mean() - 3 * math.log(math.erf(1 / math.sqrt(2)))
    c = fe.certificate(energy, inside, chains=inside, seed=1)
    assert c.lower < exact < c.upper and c.trusted
    with pytest.raises(TypeError, match="energy must be an Energy"):
        fe.certificate(None, inside)


@pytest.mark.parametrize(
    "base", [fe.Gaussian([0.5, 0.0]), fe.Box([-2.0, -3.0], [2.5, 2.0])], ids=["normal", "box"]
)
def test_a_network_is_annealed_from_its_base(base):
    network = fe.NetworkEnergy.mlp(2, (16, 16), base=base, seed=1)
    network.theta = network.theta + 0.4 * np.random.default_rng(2).normal(size=network.n_params)
    x = base.exact_sample(200, seed=1)
    assert network.annealing_base == base
    np.testing.assert_allclose(base.energy(x) + network.tilt.energy(x), network.energy(x), rtol=0, atol=1e-5)
    assert fe.NetworkEnergy.mlp(2, (8,)).tilt is None
    exact = fe.certificate(network, x)
    assert exact.estimate.method == "quadrature"
    c = fe.certificate(network, x, method="ais", chains=x, n_chains=200, burn_in=500, seed=3)
    assert c.trusted and c.lower < exact.value < c.upper and abs(c.value - exact.value) < 0.1
