"""Runs the fuzzers of ``tests/fuzz`` and records what they did.

    python -m benchmarks.fuzzing run [--build build/fuzz] [--targets solve ...] [--python]
                                     [--hours H | --runs N] [--round 300] [--record FILE]
    python -m benchmarks.fuzzing keep [--build build/fuzz] [--targets ...]

``run`` takes the targets in turn, a round of so many seconds each, until the hours are over; with
``--runs`` it replays the seeds and makes so many runs of each target, always the same ones. Inputs
that reach something new are collected in ``build/fuzzing/corpus``, those that show a fault in
``build/fuzzing/found``; the exit code is 1 if there is one. ``keep`` reduces the collection to few
inputs of the same coverage, and writes them to ``tests/fuzz/corpus``, an input a line in
hexadecimal. The C++ targets are those of the CMake presets ``fuzz`` and ``fuzz-asan``; the Python
ones (``--python``) need the package atheris.

Each round appends a line of JSON to the record; `benchmarks.fuzzing_page` makes FUZZING.md of it.
An execution is one call of libFuzzer with one input, which ends in its judgement or refusal.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import os
import re
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FUZZ = ROOT / "tests" / "fuzz"
CPP = ("solve", "methods", "certificate", "max_flow", "masks", "neighbours")
PYTHON = ("api", "files", "readers")
LONGEST_INPUT = 100  # bytes
# Share of --runs that a slow target makes.
SLOW = {"methods": 0.005, "certificate": 0.1, "api": 0.01, "files": 0.01, "readers": 0.01}
FLAGS = ("-entropic=0", "-len_control=0", "-timeout=300", "-rss_limit_mb=2048")
RECORD = ROOT / "benchmarks" / "results" / "fuzzing.jsonl"


def program(target: str, build: Path) -> list[str]:
    """The command of a fuzzer."""
    if target in PYTHON:
        return [sys.executable, str(FUZZ / f"fuzz_{target}.py")]
    return [str(build / "tests" / "fuzz" / f"fuzz_{target}")]


def seeds_file(target: str) -> Path:
    """The inputs of a target that are kept with the code."""
    return FUZZ / "corpus" / f"{target}.hex"


def unpack(target: str, folder: Path) -> None:
    """Write the kept inputs of a target as files."""
    folder.mkdir(parents=True, exist_ok=True)
    if not seeds_file(target).exists():
        return
    for line in seeds_file(target).read_text().splitlines():
        data = bytes.fromhex(line)
        (folder / hashlib.sha1(data, usedforsecurity=False).hexdigest()).write_bytes(data)


def commit() -> str:
    """The commit that runs, with a plus where files differ from it."""
    command = ["git", "describe", "--always", "--dirty=+", "--exclude=*"]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()


def fuzz(
    target: str, build: Path, corpus: Path, found: Path, limit: list[str], code: str
) -> dict[str, Any]:
    """One run of a target: what it did, as the record has it."""
    found.mkdir(parents=True, exist_ok=True)
    flags = [f"-max_len={LONGEST_INPUT}", *FLAGS, *limit]
    prefix = f"-artifact_prefix={found}/{target}-"
    command = [*program(target, build), *flags, "-print_final_stats=1", prefix, str(corpus)]
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.time()
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        env=os.environ | {"PYTHONPATH": paths},
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    log = done.stderr + done.stdout
    states = re.findall(r"#\d+\s+\w+\s+cov: (\d+) ft: (\d+) corp: (\d+)", log)
    executions = re.search(r"stat::number_of_executed_units:\s+(\d+)", log)
    tallies = re.findall(r"^TALLY (\{.*\})$", log, re.MULTILINE)
    if done.returncode != 0:
        (found / f"{target}-{int(start)}.log").write_text(log)
        print(log[-6000:], file=sys.stderr)
    return {
        "target": target,
        "build": build.name if target in CPP else "python",
        "commit": code,
        "started": datetime.datetime.fromtimestamp(start, datetime.UTC).isoformat("T", "seconds"),
        "wall_s": round(time.time() - start, 1),
        "cpu_s": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1),
        "executions": int(executions.group(1)) if executions else 0,
        "edges": int(states[-1][0]) if states else 0,
        "features": int(states[-1][1]) if states else 0,
        "corpus": int(states[-1][2]) if states else 0,
        "tally": json.loads(tallies[-1]) if tallies else {},
        "failed": done.returncode != 0,
    }


def run(options: argparse.Namespace) -> int:
    """All targets in turn; 1 if one found a fault."""
    code, failures = commit(), 0
    end = time.time() + 3600 * options.hours
    targets = options.targets or [*CPP, *(PYTHON if options.python else ())]
    for target in targets:
        unpack(target, options.folder / "corpus" / target)
    while True:
        for target in targets:
            limit = [f"-max_total_time={options.round}"]
            if options.runs:
                # The kept inputs alone, so that every call does the same.
                runs = int(options.runs * SLOW.get(target, 1))
                limit = [f"-runs={runs}", "-seed=1", "-reload=0"]
            corpus = options.folder / "corpus" / target
            record = fuzz(target, options.build, corpus, options.folder / "found", limit, code)
            failures += record["failed"]
            with options.record.open("a") as out:
                out.write(json.dumps(record) + "\n")
            shown = ("target", "build", "executions", "cpu_s", "edges", "failed")
            print(" ".join(f"{name}={record[name]}" for name in shown), flush=True)
            if not options.runs and time.time() > end:
                return int(failures > 0)
        if options.runs:
            return int(failures > 0)


def keep(options: argparse.Namespace) -> int:
    """Reduce what was collected to ``tests/fuzz/corpus``."""
    for target in options.targets or CPP:
        corpus, merged = options.folder / "corpus" / target, options.folder / "merged" / target
        merged.mkdir(parents=True, exist_ok=True)
        for old in merged.iterdir():
            old.unlink()
        flags = [f"-max_len={LONGEST_INPUT}", "-merge=1"]
        command = [*program(target, options.build), *flags, str(merged), str(corpus)]
        subprocess.run(command, check=True, capture_output=True)
        lines = sorted((path.read_bytes().hex() for path in merged.iterdir()), key=len)
        seeds_file(target).parent.mkdir(exist_ok=True)
        seeds_file(target).write_text("".join(line + "\n" for line in lines))
        print(f"{target}: {len(lines)} inputs, {seeds_file(target).stat().st_size} bytes")
    return 0


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=("run", "keep"))
    parser.add_argument("--build", type=Path, default=ROOT / "build" / "fuzz")
    parser.add_argument("--targets", nargs="+", choices=(*CPP, *PYTHON))
    parser.add_argument("--python", action="store_true", help="the Python targets, too")
    parser.add_argument("--hours", type=float, default=1.0)
    parser.add_argument("--runs", type=int, default=0, help="runs of each target, always the same")
    parser.add_argument("--round", type=int, default=300, help="seconds a target, in turn")
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "fuzzing")
    parser.add_argument("--record", type=Path, default=RECORD)
    options = parser.parse_args()
    options.build = options.build.resolve()
    return run(options) if options.command == "run" else keep(options)


if __name__ == "__main__":
    sys.exit(main())
