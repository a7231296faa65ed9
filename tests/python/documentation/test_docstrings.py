"""Entries of docstrings come out as names with paragraphs below; see docs/_ext/docstrings.py."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

pytest.importorskip("sphinx", reason="docs/_ext needs the extra docs")

_PATH = Path(__file__).parents[3] / "docs/_ext/docstrings.py"


def one_form(text: str) -> str:
    spec = importlib.util.spec_from_file_location("docstrings", _PATH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return "\n".join(module.one_form(text.splitlines()))


def test_a_parameter_s_sentence_moves_below_its_name() -> None:
    text = "Parameters\n----------\na, *b : (n,) floats : all\n    of them.\nc :\n    more.\n"
    expected = "Parameters\n----------\na, *b\n    (n,) floats : all\n    of them.\nc\n\n    more."
    assert one_form(text) == expected


def test_attributes_become_a_list_that_ends_the_section_before() -> None:
    text = "Parameters\n----------\na : b\n\nAttributes\n----------\nlabels_, x : (n,)\n"
    text += "\nNotes\n-----\nc : d"
    assert one_form(text).splitlines() == [
        *("Parameters", "----------", "a", "    b", "", "", "", ".. rubric:: Attributes", ""),
        *("``labels_, x``", "    (n,)", "", "Notes", "-----", "c : d"),
    ]


def test_other_text_stays() -> None:
    text = "What it does.\n\nNotes\n-----\nratio : a word, a colon, a sentence."
    assert one_form(text) == text
