"""The kernels under every layer: the product in tiles, activations, turns, and what carries sums."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import seeds

from fastebm.kernels import probe

REALS = pytest.mark.parametrize("real", [np.float32, np.float64])
NAMES = ("silu", "softplus", "leaky_relu")


# ---- the product ----


def padded_rows(rng, n_rows, n, real):
    """Rows of n random numbers; NaN behind them, which nothing may take in."""
    rows = np.full((n_rows, probe.row_length(n, real == np.float32)), np.nan, dtype=real)
    rows[:, :n] = rng.normal(size=(n_rows, n))
    return rows


def numbered(n):
    return np.arange(n, dtype=np.int32)


@REALS
@given(
    seed=seeds,
    n=st.integers(1, 70),
    n_out=st.integers(1, 21),
    n_k=st.integers(0, 19),
    n_rows=st.integers(1, 12),
    first=st.sampled_from(["none", "start", "more"]),
)
def test_product_is_that_of_numpy(real, seed, n, n_out, n_k, n_rows, first):
    rng = np.random.default_rng(seed)
    step, by = int(rng.integers(1, 9)), int(rng.integers(1, 4))
    wk, rows = rng.integers(0, 8, max(n_k, 1)).astype(np.int32), rng.integers(0, n_rows, n_k).astype(np.int32)
    # Tables that are empty still need an address.
    rows = np.append(rows, np.int32(0))[: max(n_k, 1)]
    if n_k == 0:
        n_k, wk, rows = 1, wk[:1], rows[:1]
    w = rng.normal(size=(n_out - 1) * step + 7 * by + 1).astype(real)
    x, out = padded_rows(rng, n_rows, n, real), padded_rows(rng, n_out, n, real)
    start = rng.normal(size=n_out).astype(real) if first == "start" else None
    used = w[np.arange(n_out)[:, None] * step + wk[None].astype(int) * by].astype(np.longdouble)
    before = {"none": 0.0, "more": out[:, :n], "start": 0.0 if start is None else start[:, None]}[first]
    wanted = used @ x[rows, :n].astype(np.longdouble) + np.asarray(before, dtype=np.longdouble)
    size = np.abs(used) @ np.abs(x[rows, :n]) + np.abs(before)
    probe.product(out, w, step, by, wk, x, rows, n, start, first == "more")
    assert (np.abs(out[:, :n] - wanted) <= (n_k + 1) * np.finfo(real).eps * size).all()


@REALS
def test_a_column_of_the_product_does_not_depend_on_the_others(real):
    rng = np.random.default_rng(1)
    n, n_out, n_k = 67, 19, 23
    w, x = rng.normal(size=n_out * n_k).astype(real), padded_rows(rng, n_k, n, real)
    out = padded_rows(rng, n_out, n, real)
    probe.product(out, w, n_k, 1, numbered(n_k), x, numbered(n_k), n, None, False)
    for i in (0, 1, 15, 16, 31, 32, 33, 48, 66):
        alone, one = padded_rows(rng, n_k, 1, real), padded_rows(rng, n_out, 1, real)
        alone[:, 0] = x[:, i]
        probe.product(one, w, n_k, 1, numbered(n_k), alone, numbered(n_k), 1, None, False)
        assert one[:, 0].tobytes() == out[:, i].tobytes()
    # And a row not on how many there are: in tiles and alone.
    for o in (0, 7, 8, 16, 18):
        one = padded_rows(rng, 1, n, real)
        probe.product(one, w[o * n_k :], n_k, 1, numbered(n_k), x, numbered(n_k), n, None, False)
        assert one[0, :n].tobytes() == out[o, :n].tobytes()


@REALS
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_stays_so_and_in_its_column(real, bad):
    rng = np.random.default_rng(1)
    for n, n_out in ((1, 1), (17, 9), (40, 6), (33, 16)):
        x, out = padded_rows(rng, 5, n, real), padded_rows(rng, n_out, n, real)
        x[3, n // 2] = bad
        w = rng.normal(size=5 * n_out).astype(real)
        probe.product(out, w, 5, 1, numbered(5), x, numbered(5), n, None, False)
        assert (np.isfinite(out[:, :n]).all(axis=0) == (np.arange(n) != n // 2)).all()
        assert not np.isfinite(out[:, n // 2]).any()


@REALS
@given(seed=seeds, n=st.integers(1, 40), n_rows=st.integers(1, 21))
def test_rows_turned_into_columns_and_sums(real, seed, n, n_rows):
    rng = np.random.default_rng(seed)
    rows = padded_rows(rng, n_rows, n, real)
    out = np.full((n, (n_rows + 15) // 16 * 16), np.nan, dtype=real)
    probe.turned(rows, n, out)
    np.testing.assert_array_equal(out[:, :n_rows], rows[:, :n].T)
    assert not out[:, n_rows:].any()
    exact = rows[0, :n].astype(np.longdouble).sum()
    assert (
        abs(probe.summed(np.ascontiguousarray(rows[0, :n])) - exact)
        <= n * 1.2e-16 * np.abs(rows[0, :n]).sum()
    )


# ---- activations ----


# Beyond it exp(-|x|) counts as 0.
FAR_OUT = {np.float32: 40.0, np.float64: 350.0}


def inputs(real, n=2000):
    rng = np.random.default_rng(2)
    sign = rng.choice([-1.0, 1.0], n)
    far = FAR_OUT[real]
    x = np.concatenate(
        [4.0 * rng.normal(size=n), rng.uniform(-far, far, n), sign * 10.0 ** rng.uniform(-30, 0, n)]
    )
    return x.astype(real)


def exact(name, x):
    """Value and slope in 120 bits, as floats of the next wider kind, and how large the terms of the slope are."""
    with mpmath.workprec(120):
        rows = []
        for v in map(mpmath.mpf, x.tolist()):
            s = 1 / (1 + mpmath.exp(-v))
            if name == "silu":
                rows.append((v * s, s + v * s * (1 - s), s * (1 + abs(v))))
            elif name == "softplus":
                rows.append((mpmath.log1p(mpmath.exp(v)), s, s))
            else:
                rows.append((v if v >= 0 else v / 100, 1 if v >= 0 else mpmath.mpf(1) / 100, 1))
        return [np.array([np.longdouble(mpmath.nstr(r[i], 25)) for r in rows]) for i in range(3)]


# Of the value in ulp, of the slope in eps of its terms. The largest in 700,000 points: 3.1 and 3.2 for silu, 4.0 and
# 1.6 for softplus; of the slopes, in the points of this test, 1.5.
LIMITS = {
    ("silu", np.float32): (3.4, 2.0),
    ("silu", np.float64): (3.5, 2.0),
    ("softplus", np.float32): (4.4, 2.0),
    ("softplus", np.float64): (1.8, 2.0),
    ("leaky_relu", np.float32): (1.1, 0.6),
    ("leaky_relu", np.float64): (1.1, 0.6),
}


@REALS
@pytest.mark.parametrize("name", NAMES)
def test_activations_against_mpmath(name, real):
    x = inputs(real)
    value, slope = probe.activation(name, x)
    assert value.dtype == slope.dtype == real
    true, rise, terms = exact(name, x)
    worst_value = (np.abs(value - true) / np.spacing(np.abs(true).astype(real))).max()
    worst_slope = (np.abs(slope - rise) / (np.finfo(real).eps * terms)).max()
    assert worst_value < LIMITS[name, real][0] and worst_slope < LIMITS[name, real][1], (
        worst_value,
        worst_slope,
    )
    # The control: the next number is seen.
    assert (
        np.abs(np.nextafter(value, np.inf, dtype=real) - true) / np.spacing(np.abs(true).astype(real))
    ).max() > 1


@REALS
@pytest.mark.parametrize("name", NAMES)
def test_activations_far_out(name, real):
    x = np.array([100.0, 1e4, 1e30, -1e3, -1e4, -1e30], dtype=real)
    value, slope = probe.activation(name, x)
    np.testing.assert_array_equal(value[:3], x[:3])
    np.testing.assert_array_equal(slope[:3], [1.0, 1.0, 1.0])
    if name != "leaky_relu":
        # 0 and not something subnormal, which would slow the next layer down.
        assert not value[3:].any() and not slope[3:].any()
        edge = np.array([-1.0001, 1.0001], dtype=real) * FAR_OUT[real]
        value, slope = probe.activation(name, edge)
        assert (value.tolist(), slope.tolist()) == ([0.0, edge[1]], [0.0, 1.0])


@REALS
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_comes_out_not_finite(name, real, bad):
    for n in (1, 15, 16, 33):
        for where in (0, n // 2, n - 1):
            x = np.full(n, 0.5, dtype=real)
            x[where] = bad
            value, slope = probe.activation(name, x)
            assert (np.isfinite(value) == (np.arange(n) != where)).all()
            if np.isnan(bad) and name != "leaky_relu":
                assert np.isnan(slope[where])


@REALS
@pytest.mark.parametrize("name", NAMES)
def test_an_activation_does_not_depend_on_its_neighbours(name, real):
    x = inputs(real, 40)
    value, slope = probe.activation(name, x)
    for i in range(0, len(x), 7):
        one = probe.activation(name, x[i : i + 1])
        assert (one[0][0], one[1][0]) == (value[i], slope[i])


# ---- turns ----


def test_turns_against_mpmath():
    rng = np.random.default_rng(3)
    eighths = rng.integers(-40, 40, 500) / 8.0
    t = np.concatenate(
        [rng.uniform(-1, 1, 2000), 1e4 * rng.normal(size=500), eighths, eighths + 1e-9, [0.0, 1e12]]
    )
    sine, cosine = probe.turns(t)
    with mpmath.workprec(120):
        for i, v in enumerate(map(mpmath.mpf, t.tolist())):
            # Where the value is small its own last place counts, near 1 that of 1.
            for got, true in ((sine[i], mpmath.sinpi(2 * v)), (cosine[i], mpmath.cospi(2 * v))):
                assert abs(mpmath.mpf(float(got)) - true) <= 4.5e-16 * max(abs(true), mpmath.mpf(1e-18)), t[i]
    assert sine[-2] == 0.0 and cosine[-2] == 1.0
    for bad in (np.nan, np.inf, -np.inf):
        assert np.isnan(probe.turns(np.array([bad]))).all()
