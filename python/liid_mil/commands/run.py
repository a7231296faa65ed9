"""``liid-mil run``: from images, tags and proposals to labels, all stages by one configuration."""

from __future__ import annotations

import argparse
import sys
from contextlib import nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from liid_cut.commands import print_json, write
from liid_mil.commands import EXIT_CODES, LIMIT, OK, add_set_option
from liid_mil.config import PRESETS, PipelineConfig, preset
from liid_mil.config_files import changed, format_config, read_config
from liid_mil.label_files import read_labels
from liid_mil.pipeline import Pipeline, Step, locked
from liid_mil.stages import STAGES
from liid_mil.stages.cutting import LABELS
from liid_mil.stages.results import METHODS
from liid_mil.training.distributed import is_main

_NAMES = {
    "cam": "CAM alone",
    "without_graph": "MIL without graph",
    "with_graph": "MIL with graph",
    "oracle": "oracle",
}
_DESCRIPTION = """\
Run all stages of a configuration. The output of each is kept in RUN under a digest of its settings
and of what it was made from: a stage that is there is not done again, one that was stopped goes on,
and another delta runs the cut and what comes after it. RUN/result has links to the newest outputs:
labels (cut), annotations (export), metrics, and a page to look at (report).
"""
_STAGES = "\n".join(f"  {stage.name:12} {stage.does}" for stage in STAGES.values())
_EPILOG = f"""\
stages:
{_STAGES}

examples:
  liid-mil run --print-config --preset scenes > scenes.yaml
  liid-mil run scenes.yaml -o run --dry-run
  liid-mil run scenes.yaml -o run
  liid-mil run scenes.yaml -o run --set cut.delta=0.5

{EXIT_CODES}"""


def add_parser(commands: Any) -> None:
    """Add this command to the parser's sub-commands."""
    parser = commands.add_parser(
        "run",
        help="all stages, from images and tags to labels",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("config", type=Path, nargs="?", metavar="CONFIG.yaml", help="the settings")
    parser.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="RUN",
        help="folder of the run (default: CONFIG without its ending)",
    )
    add_set_option(parser)
    parser.add_argument("--until", metavar="STAGE", help="stop after this stage")
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would be done, and do nothing"
    )
    parser.add_argument(
        "--prune", action="store_true", help="remove the outputs of other settings at the end"
    )
    parser.add_argument(
        "--print-config", action="store_true", help="print all settings with their meaning"
    )
    parser.add_argument(
        "--preset",
        choices=sorted(PRESETS),
        help="settings that --print-config starts from (default: paper)",
    )
    parser.add_argument("--json", action="store_true", help="report as one JSON object")
    parser.add_argument("--quiet", action="store_true", help="no report and no progress bar")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Run the stages and report; returns the exit code."""
    config = _config(arguments)
    if arguments.print_config:
        write(*format_config(config).splitlines())
        return OK
    talks = not arguments.json and not arguments.quiet
    runtime = replace(config.runtime, progress=talks and sys.stderr.isatty())
    output = arguments.output or _folder_of(arguments.config)
    with locked(output) if is_main() and not arguments.dry_run else nullcontext():
        pipeline = Pipeline(config, output, runtime=runtime)
        if arguments.dry_run:
            steps = pipeline.plan(arguments.until)
            facts: dict[str, Any] = {"output": str(output), "stages": list(map(asdict, steps))}
            lines = [*map(_line, steps), *_totals(steps)]
        else:
            pipeline.save_config()
            pipeline.run(arguments.until, _tell if talks and is_main() else None)
            removed = pipeline.prune() if arguments.prune and is_main() else []
            steps = pipeline.plan(arguments.until)
            facts = {
                "output": str(output),
                "stages": list(map(asdict, steps)),
                "removed": list(map(str, removed)),
            }
            if steps[-1].stage == "report":
                facts["metrics"] = pipeline.metrics
            if any(step.stage == "cut" for step in steps):
                cut = read_labels(pipeline.output("cut").path / LABELS).cut
                assert cut is not None  # the stage writes them
                facts |= {name: cut[name] for name in ("status", "warnings")}
            lines = [*(f"removed   {path}" for path in removed), *_results(facts, output)]
    if is_main() and arguments.json:
        print_json(_plain(facts))
    elif is_main() and not arguments.quiet:
        write(*lines)
    return OK if facts.get("status", "optimal") == "optimal" else LIMIT


def _config(arguments: argparse.Namespace) -> PipelineConfig:
    if arguments.preset is not None and not arguments.print_config:
        raise ValueError("--preset goes with --print-config; in CONFIG.yaml write `preset: NAME`")
    if arguments.config is not None:
        if arguments.preset is not None:
            raise ValueError("--preset goes without CONFIG.yaml, which may name its own preset")
        return read_config(arguments.config, arguments.settings)
    if not arguments.print_config:
        raise ValueError("CONFIG.yaml is missing; liid-mil run --print-config writes one")
    return changed(preset(arguments.preset or "paper"), arguments.settings)


def _folder_of(config: Path) -> Path:
    """The run of a configuration: the folder that it lies in where a run left it there."""
    return config.parent if config.name == "config.yaml" else config.with_suffix("")


def _tell(step: Step) -> None:
    print(_line(step), file=sys.stderr, flush=True)


def _line(step: Step) -> str:
    if step.state == "to do":
        told = f"to do        {_bytes(step.n_bytes):>9}  {_time(step.seconds):>8}  {step.reason}"
    elif step.state == "there":
        told = f"there        {_bytes(step.n_bytes):>9}  {'':8}  {step.path}"
    else:
        told = f"not needed   {'':9}  {'':8}  {step.reason}"
    return f"{step.stage:10}  {told}"


def _results(facts: dict[str, Any], output: Path) -> list[str]:
    """The main metrics of each method, and where everything is."""
    found = facts.get("metrics", {"annotated": False})
    lines = []
    if found["annotated"]:
        lines.append(f"{'':18}   AP50   AP75    ABO   mIoU   objects")
        for method in METHODS:
            one = found[method]
            values = [one[name] for name in ("ap50", "ap75", "abo", "miou")]
            cells = "  ".join("    -" if v is None else f"{100 * v:5.1f}" for v in values)
            lines.append(f"{_NAMES[method]:18}  {cells}  {one['n_labelled']:8,}")
    if facts.get("status", "optimal") != "optimal":
        lines.append(f"unproven  the cut ended with the status {facts['status']}")
    lines += [f"warning   {sentence}" for sentence in facts.get("warnings", ())]
    return [*lines, f"written   {output / 'result'}"]


def _totals(steps: list[Step]) -> list[str]:
    to_do = [step for step in steps if step.state == "to do"]
    if not to_do:
        return ["nothing is to do"]
    n_bytes = sum(step.n_bytes for step in to_do)
    seconds = sum(step.seconds for step in to_do)
    return [f"{len(to_do)} to do, at most {_bytes(n_bytes)} more, roughly {_time(seconds)}"]


def _bytes(n: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if n < 1024:
            return f"{n:.0f} {unit}"
        n /= 1024
    return f"{n:.1f} GiB"


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one) for one in value]
    return str(value) if isinstance(value, Path) else value
