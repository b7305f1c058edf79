"""What the estimator answers beyond the density."""

import numpy as np
import pytest

import fastebm as fe

sklearn = pytest.importorskip("sklearn", reason="scikit-learn is not installed")
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402

TRUTH = fe.WellMixture.from_mixture([0.4, 0.6], [[-1.0, 0.0], [1.0, 2.0]], [[0.5, 0.6], [0.7, 0.4]])
X = TRUTH.exact_sample(400, seed=1) * [1.0, 100.0]


@pytest.fixture(scope="module")
def density():
    return fe.EnergyDensity(2, recipe="em", random_state=0).fit(X)


def test_fit_predict(density):
    again = fe.EnergyDensity(2, recipe="em", random_state=0)
    np.testing.assert_array_equal(again.fit_predict(X), density.predict(X))


def test_shares_in_a_pipeline_and_in_the_container_asked_for(density):
    np.testing.assert_array_equal(density.transform(X), density.predict_proba(X))
    pipeline = make_pipeline(StandardScaler(), fe.EnergyDensity(3, recipe="em", random_state=0))
    assert pipeline.fit_transform(X).shape == (400, 3)
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    framed = fe.EnergyDensity(2, recipe="em", random_state=0).set_output(transform="pandas")
    frame = framed.fit_transform(pandas.DataFrame(X, columns=["a", "b"]))
    assert list(frame.columns) == ["energydensity0", "energydensity1"]
    assert isinstance(framed.score_samples(frame.assign(a=0.0, b=0.0)[["a", "b"]]), np.ndarray)


def test_cells(density):
    rows = density.sample_conditional([0.5, np.nan], 300)
    assert rows.shape == (300, 2) and (rows[:, 0] == 0.5).all()
    assert (rows == density.sample_conditional([0.5, np.nan], 300)).all()
    assert (rows != density.sample_conditional([0.5, np.nan], 300, random_state=1))[:, 1].all()
    gaps = X[:5].copy()
    gaps[0, 1] = np.nan
    filled = density.impute(gaps)
    assert (filled[1:] == X[1:5]).all() and np.isfinite(filled).all()
    assert (density.impute(gaps, how="draw") != filled).sum() == 1
    assert density.explain([[1.0, -900.0]]).column.tolist() == [1]
    with pytest.raises(ValueError, match="2 features"):
        density.impute(np.zeros((2, 3)))
    with pytest.raises(sklearn.exceptions.NotFittedError):
        fe.EnergyDensity().sample_conditional([np.nan], 1)


def test_names_of_a_frame(density):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    fit = fe.EnergyDensity(2, recipe="em", random_state=0).fit(pandas.DataFrame(X, columns=["a", "b"]))
    assert (fit.sample_conditional({"b": 7.0}, 4)[:, 1] == 7.0).all()
    assert fit.explain(pandas.DataFrame([[9.0, 100.0]], columns=["a", "b"])).column_names == ["a"]


def test_what_has_no_wells_has_no_columns_to_pass_on():
    fit = fe.EnergyDensity(model=fe.WellMixture(2, 2), n_updates=5, random_state=0).fit(X / [1.0, 100.0])
    with pytest.raises(ValueError, match="no wells, so transform has no columns"):
        fit.get_feature_names_out()


def test_a_network_has_no_shares():
    network = fe.EnergyDensity(model=fe.Gaussian([0.0, 0.0]), n_updates=5, random_state=0).fit(X / [1, 100])
    with pytest.raises(ValueError, match="no wells"):
        network.transform(X)
    assert network.sample_conditional([0.5, np.nan], 3).shape == (3, 2)


# ---- transformed columns ----


@pytest.fixture(scope="module")
def skewed():
    """Two columns whose logarithms are correlated, a copy of the first and a constant."""
    rng = np.random.default_rng(7)
    u = rng.normal(size=(2000, 2))
    a, b = np.exp(1.0 + u[:, 0]), np.exp(0.8 * u[:, 0] + 0.6 * u[:, 1])
    x = np.column_stack([a, b, 2.0 * a, np.full(2000, 5.0)])
    return x, fe.fit_wells(
        x, 1, covariance="full", recipe="em", preprocess="auto", seed=1, names=list("abcd")
    )


def test_transformed_columns_are_filled_in(skewed):
    x, fit = skewed
    gaps = x.copy()
    gaps[:1000, 1] = np.nan
    gaps[::2, 3] = np.nan
    filled = fe.impute(fit, gaps, how="draw", seed=2)
    assert (filled[:, 1] > 0).all() and (filled[:, 3] == 5.0).all()
    logs = np.log(filled[:1000, :2])
    # Drawn given a, b has the correlation of the others: six standard errors of 1,000 rows.
    assert abs(np.corrcoef(logs.T)[0, 1] - 0.8) < 6 * 0.36 / np.sqrt(1000)
    # A copy tells its column.
    gaps = np.array([[np.nan, 1.0, 8.0, 5.0]])
    assert fe.impute(fit, gaps)[0, 0] == pytest.approx(4.0, rel=1e-6)
    drawn = fe.conditional_sample(fit, {"a": np.e, "d": 5.0}, 4000, seed=3).x
    assert np.log(drawn[:, 1]).mean() == pytest.approx(0.0, abs=0.08) and (drawn[:, 0] == np.e).all()
    assert drawn[:, 2] == pytest.approx(2 * np.e, rel=1e-6)
    with pytest.raises(ValueError, match="follow from the others"):
        fe.conditional_sample(fit, [1.0, 1.0, np.nan, 5.0], 3)
    with pytest.raises(ValueError, match="is not above 0, the bound of column 'b'"):
        fe.impute(fit, [[np.nan, -1.0, np.nan, 5.0]])


def test_transformed_columns_are_explained(skewed):
    x, fit = skewed
    rows = x[:3].copy()
    rows[0, 1] *= 60.0
    said = fe.explain(fit, rows)
    assert said.column_names[0] == "b" and said.nats.shape == (3, 4)
    assert (said.nats[:, 2:] == 0).all() and (said.likeliest[:, 3] == 5.0).all()
    # -log p(b | a) in the units of b: quadrature over the whole density.
    t = np.exp(np.linspace(-9, 9, 4001))
    line = np.tile(rows[1], (len(t), 1))
    line[:, 1] = t
    p = np.exp(fit.score_samples(line))
    mass = ((p[1:] + p[:-1]) * np.diff(t)).sum() / 2
    assert said.surprise[1, 1] == pytest.approx(np.log(mass) - fit.score_samples(rows[1:2])[0], abs=1e-3)


def test_odd_rows_of_transformed_columns(skewed, tmp_path, capsys):
    import json

    from fastebm.cli import main

    x, fit = skewed
    fe.save(tmp_path / "model.npz", fit)
    rows = x[:200].copy()
    rows[4, 1] *= 60.0
    rows[9, 1] = -1.0
    np.savetxt(tmp_path / "new.csv", rows, delimiter=",", header="a,b,c,d", comments="", fmt="%.17g")
    assert (
        main(["score", str(tmp_path / "model.npz"), str(tmp_path / "new.csv"), "--flag", "1%", "--json"]) == 0
    )
    found = {row["row"]: row["column"] for row in json.loads(capsys.readouterr().out)["flagged"]}
    assert found[5] == "b" and found[10] is None and len(found) <= 11
