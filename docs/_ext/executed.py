"""Run code while the pages are read: `run` shows code, output and figures, `value` puts a number into a sentence.

All code of a page shares one namespace, in the order of the page.
"""

from __future__ import annotations

import contextlib
import io
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


class Run(SphinxDirective):
    """``.. run::`` with ``:hide:`` (code not shown), ``:caption:`` and ``:alt:`` for its figures."""

    has_content = True
    option_spec = {  # noqa: RUF012 (docutils reads it from the class)
        "hide": directives.flag,
        "caption": directives.unchanged,
        "alt": directives.unchanged,
    }

    def run(self):
        code = "\n".join(self.content)
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
