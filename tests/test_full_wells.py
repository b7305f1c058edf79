"""Wells with full covariance: the mixture by its textbook formula, its exact law, its fit, and every door it passes."""

import copy
import json
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import special
from scipy.stats import multivariate_normal
from stats import ks, ks_limit, projected_cdf

import fastebm as fe
from fastebm._runtime.control import Control
from fastebm.cli.commands import main
from fastebm.fitting.selection import select_n_wells
from fastebm.mixtures import search, splits
from fastebm.mixtures._em import Blocks
from fastebm.mixtures._em_full import FullClimb
from fastebm.mixtures.em import maximum_likelihood_wells
from fastebm.mixtures.optimum import optimum
from fastebm.training import recipes

WIDTHS = (0.01, 100.0)


def covariances(n, d, seed, condition=30.0):
    rng = np.random.default_rng([71, seed])
    q = np.linalg.qr(rng.normal(size=(n, d, d)))[0]
    values = condition ** rng.uniform(-1.0, 0.0, (n, d, 1)) * rng.uniform(0.3, 1.0, (n, 1, 1))
    return q @ (values * np.swapaxes(q, 1, 2))


def mixture(k, d, seed, apart=2.0):
    rng = np.random.default_rng([72, seed])
    weights = rng.dirichlet(np.full(k, 5.0))
    return fe.WellMixture.from_mixture(
        weights, apart * rng.normal(size=(k, d)), covariances=covariances(k, d, seed)
    )


def standardised(x):
    return (x - x.mean(axis=0)) / x.std(axis=0)


FAITHFUL = standardised(fe.datasets.load_old_faithful())


# ---- the energy ----


@pytest.mark.parametrize(("k", "d"), [(1, 1), (2, 1), (1, 3), (2, 2), (3, 4), (2, 9), (5, 20)])
def test_it_is_the_mixture_of_normal_laws(k, d):
    wells = mixture(k, d, 1)
    x = wells.exact_sample(40, seed=1) + np.random.default_rng(1).normal(size=(40, d))
    parts = [
        np.log(w) + multivariate_normal(m, s).logpdf(x)
        for w, m, s in zip(wells.weights_, wells.means_, wells.covariances_, strict=True)
    ]
    assert_allclose(wells.log_prob(x), special.logsumexp(parts, axis=0), rtol=1e-9, atol=1e-9)
    assert abs(wells.log_partition()) < 1e-12
    assert fe.check_grad(wells, x).ok


@pytest.mark.parametrize("shape", [(2, 2), (3, 2)])
def test_log_partition_by_quadrature(shape):
    wells = fe.WellMixture(*shape, covariance="full")
    wells.theta = np.random.default_rng(4).uniform(-0.7, 0.7, wells.n_params)
    # The trapezoidal rule converges faster than any power: 0.05 is below a tenth of every width.
    side = np.arange(-16.0, 16.0, 0.05)
    values = -wells.energy(np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2))
    total = np.log(np.exp(values - values.max()).sum()) + values.max() + 2.0 * np.log(0.05)
    assert total == pytest.approx(wells.log_partition(), abs=1e-12)


@pytest.mark.parametrize(("k", "d"), [(1, 2), (2, 2), (4, 5)])
def test_exact_samples_have_the_joint_law(k, d):
    wells = mixture(k, d, 2)
    x = wells.exact_sample(100_000, seed=8)
    directions = np.random.default_rng(5).normal(size=(3, d))
    limit = ks_limit(3 * d)
    for direction in directions:
        assert ks(x @ direction, projected_cdf(wells, direction)) < limit
    # Seen: features that are drawn apart, with the right law each.
    apart = np.column_stack([np.roll(x[:, i], 17 * i) for i in range(d)])
    assert max(ks(apart @ v, projected_cdf(wells, v)) for v in directions) > limit


def test_without_correlations_it_is_the_diagonal_mixture():
    rng = np.random.default_rng(3)
    stds = rng.uniform(0.3, 2.0, (3, 4))
    diagonal = fe.WellMixture.from_mixture([1, 2, 3], rng.normal(size=(3, 4)), stds)
    full = fe.WellMixture.from_mixture([1, 2, 3], diagonal.means_, covariances=diagonal.covariances_)
    x = 3.0 * rng.normal(size=(50, 4))
    for name in ("log_prob", "grad", "laplacian", "shares"):
        assert_allclose(getattr(full, name)(x), getattr(diagonal, name)(x), rtol=1e-9, atol=1e-11)
    for name in ("weights_", "means_", "stds_", "covariances_"):
        assert_allclose(getattr(full, name), getattr(diagonal, name), rtol=1e-12, atol=1e-15)
    assert diagonal.mode_covariances is None and full != diagonal


def test_closed_forms_survive_in_sums_and_maps():
    wells = mixture(2, 2, 6)
    tilt = fe.Gaussian([0.5, -0.5], [[2.0, 0.8], [0.8, 1.0]])
    side = np.arange(-12.0, 12.0, 0.02)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    total = wells + tilt
    assert total.has_log_partition and total.has_exact_sample
    by_grid = np.log(np.exp(-total.energy(grid)).sum() * 0.02**2)
    assert total.log_partition() == pytest.approx(by_grid, abs=1e-9)
    moved = fe.Affine(wells, [[0.5, 0.3], [-0.4, 1.2]], [0.2, 0.1])
    # log |det|, which the energy leaves out.
    assert moved.log_partition() == pytest.approx(np.log(0.5 * 1.2 + 0.3 * 0.4), abs=1e-9)
    assert moved.has_exact_sample


def test_an_object_like_any_other(tmp_path):
    wells = mixture(2, 2, 1)
    assert isinstance(wells, fe.WellMixture) and wells.covariance == "full"
    assert repr(wells).startswith("WellMixture(n_wells=2, n_features=2, theta=[")
    assert repr(wells).endswith("covariance='full')")
    fe.save(tmp_path / "wells", wells)
    copies = [pickle.loads(pickle.dumps(wells)), copy.copy(wells), copy.deepcopy(wells)]
    for other in (*copies, fe.load(tmp_path / "wells")):
        assert other == wells and other.covariance == "full"
    names = fe.WellMixture(1, 2, covariance="full").param_names
    assert names == ("log_L1[0]", "log_L1[1]", "L1[1,0]", "m1[0]", "m1[1]", "k1", "c")
    with pytest.raises(AttributeError):
        wells.covariance = "diag"


def test_log_l_beyond_its_limits_has_no_effect():
    wells = fe.WellMixture(1, 2, covariance="full")
    theta = wells.theta
    theta[:2] = 7.5, -9.0
    wells.theta = theta
    low, high = wells.theta_limits
    assert (low[:2] == -7).all() and (high[:2] == 7).all() and np.isinf(high[2:]).all()
    assert_array_equal(wells.param_grad([[0.3, 0.4]])[0, :2], 0.0)
    assert_allclose(wells.stds_[0], np.array(wells.scale_limits), rtol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "more", "message"),
    [
        (([1.0], [[0.0, 0.0]]), {}, "either stds"),
        (([1.0], [[0.0, 0.0]], [[1.0, 1.0]]), {"covariances": [np.eye(2)]}, "either stds"),
        (([1.0], [[0.0, 0.0]]), {"covariances": np.eye(2)}, "must describe the same wells"),
        (([1.0], [[0.0, 0.0]]), {"covariances": [[[1.0, 2.0], [2.0, 1.0]]]}, r"covariances\[0\] must be positive"),
        (([1.0], [[0.0, 0.0]]), {"covariances": [[[1.0, 0.5], [0.4, 1.0]]]}, r"covariances\[0\] must be symmetric"),
        (([1.0], [[0.0, 0.0]]), {"covariances": [[[1.0, 0.0], [0.0, np.nan]]]}, r"covariances\[0, 1, 1\] = nan"),
        (([1.0], [[0.0, 0.0]]), {"covariances": [np.diag([1.0, 1e-9])]}, "eigenvalues between 0.000645"),
        (([-1.0], [[0.0, 0.0]]), {"covariances": [np.eye(2)]}, "must be positive"),
    ],
)  # fmt: skip
def test_bad_mixtures(arguments, more, message):
    with pytest.raises(ValueError, match=message):
        fe.WellMixture.from_mixture(*arguments, **more)


def test_bad_arguments():
    for call in (
        lambda: fe.WellMixture(covariance="tied"),
        lambda: fe.fit_wells(FAITHFUL, covariance="tied"),
        lambda: fe.initial_wells(FAITHFUL, covariance="tied"),
    ):
        with pytest.raises(ValueError, match="covariance must be one of 'diag', 'full'"):
            call()
    with pytest.raises(ValueError, match=r"theta must have shape \(13,\)"):
        fe.WellMixture(2, 2, np.zeros(11), covariance="full")
    # Ordinary data in one row too few.
    with pytest.raises(ValueError, match="fewer than n_wells=3"):
        fe.fit_wells(FAITHFUL[:2], 3, covariance="full")


# ---- expectation-maximisation ----


def start_of(k, d, seed):
    rng = np.random.default_rng([73, seed])
    return rng.dirichlet(np.ones(k)), rng.normal(size=(k, d)), covariances(k, d, seed)


def climb(x, start, steps, widths=WIDTHS, n_threads=1):
    return FullClimb(Blocks(x), *start, *widths, Control(None, 1.0)).climb(steps, 0.0, n_threads)


def clipped(matrices, widths):
    values, vectors = np.linalg.eigh(matrices)
    values = np.clip(values, widths[0] ** 2, widths[1] ** 2)[..., None, :]
    return (vectors * values) @ np.swapaxes(vectors, -1, -2)


def step(x, weights, means, spread, widths, flaw=None):
    """One step in plain NumPy."""
    logs = np.stack(
        [
            np.log(w) + multivariate_normal(m, s).logpdf(x).reshape(-1)
            for w, m, s in zip(weights, means, spread, strict=True)
        ],
        axis=1,
    )
    shares = special.softmax(logs, axis=1)
    mass = shares.sum(axis=0)
    new = shares.T @ x / mass[:, None]
    about = means if flaw == "old means" else new
    moments = [(s[:, None] * (x - m)).T @ (x - m) / s.sum() for s, m in zip(shares.T, about, strict=True)]
    return mass / (len(x) - (flaw == "n - 1")), new, clipped(np.array(moments), widths)


@pytest.mark.parametrize(
    ("n", "k", "d", "widths"),
    [
        (7, 1, 1, WIDTHS),
        (257, 3, 2, WIDTHS),
        (4097, 2, 5, WIDTHS),
        (300, 3, 4, (0.9, 1.1)),
        (20, 2, 30, WIDTHS),
    ],
)
@pytest.mark.parametrize("flaw", [None, "old means", "n - 1"])
def test_a_step_is_that_of_the_formulas(n, k, d, widths, flaw):
    x, start = np.random.default_rng(n).normal(size=(n, d)), start_of(k, d, n)
    start = (*start[:2], clipped(start[2], widths))
    ours, wanted = climb(x, start, 1, widths), step(x, *start, widths, flaw)
    same = all(
        np.allclose(a, b, rtol=1e-9, atol=1e-11)
        for a, b in zip((ours.weights, ours.means, ours.covariances), wanted, strict=True)
    )
    # Negative controls: both flaws are seen.
    assert same == (flaw is None)
    limited = (np.linalg.eigvalsh(wanted[2]) <= widths[0] ** 2 * (1 + 1e-9)).any(axis=1)
    if same:
        assert_array_equal(ours.narrow, limited)
        assert_allclose(ours.stds**2, np.diagonal(ours.covariances, axis1=1, axis2=2))


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 60), st.integers(1, 3), st.integers(1, 4), st.integers(0, 10**6), st.integers(1, 12))
def test_the_likelihood_never_falls(n, k, d, seed, steps):
    x, start = np.random.default_rng(seed).normal(size=(n, d)), start_of(k, d, seed)
    before, after = climb(x, start, steps), climb(x, start, 3 * steps)
    scores = [splits.built((c.weights, c.means, c.covariances)).log_prob(x).mean() for c in (before, after)]
    assert scores[1] >= scores[0] - 1e-8
    for c in (before, after):
        values = np.sqrt(np.linalg.eigvalsh(c.covariances))
        assert (values >= WIDTHS[0] * (1 - 1e-9)).all() and (values <= WIDTHS[1] * (1 + 1e-9)).all()


def test_same_bytes_on_threads():
    x = mixture(3, 3, 5).exact_sample(12_000, seed=1)
    ends = [climb(x, start_of(3, 3, 1), 20, n_threads=t) for t in (1, 2, 3)]
    for end in ends[1:]:
        assert end.covariances.tobytes() == ends[0].covariances.tobytes()
    found = [
        search.search(
            x, 3, n_init=6, seed=1, std_range=WIDTHS, tol=1e-7, max_iter=500, n_threads=t, covariance="full"
        ).wells.theta
        for t in (1, 3)
    ]
    assert found[0].tobytes() == found[1].tobytes()


# ---- fits ----


def best_of_ten(x, k):
    mixtures = pytest.importorskip("sklearn.mixture")
    # Its matrices are small: on several threads it takes up to fifty times as long.
    with pytest.importorskip("threadpoolctl").threadpool_limits(1):
        fits = [
            mixtures.GaussianMixture(k, random_state=i, tol=1e-7, max_iter=1000, reg_covar=1e-9).fit(x)
            for i in range(10)
        ]
        return max(fits, key=lambda g: g.score(x))


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", ["Old Faithful", "three wells", "six wells"])
def test_em_finds_the_optimum_of_scikit_learn(name):
    x, k = {
        "Old Faithful": lambda: (FAITHFUL, 2),
        "three wells": lambda: (standardised(mixture(3, 3, 11).exact_sample(1000, seed=1)), 3),
        "six wells": lambda: (standardised(mixture(6, 4, 12).exact_sample(1500, seed=2)), 6),
    }[name]()
    wanted = best_of_ten(x, k).score(x)
    fit = fe.fit_wells(x, k, covariance="full", recipe="em", seed=1)
    ours = fit.score_samples(x).mean()
    assert wanted - ours < 1e-4
    # Negative control: diagonal wells are short of it, by more than they can be by chance.
    assert wanted - fe.fit_wells(x, k, recipe="em", seed=1).score_samples(x).mean() > 0.02
    assert [w.code for w in fit.warnings] == []


def test_a_known_truth_is_recovered():
    truth = fe.WellMixture.from_mixture(
        [0.3, 0.7],
        [[-1.0, 0.5], [1.0, 0.0]],
        covariances=[[[0.6, 0.5], [0.5, 0.6]], [[0.4, -0.3], [-0.3, 0.5]]],
    )
    x = truth.exact_sample(20_000, seed=1)
    for recipe in ("em", "contrastive"):
        fit = fe.fit_wells(x, 2, covariance="full", recipe=recipe, seed=1)
        order = np.argsort(fit.weights_)
        # Six standard errors of a mean, and of a variance, of 6,000 rows.
        assert_allclose(fit.weights_[order], [0.3, 0.7], atol=0.03)
        assert_allclose(fit.means_[order], truth.means_, atol=0.08)
        assert_allclose(fit.covariances_[order], truth.covariances_, atol=0.08)
        assert truth.log_prob(x).mean() - fit.score_samples(x).mean() < 0.001
        assert fit.warnings == [] and fit.covariance == "full"
    diagonal = fe.fit_wells(x, 2, recipe="em", seed=1)
    assert fit.score_samples(x).mean() - diagonal.score_samples(x).mean() > 0.1


def test_groups_that_are_long_in_one_direction():
    # Three parallel ridges: k-means on features alone cuts them across, and may climb to where they stay so.
    rng = np.random.default_rng(2)
    rows = [np.column_stack([5 * rng.normal(size=500), 0.2 * rng.normal(size=500) + s]) for s in (-1, 0, 1)]
    x = standardised(np.concatenate(rows) @ [[1.0, 1.0], [-1.0, 1.0]])
    for seed in range(4):
        fit = fe.fit_wells(x, 3, covariance="full", recipe="em", seed=seed)
        assert_allclose(np.sort(fit.weights_), 1 / 3, atol=0.05)
        assert fit.warnings == []
    # Two wells that are one and the same part neither in training nor by climbing: other starts tell.
    same = fe.Gaussian.fit(x)
    twins = fe.WellMixture.from_mixture([1, 1], [same.mean] * 2, covariances=[same.covariance] * 2)
    found = optimum(x, twins, 1)
    assert found.gain > 0.1 and found.own_gain < 1e-6 and found.kind != "own"
    trained = fe.ContrastiveDivergence(twins, n_updates=200).fit(x, seed=1)
    assert "local_optimum" in [w.code for w in trained.warnings]


def test_what_the_checks_say():
    rng = np.random.default_rng(5)
    pair = mixture(2, 2, 3, apart=3.0).exact_sample(1200, seed=1)

    def codes(x, k):
        return {w.code for w in fe.fit_wells(x, k, covariance="full", recipe="em", seed=1).warnings}

    assert codes(pair, 2) == set()
    assert "too_few_modes" in codes(pair, 1)
    # 24 repeated rows in 300; a feature that follows from the others; 30 rows in 8 features.
    assert "narrow_mode" in codes(np.concatenate([pair[:300], np.tile(pair[0], (24, 1))]), 3)
    line = pair @ [[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]] + 1e-6 * rng.normal(size=(1200, 3))
    assert "narrow_mode" in codes(line, 2)
    assert "memorisation" in codes(rng.normal(size=(30, 8)), 2)


def test_a_well_on_a_few_rows_is_no_evidence():
    rng = np.random.default_rng(6)
    x = standardised(np.concatenate([rng.normal(size=(200, 2)), [[4.0, 4.0], [4.0001, 4.0003]]]))
    widths = search.widths_of(fe.WellMixture(covariance="full"))

    def entry(weights, centres, spread, steps):
        start = np.array(weights), np.array(centres), np.array(spread)
        return search.climb_on(x, start, widths, 1e-8, steps), "rows", start

    on_two = entry([0.99, 0.01], [[0.0, 0.0], x[-1]], [np.eye(2), 1e-6 * np.eye(2)], 500)
    # A long climb from here ends there too.
    on_all = entry([0.5, 0.5], [[-0.5, 0.0], [0.5, 0.0]], [np.eye(2), np.eye(2)], 3)
    assert on_two[0].log_likelihood > on_all[0].log_likelihood
    assert search.collapsed(on_two[0]) and not search.collapsed(on_all[0])
    assert max([on_two, on_all], key=search._rank) is on_all


def test_the_number_of_wells():
    x = mixture(2, 2, 3, apart=3.0).exact_sample(1500, seed=2)
    n_wells, table = select_n_wells(x, max_wells=4, seed=1, covariance="full", recipe="em")
    assert n_wells == 2 and len(table) == 4
    # Diagonal wells need more of them for the same rows: one ridge.
    ridge = fe.Gaussian([0.0, 0.0], [[1.0, 0.97], [0.97, 1.0]]).exact_sample(1500, seed=1)
    assert select_n_wells(ridge, max_wells=3, seed=1, recipe="em", covariance="full")[0] == 1
    assert select_n_wells(ridge, max_wells=3, seed=1, recipe="em")[0] == 3


def test_starts():
    x = mixture(3, 3, 4).exact_sample(600, seed=1)
    one = fe.initial_wells(x, 3, covariance="full", n_init=1, seed=1)
    best = fe.initial_wells(x, 3, covariance="full", seed=1)
    assert one.covariance == best.covariance == "full"
    assert best.log_prob(x).mean() > one.log_prob(x).mean()
    assert best == fe.initial_wells(x, 3, covariance="full", seed=1)
    ml = maximum_likelihood_wells(x, 3, covariance="full", seed=1)
    assert ml.log_prob(x).mean() == pytest.approx(best.log_prob(x).mean(), abs=1e-6)


def test_units():
    x = FAITHFUL * [3e4, 0.02] + [5.0, -7.0]
    fit = fe.fit_wells(x, 2, covariance="full", recipe="em", seed=1)
    assert_allclose(fit.covariances_, fit.wells.covariances_ * np.outer(fit.scale, fit.scale))
    assert_allclose(fit.stds_**2, np.diagonal(fit.covariances_, axis1=1, axis2=2))
    # Too wide for a WellMixture, then not.
    assert not isinstance(fit.energy_, fe.WellMixture)
    narrow = fe.fit_wells(FAITHFUL * [30.0, 0.02], 2, covariance="full", recipe="em", seed=1)
    assert isinstance(narrow.energy_, fe.WellMixture) and narrow.energy_.covariance == "full"
    for one, rows in ((fit, x), (narrow, FAITHFUL * [30.0, 0.02])):
        assert_allclose(-one.energy_.energy(rows), one.score_samples(rows), rtol=1e-8, atol=1e-8)


def test_the_estimator():
    mixtures = pytest.importorskip("sklearn.mixture")
    from sklearn.base import clone

    density = fe.EnergyDensity(2, covariance="full", recipe="em", random_state=1).fit(FAITHFUL)
    assert clone(density).get_params()["covariance"] == "full"
    assert density.covariances_.shape == (2, 2, 2)
    theirs = mixtures.GaussianMixture(2, random_state=1, tol=1e-9, max_iter=1000).fit(FAITHFUL)
    assert density.score(FAITHFUL) == pytest.approx(theirs.score(FAITHFUL), abs=1e-4)
    # The same number of free parameters.
    assert density.bic(FAITHFUL) == pytest.approx(theirs.bic(FAITHFUL), abs=0.1)
    assert density.aic(FAITHFUL) == pytest.approx(theirs.aic(FAITHFUL), abs=0.1)
    assert fe.EnergyDensity(2, recipe="em", random_state=1).fit(FAITHFUL).covariances_.shape == (2, 2)


def test_the_command_line(tmp_path, capsys):
    data, model = tmp_path / "rows.csv", tmp_path / "model.npz"
    np.savetxt(data, FAITHFUL, delimiter=",", header="eruption,waiting", comments="")
    assert main(["fit", str(data), "--covariance", "full", "--out", str(model)]) == 0
    text = capsys.readouterr().out
    assert "correlated      well 1: eruption and waiting +0." in text
    assert main(["fit", str(data), "--covariance", "full", "--quiet", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert "--covariance full" in facts["command"] and facts["settings"]["covariance"] == "full"
    assert np.shape(facts["covariances"]) == (2, 2, 2)
    assert main(["score", str(model), str(data), "--quiet", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["log_likelihood"] == pytest.approx(facts["log_likelihood"])
    assert fe.load(model).covariance == "full"
    assert main(["fit", str(data), "--quiet"]) == 0
    assert "correlated" not in capsys.readouterr().out


# ---- training ----


@pytest.mark.parametrize("how", ["default", "jarzynski", "five features"])
def test_training_reaches_the_maximum(how):
    d, more = (5, {}) if how == "five features" else (2, {"optimizer": "adam", "learning_rate": 0.02})
    if how == "jarzynski":
        more = {"weighting": "jarzynski", "optimizer": "adam", "learning_rate": 0.005, "n_chains": 1024}
    wide = covariances(2, d, 13, condition=6.0)
    centres = np.zeros((2, d))
    centres[:, 0] = -1.0, 1.5
    truth = fe.WellMixture.from_mixture([0.4, 0.6], centres, covariances=wide)
    x = standardised(truth.exact_sample(2000, seed=1))
    start = fe.initial_wells(x, 2, covariance="full", n_init=1, seed=1)
    best = maximum_likelihood_wells(x, 2, covariance="full", seed=1).log_prob(x).mean()
    result = fe.ContrastiveDivergence(start, **more).fit(x, seed=1)
    assert best - result.energy.log_prob(x).mean() < 0.003
    assert not result.warnings and result.acceptance_rate > 0.9
    # The control: where it starts is not good enough.
    assert best - fe.WellMixture(2, d, covariance="full").log_prob(x).mean() > 0.1
    short = fe.ContrastiveDivergence(fe.WellMixture(2, d, covariance="full"), n_updates=5, **more).fit(
        x, seed=1
    )
    assert best - short.energy.log_prob(x).mean() > 0.003
    # Neither c nor the sum of the k is moved by training.
    names = np.array(start.param_names)
    gauge = [np.flatnonzero(names == "c"), np.flatnonzero([n.startswith("k") for n in names])]
    for index in gauge:
        assert result.theta[index].sum() == pytest.approx(start.theta[index].sum(), abs=1e-12)


def test_the_step_size_follows_the_narrowest_direction():
    rng = np.random.default_rng(7)
    # Correlation 0.995: variances of 1, but 0.005 across.
    x = rng.normal(size=(4000, 2)) @ np.linalg.cholesky([[1.0, 0.995], [0.995, 1.0]]).T
    wide = recipes.default_step_size(x, 1, np.random.default_rng(1))
    start = np.eye(2)[None]
    narrow = recipes.default_step_size(x, 1, np.random.default_rng(1), start)
    assert wide == pytest.approx(0.25, rel=0.1) and narrow == pytest.approx(0.25 * 0.005, rel=0.1)
    # Modes that are narrower than any group count too.
    assert recipes.default_step_size(x, 1, np.random.default_rng(1), 1e-4 * start) == pytest.approx(2.5e-5)
    # Chains with this step follow the law.
    wells = fe.WellMixture.from_mixture([1.0], [[0.0, 0.0]], covariances=[[[1.0, 0.995], [0.995, 1.0]]])
    run = fe.MALA(narrow).run(wells, x[:500], 50, seed=1)
    assert run.acceptance_rate > 0.9 and fe.MALA(wide).run(wells, x[:500], 50, seed=1).acceptance_rate < 0.2


@pytest.mark.deep
def test_digits():
    """Ten full wells against ten diagonal ones on images that neither has seen: 8 x 8 digits and noise."""
    digits = pytest.importorskip("sklearn.datasets").load_digits().data / 16.0
    rng = np.random.default_rng(1)
    digits = digits[rng.permutation(len(digits))]
    noisy = [digits[:1400] + 0.1 * rng.normal(size=(1400, 64)) for _ in range(8)]
    test = digits[1400:] + 0.1 * rng.normal(size=(397, 64))
    full, diagonal = (
        fe.fit_wells(
            np.concatenate(noisy), 10, covariance=kind, recipe="em", seed=1, n_init=2, diagnose=False
        )
        .score_samples(test)
        .mean()
        for kind in ("full", "diag")
    )
    assert full > 23.0 and full - diagonal > 5.0
