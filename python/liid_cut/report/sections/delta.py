"""Cuts by delta: a slider, charts, and all figures in a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from liid_cut.report.charts import Line, line_chart, table
from liid_cut.report.html import Html, number, percent, tag
from liid_cut.report.inputs import ReportData
from liid_cut.report.sections.parts import STATUS_NAMES, gap_text, section


def delta_section(data: ReportData) -> Html:
    """A slider over precomputed cuts, with charts and all their figures."""
    evidence = _evidence(data)
    if not data.steps:
        intro = "Delta weighs edges against probabilities. It was chosen without true labels."
        return section("delta", "Delta", evidence, intro=intro) if evidence else Html("")
    xs = [f"{step.delta:g}" for step in data.steps]
    charts = []
    if data.before is not None:
        changed = [int((step.labels != data.before).sum()) for step in data.steps]
        charts.append(
            line_chart(
                "Labels changed, by delta", xs, [Line("changed", changed, "c1")], _whole, whole=True
            )
        )
    accuracies = [data.accuracy(step.labels) for step in data.steps]
    if any(a is not None for a in accuracies):
        lines = [Line("accuracy", accuracies, "c2")]
        base = None if data.before is None else data.accuracy(data.before)
        if base is not None:
            lines.append(Line("before the cut", [base] * len(xs), "c0", dashed=True))
        charts.append(
            line_chart(
                "Accuracy, by delta (dashed: before the cut)",
                xs,
                lines,
                _shares([*accuracies, base]),
            )
        )
    used = [len(np.unique(step.labels)) for step in data.steps]
    charts.append(
        line_chart("Labels in use, by delta", xs, [Line("labels", used, "c3")], _whole, whole=True)
    )
    rows: list[list[Any]] = []
    for i, step in enumerate(data.steps):
        row = [
            xs[i],
            number(step.cost),
            number(step.lower_bound),
            gap_text(step.cost - step.lower_bound, step.cost),
            STATUS_NAMES.get(step.status, step.status),
            number(used[i]),
        ]
        if data.before is not None:
            row.append(number(changed[i]))
        if accuracies[i] is not None:
            row.append(percent(float(accuracies[i] or 0)))
        rows.append(row)
    head = ["Delta", "#Cost", "#Bound", "#Gap", "Status", "#Labels in use"]
    head += ["#Changed"] if data.before is not None else []
    head += ["#Accuracy"] if accuracies[0] is not None else []
    slider = tag(
        "div",
        tag("label", "Delta", for_="delta-input"),
        tag("input", type="range", id="delta-input", min="0", max=len(xs) - 1, step="1", value="0"),
        tag("button", "This result", type="button", id="delta-reset"),
        tag("output", "", id="delta-value", for_="delta-input", aria_live="polite"),
        class_="slider needs-script",
    )
    return section(
        "delta",
        "Delta",
        slider,
        tag(
            "div", [tag("div", c, class_="card") for c in charts], evidence, class_="columns three"
        ),
        tag(
            "details",
            tag("summary", "All cuts as a table"),
            tag("div", table("Cuts by delta", head, rows), class_="card"),
        ),
        intro="Delta weighs edges against probabilities. The slider puts the labels of another cut "
        "on this page's images and changes.",
    )


def _evidence(data: ReportData) -> Html:
    """How ``delta="auto"`` chose: the accuracy that it expects of each delta that it tried."""
    found = data.result.diagnostics.get("delta")
    curve = found.get("curve") if isinstance(found, dict) else None
    if not curve:
        return Html("")
    points = sorted((float(p["delta"]), float(p["expected_accuracy"])) for p in curve)
    chart = line_chart(
        f"Expected accuracy, by delta; {number(data.result.delta, 3)} was chosen",
        [f"{delta:.3g}" for delta, _ in points],
        [Line("expected accuracy", [value for _, value in points], "c1")],
        _shares([value for _, value in points]),
        follow=False,
    )
    return tag("div", chart, class_="card")


def _shares(values: Sequence[float | None]) -> Callable[[float], str]:
    """How shares are written on an axis: with as many decimals as tell ``values`` apart."""
    known = [value for value in values if value is not None]
    decimals = 1 if max(known) - min(known) > 0.01 else 2
    return lambda share: f"{share:.{decimals}%}"


def _whole(value: float) -> str:
    return f"{value:,.0f}"
