"""Directive ``command-reference``: a program's commands and options, read from its argparse parser.

Input: ``module:function`` that returns the parser. Output: a section for each command with its
description, usage, options and examples. The texts are shown as the program prints them: they are
plain text, and no markup in them is interpreted.
"""

from __future__ import annotations

import argparse
import os
from importlib import import_module
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

_WIDTH = "88"


class CommandReference(SphinxDirective):
    """The whole program, a section for each command."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Sections of the program and of its commands."""
        module, name = self.arguments[0].split(":")
        os.environ["COLUMNS"] = _WIDTH  # argparse wraps by it
        parser = getattr(import_module(module), name)()
        sections = [_section(parser)]
        for action in parser._actions:
            if isinstance(action, argparse._SubParsersAction):
                sections += [_section(command) for command in action.choices.values()]
        return sections


def _section(parser: argparse.ArgumentParser) -> nodes.section:
    name = parser.prog
    section = nodes.section(ids=[nodes.make_id(name)], names=[name])
    section += nodes.title("", "", nodes.literal("", name))
    section += _text(parser.description)
    section += _literal(parser.format_usage().removeprefix("usage: "))
    for group in parser._action_groups:
        if group._group_actions:
            title = (group.title or "").capitalize()
            section += nodes.paragraph("", "", nodes.strong("", title))
            section += _options(parser, group._group_actions)
    section += _text(parser.epilog)
    return section


def _options(parser: argparse.ArgumentParser, actions: list[Any]) -> nodes.definition_list:
    formatter = parser._get_formatter()
    items = nodes.definition_list()
    for action in actions:
        if isinstance(action, argparse._SubParsersAction):
            for command in action._choices_actions:
                items += _item(command.dest, command.help or "")
        elif action.help != argparse.SUPPRESS:
            text = formatter._expand_help(action) if action.help else _choices(action)
            items += _item(formatter._format_action_invocation(action), text)
    return items


def _choices(action: argparse.Action) -> str:
    return f"one of {', '.join(map(str, action.choices))}" if action.choices else ""


def _item(term: str, text: str) -> nodes.definition_list_item:
    return nodes.definition_list_item(
        "",
        nodes.term("", "", nodes.literal("", term)),
        nodes.definition("", nodes.paragraph("", " ".join(text.split()))),
    )


def _text(text: str | None) -> list[nodes.Node]:
    """Paragraphs; one in which a line is indented stays as it is."""
    out: list[nodes.Node] = []
    for block in (text or "").strip("\n").split("\n\n"):
        lines = block.splitlines()
        if any(line.startswith(" ") for line in lines):
            out.append(_literal(block))
        elif lines:
            out.append(nodes.paragraph("", " ".join(lines)))
    return out


def _literal(text: str) -> nodes.literal_block:
    return nodes.literal_block(text, text.strip("\n"), language="text")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the directive."""
    app.add_directive("command-reference", CommandReference)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
