"""What a notebook shows: well-formed HTML that escapes, brings nothing along, and has no colours of the page."""

import base64
import subprocess
import sys
import zlib
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from cases import ENERGIES, SAMPLERS

import fastebm as fe
from fastebm._runtime import html

VOID = {"br", "rect", "polygon", "polyline", "image", "img"}


class Dom(HTMLParser):
    """Every tag is closed in its turn; the text, the tags and their attributes."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.words = [], [], []
        self.feed(text)
        assert not self.open, self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self):
        return " ".join(" ".join(self.words).split())


def shown(thing) -> Dom:
    text = thing._repr_html_()
    assert isinstance(text, str) and len(text) < 60_000, type(thing)
    dom = Dom(text)
    for tag, attributes in dom.tags:
        assert tag not in ("script", "style", "link", "iframe")
        for name, value in attributes.items():
            assert not name.startswith("on")
            assert "background" not in str(value) and "color:#" not in str(value).replace("border-color", "")
            if name in ("src", "href"):
                assert value.startswith("data:image/png;base64,")
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    return dom


X = np.random.default_rng(1).normal(size=(200, 1))
TRAINER = fe.ContrastiveDivergence(fe.WellMixture(), n_updates=10, n_chains=32)
RESULT = TRAINER.fit(X, seed=1)
RESULTS = {
    "run": lambda: fe.MALA(0.1).run(fe.DoubleWell(2), np.ones((20, 2)), 40, seed=1, thin=4),
    "sample": lambda: fe.sample(fe.DoubleWell(2), 50, seed=1, sampler=fe.MALA("auto"), max_steps=3000),
    "independent": lambda: fe.sample(fe.WellMixture(), 50, seed=1),
    "training": lambda: RESULT,
    "scores": lambda: fe.ScoreMatching(fe.WellMixture(), noise_std=0.3, n_updates=10).fit(X, seed=1),
    "sweep": lambda: fe.sweep(TRAINER, X, {"n_steps": [1, 2]}, seed=1),
    "diagnosis": lambda: fe.diagnose(RESULT, X),
    "wells": lambda: fe.fit_wells(X, 2, seed=1, recipe="em"),
    "tuning": lambda: fe.tune(fe.MALA("auto"), fe.DoubleWell(1), np.ones(64), seed=1),
    "check": lambda: fe.check_grad(fe.WellMixture(), X),
    "log Z": lambda: fe.log_partition(fe.DoubleWell(1)),
    "certificate": lambda: RESULT.certificate(X),
}


@pytest.mark.parametrize("case", ENERGIES, ids=lambda case: case.name)
def test_every_energy(case):
    energy = case.make()
    dom = shown(energy)
    assert type(energy).__name__ in dom.text and "features" in dom.text


@pytest.mark.parametrize("case", SAMPLERS, ids=lambda case: case.name)
def test_every_sampler(case):
    sampler = case.make(2)
    assert type(sampler).__name__ in shown(sampler).text


@pytest.mark.parametrize("name", RESULTS)
def test_every_result(name):
    thing = RESULTS[name]()
    before = repr(thing), str(thing)
    dom = shown(thing)
    assert len(dom.text) > 20 and "object at" not in dom.text
    assert (repr(thing), str(thing)) == before


def test_words_are_escaped():
    nasty = '<script>alert("1")</script> & more'
    found = fe.Diagnostic(nasty, 1.0, 0.5, nasty, nasty, "error")
    assert nasty in shown(found).text
    assert "<script" not in found._repr_html_()
    wells = fe.fit_wells(X, 1, seed=1, recipe="em", names=(nasty,))
    assert nasty in shown(wells).text
    assert html.text(nasty) == html.text(html.text(nasty)) != nasty
    # Negative control: the check would see it.
    with pytest.raises(AssertionError):
        shown(type("Raw", (html.Shown,), {"_html": lambda self: f"<div>{nasty}</div>"})())


def test_what_cannot_be_shown_is_left_to_its_text():
    class Broken(html.Shown):
        def _html(self):
            raise RuntimeError("half built")

    assert Broken()._repr_html_() is None
    assert fe.WellMixture.__new__(fe.WellMixture)._repr_html_() is None
    assert fe.MALA.__new__(fe.MALA)._repr_html_() is None
    # Functions of the user's are not called for a picture.
    called = []
    own = fe.PythonEnergy(lambda x: called.append(1) or (x**2).sum(axis=1), lambda x: 2 * x, 1)
    called.clear()
    assert "PythonEnergy" in shown(own).text and not called


def test_the_density_is_drawn():
    one = fe.WellMixture.from_mixture([0.5, 0.5], [-2.0, 2.0], [0.5, 0.5])
    (line,) = (a for tag, a in shown(one).tags if tag == "polyline")
    points = np.array([p.split(",") for p in line["points"].split()], dtype=float)
    x = np.linspace(-4, 4, len(points))
    p = np.exp(one.log_prob(x))
    np.testing.assert_allclose(points[:, 1], html.HEIGHT * (1 - 0.94 * p / p.max()), atol=0.06)
    two = fe.Gaussian([1.0, 2.0], [[1.0, 0.0], [0.0, 4.0]])
    (image,) = (a for tag, a in shown(two).tags if tag == "image")
    data = base64.b64decode(image["href"].split(",")[1])
    rows = zlib.decompress(data[data.index(b"IDAT") + 4 : data.index(b"IEND") - 8])
    alpha = np.frombuffer(rows, np.uint8).reshape(64, 257)[::-1, 1:].reshape(64, 64, 4)[..., 3]
    at = np.stack(np.meshgrid(np.linspace(-3, 5, 64), np.linspace(-6, 10, 64)), axis=-1).reshape(-1, 2)
    p = np.exp(two.log_prob(at)).reshape(64, 64)
    np.testing.assert_allclose(alpha, 255 * p / p.max(), atol=0.51)


def test_warnings_come_first_and_what_was_not_checked_is_said():
    found = [fe.Diagnostic("ess", 12.0, 400.0, "few samples", "run on", "warning")]
    text = html.verdict(found, ["modes: not known"])
    dom = Dom(text)
    assert "ess" in dom.text and "12 (limit 400)" in dom.text and "Not checked: modes: not known" in dom.text
    assert "No warning" in Dom(html.verdict([])).text and "No warning" not in dom.text


def test_it_costs_nothing_until_it_is_shown():
    code = "import fastebm, sys; sys.exit('html.entities' in sys.modules and 'base64' in sys.modules)"
    root = Path(fe.__file__).parents[1]
    assert subprocess.run([sys.executable, "-c", code], cwd=root, timeout=120).returncode == 0
