"""MALA leaves exp(-E / T) invariant and satisfies detailed balance; wrong samplers are shown to fail each test."""

import math

import numpy as np
import pytest
from stats import KS_LIMIT, Z_LIMIT, bowker, grid_cdf, ks, mixture_cdf, projected_cdf, two_sample_z, well_cdf

import fastebm as fe

TRUTH = fe.WellMixture.from_mixture([0.55, 0.45], [-2.0, 1.8], [0.45, 0.55])
H, CHAINS = 0.2, 100_000
START = TRUTH.exact_sample(CHAINS, seed=41)[:, 0]


def numpy_mala(x, n_steps, wrong=None, *, h=H, temperature=1.0, seed=6):
    """The same sampler in NumPy, or one of its well-known mistakes. Returns (x, accepted share)."""
    rng = np.random.default_rng(seed)
    noise = math.sqrt(2 * h * temperature)
    if wrong == "noise":
        noise = math.sqrt(h * temperature)
    accepted = 0
    ex = TRUTH.energy(x)
    for _ in range(n_steps):
        gx = TRUTH.grad(x)
        y = x - h * gx + noise * rng.standard_normal(x.size)
        ey = TRUTH.energy(y)
        gy = gx if wrong == "forgotten reverse gradient" else TRUTH.grad(y)
        q = ((x - y + h * gy) ** 2 - (y - x + h * gx) ** 2) / (4 * h * temperature)
        q *= {"no q-ratio": 0, "q sign": -1, "q twice": 2}.get(wrong, 1)
        take = np.log(rng.random(x.size)) < (ex - ey) / temperature - q
        if wrong == "no accept step":
            take[:] = True
        x = np.where(take, y, x)
        if wrong != "stale energy":
            ex = np.where(take, ey, ex)
        accepted += take.mean() / n_steps
    return x, accepted


# ---- T2: invariance ----


def test_exact_start_stays_exact():
    assert ks(fe.MALA(H).sample(TRUTH, START, 20, seed=1), well_cdf(TRUTH)) < KS_LIMIT


def test_numpy_sampler_passes_so_that_its_mistakes_mean_something():
    assert ks(numpy_mala(START, 20)[0], well_cdf(TRUTH)) < KS_LIMIT
    statistic, limit = bowker(START, numpy_mala(START, 1)[0])
    assert statistic < limit


@pytest.mark.parametrize(
    "wrong",
    [
        "no accept step",
        "no q-ratio",
        "q sign",
        "q twice",
        "forgotten reverse gradient",
        "noise",
        "stale energy",
    ],
)
def test_wrong_sampler_loses_the_law(wrong):
    assert ks(numpy_mala(START, 20, wrong)[0], well_cdf(TRUTH)) > 2 * KS_LIMIT


def test_unadjusted_chain_loses_the_law():
    assert ks(fe.SGLD(H).sample(TRUTH, START, 20, seed=1), well_cdf(TRUTH)) > 2 * KS_LIMIT


def test_invariance_in_three_features():
    rng = np.random.default_rng(2)
    wells = fe.WellMixture.from_mixture(
        [0.2, 0.5, 0.3], rng.normal(0, 1.5, (3, 3)), rng.uniform(0.4, 1.0, (3, 3))
    )
    start = wells.exact_sample(50_000, seed=3)
    result = fe.MALA(0.25).run(wells, start, 20, seed=4)
    assert 0.3 < result.acceptance_rate < 0.99
    for d in range(3):
        assert ks(result.x[:, d], well_cdf(wells, d)) < KS_LIMIT
    # Dependence between features too: the law of a projection is a mixture as well.
    along = np.array([0.6, -0.64, 0.48])
    assert ks(result.x @ along, projected_cdf(wells, along)) < KS_LIMIT
    unadjusted = fe.SGLD(0.25).sample(wells, start, 20, seed=4)
    assert max(ks(unadjusted[:, d], well_cdf(wells, d)) for d in range(3)) > 2 * KS_LIMIT


# ---- T3: detailed balance ----


def test_flow_between_cells_is_symmetric():
    statistic, limit = bowker(START, fe.MALA(H).sample(TRUTH, START, 1, seed=9))
    assert statistic < limit


@pytest.mark.parametrize(
    "wrong", ["no accept step", "no q-ratio", "q sign", "q twice", "forgotten reverse gradient"]
)
def test_wrong_sampler_has_a_lopsided_flow(wrong):
    # A stale energy shows only from the second step on: the invariance test has to find it, and does.
    statistic, limit = bowker(START, numpy_mala(START, 1, wrong)[0])
    assert statistic > 2 * limit


# ---- it moves, and at the right rate ----


def test_forgets_its_start():
    # Two starts at the edges of one well; standing still would be invariant too.
    well = fe.WellMixture(1, theta=[0.0, 0.5, 0.0, 0.0])
    x = fe.MALA(H).sample(well, np.repeat([-1.0, 2.0], 25_000), 100, seed=5)
    assert ks(x, mixture_cdf([1.0], [0.5], [math.sqrt(0.5)])) < KS_LIMIT


def test_acceptance_rate_is_that_of_the_numpy_sampler():
    result = fe.MALA(H).run(TRUTH, START, 20, seed=7)
    # A Bernoulli trial has a standard deviation of at most 0.5. Chains are independent; the 20 steps of one are
    # not, and in the worst case they repeat each other.
    reference = numpy_mala(START, 20)[1]
    assert abs(result.acceptance_rate - reference) < Z_LIMIT * 0.5 * math.sqrt(2 / CHAINS)
    assert result.n_clipped == 0
    few = fe.MALA(H).run(TRUTH, START, 1, seed=7)
    # With one step a chain was accepted exactly if it is elsewhere.
    assert few.acceptance_rate == (few.x != START).mean()
    assert fe.MALA(H).run(TRUTH, START, 0).acceptance_rate is None
    assert fe.MALA(1e-9).run(TRUTH, START[:1000], 5, seed=1).acceptance_rate > 0.999


# ---- temperature ----


@pytest.mark.parametrize("temperature", [0.3, 2.5])
def test_temperature_of_a_quadratic(temperature):
    well = fe.WellMixture(1, theta=[0.4, 1.0, 0.0, 0.0])
    std = math.sqrt(temperature) * well.stds_[0, 0]
    start = 1.0 + std * np.random.default_rng(8).standard_normal(CHAINS)
    law = mixture_cdf([1.0], [1.0], [std])
    assert ks(fe.MALA(H, temperature=temperature).sample(well, start, 20, seed=1), law) < KS_LIMIT
    assert ks(fe.MALA(H).sample(well, start, 20, seed=1), law) > 2 * KS_LIMIT


def test_temperature_of_two_wells():
    temperature = 1.7
    law = grid_cdf(TRUTH, -9.0, 9.0, temperature)
    grid = np.linspace(-9, 9, 200_001)
    start = np.interp(np.random.default_rng(3).random(CHAINS), law(grid), grid)
    assert ks(start, law) < KS_LIMIT
    assert ks(fe.MALA(H, temperature=temperature).sample(TRUTH, start, 20, seed=2), law) < KS_LIMIT
    assert ks(fe.MALA(H).sample(TRUTH, start, 20, seed=2), law) > 2 * KS_LIMIT
    statistic, limit = bowker(start, fe.MALA(H, temperature=temperature).sample(TRUTH, start, 1, seed=3))
    assert statistic < limit


# ---- bounds reject ----

LOW, HIGH = -2.3, 2.1


@pytest.fixture(scope="module")
def truncated():
    x = TRUTH.exact_sample(2 * CHAINS, seed=10)[:, 0]
    x = x[(x > LOW) & (x < HIGH)]
    full, inside = well_cdf(TRUTH), well_cdf(TRUTH)([LOW, HIGH])
    return x, lambda v: (full(v) - inside[0]) / (inside[1] - inside[0])


def test_bounds_keep_the_truncated_law(truncated):
    start, law = truncated
    result = fe.MALA(H, bounds=(LOW, HIGH)).run(TRUTH, start, 20, seed=1, thin=1)
    assert ks(result.x, law) < KS_LIMIT
    assert result.trace.min() > LOW and result.trace.max() < HIGH
    assert result.n_clipped == 0
    statistic, limit = bowker(start, result.trace[0])
    assert statistic < limit


def test_clipping_instead_of_rejecting_fails(truncated):
    start, law = truncated
    x = start
    for step in range(20):
        x = np.clip(fe.MALA(H).sample(TRUTH, x, 1, seed=step), LOW, HIGH)
    assert ((x == LOW) | (x == HIGH)).sum() > 1000
    assert ks(x, law) > 2 * KS_LIMIT


def test_bounds_hold_in_every_feature():
    flat = fe.WellMixture(1, 2, [-3.0, -3.0, 0.0, 0.0, 0.0, 0.0])
    start = np.random.default_rng(5).uniform(-1, 1, (20_000, 2))
    x = fe.MALA(0.3, bounds=(-1.0, 1.0)).sample(flat, start, 30, seed=2)
    assert np.abs(x).max() < 1
    # E hardly varies on the box; its exact law there is known by integration.
    law = grid_cdf(fe.WellMixture(1, theta=[-3.0, 0.0, 0.0, 0.0]), -1.0, 1.0)
    assert all(ks(x[:, d], law) < KS_LIMIT for d in range(2))


# ---- numbers that are none ----


@pytest.mark.parametrize("where", ["energy", "gradient"])
@pytest.mark.parametrize("bounds", [None, (-6.0, 6.0)])
def test_nan_is_an_error_and_not_a_rejection(where, bounds):
    def spoil(values, X):
        return np.where((X[:, :1] > 2.0).reshape(values.shape), np.nan, values)

    energy = fe.PythonEnergy(
        lambda X: spoil((X**2).sum(1) / 2, X) if where == "energy" else (X**2).sum(1) / 2,
        lambda X: spoil(X.copy(), X) if where == "gradient" else X,
    )
    with pytest.raises(fe.NonFiniteError, match="not a number"):
        fe.MALA(0.5, bounds=bounds).sample(energy, np.zeros(2000), 20, seed=1)


def test_infinite_energy_is_a_wall():
    half = fe.PythonEnergy(lambda X: np.where(X[:, 0] > 0, X[:, 0], np.inf), lambda X: np.ones_like(X))
    start = np.random.default_rng(4).exponential(size=CHAINS)
    x = fe.MALA(0.3).sample(half, start, 20, seed=3)
    assert x.min() > 0
    assert ks(x, lambda v: 1 - np.exp(-v)) < KS_LIMIT


def test_difference_of_two_runs_is_noise():
    # Two seeds are two independent samples.
    a, b = (fe.MALA(H).sample(TRUTH, START, 20, seed=s) for s in (1, 2))
    assert abs(two_sample_z(a, b)) < Z_LIMIT
    assert not (a == b).any()
