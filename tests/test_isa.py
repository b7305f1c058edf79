"""Same bytes at every instruction-set level, each in a process of its own."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from cases import ENERGIES

import fastebm as fe

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
