"""Bad input ends in an error or a warning that says what to do; never in a NaN, never in silence."""

import numpy as np
import pytest

import fastebm as fe

X = fe.WellMixture.from_mixture([0.55, 0.45], [-2.0, 1.8], [0.45, 0.55]).exact_sample(2400, seed=1)[:, 0]


def fit(x, energy=None, sampler=None, **more):
    trainer = fe.ContrastiveDivergence(energy or fe.WellMixture(), sampler, **more)
    return trainer.fit(x, seed=1)


def codes(result):
    assert np.isfinite(result.theta).all()
    assert np.isfinite(result.energy.energy(np.linspace(-3, 3, 7))).all()
    return {w.code for w in result.warnings}


@pytest.mark.parametrize("temperature", [0, -1.0, float("nan"), float("inf")])
@pytest.mark.parametrize("make", [fe.SGLD, fe.MALA])
def test_temperatures_that_are_none(make, temperature):
    with pytest.raises(ValueError, match="temperature"):
        make(0.1, temperature=temperature)


def test_noise_of_temperature_zero():
    assert "temperature" in codes(fit(X, sampler=fe.SGLD(0.01, noise_std=0)))


def test_a_step_without_a_fixed_point():
    # s^2 = 2 h must be below the narrowest variance, .2: at .11 it is not.
    result = fit(X, sampler=fe.SGLD(0.13), n_updates=30)
    assert "step_too_big" in codes(result)
    with pytest.raises(fe.TrainingError, match="smaller step_size") as caught:
        fit(X, sampler=fe.SGLD(3.0))
    assert np.isfinite(caught.value.theta).all()


def test_no_variance():
    with pytest.raises(ValueError, match=r"zero variance in feature 0 .all values are 1.5.*drop the feature"):
        fit(np.full(300, 1.5), fe.WellMixture(1))
    with pytest.raises(ValueError, match="zero variance in feature 1"):
        fit(np.c_[X, np.ones_like(X)], fe.WellMixture(2, 2))
    with pytest.raises(ValueError, match=r"zero variance in feature 1.*global_move=None"):
        fit(np.c_[X, np.ones_like(X)], fe.WellMixture(2, 2), fe.MALA(0.05))
    result = fit(np.full(300, 1.5), fe.WellMixture(1), fe.MALA(0.05), global_move=None)
    assert {"scale", "duplicates"} <= codes(result)


@pytest.mark.parametrize("function", [fit, lambda x, e: fe.initial_wells(x, e.n_wells)])
def test_fewer_distinct_points_than_wells(function):
    with pytest.raises(ValueError, match=r"2 distinct rows, fewer than n_wells=3; use fewer wells"):
        function(np.repeat([0.0, 1.0], 200), fe.WellMixture(3))


def test_one_row():
    with pytest.raises(ValueError, match="1 distinct rows"):
        fit([0.5])


@pytest.mark.parametrize("start", [None, fe.initial_wells(X, seed=1)])
@pytest.mark.parametrize("many", [1, 10])
def test_outliers_at_a_million_sigma(many, start):
    x = X.copy()
    x[:many] = 1e6 * X.std() * np.linspace(1, 2, many)
    result = fit(x, start)
    found = {w.code: w for w in result.warnings}
    assert "outliers" in codes(result)
    assert found["outliers"].value > 1e5
    assert "remove" in found["outliers"].advice


def test_outliers_and_the_notebook():
    x = X.copy()
    x[0] = -1e6
    assert "outliers" in codes(fe.ContrastiveDivergence.notebook().fit(x, seed=1))


def test_duplicated_points():
    # Every row twice is the same empirical law: nothing to say.
    assert codes(fit(np.r_[X, X])) == set()
    # Half of the rows one point: the likelihood has no maximum.
    assert "duplicates" in codes(fit(np.r_[X[:1000], np.full(1000, 0.5)]))
    assert {"duplicates", "at_bound"} <= codes(fit(np.repeat([-2.0, 1.0], 200)))


@pytest.mark.parametrize("factor, expected", [(1e-4, "scale"), (1e4, "at_bound")])
def test_data_on_another_scale(factor, expected):
    result = fit(factor * X)
    assert expected in codes(result)
    assert any("rescale" in w.advice for w in result.warnings)


def test_data_far_away():
    assert "energy_gap" in codes(fit(X + 1e6))


def test_data_whose_squares_overflow():
    for function in (fit, fe.initial_wells):
        with pytest.raises(ValueError, match="rescale"):
            function(1e200 * X)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_one_value_that_is_no_number(value):
    x = X.copy()
    x[17] = value
    with pytest.raises(ValueError, match=r"X\[17\]"):
        fit(x)
    with pytest.raises(ValueError, match=r"X\[17\]"):
        fe.ContrastiveDivergence.notebook().fit(x, seed=1)


def test_a_learning_rate_that_explodes():
    with pytest.raises(fe.TrainingError, match="learning_rate") as caught:
        fit(X, learning_rate=1e6)
    assert np.isfinite(caught.value.theta).all()
    assert np.isfinite(caught.value.buffer.states).all()


def test_few_rows_are_not_silent():
    # Three points and two wells: the likelihood is unbounded.
    assert codes(fit(X[:3]))
