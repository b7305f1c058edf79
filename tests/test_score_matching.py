"""Score matching: where it ends, what it cannot see, and that a run is a run like those of the other trainer."""

import copy
import inspect
import os
import pickle

import numpy as np
import pytest
from interrupts import ctrl_c
from scipy import stats as scipy_stats
from stats import Z_LIMIT

import fastebm as fe
from fastebm._runtime.errors import TrainingError, TrainingInterrupted
from fastebm.storage import archive

SM = fe.ScoreMatching
LAW = fe.Gaussian([1.0, 0.0], [[2.0, 0.6], [0.6, 0.5]])
NEAR = fe.WellMixture.from_mixture([0.6, 0.4], [[-0.8, 0.0], [0.8, 0.5]], [[0.5, 0.6], [0.5, 0.5]])
APART = fe.WellMixture.from_mixture([0.7, 0.3], [[-3.0, 0.0], [3.0, 0.0]], [[0.5, 0.7], [0.6, 0.5]])
X = NEAR.exact_sample(600, seed=1)
N = 60
METHODS = {
    "denoising": {"noise_std": 0.3},
    "one draw": {"noise_std": 0.3, "n_draws": 1, "optimizer": "sgd", "learning_rate": 0.05},
    "odd draws": {
        "noise_std": 0.3,
        "n_draws": 3,
        "schedule": "cosine",
        "warm_up": 5,
        "clip_norm": 1.0,
        "ema": 0.9,
    },
    "sliced": {"method": "sliced", "n_draws": 2, "l2": 1e-3, "theta_bounds": (-3.0, 3.0)},
}
methods = pytest.mark.parametrize("options", METHODS.values(), ids=METHODS)


def wells():
    return fe.WellMixture.from_mixture([0.5, 0.5], [[-1.0, 0.0], [1.0, 0.0]], [[0.8, 0.8], [0.8, 0.8]])


def codes(result):
    return [w.code for w in result.warnings]


def same(a, b):
    assert a.theta.tobytes() == b.theta.tobytes()
    assert a.history.tobytes() == b.history.tobytes()
    assert a.energy == b.energy


# ---- where it ends ----


def test_denoising_ends_at_the_data_and_the_noise():
    # Around the optimum of n rows, mean and variance + s^2, the mean over N noisy rows has the error of an M-estimator:
    # at the optimum the residual (x~ - m) / t^2 - z / s, t^2 = v + s^2, is independent of x~ and has variance
    # 1 / s^2 - 1 / t^2.
    s, updates, batch = 0.4, 4000, 256
    x = fe.Gaussian(0.5, 1.0).exact_sample(2000, seed=4)
    t2, n = x.var() + s * s, updates // 2 * batch
    trainer = SM(
        fe.Gaussian(x.mean(), t2),
        noise_std=s,
        n_draws=1,
        n_updates=updates,
        batch_size=batch,
        optimizer="sgd",
        learning_rate=0.02,
    )
    fit = trainer.fit(x, seed=4).energy
    spread = (1.0 / s**2 - 1.0 / t2) / n
    error = t2 * np.sqrt(t2 * spread)
    assert abs(fit.mean[0] - x.mean()) < Z_LIMIT * t2 * np.sqrt(spread)
    assert abs(fit.covariance[0, 0] - t2) < Z_LIMIT * error
    # The controls: noise of another size, and none.
    assert abs(fit.covariance[0, 0] - (x.var() + (1.1 * s) ** 2)) > Z_LIMIT * error
    assert abs(fit.covariance[0, 0] - x.var()) > Z_LIMIT * error


def test_denoising_with_any_covariance():
    x = LAW.exact_sample(4000, seed=1)
    result = SM(fe.Gaussian([0.0, 0.0]), noise_std=0.3).fit(x, seed=2)
    expected = fe.Gaussian.fit(x).covariance + 0.09 * np.eye(2)
    assert np.abs(result.energy.covariance - expected).max() < 0.03
    assert np.abs(result.energy.covariance - expected + 0.09 * np.eye(2)).max() > 0.06
    assert result.warnings == [] and result.not_checked == []


def test_slices_end_at_maximum_likelihood():
    # In one dimension there is one direction, and all rows in every update leave no noise at all.
    x = fe.Gaussian(0.5, 1.0).exact_sample(500, seed=1)
    options = {"method": "sliced", "n_updates": 2000, "batch_size": 500, "average": 0.0}
    fit = SM(fe.Gaussian(0.0, 2.0), optimizer="sgd", learning_rate=0.1, **options).fit(x, seed=1).energy
    assert abs(fit.covariance[0, 0] - x.var()) < 1e-7 and abs(fit.mean[0] - x.mean()) < 1e-7
    x = LAW.exact_sample(4000, seed=1)
    fit = SM(fe.Gaussian([0.0, 0.0]), method="sliced").fit(x, seed=2).energy
    assert np.abs(fit.covariance - fe.Gaussian.fit(x).covariance).max() < 0.02


@pytest.mark.parametrize(
    ("options", "lost"),
    [({"noise_std": 0.1}, 0.002), ({"method": "sliced"}, 0.001)],
    ids=["denoising", "sliced"],
)
def test_wells_that_overlap(options, lost):
    x = NEAR.exact_sample(4000, seed=3)
    best = fe.initial_wells(x, 2, seed=1).log_prob(x).mean()
    result = SM(wells(), n_updates=3000, **options).fit(x, seed=2)
    assert best - result.energy.log_prob(x).mean() < lost
    assert result.warnings == []
    assert best - wells().log_prob(x).mean() > 0.1


def test_wells_that_do_not_overlap_keep_the_shares_of_the_start():
    x = APART.exact_sample(3000, seed=11)
    for share in (0.2, 0.5, 0.8):
        start = fe.WellMixture.from_mixture([share, 1 - share], APART.means_, APART.stds_)
        result = SM(start, noise_std=0.3, optimizer="sgd", learning_rate=0.02).fit(x, seed=1)
        fit = result.energy
        # What it can see is right: its slopes. The masses are those of the start.
        assert np.abs(fit.means_ - APART.means_).max() < 0.1
        assert np.abs(fit.stds_ - np.sqrt(APART.stds_**2 + 0.09)).max() < 0.05
        assert abs(fit.weights_[0] - share) < 0.05
        (warning,) = [w for w in result.warnings if w.code == "mode_weights_not_identified"]
        assert warning.severity == "error" and "noise_ladder" in warning.advice
    # Contrastive divergence sees them.
    result = fe.ContrastiveDivergence(start).fit(x, seed=1)
    assert abs(result.energy.weights_[0] - 0.7) < 0.03


def test_groups_are_seen_where_the_energy_does_not_know_its_modes():
    machine = fe.GaussianBernoulliRBM(2, 3)
    x = APART.exact_sample(2000, seed=1)
    result = SM(machine, noise_std=0.3, n_updates=3000).fit(x, seed=1)
    assert "mode_weights_not_identified" in codes(result)
    assert "mode_weights_not_identified" not in codes(SM(machine, noise_std=2.0).fit(x, seed=1))
    near = NEAR.exact_sample(2000, seed=1)
    assert codes(SM(machine, noise_std=0.3, n_updates=3000).fit(near, seed=1)) == []
    result = SM(machine, method="sliced", n_updates=3000).fit(near, seed=1)
    assert codes(result) == [] and "shares of modes" in result.not_checked[0]


# ---- what the checks say ----


def test_good_fits_are_left_alone():
    for seed in range(10):
        x = NEAR.exact_sample(1000, seed=seed)
        for options in ({"noise_std": 0.3}, {"method": "sliced"}):
            result = SM(fe.initial_wells(x, 2, seed=1), **options).fit(x, seed=seed)
            assert codes(result) == [], (seed, options)


@pytest.mark.parametrize(
    ("energy", "options", "code"),
    [
        (fe.Gaussian([5.0, 0.0]), {"n_updates": 100, "learning_rate": 0.01}, "under_training"),
        (fe.Gaussian([5.0, 0.0]), {"n_updates": 100, "learning_rate": 0.01}, "score_error"),
        (LAW, {"learning_rate": 3.0, "average": 0.0, "n_updates": 200}, "learning_rate"),
        (fe.Gaussian([0.0, 0.0]), {"theta_bounds": (-0.1, 0.1)}, "at_bound"),
    ],
)
def test_bad_fits_are_told(energy, options, code):
    x = LAW.exact_sample(2000, seed=3)
    result = SM(energy, noise_std=0.3, **options).fit(x, seed=1)
    assert code in codes(result)
    assert code in [w.code for w in fe.diagnose(result, x)]
    with pytest.raises(fe.UntrustedFitError):
        SM(energy, noise_std=0.3, **options).fit(x, seed=1, strict=True)


def test_what_was_not_checked_is_told():
    assert "under-training" in SM(wells(), noise_std=0.3, n_updates=5).fit(X, seed=1).not_checked[0]
    assert SM(wells(), noise_std=0.3, n_updates=5).fit(X, seed=1, diagnose=False).not_checked
    with pytest.raises(ValueError, match="needs X"):
        fe.diagnose(SM(wells(), noise_std=0.3, n_updates=5).fit(X, seed=1))


def test_score_error():
    x = fe.Gaussian(0.0, 1.0).exact_sample(3000, seed=1)
    wide = fe.Gaussian(0.0, 1.25)
    assert fe.score_error(wide, x, 0.5, score=wide.score, seed=1) == 0.0
    assert 0.0 < fe.score_error(wide, x, 0.5, seed=1) < 0.1
    # Without the noise's width the slope is 1.25 times what it should be.
    assert abs(fe.score_error(fe.Gaussian(0.0, 1.0), x, 0.5, score=wide.score, seed=1) - 0.25) < 1e-12
    flat = fe.PythonEnergy(lambda X: np.zeros(len(X)), lambda X: np.zeros(X.shape))
    assert fe.score_error(flat, x, 0.5, seed=1) == 1.0
    for change, error in (
        ({"noise_std": 0.0}, ValueError),
        ({"n": 0}, ValueError),
        ({"score": 3}, TypeError),
        ({"score": lambda x: x[:-1]}, ValueError),
        ({"X": np.zeros((3, 2))}, ValueError),
        ({"energy": None}, TypeError),
    ):
        with pytest.raises(error):
            fe.score_error(**({"energy": wide, "X": x, "noise_std": 0.5} | change))


# ---- bytes ----


@methods
def test_threads_do_not_matter(options):
    # Several blocks of rows, and several pairs of draws.
    x = NEAR.exact_sample(1700, seed=2)
    trainer = SM(fe.WellMixture(3, 2), n_updates=20, batch_size=1500, **options)
    one = trainer.fit(x, seed=5, n_threads=1)
    for n_threads in (2, 3, 7):
        same(trainer.fit(x, seed=5, n_threads=n_threads), one)
    with pytest.raises(AssertionError):
        same(trainer.fit(x, seed=6), one)


def test_noise_depends_on_update_draw_and_row():
    # Losses of an energy without a slope are |z|^2 / 2 s^2: chi-squared in every update, and never the same twice.
    flat = fe.PythonEnergy(
        lambda X, theta: np.zeros(len(X)),
        lambda X, theta: np.zeros(X.shape),
        3,
        param_grad=lambda X, theta: np.zeros((len(X), 1)),
        theta=[0.0],
    )
    x = np.random.default_rng(1).normal(size=(700, 3))
    for draws, df in ((1, 2100), (2, 2100), (3, 4200)):
        result = SM(flat, noise_std=0.5, n_draws=draws, n_updates=400, batch_size=700).fit(
            x, seed=draws, diagnose=False
        )
        # Pairs share their |z|^2: of three draws, one pair counts twice.
        z2 = result.history["loss"] * 2 * 0.25 * 700
        variance = 2 * df / 9 * (2**2 + 1**2) / 2 if draws == 3 else 2.0 * df
        assert abs(z2.mean() - 2100) < Z_LIMIT * np.sqrt(variance / 400)
        ratio = z2.var(ddof=1) / variance * 399
        assert 5e-7 < scipy_stats.chi2.cdf(ratio, 399) < 1 - 5e-7
        assert len(np.unique(z2)) == 400


# ---- a run ----


def stop_after(update):
    return lambda state: state.update == update


@methods
def test_resumed_is_uninterrupted(tmp_path, options):
    path = tmp_path / "run.npz"
    trainer = SM(wells(), n_updates=N, **options)
    whole = trainer.fit(X, seed=3)
    for stop in (0, 29, N - 2):
        part = trainer.fit(X, seed=3, checkpoint=path, checkpoint_every=20, callback=stop_after(stop))
        assert len(part.history) == stop + 1
        same(SM.resume(path, X), whole)
    same(trainer.fit(X, seed=3, checkpoint=path, checkpoint_every=7), whole)
    assert os.listdir(tmp_path) == [path.name]


def test_a_lost_piece_of_state_is_seen(tmp_path):
    path = tmp_path / "run.npz"
    trainer = SM(wells(), noise_std=0.3, n_updates=N, average=1.0)
    whole = trainer.fit(X, seed=3)
    for lost in (("optimiser", "first"), ("optimiser", "theta"), ("history", "rows")):
        trainer.fit(X, seed=3, checkpoint=path, callback=stop_after(30))
        tree, arrays = archive.read(path)
        name = tree["fields"]["state"][lost[0]][lost[1]]["name"]
        arrays[name] = np.zeros_like(arrays[name])
        archive.write(path, tree, arrays)
        with pytest.raises(AssertionError):
            same(SM.resume(path, X), whole)


def test_what_cannot_be_resumed(tmp_path):
    path = tmp_path / "run.npz"
    SM(wells(), noise_std=0.3, n_updates=5).fit(X, seed=3, checkpoint=path)
    with pytest.raises(ValueError, match="not the data of the run"):
        SM.resume(path, X[:-1])
    with pytest.raises(fe.ModelFileError, match=r"use ScoreMatching\.resume"):
        fe.ContrastiveDivergence.resume(path, X)
    for where, value in ((("update",), 99), (("update",), -1), (("optimiser", "averaged"), 99)):
        tree, arrays = archive.read(path)
        inner = tree["fields"]["state"]
        for key in where[:-1]:
            inner = inner[key]
        inner[where[-1]] = value
        archive.write(tmp_path / "bad.npz", tree, arrays)
        with pytest.raises(fe.ModelFileError, match="damaged"):
            SM.resume(tmp_path / "bad.npz", X)
    fe.ContrastiveDivergence(wells(), n_updates=5).fit(X, seed=3, checkpoint=path, diagnose=False)
    with pytest.raises(fe.ModelFileError, match=r"use ContrastiveDivergence\.resume"):
        SM.resume(path, X)


def test_ctrl_c_keeps_what_was_done(tmp_path):
    path = tmp_path / "run.npz"
    trainer = SM(wells(), noise_std=0.3, n_updates=50_000, trace_theta=False)
    caught, waited = ctrl_c(lambda: trainer.fit(X, seed=3, checkpoint=path), TrainingInterrupted)
    assert waited < 1.0
    done = len(caught.result.history)
    assert 0 < done < 50_000 and trainer.last_result is caught.result
    assert "last good theta" in str(caught) and "buffer" not in str(caught)
    part = SM.resume(path, X, callback=stop_after(done + 10))
    assert part.history[:done].tobytes() == caught.result.history.tobytes()


def test_what_is_not_finite_stops_it():
    bell = fe.PythonEnergy(
        lambda X, theta: 0.5 * theta[0] * (X**2).sum(axis=1),
        lambda X, theta: theta[0] * X,
        2,
        param_grad=lambda X, theta: 0.5 * (X**2).sum(axis=1, keepdims=True),
        theta=[1.0],
    )
    trainer = SM(bell, noise_std=0.3, n_updates=200, optimizer="sgd", learning_rate=1e200)
    with pytest.raises(TrainingError, match="loss, its gradient or theta is not finite") as caught:
        trainer.fit(X, seed=1)
    error = caught.value
    assert error.buffer is None and np.isfinite(error.theta).all() and np.isfinite(error.result.theta).all()
    assert len(error.result.history) == error.update


def test_an_error_of_the_energy_is_raised_as_itself():
    def broken(X, theta):
        raise ZeroDivisionError("mine")

    energy = fe.PythonEnergy(
        lambda X, theta: X[:, 0], lambda X, theta: np.ones(X.shape), param_grad=broken, theta=[1.0]
    )
    for n_threads in (1, 3):
        with pytest.raises(ZeroDivisionError, match="mine"):
            SM(energy, noise_std=0.1).fit(np.linspace(0, 1, 50), n_threads=n_threads)


def test_callback_sees_every_update():
    seen = []
    result = SM(wells(), noise_std=0.3, n_updates=7).fit(X, seed=1, callback=seen.append)
    assert [s.update for s in seen] == list(range(7))
    assert [s.loss for s in seen] == result.history["loss"].tolist()
    assert seen[-1].theta.shape == result.theta.shape
    assert np.array_equal(result.history["theta"][1:], [s.theta for s in seen[:-1]])
    same(result, SM(wells(), noise_std=0.3, n_updates=7).fit(X, seed=1))


def test_energy_and_data_are_not_touched():
    start, x = wells(), X.copy()
    theta = start.theta
    SM(start, noise_std=0.3, n_updates=5).fit(x, seed=1)
    assert np.array_equal(start.theta, theta) and np.array_equal(x, X)


def test_thinned_trace():
    trainer = SM(wells(), noise_std=0.3, n_updates=3000)
    full, thin = trainer.fit(X, seed=1), trainer.replace(trace_theta=False).fit(X, seed=1)
    assert "theta" not in thin.history.dtype.names and thin.theta_steps[-1] == 2999
    assert np.array_equal(full.theta_trace[thin.theta_steps], thin.theta_trace)


def test_saved_and_loaded(tmp_path):
    for trace in (True, False):
        result = SM(wells(), noise_std=0.3, n_updates=20, trace_theta=trace).fit(X, seed=1)
        fe.save(tmp_path / "fit.npz", result)
        back = fe.load(tmp_path / "fit.npz")
        same(result, back)
        assert np.array_equal(result.theta_trace, back.theta_trace)
        assert (back.warnings, back.not_checked) == (result.warnings, result.not_checked)
        assert back.settings["noise_std"] == 0.3 and repr(back) == repr(result)


# ---- settings ----


def test_settings_are_frozen_and_checked_together():
    trainer = SM(wells(), noise_std=0.3)
    assert (trainer.n_draws, trainer.replace(method="sliced", noise_std=None).n_draws) == (2, 1)
    with pytest.raises(AttributeError, match=r"use trainer\.replace"):
        trainer.noise_std = 0.2
    with pytest.raises(AttributeError, match="no attribute 'n_chains'"):
        _ = trainer.n_chains
    assert trainer.get_params().keys() == inspect.signature(SM).parameters.keys()
    for twin in (copy.copy(trainer), pickle.loads(pickle.dumps(trainer))):
        same(twin.fit(X, seed=1), trainer.fit(X, seed=1))
    assert "noise_std=0.3" in repr(trainer) and "noise" not in repr(SM(wells(), method="sliced"))


BAD = {
    "noise missing": ({"noise_std": None}, ValueError, "needs noise_std"),
    "noise zero": ({"noise_std": 0.0}, ValueError, "noise_std must be greater than 0"),
    "noise nan": ({"noise_std": np.nan}, ValueError, "noise_std must be finite"),
    "noise text": ({"noise_std": "a"}, TypeError, "noise_std"),
    "noise of slices": ({"method": "sliced"}, ValueError, "belongs to method='denoising'"),
    "method": ({"method": "exact"}, ValueError, "'denoising', 'sliced'"),
    "draws": ({"n_draws": 0}, ValueError, "n_draws must be at least 1"),
    "too many numbers": ({"n_draws": 2**10, "n_updates": 2**31}, ValueError, "below 2"),
    "updates": ({"n_updates": -1}, ValueError, "n_updates"),
    "batch": ({"batch_size": 0}, ValueError, "batch_size"),
    "rate": ({"learning_rate": 0.0}, ValueError, "learning_rate"),
    "optimizer": ({"optimizer": "lbfgs"}, ValueError, "optimizer"),
    "l2": ({"l2": -1.0}, ValueError, "l2 must not be negative"),
    "bounds": ({"theta_bounds": (1.0, -1.0)}, ValueError, "reversed"),
    "trace": ({"trace_theta": 3}, ValueError, "trace_theta"),
    "option": ({"n_chains": 3}, TypeError, "no option 'n_chains'; it has augment, average"),
    "no parameters": ({"energy": fe.DoubleWell(2)}, ValueError, "no parameters to train"),
    "walls": ({"energy": wells() + fe.Box([-3, -3], [3, 3])}, ValueError, "has walls"),
    "no energy": ({"energy": 3}, TypeError, "must be an Energy"),
}


@pytest.mark.parametrize("bad", BAD)
def test_bad_settings(bad):
    change, error, match = BAD[bad]
    with pytest.raises(error, match=match):
        SM(**({"energy": wells(), "noise_std": 0.3} | change))


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"X": X[:, :1]}, ValueError, "X must have shape"),
        ({"X": np.full((5, 2), np.nan)}, ValueError, "not finite"),
        ({"X": np.full((5, 2), 1e200)}, ValueError, "overflow"),
        ({"X": np.empty((0, 2))}, ValueError, "empty"),
        ({"seed": "a"}, TypeError, "seed"),
        ({"callback": 3}, TypeError, "callback"),
        ({"n_threads": 0}, ValueError, "n_threads"),
        ({"strict": True, "diagnose": False}, ValueError, "strict"),
        ({"checkpoint": "/nowhere/at/all.npz"}, OSError, None),
    ],
)
def test_bad_fits(change, error, match):
    with pytest.raises(error, match=match):
        SM(wells(), noise_std=0.3, n_updates=3).fit(**({"X": X, "seed": 1} | change))


def test_a_batch_larger_than_the_data():
    with pytest.raises(ValueError, match="batch_size=601 is larger"):
        SM(wells(), noise_std=0.3, batch_size=601).fit(X)


def test_no_updates_and_one_row():
    result = SM(wells(), noise_std=0.3, n_updates=0).fit(X[:1], seed=1)
    assert np.array_equal(result.theta, wells().theta) and len(result.history) == 0
    assert len(SM(wells(), noise_std=0.3, n_updates=3).fit(X[:1], seed=1).history) == 3


def test_certificate_of_the_fitted_energy():
    result = SM(wells(), noise_std=0.3, n_updates=20).fit(X, seed=1)
    found = result.certificate(X[:200])
    assert found.trusted and found.lower == pytest.approx(result.energy.log_prob(X[:200]).mean(), abs=1e-9)
    network = fe.NetworkEnergy.mlp(3, hidden=(4,))
    far = SM(network, noise_std=0.3, n_updates=5).fit(np.random.default_rng(1).normal(size=(100, 3)), seed=1)
    with pytest.raises(ValueError, match="give chains"):
        far.certificate(np.zeros((20, 3)))
