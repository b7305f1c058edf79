"""Landscapes with a known law: log Z by quadrature, exact samples by their marginals, and samplers that reach them."""

import math
import pickle

import numpy as np
import pytest
from scipy.stats import norm
from scipy.stats import t as student
from stats import KS_LIMIT, Z_LIMIT, grid_cdf, ks

import fastebm as fe

N = 40_000
SMALL = [
    fe.StudentT(5.0, 1.0, 0.7),
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
    if isinstance(energy, fe.StudentT):
        return [student.cdf(v, energy.df) for v in ((x - energy.loc) / energy.scale).T]
    cdf = grid_cdf(fe.DoubleWell(1, energy.height), -4, 4)
    return [cdf(x[:, d]) for d in range(x.shape[1])]


LAWS = [
    fe.DoubleWell(2, 3.0),
    fe.Rosenbrock(),
    fe.Banana(3),
    fe.Funnel(4),
    fe.StudentT(2.5, [1.0, -2.0], [0.5, 3.0]),
]


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
        (lambda: fe.MuellerBrown(0.0), "temperature must be"),
        (lambda: fe.StudentT(0.0), "df must be"),
        (lambda: fe.StudentT(2.0, [0.0, 1.0], [1.0, 1.0, 1.0]), "same shape"),
        (lambda: fe.StudentT(2.0, 0.0, [1.0, -1.0]), "scale must be positive"),
        (lambda: fe.StudentT(2.0, [[0.0]]), r"loc must be a number or have shape"),
        (lambda: fe.StudentT(2.0, 0.0, 1e-200), "beyond the range"),
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


def mueller_brown(x):
    """(energy, slopes, Laplacian) of every term at temperature 1."""
    table = (
        (-200, -1, 0, -10, 1, 0),
        (-100, -1, 0, -10, 0, 0.5),
        (-170, -6.5, 11, -6.5, -0.5, 1.5),
        (15, 0.7, 0.6, 0.7, -1, 1),
    )
    for h, a, b, c, x0, y0 in table:
        u, v = x[0] - x0, x[1] - y0
        e = h * math.exp(a * u * u + b * u * v + c * v * v)
        sx, sy = 2 * a * u + b * v, b * u + 2 * c * v
        yield e, e * sx, e * sy, e * (sx * sx + sy * sy + 2 * a + 2 * c)


def test_mueller_brown_agrees_with_plain_python():
    # Not among the general cases: its walls grow like exp(r^2), and Langevin steps that are not adjusted leave them.
    energy = fe.MuellerBrown(15.0)
    x = np.random.default_rng(3).uniform([-1.5, -0.5], [1.2, 2.0], (200, 2))
    terms = np.array([list(mueller_brown(row)) for row in x.tolist()]) / 15.0
    want, size = terms.sum(axis=1), np.abs(terms).sum(axis=1)
    got = np.column_stack([energy.energy(x), energy.grad(x), energy.laplacian(x)])
    assert (np.abs(got - want) <= 1e-13 * (1.0 + size)).all()
    start = np.array([[-0.5, 1.4], [0.6, 0.0]] * 100)
    run = fe.MALA(2e-3).run(energy, start, 200, seed=1)
    assert run.acceptance_rate > 0.5 and energy.energy(run.x).max() < 0.0


def test_the_basins_of_mueller_and_brown():
    energy = fe.MuellerBrown(1.0)
    # Minima and saddles of the paper, to the digits that it prints.
    minima = np.array([[-0.558, 1.442], [0.623, 0.028], [-0.050, 0.467]])
    saddles = np.array([[-0.822, 0.624], [0.212, 0.293]])
    np.testing.assert_allclose(energy.energy(minima), [-146.700, -108.167, -80.768], atol=0.01)
    np.testing.assert_allclose(energy.energy(saddles), [-40.665, -72.249], atol=0.02)
    assert np.abs(energy.grad(np.concatenate([minima, saddles]))).max() < 2.0
    assert fe.check_grad(energy, np.random.default_rng(1).uniform([-1.2, -0.3], [0.9, 1.8], (50, 2)))
    # Mass by quadrature is that of a fine grid.
    warm = fe.MuellerBrown(20.0)
    x, y = np.meshgrid(np.linspace(-3, 2.5, 1101), np.linspace(-2, 4, 1201), indexing="ij")
    grid = -warm.energy(np.column_stack([x.ravel(), y.ravel()]))
    exact = grid.max() + math.log(np.exp(grid - grid.max()).sum() * 0.005 * 0.005)
    rows = minima[np.random.default_rng(2).integers(0, 3, 60)]
    assert fe.log_partition(warm, X=rows).value == pytest.approx(exact, abs=1e-6)


def test_student_t_far_out_and_copied():
    energy = fe.StudentT(3.0, 0.1, 0.3)
    assert pickle.loads(pickle.dumps(energy)) == energy
    assert energy.energy([1e100])[0] == pytest.approx(4 * math.log(1e100 / (math.sqrt(3) * 0.3)), rel=1e-12)
    with pytest.raises(fe.NonFiniteError):
        energy.energy([1e200])
