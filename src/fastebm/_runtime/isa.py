"""Choose the instruction-set level once, when the package is imported.

The kernels of most compiled modules are there once per level (``setup.py``). A module takes those of the level in use
when it is imported; what is not a kernel is there once.
"""

from __future__ import annotations

import os

from . import core as _core  # noqa: F401  (before the first compiled module)
from .cpu import cpu_level, levels, use_level

_NEEDS = {"x86-64-v4": 4, "x86-64-v3": 3, "x86-64": 1, "generic": 0}
_BUILT = [name.replace("_", "-") for name in levels()]


def _find_available() -> tuple[str, ...]:
    return tuple(name for name in _NEEDS if name in _BUILT and _NEEDS[name] <= cpu_level())


def _choose(available: tuple[str, ...]) -> str:
    if not available:
        raise ImportError(
            "fastebm: no compiled level in this installation runs on this processor; reinstall from source"
        )
    wanted = os.environ.get("FASTEBM_ISA", "")
    if not wanted:
        return available[0]
    if wanted not in available:
        why = "cannot run here" if wanted in _NEEDS else "is not a level"
        raise ValueError(f"FASTEBM_ISA={wanted!r} {why}; use one of {', '.join(available)}, or unset it")
    return wanted


AVAILABLE = _find_available()
CURRENT = _choose(AVAILABLE)
use_level(_BUILT.index(CURRENT))
