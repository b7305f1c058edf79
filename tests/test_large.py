"""Training with many parameters: steps, schedules and averages to the formula, checks that see, and no false alarm."""

from __future__ import annotations

import time

import numpy as np
import pytest
from networks import network, ring
from numpy.testing import assert_array_equal
from test_settings import CD, START, X, by_hand, still

import fastebm as fe
from fastebm.diagnostics import large, population
from fastebm.training.optimiser import rest_of

# ---- settings ----


@pytest.mark.parametrize(
    ("schedule", "warm_up", "hold"), [("linear", 0, 0.5), ("linear", 4, 0.25), ("cosine", 0, 1.0)]
)
def test_hold(schedule, warm_up, hold):
    n = 20
    falls = warm_up + int(hold * (n - warm_up))

    def rate(t):
        part = max(0.0, (t - falls) / max(n - falls, 1))
        fall = 1.0 - part if schedule == "linear" else 0.5 * (1.0 + np.cos(np.pi * part))
        return 0.03 * (min(1.0, (t + 1) / warm_up) if warm_up else 1.0) * fall

    run = still(n, schedule=schedule, warm_up=warm_up, hold=hold, learning_rate=0.03)
    np.testing.assert_allclose(run.theta, by_hand(n, rate)[-1], rtol=1e-11, atol=1e-13)
    # The control: the schedule without it is another one.
    if hold < 1.0:
        assert not np.allclose(
            run.theta, still(n, schedule=schedule, warm_up=warm_up, learning_rate=0.03).theta, rtol=1e-6
        )


def test_betas_and_epsilon():
    """Adam with no memory steps by the sign of the gradient, less where epsilon is as large as it."""
    signs = still(1, optimizer="adam", betas=(0.0, 0.0), learning_rate=0.01).theta - START.theta
    g = START.theta - by_hand(1, lambda t: 1.0)[-1]
    assert np.abs(signs[[0, 1, 3, 4]] + 0.01 * np.sign(g[[0, 1, 3, 4]])).max() < 1e-6
    damped = still(1, optimizer="adam", betas=(0.5, 0.5), epsilon=1e3, learning_rate=10.0).theta - START.theta
    assert np.abs(damped[[0, 1, 3, 4]] + 0.01 * g[[0, 1, 3, 4]]).max() < 1e-4
    same = still(12, optimizer="adam", betas=(0.9, 0.999), epsilon=1e-8)
    assert_array_equal(same.theta, still(12, optimizer="adam").theta)
    assert (rest_of(0.9), rest_of(0.999), rest_of(0.0)) == (0.1, 0.001, 1.0)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"betas": 0.9}, "betas must be a pair"),
        ({"betas": (0.9, 1.0)}, r"betas\[1\] must be less than 1"),
        ({"epsilon": 0.0}, "epsilon must be greater than 0"),
        ({"hold": 0.5}, "hold=0.5 says when the learning rate begins to fall"),
        ({"hold": 2.0, "schedule": "linear"}, "hold must be at most 1"),
        ({"l2": {"nonsense": 1.0}}, r"l2\['nonsense'\]: no parameter has a name that begins with it"),
        ({"l2": {"m": -1.0}}, "l2 must not be negative"),
        ({"l2": {"m": "x"}}, r"l2\['m'\] must be a real number"),
    ],
)
def test_bad_settings(bad, message):
    with pytest.raises((ValueError, TypeError), match=message):
        CD(START, **bad)


def test_l2_by_name(tmp_path):
    names = START.param_names
    trainer = CD(START, l2={"m": 0.5, "m1": 0.1}, n_updates=5)
    expected = [0.1 if n == "m1" else 0.5 if n.startswith("m") else 0.0 for n in names]
    assert trainer.l2.tolist() == expected and set(expected) == {0.0, 0.1, 0.5}
    run = trainer.fit(
        X, seed=1, checkpoint=tmp_path / "run", callback=lambda s: s.update == 2, diagnose=False
    )
    resumed = CD.resume(tmp_path / "run", X)
    assert_array_equal(
        resumed.theta, CD(START, l2=expected, n_updates=5).fit(X, seed=1, diagnose=False).theta
    )
    assert run.settings["l2"].tolist() == expected


# ---- 100,000 parameters ----

P = 100_000


def wide(theta=None):
    """E = |x|^2 / 2 + u(x) . theta / P, whose many parameters share a handful of features."""

    def features(X):
        return np.stack([X[:, 0], X[:, 1], np.tanh(X[:, 0] * X[:, 1]), np.cos(X[:, 0])], axis=1)

    def energy(X, theta):
        return 0.5 * (X**2).sum(axis=1) + features(X) @ theta.reshape(-1, 4).mean(axis=0)

    def grad(X, theta):
        a, b, c, d = theta.reshape(-1, 4).mean(axis=0)
        slope = c * (1.0 - np.tanh(X[:, 0] * X[:, 1]) ** 2)
        return X + np.stack([a + slope * X[:, 1] - d * np.sin(X[:, 0]), b + slope * X[:, 0]], axis=1)

    def param_grad_sum(X, theta, weights):
        return np.tile(weights @ features(X), P // 4) * (4.0 / P)

    start = np.zeros(P) if theta is None else theta
    return fe.PythonEnergy(energy, grad, 2, param_grad_sum=param_grad_sum, theta=start)


def test_a_run_of_100000_parameters():
    x = np.random.default_rng(1).normal(size=(800, 2)) + np.array([0.5, -0.3])
    trainer = CD(
        wide(), fe.MALA(0.3), n_updates=50, n_chains=128, trace_theta=False,
        optimizer="adam", learning_rate=0.03, ema=0.9,
        clip_norm=1.0, schedule="linear", hold=0.5,
    )  # fmt: skip
    begin = time.perf_counter()
    run = trainer.fit(x, seed=1)
    assert time.perf_counter() - begin < 60.0
    assert (
        "distance from the optimum: the estimate takes at most 400 parameters, the energy has 100000"
        in run.not_checked
    )
    # The trace is bounded: 20 rows and the last, not 50.
    assert run.thinned is not None and len(run.theta_trace) <= 21 and run.theta_steps[-1] == 49
    # Every parameter of a group moves alike, and the chains have moved where the rows are.
    assert np.ptp(run.theta.reshape(-1, 4), axis=0).max() < 1e-12
    assert np.abs(run.buffer.states.mean(axis=0) - [0.5, -0.3]).max() < 0.3


def test_overflow_names_the_update_and_keeps_the_last_good_state():
    """An energy that overflows in its seventh update, on whichever thread."""
    calls = []

    def energy(X, theta):
        calls.append(len(X))
        with np.errstate(over="ignore"):
            return 0.5 * (X**2).sum(axis=1) * (1.0 if len(calls) <= 60 else 1e308) * np.exp(theta[0])

    def make(n):
        calls.clear()
        one = fe.PythonEnergy(
            energy,
            lambda X, theta: X * np.exp(theta[0]),
            2,
            param_grad=lambda X, theta: 0.5 * (X**2).sum(axis=1, keepdims=True) * np.exp(theta[0]),
            theta=[0.0],
        )
        return CD(one, fe.SGLD(0.1), n_updates=n, n_chains=64, global_move=None, n_steps=1, average=0.0)

    x = 10.0 * np.random.default_rng(1).normal(size=(100, 2))
    with pytest.raises(fe.NonFiniteError, match=r"update \d+: .*is not finite") as caught:
        make(100).fit(x, seed=1, diagnose=False)
    error = caught.value
    assert isinstance(error, fe.TrainingError) and 0 < error.update < 100
    assert f"update {error.update}:" in str(error)
    good = make(error.update).fit(x, seed=1, diagnose=False)
    assert_array_equal(error.theta, good.theta)
    assert_array_equal(error.buffer.states, good.buffer.states)


# ---- the checks ----

ROWS, HELD_OUT = ring(2000, 1), ring(500, 2)


@pytest.fixture(scope="module")
def good():
    trainer = CD(
        network(hidden=110), fe.MALA(0.03), n_updates=350, n_chains=256, n_steps=3, optimizer="adam",
        learning_rate=0.01, schedule="linear", hold=0.5, ema=0.98,
    )  # fmt: skip
    return trainer.fit(ROWS, seed=1, X_val=HELD_OUT, diagnose=False)


def test_a_good_run_of_a_network_raises_no_alarm(good):
    assert good.energy.n_params == 440
    found = fe.diagnose(good, ROWS, X_val=HELD_OUT)
    assert not found, str(found)
    assert found.not_checked == ["distance from the optimum: X_val chose where to stop"]


def test_wells_on_noisy_rows_raise_no_alarm():
    truth = fe.WellMixture.from_mixture([0.55, 0.45], [-2.0, 1.8], [0.45, 0.55])
    x = truth.exact_sample(1500, seed=1)
    run = CD(fe.initial_wells(x, 2, seed=1), data_noise=0.5).fit(x, seed=2)
    assert not run.warnings, [str(w) for w in run.warnings]
    assert abs(np.sort(run.energy.stds_.ravel())[0] - np.hypot(0.45, 0.5)) < 0.06


def chains_of(run):
    return population.from_result(run, np.random.default_rng(0))


def test_statistics_see_chains_that_are_not_like_the_data(good):
    chains = chains_of(good)
    assert not large.statistics(chains, ROWS)
    (moved,) = large.statistics(chains, ROWS + np.array([0.0, 1.0]))
    assert moved.code == "statistics" and "mean of feature 1" in moved.meaning and abs(moved.value) > 5
    (wide_,) = large.statistics(chains, 1.6 * (ROWS - ROWS.mean(axis=0)) + ROWS.mean(axis=0))
    assert "variance of feature" in wide_.meaning


def test_statistics_have_few_false_alarms():
    """Chains and rows of one heavy-tailed law in 40 features, 200 times: no alarm."""
    rng, alarms = np.random.default_rng(5), 0
    energy = fe.Gaussian(np.zeros(40))
    for _ in range(200):
        chains, rows = rng.standard_t(8, size=(256, 40)), rng.standard_t(8, size=(500, 40))
        look = population.Population(energy, fe.MALA(0.1), None, 1, chains, chains[None], 256, None, 0.0)
        alarms += bool(large.statistics(look, rows))
    assert alarms == 0


def test_stuck_chains_are_counted(good):
    chains = chains_of(good)
    assert not large.stuck(chains)
    path = chains.path.copy()
    groups = chains.n_groups
    for copy_ in range(path.shape[1] // groups):
        path[:, copy_ * groups : copy_ * groups + 12] = path[0, copy_ * groups : copy_ * groups + 12]
    held = population.Population(
        chains.energy, chains.sampler, None, 3, chains.negatives, path, groups, None, 0.0, chains.settings
    )
    (found,) = large.stuck(held)
    assert found.code == "stuck_chains" and found.value == 12 / groups and found.severity == "warning"


def test_saturated_layers_are_seen(good):
    assert large.saturated(good.energy, ROWS) == []
    assert (
        large.saturated(fe.Gaussian([0.0]), ROWS[:, :1]) == []
        and fe.Gaussian([0.0]).saturation(ROWS[:, :1]) is None
    )
    blown = network(hidden=110)
    blown.theta = 100.0 * blown.theta
    (found,) = large.saturated(blown, ROWS)
    assert found.code == "saturated" and found.severity == "error" and found.value > 0.9
