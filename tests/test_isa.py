"""Same bytes at every instruction-set level, each in a process of its own."""

from __future__ import annotations

import functools
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cases import ENERGIES

import fastebm as fe
from fastebm._runtime import core, cpu

X86_LEVELS = ("x86-64", "x86-64-v3", "x86-64-v4")
LEVELS = ("generic",) if fe.info()["isa"] == "generic" else X86_LEVELS


def python(arguments, level=None):
    environment = {k: v for k, v in os.environ.items() if k != "FASTEBM_ISA"}
    if level is not None:
        environment["FASTEBM_ISA"] = level
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


@functools.cache
def digests(level, seed=1):
    done = python([str(Path(__file__).with_name("isa_digest.py")), str(seed)], level)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["isa"] == level
    return answer["digests"]


@pytest.mark.parametrize("level", LEVELS)
def test_every_level_gives_the_same_bytes(level):
    available = fe.info()["isa_available"]
    if level not in available:
        pytest.skip(f"instruction-set level {level}: not on this machine, which has {', '.join(available)}")
    lowest = digests(available[-1])
    differing = {name for name, value in digests(level).items() if value != lowest[name]}
    assert not differing
    assert digests(level).keys() == lowest.keys()


def test_the_digests_depend_on_the_numbers():
    level = fe.info()["isa_available"][0]
    first, second = digests(level), digests(level, seed=2)
    # What does not depend on the seed: constants, the curvature of one well, gradients in no parameters.
    constant = {name for name in first if name.endswith(("log_partition", "history step"))}
    flat = ("wells-1x", "gaussian", "tempered-gaussian")
    constant |= {name for name in first if name.startswith(flat) and name.endswith("laplacian")}
    for case in ENERGIES:
        if not case.theta_low:
            constant |= {f"{case.name} param_grad", f"{case.name} mean_param_grad"}
    constant |= {f"box {quantity}" for quantity in ("energy", "grad", "laplacian")}
    assert {name for name in first if first[name] == second[name]} == constant


@pytest.mark.parametrize("level", fe.info()["isa_available"])
def test_a_level_is_forced_by_its_name(level):
    done = python(["-c", "import fastebm; print(fastebm.info()['isa'])"], level)
    assert done.stdout.strip() == level, done.stderr


def test_without_a_name_the_highest_level_is_taken():
    for level in (None, ""):
        done = python(["-c", "import fastebm; print(fastebm.info()['isa'])"], level)
        assert done.stdout.strip() == fe.info()["isa_available"][0], done.stderr


@pytest.mark.parametrize("level", ["avx2", "x86-64-v5", "X86-64", " ", "generic,x86-64"])
def test_an_unknown_level_is_an_error_that_names_it(level):
    done = python(["-c", "import fastebm"], level)
    assert done.returncode != 0
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ValueError") and repr(level) in last and "is not a level" in last
    assert all(name in last for name in fe.info()["isa_available"])


def test_a_level_that_is_not_here_is_an_error_that_says_so():
    absent = [name for name in ("generic", *X86_LEVELS) if name not in fe.info()["isa_available"]]
    for level in absent:
        done = python(["-c", "import fastebm"], level)
        last = done.stderr.strip().splitlines()[-1]
        assert last.startswith("ValueError") and repr(level) in last and "cannot run here" in last


# How far a kernel is from code that is there once.
DISTANCE = """
import ctypes
from fastebm._runtime import fast
from fastebm.networks import spectral

address = ctypes.pythonapi.PyCapsule_GetPointer
address.restype, address.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
name = ctypes.pythonapi.PyCapsule_GetName
name.restype, name.argtypes = ctypes.c_char_p, [ctypes.py_object]
largest, plain = spectral.__pyx_capi__["largest"], fast.__pyx_capi__["address"]
print(address(largest, name(largest)) - address(plain, name(plain)))
"""


def test_every_level_has_kernels_of_its_own():
    """Equal bytes alone would not show that a name is not heard."""
    found = {level: python(["-c", DISTANCE], level) for level in fe.info()["isa_available"]}
    assert not [done.stderr for done in found.values() if done.returncode]
    assert len({done.stdout for done in found.values()}) == len(found)
    again = next(iter(found))
    assert python(["-c", DISTANCE], again).stdout == found[again].stdout


def test_every_compiled_module_is_in_the_core_under_its_own_name():
    names = cpu.modules()
    assert len(names) == len(set(names)) > 50
    for name in names:
        module = importlib.import_module(name)
        assert module.__name__ == module.__spec__.name == name, name
        assert module.__package__ == name.rpartition(".")[0], name
        assert Path(module.__file__) == Path(core._path()), name
        own = [
            value for value in vars(module).values() if isinstance(value, type) and value.__module__ == name
        ]
        assert all(getattr(module, value.__name__) is value for value in own), name


def test_a_module_that_is_not_there_is_not_looked_for_in_the_core():
    with pytest.raises(ModuleNotFoundError, match=r"fastebm\.energies\.absent"):
        importlib.import_module("fastebm.energies.absent")
