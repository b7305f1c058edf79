"""Novelty detection keeps its false-alarm rate: against the exact law of split-conformal thresholds."""

import warnings

import numpy as np
import pytest
from scipy.stats import betabinom
from stats import FALSE_ALARM, Z_LIMIT, share_z

import fastebm as fe
from fastebm.answers import conformal

sklearn = pytest.importorskip("sklearn", reason="scikit-learn is not installed")
from sklearn.mixture import GaussianMixture  # noqa: E402
from sklearn.model_selection import GridSearchCV  # noqa: E402
from sklearn.neighbors import KernelDensity  # noqa: E402
from sklearn.utils.estimator_checks import parametrize_with_checks  # noqa: E402

TRUTH = fe.WellMixture.from_mixture([0.4, 0.6], [[-1.0, 0.0], [1.0, 2.0]], [[0.5, 0.6], [0.7, 0.4]])
# Many needles: rows that it was fitted to are far likelier than any others.
OVERFIT = KernelDensity(bandwidth=0.02)


def alarms(novelty, n=20_000, seed=99):
    return int((novelty.predict(TRUTH.exact_sample(n, seed=seed)) == -1).sum())


def probability(hits, n, held_out, k):
    """Two-sided probability of so many alarms: the rate is Beta(k, held_out + 1 - k) over what was held out."""
    law = betabinom(n, k, held_out + 1 - k)
    return 2 * min(law.cdf(hits), law.sf(hits - 1))


# The default density trains for 0.1 s, six times a fit.
@parametrize_with_checks([fe.EnergyNovelty(fe.EnergyDensity(1, recipe="em", n_init=1), n_folds=2)])
def test_sklearn_check(estimator, check):
    check(estimator)


@pytest.mark.parametrize(
    "density", [None, OVERFIT, GaussianMixture(1)], ids=["default", "overfitted", "too simple"]
)
def test_the_rate_is_kept_by_any_density(density):
    x, rate = TRUTH.exact_sample(3000, seed=1), 0.05
    novelty = fe.EnergyNovelty(density, false_alarm_rate=rate, method="split", held_out=0.4, random_state=0)
    novelty.fit(x)
    assert len(novelty.held_out_scores_) == 1200
    k = int(rate * 1201)
    assert probability(alarms(novelty), 20_000, 1200, k) > FALSE_ALARM


def test_the_quantile_of_rows_that_were_fitted_does_not_keep_it():
    x, rate = TRUTH.exact_sample(3000, seed=1), 0.05
    seen = OVERFIT.fit(x[:1800]).score_samples(x[:1800])
    fresh = OVERFIT.score_samples(TRUTH.exact_sample(20_000, seed=99))
    hits = int((fresh < conformal.threshold(seen, rate)).sum())
    assert probability(hits, 20_000, 1800, int(rate * 1801)) < FALSE_ALARM and hits > 10_000


def rate_of(method, sets, n=80):
    """(share of fresh rows that were called odd, its standard error if the rate were that of the held-out rows, it)"""
    hits = 0
    for i in range(sets):
        novelty = fe.EnergyNovelty(
            GaussianMixture(1), false_alarm_rate=0.05, method=method, held_out=0.5, random_state=i
        )
        hits += alarms(novelty.fit(TRUTH.exact_sample(n, seed=i)), 500, 10_000 + i)
    held, k = (n // 2, int(0.05 * (n // 2 + 1))) if method == "split" else (n, int(0.05 * (n + 1)))
    rate = k / (held + 1)
    # Thresholds and rows both vary.
    return hits / (500 * sets), np.sqrt(rate * (1 - rate) * (1 / (held + 2) + 1 / 500) / sets), rate


@pytest.mark.deep
def test_the_rate_over_many_data_sets():
    share, error, rate = rate_of("split", 100)
    assert rate == 2 / 41 and abs(share - rate) < Z_LIMIT * error
    # All rows give the threshold and are fitted: a little below it, for 80 rows by about a tenth.
    share, error, rate = rate_of("cross", 60)
    assert 0.6 * rate < share < rate + Z_LIMIT * error
    # Negative control: as if no row had been held out.
    seen = 0
    for i in range(40):
        x = TRUTH.exact_sample(80, seed=i)
        fit = KernelDensity(bandwidth=0.1).fit(x)
        fresh = fit.score_samples(TRUTH.exact_sample(500, seed=10_000 + i))
        seen += int((fresh < conformal.threshold(fit.score_samples(x), 0.05)).sum())
    assert seen / 20_000 > rate + Z_LIMIT * error * 1.5


def test_p_values_are_uniform():
    novelty = fe.EnergyNovelty(GaussianMixture(2, random_state=0), method="split", random_state=0)
    novelty.fit(TRUTH.exact_sample(4000, seed=5))
    p = novelty.p_values(TRUTH.exact_sample(20_000, seed=6))
    n = len(novelty.held_out_scores_)
    assert n == 1200 and p.min() >= 1 / (n + 1) and p.max() <= 1
    for u in (0.05, 0.3, 0.7):
        assert probability(int((p <= u).sum()), 20_000, n, int(u * (n + 1))) > FALSE_ALARM
    # A row is odd at a rate exactly where its p-value is no larger.
    novelty.offset_ = conformal.threshold(novelty.held_out_scores_, 0.05)
    x = TRUTH.exact_sample(500, seed=7)
    assert ((novelty.predict(x) == -1) == (novelty.p_values(x) <= 0.05)).all()


@pytest.mark.parametrize(
    ("n", "rate", "k"), [(99, 0.01, 1), (98, 0.01, 0), (199, 0.01, 2), (10, 0.5, 5), (19, 0.05, 1)]
)
def test_thresholds(n, rate, k):
    scores = np.random.default_rng(n).permutation(np.arange(float(n)))
    assert conformal.threshold(scores, rate) == (k - 1 if k else -np.inf)


def test_too_few_rows_are_said():
    with pytest.warns(
        fe.FastEBMWarning, match=r"24 held-out rows .* of 0.01, so no row will be odd; give 0.04"
    ):
        novelty = fe.EnergyNovelty(GaussianMixture(1), method="split").fit(TRUTH.exact_sample(80, seed=1))
    assert (novelty.predict([[100.0, 100.0]]) == 1).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"false_alarm_rate": 0.0}, "false_alarm_rate must be greater than 0"),
        ({"false_alarm_rate": 1.0}, "false_alarm_rate must be less than 1"),
        ({"method": "none"}, "method must be one of"),
        ({"method": "split", "held_out": 1.0}, "held_out must be less than 1"),
        ({"n_folds": 1}, "n_folds must be at least 2"),
    ],
)
def test_bad_parameters(options, message):
    with pytest.raises(ValueError, match=message):
        fe.EnergyNovelty(GaussianMixture(1), **options).fit(TRUTH.exact_sample(200, seed=1))


def test_a_good_citizen():
    x = TRUTH.exact_sample(300, seed=1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        one = fe.EnergyNovelty(random_state=3, false_alarm_rate=0.05).fit(x)
        other = fe.EnergyNovelty(random_state=3, false_alarm_rate=0.05).fit(x)
    assert one.offset_ == other.offset_ and (one.decision_function(x) == other.decision_function(x)).all()
    assert (one.predict([[30.0, 0.0]]) == -1).all() and share_z((one.predict(x) == -1).sum(), 300, 0.05) < 4
    search = GridSearchCV(
        fe.EnergyNovelty(GaussianMixture(1), false_alarm_rate=0.1),
        {"method": ["cross", "split"]},
        scoring=lambda e, X, y=None: -abs((e.predict(X) == -1).mean() - 0.1),
        cv=3,
    )
    assert search.fit(x).best_params_["method"] in ("cross", "split")
