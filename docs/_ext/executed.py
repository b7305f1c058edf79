"""Run code while the pages are read: `run` shows code, output and figures, `value` puts a number into a sentence.

All code of a page shares one namespace, in the order of the page.
"""

from __future__ import annotations

import contextlib
import importlib.util
import io
import shutil
import warnings
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from docutils import nodes
from docutils.parsers.rst import directives
from docutils.utils import unescape
from sphinx.util.docutils import SphinxDirective, SphinxRole

PIXELS_PER_INCH = 96

_spaces: dict[str, dict] = {}


def _space(env) -> dict:
    return _spaces.setdefault(env.docname, {"__name__": "__page__"})


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
        source, line = self.get_source_info()
        plt.close("all")
        printed = io.StringIO()
        with warnings.catch_warnings(), contextlib.redirect_stdout(printed):
            warnings.simplefilter("error")
            # Pages show what goes wrong, and print what is said of it.
            warnings.filterwarnings("ignore", category=UserWarning, module=".*", message="error ")
            # Blank lines in front make the numbers of a traceback those of the page.
            exec(compile("\n" * line + code, source, "exec"), _space(self.env))
        out = []
        if "hide" not in self.options:
            out.append(nodes.literal_block(code, code, language="python"))
        if printed.getvalue():
            text = printed.getvalue().rstrip()
            out.append(nodes.literal_block(text, text, language="text"))
        return out + [self.figure(plt.figure(number)) for number in plt.get_fignums()]

    def figure(self, sheet):
        serial = self.env.new_serialno("run-figure")
        name = f"{self.env.docname.replace('/', '-')}-{serial + 1}.png"
        folder = Path(self.env.srcdir, "_build", "figures")
        folder.mkdir(parents=True, exist_ok=True)
        sheet.savefig(folder / name, dpi=2 * PIXELS_PER_INCH, facecolor="white")
        plt.close(sheet)
        caption = self.options.get("caption", "")
        image = nodes.image(
            uri=f"/_build/figures/{name}",
            alt=self.options.get("alt") or caption,
            width=f"{sheet.get_figwidth() * PIXELS_PER_INCH:.0f}px",
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
        text = eval(f"f'''{{{unescape(self.text)}}}'''", _space(self.env))
        return [nodes.Text(text)], []


def _forget(app, env, docname):
    _spaces.pop(docname, None)


def setup(app):
    app.add_directive("run", Run)
    app.add_role("value", Value())
    app.connect("env-purge-doc", _forget)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
