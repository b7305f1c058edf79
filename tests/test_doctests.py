"""The examples in the docstrings of public names run and print what they say, in Python and in compiled modules."""

import doctest
import inspect
import re
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest

import fastebm as fe
from fastebm import datasets, interchange, notebook, plotting

matplotlib.use("Agg")

ROOT = Path(__file__).resolve().parents[1]


def public():
    """(name, object) of everything public, with the members of classes that fastebm itself defines."""
    for module in (fe, datasets, interchange, notebook, plotting):
        yield module.__name__, module
        for name in getattr(module, "__all__", None) or vars(module):
            thing = getattr(module, name)
            if name.startswith("_") or not getattr(thing, "__module__", "").startswith("fastebm"):
                continue
            yield f"{module.__name__}.{name}", thing
            if inspect.isclass(thing):
                for member in vars(thing):
                    if not member.startswith("_"):
                        yield f"{module.__name__}.{name}.{member}", inspect.getattr_static(thing, member)


def examples(objects):
    """Doctests found in the objects' docstrings, by name. (doctest's own finder does not see compiled methods.)"""
    parser, found = doctest.DocTestParser(), {}
    for name, thing in objects:
        text = inspect.getdoc(getattr(thing, "__func__", thing)) or ""
        if ">>>" in text:
            space = {"fe": fe, "np": np, **vars(inspect.getmodule(thing) or fe)}
            space["__name__"] = "__example__"
            found[name] = parser.get_doctest(text, space, name, None, None)
    return found


FOUND = examples(public())


def failures(test):
    said = []
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS)
    result = runner.run(test, out=said.append)
    assert result.attempted > 0
    return result.failed, "".join(said)


@pytest.mark.parametrize("name", FOUND)
def test_example(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    try:
        failed, said = failures(FOUND[name])
    finally:
        plt.close("all")
    assert failed == 0, said


def without_example(names):
    return [name for name in names if name not in FOUND]


def public_names():
    """Every class and function that a page of the reference is about; instances are shown with their class."""
    for module in (fe, datasets, interchange, notebook, plotting):
        for name in getattr(module, "__all__", None) or vars(module):
            thing = getattr(module, name)
            ours = module is fe or getattr(thing, "__module__", "").startswith(module.__name__)
            if ours and not name.startswith("_") and (inspect.isclass(thing) or inspect.isroutine(thing)):
                yield f"{module.__name__}.{name}"


def test_every_public_name_has_an_example():
    names = list(public_names())
    assert len(names) > 100 and not without_example(names)


def test_a_name_without_an_example_is_seen():
    assert without_example(["fastebm.WellMixture", "fastebm.WellMixture.fail"]) == [
        "fastebm.WellMixture.fail"
    ]


def test_compiled_classes_are_among_them():
    assert {"fastebm.WellMixture", "fastebm.PythonEnergy", "fastebm.ContrastiveDivergence"} <= set(FOUND)


def test_a_wrong_example_fails():
    def liar():
        """Lie.

        >>> 1 + 1
        3
        """

    (test,) = examples([("liar", liar)]).values()
    assert failures(test)[0] == 1


def page(name):
    if not (ROOT / "docs").exists():
        pytest.skip("the tests were copied away from the checkout: the documentation is not here")
    return (ROOT / name).read_text(encoding="utf-8")


def test_every_public_name_is_in_the_reference():
    rooms = re.findall(r"^   (api/\w+)$", page("docs/api.rst"), re.MULTILINE)
    text = "".join(page(f"docs/{room}.rst") for room in rooms)
    listed = re.findall(r"^\.\. auto(?:class|function|exception):: (\w+)$", text, re.MULTILINE)
    assert sorted(listed) == sorted(set(fe.__all__) - {"__version__"})
