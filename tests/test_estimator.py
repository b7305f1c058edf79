"""EnergyDensity as scikit-learn sees it, and against the maximum-likelihood optimum."""

import math
import os
import pickle
import subprocess
import sys
from importlib.resources import files

import numpy as np
import pytest

import fastebm as fe
from fastebm.fitting.selection import select_n_wells
from fastebm.mixtures.em import maximum_likelihood_wells

try:
    import sklearn
    from sklearn.base import clone
    from sklearn.mixture import GaussianMixture
    from sklearn.model_selection import GridSearchCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, MinMaxScaler
    from sklearn.utils.estimator_checks import parametrize_with_checks
except ImportError:
    sklearn = None

    def parametrize_with_checks(estimators, expected_failed_checks=None):
        return pytest.mark.skip(reason="scikit-learn is not installed")


needs_sklearn = pytest.mark.skipif(sklearn is None, reason="scikit-learn is not installed")
TRUTH = fe.WellMixture.from_mixture([0.55, 0.45], [-2.0, 1.8], [0.45, 0.55])


def faithful():
    with (files("fastebm.datasets") / "faithful.csv").open() as table:
        return np.loadtxt(table, delimiter=",", skiprows=1)


@pytest.fixture(scope="module")
def geyser():
    return faithful()


@pytest.fixture(scope="module")
def best(geyser):
    """Mean log-likelihood of the maximum-likelihood two wells, in the units of the data."""
    scale = geyser.std(axis=0)
    z = (geyser - geyser.mean(axis=0)) / scale
    return maximum_likelihood_wells(z, 2).log_prob(z).mean() - np.log(scale).sum()


if sklearn is not None:
    CHECKED = [
        fe.EnergyDensity(),
        fe.EnergyDensity(3, recipe="em"),
        fe.EnergyDensity("auto", n_updates=20, n_folds=2, max_wells=2),
    ]
else:
    CHECKED = []


# Starts are drawn by row, as those of sklearn's KMeans are: the optimum of rows with weights is that of repeated rows
# (tests/test_weights.py), but one of several may be found, and its wells stand in another order.
EXPECTED = {"check_sample_weight_equivalence_on_dense_data": "random starts depend on the order of rows"}


@parametrize_with_checks(CHECKED, expected_failed_checks=lambda estimator: EXPECTED)
def test_sklearn_check(estimator, check):
    check(estimator)


@needs_sklearn
def test_check_estimator_with_nothing_skipped():
    # The array-API check runs only where SciPy was told so before it was imported.
    script = (
        "import fastebm as fe\n"
        "from sklearn.utils.estimator_checks import check_estimator\n"
        f"expected = {EXPECTED!r}\n"
        "checks = check_estimator(fe.EnergyDensity(), on_fail=None, expected_failed_checks=expected)\n"
        "bad = [(c['check_name'], str(c['exception'])) for c in checks if c['status'] not in ('passed', 'xfail')]\n"
        "assert sum(c['status'] == 'xfail' for c in checks) == 1\n"
        "assert len(checks) > 30, len(checks)\n"
        "assert not bad, bad\n"
    )
    run_alone(script, SCIPY_ARRAY_API="1")


def run_alone(script, **environment):
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=300,
        env=os.environ | environment,
    )
    assert done.returncode == 0, done.stderr


# ---- quality ----


@needs_sklearn
@pytest.mark.parametrize("seed", range(3))
def test_old_faithful_has_two_wells_at_the_optimum(geyser, best, seed):
    # Its two clouds lean, so it takes more wells where features of a well are not correlated: held out, four or five
    # are likelier than two by one to two standard errors.
    density = fe.EnergyDensity("auto", covariance="full", random_state=seed).fit(geyser)
    assert density.n_wells_ == 2
    two = fe.EnergyDensity(2, random_state=seed).fit(geyser)
    assert -1e-6 < best - two.score(geyser) < 0.01


@needs_sklearn
@pytest.mark.parametrize("seed", range(3))
def test_number_of_wells_is_the_simplest_within_one_standard_error(geyser, seed):
    density = fe.EnergyDensity("auto", recipe="em", random_state=seed).fit(geyser)
    table = density.held_out_
    assert list(table["n_wells"]) == list(range(1, len(table) + 1))
    best = int(table["log_likelihood"].argmax())
    # Three more than the best were tried, and no more.
    assert len(table) == best + 1 + 3
    assert density.n_wells_ == 1 + int(np.flatnonzero(table["gain"] <= 1.0)[0])
    assert (table["gain"][:best] > 0).all() and (table["gain"][best:] == 0).all()


@pytest.mark.deep
@needs_sklearn
@pytest.mark.parametrize("seed", range(20))
def test_old_faithful_over_many_seeds(geyser, best, seed):
    test_old_faithful_has_two_wells_at_the_optimum(geyser, best, seed)


@needs_sklearn
def test_undertraining_is_seen(geyser, best):
    # The same limit, and a fit that must miss it.
    density = fe.EnergyDensity(2, recipe="contrastive", n_updates=0, n_init=1, random_state=0).fit(
        10.0 ** (geyser / 40)
    )
    z = 10.0 ** (geyser / 40)
    exact = fe.EnergyDensity(2, recipe="em", random_state=0).fit(z)
    trained = fe.ScaledWells(density.training_.energy, density.model_.offset, density.model_.scale)
    assert exact.score(z) - trained.score_samples(z).mean() > 0.01
    # Training says so, and the estimator takes the better wells that the check has found.
    assert any(w.code in ("under_training", "local_optimum") for w in density.training_.warnings)
    assert density.model_.gained > 0.01 and exact.score(z) - density.score(z) < 1e-3


@needs_sklearn
def test_agrees_with_gaussian_mixture(geyser):
    ours = fe.EnergyDensity(2, recipe="em", random_state=0).fit(geyser)
    theirs = GaussianMixture(
        2, covariance_type="diag", tol=1e-9, max_iter=2000, reg_covar=0.0, random_state=0
    ).fit(geyser)
    assert ours.score(geyser) == pytest.approx(theirs.score(geyser), abs=1e-6)
    order, theirs_order = np.argsort(ours.means_[:, 0]), np.argsort(theirs.means_[:, 0])
    assert ours.means_[order] == pytest.approx(theirs.means_[theirs_order], rel=1e-3)
    assert ours.covariances_[order] == pytest.approx(theirs.covariances_[theirs_order], rel=1e-2)
    assert ours.weights_[order] == pytest.approx(theirs.weights_[theirs_order], rel=1e-3)
    assert ours.bic(geyser) == pytest.approx(theirs.bic(geyser), abs=1e-3)
    assert ours.aic(geyser) == pytest.approx(theirs.aic(geyser), abs=1e-3)


@pytest.mark.parametrize(("k", "features"), [(1, 1), (2, 2), (3, 2), (2, 5), (3, 4)])
def test_auto_finds_the_number_of_separated_wells(k, features):
    rng = np.random.default_rng(7)
    truth = fe.WellMixture.from_mixture(
        np.full(k, 1 / k),
        5.0 * np.arange(k)[:, None] + rng.normal(size=(k, features)),
        np.full((k, features), 0.7),
    )
    X = truth.exact_sample(600, seed=rng)
    assert select_n_wells(X, max_wells=4, seed=1, n_updates=200)[0] == k


@pytest.mark.parametrize(("k", "features"), [(1, 2), (3, 1), (4, 2), (3, 3), (3, 6)])
@pytest.mark.parametrize("recipe", ["auto", "contrastive"])
def test_close_to_the_optimum(k, features, recipe):
    rng = np.random.default_rng(k + features)
    truth = fe.WellMixture.from_mixture(
        rng.dirichlet(np.full(k, 5.0)), rng.normal(0, 2, (k, features)), rng.uniform(0.3, 1.0, (k, features))
    )
    X = truth.exact_sample(2000, seed=rng)
    # The same seed gives both the same k-means start, so EM climbs to the optimum that training is near.
    optimum = fe.fit_wells(X, k, recipe="em", seed=0).score_samples(X).mean()
    fit = fe.fit_wells(X, k, recipe=recipe, seed=0)
    assert optimum - fit.score_samples(X).mean() < (0.01 if features <= 3 else 0.05)


# ---- units ----


@needs_sklearn
@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e9])
def test_reports_in_the_units_of_the_data(scale):
    X = TRUTH.exact_sample(1500, seed=1)
    plain = fe.EnergyDensity(random_state=0).fit(X)
    scaled = fe.EnergyDensity(random_state=0).fit(scale * X + 3 * scale)
    assert scaled.means_ == pytest.approx(scale * plain.means_ + 3 * scale, rel=1e-6)
    assert scaled.stds_ == pytest.approx(scale * plain.stds_, rel=1e-6)
    assert scaled.score(scale * X + 3 * scale) == pytest.approx(plain.score(X) - math.log(scale), abs=1e-6)
    sample = scaled.sample(4000)
    assert sample.mean() == pytest.approx(scale * (X.mean() + 3), abs=0.25 * scale)
    x = sample[:50]
    energy = scaled.energy_
    assert -energy.energy(x) == pytest.approx(scaled.score_samples(x), abs=1e-9)
    assert (scale * energy.grad(x)).shape == (50, 1)
    assert isinstance(energy, fe.WellMixture) == (scale == 1.0)
    step = 1e-6 * scale
    slope = (energy.energy(x + step) - energy.energy(x - step)) / (2 * step)
    assert scale * energy.grad(x)[:, 0] == pytest.approx(scale * slope, abs=1e-5)


@needs_sklearn
def test_density_integrates_to_one(geyser):
    density = fe.EnergyDensity(2, random_state=0, n_updates=50).fit(geyser)
    a, b = np.linspace(-2, 9, 400), np.linspace(0, 140, 400)
    grid = np.stack(np.meshgrid(a, b), axis=-1).reshape(-1, 2)
    mass = np.exp(density.score_samples(grid)).sum() * (a[1] - a[0]) * (b[1] - b[0])
    assert mass == pytest.approx(1.0, abs=1e-6)


@needs_sklearn
def test_covariances_are_squares_of_stds(geyser):
    density = fe.EnergyDensity(2, random_state=0, n_updates=50).fit(geyser)
    assert np.array_equal(density.covariances_, density.stds_**2)
    assert density.weights_.sum() == pytest.approx(1.0, abs=1e-12)
    assert density.score(geyser) == density.score_samples(geyser).mean()


# ---- a good citizen ----


@needs_sklearn
def test_same_seed_same_bytes(geyser):
    a, b = (fe.EnergyDensity(2, random_state=5, n_updates=50).fit(geyser) for _ in range(2))
    assert a.score_samples(geyser).tobytes() == b.score_samples(geyser).tobytes()
    assert a.sample(7).tobytes() == b.sample(7).tobytes() == a.sample(7).tobytes()
    assert a.sample(7, random_state=1).tobytes() != a.sample(7).tobytes()
    c = fe.EnergyDensity(2, random_state=6, n_updates=50).fit(geyser)
    assert c.sample(7).tobytes() != a.sample(7).tobytes()


@needs_sklearn
@pytest.mark.parametrize(
    "make",
    [
        lambda: None,
        lambda: 3,
        lambda: np.random.RandomState(1),
        lambda: np.random.default_rng(1),
        lambda: np.random.SeedSequence(1),
    ],
    ids=["None", "int", "RandomState", "Generator", "SeedSequence"],
)
def test_random_state_of_every_kind(geyser, make):
    density = fe.EnergyDensity(2, random_state=make(), n_updates=5).fit(geyser)
    assert density.sample(3, random_state=make()).shape == (3, 2)
    assert density.sample(3).shape == (3, 2)


@needs_sklearn
def test_seed_sequence_is_not_used_up(geyser):
    density = fe.EnergyDensity(2, random_state=np.random.SeedSequence(1), n_updates=5)
    assert density.fit(geyser).means_.tobytes() == density.fit(geyser).means_.tobytes()


@needs_sklearn
def test_clone_and_parameters(geyser):
    density = fe.EnergyDensity(3, recipe="em", random_state=1).fit(geyser)
    copy = clone(density)
    assert copy.get_params() == density.get_params()
    assert not hasattr(copy, "means_")
    assert copy.set_params(n_wells=2).fit(geyser).n_wells_ == 2
    assert pickle.loads(pickle.dumps(density)).score(geyser) == density.score(geyser)


@needs_sklearn
def test_pipeline_and_grid_search(geyser):
    pipeline = make_pipeline(MinMaxScaler(), fe.EnergyDensity(random_state=0, recipe="em"))
    search = GridSearchCV(pipeline, {"energydensity__n_wells": [1, 2]}, cv=3).fit(geyser)
    assert search.best_params_ == {"energydensity__n_wells": 2}
    assert search.best_estimator_.score_samples(geyser).shape == (272,)
    trained = GridSearchCV(fe.EnergyDensity(random_state=0, n_updates=100), {"n_wells": [1, 2]}, cv=3).fit(
        geyser
    )
    assert trained.best_params_ == {"n_wells": 2}


@needs_sklearn
def test_pandas_frames_in_names_kept(geyser):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = pandas.DataFrame(geyser, columns=["eruptions", "waiting"])
    density = fe.EnergyDensity(random_state=0, n_updates=20).fit(frame)
    assert list(density.feature_names_in_) == ["eruptions", "waiting"]
    assert density.score(frame) == fe.EnergyDensity(random_state=0, n_updates=20).fit(geyser).score(geyser)
    with pytest.raises(ValueError, match="feature names"):
        density.score(frame[["waiting", "eruptions"]])
    pipeline = make_pipeline(FunctionTransformer(), density).fit(frame)
    assert list(pipeline[-1].feature_names_in_) == ["eruptions", "waiting"]
    with pytest.raises(ValueError, match=r"feature 1 \(waiting\) has zero variance"):
        density.fit(frame.assign(waiting=3.0))


@needs_sklearn
@pytest.mark.parametrize(
    ("X", "match"),
    [
        ([[1.0, 2.0]], "minimum of 2"),
        ([[1.0], [1.0], [1.0]], "zero variance"),
        ([[0.1 + 0.2], [0.1 + 0.2], [0.1 + 0.2]], "zero variance"),
        ([[1.0], [float("nan")]], "NaN"),
        ([[1.0], [float("inf")]], "infinity"),
        ([[1e308], [-1e308], [3.0]], "too large"),
        ([["a"], ["b"]], "could not convert"),
        (np.ma.masked_array([[1.0], [2.0]], mask=[[True], [False]]), "masked"),
        ([[1.0], [2.0]], "distinct rows"),
    ],
)
def test_bad_data(X, match):
    with pytest.raises(ValueError, match=match):
        fe.EnergyDensity(3, random_state=0).fit(X)


@needs_sklearn
@pytest.mark.parametrize(
    ("params", "error", "match"),
    [
        ({"n_wells": 0}, ValueError, "n_wells"),
        ({"n_wells": 2.0}, TypeError, "n_wells"),
        ({"n_wells": "many"}, ValueError, "'auto'"),
        ({"n_wells": "auto", "max_wells": 0}, ValueError, "max_wells"),
        ({"n_wells": "auto", "n_folds": 1}, ValueError, "n_folds"),
        ({"n_wells": "auto", "n_folds": 200}, ValueError, "two rows per fold"),
        ({"recipe": "magic"}, ValueError, "recipe"),
        ({"n_updates": -1}, ValueError, "n_updates"),
        ({"learning_rate": 0.0}, ValueError, "learning_rate"),
        ({"n_chains": 0}, ValueError, "n_chains"),
        ({"random_state": "x"}, ValueError, "seed"),
    ],
)
def test_bad_parameters(geyser, params, error, match):
    with pytest.raises(error, match=match):
        fe.EnergyDensity(**params).fit(geyser)


@needs_sklearn
def test_failed_fit_keeps_the_old_one(geyser):
    density = fe.EnergyDensity(2, random_state=0, n_updates=20).fit(geyser)
    before = density.score(geyser)
    with pytest.raises(ValueError, match="zero variance"):
        density.fit(np.ones((5, 3)))
    assert density.score(geyser) == before


@needs_sklearn
@pytest.mark.parametrize("n", [0, -1, 2.5, "3", True])
def test_bad_sample_size(geyser, n):
    density = fe.EnergyDensity(2, random_state=0, n_updates=5).fit(geyser)
    with pytest.raises(ValueError, match="n_samples"):
        density.sample(n)


def test_wells_narrower_than_their_range_stop_at_it():
    # A spike of equal values: the maximum-likelihood width is 0.
    x = np.concatenate([np.zeros(500), np.random.default_rng(1).normal(size=500)])
    for recipe in ("em", "contrastive"):
        fit = fe.fit_wells(x, 2, recipe=recipe, seed=1)
        assert fit.stds_.min() >= 0.058 * x.std()
        assert np.isfinite(fit.score_samples(x)).all()


def test_a_million_rows():
    x = TRUTH.exact_sample(1_000_000, seed=1) * 1000.0
    fit = fe.fit_wells(x, 2, seed=1)
    assert np.sort(fit.means_[:, 0]) == pytest.approx([-2000.0, 1800.0], abs=40.0)


# ---- without scikit-learn ----


def test_importing_the_package_imports_no_extra():
    run_alone(
        "import sys, fastebm\n"
        "found = {'sklearn', 'pandas', 'arviz', 'xarray', 'matplotlib', 'tqdm', 'scipy'} & set(sys.modules)\n"
        "assert not found, found\n"
    )


def test_without_scikit_learn():
    run_alone(
        "import sys\n"
        "sys.modules['sklearn'] = None\n"
        "import numpy as np, fastebm as fe\n"
        "from fastebm import EnergyDensity\n"
        "try:\n"
        "    EnergyDensity(3, random_state=1)\n"
        "except ImportError as error:\n"
        "    assert 'pip install -U scikit-learn (' in str(error), error\n"
        "else:\n"
        "    raise AssertionError('constructed')\n"
        "x = np.random.default_rng(0).normal(size=(100, 2))\n"
        "assert fe.fit_wells(x, 2, seed=1, n_updates=5).sample(3, seed=1).shape == (3, 2)\n"
    )
