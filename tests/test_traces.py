"""ESS, R-hat, mode occupancy and barrier crossings against what is known by calculation (T12, T13)."""

import math

import numpy as np
import pytest
from stats import Z_LIMIT, share_z

import fastebm as fe


def ar1(rng, r, n, m):
    x = np.empty((n, m))
    x[0] = rng.standard_normal(m)
    noise = math.sqrt(1 - r * r) * rng.standard_normal((n, m))
    for i in range(1, n):
        x[i] = r * x[i - 1] + noise[i]
    return x


@pytest.mark.parametrize("r, exact", [(0.95, 513), (0.728, 3148), (-0.5, 60000)])
def test_ess_of_an_autoregression(r, exact):
    # N (1 - r) / (1 + r). One estimate has an sd of 9, 5 and 5 %, so 15 % is 7 sd or more of the mean of 20.
    assert exact == pytest.approx(20000 * (1 - r) / (1 + r), abs=1)
    rng = np.random.default_rng(1)
    mean = np.mean([fe.ess(ar1(rng, r, 5000, 4)) for _ in range(20)])
    assert mean == pytest.approx(exact, rel=0.15)


def test_ess_sees_the_wrong_autocorrelation():
    # Negative control: counting draws, or dropping every other draw, is far outside that limit.
    rng = np.random.default_rng(2)
    x = np.mean([fe.ess(ar1(rng, 0.95, 5000, 4)) for _ in range(20)])
    thinned = np.mean([fe.ess(ar1(rng, 0.95, 5000, 4)[::20]) for _ in range(20)])
    assert abs(20000 / x - 1) > 0.15
    assert abs(thinned / 1000 - 1) > 0.15


def test_ess_of_langevin_chains_in_a_quadratic_well():
    # r = 1 - 2 a h exactly.
    a, h = 1.0, 0.05
    well = fe.WellMixture(1, theta=[math.log(a), 0.3, 0.0, 0.0])
    trace = fe.SGLD(h).sample(well, well.exact_sample(400, seed=1)[:, 0], 400, seed=2, thin=1)
    r = 1 - 2 * a * h
    # The mean over a trace of 400 x 400; 5 % is ten times the spread of such an estimate.
    assert fe.ess(trace) == pytest.approx(trace.size * (1 - r) / (1 + r), rel=0.05)


def test_ess_sees_chains_that_disagree():
    rng = np.random.default_rng(3)
    x = rng.standard_normal((1000, 4))
    x[:, :2] += 5
    assert fe.ess(x) < 20


def test_rhat_of_independent_draws():
    rng = np.random.default_rng(4)
    values = [fe.rhat(rng.standard_normal((1000, 4))) for _ in range(50)]
    assert max(values) < 1.01


def test_rhat_of_chains_stuck_half_in_each_well():
    # Fully separated halves have normal scores of mean +-sqrt(2/pi) and variance 1 - 2/pi, so for 8 half chains R^2 =
    # 1 + (8/7) (2/pi) / (1 - 2/pi) = 3.00.
    rng = np.random.default_rng(5)
    x = rng.standard_normal((1000, 4)) * 0.3
    x[:, :2] -= 2
    x[:, 2:] += 2
    assert fe.rhat(x) > 1.5
    assert fe.rhat(x) == pytest.approx(math.sqrt(1 + 8 / 7 * (2 / math.pi) / (1 - 2 / math.pi)), rel=0.02)


def test_rhat_sees_different_spreads():
    rng = np.random.default_rng(6)
    x = rng.standard_normal((1000, 4))
    x[:, 0] *= 4
    assert fe.rhat(x) > 1.1


def test_rhat_is_rank_normalised():
    # A monotone map changes no rank, so the bulk value stays; heavy tails do not hide a shift.
    rng = np.random.default_rng(7)
    x = rng.standard_cauchy((1000, 4))
    assert fe.rhat(x) < 1.01
    x[:, 0] += 3
    assert fe.rhat(x) > 1.1


def test_chains_that_never_moved():
    x = np.ones((100, 4))
    assert math.isnan(fe.rhat(x))
    assert math.isnan(fe.ess(x))


def test_one_value_per_feature():
    rng = np.random.default_rng(8)
    x = rng.standard_normal((200, 3, 2))
    np.testing.assert_array_equal(fe.ess(x), [fe.ess(x[:, :, 0]), fe.ess(x[:, :, 1])])
    assert fe.rhat(x).shape == (2,)


@pytest.mark.parametrize("bad", [np.zeros(5), np.zeros((3, 2)), np.zeros((2, 2, 2, 2)), [[math.nan] * 2] * 9])
@pytest.mark.parametrize("function", [fe.ess, fe.rhat])
def test_bad_traces(function, bad):
    with pytest.raises(ValueError, match="trace"):
        function(bad)


def test_normal_quantile_against_its_inverse():
    from fastebm.diagnostics.traces import normal_quantile

    p = np.concatenate([np.logspace(-12, -1, 50), np.linspace(0.1, 0.9, 50), 1 - np.logspace(-9, -1, 50)])
    back = np.array([0.5 * math.erfc(-z / math.sqrt(2)) for z in normal_quantile(p)])
    np.testing.assert_allclose(back, p, rtol=1e-7)


def test_occupancy_and_crossings():
    trace = np.array([[-1.0, -1.0, 2.0], [1.0, -1.0, 2.0], [-1.0, -1.0, 2.0], [1.0, -2.0, -1.0]])
    np.testing.assert_array_equal(fe.barrier_crossings(trace, 0.0), [3, 0, 1])
    np.testing.assert_allclose(fe.mode_occupancy(trace, 0.0), [7 / 12, 5 / 12])
    centres = [[-1.0], [1.0]]
    np.testing.assert_array_equal(fe.barrier_crossings(trace, centres), [3, 0, 1])
    np.testing.assert_array_equal(fe.barrier_crossings(trace[:, :, None], centres), [3, 0, 1])
    wells = fe.WellMixture.from_mixture([0.5, 0.5], [-1.0, 1.0], [0.5, 0.5])
    np.testing.assert_array_equal(fe.barrier_crossings(trace, wells), [3, 0, 1])
    np.testing.assert_array_equal(fe.barrier_crossings(trace[:, :, None], wells), [3, 0, 1])
    assert fe.mode_occupancy(trace[0], wells).tolist() == [2 / 3, 1 / 3]


def test_occupancy_of_exact_samples():
    wells = fe.WellMixture.from_mixture([0.2, 0.8], [[-4.0, 0], [4.0, 1]], [[0.5, 1], [0.7, 1]])
    share = fe.mode_occupancy(wells.exact_sample(100_000, seed=1), wells)[0]
    assert abs(share_z(100_000 * share, 100_000, 0.2)) < Z_LIMIT


def test_modes_that_do_not_fit():
    with pytest.raises(ValueError, match="modes have 3 features"):
        fe.mode_occupancy(np.zeros((5, 4, 2)), np.zeros((2, 3)))
    with pytest.raises(TypeError, match="WellMixture"):
        fe.mode_occupancy(np.zeros((5, 4)), fe.PythonEnergy(lambda X: X[:, 0], lambda X: X))
    with pytest.raises(ValueError, match="n_draws, n_chains"):
        fe.barrier_crossings(np.zeros(5), 0.0)
