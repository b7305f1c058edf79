"""Formulas as MathML, which browsers draw themselves: pages that read well without a network."""

from __future__ import annotations

import re

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml

# Browsers leave no space between log and x; TeX does, unless a bracket follows.
APPLIED = re.compile(r"<mo>&ApplyFunction;</mo>(?!\s*(?:<mrow>\s*)?<mo[^>]*>[(\[|])")


def mathml(node) -> str:
    return APPLIED.sub(r'\g<0><mspace width="0.17em"/>', tex2mathml(node.astext()))


def inline(self, node):
    self.body.append(mathml(node))
    raise nodes.SkipNode


def block(self, node):
    formula = mathml(node).replace("<math ", '<math display="block" ', 1)
    self.body.append(f'<div class="math">{formula}</div>')
    raise nodes.SkipNode


def setup(app):
    app.add_html_math_renderer("mathml", (inline, None), (block, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
