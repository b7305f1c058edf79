"""log Z of a Gaussian-Bernoulli restricted Boltzmann machine by annealing, against its 2^16 hidden states (T15)."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import fastebm as fe

VISIBLE, HIDDEN = 6, 16
LIMIT = 0.06


class Machine:
    """E(v) = |v - b|^2 / 2 - sum_h softplus(c_h + W_h v): a mixture of 2^H unit normals, one for each hidden state."""

    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        self.W = 0.35 * rng.standard_normal((HIDDEN, VISIBLE))
        self.b, self.c = 0.3 * rng.standard_normal(VISIBLE), rng.normal(-0.5, 0.5, HIDDEN)
        self.states = np.array(list(itertools.product([0.0, 1.0], repeat=HIDDEN)))
        self.shift = self.states @ self.W
        self.log_mass = self.states @ self.c + self.shift @ self.b + 0.5 * (self.shift**2).sum(axis=1)

    def energy(self):
        def energy(v):
            return 0.5 * ((v - self.b) ** 2).sum(axis=1) - np.logaddexp(0.0, v @ self.W.T + self.c).sum(
                axis=1
            )

        def grad(v):
            return v - self.b - (1.0 / (1.0 + np.exp(-(v @ self.W.T + self.c)))) @ self.W

        return fe.PythonEnergy(energy, grad, VISIBLE)

    def log_partition(self, among=slice(None)):
        """Exact, over all hidden states or some of them."""
        return np.logaddexp.reduce(self.log_mass[among]) + 0.5 * VISIBLE * np.log(2.0 * np.pi)

    def exact_sample(self, n, seed):
        rng = np.random.default_rng(seed)
        share = np.exp(self.log_mass - self.log_mass.max())
        state = rng.choice(len(share), n, p=share / share.sum())
        return self.b + self.shift[state] + rng.standard_normal((n, VISIBLE))


@pytest.mark.parametrize("seed", [1, 2])
def test_annealing_agrees_with_enumeration(seed):
    machine = Machine(seed)
    estimate = fe.log_partition(
        machine.energy(),
        method="ais",
        X=machine.exact_sample(2000, seed=3),
        n_chains=1024,
        n_steps=300,
        seed=4,
    )
    assert estimate.trusted
    exact = machine.log_partition()
    assert abs(estimate.value - exact) < LIMIT
    # An enumeration without the normals' own mass, or of the machine without any one of its units, is somewhere else.
    assert abs(estimate.value - (exact - 0.5 * VISIBLE * np.log(2.0 * np.pi))) > LIMIT
    for unit in range(HIDDEN):
        assert abs(estimate.value - machine.log_partition(machine.states[:, unit] == 0)) > LIMIT


def test_the_gradient_of_the_machine():
    machine = Machine(1)
    assert fe.check_grad(machine.energy(), machine.exact_sample(50, seed=5)).ok
