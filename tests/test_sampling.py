"""fe.sample: it reaches what it says it reached, and says what it did not."""

import math

import numpy as np
import pytest
from stats import Z_LIMIT, grid_cdf

import fastebm as fe

FAR = fe.WellMixture.from_mixture([0.3, 0.7], [-8.0, 8.0], [0.5, 0.5])


def hidden(energy):
    """The same energy, of which neither samples nor modes are known."""
    return fe.PythonEnergy(energy.energy, energy.grad, energy.n_features)


def law(result, cdf, limit=0.06):
    """Largest distance of the first feature's distribution to a law: 400 effective samples or more."""
    x = np.sort(result.x[:, 0])
    return np.abs(np.arange(1, len(x) + 1) / len(x) - cdf(x)).max() < limit


def test_what_can_be_sampled_directly_is():
    result = fe.sample(FAR, 500, seed=1)
    assert result.sampler is None and result.trace is None and result.warnings == []
    np.testing.assert_array_equal(result.ess, [500.0])
    assert (fe.sample(FAR, 500, seed=1).x == result.x).all() and (
        fe.sample(FAR, 500, seed=2).x != result.x
    ).all()
    assert "independent" in repr(result)


@pytest.mark.parametrize(
    ("energy", "low", "high"),
    [
        (hidden(fe.DoubleWell(1, 2.0)), -3.0, 3.0),
        (fe.Gaussian(0.0) + fe.Box(0.0, 2.0), 0.0, 2.0),
        (fe.Tempered(fe.WellMixture(), 2.0), -8.0, 8.0),
    ],
    ids=["double well", "walls", "tempered"],
)
def test_law(energy, low, high):
    result = fe.sample(energy, 2000, seed=1)
    assert result.warnings == [] and isinstance(result.sampler, fe.HMC)
    assert result.rhat.max() <= 1.01 and result.ess.min() >= 400
    assert result.x.shape == (2000, 1) and result.trace.shape[1:] == (64, 1)
    assert law(result, grid_cdf(energy, low + 1e-9, high - 1e-9))


def test_chains_that_disagree_get_a_ladder():
    result = fe.sample(hidden(FAR), 2000, seed=1)
    assert isinstance(result.sampler, fe.Tempering) and result.warnings == []
    share = (result.x < 0).mean()
    assert abs(share - 0.3) < 0.08
    basins = fe.sample(fe.MuellerBrown(), 1000, seed=1)
    assert basins.warnings == [] and basins.rhat.max() <= 1.01


def test_a_run_that_did_not_get_there_says_so():
    with pytest.warns(fe.FastEBMWarning, match="disagree"):
        result = fe.sample(hidden(FAR), 500, seed=1, sampler=fe.MALA(0.1), max_steps=2000)
    assert [w.code for w in result.warnings][:1] == ["rhat"] and result.rhat.max() > 1.1
    assert result.n_steps <= 2000 and "rhat" in repr(result)
    with pytest.warns(fe.FastEBMWarning, match="accept step"):
        assert fe.sample(fe.Gaussian(0.0), 100, seed=1, sampler=fe.SGLD(0.1)).warnings[0].code == "unadjusted"


def test_shares_that_are_known_are_compared():
    # All chains in one of two modes agree with each other.
    with pytest.warns(fe.FastEBMWarning, match="% of the mass"):
        result = fe.sample(FAR, 500, seed=1, sampler=fe.MALA(0.1), x0=[[8.0]] * 4, max_steps=2000)
    assert result.rhat.max() < 1.05
    assert [w.code for w in result.warnings] == ["mode_imbalance"]


def test_same_bytes_for_any_number_of_threads():
    energy = fe.Tempered(fe.DoubleWell(2), 2.0)
    a, b = (fe.sample(energy, 300, seed=3, n_threads=t) for t in (1, 2))
    assert a.x.tobytes() == b.x.tobytes() and a.sampler == b.sampler


def test_mean_within_its_error():
    energy = hidden(fe.Gaussian([1.0, -2.0], [[1.0, 0.8], [0.8, 4.0]]))
    result = fe.sample(energy, 4000, seed=5)
    error = np.array([1.0, 2.0]) / np.sqrt(np.minimum(result.ess, 4000) * 0.5)
    assert (np.abs(result.x.mean(axis=0) - [1.0, -2.0]) < Z_LIMIT * error).all()
    # Negative control: a spread of the wrong temperature is far outside.
    assert abs(result.x[:, 0].var() - 1.0) < 0.2 < abs(2.0 - result.x[:, 0].var())


def test_to_arviz():
    pytest.importorskip("arviz")
    result = fe.sample(fe.Tempered(fe.DoubleWell(2), 2.0), 200, seed=3)
    assert "posterior" in str(result.to_arviz())
    assert "posterior" in str(fe.sample(FAR, 50, seed=1).to_arviz())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_samples": 0}, "n_samples"),
        ({"n_chains": 3}, "n_chains"),
        ({"max_steps": 0}, "max_steps"),
        ({"x0": [[1.0, 2.0]]}, "x0"),
        ({"sampler": "hmc"}, "Sampler"),
        ({"sampler": fe.MALA(0.1, temperature=2.0)}, "samples exp"),
        ({"energy": 3}, "energy"),
        ({"energy": fe.Gaussian(0.0) + fe.Box(50.0, 51.0)}, "give x0"),
        ({"energy": fe.Gaussian(0.0) + fe.Box(5.0, 6.0), "x0": [[0.0]]}, "infinite"),
    ],
)
def test_bad_arguments(arguments, message):
    given = {"energy": hidden(FAR), "n_samples": 10} | arguments
    with pytest.raises((ValueError, TypeError), match=message):
        fe.sample(given.pop("energy"), given.pop("n_samples"), **given)


def test_log_partition_agrees_with_the_samples():
    # E[E] is what a derivative of log Z in the inverse temperature says.
    well = fe.DoubleWell(1, 3.0)
    step = 1e-3
    z = [fe.log_partition(fe.Tempered(well, 1.0 / (1.0 + s * step)), "quadrature").value for s in (1, -1)]
    mean = -(z[0] - z[1]) / (2 * step)
    result = fe.sample(hidden(well), 4000, seed=2)
    e = well.energy(result.x)
    assert abs(e.mean() - mean) < Z_LIMIT * e.std() / math.sqrt(1000)
