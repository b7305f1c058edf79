"""The drop-in against the notebook it replaces, and bit for bit against the stable Python reference.

The random state is compared after every call: drawing differently fails even if the result is right.
"""

import ast
import copy
import io
import json
import math
import pickle
import random
import statistics
import warnings
from contextlib import redirect_stdout
from pathlib import Path

import notebook_oracle as oracle
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from interrupts import ctrl_c

from fastebm import FastEBMWarning
from fastebm import notebook as nb
from fastebm.notebook import _compiled as compiled
from fastebm.notebook import hint

DATA = Path(__file__).parent / "data"
TREE = ast.parse((DATA / "notebook_original.py").read_text(encoding="utf-8"))
relaxed = settings(deadline=None)  # a busy machine is no failure
TRAPS = json.loads((DATA / "traps.json").read_text())
DEMO = [0.1, -1.2, 0.0, 0.2, 1.3, 0.2, 0.0]
TRAINED = [-0.789, -2.0067, -0.2692, -0.7008, 1.7702, 0.2692, 0.0]
INF, NAN = math.inf, math.nan


def run(nodes, **names):
    exec(compile(ast.Module(list(nodes), []), "notebook", "exec"), names)
    return names


def is_definition(node):
    return isinstance(node, ast.FunctionDef | ast.ClassDef)


ORIGINAL = run(node for node in TREE.body if is_definition(node) or isinstance(node, ast.Import))
DEFINED = {node.name for node in TREE.body if is_definition(node)}


# ---- What is said of its recipe


def test_the_cold_recipe_is_named_once_and_not_on_standard_output(monkeypatch, capsys):
    monkeypatch.setattr(hint, "_said", False)
    data = nb.sample_real(100)
    with pytest.warns(FastEBMWarning, match=r"temperature 0\.066, not 1 .* needs noise 0\.332") as heard:
        nb.train_ebm(DEMO, data, steps=1)
    assert len(heard) == 1 and heard[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        nb.train_ebm(DEMO, data, steps=1)
    # Where a warning is an error, the call that fails changes nothing, and the next one runs.
    monkeypatch.setattr(hint, "_said", False)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_raises(nb.train_ebm, (DEMO, data, 1), FastEBMWarning, "This is said once")
        nb.train_ebm(DEMO, data, steps=1)
    assert capsys.readouterr().out == ""


# ---- The notebook itself


def test_every_definition_is_replaced():
    assert set(nb.__all__) == DEFINED


def printed(*, with_definitions):
    public = {} if with_definitions else {name: getattr(nb, name) for name in nb.__all__}
    out = io.StringIO()
    with redirect_stdout(out):
        run((n for n in TREE.body if with_definitions or not is_definition(n)), **public)
    return out.getvalue()


def test_the_notebook_prints_the_same_bytes():
    assert printed(with_definitions=False) == (DATA / "notebook_stdout.txt").read_text(encoding="utf-8")


@pytest.mark.deep
def test_the_recorded_output_is_the_notebooks_own():
    assert printed(with_definitions=True) == (DATA / "notebook_stdout.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(DEFINED - {"SampleReplayBuffer"}))
def test_signatures_are_the_notebooks(name):
    theirs, ours = ORIGINAL[name], getattr(nb, name)
    count = theirs.__code__.co_argcount
    assert ours.__code__.co_varnames[:count] == theirs.__code__.co_varnames[:count]
    assert ours.__code__.co_argcount == count
    assert ours.__defaults__ == theirs.__defaults__


# ---- Bit for bit, draw for draw

seeds = st.tuples(st.integers(0, 2**40), st.integers(0, 3))
xs = st.floats(-30.0, 30.0)


@st.composite
def thetas(draw, k=4.0):
    def well():
        return [draw(st.floats(-6.0, 6.0)), draw(st.floats(-5.0, 5.0)), draw(st.floats(-k, k))]

    return [*well(), *well(), draw(st.floats(-10.0, 10.0))]


def outcome(function, args, seed, n_before):
    """Result, exception type and state of `random`, after `n_before` normals: a spare one may be in hand."""
    random.seed(seed)
    for _ in range(n_before):
        random.gauss(0.0, 1.0)
    result = error = None
    try:
        result = function(*copy.deepcopy(args))
    except (ArithmeticError, ValueError) as e:
        error = type(e)
    if isinstance(result, tuple) and hasattr(result[-1], "items"):
        result = *result[:-1], result[-1].max_size, result[-1].items
    return repr(result), error, random.getstate()


def assert_same(name, *args, seed=(0, 0), reference=oracle):
    theirs = getattr(reference, name) if reference is oracle else reference[name]
    assert outcome(getattr(nb, name), args, *seed) == outcome(theirs, args, *seed)


@relaxed
@given(st.integers(-2, 700), seeds)
def test_sample_real(n, seed):
    assert_same("sample_real", n, seed=seed)


@relaxed
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=40))
def test_describe_rounds_like_statistics(values):
    got = nb.describe(values)
    assert repr(got["mean"]) == repr(statistics.mean(values))
    assert repr(got["std"]) == repr(statistics.pstdev(values))
    assert_same("describe", values)


@pytest.mark.parametrize("n", [1, 511, 512, 513, 5000])
def test_describe_many(n):
    rng = random.Random(n)
    values = [rng.uniform(-1.0, 1.0) * 10.0 ** rng.randint(-12, 12) for _ in range(n)]
    assert_same("describe", values)
    assert_same("describe", [0.0, -0.0] * n)


@relaxed
@given(st.floats(-1e300, 1e300), st.floats(-1e300, 1e300))
def test_stable_logsumexp(a, b):
    assert_same("stable_logsumexp", a, b)
    assert_same("stable_logsumexp", a, a + b / 1e300)


@relaxed
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_clip_raw_a(v):
    assert_same("clip_raw_a", v)


@relaxed
@given(xs, thetas(k=900.0))
def test_energy(x, theta):
    assert_same("energy_value", x, theta)
    assert_same("energy_and_grads", x, theta)


@relaxed
@given(
    thetas(), st.lists(xs, max_size=40), st.integers(-1, 8), st.floats(0.0, 0.5), st.floats(-1.0, 1.0), seeds
)
def test_sgld_samples(theta, x_init, n_steps, step_size, noise_std, seed):
    assert_same("sgld_samples", theta, x_init, n_steps, step_size, noise_std, seed=seed)


@pytest.mark.parametrize("n", [511, 512, 513, 1300])
def test_sgld_samples_in_blocks(n):
    x_init = [random.Random(n).uniform(-4.0, 4.0) for _ in range(n)]
    assert_same("sgld_samples", DEMO, x_init, 7, seed=(n, n % 2))


@relaxed
@given(st.lists(xs, min_size=1, max_size=60), thetas())
def test_mean_grads(values, theta):
    assert_same("mean_grads", values, theta)


@settings(max_examples=40, deadline=None)
@given(
    thetas(),
    st.integers(1, 3000),
    st.integers(-2, 6),
    st.integers(1, 40),
    st.floats(0.0, 0.2),
    st.floats(0.0, 0.1),
    st.floats(0.0, 2.5),
    seeds,
)
def test_train_ebm(theta, n_data, steps, batch_size, lr, reg, replay_ratio, seed):
    assume(batch_size <= n_data)
    rng = random.Random(n_data)
    data = [rng.gauss(0.0, 2.0) for _ in range(n_data)]
    assert_same("train_ebm", theta, data, steps, batch_size, lr, reg, replay_ratio, seed=seed)


def test_train_ebm_with_the_notebooks_settings():
    random.seed(3)
    data = nb.sample_real(2400)
    assert_same("train_ebm", [0.0, -0.2, 0.0, 0.0, 0.2, 0.0, 0.0], data, 41, seed=(31, 1))


@pytest.mark.parametrize("batch_size", [5, 6, 21, 22, 85, 86, 90, 300])
def test_both_ways_of_random_sample(batch_size):
    """random.sample keeps a pool or a set, by a rule of population and size: cross it in data and buffer."""
    for n_data in (batch_size, 85, 277, 1045, 1046):
        if n_data >= batch_size:
            data = [0.01 * i - 3.0 for i in range(n_data)]
            assert_same("train_ebm", DEMO, data, 2, batch_size, 0.01, 0.0, 0.3, seed=(n_data, 0))


@relaxed
@given(thetas(), st.integers(-1, 7), seeds)
def test_draw_model_samples(theta, n, seed):
    assert_same("draw_model_samples", theta, n, seed=seed)


@relaxed
@given(thetas(k=1000.0), st.floats(-9.0, 9.0), st.floats(-9.0, 9.0), st.integers(1, 120))
def test_approx_partition(theta, x_min, x_max, n_grid):
    assert_same("approx_partition", theta, x_min, x_max, n_grid)


@relaxed
@given(thetas(k=1000.0), xs, st.floats(1e-300, 1e300))
def test_approx_density(theta, x, z_est):
    assert_same("approx_density", theta, x, z_est)
    assert_same("approx_density", theta, x, -z_est)


@pytest.mark.parametrize("sgld_steps", [-1, 0, 2])
def test_quick_train_with_sgld_steps(sgld_steps):
    data = [random.Random(1).gauss(0.0, 2.0) for _ in range(200)]
    assert_same("quick_train_with_sgld_steps", data, sgld_steps, seed=(5, 1))


@relaxed
@given(thetas(), st.floats(-6.0, 6.0))
def test_close_to_the_notebooks_own_arithmetic(theta, x):
    e, gx, g = nb.energy_and_grads(x, theta)
    assume(e - theta[-1] < 690.0)
    want_e, want_gx, want_g = ORIGINAL["energy_and_grads"](x, theta)
    close = {"rel": 1e-11, "abs": 1e-11}
    assert e == pytest.approx(want_e, **close)
    assert gx == pytest.approx(want_gx, **close)
    assert g == pytest.approx(want_g, **close)
    assert nb.energy_value(x, theta) == pytest.approx(ORIGINAL["energy_value"](x, theta), **close)


@relaxed
@given(st.integers(0, 12), seeds)
def test_draws_are_the_notebooks_own(n, seed):
    assert_same("sample_real", n, seed=seed, reference=ORIGINAL)
    theirs = outcome(ORIGINAL["draw_model_samples"], (DEMO, n), *seed)
    assert outcome(nb.draw_model_samples, (DEMO, n), *seed)[2] == theirs[2]


def test_replay_window_slides_without_losing_order():
    """With no replay no draw depends on the buffer: a small one must hold the end of a large one."""
    args = [DEMO, [0.1 * i for i in range(60)], 40, 7, 0]
    small, large = (
        compiled.train(random.Random(1).getstate(), *args, capacity, 1, 0.01, 0.0, [9.0] * 7, 0)[2]
        for capacity in (11, 10**6)
    )
    assert len(large) == 280
    assert small == large[-11:]


# ---- Where the notebook's arithmetic breaks down


@pytest.mark.parametrize("trap", TRAPS, ids=lambda trap: trap["name"])
def test_traps(trap):
    x, theta = trap["x"], trap["theta"]
    want = copy.deepcopy(trap["ref"])
    if trap["name"].startswith("clip"):
        want["g"][0] = trap["naive"]["g"][0]  # the notebook's derivative of a clipped raw_a is kept
    e, gx, g = nb.energy_and_grads(x, theta)
    assert nb.energy_value(x, theta) == e
    for got, exact in zip([e, gx, *g], [want["E"], want["gx"], *want["g"]], strict=True):
        assert got == pytest.approx(exact, rel=1e-12 if abs(exact) > 1e-290 else 0.0, abs=1e-290)


def test_sampler_survives_the_corner_of_its_own_clamps():
    random.seed(1)
    out = nb.sgld_samples([3.0, 0.2, 0.0, 3.0, 0.3, 0.0, 0.0], [-4.5 + 0.045 * i for i in range(200)], 30)
    assert all(-6.0 <= x <= 6.0 for x in out)
    with pytest.raises(ZeroDivisionError):
        ORIGINAL["sgld_samples"]([3.0, 0.2, 0.0, 3.0, 0.2, 0.0, 0.0], [-6.0], 1)


def test_a_well_infinitely_far_away_has_no_say():
    assert nb.energy_and_grads(1.0, [0.0, 0.0, 0.0, 0.0, 1e200, 0.0, 0.0]) == (
        1.0,
        2.0,
        [1.0, -2.0, 1.0, 0.0, 0.0, 0.0, 1.0],
    )


def test_partition_and_density_beyond_exp():
    low = [0.0, 0.0, -705.0, 0.0, 0.0, -705.0, 0.0]
    log_z = math.log(2.0 * math.sqrt(math.pi)) + 705.0
    z = nb.approx_partition(low, -8.0, 8.0, 400)
    assert math.log(z) == pytest.approx(log_z, abs=1e-9)
    assert nb.approx_density(low, 0.0, z) == pytest.approx(1.0 / math.sqrt(math.pi), rel=1e-9)
    high = [0.0, 0.0, 735.0, 0.0, 0.0, 735.0, 0.0]
    z = nb.approx_partition(high, -8.0, 8.0, 400)
    assert math.log(z) == pytest.approx(math.log(2.0 * math.sqrt(math.pi)) - 735.0, abs=1e-3)
    assert nb.approx_density(high, 0.0, z) == pytest.approx(1.0 / math.sqrt(math.pi), rel=1e-3)
    with pytest.raises(OverflowError, match="Z is about exp"):
        nb.approx_partition([0.0, 0.0, -800.0, 0.0, 0.0, 0.0, 0.0])
    empty = nb.approx_partition([0.0] * 6 + [800.0])
    assert empty == 0.0
    with pytest.raises(ZeroDivisionError, match="z_est"):
        nb.approx_density(DEMO, 0.0, empty)


# ---- Errors: at the boundary, by name, and nothing half done

A_BUFFER = nb.SampleReplayBuffer(3)
BAD_CALLS = [
    (nb.describe, ([],), ValueError, "xs is empty"),
    (nb.mean_grads, ([], DEMO), ValueError, "xs is empty"),
    (nb.energy_value, (0.0, DEMO[:6]), ValueError, "theta must hold 7"),
    (nb.energy_and_grads, (0.0, [*DEMO, 1.0]), ValueError, "theta must hold 7"),
    (nb.energy_value, (None, DEMO), TypeError, None),
    (nb.energy_value, ("1", DEMO), TypeError, None),
    (nb.energy_value, (0.0, None), TypeError, None),
    (nb.energy_value, (1e200, DEMO), OverflowError, "x=1e"),
    (nb.energy_and_grads, (1e200, DEMO), OverflowError, "x=1e"),
    (nb.mean_grads, ([0.0, 1e200], DEMO), FloatingPointError, "add up"),
    (nb.mean_grads, ([1.3e154, 1.3e154], [0.0] * 7), FloatingPointError, "add up"),
    (nb.sample_real, (1.5,), TypeError, None),
    (nb.sgld_samples, ([], [0.0]), ValueError, "theta must hold 7"),
    (nb.sgld_samples, (DEMO, [0.0], 2.5), TypeError, None),
    (nb.sgld_samples, (DEMO, [0.0, 1e200], 3), FloatingPointError, "step 0 takes chain 1"),
    (nb.sgld_samples, (DEMO, [1.0], 3, 1e308, 1.0), FloatingPointError, "Langevin step"),
    (nb.draw_model_samples, (DEMO[1:], 5), ValueError, "theta must hold 7"),
    (nb.train_ebm, (DEMO[1:], [0.0] * 99), ValueError, "theta_init must hold 7"),
    (nb.train_ebm, (DEMO, [0.0] * 95), ValueError, "batch_size must be in"),
    (nb.train_ebm, (DEMO, []), ValueError, "batch_size must be in"),
    (nb.train_ebm, (DEMO, [0.0] * 9, 3, 0), ValueError, "batch_size must be in"),
    (nb.train_ebm, (DEMO, [0.0] * 9, 3, -1), ValueError, "batch_size must be in"),
    (nb.train_ebm, (DEMO, [0.0] * 9, 3, 4.0), TypeError, None),
    (nb.train_ebm, (DEMO, [0.0] * 9, 3, 4, 0.1, 0.1, -0.5), ValueError, "replay_ratio"),
    (nb.train_ebm, (DEMO, [1e200] * 9, 3, 4), FloatingPointError, "training step 0"),
    (nb.train_ebm, (DEMO, [1.0] * 9, 3, 4, 1e308, 1e308), FloatingPointError, "training step 0.*theta"),
    (nb.approx_partition, (DEMO, -6.0, 6.0, 0), ValueError, "n_grid"),
    (nb.approx_partition, (DEMO, -6.0, 6.0, 2.5), TypeError, None),
    (nb.approx_partition, (DEMO, -1e200, 1e200, 5), OverflowError, "grid point 0"),
    (nb.quick_train_with_sgld_steps, ([0.0] * 63, 1), ValueError, "real_data"),
    (nb.SampleReplayBuffer, (-1,), ValueError, "max_size"),
    (nb.SampleReplayBuffer, (NAN,), ValueError, "max_size"),
    (A_BUFFER.add, ([1.0, NAN],), ValueError, r"xs\[1\]"),
    (A_BUFFER.add, ([1.0, "2"],), TypeError, None),
]
NOT_FINITE = [
    (nb.clip_raw_a, (0.0,), 0, "v"),
    (nb.describe, ([0.0, 1.0],), 0, "xs"),
    (nb.energy_value, (0.0, DEMO), 0, "x"),
    (nb.energy_value, (0.0, DEMO), 1, "theta"),
    (nb.energy_and_grads, (0.0, DEMO), 0, "x"),
    (nb.energy_and_grads, (0.0, DEMO), 1, "theta"),
    (nb.mean_grads, ([0.0, 1.0], DEMO), 0, "xs"),
    (nb.mean_grads, ([0.0, 1.0], DEMO), 1, "theta"),
    (nb.sgld_samples, (DEMO, [0.0], 1, 0.1, 0.1), 0, "theta"),
    (nb.sgld_samples, (DEMO, [0.0], 1, 0.1, 0.1), 1, "x_init"),
    (nb.sgld_samples, (DEMO, [0.0], 1, 0.1, 0.1), 3, "step_size"),
    (nb.sgld_samples, (DEMO, [0.0], 1, 0.1, 0.1), 4, "noise_std"),
    (nb.draw_model_samples, (DEMO, 3), 0, "theta"),
    (nb.train_ebm, (DEMO, [0.0] * 5, 1, 2, 0.1, 0.1, 0.5), 0, "theta_init"),
    (nb.train_ebm, (DEMO, [0.0] * 5, 1, 2, 0.1, 0.1, 0.5), 1, "real_data"),
    (nb.train_ebm, (DEMO, [0.0] * 5, 1, 2, 0.1, 0.1, 0.5), 4, "lr"),
    (nb.train_ebm, (DEMO, [0.0] * 5, 1, 2, 0.1, 0.1, 0.5), 5, "reg"),
    (nb.train_ebm, (DEMO, [0.0] * 5, 1, 2, 0.1, 0.1, 0.5), 6, "replay_ratio"),
    (nb.approx_partition, (DEMO, -6.0, 6.0, 9), 0, "theta"),
    (nb.approx_partition, (DEMO, -6.0, 6.0, 9), 1, "x_min"),
    (nb.approx_partition, (DEMO, -6.0, 6.0, 9), 2, "x_max"),
    (nb.approx_density, (DEMO, 0.0, 1.0), 0, "theta"),
    (nb.approx_density, (DEMO, 0.0, 1.0), 1, "x"),
    (nb.approx_density, (DEMO, 0.0, 1.0), 2, "z_est"),
    (nb.quick_train_with_sgld_steps, ([0.0] * 70, 1), 0, "real_data"),
]


def check_raises(function, args, error, match):
    random.seed(7)
    random.gauss(0.0, 1.0)
    state, before = random.getstate(), copy.deepcopy(args)
    with pytest.raises(error, match=match):
        function(*args)
    assert random.getstate() == state, "a call that fails must not advance random"
    assert repr(args) == repr(before)
    assert A_BUFFER.items == []


@pytest.mark.parametrize(("function", "args", "error", "match"), BAD_CALLS)
def test_errors_say_what_and_change_nothing(function, args, error, match):
    check_raises(function, args, error, match)


@pytest.mark.parametrize("value", [NAN, INF, -INF])
@pytest.mark.parametrize(("function", "args", "position", "name"), NOT_FINITE)
def test_nan_and_infinity_are_named(function, args, position, name, value):
    if isinstance(args[position], list):
        bad, name = [*args[position][:-1], value], rf"{name}\[{len(args[position]) - 1}\]"
    else:
        bad = value
    args = (*args[:position], bad, *args[position + 1 :])
    check_raises(function, args, ValueError, rf"^{name} must be finite, got {value!r}")


def test_logsumexp_of_log_zero():
    for bad in (NAN, INF):
        check_raises(nb.stable_logsumexp, (bad, 0.0), ValueError, f"a must be finite, got {bad}")
        check_raises(nb.stable_logsumexp, (0.0, bad), ValueError, f"b must be finite, got {bad}")
    assert nb.stable_logsumexp(-INF, 2.0) == nb.stable_logsumexp(2.0, -INF) == 2.0
    assert nb.stable_logsumexp(-INF, -INF) == -INF


def test_the_notebook_launders_nan_and_the_drop_in_does_not():
    assert ORIGINAL["sgld_samples"]([0.0, NAN, 0.0, 0.0, 0.0, 0.0, 0.0], [0.0], 1) == [6.0]
    with pytest.raises(ValueError, match=r"theta\[1\] must be finite, got nan"):
        nb.sgld_samples([0.0, NAN, 0.0, 0.0, 0.0, 0.0, 0.0], [0.0], 1)


@pytest.mark.parametrize("values", [(1.0, 2.0), [1, 2], iter([1.0, 2.0]), map(float, "12")])
def test_any_sequence_of_numbers_will_do(values):
    assert nb.describe(values) == {"mean": 1.5, "std": 0.5, "left": 0.0, "right": 1.0}


def test_results_are_plain_lists_and_floats():
    theta, history, replay = nb.train_ebm(tuple(map(int, DEMO)), range(9), steps=0, batch_size=3)
    assert type(theta) is list
    assert all(type(v) is float for v in theta)
    assert type(history) is list
    assert [type(v) for v in history[0]] == [int, float, float, float, list, int]
    assert type(replay) is nb.SampleReplayBuffer
    assert (type(replay.items), len(replay.items), replay.max_size) == (list, 3, 14000)


def test_arguments_are_not_modified():
    theta, data = DEMO[:], [0.1 * i for i in range(20)]
    nb.train_ebm(theta, data, steps=3, batch_size=5)
    nb.sgld_samples(theta, data, 3)
    assert theta == DEMO
    assert data == [0.1 * i for i in range(20)]


# ---- Replay buffer and bookkeeping


@pytest.mark.parametrize(
    ("max_size", "kept"), [(0, []), (1, [5.0]), (3, [3.0, 4.0, 5.0]), (9, [1.0, 2.0, 3.0, 4.0, 5.0])]
)
def test_buffer_keeps_the_newest(max_size, kept):
    buffer = nb.SampleReplayBuffer(max_size)
    buffer.add([1.0, 2.0])
    buffer.add([3.0, 4.0, 5.0])
    assert (buffer.items, buffer.max_size) == (kept, max_size)
    buffer.max_size = 2
    buffer.add([])
    assert buffer.items == kept[-2:]
    with pytest.raises(ValueError, match="max_size"):
        buffer.max_size = -2


def test_buffer_defaults():
    buffer = nb.SampleReplayBuffer()
    assert (buffer.max_size, buffer.items) == (12000, [])
    buffer.add(x / 2 for x in range(3))
    again = pickle.loads(pickle.dumps(buffer))
    assert (again.max_size, again.items) == (12000, [0.0, 0.5, 1.0])


@pytest.mark.parametrize("n", [-1, 0, 1, 4, 5, 6])
@pytest.mark.parametrize("size", [0, 5, 200])
def test_buffer_draws_as_the_notebook_does(size, n):
    def draw(cls):
        buffer = cls(max_size=300)
        buffer.add([float(i) for i in range(size)])
        return outcome(buffer.sample, (n,), 11, 1)

    assert (
        draw(nb.SampleReplayBuffer) == draw(ORIGINAL["SampleReplayBuffer"]) == draw(oracle.SampleReplayBuffer)
    )


def test_buffer_gives_all_in_order_as_a_copy():
    buffer = nb.SampleReplayBuffer(10)
    buffer.add([3.0, 1.0, 2.0])
    for n in (3, 4):
        state = random.getstate()
        drawn = buffer.sample(n)
        assert drawn == [3.0, 1.0, 2.0]
        assert random.getstate() == state
        drawn.clear()
    assert len(buffer.items) == 3


def test_steps_are_one_more_update_than_they_say():
    data = [0.1 * i for i in range(20)]
    theta, history, replay = nb.train_ebm(DEMO, data, steps=-1, batch_size=4)
    assert (theta, history, replay.items) == (DEMO, [], [])
    _, history, replay = nb.train_ebm(DEMO, data, steps=41, batch_size=4)
    assert [h[0] for h in history] == [0, 40]
    assert len(replay.items) == 42 * 4


def test_a_ratio_above_one_makes_more_negatives_than_data():
    _, _, replay = nb.train_ebm(DEMO, [0.1 * i for i in range(30)], steps=3, batch_size=20, replay_ratio=2.0)
    assert len(replay.items) == 120


@pytest.mark.parametrize(("batch_size", "fresh"), [(90, 28), (170, 52), (96, 29), (64, 20)])
def test_replayed_chains_are_floored(batch_size, fresh):
    """int(90 * 0.7) is 62, not 63: kept, because one more fresh chain is another sequence of draws."""
    assert batch_size - int(batch_size * 0.7) == fresh
    data = [0.01 * i for i in range(batch_size)]
    assert_same("train_ebm", DEMO, data, 2, batch_size, seed=(batch_size, 0))


# ---- Ctrl-C


# Each takes about five seconds if nothing stops it.
@pytest.mark.parametrize(
    ("function", "args"),
    [
        (nb.sgld_samples, (DEMO, [0.0] * 3, 3 * 10**7)),
        (nb.sgld_samples, (DEMO, [0.0] * 100_000, 1000)),
        (nb.sample_real, (3 * 10**7,)),
        (nb.train_ebm, (DEMO, [0.0] * 9, 2 * 10**6, 1)),
        (nb.approx_partition, (DEMO, -6.0, 6.0, 15 * 10**7)),
        (nb.quick_train_with_sgld_steps, ([0.0] * 64, 10**4)),
    ],
)
def test_interrupt(function, args):
    random.seed(3)
    state = random.getstate()
    _, waited = ctrl_c(lambda: function(*args))
    assert waited < 0.2
    assert random.getstate() == state


def test_interrupt_while_the_state_is_put_back(monkeypatch):
    """random.setstate assigns the spare normal first; stopped there, the old state must come back whole."""
    random.seed(3)
    random.gauss(0.0, 1.0)
    state, setstate = random.getstate(), random.setstate
    calls = []

    def stopped(new):
        calls.append(new)
        if len(calls) == 1:
            random._inst.gauss_next = new[2]
            raise KeyboardInterrupt
        setstate(new)

    monkeypatch.setattr(random, "setstate", stopped)
    with pytest.raises(KeyboardInterrupt):
        nb.sample_real(3)
    assert len(calls) == 2
    assert random.getstate() == state


@pytest.mark.parametrize(
    "state",
    [(2, (), None), (3, (0,) * 624, None), (3, (0,) * 624 + (625,), None), (3, (0,) * 624 + (-1,), None)],
)
def test_a_foreign_random_state_is_refused(state):
    with pytest.raises(RuntimeError, match="unknown form"):
        compiled.sample_real(state, 1)
