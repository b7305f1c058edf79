"""Many short records: a run with a small thin must end."""

import numpy as np

import fastebm as fe


def test_many_records():
    # The piece length was doubled after every record and overflowed to 0 at the 60th: the run never ended.
    energy = fe.WellMixture()
    every = fe.SGLD(0.01).sample(energy, [0.0, 1.0, -1.0], 300, seed=1, thin=1)
    assert every.shape == (300, 3)
    assert np.array_equal(every[-1], fe.SGLD(0.01).sample(energy, [0.0, 1.0, -1.0], 300, seed=1))
