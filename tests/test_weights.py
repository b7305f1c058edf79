"""Rows with weights: whole numbers are rows that are there so many times."""

import numpy as np
import pytest
from stats import Z_LIMIT

import fastebm as fe
from fastebm.fitting.weighted import checked_weights, thinned, written_out
from fastebm.mixtures.search import climb_on

RNG = np.random.default_rng(1)
TRUTH = fe.WellMixture.from_mixture([0.4, 0.6], [[-1.0, 0.0], [1.0, 2.0]], [[0.5, 0.6], [0.7, 0.4]])
X = TRUTH.exact_sample(700, seed=1)
COUNTS = RNG.integers(0, 5, len(X))


@pytest.mark.parametrize("covariance", ["diag", "full"])
@pytest.mark.parametrize("n_threads", [1, 2])
def test_one_step_is_that_of_repeated_rows(covariance, n_threads):
    x = np.concatenate([X] * 8)
    counts = RNG.integers(1, 5, len(x))
    spread = TRUTH.stds_ if covariance == "diag" else TRUTH.covariances_
    start = (TRUTH.weights_, TRUTH.means_ + 0.3, spread * 1.5)
    many = climb_on(np.repeat(x, counts, axis=0), start, (0.06, 8.0), 0.0, 3)
    few = climb_on(x, start, (0.06, 8.0), 0.0, 3, n_threads, weights=counts / counts.mean())
    for name in ("weights", "means", "spread", "log_likelihood"):
        np.testing.assert_allclose(getattr(few, name), getattr(many, name), rtol=1e-10, atol=1e-12)
    # Weights of one change nothing, to the bit.
    plain, ones = (climb_on(x, start, (0.06, 8.0), 0.0, 3, weights=w) for w in (None, np.ones(len(x))))
    assert plain.means.tobytes() == ones.means.tobytes() and plain.log_likelihood == ones.log_likelihood
    # Negative control.
    assert np.abs(plain.means - few.means).max() > 1e-3


@pytest.mark.parametrize(("recipe", "covariance"), [("em", "diag"), ("em", "full"), ("contrastive", "diag")])
def test_fits_of_weights_and_of_repeated_rows(recipe, covariance):
    options = {"recipe": recipe, "covariance": covariance, "seed": 1, "n_updates": 100, "diagnose": False}
    many = fe.fit_wells(np.repeat(X, COUNTS, axis=0), 2, **options)
    few = fe.fit_wells(X, 2, sample_weight=0.3 * COUNTS, **options)
    np.testing.assert_allclose(few.weights_, many.weights_, atol=1e-4)
    np.testing.assert_allclose(few.means_, many.means_, atol=1e-4)
    np.testing.assert_allclose(few.stds_, many.stds_, atol=1e-4)
    plain = fe.fit_wells(X, 2, **options)
    assert np.abs(plain.means_ - many.means_).max() > 1e-3


def test_importance_weights_lead_to_the_other_law():
    # Rows of a wide law, weighted to be rows of the truth: the optimum of 20,000 of them is near it.
    wide = fe.Gaussian([0.0, 1.0], [[4.0, 0.0], [0.0, 4.0]])
    x = wide.exact_sample(20_000, seed=2)
    w = np.exp(TRUTH.log_prob(x) - wide.log_prob(x))
    fit = fe.EnergyDensity(2, recipe="em", random_state=0).fit(x, sample_weight=w)
    order = np.argsort(fit.means_[:, 0])
    # Effective rows: about 4,000.
    n = w.sum() ** 2 / (w**2).sum()
    error = np.sqrt(0.25 / n)
    assert np.abs(fit.weights_[order] - [0.4, 0.6]).max() < Z_LIMIT * error
    assert np.abs(fit.means_[order] - TRUTH.means_).max() < Z_LIMIT * 0.7 / np.sqrt(0.4 * n)
    assert (
        np.abs(fe.EnergyDensity(2, recipe="em", random_state=0).fit(x).means_[order] - TRUTH.means_).max()
        > 0.3
    )
    assert "too many wells: rows are repeated" in fit.model_.not_checked[0]


def test_a_weight_of_zero_leaves_a_row_out():
    w = np.ones(len(X))
    w[:50] = 0.0
    spoilt = X.copy()
    spoilt[:50] = 1e6
    one = fe.fit_wells(spoilt, 2, recipe="em", sample_weight=w, seed=1)
    two = fe.fit_wells(X[50:], 2, recipe="em", seed=1)
    np.testing.assert_allclose(one.means_, two.means_, atol=1e-4)
    assert np.array_equal(one.offset, two.offset)


@pytest.mark.parametrize("n_wells", [2, "auto"])
def test_nor_does_it_decide_on_transforms_or_scores(n_wells):
    x = np.random.default_rng(2).lognormal(size=(400, 1))
    w = (x[:, 0] > 0.7).astype(float)
    # One row that a logarithm does not suit.
    x, w = np.r_[x, [[-5.0]]], np.r_[w, 0.0]
    new = {"max_wells": 2, "recipe": "em", "preprocess": "auto", "random_state": 0}
    one = fe.EnergyDensity(n_wells, **new).fit(x, sample_weight=w)
    two = fe.EnergyDensity(n_wells, **new).fit(x[w > 0])
    assert str(one.model_.preparation) == str(two.model_.preparation)
    assert one.model_.preparation.columns[0].action.kind == "log"
    assert (one.score_samples(x[w > 0]) == two.score_samples(x[w > 0])).all()
    if n_wells == "auto":
        assert (one.held_out_ == two.held_out_).all()
    three = fe.fit_wells(x, 2, recipe="em", preprocess="auto", sample_weight=w, seed=1)
    assert three.preparation.columns[0].action.kind == "log"


def test_the_number_of_wells_is_chosen_with_weights():
    # A third well that weighs nothing.
    x = np.concatenate([X, 30.0 + RNG.normal(size=(300, 2))])
    w = np.r_[np.ones(len(X)), np.full(300, 1e-9)]
    weighted = fe.EnergyDensity("auto", recipe="em", max_wells=4, random_state=0).fit(x, sample_weight=w)
    plain = fe.EnergyDensity("auto", recipe="em", max_wells=4, random_state=0).fit(x)
    assert weighted.n_wells_ == 2 and plain.n_wells_ == 3


def test_weights_whose_sum_overflows():
    w = RNG.uniform(0.5, 1.0, len(X))
    one, two = (fe.fit_wells(X, 1, recipe="em", sample_weight=v, seed=1) for v in (w, w * 2.0**1023))
    np.testing.assert_allclose(one.means_, two.means_, rtol=1e-9)


def test_a_single_row_that_counts():
    w = np.zeros(len(X))
    w[3] = 2.0
    with pytest.raises(ValueError, match="sample_weight leaves a single row"):
        fe.fit_wells(X, 1, sample_weight=w)


def test_rows_are_written_out():
    np.testing.assert_array_equal(written_out(X, COUNTS / 3.0), np.repeat(X, COUNTS, axis=0))
    w = RNG.exponential(size=len(X))
    rows = written_out(X, w)
    copies = np.array([(rows == row).all(axis=1).sum() for row in X])
    assert len(rows) == 8 * len(X) and np.abs(copies - w / w.sum() * len(rows)).max() <= 1.0
    assert len(thinned(X, np.ones(len(X)), RNG)) == len(X)
    # Rows above the cap are there once; a lone heavy one does not cost the others.
    kept = thinned(X, np.r_[1000.0, np.full(len(X) - 2, 2.0), 1.0], np.random.default_rng(3))
    assert len(X) - 1 <= len(kept) <= len(X)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (np.ones(3), r"shape \(700,\), one for each row, got \(3,\)"),
        (np.r_[-1.0, np.ones(699)], "must not be negative, got -1 for row 0"),
        (np.r_[np.nan, np.ones(699)], "is not finite"),
        (np.zeros(700), "zero for every row"),
    ],
)
def test_bad_weights(weights, message):
    with pytest.raises(ValueError, match=message):
        fe.fit_wells(X, 2, sample_weight=weights)
    with pytest.raises(ValueError, match=message):
        fe.EnergyDensity().fit(X, sample_weight=weights)
    assert checked_weights(2.0, 5) is None


def test_networks_say_what_to_do():
    with pytest.raises(ValueError, match="draw rows by their weights"):
        fe.EnergyDensity(model="network").fit(X, sample_weight=COUNTS)
