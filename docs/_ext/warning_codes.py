"""``.. warning-codes::``: every code of a warning with its meaning and its cure, from fastebm.diagnostics.codes."""

from __future__ import annotations

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from fastebm.diagnostics.codes import CODES


class WarningCodes(SphinxDirective):
    def run(self):
        out = []
        for about in dict.fromkeys(entry.about for entry in CODES.values()):
            section = nodes.section(ids=[nodes.make_id(about)], names=[about.lower()])
            section += nodes.title(about, about)
            entries = nodes.definition_list()
            for code, entry in CODES.items():
                if entry.about != about:
                    continue
                # The anchor is the code as it is printed, so that a link can be made of it.
                term = nodes.term("", "", nodes.literal(code, code), ids=[code])
                cure = nodes.paragraph("", "", nodes.strong("", "Cure: "), nodes.Text(entry.cure))
                said = nodes.definition("", nodes.paragraph("", entry.meaning), cure)
                entries += nodes.definition_list_item("", term, said)
            section += entries
            self.state.document.note_implicit_target(section)
            out.append(section)
        return out


def setup(app):
    app.add_directive("warning-codes", WarningCodes)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
