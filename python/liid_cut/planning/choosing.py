"""Which neighbour method a run will take, and what is taken for granted of the data."""

from __future__ import annotations

from liid_cut.neighbors.choice import automatic_methods
from liid_cut.neighbors.methods import _FEW_ROWS
from liid_cut.planning.assumptions import Assumptions, cluster_count
from liid_cut.planning.cutting import EDGES, LARGEST
from liid_cut.planning.settings import PlanSettings


def choose_method(settings: PlanSettings, expected: Assumptions) -> tuple[str, str]:
    """The method, and why; of ``"auto"`` the one that is expected to come to its end."""
    asked, n, d = settings.neighbors, settings.n, settings.d
    if asked == "exact":
        return "exact", "asked for"
    if asked == "pca":
        few = n <= _FEW_ROWS
        return ("exact", "all pairs are few") if few else ("pca", "asked for")
    bounds_pay = expected.bound_work <= 0.8
    give_up = f"bounds are expected to save too little of {d} columns"
    pay = f"bounds are expected to leave {expected.bound_work:.0%} of the products of all pairs"
    if asked == "certified":
        return ("certified", f"asked for; {pay}") if bounds_pay else ("exact", give_up)
    methods = automatic_methods(n, d)
    if methods == ("exact",):
        return "exact", "auto: all pairs are few enough to compare"
    if methods[0] == "certified" and bounds_pay:
        return "certified", f"auto: {n:,} x {d} is much for all pairs; {pay}"
    if methods[0] == "certified":
        return methods[1], f"auto: {n:,} x {d} is much for all pairs; {give_up}"
    return "pca", f"auto: {n:,} x {d} is too much for all pairs"


def sentences(method: str, settings: PlanSettings, expected: Assumptions) -> tuple[str, ...]:
    """What the forecast takes for granted, and where its numbers are from."""
    told = ["features are spread like those of a deep network; ones that are not cost more or less"]
    if method == "pca":
        count = cluster_count(settings.n)
        told.append(
            f"a recall of {settings.target_recall:g} takes {expected.directions} directions, "
            f"{expected.candidates} candidates and {expected.probe_share:.1%} of the {count:,} "
            "clusters, in the first attempt"
            + (", extrapolated from a million rows" if settings.n > 1_000_000 else "")
        )
    elif method == "certified":
        told.append(f"bounds leave {expected.bound_work:.0%} of the work of an exact search")
    share = LARGEST[settings.symmetrize]
    told.append(
        f"{EDGES[settings.symmetrize] * settings.k:.2g} edges a row, and {share:.0%} of the rows "
        "in the largest component"
    )
    told.append("most components close without a search; hard ones take as long as they take")
    if settings.auto_delta:
        told.append("the estimate of delta takes all its sweeps")
    return tuple(told)
