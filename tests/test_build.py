"""The table of modules in setup.py is the list of the .pyx files, or the build stops."""

import os
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
    (stub.parent / "__init__.py").touch()
    (stub / "__init__.py").write_text("def cythonize(extensions, **settings):\n    return extensions\n")
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
