"""HMC and underdamped Langevin: their laws, and wrong ones that fail the same tests."""

import math

import numpy as np
import pytest
from stats import KS_LIMIT, Z_LIMIT, bowker, ks, mixture_cdf, projected_cdf, variance_z, well_cdf

import fastebm as fe

TRUTH = fe.WellMixture.from_mixture([0.55, 0.45], [-2.0, 1.8], [0.45, 0.55])
CHAINS = 100_000
START = TRUTH.exact_sample(CHAINS, seed=41)[:, 0]


def numpy_hmc(x, n_steps, wrong=None, *, step=0.5, mean_length=4, seed=6):
    """HMC in NumPy, or one of its mistakes."""
    rng = np.random.default_rng(seed)
    for _ in range(n_steps):
        p = rng.standard_normal(x.size) * (0.7 if wrong == "cold momenta" else 1.0)
        y, q = x, p
        length = rng.integers(1, 2 * mean_length)
        for leap in range(length):
            kick = step if leap or wrong == "whole first kick" else step / 2
            q = q - kick * TRUTH.grad(y)
            y = y + step * q
        q = q - step / 2 * TRUTH.grad(y)
        log_ratio = TRUTH.energy(x) - TRUTH.energy(y)
        if wrong != "no kinetic energy":
            log_ratio = log_ratio + (p**2 - q**2) / 2
        take = np.log(rng.random(x.size)) < log_ratio
        if wrong == "no accept step":
            take[:] = True
        x = np.where(take, y, x)
    return x


def numpy_ghmc(x, n_steps, wrong=None, *, step=0.8, friction=0.3, seed=6):
    """Metropolised underdamped Langevin in NumPy, or one of its mistakes."""
    rng = np.random.default_rng(seed)
    p = rng.standard_normal(x.size)
    keep = math.exp(-friction * step)
    for _ in range(n_steps):
        p = keep * p + math.sqrt(1 - keep**2) * rng.standard_normal(x.size)
        q = p - step / 2 * TRUTH.grad(x)
        y = x + step * q
        q = q - step / 2 * TRUTH.grad(y)
        take = np.log(rng.random(x.size)) < TRUTH.energy(x) - TRUTH.energy(y) + (p**2 - q**2) / 2
        if wrong == "no accept step":
            take[:] = True
        x, p = np.where(take, y, x), np.where(take, q, p if wrong == "momenta not reversed" else -p)
    return x


EXACT = {
    "hmc": fe.HMC(0.5, 4),
    "hmc of one step": fe.HMC(0.5, 1),
    "hmc scaled": fe.HMC(0.4, 5, scale=[1.3]),
    "underdamped": fe.Underdamped(0.8, 0.3, metropolis=True),
    "underdamped scaled": fe.Underdamped(0.5, 2.0, metropolis=True, scale=[1.4]),
    "mala scaled": fe.MALA(0.1, scale=[1.4]),
}


@pytest.mark.parametrize("name", EXACT)
def test_exact_start_stays_exact(name):
    assert ks(EXACT[name].sample(TRUTH, START, 20, seed=1), well_cdf(TRUTH)) < KS_LIMIT


def test_numpy_samplers_pass_so_that_their_mistakes_mean_something():
    assert ks(numpy_hmc(START, 20), well_cdf(TRUTH)) < KS_LIMIT
    assert ks(numpy_ghmc(START, 20), well_cdf(TRUTH)) < KS_LIMIT


@pytest.mark.parametrize("wrong", ["cold momenta", "whole first kick", "no kinetic energy", "no accept step"])
def test_wrong_hmc_loses_the_law(wrong):
    assert ks(numpy_hmc(START, 20, wrong), well_cdf(TRUTH)) > 2 * KS_LIMIT


@pytest.mark.parametrize("wrong", ["no accept step", "momenta not reversed"])
def test_wrong_underdamped_loses_the_law(wrong):
    assert ks(numpy_ghmc(START, 20, wrong), well_cdf(TRUTH)) > KS_LIMIT


@pytest.mark.parametrize("name", ["hmc", "hmc scaled", "underdamped", "underdamped scaled", "mala scaled"])
def test_flow_between_cells_is_symmetric(name):
    # One step of generalised HMC from fresh momenta is reversible in x too.
    statistic, limit = bowker(START, EXACT[name].sample(TRUTH, START, 1, seed=9))
    assert statistic < limit


def test_wrong_hmc_has_a_lopsided_flow():
    statistic, limit = bowker(START, numpy_hmc(START, 1, "whole first kick"))
    assert statistic > 2 * limit


@pytest.mark.parametrize(
    "sampler",
    [
        fe.HMC(0.5, 4, scale=[0.5, 1.0, 2.0]),
        fe.Underdamped(0.5, metropolis=True, scale=[0.5, 1.0, 2.0]),
        fe.MALA(0.1, scale=[0.5, 1.0, 2.0]),
    ],
    ids=repr,
)
def test_invariance_in_three_features(sampler):
    rng = np.random.default_rng(2)
    wells = fe.WellMixture.from_mixture(
        [0.2, 0.5, 0.3], rng.normal(0, 1.5, (3, 3)), rng.uniform(0.4, 1.0, (3, 3))
    )
    result = sampler.run(wells, wells.exact_sample(50_000, seed=3), 15, seed=4)
    assert 0.1 < result.acceptance_rate < 0.99
    for d in range(3):
        assert ks(result.x[:, d], well_cdf(wells, d)) < KS_LIMIT
    along = np.array([0.6, -0.64, 0.48])
    assert ks(result.x @ along, projected_cdf(wells, along)) < KS_LIMIT


@pytest.mark.parametrize("make", [fe.HMC, lambda h, **o: fe.Underdamped(h, metropolis=True, **o)])
def test_temperature(make):
    well = fe.WellMixture(1, theta=[0.4, 1.0, 0.0, 0.0])
    std = math.sqrt(1.7) * well.stds_[0, 0]
    start = np.repeat([0.0, 3.0], CHAINS // 2)
    law = mixture_cdf([1.0], [1.0], [std])
    assert ks(make(0.5, temperature=1.7).sample(well, start, 150, seed=1), law) < KS_LIMIT
    assert ks(make(0.5).sample(well, start, 150, seed=1), law) > 2 * KS_LIMIT


def test_baoab_is_exact_for_a_quadratic_at_any_stable_step():
    # The law of x is N(m, v) whatever the step; that of SGLD is v / (1 - h / 2v), and half a step of noise shows too.
    well = fe.WellMixture(1, theta=[0.0, 0.5, 0.0, 0.0])
    v = well.stds_[0, 0] ** 2
    for step in (0.1, 0.6, 1.2):
        x = fe.Underdamped(step, 1.0).sample(well, np.zeros(CHAINS), int(60 / step), seed=3)
        assert abs(variance_z(x, 0.5, v)) < Z_LIMIT
    x = fe.SGLD(0.5 * 0.6**2).sample(well, np.zeros(CHAINS), 100, seed=3)
    assert variance_z(x, 0.5, v) > 2 * Z_LIMIT


def test_preconditioner_is_a_change_of_units():
    # A normal law of stds (1, 100) with that scale is, step for step, the standard one.
    wide = fe.Gaussian(np.zeros(2), np.diag([1.0, 1e4]))
    unit = fe.Gaussian(np.zeros(2))
    x0 = np.random.default_rng(0).normal(size=(50, 2))
    for plain, scaled in (
        (fe.HMC(0.3, 5), fe.HMC(0.3, 5, scale=[1, 100])),
        (fe.MALA(0.3), fe.MALA(0.3, scale=[1, 100])),
        (fe.SGLD(0.1), fe.SGLD(0.1, scale=[1, 100])),
        (fe.Underdamped(0.3), fe.Underdamped(0.3, scale=[1, 100])),
    ):
        a = plain.sample(unit, x0, 30, seed=1)
        b = scaled.sample(wide, x0 * [1, 100], 30, seed=1)
        np.testing.assert_allclose(b, a * [1, 100], rtol=1e-9, atol=1e-9)


def test_hmc_of_one_leapfrog_step_accepts_as_mala_does():
    a = fe.HMC(0.6, 1).run(TRUTH, START, 20, seed=1)
    b = fe.MALA(0.18).run(TRUTH, START, 20, seed=1)
    np.testing.assert_allclose(a.x[:1000], b.x[:1000], rtol=1e-9)
    assert a.acceptance_rate == pytest.approx(b.acceptance_rate, abs=1e-5)


def test_path_lengths_vary_and_average():
    lengths = []

    def grad(X):
        lengths.append(1)
        return X

    energy = fe.PythonEnergy(lambda X: (X**2).sum(1) / 2, grad)
    fe.HMC(0.1, 5).sample(energy, np.zeros(4), 400, seed=1)
    # Uniform on 1..9: mean 5, std 2.58.
    assert abs(len(lengths) - 2000) < Z_LIMIT * 2.58 * 20 + 10


def test_diverged_trajectories_are_rejected_not_hidden():
    steep = fe.DoubleWell(2, 50.0)
    start = steep.exact_sample(1000, 1)
    result = fe.HMC(3.0, 30).run(steep, start, 5, seed=1)
    assert result.acceptance_rate < 0.01
    assert np.isfinite(result.x).all()
    with pytest.raises(fe.NonFiniteError):
        fe.Underdamped(3.0).run(steep, start, 30, seed=1)


@pytest.mark.parametrize("where", ["energy", "gradient"])
@pytest.mark.parametrize(
    "sampler", [fe.HMC(0.5, 3), fe.Underdamped(0.7, metropolis=True)], ids=["hmc", "underdamped"]
)
def test_nan_is_an_error_and_not_a_rejection(where, sampler):
    def spoil(values, X):
        return np.where((X[:, :1] > 2.0).reshape(values.shape), np.nan, values)

    energy = fe.PythonEnergy(
        lambda X: spoil((X**2).sum(1) / 2, X) if where == "energy" else (X**2).sum(1) / 2,
        lambda X: spoil(X.copy(), X) if where == "gradient" else X,
    )
    with pytest.raises(fe.NonFiniteError, match="not a number"):
        sampler.sample(energy, np.zeros(2000), 20, seed=1)


def test_infinite_energy_is_a_wall():
    half = fe.PythonEnergy(lambda X: np.where(X[:, 0] > 0, X[:, 0], np.inf), lambda X: np.ones_like(X))
    start = np.random.default_rng(4).exponential(size=CHAINS)
    for sampler in (fe.HMC(0.3, 3), fe.Underdamped(0.5, metropolis=True)):
        x = sampler.sample(half, start, 20, seed=3)
        assert x.min() > 0
        assert ks(x, lambda v: 1 - np.exp(-v)) < KS_LIMIT


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: fe.HMC(0.0), "step_size"),
        (lambda: fe.HMC(0.1, 0), "n_leapfrog"),
        (lambda: fe.HMC("big"), "step_size"),
        (lambda: fe.HMC(0.1, scale=[1.0, -1.0]), "scale must be positive"),
        (lambda: fe.HMC(0.1, scale=[1.0, np.nan]), "scale"),
        (lambda: fe.Underdamped(0.1, 0.0), "friction"),
        (lambda: fe.Underdamped(0.1, metropolis=1), "metropolis"),
        (lambda: fe.HMC(0.1, scale=[1.0, 2.0]).sample(TRUTH, [0.0], 1), "n_features=1"),
    ],
)
def test_bad_input(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()
