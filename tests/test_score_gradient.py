"""Score matching asks every trainable energy for derivatives: they are those of the loss."""

import numpy as np
import pytest
from cases import ENERGIES, parametrise
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm
from strategies import cloud, points, seeds, thetas

import fastebm as fe
from fastebm.energies import probe

TRAINABLE = [case for case in ENERGIES if case.make().has_param_grad]
# (options, tolerance): a curvature is a second difference, whose worst error in 1500 examples was 9e-5 of the size, of
# wells as narrow as the clamps let them be.
# The third number is for energies in float32, whose steps are longer.
METHODS = {
    "denoising": ({"noise_std": 0.7, "n_draws": 3}, 2e-6, 1e-3),
    "sliced": ({"method": "sliced", "n_draws": 2}, 5e-4, 2e-2),
}


def twin(energy):
    """The same energy in float64."""
    if energy.rounding == 2.0**-52:
        return energy
    network, more = energy.__reduce__()[1][:2]
    other = network(**(more | {"dtype": "float64"}))
    other.theta = energy.theta
    assert other.rounding == 2.0**-52
    return other


def directional(energy, x, v, weights):
    # A five-point rule along v, with long steps: nothing of it is like the one that is tested.
    h = 1e-3

    def rows(k):
        return weights @ energy.param_grad(x + k * h * v)

    return (8.0 * (rows(1) - rows(-1)) - (rows(2) - rows(-2))) / (12.0 * h)


@parametrise("case", TRAINABLE)
def test_directional_gradient(case):
    energy = case.make()
    reference, double = twin(energy), energy.rounding == 2.0**-52
    limit, linear = (1e-7, 1e-8) if double else (2e-4, 2e-4)
    for n in (1, 3, 8, 17):
        rng = np.random.default_rng(n)
        x = cloud(n, energy.n_features, n, 0.5 * case.x_range)
        v, weights = rng.normal(size=x.shape), rng.uniform(0.0, 2.0, n)
        got, expected = (
            probe.directional_param_grad(energy, x, v, weights),
            directional(reference, x, v, weights),
        )
        size = np.abs(expected).max() + weights @ np.abs(energy.param_grad(x)).max(axis=1)
        assert np.abs(got - expected).max() < limit * size
        # It is linear in v, as far as rounding goes, whatever the length of v.
        long = probe.directional_param_grad(energy, x, 1e6 * v, weights)
        assert np.abs(long * 1e-6 - got).max() < linear * size
        ones = probe.directional_param_grad(energy, x, v)
        assert np.array_equal(ones, probe.directional_param_grad(energy, x, v, np.ones(n)))
        # The control: along another direction it is another sum.
        assert np.abs(probe.directional_param_grad(energy, x, np.abs(v) + 0.1, weights) - got).max() > 1e-6


@parametrise("case", TRAINABLE)
def test_directions_of_length_zero_and_nan(case):
    energy = case.make()
    x = cloud(5, energy.n_features, 1, 1.0)
    v = np.ones(x.shape)
    v[2:] = 0.0
    got = probe.directional_param_grad(energy, x, v)
    assert np.allclose(got, probe.directional_param_grad(energy, x[:2], v[:2]), rtol=1e-9, atol=1e-9)
    v[4, 0] = np.nan
    assert not np.isfinite(probe.directional_param_grad(energy, x, v)).all()


def test_a_float32_energy_takes_longer_steps():
    class Single(fe.PythonEnergy):
        """Says of itself that its functions work in float32."""

        def __init__(self, *functions, **options):
            super().__init__(*functions, **options)
            self._set_rounding(np.finfo("f4").eps)

    def factor(theta):
        return np.exp(theta.astype("f4")[0])

    functions = (
        lambda X, theta: factor(theta) * X.astype("f4")[:, 0] ** 2,
        lambda X, theta: np.float32(2.0) * factor(theta) * X.astype("f4"),
    )
    options = {"param_grad": lambda X, theta: factor(theta) * X.astype("f4") ** 2, "theta": [0.0]}
    x, v = np.linspace(0.3, 2.0, 8)[:, None], np.ones((8, 1))
    exact = 2.0 * x.sum()
    honest, silent = Single(*functions, **options), fe.PythonEnergy(*functions, **options)
    assert (honest.rounding, silent.rounding) == (2.0**-23, 2.0**-52)
    assert (honest + fe.Gaussian(0.0)).rounding == fe.Tempered(honest, 2.0).rounding == 2.0**-23
    assert abs(probe.directional_param_grad(honest, x, v)[0] - exact) < 2e-5 * exact
    # The control.
    assert abs(probe.directional_param_grad(silent, x, v)[0] - exact) > 2e-4 * exact


def one_step(energy, x, options, seed):
    """(loss, its gradient in theta) as the loop has them, of all rows."""
    trainer = fe.ScoreMatching(
        energy, n_updates=1, optimizer="sgd", learning_rate=1.0, average=0.0, **options
    )
    result = trainer.fit(x, seed=seed, diagnose=False)
    return result.history["loss"][0], energy.theta - result.theta


@parametrise("case", TRAINABLE)
@pytest.mark.parametrize("method", METHODS)
@given(data=st.data())
def test_the_loss_and_its_gradient(case, method, data):
    theta, seed = data.draw(thetas(case)), data.draw(seeds)
    options, *tolerances = METHODS[method]
    energy = case.make()
    tolerance = tolerances[energy.rounding > 2.0**-52]
    x = data.draw(points(energy.n_features, 0.5 * case.x_range, 3))
    energy.theta = theta
    _, gradient = one_step(energy, x, options, seed)
    way = np.random.default_rng(seed).choice([-1.0, 1.0], len(theta))
    values = []
    h, energy = 1e-4, twin(energy)
    for k in (-2, -1, 1, 2):
        energy.theta = theta + k * h * way
        values.append(one_step(energy, x, options, seed)[0])
    slope = (8.0 * (values[2] - values[1]) - (values[3] - values[0])) / (12.0 * h)
    # The gradient has no part along what does not change the density, and the loss no slope.
    size = 1.0 + np.abs(values).max() + np.abs(gradient).max()
    assert abs(gradient @ way - slope) < tolerance * size


def test_a_wrong_sign_of_the_noise_would_be_seen():
    # The loss is that of the formula, computed by hand from normals that the loop alone knows: its mean over draws.
    law, x, s = fe.Gaussian(0.3, 0.8), np.array([[0.1], [1.2], [-0.5]]), 0.6
    loss = np.array([one_step(law, x, {"noise_std": s, "n_draws": 2}, seed)[0] for seed in range(2000)])
    a = 1.0 / 0.8
    # 1/2 E (a (x + s z - m) - z / s)^2
    mean = 0.5 * (a**2 * ((x - 0.3) ** 2).mean() + (a * s - 1.0 / s) ** 2)
    wrong = 0.5 * (a**2 * ((x - 0.3) ** 2).mean() + (a * s + 1.0 / s) ** 2)
    error = loss.std() / np.sqrt(len(loss))
    limit = norm.isf(5e-7)
    assert abs(loss.mean() - mean) < limit * error
    assert abs(loss.mean() - wrong) > limit * error


def test_slices_have_the_mean_of_the_closed_form():
    wells = fe.WellMixture(2, 3, np.random.default_rng(3).uniform(-1, 1, 15))
    x = cloud(4, 3, 5, 2.0)
    loss = np.array([one_step(wells, x, {"method": "sliced"}, seed)[0] for seed in range(2000)])
    mean = (0.5 * (wells.grad(x) ** 2).sum(axis=1) - wells.laplacian(x)).mean()
    assert abs(loss.mean() - mean) < norm.isf(5e-7) * loss.std() / np.sqrt(len(loss))
