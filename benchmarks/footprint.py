"""What it costs to have a package: time and memory of its import, size on disk, memory while sampling."""

from __future__ import annotations

import importlib.metadata
import json
import os
import statistics
import subprocess
import sys
from typing import Any

# VmHWM is this program's own peak; ru_maxrss would include what the parent had in memory when it forked.
_PEAK = """
def peak():
    try:
        with open("/proc/self/status") as lines:
            return 1024 * int(next(l for l in lines if l.startswith("VmHWM")).split()[1])
    except OSError:
        import resource
        return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
"""

_IMPORT = (
    _PEAK
    + """
import sys, time, json
began = time.perf_counter()
__import__(sys.argv[1])
print(json.dumps([time.perf_counter() - began, peak()]))
"""
)

# x0 is made before the baseline, so what is added is the result and whatever the sampler needs beside it.
_SAMPLE = (
    _PEAK
    + """
import json, sys
import numpy as np
import fastebm as fe
n = int(sys.argv[1])
energy, sampler = fe.WellMixture(), fe.SGLD(0.05)
sampler.sample(energy, np.zeros(1000), 2, seed=1)
x0 = np.zeros(n)
x0 += 1.0
before = peak()
out = sampler.sample(energy, x0, 2, seed=1)
print(json.dumps([peak() - before, x0.nbytes + out.nbytes]))
"""
)


def _run(code: str, argument: str) -> list[float]:
    done = subprocess.run([sys.executable, "-c", code, argument], capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def imports(packages: list[str], rounds: int) -> dict[str, dict[str, float]]:
    """Fresh interpreters, interleaved; the first round only warms the disk cache."""
    seen: dict[str, list[list[float]]] = {p: [] for p in packages}
    for number in range(rounds + 1):
        for package in packages:
            sample = _run(_IMPORT, package)
            if number:
                seen[package].append(sample)
    return {
        p: {
            "seconds": statistics.median(s[0] for s in samples),
            "peak_bytes": statistics.median(s[1] for s in samples),
            "ratio_to_first": statistics.median(
                a[0] / b[0] for a, b in zip(samples, seen[packages[0]], strict=True)
            ),
        }
        for p, samples in seen.items()
    }


def installed_bytes(package: str) -> int:
    files = importlib.metadata.files(package) or []
    paths = (os.fspath(f.locate()) for f in files)
    return sum(os.path.getsize(p) for p in paths if os.path.exists(p) and not p.endswith(".pyc"))


def sampling_memory(n_chains: int = 4_000_000) -> dict[str, float]:
    """Peak memory of sampling, as a multiple of x0 + result (target 1.1x + 16 MiB)."""
    added, states = _run(_SAMPLE, str(n_chains))
    # x0 was there before; the pages of the result are part of what was added.
    total = states / 2 + added
    return {
        "n_chains": n_chains,
        "states_bytes": states,
        "total_bytes": total,
        "allowed": 1.1 * states + 2**24,
    }


def measure(installed: list[str], wheel: str | None, rounds: int) -> dict[str, Any]:
    have_core = "fastebm" in installed
    return {
        "import": imports(["numpy", *(["fastebm"] if have_core else [])], rounds),
        "installed_bytes": {p: installed_bytes(p) for p in installed},
        "sampling": sampling_memory() if have_core else None,
        "wheel": {"name": os.path.basename(wheel), "bytes": os.path.getsize(wheel)} if wheel else None,
    }
