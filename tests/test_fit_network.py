"""Networks fitted to tables: better than wells where wells do not suit, wells where they do, and the same doors."""

import json
import pickle

import numpy as np
import pytest
from test_cli import run

import fastebm as fe

try:
    import sklearn
    from sklearn.base import clone
except ImportError:
    sklearn = None

needs_sklearn = pytest.mark.skipif(sklearn is None, reason="scikit-learn is not installed")


def ring(n, seed):
    """A ring, in units of 100 and around 1000."""
    rng = np.random.default_rng(seed)
    angle, radius = 2 * np.pi * rng.random(n), 1 + 0.1 * rng.normal(size=n)
    return 1000.0 + 100.0 * radius[:, None] * np.c_[np.cos(angle), np.sin(angle)]


def one_cluster(n, seed, features=2):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, features)) @ (np.eye(features) + 0.5) + 3.0


@pytest.fixture(scope="module")
def rows():
    return ring(600, 1)


@pytest.fixture(scope="module")
def fit(rows):
    return fe.fit_network(rows, X_val=ring(2000, 2), seed=3, hidden=(64, 64), n_updates=900)


@pytest.fixture(scope="module")
def fallen():
    with pytest.warns(fe.FastEBMWarning, match="the density is that of the wells"):
        return fe.fit_network(one_cluster(400, 1), seed=1, hidden=(16,), n_updates=150)


# ---- the network where it is better ----


def test_a_network_beats_the_wells_on_a_ring(fit):
    fresh = ring(20_000, 4)
    assert fit.better and fit.held_out["gain"] > 2 * fit.held_out["gain_error"] > 0
    difference = fit.score_samples(fresh) - fit.wells.score_samples(fresh)
    assert difference.mean() > 5 * difference.std() / len(fresh) ** 0.5
    # The certificate holds on rows that no choice has seen, up to the noise of both sets.
    noise = 5 * (fit.held_out["standard_error"] + fit.score_samples(fresh).std() / len(fresh) ** 0.5)
    assert fit.held_out["lower"] - noise < fit.score_samples(fresh).mean() < fit.held_out["upper"] + noise


def test_the_density_integrates_to_one_in_the_units_of_the_data(fit):
    a, b = np.linspace(800, 1200, 401), np.linspace(800, 1200, 401)
    grid = np.stack(np.meshgrid(a, b), axis=-1).reshape(-1, 2)
    mass = np.exp(fit.score_samples(grid)).sum() * (a[1] - a[0]) * (b[1] - b[0])
    assert mass == pytest.approx(1.0, abs=2e-3)
    near = fit.sample(20, seed=0)
    assert -fit.energy_.energy(near) == pytest.approx(fit.score_samples(near), abs=1e-9)
    step = np.array([1e-2, 0.0])
    slope = (fit.energy_.energy(near + step) - fit.energy_.energy(near - step)) / 2e-2
    assert fit.energy_.grad(near)[:, 0] == pytest.approx(slope, rel=1e-2, abs=1e-3)


def test_samples_follow_the_density(fit):
    # Expected counts in cells by the density itself; chi squared of 64 cells or fewer is above 160 once in 10^9.
    n = 4000
    edges = [np.linspace(850, 1150, 9)] * 2
    fine = [np.linspace(e[0], e[-1], 321) for e in edges]
    middle = [0.5 * (f[1:] + f[:-1]) for f in fine]
    grid = np.stack(np.meshgrid(*middle, indexing="ij"), axis=-1).reshape(-1, 2)
    p = np.exp(fit.score_samples(grid)) * np.prod([f[1] - f[0] for f in fine])
    expected = n * p.reshape(8, 40, 8, 40).sum(axis=(1, 3)).ravel()
    some = expected > 8

    def distance(x):
        counts = np.histogram2d(x[:, 0], x[:, 1], edges)[0].ravel()
        return ((counts - expected)[some] ** 2 / expected[some]).sum()

    assert distance(fit.sample(n, seed=5)) < 200
    # Chains that are left near the base must be seen.
    begun = fit.network.base.exact_sample(n, seed=5)
    assert distance(fit.offset + fit.scale * begun) > 1000


def test_odd_rows_are_less_likely(fit, rows):
    inside = fit.score_samples(rows)
    between = np.array([[1000.0, 1000.0], [1300.0, 1000.0], [800.0, 800.0]])
    assert (fit.score_samples(between) < np.quantile(inside, 0.01)).all()


def test_same_seed_same_bytes():
    x = ring(300, 1)
    a, b = (fe.fit_network(x, seed=5, hidden=(8,), n_updates=60, diagnose=False) for _ in range(2))
    assert a.score_samples(x).tobytes() == b.score_samples(x).tobytes()
    assert a.network == b.network and a.held_out == b.held_out
    assert a.sample(7, seed=1).tobytes() == b.sample(7, seed=1).tobytes()


def test_samples_of_a_seed(fit):
    assert fit.sample(7, seed=1).tobytes() == fit.sample(7, seed=1).tobytes()
    assert fit.sample(7, seed=2).tobytes() != fit.sample(7, seed=1).tobytes()


# ---- the wells where it is not ----


def test_one_cluster_falls_back_to_wells(fallen):
    x = one_cluster(400, 1)
    assert not fallen.better
    assert fallen.warnings[0].code == "network_not_better"
    assert fallen.score_samples(x).tobytes() == fallen.wells.score_samples(x).tobytes()
    assert fallen.sample(5, seed=1).tobytes() == fallen.wells.sample(5, seed=1).tobytes()
    assert fallen.energy_.n_features == 2
    # All rows are behind those wells, also the ones that were held out.
    assert fallen.wells.offset == pytest.approx(x.mean(axis=0))


def test_strict_refuses_the_fallback():
    with pytest.raises(fe.UntrustedFitError) as refused:
        fe.fit_network(one_cluster(300, 1), seed=1, hidden=(8,), n_updates=50, strict=True)
    assert not refused.value.result.better


# ---- files ----


@pytest.mark.parametrize("which", ["fit", "fallen"])
def test_saved_and_loaded(which, request, tmp_path):
    model, path = request.getfixturevalue(which), tmp_path / "model.npz"
    fe.save(path, model)
    other = fe.load(path)
    x = ring(50, 9) if which == "fit" else one_cluster(50, 9)
    for again in (other, pickle.loads(pickle.dumps(model))):
        assert again.score_samples(x).tobytes() == model.score_samples(x).tobytes()
        assert again.sample(9, seed=1).tobytes() == model.sample(9, seed=1).tobytes()
    assert other.held_out == model.held_out and other.better == model.better
    assert path.stat().st_size < 4e6


def test_a_damaged_file_is_refused(fallen, tmp_path):
    path = tmp_path / "model.npz"
    broken = fe.ScaledNetwork(**(vars(fallen) | {"wells": None}))
    fe.save(path, broken)
    with pytest.raises(fe.ModelFileError, match="damaged"):
        fe.load(path)


def test_diagnose_says_it_again(fallen):
    found = fe.diagnose(fallen, one_cluster(400, 1))
    assert "network_not_better" in [d.code for d in found]
    with pytest.raises(ValueError, match="needs X"):
        fe.diagnose(fallen)


# ---- bad input ----


@pytest.mark.parametrize(
    ("changes", "error", "match"),
    [
        ({"X": np.zeros((20, 2))}, ValueError, "at least 100 rows"),
        ({"X": np.c_[np.arange(120.0), np.ones(120)]}, ValueError, "zero variance"),
        ({"X_val": np.zeros((30, 3))}, ValueError, "X_val"),
        ({"X_val": np.zeros((3, 2))}, ValueError, "X_val must hold at least 20"),
        ({"X_val": np.full((30, 2), np.nan)}, ValueError, "X_val"),
        ({"validation": 0.0}, ValueError, "validation"),
        ({"validation": 1.0}, ValueError, "validation"),
        ({"validation": 0.01}, ValueError, "validation=0.01 of 120 rows"),
        ({"hidden": "wide"}, ValueError, "hidden"),
        ({"hidden": ()}, ValueError, "hidden"),
        ({"hidden": (0,)}, ValueError, "hidden"),
        ({"hidden": (4.5,)}, TypeError, "hidden"),
        ({"base": "box"}, ValueError, "base"),
        ({"base": fe.MuellerBrown()}, ValueError, "exact sampler"),
        ({"base": fe.Gaussian(np.zeros(3))}, ValueError, "n_features"),
        ({"n_updates": 0}, ValueError, "n_updates"),
        ({"learning_rate": -1.0}, ValueError, "learning_rate"),
        ({"max_seconds": 0}, ValueError, "max_seconds"),
        ({"energy": fe.DoubleWell(2)}, ValueError, "no parameters"),
        ({"energy": fe.WellMixture(2, 3)}, ValueError, "n_features=3"),
        ({"energy": "network"}, TypeError, "energy"),
        ({"energy": fe.WellMixture(2, 2), "hidden": (4,)}, ValueError, "hidden and base"),
        ({"energy": fe.NetworkEnergy.mlp(2, (4,))}, ValueError, "without a base"),
        ({"strict": True, "diagnose": False}, ValueError, "strict"),
    ],
)
def test_bad_input(changes, error, match):
    settings = {"X": one_cluster(120, 1), "hidden": "auto", "seed": 1} | changes
    with pytest.raises(error, match=match):
        fe.fit_network(**settings)


# ---- scikit-learn ----


@needs_sklearn
def test_the_estimator_fits_a_network(rows):
    density = fe.EnergyDensity(
        model="network", hidden=(32, 32), n_updates=700, random_state=0, base="gaussian"
    )
    assert clone(density).get_params() == density.get_params()
    density.fit(rows, X_val=ring(1000, 2))
    assert isinstance(density.model_, fe.ScaledNetwork)
    assert density.score(rows) == density.score_samples(rows).mean()
    assert density.sample(6).shape == (6, 2)
    assert density.sample(6).tobytes() == density.sample(6).tobytes()
    if density.model_.better:
        assert not hasattr(density, "means_")
        for call in (density.predict, density.predict_proba):
            with pytest.raises(ValueError, match=r"no wells.*score_samples"):
                call(rows)
        with pytest.raises(ValueError, match="free parameters"):
            density.bic(rows)
    # Fitted again with wells, nothing of the network is left.
    density.set_params(model="wells", recipe="em").fit(rows)
    assert (
        density.n_wells_ == 2
        and density.means_.shape == (2, 2)
        and isinstance(density.model_, fe.ScaledWells)
    )


@needs_sklearn
def test_the_estimator_falls_back_and_keeps_what_wells_have(tmp_path):
    x = one_cluster(300, 2)
    density = fe.EnergyDensity(model="network", hidden=(8,), n_updates=60, random_state=0)
    with pytest.warns(fe.FastEBMWarning, match="wells"):
        density.fit(x)
    assert density.means_.shape == (density.n_wells_, 2) and np.isfinite(density.bic(x))
    assert density.predict(x).max() < density.n_wells_
    fe.save(tmp_path / "e.npz", density)
    again = fe.load(tmp_path / "e.npz")
    assert again.score(x) == density.score(x) and again.means_.tobytes() == density.means_.tobytes()


@needs_sklearn
def test_predict_of_wells(rows):
    x = np.concatenate([np.random.default_rng(1).normal(m, 1.0, (200, 2)) for m in (-5.0, 5.0)])
    density = fe.EnergyDensity(2, recipe="em", random_state=0).fit(x)
    proba, label = density.predict_proba(x), density.predict(x)
    assert proba.sum(axis=1) == pytest.approx(np.ones(400), abs=1e-12)
    assert (label[:200] == label[0]).all() and (label[200:] == 1 - label[0]).all()
    assert (np.sign(density.means_[label]) == np.sign(x.mean(axis=1))[:, None]).all()


@needs_sklearn
def test_an_energy_of_ones_own():
    x = np.random.default_rng(0).normal([1.0, -2.0], [0.5, 2.0], (600, 2))
    model = fe.Gaussian([0.0, 0.0])
    density = fe.EnergyDensity(model=model, n_updates=800, learning_rate=0.02, random_state=0).fit(x)
    assert density.model_.better and density.model_.wells is None
    assert density.score(x) == pytest.approx(fe.Gaussian.fit(x).log_prob(x).mean(), abs=0.05)
    assert density.sample(2000).mean(axis=0) == pytest.approx([1.0, -2.0], abs=0.4)
    assert model == fe.Gaussian([0.0, 0.0])


@needs_sklearn
@pytest.mark.parametrize(
    ("params", "error", "match"),
    [
        ({"model": "cnn"}, ValueError, "'wells', 'auto', 'network' or an energy, got 'cnn'"),
        ({"model": None}, ValueError, "model"),
        ({"model": "network", "hidden": "x"}, ValueError, "hidden"),
        ({"model": fe.DoubleWell(2)}, ValueError, "no parameters"),
    ],
)
def test_bad_parameters(params, error, match):
    with pytest.raises(error, match=match):
        fe.EnergyDensity(**params).fit(one_cluster(120, 1))


@needs_sklearn
def test_held_out_rows_belong_to_networks():
    x = one_cluster(120, 1)
    with pytest.raises(ValueError, match="X_val is for"):
        fe.EnergyDensity().fit(x, X_val=x)
    with pytest.raises(ValueError, match="3 features"):
        fe.EnergyDensity(model="network").fit(x, X_val=np.zeros((20, 3)))


# ---- the command line ----


@pytest.fixture
def table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    x = ring(1500, 6)
    np.savetxt("data.csv", x, delimiter=",", header="a,b", comments="")
    return "data.csv"


def test_command_line(table, tmp_path):
    words = (
        "fit",
        table,
        "--model",
        "network",
        "--hidden",
        "48,48",
        "--updates",
        "700",
        "--validation",
        "0.4",
    )
    files = ("--out", "m.npz", "--report", "r.html", "--plot", "p.png")
    status, out, err = run(*words, *files, "--json")
    assert status == 0, err
    facts = json.loads(out)
    assert facts["hidden"] == [48, 48] and facts["held_out"]["n_rows"] == 300
    assert "--model network" in facts["command"] and "--hidden 48,48" in facts["command"]
    assert facts["model"] in ("network", "wells")
    held = facts["held_out"]
    assert held["lower"] <= held["upper"] and facts["log_partition"]["trusted"]
    page = (tmp_path / "r.html").read_text()
    for heading in ("Certificate", "Training curves", "Chains of the network", "Settings and seed"):
        assert f"<h2>{heading}</h2>" in page
    # Three pictures of two panels, each in light and in dark.
    assert "R-hat" in page and page.count("data:image/png") == 12 and "http" not in page
    assert (tmp_path / "p.png").read_bytes()[:4] == b"\x89PNG"
    # The model scores as it was fitted, and gives samples.
    status, out, err = run("score", "m.npz", table, "--json")
    assert status == 0, err
    assert json.loads(out)["log_likelihood"] == pytest.approx(facts["log_likelihood"], abs=1e-9)
    status, out, err = run("sample", "m.npz", "--n", "20", "--out", "s.csv")
    assert status == 0, err
    drawn = np.loadtxt("s.csv", delimiter=",", skiprows=1)
    assert drawn.shape == (20, 2) and (tmp_path / "s.csv").read_text().startswith("a,b\n")
    # And the table for people.
    status, out, err = run("fit", table, "--model", "network", "--hidden", "8", "--updates", "30")
    assert status == 0, err
    assert "nats per row" in out and "held out" in out


@pytest.mark.parametrize(
    ("words", "match"),
    [
        (("--hidden", "0"), "at least one unit"),
        (("--hidden", "a"), "whole number"),
        (("--validation", "2"), "validation"),
        (("--model", "cnn"), "invalid choice"),
    ],
)
def test_bad_words(table, words, match):
    status, _, err = run("fit", table, "--model", "network", *words)
    assert status == 2 and match in err
