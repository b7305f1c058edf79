"""The look at the built documentation sees what it is for."""

import importlib.util
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[1] / "tools" / "check_site.py"


@pytest.fixture
def faults():
    if not TOOL.exists():
        pytest.skip("the tests were copied away from the checkout: the tools are not here")
    spec = importlib.util.spec_from_file_location("check_site", TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.faults


GOOD = '<h1 id="top">A</h1><a href="b.html#part">b</a><a href="#top">up</a><a href="https://example.org/">out</a>'


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ("", None),
        ('<a href="c.html">', "there is no c.html"),
        ('<a href="b.html#other">', "there is no anchor b.html#other"),
        ('<a href="#nowhere">', "there is no anchor #nowhere"),
        ('<img src="none.png">', "there is no none.png"),
        ('<script src="https://cdn.example.org/x.js"></script>', "loads https://cdn.example.org/x.js"),
        ('<link rel="stylesheet" href="//fonts.example.org/css">', "loads //fonts.example.org/css"),
        ('<link rel="canonical" href="https://example.org/a.html">', None),
    ],
)
def test_faults(faults, tmp_path, more, said):
    (tmp_path / "a.html").write_text(GOOD + more)
    (tmp_path / "b.html").write_text('<h2 id="part">b</h2>')
    (tmp_path / "x.css").write_text("/* url(https://example.org/) */ p { background: url(a.png) }")
    found = faults(tmp_path)
    assert found == [] if said is None else len(found) == 1 and said in found[0]


def test_a_style_sheet_that_fetches_a_font_is_seen(faults, tmp_path):
    (tmp_path / "a.html").write_text(GOOD.replace("b.html#part", "#top"))
    (tmp_path / "x.css").write_text("@import 'https://fonts.example.org/css';")
    assert faults(tmp_path) == ["x.css loads https://fonts.example.org/css"]


def test_an_empty_folder_is_a_fault(faults, tmp_path):
    assert faults(tmp_path)
