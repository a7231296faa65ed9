"""The data card: how exported labels were made, for people (``README.md``) and as JSON.

Input: what the stages said of themselves (settings, versions, hashes of their files, the
certificate of the cut) and what the writer counted. No dates: the same labels, the same card.
"""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from liid_cut import __version__
from liid_mil.export.tally import Tally

FORMAT = "liid_mil data card 1"
JSON_FILE = "data_card.json"
TEXT_FILE = "README.md"
_PACKAGES = ("numpy", "pycocotools", "torch")
_CUT_FACTS = ("status", "cost", "lower_bound", "gap")


@dataclass(frozen=True)
class DataCard:
    """What is known of labels before they are written.

    Attributes
    ----------
    source : where they come from, in a sentence.
    export : settings of the assignment and of the writer.
    cut : the cut's ``status``, ``cost``, ``lower_bound``, ``gap``, ``settings`` and ``warnings``;
        None where labels are not those of a cut.
    run : settings of the stages before, as ``run.json`` has them.
    inputs : SHA-256 of each file that was read.
    warnings : sentences.
    """

    source: str
    export: Mapping[str, Any]
    cut: Mapping[str, Any] | None = None
    run: Mapping[str, Any] | None = None
    inputs: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()

    def write(self, folder: Path, tally: Tally) -> None:
        """Write both files of the card into ``folder``."""
        facts = self.facts(tally)
        text = json.dumps(facts, indent=1, ensure_ascii=False, allow_nan=False)
        (folder / JSON_FILE).write_text(f"{text}\n", encoding="utf-8")
        (folder / TEXT_FILE).write_text(_markdown(facts), encoding="utf-8")

    def facts(self, tally: Tally) -> dict[str, Any]:
        """The card as what JSON holds."""
        counts = dict(zip(tally.class_names, tally.n_by_class.tolist(), strict=True))
        return {
            "format": FORMAT,
            "versions": {
                "liid-cut": __version__,
                "python": platform.python_version(),
                **_versions(),
            },
            **asdict(self),
            "warnings": [*self._cut_warnings(), *self.warnings, *_count_warnings(tally)],
            "counts": {
                "images": tally.n_images,
                "images_without_objects": tally.n_empty,
                "objects": tally.n_objects,
                "objects_hidden": tally.n_hidden,
                "objects_without_mask": tally.n_without_mask,
                "by_class": counts,
                "score_range": tally.score_range,
            },
        }

    def _cut_warnings(self) -> list[str]:
        if self.cut is None:
            return []
        found = list(self.cut.get("warnings", []))
        if self.cut.get("status") != "optimal":
            found.append(
                f"The cut is not proven optimal: status {self.cut.get('status')}, "
                f"gap {self.cut.get('gap')}."
            )
        return found


def file_hash(path: str | Path) -> str:
    """SHA-256 of a file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _versions() -> dict[str, str]:
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _count_warnings(tally: Tally) -> list[str]:
    found = []
    unseen = [name for name, n in zip(tally.class_names, tally.n_by_class, strict=True) if n == 0]
    if unseen:
        found.append(f"No object of {', '.join(unseen)}.")
    if tally.n_empty > 0:
        found.append(
            f"{tally.n_empty} of {tally.n_images} images have no object: networks take all of "
            "them for background."
        )
    if tally.n_hidden > 0:
        found.append(f"{tally.n_hidden} objects are covered by surer ones and left no pixel.")
    return found


def _markdown(facts: Mapping[str, Any]) -> str:
    counts = facts["counts"]
    lines = [
        "# Pseudo ground truth",
        "",
        f"{facts['source']} These are labels that a program made, not annotations.",
        "",
        f"- images: {counts['images']:,}, of these without an object: "
        f"{counts['images_without_objects']:,}",
        f"- objects: {counts['objects']:,}",
    ]
    if counts["score_range"] is not None:
        low, high = counts["score_range"]
        lines.append(f"- scores: {low:.6g} to {high:.6g}, higher is surer")
    lines += ["", "| class | objects |", "|---|---:|"]
    lines += [f"| {_cell(name)} | {n:,} |" for name, n in counts["by_class"].items()]
    lines += ["", "## Warnings", ""]
    lines += [f"- {sentence}" for sentence in facts["warnings"]] or ["None."]
    if facts["cut"] is not None:
        lines += ["", "## Certificate of the cut", ""]
        lines += [f"- {name}: {facts['cut'].get(name)}" for name in _CUT_FACTS]
    for title, key in (("Export", "export"), ("Versions", "versions"), ("SHA-256", "inputs")):
        lines += ["", f"## {title}", ""]
        lines += [f"- {name}: `{value}`" for name, value in facts[key].items()] or ["None."]
    lines += ["", f"All settings are in `{JSON_FILE}`.", ""]
    return "\n".join(lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
