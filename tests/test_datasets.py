"""The bundled data."""

import numpy as np
import pytest

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
    # Mean 0.55 * -2 + 0.45 * 1.8 = -0.29, standard deviation 1.9548; two-sided limit of 1e-8.
    assert abs(x.mean() + 0.29) < 5.731 * 1.9548 / np.sqrt(len(x))
    left = x < 0
    assert abs(left.mean() - 0.55023) < 5.731 * np.sqrt(0.55 * 0.45 / len(x))
    assert abs(x[left].std() - 0.45) < 5.731 * 0.45 / np.sqrt(2 * left.sum())


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
