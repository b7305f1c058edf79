"""Rows given some of their cells: the law of the rest, drawn and filled in."""

import numpy as np
import pytest
from scipy.stats import t as student_t
from stats import KS_LIMIT, Z_LIMIT, grid_cdf, ks, ks_limit, projected_cdf

import fastebm as fe
from fastebm.answers import conditional_sample, impute

rng = np.random.default_rng(1)
DIAGONAL = fe.WellMixture.from_mixture(
    [0.3, 0.7], [[-1.0, 0.5, 0.0], [1.5, -0.5, 1.0]], [[0.4, 0.8, 0.6], [0.6, 0.5, 0.9]]
)
FULL = fe.WellMixture(3, 3, covariance="full")
FULL.theta = rng.uniform(-0.7, 0.7, FULL.n_params)
# Whose parts overlap: chains mix fast.
MILD = fe.WellMixture.from_mixture(
    [0.4, 0.6], [[-0.5, 0.6, 0.0], [0.6, -0.5, 0.5]], [[0.5, 0.8, 0.6], [0.7, 0.5, 0.9]]
)
TAILS = fe.StudentTMixture.from_mixture(
    [0.4, 0.6], FULL.means_[:2], df=[2.5, 6.0], scale_matrices=FULL.covariances_[:2]
)
BELL = fe.Gaussian([1.0, -2.0, 0.5], [[1.0, 0.6, -0.3], [0.6, 2.0, 0.4], [-0.3, 0.4, 0.7]])
NAN = np.nan


def silent(energy):
    """The same density, of which nothing is known."""
    return fe.PythonEnergy(energy.energy, energy.grad, energy.n_features)


def projected(energy, direction):
    """CDF of x @ direction."""
    if energy is not TAILS:
        return projected_cdf(energy, direction)
    places = energy.means_ @ direction
    scales = np.sqrt(np.einsum("i,kij,j->k", direction, energy.scale_matrices_, direction))
    laws = list(zip(energy.weights_, places, scales, energy.degrees_of_freedom_, strict=True))
    return lambda x: sum(w * student_t.cdf((x - m) / s, df) for w, m, s, df in laws)


# ---- an energy of some features ----


@pytest.mark.parametrize("energy", [DIAGONAL, FULL, BELL], ids=["diagonal", "full", "gaussian"])
def test_z_is_the_density_of_what_was_observed(energy):
    # Against one-dimensional quadrature over the free feature.
    for j in range(3):
        rest = [d for d in range(3) if d != j]
        inner = fe.Conditioned(energy, rest, [0.7, -0.4])
        t = np.linspace(-30, 30, 60_001)
        whole = np.empty((len(t), 3))
        whole[:, j], whole[:, rest] = t, [0.7, -0.4]
        mass = np.exp(-energy.energy(whole)).sum() * (t[1] - t[0])
        assert inner.log_partition() == pytest.approx(np.log(mass), abs=1e-9)
        assert inner.energy(t[::1000]) == pytest.approx(energy.energy(whole[::1000]), rel=1e-14)


def test_the_order_of_observed_is_that_of_the_values():
    one, other = fe.Conditioned(FULL, [2, 0], [0.1, 0.9]), fe.Conditioned(FULL, [0, 2], [0.9, 0.1])
    assert one.energy([0.3]) == other.energy([0.3]) and one.log_partition() == other.log_partition()
    assert one.free.tolist() == [1] and one.observed.tolist() == [2, 0] and one.values.tolist() == [0.1, 0.9]
    assert fe.Conditioned(FULL, [False, True, False], [0.5]) == fe.Conditioned(FULL, [1], [0.5])
    assert fe.Conditioned(FULL, [], []).energy([[0.1, 0.2, 0.3]]) == FULL.energy([[0.1, 0.2, 0.3]])


@pytest.mark.parametrize(
    ("observed", "values", "message"),
    [
        ([3], [0.0], "names feature 3"),
        ([-1], [0.0], "names feature -1"),
        ([0, 0], [0.0, 0.0], "every feature once"),
        ([0, 1, 2], [0.0] * 3, "leave at least one free"),
        ([0], [0.0, 1.0], "values must have shape"),
        ([0], [NAN], r"values\[0\] = nan"),
        ([0.5], [1.0], "numbers of features"),
        ([True], [1.0], "3 booleans"),
    ],
)
def test_bad_observed(observed, values, message):
    with pytest.raises(ValueError, match=message):
        fe.Conditioned(FULL, observed, values)


def test_a_failure_inside_comes_out():
    def broken(X):
        raise RuntimeError("no energy today")

    with pytest.raises(RuntimeError, match="no energy today"):
        fe.Conditioned(fe.PythonEnergy(broken, broken, 3), [0], [0.0]).energy([[0.0, 0.0]])


# ---- samples ----


@pytest.mark.parametrize("energy", [DIAGONAL, FULL, TAILS], ids=["diagonal", "full", "student"])
def test_exact_samples_have_the_conditional_law(energy):
    drawn = conditional_sample(energy, [NAN, 0.4, NAN], 20_000, seed=1)
    assert drawn.sampler is None and drawn.warnings == [] and (drawn.x[:, 1] == 0.4).all()
    rest = fe.Conditioned(energy, [1], [0.4])
    # One direction that mixes both, against quadrature over the plane.
    u, v = np.meshgrid(np.linspace(-30, 30, 1501), np.linspace(-30, 30, 1501))
    p = np.exp(-rest.energy(np.stack([u.ravel(), v.ravel()], axis=1)))
    along = np.sort(u.ravel() + 0.7 * v.ravel()), np.argsort(u.ravel() + 0.7 * v.ravel())
    mass = np.cumsum(p[along[1]]) / p.sum()
    cdf = lambda s: np.interp(s, along[0], mass)  # noqa: E731
    assert ks(drawn.x[:, 0] + 0.7 * drawn.x[:, 2], cdf) < KS_LIMIT
    if rest.has_exact_sample:
        t = rest.exact_sample(2000, seed=2)
        assert ks(t[:, 0] + 0.7 * t[:, 1], cdf) < KS_LIMIT
    # Negative control: rows of the whole law near the value are not it, nor is another value.
    wrong = conditional_sample(energy, [NAN, 1.1, NAN], 20_000, seed=1).x
    assert ks(wrong[:, 0] + 0.7 * wrong[:, 2], cdf) > 2 * KS_LIMIT


def test_other_energies_by_chains():
    rest = fe.Conditioned(DIAGONAL, [1, 2], [0.2, 0.4])
    drawn = conditional_sample(silent(DIAGONAL), [NAN, 0.2, 0.4], 2000, seed=1)
    assert drawn.sampler is not None and drawn.rhat.max() < 1.02 and drawn.warnings == []
    x = np.sort(drawn.x[:, 0])
    assert np.abs(np.arange(1, 2001) / 2000 - grid_cdf(rest, -8, 8)(x)).max() < 0.08


def test_in_the_units_and_by_the_names_of_a_fit():
    x = DIAGONAL.exact_sample(800, seed=3) * [1.0, 100.0, 0.01] + [0.0, 5.0, 7.0]
    fit = fe.fit_wells(x, 2, recipe="em", seed=1, names=["a", "b", "c"])
    drawn = conditional_sample(fit, {"b": 30.0, 2: 7.0}, 4000, seed=1).x
    assert (drawn[:, 1] == 30.0).all() and (drawn[:, 2] == 7.0).all()
    row = np.array([[NAN, 30.0, 7.0]])
    assert abs(drawn[:, 0].mean() - impute(fit, row)[0, 0]) < Z_LIMIT * drawn[:, 0].std() / np.sqrt(4000)
    for given, message in [
        ({"d": 1.0}, "names 'd', which is no feature of the model; they are a, b, c"),
        ({3: 1.0}, "must be at most 2"),
        ([1.0, 2.0], r"shape \(3,\)"),
        ([1.0, 2.0, 3.0], "no cell to draw"),
        ([np.inf, NAN, NAN], r"given\[0\] is infinite"),
    ]:
        with pytest.raises(ValueError, match=message):
            conditional_sample(fit, given, 5)
    with pytest.raises(TypeError, match="fitted EnergyDensity"):
        conditional_sample(np.zeros(3), [NAN], 5)


# ---- missing cells ----


def test_the_mean_of_a_normal_law_is_the_regression():
    # Against the textbook formula, with covariances in place of precisions.
    mean, covariance = BELL.modes[0], BELL.mode_covariances[0]
    x = np.array([[NAN, 0.3, 1.1], [0.2, NAN, NAN], [NAN, NAN, NAN], [1.0, 2.0, 3.0]])
    filled = impute(BELL, x)
    for row, out in zip(x, filled, strict=True):
        free, known = np.isnan(row), ~np.isnan(row)
        slope = covariance[np.ix_(free, known)] @ np.linalg.inv(covariance[np.ix_(known, known)])
        np.testing.assert_allclose(out[free], mean[free] + slope @ (row - mean)[known], rtol=1e-10)
        assert (out[known] == row[known]).all()
    assert np.isnan(x[0, 0])


def holed(energy, n, seed):
    """(rows of the law, the same with cells missing at random)"""
    x = energy.exact_sample(n, seed=seed)
    gaps = x.copy()
    gaps[np.random.default_rng(seed).random(x.shape) < 0.4] = NAN
    return x, gaps


@pytest.mark.parametrize("energy", [DIAGONAL, FULL, TAILS], ids=["diagonal", "full", "student"])
def test_draws_leave_the_law_as_it_is(energy):
    _, gaps = holed(energy, 20_000, 4)
    directions = np.random.default_rng(5).normal(size=(4, 3))
    limit = ks_limit(4)
    filled = impute(energy, gaps, how="draw", seed=6)
    assert max(ks(filled @ d, projected(energy, d)) for d in directions) < limit
    # Negative control: means in place of draws, and draws that do not look at the row.
    means = impute(energy, gaps)
    blind = np.where(np.isnan(gaps), energy.exact_sample(20_000, seed=7), gaps)
    for wrong in (means, blind):
        assert max(ks(wrong @ d, projected(energy, d)) for d in directions) > limit
    # A mean has no smaller squared error than itself.
    x, _ = holed(energy, 20_000, 4)
    assert ((means - x) ** 2).sum() < 0.8 * ((filled - x) ** 2).sum()


def test_chains_leave_the_law_as_it_is():
    _, gaps = holed(MILD, 500, 8)
    filled = impute(silent(MILD), gaps, how="draw", seed=9)
    assert max(ks(filled @ d, projected_cdf(MILD, d)) for d in np.eye(3)) < ks_limit(3)
    assert max(ks(impute(MILD, gaps) @ d, projected_cdf(MILD, d)) for d in np.eye(3)) > ks_limit(3)
    # Means by 512 draws a row.
    means = impute(silent(MILD), gaps[:60], seed=9)
    assert np.abs(means - impute(MILD, gaps[:60])).max() < 0.2
    assert means.tobytes() == impute(silent(MILD), gaps[:60], seed=9).tobytes()


def test_chains_that_cannot_agree_are_said():
    far = fe.WellMixture.from_mixture([0.5, 0.5], [[-6.0, 0.0], [6.0, 0.0]], [[0.3, 1.0], [0.3, 1.0]])
    with pytest.warns(fe.FastEBMWarning, match="the chains of 1 of 1 rows"):
        impute(silent(far), [[NAN, 0.0], [6.0, 1.0]], seed=1)
    # And closed forms need no chains.
    assert impute(far, [[NAN, 0.0]])[0, 0] == pytest.approx(0.0, abs=1e-12)


def test_steep_walls_do_not_throw_chains_out():
    # The observed cell puts the free ones where the energy grows like exp(20 x).
    def energy(X):
        return np.exp(4.0 * X[:, 0] * X[:, 1]) + 0.5 * (X**2).sum(axis=1)

    def grad(X):
        return 4.0 * np.exp(4.0 * X[:, :1] * X[:, 1:]) * X[:, ::-1] + X

    filled = impute(fe.PythonEnergy(energy, grad, 2), [[NAN, 5.0]], seed=1)
    assert -2.0 < filled[0, 0] < 0.1


def test_a_network_fills_in():
    x = DIAGONAL.exact_sample(600, seed=1)[:, :2]
    network = fe.NetworkEnergy.mlp(2, (8,), base=fe.Gaussian.fit(x), seed=1)
    gaps = x[:20].copy()
    gaps[:10, 0] = NAN
    filled = impute(network, gaps, seed=1)
    assert np.isfinite(filled).all() and (filled[10:] == x[10:20]).all()


@pytest.mark.parametrize(
    ("x", "message"),
    [([[1.0, 2.0]], r"shape \(n_samples, 3\)"), ([[np.inf, 0.0, 1.0]], r"X\[0, 0\] is infinite")],
)
def test_bad_tables(x, message):
    with pytest.raises(ValueError, match=message):
        impute(DIAGONAL, x)
    with pytest.raises(ValueError, match="how must be one of"):
        impute(DIAGONAL, [[NAN, 0.0, 1.0]], how="median")
