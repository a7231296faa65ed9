"""The head of the page: status, cost and gap in words and figures, and what may be wrong."""

from __future__ import annotations

from liid_cut.report.html import Html, number, percent, seconds, tag
from liid_cut.report.inputs import ReportData
from liid_cut.report.sections.parts import STATUS_NAMES, gap_text


def headline(data: ReportData) -> Html:
    """What was solved, how well, in words and in figures."""
    result = data.result
    share = result.gap / abs(result.cost) if result.cost else 0.0
    shown = gap_text(result.gap, result.cost)
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
        STATUS_NAMES.get(result.status, result.status),
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
    if data.before is not None and len(result.edges) and not len(data.changed):
        found.append(
            "the cut changed no label: edges never outweigh probs; raise delta (the edge weights)"
        )
    lost = result.diagnostics.get("lost_labels", [])
    if lost and not result.diagnostics.get("collapsed"):
        names = ", ".join(repr(data.label_names[k]) for k in lost[:5])
        more = f" and {len(lost) - 5} more" if len(lost) > 5 else ""
        found.append(
            f"hardly a node is left with label {names}{more}, which the classifier gave to more; "
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
