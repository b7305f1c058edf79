"""The plain-Python reference against 60-digit numbers, differences, quadrature, the textbook formula."""

import json
import math
import random
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stats import mean_z, variance_z, z_limit

from fastebm import reference as ref

relaxed = settings(deadline=None)  # a busy machine is no failure
TRAPS = json.loads((Path(__file__).parent / "data" / "traps.json").read_text())
SHAPES = [(1, 1), (2, 1), (3, 1), (1, 3), (2, 2), (4, 3)]


def make_theta(rng, n_wells, n_features):
    theta = []
    for _ in range(n_wells):
        theta += [rng.uniform(-2.0, 1.5) for _ in range(n_features)]
        theta += [rng.uniform(-2.0, 2.0) for _ in range(n_features)]
        theta.append(rng.uniform(-1.0, 1.0))
    return [*theta, rng.uniform(-1.0, 1.0)]


@st.composite
def points(draw):
    """(x, theta, n_wells, n_features), nothing near a limit of floats."""
    shape = draw(st.sampled_from(SHAPES))
    rng = random.Random(draw(st.integers(0, 2**32)))
    return [rng.uniform(-3.0, 3.0) for _ in range(shape[1])], make_theta(rng, *shape), *shape


def central_difference(f, values, i, delta=1e-6):
    up, down = list(values), list(values)
    up[i] += delta
    down[i] -= delta
    return (f(up) - f(down)) / (up[i] - down[i])


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap["name"])
def test_traps_to_60_digits(trap):
    x, theta = [trap["x"]], trap["theta"]
    got = [ref.energy(x, theta, 2, 1), *ref.grad(x, theta, 2, 1), *ref.param_grad(x, theta, 2, 1)]
    want = [trap["ref"]["E"], trap["ref"]["gx"], *trap["ref"]["g"]]
    for g, w in zip(got, want, strict=True):
        assert g == pytest.approx(w, rel=1e-12 if abs(w) > 1e-290 else 0.0, abs=1e-290)


@relaxed
@given(points())
def test_energy_is_the_textbook_formula(point):
    x, theta, n_wells, n_features = point
    size = 2 * n_features + 1
    total = 0.0
    for j in range(n_wells):
        block = theta[j * size : (j + 1) * size]
        quadratic = [math.exp(block[d]) * (x[d] - block[n_features + d]) ** 2 for d in range(n_features)]
        total += math.exp(-math.fsum(quadratic) - block[-1])
    assert ref.energy(*point) == pytest.approx(-math.log(total) + theta[-1], rel=1e-12, abs=1e-12)


@relaxed
@given(points())
def test_gradients_are_central_differences(point):
    x, theta, *shape = point
    size = 1.0 + abs(ref.energy(*point))
    for d, g in enumerate(ref.grad(*point)):
        fd = central_difference(lambda v: ref.energy(v, theta, *shape), x, d)
        assert abs(g - fd) < 1e-7 * (size + abs(g))
    for p, g in enumerate(ref.param_grad(*point)):
        fd = central_difference(lambda v: ref.energy(x, v, *shape), theta, p)
        assert abs(g - fd) < 1e-7 * (size + abs(g))


@relaxed
@given(points())
def test_laplacian_is_the_divergence_of_the_gradient(point):
    x, theta, *shape = point
    fd = math.fsum(
        central_difference(lambda v, d=d: ref.grad(v, theta, *shape)[d], x, d) for d in range(len(x))
    )
    size = 1.0 + math.fsum(g * g for g in ref.grad(*point))
    assert abs(ref.laplacian(*point) - fd) < 1e-7 * (size + abs(fd))


def midpoint(f, low, high, n):
    h = (high - low) / n
    return h * math.fsum(f(low + (i + 0.5) * h) for i in range(n))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("n_wells", [1, 2, 3])
def test_log_partition_in_one_dimension(n_wells, seed):
    theta = make_theta(random.Random(seed), n_wells, 1)
    z = midpoint(lambda x: math.exp(-ref.energy([x], theta, n_wells, 1)), -25.0, 25.0, 1000)
    assert ref.log_partition(theta, n_wells, 1) == pytest.approx(math.log(z), abs=1e-12)


def test_log_partition_in_two_dimensions():
    theta = [0.3, -0.2, -1.0, 0.5, 0.1, 0.0, 0.4, 1.0, -0.5, -0.3, 0.7]
    z = midpoint(
        lambda y: midpoint(lambda x: math.exp(-ref.energy([x, y], theta, 2, 2)), -8.0, 8.0, 64), -8.0, 8.0, 64
    )
    assert ref.log_partition(theta, 2, 2) == pytest.approx(math.log(z), abs=1e-10)


def test_log_partition_where_z_is_no_float():
    # exp(-k) overflows: Z = sqrt(pi) e^5000 + sqrt(pi) e^-5000
    assert ref.log_partition([0, 0, -5000, 0, 0, 5000, 0], 2, 1) == pytest.approx(
        0.5 * math.log(math.pi) + 5000
    )


@pytest.mark.parametrize(
    ("raw_a", "free"), [(5.0, True), (-5.0, True), (5.001, False), (-5.001, False), (800.0, False)]
)
def test_raw_a_has_no_derivative_beyond_its_limit(raw_a, free):
    theta = [raw_a, 0.1, 0.0, 0.0, 1.0, 0.0, 0.0]
    g = ref.param_grad([0.3], theta, 2, 1)
    assert (g[0] != 0.0) is free
    assert g[1] != 0.0
    limit = [math.copysign(5.0, raw_a), *theta[1:]]
    assert ref.energy([0.3], theta, 2, 1) == ref.energy([0.3], limit, 2, 1)


@relaxed
@given(points(), st.floats(-50.0, 50.0))
def test_invariances(point, shift):
    x, theta, n_wells, n_features = point
    size = 2 * n_features + 1
    e = ref.energy(*point)
    assert ref.energy(x, [*theta[:-1], theta[-1] + shift], n_wells, n_features) == pytest.approx(e + shift)
    deeper = [t + shift * (p % size == size - 1) for p, t in enumerate(theta[:-1])] + theta[-1:]
    assert ref.energy(x, deeper, n_wells, n_features) == pytest.approx(e + shift)
    rotated = theta[size:-1] + theta[:size] + theta[-1:]
    assert ref.energy(x, rotated, n_wells, n_features) == pytest.approx(e, rel=1e-13, abs=1e-13)
    twice = theta[:-1] * 2 + theta[-1:]
    assert ref.energy(x, twice, 2 * n_wells, n_features) == pytest.approx(
        e - math.log(2.0), rel=1e-13, abs=1e-13
    )


@relaxed
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=8, max_size=8))
def test_every_finite_input_gives_a_number_or_an_overflow(values):
    x, theta = values[:1], values[1:]
    try:
        results = [ref.energy(x, theta, 2, 1), *ref.grad(x, theta, 2, 1), *ref.param_grad(x, theta, 2, 1)]
    except OverflowError:
        return
    assert all(map(math.isfinite, results))


def test_a_well_infinitely_far_away_has_no_say():
    theta = [0.0, 0.0, 0.0, 0.0, 1e200, 0.0, 0.0]
    assert ref.energy([1.0], theta, 2, 1) == 1.0
    assert ref.grad([1.0], theta, 2, 1) == [2.0]
    assert ref.param_grad([1.0], theta, 2, 1) == [1.0, -2.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    assert ref.laplacian([1.0], theta, 2, 1) == 2.0
    with pytest.raises(OverflowError, match="too large"):
        ref.energy([1e200], [0.0] * 7, 2, 1)


@pytest.mark.parametrize("theta", [[0.0] * 6, [0.0] * 8, [], [math.nan] + [0.0] * 6, [0.0] * 6 + [math.inf]])
def test_bad_theta(theta):
    with pytest.raises(ValueError, match="theta"):
        ref.energy([0.0], theta, 2, 1)


def test_sample_of_wrong_length():
    with pytest.raises(ValueError):
        ref.energy([0.0, 0.0], [0.0] * 7, 2, 1)


def test_clip():
    assert [ref.clip(v, -1.0, 2.0) for v in (-math.inf, -1.5, 0.5, 3.0, math.inf)] == [
        -1.0,
        -1.0,
        0.5,
        2.0,
        2.0,
    ]
    with pytest.raises(ValueError, match="NaN"):
        ref.clip(math.nan, -1.0, 1.0)


def test_sgld_step():
    x = [1.0, -5.9, 5.9]
    assert ref.sgld_step(x, [2.0, 1.0, -1.0], 0.25, 0.5, [1.0, 0.0, 0.0]) == [1.0, -6.15, 6.15]
    assert ref.sgld_step(x, [2.0, 1.0, -1.0], 0.25, 0.5, [1.0, 0.0, 0.0], (-6.0, 6.0)) == [1.0, -6.0, 6.0]
    assert x == [1.0, -5.9, 5.9]
    for bad in (math.nan, math.inf):
        with pytest.raises(FloatingPointError, match="not finite"):
            ref.sgld_step([0.0], [bad], 0.1, 0.1, [0.0], (-6.0, 6.0))


def test_sgld_reaches_its_exact_law():
    """One well, r = 1 - 2 a h: x_n ~ N(m + r^n (x0 - m), s^2 (1 - r^2n) / (1 - r^2)) at every n."""
    h, s, n_steps, n_chains = 0.055, 0.33, 5, 4000
    theta = [math.log(2.469), 0.5, 0.0, 0.0]
    rng = random.Random(1)
    xs = [[1.5] for _ in range(n_chains)]
    for _ in range(n_steps):
        xs = [ref.sgld_step(x, ref.grad(x, theta, 1, 1), h, s, [rng.gauss(0.0, 1.0)]) for x in xs]
    r = 1.0 - 2.0 * 2.469 * h
    mean, variance = 0.5 + r**n_steps, s * s * (1.0 - r ** (2 * n_steps)) / (1.0 - r * r)
    assert abs(mean_z(xs, mean, variance)) < z_limit(2)
    assert abs(variance_z(xs, mean, variance)) < z_limit(2)


def test_replay_buffer_keeps_the_newest():
    buffer = ref.ReplayBuffer(3)
    buffer.push([[1.0], [2.0]])
    assert len(buffer) == 2
    buffer.push([[3.0], [4.0], [5.0]])
    assert buffer.states == [[3.0], [4.0], [5.0]]


def test_replay_buffer_of_nothing():
    buffer = ref.ReplayBuffer(0)
    buffer.push([[1.0], [2.0]])
    assert len(buffer) == 0
    assert buffer.draw(3, random.Random(0)) == []
    with pytest.raises(ValueError, match="capacity"):
        ref.ReplayBuffer(-1)


@given(st.integers(0, 12), st.integers(0, 12), st.integers(0, 2**32))
@settings(max_examples=50, deadline=None)
def test_replay_buffer_draws_without_replacement(size, n, seed):
    buffer = ref.ReplayBuffer(10)
    buffer.push([[float(i)] for i in range(size)])
    drawn = buffer.draw(n, random.Random(seed))
    assert len(drawn) == min(n, len(buffer))
    assert len({x for (x,) in drawn}) == len(drawn)
    if drawn:
        drawn[0][0] = math.inf
        assert all(math.isfinite(x) for (x,) in buffer.states)
    with pytest.raises(ValueError, match="negative"):
        buffer.draw(-1, random.Random(seed))


def test_contrastive_update_descends_its_own_loss():
    theta = [0.1, -1.2, 0.0, 0.2, 1.3, 0.2, 0.0]
    data, negatives = [[-2.0], [-1.9], [1.5]], [[0.3], [0.1]]
    l2 = [0.1, 0.0, 0.02, 0.1, 0.0, 0.02, 0.0]

    def loss(t):
        return (
            math.fsum(ref.energy(x, t, 2, 1) for x in data) / 3
            - math.fsum(ref.energy(x, t, 2, 1) for x in negatives) / 2
            + math.fsum(w * v * v for w, v in zip(l2, t, strict=True))
        )

    new = ref.contrastive_update(theta, data, negatives, 2, 1, 0.5, l2)
    for p in range(7):
        assert (theta[p] - new[p]) / 0.5 == pytest.approx(central_difference(loss, theta, p), abs=1e-8)
    assert new[-1] == theta[-1], "c is not identifiable and must not move"


def test_contrastive_update_clips_what_it_is_told_to():
    theta = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
    free = ref.contrastive_update(theta, [[2.0]], [[0.0]], 2, 1, 100.0)
    assert free == [-200.0, 200.0, 0.0, -200.0, 200.0, 0.0, 0.0]
    bounds = [(-3.0, 3.0), None, None, None, (-4.0, 4.0), None, None]
    clipped = ref.contrastive_update(theta, [[2.0]], [[0.0]], 2, 1, 100.0, bounds=bounds)
    assert clipped == [-3.0, 200.0, 0.0, -200.0, 4.0, 0.0, 0.0]
    assert theta == [0.0] * 7
    with pytest.raises(ValueError, match="no samples"):
        ref.contrastive_update(theta, [], [[0.0]], 2, 1, 0.1)
