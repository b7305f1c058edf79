"""Energies of one's own, Hamiltonian steps, sweeps, and effective samples a second against blackjax.

    python benchmarks/energies.py             about ten minutes: the tables, on the terminal
    python benchmarks/energies.py --write     also writes ENERGIES.md beside this file
    python benchmarks/energies.py --smoke     a few seconds: does it still run? (for CI)

What is compared takes turns in one process on one core; a ratio is the median over rounds of the ratio within a round.
Times are those of the processor, not of the clock: other people's work on the same core counts for little.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib.util
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ess
import levels
import machine
import numpy as np
from report import markdown, number, times

HERE = Path(__file__).resolve().parent
THETA = [0.1, -1.2, 0.0, 0.2, 1.3, 0.2, 0.0]


def in_turn(works: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """CPU seconds of each work in every round, after one to warm up."""
    seconds: dict[str, list[float]] = {name: [] for name in works}
    for number_of_round in range(rounds + 1):
        for name, work in works.items():
            begin = time.process_time()
            work()
            if number_of_round:
                seconds[name].append(time.process_time() - begin)
    return seconds


def ratio(a: list[float], b: list[float]) -> float:
    return statistics.median(x / y for x, y in zip(a, b, strict=True))


def met(value: float, target: float, above: bool = False) -> str:
    return "yes" if (value >= target if above else value <= target) else "NO"


def compiled_ways(skipped: list[str]) -> dict[str, Any]:
    """The notebook's two wells, in every compiled way that is there."""
    import fastebm as fe

    ways = {"built in": fe.WellMixture(theta=THETA)}
    compiler = next((c for c in ("cc", "gcc", "clang") if shutil.which(c)), None)
    if compiler:
        target = Path(tempfile.mkdtemp()) / "wells.so"
        wide = ["-mprefer-vector-width=512"] if machine.processor().startswith("Intel") else []
        command = [compiler, "-O3", "-march=native", *wide, "-ffast-math", "-shared", "-fPIC"]
        source = HERE.parent / "examples" / "wells.c"
        subprocess.run([*command, str(source), "-o", str(target), "-lm"], check=True)
        library = ctypes.CDLL(str(target))
        pointer, size = ctypes.POINTER(ctypes.c_double), ctypes.c_ssize_t
        for function in (library.energy, library.grad):
            function.restype, function.argtypes = None, [pointer, pointer, size, size, pointer]
        ways["C pointer"] = fe.CompiledEnergy(library.energy, library.grad, theta=THETA)
    else:
        skipped.append("C pointer: no C compiler")
    if importlib.util.find_spec("numba"):
        ways["Numba cfunc"] = fe.CompiledEnergy(*_numba(), theta=THETA)
    else:
        skipped.append("Numba cfunc: numba is not installed")
    return ways


def _numba() -> tuple[Any, Any]:
    import math

    import numba
    from numba import carray, types

    p, size = types.CPointer(types.double), types.intp
    block = types.void(p, p, size, size, p)

    @numba.cfunc(block)
    def energy(x, out, n, stride, t):
        x, out = carray(x, (n,)), carray(out, (n,))
        a, b = math.exp(t[0]), math.exp(t[3])
        for i in range(n):
            e = a * (x[i] - t[1]) ** 2 + t[2]
            f = b * (x[i] - t[4]) ** 2 + t[5]
            out[i] = min(e, f) - math.log1p(math.exp(-abs(e - f))) + t[6]

    @numba.cfunc(block, error_model="numpy")
    def grad(x, out, n, stride, t):
        x, out = carray(x, (n,)), carray(out, (n,))
        a, b = math.exp(t[0]), math.exp(t[3])
        for i in range(n):
            u, v = x[i] - t[1], x[i] - t[4]
            w = 1.0 / (1.0 + math.exp(a * u * u + t[2] - b * v * v - t[5]))
            out[i] = 2.0 * (w * a * u + (1.0 - w) * b * v)

    return energy, grad


def compiled(rounds: int, smoke: bool, skipped: list[str]) -> str:
    import fastebm as fe

    ways = compiled_ways(skipped)
    x = np.random.default_rng(0).normal(size=512 if smoke else 20_000)
    rows = [["energy", "sampler", "ns/chain-step", "vs built in", "target", "met"]]
    for sampler, n_steps in ((fe.SGLD(0.05), 50), (fe.MALA(0.05), 25), (fe.HMC(0.2, 10), 5)):
        works = {
            name: lambda e=energy, s=sampler, n=n_steps: s.sample(e, x, n, seed=1, n_threads=1)
            for name, energy in ways.items()
        }
        found = in_turn(works, rounds)
        for name, seconds in found.items():
            value = ratio(seconds, found["built in"])
            ns = 1e9 * statistics.median(seconds) / n_steps / len(x)
            target = ["", ""] if name == "built in" else ["1.3x", met(value, 1.3)]
            rows.append([name, type(sampler).__name__, number(ns), times(value), *target])
    return markdown(rows)


def python_energy(rounds: int, smoke: bool) -> str:
    """Time of a run, over the time inside the user's functions."""
    import fastebm as fe

    inside = [0.0]

    def clocked(function):
        def called(X):
            begin = time.process_time()
            result = function(X)
            inside[0] += time.process_time() - begin
            return result

        return called

    def radius(X):
        return np.hypot(X[:, 0], X[:, 1])

    centres = np.random.default_rng(1).normal(size=(8, 2)) * 2.0

    def shares(X):
        e = ((X[:, None, :] - centres) ** 2).sum(axis=2)
        low = e.min(axis=1, keepdims=True)
        return low[:, 0], np.exp(low - e)

    def wells_grad(X):
        _, w = shares(X)
        return 2.0 * (X - (w @ centres) / w.sum(axis=1, keepdims=True))

    def wells_energy(X):
        low, w = shares(X)
        return low - np.log(w.sum(axis=1))

    energies = {
        "a ring": (lambda X: 4 * (radius(X) - 2) ** 2, lambda X: (8 * (1 - 2 / radius(X)))[:, None] * X),
        "eight wells": (wells_energy, wells_grad),
    }
    n, n_steps = (512, 2) if smoke else (20_000, 30)
    x = np.random.default_rng(0).normal(size=(n, 2))
    rows = [["energy", "sampler", "inside, ns/chain-step", "rest", "run / inside", "target", "met"]]
    for name, functions in energies.items():
        energy = fe.PythonEnergy(*map(clocked, functions), 2)
        for sampler in (fe.SGLD(0.01), fe.MALA(0.01), fe.HMC(0.1, 10)):
            found = []
            for _ in range(rounds):
                inside[0], begin = 0.0, time.process_time()
                sampler.sample(energy, x, n_steps, seed=1, n_threads=1)
                found.append((time.process_time() - begin, inside[0]))
            value = statistics.median(whole / within for whole, within in found)
            within = 1e9 * statistics.median(w for _, w in found) / n / n_steps
            rest = 1e9 * statistics.median(whole - w for whole, w in found) / n / n_steps
            cells = [name, type(sampler).__name__, number(within), number(rest), times(value)]
            rows.append([*cells, "1.2x", met(value, 1.2)])
    return markdown(rows)


def hamiltonian(rounds: int, smoke: bool) -> str:
    from fastebm.energies.probe import repeat_grad

    import fastebm as fe

    rng, n, leaps = np.random.default_rng(0), 256, 10
    x1 = rng.normal(size=2000)
    ring = (lambda X: 4 * ((X**2).sum(1) - 1) ** 2, lambda X: 16 * ((X**2).sum(1, keepdims=True) - 1) * X)
    energies = {
        "DoubleWell(10)": fe.DoubleWell(10),
        "PhiFour(16)": fe.PhiFour(16),
        "Gaussian(10)": fe.Gaussian(np.zeros(10), ess.SIGMA),
        "WellMixture(2 x 1)": fe.WellMixture(theta=THETA),
        "WellMixture(16 x 32)": fe.WellMixture(16, 32),
        "GaussianBernoulliRBM(16, 20)": fe.GaussianBernoulliRBM(16, 20),
        "PythonEnergy(2)": fe.PythonEnergy(*ring, 2),
    }
    rows = [["energy", "gradient, ns/feature", "HMC, ns/feature", "rest", "HMC / gradients", "target", "met"]]
    for name, energy in energies.items():
        x = rng.choice(x1, (n, energy.n_features)) * 0.5
        steps = 4 if smoke else max(20, int(4e6 / (n * energy.n_features * leaps)))
        sampler = fe.HMC(0.01, leaps)
        works = {
            "hmc": lambda e=energy, x=x, k=steps, s=sampler: s.sample(e, x, k, seed=1, n_threads=1),
            "grad": lambda e=energy, x=x, k=steps: repeat_grad(e, x, k * leaps),
        }
        found = in_turn(works, rounds)
        unit = 1e9 / (n * steps * leaps * energy.n_features)
        hmc, grad = (unit * statistics.median(found[key]) for key in ("hmc", "grad"))
        value = ratio(found["hmc"], found["grad"])
        rest = number(hmc - grad)
        rows.append([name, number(grad), number(hmc), rest, times(value), "1.15x", met(value, 1.15)])
    return markdown(rows)


def sweep(rounds: int, smoke: bool) -> str:
    import fastebm as fe
    from fastebm.datasets import two_normals_truth

    X = two_normals_truth().exact_sample(2400, seed=31)
    trainer, n = fe.ContrastiveDivergence.notebook(), 8 if smoke else 1000
    rows = [["trainings", "checks", "seconds, 2 threads", "CPU seconds", "load", "target", "met"]]
    for checks in (False, True):
        walls, processor = [], []
        for _ in range(max(1, rounds // 3)):
            begin, cpu = time.perf_counter(), time.process_time()
            settings = {"sampler__noise_std": np.linspace(0.05, 0.4, n).tolist()}
            fe.sweep(trainer, X, settings, seed=1, diagnose=checks, n_threads=2)
            walls.append(time.perf_counter() - begin)
            processor.append(time.process_time() - cpu)
        wall = min(walls)
        load = number(os.getloadavg()[0]) if hasattr(os, "getloadavg") else "unknown"
        cells = [f"{n:,}", "yes" if checks else "no", number(wall), number(min(processor)), load]
        rows.append([*cells, "" if checks else "5 s", "" if checks else met(wall, 5.0)])
    return markdown(rows)


def effective(rounds: int, smoke: bool, skipped: list[str]) -> str:
    if not importlib.util.find_spec("blackjax"):
        skipped.append("effective samples against blackjax: blackjax is not installed")
        return "(not run)"
    rows = [["density", "level", "fastebm, ESS/s", "L", "blackjax, ESS/s", "L", "ratio", "target", "met"]]
    names, lengths = (ess.NAMES[:1], (6,)) if smoke else (ess.NAMES, ess.LENGTHS)
    for level in [level for level in levels.built() if level in levels.NAMES][: 1 if smoke else 2]:
        for row in ess.compare(level, names, lengths, rounds):
            a, b = row["ours"], row["theirs"]
            value = a["rate"] / b["rate"]
            cells = [number(a["rate"]), str(a["length"]), number(b["rate"]), str(b["length"])]
            rows.append([row["name"], levels.NAMES[level], *cells, times(value), "3x", met(value, 3.0, True)])
    return markdown(rows)


TEXT = """\
# Benchmark results: energies

Written by `python benchmarks/energies.py --write`; do not edit.

{machine}

CPU time on one core unless said; what is compared took turns, {rounds} rounds; ratios are medians of rounds.

## Two wells, compiled by the user

The built-in energy is the reference. The C functions are `examples/wells.c` with `-O3 -march=native -ffast-math` and
full vectors; MALA and HMC ask for energy and gradient together, which the built-in computes at once. Numba's
exp takes one number at a time (it has no vector exp without Intel's library).

{compiled}

## Functions in Python

Two features, 20,000 chains. The rest is the sampler's own work (two normal numbers take 2.6 ns) and the copies between
rows and blocks.

{python}

## Hamiltonian steps

256 chains, 10 leapfrog steps on average. The gradient alone is repeated as often on the same block. The rest is what
the leapfrog rule, its guard, the momenta and the accept step cost: reading and writing arrays, whatever the energy. So
the target is one for energies whose gradient takes more than about 5 ns a feature.

{hamiltonian}

## 1,000 trainings of the notebook

381 updates of 96 chains by 30 steps each, by `fe.sweep`; seconds by the clock, the shortest of {sweeps}. Where
the load exceeds the cores, the clock counts other people's work; the CPU seconds, shared by two threads, do not.

{sweep}

## Effective samples a second: HMC against blackjax

{ess_text}

{ess}
{skipped}"""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--smoke", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--rounds", type=int, help="9, in a smoke run 1")
    options = parser.parse_args()
    smoke, rounds = options.smoke, options.rounds or (1 if options.smoke else 9)
    skipped: list[str] = []
    parts: dict[str, str] = {}

    def add(name: str, table: str) -> None:
        parts[name] = table
        print(f"\n## {name}\n\n{table}", flush=True)

    add("sweep", sweep(rounds, smoke))
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    add("compiled", compiled(rounds, smoke, skipped))
    add("python", python_energy(rounds, smoke))
    add("hamiltonian", hamiltonian(rounds, smoke))
    add("ess", effective(max(1, rounds // 2), smoke, skipped))
    for what in skipped:
        print(f"named skip: {what}")
    if options.write:
        # The module's own words say how it was measured.
        how = (ess.__doc__ or "").split("\n\n", 1)[1].strip()
        versions = ", ".join(f"{k} {v}" for k, v in _versions().items())
        about = f"- {machine.processor()}, {os.cpu_count()} cores\n- {versions}"
        notes = "".join(f"\nNamed skip: {what}.\n" for what in skipped)
        text = TEXT.format(
            machine=about, rounds=rounds, sweeps=max(1, rounds // 3), ess_text=how, skipped=notes, **parts
        )
        (HERE / "ENERGIES.md").write_text(text, encoding="utf-8")
    return 0


def _versions() -> dict[str, str]:
    from importlib.metadata import PackageNotFoundError, version

    found = {"python": sys.version.split()[0]}
    for name in ("fastebm", "numpy", "numba", "jax", "blackjax"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


if __name__ == "__main__":
    sys.exit(main())
