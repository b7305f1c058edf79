"""Stop training anywhere, resume, and get the bytes of the run that was never stopped."""

import errno
import os
import subprocess
import sys
import time

import numpy as np
import pytest
from interrupts import ctrl_c

import fastebm as fe
from fastebm._runtime.errors import TrainingError, TrainingInterrupted
from fastebm.storage import archive

TRUTH = fe.WellMixture.from_mixture([0.55, 0.45], [-2.0, 1.8], [0.45, 0.55])
PLANE = fe.WellMixture.from_mixture([0.5, 0.5], [[-1.0, 0.0], [1.0, 2.0]], [[0.5, 0.6], [0.7, 0.4]])
X = TRUTH.exact_sample(400, seed=1)[:, 0]
X2 = PLANE.exact_sample(400, seed=1)
N = 60

RECIPES = {
    "default": {},
    "adam": {"optimizer": "adam"},
    "fifo, not yet full": {"buffer": "fifo", "reinit_prob": 0.3},
    "fifo, turned over": {"buffer": "fifo", "reinit_prob": 0.3, "buffer_size": 100, "n_chains": 32},
    "fifo, smaller than a batch": {"buffer": "fifo", "buffer_size": 5, "n_chains": 8},
    "fifo, of size 0": {"buffer": "fifo", "buffer_size": 0, "n_chains": 8},
    "jarzynski": {"weighting": "jarzynski", "n_chains": 24, "learning_rate": 0.4, "global_move": None},
    "reinit": {"reinit_prob": 0.2, "reinit_range": (-3.0, 3.0), "init": "uniform"},
    "clipped SGLD": {
        "sampler": fe.SGLD(0.05, noise_std=0.4, bounds=(-3.0, 3.0)),
        "theta_bounds": (-2.0, 2.0),
    },
    "penalty, last theta": {"l2": 1e-3 * np.arange(7.0), "average": 0.0, "n_steps": 3},
    "whole batch, odd steps": {"batch_size": 400, "n_steps": 1, "n_global": 3},
}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.npz"


def node(tree, where):
    """The dict that holds the last of a path of keys in a saved state."""
    inner = tree["fields"]["state"]
    for key in where[:-1]:
        inner = inner[key]
    return inner


def same(a, b):
    assert a.theta.tobytes() == b.theta.tobytes()
    assert a.history.tobytes() == b.history.tobytes()
    assert a.buffer.states.shape == b.buffer.states.shape
    assert a.buffer.states.tobytes() == b.buffer.states.tobytes()
    assert a.buffer.capacity == b.buffer.capacity
    assert a.log_weights.tobytes() == b.log_weights.tobytes()
    assert (a.energy, a.sampler, a.global_move) == (b.energy, b.sampler, b.global_move)
    for name in ("acceptance_rate", "global_acceptance_rate", "n_clipped", "effective_sample_size"):
        assert getattr(a, name) == getattr(b, name)


def stop_after(update):
    return lambda state: state.update == update


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_resumed_is_uninterrupted(path, recipe):
    trainer = fe.ContrastiveDivergence(fe.WellMixture(), n_updates=N, **recipe)
    whole = trainer.fit(X, seed=3)
    for stop in (0, 1, 29, 44, N - 2):
        part = trainer.fit(X, seed=3, checkpoint=path, checkpoint_every=20, callback=stop_after(stop))
        assert len(part.history) == stop + 1
        same(fe.ContrastiveDivergence.resume(path, X), whole)
    same(trainer.fit(X, seed=3, checkpoint=path, checkpoint_every=7), whole)


def test_in_two_dimensions(path):
    trainer = fe.ContrastiveDivergence(fe.initial_wells(X2, 3, seed=1), n_updates=N, optimizer="adam")
    whole = trainer.fit(X2, seed=3)
    trainer.fit(X2, seed=3, checkpoint=path, callback=stop_after(17))
    same(fe.ContrastiveDivergence.resume(path, X2), whole)


def test_notebook_recipe(path):
    trainer = fe.ContrastiveDivergence.notebook(n_updates=30)
    whole = trainer.fit(X, seed=3)
    trainer.fit(X, seed=3, checkpoint=path, callback=stop_after(11))
    same(fe.ContrastiveDivergence.resume(path, X), whole)


@pytest.mark.parametrize(
    "lost",
    [
        *[["optimiser", name] for name in ("first", "second", "decay1", "total", "averaged", "theta")],
        ["negatives", "chains"],
        ["history", "rows"],
        ["history", "thetas"],
        ["tallies"],
        ["key"],
    ],
    ids="-".join,
)
def test_a_piece_of_state_that_is_lost_is_seen(path, lost):
    # The control: with any one part of the state reset, the comparison above must fail.
    trainer = fe.ContrastiveDivergence(fe.WellMixture(), n_updates=N, optimizer="adam", average=1.0)
    whole = trainer.fit(X, seed=3)
    trainer.fit(X, seed=3, checkpoint=path, callback=stop_after(30))
    tree, arrays = archive.read(path)
    inner, key = node(tree, lost), lost[-1]
    if key in ("decay1", "averaged"):
        inner[key] = 1
    elif key == "key":
        inner[key] = [1, 2]
    elif key == "tallies":
        inner[key] = [[0, 0, 0], [0, 0, 0]]
    else:
        name = inner[key]["name"]
        arrays[name] = np.zeros_like(arrays[name])
    archive.write(path, tree, arrays)
    resumed = fe.ContrastiveDivergence.resume(path, X)
    with pytest.raises(AssertionError):
        same(resumed, whole)


def test_stop_resume_stop_resume(path):
    trainer = fe.ContrastiveDivergence(fe.WellMixture(), n_updates=N)
    whole = trainer.fit(X, seed=3)
    trainer.fit(X, seed=3, checkpoint=path, callback=stop_after(5))
    for stop in (6, 23, 40):
        part = fe.ContrastiveDivergence.resume(path, X, callback=stop_after(stop))
        assert len(part.history) == stop + 1
        assert part.history.tobytes() == whole.history[: stop + 1].tobytes()
    for _ in range(2):
        # The second time there is nothing left to do.
        same(fe.ContrastiveDivergence.resume(path, X), whole)


def test_a_checkpoint_changes_nothing(path):
    trainer = fe.ContrastiveDivergence(fe.WellMixture(), n_updates=N)
    same(trainer.fit(X, seed=3, checkpoint=path, checkpoint_every=1), trainer.fit(X, seed=3))
    assert os.listdir(path.parent) == [path.name]


def test_a_checkpoint_can_be_looked_at(path):
    trainer = fe.ContrastiveDivergence(fe.WellMixture(), n_updates=N)
    trainer.fit(X, seed=3, checkpoint=path, callback=stop_after(9))
    assert repr(fe.load(path)) == f"Checkpoint after 10 of {N} updates"


# ---- what is refused ----


@pytest.mark.parametrize(
    "other",
    [X[:-1], X[::-1].copy(), np.append(X[:-1], np.nextafter(X[-1], 9)), X.reshape(-1, 2)],
    ids=["fewer", "reordered", "one bit", "reshaped"],
)
def test_other_data_is_refused(path, other):
    fe.ContrastiveDivergence(fe.WellMixture(), n_updates=5).fit(X, seed=3, checkpoint=path)
    with pytest.raises(ValueError, match="not the data of the run"):
        fe.ContrastiveDivergence.resume(path, other)


def test_the_same_rows_in_another_form_are_the_same_data(path):
    trainer = fe.ContrastiveDivergence(fe.WellMixture(), n_updates=N)
    whole = trainer.fit(X, seed=3, checkpoint=path, callback=stop_after(5))
    whole = trainer.fit(X, seed=3)
    same(fe.ContrastiveDivergence.resume(path, X.reshape(-1, 1).tolist()), whole)


def test_other_files_are_refused(path):
    with pytest.raises(FileNotFoundError):
        fe.ContrastiveDivergence.resume(path, X)
    fe.save(path, TRUTH)
    with pytest.raises(fe.ModelFileError, match="WellMixture, not a checkpoint"):
        fe.ContrastiveDivergence.resume(path, X)
    path.write_bytes(b"nonsense")
    with pytest.raises(fe.ModelFileError, match="cannot load"):
        fe.ContrastiveDivergence.resume(path, X)


# Recipes that between them have every part of a state.
PARTS = {
    "fifo": {"buffer": "fifo", "reinit_prob": 0.3, "buffer_size": 100, "optimizer": "adam"},
    "weighted": {"weighting": "jarzynski", "n_chains": 64},
}


@pytest.mark.parametrize(
    ("recipe", "where", "value"),
    [
        ("fifo", ["update"], 1000),
        ("fifo", ["update"], -1),
        ("fifo", ["negatives", "ring_size"], 999),
        ("fifo", ["negatives", "ring_start"], -1),
        ("fifo", ["optimiser", "averaged"], 99),
        ("fifo", ["tallies"], [[1]]),
        ("fifo", ["tallies"], []),
        ("fifo", ["history", "every"], 0),
        ("fifo", ["key"], 3),
        ("weighted", ["tallies"], [[1, 1, 0]] * 3),
    ],
)
def test_a_state_that_does_not_fit_is_refused(path, recipe, where, value):
    fe.ContrastiveDivergence(fe.WellMixture(), n_updates=20, **PARTS[recipe]).fit(X, seed=3, checkpoint=path)
    tree, arrays = archive.read(path)
    node(tree, where)[where[-1]] = value
    archive.write(path, tree, arrays)
    with pytest.raises(fe.ModelFileError, match="damaged"):
        fe.ContrastiveDivergence.resume(path, X)


@pytest.mark.parametrize(
    ("recipe", "where"),
    [
        ("fifo", ["optimiser", "theta"]),
        ("fifo", ["optimiser", "first"]),
        ("fifo", ["optimiser", "total"]),
        ("fifo", ["negatives", "store"]),
        ("fifo", ["history", "rows"]),
        ("fifo", ["history", "thetas"]),
        ("weighted", ["negatives", "chains"]),
        ("weighted", ["negatives", "states"]),
        ("weighted", ["negatives", "log_weight"]),
    ],
)
def test_an_array_that_does_not_fit_is_refused(path, recipe, where):
    fe.ContrastiveDivergence(fe.WellMixture(), n_updates=20, **PARTS[recipe]).fit(X, seed=3, checkpoint=path)
    tree, arrays = archive.read(path)
    entry = node(tree, where)[where[-1]]["name"]
    for wrong in (arrays[entry][:-1], arrays[entry].astype(np.float32)):
        archive.write(path, tree, arrays | {entry: wrong})
        with pytest.raises(fe.ModelFileError, match="damaged"):
            fe.ContrastiveDivergence.resume(path, X)


@pytest.mark.parametrize(("every", "error"), [(0, ValueError), (-3, ValueError), (1.5, TypeError)])
def test_bad_interval(path, every, error):
    with pytest.raises(error, match="checkpoint_every"):
        fe.ContrastiveDivergence(fe.WellMixture(), n_updates=5).fit(
            X, checkpoint=path, checkpoint_every=every
        )


def test_unwritable_checkpoint_is_an_error_before_training(tmp_path):
    trainer = fe.ContrastiveDivergence(fe.WellMixture(), n_updates=5)
    with pytest.raises(FileNotFoundError, match="cannot write"):
        trainer.fit(X, checkpoint=tmp_path / "nowhere" / "run.npz")
    assert trainer.last_result is None


def test_a_full_disk_loses_nothing(path, monkeypatch):
    trainer = fe.ContrastiveDivergence(fe.WellMixture(), n_updates=N)
    whole = trainer.fit(X, seed=3)

    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    def fill_later(state):
        if state.update == 30:
            monkeypatch.setattr(archive.os, "fsync", full)

    with pytest.raises(OSError, match="No space left"):
        trainer.fit(X, seed=3, checkpoint=path, checkpoint_every=20, callback=fill_later)
    monkeypatch.undo()
    assert len(trainer.last_result.history) == 40
    assert os.listdir(path.parent) == [path.name]
    same(fe.ContrastiveDivergence.resume(path, X), whole)


# ---- Ctrl-C, errors and kills ----


def test_keyboard_interrupt_in_the_callback(path):
    trainer = fe.ContrastiveDivergence(fe.WellMixture(), n_updates=N)
    whole = trainer.fit(X, seed=3)

    def interrupt(state):
        if state.update == 12:
            raise KeyboardInterrupt

    with pytest.raises(TrainingInterrupted) as caught:
        trainer.fit(X, seed=3, checkpoint=path, callback=interrupt)
    assert len(caught.value.result.history) == 13
    same(fe.ContrastiveDivergence.resume(path, X), whole)


def test_ctrl_c_in_the_compiled_loop(path):
    trainer = fe.ContrastiveDivergence(fe.WellMixture(), n_updates=50_000, n_steps=20, n_chains=512)
    error, _ = ctrl_c(
        lambda: trainer.fit(X, seed=3, checkpoint=path, checkpoint_every=50_000),
        TrainingInterrupted,
        first=0.3,
    )
    done = len(error.result.history)
    assert 0 < done < 50_000
    # The checkpoint is of the moment of the interrupt, not of the last interval.
    assert fe.load(path).state["update"] == done
    some = fe.ContrastiveDivergence.resume(path, X, callback=stop_after(done + 20))
    whole = trainer.fit(X, seed=3, callback=stop_after(done + 20))
    same(some, whole)


def test_an_error_in_the_callback_keeps_the_last_checkpoint(path):
    trainer = fe.ContrastiveDivergence(fe.WellMixture(), n_updates=N)
    whole = trainer.fit(X, seed=3)

    def fail(state):
        if state.update == 33:
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        trainer.fit(X, seed=3, checkpoint=path, checkpoint_every=10, callback=fail)
    assert fe.load(path).state["update"] == 30
    same(fe.ContrastiveDivergence.resume(path, X), whole)


def test_divergence_keeps_the_last_checkpoint(path):
    trainer = fe.ContrastiveDivergence(
        fe.WellMixture(), fe.SGLD(0.3), learning_rate=1e200, n_updates=N, global_move=None, average=0.0
    )
    with pytest.raises(TrainingError):
        trainer.fit(X, seed=3, checkpoint=path, checkpoint_every=1)
    assert np.isfinite(fe.load(path).state["optimiser"]["theta"]).all()
    with pytest.raises(TrainingError):
        fe.ContrastiveDivergence.resume(path, X)


TRAINER = """
import sys
import numpy as np
import fastebm as fe
path, data, recipe = sys.argv[1], np.load(sys.argv[2]), sys.argv[3]
print("ready", flush=True)
try:
    fe.ContrastiveDivergence.resume(path, data)
except FileNotFoundError:
    settings = {"default": {}, "fifo": {"buffer": "fifo", "reinit_prob": 0.3, "buffer_size": 300}}[recipe]
    trainer = fe.ContrastiveDivergence(fe.WellMixture(), n_updates=5000, n_chains=64, **settings)
    trainer.fit(data, seed=3, checkpoint=path, checkpoint_every=20)
print("done", flush=True)
"""


def kill_while_training(folder, moments, seed, recipe, settings):
    """Kill a training process again and again until it is through; compare with a run in one piece."""
    data, path = folder / "data.npy", folder / "run.npz"
    np.save(data, X)
    whole = fe.ContrastiveDivergence(fe.WellMixture(), n_updates=5000, n_chains=64, **settings).fit(X, seed=3)
    rng = np.random.default_rng(seed)
    reached = [0]
    for moment in range(moments):
        process = subprocess.Popen(
            [sys.executable, "-c", TRAINER, path, data, recipe], stdout=subprocess.PIPE, text=True
        )
        with process:
            assert process.stdout.readline() == "ready\n"
            # The first is killed at its first progress, however slow the machine is.
            while moment == 0 and process.poll() is None and reached == [0]:
                if path.exists() and fe.load(path).state["update"]:
                    break
            time.sleep(rng.uniform(0, 0.06))
            process.kill()
        reached.append(fe.load(path).state["update"])
        assert reached[-1] >= reached[-2], "a checkpoint was lost"
    same(fe.ContrastiveDivergence.resume(path, X), whole)
    return reached


@pytest.mark.parametrize("recipe", ["default", "fifo"])
def test_kill_while_training(tmp_path, recipe):
    settings = {"default": {}, "fifo": {"buffer": "fifo", "reinit_prob": 0.3, "buffer_size": 300}}[recipe]
    assert kill_while_training(tmp_path, 2, 1, recipe, settings)[-1] > 0


@pytest.mark.deep
@pytest.mark.parametrize("recipe", ["default", "fifo"])
def test_kill_while_training_at_50_moments(tmp_path, recipe):
    settings = {"default": {}, "fifo": {"buffer": "fifo", "reinit_prob": 0.3, "buffer_size": 300}}[recipe]
    reached = kill_while_training(tmp_path, 50, 2, recipe, settings)
    assert len(set(reached)) > 5
