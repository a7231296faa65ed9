"""Our docstrings as Napoleon reads them: ``name : what it is`` becomes a name with a paragraph.

NumPy's form has a type behind the colon and sentences below it. Ours go on behind the colon (shape,
type and meaning in one sentence), which Napoleon would set as a broken type. Attributes become a
plain list: several of them often share an entry.
"""

from __future__ import annotations

import re
from typing import Any

from sphinx.application import Sphinx

_SECTIONS = {"Parameters", "Returns", "Yields", "Raises", "Warns"}
_ENTRY = re.compile(r"(?P<names>\*{0,2}[\w.]+(?:, \*{0,2}[\w.]+)*) :(?: (?P<text>.*))?")


def one_form(lines: list[str]) -> list[str]:
    """Lines of a docstring with every entry's text below its name."""
    out: list[str] = []
    section = ""
    for i, line in enumerate(lines):
        below = lines[i + 1] if i + 1 < len(lines) else ""
        if line and re.fullmatch(r"-{3,}", below):
            section = line
        entry = _ENTRY.fullmatch(line)
        if section == "Attributes" and line == section:
            out += ["", "", ".. rubric:: Attributes", ""]  # two blank lines end Napoleon's section
        elif section == "Attributes" and re.fullmatch(r"-{3,}", line):
            continue
        elif section == "Attributes" and entry:
            out += [f"``{entry['names']}``", f"    {entry['text'] or ''}".rstrip()]
        elif section in _SECTIONS and entry:
            out += [entry["names"], f"    {entry['text'] or ''}".rstrip()]
        else:
            out.append(line)
    return out


def _process(*arguments: Any) -> None:
    lines: list[str] = arguments[-1]
    lines[:] = one_form(lines)


def setup(app: Sphinx) -> dict[str, Any]:
    """Run before Napoleon."""
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-process-docstring", _process, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
