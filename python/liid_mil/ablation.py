"""The ablation tables of the paper (Tables 1-6) for the dataset at hand.

Input: a pipeline, whose settings are the base that each row changes. Output: rows of metrics,
without and with the graph, each stored as soon as it is known, so that a stopped run goes on with
the next row. Rows with equal settings, such as the base itself, are computed once for all tables.
Source: LIID, section 6.2, Tables 1 to 6.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from liid_cut.npz import replacing
from liid_mil.metrics import Metrics, ProposalEvaluator
from liid_mil.pipeline import Pipeline, compare
from liid_mil.stages.inputs import digest_of

FORMAT = "liid_mil ablation 2"
_LARGE = ("mil", "extraction", "cut")


@dataclass(frozen=True)
class Table:
    """A table of the paper: its title and, for each row, what differs from the base."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]

    def changes(self, row: Sequence[Any]) -> dict[str, Any]:
        """Settings of a row; None leaves a column as the base has it."""
        given = zip(self.columns, row, strict=True)
        return {name: value for name, value in given if value is not None}


_THETA_GAMMA = (
    (0.01, 0.05), (0.01, 0.1), (0.01, 0.5), (0.03, 0.1), (0.03, 0.3), (0.05, 0.1), (0.005, 0.5),
    (0.05, 0.5), (None, 0.0),
)  # fmt: skip
TABLES: Mapping[int, Table] = {
    1: Table("rate theta of the centres, weight gamma of their loss", ("theta", "gamma"),
             _THETA_GAMMA),
    2: Table("weights alpha of the CAM-based and beta of the MIL loss", ("alpha", "beta"),
             ((1.0, 0.0), (0.8, 0.2), (0.5, 0.5), (0.2, 0.8), (0.0, 1.0))),
    3: Table("terms of the CAM scores", ("terms",), (("mean",), ("max",), ("mean+max",))),
    4: Table("region of the CAM scores", ("region",), (("box",), ("mask",))),
    5: Table("threshold eta of the pseudo labels", ("eta",), ((0.25,), (0.5,), (0.75,), (1.0,))),
    6: Table("weight delta of the edges", ("delta",), ((1.0,), (2.0,), (3.0,), (5.0,), (10.0,))),
}  # fmt: skip


@dataclass(frozen=True)
class AblationRow:
    """One row: its settings, and metrics by method (``cam``, ``without_graph``, ``with_graph``)."""

    table: int
    settings: dict[str, Any]
    metrics: dict[str, dict[str, float]]


def ablate(
    pipeline: Pipeline,
    tables: Sequence[int],
    *,
    report: Callable[[AblationRow], None] | None = None,
) -> list[AblationRow]:
    """Compute the rows of some tables, or read those that are stored.

    Parameters
    ----------
    pipeline : dataset with annotated truth, folder and base settings. Rows are stored in
        ``folder/ablation``; their networks are removed once a row is known.
    tables : numbers 1 to 6.
    report : called with each row when it is known.

    Raises
    ------
    ValueError : a table that does not exist, or a dataset without annotated truth.
    """
    unknown = [number for number in tables if number not in TABLES]
    if unknown:
        raise ValueError(f"table {unknown[0]} does not exist; there are 1 to {max(TABLES)}")
    evaluator = ProposalEvaluator(pipeline.dataset, pipeline.proposals)
    found = []
    for number in tables:
        table = TABLES[number]
        for values in table.rows:
            changes = table.changes(values)
            metrics = _row(pipeline, evaluator, changes)
            row = AblationRow(number, dict(zip(table.columns, values, strict=True)), metrics)
            found.append(row)
            if report is not None:
                report(row)
    return found


def _row(
    pipeline: Pipeline, evaluator: ProposalEvaluator, changes: dict[str, Any]
) -> dict[str, dict[str, float]]:
    """Metrics of one row, from its file or computed."""
    config = pipeline.config
    cut = {name: value for name, value in changes.items() if name == "delta"}
    mil = {name: value for name, value in changes.items() if name != "delta"}
    row = pipeline.changed(mil=replace(config.mil, **mil), cut=replace(config.cut, **cut))
    settings = {"cut": row.output("cut").key, "truth": row.digest("truth")}
    path = pipeline.folder / "ablation" / f"row-{digest_of(settings)[:16]}.json"
    if path.exists():
        return _read(path)

    methods = compare(row, evaluator)
    metrics = {name: asdict(values) for name, values in methods.items()}
    path.parent.mkdir(exist_ok=True)
    with replacing(path) as file:
        state = {"format": FORMAT, "settings": asdict(row.config), "metrics": metrics}
        file.write(json.dumps(state, indent=1, default=str).encode())
    for name in _LARGE:
        if row.output(name).path != pipeline.output(name).path:
            shutil.rmtree(row.output(name).path)  # for this row only
    return metrics


def format_table(number: int, rows: Sequence[AblationRow]) -> list[str]:
    """A table as lines of Markdown, results without / with the graph, in percent.

    Table 6, like the paper's, has results with the graph only; delta changes nothing else.
    """
    table = TABLES[number]
    head = ["No.", *table.columns, "AP50", "AP75", "ABO", "accuracy"]
    lines = [f"Table {number}: {table.title}", "", _line(head), _line(["---"] * len(head))]
    for i, row in enumerate((row for row in rows if row.table == number), start=1):
        without, graph = row.metrics["without_graph"], row.metrics["with_graph"]
        cells = []
        for name in ("ap50", "ap75", "abo", "accuracy"):
            parts = [graph[name]] if number == 6 else [without[name], graph[name]]
            cells.append("/".join(f"{100 * part:.1f}" for part in parts))
        values = ["-" if value is None else f"{value}" for value in row.settings.values()]
        lines.append(_line([str(i), *values, *cells]))
    return lines


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _read(path: Path) -> dict[str, dict[str, float]]:
    try:
        state = json.loads(path.read_text())
        if state["format"] != FORMAT:
            raise ValueError(f"its format is {state['format']!r}, not {FORMAT!r}")
        metrics: dict[str, dict[str, float]] = state["metrics"]
        for method in ("cam", "without_graph", "with_graph"):
            Metrics(**metrics[method])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: damaged: {error}; delete it to compute the row again") from None
    return metrics
