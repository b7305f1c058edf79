"""The tutorial as notebooks: made of their sources, the same code in every language, and they run."""

import ast
import importlib.util
import json
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parents[1] / "examples" / "notebooks"
SOURCES = sorted(HERE.glob("tutorial.*.py"))

spec = importlib.util.spec_from_file_location("build_notebooks", HERE / "build.py")
build = importlib.util.module_from_spec(spec)
spec.loader.exec_module(build)


def test_there_is_one_in_each_language():
    assert [path.name for path in SOURCES] == ["tutorial.en.py", "tutorial.ja.py"]


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_a_notebook_is_what_its_source_says(source):
    text = source.with_suffix(".ipynb").read_text(encoding="utf-8")
    assert text == build.notebook(source.read_text(encoding="utf-8")), (
        "run python examples/notebooks/build.py"
    )
    cells = json.loads(text)["cells"]
    assert len({cell["id"] for cell in cells}) == len(cells) > 30
    assert not any(cell.get("outputs") for cell in cells)
    # Negative control: another word is another file.
    assert text != build.notebook(source.read_text(encoding="utf-8").replace("Langevin", "Euler"))


def test_every_language_runs_the_same_code():
    found = []
    for source in SOURCES:
        kinds = build.cells(source.read_text(encoding="utf-8"))
        found.append([ast.dump(ast.parse(text)) if kind == "code" else kind for kind, text in kinds])
    assert found[0] == found[1]


@pytest.mark.deep
@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_a_notebook_runs(source):
    for name in ("ipykernel", "matplotlib_inline"):
        pytest.importorskip(name, reason=f"notebooks: no {name}")
    nbformat = pytest.importorskip("nbformat", reason="notebooks: no nbformat")
    nbclient = pytest.importorskip("nbclient", reason="notebooks: no nbclient")
    notebook = nbformat.read(source.with_suffix(".ipynb"), 4)
    nbformat.validate(notebook)
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    outputs = [out for cell in notebook.cells if cell.cell_type == "code" for out in cell.outputs]
    assert not [out for out in outputs if out.output_type == "error"]
    shown = [out.data for out in outputs if "data" in out]
    # Pictures at 160 dpi, tables for energies, results and checks, and one hint on standard error.
    assert sum("image/png" in data for data in shown) == 8
    assert sum("text/html" in data for data in shown) == 6
    errors = "".join(out.text for out in outputs if out.get("name") == "stderr")
    assert errors.count("FastEBMWarning") == 1 and "temperature 0.066" in errors
    printed = "".join(out.text for out in outputs if out.get("name") == "stdout")
    assert "step 360   data  0.1125   chains  0.0503" in printed and "101 updates kept" in printed
