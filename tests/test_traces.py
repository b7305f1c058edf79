"""ESS, R-hat, mode occupancy and barrier crossings against what is known by calculation (T12, T13)."""

import math
import warnings

import numpy as np
import pytest
from scipy.stats import beta
from stats import Z_LIMIT, share_z, z_limit

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
    trace = fe.SGLD(h).sample(well, well.exact_sample(40, seed=1)[:, 0], 8000, seed=2, thin=1)
    r = 1 - 2 * a * h
    # Halves of 4000 draws are 200 autocorrelation times long; the estimate has an sd of 2.5 %.
    assert fe.ess(trace) == pytest.approx(trace.size * (1 - r) / (1 + r), rel=0.15)


def test_ess_sees_chains_that_disagree():
    rng = np.random.default_rng(3)
    x = rng.standard_normal((1000, 4))
    x[:, :2] += 5
    assert fe.ess(x) < 20


KINDS = ("mean", "bulk", "tail")


def test_a_drifting_chain_is_two_that_disagree():
    # Without the split this chain of noise on a ramp has an effective size of 5.0.
    rng = np.random.default_rng(31)
    chain = rng.standard_normal((1000, 1)) + np.linspace(0, 12, 1000)[:, None]
    assert fe.ess(chain) < 2 and fe.ess(chain, kind="bulk") < 2
    # Negative control: the same noise without the ramp.
    assert fe.ess(chain - np.linspace(0, 12, 1000)[:, None]) > 500


def traces():
    """(name, trace) for 9 shapes of 14 laws: odd lengths, few draws, one chain, ties, heavy tails."""
    laws = {
        "independent": lambda r, n, m: r.standard_normal((n, m)),
        "r=-.5": lambda r, n, m: ar1(r, -0.5, n, m),
        "r=.5": lambda r, n, m: ar1(r, 0.5, n, m),
        "r=.95": lambda r, n, m: ar1(r, 0.95, n, m),
        "drift": lambda r, n, m: r.standard_normal((n, m)) + np.linspace(0, 5, n)[:, None],
        "ramp": lambda r, n, m: np.linspace(0, 5, n)[:, None] + np.zeros((1, m)),
        "one jump": lambda r, n, m: np.where(np.arange(n)[:, None] < n / 3, 0.0, 1.0) + np.zeros((1, m)),
        "some stuck": lambda r, n, m: np.where(np.arange(m) % 2, 1.5, r.standard_normal((n, m))),
        "separated": lambda r, n, m: r.standard_normal((n, m)) + 5 * (np.arange(m) % 2),
        "Cauchy": lambda r, n, m: r.standard_cauchy((n, m)),
        "ties": lambda r, n, m: np.round(2 * ar1(r, 0.5, n, m)),
        "two values": lambda r, n, m: 1.0 * (ar1(r, 0.8, n, m) > 0.1),
        "walk": lambda r, n, m: r.standard_normal((n, m)).cumsum(axis=0),
        "far off": lambda r, n, m: 1e6 + r.standard_normal((n, m)),
    }
    # In none of them is a quantile one of the draws: rounding, which differs between versions of ArviZ, would decide.
    shapes = [(10, 1), (11, 4), (25, 1), (50, 3), (103, 1), (333, 4), (1000, 4), (2001, 2), (12, 100)]
    for number, (n, m) in enumerate(shapes):
        for other, (name, law) in enumerate(laws.items()):
            yield f"{name} {n} x {m}", law(np.random.default_rng([number, other]), n, m)


def test_as_arviz():
    # 126 traces, 8 numbers each. ArviZ is asked for arrays of shape (n_chains, n_draws).
    with warnings.catch_warnings():
        # It announces its next version.
        warnings.simplefilter("ignore")
        arviz = pytest.importorskip("arviz")
        if getattr(arviz, "Numba", None) is not None and arviz.Numba.numba_flag:
            # Its compiled form fails with NumPy 2.4 (an array of one number as a scalar).
            arviz.Numba.disable_numba()
    wrong, count = [], 0
    for name, x in traces():
        tails = {"tail": {"prob": (0.05, 0.95)}}
        pairs = [(f"ess {k}", fe.ess(x, kind=k), arviz.ess(x.T, method=k, **tails.get(k, {}))) for k in KINDS]
        pairs += [(f"mcse {k}", fe.mcse(x, kind=k), arviz.mcse(x.T, method=k)) for k in ("mean", "sd")]
        for p in (0.05, 0.5, 0.9):
            theirs = arviz.mcse(x.T, method="quantile", prob=p)
            pairs.append((f"mcse {p}", fe.mcse(x, kind="quantile", prob=p), theirs))
        for what, ours, theirs in pairs:
            count += 1
            if not ours == pytest.approx(float(theirs), rel=0.01, abs=1e-9):
                wrong.append(f"{name}: {what} {ours} instead of {float(theirs)}")
    assert count == 8 * 126
    assert not wrong, "\n".join(wrong)


def test_ranks_and_tails():
    rng = np.random.default_rng(32)
    x = ar1(rng, 0.5, 2000, 4)
    # A monotone map changes no rank; it changes the mean.
    assert fe.ess(x**3, kind="bulk") == fe.ess(x, kind="bulk")
    assert fe.ess(x**3) != fe.ess(x)
    # Chains of different spread agree in the middle, not in the tails.
    y = rng.standard_normal((2000, 4)) * np.array([1.0, 1.0, 1.0, 4.0])
    assert fe.ess(y, kind="bulk") > 4000 > 400 > fe.ess(y, kind="tail")


@pytest.mark.parametrize(
    "arguments, exact", [({}, 0.0), ({"kind": "sd"}, 1.0), ({"kind": "quantile", "prob": 0.9}, 1.2815516)]
)
@pytest.mark.parametrize("r", [0.0, 0.7])
def test_mcse_is_the_error_that_is_made(arguments, exact, r):
    # 400 traces: their errors in units of mcse have a variance of 1. The sd of such a variance is sqrt(2 / 400) = .07,
    # and mcse itself is off by a few per cent: within .45. Half the error, or twice, is .75 and 3 away.
    rng = np.random.default_rng(33)
    statistic = {
        "mean": np.mean,
        "sd": lambda x: x.std(ddof=1),
        "quantile": lambda x: np.quantile(x, 0.9),
    }[arguments.get("kind", "mean")]
    z = []
    for _ in range(400):
        x = ar1(rng, r, 500, 2)
        z.append((statistic(x) - exact) / fe.mcse(x, **arguments))
    assert abs(np.mean(np.square(z)) - 1) < 0.45
    assert abs(np.mean(z)) * math.sqrt(400) < z_limit() + 1


def test_mcse_knows_units():
    x = np.random.default_rng(34).standard_normal((100, 3))
    for arguments in ({}, {"kind": "sd"}, {"kind": "quantile", "prob": 0.3}):
        one = fe.mcse(x, **arguments)
        # Squares and fourth powers of these would be 0 or infinite.
        for scale in (2.0**-600, 2.0**300, 2.0**900):
            assert fe.mcse(scale * x, **arguments) == pytest.approx(scale * one, rel=1e-12)
            assert fe.ess(scale * x) == pytest.approx(fe.ess(x), rel=1e-12)
    both = np.stack([x, 10 * x], axis=2)
    np.testing.assert_allclose(fe.mcse(both), [fe.mcse(x), 10 * fe.mcse(x)], rtol=1e-12)


@pytest.mark.parametrize("a, b", [(1.0, 2.0), (1.2, 40.0), (7.5, 3.0), (900.0, 100.0), (5e5, 2.5e4)])
def test_beta_quantiles(a, b):
    from fastebm.diagnostics.effective import ONE_SD, _beta_quantiles

    np.testing.assert_allclose(_beta_quantiles(ONE_SD, a, b), beta.ppf(ONE_SD, a, b), rtol=1e-4)


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
    for kind in KINDS:
        assert math.isnan(fe.ess(x, kind=kind))
    for arguments in ({}, {"kind": "sd"}, {"kind": "quantile", "prob": 0.5}):
        assert math.isnan(fe.mcse(x, **arguments))


def test_one_value_per_feature():
    rng = np.random.default_rng(8)
    x = rng.standard_normal((200, 3, 2))
    np.testing.assert_array_equal(fe.ess(x), [fe.ess(x[:, :, 0]), fe.ess(x[:, :, 1])])
    assert fe.rhat(x).shape == (2,)


@pytest.mark.parametrize("bad", [np.zeros(5), np.zeros((3, 2)), np.zeros((2, 2, 2, 2)), [[math.nan] * 2] * 9])
@pytest.mark.parametrize("function", [fe.ess, fe.mcse, fe.rhat])
def test_bad_traces(function, bad):
    with pytest.raises(ValueError, match="trace"):
        function(bad)


@pytest.mark.parametrize("function", [fe.ess, fe.mcse])
def test_too_few_draws(function):
    with pytest.raises(ValueError, match="9 draws of every chain, but at least 10 are needed"):
        function(np.random.default_rng(9).standard_normal((9, 1000)))
    assert function(np.random.default_rng(9).standard_normal((10, 1000))) > 0


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda x: fe.ess(x, kind="rank"), "kind must be one of 'mean', 'bulk', 'tail'"),
        (lambda x: fe.mcse(x, kind="median"), "kind must be one of 'mean', 'sd', 'quantile'"),
        (lambda x: fe.mcse(x, kind="quantile"), "needs prob"),
        (lambda x: fe.mcse(x, kind="quantile", prob=1.0), "prob must be less than 1"),
        (lambda x: fe.mcse(x, prob=0.5), "prob belongs to kind='quantile'"),
    ],
)
def test_bad_kinds(call, message):
    with pytest.raises(ValueError, match=message):
        call(np.random.default_rng(10).standard_normal((20, 2)))


def test_normal_quantile_against_its_inverse():
    from fastebm.diagnostics.ranks import normal_quantile

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
