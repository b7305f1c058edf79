"""Energies made of energies: closed forms that survive, laws, walls, training, files; and two that bring new laws."""

import copy
import itertools
import math

import numpy as np
import pytest
from scipy.stats import norm, truncnorm
from stats import KS_LIMIT, ks, well_cdf

import fastebm as fe

WELLS = fe.WellMixture.from_mixture([0.3, 0.7], [[-1.0, 0.5], [1.5, -0.5]], [[0.4, 0.8], [0.6, 0.5]])
BELL = fe.Gaussian([0.3, 0.2], [[1.0, 0.6], [0.6, 2.0]])
CLOSED = {
    "sum of normal laws": fe.Gaussian([0.0, 1.0]) + BELL,
    "sum of wells and a normal law": WELLS + BELL,
    "sum of wells": fe.WellMixture(2, 2) + WELLS,
    "three": WELLS + BELL + fe.Gaussian([1.0, 1.0], 4.0 * np.eye(2)),
    "tempered": fe.Tempered(BELL, 2.5),
    "tempered at 1": fe.Tempered(fe.DoubleWell(2, 1.0), 1.0),
    "affine": fe.Affine(WELLS, [2.0, -0.5], [1.0, 3.0]),
    "affine matrix": fe.Affine(WELLS, [[1.0, 0.4], [-0.3, 0.8]], 0.5),
    "affine of a landscape": fe.Affine(fe.DoubleWell(2, 2.0), [2.0, 0.5], [0.0, 1.0]),
    "nested": fe.Tempered(fe.Affine(BELL, 1.5) + fe.Gaussian([0.0, 0.0]), 0.7),
    "box": fe.Box([-1.0, 0.0], [2.0, 0.5]),
    "phi four": fe.PhiFour(2, 1.3, 2.0),
    "rbm": fe.GaussianBernoulliRBM(2, 5, np.random.default_rng(3).normal(0, 0.4, 2 * 2 + 5 + 10)),
}


def second_moments(energy):
    """log Z, mean and covariance by a grid, which needs no derivative: exponentially accurate for smooth densities."""
    side = np.arange(-14.0, 14.0, 0.05) + 0.013
    grid = np.stack(np.meshgrid(side, side, indexing="ij"), axis=-1).reshape(-1, 2)
    e = energy.energy(grid)
    p = np.exp(e.min() - e)
    mean = p @ grid / p.sum()
    return (
        math.log(p.sum() * 0.0025) - e.min(),
        mean,
        (grid * p[:, None]).T @ grid / p.sum() - np.outer(mean, mean),
    )


@pytest.mark.parametrize("name", CLOSED)
def test_closed_forms_survive(name):
    energy = CLOSED[name]
    assert energy.has_log_partition and energy.has_exact_sample
    log_z, mean, covariance = second_moments(energy)
    # A box has edges, which a grid sees to its step.
    tolerance = 0.1 if name == "box" else 1e-6
    assert energy.log_partition() == pytest.approx(log_z, abs=tolerance)
    x = energy.exact_sample(200_000, seed=1)
    z = (x.mean(axis=0) - mean) / np.sqrt(np.diag(covariance) / len(x))
    if name != "box":
        assert np.abs(z).max() < 5.0
        np.testing.assert_allclose(np.cov(x.T), covariance, atol=0.05 * np.trace(covariance))
    # E[|grad E|^2] = E[laplacian] says that the samples are those of this gradient and temperature.
    if not energy.has_walls:
        term = (energy.grad(x) ** 2).sum(axis=1) - energy.laplacian(x)
        assert abs(term.mean()) < 5.0 * term.std() / math.sqrt(len(x))


@pytest.mark.parametrize(
    "name", ["sum of normal laws", "sum of wells and a normal law", "affine", "affine matrix"]
)
def test_modes_that_survive(name):
    energy = CLOSED[name]
    assert energy.mode_shares.sum() == pytest.approx(1.0)
    assert energy.modes.shape == energy.mode_scales.shape == (len(energy.mode_shares), 2)
    x = energy.exact_sample(100_000, seed=2)
    shares = energy.shares(x)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
    np.testing.assert_allclose(shares.mean(axis=0), energy.mode_shares, atol=0.01)


def test_closed_forms_that_do_not_survive_say_so():
    for energy in (
        fe.Tempered(WELLS, 2.0),
        WELLS + fe.Banana(2),
        fe.Gaussian([0.0, 0.0]) + fe.Box([0.0, 0.0], [1.0, 1.0]),
    ):
        assert not energy.has_log_partition and not energy.has_exact_sample and energy.modes is None
        with pytest.raises(NotImplementedError):
            energy.log_partition()
        with pytest.raises(NotImplementedError):
            energy.exact_sample(1)


@pytest.mark.parametrize(
    "energy",
    [
        fe.Tempered(WELLS, 2.0),
        WELLS + fe.Banana(2),
        fe.Gaussian([0.0, 0.0]) + fe.Box([-1.0, 0.0], [1.0, 2.0]),
    ],
    ids=["tempered wells", "wells and banana", "cut normal"],
)
def test_quadrature_and_annealing_agree(energy):
    x0 = np.tile([0.0, 0.5], (400, 1))
    x = fe.MALA(0.1).sample(energy, x0, 400, seed=1)
    bounds = ((-1.0, 0.0), (1.0, 2.0)) if energy.has_walls else None
    exact = fe.log_partition(energy, "quadrature", X=None if bounds else x, bounds=bounds).value
    if not energy.has_walls:
        assert fe.log_partition(energy, "ais", X=x, n_steps=2000, seed=1).value == pytest.approx(
            exact, abs=0.05
        )
    else:
        law = norm.cdf(1.0) - norm.cdf(-1.0), norm.cdf(2.0) - norm.cdf(0.0)
        assert exact == pytest.approx(math.log(law[0] * law[1]), abs=1e-6)


# ---- walls ----


def test_samplers_with_an_accept_step_keep_the_law_of_a_cut_density():
    half = fe.Gaussian(0.0) + fe.Box(-0.5, 2.0)
    assert half.has_walls
    start = truncnorm.rvs(-0.5, 2.0, size=50_000, random_state=1)
    for sampler in (
        fe.MALA(0.3),
        fe.HMC(0.5, 3),
        fe.Underdamped(0.5, metropolis=True),
        fe.Tempering(fe.MALA(0.3), [1.0, 2.0]),
    ):
        x = sampler.sample(half, start, 25, seed=2)
        assert ks(x, lambda v: truncnorm.cdf(v, -0.5, 2.0)) < KS_LIMIT
    assert (
        ks(fe.MALA(0.3).sample(fe.Gaussian(0.0), start, 25, seed=2), lambda v: truncnorm.cdf(v, -0.5, 2.0))
        > 10
    )


@pytest.mark.parametrize("sampler", [fe.SGLD(0.1), fe.Underdamped(0.1)], ids=["sgld", "underdamped"])
@pytest.mark.parametrize(
    "energy",
    [
        fe.Box(0.0, 1.0),
        fe.Gaussian(0.0) + fe.Box(0.0, 1.0),
        fe.Affine(fe.Tempered(fe.Box(0.0, 1.0), 2.0), 3.0),
    ],
    ids=["box", "sum", "nested"],
)
def test_samplers_without_one_refuse_walls(sampler, energy):
    with pytest.raises(ValueError, match="accept step"):
        sampler.sample(energy, [0.5], 10)


def test_energy_beyond_a_wall_is_infinite():
    box = fe.Box([0.0, 0.0], [1.0, 2.0])
    np.testing.assert_array_equal(box.energy([[0.5, 2.0], [0.5, 2.1], [-1.0, 0.0]]), [0.0, np.inf, np.inf])
    np.testing.assert_array_equal(box.log_prob([[0.5, 1.0], [3.0, 3.0]]), [-math.log(2.0), -np.inf])
    assert (box.grad([[3.0, 3.0]]) == 0).all()


# ---- parts ----


def test_theta_of_the_whole_is_that_of_the_parts():
    whole = WELLS + BELL
    np.testing.assert_array_equal(whole.theta, np.concatenate([WELLS.theta, BELL.theta]))
    assert whole.param_names[0] == "first.raw_a1[0]" and whole.param_names[-1] == "second.c"
    before = WELLS.theta
    whole.theta = whole.theta + 0.1
    np.testing.assert_array_equal(WELLS.theta, before)
    other = copy.copy(whole)
    other.theta = whole.theta * 0.0
    assert other != whole and whole.energy([[0.0, 0.0]]) != other.energy([[0.0, 0.0]])


def test_equal_parts_add_up():
    x = np.random.default_rng(0).normal(size=(30, 2))
    np.testing.assert_allclose((WELLS + WELLS).energy(x), fe.Tempered(WELLS, 0.5).energy(x))
    np.testing.assert_allclose(
        fe.Affine(fe.Affine(WELLS, 2.0, 1.0), 0.5, -0.5).grad(x), WELLS.grad(x), rtol=1e-12
    )


def test_an_exception_in_a_part_arrives_as_itself():
    def fail(X):
        raise KeyError("mine")

    broken = fe.PythonEnergy(fail, fail, 2)
    for whole in (WELLS + broken, broken + WELLS, fe.Tempered(broken, 2.0), fe.Affine(broken, 2.0)):
        with pytest.raises(KeyError, match="mine"):
            whole.energy([[0.0, 0.0]])
        with pytest.raises(KeyError, match="mine"):
            fe.MALA(0.1).sample(whole, np.zeros((3, 2)), 2)


@pytest.mark.parametrize("name", [*CLOSED, "uncut"])
def test_saved_and_loaded(name, tmp_path):
    energy = CLOSED.get(name, fe.Tempered(WELLS + fe.Box([-5.0, -5.0], [5.0, 5.0]), 2.0))
    fe.save(tmp_path / "energy.npz", energy)
    assert fe.load(tmp_path / "energy.npz") == energy


def test_a_tilt_is_trained_on_its_base():
    # Two wells times a normal law is two wells: the fit of the product is that of the data.
    x = fe.WellMixture.from_mixture([0.4, 0.6], [-1.5, 1.5], [0.5, 0.5]).exact_sample(2000, 1)
    start = fe.initial_wells(x, 2, seed=1) + fe.Gaussian(0.0, 25.0)
    result = fe.ContrastiveDivergence(start, n_updates=400).fit(x, seed=1)
    best = fe.initial_wells(x, 2, seed=1)
    assert result.energy.log_prob(x).mean() > best.log_prob(x).mean() - 0.01
    affine = fe.Affine(fe.initial_wells(x, 2, seed=1), 2.0)
    assert affine.log_prob(x).mean() < best.log_prob(x).mean() - 0.3
    fit = fe.ContrastiveDivergence(affine, n_updates=1500).fit(x, seed=1)
    assert fit.energy.log_prob(x).mean() > best.log_prob(x).mean() - 0.02


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: WELLS + fe.Gaussian(0.0), "n_features, got 2 and 1"),
        (lambda: fe.Sum(WELLS, 3), "second must be an Energy"),
        (lambda: WELLS + 3, "unsupported"),
        (lambda: fe.Tempered(WELLS, 0.0), "temperature"),
        (lambda: fe.Tempered(None, 1.0), "energy must be an Energy"),
        (lambda: fe.Affine(WELLS, [1.0, 2.0, 3.0]), "scale must be"),
        (lambda: fe.Affine(WELLS, [1.0, 0.0]), "must not be 0"),
        (lambda: fe.Affine(WELLS, [[1.0, 1.0], [1.0, 1.0]]), "invertible"),
        (lambda: fe.Affine(WELLS, 1.0, [1.0]), "offset must be"),
        (lambda: fe.Affine(WELLS, np.nan), "scale"),
        (lambda: fe.Box(1.0, 0.0), "below high"),
        (lambda: fe.Box([0.0], [1.0, 2.0]), "same shape"),
        (lambda: fe.Box(0.0, np.inf), "high"),
        (lambda: fe.PhiFour(1), "n_features"),
        (lambda: fe.PhiFour(4, coupling=-1.0), "coupling"),
        (lambda: fe.GaussianBernoulliRBM(2, 0), "n_hidden"),
        (lambda: fe.GaussianBernoulliRBM(2, 2, [1.0]), "theta"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()


# ---- phi^4 and the RBM ----


@pytest.mark.parametrize(("sites", "height", "coupling"), [(2, 1.0, 0.0), (3, 1.0, 5.0), (3, 0.2, 1.0)])
def test_phi_four_by_brute_force(sites, height, coupling):
    chain = fe.PhiFour(sites, height, coupling)
    side = np.arange(-4.0, 4.0, 0.08)
    grid = np.array(list(itertools.product(side, repeat=sites)))
    e = chain.energy(grid)
    log_z = math.log(np.exp(-e).sum() * 0.08**sites)
    assert chain.log_partition() == pytest.approx(log_z, abs=1e-6)
    # The law of the middle of the chain and of a difference of neighbours.
    x = chain.exact_sample(50_000, seed=3)
    p = np.exp(-e)
    for value, at in (
        (x[:, 1] ** 2, grid[:, 1] ** 2),
        ((x[:, 1] - x[:, 0]) ** 2, (grid[:, 1] - grid[:, 0]) ** 2),
    ):
        mean = p @ at / p.sum()
        assert abs(value.mean() - mean) < 5.0 * value.std() / math.sqrt(len(x))
    assert coupling > 0 or chain.log_partition() == pytest.approx(
        fe.DoubleWell(sites, height).log_partition()
    )


def test_sites_of_an_uncoupled_chain_are_independent_double_wells():
    x = fe.PhiFour(3, 2.0, 0.0).exact_sample(20_000, seed=1)
    from stats import grid_cdf

    for d in range(3):
        assert ks(x[:, d], grid_cdf(fe.DoubleWell(1, 2.0), -3.0, 3.0)) < KS_LIMIT


def test_tempering_turns_the_chain_over():
    chain = fe.PhiFour(8, 1.5, 10.0)
    up = np.ones((2000, 8))
    stuck = fe.HMC(0.1, 10).sample(chain, up, 100, seed=1)
    ladder = fe.Tempering(fe.HMC(0.1, 10), np.geomspace(1.0, 12.0, 8))
    turned = ladder.sample(chain, up, 300, seed=1)
    assert (stuck.mean(axis=1) < 0).mean() < 0.1
    assert abs((turned.mean(axis=1) < 0).mean() - 0.5) < 5.0 * 0.5 / math.sqrt(2000)


def test_rbm_is_the_mixture_of_its_hidden_states():
    machine = CLOSED["rbm"]
    sigma, b = machine.std, machine.theta[2:4]
    c, w = machine.theta[4:9], machine.weights
    states = np.array(list(itertools.product([0.0, 1.0], repeat=5)))
    x = np.random.default_rng(0).normal(size=(20, 2))
    joint = (
        ((x[:, None] - b) ** 2 / (2 * sigma**2)).sum(axis=2) - states @ c - (x / sigma**2) @ (w @ states.T)
    )
    np.testing.assert_allclose(machine.energy(x), -np.log(np.exp(-joint).sum(axis=1)), rtol=1e-12)
    marginal = machine.exact_sample(50_000, seed=4)[:, 0]
    means = b + states @ w.T
    masses = np.exp(states @ c + ((means**2 - b**2) / (2 * sigma**2)).sum(axis=1))
    law = masses / masses.sum()
    assert ks(marginal, lambda v: norm.cdf(v[:, None], means[:, 0], sigma[0]) @ law) < KS_LIMIT


def test_rbm_of_twenty_hidden_units_and_of_more():
    big = fe.GaussianBernoulliRBM(30, 20, seed=1)
    assert np.isfinite(big.log_partition()) and big.exact_sample(10, seed=1).shape == (10, 30)
    more = fe.GaussianBernoulliRBM(2, 21)
    assert not more.has_log_partition and not more.has_exact_sample
    with pytest.raises(NotImplementedError):
        more.log_partition()


def test_rbm_learns_two_modes():
    x = fe.WellMixture.from_mixture([0.5, 0.5], [[-2.0, 0.0], [2.0, 0.0]], [[0.5, 0.5]] * 2).exact_sample(
        1500, 2
    )
    # From small weights it would stay on a saddle, the normal law.
    theta = np.random.default_rng(1).normal(0, 0.7, 16)
    theta[:2], theta[8:] = -0.5, 2.0 * theta[8:]
    start = fe.GaussianBernoulliRBM(2, 4, theta)
    trainer = fe.ContrastiveDivergence(start, n_updates=2000, learning_rate=0.05, optimizer="adam")
    result = trainer.fit(x, seed=1)
    assert result.energy.log_prob(x).mean() > start.log_prob(x).mean() + 0.5
    assert result.energy.log_prob(x).mean() > fe.Gaussian.fit(x).log_prob(x).mean() + 0.3


def test_marginal_of_the_sum_of_wells():
    both = fe.WellMixture.from_mixture([0.3, 0.7], [-2.0, 1.0], [0.7, 0.5]) + fe.Gaussian(0.0, 4.0)
    same = fe.WellMixture.from_mixture(both.mode_shares, both.modes[:, 0], both.mode_scales[:, 0])
    x = fe.HMC(0.4, 4).sample(both, both.exact_sample(50_000, 1), 20, seed=1)
    assert ks(x, well_cdf(same)) < KS_LIMIT
