"""Trained wells are taken on to the exact optimum: masses, which the likelihood hardly sees, most of all."""

import numpy as np
import pytest

import fastebm as fe
from fastebm.mixtures.em import climb
from fastebm.mixtures.polish import polished
from fastebm.mixtures.search import widths_of


def three_features(seed):
    rng = np.random.default_rng(seed)
    k = int(rng.integers(2, 6))
    truth = fe.WellMixture.from_mixture(
        rng.dirichlet(np.full(k, 4.0)), rng.normal(0, 2, (k, 3)), rng.uniform(0.3, 1.2, (k, 3))
    )
    return truth.exact_sample(1500, seed=seed), k


def furthest(wells, optimum):
    """Largest error of a mass, the wells paired by their nearest centres."""
    apart = ((wells.means_[:, None] - optimum.means_) ** 2).sum(axis=2)
    pairs = apart.argmin(axis=1)
    assert sorted(pairs) == list(range(len(pairs)))
    return float(np.abs(wells.weights_ - optimum.weights_[pairs]).max())


@pytest.mark.parametrize("seed", [22, 28])
def test_masses_are_those_of_the_optimum(seed):
    x, k = three_features(seed)
    options = {"recipe": "contrastive", "seed": seed, "diagnose": False}
    rough, fine = fe.fit_wells(x, k, polish=False, **options), fe.fit_wells(x, k, **options)
    z = (x - rough.offset) / rough.scale
    optimum = climb(z, rough.wells, 100_000, 1e-14, widths_of(rough.wells))
    assert furthest(fine.wells, optimum) < 2e-4
    # Negative control: as they were trained they are off by fifty times that, and the likelihood hardly tells.
    assert furthest(rough.wells, optimum) > 0.01
    gain = fine.score_samples(x).mean() - rough.score_samples(x).mean()
    assert 0 < fine.gained == pytest.approx(gain, abs=1e-12) and gain < 0.005
    assert fine.polished and not rough.polished and rough.gained == 0.0
    # Training itself is as it was.
    assert fine.training.theta.tobytes() == rough.training.theta.tobytes()


@pytest.mark.parametrize("covariance", ["diag", "full"])
def test_no_likelihood_is_lost(covariance):
    x = np.random.default_rng(3).normal(size=(300, 2)) * [1.0, 0.2]
    start = fe.initial_wells(x, 3, seed=1, n_init=1, covariance=covariance)
    best, gain = polished(x, start)
    assert gain > 1e-3
    assert best.log_prob(x).mean() - start.log_prob(x).mean() == pytest.approx(gain, abs=1e-12)
    again, more = polished(x, best)
    assert 0 <= more < 1e-9 and (more > 0 or again is best)


def test_a_well_that_would_collapse_stays_as_it_was():
    # Two equal rows, far from the others, and a well on them.
    x = np.concatenate([np.random.default_rng(1).normal(size=(200, 2)), np.full((2, 2), 6.0)])
    start = fe.WellMixture.from_mixture([0.99, 0.01], [[0.0, 0.0], [6.0, 6.0]], np.full((2, 2), 1.0))
    assert polished(x, start) == (start, 0.0)


def test_it_is_recorded_and_saved(tmp_path):
    x, k = three_features(1)
    fit = fe.fit_wells(x, k, n_updates=20, seed=1)
    assert fit.polished and not fe.fit_wells(x, k, recipe="em", seed=1).polished
    fe.save(tmp_path / "fit.npz", fit)
    assert fe.load(tmp_path / "fit.npz").polished
    for value in ("yes", True, None):
        with pytest.raises(ValueError, match="polish must be 'auto' or False"):
            fe.fit_wells(x, k, polish=value)
