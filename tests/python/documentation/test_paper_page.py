"""The page that maps the paper to the code is complete, and what it names exists."""

from __future__ import annotations

import argparse
import importlib.util
import re
import shlex
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import liid_cut.cli

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/reference/paper.md").read_text(encoding="utf-8")
TOKENS = re.findall(r"`([^`\n]+)`", PAGE)
SECTIONS = (
    *("1", "2", "3", "4", "4.1", "4.2", "4.2.1", "4.2.2", "4.2.3", "5", "5.1", "5.2", "5.3"),
    *("6", "6.1", "6.2", "6.3", "6.4", "6.5", "7"),
)


def rows_of(heading: str) -> list[str]:
    """First cells of the table under a heading."""
    part = PAGE.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return [line.split("|")[1].strip() for line in part.splitlines() if line.startswith("| ")][1:]


def test_every_section_equation_table_and_figure_has_a_row() -> None:
    named = [row.split()[0] for row in rows_of("Sections")]
    assert sorted(set(named)) == sorted(SECTIONS)
    assert rows_of("Equations") == [str(i) for i in range(1, 14)]
    assert rows_of("Tables") == [str(i) for i in range(1, 12)]
    assert rows_of("Figures") == [str(i) for i in range(1, 5)]


FILES = [t for t in TOKENS if re.match(r"(python|cpp|docs|benchmarks|examples|tests)/", t)]
NAMES = [t for t in TOKENS if re.fullmatch(r"liid_(cut|mil)(\.\w+)+", t)]
COMMANDS = [t for t in TOKENS if re.match(r"liid-cut |liid-mil |python -m ", t)]


def test_the_page_names_enough_to_be_checked() -> None:
    assert len(FILES) > 30
    assert len(NAMES) > 50
    assert len(COMMANDS) > 30


@pytest.mark.parametrize("path", sorted(set(FILES)))
def test_files_exist(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize("name", sorted(set(NAMES)))
def test_names_exist(name: str) -> None:
    if name.startswith("liid_mil"):
        pytest.importorskip("torch")
    parts = name.split(".")
    it: Any = import_module(parts[0])
    for i, part in enumerate(parts[1:], start=1):
        module = ".".join(parts[: i + 1])
        it = getattr(it, part) if hasattr(it, part) else import_module(module)


@pytest.mark.parametrize("command", sorted(set(COMMANDS)))
def test_commands_are_understood(command: str) -> None:
    program, *words = shlex.split(command)
    if program == "python":
        assert importlib.util.find_spec(words[1]) is not None
        return
    if program == "liid-mil":
        pytest.importorskip("torch")
        parser: argparse.ArgumentParser = import_module("liid_mil.cli")._parser()
    else:
        parser = liid_cut.cli._parser()
    parser.parse_args(words)  # SystemExit where an option does not exist
    if "--set" in words:
        from liid_mil.config import preset
        from liid_mil.config_files import changed

        changed(preset("paper"), [words[words.index("--set") + 1]])
