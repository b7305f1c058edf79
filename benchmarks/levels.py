"""Like with like: what restricts a library to AVX2, and what shows that it obeyed.

fastebm at AVX2 is compared with peers at AVX2; at AVX-512 nobody is restricted. The switches are read when a
library is loaded, so they are in the environment before the worker's interpreter starts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

AVX512, AVX2 = "x86-64-v4", "x86-64-v3"
# Levels at which peers are timed, with the names people use.
NAMES = {AVX512: "AVX-512", AVX2: "AVX2"}

# library -> (variable, value at AVX2); the empty ones depend on what is installed, see _PROBE.
SWITCHES = {
    "NumPy": ("NPY_DISABLE_CPU_FEATURES", ""),
    "OpenBLAS": ("OPENBLAS_CORETYPE", "Haswell"),
    "Numba": ("NUMBA_CPU_FEATURES", ""),
    "XLA": ("XLA_FLAGS", ""),
    "ATen": ("ATEN_CPU_CAPABILITY", "avx2"),
    "oneDNN": ("ONEDNN_MAX_CPU_ISA", "AVX2"),
    "MKL": ("MKL_ENABLE_INSTRUCTIONS", "AVX2"),
    # Its copies use AVX-512 as well, in every process.
    "C library": ("GLIBC_TUNABLES", "glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW"),
}
VARIABLES = tuple(variable for variable, _ in SWITCHES.values())

# NumPy warns about names that its build does not dispatch, and fails on names of its baseline. Numba takes the
# whole list of features, not a difference; naming the processor is left to it, for its scheduling model. XLA's
# switch is for the code that it compiles; matrix products go to YNNPACK, which has none, so it is turned off (XLA's
# own products are as fast: at AVX-512 within 8 % with or without). XLA aborts on flags that it does not know.
_PROBE = """
import importlib.util, json, mmap, os
wide = ("avx512", "avx10", "x86_v4")
found = {}
try:
    try:
        from numpy._core._multiarray_umath import __cpu_dispatch__ as names, __cpu_features__ as have
    except ImportError:
        from numpy.core._multiarray_umath import __cpu_dispatch__ as names, __cpu_features__ as have
    found["NumPy"] = " ".join(n for n in names if n.lower().startswith(wide) and have.get(n))
except ImportError:
    pass
try:
    from llvmlite.binding import get_host_cpu_features
    features = get_host_cpu_features().items()
    off = lambda name: name.startswith(wide) or name == "amx-avx512"
    found["Numba"] = ",".join(("+" if on and not off(name) else "-") + name for name, on in sorted(features))
except ImportError:
    pass
def knows(flag):
    for folder in importlib.util.find_spec("jaxlib").submodule_search_locations:
        for name in os.listdir(folder):
            if name.endswith(".so"):
                with open(os.path.join(folder, name), "rb") as file:
                    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as held:
                        if held.find(flag.encode()) >= 0:
                            return True
    return False
if importlib.util.find_spec("jaxlib"):
    ynnpack = "xla_cpu_experimental_ynn_fusion_type"
    found["XLA"] = "--xla_cpu_max_isa=AVX2" + (f" --{ynnpack}=" if knows(ynnpack) else "")
print(json.dumps(found))
"""


class NotRestricted(RuntimeError):
    """A library uses AVX-512 where it was told not to."""


class NotInstalled(RuntimeError):
    """fastebm cannot be imported."""


def built(python: str = sys.executable) -> list[str]:
    """Levels of the installed fastebm that run here, best first; asked of another process, as in _probed."""
    code = "import fastebm as fe, json; print(json.dumps(list(fe.info()['isa_available'])))"
    env = {k: v for k, v in os.environ.items() if k != "FASTEBM_ISA"}
    done = subprocess.run([python, "-c", code], capture_output=True, text=True, env=env, cwd="/")
    if done.returncode:
        raise NotInstalled((done.stderr.strip().splitlines() or ["cannot be imported"])[-1])
    return json.loads(done.stdout)


@lru_cache
def _probed(python: str) -> dict[str, str]:
    """Another process asks, which keeps this one small and the interpreter the worker's own."""
    done = subprocess.run([python, "-c", _PROBE], capture_output=True, text=True, cwd="/", check=True)
    return json.loads(done.stdout)


def switches(level: str | None, python: str = sys.executable) -> dict[str, str]:
    """What to set for a worker at ``level``: variable -> value; nothing except at AVX2."""
    if level != AVX2:
        return {}
    probed = _probed(python)
    values = {variable: value or probed.get(library, "") for library, (variable, value) in SWITCHES.items()}
    return {variable: value for variable, value in values.items() if value}


def avx512_used(seconds: float) -> bool | None:
    """Whether any thread of this process had AVX-512 state in the last ``seconds``; None where nobody knows.

    Linux notes it when a thread leaves the processor, so let the threads rest before asking.
    """
    found = None
    for path in Path("/proc/self/task").glob("*/arch_status"):
        try:
            lines = path.read_text().splitlines()
        except OSError:
            continue  # the thread has ended
        for line in lines:
            if line.startswith("AVX512_elapsed_ms"):
                elapsed = int(line.split()[1])  # -1: never
                found = bool(found) or 0 <= elapsed <= 1000.0 * seconds
    return found
