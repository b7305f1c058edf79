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


def test_a_network_has_no_shares():
    network = fe.EnergyDensity(model=fe.Gaussian([0.0, 0.0]), n_updates=5, random_state=0).fit(X / [1, 100])
    with pytest.raises(ValueError, match="no wells"):
        network.transform(X)
    assert network.sample_conditional([0.5, np.nan], 3).shape == (3, 2)
