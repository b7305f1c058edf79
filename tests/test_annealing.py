"""The compiled annealing: the same as one in NumPy, unbiased, and the same bytes however it is cut (T10)."""

import math

import numpy as np
import pytest
from interrupts import ctrl_c
from stats import Z_LIMIT

import fastebm as fe
from fastebm._runtime.seed import key, seed_sequence
from fastebm.kernels import probe
from fastebm.partition import ais, ladder

LANGEVIN_NOISE, ACCEPT = 0, 1


def wells(d, k=4, seed=0):
    rng = np.random.default_rng(seed)
    return fe.WellMixture.from_mixture(
        np.ones(k), rng.normal(0, 1.5, (k, d)), rng.uniform(0.5, 1.2, (k, d)), normalised=False
    )


def numbers(what, stream, purpose, d, step, n):
    """The random numbers of one step, as the contract of kernels/random.pxd has them."""
    return probe.pairs(what, *stream, 0, purpose << 60 | d << 40 | step >> 1, n)[step & 1]


def plain(way, x, betas, times, seed, keep=ladder.KEEP, mistake=None):
    """Annealing with kept momenta in NumPy, with the mistakes that tests must see: (x, work)."""
    stream, n, work = key(seed), len(x), np.zeros(len(x))
    alpha = lambda b: 1.0 if way.tilt else 1.0 - b  # noqa: E731
    energy = lambda y, b: alpha(b) * way.base._energy_with_walls(y) + b * way.other.energy(y)  # noqa: E731
    slope = lambda y, b: way.scale * (alpha(b) * way.base.grad(y) + b * way.other.grad(y))  # noqa: E731
    v = np.zeros_like(x)
    for t in range(len(betas) - 1):
        rise = way.other.energy(x) - (0.0 if way.tilt else way.base.energy(x))
        work += (1.0 if mistake == "sign" else -1.0) * (betas[t + 1] - betas[t]) * rise
        if t + 2 == len(betas):
            break
        b, time = betas[t + 1], times[t + 1]
        z = np.column_stack(
            [numbers("normal", stream, LANGEVIN_NOISE, d, t + 1, n) for d in range(x.shape[1])]
        )
        v = z if t == 0 else keep * v + math.sqrt(1 - keep * keep) * z
        half = v - 0.5 * time * slope(x, b)
        y = x + time * way.scale * half
        w = half - 0.5 * time * slope(y, b)
        with np.errstate(invalid="ignore"):
            log_r = energy(x, b) - energy(y, b) + 0.5 * (v**2 - w**2).sum(axis=1)
        take = np.log(numbers("uniform", stream, ACCEPT, 0, t + 1, n)) <= log_r
        if mistake == "no accept step":
            take[:] = True
        x = np.where(take[:, None], y, x)
        v = np.where(take[:, None], w, v if mistake == "no turn" else -v)
    return x, work


def ways():
    normal = fe.Gaussian([0.5, -0.5], [[1.5, 0.4], [0.4, 0.8]])
    return {
        "two energies": ladder.path(wells(2), ais.normal_base(wells(2).exact_sample(500, seed=1)), 1),
        "a tilt": ladder.path(normal + wells(2), None, 1),
        "a box": ladder.path(wells(2) + fe.Box([-3.0, -2.0], [3.0, 4.0]), None, 1),
    }


@pytest.mark.parametrize("name", ways())
def test_the_same_as_in_numpy(name):
    way = ways()[name]
    assert way.tilt == (name != "two energies")
    betas, times = ladder.schedule(12), np.linspace(0.9, 0.5, 13)
    x0 = way.base.exact_sample(50, 2)
    for up in (True, False):
        b, h = (betas, times) if up else (betas[::-1].copy(), times[::-1].copy())
        x, work, parts, rates, *_ = way.walk(x0, b, h, seed_sequence(3))
        there, expected = plain(way, x0, b, h, 3)
        np.testing.assert_allclose(x, there, rtol=0, atol=1e-10)
        np.testing.assert_allclose(work, expected, rtol=0, atol=1e-10)
        whole = way.base.energy(x) * way.tilt + way.other.energy(x)
        np.testing.assert_allclose(way.energies(parts), whole, rtol=0, atol=1e-10)
        assert 0.5 < rates[1:-1].mean() < 1.0
        # Negative control: no mistake gives these numbers.
        for mistake in ("sign", "no accept step", "no turn"):
            wrong = plain(way, x0, b, h, 3, mistake=mistake)[1]
            assert np.abs(work - wrong).max() > 1e-3, mistake


@pytest.mark.parametrize("mistake", [None, "sign", "no accept step", "log Z0"])
def test_unbiased_and_what_the_limit_sees(mistake):
    # SCIENCE T10: D = 10, 4096 chains, a spread below 0.35, |error| < 0.05.
    energy = wells(10)
    base = fe.Gaussian(energy.exact_sample(2000, seed=1).mean(axis=0), 4.0 * np.eye(10))
    way = ladder.path(energy, base, 1)
    if mistake is None or mistake == "log Z0":
        run = ais.forward(energy, base, n_chains=4096, n_steps=1500, seed=2)
        log_w = run.log_weights - (base.energy(base.exact_sample(1, seed=1)).item() if mistake else 0.0)
        if mistake is None:
            assert run.log_weights.std() < 0.35
    else:
        found = ladder.plan(way, 60, seed_sequence(2))
        x = base.exact_sample(4096, seed=3)
        log_w = plain(way, x, found.betas, 1.6 * found.times, 4, mistake=mistake)[1]
    error = ais.log_mean_exp(log_w) - energy.log_partition()
    assert abs(error) < 0.05 if mistake is None else abs(error) > 0.05


def test_both_directions_are_one_process():
    # Crooks: E[f(w)] up equals E[f(w) / w] Z down, for any f; here f = 1 and f = w below a limit.
    energy = wells(3)
    way = ladder.path(energy, ais.normal_base(energy.exact_sample(2000, seed=1)), 1)
    found = ladder.plan(way, 25, seed_sequence(1))
    up = ais.climb(way, found, 20_000, 1, seed_sequence(2)).log_weights - energy.log_partition()
    down = ais.descend(way, found, energy.exact_sample(20_000, seed=3), seed_sequence(4)).log_weights
    down = down - energy.log_partition()
    for f in (lambda u: (u < 0.0).astype(float), lambda u: np.minimum(1.0, np.exp(-u)), np.tanh):
        here, there = f(up), f(down) * np.exp(-down)
        z = (here.mean() - there.mean()) / math.sqrt((here.var() + there.var()) / 20_000)
        assert abs(z) < Z_LIMIT
        # Negative control: without the weight the two are different laws.
        assert abs((here.mean() - f(down).mean()) / math.sqrt((here.var() + f(down).var()) / 20_000)) > 10


def test_same_bytes_however_it_is_cut():
    energy = wells(3)
    way = ladder.path(energy, ais.normal_base(energy.exact_sample(100, seed=1)), 1)
    found = ladder.plan(way, 60, seed_sequence(1))
    runs = [
        ais.climb(way, found, 1200, 1, seed_sequence(2), n_threads=t).log_weights.tobytes()
        for t in (1, 2, 3, 5)
    ]
    assert len(set(runs)) == 1
    # A chain does not know how many others there are.
    x = way.base.exact_sample(300, 1)
    whole = way.walk(x, found.betas, found.times, seed_sequence(2))[1]
    part = way.walk(x[:37].copy(), found.betas, found.times, seed_sequence(2))[1]
    assert whole[:37].tobytes() == part.tobytes()


def test_the_ladder_is_even_in_the_spread():
    # A narrow target at the end of a wide base: the usual ladder adds nearly all of its spread in a few places.
    energy = wells(5)
    base = fe.Gaussian(np.zeros(5), 400.0 * np.eye(5))
    way = ladder.path(energy, base, 1)

    def unevenness(betas, times):
        x = base.exact_sample(500, 5)
        history = way.walk(x, betas, times, seed_sequence(6), record=True)[5]
        rises = np.diff(betas)[:, None] * history
        added = [part.sum(axis=0).std() for part in np.array_split(rises, 10)]
        return max(added) / np.median(added)

    found = ladder.plan(way, 600, seed_sequence(1))
    usual = ladder.schedule(600)
    assert unevenness(found.betas, found.times) < 2.5
    assert unevenness(usual, np.interp(usual, found.betas, found.times)) > 5
    assert found.betas[0] == 0 and found.betas[-1] == 1 and (np.diff(found.betas) > 0).all()


def test_auto_chooses_as_many_steps_as_the_spread_needs():
    spreads, steps = [], []
    for d in (2, 10, 30):
        energy = wells(d)
        base = ais.normal_base(energy.exact_sample(1000, seed=1))
        way = ladder.path(energy, base, 1)
        found = ladder.plan(way, None, seed_sequence(1))
        run = ais.climb(way, found, 300, 1, seed_sequence(2))
        spreads.append(run.log_weights.std())
        steps.append(found.n_steps)
    assert max(spreads) < 0.8
    assert steps[0] < steps[1] < steps[2]
    for most in (200, 10):
        assert ladder.plan(way, None, seed_sequence(1), most=most).n_steps == most
    assert ladder.plan(way, None, seed_sequence(1), afford=lambda seconds: 100).n_steps == 100
    estimate = fe.log_partition(energy, "ais", base=base, n_steps="auto", n_chains=256, seed=3)
    assert abs(estimate.value - energy.log_partition()) < 8 * estimate.error


def test_an_energy_states_its_own_base():
    normal, tilt = fe.Gaussian([0.0, 1.0]), wells(2)
    for both in (normal + fe.PythonEnergy(tilt.energy, tilt.grad, 2), normal + tilt):
        assert both.annealing_base == normal and both.tilt.n_features == 2
        assert normal.annealing_base is None and normal.tilt is None
    exact = both.log_partition()
    estimate = fe.log_partition(both, "ais", n_steps=200, seed=1)
    assert estimate.trusted and abs(estimate.value - exact) < 8 * estimate.error
    # Nothing with walls is a tilt: the weights of what is outside would be 0.
    box = fe.Box(-1.0, 2.0)
    cut = fe.Gaussian(0.0) + box
    assert cut.annealing_base == box and cut.tilt == fe.Gaussian(0.0)
    inside = math.log(0.5 * (math.erf(2 / math.sqrt(2)) + math.erf(1 / math.sqrt(2))))
    estimate = fe.log_partition(cut, "ais", n_steps=200, seed=1)
    assert abs(estimate.value - inside) < 8 * estimate.error < 0.02


def test_what_is_refused():
    quartic = fe.PythonEnergy(lambda X: (X**4).sum(1), lambda X: 4 * X**3, 2)
    with pytest.raises(ValueError, match="base must be normalised"):
        ais.forward(wells(2), quartic)
    with pytest.raises(ValueError, match="n_features=2, but the energy has 3"):
        ais.forward(wells(3), fe.Gaussian([0.0, 0.0]))
    with pytest.raises(ValueError, match="n_steps must be at least 1"):
        ais.forward(wells(2), fe.Gaussian([0.0, 0.0]), n_steps=0)
    with pytest.raises(TypeError, match="n_steps must be an integer"):
        fe.log_partition(wells(3), "ais", base=fe.Gaussian(np.zeros(3)), n_steps="many")
    with pytest.raises(fe.NonFiniteError, match="infinite energy"):
        ais.forward(fe.Gaussian(0.0) + fe.Box(-1, 1), fe.Gaussian(0.0), n_steps=10, seed=1)
    with pytest.raises(ValueError, match="outside the walls"):
        ais.reverse(fe.Gaussian(0.0) + fe.Box(-1, 1), None, np.linspace(0, 2, 20), n_steps=10)
    nan = fe.PythonEnergy(lambda X: X.sum(1), lambda X: np.where(X > 2.5, np.nan, 1.0), 2)
    with pytest.raises(fe.NonFiniteError, match="not a number for"):
        ais.forward(nan, fe.Gaussian([0.0, 0.0]), n_steps=200, seed=1)


def test_ctrl_c_and_the_progress_bar(capfd):
    pytest.importorskip("tqdm")
    energy = wells(20)
    base = fe.Gaussian(np.zeros(20))
    x = energy.exact_sample(500, seed=1)
    for options in ({"n_steps": 10**6}, {"n_steps": 50, "burn_in": 10**6}):
        error, waited = ctrl_c(
            lambda options=options: fe.certificate(
                energy, x, chains=x, base=base, method="ais", progress=True, **options
            ),
            fe.CertificateInterrupted,
            first=1.0,
        )
        assert waited < 0.3
        assert "the model and its chains are as they were" in str(error).lower()
        if "burn_in" in options:
            assert "burn-in" in str(error) and error.estimate.lower < energy.log_partition()
        else:
            assert error.estimate is None
    shown = capfd.readouterr().err
    assert "ladder" in shown and "forward" in shown and "burn-in" in shown
