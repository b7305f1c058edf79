"""The global move: uniform proposals on a box, accepted by the energy difference."""

import numpy as np
import pytest
from stats import KS_LIMIT, Z_LIMIT, bowker, grid_cdf, ks, projected_cdf, share_z, well_cdf

import fastebm as fe

CHAINS = 100_000
TRUTH = fe.WellMixture.from_mixture([0.55, 0.45], [-2.0, 1.8], [0.45, 0.55])
PLANE = fe.WellMixture.from_mixture([0.3, 0.7], [[-1.0, 0.5], [1.2, -0.4]], [[0.5, 0.6], [0.7, 0.4]])
SPACE = fe.WellMixture.from_mixture(
    [0.4, 0.6], [[-1.0, 0.5, 0.2], [1.0, -0.4, 0.0]], [[0.6, 0.6, 0.8], [0.7, 0.5, 0.6]]
)
# The second box leaves out a good part of the mass: chains there have to stay.
WIDE = {1: (-6.0, 6.0), 2: ([-4.0, -3.0], [5.0, 4.0]), 3: (-4.0, 4.5)}
TIGHT = {1: (-2.2, 2.0), 2: ([-1.5, -1.0], [2.0, 1.0]), 3: ([-1.6, -1.0, -1.2], [1.9, 1.2, 1.0])}
ENERGY = {1: TRUTH, 2: PLANE, 3: SPACE}


def box_of(boxes, d):
    low, high = boxes[d]
    return np.broadcast_to(np.asarray(low, float), d), np.broadcast_to(np.asarray(high, float), d)


def inside(x, low, high):
    return ((x >= low) & (x <= high)).all(axis=1)


def numpy_move(energy, x, n_steps, low, high, wrong=None, seed=2):
    """The same move in NumPy, or one of its mistakes."""
    rng = np.random.default_rng(seed)
    ex = energy.energy(x)
    for _ in range(n_steps):
        y = rng.uniform(low, high, x.shape)
        ey = energy.energy(y)
        take = np.log(rng.random(len(x))) < (ey - ex if wrong == "sign" else ex - ey)
        if wrong == "accept all":
            take[:] = True
        if wrong != "outside moves":
            take &= inside(x, low, high)
        if wrong == "downhill only":
            take &= ey < ex
        x = np.where(take[:, None], y, x)
        if wrong != "stale energy":
            ex = np.where(take, ey, ex)
    return x


def worst_ks(energy, x):
    """Largest KS statistic over the features and one oblique projection."""
    values = [ks(x[:, d], well_cdf(energy, d)) for d in range(energy.n_features)]
    along = np.array([0.6, -0.64, 0.48])[: energy.n_features]
    return max(*values, ks(x @ along, projected_cdf(energy, along)))


@pytest.mark.parametrize("n_features", [1, 2, 3])
@pytest.mark.parametrize("boxes", [WIDE, TIGHT], ids=["wide", "tight"])
class TestInvariance:
    def test_exact_start_stays_exact(self, boxes, n_features):
        energy = ENERGY[n_features]
        start = energy.exact_sample(CHAINS, seed=n_features)
        x = fe.IndependenceMH(*boxes[n_features]).sample(energy, start, 10, seed=3)
        assert worst_ks(energy, x) < KS_LIMIT
        assert worst_ks(energy, numpy_move(energy, start, 10, *box_of(boxes, n_features))) < KS_LIMIT

    @pytest.mark.parametrize("wrong", ["accept all", "sign", "downhill only", "stale energy"])
    def test_wrong_move_loses_the_law(self, boxes, n_features, wrong):
        energy = ENERGY[n_features]
        start = energy.exact_sample(CHAINS, seed=n_features)
        # A stale energy does harm only to a chain that has moved twice: in the wide box of 3-D few do in ten steps.
        n_steps = 10 * 2**n_features if wrong == "stale energy" else 10
        x = numpy_move(energy, start, n_steps, *box_of(boxes, n_features), wrong)
        assert worst_ks(energy, x) > 2 * KS_LIMIT

    def test_chains_outside_stay_and_others_stay_inside(self, boxes, n_features):
        energy = ENERGY[n_features]
        low, high = box_of(boxes, n_features)
        start = energy.exact_sample(20_000, seed=4)
        x = fe.IndependenceMH(*boxes[n_features]).sample(energy, start, 25, seed=5)
        was_inside = inside(start, low, high)
        np.testing.assert_array_equal(x[~was_inside], start[~was_inside])
        assert inside(x[was_inside], low, high).all()
        assert (x[was_inside] != start[was_inside]).all(axis=1).mean() > 0.5


@pytest.mark.parametrize("n_features", [1, 2, 3])
def test_letting_outside_chains_in_would_lose_the_law(n_features):
    energy = ENERGY[n_features]
    start = energy.exact_sample(CHAINS, seed=n_features)
    assert (
        worst_ks(energy, numpy_move(energy, start, 10, *box_of(TIGHT, n_features), "outside moves"))
        > 2 * KS_LIMIT
    )


@pytest.mark.parametrize("boxes", [WIDE, TIGHT], ids=["wide", "tight"])
def test_detailed_balance(boxes):
    start = TRUTH.exact_sample(CHAINS, seed=1)
    statistic, limit = bowker(start[:, 0], fe.IndependenceMH(*boxes[1]).sample(TRUTH, start, 1, seed=2)[:, 0])
    assert statistic < limit
    for wrong in ("accept all", "sign"):
        statistic, limit = bowker(start[:, 0], numpy_move(TRUTH, start, 1, *box_of(boxes, 1), wrong)[:, 0])
        assert statistic > 2 * limit


def test_accept_all_is_uniform_only_on_a_flat_energy():
    flat = fe.PythonEnergy(lambda X: np.zeros(len(X)), lambda X: np.zeros_like(X), 3)
    low, high = np.array([-1.0, 0.0, 5.0]), np.array([1.0, 3.0, 5.5])
    result = fe.IndependenceMH(low, high).run(flat, np.tile((low + high) / 2, (50_000, 1)), 1, seed=6)
    assert result.acceptance_rate == 1.0
    for d in range(3):
        assert ks(result.x[:, d], lambda v, d=d: (v - low[d]) / (high[d] - low[d])) < KS_LIMIT
    correlation = np.corrcoef(result.x.T)[np.triu_indices(3, 1)]
    assert (np.abs(correlation) * np.sqrt(50_000) < Z_LIMIT).all()


def test_chains_started_in_one_well_find_the_other():
    # Standing still would be invariant too.
    x = fe.IndependenceMH(-6.0, 6.0).sample(TRUTH, np.full(CHAINS, -2.0), 200, seed=7)
    assert ks(x, well_cdf(TRUTH)) < KS_LIMIT
    left = fe.MALA(0.05).sample(TRUTH, np.full(2000, -2.0), 200, seed=7)
    assert (left < 0).mean() > 0.9


def test_chains_fill_the_law_restricted_to_the_box():
    low, high = TIGHT[1]
    x = fe.IndependenceMH(low, high).sample(TRUTH, np.full(CHAINS, 0.0), 200, seed=8)
    assert ks(x, grid_cdf(TRUTH, low, high)) < KS_LIMIT


@pytest.mark.parametrize("temperature", [0.4, 3.0])
def test_temperature(temperature):
    x = fe.IndependenceMH(-5.0, 5.0, temperature=temperature).sample(TRUTH, np.zeros(CHAINS), 300, seed=9)
    assert ks(x, grid_cdf(TRUTH, -5.0, 5.0, temperature)) < KS_LIMIT
    assert ks(x, grid_cdf(TRUTH, -5.0, 5.0)) > 2 * KS_LIMIT


def test_acceptance_rate_from_a_known_start():
    # From x = 0 under E = |x| on [-2, 2]: E min(1, exp(-|y|)) = (1 - exp(-2)) / 2.
    tent = fe.PythonEnergy(lambda X: np.abs(X[:, 0]), lambda X: np.sign(X))
    result = fe.IndependenceMH(-2.0, 2.0).run(tent, np.zeros(CHAINS), 1, seed=10)
    accepted = (result.x != 0).sum()
    assert result.acceptance_rate == accepted / CHAINS
    assert abs(share_z(accepted, CHAINS, (1 - np.exp(-2)) / 2)) < Z_LIMIT


def test_infinite_energy_is_never_entered():
    wall = fe.PythonEnergy(lambda X: np.where(X[:, 0] < 0, np.inf, X[:, 0]), lambda X: np.ones_like(X))
    x = fe.IndependenceMH(-2.0, 4.0).sample(wall, np.ones(CHAINS), 100, seed=11)
    assert x.min() >= 0
    assert ks(x, lambda v: (1 - np.exp(-v)) / (1 - np.exp(-4.0))) < KS_LIMIT


def test_nan_energy_is_an_error():
    energy = fe.PythonEnergy(lambda X: np.where(X[:, 0] > 1, np.nan, X[:, 0]), lambda X: np.ones_like(X))
    with pytest.raises(fe.NonFiniteError, match="not a number"):
        fe.IndependenceMH(-2.0, 2.0).sample(energy, np.zeros(100), 10, seed=1)


def test_one_number_serves_every_feature():
    start = np.zeros((300, 3))
    one = fe.IndependenceMH(-2.0, 3.0).sample(SPACE, start, 20, seed=1)
    each = fe.IndependenceMH([-2.0] * 3, [3.0] * 3).sample(SPACE, start, 20, seed=1)
    np.testing.assert_array_equal(one, each)


def test_box_of_another_dimension_is_refused():
    with pytest.raises(ValueError, match=r"2 entries.*n_features=3"):
        fe.IndependenceMH([-1, -1], [1, 1]).sample(SPACE, np.zeros((4, 3)), 1)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((1.0, 1.0), ValueError, "low must be below high"),
        ((2.0, 1.0), ValueError, "low must be below high"),
        (([0.0, 2.0], [1.0, 1.0]), ValueError, "low must be below high"),
        (([0.0, 0.0], [1.0]), ValueError, "low and high"),
        (([], []), ValueError, "low and high"),
        (([[0.0]], [[1.0]]), ValueError, "low and high"),
        ((np.nan, 1.0), ValueError, "low"),
        ((0.0, np.inf), ValueError, "high"),
        (("a", 1.0), TypeError, "low"),
        ((None, 1.0), TypeError, "low"),
    ],
)
def test_bad_box(arguments, error, message):
    with pytest.raises(error, match=message):
        fe.IndependenceMH(*arguments)


@pytest.mark.parametrize("temperature", [0, -1.0, np.nan, np.inf])
def test_bad_temperature(temperature):
    with pytest.raises(ValueError, match="temperature"):
        fe.IndependenceMH(0, 1, temperature=temperature)
