"""Ctrl-C while chains run keeps them: what is on the exception is the run that was not asked for more."""

import pickle

import numpy as np
import pytest
from interrupts import ctrl_c

import fastebm as fe

BOWL = fe.DoubleWell(2)
X0 = np.linspace(-1, 1, 80).reshape(40, 2)
MOVES = {
    "sgld": fe.SGLD(0.01, bounds=(-3, 3)),
    "mala": fe.MALA(0.1),
    "underdamped": fe.Underdamped(0.1, 1.0),
    "tempering": fe.Tempering(fe.MALA(0.1), [1.0, 2.0]),
}


class Stopping:
    """An energy in Python that is interrupted in its n-th call of the gradient."""

    def __init__(self, n, pause=0.0):
        self.left, self.pause = n, pause

    def energy(self, x):
        return 0.5 * (x**2).sum(axis=1)

    def grad(self, x):
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt
        return x.copy()

    def as_energy(self):
        return fe.PythonEnergy(self.energy, self.grad, 2)


def same(first, second):
    for name in ("x", "trace", "energies"):
        assert np.array_equal(getattr(first, name), getattr(second, name)), name
    assert first.acceptance_rate == second.acceptance_rate and first.n_clipped == second.n_clipped


@pytest.mark.parametrize("name", MOVES)
def test_one_block_keeps_its_steps(name):
    sampler = MOVES[name]
    many = 5_000_000
    caught, waited = ctrl_c(
        lambda: sampler.run(BOWL, X0, many, seed=3, thin=500, burn_in=100), fe.SamplingInterrupted, first=0.05
    )
    assert waited < 0.2
    part, n = caught.result, caught.n_steps - 100
    assert 500 < n < many and len(part.trace) == n // 500 and f"{caught.n_steps:,} of" in str(caught)
    whole = sampler.run(BOWL, X0, n, seed=3, thin=500, burn_in=100)
    same(part, whole)
    # Negative control: one step more is another run.
    assert not np.array_equal(part.x, sampler.run(BOWL, X0, n + 1, seed=3, burn_in=100).x)
    # It goes on where it was.
    on = sampler.run(BOWL, part.state, 37)
    assert np.array_equal(on.x, sampler.run(BOWL, whole.state, 37).x)


def test_sample_keeps_its_chains_too():
    caught, _ = ctrl_c(
        lambda: MOVES["mala"].sample(BOWL, X0, 10**9, seed=3), fe.SamplingInterrupted, first=0.05
    )
    part = caught.result
    assert part.trace is None
    assert np.array_equal(part.x, MOVES["mala"].sample(BOWL, X0, caught.n_steps, seed=3))


def test_of_many_blocks_the_finished_ones_are_kept():
    x0 = np.random.default_rng(1).normal(size=(40_000, 2))
    steps, calls = 10, Stopping(10**9)
    whole = fe.SGLD(0.1).run(calls.as_energy(), x0, steps, seed=1, thin=2, n_threads=1)
    stopping = Stopping(10**9 - calls.left - 1)
    with pytest.raises(fe.SamplingInterrupted, match=r"of the first [\d,]+ of 40,000 chains") as caught:
        fe.SGLD(0.1).run(stopping.as_energy(), x0, steps, seed=1, n_threads=1, thin=2)
    part = caught.value.result
    n = len(part.x)
    assert 0 < n < 40_000 and caught.value.n_steps == steps
    assert np.array_equal(part.x, whole.x[:n]) and np.array_equal(part.trace, whole.trace[:, :n])
    assert np.array_equal(part.energies, whole.energies[:n])


def test_nothing_complete_is_said():
    with pytest.raises(fe.SamplingInterrupted, match="before anything was complete") as caught:
        fe.SGLD(0.1).run(Stopping(3).as_energy(), X0, 100, seed=1)
    assert caught.value.result is None and caught.value.n_steps == 0
    with pytest.raises(fe.SamplingInterrupted, match="step size was tuned") as caught:
        fe.MALA("auto").run(Stopping(100).as_energy(), X0, 100, seed=1)
    assert caught.value.result is None


def test_a_python_energy_loses_a_moment_only():
    caught, _ = ctrl_c(
        lambda: fe.MALA(0.1).run(Stopping(0).as_energy(), X0, 10**6, seed=3, thin=10),
        fe.SamplingInterrupted,
        first=0.4,
    )
    part = caught.result
    assert caught.n_steps > 100
    whole = fe.MALA(0.1).run(Stopping(0).as_energy(), X0, caught.n_steps, seed=3, thin=10)
    assert np.array_equal(part.x, whole.x) and np.array_equal(part.trace, whole.trace)


def test_fe_sample_keeps_what_it_drew():
    energy, slow = fe.DoubleWell(4), fe.MALA(1e-6)
    caught, _ = ctrl_c(
        lambda: fe.sample(energy, 500, sampler=slow, seed=1, max_steps=10**9),
        fe.SamplingInterrupted,
        first=0.4,
    )
    found = caught.result
    assert isinstance(found, fe.Sample) and found.trace.shape[1:] == (64, energy.n_features)
    assert np.isfinite(found.x).all() and "rhat" in [w.code for w in found.warnings]
    assert found.n_steps == caught.n_steps > 0
    with pytest.raises(fe.SamplingInterrupted, match="before anything was drawn") as caught:
        fe.sample(Stopping(5).as_energy(), 100, seed=1, x0=X0)
    assert caught.value.result is None


def test_a_result_knows_what_it_sampled_until_it_is_pickled():
    run = MOVES["mala"].run(BOWL, X0, 20, seed=1, thin=4)
    assert run.energy is BOWL and run.every == 4
    copy = pickle.loads(pickle.dumps(run))
    assert copy.energy is None and copy.every == 4 and np.array_equal(copy.trace, run.trace)
    # Functions that cannot be pickled do not stop a result.
    assert pickle.loads(
        pickle.dumps(MOVES["mala"].run(fe.PythonEnergy(lambda x: (x**2).sum(1), lambda x: 2 * x, 2), X0, 5))
    )
