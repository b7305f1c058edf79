"""The bundled data."""

import numpy as np
import pytest
from stats import ks, ks_limit, mean_z, mixture_cdf, share_z, variance_z, z_limit

from fastebm import datasets


def test_old_faithful_is_the_published_table():
    x = datasets.load_old_faithful()
    assert x.shape == (272, 2) and x.dtype == np.float64
    # Means, sample standard deviations and correlation of the data frame `faithful` of R.
    assert np.allclose(x.mean(axis=0), [3.487783, 70.897059], atol=5e-7)
    assert np.allclose(x.std(axis=0, ddof=1), [1.141371, 13.594974], atol=5e-7)
    assert np.corrcoef(x.T)[0, 1] == pytest.approx(0.9008112, abs=5e-8)


def test_old_faithful_calls_share_nothing():
    datasets.load_old_faithful()[:] = 0
    assert datasets.load_old_faithful().min() > 0


def test_two_normals_law():
    x = datasets.two_normals(100_000, seed=1)
    assert x.shape == (100_000,)
    assert ks(x, mixture_cdf([0.55, 0.45], [-2.0, 1.8], [0.45, 0.55])) < ks_limit(4)
    # Mean 0.55 * -2 + 0.45 * 1.8 = -0.29, standard deviation 1.9548.
    assert abs(mean_z(x, -0.29, 1.9548**2)) < z_limit(4)
    left = x < 0
    assert abs(share_z(left.sum(), len(x), 0.55023)) < z_limit(4)
    # Next to all of these are of the left normal.
    assert abs(variance_z(x[left], -2.0, 0.45**2)) < z_limit(4) < abs(variance_z(x[left], -2.0, 0.47**2))


def test_two_normals_truth_is_normalised():
    truth = datasets.two_normals_truth()
    assert abs(truth.log_partition()) < 1e-14
    assert np.allclose(truth.weights_, [0.55, 0.45]) and np.allclose(truth.means_.ravel(), [-2.0, 1.8])


def test_two_normals_seed():
    assert np.array_equal(datasets.two_normals(50, seed=3), datasets.two_normals(50, 3))
    assert not np.array_equal(datasets.two_normals(50, seed=3), datasets.two_normals(50, seed=4))
    assert datasets.two_normals(0).shape == (0,)
    with pytest.raises(ValueError, match="n must be at least 0, got -1"):
        datasets.two_normals(-1)
    with pytest.raises(TypeError, match="seed"):
        datasets.two_normals(5, seed="x")
