"""A link between a page and the same page in the other language, and the language of a page in its HTML."""

from __future__ import annotations

LINK = '<p class="language"><a href="{href}" lang="{lang}" hreflang="{lang}">{name}</a></p>\n'


def _switch(app, pagename, templatename, context, doctree):
    japanese = pagename.startswith("ja/")
    context["language"] = "ja" if japanese else "en"
    other = pagename.removeprefix("ja/") if japanese else f"ja/{pagename}"
    if "body" in context and other in app.env.found_docs:
        lang, name = ("en", "English") if japanese else ("ja", "日本語")
        context["body"] = LINK.format(href=context["pathto"](other), lang=lang, name=name) + context["body"]


def setup(app):
    app.connect("html-page-context", _switch)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
