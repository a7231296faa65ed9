"""What the sections share: headings, labels, legends, names of stages and statuses."""

from __future__ import annotations

from typing import Any

from liid_cut.report.html import Html, number, tag, text
from liid_cut.report.inputs import ReportData
from liid_cut.verify import TOLERANCE

STAGE_NAMES = {
    "inspection": "inspection: every node on its own",
    "reduction": "exact reductions",
    "dual_ascent": "dual ascent",
    "linear_program": "linear program",
    "branch_and_bound": "branch and bound",
    "enumeration": "enumeration",
    "constraints": "constraints",
    "open": "not closed",
}
STATUS_NAMES = {
    "optimal": "proven optimal",
    "time_limit": "time limit",
    "interrupted": "interrupted",
    "size_limit": "size limit",
    "memory_limit": "out of memory",
}


def section(id_: str, title: str, *content: Any, intro: str = "") -> Html:
    """A section with a heading that the navigation leads to."""
    words = tag("p", intro, class_="intro") if intro else ""
    return tag(
        "section",
        tag("h2", title, id=f"{id_}-title"),
        words,
        *content,
        id=id_,
        aria_labelledby=f"{id_}-title",
    )


def label(data: ReportData, k: int) -> Html:
    """The name of a label beside its colour."""
    return tag(
        "span",
        tag("i", class_=f"dot k{hue(int(k))}", aria_hidden="true"),
        data.label_names[k],
        class_="label",
    )


def hue(k: int) -> int:
    """Colour of a label: 0 is the background's; the others take turns."""
    return 0 if k == 0 else 1 + (k - 1) % 10


def legend(*entries: tuple[str, str]) -> Html:
    """What the colours of bars mean: pairs of a class and words."""
    marks = [
        tag("li", tag("i", class_=f"key {name}", aria_hidden="true"), text(words))
        for name, words in entries
    ]
    return tag("ul", marks, class_="legend")


def gap_text(gap: float, cost: float) -> str:
    """The gap, 0 where it is within the tolerance of what counts as optimal."""
    return number(gap, 3) if gap > TOLERANCE * max(1.0, abs(cost)) else "0"


def signed(value: int) -> str:
    """A difference, with its sign."""
    return f"+{value:,}" if value > 0 else number(value)
