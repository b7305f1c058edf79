"""Pages in two languages: a link between them, the language in the HTML, and no spaces where a Japanese line ends."""

from __future__ import annotations

import re

from docutils import nodes

LINK = '<p class="language"><a href="{href}" lang="{lang}" hreflang="{lang}">{name}</a></p>\n'
KANJI = "[\u3000-\u30ff\u4e00-\u9fff\uff00-\uffef]"
LINE_END = re.compile(f"(?<={KANJI})\n(?={KANJI})")


def _switch(app, pagename, templatename, context, doctree):
    japanese = pagename.startswith("ja/")
    context["language"] = "ja" if japanese else "en"
    other = pagename.removeprefix("ja/") if japanese else f"ja/{pagename}"
    if "body" in context and other in app.env.found_docs:
        lang, name = ("en", "English") if japanese else ("ja", "日本語")
        context["body"] = LINK.format(href=context["pathto"](other), lang=lang, name=name) + context["body"]


def _join_lines(app, doctree):
    if not app.env.docname.startswith("ja/"):
        return
    for text in list(doctree.findall(nodes.Text)):
        joined = LINE_END.sub("", text.astext())
        if joined != text.astext() and not isinstance(text.parent, nodes.FixedTextElement):
            text.parent.replace(text, nodes.Text(joined))


def setup(app):
    app.connect("html-page-context", _switch)
    app.connect("doctree-read", _join_lines)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
