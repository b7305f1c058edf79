"""Every code of a warning is in the table that the page of warnings is made of."""

import ast
import re
from pathlib import Path

import pytest

import fastebm as fe
from fastebm.diagnostics.codes import CODES

SOURCE = Path(fe.__file__).parent
DOCS = Path(__file__).resolve().parents[1] / "docs"
WORD = re.compile(r"[a-z_]+")


def codes_of(text):
    """The codes of the warnings that a source file makes: written in the call, or given by a name or a tuple."""
    tree, found, indirect = ast.parse(text), set(), False
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Diagnostic" and node.args:
            if isinstance(node.args[0], ast.Constant):
                found.add(node.args[0].value)
            else:
                indirect |= isinstance(node.args[0], ast.Name)
    if not indirect:
        return found
    for node in ast.walk(tree):
        # ``code, how = "narrow_mode", "narrow"``, and ``return "drift", meaning, advice``.
        values = []
        if isinstance(node, ast.Assign):
            names = node.targets[0].elts if isinstance(node.targets[0], ast.Tuple) else node.targets
            given = node.value.elts if isinstance(node.value, ast.Tuple) else [node.value]
            values = [v for n, v in zip(names, given, strict=False) if getattr(n, "id", "") == "code"]
        elif isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple) and len(node.value.elts) == 3:
            values = node.value.elts[:1]
        found |= {v.value for v in values if isinstance(v, ast.Constant) and isinstance(v.value, str)}
    return {code for code in found if WORD.fullmatch(code)}


def all_codes():
    texts = (path.read_text(encoding="utf-8") for path in SOURCE.rglob("*.py"))
    return set().union(*(codes_of(text) for text in texts if "Diagnostic" in text))


def test_the_table_is_the_codes():
    codes = all_codes()
    assert len(codes) > 35
    assert set(CODES) == codes, "diagnostics/codes.py: add what is new, remove what is gone"


def test_every_entry_says_something():
    for code, entry in CODES.items():
        assert WORD.fullmatch(code)
        for text in (entry.meaning, entry.cure):
            assert len(text) > 8 and text.endswith(".") and text[0] != " ", code


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("Diagnostic('new_one', 1, 2, m, a)", {"new_one"}),
        ("code, how = 'narrow', 'x'\nDiagnostic(code, 1, 2, m, a)", {"narrow"}),
        ("def f():\n    return 'drift', 'it drifts', 'stop'\nDiagnostic(code, 1, 2, m, a)", {"drift"}),
        ("code = 'other'", set()),
    ],
)
def test_a_code_is_found_however_it_is_given(text, codes):
    assert codes_of(text) == codes


def test_every_warning_of_a_run_is_among_them():
    X = fe.datasets.two_normals(600, seed=1)
    assert {w.code for w in fe.ContrastiveDivergence.notebook().fit(X, seed=3).warnings} <= set(CODES)


def test_the_page_is_made_of_the_table():
    if not DOCS.exists():
        pytest.skip("the tests were copied away from the checkout: the documentation is not here")
    assert ".. warning-codes::" in (DOCS / "warnings.rst").read_text(encoding="utf-8")
    assert "fastebm.diagnostics.codes import CODES" in (DOCS / "_ext" / "warning_codes.py").read_text(
        encoding="utf-8"
    )
