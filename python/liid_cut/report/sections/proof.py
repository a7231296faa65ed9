"""What is proven, by which stage, of which components, in what time; and how it was made."""

from __future__ import annotations

from typing import Any

import numpy as np

from liid_cut.report.charts import bar, table
from liid_cut.report.html import Html, number, seconds, tag
from liid_cut.report.inputs import ReportData
from liid_cut.report.sections.parts import STAGE_NAMES, gap_text, legend, section
from liid_cut.statistics import by_stage, size_classes

_TIMING_NAMES = {
    "graph": "neighbour search and graph",
    "components": "components",
    "inspection": "inspection, reductions and bounds",
    "cuts": "searches of what was left open",
}
_LARGEST_SHOWN = 10
# What results say of their solve, beside what the command line stores.
_SETTINGS = ("delta", "terminal_weights", "temperature", "edge_weights", "symmetrize")


def proof_section(data: ReportData) -> Html:
    """Bound and gap by stage, component sizes, the largest components, timings."""
    result = data.result
    most = max(sum(row.cost for row in by_stage(result.components)), 1e-300)
    rows: list[list[Any]] = [
        [
            STAGE_NAMES.get(s.stage, s.stage),
            number(s.n_components),
            number(s.n_nodes),
            number(s.cost),
            number(s.lower_bound),
            gap_text(s.gap, s.cost),
            bar((s.lower_bound / most, "after"), (s.gap / most, "gap")),
        ]
        for s in by_stage(result.components)
    ]
    head = ["Closed by", "#Components", "#Nodes", "#Cost", "#Bound", "#Gap", ""]
    stages = tag(
        "div",
        table("Bound and gap by the stage that closed the component", head, rows),
        legend(("after", "proven"), ("gap", "gap")),
        class_="card wide",
    )

    classes = size_classes(result.components)
    most_nodes = max((c.n_nodes for c in classes), default=1)
    sizes = table(
        "Component sizes",
        ["Size (nodes)", "#Components", "#Nodes", ""],
        [
            [
                c.name,
                number(c.n_components),
                number(c.n_nodes),
                bar((c.n_nodes / most_nodes, "after")),
            ]
            for c in classes
        ],
    )
    parts = [
        stages,
        tag("div", sizes, legend(("after", "nodes")), class_="card"),
        _largest_ones(data),
    ]
    timings = {k: v for k, v in result.timings.items() if k != "total"}
    if timings:
        longest = max(*timings.values(), 1e-12)
        rows = [
            [_TIMING_NAMES.get(name, name), seconds(v), bar((v / longest, "after"))]
            for name, v in timings.items()
        ]
        parts.append(
            tag("div", table("Wall-clock time", ["Stage", "#Time", ""], rows), class_="card")
        )
    return section(
        "proof",
        "Proof",
        tag("div", parts, class_="columns"),
        intro="Components are independent problems. Each stage takes what the ones before it left "
        "open; where the lower bound meets the cost, a component's labelling is proven cheapest.",
    )


def _largest_ones(data: ReportData) -> Html:
    components = data.result.components
    order = np.argsort(-components["size"], kind="stable")[:_LARGEST_SHOWN]
    rows = []
    for c in order:
        one = components[c]
        gap = float(one["cost"] - one["lower_bound"])
        rows.append(
            [
                str(c),
                number(int(one["size"])),
                number(int(one["edges"])),
                number(float(one["cost"])),
                number(gap, 3) if one["status"] != "optimal" else "0",
                STAGE_NAMES.get(str(one["stage"]), str(one["stage"])),
            ]
        )
    head = ["Component", "#Nodes", "#Edges", "#Cost", "#Gap", "Closed by"]
    return tag("div", table("Largest components", head, rows), class_="card")


def about_section(data: ReportData, notes: list[str]) -> Html:
    """How the result was made, and what the page leaves out."""
    result = data.result
    rows = [
        ["Method", str(result.get("method", "unknown"))],
        ["Preset", str(result.get("preset", "unknown"))],
    ]
    settings = {name: result[name] for name in _SETTINGS if name in result}
    settings |= result.get("settings", {})
    rows += [[f"Setting {name}", _plain(value)] for name, value in settings.items()]
    search = result.diagnostics.get("neighbors")
    if isinstance(search, dict):
        rows += [
            [f"Neighbours: {name.replace('_', ' ')}", _plain(search[name])]
            for name in ("method", "reason", "recall")
            if search.get(name) is not None
        ]
    if result.get("version"):
        rows.append(["liid-cut version", str(result["version"])])
    left_out = tag("ul", [tag("li", note) for note in notes], class_="notes") if notes else ""
    return section(
        "about",
        "About this result",
        tag("div", table("Settings", ["Name", "Value"], rows), class_="card"),
        left_out,
    )


def _plain(value: Any) -> str:
    return number(value) if isinstance(value, float) else str(value)
