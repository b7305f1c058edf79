"""The bound of spectral norms, dead units, densities and the base of a network: no general test asks for them."""

import copy
import pickle

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import fastebm as fe
from fastebm.networks.spectral import spectral_norm


def bounded(bound, dtype="float64"):
    energy = fe.NetworkEnergy.mlp(3, (8, 5), base=fe.Gaussian(np.zeros(3)), spectral_norm=bound, dtype=dtype)
    energy.theta = 0.8 * np.random.default_rng(2).normal(size=energy.n_params)
    return energy


@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (1, 7), (7, 1), (24, 24), (60, 90), (128, 64)])
def test_largest_singular_value(shape):
    w = np.random.default_rng(1).normal(size=shape)
    assert spectral_norm(w) == pytest.approx(np.linalg.norm(w, 2), rel=1e-9)
    assert spectral_norm(np.zeros(shape)) == 0.0


def test_gradients_go_through_the_bound():
    x = np.random.default_rng(3).normal(size=(5, 3))
    for bound in (0.5, 0.9, 100.0):
        report = fe.check_grad(bounded(bound), x)
        assert max(report.max_grad_error, report.max_param_grad_error) < 1e-9
    # The control: without the bound it is another energy; a bound that nothing reaches changes nothing.
    free = bounded(None)
    assert np.abs(bounded(0.5).energy(x) - free.energy(x)).max() > 0.1
    assert_array_equal(bounded(100.0).energy(x), free.energy(x))


def test_an_energy_with_a_bound_is_a_function_of_theta():
    x = np.random.default_rng(3).normal(size=(5, 3))
    energy = bounded(0.9, "float32")
    expected, theta = energy.energy(x), energy.theta
    energy.theta = np.zeros(energy.n_params)
    energy.theta = theta
    for other in (energy, copy.copy(energy), pickle.loads(pickle.dumps(energy))):
        assert_array_equal(other.energy(x), expected)
    with pytest.raises(ValueError, match="spectral_norm"):
        bounded(0.0)


def test_dead_units_are_counted():
    energy = bounded(None)
    x = np.random.default_rng(3).normal(size=(50, 3))
    assert (energy.saturation(x) == 0.0).all()
    theta = energy.theta
    # Biases of the first layer, after its 8 x 3 weights.
    theta[24:28] = -100.0
    energy.theta = theta
    assert energy.saturation(x)[0] == 0.5


def test_what_has_no_density_is_not_trained():
    bare = fe.NetworkEnergy.mlp(2, (4,))
    assert not bare.has_density and (bare + fe.Gaussian([0.0, 0.0])).has_density
    with pytest.raises(ValueError, match=r"no density.*give base="):
        fe.ContrastiveDivergence(bare)
    fe.ContrastiveDivergence(bare, fe.MALA(0.01, bounds=(-1.0, 1.0)))


def test_the_base_is_a_copy():
    base, x = fe.Gaussian([0.0, 0.0]), np.ones((3, 2))
    energy = fe.NetworkEnergy.mlp(2, (4,), base=base)
    before = energy.energy(x)
    base.theta = base.theta + 1.0
    assert_array_equal(energy.energy(x), before)
