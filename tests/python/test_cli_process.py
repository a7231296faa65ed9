"""The command line as a process: limits, Ctrl-C, and a reader who leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from liid_cut import verify
from liid_cut.cli import main
from liid_cut.files import read_problem, read_result

# An editable install that rebuilds itself on import would talk on standard output.
ENVIRONMENT = os.environ | {"SKBUILD_EDITABLE_VERBOSE": "0"}

# Runs the command line; says when the cut has begun.
ANNOUNCING = """
import signal, sys
from liid_cut import cli
from liid_cut.commands import solve
signal.signal(signal.SIGINT, signal.default_int_handler)  # a parent may have ignored it
solve.wants_progress = lambda arguments: lambda state: print("cutting", flush=True)
sys.exit(cli.main(sys.argv[1:]))
"""


@pytest.fixture
def hard_file(tmp_path: Path) -> str:
    """Random graph of some 6 neighbours a node with random terminal weights: never closed soon."""
    rng = np.random.default_rng(0)
    n = 400
    edges = np.concatenate([np.stack([np.arange(n), rng.permutation(n)], 1) for _ in range(3)])
    edges = edges[edges[:, 0] != edges[:, 1]]
    path = tmp_path / "hard.npz"
    np.savez(path, probs=rng.random((n, 8)), edges=edges, weights=np.full(len(edges), 0.15))
    return str(path)


def test_time_limit(hard_file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = str(tmp_path / "out.npz")
    assert main(["solve", hard_file, "-o", output, "--time-limit", "0.3", "--json"]) == 3
    assert json.loads(capsys.readouterr().out)["status"] == "time_limit"
    assert main(["verify", hard_file, output]) == 3
    assert "not proven" in capsys.readouterr().out


def test_ctrl_c_writes_the_best_so_far(hard_file: str, tmp_path: Path) -> None:
    output = tmp_path / "out.npz"
    command = [sys.executable, "-c", ANNOUNCING, "solve", hard_file, "-o", str(output), "--json"]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "cutting\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert json.loads(out.splitlines()[-1])["status"] == "interrupted"
    assert err == ""

    problem, result = read_problem(hard_file), read_result(output)
    report = verify(result, problem.probs, problem.graph)
    assert report
    assert not report.optimal
    assert 0 < result.lower_bound <= report.lower_bound + 1e-6 < result.cost
    assert main(["verify", hard_file, str(output)]) == 3


def test_reader_who_leaves_is_no_error(tmp_path: Path) -> None:
    problem = tmp_path / "problem.npz"
    np.savez(problem, probs=np.eye(2), feats=np.eye(2))
    command = [sys.executable, "-m", "liid_cut.cli", "solve", str(problem)]
    process = subprocess.Popen(
        [*command, "-o", str(tmp_path / "out.npz")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(timeout=60) == 0
    process.stderr.close()
