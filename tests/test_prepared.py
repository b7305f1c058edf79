"""Densities of transformed columns: mass, law, support, energies, files, the estimator and the command."""

import json
import math
import warnings

import numpy as np
import pytest
from scipy import integrate
from scipy import stats as laws
from sklearn.base import clone
from stats import FALSE_ALARM, KS_LIMIT, ks

import fastebm as fe
from fastebm.cli.commands import main
from fastebm.fitting import worth
from fastebm.fitting.prepared_energy import PreparedEnergy
from fastebm.fitting.selection import select_n_wells
from fastebm.preprocess import prepare

RNG = np.random.default_rng(20_001)
N = 500
LATENT = RNG.normal(size=N)
DEPTH = np.exp(1.0 + LATENT)
HOUR = np.mod(RNG.normal(23.0, 2.5, N) + LATENT, 24.0)
TABLE = np.stack(
    [DEPTH, RNG.poisson(3.0, N), np.full(N, 7.0), HOUR, 0.3048 * DEPTH, RNG.normal(10.0, 1.0, N)], axis=1
)
NAMES = ["depth", "visits", "site", "hour", "metres", "size"]
HOW = {"hour": ("cyclic", 24)}
FAST = {"recipe": "em", "n_init": 2}
ONE = {
    "log": DEPTH,
    "softplus": RNG.exponential(3.0, N),
    "yeo-johnson": 1.0 - RNG.lognormal(0.0, 1.0, N),
    "counts": RNG.poisson(2.0, N).astype(float),
    "zeros": np.where(RNG.random(N) < 0.2, 0.0, RNG.gamma(2.0, 3.0, N)),
    "none": RNG.normal(10.0, 1.0, N),
}


def fitted(x, how="auto", n_wells=2, **changes):
    return fe.fit_wells(x, n_wells, seed=1, preprocess=how, **(FAST | changes))


@pytest.fixture(scope="module")
def table():
    return fitted(TABLE, HOW, names=NAMES, covariance="full")


@pytest.fixture(scope="module")
def singles():
    fits = {name: fitted(x) for name, x in ONE.items()}
    return fits | {
        "cyclic": fitted(HOUR, {0: ("cyclic", 24)}),
        "even": fitted(24 * RNG.random(N), {0: ("cyclic", 24)}),
    }


def ends(fit):
    """Where nearly all of the mass of a fit of one column is."""
    if fit.preparation.columns[0].action.kind == "cyclic":
        return np.linspace(0.0, 24.0, 40_001)
    z = np.linspace(-9.0, 9.0, 40_001)
    inner = fit.inner
    return fit.preparation.inverse(inner.offset + inner.scale * z[:, None], rounded=False)[:, 0]


KINDS = [*ONE, "cyclic", "even"]


# ---- the density ----


@pytest.mark.parametrize("kind", KINDS)
def test_its_mass_is_one(singles, kind):
    fit, x = singles[kind], ends(singles[kind])
    x = x[x > fit.preparation.window[0, 0]] if kind not in ("cyclic", "even") else x
    p = np.exp(fit.score_samples(x[:, None]))
    assert integrate.trapezoid(p, x) == pytest.approx(1.0, abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_samples_are_of_the_density(singles, kind):
    fit, x = singles[kind], ends(singles[kind])
    if kind in ("counts", "zeros"):
        # Before rounding.
        drawn = fit.preparation.inverse(fit.inner.sample(4000, seed=3), rounded=False)[:, 0]
        x = x[1:]
    else:
        drawn = fit.sample(4000, seed=3)[:, 0]
        x = x[1:] if kind == "log" else x
    x = x[x > fit.preparation.window[0, 0]] if kind not in ("cyclic", "even") else x
    p = np.exp(fit.score_samples(x[:, None]))
    cdf = integrate.cumulative_trapezoid(p, x, initial=0.0)
    assert ks(drawn, lambda v: np.interp(v, x, cdf)) < KS_LIMIT
    if kind in ("log", "softplus", "yeo-johnson"):
        # Negative control: without the Jacobian it is another law.
        wrong = p * np.exp(-fit.preparation.log_jacobian(x[:, None]))
        wrong = integrate.cumulative_trapezoid(wrong, x, initial=0.0)
        assert ks(drawn, lambda v: np.interp(v, x, wrong / wrong[-1])) > KS_LIMIT


def test_a_log_normal_law_is_learned():
    truth = laws.lognorm(1.2, scale=5.0)
    x, fresh = (truth.rvs(size=(n, 1), random_state=s) for n, s in ((1000, 1), (20_000, 2)))
    lost = {}
    for how in ("auto", None):
        short = truth.logpdf(fresh[:, 0]) - fitted(x, how, 1).score_samples(fresh)
        lost[how] = short.mean(), short.std() / math.sqrt(len(short))
    z = laws.norm.isf(FALSE_ALARM)
    # Two parameters: the expected loss is 2 / (2 n), and chi-squared of two degrees above it.
    assert lost["auto"][0] < laws.chi2(2).isf(FALSE_ALARM) / 2000 + z * lost["auto"][1]
    # Without logarithms, the same number of wells loses half a nat at least; so do several.
    assert lost[None][0] - z * lost[None][1] > 0.5
    many = truth.logpdf(fresh[:, 0]) - fitted(x, None, 4).score_samples(fresh)
    assert many.mean() - z * many.std() / math.sqrt(len(many)) > 0.02


def test_the_cut_of_a_circle_is_not_seen(singles):
    fit = singles["even"]
    cut = fit.preparation.columns[0].action.cut
    x = np.array([cut - 1e-9, cut + 1e-9, 0.0, 24.0, -24.0, cut, cut + 48.0])[:, None]
    p = fit.score_samples(x)
    assert p[0] == pytest.approx(p[1], abs=1e-6) and p[5] == pytest.approx(p[6], abs=1e-9)
    assert p[2] == pytest.approx(p[3], abs=1e-9) == pytest.approx(p[4], abs=1e-9)
    # The mean log-density that an even law loses; two wells without the images lose 0.12.
    x = np.linspace(0.0, 24.0, 500)[:, None]
    lost = -math.log(24.0) - fit.score_samples(x).mean()
    assert 0 <= lost < 0.05
    z, _, _ = fit.preparation._mapped(x)
    assert -math.log(24.0) - fit.inner._log_prob(z).mean() > lost + 0.03


# ---- support ----


def test_samples_look_like_the_data(table):
    x = table.sample(3000, seed=5)
    assert (x[:, 0] > 0).all() and (x[:, 2] == 7.0).all()
    assert (x[:, 1] == np.round(x[:, 1])).all() and x[:, 1].min() == 0
    assert ((x[:, 3] >= 0) & (x[:, 3] < 24)).all()
    assert np.allclose(x[:, 4], 0.3048 * x[:, 0], rtol=1e-12)
    assert np.isfinite(table.score_samples(x)).all()
    assert np.corrcoef(np.log(x[:, 0]), np.cos((x[:, 3] - 23) * np.pi / 12))[0, 1] != 0


def test_zeros_come_back_about_as_often_as_they_were():
    x = fitted(ONE["zeros"], n_wells=4).sample(4000, seed=1)[:, 0]
    share = (ONE["zeros"] == 0).mean()
    assert (x >= 0).all()
    # The mass that the fit gives the cell of zero: of 1,000 rows 0.175 to 0.188, where 0.188 to 0.198 were zero.
    assert (x == 0).mean() == pytest.approx(share, abs=0.04)


def test_rows_outside_have_no_density(table):
    rows = TABLE[:6].copy()
    rows[0, 0], rows[1, 1], rows[2, 2], rows[3, 4] = -1.0, -1.0, 8.0, 0.0
    with pytest.warns(fe.FastEBMWarning, match="4 of 6 rows .* 1 in column 'visits'") as said:
        log_p = table.score_samples(rows)
    assert np.isneginf(log_p).tolist() == [True] * 4 + [False] * 2
    assert said[0].filename == __file__ and "constant 7" in str(said[0].message)
    with pytest.warns(fe.FastEBMWarning, match="4 of 6 rows"):
        table.shares(rows)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Whatever is beside them.
        assert (table.score_samples(TABLE[4:6]) == log_p[4:]).all()
        assert table.score_samples(TABLE)[4:6].tobytes() == log_p[4:].tobytes()


def test_rows_beyond_the_range_of_numbers():
    fit = fitted(-DEPTH)
    assert fit.preparation.columns[0].action.power == pytest.approx(2.0)
    with pytest.raises(fe.NonFiniteError, match=r"X\[1, 0\] = 1e\+200 is so far .*'feature 0'"):
        fit.score_samples([[-1.0], [1e200]])
    with pytest.raises(fe.NonFiniteError):
        fit.energy_.energy([1e200])
    assert np.isposinf(fit.energy_._energy_with_walls(np.array([[1e200]]))).all()


# ---- what is reported ----


def test_what_is_said_of_the_columns(table):
    said = {w.code: w for w in table.warnings}
    assert {"constant_column", "duplicate_column", "rounded"} <= set(said)
    assert (
        "site = 7" in said["constant_column"].meaning
        and "metres of depth" in said["duplicate_column"].meaning
    )
    assert "visits to 1" in said["rounded"].meaning and said["rounded"].value == pytest.approx(
        1 / TABLE[:, 1].std()
    )
    assert {w.code for w in fe.diagnose(table, TABLE)} >= {"constant_column", "duplicate_column", "rounded"}
    with pytest.raises(fe.UntrustedFitError, match="constant_column"):
        fitted(TABLE, HOW, names=NAMES, strict=True)
    assert fitted(TABLE, HOW, names=NAMES, diagnose=False).warnings == []


def test_zeros_and_atoms_are_said(singles):
    assert {w.code for w in singles["zeros"].warnings} >= {"zeros"}
    x = ONE["none"].copy()
    x[:100] = 12.0
    (atom,) = (w for w in fitted(x).warnings if w.code == "atom")
    assert atom.value == pytest.approx(0.2) and "feature 0 = 12 (20 %)" in atom.meaning
    clean = {"constant_column", "duplicate_column", "rounded", "zeros", "atom"}
    assert not {w.code for w in singles["none"].warnings} & clean


def test_numbers_of_wells_in_units_of_the_data(table, singles):
    assert table.means_.shape == table.stds_.shape == (2, 6) and table.covariances_.shape == (2, 6, 6)
    assert table.weights_.sum() == pytest.approx(1.0) and table.names == tuple(NAMES)
    assert (table.means_[:, 2] == 7).all() and (table.stds_[:, 2] == 0).all()
    assert np.allclose(table.means_[:, 4], 0.3048 * table.means_[:, 0])
    assert np.allclose(table.stds_[:, 4], 0.3048 * table.stds_[:, 0])
    assert np.allclose(np.diagonal(table.covariances_, axis1=1, axis2=2), table.stds_**2)
    shares = table.shares(TABLE)
    assert np.allclose(singles["cyclic"].energy_.shares(HOUR), singles["cyclic"].shares(HOUR))
    assert np.allclose(shares.sum(axis=1), 1.0) and shares.shape == (N, 2)
    # Of a column that is left as it is they are those of the plain fit.
    plain, same = fitted(ONE["none"], None), singles["none"]
    assert same.energy_.has_exact_sample and same.means_.shape == plain.means_.shape
    # A log-normal well: its median, and half of the range with 68 % of its mass.
    one = fitted(DEPTH, n_wells=1)
    m, s = np.log(DEPTH).mean(), np.log(DEPTH).std()
    assert one.means_[0, 0] == pytest.approx(math.exp(m), rel=1e-3)
    assert one.stds_[0, 0] == pytest.approx(math.exp(m) * math.sinh(s), rel=1e-3)


def test_a_notebook_shows_it(table, singles):
    shown = table._repr_html_()
    assert all(word in shown for word in ("depth", "log(x)", "constant 7", "duplicate_column", "0.3048"))
    assert "log(x)" in table.preparation._repr_html_() and singles["log"].energy_._repr_html_() is not None


# ---- the energy ----


def test_the_energy_is_that_of_the_density(table, singles):
    kept = TABLE[:, table.preparation.kept]
    assert np.abs(table.energy_.energy(kept) + table.score_samples(TABLE)).max() < 1e-9
    report = fe.check_grad(table.energy_, kept[:60])
    assert report.ok, str(report)
    assert table.energy_.has_walls and table.energy_.log_partition() == pytest.approx(0.0, abs=1e-9)
    outside = kept[:3].copy()
    outside[0, 0], outside[1, 2] = -1.0, 24.5
    assert np.isposinf(table.energy_.energy(outside)).tolist() == [True, True, False]
    assert (table.energy_.grad(outside)[:2] == 0).all()
    for kind in ("log", "softplus", "yeo-johnson", "cyclic"):
        # Quantiles of the data: nearer to a bound the steps of central differences are too long.
        energy, x = singles[kind].energy_, ONE.get(kind, HOUR)
        report = fe.check_grad(energy, np.quantile(x, np.linspace(0.05, 0.95, 30)))
        assert isinstance(energy, PreparedEnergy) and report.ok, str(report)
    with pytest.raises(TypeError, match="save the fit"):
        fe.save("nowhere.npz", table.energy_)


def test_a_wrong_gradient_is_seen(singles):
    # Negative control of check_grad above: the chain rule without the Jacobian's own slope.
    energy = singles["log"].energy_
    preparation = energy.preparation

    def forgetful(X):
        z, _, _ = preparation._forward(X)
        return energy.inner.grad(z) * preparation._slopes(X)[0]

    wrong = fe.PythonEnergy(lambda X: energy.energy(X), forgetful)
    assert not fe.check_grad(wrong, DEPTH[:50]).ok


def test_chains_sample_it(singles):
    fit = singles["log"]
    drawn = fe.sample(fit.energy_, 500, seed=1)
    assert drawn.sampler is None and (drawn.x > 0).all()
    start = fit.sample(4000, seed=2)
    moved = fe.MALA(0.5).run(fit.energy_, start, 20, seed=3)
    assert 0.3 < moved.acceptance_rate < 0.999 and (moved.x > 0).all()
    x = ends(fit)[1:]
    cdf = integrate.cumulative_trapezoid(np.exp(fit.score_samples(x[:, None])), x, initial=0.0)
    assert ks(moved.x, lambda v: np.interp(v, x, cdf)) < KS_LIMIT
    with pytest.raises(ValueError, match=r"walls|accept"):
        fe.SGLD(0.01).sample(fit.energy_, start, 2, seed=0)


def test_wells_beyond_the_widths_of_an_energy_are_sampled_directly():
    # One column has wells 1,000 wide, the other a logarithm.
    x = np.stack([1000.0 * LATENT, DEPTH], axis=1)
    fit = fitted(x)
    assert fit.energy_.has_exact_sample and fit.energy_.modes.shape == (2, 2)
    assert np.abs(fit.energy_.energy(x) + fit.score_samples(x)).max() < 1e-9
    assert fe.sample(fit.energy_, 50, seed=1).x[:, 0].std() > 500


# ---- files ----


def test_what_was_saved_is_the_same(table, singles, tmp_path):
    path = tmp_path / "fit.npz"
    for fit, x in ((table, TABLE), (singles["zeros"], ONE["zeros"])):
        fe.save(path, fit)
        back = fe.load(path)
        assert back.score_samples(x).tobytes() == fit.score_samples(x).tobytes()
        assert back.sample(50, seed=1).tobytes() == fit.sample(50, seed=1).tobytes()
        assert back.warnings == fit.warnings and back.names == fit.names and str(back) == str(fit)
        first = path.read_bytes()
        fe.save(path, back)
        assert path.read_bytes() == first
    fe.save(path, table.preparation)
    assert fe.load(path).state() == table.preparation.state()


def test_a_damaged_file_is_refused(table, tmp_path):
    path = tmp_path / "fit.npz"
    preparation = table.preparation
    for wrong in (
        fe.PreparedDensity(preparation, fitted(DEPTH).inner),
        fe.PreparedDensity(preparation, fe.WellMixture(2, 4)),
    ):
        fe.save(path, wrong)
        with pytest.raises(fe.ModelFileError, match="damaged"):
            fe.load(path)


# ---- the estimator ----


def test_the_estimator(table, tmp_path):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(TABLE, columns=NAMES)
    model = fe.EnergyDensity(preprocess=HOW, recipe="em", n_init=2, random_state=0)
    fit = clone(model).fit(frame)
    assert fit.model_.names == tuple(NAMES) and fit.means_.shape == (2, 6)
    assert fit.score(frame) == pytest.approx(fit.model_.score_samples(TABLE).mean())
    assert fit.sample(4).tobytes() == fit.sample(4).tobytes() == clone(model).fit(frame).sample(4).tobytes()
    assert np.allclose(fit.predict_proba(frame).sum(axis=1), 1.0) and set(fit.predict(frame)) == {0, 1}
    # Two wells of four columns, a cut and the scale of a softplus.
    free = 2 * (4 + 4) + 1 + 2
    assert fit.aic(frame) == pytest.approx(2 * free - 2 * fit.score_samples(frame).sum())
    for how in ({3: ("cyclic", 24)}, "auto"):
        fit = fe.EnergyDensity(preprocess=how, recipe="em", n_init=1, random_state=0).fit(TABLE)
        fe.save(tmp_path / "e.npz", fit)
        back = fe.load(tmp_path / "e.npz")
        assert back.preprocess == how and back.get_params() == fit.get_params()
        assert back.score_samples(TABLE).tobytes() == fit.score_samples(TABLE).tobytes()
    rows = fe.interchange.to_pandas(fit)
    assert len(rows) == 2 and rows.shape[1] == 1 + 2 * 6


def test_the_number_of_wells_is_scored_in_units_of_the_data():
    fit = fe.EnergyDensity("auto", max_wells=2, preprocess="auto", recipe="em", random_state=0).fit(
        DEPTH[:, None]
    )
    assert fit.n_wells_ == 1
    assert fit.held_out_["log_likelihood"][0] == pytest.approx(fit.score(DEPTH[:, None]), abs=0.05)


@pytest.mark.parametrize("how", ["auto", "auto of fit_auto", "selection", "estimator"])
def test_held_out_scores_of_rounded_columns_are_those_of_new_rows(how):
    # Many zeros: with the slopes of the rows as they are, in place of those with noise, 0.1 nats a row lower.
    rng = np.random.default_rng(3)
    x, new = (rng.geometric(0.3, (n, 1)) - 1.0 for n in (1500, 20_000))
    new += 0.5 - rng.random(new.shape)
    quick = {"preprocess": "auto", "recipe": "em", "max_wells": 3}
    if how == "selection":
        said, fit = (
            select_n_wells(x, seed=0, **quick)[1],
            fe.fit_wells(x, 2, preprocess="auto", seed=0, recipe="em"),
        )
    elif how == "estimator":
        fit = fe.EnergyDensity("auto", random_state=0, **quick).fit(x)
        said = fit.held_out_
    elif how == "auto":
        fit = fe.EnergyDensity(model="auto", max_wells=2, preprocess="auto", random_state=0).fit(x)
        said = fit.candidates_
    else:
        fit = fe.fit_auto(x, max_wells=2, preprocess="auto", seed=0)
        said = fit.candidates
    assert said["log_likelihood"].max() == pytest.approx(fit.score_samples(new).mean(), abs=0.04)


def test_a_failing_fit_leaves_the_old_one():
    fit = fe.EnergyDensity(preprocess="auto", recipe="em", n_init=1, random_state=0).fit(TABLE)
    before = fit.score_samples(TABLE)
    for how in ({17: "log"}, "all"):
        with pytest.raises(ValueError, match="preprocess"):
            fit.set_params(preprocess=how).fit(TABLE)
    assert (fit.score_samples(TABLE) == before).all()
    # And without preprocess it is the plain fit again.
    x = TABLE[:, [0, 5]]
    plain = fe.EnergyDensity(recipe="em", n_init=1, random_state=0).fit(x)
    assert (
        fit.set_params(preprocess=None).fit(x).score_samples(x).tobytes() == plain.score_samples(x).tobytes()
    )


@pytest.mark.filterwarnings("ignore::fastebm.FastEBMWarning")
def test_a_network_of_transformed_columns(tmp_path):
    x = np.stack([DEPTH, TABLE[:, 5]], axis=1)
    fit = fe.EnergyDensity(
        model="network", preprocess="auto", hidden=(8,), n_updates=30, n_chains=32, random_state=0
    ).fit(x)
    assert fit.model_.inner.n_features == 2 and np.isfinite(fit.score(x)) and (fit.sample(20)[:, 0] > 0).all()
    kept = fit.energy_.energy(x)
    assert np.abs(kept + fit.score_samples(x)).max() < 1e-6
    fe.save(tmp_path / "n.npz", fit)
    assert fe.load(tmp_path / "n.npz").score_samples(x).tobytes() == fit.score_samples(x).tobytes()
    with pytest.raises(ValueError, match=r"X\[0, 0\] = -1 is not above 0"):
        fit.fit(x, X_val=np.r_[[[-1.0, 10.0]], x[:40]])


# ---- chosen by rows that were not fitted ----


def test_transforms_are_taken_where_unseen_rows_gain(tmp_path):
    fit = fe.fit_auto(DEPTH, max_wells=3, seed=1)
    assert isinstance(fit, fe.PreparedDensity) and fit.why.startswith("transforms gain 0.")
    assert fit.why in str(fit)
    # In nats a row of X.
    assert fit.candidates["log_likelihood"][0] == pytest.approx(fit.score_samples(DEPTH).mean(), abs=0.05)
    truth = laws.lognorm(1.0, scale=math.e)
    fresh = truth.rvs(size=20_000, random_state=3)
    plain = fe.fit_auto(DEPTH, max_wells=3, seed=1, preprocess=None)
    gained = fit.score_samples(fresh) - plain.score_samples(fresh)
    assert gained.mean() > laws.norm.isf(FALSE_ALARM) * gained.std() / math.sqrt(len(gained))
    fe.save(tmp_path / "a.npz", fit)
    assert fe.load(tmp_path / "a.npz").why == fit.why


MIXED = np.r_[RNG.normal(0.0, 1.0, 400), RNG.normal(6.0, 1.0, 100)]


@pytest.mark.parametrize("x", [ONE["none"], MIXED, RNG.standard_t(3, N)], ids=["normal", "two normals", "t"])
def test_transforms_are_left_where_unseen_rows_gain_nothing(x):
    fit = fe.fit_auto(x, max_wells=3, seed=1)
    same = fe.fit_auto(x, max_wells=3, seed=1, preprocess=None)
    assert not isinstance(fit, fe.PreparedDensity)
    # To the last bit what it is without the question.
    assert fit.score_samples(x).tobytes() == same.score_samples(x).tobytes()


def test_one_well_would_take_two_normals_for_skewed(monkeypatch):
    # Why the searches that are compared may use two.
    _, preparation = prepare(MIXED, seed=1)
    assert preparation.columns[0].action.kind == "yeo-johnson"
    assert not worth.worth_transforming(MIXED[:, None], preparation, 1).clear
    monkeypatch.setattr(worth, "MOST", 1)
    assert worth.worth_transforming(MIXED[:, None], preparation, 1).clear


def test_rows_that_tell_nothing_do_not_choose(monkeypatch):
    monkeypatch.setattr(worth, "ROWS", 20)
    rng = np.random.default_rng(0)
    x = np.ones((3000, 1))
    x[rng.permutation(3000)[:9], 0] += rng.lognormal(size=9)
    z, preparation, why = worth.choose_transforms(x, None, 1)
    assert z is x and preparation is None and "0 +- inf" in why


def test_constants_are_left_out_by_choice_too():
    x = np.stack([ONE["none"], np.full(N, 3.0)], axis=1)
    fit = fe.fit_auto(x, max_wells=2, seed=1, names=["size", "site"])
    assert fit.preparation.is_plain and fit.preparation.kept == (0,)
    assert [w.code for w in fit.warnings] == ["constant_column"]
    with pytest.raises(ValueError, match="zero variance"):
        fe.fit_auto(x, max_wells=2, seed=1, preprocess=None)


def test_the_estimator_chooses():
    chosen, plain, told = (
        fe.EnergyDensity(model="auto", preprocess=how, max_wells=2, random_state=0).fit(DEPTH[:, None])
        for how in (None, "none", "auto")
    )
    assert isinstance(chosen.model_, fe.PreparedDensity) and isinstance(told.model_, fe.PreparedDensity)
    assert not isinstance(plain.model_, fe.PreparedDensity)
    assert chosen.candidates_["log_likelihood"][0] > plain.candidates_["log_likelihood"][0]


# ---- the command ----


def test_the_command(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savetxt("t.csv", TABLE, delimiter=",", header=",".join(NAMES), comments="")
    assert main("fit t.csv --cyclic hour=24 --recipe em --out m.npz --json".split()) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["transforms"]["depth"].startswith("log(x)") and "--cyclic hour=24.0" in facts["command"]
    assert main("score m.npz t.csv".split()) == 0
    assert f"{facts['log_likelihood']:.4f}" in capsys.readouterr().out
    assert main("sample m.npz --n 5 --out s.csv".split()) == 0
    drawn = np.loadtxt("s.csv", delimiter=",", skiprows=1)
    assert (drawn[:, 2] == 7).all() and (drawn[:, 0] > 0).all()
    np.savetxt("u.csv", TABLE[:5] + np.eye(6)[2], delimiter=",", header=",".join(NAMES), comments="")
    capsys.readouterr()
    assert main("score m.npz u.csv --json".split()) == 0
    said = capsys.readouterr()
    assert "warning: 5 of 5 rows are outside" in said.err and json.loads(said.out)["n_outside"] == 5
    assert main("fit t.csv --preprocess auto --recipe em --columns depth,site".split()) == 0
    said = capsys.readouterr().out
    assert "column          depth: log(x)" in said and "constant 7" in said
    assert (
        main("fit t.csv --model auto --max-wells 1 --cyclic hour=24 --columns depth,hour,site --json".split())
        == 0
    )
    facts = json.loads(capsys.readouterr().out)
    assert facts["transforms"]["hour"].startswith("cyclic") and "--cyclic hour=24.0" in facts["command"]
    assert main("fit t.csv --model auto --max-wells 1 --columns depth,size".split()) == 0
    assert "\ntransforms gain 0." in capsys.readouterr().out
    assert main("fit t.csv --cyclic size=10 --model network".split()) == 2
    assert "leave it out" in capsys.readouterr().err


@pytest.mark.deep
@pytest.mark.parametrize("columns", ["depth,site", "depth,hour", "depth,hour,visits,site"])
def test_its_report(tmp_path, capsys, monkeypatch, columns):
    monkeypatch.chdir(tmp_path)
    np.savetxt("t.csv", TABLE, delimiter=",", header=",".join(NAMES), comments="")
    how = ["--cyclic", "hour=24"] if "hour" in columns else ["--preprocess", "auto"]
    assert main(["fit", "t.csv", "--recipe", "em", "--columns", columns, "--report", "r.html", *how]) == 0
    page = (tmp_path / "r.html").read_text()
    assert "What was done with the columns" in page and "not negative and near 0" in page
