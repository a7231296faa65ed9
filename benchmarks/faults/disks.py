"""Writers on disks that are read-only or full: an error in one line, and no lost or half file.

Full: RLIMIT_FSIZE from 0 bytes up, so that a write fails in the middle. Read-only: a mount without
write permission where this process may make one, else a folder without it.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.faults import Row

# Output file of each writer, as options of liid-cut, and what makes the input.
WRITERS = {
    "solve -o": ["solve", "in.npz", "--delta", "1", "--quiet", "-o", "{out}"],
    "solve --checkpoint": [
        *("solve", "in.npz", "--neighbors", "certified", "--delta", "1", "--quiet"),
        *("--checkpoint", "{out}.folder", "-o", "ok.npz"),
    ],
    "report -o": ["report", "result.npz", "--input", "in.npz", "-o", "{out}"],
}


def rows(quick: bool) -> Iterator[Row]:
    """The rows of this part."""
    sizes = (0, 1000) if quick else (0, 1, 100, 1000, 4096, 10_000, 30_000, 100_000)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _make_inputs(folder)
        for writer, arguments in WRITERS.items():
            full = Row("disk", f"full after {', '.join(map(str, sizes))} bytes: {writer}")
            for size in sizes:
                _write(folder, arguments, "out", full, size)
            yield full
            read_only = Row("disk", f"read-only: {writer}")
            target = folder / "read_only"
            target.mkdir(exist_ok=True)
            mounted = _mount(target)
            try:
                _write(folder, arguments, "read_only/out", read_only, None)
            finally:
                if mounted:
                    subprocess.run(["umount", str(target)], check=True)
            if mounted or os.geteuid():
                yield read_only


def _mount(target: Path) -> bool:
    target.chmod(0o500)
    command = ["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(target)]
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


def _make_inputs(folder: Path) -> None:
    import numpy as np
    from instances import features, probabilities

    from liid_cut import multiway_cut
    from liid_cut.files import write_result

    probs, feats = probabilities(400, 4, 0), features(400, 16, 0)
    np.savez(folder / "in.npz", probs=probs, feats=feats)
    result = multiway_cut(probs, feats, delta=1.0)
    result.settings = {"delta": 1.0}
    write_result(folder / "result.npz", result)


def _write(folder: Path, arguments: list[str], out: str, row: Row, size: int | None) -> None:
    def limited() -> None:
        if size is not None:
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    target = folder / out
    before = b"an older file"
    is_there = size is not None
    if is_there:
        target.write_bytes(before)
    child = subprocess.run(
        [sys.executable, "-B", "-m", "liid_cut.cli", *(a.format(out=out) for a in arguments)],
        cwd=folder,
        preexec_fn=limited,
        capture_output=True,
        text=True,
        check=False,
    )
    kept = not is_there or target.read_bytes() == before
    row.outcomes[{0: "written", 2: "error, exit code 2"}.get(child.returncode, "other")] += 1
    lines = child.stderr.strip().splitlines()
    # One sentence; before it may stand what the log says of files that were no use to anybody.
    errors = [line for line in lines if line.startswith("liid-cut: error:")]
    said = lines[-1:] == errors and "Traceback" not in child.stderr
    if child.returncode not in (0, 2) or (child.returncode == 2 and not said):
        row.failures.append(f"{size}: exit code {child.returncode}, {child.stderr[-300:]!r}")
    if child.returncode and not kept:
        row.failures.append(f"{size}: the older file is lost")
    left = [path.name for path in folder.rglob("*.tmp")]
    if left:
        row.failures.append(f"{size}: left behind: {left}")
        for path in folder.rglob("*.tmp"):
            path.unlink()
    if is_there:
        target.unlink(missing_ok=True)
