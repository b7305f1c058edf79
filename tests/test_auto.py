"""fit_auto, model="auto", compare: choices by rows that were not fitted."""

from __future__ import annotations

import json

import numpy as np
import pytest

import fastebm as fe
from fastebm._runtime.control import Control
from fastebm.cli import main
from fastebm.datasets import load_old_faithful
from fastebm.fitting import auto as room
from fastebm.fitting.compare import compare
from fastebm.fitting.folds import Candidate, Folds
from fastebm.fitting.grid import off_the_grid
from fastebm.fitting.stacking import mixed, stack, stacked_scores
from fastebm.fitting.standardise import standardise
from fastebm.fitting.wells_search import search_wells
from fastebm.mixtures._em import Blocks
from fastebm.mixtures._em_full import FullClimb
from fastebm.mixtures._heavy import HeavyFullClimb
from fastebm.mixtures.shrunk import NORMAL_DF, Shape, climb_shrunk, end_of, start_of, together

SHAPES = [
    Shape("diag"),
    Shape("diag", True),
    Shape("full", own=1.0),
    Shape("full", pooled=1.0, apart=0.5),
    Shape("full", True, pooled=0.3),
]


def lines(seed=0, n=300, d=3):
    rng = np.random.default_rng(seed)
    mixing = rng.normal(size=(2, d, d))
    half = n // 2
    return np.concatenate(
        [rng.normal(size=(half, d)) @ mixing[0], 4.0 + rng.normal(size=(n - half, d)) @ mixing[1]]
    )


# ---- shrinkage ----


def step_in_numpy(x, weights, means, covariances, own, pooled, apart):
    """One step of EM with shrunk covariances, written down from the formula."""
    n, d = x.shape
    log_p = np.stack(
        [
            np.log(w)
            - 0.5 * np.linalg.slogdet(2 * np.pi * s)[1]
            - 0.5 * np.einsum("ni,ij,nj->n", x - m, np.linalg.inv(s), x - m)
            for w, m, s in zip(weights, means, covariances, strict=True)
        ],
        axis=1,
    )
    r = np.exp(log_p - log_p.max(axis=1, keepdims=True))
    r /= r.sum(axis=1, keepdims=True)
    mass = r.sum(axis=0)
    means = r.T @ x / mass[:, None]
    sums = np.array([(x - m).T @ ((x - m) * r[:, j : j + 1]) for j, m in enumerate(means)])
    off = 1.0 - np.eye(d)
    shared = sums.sum(axis=0) / n
    shared = shared - apart * off * shared
    kept = np.array(
        [s - off * s * (1.0 if np.isinf(own) else own / (m + own)) for s, m in zip(sums, mass, strict=True)]
    )
    if np.isinf(pooled):
        return mass / n, means, np.array([shared] * len(mass))
    return mass / n, means, (kept + pooled * shared) / (mass + pooled)[:, None, None]


@pytest.mark.parametrize(
    ("own", "pooled", "apart"),
    [(7.0, 0, 0), (0, 5.0, 0), (0, 5.0, 0.5), (3.0, 4.0, 0.2), (np.inf, 0, 0), (0, np.inf, 0)],
)
def test_a_shrunk_step_is_the_formula(own, pooled, apart):
    x = lines()
    start = start_of(Shape("full"), x, 2, np.random.default_rng(1))
    climb = (
        FullClimb(Blocks(x), *start, 1e-3, 1e3, Control(None, 1.0)).shrink(own, pooled, apart).climb(1, 0.0)
    )
    expected = step_in_numpy(x, *start, own, pooled, apart)
    for ours, theirs in zip((climb.weights, climb.means, climb.covariances), expected, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-12)
    # Without shrinkage it is another one.
    plain = step_in_numpy(x, *start, 0.0, 0.0, 0.0)
    assert not np.allclose(plain[2], expected[2], rtol=1e-3)


def test_shrinkage_of_nothing_is_plain():
    x = lines()
    start = start_of(Shape("full"), x, 2, np.random.default_rng(1))
    ends = [FullClimb(Blocks(x), *start, 1e-3, 1e3, Control(None, 1.0)) for _ in range(2)]
    ends[1].shrink(0.0, 0.0)
    for end in ends:
        end.climb(50, 1e-8)
    assert ends[0].covariances.tobytes() == ends[1].covariances.tobytes()


def test_shrinkage_helps_rows_that_were_not_fitted():
    # 40 rows in 12 columns: a full covariance of its own has more numbers than a well has rows.
    rng = np.random.default_rng(3)
    mixing = rng.normal(size=(12, 12))
    x, unseen = rng.normal(size=(40, 12)) @ mixing, rng.normal(size=(4000, 12)) @ mixing
    scores = []
    for shape in (Shape("full"), Shape("full", pooled=1.0)):
        start = start_of(shape, x, 2, np.random.default_rng(0))
        scores.append(climb_shrunk(Blocks(x), start, shape, 1e-6, 200).log_prob(Blocks(unseen)).mean())
    assert scores[1] > scores[0] + 0.5


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("n", [5, 256, 700])
def test_log_prob_of_a_climb_is_that_of_its_energy(shape, n):
    x = lines()
    climb = climb_shrunk(Blocks(x), start_of(shape, x, 3, np.random.default_rng(0)), shape, 1e-4, 50)
    rows = lines(5, n)
    assert climb.log_prob(Blocks(rows)) == pytest.approx(
        together([end_of(climb)], [1.0]).log_prob(rows), rel=1e-9
    )
    with pytest.raises(ValueError, match="features"):
        climb.log_prob(Blocks(np.zeros((3, 2))))


def test_heavy_climbs_shrink_too():
    x = lines()
    start = start_of(Shape("full"), x, 2, np.random.default_rng(1))
    ends = []
    for pooled in (0.0, np.inf):
        climb = HeavyFullClimb(
            Blocks(x), *start, np.full(2, 8.0), 1e-3, 1e3, (1.0, 200.0), False, Control(None, 1.0)
        )
        ends.append(climb.shrink(0.0, pooled).climb(30, 1e-6).covariances)
    assert np.allclose(ends[1][0], ends[1][1], rtol=1e-6)
    assert not np.allclose(ends[0][0], ends[0][1], rtol=0.1)


# ---- putting together ----


def test_together_is_the_weighted_mean():
    x = lines()
    ends = []
    for shape in SHAPES:
        climb = climb_shrunk(Blocks(x), start_of(shape, x, 2, np.random.default_rng(0)), shape, 1e-4, 50)
        ends.append(end_of(climb))
    shares = np.array([0.1, 0.2, 0.3, 0.3, 0.1])
    log_p = np.stack([together([end], [1.0]).log_prob(x) for end in ends], axis=1)
    whole = together(ends, shares)
    assert type(whole) is fe.StudentTMixture and whole.n_wells == 10
    # Normal wells among heavy ones have a million degrees of freedom.
    assert whole.log_prob(x) == pytest.approx(mixed(log_p, shares), abs=200.0 / NORMAL_DF)
    normal = together([ends[0], ends[2]], [0.4, 0.6])
    assert type(normal) is fe.WellMixture and normal.covariance == "full"
    assert normal.log_prob(x) == pytest.approx(mixed(log_p[:, [0, 2]], np.array([0.4, 0.6])), abs=1e-9)


def test_stack_finds_the_weights_and_drops_what_is_light():
    rng = np.random.default_rng(0)
    x = np.where(rng.random(20_000) < 0.7, rng.normal(0, 1, 20_000), rng.normal(4, 1, 20_000))
    parts = [-0.5 * (x - m) ** 2 - 0.5 * np.log(2 * np.pi) for m in (0.0, 4.0, 20.0)]
    weights = stack(np.stack(parts, axis=1))
    assert weights[2] == 0.0 and weights.sum() == pytest.approx(1.0)
    assert weights[0] == pytest.approx(0.7, abs=0.02)


def test_a_mean_of_densities_is_finite_beside_a_part_without_weight():
    log_p = np.array([[-5000.0, -3.0]])
    assert mixed(log_p, np.array([1.0, 0.0])) == pytest.approx(-5000.0)


def test_stack_survives_rows_that_no_part_explains():
    log_p = np.array([[-1.0, -2000.0], [-2000.0, -1.0], [-5000.0, -4000.0]])
    assert np.isfinite(mixed(log_p, stack(log_p))).all()


def test_weights_are_judged_by_rows_that_did_not_choose_them():
    # Parts that know one row each: all of it is chance.
    log_p = np.full((40, 4), -3.0)
    log_p[np.arange(40), np.random.default_rng(0).integers(0, 4, 40)] = 0.0
    folds = np.array_split(np.arange(40), 5)
    assert stacked_scores(log_p, folds).mean() < mixed(log_p, stack(log_p)).mean()


# ---- folds ----


def test_folds_fit_what_they_do_not_score():
    z = lines()
    folds = Folds(z, 4, 0)
    candidate = Candidate(Shape("diag"), 2)
    scores = folds.row_scores(candidate)
    part = folds.parts[1]
    rest = np.delete(z, part, axis=0)
    start = folds._start(candidate.shape, 2, 1, 0)
    by_hand = climb_shrunk(Blocks(rest), start, candidate.shape, folds.tol, folds.max_iter)
    assert scores[part] == pytest.approx(by_hand.log_prob(Blocks(z[part])))
    # What was tried before leaves no trace.
    other = Folds(z, 4, 0)
    other.row_scores(Candidate(Shape("full", own=1.0), 3))
    assert (other.row_scores(candidate) == scores).all()


def test_a_search_tells_scores_in_the_order_of_rows():
    z = lines(2, 120, 2)
    found = search_wells(z, n_folds=3, seed=0, most=2)
    assert (found.rows == np.arange(120)).all()
    # Rows that are unlikely under the fit to all are unlikely without their fold.
    fitted = found.wells.log_prob(z)
    assert np.corrcoef(fitted, found.scores)[0, 1] > 0.8
    assert np.corrcoef(fitted, np.random.default_rng(0).permutation(found.scores))[0, 1] < 0.6
    single = next(row for row in found.table if row.scores is not None)
    assert np.corrcoef(single.scores, found.scores)[0, 1] > 0.8


def test_a_dear_search_scores_two_folds(monkeypatch):
    monkeypatch.setattr("fastebm.fitting.wells_search.VERY_DEAR", 10)
    monkeypatch.setattr("fastebm.fitting.wells_search.DEAR", 10)
    found = search_wells(lines(2, 120, 2), n_folds=5, seed=0)
    assert len(found.rows) == len(found.scores) == 48 and len(found.folds) == 2
    assert (np.sort(np.concatenate(found.folds)) == found.rows).all()
    assert fe.fit_auto(lines(2, 120, 2), seed=0).candidates["chosen"][0]


# ---- units ----


def test_units_of_clean_data_are_mean_and_deviation():
    x = np.random.default_rng(0).normal([5.0, -2.0], [3.0, 0.1], (500, 2))
    offset, scale = standardise(x)
    assert (offset == x.mean(axis=0)).all() and (scale == x.std(axis=0)).all()
    faithful = load_old_faithful()
    assert (standardise(faithful)[1] == faithful.std(axis=0)).all()


def test_units_bear_outliers():
    rng = np.random.default_rng(1)
    x = rng.normal(3.0, 2.0, (1000, 1))
    x[:20] = 1e6
    offset, scale = standardise(x)
    assert abs(offset[0] - 3.0) < 1.0 and 2.0 < scale[0] < 2.0 * 1.6 * 6.0
    assert x.std() > 1e5


def test_units_of_a_column_that_is_mostly_one_value():
    x = np.zeros((1000, 1))
    x[:30, 0] = np.arange(30)
    offset, scale = standardise(x)
    assert offset == x.mean() and scale == x.std()


def test_rounded_columns_are_spread():
    x = np.c_[
        np.round(np.random.default_rng(0).normal(0, 1, 400), 1),
        np.arange(400) % 2,
        np.random.default_rng(1).normal(size=400),
    ]
    y = off_the_grid(x, np.random.default_rng(0))
    assert 0.0 < np.abs(y[:, 0] - x[:, 0]).max() <= 0.05 * (1 + 1e-9)
    assert len(np.unique(y[:, 0])) == 400
    assert (y[:, 1:] == x[:, 1:]).all()


# ---- fit_auto ----


def test_two_percent_of_outliers():
    rng = np.random.default_rng(2)
    x = np.concatenate([rng.normal([0, 0], 1.0, (245, 2)), rng.normal([8, 4], [0.5, 2.0], (245, 2))])
    x = np.concatenate([x, rng.normal(0, 300.0, (10, 2))])
    unseen = np.concatenate(
        [
            rng.normal([0, 0], 1.0, (980, 2)),
            rng.normal([8, 4], [0.5, 2.0], (980, 2)),
            rng.normal(0, 300.0, (40, 2)),
        ]
    )
    chosen = fe.fit_auto(x, seed=0)
    plain = fe.fit_wells(x, 2, recipe="em", seed=0, diagnose=False)
    assert chosen.score_samples(unseen).mean() > plain.score_samples(unseen).mean() + 0.5


@pytest.mark.parametrize("d", [1, 2, 5])
def test_one_normal_law_is_as_good_as_known(d):
    rng = np.random.default_rng(d)
    x, unseen = rng.normal(size=(300, d)), rng.normal(size=(4000, d))
    truth = -0.5 * (unseen**2).sum(axis=1) - 0.5 * d * np.log(2 * np.pi)
    lost = truth.mean() - fe.fit_auto(x, seed=0, diagnose=False).score_samples(unseen).mean()
    # The best fit of the family loses d (d + 3) / 4 n on average.
    assert lost < 0.02 + 2.0 * d * (d + 3) / (4 * 300)


def test_the_table_of_candidates():
    x = load_old_faithful()
    fit = fe.fit_auto(x, seed=0)
    table = fit.candidates
    assert table["family"][0] == "wells together" and table["chosen"][0]
    assert table["n_wells"][0] == fit.n_wells
    rest = table[1:]
    assert (np.diff(rest["log_likelihood"]) <= 0).all()
    assert rest["weight"].sum() == pytest.approx(1.0) and ((rest["weight"] > 0) == rest["chosen"]).all()
    assert (table["seconds"] > 0).all()
    judged = rest[np.isfinite(rest["standard_error"])]
    assert len(judged) >= 8 and {"diag", "heavy diag", "own", "pooled", "mixed"} <= set(rest["family"])
    # Held out it is no worse than the fit of two wells whose number is known: -4.19 full, -4.27 diagonal.
    assert table["log_likelihood"][0] > -4.24
    assert np.isfinite(fit.energy_.energy(x)).all()
    assert fit.energy_.energy(x) == pytest.approx(-fit.score_samples(x), abs=1e-6)


def test_same_seed_same_bytes():
    x = lines(1, 120, 2)
    fits = [fe.fit_auto(x, seed=3, diagnose=False) for _ in range(2)]
    assert fits[0].wells.theta.tobytes() == fits[1].wells.theta.tobytes()
    other = fe.fit_auto(x, seed=4, diagnose=False)
    assert other.wells.theta.tobytes() != fits[0].wells.theta.tobytes()


def test_most_wells_and_units():
    x = lines(1, 120, 2)
    fit = fe.fit_auto(x, max_wells=2, seed=0, diagnose=False)
    assert fit.candidates["n_wells"][1:].max() == 2
    scaled = fe.fit_auto(1e4 * x + 7.0, max_wells=2, seed=0, diagnose=False)
    shift = 2 * np.log(1e4)
    assert scaled.score_samples(1e4 * x + 7.0) == pytest.approx(fit.score_samples(x) - shift, abs=1e-3)
    assert scaled.candidates["log_likelihood"] == pytest.approx(
        fit.candidates["log_likelihood"] - shift, abs=1e-3
    )


def test_samples_follow_the_density():
    x = load_old_faithful()
    fit = fe.fit_auto(x, seed=0, diagnose=False)
    drawn = fit.sample(4000, seed=1)
    again = fit.sample(4000, seed=2)
    log_p, more = fit.score_samples(drawn), fit.score_samples(again)
    # Six standard errors: two draws of one law.
    assert abs(log_p.mean() - more.mean()) < 6 * np.hypot(log_p.std(), more.std()) / np.sqrt(4000)
    assert fit.wells.log_partition() == pytest.approx(0.0, abs=1e-9)


def test_a_column_of_two_values_is_warned_of():
    rng = np.random.default_rng(0)
    x = np.c_[rng.normal(size=200), rng.integers(0, 2, 200)]
    assert "few_values" in [w.code for w in fe.fit_auto(x, seed=0).warnings]
    assert "few_values" not in [w.code for w in fe.fit_auto(rng.normal(size=(200, 2)), seed=0).warnings]


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"max_wells": 0}, ValueError, "max_wells"),
        ({"n_folds": 1}, ValueError, "n_folds"),
        ({"max_seconds": -1.0}, ValueError, "max_seconds"),
        ({"strict": True, "diagnose": False}, ValueError, "diagnose"),
    ],
)
def test_refusals(arguments, error, match):
    with pytest.raises(error, match=match):
        fe.fit_auto(lines(0, 40), **arguments)


def test_too_few_rows_and_constants():
    with pytest.raises(ValueError, match="two rows per fold"):
        fe.fit_auto(np.arange(8.0)[:, None])
    with pytest.raises(ValueError, match=r"feature 1 \(b\)"):
        fe.fit_auto(np.c_[np.arange(30.0), np.ones(30)], names=("a", "b"), preprocess=None)
    small = fe.fit_auto(np.random.default_rng(0).normal(size=(10, 3)), seed=0)
    assert np.isfinite(small.score_samples(np.zeros((1, 3)))).all()


def test_a_network_is_tried_where_rows_are_many(monkeypatch):
    monkeypatch.setattr(room, "NETWORK_ROWS", 200)
    t = np.random.default_rng(0).uniform(0, np.pi, 240)
    x = np.c_[np.cos(t), np.sin(t)] + np.random.default_rng(1).normal(0, 0.1, (240, 2))
    fit = fe.fit_auto(x, hidden=(8,), max_seconds=0.3, seed=0, max_wells=4)
    families = list(fit.candidates["family"])
    assert "network" in families and isinstance(fit, fe.ScaledWells)
    assert fit.candidates["chosen"][families.index("network")] == 0
    none = fe.fit_auto(x, max_seconds=0, seed=0, max_wells=4)
    assert "network" not in none.candidates["family"]
    # Wells do not depend on it.
    assert none.wells == fit.wells


def test_a_network_that_is_better_is_taken(monkeypatch, tmp_path):
    monkeypatch.setattr(room, "NETWORK_ROWS", 200)
    monkeypatch.setattr("fastebm.fitting.network.CLEARLY", -np.inf)
    x = np.random.default_rng(0).normal(size=(240, 2))
    fit = fe.fit_auto(x, hidden=(8,), max_seconds=0.3, seed=0, max_wells=2, diagnose=False)
    assert isinstance(fit, fe.ScaledNetwork) and fit.better
    assert fit.candidates["family"][0] == "network" and fit.candidates["chosen"][0]
    assert not fit.candidates["chosen"][1:].any()
    fe.save(tmp_path / "model.npz", fit)
    again = fe.load(tmp_path / "model.npz")
    assert (again.score_samples(x) == fit.score_samples(x)).all()
    assert (again.candidates["family"] == fit.candidates["family"]).all()


# ---- doors ----


def test_the_estimator(tmp_path):
    pytest.importorskip("sklearn")
    x = load_old_faithful()
    density = fe.EnergyDensity(model="auto", random_state=0).fit(x)
    assert density.candidates_ is density.model_.candidates and density.held_out_ is None
    assert density.weights_.sum() == pytest.approx(1.0) and len(density.weights_) == density.n_wells_
    assert density.predict_proba(x).sum(axis=1) == pytest.approx(1.0)
    assert density.covariances_.shape == (density.n_wells_, 2, 2)
    fe.save(tmp_path / "model.npz", density)
    again = fe.load(tmp_path / "model.npz")
    assert (again.score_samples(x) == density.score_samples(x)).all()
    assert (again.candidates_ == density.candidates_).sum() > 0
    assert density.fit(x).candidates_ is not None
    assert density.set_params(model="wells").fit(x).candidates_ is None
    with pytest.raises(ValueError, match="X_val"):
        fe.EnergyDensity(model="auto").fit(x, X_val=x)


def test_the_estimator_with_transformed_columns():
    pytest.importorskip("sklearn")
    rng = np.random.default_rng(0)
    x, unseen = rng.lognormal(0, 1, (300, 2)), rng.lognormal(0, 1, (2000, 2))
    density = fe.EnergyDensity(model="auto", preprocess="auto", random_state=0).fit(x)
    logs = np.log(unseen)
    truth = (-0.5 * logs**2 - 0.5 * np.log(2 * np.pi) - logs).sum(axis=1).mean()
    assert truth - density.score(unseen) < 0.06
    # In units of X.
    assert abs(density.candidates_["log_likelihood"][0] - truth) < 0.4


def test_compare():
    pytest.importorskip("sklearn")
    x = load_old_faithful()
    result = compare(x, n_folds=2, seed=0)
    assert result.best_rival in result.methods[1:]
    lead, error = result.lead("auto", result.best_rival)
    assert lead > -2 * error
    facts = json.loads(json.dumps(result.as_dict()))
    assert [m["method"] for m in facts["methods"]] == list(result.methods)
    assert facts["methods"][1]["behind_first"] == pytest.approx(result.lead("auto", "em")[0])
    folds = facts["methods"][1]["behind_in_folds"]
    assert np.average(folds, weights=[len(f) for f in result.folds]) == pytest.approx(
        facts["methods"][1]["behind_first"]
    )
    assert sorted(np.concatenate(result.folds)) == list(range(len(x)))
    text = str(result)
    assert all(name in text for name in result.methods) and "paired error" in text


def test_compare_scores_densities():
    # A method that sees the rows it is scored on would have them likelier: the integral of exp(score) is 1.
    pytest.importorskip("sklearn")
    from fastebm.fitting.rivals import METHODS, rival

    x = np.random.default_rng(0).normal(3.0, 10.0, (100, 1))
    grid = np.linspace(-200, 200, 40_001)[:, None]
    for method in METHODS:
        log_p = rival(method, 0)(x, grid, 0)[0]
        assert np.exp(log_p).sum() * 0.01 == pytest.approx(1.0, abs=2e-3), method


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"methods": ["auto", "nothing"]}, "methods"),
        ({"methods": []}, "methods"),
        ({"methods": ["em", "em"]}, "methods"),
        ({"n_folds": 17}, "102 rows"),
    ],
)
def test_compare_refuses(arguments, match):
    with pytest.raises(ValueError, match=match):
        compare(lines(0, 100), **arguments)


def test_the_command_line(tmp_path, capsys):
    data, model = tmp_path / "rows.csv", tmp_path / "model.npz"
    np.savetxt(data, load_old_faithful(), delimiter=",", header="eruption,waiting", comments="")
    assert main(["fit", str(data), "--model", "auto", "--out", str(model)]) == 0
    text = capsys.readouterr().out
    assert "wells together" in text and "<- chosen" in text and "heavy diag" in text
    assert main(["fit", str(data), "--model", "auto", "--max-wells", "2", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["candidates"][0]["chosen"] and facts["command"].endswith(
        "--model auto --seed 1 --max-wells 2"
    )
    assert main(["score", str(model), str(data), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["n_rows"] == 272
    assert main(["compare", str(data), "--methods", "auto,em", "--folds", "2", "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["columns"] == ["eruption", "waiting"] and len(facts["methods"]) == 2
    assert main(["compare", str(data), "--methods", "auto,em", "--folds", "2"]) == 0
    assert "auto leads by" in capsys.readouterr().out
    assert main(["compare", str(data), "--methods", "best"]) == 2
    assert "methods must be different ones of" in capsys.readouterr().err


def test_transforms_of_more_columns_than_numpy_has_dimensions():
    x = np.random.default_rng(0).lognormal(size=(80, 40))
    assert fe.Preprocessing.fit(x).images.shape == (1, 40)


def test_compare_says_where_there_is_no_density():
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.normal(size=60), rng.integers(0, 2, 60)])
    result = compare(x, ["em", "kde"], n_folds=2, names=["a", "sex"])
    assert "1 column of 10 values or fewer (sex)" in result.notes[0] and "no density there" in str(result)
    assert result.as_dict()["notes"] == result.notes
    assert compare(x[:, :1], ["em", "kde"], n_folds=2).notes == []


def test_clusters_too_far_apart_for_the_widths_are_said():
    rng = np.random.default_rng(0)
    x = np.concatenate([rng.normal(0, 1, (80, 1)), rng.normal(1e6, 1, (80, 1))])
    assert [w.code for w in fe.fit_auto(x, seed=1).warnings] == ["narrow_mode"]
    assert fe.fit_auto(x - np.where(x > 5e5, 1e6 - 10, 0), seed=1).warnings == []


def test_a_table_that_is_there_twice_is_said():
    x = np.random.default_rng(0).normal(size=(60, 2))
    found = fe.fit_auto(np.tile(x, (2, 1)), max_wells=3, seed=1).warnings
    assert "100 % of the rows are there more than once" in next(
        w.meaning for w in found if w.code == "duplicates"
    )
    once = fe.fit_auto(np.concatenate([x, x[:20]]), max_wells=3, seed=1)
    assert "duplicates" not in [w.code for w in once.warnings]
