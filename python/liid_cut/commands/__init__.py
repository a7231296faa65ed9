"""The commands of ``liid-cut``, one module each, and what they share: exit codes and output."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from typing import Any

from liid_cut.result import MultiwayCutResult

OK = 0
NOT_VERIFIED = 1
BAD_INPUT = 2
LIMIT = 3
INTERRUPTED = 130

EXIT_CODES = """\
exit codes:
  0    the labelling is proven optimal
  1    verification failed: a claim of the result does not hold
  2    bad input or usage
  3    a limit was reached; the best labelling so far is valid, but not proven optimal
  130  interrupted (Ctrl-C); the best labelling so far is written if the cut had begun
"""


class CommandError(Exception):
    """A user's mistake, told in one line on standard error with exit code 2."""


def delta(text: str) -> float | str:
    """What ``--delta`` takes: a number, or ``auto``."""
    try:
        return text if text == "auto" else float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither auto nor a number >= 0") from None


def exit_code(result: MultiwayCutResult) -> int:
    """Exit code that says how a solve ended."""
    return {"optimal": OK, "interrupted": INTERRUPTED}.get(result.status, LIMIT)


def summary(result: MultiwayCutResult) -> dict[str, Any]:
    """The facts of a result that fit into JSON."""
    return {
        "status": result.status,
        "cost": result.cost,
        "lower_bound": result.lower_bound,
        "gap": result.gap,
        "n": len(result.labels),
        "n_labels": result.messages.shape[1],
        "n_edges": len(result.edges),
        "n_components": result.n_components,
        "largest_component": int(result.components["size"].max(initial=0)),
        "delta": result.delta,
        "delta_chosen_by": result.diagnostics["delta"]["chosen_by"],
        "closed_by": result.diagnostics["closed_by"],
        "timings": result.timings,
        "warnings": result.diagnostics["warnings"],
    }


def summary_lines(facts: dict[str, Any]) -> list[str]:
    """:func:`summary` for people."""
    closed = ", ".join(f"{count:,} by {stage}" for stage, count in facts["closed_by"].items())
    return [
        f"problem      {facts['n']:,} nodes, {facts['n_labels']} labels, "
        f"{facts['n_edges']:,} edges",
        *([f"delta        {facts['delta']:.3g}, estimated"] * (facts["delta_chosen_by"] == "auto")),
        f"status       {facts['status']}",
        f"cost         {facts['cost']:.10g}",
        f"lower bound  {facts['lower_bound']:.10g}",
        f"gap          {facts['gap']:.3g}",
        f"components   {facts['n_components']:,}, the largest of {facts['largest_component']:,} "
        f"nodes (closed: {closed or 'none'})",
        f"time         {facts['timings']['total']:.3g} s",
        *(f"warning      {warning}" for warning in facts["warnings"]),
    ]


def print_json(facts: dict[str, Any]) -> None:
    """One JSON object on standard output; numbers that JSON lacks (inf, nan) become null."""
    write(to_json(facts))


def to_json(facts: dict[str, Any]) -> str:
    """One JSON object in a line; numbers that JSON lacks become null."""
    return json.dumps(_finite(facts), allow_nan=False)


def write(*lines: str) -> None:
    """Lines on standard output. A reader who left, as ``head`` does, is no error."""
    try:
        print(*lines, sep="\n", flush=True)
    except BrokenPipeError:
        # Python flushes once more at its end, and must not complain then either.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(entry) for key, entry in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value
