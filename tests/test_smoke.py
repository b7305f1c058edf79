"""The whole path in a second: what an installed wheel must do on every interpreter it claims to serve."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import fastebm as fe


def test_the_whole_path(tmp_path):
    truth = fe.WellMixture.from_mixture([0.55, 0.45], [-2.0, 1.8], [0.45, 0.55])
    data = truth.exact_sample(500, seed=1)
    result = fe.ContrastiveDivergence(fe.initial_wells(data, 2, seed=1), n_updates=100).fit(data, seed=2)
    assert abs(np.sort(result.energy.weights_)[0] - 0.45) < 0.1
    fe.save(tmp_path / "model.npz", result.energy)
    energy = fe.load(tmp_path / "model.npz")
    assert energy == result.energy == copy.deepcopy(energy) == pickle.loads(pickle.dumps(energy))
    runs = [fe.MALA(0.05).sample(energy, data, 20, seed=3, n_threads=n) for n in (1, 2)]
    assert runs[0].tobytes() == runs[1].tobytes()
    ring = fe.PythonEnergy(lambda X: (X**2).sum(1), lambda X: 2 * X, n_features=2)
    assert fe.SGLD(0.1).sample(ring, np.zeros((5, 2)), 3, seed=4).shape == (5, 2)
    assert abs(fe.log_partition(ring).value - np.log(np.pi)) < 1e-8


@pytest.mark.parametrize("energy", [None, 3, object()])
def test_an_energy_that_is_none(energy):
    # A None where a compiled class is expected would end the interpreter.
    with pytest.raises(TypeError):
        fe.SGLD(0.1).sample(energy, [0.0], 1)
    with pytest.raises(TypeError):
        fe.ContrastiveDivergence(energy)
    with pytest.raises(TypeError):
        fe.log_partition(energy)
