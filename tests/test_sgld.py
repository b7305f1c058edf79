"""SGLD against exact laws: a quadratic at every step, any one-dimensional energy by its transition matrix."""

import math

import numpy as np
import pytest
from stats import KS_LIMIT, Z_LIMIT, LangevinKernel, ks, mean_z, mixture_cdf, share_z, variance_z, well_cdf

import fastebm as fe

TRUTH = fe.WellMixture.from_mixture([0.55, 0.45], [-2.0, 1.8], [0.45, 0.55])


# ---- T1: a quadratic, whose law is normal after any number of steps ----

A, M, H, X0, CHAINS = 2.469, 0.3, 0.055, 1.0, 200_000
S = math.sqrt(2 * H)
WELL = fe.WellMixture(1, theta=[math.log(A), M, 0.0, 0.0])


def quadratic_law(n_steps):
    r = 1 - 2 * A * H
    return M + r**n_steps * (X0 - M), S * S * (1 - r ** (2 * n_steps)) / (1 - r * r)


def statistics(x, n_steps):
    mean, variance = quadratic_law(n_steps)
    return (
        abs(mean_z(x, mean, variance)) / Z_LIMIT,
        abs(variance_z(x, mean, variance)) / Z_LIMIT,
        ks(x, mixture_cdf([1.0], [mean], [math.sqrt(variance)])) / KS_LIMIT,
    )


def langevin(n_steps, *, gradient=1.0, noise=S, noise_first=False, seed=5):
    """The same chain in NumPy, right or wrong."""
    rng = np.random.default_rng(seed)
    x = np.full(CHAINS, X0)
    for _ in range(n_steps):
        z = noise * rng.standard_normal(CHAINS)
        start = x + z if noise_first else x
        x = start - H * gradient * 2 * A * (start - M) + (0.0 if noise_first else z)
    return x


@pytest.mark.parametrize("n_steps", [1, 5, 30])
def test_law_of_a_quadratic_is_exact_at_every_step(n_steps):
    x = fe.SGLD(H).sample(WELL, np.full(CHAINS, X0), n_steps, seed=17 + n_steps)
    assert max(statistics(x, n_steps)) < 1


@pytest.mark.parametrize("n_steps", [1, 5, 30])
def test_numpy_chain_passes_so_that_its_wrong_variants_mean_something(n_steps):
    assert max(statistics(langevin(n_steps), n_steps)) < 1


@pytest.mark.parametrize("n_steps", [1, 5, 30])
@pytest.mark.parametrize(
    "wrong",
    [{"gradient": 0.5}, {"noise": math.sqrt(H)}, {"noise_first": True}],
    ids=["half gradient", "noise of sqrt(h)", "noise first"],
)
def test_wrong_chain_fails(n_steps, wrong):
    assert max(statistics(langevin(n_steps, **wrong), n_steps)) > 2


def test_one_step_too_few_fails():
    # At n = 30 the chain has forgotten its start and the test is blind.
    x = fe.SGLD(H).sample(WELL, np.full(CHAINS, X0), 4, seed=3)
    assert max(statistics(x, 5)) > 2


def test_law_of_a_quadratic_in_three_features():
    a, m = np.array([0.5, 2.0, 6.0]), np.array([1.0, -2.0, 0.5])
    well = fe.WellMixture(1, 3, np.concatenate([np.log(a), m, [0.0, 0.0]]))
    x = fe.SGLD(H, noise_std=0.2).sample(well, np.zeros((50_000, 3)), 7, seed=4)
    r = 1 - 2 * a * H
    mean, variance = m - r**7 * m, 0.04 * (1 - r**14) / (1 - r * r)
    for d in range(3):
        assert ks(x[:, d], mixture_cdf([1.0], mean[d], np.sqrt(variance[d]))) < KS_LIMIT
    # Features have noise of their own: the sample correlation of independent normals has standard error 1 / sqrt(N).
    correlation = np.corrcoef(x.T)[np.triu_indices(3, 1)]
    assert (np.abs(correlation) * math.sqrt(50_000) < Z_LIMIT).all()


# ---- T4: the transition matrix, with clipping and cold noise ----

BOX = (-6.0, 6.0)
QUARTIC = fe.PythonEnergy(lambda X: (X[:, 0] ** 2 - 1) ** 2, lambda X: 4 * (X * X - 1) * X)
CASES = {
    "two wells": (TRUTH, fe.SGLD(0.055), (-6.0, 6.0)),
    "two wells, cold and clipped": (TRUTH, fe.SGLD(0.055, noise_std=0.085, bounds=BOX), BOX),
    "wide wells, atoms": (fe.WellMixture(theta=[-3, -4, 0, -3, 4, 0, 0]), fe.SGLD(0.055, bounds=BOX), BOX),
    "three wells, narrow box": (
        fe.WellMixture(3, theta=[0.5, -2, 0, 1, 0, 0.3, 0.2, 2.5, 0, 0]),
        fe.SGLD(0.03, bounds=(-2.5, 2.0)),
        (-2.5, 2.0),
    ),
    "quartic": (QUARTIC, fe.SGLD(0.01, temperature=2.0, bounds=(-4.5, 4.5)), (-4.5, 4.5)),
}
START = np.random.default_rng(99).uniform(-2.4, 1.9, 200_000)


@pytest.fixture(scope="module", params=CASES)
def case(request):
    energy, sampler, span = CASES[request.param]
    kernel = LangevinKernel(energy, sampler.step_size, sampler.noise_std, *span)
    return energy, sampler, kernel, kernel.after(kernel.uniform(-2.4, 1.9), 30)


def test_law_after_30_steps_is_that_of_the_transition_matrix(case):
    energy, sampler, kernel, law = case
    result = sampler.run(energy, START, 30, seed=8)
    assert kernel.ks(result.x, law) < KS_LIMIT
    if sampler.bounds is None:
        assert result.n_clipped == 0
        return
    for bound, atom in zip(sampler.bounds, law[[0, -1]], strict=True):
        hits = (result.x == bound).sum()
        assert hits == 0 if atom < 1e-9 else abs(share_z(hits, START.size, atom)) < Z_LIMIT
    assert result.x.min() >= sampler.bounds[0] and result.x.max() <= sampler.bounds[1]


def test_wrong_noise_fails_the_transition_matrix(case):
    energy, sampler, kernel, law = case
    wrong = fe.SGLD(sampler.step_size, noise_std=sampler.noise_std / math.sqrt(2), bounds=sampler.bounds)
    assert kernel.ks(wrong.sample(energy, START, 30, seed=8), law) > 2 * KS_LIMIT


def test_some_case_has_atoms_and_forgetting_to_clip_fails():
    energy, _, span = CASES["wide wells, atoms"]
    kernel = LangevinKernel(energy, 0.055, math.sqrt(0.11), *span)
    start = np.random.default_rng(1).uniform(-6, 6, 200_000)
    law = kernel.after(kernel.uniform(-6, 6), 30)
    assert law[[0, -1]].min() > 0.005
    clipped = fe.SGLD(0.055, bounds=span).sample(energy, start, 30, seed=2)
    assert kernel.ks(clipped, law) < KS_LIMIT
    assert abs(share_z((np.abs(clipped) == 6).sum(), start.size, law[0] + law[-1])) < Z_LIMIT
    late = np.clip(fe.SGLD(0.055).sample(energy, start, 30, seed=2), *span)
    assert kernel.ks(late, law) > 2 * KS_LIMIT


# ---- T5: the bias of the unadjusted chain ----


def test_bias_is_of_first_order_in_the_step_size():
    cdf = well_cdf(TRUTH)
    distance = {}
    for h in (0.01, 0.005, 0.0025):
        kernel = LangevinKernel(TRUTH, h, math.sqrt(2 * h), -5.0, 5.0)
        distance[h] = np.abs(np.cumsum(kernel.stationary())[:-1] - cdf(kernel.edges)).max()
    assert 1.8 < distance[0.01] / distance[0.005] < 2.6
    assert 1.8 < distance[0.005] / distance[0.0025] < 2.6


def test_stationary_variance_of_a_quadratic_is_too_large_by_its_formula():
    # v / (1 - h / (2 v)): 15.7 % too much for a h = 0.136.
    kernel = LangevinKernel(WELL, H, S, -3.0, 3.6)
    law = kernel.stationary()
    middle = np.concatenate([[-3.0], (kernel.edges[1:] + kernel.edges[:-1]) / 2, [3.6]])
    variance = law @ (middle - law @ middle) ** 2
    assert variance == pytest.approx(1 / (2 * A) / (1 - A * H), rel=1e-4)
    x = fe.SGLD(H).sample(WELL, np.full(CHAINS, M), 60, seed=11)
    assert abs(variance_z(x, M, 1 / (2 * A) / (1 - A * H))) < Z_LIMIT
    assert abs(variance_z(x, M, 1 / (2 * A))) > 5 * Z_LIMIT


# ---- what the arguments mean ----


def test_temperature_and_noise_are_two_names_of_one_thing():
    warm = fe.SGLD(0.02, temperature=0.5)
    assert warm.noise_std == math.sqrt(2 * 0.02 * 0.5) and warm.temperature == 0.5
    cold = fe.SGLD(0.055, noise_std=0.085)
    assert cold.noise_std == 0.085 and cold.temperature == pytest.approx(0.085**2 / 0.11, rel=1e-15)
    assert (warm.intended_temperature, cold.intended_temperature) == (0.5, 1.0)
    # Both, if they agree; nothing is dropped in silence.
    both = fe.SGLD(0.02, temperature=0.5, noise_std=warm.noise_std)
    assert (both.noise_std, both.intended_temperature) == (warm.noise_std, 0.5)
    with pytest.raises(ValueError, match=r"temperature=3 needs noise_std=.*0\.574456, but noise_std=0\.085"):
        fe.SGLD(0.055, temperature=3.0, noise_std=0.085)
    x0 = np.linspace(-3, 3, 50)
    same = fe.SGLD(0.02, noise_std=math.sqrt(2 * 0.02 * 0.5))
    np.testing.assert_array_equal(warm.sample(TRUTH, x0, 9, seed=1), same.sample(TRUTH, x0, 9, seed=1))


def test_without_noise_it_is_gradient_descent():
    x0 = np.linspace(-3, 3, 100)
    x = x0.copy()
    for _ in range(20):
        x -= 0.05 * TRUTH.grad(x)
    np.testing.assert_allclose(
        fe.SGLD(0.05, noise_std=0.0).sample(TRUTH, x0, 20, seed=1), x, rtol=1e-13, atol=1e-13
    )


def test_clipped_coordinates_are_counted():
    well = fe.WellMixture(1, 2, [0.0, 0.0, 0.0, 0.0, 0.0, 0.0])
    # Without noise every step shrinks x by 1 - 2 h = 0.9: from 10 and 1 to 9 and 0.9, of which one is outside.
    result = fe.SGLD(0.05, noise_std=0.0, bounds=(-5.0, 5.0)).run(
        well, [[10.0, 1.0], [-10.0, 20.0], [2.0, 3.0]], 1
    )
    assert result.n_clipped == 3
    np.testing.assert_allclose(result.x, [[5, 0.9], [-5, 5], [1.8, 2.7]], rtol=1e-15)
    assert result.acceptance_rate is None
    # A state exactly on a bound has not been clipped.
    still = fe.SGLD(0.05, noise_std=0.0, bounds=(0.0, 5.0)).run(fe.WellMixture(1), [0.0], 10)
    assert still.n_clipped == 0 and still.x[0] == 0.0


def test_clip_of_a_whole_run_is_counted_over_steps():
    x0 = np.random.default_rng(3).uniform(-1, 1, 600)
    sampler, sharp = fe.SGLD(0.1, bounds=(-0.5, 0.5)), fe.WellMixture(1)
    result = sampler.run(sharp, x0, 12, seed=4, thin=1)
    # With 600 x 12 moves no free state falls on a bound by chance.
    assert result.n_clipped == (np.abs(result.trace) == 0.5).sum() > 0


@pytest.mark.parametrize("bounds", [None, (-6.0, 6.0)])
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_bounds_do_not_turn_a_bad_gradient_into_a_number(bounds, bad):
    def grad(X):
        g = X.copy()
        g[3] = bad
        return g

    energy = fe.PythonEnergy(lambda X: (X**2).sum(1) / 2, grad)
    for n_steps in (1, 7):
        with pytest.raises(fe.NonFiniteError, match=r"chain 3 diverged.*step_size"):
            fe.SGLD(0.1, bounds=bounds).sample(energy, np.ones(8), n_steps, seed=1)


def test_gradient_too_large_for_float64_is_divergence_even_with_bounds():
    energy = fe.PythonEnergy(lambda X: X[:, 0], lambda X: np.full_like(X, 1e308))
    with pytest.raises(fe.NonFiniteError, match="diverged"):
        fe.SGLD(100.0, bounds=(-6.0, 6.0)).sample(energy, np.zeros(4), 1, seed=1)


def test_step_past_stability_diverges_with_an_error():
    steep = fe.WellMixture(1, theta=[5.0, 0.0, 0.0, 0.0])
    with pytest.raises(fe.NonFiniteError, match="smaller step_size"):
        fe.SGLD(1.0).sample(steep, np.ones(10), 200, seed=1)
