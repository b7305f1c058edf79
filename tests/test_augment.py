"""Noise and augmentation: their laws, streams of their own, the same bytes however a run is cut, and bad input."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import ndtr
from stats import chi2_limit, ks, ks_limit, z_limit

import fastebm as fe
from fastebm._runtime.seed import key
from fastebm.kernels import probe
from fastebm.training.augment import Changes

CD = fe.ContrastiveDivergence
SHAPE = (3, 4)
N = 100_000
BATCH, AUGMENT = 4, 12


def visit(rows, *parts, std=0.0, seed=5, **more):
    return Changes(parts, np.full(rows.shape[1], std)).visit(rows, seed, **more)


def images(n, channels=1):
    """Every pixel of an image has a value of its own."""
    return np.tile(np.arange(12.0 * channels), (n, 1))


# ---- laws ----


@pytest.mark.parametrize("kind", ["data_noise", "Noise"])
def test_noise_is_normal_and_independent(kind):
    zeros = np.zeros((N, 3))
    stds = [0.5, 2.0, 0.0]
    changes = Changes([], np.array(stds)) if kind == "data_noise" else Changes([fe.Noise(stds)], np.zeros(3))
    z = changes.visit(zeros, 5, visits=2)
    assert (z[:, 2] == 0).all()
    first, second = z[:N, 0] / 0.5, z[:N, 1] / 2.0
    again = z[N:, 0] / 0.5
    for one in (first, second, again):
        assert ks(one, ndtr) < ks_limit(10)
    for a, b in ((first, second), (first, again), (first[1:], first[:-1])):
        assert abs(np.mean(a * b)) * np.sqrt(len(a)) < z_limit(10)
    # The controls: noise of twice the variance, and a stream that is used twice.
    assert ks(np.sqrt(2.0) * first, ndtr) > ks_limit(10)
    assert abs(np.mean(first * first)) * np.sqrt(N) > z_limit(10)


def test_parts_do_not_share_a_stream():
    zeros = np.zeros((N, 1))
    whole = visit(zeros, fe.Noise(1.0), fe.Noise(1.0), std=1.0)
    one, data = visit(zeros, fe.Noise(1.0)), visit(zeros, std=1.0)
    rest = whole - one - data
    for a, b in ((one, data), (one, rest), (data, rest)):
        assert abs(np.mean(a * b)) * np.sqrt(N) < z_limit(10)
    assert ks(rest, ndtr) < ks_limit(10)
    # Two parts that shared one stream would add up to twice the noise.
    assert ks(whole.ravel() / np.sqrt(3.0), ndtr) < ks_limit(10)
    assert ks(3.0 * one.ravel() / np.sqrt(3.0), ndtr) > ks_limit(10)


def test_what_is_changed_does_not_depend_on_the_choice_of_the_batch():
    x = images(N)
    moved = (visit(x, fe.Flip(SHAPE, prob=0.5), seed=5) != x).any(axis=1)
    k0, k1 = key(5)
    batch = np.concatenate(probe.pairs("uniform", k0, k1, 0, BATCH << 60, N // 2))
    own = probe.threefry(k0, k1, 0, AUGMENT << 60)
    flips = probe.pairs("uniform", *own, 0, AUGMENT << 60, N)[0]

    def z(u):
        return np.mean((2.0 * moved - 1.0) * (u - 0.5)) * np.sqrt(12 * N)

    assert abs(z(batch)) < z_limit(10)
    # The control: against its own numbers the same statistic sees everything.
    assert abs(z(flips)) > z_limit(10)
    assert_array_equal(moved, flips <= 0.5)


def shifted(image, down, right, fill):
    height, width = image.shape
    out = np.empty_like(image)
    for i in range(height):
        for j in range(width):
            a, b = i - down, j - right
            if fill == "edge":
                a, b = min(max(a, 0), height - 1), min(max(b, 0), width - 1)
            inside = 0 <= a < height and 0 <= b < width
            out[i, j] = image[a, b] if inside else fill
    return out


@pytest.mark.parametrize("fill", ["edge", -7.0])
def test_shifts_are_all_moves_alike(fill):
    n = 20_000
    x = images(n, 2)
    got = visit(x, fe.Shift((2, *SHAPE), pixels=1, prob=0.6, fill=fill))
    image = x[0].reshape(2, *SHAPE)
    counts, seen = [], np.zeros(n, dtype=bool)
    for down in (-1, 0, 1):
        for right in (-1, 0, 1):
            expected = np.concatenate([shifted(c, down, right, fill).ravel() for c in image])
            same = (got == expected).all(axis=1)
            seen |= same
            counts.append(same.sum())
    assert seen.all()
    share = np.full(9, 0.6 / 9)
    share[4] += 0.4
    assert ((counts - n * share) ** 2 / (n * share)).sum() < chi2_limit(8)
    # The control: moves of more than prob.
    share = np.full(9, 0.7 / 9)
    share[4] += 0.3
    assert ((counts - n * share) ** 2 / (n * share)).sum() > chi2_limit(8)


@pytest.mark.parametrize("axis", [-1, -2])
def test_flips(axis):
    x = images(10_000)
    got = visit(x, fe.Flip(SHAPE, axis=axis, prob=0.25))
    mirrored = np.flip(x.reshape(-1, *SHAPE), axis=axis).reshape(x.shape)
    same, other = (got == x).all(axis=1), (got == mirrored).all(axis=1)
    assert (same ^ other).all()
    assert abs(other.mean() - 0.25) * np.sqrt(len(x) / (0.25 * 0.75)) < z_limit(10)
    assert_array_equal(
        visit(x[:50], fe.Flip(SHAPE, axis=axis, prob=1.0), fe.Flip(SHAPE, axis=axis, prob=1.0)), x[:50]
    )


@pytest.mark.parametrize("fill", ["edge", -7.0])
def test_crops(fill):
    n = 20_000
    x = images(n)
    image = x[0].reshape(SHAPE)
    got = visit(x, fe.Crop(SHAPE, pixels=1, prob=1.0, fill=fill))
    counts = []
    for cut in np.ndindex(2, 2, 2, 2):
        window = image[cut[0] : 3 - cut[1], cut[2] : 4 - cut[3]]
        pad = ((cut[0], cut[1]), (cut[2], cut[3]))
        expected = (
            np.pad(window, pad, mode="edge") if fill == "edge" else np.pad(window, pad, constant_values=fill)
        )
        counts.append((got == expected.ravel()).all(axis=1).sum())
    assert sum(counts) == n
    assert ((np.array(counts) - n / 16) ** 2 / (n / 16)).sum() < chi2_limit(15)


def test_a_change_does_not_depend_on_the_block():
    x = np.random.default_rng(1).normal(size=(1000, 12))
    parts = (fe.Shift(SHAPE), fe.Noise(0.1))
    assert_array_equal(visit(x, *parts, std=0.2)[:300], visit(x[:300], *parts, std=0.2))


# ---- in training ----

DATA = np.random.default_rng(2).normal(size=(600, 12))
PARTS = [fe.Shift(SHAPE), fe.Noise(0.1), fe.Flip(SHAPE, prob=0.2), fe.Crop(SHAPE, fill=0.0)]
START = fe.Gaussian(np.zeros(12))


def reverse(X, rng):
    """A function of the user's: some rows backwards, and a little noise."""
    assert X.ndim == 2 and X.dtype == np.float64
    turned = np.where(rng.random((len(X), 1)) < 0.5, X, X[:, ::-1])
    return turned + 0.01 * rng.normal(size=X.shape)


def trainer(**options):
    given = {"n_updates": 16, "n_chains": 600, "batch_size": 550, "n_steps": 1, "global_move": None}
    given["learning_rate"] = 0.02
    return CD(START, fe.MALA(0.02), **(given | options))


RUNS = {
    "noise": {"data_noise": 0.3},
    "parts": {"augment": PARTS, "data_noise": np.linspace(0, 1, 12)},
    "chains": {"augment": PARTS[0], "augment_chains": 0.3},
    "fifo": {
        "augment": PARTS,
        "augment_chains": 0.5,
        "buffer": "fifo",
        "reinit_prob": 0.2,
        "buffer_size": 2000,
    },
    "function": {"augment": [PARTS[1], reverse, PARTS[0]], "augment_chains": 0.2},
    "whole batch": {"augment": PARTS, "batch_size": 600},
}


def same(a, b):
    assert_array_equal(a.theta, b.theta)
    assert_array_equal(a.history, b.history)
    assert_array_equal(a.buffer.states, b.buffer.states)


@pytest.mark.parametrize("name", RUNS)
def test_same_bytes_for_threads_and_resumed_anywhere(name, tmp_path):
    one = trainer(**RUNS[name])
    whole = one.fit(DATA, seed=3, n_threads=1, diagnose=False)
    same(one.fit(DATA, seed=3, n_threads=3, diagnose=False), whole)
    plain = trainer(
        **{k: v for k, v in RUNS[name].items() if k in ("buffer", "reinit_prob", "buffer_size", "batch_size")}
    )
    assert not np.array_equal(plain.fit(DATA, seed=3, diagnose=False).theta, whole.theta)
    augment = RUNS[name].get("augment") if name == "function" else None
    for stop in (0, 9):
        path = tmp_path / f"{stop}"
        one.fit(DATA, seed=3, checkpoint=path, callback=lambda s, stop=stop: s.update == stop, diagnose=False)
        same(CD.resume(path, DATA, augment=augment), whole)


def test_a_function_and_compiled_parts_see_the_same_numbers():
    one = trainer(augment=PARTS, data_noise=0.1).fit(DATA, seed=3, diagnose=False)
    same(trainer(augment=[*PARTS, lambda X, rng: X], data_noise=0.1).fit(DATA, seed=3, diagnose=False), one)


def test_settings_carry_it():
    one = trainer(augment=PARTS, data_noise=0.1, augment_chains=0.2)
    for other in (CD(**one.get_params()), pickle.loads(pickle.dumps(one)), copy.deepcopy(one), one.replace()):
        assert other.augment == tuple(PARTS) and other.augment_chains == 0.2
        assert_array_equal(other.data_noise, np.full(12, 0.1))
    for part in PARTS:
        assert part == pickle.loads(pickle.dumps(part)) == eval(repr(part), vars(fe))


def test_the_fit_is_that_of_the_noisy_rows():
    """Variance 1 and noise 0.75: the density learned has 1.5625; without the noise, 1."""
    x = fe.Gaussian([0.0]).exact_sample(4000, seed=1)
    variances = {}
    for noise in (0.0, 0.75):
        run = CD(fe.Gaussian([0.0]), n_updates=400, data_noise=noise).fit(x, seed=2)
        assert not run.warnings
        variances[noise] = run.energy.exact_sample(200_000, seed=3).var()
    assert abs(variances[0.0] - 1.0) < 0.1 and abs(variances[0.75] - 1.5625) < 0.15


@pytest.mark.parametrize("buffer", ["persistent", "fifo"])
def test_chains_are_changed_with_the_probability_that_was_asked_for(buffer):
    n = 20_000
    chains = {"n_chains": n, "n_steps": 0, "n_global": 0, "batch_size": 10, "n_updates": 3, "buffer": buffer}
    energy = fe.Gaussian(np.zeros(2))
    x = np.random.default_rng(1).normal(size=(50, 2))
    given = {"augment": fe.Noise(1e-3), "augment_chains": 0.1, "buffer_size": n}
    run = CD(energy, fe.MALA(0.1), **chains, **given).fit(x, seed=1, diagnose=False)
    if buffer == "fifo":
        # Those of the first update start afresh; each of the two others changes a tenth.
        still = CD(energy, fe.MALA(0.1), **chains, buffer_size=n).fit(x, seed=1, diagnose=False)
        same_ = (run.buffer.states == still.buffer.states).all(axis=1).mean()
        expected = 0.81
    else:
        same_ = np.array([(x == row).all(axis=1).any() for row in run.buffer.states]).mean()
        expected = 0.9**3
    assert abs(same_ - expected) * np.sqrt(n / (expected * (1 - expected))) < z_limit(10)


# ---- a user's function ----


def test_an_exception_of_the_function_arrives_as_itself(tmp_path):
    class Mine(Exception):
        pass

    calls = []

    def fails(X, rng):
        calls.append(len(X))
        if len(calls) > 10:
            raise Mine("mine")
        return X

    one = trainer(augment=fails)
    with pytest.raises(Mine, match="mine"):
        one.fit(DATA, seed=1, checkpoint=tmp_path / "run", n_threads=2)
    assert len(one.last_result.history) == 10
    assert fe.load(tmp_path / "run").state["update"] == 10


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (
            lambda X, rng: X[:-1],
            r"augment\(X, rng\) must return rows of the shape of X, \(550, 12\), got \(549, 12\)",
        ),
        (lambda X, rng: X * np.nan, r"augment\(X, rng\)\[0, 0\] = nan is not finite"),
        (lambda X, rng: "text", r"must be real numbers"),
    ],
)
def test_what_a_function_returns_is_checked(function, message):
    with pytest.raises((ValueError, TypeError), match=message):
        trainer(augment=function).fit(DATA, seed=1)


def test_a_file_holds_no_code(tmp_path):
    one = trainer(augment=[PARTS[0], reverse])
    run = one.fit(DATA, seed=3, checkpoint=tmp_path / "run")
    with pytest.raises(
        ValueError, match=r"changes rows by function reverse.*give resume\(\.\.\., augment=\)"
    ):
        CD.resume(tmp_path / "run", DATA)
    fe.save(tmp_path / "result", run)
    loaded = fe.load(tmp_path / "result")
    assert loaded.settings["augment"] == [PARTS[0], "function reverse"]
    assert any("function reverse" in s for s in fe.diagnose(loaded, DATA).not_checked)


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        ({"data_noise": -1.0}, ValueError, "data_noise must not be negative"),
        (
            {"data_noise": [1.0, 2.0]},
            ValueError,
            r"data_noise must be a number or have one entry for each feature \(12\)",
        ),
        ({"augment": 3}, TypeError, r"augment\[0\] must be fastebm.Noise, Shift, Flip, Crop or a function"),
        (
            {"augment": fe.Shift((4, 4))},
            ValueError,
            r"is for rows of 16 numbers, and the energy has n_features=12",
        ),
        ({"augment_chains": 0.1}, ValueError, "augment_chains=0.1 needs augment="),
        ({"augment_chains": 2.0, "augment": PARTS}, ValueError, "augment_chains must be at most 1"),
        ({"augment": PARTS, "augment_chains": 0.1, "weighting": "jarzynski"}, ValueError, "augment_chains=0"),
    ],
)
def test_bad_settings(bad, error, message):
    with pytest.raises(error, match=message):
        trainer(**bad)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: fe.Noise(-1.0), ValueError, "std must not be negative"),
        (lambda: fe.Noise(np.nan), ValueError, "std"),
        (lambda: fe.Shift(3), ValueError, r"image_shape must be \(height, width\)"),
        (lambda: fe.Shift((3, 0)), ValueError, "image_shape must be at least 1"),
        (lambda: fe.Shift((3, 3), pixels=3), ValueError, "pixels must be at most 2"),
        (lambda: fe.Shift((3, 3), fill="wrap"), ValueError, "fill"),
        (lambda: fe.Flip((3, 3), axis=0), ValueError, "axis must be at most -1"),
        (lambda: fe.Flip((3, 3), prob=1.5), ValueError, "prob must be at most 1"),
        (lambda: fe.Crop((3, 3), pixels=2), ValueError, "pixels must be at most 1"),
    ],
)
def test_bad_parts(make, error, message):
    with pytest.raises(error, match=message):
        make()


def test_nothing_asked_for_is_nothing_done():
    x = DATA[:, :1]
    one = CD(fe.WellMixture(), n_updates=20).fit(x, seed=1, diagnose=False)
    two = CD(fe.WellMixture(), n_updates=20, data_noise=0.0, augment=[], augment_chains=0.0)
    assert_array_equal(two.fit(x, seed=1, diagnose=False).theta, one.theta)
    assert_allclose(one.settings["data_noise"], 0.0)
