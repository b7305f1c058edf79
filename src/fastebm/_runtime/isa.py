"""Choose the instruction-set level once, when the package is imported.

Modules that are compiled per level lie in a folder of their package named after the level, such as
``energies/_x86_64_v3``. A package puts the chosen folder first on its ``__path__``; from then on the ordinary
import system finds ``fastebm.energies.well_mixture`` there, under its canonical name.
"""

from __future__ import annotations

import os

from .cpu import cpu_level

_HERE = os.path.dirname(os.path.dirname(__file__))
_NEEDS = {"x86-64-v4": 4, "x86-64-v3": 3, "x86-64": 1, "generic": 0}


def _folder(level: str) -> str:
    return "_" + level.replace("-", "_")


def _find_available() -> tuple[str, ...]:
    built = [name for name in _NEEDS if os.path.isdir(os.path.join(_HERE, "energies", _folder(name)))]
    return tuple(name for name in built if _NEEDS[name] <= cpu_level())


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


def level_path(package_path: list[str]) -> list[str]:
    """Return the package's ``__path__`` with the chosen level's folder first."""
    return [os.path.join(package_path[0], _folder(CURRENT)), *package_path]
