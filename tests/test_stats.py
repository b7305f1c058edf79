"""The test statistics and their limits, against SciPy and by simulation."""

import numpy as np
import pytest
import stats
from scipy import stats as scipy_stats


def test_limits():
    # The figures that docs/testing.rst names.
    assert stats.Z_LIMIT == pytest.approx(4.8916, abs=1e-4)
    assert stats.KS_LIMIT == pytest.approx(2.6934, abs=1e-4)
    assert (stats.z_limit(2), stats.z_limit(10)) == pytest.approx((5.0263, 5.3267), abs=1e-4)
    for looks in (1, 3, 100):
        assert 2 * scipy_stats.norm.sf(stats.z_limit(looks)) * looks == pytest.approx(1e-6, rel=1e-9)
        # Massart's bound is above the exact tail for every N, and next to it for large N.
        tail = scipy_stats.kstwo.sf(stats.ks_limit(looks) / np.sqrt(10_000), 10_000) * looks
        assert 0.8e-6 < tail <= 1e-6
    assert scipy_stats.chi2.sf(stats.chi2_limit(19), 19) == pytest.approx(1e-6, rel=1e-9)


@pytest.mark.parametrize("law", ["norm", "uniform"])
def test_ks_is_that_of_scipy(law):
    law = getattr(scipy_stats, law)
    x = np.random.default_rng(1).normal(0.2, 1.1, 5000)
    assert stats.ks(x, law.cdf) == pytest.approx(np.sqrt(5000) * scipy_stats.kstest(x, law.cdf).statistic)


def test_z_scores_are_standard_normal():
    rng = np.random.default_rng(2)
    samples = rng.normal(3.0, 2.0, (4000, 400))
    scores = {
        "mean": [stats.mean_z(x, 3.0, 4.0) for x in samples],
        "variance": [stats.variance_z(x, 3.0, 4.0) for x in samples],
        "share": [stats.share_z((x > 3.0).sum(), 400, 0.5) for x in samples],
        "two samples": [stats.two_sample_z(x[:150], x[150:]) for x in samples],
    }
    for name, z in scores.items():
        z = np.array(z)
        assert abs(stats.mean_z(z, 0.0, 1.0)) < stats.z_limit(8), name
        # Chi-squared tails are a little wider than normal ones; a factor 1.2 in any z would be seen.
        assert (
            abs(stats.variance_z(z, 0.0, 1.0)) < stats.z_limit(8) < abs(stats.variance_z(1.2 * z, 0.0, 1.0))
        ), name


def test_projected_cdf():
    class Wells:
        weights_ = np.array([0.3, 0.7])
        means_ = np.array([[0.0, 1.0], [2.0, -1.0]])
        stds_ = np.array([[1.0, 2.0], [0.5, 0.1]])
        covariances_ = stds_[:, :, None] ** 2 * np.eye(2)

    rng = np.random.default_rng(3)
    which = rng.choice(2, 20_000, p=Wells.weights_)
    x = Wells.means_[which] + Wells.stds_[which] * rng.standard_normal((20_000, 2))
    direction = np.array([0.6, -0.8])
    assert stats.ks(x @ direction, stats.projected_cdf(Wells, direction)) < stats.KS_LIMIT
    assert stats.ks(x @ direction, stats.projected_cdf(Wells, -direction)) > stats.KS_LIMIT
    assert stats.ks(x[:, 1], stats.well_cdf(Wells, 1)) < stats.KS_LIMIT
