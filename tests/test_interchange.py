"""To pandas, xarray and ArviZ, and array-likes of every kind in."""

import importlib.util
import sys
import types
import warnings
from importlib import metadata

import numpy as np
import pytest
from processes import run_script

import fastebm as fe
from fastebm.interchange import to_arviz, to_pandas, to_xarray

TRUTH = fe.WellMixture.from_mixture([0.55, 0.45], [-2.0, 1.8], [0.45, 0.55])
PLANE = fe.WellMixture.from_mixture([0.5, 0.5], [[-1.0, 0.0], [1.0, 2.0]], [[0.5, 0.6], [0.7, 0.4]])


def need(module):
    """Import an optional module, or skip by its name."""
    return pytest.importorskip(module, reason=f"{module} is not installed")


@pytest.fixture(scope="module")
def result():
    return fe.ContrastiveDivergence(fe.WellMixture(), n_updates=30).fit(
        TRUTH.exact_sample(300, seed=1), seed=2
    )


@pytest.fixture(scope="module")
def run():
    return fe.MALA(0.05).run(PLANE, np.zeros((4, 2)), 60, seed=1, thin=3)


def test_history_to_pandas(result):
    need("pandas")
    frame = to_pandas(result)
    assert list(frame.columns) == ["energy_data", "energy_model", "energy_gap", *result.energy.param_names]
    assert frame.index.name == "step"
    assert np.array_equal(frame.index, result.history["step"])
    assert np.array_equal(frame["m2"], result.history["theta"][:, result.energy.param_names.index("m2")])


def some_thetas(result):
    """The result of a trainer that kept theta in every seventh update and in the last."""
    phases = ["step", "energy_data", "energy_model", "energy_gap"]
    kept = np.array([0, 7, 14, 21, 28, 29])
    more = {"theta_steps": kept, "theta_trace": result.history["theta"][kept]}
    return kept, type("Some", (fe.TrainingResult,), more)(
        **vars(result) | {"history": result.history[phases]}
    )


def test_a_thinned_history_to_pandas(result):
    need("pandas")
    frame = to_pandas(some_thetas(result)[1])
    assert list(frame.columns) == ["energy_data", "energy_model", "energy_gap"] and len(frame) == 30


def test_a_thinned_history_to_xarray(result):
    need("xarray")
    kept, some = some_thetas(result)
    data = to_xarray(some)
    assert data["theta"].dims == ("kept", "parameter") and data["energy_gap"].dims == ("step",)
    assert np.array_equal(data["theta"].sel(kept=21, parameter="m1"), result.history["theta"][21, 1])
    assert np.array_equal(data["kept"], kept)


def test_wells_to_pandas():
    need("pandas")
    model = fe.fit_wells(PLANE.exact_sample(300, seed=1) * [1.0, 100.0], 3, recipe="em", seed=1)
    frame = to_pandas(model, names=["a", "b"])
    assert list(frame.columns) == ["weight", "mean[a]", "mean[b]", "std[a]", "std[b]"]
    assert np.array_equal(frame["mean[b]"], model.means_[:, 1])
    assert frame["weight"].sum() == pytest.approx(1.0, abs=1e-12)


def test_estimator_to_pandas_keeps_names():
    pandas = need("pandas")
    need("sklearn")
    X = pandas.DataFrame(PLANE.exact_sample(300, seed=1), columns=["left", "right"])
    frame = to_pandas(fe.EnergyDensity(n_updates=20, random_state=1).fit(X))
    assert list(frame.columns) == ["weight", "mean[left]", "mean[right]", "std[left]", "std[right]"]


def test_samples_to_pandas(run, result):
    need("pandas")
    frame = to_pandas(run, names=["u", "v"])
    assert frame.index.names == ["draw", "chain"]
    assert np.array_equal(frame.loc[(7, 2)], run.trace[7, 2])
    assert np.array_equal(to_pandas(result.buffer)["x0"], np.ravel(result.buffer.states))
    assert to_pandas([1.0, 2.0]).shape == (2, 1)
    flat = fe.MALA(0.05).run(TRUTH, np.zeros(4), 10, seed=1)
    assert np.array_equal(to_pandas(flat)["x0"], flat.x)


def test_history_to_xarray(result):
    need("xarray")
    data = to_xarray(result)
    assert np.array_equal(data["theta"].sel(parameter="m1"), result.history["theta"][:, 1])
    assert np.array_equal(data["energy_gap"], result.history["energy_gap"])


def test_trace_to_xarray(run):
    need("xarray")
    data = to_xarray(run, names=["u", "v"])
    assert data["x"].dims == ("chain", "draw", "feature")
    assert np.array_equal(data["x"].sel(chain=3, feature="v"), run.trace[:, 3, 1])
    assert data.attrs["acceptance_rate"] == run.acceptance_rate
    flat = fe.MALA(0.05).run(TRUTH, np.zeros(4), 10, seed=1, thin=2)
    assert np.array_equal(to_xarray(flat)["x"][..., 0].T, flat.trace)
    assert np.array_equal(to_xarray(flat.trace)["x"], to_xarray(flat)["x"])


# Prints the class of what ArviZ was given. Importing ArviZ 0.x warns about its own future; using 1.x must not warn.
ARVIZ = """
import warnings
import numpy as np
import fastebm as fe
from fastebm.interchange import to_arviz
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import arviz

energy = fe.WellMixture.from_mixture([1.0], [[0.0, 0.0]], [[1.0, 2.0]])
run = fe.MALA(0.3).run(energy, energy.exact_sample(4, seed=1), 20000, seed=1, thin=10)
with warnings.catch_warnings():
    warnings.simplefilter("error")
    data = to_arviz(run, names=["u", "v"])
assert np.array_equal(data.posterior["x"].values[2, :, 1], run.trace[:, 2, 1])
warnings.simplefilter("ignore")
assert (arviz.rhat(data)["x"] < 1.05).all()
assert (arviz.ess(data)["x"] > 500).all()
assert "x[v]" in arviz.summary(data).index
print(type(data).__name__)
"""


def test_trace_to_arviz():
    # .ci/run has an environment with ArviZ 0.x and others with 1.x.
    if importlib.util.find_spec("arviz") is None:
        pytest.skip("arviz is not installed")
    old = metadata.version("arviz").startswith("0.")
    assert run_script(ARVIZ, timeout=300) == ("InferenceData\n" if old else "DataTree\n")


class InferenceData:
    """Stands for ArviZ 0.x: takes groups by name."""

    def __init__(self, *, posterior):
        self.posterior = posterior


def renamed(name):
    """Stands for ArviZ 1.x: the old name warns, and is an xarray.DataTree."""
    if name != "InferenceData":
        raise AttributeError(name)
    warnings.warn("InferenceData is no longer available", stacklevel=2)
    return need("xarray").DataTree


@pytest.mark.parametrize(("held", "expected"), [(InferenceData, "InferenceData"), (None, "DataTree")])
def test_either_arviz(run, monkeypatch, held, expected):
    # The one that is not installed, at least as far as a module of its shape shows it.
    need("xarray")
    arviz = types.ModuleType("arviz")
    if held:
        arviz.InferenceData = held
    else:
        arviz.__getattr__ = renamed
    monkeypatch.setitem(sys.modules, "arviz", arviz)
    data = to_arviz(run)
    assert type(data).__name__ == expected
    assert np.array_equal(data.posterior["x"].values[2], run.trace[:, 2])


def test_what_cannot_be_converted(result, run):
    need("pandas")
    need("xarray")
    with pytest.raises(ValueError, match="thin=k"):
        to_xarray(fe.MALA(0.05).run(PLANE, np.zeros((4, 2)), 5, seed=1))
    with pytest.raises(ValueError, match="thin=k"):
        to_xarray(result.buffer)
    with pytest.raises(ValueError, match="2 different names"):
        to_pandas(run, names=["u", "u"])
    with pytest.raises(TypeError, match="real numbers"):
        to_pandas(["a", "b"])
    with pytest.raises(TypeError, match="to_xarray"):
        to_arviz(result)


@pytest.mark.parametrize("module", ["pandas", "xarray", "arviz"])
def test_without_the_module(module, run, monkeypatch):
    if module == "arviz":
        need("xarray")
    monkeypatch.setitem(sys.modules, module, None)
    convert = {"pandas": to_pandas, "xarray": to_xarray, "arviz": to_arviz}[module]
    with pytest.raises(ImportError, match=f"needs {module}: pip install {module} "):
        convert(run)


# ---- array-likes in ----


class Speaks:
    """Speaks __array__ and nothing else."""

    def __init__(self, values):
        self.values = values

    def __array__(self, dtype=None, copy=None):
        return np.array(self.values, dtype=dtype)


class Subclass(np.ndarray):
    """An ndarray that is not plain."""


X = PLANE.exact_sample(64, seed=3)


def forms():
    yield "list", lambda: X.tolist()
    yield "tuple of rows", lambda: tuple(map(tuple, X))
    yield "speaks __array__", lambda: Speaks(X)
    yield "subclass", lambda: X.view(Subclass)
    yield "matrix", lambda: _matrix()
    yield "memmap-like buffer", lambda: memoryview(np.ascontiguousarray(X))
    yield "read-only", lambda: _read_only()
    yield "Fortran order", lambda: np.asfortranarray(X)
    yield "strided", lambda: np.repeat(X, 2, axis=0)[::2]
    yield "big-endian", lambda: X.astype(">f8")
    yield "masked, nothing masked", lambda: np.ma.masked_array(X)
    yield "DataFrame", lambda: need("pandas").DataFrame(X, columns=["a", "b"])
    yield "DataArray", lambda: need("xarray").DataArray(X)


def _matrix():
    return np.matrix(X)


def _read_only():
    copy = X.copy()
    copy.flags.writeable = False
    return copy


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
@pytest.mark.parametrize("make", [pytest.param(f, id=n) for n, f in forms()])
def test_array_likes_give_the_same_bytes(make):
    value = make()
    for method in (PLANE.energy, PLANE.grad, PLANE.log_prob, PLANE.param_grad):
        out = method(value)
        assert type(out) is np.ndarray
        assert out.tobytes() == method(X).tobytes()
    chains = fe.SGLD(0.01).sample(PLANE, value, 5, seed=1)
    assert type(chains) is np.ndarray
    assert chains.tobytes() == fe.SGLD(0.01).sample(PLANE, X, 5, seed=1).tobytes()
    trainer = fe.ContrastiveDivergence(PLANE, n_updates=5, n_chains=8)
    assert trainer.fit(value, seed=1).theta.tobytes() == trainer.fit(X, seed=1).theta.tobytes()
    assert fe.fit_wells(value, seed=1, n_updates=5).means_.tobytes() == (
        fe.fit_wells(X, seed=1, n_updates=5).means_.tobytes()
    )


def test_series_in():
    pandas = need("pandas")
    x = TRUTH.exact_sample(50, seed=1)[:, 0]
    assert np.array_equal(TRUTH.energy(pandas.Series(x)), TRUTH.energy(x))
    assert np.array_equal(TRUTH.energy(pandas.Series([0, 1], dtype="int64")), TRUTH.energy([0.0, 1.0]))


def test_what_is_not_numbers_is_refused():
    pandas = need("pandas")
    masked = np.ma.masked_array(X, mask=np.zeros_like(X, dtype=bool))
    masked[3, 1] = np.ma.masked
    with pytest.raises(ValueError, match="masked entries"):
        PLANE.energy(masked)
    with pytest.raises(TypeError, match="real numbers"):
        PLANE.energy(pandas.DataFrame({"a": ["x", "y"], "b": [1.0, 2.0]}))
    with pytest.raises(ValueError, match="not finite"):
        PLANE.energy(pandas.DataFrame({"a": [1.0, None], "b": [1.0, 2.0]}))
