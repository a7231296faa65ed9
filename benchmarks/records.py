"""Results as JSON files: what was measured, when, with which versions.

Every measuring command writes one with ``--json OUT``; `benchmarks.report` builds its page and the
figures from them alone.

    {"date": ..., "command": ..., "environment": {...}, "data": <what the command measured>}
"""

from __future__ import annotations

import datetime
import importlib.metadata
import json
import os
import platform
import sys
from pathlib import Path
from typing import Any

PACKAGES = (
    "liid-cut",
    "highspy",
    "PySCIPOpt",
    "pytoulbar2",
    "gco-wrapper",
    "numpy",
    "scipy",
)


def environment() -> dict[str, str]:
    """Versions and machine, for the reader of a saved result."""
    found = {
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}",
        "cores": str(os.cpu_count()),
    }
    for package in PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def command_line(module: str) -> str:
    """How this process was called, without ``--json OUT``."""
    words = sys.argv[1:]
    if "--json" in words:
        at = words.index("--json")
        words = words[:at] + words[at + 2 :]
    return " ".join(["python -m", module, *words])


def write(path: Path, command: str, data: Any) -> None:
    """Write ``data`` with date, command and environment."""
    record = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "command": command,
        "environment": environment(),
        "data": data,
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record, indent=1) + "\n")


def read(path: Path) -> dict[str, Any]:
    """Read what `write` wrote."""
    record: dict[str, Any] = json.loads(path.read_text())
    return record


def markdown_table(rows: list[tuple[str, ...]]) -> str:
    """Rows of cells, the first one the header, as an aligned Markdown table."""
    width = [max(len(row[c]) for row in rows) for c in range(len(rows[0]))]
    lines = [
        "| " + " | ".join(cell.ljust(w) for cell, w in zip(row, width, strict=True)) + " |"
        for row in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (w + 2) for w in width) + "|")
    return "\n".join(lines)
