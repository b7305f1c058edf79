"""Densities in the plane: their samples follow their log density."""

import numpy as np
import pytest
from scipy.special import i0e
from stats import Z_LIMIT, chi2_limit, mean_z

import fastebm as fe
from fastebm import datasets

TOYS = [datasets.eight_gaussians, datasets.moons, datasets.rings, datasets.checkerboard]
toys = pytest.mark.parametrize("toy", TOYS, ids=lambda toy: toy.name)
# Midpoints of squares of side 1/20.
SIDE = np.arange(-80, 80) / 20 + 0.025
GRID = np.stack(np.meshgrid(SIDE, SIDE, indexing="ij"), axis=-1).reshape(-1, 2)


@toys
def test_density_and_samples(toy):
    p = np.exp(toy.log_prob(GRID)) / 400
    assert abs(p.sum() - 1.0) < 1e-9
    x = toy(20_000, seed=1)
    # Cells of side 1/2; those with few samples are put together.
    cells = p.reshape(16, 10, 16, 10).sum(axis=(1, 3)).ravel() * len(x)
    index = np.floor((x + 4.0) * 2).astype(int)
    counts = np.bincount(index[:, 0] * 16 + index[:, 1], minlength=256)
    used = cells > 20
    observed, expected = (
        np.append(counts[used], counts[~used].sum()),
        np.append(cells[used], cells[~used].sum()),
    )
    if expected[-1] < 1e-6:
        assert observed[-1] == 0
        observed, expected = observed[:-1], expected[:-1]
    assert ((observed - expected) ** 2 / expected).sum() < chi2_limit(len(expected) - 1)
    # The control: samples that are 2 % too wide.
    index = np.clip(np.floor((1.02 * x + 4.0) * 2).astype(int), 0, 15)
    counts = np.bincount(index[:, 0] * 16 + index[:, 1], minlength=256)
    observed = np.append(counts[used], counts[~used].sum())[: len(expected)]
    assert ((observed - expected) ** 2 / expected).sum() > chi2_limit(len(expected) - 1)
    # The mean of log p over samples is that of the density.
    log_p = toy.log_prob(x)
    inside = p > 0
    mean = (p[inside] * np.log(400 * p[inside])).sum()
    assert log_p.std() == 0 or abs(mean_z(log_p, mean, log_p.var())) < Z_LIMIT


@toys
def test_drawing(toy):
    assert np.array_equal(toy(5, seed=3), toy(5, 3)) and not np.array_equal(toy(5, seed=3), toy(5, seed=4))
    assert toy(0).shape == (0, 2) and repr(toy) == f"fastebm.datasets.{toy.name}"
    assert np.abs(toy(1000, seed=1)).max() < toy.extent
    for bad in (-1, 2.5):
        with pytest.raises((ValueError, TypeError)):
            toy(bad)
    with pytest.raises(ValueError, match="shape"):
        toy.log_prob(np.zeros(3))


@pytest.mark.parametrize("toy", TOYS[:3], ids=lambda toy: toy.name)
def test_score_is_the_slope(toy):
    x = toy(200, seed=5)
    for d in range(2):
        step = 1e-5 * np.eye(2)[d]
        slope = (toy.log_prob(x + step) - toy.log_prob(x - step)) / 2e-5
        assert np.abs(toy.score(x)[:, d] - slope).max() < 1e-5
    # With noise, it is the mean over the noise that was added of the score before (Monte Carlo, as an energy's score).
    more = toy.score(x, 0.3)
    assert np.abs(more).mean() < np.abs(toy.score(x)).mean()
    with pytest.raises(ValueError, match="noise_std"):
        toy.score(x, -1.0)


def test_eight_gaussians_are_a_mixture():
    t = np.arange(8) * np.pi / 4
    wells = fe.WellMixture.from_mixture(
        np.ones(8), 2 * np.stack([np.cos(t), np.sin(t)], axis=1), np.full((8, 2), 0.2)
    )
    x = datasets.eight_gaussians(100, seed=1)
    assert np.abs(wells.log_prob(x) - datasets.eight_gaussians.log_prob(x)).max() < 1e-10
    assert np.abs(wells.score(x) - datasets.eight_gaussians.score(x)).max() < 1e-10


def test_rings_against_bessel_functions():
    x = np.random.default_rng(0).uniform(-2.0, 2.0, (200, 2))
    rho, s = np.hypot(*x.T), 0.08
    parts = [np.exp(-((rho - r) ** 2) / (2 * s * s)) * i0e(rho * r / s**2) for r in (0.6, 1.2, 1.8, 2.4)]
    exact = np.log(sum(parts) / (8 * np.pi * s * s))
    assert np.abs(datasets.rings.log_prob(x) - exact).max() < 1e-10


def test_moons_are_those_of_scikit_learn():
    sklearn = pytest.importorskip("sklearn.datasets")
    x, _ = sklearn.make_moons(2000, noise=0.1, random_state=1)
    log_p = datasets.moons.log_prob(x)
    expected = datasets.moons.log_prob(datasets.moons(20_000, seed=1))
    assert abs(log_p.mean() - expected.mean()) < Z_LIMIT * np.sqrt(
        log_p.var() / 2000 + expected.var() / 20_000
    )
