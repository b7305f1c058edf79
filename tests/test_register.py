"""Energies and samplers of other packages: saved, loaded and checkpointed like ours, once they are registered."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import numpy as np
import pytest

import fastebm as fe
from fastebm.storage import archive, codec

HERE = Path(__file__).parent
X = np.linspace(-1.0, 3.0, 60)
BUILD = """
import sys
import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
setup(
    name="bowls", script_args=["-q", "build_ext", "--inplace"],
    ext_modules=cythonize(
        [Extension("bowls", ["bowls.pyx"], define_macros=[("CYTHON_USE_TYPE_SPECS", sys.argv.pop())])],
        include_path=[sys.argv.pop()], quiet=True,
    ),
)
"""


def build(where, type_specs):
    """Build and import the outside package in a folder."""
    pytest.importorskip("Cython", reason="Cython is not installed")
    (where / "bowls.pyx").write_bytes((HERE / "outside" / "bowls.pyx").read_bytes())
    path = Path(fe.__file__).parent.parent
    command = [sys.executable, "-c", BUILD, path, type_specs]
    done = subprocess.run(command, cwd=where, capture_output=True, text=True, timeout=600)
    if "command" in done.stderr and "No such file" in done.stderr:
        pytest.skip("the outside package was not built: no C compiler")
    assert not done.returncode, done.stderr
    (built,) = where.glob(f"bowls*{EXTENSION_SUFFIXES[0]}")
    spec = importlib.util.spec_from_file_location("bowls", built)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("outside")


@pytest.fixture(scope="module")
def bowls(folder):
    return build(folder, "1")


@pytest.fixture
def registered(bowls):
    return fe.register(bowls.Bowl), fe.register(bowls.Halve)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "own.npz"


def trainer(registered, **settings):
    bowl, halve = registered
    own = {"sampler": fe.MALA(0.3), "global_move": halve(), "n_updates": 40, "n_chains": 16}
    return fe.ContrastiveDivergence(bowl(1.0, theta=0.5), **(own | settings))


def test_before_it_is_registered(bowls, path):
    # Runs first: no other test has registered them.
    with pytest.raises(TypeError, match=r"Bowl cannot be saved.*call fastebm.register\(Bowl\) first"):
        fe.save(path, bowls.Bowl(1.0))
    with pytest.raises(TypeError, match=r"checkpoint.settings\['energy'\].*Bowl is not among"):
        trainer((bowls.Bowl, bowls.Halve)).fit(X, seed=1, checkpoint=path)
    assert not path.exists()


def test_an_outside_energy_comes_back(registered, path):
    energy = registered[0](0.25, theta=1 / 3)
    fe.save(path, energy)
    loaded = fe.load(path)
    assert type(loaded) is registered[0]
    assert (loaded.centre, loaded.theta.tobytes()) == (0.25, energy.theta.tobytes())
    assert archive.read(path)[0]["type"] == "bowls.Bowl"


def test_an_outside_sampler_comes_back(registered, path):
    fe.save(path, registered[1]())
    assert type(fe.load(path)) is registered[1]


def test_results_and_checkpoints_hold_outside_types(registered, path, tmp_path):
    whole = trainer(registered).fit(X, seed=3, diagnose=False)
    trainer(registered).fit(
        X,
        seed=3,
        diagnose=False,
        checkpoint=path,
        checkpoint_every=10,
        callback=lambda state: state.update == 20,
    )
    resumed = fe.ContrastiveDivergence.resume(path, X)
    assert resumed.theta.tobytes() == whole.theta.tobytes()
    assert resumed.buffer.states.tobytes() == whole.buffer.states.tobytes()
    fe.save(tmp_path / "result.npz", whole)
    loaded = fe.load(tmp_path / "result.npz")
    assert loaded.energy == whole.energy and type(loaded.global_move) is registered[1]


def test_a_file_imports_nothing(registered, folder, path):
    fe.save(path, registered[0](1.0))
    # The module can be imported there, and is not.
    script = (
        "import sys, fastebm as fe\n"
        "try:\n    fe.load(sys.argv[1])\n"
        "except fe.ModelFileError as error:\n    print(error)\n"
        "print('bowls' in sys.modules)\n"
        "import bowls\n"
        "fe.register(bowls.Bowl)\n"
        "print(fe.load(sys.argv[1]))\n"
    )
    done = subprocess.run([sys.executable, "-c", script, path], cwd=folder, capture_output=True, text=True)
    message, imported, loaded = done.stdout.splitlines()
    assert "it holds the energy 'bowls.Bowl', which is not registered" in message
    assert "import the package that registers it, or call fastebm.register" in message
    assert (imported, loaded) == ("False", "Bowl(centre=1.0)")


def test_a_checkpoint_of_an_unregistered_type_is_an_error(path):
    class Own(fe.SGLD):
        pass

    fe.register(Own)
    fe.ContrastiveDivergence(fe.WellMixture(), Own(0.01), n_updates=3).fit(X, seed=1, checkpoint=path)
    tree, arrays = archive.read(path)
    archive.write(path, json.loads(json.dumps(tree).replace("<locals>.Own", "<locals>.Gone")), arrays)
    with pytest.raises(fe.ModelFileError, match=r"sampler '.*Gone', which is not registered"):
        fe.ContrastiveDivergence.resume(path, X)


# ---- what can be registered ----


def test_a_decorator(path):
    @fe.register
    class Slow(fe.MALA):
        """With an argument of its own."""

        def __init__(self, step_size, note):
            super().__init__(step_size)
            self.note = note

        def _arguments(self):
            return super()._arguments() | {"note": self.note}

    assert isinstance(Slow, type)
    # temperature and bounds are arguments of MALA, which Slow does not take.
    Slow._arguments = lambda self: {"step_size": self.step_size, "note": self.note}
    fe.save(path, Slow(0.01, ["a", (1, 2)]))
    assert (fe.load(path).step_size, fe.load(path).note) == (0.01, ["a", (1, 2)])


def test_twice_is_fine(registered):
    assert fe.register(registered[0]) is registered[0]
    assert fe.register(fe.WellMixture) is fe.WellMixture
    assert codec.REGISTRY["energy", "WellMixture"].cls is fe.WellMixture


def own_class():
    class Own(fe.SGLD):
        pass

    return Own


def test_another_class_of_the_same_name_is_refused():
    first = fe.register(own_class())
    with pytest.raises(ValueError, match=r"own_class.<locals>.Own.*is registered as.*another name"):
        fe.register(own_class())
    assert codec.is_known(first)


def test_an_outside_class_cannot_take_a_name_of_ours(path):
    fake = fe.register(type("WellMixture", (fe.SGLD,), {"__module__": "elsewhere"}))
    fe.save(path, fake(0.1))
    assert archive.read(path)[0]["type"] == "elsewhere.WellMixture"
    fe.save(path, fe.WellMixture())
    assert type(fe.load(path)) is fe.WellMixture


@pytest.mark.parametrize(
    "value",
    [fe.Energy, fe.Sampler, int, fe.ReplayBuffer, fe.WellMixture(), "SGLD", None, lambda: 0],
    ids=repr,
)
def test_no_energy_and_no_sampler(value):
    with pytest.raises(
        TypeError, match=r"cls must be a class derived from fastebm.Energy or fastebm.Sampler, got"
    ):
        fe.register(value)


def test_abstract_and_unbuildable_classes_are_refused():
    class Half(fe.Energy):
        """No constructor, no block methods."""

    class Needy(fe.Sampler):
        def __init__(self, length):
            self.length = length

    for cls in (Half, Needy):
        with pytest.raises(TypeError, match=rf"{cls.__name__} cannot be registered: .*define _arguments"):
            fe.register(cls)
        assert not codec.is_known(cls)


def test_a_class_that_says_it_cannot_be_saved(path):
    class Live(fe.SGLD):
        unsaved = "it holds an open connection"

    class Plain(Live):
        unsaved = None

    with pytest.raises(TypeError, match=r"Live cannot be registered.*open connection.*unsaved = None"):
        fe.register(Live)
    with pytest.raises(TypeError, match=r"PythonEnergy cannot be registered.*made of Python functions"):
        fe.register(fe.PythonEnergy)
    with pytest.raises(TypeError, match=r"^Live cannot be saved: it holds an open connection"):
        fe.save(path, Live(0.1))
    assert type(fe.register(Plain)(0.1)) is Plain


@pytest.mark.skipif(not fe.Energy.__flags__ & 1 << 9, reason="this build has static types itself")
def test_static_types_are_refused(tmp_path):
    # Their objects lose a reference to their type when they are freed, and in the end Python crashes.
    static = build(tmp_path, "0").Bowl
    with pytest.raises(TypeError, match=r"bowls.Bowl cannot be registered: .*CYTHON_USE_TYPE_SPECS=1"):
        fe.register(static)


def test_arguments_must_be_a_dict(path):
    @fe.register
    class Listed(fe.SGLD):
        def _arguments(self):
            return [0.1]

    with pytest.raises(TypeError, match=r"Listed._arguments\(\) must return the dict"):
        fe.save(path, Listed(0.1))
    assert not path.exists()


def test_half_made_objects_are_not_saved(path):
    with pytest.raises(TypeError, match="not initialised"):
        fe.save(path, fe.WellMixture.__new__(fe.WellMixture))
    assert not path.exists()
