"""fe.check_grad passes what is right and names what is wrong."""

import numpy as np
import pytest

import fastebm as fe


@pytest.fixture
def wells():
    rng = np.random.default_rng(1)
    return fe.WellMixture(3, 2, rng.normal(size=16))


def test_right_gradients_pass(wells):
    report = fe.check_grad(wells, np.random.default_rng(2).normal(0, 2, (200, 2)))
    assert report.ok and report
    assert 0 < report.max_grad_error < 1e-8
    assert 0 < report.max_param_grad_error < 1e-8
    assert "agree" in str(report)


@pytest.mark.parametrize(
    "grad",
    [
        lambda X: X**3,
        lambda X: -4 * X**3,
        lambda X: 4 * X**3 + 1e-4,
        lambda X: 4 * np.abs(X) ** 3,
        lambda X: 0 * X,
    ],
    ids=["factor", "sign", "offset", "one side", "zero"],
)
def test_wrong_gradients_fail(grad):
    energy = fe.PythonEnergy(lambda X: X[:, 0] ** 4, grad)
    report = fe.check_grad(energy, np.linspace(-2, 2, 41))
    assert not report.ok
    assert report.max_param_grad_error == 0.0
    assert "dE/dx[0] at x = " in str(report)


def test_swapped_features_are_found():
    energy = fe.PythonEnergy(
        lambda X: X[:, 0] ** 2 + 3 * X[:, 1] ** 2, lambda X: np.c_[6 * X[:, 1], 2 * X[:, 0]], n_features=2
    )
    assert not fe.check_grad(energy, [[1.0, 2.0]])


def test_theta_is_not_modified(wells):
    before = wells.theta
    fe.check_grad(wells, np.zeros((3, 2)))
    np.testing.assert_array_equal(wells.theta, before)


def test_one_dimension_accepts_a_vector():
    assert fe.check_grad(fe.WellMixture(), [0.0, 1.0, 3.0]).ok


def test_bridges_and_bases():
    from fastebm.energies.tempered import Normal, Tempered

    normal = Normal([1.0, -2.0], [0.5, 30.0])
    X = normal.exact_sample(100, seed=1)
    assert fe.check_grad(normal, X).ok
    for beta in (0.0, 0.3, 1.0):
        path = Tempered(normal, fe.WellMixture(2, 2), beta)
        assert fe.check_grad(path, X).ok
        wanted = (1 - beta) * normal.laplacian(X) + beta * fe.WellMixture(2, 2).laplacian(X)
        np.testing.assert_allclose(path.laplacian(X), wanted, rtol=1e-6, atol=1e-6)


def test_bad_input():
    with pytest.raises(TypeError, match="energy"):
        fe.check_grad(lambda x: x, [0.0])
    with pytest.raises(ValueError, match="X"):
        fe.check_grad(fe.WellMixture(), [[0.0, 1.0]])
    with pytest.raises(ValueError, match="step"):
        fe.check_grad(fe.WellMixture(), [0.0], step=0)
