"""Every energy: its values, its invariances, its density and how it behaves as a Python object."""

from __future__ import annotations

import copy
import itertools
import json
import pickle
import re
from pathlib import Path

import numpy as np
import pytest
from cases import ENERGIES, closed_form, parametrise
from hypothesis import given
from hypothesis import strategies as st
from oracle import FLOOR, WellMixtureOracle, assert_agrees
from scipy import integrate, special, stats
from stats import ks, ks_limit, projected_cdf, well_cdf
from strategies import EDGES, cloud, numbers, points, seeds, sizes, thetas, wide_thetas

import fastebm as fe

TRAPS = json.loads((Path(__file__).parent / "data" / "traps.json").read_text())
REL = 1e-12
QUANTITIES = ("energy", "grad", "param_grad", "laplacian")
SHAPES = [(1, 1), (2, 1), (3, 1), (1, 3), (2, 2), (4, 5)]


def assert_all_agree(energy, oracle, x, rel=REL, laplacian_rel=REL):
    for name in QUANTITIES:
        allowed = laplacian_rel if name == "laplacian" else rel
        assert_agrees(getattr(energy, name)(x), x, getattr(oracle, name), allowed)


# ---- values ----


@parametrise("case", ENERGIES)
@given(data=st.data())
def test_values_agree_with_the_oracle(case, data):
    energy = case.make()
    energy.theta = data.draw(thetas(case), label="theta")
    x = data.draw(points(energy.n_features, case.x_range), label="x")
    assert_all_agree(energy, case.oracle(energy), x, case.rel, case.laplacian_rel)


@parametrise("case", ENERGIES)
@given(seed=seeds)
def test_values_agree_with_the_oracle_at_generic_points(case, seed):
    # Drawn numbers are often round; these are not.
    rng = np.random.default_rng(seed)
    energy = case.make()
    energy.theta = rng.uniform(case.theta_low, case.theta_high)
    x = rng.uniform(-case.x_range, case.x_range, (5, energy.n_features))
    assert_all_agree(energy, case.oracle(energy), x, case.rel, case.laplacian_rel)


@pytest.mark.parametrize(("n_wells", "n_features"), SHAPES)
@given(data=st.data())
def test_wells_far_outside_the_clamps(n_wells, n_features, data):
    energy = fe.WellMixture(n_wells, n_features, data.draw(wide_thetas(n_wells, n_features), label="theta"))
    x = data.draw(points(n_features, 1e4), label="x")
    assert_all_agree(energy, WellMixtureOracle(energy.theta, n_wells, n_features), x)


@pytest.mark.parametrize("trap", TRAPS, ids=[f"{i} {t['name']}" for i, t in enumerate(TRAPS)])
@pytest.mark.parametrize("n_wells", [2, 3])
def test_traps(trap, n_wells):
    # A third well, 1e12 higher, changes nothing and takes the general loops instead of those for two wells.
    theta = trap["theta"][:6] + [0.0, 0.0, 1e12] * (n_wells - 2) + trap["theta"][6:]
    wells, x = fe.WellMixture(n_wells, theta=theta), [trap["x"]]
    gradient = wells.param_grad(x)[0]
    if n_wells == 3:
        assert (gradient[6:9] == 0.0).all()
        gradient = np.delete(gradient, [6, 7, 8])
    got = np.array([wells.energy(x)[0], wells.grad(x)[0], *gradient])
    want = np.array([trap["ref"]["E"], trap["ref"]["gx"], *trap["ref"]["g"]])
    large = np.abs(want) > FLOOR
    np.testing.assert_allclose(got[large], want[large], rtol=REL, atol=0.0)
    np.testing.assert_allclose(got[~large], 0.0, atol=FLOOR)
    if trap["name"].startswith("clip"):
        # The true derivative: a does not depend on raw_a there.
        assert gradient[0] == 0.0
    mean = wells.mean_param_grad(x)
    np.testing.assert_array_equal(np.delete(mean, [6, 7, 8]) if n_wells == 3 else mean, gradient)


def test_traps_are_traps():
    # Naive arithmetic fails on them, or the test above would prove little.
    failing = 0
    for trap in TRAPS:
        raw1, m1, k1, raw2, m2, k2, c = map(float, trap["theta"])
        e1, e2 = (np.exp(raw) * (trap["x"] - m) ** 2 + k for raw, m, k in ((raw1, m1, k1), (raw2, m2, k2)))
        with np.errstate(all="ignore"):
            naive = c - np.log(np.exp(-e1) + np.exp(-e2))
        failing += not abs(naive - trap["ref"]["E"]) <= REL * abs(trap["ref"]["E"])
    assert failing >= 8


@pytest.mark.parametrize("far", [30.0, 1e3, 1e100, 1e145, 1e153, 1e200])
@pytest.mark.parametrize("n_wells", [2, 3])
def test_a_well_out_of_sight_has_no_influence(far, n_wells):
    theta = np.zeros(3 * n_wells + 1)
    theta[4::3] = far
    energy = fe.WellMixture(n_wells, theta=theta)
    assert energy.energy([0.5])[0] == pytest.approx(0.25, rel=REL)
    assert energy.grad([0.5])[0] == pytest.approx(1.0, rel=REL)
    assert energy.laplacian([0.5])[0] == pytest.approx(2.0, rel=REL)
    gradient = energy.param_grad([0.5])[0]
    np.testing.assert_allclose(gradient[[0, 1, 2, -1]], [0.25, -1.0, 1.0, 1.0], rtol=REL)
    np.testing.assert_allclose(gradient[3:-1], 0.0, atol=FLOOR)


def central_differences(function, at, delta=1e-6):
    """(f(at + delta e_p) - f(at - delta e_p)) / 2 delta for every p, last axis p."""
    columns = []
    for p in range(at.shape[-1]):
        low, high = at.copy(), at.copy()
        low[..., p] -= delta
        high[..., p] += delta
        rise = function(high) - function(low)
        width = high[..., p] - low[..., p]
        columns.append(rise / width.reshape(width.shape + (1,) * (rise.ndim - width.ndim)))
    return np.stack(columns, axis=-1)


def error_of(gradient, difference, values):
    """The largest |difference - gradient| / (1 + |gradient| + |E|)."""
    return (np.abs(difference - gradient) / (1.0 + np.abs(gradient) + np.abs(values)[:, None])).max()


@parametrise("case", ENERGIES)
@given(seed=seeds)
def test_gradients_agree_with_central_differences(case, seed):
    rng = np.random.default_rng(seed)
    energy = case.make()
    energy.theta = rng.uniform(case.theta_low, case.theta_high)
    x = rng.uniform(-case.x_range, case.x_range, (5, energy.n_features))
    values, theta = energy.energy(x), energy.theta

    def at_theta(moved):
        energy.theta = moved
        return energy.energy(x)

    step, limit = case.difference_step, case.difference_rel
    checks = [(energy.grad(x), central_differences(energy.energy, x, step))]
    if energy.n_params:
        checks.append((energy.param_grad(x), central_differences(at_theta, theta, step)))
    for gradient, difference in checks:
        assert error_of(gradient, difference, values) < limit
        # A gradient that is wrong by a millionth of its scale is seen.
        wrong = gradient + 10.0 * limit * (1.0 + np.abs(gradient) + np.abs(values)[:, None])
        assert error_of(wrong, difference, values) > limit


@parametrise("case", ENERGIES)
@given(seed=seeds)
def test_laplacian_is_the_trace_of_the_second_derivatives(case, seed):
    rng = np.random.default_rng(seed)
    energy = case.make()
    x = rng.uniform(-3.0, 3.0, (5, energy.n_features))
    hessian = central_differences(energy.grad, x, case.difference_step)
    trace = np.trace(hessian, axis1=1, axis2=2)
    limit = 10.0 * case.difference_rel
    np.testing.assert_allclose(energy.laplacian(x), trace, rtol=limit, atol=limit)


@parametrise("case", ENERGIES)
@pytest.mark.parametrize("n", EDGES)
def test_a_sample_does_not_depend_on_the_others(case, n):
    energy = case.make()
    x = cloud(n, energy.n_features, n, case.x_range)
    chosen = sorted({0, n // 2, n - 1})
    for name in QUANTITIES:
        together = getattr(energy, name)(x)
        assert len(together) == n
        for i in chosen:
            assert together[i].tobytes() == getattr(energy, name)(x[i : i + 1])[0].tobytes()


@parametrise("case", ENERGIES)
@given(n=sizes, seed=seeds)
def test_mean_param_grad_is_the_mean_of_param_grad(case, n, seed):
    energy = case.make()
    x = cloud(n, energy.n_features, seed, case.x_range)
    rows = energy.param_grad(x)
    assert rows.shape == (n, energy.n_params)
    mean = energy.mean_param_grad(x)
    assert mean.shape == (energy.n_params,)
    assert (np.abs(mean - rows.mean(axis=0)) <= 0.1 * case.rel * np.abs(rows).mean(axis=0)).all()


@parametrise("case", ENERGIES)
def test_score_is_downhill(case):
    # Against the oracle, not against `grad`, of which it is made.
    energy = case.make()
    x = cloud(9, energy.n_features, 1, case.x_range)
    slope = case.oracle(energy).grad
    assert_agrees(-energy.score(x), x, slope, case.rel)
    if not (energy.score(x) == 0).all():
        with pytest.raises(AssertionError, match="instead of"):
            assert_agrees(energy.score(x), x, slope, case.rel)


# ---- invariances of the well mixture ----


def mixture(shape, seed, **fixed):
    """Random wells as arrays: raw_a and m (n_wells, n_features), k (n_wells,), c."""
    rng = np.random.default_rng(seed)
    n_wells, n_features = shape
    parts = {
        "raw_a": rng.uniform(-3, 3, shape),
        "m": rng.uniform(-4, 4, shape),
        "k": rng.uniform(-3, 3, n_wells),
        "c": 0.5,
    }
    return (parts | fixed), rng.uniform(-6, 6, (20, n_features))


def build(parts):
    theta = np.append(np.column_stack([parts["raw_a"], parts["m"], parts["k"]]).ravel(), parts["c"])
    return fe.WellMixture(*parts["m"].shape, theta)


@pytest.mark.parametrize("shape", SHAPES)
@given(seed=seeds, shift=st.integers(-1000, 1000))
def test_shifting_c_shifts_the_energy_and_nothing_else(shape, seed, shift):
    # c is added last, so the shifted energy is the rounded sum, bit for bit.
    parts, x = mixture(shape, seed, c=0.0)
    first, second = build(parts), build(parts | {"c": float(shift)})
    np.testing.assert_array_equal(second.energy(x), first.energy(x) + shift)
    np.testing.assert_array_equal(second.grad(x), first.grad(x))
    np.testing.assert_array_equal(second.param_grad(x), first.param_grad(x))
    np.testing.assert_array_equal(second.laplacian(x), first.laplacian(x))
    assert second.log_partition() == pytest.approx(first.log_partition() - shift, rel=1e-14, abs=1e-14)
    np.testing.assert_allclose(second.log_prob(x), first.log_prob(x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("shape", [(2, 1), (3, 1), (2, 2), (4, 5)])
@given(seed=seeds)
def test_the_order_of_the_wells_does_not_matter(shape, seed):
    parts, x = mixture(shape, seed)
    order = np.random.default_rng(seed).permutation(shape[0])
    first, second = build(parts), build({k: v if k == "c" else v[order] for k, v in parts.items()})
    np.testing.assert_allclose(second.energy(x), first.energy(x), rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(second.grad(x), first.grad(x), rtol=1e-12, atol=1e-12)
    by_well = first.param_grad(x)[:, :-1].reshape(len(x), shape[0], -1)[:, order]
    moved = second.param_grad(x)[:, :-1].reshape(by_well.shape)
    np.testing.assert_allclose(moved, by_well, rtol=1e-12, atol=1e-12)
    assert second.log_partition() == pytest.approx(first.log_partition(), rel=1e-14, abs=1e-14)


@pytest.mark.parametrize("copies", [2, 3, 8, 100])
@pytest.mark.parametrize("n_features", [1, 3])
@given(seed=seeds)
def test_equal_wells_are_one_well_less_log_k(copies, n_features, seed):
    parts, x = mixture((1, n_features), seed)
    one = build(parts)
    many = build({k: v if k == "c" else np.repeat(v, copies, axis=0) for k, v in parts.items()})
    scale = np.abs(one.energy(x)) + np.log(copies)
    assert (np.abs(many.energy(x) - (one.energy(x) - np.log(copies))) <= 4e-16 * (scale + 8.0)).all()
    np.testing.assert_allclose(many.grad(x), one.grad(x), rtol=1e-13)
    shares = many.param_grad(x)[:, :-1].reshape(len(x), copies, -1)
    np.testing.assert_allclose(shares.sum(axis=1), one.param_grad(x)[:, :-1], rtol=1e-13)
    assert many.log_partition() == pytest.approx(one.log_partition() + np.log(copies), rel=1e-13, abs=1e-13)


@pytest.mark.parametrize("shape", SHAPES)
@given(seed=seeds, shift=numbers(-100.0, 100.0))
def test_translation(shape, seed, shift):
    # On a grid of 2^-30 the translation itself is exact, so everything must be.
    parts, x = mixture(shape, seed)
    parts["m"], x, shift = (np.round(np.asarray(v) * 2.0**30) / 2.0**30 for v in (parts["m"], x, shift))
    first, second = build(parts), build(parts | {"m": parts["m"] + shift})
    for name in QUANTITIES:
        np.testing.assert_array_equal(getattr(second, name)(x + shift), getattr(first, name)(x))
    assert second.log_partition() == first.log_partition()


@pytest.mark.parametrize("shape", SHAPES)
@given(seed=seeds)
def test_weights_sum_to_one(shape, seed):
    parts, x = mixture(shape, seed)
    gradient = build(parts).param_grad(x)
    np.testing.assert_allclose(gradient[:, 2 * shape[1] : -1 : 2 * shape[1] + 1].sum(axis=1), 1.0, rtol=1e-14)
    assert (gradient[:, -1] == 1.0).all()
    # c has no part in the gradient of a difference of means, whatever the two sample sizes.
    energy = build(parts)
    assert energy.mean_param_grad(x)[-1] - energy.mean_param_grad(x[:7])[-1] == 0.0


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("size", [4.9, 5.0, np.nextafter(5.0, 6.0), 6.0, 1e308])
@pytest.mark.parametrize("n_wells", [1, 2, 3])
def test_raw_a_is_clipped_at_five(sign, size, n_wells):
    theta, raw_a = np.zeros(3 * n_wells + 1), sign * size
    theta[0] = raw_a
    energy = fe.WellMixture(n_wells, theta=theta)
    clipped = theta.copy()
    clipped[0] = np.clip(raw_a, -5.0, 5.0)
    assert energy.energy([0.3])[0] == fe.WellMixture(n_wells, theta=clipped).energy([0.3])[0]
    assert (energy.param_grad([0.3])[0, 0] == 0.0) == (abs(raw_a) > 5.0)
    assert energy.theta[0] == raw_a


# ---- the density ----


@pytest.mark.parametrize("n_wells", [1, 2, 3, 5])
@given(seed=seeds)
def test_log_partition_against_quadrature(n_wells, seed):
    parts, _ = mixture((n_wells, 1), seed)
    energy = build(parts)
    low = energy.energy(energy.means_).min()
    reach = 12.0 * energy.stds_.ravel()
    turns = np.unique(np.concatenate([energy.means_.ravel() + s * reach for s in (-1, -0.25, 0, 0.25, 1)]))
    edges = np.unique(np.concatenate([np.linspace(a, b, 9) for a, b in itertools.pairwise(turns)]))
    total = sum(
        integrate.fixed_quad(lambda t: np.exp(low - energy.energy(t)), a, b, n=40)[0]
        for a, b in itertools.pairwise(edges)
    )
    assert np.log(total) - low == pytest.approx(energy.log_partition(), abs=1e-12, rel=1e-12)


@pytest.mark.parametrize("shape", [(2, 2), (3, 2)])
def test_log_partition_in_two_dimensions(shape):
    parts, _ = mixture(shape, 4, raw_a=np.random.default_rng(4).uniform(-1, 1, shape))
    energy = build(parts)
    # The trapezoidal rule converges faster than any power for these: 0.05 is below a tenth of every width.
    side = np.arange(-16.0, 16.0, 0.05)
    grid = np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
    values = -energy.energy(grid)
    total = np.log(np.exp(values - values.max()).sum()) + values.max() + 2.0 * np.log(0.05)
    assert total == pytest.approx(energy.log_partition(), abs=1e-12)


@parametrise("case", [case for case in closed_form() if re.match(r"wells-\d", case.name)])
def test_log_prob_is_that_of_a_normalised_mixture(case):
    # Normal densities by their textbook formula; log_prob itself is made of energy and log_partition.
    energy = case.make()
    x = cloud(9, energy.n_features, 1, case.x_range)
    parts = stats.norm.logpdf(x[:, None, :], energy.means_, energy.stds_).sum(axis=2)
    expected = special.logsumexp(parts + np.log(energy.weights_), axis=1)
    np.testing.assert_allclose(energy.log_prob(x), expected, rtol=1e-12, atol=1e-12)
    # Seen: log Z left out.
    assert (np.abs(-energy.energy(x) - expected) > 0.01).all()


@parametrise("case", [case for case in ENERGIES if not case.has_log_partition])
def test_what_is_not_known_says_what_to_use(case):
    energy = case.make()
    x = cloud(3, energy.n_features, 1, 1.0)
    for call in (energy.log_partition, lambda: energy.log_prob(x)):
        with pytest.raises(NotImplementedError, match=case.advice):
            call()
    with pytest.raises(NotImplementedError, match="MALA"):
        energy.exact_sample(3)


@parametrise("case", [case for case in ENERGIES if case.name.startswith("wells-")])
def test_exact_sample_has_the_exact_law(case):
    n = 100_000
    energy = case.make()
    limit = ks_limit(energy.n_features)
    x = energy.exact_sample(n, seed=7)
    assert x.shape == (n, energy.n_features)
    for d in range(energy.n_features):
        assert ks(x[:, d], well_cdf(energy, d)) < limit
    # Seen: a shift of 3 % of the standard deviation, and a spread 5 % too large.
    centre, width = x[:, 0].mean(), x[:, 0].std()
    for wrong in (x[:, 0] + 0.03 * width, centre + 1.05 * (x[:, 0] - centre)):
        assert ks(wrong, well_cdf(energy)) > limit


@pytest.mark.parametrize("shape", [(1, 3), (2, 2), (4, 5)])
def test_exact_sample_has_the_exact_joint_law(shape):
    # Along random directions.
    directions = np.random.default_rng(5).normal(size=(3, shape[1]))
    energy = build(mixture(shape, 3)[0])
    x = energy.exact_sample(100_000, seed=8)
    for direction in directions:
        cdf = projected_cdf(energy, direction)
        assert ks(x @ direction, cdf) < ks_limit(len(directions))
        shuffled = np.column_stack([np.roll(x[:, d], 17 * d) for d in range(shape[1])])
        if shape[0] > 1:
            assert ks(shuffled @ direction, cdf) > ks_limit(len(directions))


def test_exact_sample_and_seeds():
    energy = fe.WellMixture(2, 3)
    first = energy.exact_sample(5, seed=1)
    np.testing.assert_array_equal(first, energy.exact_sample(5, seed=np.random.SeedSequence(1)))
    assert (first != energy.exact_sample(5, seed=2)).all()
    assert (energy.exact_sample(5) != energy.exact_sample(5)).all()
    assert energy.exact_sample(0, seed=1).shape == (0, 3)
    generator = np.random.default_rng(1)
    assert (energy.exact_sample(5, generator) != energy.exact_sample(5, generator)).all()
    for n in (-1, 2.0, "3", None, True):
        with pytest.raises((ValueError, TypeError), match="n must"):
            energy.exact_sample(n)
    for seed in (1.5, "x", True, -1, [], [1.5], object()):
        with pytest.raises((ValueError, TypeError), match="seed"):
            energy.exact_sample(3, seed=seed)


@given(seed=seeds, n_wells=st.integers(1, 6), n_features=st.integers(1, 4))
def test_from_mixture_is_that_mixture(seed, n_wells, n_features):
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0.1, 1.0, n_wells)
    means, stds = rng.normal(size=(n_wells, n_features)), rng.uniform(0.1, 5.0, (n_wells, n_features))
    energy = fe.WellMixture.from_mixture(weights, means, stds)
    np.testing.assert_allclose(energy.weights_, weights / weights.sum(), rtol=1e-13)
    np.testing.assert_allclose(energy.means_, means, rtol=0)
    np.testing.assert_allclose(energy.stds_, stds, rtol=1e-14)
    assert energy.log_partition() == pytest.approx(0.0, abs=1e-13)
    x = rng.normal(size=(7, n_features))
    density = (energy.weights_ * stats.norm.pdf(x[:, None, :], means, stds).prod(axis=2)).sum(axis=1)
    np.testing.assert_allclose(energy.log_prob(x), np.log(density), rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(-energy.energy(x), np.log(density), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    ("weights", "means", "stds", "message"),
    [
        ([1.0, 1.0], [0.0], [1.0], "same wells"),
        ([], [], [], "same wells"),
        ([1.0], [0.0], [[1.0]], "same wells"),
        ([0.0, 1.0], [0.0, 1.0], [1.0, 1.0], "positive"),
        ([1.0], [0.0], [-1.0], "positive"),
        ([1.0], [np.nan], [1.0], r"means\[0"),
        ([1.0], [0.0], [0.01], "stds"),
        ([1.0], [0.0], [100.0], "stds"),
        ("a", [0.0], [1.0], "weights"),
    ],
)
def test_from_mixture_refuses(weights, means, stds, message):
    with pytest.raises((ValueError, TypeError), match=message):
        fe.WellMixture.from_mixture(weights, means, stds)


# ---- the object ----


@parametrise("case", ENERGIES)
def test_theta_is_copied_in_and_out(case):
    energy = case.make()
    theta = np.random.default_rng(1).uniform(case.theta_low, case.theta_high)
    x = cloud(3, energy.n_features, 1, 1.0)
    energy.theta = theta
    before = energy.energy(x)
    np.testing.assert_array_equal(energy.theta, theta)
    assert energy.theta.shape == (energy.n_params,) and energy.theta is not energy.theta
    given_theta = theta.copy()
    theta += 1.0
    energy.theta[:] = 99.0
    np.testing.assert_array_equal(energy.theta, given_theta)
    np.testing.assert_array_equal(energy.energy(x), before)


@parametrise("case", ENERGIES)
def test_param_names(case):
    energy = case.make()
    names = energy.param_names
    assert len(names) == energy.n_params == len(set(names)) and all(isinstance(name, str) for name in names)


def test_param_names_of_wells():
    assert fe.WellMixture().param_names == ("raw_a1", "m1", "k1", "raw_a2", "m2", "k2", "c")
    assert fe.WellMixture(1, 2).param_names == ("raw_a1[0]", "raw_a1[1]", "m1[0]", "m1[1]", "k1", "c")


@pytest.mark.parametrize(("n_wells", "n_features"), SHAPES)
def test_wells_defaults(n_wells, n_features):
    energy = fe.WellMixture(n_wells, n_features)
    assert (energy.n_wells, energy.n_features) == (n_wells, n_features)
    assert energy.n_params == n_wells * (2 * n_features + 1) + 1
    m = energy.theta[:-1].reshape(n_wells, -1)[:, n_features : 2 * n_features]
    for column in m.T:
        np.testing.assert_array_equal(column, np.linspace(-1, 1, n_wells) if n_wells > 1 else [0.0])
    for name in ("n_wells", "n_features", "n_params"):
        with pytest.raises(AttributeError):
            setattr(energy, name, 3)


COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    **{f"pickle {p}": lambda e, p=p: pickle.loads(pickle.dumps(e, p)) for p in range(2, 6)},
}


@parametrise("case", ENERGIES)
@pytest.mark.parametrize("how", COPIES)
def test_copies_are_equal_and_independent(case, how):
    energy = case.make()
    if "pickle" in how and not case.pickles:
        with pytest.raises(TypeError, match="compiled functions"):
            COPIES[how](energy)
        return
    other = COPIES[how](energy)
    x = cloud(5, energy.n_features, 1, 1.0)
    assert type(other) is type(energy) and other is not energy
    assert other == energy and not other != energy
    np.testing.assert_array_equal(other.energy(x), energy.energy(x))
    if energy.n_params:
        other.theta = energy.theta + 1.0
        assert other != energy
        np.testing.assert_array_equal(energy.theta, case.make().theta)


@parametrise("case", ENERGIES)
def test_equality_and_repr(case):
    energy = case.make()
    assert energy == case.make()
    for other in (None, 1, "x", energy.theta.tolist(), fe.WellMixture(7)):
        assert energy != other
    with pytest.raises(TypeError, match="unhashable"):
        hash(energy)
    assert type(energy).__name__ in repr(energy)
    assert "n_features" not in energy._arguments() or str(energy.n_features) in repr(energy)


def test_repr_shows_theta_and_stays_short():
    assert repr(fe.WellMixture(theta=[0.1, -1.2, 0, 0.2, 1.3, 0.2, 0])) == (
        "WellMixture(n_wells=2, n_features=1, theta=[ 0.1, -1.2,  0. ,  0.2,  1.3,  0.2,  0. ])"
    )
    assert len(repr(fe.WellMixture(100, 100))) < 200
