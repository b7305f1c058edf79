"""What the contract in Cython promises beyond what Python shows: weights, scratch, facts."""

import numpy as np
import pytest
from cases import ENERGIES, SAMPLERS, parametrise
from strategies import cloud

import fastebm as fe
from fastebm.energies import probe

SIZES = (1, 3, 8, 17, 64)


@parametrise("case", ENERGIES)
def test_weights_multiply_each_sample(case):
    energy = case.make()
    for n in SIZES:
        x = cloud(n, energy.n_features, n, case.x_range)
        weights = np.random.default_rng(n).uniform(0.0, 2.0, n)
        rows = energy.param_grad(x)
        got = probe.weighted_param_grad(energy, x, weights)
        assert (np.abs(got - weights @ rows) <= case.rel * (weights @ np.abs(rows)) + 1e-290).all()
        if energy.n_params and n > 1:
            # The control: without the weights it is another sum.
            assert (np.abs(got - rows.sum(axis=0)) > 1e-6 * np.abs(rows).sum(axis=0)).any()


@parametrise("case", ENERGIES)
def test_work_size_covers_every_block_method(case):
    """The default Laplacian once wrote behind what work_size had asked for."""
    energy = case.make()
    for n in SIZES:
        x = cloud(n, energy.n_features, n, case.x_range)
        assert not probe.scratch_touched(energy, x)


def test_too_little_scratch_is_noticed():
    x = cloud(17, 5, 1, 3.0)
    names = {
        "energy_block",
        "grad_block",
        "energy_grad_block",
        "param_grad_block",
        "directional_param_grad_block",
        "laplacian_block",
    }
    assert set(probe.scratch_touched(fe.WellMixture(4, 5), x, fewer=10**6)) == names
    # Its curvature is the same everywhere.
    assert set(probe.scratch_touched(fe.Gaussian(np.zeros(5)), x, fewer=10**6)) == names - {"laplacian_block"}


@parametrise("case", ENERGIES)
def test_facts_are_true(case):
    energy = case.make()
    assert energy.has_log_partition == case.has_log_partition
    assert energy.has_exact_sample == case.has_exact_sample
    assert energy.has_param_grad == (energy.n_params > 0)
    for has, call in (
        (energy.has_log_partition, energy.log_partition),
        (energy.has_exact_sample, lambda: energy.exact_sample(3)),
    ):
        if has:
            call()
        else:
            with pytest.raises(NotImplementedError):
                call()
    low, high = energy.theta_limits
    assert low.shape == high.shape == (energy.n_params,) and (low < high).all()
    facts = (energy.modes, energy.mode_shares, energy.mode_scales)
    if energy.modes is None:
        assert facts == (None, None, None)
        with pytest.raises(NotImplementedError, match="modes"):
            energy.shares(np.zeros((1, energy.n_features)))
        return
    k = len(energy.modes)
    assert energy.modes.shape == energy.mode_scales.shape == (k, energy.n_features)
    assert energy.mode_shares.shape == (k,) and abs(energy.mode_shares.sum() - 1.0) < 1e-12
    # The shares' mean over the density is the mass of the modes: 5 standard errors of 20,000 samples.
    shares = energy.shares(energy.exact_sample(20_000, seed=1))
    assert np.allclose(shares.sum(axis=1), 1.0)
    error = np.sqrt(shares.var(axis=0) / len(shares)) + 1e-12
    assert (np.abs(shares.mean(axis=0) - energy.mode_shares) < 5 * error).all()


@parametrise("case", ENERGIES)
def test_beyond_its_limits_a_parameter_has_no_effect(case):
    energy = case.make()
    _, high = energy.theta_limits
    x = cloud(20, energy.n_features, 1, case.x_range)
    for p in np.flatnonzero(np.isfinite(high))[:3]:
        theta = energy.theta
        values = []
        for beyond in (1.0, 2.0):
            theta[p] = high[p] + beyond
            energy.theta = theta
            values.append(energy.energy(x))
        assert np.array_equal(*values)
        assert not energy.param_grad(x)[:, p].any()


@parametrise("sampler", SAMPLERS)
def test_facts_of_samplers(sampler):
    made = sampler.make(1)
    assert (made.exact_at is not None) == sampler.exact
    rate = made.run(fe.WellMixture(), np.zeros(50), 20, seed=1).acceptance_rate
    assert (rate is not None) == sampler.reports_acceptance == made.adjusted
    assert made.step_size is None or made.step_size > 0
    assert made.temperature > 0 and made.intended_temperature > 0


def test_what_is_not_an_energy_or_has_no_method_says_so():
    class Mine(fe.Energy):
        pass

    class Ours(fe.Sampler):
        pass

    with pytest.raises(TypeError, match="Mine is not initialised"):
        Mine().energy([1.0])
    with pytest.raises(NotImplementedError, match=r"Ours has no run_block: .*fastebm\.cycle"):
        Ours().sample(fe.WellMixture(), [1.0], 3)
    half = fe.PythonEnergy(lambda X, t: t[0] * X[:, 0] ** 2, lambda X, t: 2 * t[0] * X, theta=[1.0])
    assert not half.has_param_grad
    with pytest.raises(NotImplementedError, match="no gradient in it: give param_grad or param_grad_sum"):
        half.param_grad([1.0])
    with pytest.raises(ValueError, match="no parameters to train: it has no gradient in theta"):
        fe.ContrastiveDivergence(half)
