"""The trainer's settings: checked together, read-only, replaced as a whole; and what the newer ones do."""

import copy
import inspect
import math
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import fastebm as fe

CD = fe.ContrastiveDivergence
TRUTH = fe.WellMixture.from_mixture([0.55, 0.45], [-2.0, 1.8], [0.45, 0.55])
START = fe.WellMixture(theta=[0.1, -1.2, 0.0, 0.2, 1.3, 0.2, 0.0])
X = TRUTH.exact_sample(400, seed=1).ravel()
# Samplers that are not chosen from the data.
OWN = {"sampler": fe.MALA(0.05), "global_move": fe.IndependenceMH(-6.0, 6.0)}


def test_attributes_are_read_only():
    """Assigning optimizer='Adam' used to be read as plain steps; a larger energy, to read past the bounds."""
    trainer = CD(START)
    for name, value in (("optimizer", "Adam"), ("energy", fe.WellMixture(9)), ("nonsense", 1)):
        with pytest.raises(AttributeError, match=rf"use trainer\.replace\({name}=\.\.\.\)"):
            setattr(trainer, name, value)
    assert trainer.optimizer == "sgd" and trainer.energy is START
    with pytest.raises(AttributeError):
        trainer.settings.optimizer = "adam"
    with pytest.raises(AttributeError, match="no attribute 'optimiser'"):
        _ = trainer.optimiser


def test_replace_checks_everything_again():
    trainer = CD(START, n_updates=7, l2=0.5)
    other = trainer.replace(optimizer="adam", energy=fe.WellMixture(9))
    assert (other.optimizer, other.n_updates, other.l2.shape) == ("adam", 7, (28,))
    assert trainer.optimizer == "sgd" and trainer.energy is START
    with pytest.raises(ValueError, match="optimizer must be one of 'sgd', 'adam', got 'Adam'"):
        trainer.replace(optimizer="Adam")
    with pytest.raises(ValueError, match=r"l2 must be a number or have shape \(28,\), got \(7,\)"):
        trainer.replace(l2=np.ones(7)).replace(energy=fe.WellMixture(9))
    with pytest.raises(TypeError, match="no option 'n_update'; it has augment, "):
        trainer.replace(n_update=3)


def test_get_params_makes_the_same_trainer():
    trainer = CD(START, n_updates=30, l2=0.01, theta_bounds=(-2, 2), **OWN)
    again = CD(**trainer.get_params())
    assert_array_equal(again.fit(X, seed=1).theta, trainer.fit(X, seed=1).theta)
    for copied in (pickle.loads(pickle.dumps(trainer)), copy.copy(trainer), copy.deepcopy(trainer)):
        assert_array_equal(copied.fit(X, seed=1).theta, trainer.fit(X, seed=1).theta)
    assert trainer.get_params().keys() == inspect.signature(CD).parameters.keys()


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"schedule": "step"}, "schedule must be one of 'constant', 'linear', 'cosine'"),
        ({"warm_up": -1}, "warm_up must be at least 0"),
        ({"clip_norm": 0}, "clip_norm must be greater than 0"),
        ({"clip_norm": math.nan}, "clip_norm must be finite"),
        ({"ema": 1.0}, "ema must be less than 1"),
        ({"ema": 0}, "ema must be greater than 0"),
        ({"trace_theta": "always"}, "trace_theta must be True, False or 'auto'"),
        ({"trace_theta": None}, "trace_theta must be True, False or 'auto'"),
    ],
)
def test_bad_values(bad, message):
    with pytest.raises(ValueError, match=message):
        CD(START, **bad)


# ---- Jarzynski weights belong to chains that follow the energy ----


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"sampler": fe.MALA(0.1, temperature=2.0)}, "sampler=MALA.* is exact at temperature 2, not at 1"),
        ({"sampler": fe.MALA(0.1, bounds=(-5, 5))}, "sampler=MALA.* is cut off by bounds"),
        ({"sampler": fe.SGLD(0.1)}, "sampler=SGLD.* has no accept step"),
        ({"global_move": fe.SGLD(0.1)}, "global_move=SGLD.* has no accept step"),
        (
            {"global_move": fe.IndependenceMH(-6, 6, temperature=0.5)},
            "global_move=.*temperature 0.5, not at 1",
        ),
        ({"sampler": fe.cycle(fe.MALA(0.1), fe.SGLD(0.1))}, "sampler=cycle.* has no accept step"),
    ],
)
def test_weights_need_samplers_that_are_exact_at_one(bad, message):
    with pytest.raises(ValueError, match=message):
        CD(START, weighting="jarzynski", **bad)


def test_weights_need_a_start_that_follows_the_energy():
    flat = fe.PythonEnergy(
        lambda X, theta: theta[0] * X[:, 0] ** 2,
        lambda X, theta: 2 * theta[0] * X,
        param_grad=lambda X, theta: X**2,
        theta=[1.0],
    )
    with pytest.raises(ValueError, match="no exact_sample to start them"):
        CD(flat, weighting="jarzynski", **OWN)
    CD(flat, weighting="jarzynski", init="data", **OWN)


# ---- schedule, clipping, averages: against the formula, with a sampler that does not move ----


def by_hand(n, rate, *, adam=False, clip=None):
    """Parameters before each update and after the last, with the model's chains held at the first rows of X."""
    theta, moments = START.theta, np.zeros((2, 7))
    energy, thetas = copy.copy(START), [START.theta]
    for t in range(n):
        energy.theta = theta
        g = energy.mean_param_grad(X) - energy.mean_param_grad(CHAINS)
        if clip is not None:
            g *= min(1.0, clip / np.linalg.norm(g))
        if adam:
            moments = np.array([0.9, 0.999])[:, None] * moments + np.array([0.1, 0.001])[:, None] * [g, g * g]
            g = moments[0] / (1 - 0.9 ** (t + 1)) / (np.sqrt(moments[1] / (1 - 0.999 ** (t + 1))) + 1e-8)
        g[[2, 5]] -= g[[2, 5]].mean()
        g[6] = 0.0
        theta = theta - rate(t) * g
        thetas.append(theta)
    return np.array(thetas)


CHAINS = np.linspace(-3.0, 2.0, 64)


def still(n, **options):
    """A run whose chains stay at CHAINS."""
    trainer = CD(
        START, fe.MALA(0.05), n_updates=n, n_steps=0, n_global=0, n_chains=64, batch_size=400, average=0.0, **options
    )  # fmt: skip
    from fastebm._runtime.seed import seed_sequence
    from fastebm.training.run import Training

    made = {
        "sampler": trainer.sampler,
        "global_move": None,
        "low": np.zeros(1),
        "high": np.ones(1),
        "chains": CHAINS[:, None].copy(),
    }
    return Training(trainer, X[:, None], True, made, seed_sequence(1)).run(False, None, diagnose=False)


SCHEDULES = {
    "constant": lambda t, n, w: 1.0,
    "linear": lambda t, n, w: 1 - (t - w) / (n - w),
    "cosine": lambda t, n, w: 0.5 * (1 + math.cos(math.pi * (t - w) / (n - w))),
}


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
@pytest.mark.parametrize("warm_up", [0, 5])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_schedule(schedule, warm_up, optimizer):
    n = 20

    def rate(t):
        return 0.03 * ((t + 1) / warm_up if t < warm_up else SCHEDULES[schedule](t, n, warm_up))

    result = still(n, schedule=schedule, warm_up=warm_up, learning_rate=0.03, optimizer=optimizer)
    expected = by_hand(n, rate, adam=optimizer == "adam")
    assert_allclose(np.vstack([result.history["theta"], result.theta]), expected, rtol=1e-11, atol=1e-13)


def test_the_control_another_schedule_is_seen():
    result = still(20, schedule="cosine", learning_rate=0.03)
    assert not np.allclose(
        result.theta, by_hand(20, lambda t: 0.03 * SCHEDULES["linear"](t, 20, 0))[-1], rtol=1e-6
    )


def test_clipping():
    expected = by_hand(12, lambda t: 0.05, clip=0.2)
    assert_allclose(still(12, clip_norm=0.2, learning_rate=0.05).theta, expected[-1], rtol=1e-12)
    assert not np.allclose(still(12, learning_rate=0.05).theta, expected[-1], rtol=1e-3)
    # A limit that is never reached changes nothing, to the last bit.
    assert_array_equal(still(12, clip_norm=1e9).theta, still(12).theta)


def test_moving_average():
    thetas = by_hand(25, lambda t: 0.1)[1:]
    weights = 0.9 ** np.arange(24, -1, -1)
    assert_allclose(still(25, ema=0.9).theta, weights @ thetas / weights.sum(), rtol=1e-12)


@pytest.mark.parametrize(
    "options",
    [
        {"schedule": "cosine", "warm_up": 9, "clip_norm": 0.3, "ema": 0.95},
        {"schedule": "linear", "optimizer": "adam", "ema": 0.5, "trace_theta": False},
    ],
)
def test_resumed_is_uninterrupted(tmp_path, options):
    trainer = CD(START, n_updates=60, **OWN, **options)
    whole = trainer.fit(X, seed=3)
    trainer.fit(X, seed=3, checkpoint=tmp_path / "run", callback=lambda state: state.update == 23)
    again = CD.resume(tmp_path / "run", X)
    assert_array_equal(again.theta, whole.theta)
    assert_array_equal(again.theta_trace, whole.theta_trace)
    assert_array_equal(again.history, whole.history)


# ---- the history of theta ----


@pytest.mark.parametrize("n", [1, 15, 16, 17, 1024, 1025, 3000, 5000])
def test_a_thinned_trace_is_part_of_the_full_one(n, monkeypatch):
    full = still(n, trace_theta=True)
    thin = still(n, trace_theta=False)
    assert full.history.dtype.names == ("step", "energy_data", "energy_model", "energy_gap", "theta")
    steps = thin.theta_steps
    assert_array_equal(thin.theta_trace, full.history["theta"][steps])
    assert steps[0] == 0 and steps[-1] == n - 1
    if n <= 1024:
        assert len(steps) == n
    else:
        assert "theta" not in thin.history.dtype.names
        gaps = np.diff(steps[:-1])
        assert 512 <= len(steps) <= 1024 and (gaps == gaps[0]).all()
    for name in ("step", "energy_data", "energy_model", "energy_gap"):
        assert_array_equal(thin.history[name], full.history[name])
    assert_array_equal(thin.theta, full.theta)


def test_a_thinned_result_is_saved_diagnosed_and_drawn(tmp_path):
    import matplotlib

    matplotlib.use("Agg")
    from fastebm import interchange, plotting

    trainer = CD(START, n_updates=2500, n_chains=64, trace_theta=False, **OWN)
    thin = trainer.fit(X, seed=1)
    full = trainer.replace(trace_theta=True).fit(X, seed=1)
    assert thin.thinned is not None and [w.code for w in thin.warnings] == [w.code for w in full.warnings]
    fe.save(tmp_path / "thin", thin)
    again = fe.load(tmp_path / "thin")
    assert_array_equal(again.theta_trace, thin.theta_trace)
    assert_array_equal(again.history, thin.history)
    plotting.plot_parameters(thin)
    assert len(interchange.to_pandas(thin)) == 2500
    assert interchange.to_xarray(thin)["theta"].shape == thin.theta_trace.shape


# ---- threads inside an update ----


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"optimizer": "adam", "learning_rate": 0.02},
        {"weighting": "jarzynski"},
        {"buffer": "fifo", "reinit_prob": 0.2, "buffer_size": 5000},
        {"reinit_prob": 0.1},
    ],
    ids=str,
)
def test_same_bytes_for_any_number_of_threads(options, monkeypatch):
    """Blocks of 512: 2,000 chains and rows are 8 tasks. The threshold is lowered, so that helpers come."""
    from fastebm._runtime import team

    opened = []
    open_ = team.submit
    monkeypatch.setattr(team, "submit", lambda f, n: opened.append(n) or open_(f, n))
    energy = fe.WellMixture(6, 3, theta=np.sin(np.arange(43.0)))
    x = np.random.default_rng(1).normal(size=(3000, 3))
    trainer = CD(
        energy, fe.MALA(0.02), n_updates=25, n_steps=20, n_chains=2000, batch_size=2000,
        global_move=fe.MixtureMH([1.0, 1.0], np.ones((2, 3)) * [[1.0], [-1.0]], np.ones((2, 3))), **options,
    )  # fmt: skip
    one = trainer.fit(x, seed=5, n_threads=1, diagnose=False)
    assert not opened
    for n in (2, 3, 8):
        many = trainer.fit(x, seed=5, n_threads=n, diagnose=False)
        assert_array_equal(many.history, one.history)
        assert_array_equal(many.theta, one.theta)
        assert_array_equal(many.buffer.states, one.buffer.states)
        assert_array_equal(many.log_weights, one.log_weights)
        assert many.acceptance_rate == one.acceptance_rate
    assert opened == [1, 2, 7]


def test_an_exception_on_a_helper_arrives_as_itself():
    class Mine(Exception):
        pass

    calls = []

    def grad(X, theta):
        calls.append(len(X))
        if len(calls) > 60:
            raise Mine("mine")
        return 2 * theta[0] * X

    energy = fe.PythonEnergy(
        lambda X, theta: theta[0] * (X**2).sum(axis=1),
        grad,
        500,
        param_grad=lambda X, theta: (X**2).sum(axis=1, keepdims=True),
        theta=[1.0],
    )
    x = np.random.default_rng(1).normal(size=(1200, 500))
    trainer = CD(energy, fe.MALA(0.01), global_move=None, n_chains=1200, batch_size=1200, n_updates=50)
    for _ in range(3):
        calls.clear()
        with pytest.raises(Mine, match="mine"):
            trainer.fit(x, seed=1, n_threads=4)
        assert energy.take_failure() is None
    with pytest.raises(ValueError, match="n_threads must be at least 1"):
        trainer.fit(x, n_threads=0)
