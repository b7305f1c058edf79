"""Parallel tempering crosses barriers and keeps the law; wrong exchanges are shown to lose it."""

import numpy as np
import pytest
from stats import KS_LIMIT, ks, well_cdf

import fastebm as fe

FAR = fe.WellMixture.from_mixture([0.3, 0.7], [-8.0, 8.0], [0.5, 0.5])
LADDER = np.geomspace(1, 200, 10)
START = np.full(20_000, -8.0)
BASES = {
    "mala": fe.MALA(0.1),
    "hmc": fe.HMC(0.3, 4),
    "underdamped": fe.Underdamped(0.3, metropolis=True),
    "cycle": fe.cycle((fe.MALA(0.1), 2), fe.HMC(0.3, 2)),
}


def numpy_tempering(n_steps, wrong=None, *, h=0.1, chains=20_000, seed=2):
    """A ladder with exact moves within each temperature, which are known for one well at a time, in NumPy."""
    rng = np.random.default_rng(seed)
    betas = 1.0 / LADDER[:, None]
    x = np.full((len(LADDER), chains), -8.0)
    for step in range(n_steps):
        for _ in range(5):
            y = x - h * FAR.grad(x.reshape(-1)).reshape(x.shape)
            y += np.sqrt(2 * h / betas) * rng.standard_normal(x.shape)
            ex, ey = (FAR.energy(v.reshape(-1)).reshape(x.shape) for v in (x, y))
            gx, gy = (FAR.grad(v.reshape(-1)).reshape(x.shape) for v in (x, y))
            q = ((x - y + h * gy) ** 2 - (y - x + h * gx) ** 2) / (4 * h) * betas
            x = np.where(np.log(rng.random(x.shape)) < betas * (ex - ey) - q, y, x)
        e = FAR.energy(x.reshape(-1)).reshape(x.shape)
        for k in range(step % 2, len(LADDER) - 1, 2):
            log_ratio = (betas[k] - betas[k + 1]) * (e[k] - e[k + 1])
            log_ratio = {"always": np.full(chains, 1.0), "sign": -log_ratio}.get(wrong, log_ratio)
            take = np.log(rng.random(chains)) < log_ratio
            x[k], x[k + 1] = np.where(take, x[k + 1], x[k]), np.where(take, x[k], x[k + 1])
    return x[0]


# The cycle has both kinds of move in it; the others are for the deep profile.
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[] if name == "cycle" else pytest.mark.deep) for name in BASES]
)
def test_law_from_one_mode_far_from_the_other(name):
    ladder = fe.Tempering(BASES[name], LADDER)
    assert ladder.exact_at == 1.0
    result = ladder.run(FAR, START, 400, seed=1)
    assert ks(result.x, well_cdf(FAR)) < KS_LIMIT
    statistics = ladder.swap_statistics(result)
    assert statistics.swap_rates.shape == (9,)
    assert (statistics.swap_rates > 0.2).all() and (statistics.swap_rates < 1).all()
    assert statistics.round_trips.shape == START.shape
    assert statistics.round_trips.mean() > 5
    assert "round trips" in str(statistics)
    # Without a ladder no chain has left.
    assert (BASES[name].sample(FAR, START[:1000], 2000, seed=1) < 0).all()


@pytest.mark.parametrize("wrong", ["always", "sign"])
def test_wrong_exchange_loses_the_law(wrong):
    assert ks(numpy_tempering(150, wrong, chains=4000), well_cdf(FAR)) > 2 * KS_LIMIT


def test_one_mode_is_kept_from_an_exact_start_after_the_hot_replicas_have_warmed():
    rng = np.random.default_rng(1)
    wells = fe.WellMixture.from_mixture([0.4, 0.6], rng.normal(0, 1.0, (2, 2)), rng.uniform(0.5, 1.0, (2, 2)))
    start = wells.exact_sample(40_000, seed=2)
    x = fe.Tempering(fe.HMC(0.4, 3), [1.0, 2.0, 4.0]).sample(wells, start, 60, seed=3)
    for d in range(2):
        assert ks(x[:, d], well_cdf(wells, d)) < KS_LIMIT


def test_two_rungs_and_swap_every():
    ladder = fe.Tempering(fe.MALA(0.2), [1.0, 3.0], swap_every=1)
    assert ladder.swap_every == 1 and ladder.temperatures == (1.0, 3.0)
    result = ladder.run(fe.WellMixture(), np.zeros(5), 4, seed=1)
    assert ladder.swap_statistics(result.state).swap_rates.shape == (1,)
    none = ladder.run(fe.WellMixture(), np.zeros(5), 0, seed=1)
    assert np.isnan(ladder.swap_statistics(none).swap_rates).all()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: fe.Tempering(fe.MALA(0.1), [2.0, 4.0]), "must begin with 1"),
        (lambda: fe.Tempering(fe.MALA(0.1), [1.0]), "at least two"),
        (lambda: fe.Tempering(fe.MALA(0.1), [1.0, 3.0, 2.0]), "must increase"),
        (lambda: fe.Tempering(fe.MALA(0.1), [1.0, np.inf]), "temperatures"),
        (lambda: fe.Tempering(fe.MALA(0.1), [1.0, 2.0], swap_every=0), "swap_every"),
        (lambda: fe.Tempering(fe.SGLD(0.1, noise_std=0.2), [1.0, 2.0]), "noise_std"),
        (lambda: fe.Tempering("mala", [1.0, 2.0]), "Sampler"),
        (
            lambda: fe.Tempering(fe.MALA(0.1), [1.0, 2.0]).swap_statistics(
                fe.MALA(0.1).run(FAR, [0.0], 1).state
            ),
            "another sampler",
        ),
    ],
)
def test_bad_input(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()
