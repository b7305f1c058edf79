"""Wells with heavy tails: the mixture by SciPy's laws, its limit, its exact samples, its fit, and outliers."""

import copy
import itertools
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy import optimize, special
from scipy.stats import multivariate_t
from scipy.stats import t as student
from stats import ks, ks_limit
from test_full_wells import covariances

import fastebm as fe
from fastebm.fitting.selection import select_n_wells
from fastebm.kernels import probe
from fastebm.mixtures._em import Blocks
from fastebm.mixtures.heavy import Heavy, near, search_heavy
from fastebm.mixtures.search import search, widths_of

WIDTHS = (0.01, 100.0)
QUANTITIES = ("log_prob", "grad", "laplacian", "shares")


def parts(k, d, seed):
    rng = np.random.default_rng([81, seed])
    weights, means = rng.dirichlet(np.full(k, 5.0)), 2.0 * rng.normal(size=(k, d))
    return weights, means, covariances(k, d, seed), rng.uniform(0.8, 12.0, k)


def mixture(k, d, seed, covariance="full", df=None):
    weights, means, matrices, drawn = parts(k, d, seed)
    df = drawn if df is None else df
    if covariance == "full":
        return fe.StudentTMixture.from_mixture(weights, means, df=df, scale_matrices=matrices)
    return fe.StudentTMixture.from_mixture(
        weights, means, np.sqrt(np.diagonal(matrices, axis1=1, axis2=2)), df
    )


def with_outliers(n, seed, d=2, share=0.02, furthest=50.0):
    """Two clouds of width 0.5, and rows 20 widths and more away, as far as furthest, by their logarithms evenly."""
    rng = np.random.default_rng([82, seed])
    x = np.where(rng.random((n, 1)) < 0.6, -2.0, 2.0) + 0.5 * rng.normal(size=(n, d))
    out = rng.random(n) < share
    away = rng.normal(size=(out.sum(), d))
    radius = np.exp(rng.uniform(np.log(10.0), np.log(furthest), (out.sum(), 1)))
    x[out] = radius * away / np.linalg.norm(away, axis=1)[:, None]
    return x


# ---- the energy ----


@pytest.mark.parametrize("covariance", ["diag", "full"])
@pytest.mark.parametrize(("k", "d"), [(1, 1), (2, 2), (3, 5), (2, 12)])
def test_it_is_the_mixture_of_laws_of_student(k, d, covariance):
    wells = mixture(k, d, 1, covariance)
    x = wells.exact_sample(40, seed=1)
    logs = [
        np.log(w) + multivariate_t(m, s, df).logpdf(x).reshape(-1)
        for w, m, s, df in zip(
            wells.weights_, wells.means_, wells.scale_matrices_, wells.degrees_of_freedom_, strict=True
        )
    ]
    assert_allclose(wells.log_prob(x), special.logsumexp(logs, axis=0), rtol=1e-10, atol=1e-10)
    assert abs(wells.log_partition()) < 1e-12
    assert_allclose(wells.weights_, parts(k, d, 1)[0], rtol=1e-12)
    assert fe.check_grad(wells, x).ok
    # Of c and of anything that is added to all k, log Z and the masses know.
    theta = wells.theta
    theta[-1] += 2.0
    theta[:-1].reshape(k, -1)[:, -1] += 0.5
    wells.theta = theta
    assert wells.log_partition() == pytest.approx(-2.5, abs=1e-12)


def test_without_correlations_the_loops_are_those_of_full_wells():
    diagonal = mixture(3, 4, 2, "diag")
    parts = diagonal.weights_, diagonal.means_
    full = fe.StudentTMixture.from_mixture(
        *parts, df=diagonal.degrees_of_freedom_, scale_matrices=diagonal.scale_matrices_
    )
    x = 3.0 * np.random.default_rng(1).normal(size=(50, 4))
    for name in QUANTITIES:
        assert_allclose(getattr(full, name)(x), getattr(diagonal, name)(x), rtol=1e-9, atol=1e-11)
    kept = ["," not in name for name in full.param_names]
    assert tuple(np.array(full.param_names)[kept]) == diagonal.param_names
    assert_allclose(full.param_grad(x)[:, kept], diagonal.param_grad(x), rtol=1e-9, atol=1e-11)
    assert diagonal.mode_covariances is None and full != diagonal
    weights = np.random.default_rng(2).uniform(size=50)
    rows = diagonal.param_grad(x)
    assert_allclose(probe_grad(diagonal, x, weights), weights @ rows, rtol=1e-10, atol=1e-12)
    assert not energy_probe().scratch_touched(diagonal, x)


def energy_probe():
    from fastebm.energies import probe

    return probe


def probe_grad(energy, x, weights):
    return energy_probe().weighted_param_grad(energy, x, weights)


@pytest.mark.parametrize("covariance", ["diag", "full"])
def test_with_many_degrees_of_freedom_it_is_a_well_mixture(covariance):
    weights, means, matrices, _ = parts(3, 3, 3)
    stds = np.sqrt(np.diagonal(matrices, axis1=1, axis2=2))
    if covariance == "full":
        normal = fe.WellMixture.from_mixture(weights, means, covariances=matrices)
        spread = {"scale_matrices": matrices}
    else:
        normal = fe.WellMixture.from_mixture(weights, means, stds)
        spread = {"scales": stds}
    x = normal.exact_sample(100, seed=1)
    before = np.inf
    for df in (1e2, 1e4, 1e6):
        heavy = fe.StudentTMixture.from_mixture(weights, means, df=df, **spread)
        apart = [np.abs(getattr(heavy, name)(x) - getattr(normal, name)(x)).max() for name in QUANTITIES]
        # As 1 / df; a wrong constant would stay.
        assert max(apart) < before / 50
        before = max(apart)
        assert abs(heavy.log_partition()) < 1e-10
    assert before < 5e-3


@pytest.mark.parametrize("covariance", ["diag", "full"])
def test_exact_samples_have_the_joint_law(covariance):
    wells = mixture(3, 3, 4, covariance, df=[1.0, 1.5, 2.5])
    x = wells.exact_sample(40_000, seed=8)

    def projected(direction, df):
        scales = np.sqrt(np.einsum("i,kij,j->k", direction, wells.scale_matrices_, direction))
        rows = list(zip(wells.weights_, wells.means_ @ direction, scales, df, strict=True))
        return lambda y: sum(w * student.cdf((y - m) / s, v) for w, m, s, v in rows)

    df = wells.degrees_of_freedom_
    directions = np.random.default_rng(5).normal(size=(3, 3))
    assert max(ks(x @ v, projected(v, df)) for v in directions) < ks_limit(3)
    # Seen: other tails, and features that are drawn apart, each with the right law.
    assert max(ks(x @ v, projected(v, 2.0 * df)) for v in directions) > ks_limit(3)
    apart = np.column_stack([np.roll(x[:, i], 17 * i) for i in range(3)])
    assert max(ks(apart @ v, projected(v, df)) for v in directions) > ks_limit(3)


def test_an_object_like_any_other(tmp_path):
    for covariance in ("diag", "full"):
        wells = mixture(2, 2, 1, covariance)
        fe.save(tmp_path / "wells", wells)
        copies = [pickle.loads(pickle.dumps(wells)), copy.copy(wells), copy.deepcopy(wells)]
        for other in (*copies, fe.load(tmp_path / "wells")):
            assert other == wells and other.covariance == covariance
        with pytest.raises(AttributeError):
            wells.covariance = "diag"
    names = fe.StudentTMixture(1, 2, covariance="full").param_names
    assert names == ("log_L1[0]", "log_L1[1]", "L1[1,0]", "m1[0]", "m1[1]", "log_df1", "k1", "c")
    assert repr(wells).startswith("StudentTMixture(n_wells=2, n_features=2, theta=[")
    assert repr(wells).endswith("covariance='full')")
    # One number for a variance that does not exist.
    wide = fe.StudentTMixture.from_mixture([1, 1], [0.0, 1.0], [1.0, 1.0], [1.5, 4.0])
    assert_allclose(wide.covariances_.ravel(), [np.inf, 2.0])
    assert_allclose(wide.stds_.ravel(), [np.inf, 2.0**0.5])


def test_df_beyond_its_limits_has_no_effect():
    wells = fe.StudentTMixture(1, 2)
    low, high = wells.theta_limits
    p = wells.param_names.index("log_df1")
    assert_allclose([low[p], high[p]], np.log([0.5, 1e6]))
    for value, df in ((low[p] - 1, 0.5), (high[p] + 1, 1e6), (1e9, 1e6), (-1e9, 0.5)):
        theta = wells.theta
        theta[p] = value
        wells.theta = theta
        assert_allclose(wells.degrees_of_freedom_, df, rtol=1e-12)
        assert wells.param_grad([[0.3, 0.4]])[0, p] == 0.0
    theta[p] = 0.5 * (low[p] + high[p])
    wells.theta = theta
    assert wells.param_grad([[0.3, 0.4]])[0, p] != 0.0


@pytest.mark.parametrize(
    ("arguments", "more", "message"),
    [
        (([1.0], [[0.0]]), {"df": 3.0}, "either scales"),
        (([1.0], [[0.0]], [[1.0]], 3.0), {"scale_matrices": [[[1.0]]]}, "either scales"),
        (([1.0], [[0.0]], [[1.0]]), {}, "df is missing"),
        (([1.0], [[0.0]], [[1.0]], [3.0, 4.0]), {}, "must describe the same wells"),
        (([1.0], [[0.0, 0.0]], [[1.0]], 3.0), {}, "must describe the same wells"),
        (([1.0], [[0.0]], [[1.0]], 0.1), {}, "df must lie between 0.5 and 1e"),
        (([1.0], [[0.0]], [[1.0]], np.nan), {}, "df"),
        (([1.0], [[0.0]], [[1e-5]], 3.0), {}, "scales must stand for scales between 0.000645"),
        (([-1.0], [[0.0]], [[1.0]], 3.0), {}, "must be positive"),
        (([1.0], [[0.0, 0.0]]), {"df": 3.0, "scale_matrices": [[[1.0, 2.0], [2.0, 1.0]]]}, "positive definite"),
    ],
)  # fmt: skip
def test_bad_mixtures(arguments, more, message):
    with pytest.raises(ValueError, match=message):
        fe.StudentTMixture.from_mixture(*arguments, **more)


# ---- what it needs of the gamma function ----


def test_gamma_functions():
    y = np.concatenate([np.geomspace(0.02, 1e7, 400), [1.0, 9.999, 10.0, 10.001]])
    raw = y.tobytes()
    assert_allclose(probe.apply("digamma_gap", raw), np.log(y) - special.digamma(y), rtol=1e-12, atol=1e-14)
    # SciPy's own has an error of 6e-12 at 12.
    slope = 1.0 / y - special.polygamma(1, y)
    assert_allclose(probe.apply("digamma_gap_slope", raw), slope, rtol=1e-8, atol=1e-10)
    small = y[y < 100.0]
    wanted = special.gammaln(small + 0.5) - special.gammaln(small) - 0.5 * np.log(small)
    assert_allclose(probe.apply("half_step", small.tobytes()), wanted, atol=1e-11)
    for d in (1, 2, 3, 10, 31):
        for df in (0.5, 3.0, 41.0, 1e3):
            wanted = 0.5 * d * np.log(df / 2) + special.gammaln(df / 2) - special.gammaln((df + d) / 2)
            assert probe.excess(df, d) == pytest.approx(wanted, abs=1e-11)
        # Where lgamma has lost all digits: -d (d - 2) / (4 df) to first order.
        assert probe.excess(1e12, d) == pytest.approx(-d * (d - 2) / 4e12, abs=1e-15)
    for df in (2.2, 7.0, 150.0):
        gap = np.log(df / 2) - special.digamma(df / 2)
        assert probe.degrees_of_freedom(gap, 2.1, 200.0) == pytest.approx(df, rel=1e-11)
    assert probe.degrees_of_freedom(9.0, 2.1, 200.0) == 2.1
    assert probe.degrees_of_freedom(0.0, 2.1, 200.0) == probe.degrees_of_freedom(-1.0, 2.1, 200.0) == 200.0


# ---- expectation-maximisation ----


def start_of(k, d, seed, full):
    rng = np.random.default_rng([83, seed])
    spread = covariances(k, d, seed) if full else rng.uniform(0.3, 1.5, (k, d))
    return rng.dirichlet(np.ones(k)), rng.normal(size=(k, d)), spread, rng.uniform(1.5, 30.0, k)


def falls(scores):
    return max([a - b for a, b in itertools.pairwise(scores)], default=0.0)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(3, 60),
    st.integers(1, 3),
    st.integers(1, 4),
    st.integers(0, 10**6),
    st.booleans(),
    st.booleans(),
    st.sampled_from([WIDTHS, (0.4, 0.9)]),
)
def test_the_likelihood_never_falls(n, k, d, seed, full, tied, widths):
    # Steps alone, and clipped ones too.
    x = np.random.default_rng(seed).standard_t(1.5, size=(n, d))
    family = Heavy("full" if full else "diag", (1.0, 200.0), tied)
    wells = start_of(k, d, seed, full)
    scores, blocks = [], Blocks(x)
    for _ in range(25):
        climb = family.climb(blocks, wells, widths, -np.inf, 1)
        scores.append(climb.log_likelihood)
        wells = family.wells(climb)
    assert falls(scores) < 1e-10
    assert (wells[3] >= 1.0).all() and (wells[3] <= 200.0).all()
    assert not tied or len(set(wells[3])) == 1
    widest = np.sqrt(np.linalg.eigvalsh(wells[2])) if full else wells[2]
    assert (widest >= widths[0] * (1 - 1e-9)).all() and (widest <= widths[1] * (1 + 1e-9)).all()
    # The long steps of a whole climb too.
    whole = family.climb(blocks, start_of(k, d, seed, full), widths, 0.0, 200)
    assert whole.log_likelihood >= scores[0] - 1e-10


def test_a_step_with_other_weights_is_seen_to_fall():
    # Negative control of the test above: the step of normal wells, from the optimum of heavy ones.
    x = np.random.default_rng(3).standard_t(1.5, size=(300, 1))
    found = search_heavy(x, 1, n_init=1, tol=1e-12).wells
    scores = [found.log_prob(x).mean()]
    moved = fe.StudentTMixture.from_mixture(
        [1.0], [x.mean(axis=0)], [x.std(axis=0)], found.degrees_of_freedom_
    )
    scores.append(moved.log_prob(x).mean())
    assert falls(scores) > 0.1


@pytest.mark.parametrize("covariance", ["diag", "full"])
def test_em_finds_the_optimum_of_scipy(covariance):
    x = mixture(2, 2, 6, covariance).exact_sample(400, seed=3)
    k, d = 2, 2
    found = search_heavy(x, k, n_init=8, tol=1e-12, df_range=(0.5, 1e6), covariance=covariance)

    def minus(theta):
        # k of well 1, and c, are not free.
        wells.theta = theta
        return -wells.log_prob(x).mean()

    wells = copy.copy(found.wells)
    best = optimize.minimize(minus, found.wells.theta, method="BFGS", options={"gtol": 1e-6})
    assert 0.0 <= -best.fun - found.log_likelihood < 1e-7
    # Negative control: SciPy climbs where there is something to climb.
    family = Heavy(covariance)
    early = family.climb(Blocks(x), start_of(k, d, 1, covariance == "full"), WIDTHS, 0.0, 3)
    best = optimize.minimize(
        minus, family.built(family.wells(early)).theta, method="BFGS", options={"maxiter": 15}
    )
    assert -best.fun - early.log_likelihood > 1e-2


def test_a_known_truth_is_recovered():
    truth = fe.StudentTMixture.from_mixture(
        [0.4, 0.6], [[-3.0, 0.0], [3.0, 1.0]], np.ones((2, 2)), [3.0, 8.0]
    )
    x = truth.exact_sample(20_000, seed=1)
    for covariance in ("diag", "full"):
        found = search_heavy(x, 2, n_init=2, covariance=covariance).wells
        order = np.argsort(found.weights_)
        assert_allclose(found.weights_[order], [0.4, 0.6], atol=0.02)
        assert_allclose(found.means_[order], truth.means_, atol=0.08)
        assert_allclose(found.scales_[order], 1.0, atol=0.05)
        assert_allclose(found.degrees_of_freedom_[order], [3.0, 8.0], rtol=0.2)
    tied = search_heavy(x, 2, n_init=2, tied=True).wells.degrees_of_freedom_
    assert tied[0] == tied[1] and 3.0 < tied[0] < 8.0


def test_same_bytes_on_threads():
    x = mixture(3, 3, 5).exact_sample(9000, seed=1)
    for full in (False, True):
        family = Heavy("full" if full else "diag")
        climbs = [family.climb(Blocks(x), start_of(3, 3, 1, full), WIDTHS, 0.0, 3) for _ in range(2)]
        ends = [c.climb(10, 0.0, t) for c, t in zip(climbs, (1, 3), strict=True)]
        assert ends[0].df.tobytes() == ends[1].df.tobytes()
        assert ends[0].spread.tobytes() == ends[1].spread.tobytes()
    found = [search_heavy(x[:3000], 3, n_init=6, seed=1, n_threads=t).wells.theta for t in (1, 3)]
    assert found[0].tobytes() == found[1].tobytes()


# ---- outliers ----


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(("d", "furthest"), [(2, 50.0), (5, 50.0), (2, 2000.0)])
def test_two_percent_of_outliers(d, furthest):
    mixtures, neighbors = pytest.importorskip("sklearn.mixture"), pytest.importorskip("sklearn.neighbors")
    x, unseen = (with_outliers(1000, seed, d, furthest=furthest) for seed in (1, 2))
    ours = fe.fit_wells(x, 2, tails="student", covariance="full", seed=1)
    score = ours.score_samples(unseen).mean()
    kernels = (neighbors.KernelDensity(bandwidth=h).fit(x) for h in (0.1, 0.2, 0.5, 1.0, 2.0))
    others = {
        "two normal wells of scikit-learn": mixtures.GaussianMixture(2, random_state=0).fit(x).score(unseen),
        "kernels": max(kernel.score(unseen) / len(unseen) for kernel in kernels),
        # The control: ours with normal tails.
        "normal": fe.fit_wells(x, 2, recipe="em", covariance="full", seed=1).score_samples(unseen).mean(),
    }
    assert all(score > other + 0.5 for other in others.values()), (score, others)
    if furthest > 1000.0:
        # With outliers of one size a normal well more does as well: not with these.
        many = [mixtures.GaussianMixture(k, random_state=0).fit(x) for k in range(1, 7)]
        assert score > min(many, key=lambda m: m.bic(x)).score(unseen) + 0.3
    assert_allclose(np.sort(ours.means_[:, 0]), [-2.0, 2.0], atol=0.15)
    assert "outliers" not in [w.code for w in ours.warnings]


def test_without_outliers_nothing_is_lost():
    x, unseen = with_outliers(1000, 1, share=0.0), with_outliers(4000, 2, share=0.0)
    heavy, normal = (fe.fit_wells(x, 2, tails=t, recipe="em", seed=1) for t in ("student", "normal"))
    assert (heavy.degrees_of_freedom_ > 30).all() and normal.degrees_of_freedom_ is None
    assert abs(heavy.score_samples(unseen).mean() - normal.score_samples(unseen).mean()) < 0.01


def test_starts_look_past_outliers():
    x = with_outliers(2000, 3)
    assert near(x)[np.abs(x).max(axis=1) < 5].all() and not near(x)[np.abs(x).max(axis=1) > 30].any()
    # More than half of a column is one value.
    x[:1500, 0] = 0.0
    assert near(x).sum() > 1900


# ---- the doors ----


@pytest.mark.parametrize("covariance", ["diag", "full"])
def test_a_fit_in_the_units_of_x(covariance, tmp_path):
    x = [5.0, -70.0] + [1e4, 0.01] * with_outliers(600, 4)
    fit = fe.fit_wells(x, 2, tails="student", covariance=covariance, seed=1)
    # Which units does not matter, but for rounding.
    plain = fe.fit_wells(with_outliers(600, 4), 2, tails="student", covariance=covariance, seed=1)
    assert_allclose(fit.scales_, [1e4, 0.01] * plain.scales_, rtol=1e-4)
    assert_allclose(
        fit.score_samples(x), plain.score_samples(with_outliers(600, 4)) - np.log(100.0), rtol=1e-4
    )
    ratio = fit.degrees_of_freedom_ / (fit.degrees_of_freedom_ - 2.0)
    assert_allclose(fit.stds_, fit.scales_ * np.sqrt(ratio)[:, None], rtol=1e-10)
    assert_allclose(np.sqrt(np.diagonal(fit.covariances_, axis1=1, axis2=2)), fit.stds_, rtol=1e-10)
    # Beyond a scale of 775 the energy is one in Python.
    assert isinstance(fit.energy_, fe.PythonEnergy) and isinstance(plain.energy_, fe.StudentTMixture)
    assert_allclose(-fit.energy_.energy(x), fit.score_samples(x), rtol=1e-9)
    fe.save(tmp_path / "fit", fit)
    again = fe.load(tmp_path / "fit")
    assert_array_equal(again.score_samples(x), fit.score_samples(x))
    assert_array_equal(again.sample(5, seed=1), fit.sample(5, seed=1))
    with pytest.raises(ValueError, match="leave the recipe out"):
        fe.fit_wells(x, 2, tails="student", recipe="contrastive")
    with pytest.raises(ValueError, match="tails must be one of 'normal', 'student'"):
        fe.fit_wells(x, 2, tails="heavy")


def test_estimator_and_command_line(tmp_path, capsys):
    pytest.importorskip("sklearn")
    from fastebm.cli.commands import main

    x = with_outliers(400, 5)
    density = fe.EnergyDensity(2, tails="student", random_state=0).fit(x)
    assert density.degrees_of_freedom_.shape == (2,) and density.covariances_.shape == (2, 2)
    # Weights that sum to 1, and of each well two means, two scales and df.
    assert density.bic(x) == pytest.approx(11 * np.log(400) - 2 * density.score_samples(x).sum())
    assert not hasattr(density.set_params(tails="normal").fit(x), "degrees_of_freedom_")
    # Held out, fewer wells will do than normal ones need.
    number = {tails: select_n_wells(x, tails=tails, seed=1) for tails in ("normal", "student")}
    held_out = {tails: table["log_likelihood"] for tails, (_, table) in number.items()}
    assert (held_out["student"][:2] > held_out["normal"][:2] + 0.3).all()
    assert number["student"][0] <= number["normal"][0]
    np.savetxt(tmp_path / "x.csv", x, delimiter=",", header="a,b", comments="")
    main(["fit", str(tmp_path / "x.csv"), "--tails", "student", "--out", str(tmp_path / "model")])
    assert "degrees of freedom" in capsys.readouterr().out
    assert fe.load(tmp_path / "model").degrees_of_freedom_ is not None


def test_the_checks_know_such_fits():
    # Three clouds as two wells; and an energy that was stopped early.
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.standard_t(4, (150, 2)) * 0.3 + c for c in ([-3, 0], [3, 0], [0, 4])])
    codes = [w.code for w in fe.fit_wells(x, 2, tails="student", seed=1).warnings]
    assert codes == ["too_few_modes"]
    assert [w.code for w in fe.fit_wells(x, 3, tails="student", seed=1).warnings] == []


def test_a_search_without_tails_is_what_it_was():
    x = with_outliers(300, 6)
    widths = widths_of(fe.WellMixture())
    found = search(x, 2, n_init=4, seed=1, std_range=widths, tol=1e-8, max_iter=500)
    assert isinstance(found.wells, fe.WellMixture)
    assert search_heavy(x, 2, n_init=4, seed=1).log_likelihood > found.log_likelihood
