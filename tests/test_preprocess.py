"""Transforms of columns: round trips, Jacobians, mass, and the rules that choose them."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import integrate, stats
from sklearn.preprocessing import PowerTransformer

from fastebm.preprocess import Preprocessing, prepare
from fastebm.preprocess.cyclic import Cyclic, lay_out
from fastebm.preprocess.decide import gain
from fastebm.preprocess.log import Log
from fastebm.preprocess.rounding import find_rounding
from fastebm.preprocess.softplus import Softplus
from fastebm.preprocess.transform import Plain
from fastebm.preprocess.yeo_johnson import YeoJohnson, best_power, yeo_johnson
from fastebm.preprocess.zeros import find_zeros

TRANSFORMS = [
    Plain(),
    Log(),
    Log(-0.3),
    Log(1e3),
    Softplus(0.0, 0.1),
    Softplus(-0.5, 30.0),
    *[YeoJohnson(2.0, 3.0, power) for power in (0.0, 1e-9, 0.3, 1.0, 1.7, 2.0)],
]
BOUNDED = [t for t in TRANSFORMS if t.low > -math.inf]
WHOLE = [t for t in TRANSFORMS if t.low == -math.inf]
ids = str
finite = {"allow_nan": False, "allow_infinity": False, "allow_subnormal": False}
spans = arrays(float, 5, elements=st.floats(1e-8, 1e8, **finite))
signs = arrays(float, 5, elements=st.floats(-1e8, 1e8, **finite))


def law(name, n=600, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "normal": lambda: rng.normal(10.0, 2.0, n),
        "t": lambda: rng.standard_t(4, n),
        "uniform": lambda: rng.random(n),
        "exponential": lambda: rng.exponential(3.0, n),
        "log-normal": lambda: rng.lognormal(2.0, 1.0, n),
        "shifted": lambda: 1e6 + rng.lognormal(0.0, 1.0, n),
        "mirrored": lambda: -rng.lognormal(0.0, 1.0, n),
        "counts": lambda: rng.poisson(2.0, n).astype(float),
        "zeros": lambda: np.where(rng.random(n) < 0.2, 0.0, rng.gamma(2.0, 3.0, n)),
        "two": lambda: rng.integers(0, 2, n).astype(float),
        "hours": lambda: np.floor(np.mod(rng.normal(23.0, 2.0, n), 24.0)),
    }[name]()


# ---- transforms ----


@pytest.mark.parametrize("t", BOUNDED, ids=ids)
@given(u=spans)
def test_there_and_back_above_a_bound(t, u):
    x = t.low + u
    x = x[x > t.low]
    back = t.inverse(t.forward(x))
    assert (np.abs(back - x) <= 1e-12 * (np.abs(x) + abs(t.low))).all()


@pytest.mark.parametrize("t", WHOLE, ids=ids)
@given(x=signs)
def test_there_and_back(t, x):
    # The centre is subtracted on the way: what is near 0 comes back as well as the centre is known.
    assert (np.abs(t.inverse(t.forward(x)) - x) <= 1e-12 * (np.abs(x) + 2.0)).all()


@pytest.mark.parametrize("t", TRANSFORMS, ids=ids)
@given(z=arrays(float, 5, elements=st.floats(-20, 20, **finite)))
def test_every_number_is_reached(t, z):
    x = t.inverse(z)
    inside = x > t.low
    # Softplus(0, 0.1) at -20 is exp(-200): below the rounding of any bound but 0.
    assert inside.all() or t.low != 0
    x, z = x[inside], z[inside]
    # x is rounded, and near a bound z is steep.
    rounding = 2.0**-51 * (np.abs(x) + 4.0) * np.exp(t.log_slope(x))
    assert (np.abs(t.forward(x) - z) <= 1e-11 * (1.0 + np.abs(z)) + rounding).all()


@pytest.mark.parametrize("t", TRANSFORMS, ids=ids)
def test_slopes_are_those_of_differences(t):
    x = t.inverse(np.linspace(-3.0, 3.0, 41))
    h = 1e-6 * (1 + np.abs(x)) if t.low == -math.inf else 1e-5 * (x - t.low)
    slope = (t.forward(x + h) - t.forward(x - h)) / (2 * h)
    away = np.abs(x - getattr(t, "centre", math.inf)) > 2 * h
    assert np.allclose(np.exp(t.log_slope(x)), slope, rtol=1e-6)
    bend = (t.log_slope(x + h) - t.log_slope(x - h)) / (2 * h)
    assert np.allclose(t.log_slope_grad(x)[away], bend[away], rtol=1e-5, atol=1e-8)
    assert (np.diff(t.forward(x)) > 0).all()


def mass(t, density=stats.norm.pdf):
    """Integral over the support of the density that a standard normal z gives x."""
    ends = t.inverse(np.array([-8.0, 8.0]))
    cuts = t.inverse(np.linspace(-7.5, 7.5, 13))

    def p(x):
        return density(t.forward(np.array([x]))[0]) * math.exp(t.log_slope(np.array([x]))[0])

    edges = [max(ends[0], np.nextafter(t.low, math.inf)), *cuts, ends[1]]
    return sum(integrate.quad(p, a, b, limit=200)[0] for a, b in pairwise(edges))


@pytest.mark.parametrize("t", TRANSFORMS, ids=ids)
def test_a_density_keeps_its_mass(t):
    assert mass(t) == pytest.approx(1.0, abs=1e-7)


def test_a_power_that_does_not_reach_the_line_loses_mass():
    # Negative control: why powers end at 0 and 2. z of power -0.5 never exceeds 2.
    bad = YeoJohnson(0.0, 1.0, -0.5)
    x = np.concatenate([-np.geomspace(1e4, 1e-6, 4000), np.geomspace(1e-6, 1e9, 4000)])
    p = stats.norm.pdf(bad.forward(x)) * np.exp(bad.log_slope(x))
    assert integrate.trapezoid(p, x) < 0.98


# ---- Yeo-Johnson ----


@pytest.mark.parametrize("power", [-1.0, 0.0, 0.5, 1.0, 2.0, 2.5])
def test_yeo_johnson_is_scipys(power):
    u = np.random.default_rng(1).normal(0, 3, 200)
    assert np.allclose(yeo_johnson(u, power), stats.yeojohnson(u, power), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ["normal", "t", "exponential", "counts", "mirrored"])
def test_the_power_is_the_likeliest(name):
    u = law(name)
    u = (u - np.median(u)) / u.std()
    ours = best_power(u, -5.0, 6.0)
    assert ours == pytest.approx(stats.yeojohnson_normmax(u), abs=1e-4)
    assert ours == pytest.approx(PowerTransformer().fit(u[:, None]).lambdas_[0], abs=1e-4)
    # A wrong one is less likely.
    for wrong in (ours - 0.1, ours + 0.1):
        assert stats.yeojohnson_llf(wrong, u) < stats.yeojohnson_llf(ours, u)


def test_the_power_stays_where_the_line_is_reached():
    u = (law("log-normal") - 7.0) / 5.0
    assert stats.yeojohnson_normmax(u) < 0
    assert best_power(u) == 0.0
    assert best_power(-u) == pytest.approx(2.0, abs=1e-9)


# ---- grids, zeros ----


@pytest.mark.parametrize(
    ("x", "step"),
    [
        (law("counts"), 1.0),
        (np.round(law("normal"), 1), 0.1),
        (5.0 * np.round(law("normal") / 5.0) + 2.0, 5.0),
        (np.round(16 * law("uniform")) / 16, 0.0625),
        (100.0 * np.round(law("log-normal")), 100.0),
        # Standardised integers, as tables come that were scaled before.
        ((law("counts") - 2.013) / 41.7, 1 / 41.7),
        (np.repeat([0.0, 2.0, 5.0, 9.0], 30), 1.0),
    ],
    ids=[
        "integers",
        "decimals",
        "fives",
        "sixteenths",
        "hundreds",
        "scaled integers",
        "gaps of two and three",
    ],
)
def test_a_grid_is_found(x, step):
    grid = find_rounding(x)
    assert grid.step == pytest.approx(step, rel=1e-9)
    noised = grid.noised(x, np.random.default_rng(3))
    assert (np.abs(noised - x) <= 0.5 * grid.step * (1 + 1e-12)).all() and (noised != x).any()
    exact = 0.0 if grid.decimals >= 0 else 1e-12
    assert np.abs(grid.snapped(noised) - x).max() <= exact


@pytest.mark.parametrize(
    "x",
    [
        law("normal"),
        law("zeros"),
        np.repeat(law("normal", 100), 5),
        np.concatenate([law("normal", 300), np.full(200, 3.0)]),
        np.arange(500.0),
    ],
    ids=["normal", "zeros", "rows that repeat", "one value that repeats", "integers without ties"],
)
def test_what_is_no_grid(x):
    assert find_rounding(x) is None


def test_noise_is_even_over_the_cell():
    x = np.full(20_000, 3.0)
    x[:10_000] = 4.0
    u = find_rounding(x).noised(x, np.random.default_rng(5)) - x
    # Kolmogorov's limit for a false alarm in a million.
    assert stats.kstest(u + 0.5, "uniform").pvalue > 1e-6
    assert stats.kstest(0.9 * u + 0.5, "uniform").pvalue < 1e-6


def test_zeros_stand_for_a_cell_below_them():
    x = law("zeros")
    cell = find_zeros(x)
    assert cell.share == pytest.approx((x == 0).mean()) and 0 < cell.width < np.quantile(x[x > 0], 0.01)
    seen = cell.noised(x, np.random.default_rng(1))
    assert (seen > -cell.width).all() and ((seen <= 0) == (x == 0)).all()
    assert (cell.snapped(seen) == x).all()
    # The smallest number does not set the width.
    x[0] = 1e-300
    assert find_zeros(x).width > 0.1 * cell.width
    assert find_zeros(law("exponential")) is None and find_zeros(np.r_[-1.0, 0.0, 1.0]) is None


# ---- circles ----


def test_the_circle_is_cut_where_it_is_empty():
    x = np.mod(np.random.default_rng(1).normal(23.0, 1.0, 500), 24.0)
    t = lay_out(x, 24.0)
    assert 8.0 < t.cut < 14.0 and t.start == 0.0
    z = t.forward(x)
    assert z.std() == pytest.approx(1.0, rel=0.1) and ((z >= 0) & (z < 24)).all()
    assert np.abs(t.inverse(z) - x).max() < 1e-12 * 24
    # The same place a turn later; and degrees around 0.
    assert np.allclose(t.forward(x + 24.0), z)
    angles = lay_out(np.where(x > 12, x - 24, x) * 15.0, 360.0)
    assert (
        angles.start == -180.0
        and (np.abs(angles.inverse(angles.forward(np.array([-179.0, 3.0])))) <= 180).all()
    )


@given(x=arrays(float, 5, elements=st.floats(0, 24, exclude_max=True, **finite)))
def test_round_the_circle(x):
    t = Cyclic(24.0, 7.3, 0.0)
    back = t.inverse(t.forward(x))
    assert ((back >= 0) & (back < 24)).all()
    off = np.abs(back - x)
    assert (np.minimum(off, 24 - off) <= 1e-12 * 24).all()


# ---- what is decided ----


@pytest.mark.parametrize(
    ("name", "kind", "rounded"),
    [
        ("normal", "none", False),
        ("t", "none", False),
        ("uniform", "softplus", False),
        ("exponential", "softplus", False),
        ("log-normal", "log", False),
        ("shifted", "yeo-johnson", False),
        ("mirrored", "yeo-johnson", False),
        ("counts", "softplus", True),
        ("zeros", "softplus", False),
        ("two", "none", True),
    ],
)
def test_what_is_done_with_a_law(name, kind, rounded):
    (column,) = Preprocessing.fit(law(name)).columns
    assert (column.action.kind, column.rounding is not None) == (kind, rounded)
    assert column.why


def test_normal_columns_are_left_alone():
    x = np.random.default_rng(7).normal(size=(200, 200))
    x[:, ::2] += 10.0
    assert all(c.action.kind == "none" for c in Preprocessing.fit(x).columns)


def test_the_gain_is_that_of_a_normal_law():
    x = law("log-normal")
    wanted = stats.norm.logpdf(np.log(x), np.log(x).mean(), np.log(x).std()) - np.log(x)
    assert gain(Log(), x) == pytest.approx((wanted - stats.norm.logpdf(x, x.mean(), x.std())).mean())
    # Too few rows for a gain of this size.
    assert Preprocessing.fit(1e6 + x[:15]).columns[0].action.kind == "none"


TABLE = np.stack([law("log-normal"), law("counts"), np.full(600, 7.0), law("hours"), law("zeros")], axis=1)
TABLE = np.concatenate([TABLE, 1.8 * TABLE[:, :1] + 32.0], axis=1)
NAMES = ["depth", "visits", "site", "hour", "rain", "fahrenheit"]


@pytest.fixture(scope="module")
def table():
    return prepare(TABLE, NAMES, seed=1, cyclic={"hour": 24})


def test_a_table(table):
    z, done = table
    kinds = {c.name: c.action.kind for c in done.columns}
    assert kinds == {
        "depth": "log",
        "visits": "softplus",
        "site": "constant",
        "hour": "cyclic",
        "rain": "softplus",
        "fahrenheit": "copy",
    }
    assert done.kept_names == ("depth", "visits", "hour", "rain") and z.shape == (600, 4)
    assert np.abs(done.inverse(done.transform(TABLE)) - TABLE).max() < 1e-12 * 600
    # The noise of the fit is taken out again.
    assert np.abs(done.inverse(z) - TABLE).max() < 1e-12 * 600
    assert np.abs(done.inverse(z, rounded=False) - TABLE).max() > 0.1
    said = str(done)
    assert all(
        word in said
        for word in ("log(x)", "rounded to 1", "constant 7", "period 24", "% zeros", "times 1.8 and plus 32")
    )
    assert "depth: log" in repr(done)


def test_the_log_jacobian_is_the_determinant(table):
    _, done = table
    rows = TABLE[:4]
    kept = list(done.kept)
    for row, value in zip(rows, done.log_jacobian(rows), strict=True):
        slopes = np.empty(len(kept))
        for i, j in enumerate(kept):
            h = 1e-6 * (row[j] - done.window[0, i]) if done.columns[j].action.kind != "cyclic" else 1e-3
            sides = np.tile(row[kept], (2, 1))
            sides[:, i] += [-h, h]
            slopes[i] = np.diff(done._forward(sides)[0][:, i])[0] / (2 * h)
        assert np.log(slopes).sum() == pytest.approx(value, abs=1e-6)


def test_seeds(table):
    z, done = table
    again = prepare(TABLE, NAMES, seed=1, cyclic={"hour": 24})[0]
    other = prepare(TABLE, NAMES, seed=2, cyclic={"hour": 24})[0]
    plain = prepare(TABLE, NAMES, cyclic={"hour": 24}, noise=False)[0]
    assert z.tobytes() == again.tobytes() and z.tobytes() != other.tobytes()
    assert plain.tobytes() == done.transform(TABLE).tobytes()
    many = prepare(TABLE[:, [1, 3]], noise="many", seed=1)
    assert (many[0][:, 1] != TABLE[:, 3]).any() and many[1].columns[0].rounding.n_values <= 10
    assert many[0][:, 0].tobytes() == many[1].transform(TABLE[:, [1, 3]])[:, 0].tobytes()
    # Columns without a grid have no noise.
    assert (z[:, 0] == other[:, 0]).all() and (z[:, 1] != other[:, 1]).any()


def test_its_state_is_plain_and_whole(table):
    _, done = table
    other = Preprocessing.from_state(done.state())
    assert other.state() == done.state() and str(other) == str(done)
    assert other.transform(TABLE).tobytes() == done.transform(TABLE).tobytes()
    columns = done.state()["columns"]
    for damaged in (
        {"columns": [{"name": "a"}], "named": True},
        {"columns": columns, "nam": 1},
        {"columns": columns[2:3], "named": True},
        {"columns": columns[::-1], "named": True},
    ):
        with pytest.raises((KeyError, TypeError, ValueError)):
            Preprocessing.from_state(damaged)


@pytest.mark.parametrize(
    ("j", "value", "said"),
    [
        (0, -1.0, "'depth'"),
        (2, 8.0, "'site'"),
        (5, 0.0, "'fahrenheit'"),
        (4, -1.0, "'rain'"),
        (1, -1.0, "'visits'"),
    ],
)
def test_rows_outside_the_support(table, j, value, said):
    _, done = table
    rows = TABLE[:3].copy()
    rows[1, j] = value
    with pytest.raises(ValueError, match=rf"X\[1, {j}\].*{said}.*leave the row"):
        done.transform(rows)
    assert np.isneginf(done.log_jacobian(rows)).tolist() == [False, True, False]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("log", "must be None, 'auto' or a dict"),
        (["log"], "must be None, 'auto' or a dict"),
        ({"height": "log"}, "names the column 'height', but it has 'depth'"),
        ({9: "log"}, "names column 9, but X has 6"),
        ({1.5: "log"}, "names or numbers"),
        ({"depth": "sqrt"}, "must be one of 'auto'"),
        ({"hour": "cyclic"}, "needs its period"),
        ({"hour": ("cyclic", 0)}, "greater than 0"),
        ({"depth": ("log", 1e9)}, "not above the bound"),
        ({"hour": "log", 3: "none"}, "given twice"),
    ],
)
def test_what_is_refused(how, said):
    with pytest.raises((ValueError, TypeError), match=said):
        prepare(TABLE, NAMES, how)


def test_more_that_is_refused():
    with pytest.raises(ValueError, match="not negative; give"):
        prepare(law("normal") - 10.0, ["a"], {"a": "log"})
    with pytest.raises(ValueError, match="every column is constant"):
        prepare(np.ones((5, 2)))
    with pytest.raises(ValueError, match="one name for each of the 6"):
        prepare(TABLE, ["a"])
    with pytest.raises(ValueError, match="has no names; give the number"):
        prepare(TABLE, None, {"feature 99": "log"})
    with pytest.raises(TypeError, match=r"as \{'hour': 24\}"):
        prepare(TABLE, NAMES, cyclic=24)


@pytest.mark.parametrize(
    ("wish", "kind"),
    [
        ("none", "none"),
        ("log", "log"),
        (("log", -5.0), "log"),
        ("softplus", "softplus"),
        ("yeo-johnson", "yeo-johnson"),
        (["cyclic", 10], "cyclic"),
        ("auto", "softplus"),
    ],
)
def test_what_is_asked_for_is_done(wish, kind):
    done = Preprocessing.fit(TABLE, NAMES, {"rain": wish})
    action = done.columns[4].action
    assert action.kind == kind
    assert kind != "log" or action.low == (-5.0 if wish != "log" else -done.columns[4].zeros.width)


def test_large_numbers_that_differ_little():
    # Begin and end of something, in seconds since 1970; a constant would be the same to the last bits.
    rng = np.random.default_rng(5)
    begin = 1.6e9 + 1e7 * rng.random(400)
    x = np.stack([begin, begin + rng.lognormal(0.0, 1.0, 400), np.full(400, 1.6e9)], axis=1)
    done = Preprocessing.fit(x)
    assert [c.action.kind for c in done.columns][1:] != ["copy", "constant"]
    assert done.columns[1].kept and not done.columns[2].kept
    x[0, 2] += 1.0
    assert np.isneginf(done.log_jacobian(x)).tolist() == [True] + [False] * 399


@pytest.mark.parametrize("scale", [1e-310, 1e-300, 1e200, 1e300])
def test_numbers_at_the_ends_of_the_range(scale):
    for x in (scale * law("normal"), scale * law("log-normal")):
        z, done = prepare(x, seed=1)
        assert np.isfinite(z).all() and np.allclose(done.inverse(z)[:, 0], x, rtol=1e-10)


def test_copies():
    rng = np.random.default_rng(3)
    a, b = rng.normal(size=(2, 300))
    x = np.stack([a, 2.54 * a, b, -a + 1e3, a + 1e-6 * b, a], axis=1)
    done = Preprocessing.fit(x)
    assert [c.action.kind for c in done.columns] == ["none", "copy", "none", "copy", "none", "copy"]
    assert (done.columns[5].action.slope, done.columns[5].action.offset) == (1.0, 0.0)
    assert np.allclose(done.inverse(done.transform(x)), x, rtol=1e-12)
