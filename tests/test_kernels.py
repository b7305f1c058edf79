"""The inline functions against mpmath, and the properties that the block loops rely on."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import numbers, seeds, sizes

from fastebm.kernels import probe

# 120 bits: enough that the error of the exact value does not show in an ulp.
PRECISION = 120


def apply(name, x):
    return probe.apply(name, np.asarray(x, dtype=float).tobytes())


def errors_in_ulp(got, x, exact):
    """Signed errors of got, in units of the last place of the true value."""
    with mpmath.workprec(PRECISION):
        out = np.empty(len(x))
        for i, (g, v) in enumerate(zip(got.tolist(), x.tolist(), strict=True)):
            true = exact(mpmath.mpf(v))
            out[i] = float((mpmath.mpf(g) - true) / float(np.spacing(abs(float(true))))) if true else abs(g)
    return out


def exp_neg_inputs(rng, n):
    # Uniform over the range, small values, and both sides of where the reduction changes its integer.
    turns = (rng.integers(-990, 990, n // 4) + 0.5) * np.log(2.0)
    return np.concatenate(
        [
            rng.uniform(-690.0, 690.0, n // 4),
            rng.uniform(-1.0, 1.0, n // 4),
            10.0 ** rng.uniform(-20.0, 0.0, n // 4),
            turns * (1.0 + rng.uniform(-4e-16, 4e-16, turns.size)),
            [0.0, 690.0, -690.0, np.log(2.0) / 2],
        ]
    )


def uniform_inputs(rng, n):
    # What `unit` gives, 2^-52 ... 1, with all its scales; the ends of a binade of the reduction; far from 1.
    return np.concatenate(
        [
            1.0 - rng.integers(0, 2**52, n // 4) * 2.0**-52,
            1.0 - 2.0 ** -rng.uniform(1.0, 52.0, n // 4),
            np.sqrt(0.5) * (1.0 + rng.uniform(-1e-3, 1e-3, n // 4)),
            10.0 ** rng.uniform(-307.0, 308.0, n // 4),
            [1.0, 2.0**-52, 1.0 - 2.0**-52, 2.0, 0.5],
        ]
    )


def sum_inputs(rng, n):
    # exp(-difference) of wells, 0 ... 1; and the number of wells that tie.
    return np.concatenate(
        [
            rng.uniform(0.0, 1.0, n // 4),
            10.0 ** rng.uniform(-300.0, 0.0, n // 4),
            np.sqrt(2.0) - 1.0 + rng.uniform(-1e-3, 1e-3, n // 4),
            10.0 ** rng.uniform(0.0, 300.0, n // 4),
            [0.0, 1.0, 2.0, 999_999.0, 2.0**-53, 2.0**-52, 2e-300],
        ]
    )


def octant_inputs(rng, n):
    scales = 2.0 ** -rng.uniform(0.0, 52.0, n // 2)
    return np.concatenate([rng.uniform(0.0, 1.0, n // 2), scales, [1.0, 0.5, 2.0**-52]])


# Inputs, the true function, the same in extended precision, and the limit. The largest errors in about
# 3e8 points: 1.077, 1.165 (by u = 0.705, where the last two additions round a number of the result's
# size), 1.436 (by sqrt(2) - 1, where the exponent of 1 + x turns; 1.17 elsewhere), 1.549 and 1.790.
QUARTER_PI = np.longdouble(np.pi / 4) + np.longdouble(3.061616997868383e-17)
KERNELS = {
    "exp_neg": (exp_neg_inputs, lambda d: mpmath.exp(-d), lambda d: np.exp(-d), 1.1),
    "log_normal": (uniform_inputs, mpmath.log, np.log, 1.2),
    "log1p_positive": (sum_inputs, mpmath.log1p, np.log1p, 1.5),
    "octant_sin": (
        octant_inputs,
        lambda w: mpmath.sin(mpmath.pi * w / 4),
        lambda w: np.sin(QUARTER_PI * w),
        1.6,
    ),
    "octant_cos": (
        octant_inputs,
        lambda w: mpmath.cos(mpmath.pi * w / 4),
        lambda w: np.cos(QUARTER_PI * w),
        1.85,
    ),
}


@pytest.mark.parametrize("name", KERNELS)
def test_error_against_mpmath(name):
    inputs, exact, _, limit = KERNELS[name]
    x = inputs(np.random.default_rng(1), 12_000)
    error = np.abs(errors_in_ulp(apply(name, x), x, exact))
    worst = int(error.argmax())
    assert error[worst] < limit, f"{error[worst]} ulp at {x[worst]!r}"


def extended(x, function):
    """The function at x in 64 bits of mantissa, and the size of an ulp of the double there."""
    value = function(x.astype(np.longdouble))
    return value, np.spacing(np.maximum(np.abs(value.astype(float)), np.finfo(float).tiny))


@pytest.mark.deep
@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="long double is no wider than double here")
@pytest.mark.parametrize("name", KERNELS)
def test_error_against_long_double_at_many_more_points(name):
    inputs, exact, wide, limit = KERNELS[name]
    rng = np.random.default_rng(2)
    x = inputs(rng, 4_000)
    value, ulp = extended(x, wide)
    head = value.astype(float)
    tail = ((value - head) / ulp).astype(float)
    assert np.abs(errors_in_ulp(head, x, exact) + tail).max() < 0.01, "the reference itself"
    for _ in range(40):
        x = inputs(rng, 1_000_000)
        value, ulp = extended(x, wide)
        error = np.abs((apply(name, x) - value) / ulp).astype(float)
        worst = int(error.argmax())
        assert error[worst] < limit, f"{error[worst]} ulp at {x[worst]!r}"


def test_the_measure_sees_one_ulp():
    x = exp_neg_inputs(np.random.default_rng(1), 400)
    error = np.abs(errors_in_ulp(np.nextafter(apply("exp_neg", x), np.inf), x, lambda d: mpmath.exp(-d)))
    assert error.max() > 1.0


EXACT = [
    ("exp_neg", 0.0, 1.0),
    ("exp_neg", -0.0, 1.0),
    ("log_normal", 1.0, 0.0),
    ("log1p_positive", 0.0, 0.0),
    ("octant_sin", 0.0, 0.0),
    ("octant_cos", 0.0, 1.0),
]


@pytest.mark.parametrize(("name", "x", "value"), EXACT)
def test_exact_values(name, x, value):
    assert apply(name, [x])[0] == value


@given(numbers(690.0, 1.7e308))
def test_exp_neg_stays_at_its_floor(d):
    floor, value = apply("exp_neg", [690.0, d])
    assert value == floor
    # A product with it is a normal number.
    assert value * 1e-7 > np.finfo(float).tiny


def test_exp_neg_of_infinity_and_nan():
    value = apply("exp_neg", [np.inf, np.nan, -np.nan, 1.0])
    assert value[0] == apply("exp_neg", [690.0])[0]
    assert np.isnan(value[1:3]).all()
    assert value[3] == pytest.approx(np.exp(-1.0), rel=1e-15)


@pytest.mark.parametrize("name", ["exp_neg", "log1p_positive", "octant_sin", "octant_cos"])
@pytest.mark.parametrize("payload", [0x7FF8 << 48, 0xFFF8 << 48, 0x7FF << 52 | 1, 2**63 - 1])
@pytest.mark.parametrize("n", [1, 7, 8, 9, 33])
def test_nan_stays_nan_wherever_it_stands(name, payload, n):
    for where in range(n):
        x = np.full(n, 0.5)
        x.view(np.uint64)[where] = payload
        assert np.isnan(apply(name, x)).tolist() == [i == where for i in range(n)]


@given(st.lists(numbers(-690.0, 690.0), min_size=2, max_size=50))
def test_exp_neg_never_rises(values):
    ordered = apply("exp_neg", sorted(values))
    # Neighbours may come out in the wrong order by their errors, one ulp each.
    assert (np.diff(ordered) <= 2.0 * np.spacing(ordered[:-1])).all()


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33])
def test_a_value_does_not_depend_on_its_neighbours(name, n):
    x = KERNELS[name][0](np.random.default_rng(n), 400)[-n:]
    together = apply(name, x)
    alone = np.concatenate([apply(name, [v]) for v in x])
    assert together.tobytes() == alone.tobytes()


def sum_in_lanes(v):
    """Eight running sums, what is left in the first, then a fixed tree, in Python's own arithmetic."""
    lanes = [0.0] * 8
    whole = len(v) - len(v) % 8
    for i in range(whole):
        lanes[i % 8] += v[i]
    for i in range(whole, len(v)):
        lanes[0] += v[i]
    s = lanes
    return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]))


@given(sizes, seeds, st.sampled_from([0, 100]))
def test_lane_sum_has_one_order_of_addition(n, seed, decades):
    rng = np.random.default_rng(seed)
    v = rng.normal(size=n) * 10.0 ** rng.uniform(-decades, decades, n)
    assert apply("lane_sum", v)[0] == sum_in_lanes(v.tolist())


def test_lane_sum_order_matters():
    # Otherwise the test above would not tell one order from another.
    rng = np.random.default_rng(1)
    v = rng.normal(size=1000) * 10.0 ** rng.uniform(-3.0, 3.0, 1000)
    assert apply("lane_sum", v)[0] != sum(v.tolist())


def test_an_unknown_kernel_is_refused():
    with pytest.raises(ValueError, match="no_such"):
        apply("no_such", [1.0])
