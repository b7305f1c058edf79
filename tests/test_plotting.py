"""Pictures: what is drawn, on which Axes, with which labels."""

import itertools
import pickle
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest

matplotlib.use("Agg")

import matplotlib.pyplot as plt

import fastebm as fe
from fastebm import plotting

RNG = np.random.default_rng(0)
ONE = fe.WellMixture.from_mixture([0.55, 0.45], [-2.0, 1.8], [0.45, 0.55])
TWO = fe.WellMixture.from_mixture([0.6, 0.4], [[-1.5, 0], [1.5, 1]], [[0.6, 0.5], [0.5, 0.8]])
THREE = fe.WellMixture.from_mixture([0.5, 0.5], [[0, 1, 2], [2, 1, 0]], np.full((2, 3), 0.6))
X = {energy.n_features: energy.exact_sample(300, seed=1) for energy in (ONE, TWO, THREE)}
TRACE = {d: np.stack([x[:20], x[20:40], x[40:60]]) for d, x in X.items()}
RESULT = fe.ContrastiveDivergence(fe.WellMixture(), n_updates=40, n_chains=64).fit(X[1], seed=1)
STORE = fe.ReplayBuffer(50)
STORE.push(X[1][:60, 0])
TILTED = fe.NetworkEnergy.mlp(2, hidden=(8,), base=TWO)
SLOW = fe.PythonEnergy(lambda x: 0.5 * (x**2).sum(axis=1), lambda x: x, 1)

SCORES = fe.ScoreMatching(ONE, noise_std=0.3, n_updates=40).fit(X[1], seed=1)
RUN = {d: fe.MALA(0.1).run(e, X[d][:10], 40, seed=1, thin=5) for d, e in ((1, ONE), (2, TWO))}
# A wall that rises to millions at the edge of the map.
STEEP = fe.PythonEnergy(
    lambda x: 0.5 * x[:, 0] ** 2 + 1e4 * x[:, 1] ** 4, lambda x: np.c_[x[:, 0], 4e4 * x[:, 1] ** 3], 2
)
LARGE = fe.Gaussian([50_000.0, 0.0], [[1e8, 0.0], [0.0, 1.0]])

PHASES = ["energy_data", "energy_model", "energy_gap"]

PICTURES = {
    "density": lambda ax=None: plotting.plot_density(ONE, X[1], reference=ONE, labels="time (min)", ax=ax),
    "density of no data": lambda ax=None: plotting.plot_density(ONE, ax=ax),
    "density without log Z": lambda ax=None: plotting.plot_density(SLOW, bounds=(-8, 8), ax=ax),
    "energy": lambda ax=None: plotting.plot_energy(ONE, X[1][:, 0], ax=ax),
    "energy of functions": lambda ax=None: plotting.plot_energy(SLOW, bounds=(-3, 3), ax=ax),
    "landscape": lambda ax=None: plotting.plot_landscape(TWO, X[2], labels=("a (m)", "b (s)"), ax=ax),
    "density map": lambda ax=None: plotting.plot_landscape(TWO, what="density", ax=ax),
    "density map without log Z": lambda ax=None: plotting.plot_landscape(TILTED, X[2], what="density", ax=ax),
    "arrows and chains": lambda ax=None: plotting.plot_landscape(TILTED, arrows=9, chains=X[2][:50], ax=ax),
    "phases": lambda ax=None: plotting.plot_phases(RESULT, ax=ax),
    "gap": lambda ax=None: plotting.plot_gap(RESULT.history, ax=ax),
    "parameters": lambda ax=None: plotting.plot_parameters(RESULT, ax=ax),
    "chosen parameters": lambda ax=None: plotting.plot_parameters(RESULT, names=["m1", "m2"], ax=ax),
    "paths against the step": lambda ax=None: plotting.plot_paths(ONE, TRACE[1], every=5, ax=ax),
    "paths of a run": lambda ax=None: plotting.plot_paths(RUN[1], ax=ax),
    "paths of a run on the map": lambda ax=None: plotting.plot_paths(RUN[2], ax=ax),
    "loss": lambda ax=None: plotting.plot_phases(SCORES, ax=ax),
    "parameters of score matching": lambda ax=None: plotting.plot_parameters(SCORES, ax=ax),
    "paths on the map": lambda ax=None: plotting.plot_paths(TWO, TRACE[2], ax=ax),
    "buffer": lambda ax=None: plotting.plot_buffer(STORE, ONE, ax=ax),
    "age": lambda ax=None: plotting.plot_buffer(STORE, what="age", per_update=10, ax=ax),
    "occupancy": lambda ax=None: plotting.plot_occupancy(THREE, TRACE[3], ax=ax),
}


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.mark.parametrize("name", PICTURES)
def test_returns_labelled_axes_and_takes_ax(name):
    ax = PICTURES[name]()
    assert isinstance(ax, plt.Axes) and ax.get_xlabel() and ax.get_ylabel()
    ax.figure.canvas.draw()
    own = plt.figure().subplots()
    assert PICTURES[name](own) is own


@pytest.mark.parametrize("name", PICTURES)
def test_legend_hides_no_axis_label(name):
    ax = PICTURES[name]()
    ax.figure.canvas.draw()
    legend = ax.get_legend()
    if legend is not None:
        box = legend.get_window_extent()
        assert not box.overlaps(ax.xaxis.label.get_window_extent())
        assert not box.overlaps(ax.yaxis.label.get_window_extent())
        assert box.x1 <= ax.figure.bbox.x1 + 1 and box.x0 >= 0


def lines(ax):
    return {line.get_label(): line.get_xydata() for line in ax.lines}


def test_curves_are_the_model():
    curve = lines(plotting.plot_density(ONE, X[1]))["model"]
    assert np.allclose(curve[:, 1], np.exp(ONE.log_prob(curve[:, 0])))
    curve = lines(plotting.plot_energy(ONE, X[1]))["energy"]
    assert np.allclose(curve[:, 1], ONE.energy(curve[:, 0]))
    curve = lines(plotting.plot_density(SLOW, bounds=(-8, 8)))["model"]
    assert np.allclose(curve[:, 1], np.exp(-0.5 * curve[:, 0] ** 2) / np.sqrt(2 * np.pi), atol=1e-9)


def test_single_wells_bound_the_energy():
    drawn = lines(plotting.plot_energy(ONE, X[1]))
    for j in (1, 2):
        well, energy = drawn[f"well {j}"], drawn["energy"]
        seen = np.isfinite(well[:, 1])
        assert seen.sum() > 50 and (well[seen, 1] >= energy[seen, 1] - 1e-12).all()
    # The soft minimum of two wells lies at most log 2 below the lower one.
    low = np.fmin(drawn["well 1"][:, 1], drawn["well 2"][:, 1])
    assert (low - drawn["energy"][:, 1] <= np.log(2) + 1e-12)[np.isfinite(low)].all()


class Facts:
    """The facts of a mixture, and none of the attributes by which its class is known."""

    def __init__(self, wells):
        self.wells = wells

    def __getattr__(self, name):
        if name.endswith("_") or name in ("n_wells", "theta", "param_names"):
            raise AttributeError(name)
        return getattr(self.wells, name)


def test_modes_are_drawn_by_what_is_known_of_them(monkeypatch):
    monkeypatch.setattr(plotting._canvas, "as_energy", lambda energy: energy)
    monkeypatch.setattr(plotting.chains, "as_energy", lambda energy: energy)
    shifted = fe.WellMixture(3, 1, [0.3, -2.0, 0.1, 1.0, 0.5, -0.4, -0.5, 2.5, 0.6, 1.7])
    drawn = lines(plotting.plot_energy(Facts(shifted), X[1]))
    x = drawn["energy"][:, 0]
    wells = shifted.theta[:-1].reshape(3, 3)
    for j, (raw, m, k) in enumerate(wells):
        y = drawn[f"well {j + 1}"][:, 1]
        seen = np.isfinite(y)
        assert seen.sum() > 50
        np.testing.assert_allclose(y[seen], (np.exp(raw) * (x - m) ** 2 + k + 1.7)[seen], rtol=1e-12)
    assert plotting.plot_density(Facts(shifted)).get_xlim() == plotting.plot_density(shifted).get_xlim()
    # Shares of the chains: each state counts for the well of least energy.
    trace = shifted.exact_sample(300, seed=1).reshape(3, 100, 1)
    ax = plotting.plot_occupancy(Facts(shifted), trace)
    lowest = np.argmin([np.exp(raw) * (trace - m) ** 2 + k for raw, m, k in wells], axis=0)[..., 0]
    for j in range(3):
        assert np.array_equal(lines(ax)[f"well {j + 1}"][:, 1], (lowest == j).mean(axis=1))
    dashed = [
        line.get_ydata()[0] for line in ax.lines if line.get_linestyle() == "--" and len(line.get_xdata())
    ]
    np.testing.assert_allclose(dashed, shifted.weights_)


def test_no_wells_where_no_modes_are_known():
    assert set(lines(plotting.plot_energy(SLOW, X[1]))) == {"energy", "data"}
    # Negative control.
    assert {"well 1", "well 2"} < set(lines(plotting.plot_energy(ONE, X[1])))


def test_a_trace_of_some_thetas():
    kept = np.array([0, 15, 30, 39])
    fields = {"theta_steps": kept, "theta_trace": RESULT.history["theta"][kept]}
    short = SimpleNamespace(
        history=RESULT.history[["step", *PHASES]], energy=RESULT.energy, theta=RESULT.theta, **fields
    )
    curve = lines(plotting.plot_parameters(short, names=["m1"]))["m1"]
    assert np.array_equal(curve, np.c_[kept, RESULT.history["theta"][kept, 1]])
    full, thin = (lines(plotting.plot_phases(r))["data (positive phase)"] for r in (RESULT, short))
    assert np.array_equal(full, thin)


def test_histogram_has_area_one():
    ax = plotting.plot_density(ONE, X[1])
    assert sum(p.get_width() * p.get_height() for p in ax.patches) == pytest.approx(1)


def test_unit_of_a_density():
    assert plotting.plot_density(ONE, X[1], labels="time (min)").get_ylabel() == "density (1/min)"
    assert plotting.plot_density(ONE, X[1], labels="speed (m/s)").get_ylabel() == "density (1/(m/s))"
    assert plotting.plot_density(ONE, X[1], labels="x").get_ylabel() == "density"


def test_running_mean():
    ax = plotting.plot_gap(RESULT)
    faint, smooth = ax.lines[-2].get_ydata(), lines(ax)["running mean"]
    assert np.array_equal(faint, RESULT.history["energy_gap"])
    assert smooth[:, 1].mean() == pytest.approx(faint.mean(), abs=0.05)


def test_occupancy_counts_every_chain_once():
    ax = plotting.plot_occupancy(THREE, TRACE[3], every=4)
    shares = [line.get_xydata() for line in ax.lines if len(line.get_xdata()) == 3]
    assert np.allclose(sum(s[:, 1] for s in shares), 1) and list(shares[0][:, 0]) == [4, 8, 12]


def test_age_of_the_newest_state_is_zero():
    points = plotting.plot_buffer(STORE, what="age").lines[0].get_xydata()
    assert points[-1, 0] == 0 and points[-1, 1] == STORE.states[-1] and points[0, 0] == len(STORE) - 1
    assert plotting.plot_buffer(STORE, what="age", per_update=10).lines[0].get_xdata().max() == 4


def test_paths_of_a_result():
    for d, energy in ((1, ONE), (2, TWO)):
        of_result, by_hand = plotting.plot_paths(RUN[d]), plotting.plot_paths(energy, RUN[d].trace, every=5)
        for one, other in zip(of_result.lines, by_hand.lines, strict=True):
            assert np.array_equal(one.get_xydata(), other.get_xydata())
    drawn = fe.sample(fe.DoubleWell(1), 40, sampler=fe.MALA(0.1), seed=1, max_steps=400)
    step = plotting.plot_paths(drawn).lines[0].get_xdata()
    assert np.array_equal(step, drawn.every * np.arange(1, len(drawn.trace) + 1))


def test_loss_of_score_matching():
    ax = plotting.plot_phases(SCORES)
    assert np.array_equal(ax.lines[0].get_ydata(), SCORES.history["loss"]) and "loss" in ax.get_ylabel()
    assert plotting.plot_phases(SCORES.history).lines


def test_new_figures_are_sharp_and_given_ones_are_left_alone():
    before = dict(matplotlib.rcParams)
    assert plotting.plot_density(ONE).figure.dpi == 160
    own = plt.figure(dpi=72).subplots()
    assert plotting.plot_density(ONE, ax=own).figure.dpi == 72
    assert (
        plotting.plot_pairs(np.random.default_rng(1).normal(size=(20, 8)))[0, 0].figure.get_figwidth() <= 10
    )
    assert dict(matplotlib.rcParams) == before


def test_colours_of_an_energy_follow_its_bulk():
    ax = plotting.plot_landscape(STEEP, bounds=[(-3, 3), (-8, 8)])
    levels = ax.collections[0].levels
    u = np.stack(np.meshgrid(np.linspace(-3, 3, 160), np.linspace(-8, 8, 160)), axis=-1).reshape(-1, 2)
    e = STEEP.energy(u) - STEEP.energy(u).min()
    assert 0.7 < (e <= levels[-1]).mean() < 0.9
    # Evenly spaced numbers that can be written down, and where the energy is flat still 4 nats.
    assert np.allclose(np.diff(levels), levels[1]) and 10 < len(levels) < 40
    assert f"{levels[1]:.2g}" == f"{levels[1]:.6g}"
    flat = plotting.plot_landscape(TWO, bounds=[(-1.5, -1.4), (0, 0.1)])
    assert flat.collections[0].levels[-1] >= 4
    # Nor does a wall decide the height of a curve; a parabola is seen whole.
    wall = fe.PythonEnergy(lambda x: x[:, 0] ** 8, lambda x: 8 * x**7, 1)
    assert plotting.plot_energy(wall, bounds=(-3, 3)).get_ylim()[1] < 0.7 * 3**8
    assert plotting.plot_energy(SLOW, bounds=(-3, 3)).get_ylim()[1] > 0.5 * 3**2


def texts(axis):
    axis.figure.canvas.draw()
    return [t.get_text() for t in axis.get_ticklabels() if t.get_text()]


def test_ticks_are_numbers_as_people_write_them():
    ax = plotting.plot_landscape(LARGE, bounds=[(1e4, 9e4), (-2, 3)])
    assert "20,000" in texts(ax.xaxis) or "25,000" in texts(ax.xaxis)
    boxes = [t.get_window_extent() for t in ax.get_xticklabels() if t.get_text()]
    assert all(a.x1 < b.x0 for a, b in itertools.pairwise(boxes))
    assert "\N{MINUS SIGN}2" in texts(ax.yaxis)
    # No offset: years are years.
    ax = plotting.plot_density(fe.Gaussian([2000.0], [[1.0]]), bounds=(1996, 2004))
    assert "2000" in texts(ax.xaxis) and not ax.xaxis.get_offset_text().get_text()


def test_the_night_side_of_a_picture():
    sheet = plotting._canvas.figure((4, 3))
    ax = plotting.plot_landscape(TWO, X[2], what="density", ax=sheet.subplots())
    plotting._canvas.night(sheet)
    light = matplotlib.colors.to_rgba(plotting._canvas.INK)
    assert matplotlib.colors.to_rgba(ax.xaxis.label.get_color()) == light
    assert ax.spines["left"].get_edgecolor() == light
    assert ax.collections[0].get_cmap().name == "Blues_r"
    assert len(plotting._canvas.encoded(sheet)) > 1000


def test_pairs():
    grid = plotting.plot_pairs(X[3], THREE, labels=["a (m)", "b (s)", "c (kg)"])
    assert grid.shape == (3, 3) and [ax.get_xlabel() for ax in grid[-1]] == ["a (m)", "b (s)", "c (kg)"]
    assert np.array_equal(grid[2, 0].lines[0].get_xydata(), X[3][:, [0, 2]])
    assert not grid[0, 2].axison and len(grid[2, 0].collections) == 1
    own = plt.figure().subplots(3, 3)
    assert plotting.plot_pairs(X[3], ax=own)[1, 1] is own[1, 1]
    assert not own[0, 2].axison and not own[2, 0].collections


def test_contours_of_pairs_hold_the_mass_that_they_say():
    # The curve on the diagonal is the marginal, and the levels are those of the density of two features.
    two = fe.WellMixture.from_mixture(THREE.weights_, THREE.means_[:, [0, 2]], THREE.stds_[:, [0, 2]])
    x = THREE.exact_sample(40_000, seed=9)
    levels = {}
    for name, options in {"closed": {}, "sampled": {"model_samples": x}}.items():
        grid = plotting.plot_pairs(X[3], None if options else THREE, **options)
        t, p = grid[1, 1].lines[0].get_xydata().T
        one = fe.WellMixture.from_mixture(THREE.weights_, THREE.means_[:, 1], THREE.stds_[:, 1])
        exact = np.exp(one.log_prob(t))
        assert np.abs(p - exact).max() < (0.003 if name == "closed" else 0.06) * exact.max()
        levels[name] = grid[2, 0].collections[0].levels
        inside = [(np.exp(two.log_prob(x[:, [0, 2]])) > level).mean() for level in levels[name]]
        assert inside == pytest.approx([0.99, 0.9, 0.5], abs=0.03)
    # A needle is seen, however thin.
    needle = fe.WellMixture.from_mixture(
        [0.5, 0.5], [[0.0, 0.0], [3.0, 3.0]], covariances=[np.eye(2), 1e-6 * np.eye(2)]
    )
    t, p = plotting.plot_pairs(needle.exact_sample(300, 1), needle)[0, 0].lines[0].get_xydata().T
    assert p[np.abs(t - 3) < 0.2].sum() * (t[1] - t[0]) == pytest.approx(0.5, abs=0.02)
    # In the units of a fit.
    scale = np.array([1.0, 100.0, 0.01])
    moved = fe.ScaledWells(THREE, np.zeros(3), scale, names=("a", "b", "c"))
    grid = plotting.plot_pairs(X[3] * scale, moved, columns=[2, 0])
    assert grid.shape == (2, 2) and [ax.get_xlabel() for ax in grid[-1]] == ["c", "a"]
    assert grid[1, 0].collections[0].levels == pytest.approx(levels["closed"] / 0.01, rel=0.1)


def test_density_map_has_area_one_and_arrows_are_the_score():
    ax = plotting.plot_landscape(TWO, bounds=[(-7, 7), (-7, 7)], what="density", arrows=7, chains=X[2][:30])
    exact = np.exp(TWO.log_prob([[-1.5, 0.0]]))[0]
    untold = fe.PythonEnergy(TWO.energy, TWO.grad, 2)
    levels = [
        plotting.plot_landscape(e, bounds=[(-7, 7), (-7, 7)], what="density").collections[0].levels[-2]
        for e in (TWO, untold)
    ]
    assert levels[0] == pytest.approx(levels[1], rel=1e-6) and levels[0] < exact < 1.2 * levels[0]
    (quiver,) = [c for c in ax.collections if hasattr(c, "U")]
    score = -TWO.grad(quiver.XY)
    drawn = np.c_[quiver.U, quiver.V]
    cosine = (score * drawn).sum(axis=1) / np.hypot(*score.T) / np.hypot(*drawn.T)
    np.testing.assert_allclose(cosine, 1, atol=1e-9)
    assert np.array_equal(lines(ax)["chains"], X[2][:30])


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: plotting.plot_density(TWO, X[2]), ValueError, "use plot_landscape or plot_pairs"),
        (lambda: plotting.plot_density(None), TypeError, "energy must be an Energy"),
        (lambda: plotting.plot_density(ONE, [1.0, np.nan]), ValueError, "not finite"),
        (lambda: plotting.plot_density(ONE, bounds=(2, 1)), ValueError, "low < high"),
        (lambda: plotting.plot_density(SLOW), ValueError, "give X or bounds"),
        (lambda: plotting.plot_energy(ONE, X[1], labels=("a", "b")), ValueError, "labels must hold 1"),
        (lambda: plotting.plot_landscape(TWO, what="heat"), ValueError, "what must be one of"),
        (lambda: plotting.plot_landscape(ONE), ValueError, "plot_energy for one"),
        (lambda: plotting.plot_pairs(X[1]), ValueError, "at least two features"),
        (lambda: plotting.plot_pairs(X[3], ax=np.zeros((2, 2))), ValueError, r"shape \(3, 3\)"),
        (lambda: plotting.plot_pairs(X[3], TWO), ValueError, "X has 3 features, the model has 2"),
        (lambda: plotting.plot_pairs(np.ones((5, 9))), ValueError, "at most 8; choose with columns="),
        (lambda: plotting.plot_pairs(X[3], columns=[1]), ValueError, "2 to 8 different features"),
        (lambda: plotting.plot_phases([1, 2]), TypeError, "must be a TrainingResult"),
        (lambda: plotting.plot_gap(SCORES), TypeError, "use plot_phases"),
        (lambda: plotting.plot_paths(RUN[1], TRACE[1]), TypeError, "comes with the result"),
        (lambda: plotting.plot_paths(fe.MALA(0.1).run(ONE, X[1][:3], 5)), ValueError, "give thin=k"),
        (lambda: plotting.plot_paths(fe.sample(ONE, 5, seed=1)), ValueError, "independent"),
        (lambda: plotting.plot_paths(pickle.loads(pickle.dumps(RUN[1]))), ValueError, "knows no energy"),
        (lambda: plotting.plot_parameters(RESULT.history[["step", *PHASES]]), TypeError, "holds no theta"),
        (lambda: plotting.plot_phases(RESULT.history[:0]), ValueError, "history is empty"),
        (lambda: plotting.plot_parameters(RESULT, names=["m3"]), ValueError, "no parameter is called 'm3'"),
        (lambda: plotting.plot_paths(THREE, TRACE[3]), ValueError, "1 or 2 feature"),
        (lambda: plotting.plot_paths(TWO, X[2]), ValueError, "trace must have shape"),
        (lambda: plotting.plot_occupancy(SLOW, TRACE[1]), TypeError, "must know its modes"),
        (lambda: plotting.plot_buffer(fe.ReplayBuffer(3)), ValueError, "not be empty"),
        (lambda: plotting.plot_buffer([1.0]), TypeError, "must be a ReplayBuffer"),
    ],
)
def test_bad_input(call, error, message):
    with pytest.raises(error, match=message):
        call()
    assert not plt.get_fignums()


def test_importing_the_package_does_not_import_matplotlib():
    code = "import fastebm, fastebm.plotting, fastebm.cli, sys; sys.exit('matplotlib' in sys.modules)"
    root = Path(fe.__file__).parents[1]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, timeout=120).returncode == 0


def test_without_matplotlib(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    monkeypatch.delattr(matplotlib, "pyplot", raising=False)
    with pytest.raises(ImportError, match=r"pictures need matplotlib: pip install matplotlib \("):
        plotting.plot_density(ONE)
