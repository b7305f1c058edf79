"""The table of modules in setup.py is the list of the .pyx files, or the build stops; what is compiled how often."""

import importlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture
def tree(tmp_path):
    """setup.py with every .pyx file, empty, in its place."""
    if not (ROOT / "setup.py").exists():
        pytest.skip("table of modules: no source checkout beside the tests")
    # Nothing is translated here: the table is read before Cython would be called.
    stub = tmp_path / "stub" / "Cython" / "Build"
    stub.mkdir(parents=True)
    (stub.parent / "__init__.py").write_text('__version__ = "0"\n')
    (stub / "__init__.py").write_text(
        "def cythonize(extensions, force, **settings):\n    print('all' if force else 'newer')\n    return extensions\n"
    )
    tree = tmp_path / "tree"
    tree.mkdir()
    shutil.copy(ROOT / "setup.py", tree)
    (tree / "tools").mkdir()
    shutil.copy(ROOT / "tools" / "levels.py", tree / "tools")
    for path in (ROOT / "src").rglob("*.pyx"):
        copy = tree / path.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.touch()
    return tree


def build(tree):
    return subprocess.run(
        [sys.executable, "setup.py", "--version"],
        cwd=tree,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(tree.parent / "stub")},
    )


def stopped(tree):
    done = build(tree)
    assert done.returncode != 0 and "Traceback" not in done.stderr, done.stderr
    return done.stderr


def test_the_table_fits_the_files(tree):
    done = build(tree)
    assert done.returncode == 0, done.stderr


def test_an_older_python_is_refused_before_anything_is_imported(tree):
    """As one line, and not after Cython has worked for minutes."""
    shutil.rmtree(tree.parent / "stub")
    code = "import runpy, sys; sys.modules['Cython'] = None; sys.version_info = (3, 10, 13)"
    done = subprocess.run(
        [sys.executable, "-c", code + "; runpy.run_path('setup.py')"],
        cwd=tree,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("fastebm needs Python 3.11 or newer; this is ")


def test_a_name_without_a_file_stops_the_build(tree):
    (tree / "src/fastebm/energies/well_mixture.pyx").unlink()
    assert (
        "fastebm.energies.well_mixture is in the table, but there is no src/fastebm/energies/well_mixture.pyx"
        in stopped(tree)
    )


def test_a_file_without_a_name_stops_the_build(tree):
    (tree / "src/fastebm/energies/new_energy.pyx").touch()
    assert (
        "src/fastebm/energies/new_energy.pyx is not in the table; add 'fastebm.energies.new_energy'"
        in stopped(tree)
    )


def test_a_misspelt_name_stops_the_build(tree):
    text = (tree / "setup.py").read_text()
    assert '"fastebm.samplers.mala"' in text
    (tree / "setup.py").write_text(text.replace('"fastebm.samplers.mala"', '"fastebm.samplers.mlaa"'))
    error = stopped(tree)
    assert (
        "fastebm.samplers.mlaa is in the table" in error and "samplers/mala.pyx is not in the table" in error
    )


def test_a_name_twice_stops_the_build(tree):
    text = (tree / "setup.py").read_text()
    (tree / "setup.py").write_text(text.replace('"fastebm.samplers.mala",', '"fastebm.samplers.mala",' * 2))
    assert "fastebm.samplers.mala is in the table twice" in stopped(tree)


def test_other_directives_or_another_cython_translate_everything_again(tree):
    """Cython looks at the dates of the .pyx files alone: it would take C files that other directives made."""

    def translated():
        return build(tree).stdout.split()[0]

    assert [translated(), translated()] == ["all", "newer"]
    text = (tree / "setup.py").read_text()
    assert '"auto_pickle": False,' in text
    (tree / "setup.py").write_text(text.replace('"auto_pickle": False,', ""))
    assert [translated(), translated()] == ["all", "newer"]
    (tree.parent / "stub" / "Cython" / "__init__.py").write_text('__version__ = "1"\n')
    assert [translated(), translated()] == ["all", "newer"]


BUILD = """
import runpy, setuptools
from pathlib import Path

known, setup = {}, setuptools.setup
setuptools.setup = lambda **settings: known.update(settings)
runpy.run_path("setup.py")


def build_extensions(self):
    path = Path(self.get_ext_fullpath("fastebm._core"))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


known["cmdclass"]["build_ext"].build_extensions = build_extensions
setup(
    name="fastebm",
    packages=["fastebm"],
    package_dir={"": "src"},
    package_data={"": ["*.pxd"]},
    script_args=["build", "--build-lib", "lib"],
    **known,
)
"""


def test_a_wheel_holds_nothing_of_an_older_build(tree):
    """What pip makes a wheel of is build/lib, and there everything stays that a build ever put there."""
    package = tree / "src" / "fastebm"
    (package / "kept.py").touch()
    (package / "kept.pxd").touch()
    (package / "beside.abi3.so").touch()
    old = tree / "lib" / "fastebm" / "energies"
    old.mkdir(parents=True)
    (old / "_x86_64.affine.abi3.so").touch()
    (old.parent / "removed.py").touch()
    done = subprocess.run(
        [sys.executable, "-c", BUILD],
        cwd=tree,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(tree.parent / "stub")},
    )
    assert done.returncode == 0, done.stderr
    left = sorted(path.name for path in (tree / "lib").rglob("*") if path.is_file())
    assert [name.partition(".")[0] for name in left] == ["_core", "kept", "kept"], left


MODULE = """
from libc.math cimport sqrt

cdef double SCALE = sqrt(4.0)
cdef int calls = 0

cdef inline double twice(double x) noexcept nogil:
    return SCALE * x

cdef void double_all(double* x, Py_ssize_t n) noexcept nogil:
    global calls
    cdef Py_ssize_t i
    calls += 1
    for i in range(n):
        x[i] = twice(x[i])

cdef int refuse(Py_ssize_t n) except -1 nogil:
    if n < 0:
        with gil:
            raise ValueError(f"negative: {n}")
    return 0

cdef object name_of(x):
    return f"{x} and more"

cdef class Thing:
    cdef double held
    cdef double value(self) noexcept nogil:
        return twice(self.held)
    def double(self, double[::1] x):
        refuse(x.shape[0])
        double_all(&x[0], x.shape[0])
        return name_of(x), self.value(), calls
"""


@pytest.fixture(scope="module")
def halves(tmp_path_factory):
    """tools/levels.py, and what it makes of a module: its C file, the face, the kernels."""
    build = pytest.importorskip("Cython.Build", reason="no C file to split: no Cython")
    if not (ROOT / "tools" / "levels.py").exists():
        pytest.skip("tools/levels.py: no source checkout beside the tests")
    folder = tmp_path_factory.mktemp("halves")
    (folder / "thing.pyx").write_text(MODULE)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.syspath_prepend(ROOT / "tools")
        build.cythonize("thing.pyx", language_level=3, quiet=True, compiler_directives={"auto_pickle": False})
        levels = importlib.import_module("levels")
    face, kernels = levels.split(folder / "thing.c", "thing", ["low", "high"])
    return levels, (folder / "thing.c").read_text(), Path(face).read_text(), Path(kernels).read_text()


def bodies(text):
    return set(re.findall(r"(?m)^static [^;{}\n]*?\w*__pyx_f_(?:\w*?)thing_(\w+)\([^;{}\n]*\) \{$", text))


def test_kernels_are_what_handles_no_python_object(halves):
    _, whole, face, kernels = halves
    assert bodies(whole) == {"twice", "double_all", "refuse", "name_of", "5Thing_value"}
    assert bodies(face) == {"name_of"}
    assert bodies(kernels) == bodies(whole)
    called = re.findall(
        r"#define __pyx_f_5thing_(\w+) \(\*\(\w+ \*\)fastebm_kernels\[fastebm_level\]\[(\d)\]\)", face
    )
    assert {name for name, _ in called} == {"double_all", "refuse", "5Thing_value"}
    # The same order on both sides.
    array = re.search(r"FASTEBM_TABLE\[\]\)\(void\) = \{(.*)\};", kernels).group(1)
    assert [part.rpartition("_f_5thing_")[2] for part in array.split(", ")] == [name for name, _ in called]
    assert [int(place) for _, place in called] == [0, 1, 2]


def test_the_levels_share_the_variables_of_the_face(halves):
    _, _, face, kernels = halves
    for name in ("__pyx_v_5thing_SCALE", "__pyx_v_5thing_calls", "__pyx_mstate_global_static"):
        assert f"#define {name} thing__{name}\n" in face and f"#define {name} thing__{name}\n" in kernels
        assert re.search(rf"(?m)^\w+ {name};$", face), name
        assert re.search(rf"(?m)^extern \w+ {name};$", kernels), name
    # One entry point, which is the face's.
    assert (
        "static PyObject *PyInit_thing(void)" in kernels and "static PyObject *PyInit_thing(void)" not in face
    )


def test_a_variable_that_cannot_be_shared_stops_the_build(halves):
    levels, whole, _, _ = halves
    odd = whole.replace("static double __pyx_v_5thing_SCALE;", "static double __pyx_v_5thing_SCALE = 2.0;")
    assert odd != whole
    with pytest.raises(SystemExit, match=r"__pyx_v_5thing_SCALE = 2\.0"):
        levels.face(odd, "thing", ["low", "high"])


def test_a_kernel_that_is_not_found_stops_the_build(halves):
    """Left in the face it would be right, and slow: a Cython that writes C otherwise must be noticed."""
    levels, whole, _, _ = halves
    levels.check(whole, MODULE, "thing")
    assert levels.NOGIL.findall(MODULE) == ["twice", "double_all", "refuse", "value"]
    # Its head on two lines, or with other blanks; another macro at its beginning; each with and without a prototype.
    head = re.compile(r"(?m)^(static void __pyx_f_5thing_double_all\(.*\)) \{$")
    prototype = re.compile(r"(?m)^static void __pyx_f_5thing_double_all\(.*\);.*\n")
    handles = re.compile(r"(__Pyx_RefNannySetupContext\(\"refuse\",) 1\)")
    for pattern, other, name in (
        (head, r"\1\n{", "double_all"),
        (head, r"\1  {", "double_all"),
        (handles, r"\1 0)", "refuse"),
    ):
        odd, times = pattern.subn(other, whole)
        assert times == 1
        with pytest.raises(SystemExit, match=rf"C file of thing .*{name}"):
            levels.check(odd, MODULE, "thing")
        odd = prototype.sub("", odd)
        with pytest.raises(SystemExit, match=rf"C file of thing .*{name}"):
            levels.check(odd, MODULE, "thing")


OBJECTS = """
import json, runpy, setuptools, sys

setuptools.setup = lambda **settings: None
known = runpy.run_path("setup.py")
tasks = list(known["objects_of"](sys.argv[1], "thing.c", gcc=False))
print(json.dumps([list(known["LEVELS"].items()), tasks]))
"""


def objects_of(tree, name, text):
    (tree / "thing.c").write_text(text)
    done = subprocess.run(
        [sys.executable, "-c", OBJECTS, name],
        cwd=tree,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(tree.parent / "stub")},
    )
    return done.stderr if done.returncode else json.loads(done.stdout.splitlines()[-1])


def test_kernels_are_compiled_at_every_level_and_the_face_once(tree, halves):
    _, whole, _, _ = halves
    levels, tasks = objects_of(tree, "fastebm.samplers.mala", whole)
    (first, flags, _, folder), *kernels = tasks
    assert first == "thing.face.c" and folder == "face" and flags[0][:2] in ("-O", "/O")
    assert [(task[0], task[3]) for task in kernels] == [("thing.kernels.c", level) for level, _ in levels]
    for (_, flags, macros, level), (_, wanted) in zip(kernels, levels, strict=True):
        assert flags[0] in ("-O3", "/O2") and flags[1:] == wanted, level
        assert macros == [["FASTEBM_TABLE", f"fastebm_samplers_mala__{level}"]]
    # At one level, plain, what is not in the table of levels; without kernels a levelled module makes no sense.
    _, tasks = objects_of(tree, "fastebm.samplers.base", whole)
    assert [task[3] for task in tasks] == ["face", "plain"]
    assert "fastebm.samplers.mala has no function without Python objects; move it to PLAIN" in objects_of(
        tree, "fastebm.samplers.mala", "int nothing;\n"
    )
