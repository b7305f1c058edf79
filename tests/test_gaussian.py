"""The normal law with any covariance: against SciPy, in training, and what it refuses."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import multivariate_normal
from stats import KS_LIMIT, ks

import fastebm as fe

RNG = np.random.default_rng(1)


def covariance(d, condition=50.0):
    q = np.linalg.qr(RNG.normal(size=(d, d)))[0]
    return (q * np.geomspace(1.0, condition, d)) @ q.T


@pytest.mark.parametrize("d", [1, 2, 3, 7, 20])
def test_it_is_the_normal_law(d):
    mean, sigma = RNG.normal(size=d), covariance(d)
    law = fe.Gaussian(mean, sigma)
    x = 3.0 * RNG.normal(size=(600, d))
    assert_allclose(law.log_prob(x), multivariate_normal(mean, sigma).logpdf(x), rtol=1e-10, atol=1e-10)
    assert abs(law.log_partition()) < 1e-12
    assert_allclose(law.covariance, sigma, rtol=1e-10, atol=1e-12)
    assert_allclose(law.precision, np.linalg.inv(sigma), rtol=1e-8, atol=1e-10)
    assert_array_equal(law.mean, mean)
    assert fe.check_grad(law, x[:20]).ok


@pytest.mark.parametrize("condition", [1e6, 1e12])
def test_ill_conditioned_covariances(condition):
    """Errors of the order of the condition times 1e-16 are those of the covariance itself, rounded."""
    sigma = covariance(6, condition)
    law = fe.Gaussian(np.zeros(6), sigma)
    assert_allclose(law.covariance, sigma, rtol=1e-12 * np.sqrt(condition), atol=1e-10 * condition**0.5)
    x = law.exact_sample(500, seed=1)
    # |L'(x - m)|^2 is half a chi-square of 6: no loss however narrow the law.
    assert abs(law.energy(x).mean() + 0.0 - (3.0 + law.energy(np.zeros((1, 6)))[0])) < 5 * np.sqrt(3.0 / 500)


def test_exact_samples():
    sigma = covariance(3)
    law = fe.Gaussian([1.0, -2.0, 0.5], sigma)
    x = law.exact_sample(20_000, seed=1)
    for v in np.vstack([np.eye(3), [0.3, -0.5, 0.8]]):
        projected = (x - law.mean) @ v / np.sqrt(v @ sigma @ v)
        assert ks(projected, multivariate_normal(0, 1).cdf) < KS_LIMIT
    assert ks((x[:, 0] - 1.0) / np.sqrt(sigma[0, 0]) * 1.1, multivariate_normal(0, 1).cdf) > KS_LIMIT
    assert law.exact_sample(0).shape == (0, 3)


def test_fit_is_the_maximum():
    x = RNG.normal(size=(50, 3)) @ np.array([[1, 0, 0], [0.5, 1, 0], [0.2, -0.3, 0.4]])
    best = fe.Gaussian.fit(x)
    assert_allclose(best.covariance, np.cov(x.T, bias=True), rtol=1e-12)
    assert_allclose(best.mean_param_grad(x)[:-1], fe_moments(best), atol=1e-9)
    top = best.log_prob(x).mean()
    for p in range(best.n_params - 1):
        other = fe.Gaussian(np.zeros(3))
        theta = best.theta
        theta[p] += 1e-3
        other.theta = theta
        assert other.log_prob(x).mean() < top
    assert_allclose(np.diag(fe.Gaussian.fit(x, ridge=0.1).covariance), 1.1 * x.var(axis=0), rtol=1e-12)


def fe_moments(law):
    """E[dE/dtheta] = -d log Z / dtheta: 1 for every logarithm, 0 for the rest."""
    return np.concatenate([np.ones(law.n_features), np.zeros(law.n_params - 1 - law.n_features)])


@pytest.mark.parametrize("d", [1, 2])
def test_training_reaches_the_maximum(d):
    truth = fe.Gaussian([1.0, -1.0][:d], np.array([[1.0, 0.7], [0.7, 0.8]])[:d, :d])
    x = truth.exact_sample(2000, seed=1)
    best = fe.Gaussian.fit(x).log_prob(x).mean()
    start = fe.Gaussian(np.zeros(d))
    result = fe.ContrastiveDivergence(start).fit(x, seed=1)
    assert not result.warnings
    assert best - result.energy.log_prob(x).mean() < 0.002
    # The control: a few updates are not enough.
    assert (
        best - fe.ContrastiveDivergence(start, n_updates=5).fit(x, seed=1).energy.log_prob(x).mean() > 0.002
    )


def test_a_python_energy_reaches_it_too():
    """The same law written in NumPy: theta = [log precision, mean]."""
    x = 0.5 + 1.5 * RNG.normal(size=1500)
    own = fe.PythonEnergy(
        lambda X, t: 0.5 * np.exp(t[0]) * (X[:, 0] - t[1]) ** 2,
        lambda X, t: np.exp(t[0]) * (X - t[1]),
        param_grad=lambda X, t: np.hstack([0.5 * np.exp(t[0]) * (X - t[1]) ** 2, -np.exp(t[0]) * (X - t[1])]),
        theta=[0.0, 0.0],
    )
    assert fe.check_grad(own, x[:20]).ok

    def short(n_updates):
        theta = fe.ContrastiveDivergence(own, n_updates=n_updates).fit(x, seed=1).theta
        log_p = -0.5 * np.exp(theta[0]) * (x - theta[1]) ** 2 + 0.5 * theta[0] - 0.5 * np.log(2 * np.pi)
        return fe.Gaussian.fit(x).log_prob(x).mean() - log_p.mean()

    assert short(600) < 0.002 < short(5)


def test_saved_and_printed(tmp_path):
    law = fe.Gaussian([1.0, 2.0], covariance(2))
    fe.save(tmp_path / "law", law)
    assert fe.load(tmp_path / "law") == law != fe.Gaussian([1.0, 2.0])
    assert repr(law).startswith("Gaussian(n_features=2, mean=[1., 2.], covariance=[[")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[0.0]],), r"mean must be a number or have shape \(n_features,\), got \(1, 1\)"),
        (([0.0, np.nan],), r"mean\[1\] = nan"),
        (([0.0, 0.0], np.eye(3)), r"covariance must have shape \(2, 2\), as mean has it, got \(3, 3\)"),
        (
            ([0.0, 0.0], [[1.0, 0.5], [0.4, 1.0]]),
            r"must be symmetric, got 0.5 at \[0, 1\] and 0.4 at \[1, 0\]",
        ),
        (([0.0, 0.0], [[1.0, 2.0], [2.0, 1.0]]), "positive definite, but its smallest eigenvalue is -1"),
        (([0.0, 0.0], np.full((2, 2), np.inf)), r"covariance\[0, 0\] = inf"),
        ((0.0, -1.0), "positive definite, but its smallest eigenvalue is -1"),
    ],
)
def test_bad_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        fe.Gaussian(*arguments)


def test_bad_data():
    x = RNG.normal(size=(30, 2))
    with pytest.raises(ValueError, match="zero variance in feature 1"):
        fe.Gaussian.fit(np.column_stack([x[:, 0], np.ones(30)]))
    with pytest.raises(ValueError, match="has rank 2 in 3 features"):
        fe.Gaussian.fit(np.column_stack([x, x.sum(axis=1)]))
    with pytest.raises(ValueError, match=r"has rank 2 in 5 features \(3 rows\)"):
        fe.Gaussian.fit(RNG.normal(size=(3, 5)))
    with pytest.raises(ValueError, match="ridge must be at least 0"):
        fe.Gaussian.fit(x, ridge=-1)
    assert fe.Gaussian.fit(np.column_stack([x, x.sum(axis=1)]), ridge=1e-6).n_features == 3
