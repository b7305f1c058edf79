"""The gradient that training follows is unbiased (T7): over exact samples, dE/dtheta averages to -d log Z / dtheta."""

from __future__ import annotations

import numpy as np
import pytest
from stats import z_limit

import fastebm as fe

N = 200_000
# Of about ten parameters at a time.
LIMIT = z_limit(10)


def closed_form(energy):
    """-d log Z / dtheta: half the well's mass for raw_a, 0 for m, the mass for k, 1 for c."""
    wells = [
        np.r_[np.full(energy.n_features, w / 2), np.zeros(energy.n_features), w] for w in energy.weights_
    ]
    return np.r_[np.concatenate(wells), 1.0]


def z_scores(energy, x):
    gradients = energy.param_grad(x)
    expected = closed_form(energy)
    assert (gradients[:, -1] == 1.0).all()
    assert energy.mean_param_grad(x)[-1] == 1.0
    spread = gradients[:, :-1].std(axis=0) / np.sqrt(len(x))
    return (gradients[:, :-1].mean(axis=0) - expected[:-1]) / spread


CASES = [
    fe.WellMixture.from_mixture([0.55, 0.45], [-2.0, 1.8], [0.45, 0.55]),
    fe.WellMixture.from_mixture(
        [0.2, 0.5, 0.3], [[0, 1], [2, -1], [-2, 0]], [[0.5, 1.0], [0.7, 0.4], [1.2, 0.3]]
    ),
]


@pytest.mark.parametrize("energy", CASES, ids=["two wells", "three wells in the plane"])
def test_exact_negatives_give_the_gradient_of_log_z(energy):
    assert np.abs(z_scores(energy, energy.exact_sample(N, seed=7))).max() < LIMIT


@pytest.mark.parametrize("energy", CASES, ids=["two wells", "three wells in the plane"])
@pytest.mark.parametrize("wrong", ["wider", "moved", "uneven"])
def test_wrong_negatives_are_seen(energy, wrong):
    weights, means, stds = energy.weights_, energy.means_, energy.stds_
    if wrong == "wider":
        stds = 1.03 * stds
    elif wrong == "moved":
        means = means + 0.02
    else:
        weights = weights * np.linspace(1.0, 1.1, len(weights))
    other = fe.WellMixture.from_mixture(weights, means, stds)
    assert np.abs(z_scores(energy, other.exact_sample(N, seed=7))).max() > LIMIT
