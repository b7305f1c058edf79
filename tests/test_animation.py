"""Images, and training as a moving picture."""

import sys
from itertools import pairwise

import numpy as np
import pytest

import fastebm as fe

matplotlib = pytest.importorskip("matplotlib", reason="pictures: no matplotlib")
Image = pytest.importorskip("PIL.Image", reason="animations: no Pillow")
matplotlib.use("Agg")

import matplotlib.pyplot as plt  # noqa: E402

from fastebm import plotting  # noqa: E402
from fastebm.plotting.images import nearest  # noqa: E402

RNG = np.random.default_rng(5)
DATA = RNG.uniform(size=(40, 12))
TRACE = RNG.uniform(size=(9, 5, 12))
WELLS = fe.WellMixture.from_mixture([0.6, 0.4], [[-1.5, 0], [1.5, 1]], [[0.6, 0.5], [0.5, 0.8]])
X = {1: fe.datasets.two_normals(400, seed=1)[:, None], 2: WELLS.exact_sample(400, seed=1), 12: DATA}
ENERGY = {
    1: fe.WellMixture(),
    2: fe.NetworkEnergy.mlp(2, hidden=(8,), base=fe.Gaussian.fit(X[2])),
    12: fe.NetworkEnergy.conv((3, 4), channels=(2,), dense=(4,), base=fe.Gaussian.fit(DATA)),
}
SHAPE = {12: (3, 4)}


def trainer(d, **changes):
    return fe.ContrastiveDivergence(
        ENERGY[d],
        fe.MALA(0.01),
        **{"n_updates": 12, "n_chains": 50, "batch_size": 20, "global_move": None} | changes,
    )


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def pixels(ax):
    return [np.asarray(image.get_array()) for image in ax.images]


IMAGES = {
    "plain": lambda ax=None: plotting.plot_images(DATA[:7], (3, 4), ax=ax),
    "neighbours": lambda ax=None: plotting.plot_images(TRACE[0], (3, 4), data=DATA, columns=2, ax=ax),
    "numbers": lambda ax=None: plotting.plot_images(DATA[:3], (3, 4), labels=[1.0, -2.26, 3.0], ax=ax),
    "colour": lambda ax=None: plotting.plot_images(DATA[:4], (3, 2, 2), ax=ax),
    "chains": lambda ax=None: plotting.plot_chain_images(TRACE, (3, 4), every=5, ax=ax),
    "odd": lambda ax=None: plotting.plot_odd_inputs(ENERGY[12], DATA, (3, 4), ax=ax),
}


@pytest.mark.parametrize("name", IMAGES)
def test_images_return_axes_and_take_ax(name):
    ax = IMAGES[name]()
    assert isinstance(ax, plt.Axes) and ax.images
    ax.figure.canvas.draw()
    own = plt.figure().subplots()
    assert IMAGES[name](own) is own
    # No image lies on another, or outside of the axes.
    boxes = [image.get_extent() for image in own.images]
    (x0, x1), (y1, y0) = own.get_xlim(), own.get_ylim()
    for i, (a, b, c, d) in enumerate(boxes):
        assert x0 <= a < b <= x1 and y0 <= d < c <= y1
        assert all(b <= e or f <= a or c <= h or g <= d for e, f, g, h in boxes[:i])


def test_images_are_the_rows():
    drawn = pixels(plotting.plot_images(DATA[:7], (3, 4)))
    assert np.array_equal(np.reshape(drawn, (7, 12)), DATA[:7])
    (colour,) = pixels(plotting.plot_images(DATA[:1], (3, 2, 2), limits=(0, 1)))
    assert np.allclose(colour.transpose(2, 0, 1).ravel(), DATA[0])
    chains = pixels(plotting.plot_chain_images(TRACE, (3, 4), n_paths=2, n_records=3))
    assert np.array_equal(np.reshape(chains, (3, 2, 12)), TRACE[[0, 4, 8], :2])


def test_neighbours_are_the_nearest_rows():
    index, distance = nearest(TRACE[0], DATA)
    every = np.linalg.norm(TRACE[0][:, None] - DATA, axis=2)
    assert np.array_equal(index, every.argmin(axis=1))
    np.testing.assert_allclose(distance, every.min(axis=1))
    many = RNG.normal(size=(2500, 3))
    assert np.array_equal(nearest(many[::7], many)[0], np.arange(0, 2500, 7))
    ax = plotting.plot_images(TRACE[0], (3, 4), data=DATA)
    drawn = np.reshape(pixels(ax), (5, 2, 12))
    assert np.array_equal(drawn[:, 0], TRACE[0]) and np.array_equal(drawn[:, 1], DATA[index])
    assert [t.get_text() for t in ax.texts] == [f"{d:.2f}" for d in distance]


def test_odd_images():
    odd = plotting.odd_images(DATA, (3, 4), seed=1)
    assert np.array_equal(odd["data"], DATA) and np.array_equal(odd["inverted"], 1 - DATA)
    assert np.array_equal(odd["upside down"].reshape(-1, 3, 4)[:, ::-1].reshape(-1, 12), DATA)
    assert np.array_equal(odd["shifted"].reshape(-1, 3, 4)[:, :, 2:], DATA.reshape(-1, 3, 4)[:, :, :2])
    assert np.array_equal(np.sort(odd["shuffled"]), np.sort(DATA)) and (odd["shuffled"] != DATA).any()
    assert all(np.isin(odd["noise"][:, p], DATA[:, p]).all() for p in range(12))
    ax = plotting.plot_odd_inputs(ENERGY[12], DATA, (3, 4), n_images=2, seed=1)
    e = ENERGY[12].energy(
        np.concatenate([v[:2] for v in plotting.odd_images(DATA, (3, 4), seed=1).values()][:4])
    )
    written = [float(t.get_text()) for t in ax.texts[:8]]
    np.testing.assert_allclose(written, e - ENERGY[12].energy(DATA).mean(), atol=0.051)


def frames(path):
    with Image.open(path) as film:
        for i in range(film.n_frames):
            film.seek(i)
            yield np.asarray(film.convert("RGB"), dtype=float)


@pytest.mark.parametrize("d", [1, 2, 12])
def test_film(tmp_path, d):
    path = tmp_path / "film.gif"
    result = plotting.animate_training(
        trainer(d), X[d], path=path, every=4, seed=3, shape=SHAPE.get(d), fps=20
    )
    # After updates 1, 4, 8, 12, and the result.
    shots = list(frames(path))
    assert len(shots) == 5 and all(shot.shape == shots[0].shape for shot in shots)
    assert all(np.abs(a - b).max() > 50 for a, b in pairwise(shots))
    # The same training as without a film.
    assert np.array_equal(result.theta, trainer(d).fit(X[d], seed=3).theta)
    with Image.open(path) as film:
        assert (film.info["loop"], film.info["duration"]) == (0, 50)


def test_the_last_picture_is_the_result(tmp_path):
    # Chains of one place only: the picture must show them there, and the density of the fitted energy.
    result = plotting.animate_training(trainer(2), X[2], path=tmp_path / "a.gif", every=12, seed=3)
    stage = plotting.animate.Map(X[2], None, None, None)
    density, chains = stage.look(result.energy, result.buffer.states)
    points = stage.points.reshape(*density.shape, 2)
    log_ratio = np.log(density[::40, ::40]) + result.energy.energy(points[::40, ::40].reshape(-1, 2)).reshape(
        4, 4
    )
    assert np.ptp(log_ratio) < 1e-4
    area = (stage.x1 - stage.x0) * (stage.y1 - stage.y0)
    assert density.mean() * area == pytest.approx(1, abs=1e-4)
    assert np.array_equal(chains, result.buffer.states)


def test_an_energy_alone_its_callback_and_fifo(tmp_path):
    seen = []

    def callback(state):
        seen.append(state)
        return state.update == 5

    path = tmp_path / "film.gif"
    result = plotting.animate_training(
        trainer(1, buffer="fifo", buffer_size=70, reinit_prob=0.1),
        X[1],
        path=path,
        every=2,
        seed=1,
        callback=callback,
    )
    assert len(seen) == 6 == len(result.history) and len(list(frames(path))) == 5
    assert np.array_equal(seen[-1].chains, result.buffer.states[-50:])
    result = plotting.animate_training(
        ENERGY[2], X[2], path=path, n_frames=3, seed=1, callback=lambda s: s.update == 30, diagnose=False
    )
    assert len(result.history) == 31


def test_callback_sees_the_chains_of_its_update():
    states = []
    result = trainer(2).fit(X[2], seed=1, callback=lambda s: states.append(s) or False)
    assert np.array_equal(states[-1].chains, result.buffer.states)
    assert (states[0].chains != states[-1].chains).any()


def test_a_run_that_dies_leaves_its_film(tmp_path):
    path = tmp_path / "film.gif"
    with pytest.raises(fe.TrainingError):
        plotting.animate_training(trainer(2, learning_rate=1e8), X[2], path=path, every=1, seed=1)
    assert len(list(frames(path))) >= 1

    def press(state):
        if state.update == 3:
            raise KeyboardInterrupt

    with pytest.raises(fe.TrainingInterrupted):
        plotting.animate_training(trainer(2), X[2], path=path, every=1, seed=1, callback=press)
    assert len(list(frames(path))) == 4


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: plotting.plot_images(DATA, (3, 5)), ValueError, "15 pixels, but an image has 12"),
        (lambda: plotting.plot_images(DATA, (2, 2, 3)), ValueError, "1 or 3 channels"),
        (lambda: plotting.plot_images(DATA, 12), ValueError, "shape must be"),
        (lambda: plotting.plot_images(DATA * np.nan, (3, 4)), ValueError, "not finite"),
        (lambda: plotting.plot_images(DATA[:0], (3, 4)), ValueError, "not empty"),
        (lambda: plotting.plot_images(DATA, (3, 4), data=X[2]), ValueError, "data"),
        (lambda: plotting.plot_images(DATA, (3, 4), labels=["a"]), ValueError, r"one entry per image \(40\)"),
        (lambda: plotting.plot_images(DATA, (3, 4), limits=(1, 0)), ValueError, "low < high"),
        (lambda: plotting.plot_chain_images(DATA, (3, 4)), ValueError, "trace must have shape"),
        (lambda: plotting.plot_odd_inputs(ENERGY[2], DATA, (3, 4)), ValueError, r"shape \(n_samples, 2\)"),
        (lambda: plotting.plot_odd_inputs(None, DATA, (3, 4)), TypeError, "must be an Energy"),
        (lambda: plotting.animate_training(trainer(2), X[2], path="a.mp4"), ValueError, "must end in .gif"),
        (lambda: plotting.animate_training(trainer(2), X[2], path="/no/a.gif"), OSError, "no such folder"),
        (lambda: plotting.animate_training(3, X[2]), TypeError, "must be a trainer or an Energy"),
        (lambda: plotting.animate_training(trainer(12), DATA), ValueError, "give shape="),
        (lambda: plotting.animate_training(trainer(12), DATA, shape=(8, 8)), ValueError, "64 pixels"),
        (lambda: plotting.animate_training(trainer(2), X[2], every=0), ValueError, "every"),
        (lambda: plotting.animate_training(trainer(2), X[2], fps=0), ValueError, "fps"),
        (lambda: plotting.animate_training(trainer(2), X[2], bounds=(0, 1, 2)), ValueError, "pair of"),
    ],
)
def test_bad_input(call, error, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error, match=message):
        call()
    assert not plt.get_fignums() and not list(tmp_path.iterdir())


def test_without_pillow(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "PIL", None)
    path = tmp_path / "film.gif"
    with pytest.raises(ImportError, match=r"needs Pillow: pip install pillow \("):
        plotting.animate_training(trainer(2), X[2], path=path)
    assert not path.exists()
