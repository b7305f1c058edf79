"""What energies accept as X and theta, and how they refuse the rest: named, and with nothing changed."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from cases import ENERGIES, SAMPLERS, parametrise

import fastebm as fe

WANTS_X = ("energy", "grad", "score", "param_grad", "mean_param_grad", "laplacian")


class WithArray:
    """Stands for a data frame: no sequence, but an __array__."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.asarray(self.values, dtype=dtype)


def type_name(value):
    return type(value).__name__


GRID = np.arange(-4.0, 4.0).reshape(4, 2)

ACCEPTED = {
    "list": GRID.tolist(),
    "tuple of tuples": tuple(map(tuple, GRID.tolist())),
    "list of arrays": list(GRID),
    "float32": GRID.astype(np.float32),
    "float16": GRID.astype(np.float16),
    "longdouble": GRID.astype(np.longdouble),
    "int": GRID.astype(int),
    "int8": GRID.astype(np.int8),
    "big endian": GRID.astype(">f8"),
    "Fortran order": np.asfortranarray(GRID),
    "strided": np.repeat(np.repeat(GRID, 3, axis=0), 2, axis=1)[::3, ::2],
    "negative strides": GRID[::-1, ::-1].copy()[::-1, ::-1],
    "transposed": GRID.T.copy().T,
    "broadcast": np.broadcast_to(GRID, (1, 4, 2))[0],
    "__array__": WithArray(GRID),
    "masked array without masked entries": np.ma.array(GRID),
    "unaligned": np.frombuffer(b"\0" + GRID.tobytes(), dtype=np.uint8)[1:].view(float).reshape(4, 2),
}


@parametrise("case", [case for case in ENERGIES if case.make().n_features == 2])
@pytest.mark.parametrize("kind", ACCEPTED)
def test_any_array_of_numbers_gives_the_same_result(case, kind):
    energy = case.make()
    for name in WANTS_X:
        np.testing.assert_array_equal(getattr(energy, name)(ACCEPTED[kind]), getattr(energy, name)(GRID))


@parametrise("case", ENERGIES)
def test_read_only_input_is_accepted_and_no_input_is_changed(case):
    energy = case.make()
    x = np.random.default_rng(1).uniform(-1, 1, (300, energy.n_features))
    before = x.copy()
    results = [getattr(energy, name)(x) for name in WANTS_X]
    np.testing.assert_array_equal(x, before)
    x.flags.writeable = False
    for name, result in zip(WANTS_X, results, strict=True):
        np.testing.assert_array_equal(getattr(energy, name)(x), result)
        assert result.dtype == np.float64 and result.flags.c_contiguous and result.flags.writeable


@parametrise("case", [case for case in ENERGIES if case.make().n_features == 1])
def test_one_feature_may_be_flat(case):
    energy = case.make()
    x = np.linspace(-2.0, 2.0, 9)
    for name in WANTS_X:
        flat, column = getattr(energy, name)(x), getattr(energy, name)(x[:, None])
        np.testing.assert_array_equal(flat.ravel(), column.ravel())
        if name in ("grad", "score"):
            assert flat.shape == (9,) and column.shape == (9, 1)
        else:
            assert flat.shape == column.shape
    np.testing.assert_array_equal(energy.energy([True, False]), energy.energy([1.0, 0.0]))
    np.testing.assert_array_equal(energy.energy(range(3)), energy.energy([0.0, 1.0, 2.0]))


def bad_arrays(d):
    """Name -> (value of X, what the message must hold)."""
    good = np.zeros((3, d))
    nan, inf = good.copy(), good.copy()
    nan[1, d - 1], inf[2, 0] = np.nan, -np.inf
    mask = np.zeros(good.shape, bool)
    mask[1, 0] = True
    bad = {
        "NaN": (nan, rf"X\[1, {d - 1}\] = nan"),
        "infinity": (inf, r"X\[2, 0\] = -inf"),
        "empty": (np.empty((0, d)), "empty"),
        "one feature more": (np.zeros((3, d + 1)), rf"{d}.*got \(3, {d + 1}\)"),
        "no features": (np.zeros((3, 0)), r"got \(3, 0\)"),
        "three axes": (np.zeros((3, d, 1)), "got"),
        "a number": (1.0, r"got \(\)"),
        "None": (None, "None"),
        "text": ("abc", "abc"),
        "bytes": (b"abc", "abc"),
        "numbers as text": (good.astype(str), "dtype"),
        "objects": (good.astype(object), "object"),
        "complex": (good.astype(complex), "complex"),
        "dates": (good.astype("datetime64[s]"), "datetime64"),
        "records": (np.zeros(3, dtype=[("x", float)]), "dtype"),
        "a dict": ({"x": 1.0}, "object"),
        "a set": ({1.0}, "object"),
        "a generator": ((v for v in [1.0]), "object"),
        "ragged": ([[0.0] * d, [0.0] * (d + 1)], "rectangular"),
        "masked": (np.ma.array(good, mask=mask), "masked"),
        "huge integers": ([[10**400] * d], "object"),
    }
    if d > 1:
        bad["flat"] = (np.zeros(d), r"reshape\(1, -1\)")
    return bad


@parametrise("case", ENERGIES)
@pytest.mark.parametrize("name", WANTS_X)
def test_bad_x_is_refused(case, name):
    energy = case.make()
    theta = energy.theta
    for kind, (value, message) in bad_arrays(energy.n_features).items():
        with pytest.raises((ValueError, TypeError), match=message) as caught:
            getattr(energy, name)(value)
        assert str(caught.value).startswith("X"), kind
    np.testing.assert_array_equal(energy.theta, theta)


def test_an_exception_of_the_input_itself_is_not_hidden():
    class Broken:
        def __array__(self, dtype=None, copy=None):
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        fe.WellMixture().energy(Broken())


@parametrise("case", [case for case in ENERGIES if case.theta_low])
def test_bad_theta_is_refused_and_changes_nothing(case):
    energy = case.make()
    theta = energy.theta
    x = np.linspace(-1, 1, 3 * energy.n_features).reshape(3, -1)
    before = energy.energy(x)
    size = energy.n_params
    bad = {
        "short": (theta[:-1], rf"theta must have shape \({size},\).*got \({size - 1},\)"),
        "long": ([*theta, 0.0], rf"got \({size + 1},\)"),
        "two axes": (theta[None], rf"got \(1, {size}\)"),
        "NaN": ([*theta[:-1], np.nan], rf"theta\[{size - 1}\] = nan"),
        "infinity": ([np.inf, *theta[1:]], r"theta\[0\] = inf"),
        "text": (["a"] * size, "theta must be real numbers"),
        "objects": ([None] * size, "theta must be real numbers"),
        "complex": (theta + 0j, "theta must be real numbers"),
        "None": (None, "theta must be real numbers"),
        "a number": (0.0, r"got \(\)"),
        "masked": (np.ma.array(theta, mask=[True] + [False] * (size - 1)), "masked"),
    }
    for value, message in bad.values():
        with pytest.raises((ValueError, TypeError), match=message):
            energy.theta = value
        np.testing.assert_array_equal(energy.theta, theta)
        np.testing.assert_array_equal(energy.energy(x), before)
    for kind in (list, np.float32, WithArray):
        energy.theta = theta.astype(kind) if kind is np.float32 else kind(theta)
    with pytest.raises((AttributeError, NotImplementedError)):
        del energy.theta


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n_wells": 0}, ValueError, "n_wells must be at least 1, got 0"),
        ({"n_wells": -1}, ValueError, "n_wells"),
        ({"n_wells": 2.0}, TypeError, "n_wells must be an integer, got 2.0"),
        ({"n_wells": True}, TypeError, "n_wells"),
        ({"n_wells": "2"}, TypeError, "n_wells"),
        ({"n_wells": None}, TypeError, "n_wells"),
        ({"n_wells": 10**30}, ValueError, "n_wells must be at most"),
        ({"n_features": 0}, ValueError, "n_features must be at least 1, got 0"),
        ({"n_features": 1.5}, TypeError, "n_features"),
        ({"theta": [0.0]}, ValueError, r"theta must have shape \(7,\)"),
        ({"theta": [np.nan] * 7}, ValueError, r"theta\[0\] = nan"),
        ({"theta": "abc"}, TypeError, "theta"),
    ],
)
def test_bad_wells_are_refused(arguments, error, message):
    with pytest.raises(error, match=message):
        fe.WellMixture(**arguments)


def test_sizes_may_be_any_integer_type():
    assert fe.WellMixture(np.int64(3), np.uint8(2)) == fe.WellMixture(3, 2)


@parametrise("case", [case for case in ENERGIES if case.name.startswith("wells-")])
def test_overflow_is_an_error_not_a_number(case):
    energy = case.make()
    x = np.zeros((5, energy.n_features))
    x[3] = 1e200
    for name in ("energy", "param_grad", "mean_param_grad"):
        with pytest.raises(fe.NonFiniteError, match=f"{name} is not finite.*rescale"):
            getattr(energy, name)(x)
    with pytest.raises(fe.NonFiniteError, match="sample 3"):
        energy.energy(x)
    # One class of error, whether a caller looks for bad values or for failed arithmetic.
    assert issubclass(fe.NonFiniteError, ValueError) and issubclass(fe.NonFiniteError, FloatingPointError)


@parametrise("sampler", SAMPLERS)
@pytest.mark.parametrize("not_an_energy", [None, 1, "wells", fe.WellMixture, object()], ids=type_name)
def test_samplers_refuse_what_is_no_energy(sampler, not_an_energy):
    made = sampler.make(1)
    for call in (made.sample, made.run):
        with pytest.raises(TypeError, match="energy"):
            call(not_an_energy, [0.0], 1)
        with pytest.raises(TypeError, match="energy"):
            call(energy=not_an_energy, x0=[0.0], n_steps=1)
    with pytest.raises(TypeError, match="energy"):
        made.check(not_an_energy)


@pytest.mark.parametrize("not_an_energy", [None, 1, "wells", fe.WellMixture, object()], ids=type_name)
def test_the_trainer_refuses_what_is_no_energy(not_an_energy):
    with pytest.raises(TypeError, match="energy"):
        fe.ContrastiveDivergence(not_an_energy)


# Every way to reach an energy that has no memory yet; in its own process, as a crash must not end the suite.
UNINITIALISED = """
import copy, pickle
import fastebm as fe, numpy as np

class Mine(fe.Energy):
    pass

def made():
    yield fe.Energy()
    yield Mine()
    yield fe.WellMixture.__new__(fe.WellMixture)
    yield fe.PythonEnergy.__new__(fe.PythonEnergy)

empty = np.zeros((3, 0))
for energy in made():
    repr(energy), energy.theta, energy.param_names, energy == fe.WellMixture(), pickle.dumps(energy)
    refused = [energy.log_partition, lambda: energy.exact_sample(3), lambda: fe.ContrastiveDivergence(energy)]
    for name in ("energy", "grad", "score", "param_grad", "mean_param_grad", "laplacian", "log_prob"):
        refused += [lambda f=getattr(energy, name), x=x: f(x) for x in (empty, [1.0], [[1.0]])]
    for sampler in (fe.SGLD(0.1), fe.MALA(0.1), fe.IndependenceMH(0, 1)):
        refused.append(lambda sampler=sampler: sampler.sample(energy, empty, 3))
    if isinstance(energy, fe.WellMixture):
        refused += [lambda: energy.weights_, lambda: energy.means_, lambda: energy.stds_]
    for call in refused:
        try:
            call()
        except TypeError as error:
            assert "is not initialised" in str(error), error
        except NotImplementedError:
            assert not isinstance(energy, fe.WellMixture)
        except ValueError as error:
            assert "has no parameters" in str(error), error
        else:
            raise AssertionError(f"{type(energy).__name__} was not refused")
for again in (lambda: fe.WellMixture().__init__(3), lambda: fe.PythonEnergy(abs, abs).__init__(abs, abs)):
    try:
        again()
    except TypeError as error:
        assert "already initialised" in str(error), error
    else:
        raise AssertionError("a second __init__ was not refused")
print("alive")
"""


def test_an_energy_that_was_never_initialised_does_not_crash():
    done = subprocess.run([sys.executable, "-c", UNINITIALISED], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and done.stdout.strip() == "alive", done.stderr


def _wells(n_features):
    return fe.WellMixture(2, n_features)


TWO_SIZES = {
    fe.Affine: ((_wells(1), 2.0), (_wells(3), np.eye(3))),
    fe.Box: (([0.0], [1.0]), ([0.0] * 3, [1.0] * 3)),
    fe.Conditioned: ((_wells(2), [0], [1.0]), (_wells(5), [0, 3], [1.0, 2.0])),
    fe.DoubleWell: ((1,), (3,)),
    fe.Gaussian: (([0.0], [[1.0]]), ([0.0] * 3, np.eye(3))),
    fe.GaussianBernoulliRBM: ((2, 3), (4, 5)),
    fe.NetworkEnergy: (([1], [["dense", 2], ["silu"]]), ([6], [["dense", 90], ["silu"]])),
    fe.PhiFour: ((2,), (5,)),
    fe.StudentT: ((3.0, [0.0], [1.0]), (3.0, [0.0] * 3, [1.0] * 3)),
    fe.StudentTMixture: ((2, 1), (3, 4)),
    fe.Sum: ((_wells(1), _wells(1)), (_wells(3), _wells(3))),
    fe.Tempered: ((_wells(1), 0.5), (_wells(3), 0.2)),
    fe.WellMixture: ((2, 1), (3, 4)),
}


@pytest.mark.parametrize("cls", TWO_SIZES, ids=lambda cls: cls.__name__)
def test_a_second_constructor_call_changes_nothing(cls):
    """Sizes of the second beside memory of the first would be read and written outside of it."""
    for first, second in (TWO_SIZES[cls], TWO_SIZES[cls][::-1]):
        energy = cls(*first)
        X = np.random.default_rng(0).uniform(0.1, 0.9, (5, energy.n_features))

        def state(energy=energy, X=X):
            return energy.grad(X).tobytes(), energy.energy(X).tobytes(), repr(energy), energy.theta.tobytes()

        before = state()
        with pytest.raises(TypeError, match="already initialised"):
            energy.__init__(*second)
        assert state() == before
