"""The arrows between the rooms of the package point down, and nothing inside imports the package root."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "fastebm"

# Modules at the top of the package that every room may use. They know no room.
SHARED = {
    "_check",
    "_control",
    "_cpu",
    "_errors",
    "_fast",
    "_info",
    "_isa",
    "_progress",
    "_seed",
    "_threads",
}

# From the bottom up: a room may import from those named for it, from itself, and from SHARED.
ALLOWED = {
    "kernels": set(),
    "energies": {"kernels"},
    "samplers": {"energies", "kernels"},
    # Names the types that a file may hold.
    "storage": {"samplers", "energies"},
    "training": {"storage", "samplers", "energies", "kernels"},
    "density": {"training", "samplers", "energies", "kernels"},
    "diagnostics": {"density", "training", "samplers", "energies", "kernels"},
    "datasets": {"energies", "kernels"},
    "reference": set(),
    "_notebook_reference": set(),
    "_notebook": set(),
    "notebook": {"_notebook", "_notebook_reference"},
    **{module: set() for module in SHARED},
}
# What a user meets first may use every room, and each other downwards.
TOP = ["estimator", "io", "interchange", "plotting", "cli", "__main__"]
# In a room, an energy or a sampler knows its contract, never another of its kind.
SIBLINGS = {
    "energies": {"base"},
    "samplers": {"base", "result"},
}


def imports_of(path, text):
    """Modules that a source file imports, as (line number, parts below fastebm), and other names as None."""
    # Docstrings hold examples of a user's imports.
    text = re.sub(r'"""(?:.|\n)*?"""', lambda m: "\n" * m.group().count("\n"), text)
    package = list(path.parent.parts)
    # One logical line for what stands in brackets.
    text = re.sub(r"\([^()]*\)", lambda m: m.group().replace("\n", " "), text)
    for number, line in enumerate(text.splitlines(), 1):
        line = line.split("#")[0].strip()
        relative = re.match(r"from\s+(\.+)([\w.]*)\s+c?import\s+(.*)", line)
        absolute = re.match(r"(?:from\s+(fastebm[\w.]*)\s+c?import\s+(.*)|c?import\s+(fastebm[\w.]*))", line)
        if relative:
            dots, name, names = relative.groups()
            base = package[: len(package) - len(dots) + 1] + [p for p in name.split(".") if p]
        elif absolute:
            name = absolute.group(1) or absolute.group(3)
            base, names = name.split(".")[1:], absolute.group(2) or ""
        else:
            continue
        if len(base) > 1 or (base and relative and relative.group(2)):
            yield number, [*base, ""]
        else:
            # From the root or a room itself: each name must be a module, which is then what is imported.
            for name in re.findall(r"(\w+)(?:\s+as\s+\w+)?\s*(?:,|$)", names.strip("() ")) or [""]:
                yield number, [*base, name]


def violations(files, modules):
    """What breaks the rules in {path below fastebm: text}, given the names of the root's modules."""
    for path, text in files.items():
        path = Path(path)
        room = path.parts[0].split(".")[0]
        for number, target in imports_of(path, text):
            where = f"{path}:{number}: "
            to = target[0]
            if to not in modules:
                if room != "__init__":
                    yield where + f"imports {to!r} from the package root"
            elif room == "__init__" or to == room or to in SHARED:
                if room in SHARED and to not in SHARED:
                    yield where + f"{room} imports {to}"
                name = path.stem
                siblings = SIBLINGS.get(room)
                if to == room and siblings and name != "__init__" and target[1] not in siblings | {name}:
                    yield where + f"{room}/{name} imports its sibling {target[1]}"
            elif room in TOP:
                if to in TOP and TOP.index(to) >= TOP.index(room):
                    yield where + f"{room} imports {to}, which is above it"
            elif to not in ALLOWED.get(room, set()):
                yield where + f"{room} imports {to}"


@pytest.fixture(scope="module")
def files():
    if not (SOURCE / "__init__.py").exists():
        pytest.skip("import allow-list: no source checkout beside the tests")
    return {
        path.relative_to(SOURCE): path.read_text()
        for path in sorted(SOURCE.rglob("*"))
        if path.suffix in (".py", ".pyx", ".pxd")
    }


@pytest.fixture(scope="module")
def modules(files):
    return {path.parts[0].split(".")[0] for path in files}


def test_imports_point_down(files, modules):
    assert len(files) > 20
    assert not list(violations(files, modules))


def test_every_room_has_its_rule(modules):
    assert modules - {"__init__"} <= ALLOWED.keys() | set(TOP), "add the new module to the allow-list"


BREACHES = {
    "energies/new.pyx": "from ..samplers.base cimport Sampler",
    "energies/other.pyx": "from .well_mixture import WellMixture",
    "samplers/new.pyx": "from ..energies.base cimport (\n    Energy,\n)\nfrom ..training import ReplayBuffer",
    "samplers/other.pyx": "from .sgld cimport SGLD",
    "samplers/third.pyx": "from . import mala",
    "kernels/new.pxd": "from ..energies.base cimport Energy",
    "training/new.py": "import fastebm",
    "density/new.py": "from .. import WellMixture",
    "density/other.py": "from fastebm import info as i, WellMixture",
    "density/third.py": "from .. import (\n    info,\n    WellMixture,\n)",
    "_check.py": "from .energies import Energy",
    "_new.py": "from .energies import Energy",
    "io.py": "from .cli import main",
    "reference.py": "    from .energies.well_mixture import WellMixture  # inside a function",
}


@pytest.mark.parametrize("path", BREACHES)
def test_a_breach_is_seen(path, modules):
    assert list(violations({path: BREACHES[path]}, modules | {"io", "cli"}))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (
            "training/new.py",
            "from ..samplers.mala import MALA\nfrom . import recipes\nfrom ._loop import Loop",
        ),
        ("_info.py", "from . import _isa, _threads"),
        ("energies/new.pyx", "from .base cimport Energy\nfrom .._check import samples\nimport numpy as np"),
        ("density/new.py", '"""Doc.\n\n>>> import fastebm as fe\n"""\nfrom .._check import samples'),
        ("notebook.py", "import fastebm._notebook as _compiled"),
        ("cli.py", "from .energies import WellMixture\nfrom .io import load"),
    ],
)
def test_what_is_allowed_passes(path, text, modules):
    assert not list(violations({path: text}, modules | {"io", "cli"}))
