"""``.. commands::``: a section for every command of the command line, made of its parser."""

from __future__ import annotations

import argparse

from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from fastebm.cli.commands import _parser
from fastebm.cli.completion import commands
from fastebm.cli.help import EXAMPLES, MORE_STATUS, STATUS


def _code(text: str, language: str) -> nodes.literal_block:
    return nodes.literal_block(text, text, language=language)


class Commands(SphinxDirective):
    def run(self):
        parser = _parser()
        (choice,) = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
        return [self.section(name, choice.choices[name]) for name in commands(parser)]

    def section(self, name, command):
        section = nodes.section(ids=[f"fastebm-{name}"], names=[f"fastebm {name}"])
        section += nodes.title(name, f"fastebm {name}")
        section += nodes.paragraph("", command.description)
        # 80 columns, whatever the terminal of the build.
        command.formatter_class = lambda prog: argparse.HelpFormatter(prog, width=80)
        usage = _code(command.format_usage().removeprefix("usage: ").rstrip(), "text")
        usage["classes"].append("columns")
        section += usage
        if name in EXAMPLES:
            section += _code("\n".join(EXAMPLES[name]), "sh")
        for group in command._action_groups:
            if not group._group_actions:
                continue
            if group.title not in ("positional arguments", "options"):
                section += nodes.paragraph("", group.title[0].upper() + group.title[1:] + ":")
            section += self.listed(name, group._group_actions)
        status = sorted((STATUS | MORE_STATUS.get(name, {})).items())
        section += nodes.paragraph(
            "", "Exit status: " + "; ".join(f"{n}: {said}" for n, said in status) + "."
        )
        self.state.document.note_implicit_target(section)
        return section

    def listed(self, name, actions):
        entries = nodes.definition_list()
        for action in actions:
            if action.option_strings == ["-h", "--help"]:
                continue
            value = action.metavar or (
                "{" + ",".join(action.choices) + "}" if action.choices else action.dest
            )
            words = ", ".join(action.option_strings) or value
            if action.option_strings and action.nargs != 0:
                words += f" {value}"
            target = f"{name}-{(action.option_strings or [action.dest])[-1].lstrip('-')}"
            term = nodes.term("", "", nodes.literal(words, words), ids=[target])
            said = (action.help or "a file of fastebm fit --out, or of fastebm.save") % vars(action)
            said = said[0].upper() + said[1:] + ("" if said[-1] in ".?)" else ".")
            entries += nodes.definition_list_item("", term, nodes.definition("", nodes.paragraph("", said)))
        return entries


def setup(app):
    app.add_directive("commands", Commands)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
