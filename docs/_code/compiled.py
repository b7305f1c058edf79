"""The page on compiled energies: building the library, and times of several energies in turn."""

from __future__ import annotations

import platform
import shutil
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

import fastebm as fe

SOURCE = Path(__file__).resolve().parents[2] / "examples" / "wells.c"


def build(source=SOURCE):
    """The path of the shared library; prints the command."""
    compiler = next(c for c in ("cc", "gcc", "clang") if shutil.which(c))
    flags = ["-O3", "-march=native", "-ffast-math", "-shared", "-fPIC"]
    if platform.machine() == "x86_64" and "clang" not in compiler:
        flags.insert(2, "-mprefer-vector-width=512")
    target = Path(tempfile.mkdtemp()) / "wells.so"
    print(compiler, *flags, "wells.c -o wells.so -lm")
    subprocess.run([compiler, *flags, str(source), "-o", str(target), "-lm"], check=True)
    return str(target)


def print_times(ways, rounds=7):
    """Nanoseconds of a chain's step, and how many times those of the first; rounds in turn, medians, one thread."""
    x = np.random.default_rng(0).normal(size=20_000)
    samplers = {"SGLD": (fe.SGLD(0.05), 20), "HMC": (fe.HMC(0.2, 10), 4)}
    print(f"{'':22}" + "".join(f"{f'{name}, ns':>12} {'ratio':>7}" for name in samplers))
    found = {name: {} for name in ways}
    for kind, (sampler, n_steps) in samplers.items():
        seconds = {name: [] for name in ways}
        for _ in range(rounds + 1):
            for name, energy in ways.items():
                begin = time.perf_counter()
                sampler.sample(energy, x, n_steps, seed=1, n_threads=1)
                seconds[name].append(time.perf_counter() - begin)
        first = next(iter(seconds.values()))[1:]
        for name, took in seconds.items():
            # The first round compiles and fills caches.
            ratio = statistics.median(a / b for a, b in zip(took[1:], first, strict=True))
            found[name][kind] = (1e9 * statistics.median(took[1:]) / n_steps / len(x), ratio)
    for name, columns in found.items():
        print(f"{name:22}" + "".join(f"{ns:12.1f} {ratio:7.2f}" for ns, ratio in columns.values()))


__all__ = ["build", "print_times"]
