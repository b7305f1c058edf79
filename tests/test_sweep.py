"""fe.sweep: every run is what it would be alone; it goes on after a kill; nothing fails in silence."""

import numpy as np
import pytest

import fastebm as fe
from fastebm import plotting

TRUTH = fe.WellMixture.from_mixture([0.55, 0.45], [-2.0, 1.8], [0.45, 0.55])
X = TRUTH.exact_sample(400, seed=1)
TRAINER = fe.ContrastiveDivergence.notebook(n_updates=25)
GRID = {"n_steps": [1, 3], "sampler__noise_std": [0.085, 0.3, 0.5]}


def run(settings=GRID, **options):
    return fe.sweep(TRAINER, X, settings, **({"seed": 1, "truth": TRUTH} | options))


def same(a, b, but=("seconds",)):
    assert a.table.keys() == b.table.keys()
    for name in a.table.keys() - set(but):
        np.testing.assert_array_equal(a.table[name], b.table[name], err_msg=name)


@pytest.fixture(scope="module")
def whole():
    return run(n_repeats=2)


def test_table(whole):
    assert len(whole) == 12 and whole.shape == (2, 3, 2) and whole.names == tuple(GRID)
    np.testing.assert_array_equal(whole.grid("n_steps")[:, 0, 0], [1, 3])
    np.testing.assert_array_equal(whole.grid("sampler__noise_std")[0, :, 0], [0.085, 0.3, 0.5])
    assert np.isfinite(whole.table["nats_lost"]).all() and (whole.table["nats_lost"] > 0).all()
    assert (whole.table["error"] == "").all() and (whole.table["seconds"] > 0).all()
    # Cold noise is seen by its check, in each of its runs and in no warm one.
    assert whole.warns("temperature")[whole.table["sampler__noise_std"] == 0.085].all()
    assert "temperature" in whole.codes
    assert set(whole.best()) == set(GRID)
    assert "12 runs" in repr(whole)
    frame = whole.to_pandas()
    assert len(frame) == 12 and list(frame.columns) == list(whole.table)


def test_a_run_is_what_it_is_alone(whole):
    for settings, options in (
        ({name: values[::-1] for name, values in GRID.items()}, {"n_threads": 1}),
        (GRID, {"n_threads": 2}),
        ({"sampler__noise_std": GRID["sampler__noise_std"], "n_steps": [3, 1]}, {"n_threads": 2}),
    ):
        other = run(settings, n_repeats=2, **options)

        def rows(result):
            t = result.table
            keys = zip(t["n_steps"], t["sampler__noise_std"], t["repeat"], strict=True)
            return dict(zip(keys, t["nats_lost"], strict=True))

        assert rows(other) == rows(whole)
    alone = run([{"n_steps": 3, "sampler__noise_std": 0.3}])
    at = (
        (whole.table["n_steps"] == 3)
        & (whole.table["sampler__noise_std"] == 0.3)
        & (whole.table["repeat"] == 0)
    )
    assert alone.table["nats_lost"][0] == whole.table["nats_lost"][at][0]
    assert len(set(whole.table["nats_lost"])) == 12
    assert (run(seed=2).table["nats_lost"] != run(seed=1).table["nats_lost"]).all()


def test_nats_lost_is_the_divergence_to_the_truth():
    result = run([{"n_steps": 2}], diagnose=False)
    key = result.table["nats_lost"][0]
    # By the same run alone: mean log-ratio over a large exact sample.
    assert 0.01 < key < 5.0
    perfect = fe.ContrastiveDivergence(TRUTH, fe.MALA(0.05), n_updates=1, learning_rate=1e-12)
    still = fe.sweep(perfect, X, {"n_steps": [1]}, seed=1, truth=TRUTH, diagnose=False)
    assert abs(still.table["nats_lost"][0]) < 1e-9
    assert still.table["log_likelihood"][0] == pytest.approx(TRUTH.log_prob(X).mean())
    held = fe.sweep(perfect, X, {"n_steps": [1]}, seed=1, X_test=X[:50], diagnose=False)
    assert held.table["log_likelihood"][0] == pytest.approx(TRUTH.log_prob(X[:50]).mean())
    assert np.isnan(held.table["nats_lost"][0])


def test_truth_in_two_dimensions_and_an_energy_without_log_z():
    truth = fe.WellMixture.from_mixture([0.5, 0.5], [[-1.5, 0.0], [1.5, 0.0]], [[0.5, 0.5]] * 2)
    x = truth.exact_sample(300, 1)
    still = fe.ContrastiveDivergence(truth, fe.MALA(0.05), n_updates=1, learning_rate=1e-12)
    result = fe.sweep(still, x, {"n_steps": [1, 2]}, seed=1, truth=truth, diagnose=False)
    np.testing.assert_allclose(result.table["nats_lost"], 0.0, atol=1e-9)
    open_energy = fe.Tempered(fe.WellMixture(), 1.5)
    trainer = fe.ContrastiveDivergence(open_energy, fe.MALA(0.05), n_updates=5)
    assert np.isfinite(
        fe.sweep(trainer, X, {"n_steps": [1]}, seed=1, diagnose=False).table["log_likelihood"]
    ).all()


def test_goes_on_after_a_kill(tmp_path, whole):
    path = tmp_path / "sweep.jsonl"
    first = run(n_repeats=2, path=path)
    same(first, whole)
    lines = path.read_bytes().splitlines(keepends=True)
    assert len(lines) == 13
    # Killed in the middle of a line: the rest is run, and what is there is not run again.
    path.write_bytes(b"".join(lines[:6]) + lines[6][:20])
    second = run(n_repeats=2, path=path)
    same(second, whole)
    kept = [json_line in path.read_bytes().splitlines(keepends=True) for json_line in lines[:6]]
    assert all(kept)
    third = run(n_repeats=2, path=path)
    np.testing.assert_array_equal(third.table["seconds"], second.table["seconds"])
    with pytest.raises(ValueError, match="another path"):
        run(n_repeats=2, path=path, seed=5)
    other = tmp_path / "notes.txt"
    other.write_text("hello\n")
    with pytest.raises(ValueError, match="not the file of a sweep"):
        run(path=other)
    assert other.read_text() == "hello\n"


def test_a_run_that_fails_is_a_row_that_says_so():
    steep = fe.ContrastiveDivergence(fe.WellMixture(), fe.SGLD(0.01), n_updates=40)
    result = fe.sweep(steep, X, {"sampler__step_size": [0.01, 1e5]}, seed=1, diagnose=False)
    assert result.table["error"][0] == "" and "not finite" in result.table["error"][1]
    assert np.isnan(result.table["log_likelihood"][1])
    assert result.best() == {"sampler__step_size": 0.01}
    assert "1 without a result" in repr(result)


def test_random_draws():
    from scipy.stats import loguniform

    settings = {"n_steps": [1, 2, 3], "learning_rate": loguniform(1e-3, 1e-1)}
    a, b = (run(settings, n_draws=8, diagnose=False) for _ in range(2))
    same(a, b)
    assert a.shape is None and len(a) == 8 and len(set(a.table["learning_rate"])) == 8
    assert ((a.table["learning_rate"] > 1e-3) & (a.table["learning_rate"] < 1e-1)).all()
    with pytest.raises(ValueError, match="not a grid"):
        a.grid("seconds")


def test_any_setting():
    result = run({"sampler": [fe.MALA(0.05), fe.HMC(0.2, 3)], "optimizer": ["sgd", "adam"]}, diagnose=False)
    assert len(result) == 4 and result.table["optimizer"].tolist() == ["sgd", "adam"] * 2
    assert result.table["sampler"][0] == fe.MALA(0.05)
    assert len(set(result.table["nats_lost"])) == 4


@pytest.mark.parametrize(
    ("settings", "options", "message"),
    [
        ({}, {}, "empty"),
        ([], {}, "empty"),
        ({"n_steps": []}, {}, "is empty"),
        ({"n_steps": 3}, {}, "list of values"),
        ({"n_step": [3]}, {}, "no setting of the trainer"),
        ({"n_steps": [3, -1]}, {}, r"run 1 \(n_steps=-1\)"),
        ({"sampler__step": [3]}, {}, "run 0"),
        ({"n_steps": range(2000), "batch_size": range(1, 2000)}, {}, "more than 1000000"),
        ({"n_steps": [1]}, {"n_repeats": 0}, "n_repeats"),
        ({"n_steps": [1]}, {"truth": fe.WellMixture(2, 2)}, "truth has n_features=2"),
        ({"n_steps": [1]}, {"truth": 3}, "truth"),
        ([3], {}, "settings"),
        (3, {}, "settings"),
        ([{"n_steps": 1}], {"n_draws": 3}, "n_draws"),
    ],
)
def test_bad_settings_are_refused_before_any_run(settings, options, message):
    with pytest.raises((ValueError, TypeError), match=message):
        run(settings, **options)


def test_picture(whole):
    pytest.importorskip("matplotlib")
    ax = plotting.plot_sweep(whole, "n_steps", "sampler__noise_std", marks={"here": (3, 0.3)})
    assert ax.get_xlabel() == "n_steps" and ax.get_ylabel() == "sampler__noise_std"
    assert any("here" in t.get_text() for t in ax.texts)
    line = plotting.plot_sweep(run({"n_steps": [1, 2, 3]}), "n_steps")
    assert line.get_ylabel() == "nats lost"
    with pytest.raises(ValueError, match="no column"):
        plotting.plot_sweep(whole, "n_step")
    with pytest.raises(ValueError, match="grid"):
        plotting.plot_sweep(run([{"n_steps": 1}, {"n_steps": 2, "batch_size": 10}]), "n_steps", "batch_size")
