"""Run code while the pages are read: `run` shows code, output and figures, `value` puts a number into a sentence.

All code of a page shares one namespace, in the order of the page. Not myst-nb, which does the same: it needs a kernel
and some fifty packages more, and a warning in a cell does not stop it; nor sphinx-gallery: no numbers in sentences.

While you write, ``FASTEBM_DOCS_CACHE=folder sphinx-build ...`` keeps what was computed: a page is computed again from
the first block that changed, the modules of docs/_code that it names included. Of changes in the package it knows
nothing: remove the folder.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import io
import os
import pickle
import re
import shutil
import warnings
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import japanese
import matplotlib.pyplot as plt
from docutils import nodes
from docutils.parsers.rst import directives
from docutils.utils import unescape
from sphinx.util.docutils import SphinxDirective, SphinxRole

PIXELS_PER_INCH = 96

# Spaces within a line: a table, which scrolls on a phone where other lines are wrapped.
COLUMNS = re.compile(r"\S {2,}\S")
WARNING = re.compile(r" *(?:warning|error) \w+: ")
CODE = Path(__file__).resolve().parent.parent / "_code"


class Page:
    """The namespace of a page, and what of it was computed before."""

    def __init__(self, docname):
        self.space = {"__name__": "__page__"}
        words = Path(japanese.__file__).read_bytes() if docname.startswith("ja/") else b""
        self.key = hashlib.sha256(words)
        self.waiting = []

    def result(self, text, compute):
        """What compute() returns, which may have been kept; text is what it depends on, next to all before it."""
        self.key.update(text.encode() + b"\0")
        for path in sorted(CODE.glob("*.py")):
            if path.stem in text:
                self.key.update(path.read_bytes())
        folder = os.environ.get("FASTEBM_DOCS_CACHE")
        if not folder:
            return compute()
        kept = Path(folder, self.key.hexdigest())
        if kept.exists():
            self.waiting.append(compute)
            return pickle.loads(kept.read_bytes())
        for earlier in self.waiting:
            earlier()
        self.waiting.clear()
        value = compute()
        kept.parent.mkdir(parents=True, exist_ok=True)
        kept.write_bytes(pickle.dumps(value))
        return value


_pages: dict[str, Page] = {}


def _page(env) -> Page:
    return _pages.setdefault(env.docname, Page(env.docname))


def _unfilled(printed: str) -> str:
    """A printed warning as one line, which the page wraps where it ends."""
    lines = []
    for line in printed.splitlines():
        if lines and WARNING.match(lines[-1]) and line.startswith("  ") and not WARNING.match(line):
            lines[-1] += " " + line.strip()
        else:
            lines.append(line)
    return "\n".join(lines)


def _here(name: str) -> bool:
    name = name.strip()
    if name == "cc":
        return any(shutil.which(compiler) for compiler in ("cc", "gcc", "clang"))
    return importlib.util.find_spec(name) is not None


class Run(SphinxDirective):
    """``.. run::`` with ``:hide:`` (code not shown), ``:caption:`` and ``:alt:`` for its figures.

    ``:needs: numba, cc``: where one of these modules, or a C compiler, is missing, the page says so instead.
    """

    has_content = True
    option_spec = {  # noqa: RUF012 (docutils reads it from the class)
        "hide": directives.flag,
        "caption": directives.unchanged,
        "alt": directives.unchanged,
        "needs": directives.unchanged,
    }

    def run(self):
        code = "\n".join(self.content)
        if missing := [name for name in self.options.get("needs", "").split(",") if name and not _here(name)]:
            said = f"Not run where this page was built: {', '.join(m.strip() for m in missing)} is missing."
            note = nodes.note("", nodes.paragraph(said, said))
            return (
                [note]
                if "hide" in self.options
                else [nodes.literal_block(code, code, language="python"), note]
            )
        printed, figures = _page(self.env).result(f"{self.env.docname}: {code}", lambda: self.compute(code))
        out = []
        if "hide" not in self.options:
            out.append(nodes.literal_block(code, code, language="python"))
        if printed:
            printed = _unfilled(printed)
            columns = len(COLUMNS.findall(printed)) > 3
            out.append(nodes.literal_block(printed, printed, language="text", classes=["columns"] * columns))
        return out + [self.figure(*figure) for figure in figures]

    def compute(self, code):
        """What the code prints, and its figures: (PNG, width in inches)."""
        source, line = self.get_source_info()
        plt.close("all")
        printed = io.StringIO()
        with warnings.catch_warnings(), contextlib.redirect_stdout(printed):
            warnings.simplefilter("error")
            # Pages show what goes wrong, and print what is said of it.
            warnings.filterwarnings("ignore", category=UserWarning, module=".*", message="error ")
            # Blank lines in front make the numbers of a traceback those of the page.
            exec(compile("\n" * line + code, source, "exec"), _page(self.env).space)
        return printed.getvalue().rstrip(), [self.drawn(plt.figure(number)) for number in plt.get_fignums()]

    def drawn(self, sheet):
        if self.env.docname.startswith("ja/"):
            japanese.translate(sheet)
        png = io.BytesIO()
        sheet.savefig(png, dpi=2 * PIXELS_PER_INCH, facecolor="white")
        plt.close(sheet)
        return png.getvalue(), sheet.get_figwidth()

    def figure(self, png, width):
        serial = self.env.new_serialno("run-figure")
        name = f"{self.env.docname.replace('/', '-')}-{serial + 1}.png"
        folder = Path(self.env.srcdir, "_build", "figures")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(png)
        caption = self.options.get("caption", "")
        image = nodes.image(
            uri=f"/_build/figures/{name}",
            alt=self.options.get("alt") or caption,
            width=f"{width * PIXELS_PER_INCH:.0f}px",
        )
        box = nodes.figure("", image)
        if caption:
            children, messages = self.parse_inline(caption)
            box += nodes.caption(caption, "", *children)
            box += messages
        return box


class Value(SphinxRole):
    """``:value:`expression:format```, as inside the braces of an f-string."""

    def run(self):
        page, code = _page(self.env), f"f'''{{{unescape(self.text)}}}'''"
        return [nodes.Text(page.result(code, lambda: eval(code, page.space)))], []


def _forget(app, env, docname):
    _pages.pop(docname, None)


def setup(app):
    app.add_directive("run", Run)
    app.add_role("value", Value())
    app.connect("env-purge-doc", _forget)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
