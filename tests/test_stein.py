"""Stein's identities under exact samples: E|grad|^2 = E lap, and E[(x - mu) . grad] = D (T9)."""

import numpy as np
import pytest
from stats import z_limit

import fastebm as fe

N = 50_000
# Two identities at a time.
LIMIT = z_limit(2)


def wells(d):
    rng = np.random.default_rng(d)
    return fe.WellMixture.from_mixture(
        [0.2, 0.5, 0.3], rng.normal(0, 1.5, (3, d)), rng.uniform(0.4, 1.2, (3, d))
    )


def z_scores(energy, x, temperature=1.0):
    g, lap = energy.grad(x), energy.laplacian(x)
    mu = np.mean(x, axis=0)
    stein = (g**2).sum(axis=1) - temperature * lap
    # The mean is estimated too, which costs 1 / N of the variance.
    virial = ((x - mu) * g).sum(axis=1) - temperature * x.shape[1]
    return [float(v.mean() / (v.std(ddof=1) / np.sqrt(len(v)))) for v in (stein, virial)]


@pytest.mark.parametrize("d", [1, 4, 10])
def test_exact_samples(d):
    energy = wells(d)
    x = energy.exact_sample(N, seed=1)
    assert max(map(abs, z_scores(energy, x))) < LIMIT
    ratio = (energy.grad(x) ** 2).sum() / energy.laplacian(x).sum()
    assert ratio == pytest.approx(1.0, abs=0.05)


def test_chains_at_another_temperature():
    energy = wells(4)
    x = energy.exact_sample(5000, seed=2)
    warm = fe.MALA(0.03, temperature=2.0).sample(energy, x, 600, seed=3)
    assert max(map(abs, z_scores(energy, warm, 2.0))) < LIMIT
    assert min(map(abs, z_scores(energy, warm, 1.0))) > LIMIT


@pytest.mark.parametrize("wrong", ["cold", "narrow", "other theta"])
def test_wrong_laws_fail(wrong):
    energy = wells(4)
    x = energy.exact_sample(N, seed=1)
    if wrong == "cold":
        x = fe.SGLD(0.02, noise_std=0.06).sample(energy, x, 200, seed=2)
        # The recipe that is too cold by 11: T = 0.09.
        assert (energy.grad(x) ** 2).sum() / energy.laplacian(x).sum() < 0.2
    elif wrong == "narrow":
        x = energy.means_[0] + 0.8 * (x - energy.means_[0])
    else:
        other = wells(4)
        other.theta = other.theta * 1.1
        x = other.exact_sample(N, seed=1)
    assert max(map(abs, z_scores(energy, x))) > LIMIT
