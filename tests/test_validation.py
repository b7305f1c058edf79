"""Held-out rows during training: log Z along the run against the exact one, early stopping, exact resume."""

from __future__ import annotations

import copy

import numpy as np
import pytest
from networks import network, ring
from numpy.testing import assert_array_equal
from scipy.special import logsumexp

import fastebm as fe
from fastebm.training import weights
from fastebm.training.tracking import CHAINS, Tracker, exact_move

CD = fe.ContrastiveDivergence


# ---- the arithmetic ----


def test_weights_are_those_of_numpy():
    rng = np.random.default_rng(1)
    for n in (1, 7, 1000):
        v = 30.0 * rng.normal(size=n)
        assert weights.mean(v) == pytest.approx(v.mean(), rel=1e-12)
        assert weights.spread(v) == pytest.approx(v.std(), rel=1e-12, abs=1e-12)
        assert weights.log_mean_exp(v) == pytest.approx(logsumexp(v) - np.log(n), rel=1e-13)
        w = np.exp(v - v.max())
        assert weights.effective_share(v) == pytest.approx(w.sum() ** 2 / (w**2).sum() / n, rel=1e-12)
        places = weights.systematic(v, 0.5)
        counts = np.bincount(places, minlength=n)
        assert (np.abs(counts - n * w / w.sum()) < 1.0).all() and (np.diff(places) >= 0).all()


# ---- log Z ----

D = 10
TARGET = fe.Gaussian(np.full(D, 0.5), np.diag(np.linspace(0.15, 0.4, D)))


def followed(seed, sign=1.0, n_steps=3):
    """(error of log Z in its standard errors, error) after 300 updates towards TARGET, which log Z is exact on."""
    start = fe.Gaussian(np.zeros(D))
    tracker = Tracker(
        start, exact_move(fe.MALA(0.05), n_steps, None, 0), start.exact_sample(CHAINS, seed), [seed, 1], True
    )
    trackers = [tracker]
    x = TARGET.exact_sample(1000, seed=seed + 50)

    def follow(state):
        if state.update % 10 == 9:
            trackers[0] = trackers[0].to(state.theta)

    run = CD(start, fe.MALA(0.05), global_move=None, n_updates=300, optimizer="adam", learning_rate=0.02)
    run.fit(x, seed=seed, callback=follow, diagnose=False)
    tracker = trackers[0]
    exact = tracker.energy.log_partition() - start.log_partition()
    return (sign * tracker.value - exact) / tracker.error, sign * tracker.value - exact, exact


def test_log_z_is_that_of_the_closed_form():
    z = [followed(seed)[0] for seed in range(4)]
    assert abs(np.sum(z)) / 2.0 < 5.0 and np.abs(z).max() < 6.0
    # The control: a change of the wrong sign.
    assert abs(followed(0, -1.0)[0]) > 6.0


def test_chains_that_lag_behind_do_not_bias_it():
    """One small step for each evaluation, and no error beyond the weights' own."""
    z, error, exact = followed(9, n_steps=1)
    assert abs(z) < 6.0 and abs(exact) > 0.3 and abs(error) < 2.0


def test_chains_that_drive_theta_are_no_measure():
    """What the tracker is for: with the trainer's own chains, log Z of the same kind of run drifts by nats."""
    start = fe.Gaussian(np.zeros(D))
    x, theta = start.exact_sample(256, 1), start.theta
    data, here, rng, log_z = (
        TARGET.exact_sample(1000, seed=1),
        copy.copy(start),
        np.random.default_rng(1),
        0.0,
    )
    first = second = 0.0
    for t in range(300):
        here.theta = theta
        x = fe.MALA(0.05).sample(here, x, 3, seed=[1, t])
        g = here.mean_param_grad(data[rng.choice(1000, 256, replace=False)]) - here.mean_param_grad(x)
        first, second = 0.9 * first + 0.1 * g, 0.999 * second + 0.001 * g * g
        step = first / (1 - 0.9 ** (t + 1)) / (np.sqrt(second / (1 - 0.999 ** (t + 1))) + 1e-8)
        theta = theta - 0.02 * step
        after = copy.copy(here)
        after.theta = theta
        log_z += weights.log_mean_exp(here.energy(x) - after.energy(x))
    here.theta = theta
    assert log_z - (here.log_partition() - start.log_partition()) < -2.0


def test_a_sampler_that_is_not_exact_is_replaced():
    move = exact_move(fe.SGLD(0.02, noise_std=0.05, bounds=(-3, 3)), 4, fe.SGLD(0.1), 1)
    assert move.parts == ((fe.MALA(0.02), 4),)
    mixed = exact_move(fe.MALA(0.02), 0, fe.IndependenceMH(-3, 3), 2)
    assert mixed.parts == ((fe.MALA(0.02), 1), (fe.IndependenceMH(-3, 3), 2)) and mixed.exact_at == 1.0


def test_without_a_closed_form():
    """A network in the plane, against quadrature."""
    energy, x, held_out = network(hidden=20), ring(600, 1), ring(300, 2)
    trainer = CD(energy, fe.MALA(0.04), n_updates=120, optimizer="adam", learning_rate=0.02, ema=0.9)
    run = trainer.fit(x, seed=1, X_val=held_out, eval_every=20, diagnose=False)
    v = run.validation
    assert v["update"].tolist() == [0, 20, 40, 60, 80, 100, 120] and run.best_update in v["update"]
    best = v[v["update"] == run.best_update][0]
    before, after = (fe.log_partition(e, X=x).value for e in (energy, run.energy))
    assert best["energy_val"] == pytest.approx(run.energy.energy(held_out).mean(), rel=1e-12)
    assert best["energy_train"] == pytest.approx(run.energy.energy(x).mean(), rel=1e-12)
    # The chains start at rows and settle for 100 steps: the level may be off by a little more than the error.
    assert abs(best["log_z"] - (after - before)) < 0.15 + 5.0 * best["log_z_error"]
    assert (v["log_likelihood"] == -v["energy_val"] - v["log_z"]).all()


def test_a_network_begins_at_its_base():
    """There log Z is known, so that the log-likelihood is absolute: against annealing."""
    x = np.random.default_rng(0).normal(size=(600, 3)) ** 3 / 3.0
    energy = fe.NetworkEnergy.mlp(3, hidden=(16,), base=fe.Gaussian.fit(x))
    trainer = CD(energy, fe.MALA(0.05), n_updates=60, global_move=None, optimizer="adam", learning_rate=0.01)
    run = trainer.fit(x, seed=1, X_val=x, eval_every=20, diagnose=False)
    best = run.validation[run.validation["update"] == run.best_update][0]
    known = fe.log_partition(run.energy, X=x)
    assert abs(best["log_z"] - known.value) < 6.0 * (best["log_z_error"] + known.error)


# ---- early stopping ----

ROWS = np.random.default_rng(3).normal(size=(20, 8))
HELD_OUT = np.random.default_rng(4).normal(size=(400, 8))


def overfitting(**options):
    given = {
        "n_updates": 400,
        "n_steps": 3,
        "global_move": None,
        "ema": 0.9,
        "learning_rate": 0.1,
        "n_chains": 256,
    }
    return CD(fe.Gaussian(np.full(8, 0.6), 4.0 * np.eye(8)), fe.MALA(0.1), **(given | options))


def test_the_best_is_kept_and_returned():
    trainer = overfitting()
    run = trainer.fit(ROWS, seed=1, X_val=HELD_OUT)
    v = run.validation
    assert 0 < run.best_update < 400 and len(run.history) == 400 and len(v) == 41
    assert run.best_update == v["update"][v["log_likelihood"].argmax()]
    # It is the theta that a run that ends there would return.
    ended = trainer.fit(ROWS, seed=1, callback=lambda s: s.update + 1 == run.best_update, diagnose=False)
    assert_array_equal(run.theta, ended.theta)
    assert_array_equal(run.energy.theta, run.theta)
    closed = run.energy.log_prob(HELD_OUT).mean()
    assert v["log_likelihood"].max() == pytest.approx(closed, rel=1e-12)
    last = copy.copy(run.energy)
    last.theta = trainer.fit(ROWS, seed=1, diagnose=False).theta
    assert last.log_prob(HELD_OUT).mean() < closed - 0.05
    assert not any("memorisation" in s for s in run.not_checked)
    assert "distance from the optimum: X_val chose where to stop" in run.not_checked
    assert not {w.code for w in run.warnings} & {"under_training", "biased_chains", "drift"}


def test_patience():
    trainer = overfitting()
    whole = trainer.fit(ROWS, seed=1, X_val=HELD_OUT, diagnose=False)
    run = trainer.fit(ROWS, seed=1, X_val=HELD_OUT, patience=3, eval_every=10, diagnose=False)
    assert len(run.history) < 400 and len(run.history) % 10 == 0
    scores = run.validation["log_likelihood"]
    assert scores.argmax() == len(scores) - 4
    assert_array_equal(run.validation, whole.validation[: len(scores)])
    ended = trainer.fit(ROWS, seed=1, callback=lambda s: s.update + 1 == run.best_update, diagnose=False)
    assert_array_equal(run.theta, ended.theta)


def test_looking_does_not_change_the_run():
    plain = overfitting(n_updates=60).fit(ROWS, seed=1, diagnose=False)
    looked = overfitting(n_updates=60).fit(ROWS, seed=1, X_val=HELD_OUT, eval_every=7, diagnose=False)
    assert_array_equal(plain.history, looked.history)
    assert_array_equal(plain.buffer.states, looked.buffer.states)


def test_the_noise_of_training_is_added_once():
    runs = [
        overfitting(n_updates=20, data_noise=s).fit(
            ROWS, seed=1, X_val=HELD_OUT, eval_every=5, diagnose=False
        )
        for s in (0.0, 0.5)
    ]
    start = runs[0].validation["energy_val"][0], runs[1].validation["energy_val"][0]
    # E = (x - m)^2 / 8 in each of eight features: the noise adds 8 * 0.25 / 8.
    assert start[1] - start[0] == pytest.approx(0.25, abs=0.06)


# ---- exact resume ----


def same(a, b):
    assert_array_equal(a.theta, b.theta)
    assert_array_equal(a.history, b.history)
    assert_array_equal(a.validation, b.validation)
    assert a.best_update == b.best_update


def make(kind):
    if kind == "closed form":
        return overfitting(n_updates=40), ROWS, HELD_OUT
    return (
        CD(network(hidden=5), fe.MALA(0.04), n_updates=40, n_chains=64, ema=0.9),
        ring(200, 1),
        ring(100, 2),
    )


@pytest.mark.parametrize("stop", [0, 6, 7, 20, 38])
def test_resumed_is_uninterrupted(stop, tmp_path):
    trainer, x, held_out = make("closed form")
    look = {"X_val": held_out, "eval_every": 7, "diagnose": False}
    whole = trainer.fit(x, seed=1, n_threads=1, **look)
    same(trainer.fit(x, seed=1, n_threads=2, **look), whole)
    path = tmp_path / "run"
    trainer.fit(x, seed=1, checkpoint=path, checkpoint_every=5, callback=lambda s: s.update == stop, **look)
    same(CD.resume(path, x, X_val=held_out), whole)


@pytest.mark.parametrize("stop", [0, 7, 21, 38])
def test_resumed_with_chains_that_follow(stop, tmp_path):
    # A sum that has no closed log Z, so that chains follow it.
    energy = fe.Gaussian(np.zeros(3)) + fe.DoubleWell(3)
    trainer = CD(energy, fe.MALA(0.02), n_updates=40, global_move=None, ema=0.9, learning_rate=0.01)
    x, held_out = 0.5 + 2.0 * ROWS[:, :3], HELD_OUT[:, :3]
    look = {"X_val": held_out, "eval_every": 7}
    whole = trainer.fit(x, seed=1, diagnose=False, **look)
    assert whole.validation["log_z_error"][-1] > 0
    path = tmp_path / "run"
    trainer.fit(
        x,
        seed=1,
        checkpoint=path,
        checkpoint_every=3,
        callback=lambda s: s.update == stop,
        diagnose=False,
        **look,
    )
    same(CD.resume(path, x, X_val=held_out), whole)


def test_a_lost_piece_is_seen(tmp_path):
    from fastebm.storage import archive

    trainer, x, held_out = make("closed form")
    look = {"X_val": held_out, "eval_every": 7, "diagnose": False}
    whole = trainer.fit(x, seed=1, **look)
    path = tmp_path / "run"
    trainer.fit(x, seed=1, checkpoint=path, callback=lambda s: s.update == 20, **look)
    tree, arrays = archive.read(path)
    tree["fields"]["validation"]["best_update"] = 3
    tree["fields"]["validation"]["rows"] = None
    archive.write(path, tree, arrays)
    with pytest.raises(fe.ModelFileError, match="damaged"):
        CD.resume(path, x, X_val=held_out)
    assert whole.best_update != 3


def test_the_held_out_rows_must_be_those_of_the_run(tmp_path):
    trainer, x, held_out = make("closed form")
    with_, without = tmp_path / "with", tmp_path / "without"
    stop = {"callback": lambda s: s.update == 9, "diagnose": False}
    trainer.fit(x, seed=1, X_val=held_out, checkpoint=with_, **stop)
    trainer.fit(x, seed=1, checkpoint=without, **stop)
    with pytest.raises(ValueError, match="looks at held-out rows: give them to resume as X_val"):
        CD.resume(with_, x)
    with pytest.raises(ValueError, match="X_val is not theirs"):
        CD.resume(with_, x, X_val=held_out + 1e-9)
    with pytest.raises(ValueError, match="looks at no held-out rows"):
        CD.resume(without, x, X_val=held_out)


def test_a_result_is_saved(tmp_path):
    run = overfitting(n_updates=20).fit(ROWS, seed=1, X_val=HELD_OUT, diagnose=False)
    fe.save(tmp_path / "run", run)
    same(fe.load(tmp_path / "run"), run)


# ---- what goes wrong ----


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        ({"patience": 3}, ValueError, "patience=3 needs X_val"),
        ({"eval_every": 3}, ValueError, "eval_every=3 needs X_val"),
        ({"X_val": HELD_OUT, "patience": 0}, ValueError, "patience must be at least 1"),
        ({"X_val": HELD_OUT, "eval_every": 1.5}, TypeError, "eval_every must be an integer"),
        ({"X_val": HELD_OUT[:, :3]}, ValueError, r"X_val must have shape \(n_samples, 8\)"),
        ({"X_val": HELD_OUT * np.nan}, ValueError, r"X_val\[0, 0\] = nan is not finite"),
    ],
)
def test_bad_arguments(bad, error, message):
    with pytest.raises(error, match=message):
        overfitting().fit(ROWS, **bad)


def test_an_evaluation_that_is_not_finite_names_the_update():
    """The energy overflows at held-out rows, which training never sees, once theta has grown."""

    def energy(X, theta):
        with np.errstate(over="ignore"):
            return 0.5 * (X**2).sum(axis=1) + np.where(
                X[:, 0] > 50, np.exp(2000.0 * abs(theta[0])), theta[0] * X[:, 0]
            )

    one = fe.PythonEnergy(
        energy,
        lambda X, theta: X + theta[0] * np.eye(2)[0],
        2,
        param_grad=lambda X, theta: X[:, :1],
        theta=[0.0],
    )
    x = np.random.default_rng(1).normal(size=(200, 2)) + 1.0
    trainer = CD(one, fe.MALA(0.1), n_updates=100, n_chains=64, average=0.0, learning_rate=0.05)
    with pytest.raises(fe.TrainingError, match=r"evaluation after update .*last good theta") as caught:
        trainer.fit(x, seed=1, X_val=[[100.0, 0.0]], eval_every=10, diagnose=False)
    error = caught.value
    assert 0 < error.update < 100 and error.update % 10 == 0 and len(error.result.history) == error.update
    good = trainer.replace(n_updates=error.update).fit(x, seed=1, diagnose=False)
    assert_array_equal(error.theta, good.theta)
