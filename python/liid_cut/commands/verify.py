"""``liid-cut verify IN.npz OUT.npz``: check a result file against its problem."""

from __future__ import annotations

import argparse
from fractions import Fraction
from typing import Any

from liid_cut.commands import EXIT_CODES, LIMIT, NOT_VERIFIED, OK, CommandError, print_json, write
from liid_cut.files import ProblemFile, read_problem, read_result
from liid_cut.problem import make_problem
from liid_cut.result import MultiwayCutResult
from liid_cut.verify import verify

_DESCRIPTION = """\
Recompute cost and lower bound of a result from its labels and dual messages alone, in plain NumPy,
without the solver. Where the problem holds features, their graph is built again and compared.
With --exact nothing is rounded: cost, bound and gap are fractions, and the graph has to be the same
to the last bit.
"""
_EPILOG = f"""\
example:
  liid-cut verify proposals.npz labels.npz && echo "proven optimal"

{EXIT_CODES}"""
_GRAPH_SETTINGS = (
    "n_neighbors",
    "symmetrize",
    "neighbors",
    "target_recall",
    "shared_tags",
    "delta",
    "edge_weights",
)


def add_parser(commands: Any) -> None:
    """Add this command to the parser's sub-commands."""
    parser = commands.add_parser(
        "verify",
        help="check a result without trusting the solver",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("problem", metavar="IN.npz", help="problem file")
    parser.add_argument("result", metavar="OUT.npz", help="result file of `liid-cut solve`")
    parser.add_argument(
        "--trust-graph",
        action="store_true",
        help="take the graph that the result carries instead of building that of feats again",
    )
    parser.add_argument(
        "--exact",
        action="store_true",
        help="in integer arithmetic, for a proof beyond floating point; some ten times slower",
    )
    parser.add_argument("--json", action="store_true", help="report as one JSON object")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Verify and report; returns the exit code."""
    problem = read_problem(arguments.problem)
    result = read_result(arguments.result)
    graph, source = _graph(problem, result, arguments.trust_graph)
    coverage = bool(result.get("settings", {}).get("coverage"))
    if coverage and problem.image_tags is None:
        raise CommandError(f"{arguments.problem}: the result is about tags that it does not hold")
    constraints = problem.constraints(coverage)
    report = verify(result, problem.probs, graph, **constraints, exact=arguments.exact)

    facts = {
        "verified": bool(report),
        "optimal": report.optimal,
        "cost": report.cost,
        "lower_bound": report.lower_bound,
        "problems": report.problems,
        "graph": source,
        "constraints": sorted(constraints),
    }
    if arguments.exact:
        names = ("exact_cost", "exact_lower_bound", "exact_gap")
        facts |= {name: _as_text(getattr(report, name)) for name in names}
    if arguments.json:
        print_json(facts)
    elif report:
        gap = report.exact_gap
        write(
            f"graph        {source}",
            f"cost         {report.cost:.10g}, as claimed",
            f"lower bound  {report.lower_bound:.10g}, proven",
            *([f"exact gap    {float(gap):.3g}, exactly {gap}"] if gap is not None else []),
            f"constraints  {', '.join(sorted(constraints)) or 'none'}",
            "optimal      " + ("certified" if report.optimal else "not proven"),
        )
    else:
        write("NOT VERIFIED", *(f"  {problem}" for problem in report.problems))
    if not report:
        return NOT_VERIFIED
    return OK if report.optimal else LIMIT


def _as_text(value: Fraction | None) -> str | None:
    """A fraction for JSON, whose numbers are floats to most readers."""
    return None if value is None else str(value)


def _graph(problem: ProblemFile, result: MultiwayCutResult, trust: bool) -> tuple[Any, str]:
    """The graph to hold the result against (None: its own), and where it is from."""
    if problem.graph is not None:
        return problem.graph, "that of the problem file"
    if trust:
        return None, "that of the result, not checked"
    settings = result.get("settings", {})
    if result.preset != "authors":
        used = ("delta", "edge_weights", "symmetrize")
        settings = settings | {name: result[name] for name in used}
    again = make_problem(
        problem.probs,
        problem.feats,
        allowed=problem.allowed,
        preset=result.preset,
        **{name: settings[name] for name in _GRAPH_SETTINGS if name in settings},
    )
    return (again.edges, again.weights), "built again from feats"
