"""Labels before and after the cut: how many of each, whether they are right, how sure they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from liid_cut.report.charts import bar, table
from liid_cut.report.html import Html, number, percent, tag
from liid_cut.report.inputs import ReportData
from liid_cut.report.sections.parts import label, legend, section, signed
from liid_cut.statistics import confusion

_MOST_LABELS_IN_MATRIX = 24
_MOST_LABELS_SIDE_BY_SIDE = 10
_MOST_LABELS_IN_TABLE = 120
_MOST_CONFUSIONS = 30
_HEAT_STEPS = 6


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
        row: list[Any] = [label(data, k)]
        if before is not None:
            row.append(number(int(before[k])))
        row.append(number(int(after[k])))
        if before is not None:
            row.append(signed(int(after[k] - before[k])))
        pair = [bar((after[k] / most, "after"))]
        if before is not None:
            pair.insert(0, bar((before[k] / most, "before")))
        rows.append([*row, tag("span", pair, class_="pair")])
    head = (
        ["Label", "#After", ""] if before is None else ["Label", "#Before", "#After", "#Change", ""]
    )
    key = "" if before is None else legend(("before", "before the cut"), ("after", "after it"))
    parts = [tag("div", table(f"Nodes by label{note}", head, rows), key, class_="card")]
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
        rows.append([label(data, k), number(int(members.sum())), *map(percent, shares), bars])
    head = ["True label", "#Nodes", "#Before", "#After", ""]
    if data.before is None:
        head.remove("#Before")
    key = legend(("before", "before the cut"), ("after", "after it"))
    return tag("div", table("Accuracy by true label", head, rows), key, class_="card")


def _confusion(data: ReportData) -> Html:
    assert data.truth is not None
    n_labels = len(data.label_names)
    after = confusion(data.truth, data.after, n_labels)
    before = None if data.before is None else confusion(data.truth, data.before, n_labels)
    if n_labels > _MOST_LABELS_IN_MATRIX:
        return _top_confusions(data, after, before)
    matrices = [("after the cut", after)]
    if before is not None:
        matrices.insert(0, ("before the cut", before))
    parts = []
    for words, counts in matrices:
        most = max(int((counts - np.diag(np.diag(counts))).max(initial=0)), 1)
        rows = [
            [label(data, i), *(_cell(int(c), i == j, most) for j, c in enumerate(counts[i]))]
            for i in range(n_labels)
        ]
        caption = f"Confusion {words}: true label by row, label given by column"
        shown = table(
            caption,
            ["True", *(f"#{data.label_names[j]}" for j in range(n_labels))],
            rows,
            class_="matrix",
        )
        parts.append(tag("div", shown, class_="card"))
    side_by_side = "" if n_labels > _MOST_LABELS_SIDE_BY_SIDE else " columns"
    return tag("div", parts, class_=f"wide matrices{side_by_side}")


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
            rows.append([label(data, i), label(data, j), *counts, number(int(off[i, j]))])
    head = ["True label", "Label given", "#Before", "#After"]
    if before is None:
        head.remove("#Before")
    return tag("div", table("Most frequent confusions after the cut", head, rows), class_="card")


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
