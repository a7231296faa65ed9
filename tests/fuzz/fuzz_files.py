"""Damaged problem and result files: each is refused with a ``ValueError``, or the solver,
``verify`` and the command line do what they promise with what is left of it.
"""

from __future__ import annotations

import contextlib
import io
import json
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from damage import changed_arrays, changed_json, damaged, npz_bytes
from fuzzing import Bytes, fuzz, instrumented, require, tally

with instrumented("liid_cut"):
    from liid_cut import MultiwayCutResult, multiway_cut, verify
    from liid_cut.cli import main
    from liid_cut.files import read_problem, read_result, write_result
    from liid_cut.npz import read_arrays

FOLDER = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
FILE, OTHER = FOLDER / "file.npz", FOLDER / "other.npz"

# A triangle whose proof branches, beside an edge and a node of its own.
PROBS = np.array([[1, 1, 0], [0, 1, 1], [1, 0, 1], [0.9, 0.1, 0.2], [0.2, 0.7, 0.1], [0, 0.25, 0]])
GRAPH = np.array([[0, 1], [1, 2], [0, 2], [3, 4]]), np.array([0.5, 0.5, 0.5, 0.3])
TAGS = np.zeros(6, dtype=np.int64), np.ones((1, 2), dtype=bool)
PROBLEMS: list[dict[str, Any]] = [
    {"probs": PROBS, "edges": GRAPH[0], "weights": GRAPH[1]},
    {"probs": PROBS, "feats": np.arange(12.0).reshape(6, 2) + 1, "image_ids": TAGS[0]}
    | {"image_tags": TAGS[1]},
    {"P": PROBS, "a": GRAPH[0][:, 0], "b": GRAPH[0][:, 1], "w": GRAPH[1]},
    {"probs": PROBS, "edges": GRAPH[0], "weights": GRAPH[1], "must_link": np.array([[0, 3]])}
    | {"cannot_link": np.array([[1, 2]]), "labels": np.full(6, -1), "node_weights": np.ones(6)},
]


def results() -> list[dict[str, Any]]:
    """The arrays of result files: with proofs, of a linear program, and with constraints."""
    found = []
    for more in ({}, {"method": "ckr"}, {"must_link": [[0, 3]], "coverage": TAGS}):
        write_result(FILE, multiway_cut(PROBS, graph=GRAPH, n_jobs=1, **more))
        found.append(read_arrays(FILE))
    return found


RESULTS = results()
SETTINGS = {
    "preset": "default",
    "terminal_weights": "linear",
    "temperature": 1.0,
    "graph_scale": 1.0,
}


def fuzz_problem(stream: Bytes) -> None:
    arrays = stream.choice(PROBLEMS)
    if stream.next() % 4 == 0:
        FILE.write_bytes(damaged(npz_bytes(arrays), stream))
    else:
        FILE.write_bytes(npz_bytes(changed_arrays(arrays, stream)))
    try:
        problem = read_problem(FILE)
        given = problem.constraints(False)
        result = multiway_cut(problem.probs, problem.feats, graph=problem.graph, n_jobs=1, **given)
    except ValueError:
        tally["problems refused"] += 1
        return
    tally["problems solved"] += 1
    report = verify(result, problem.probs, problem.graph, **given)
    require(report, f"verify: {report.problems}")


def read_damaged_result(stream: Bytes) -> MultiwayCutResult | None:
    arrays = dict(stream.choice(RESULTS))
    what = stream.next() % 8
    if what == 0:
        FILE.write_bytes(damaged(npz_bytes(arrays), stream))
    else:
        if what < 4:
            facts = changed_json(json.loads(str(arrays["facts"])), stream)
            arrays["facts"] = np.array(json.dumps(facts))
        if what > 2:
            arrays = changed_arrays(arrays, stream)
        FILE.write_bytes(npz_bytes(arrays))
    try:
        return read_result(FILE)
    except ValueError:
        tally["results refused"] += 1
        return None


def fuzz_result(stream: Bytes) -> None:
    """What ``verify`` believes is true: no bound above the optimum, no optimum that is none."""
    result = read_damaged_result(stream)
    if result is None:
        return
    given = {"must_link": [[0, 3]], "coverage": TAGS} if result.certificate is not None else {}
    best = OPTIMA["constrained" if given else "free"]
    report = verify(result, PROBS, GRAPH, **given)
    tally["results believed" if report else "results with problems"] += 1
    # Others make another problem of probabilities and graph; `verify` says that its cost differs.
    same_problem = all(result[name] == value for name, value in SETTINGS.items())
    if report or same_problem:
        require(not report.lower_bound > best + 1e-9, f"a bound of {report.lower_bound} is proven")
    if report and report.optimal:
        require(abs(report.cost - best) <= 1e-8, f"an optimum of {report.cost} is believed")


OPTIMA = {
    "free": multiway_cut(PROBS, graph=GRAPH, n_jobs=1, method="brute_force").cost,
    "constrained": multiway_cut(
        PROBS, graph=GRAPH, n_jobs=1, method="brute_force", must_link=[[0, 3]], coverage=TAGS
    ).cost,
}


def fuzz_command(stream: Bytes) -> None:
    """Exit codes, whatever the files and options are."""
    if stream.next() % 2:
        read_damaged_result(stream)
        OTHER.write_bytes(npz_bytes(PROBLEMS[0]))
        command = ["verify", str(OTHER), str(FILE)]
    else:
        FILE.write_bytes(npz_bytes(changed_arrays(stream.choice(PROBLEMS), stream)))
        command = ["solve", str(FILE), "-o", str(OTHER), "--n-jobs", "1"]
        options = ("--delta", "--time-limit", "--method", "--symmetrize", "--n-neighbors", "--xyz")
        values = ("0", "-1", "nan", "auto", "mutual", "1e400", "", "ckr", "\u0661", "2")
        if stream.next() % 2:
            command += [stream.choice(options), stream.choice(values)]
    if stream.next() % 4 == 0:
        command.append("--json")
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        try:
            code: Any = main(command)
        except SystemExit as error:
            code = error.code
    require(code in range(6), f"exit code {code} of {command}")
    tally[f"commands that ended in {code}"] += 1


def one_input(data: bytes) -> None:
    stream = Bytes(data)
    which = stream.next() % 8
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if which < 3:
            fuzz_problem(stream)
        elif which < 7:
            fuzz_result(stream)
        else:
            fuzz_command(stream)


if __name__ == "__main__":
    fuzz(one_input)
