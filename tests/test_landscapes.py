"""Landscapes with a known law: log Z by quadrature, exact samples by their marginals, and samplers that reach them."""

import math

import numpy as np
import pytest
from scipy.stats import norm
from stats import KS_LIMIT, Z_LIMIT, grid_cdf, ks

import fastebm as fe

N = 40_000
SMALL = [
    fe.DoubleWell(1),
    fe.DoubleWell(1, 0.3),
    fe.DoubleWell(2, 2.0),
    fe.Rosenbrock(0.5, 3.0),
    fe.Banana(2, 0.3, 1.5),
]


@pytest.mark.parametrize("energy", SMALL, ids=repr)
def test_log_partition_is_that_of_quadrature(energy):
    x = energy.exact_sample(400, seed=1)
    estimate = fe.log_partition(energy, "quadrature", X=x, rtol=1e-9)
    assert estimate.value == pytest.approx(energy.log_partition(), abs=1e-8)


@pytest.mark.parametrize("height", [1e-3, 0.3, 4.0, 300.0, 1e5])
def test_log_partition_of_a_double_well(height):
    # Against a grid that is ten times as fine.
    energy = fe.DoubleWell(3, height)
    reach = math.sqrt(1.0 + math.sqrt(800.0 / height))
    x = np.linspace(-reach, reach, 4_000_001)
    value = math.log(np.exp(-height * (x * x - 1.0) ** 2).sum() * reach / 2_000_000)
    assert energy.log_partition() == pytest.approx(3 * value, abs=1e-11)


def test_a_funnel_in_two_features():
    # Given v the rest integrates to sqrt(2 pi) e^(v / 2): what is left is a normal law of v.
    v = np.linspace(-30, 30, 20_001)
    x = np.linspace(-60, 60, 4001)
    energy = fe.Funnel(2, 1.0)
    rows = [energy.energy(np.column_stack([np.full_like(x, a), x])) for a in v[9000:11_001:100]]
    got = [math.log(np.exp(-e).sum() * (x[1] - x[0])) for e in rows]
    np.testing.assert_allclose(got, 0.5 * math.log(2 * math.pi) - 0.5 * v[9000:11_001:100] ** 2, atol=1e-9)
    assert energy.log_partition() == pytest.approx(math.log(2 * math.pi), abs=1e-12)


def uniforms(energy, x):
    """Uniform numbers if x has the law of the energy: each feature through its conditional CDF."""
    if isinstance(energy, fe.Funnel):
        return [norm.cdf(x[:, 0] / energy.scale), norm.cdf(x[:, 1] * np.exp(-0.5 * x[:, 0]))]
    if isinstance(energy, fe.Rosenbrock):
        z = (x[:, 0] - 1) * math.sqrt(2 * energy.a), (x[:, 1] - x[:, 0] ** 2) * math.sqrt(2 * energy.b)
        return [norm.cdf(v) for v in z]
    if isinstance(energy, fe.Banana):
        bent = x[:, 1] + energy.curvature * (x[:, 0] ** 2 - energy.scale**2)
        return [
            norm.cdf(x[:, 0] / energy.scale),
            norm.cdf(bent),
            norm.cdf(x[:, -1] if x.shape[1] > 2 else bent),
        ]
    cdf = grid_cdf(fe.DoubleWell(1, energy.height), -4, 4)
    return [cdf(x[:, d]) for d in range(x.shape[1])]


LAWS = [fe.DoubleWell(2, 3.0), fe.Rosenbrock(), fe.Banana(3), fe.Funnel(4)]


@pytest.mark.parametrize("energy", LAWS, ids=repr)
def test_exact_samples_have_the_law(energy):
    x = energy.exact_sample(N, seed=1)
    assert max(ks(u, lambda v: v) for u in uniforms(energy, x)) < KS_LIMIT
    # Negative control: 8 % too wide.
    assert max(ks(u, lambda v: v) for u in uniforms(energy, 1.08 * x)) > KS_LIMIT
    assert energy.exact_sample(7, seed=2).tobytes() == energy.exact_sample(7, seed=2).tobytes()
    assert energy.exact_sample(0, seed=2).shape == (0, energy.n_features)


@pytest.mark.parametrize("energy", [fe.DoubleWell(2, 3.0), fe.Rosenbrock(), fe.Banana(3)], ids=repr)
def test_stein(energy):
    # E|grad|^2 = E laplacian ties samples, gradient and Laplacian to each other; a gradient 2 % off is seen.
    x = energy.exact_sample(N, seed=3)
    square, curvature = (energy.grad(x) ** 2).sum(axis=1), energy.laplacian(x)
    z = lambda v: v.mean() / v.std() * math.sqrt(N)  # noqa: E731
    assert abs(z(square - curvature)) < Z_LIMIT
    assert abs(z(1.05**2 * square - curvature)) > Z_LIMIT


@pytest.mark.parametrize(
    "energy, h",
    [(fe.DoubleWell(2, 1.0), 0.05), (fe.Rosenbrock(1.0, 2.0), 0.05), (fe.Banana(3, 0.2, 1.0), 0.2)],
    ids=repr,
)
def test_mala_keeps_the_law(energy, h):
    x = fe.MALA(h).sample(energy, energy.exact_sample(4000, seed=4), 50, seed=5)
    assert max(ks(u, lambda v: v) for u in uniforms(energy, x)) < KS_LIMIT


def test_modes_of_a_double_well():
    energy = fe.DoubleWell(3, 2.0)
    assert energy.modes.shape == (8, 3) and energy.mode_shares.sum() == 1.0
    x = energy.exact_sample(N, seed=6)
    assert energy.shares(x).sum(axis=1).min() == 1.0
    np.testing.assert_allclose(
        energy.shares(x).mean(axis=0), energy.mode_shares, atol=5 * math.sqrt(0.11 / N)
    )
    corner = x[(x > 0).all(axis=1)]
    np.testing.assert_allclose(corner.std(axis=0), energy.mode_scales[0], rtol=0.05)
    assert fe.DoubleWell(9).modes is None
    # One mode of two is seen by `diagnose`, which knows of the corners by the facts alone.
    one = energy.exact_sample(4000, seed=7)
    told = fe.diagnose(energy, sampler=fe.MALA(0.02), x0=np.abs(one)[:400], n_steps=20)
    assert {w.code for w in told} & {"mode_imbalance", "mode_weights_not_identified"}


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: fe.DoubleWell(0), "n_features must be at least 1"),
        (lambda: fe.DoubleWell(1, -1.0), "height must be"),
        (lambda: fe.Rosenbrock(0.0, 1.0), "a must be"),
        (lambda: fe.Rosenbrock(1.0, math.inf), "b must be"),
        (lambda: fe.Banana(1), "n_features must be at least 2"),
        (lambda: fe.Banana(2, math.nan), "curvature must be"),
        (lambda: fe.Funnel(2, 0.0), "scale must be"),
    ],
)
def test_bad_arguments(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_far_down_the_funnel():
    energy = fe.Funnel(2)
    # At v = -700 the neck is 1e-152 wide: no number on its side.
    with pytest.raises(fe.NonFiniteError):
        energy.energy([[-800.0, 1.0]])
    assert energy.energy([[700.0, 1.0]])[0] == pytest.approx(700**2 / 18 + 350, rel=1e-12)
