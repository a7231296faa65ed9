"""The parts of the page that need no script: headline, warnings, charts and tables.

Input: the data of a report. Output: HTML, a function a section; an empty string where there is
nothing to say.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from liid_cut.report.charts import Line, bar, line_chart, table
from liid_cut.report.html import Html, number, percent, seconds, tag, text
from liid_cut.report.inputs import ReportData
from liid_cut.statistics import by_stage, confusion, size_classes
from liid_cut.verify import TOLERANCE

STAGE_NAMES = {
    "inspection": "inspection: every node on its own",
    "reduction": "exact reductions",
    "dual_ascent": "dual ascent",
    "linear_program": "linear program",
    "branch_and_bound": "branch and bound",
    "enumeration": "enumeration",
    "open": "not closed",
}
_TIMING_NAMES = {
    "graph": "neighbour search and graph",
    "components": "components",
    "inspection": "inspection, reductions and bounds",
    "cuts": "searches of what was left open",
}
_STATUS_NAMES = {
    "optimal": "proven optimal",
    "time_limit": "time limit",
    "interrupted": "interrupted",
    "size_limit": "size limit",
    "memory_limit": "out of memory",
}
_MOST_LABELS_IN_MATRIX = 24
_MOST_LABELS_IN_TABLE = 120
_MOST_CONFUSIONS = 30
_LARGEST_SHOWN = 10
_HEAT_STEPS = 6


def headline(data: ReportData) -> Html:
    """What was solved, how well, in words and in figures."""
    result = data.result
    share = result.gap / abs(result.cost) if result.cost else 0.0
    shown = _gap(result.gap, result.cost)
    if result.status == "optimal":
        words = "No labelling costs less: the lower bound proves it."
    elif share < 1:
        words = f"{result.message} No labelling is more than {percent(share)} cheaper."
    else:
        words = str(result.message)
    n_edges = len(result.edges)
    figures = [
        ("Cost", number(result.cost), f"lower bound {number(result.lower_bound)}"),
        ("Gap", shown, "the bound meets the cost" if shown == "0" else f"{share:.2g} of the cost"),
        ("Nodes", number(data.n), f"{number(n_edges)} edges, {len(data.label_names)} labels"),
        ("Components", number(result.n_components), f"largest of {_largest(data)} nodes"),
    ]
    if data.before is not None:
        n_changed = len(data.changed)
        note = f"{percent(n_changed / max(data.n, 1))} of the nodes"
        figures.insert(2, ("Changed labels", number(n_changed), note))
    after = data.accuracy(data.after)
    if after is not None:
        before = None if data.before is None else data.accuracy(data.before)
        note = (
            "of nodes with a known truth" if before is None else f"{percent(before)} before the cut"
        )
        figures.insert(2, ("Accuracy", percent(after), note))
    total = result.timings.get("total")
    if total is not None:
        figures.append(("Time", seconds(total), "wall clock"))
    figures += [(name, value, "") for name, value in data.facts.items()]
    cards = [
        tag("div", tag("dt", name), tag("dd", tag("b", value), tag("span", note)))
        for name, value, note in figures
    ]
    good = result.status == "optimal"
    badge = tag(
        "span",
        tag("span", "✓" if good else "!", aria_hidden="true", class_="mark"),
        _STATUS_NAMES.get(result.status, result.status),
        class_=f"badge {'good' if good else 'warn'}",
    )
    return tag(
        "section",
        tag("h1", data.title),
        tag("p", badge, " ", words, class_="lead"),
        tag("dl", cards, class_="figures"),
        id="summary",
        aria_label="Summary",
    )


def _gap(gap: float, cost: float) -> str:
    """The gap, 0 where it is within the tolerance of what counts as optimal."""
    return number(gap, 3) if gap > TOLERANCE * max(1.0, abs(cost)) else "0"


def _largest(data: ReportData) -> str:
    return number(int(data.result.components["size"].max(initial=0)))


def warnings_of(data: ReportData) -> list[str]:
    """Sentences on what may be wrong, and the setting that mends it."""
    result = data.result
    found = [str(warning) for warning in result.diagnostics.get("warnings", [])]
    if result.status == "time_limit":
        found.append("the time limit was reached: raise time_limit, or leave it out")
    elif result.status != "optimal":
        found.append(f"the labelling is not proven optimal: {result.message}")
    if not result.get("proofs_complete", True):
        found.append("some proofs were too large to keep: verify confirms a weaker bound")
    if data.before is not None and data.n:
        if len(result.edges) and not len(data.changed):
            found.append(
                "the cut changed no label: edges never outweigh probs; "
                "raise delta (the edge weights)"
            )
        lost = np.setdiff1d(data.before, data.after)
        if lost.size and not result.diagnostics.get("collapsed"):
            names = ", ".join(f"'{data.label_names[k]}'" for k in lost[:5])
            more = f" and {lost.size - 5} more" if lost.size > 5 else ""
            found.append(
                f"no node is left with label {names}{more}, though the classifier gave it to some; "
                "lower delta if that is not wanted"
            )
    if not data.adds_up:
        found.append(
            "probs and allowed do not give the cost of this result: they are not those of the "
            "solve, and the costs of single changes on this page are theirs"
        )
    return found


def warnings_section(data: ReportData) -> Html:
    """Every warning as a note."""
    found = warnings_of(data)
    if not found:
        return Html("")
    notes = [
        tag(
            "li",
            tag("span", "!", class_="mark", aria_hidden="true"),
            tag("span", tag("b", "Warning: "), warning[:1].upper() + warning[1:] + "."),
        )
        for warning in found
    ]
    return tag("ul", notes, class_="warnings", aria_label="Warnings")


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


def labels_section(data: ReportData) -> Html:
    """Class marginals before and after; with the truth also accuracy by class and confusion."""
    n_labels = len(data.label_names)
    after = np.bincount(data.after, minlength=n_labels)
    before = None if data.before is None else np.bincount(data.before, minlength=n_labels)
    most = max(
        int(after.max(initial=1)), int(before.max(initial=1)) if before is not None else 1, 1
    )
    order = np.arange(n_labels)
    note = ""
    if n_labels > _MOST_LABELS_IN_TABLE:
        order = np.sort(np.argsort(-after, kind="stable")[:_MOST_LABELS_IN_TABLE])
        note = f", the {_MOST_LABELS_IN_TABLE} most frequent of {n_labels} labels"
    rows: list[list[Any]] = []
    for k in order.tolist():
        row: list[Any] = [_label(data, k)]
        if before is not None:
            row.append(number(int(before[k])))
        row.append(number(int(after[k])))
        if before is not None:
            row.append(_signed(int(after[k] - before[k])))
        pair = [bar((after[k] / most, "after"))]
        if before is not None:
            pair.insert(0, bar((before[k] / most, "before")))
        rows.append([*row, tag("span", pair, class_="pair")])
    head = (
        ["Label", "#After", ""] if before is None else ["Label", "#Before", "#After", "#Change", ""]
    )
    legend = "" if before is None else _legend(("before", "before the cut"), ("after", "after it"))
    parts = [tag("div", table(f"Nodes by label{note}", head, rows), legend, class_="card")]
    if data.truth is not None:
        parts += [_class_accuracy(data), _confusion(data)]
    return section("labels", "Labels", tag("div", parts, class_="columns"))


def _class_accuracy(data: ReportData) -> Html:
    assert data.truth is not None
    rows: list[list[Any]] = []
    for k in np.unique(data.truth[data.truth >= 0])[:_MOST_LABELS_IN_TABLE].tolist():
        members = data.truth == k
        shares = [
            float((labels[members] == k).mean())
            for labels in (data.before, data.after)
            if labels is not None
        ]
        names = ["before", "after"][-len(shares) :]
        bars = tag("span", [bar((s, c)) for s, c in zip(shares, names, strict=True)], class_="pair")
        rows.append([_label(data, k), number(int(members.sum())), *map(percent, shares), bars])
    head = ["True label", "#Nodes", "#Before", "#After", ""]
    if data.before is None:
        head.remove("#Before")
    legend = _legend(("before", "before the cut"), ("after", "after it"))
    return tag("div", table("Accuracy by true label", head, rows), legend, class_="card")


def _confusion(data: ReportData) -> Html:
    assert data.truth is not None
    n_labels = len(data.label_names)
    after = confusion(data.truth, data.after, n_labels)
    before = None if data.before is None else confusion(data.truth, data.before, n_labels)
    if n_labels > _MOST_LABELS_IN_MATRIX:
        return _top_confusions(data, after, before)
    matrices = [("after", "after the cut", after)]
    if before is not None:
        matrices.insert(0, ("before", "before the cut", before))
    parts = []
    for name, words, counts in matrices:
        most = max(int((counts - np.diag(np.diag(counts))).max(initial=0)), 1)
        rows = [
            [_label(data, i), *(_cell(int(c), i == j, most) for j, c in enumerate(counts[i]))]
            for i in range(n_labels)
        ]
        caption = f"Confusion {words}: true label by row, label given by column"
        shown = table(
            caption,
            ["True", *(f"#{_tip(data, j)}" for j in range(n_labels))],
            rows,
            class_="matrix",
        )
        parts.append(tag("div", shown, class_="card", data_matrix=name))
    return tag("div", parts, class_="wide columns")


def _cell(count: int, right: bool, most: int) -> Html:
    if right:
        return tag("span", number(count), class_="heat right")
    level = 0 if count == 0 else 1 + int((_HEAT_STEPS - 1) * count / most + 1e-9)
    return tag("span", number(count), class_=f"heat h{min(level, _HEAT_STEPS)}")


def _top_confusions(data: ReportData, after: Any, before: Any) -> Html:
    off = after - np.diag(np.diag(after))
    order = np.argsort(-off, axis=None, kind="stable")[:_MOST_CONFUSIONS]
    rows: list[list[Any]] = []
    for i, j in zip(*np.unravel_index(order, off.shape), strict=True):
        if off[i, j]:
            counts = [] if before is None else [number(int(before[i, j]))]
            rows.append([_label(data, i), _label(data, j), *counts, number(int(off[i, j]))])
    head = ["True label", "Label given", "#Before", "#After"]
    if before is None:
        head.remove("#Before")
    return tag("div", table("Most frequent confusions after the cut", head, rows), class_="card")


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
            _gap(s.gap, s.cost),
            bar((s.lower_bound / most, "after"), (s.gap / most, "gap")),
        ]
        for s in by_stage(result.components)
    ]
    head = ["Closed by", "#Components", "#Nodes", "#Cost", "#Bound", "#Gap", ""]
    stages = tag(
        "div",
        table("Bound and gap by the stage that closed the component", head, rows),
        _legend(("after", "proven"), ("gap", "gap")),
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
        tag("div", sizes, _legend(("after", "nodes")), class_="card"),
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


def margins_section(data: ReportData) -> Html:
    """How sure the labels are; with the truth, whether sure ones are right."""
    if data.margins is None or not np.isfinite(data.margins).any():
        return Html("")
    finite = np.isfinite(data.margins)
    edges = np.unique(np.quantile(data.margins[finite], np.linspace(0, 1, 11)))
    last = max(len(edges) - 2, 0)
    bins = np.clip(np.searchsorted(edges, data.margins, side="right") - 1, 0, last)
    bins[~finite] = last + 1
    counts = np.bincount(bins, minlength=last + 2)
    rows: list[list[Any]] = []
    for b in np.flatnonzero(counts).tolist():
        name = "no other label allowed"
        if b <= last:
            name = f"{number(edges[b], 3)} to {number(edges[min(b + 1, len(edges) - 1)], 3)}"
        row: list[Any] = [name, number(int(counts[b]))]
        share = counts[b] / counts.max()
        if data.truth is not None:
            known = (bins == b) & (data.truth >= 0)
            right = float((data.after == data.truth)[known].mean()) if known.any() else None
            row.append("unknown" if right is None else percent(right))
            share = right or 0.0
        rows.append([*row, bar((share, "after"))])
    head = ["Margin", "#Nodes", *(["#Right"] if data.truth is not None else []), ""]
    return section(
        "confidence",
        "Confidence",
        tag("div", table("Nodes by margin, about a tenth each", head, rows), class_="card"),
        intro="The margin of a node is how much dearer the cut would be with another label there.",
    )


def delta_section(data: ReportData) -> Html:
    """A slider over precomputed cuts, with charts and all their figures."""
    if not data.steps:
        return Html("")
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
        charts.append(line_chart("Accuracy, by delta (dashed: before the cut)", xs, lines, percent))
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
            _gap(step.cost - step.lower_bound, step.cost),
            _STATUS_NAMES.get(step.status, step.status),
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
        tag("output", "", id="delta-value", for_="delta-input", aria_live="polite"),
        class_="slider needs-script",
    )
    return section(
        "delta",
        "Delta",
        slider,
        tag("div", [tag("div", c, class_="card") for c in charts], class_="columns three"),
        tag(
            "details",
            tag("summary", "All cuts as a table"),
            tag("div", table("Cuts by delta", head, rows), class_="card"),
        ),
        intro="Delta weighs edges against probabilities. The slider puts the labels of another cut "
        "on this page's images and changes.",
    )


def about_section(data: ReportData, notes: list[str]) -> Html:
    """How the result was made, and what the page leaves out."""
    result = data.result
    rows = [
        ["Method", str(result.get("method", "unknown"))],
        ["Preset", str(result.get("preset", "unknown"))],
    ]
    rows += [[f"Setting {name}", _plain(v)] for name, v in result.get("settings", {}).items()]
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


def _whole(value: float) -> str:
    return f"{value:,.0f}"


def _label(data: ReportData, k: int) -> Html:
    return tag(
        "span",
        tag("i", class_=f"dot k{_hue(int(k))}", aria_hidden="true"),
        data.label_names[k],
        class_="label",
    )


def _hue(k: int) -> int:
    """Colour of a label: 0 is the background's; the others take turns."""
    return 0 if k == 0 else 1 + (k - 1) % 10


def _tip(data: ReportData, k: int) -> str:
    return data.label_names[k]


def _signed(value: int) -> str:
    return f"+{value:,}" if value > 0 else number(value)


def _legend(*entries: tuple[str, str]) -> Html:
    marks = [
        tag("li", tag("i", class_=f"key {name}", aria_hidden="true"), text(words))
        for name, words in entries
    ]
    return tag("ul", marks, class_="legend")
