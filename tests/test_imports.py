"""The rooms of the package: imports point down, facts and not classes decide, and no file is too long to read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "fastebm"

# From the bottom up: a room may import those before it.
ROOMS = [
    "_runtime",
    "kernels",
    "networks",
    "energies",
    "samplers",
    "storage",
    "preprocess",
    "mixtures",
    "training",
    "partition",
    "fitting",
    "diagnostics",
    "datasets",
    "interop",
    "notebook",
    "reference",
]
# What a user meets first: they may import every room, and the doors before them.
DOORS = [
    "interchange",
    "sampling",
    "answers",
    "estimator",
    "novelty",
    "io",
    "plotting",
    "revisited",
    "cli",
    "__main__",
    "density",
]
ORDER = ROOMS + DOORS
# Rooms that may know less than what is below them.
ONLY: dict[str, set[str]] = {
    # Names the types that a file may hold.
    "storage": {"_runtime", "energies", "samplers"},
    "mixtures": {"_runtime", "kernels", "energies"},
    # Tables of numbers, and no energy.
    "preprocess": {"_runtime"},
    "datasets": {"_runtime", "energies"},
    "interop": {"_runtime", "energies"},
    # Yardsticks that share nothing with what they measure.
    "notebook": set(),
    "reference": set(),
}
# In these rooms a file is one thing of a kind, and knows the contract of its kind, never another of it.
# Beside it stand what energies made of energies share, and the preconditioner that samplers share.
CONTRACT = {
    "energies": {"base", "combined", "display", "normals"},
    "samplers": {"base", "result", "scales", "state"},
}
# (room, file): (the siblings it may import, why).
EXCEPTIONS: dict[tuple[str, str], tuple[set[str], str]] = {
    ("energies", "student_mixture"): ({"student_theta"}, "the layout of its own theta, in NumPy"),
    ("energies", "student_theta"): ({"well_theta"}, "the same limits of widths"),
    ("energies", "well_mixture"): ({"well_theta"}, "the layout of its own theta, in NumPy"),
    ("samplers", "sgld"): ({"mala"}, "the same steps with an accept step tell what a step size costs"),
}
# Files that import a module whose name they are given, and whose names those are.
# Files that may know more than their room, and why.
FILES_ONLY: dict[tuple[str, str], tuple[set[str], str]] = {
    ("notebook", "hint"): ({"_runtime"}, "the package's class of warnings, and nothing that computes"),
}
GIVEN_NAMES = {
    "__init__.py": "the package's own table of what is loaded later",
    "cli/doctor.py": "other packages: all that fastebm can use",
    "interchange.py": "other packages: pandas, xarray, ArviZ",
}
# Rooms that ask an energy or a sampler for facts, and never for its class.
FACTS = {"diagnostics", "training", "fitting", "mixtures", "partition"}
LONGEST = 450


def without_docstrings(text):
    """The source with docstrings emptied (they hold a user's imports), its lines and brackets kept."""
    text = re.sub(r'"""(?:.|\n)*?"""', lambda m: '""' + "\n" * m.group().count("\n"), text)
    return re.sub(r"(?m)#.*$", "", text)


def imports_of(path, text):
    """What a source file imports from the package, as (line number, parts below fastebm, names).

    The last part is "" where it is certain that the parts before are a module. Parts are None for a module that the
    source does not name.
    """
    text = without_docstrings(text)
    package = list(path.parent.parts)
    for match in re.finditer(r"(?<![\w.])(?:importlib\.)?(?:import_module|__import__)\s*\(\s*([^\n]*)", text):
        number = text.count("\n", 0, match.start()) + 1
        name = re.match(r"([\"'])([\w.]+)\1", match.group(1))
        if name is None:
            yield number, None, {}
        elif name.group(2).startswith("."):
            dots = len(name.group(2)) - len(name.group(2).lstrip("."))
            base = package[: len(package) - dots + 1]
            yield number, [*base, *name.group(2)[dots:].split("."), ""], {}
    # A whole string that is the name of a module of ours: for import_module, sys.modules, find_spec...
    for match in re.finditer(r"([\"'])(fastebm(?:\.\w+)*)\1", text):
        parts = match.group(2).split(".")[1:]
        called = re.search(r"(?:import_module|__import__)\s*\(\s*$", text[: match.start()])
        if called or (parts and parts[0] in ORDER):
            yield text.count("\n", 0, match.start()) + 1, [*parts, ""], {}
    # One logical line for what stands in brackets.
    text = re.sub(r"\([^()]*\)", lambda m: m.group().replace("\n", " "), text)
    for number, line in enumerate(text.splitlines(), 1):
        relative = re.match(r"\s*from\s+(\.+)([\w.]*)\s+c?import\s+(.*)", line)
        absolute = re.match(
            r"\s*(?:from\s+(fastebm(?:\.[\w.]*)?)\s+c?import\s+(.*)|c?import\s+(fastebm(?:\.[\w.]*)?)(?!\w))",
            line,
        )
        if relative:
            dots, name, names = relative.groups()
            base = package[: len(package) - len(dots) + 1] + [p for p in name.split(".") if p]
        elif absolute:
            name = absolute.group(1) or absolute.group(3)
            base, names = name.split(".")[1:], absolute.group(2) or ""
        else:
            continue
        found = re.findall(r"([\w*]+)(?:\s+as\s+(\w+))?\s*(?:,|$)", names.strip("() \t"))
        known = {local or name: name for name, local in found}
        if len(base) > 1 or (base and relative and relative.group(2)):
            yield number, [*base, ""], known
        else:
            # From the root or a room itself: each name must be a module, which is then what is imported.
            for local, name in (known or {"": ""}).items():
                yield number, [*base, name], {local: name}


def upward(files, modules):
    """Imports that break the order, in {path below fastebm: text}, given the names of the root's modules."""
    for path, text in files.items():
        path = Path(path)
        room = path.parts[0].split(".")[0]
        for number, target, _ in imports_of(path, text):
            where = f"{path}:{number}: "
            if target is None:
                if str(path) not in GIVEN_NAMES:
                    yield where + "imports a module that it does not name"
            elif target[0] not in modules:
                if room != "__init__":
                    yield where + f"imports {target[0]!r} from the package root"
            elif target[0] == room:
                siblings = CONTRACT.get(room)
                if siblings and path.stem != "__init__" and target[1] != path.stem:
                    allowed = siblings | EXCEPTIONS.get((room, path.stem), (set(), ""))[0]
                    if target[1] not in allowed:
                        yield where + f"{room}/{path.stem} imports its sibling {target[1]}"
            elif room != "__init__":
                below = set(ORDER[: ORDER.index(room)]) if room in ORDER else set()
                allowed, _ = FILES_ONLY.get((room, path.stem), (ONLY.get(room, below), ""))
                if target[0] not in allowed:
                    yield where + f"{room} imports {target[0]}"


def argument(text, start):
    """The last argument of the call whose bracket opens at start, and where the call ends."""
    depth, begin = 0, start + 1
    for i in range(start, len(text)):
        depth += (text[i] in "([{") - (text[i] in ")]}")
        if depth == 0:
            return text[begin:i], i
        # Not the comma behind the last argument.
        if depth == 1 and text[i] == "," and not re.match(r"\s*\)", text[i + 1 :]):
            begin = i + 1
    return "", len(text)


def class_tests(files):
    """Tests with a class of another room, in {path below fastebm: text}."""
    for path, text in files.items():
        path = Path(path)
        room = path.parts[0]
        if room not in FACTS:
            continue
        foreign = {}
        for _, target, known in imports_of(path, text):
            if target and target[0] not in (room, "_runtime"):
                foreign |= dict.fromkeys(known, target[0])
        text = without_docstrings(text)
        tested = [
            (m.start(), argument(text, m.end() - 1)[0])
            for m in re.finditer(r"\bis(?:instance|subclass)\s*\(", text)
        ]
        tested += [
            (m.start(), m.group(1))
            for m in re.finditer(r"\btype\s*\([^()]*\)\s*(?:is|==|!=|in)\s+(.*)", text)
        ]
        tested += [(m.start(), m.group(1)) for m in re.finditer(r"\bis\s+(?:not\s+)?type\s*\((\w+)\)", text)]
        tested += [(m.start(), m.group(1)) for m in re.finditer(r"(?m)^\s*case\s+(\w[\w.]*)\s*\(", text)]
        for start, classes in tested:
            for name in re.findall(r"(?<![\w.\"'])[A-Za-z_]\w*", classes):
                if name in foreign:
                    number = text.count("\n", 0, start) + 1
                    yield f"{path}:{number}: asks whether something is a {name} of {foreign[name]}"


@pytest.fixture(scope="module")
def files():
    if not (SOURCE / "__init__.py").exists():
        pytest.skip("order of rooms: no source checkout beside the tests")
    return {
        path.relative_to(SOURCE): path.read_text()
        for path in sorted(SOURCE.rglob("*"))
        if path.suffix in (".py", ".pyx", ".pxd")
    }


@pytest.fixture(scope="module")
def modules(files):
    return {path.parts[0].split(".")[0] for path in files}


def test_imports_point_down(files, modules):
    assert len(files) > 60
    assert not list(upward(files, modules))


def test_every_room_has_its_place(modules):
    assert modules - {"__init__"} <= set(ORDER), "add the new room to the order"
    assert set(ORDER) <= modules, "a room is gone: take it out of the order"


def test_facts_and_not_classes_decide(files):
    assert not list(class_tests(files))


def test_no_file_is_longer_than_a_reader_can_hold(files):
    lengths = {str(path): text.count("\n") for path, text in files.items()}
    assert not {path: n for path, n in lengths.items() if n > LONGEST}


# ---- the tests can fail ----

BREACHES = {
    "energies/new.pyx": "from ..samplers.base cimport Sampler",
    "energies/other.pyx": "from .well_mixture import WellMixture",
    "energies/third.pxd": "cimport fastebm.samplers.base",
    "samplers/new.pyx": "from ..energies.base cimport (\n    Energy,\n)\nfrom ..training import ReplayBuffer",
    "samplers/other.pyx": "from .sgld cimport SGLD",
    "samplers/third.pyx": "from . import mala",
    "kernels/new.pxd": "from ..energies.base cimport Energy",
    "storage/new.py": "from ..training.replay import ReplayBuffer",
    "mixtures/new.py": "from ..samplers.mala import MALA",
    "training/new.py": "import fastebm",
    "training/other.py": "import fastebm as fe",
    "training/third.py": "from ..diagnostics.diagnose import after_fit",
    "training/late.py": "def f():\n    from importlib import import_module\n    import_module('fastebm.cli')",
    "training/later.py": 'import importlib\nd = importlib.import_module("..diagnostics", __package__)',
    "training/named.py": 'd = sys.modules["fastebm.diagnostics.diagnose"]',
    "training/given.py": "d = import_module(f'fastebm.{name}')",
    "training/root.py": '__import__("fastebm")',
    "partition/new.py": "from ..fitting import scaled_wells",
    "fitting/new.py": "from .. import WellMixture",
    "fitting/other.py": "from fastebm import info as i, WellMixture",
    "fitting/third.py": "from .. import (\n    energies,\n    WellMixture,\n)",
    "_runtime/new.py": "from ..energies import Energy",
    "notebook/new.py": "from .._runtime.check import samples",
    "io.py": "from .cli import main",
    "reference.py": "    from .energies.well_mixture import WellMixture  # inside a function",
}


@pytest.mark.parametrize("path", BREACHES)
def test_a_breach_is_seen(path, modules):
    assert list(upward({path: BREACHES[path]}, modules))


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (
            "training/new.py",
            "from ..samplers.mala import MALA\nfrom . import recipes\nfrom .loop import Loop",
        ),
        (
            "training/tool.py",
            "bar = import_module('tqdm')\nname = 'fastebm.json'\nsaid = 'use fastebm.diagnose'",
        ),
        ("_runtime/new.py", "from . import isa, threads"),
        (
            "energies/new.pyx",
            "from .base cimport Energy\nfrom .._runtime.check import samples\nimport numpy as np",
        ),
        (
            "samplers/new.pyx",
            "from .base cimport Sampler\nfrom .state import RunState\nfrom ..energies cimport base",
        ),
        ("fitting/new.py", '"""Doc.\n\n>>> import fastebm as fe\n"""\nfrom .._runtime.check import samples'),
        ("storage/new.py", "from .. import energies, samplers\nfrom . import whole"),
        ("notebook/new.py", "import fastebm.notebook._compiled as _compiled"),
        ("cli/new.py", "from ..energies import WellMixture\nfrom ..io import load"),
        ("__init__.py", "from .energies import Energy\nvalue = import_module(name)"),
    ],
)
def test_what_is_allowed_passes(path, text, modules):
    assert not list(upward({path: text}, modules))


HEAD = "from ..energies.base import Energy as Base, as_energy\nfrom .. import samplers\n"
ASKED = [
    "isinstance(energy, Base)",
    "isinstance(self.energies[0], (int, Base))",
    "isinstance(\n    energy,\n    int | Base,\n)",
    "issubclass(type(energy), Base)",
    "isinstance(sampler, samplers.MALA)",
    "type(energy) is Base",
    "type(energy) == Base",
    "type(energy) in (int, Base)",
    "type(energy) != Base",
    "match energy:\n    case Base():\n        pass",
]


@pytest.mark.parametrize("text", ASKED)
@pytest.mark.parametrize("path", ["diagnostics/new.py", "training/new.pyx", "fitting/new.py"])
def test_a_class_test_is_seen(path, text):
    assert list(class_tests({path: HEAD + text}))


@pytest.mark.parametrize(
    "text",
    [
        "isinstance(seed, int)",
        "as_energy(energy)",
        "isinstance(failure, Own)",
        "isinstance(as_energy(energy), Own)",
        "from .._runtime.errors import NonFiniteError\nisinstance(failure, NonFiniteError)",
        "from .replay import ReplayBuffer\nisinstance(buffer, ReplayBuffer)",
        '"""isinstance(energy, Base)"""',
        "error = f'{type(energy).__name__} is no Base'",
    ],
)
def test_other_questions_pass(text):
    assert not list(class_tests({"training/new.py": HEAD + text}))


def test_other_rooms_may_ask():
    assert not list(class_tests({"plotting/new.py": HEAD + "isinstance(energy, Base)"}))
