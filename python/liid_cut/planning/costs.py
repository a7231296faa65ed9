"""What a unit of work costs on a machine: seconds of one core, measured by `calibration`.

A forecast counts units (`searches`, `cutting`) and multiplies them with these. They are stored as
JSON: packaged ones, measured on the machine that the file names, and those of `liid-cut plan
--calibrate` in the user's cache folder, which then take their place.

    {"format": ..., "machine": ..., "date": ..., "seconds": {unit: seconds}}
"""

from __future__ import annotations

import datetime
import json
import math
import os
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from liid_cut.npz import replacing

FORMAT = "liid_cut costs 1"
PACKAGED = Path(__file__).with_name("default_costs.json")

UNITS = {
    "feature": "read, check and scale one entry of feats",
    "hash_byte": "one byte of the fingerprint that a checkpoint needs",
    "product": "a multiply-add of a large matrix product in single precision",
    "double_product": "a multiply-add of a projection in double precision",
    "cluster_product": "a multiply-add of FAISS's k-means, which runs on one thread",
    "pair": "look at one similarity of an all-pairs tile, which counts for both rows",
    "query": "look at one similarity of rows that ask",
    "sample_pair": "one similarity of the sample that plans a search, in NumPy",
    "insert": "put a similarity into a row's list",
    "shift": "one entry of that list, for each similarity put into it",
    "cosine": "rank one candidate of a row by its cosine in double precision",
    "cosine_column": "one column of that cosine",
    "slot": "turn one neighbour of a row into an edge, or drop it",
    "delta_value": "one label of a node in the estimate of delta",
    "cut_node": "one node of the cut: components, inspection, result",
    "cut_value": "one label of a node in the cut",
    "merged": "one entry of lists that are merged by (similarity, id)",
    "file": "a block of a run written to its folder, beside its bytes",
    "task": "a unit of a distributed run handed out, beside its work and its block",
    "written_byte": "one byte of a compressed result file",
}

Counts = Mapping[str, float]


@dataclass(frozen=True)
class Costs:
    """Seconds of one core for each unit of `UNITS`, and where they were measured.

    Attributes
    ----------
    seconds : unit to seconds, all finite and >= 0.
    machine : processor, number of cores and versions, in words.
    date : ISO date of the measurement.
    """

    seconds: Mapping[str, float]
    machine: str
    date: str

    def of(self, counts: Counts) -> float:
        """Seconds of one core for so many units."""
        return sum(self.seconds[unit] * number for unit, number in counts.items())


def cache_path() -> Path:
    """Where `liid-cut plan --calibrate` leaves what it measured, unless told otherwise."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base, "liid-cut", "costs.json")


def read_costs(path: str | os.PathLike[str] | None = None) -> Costs:
    """Costs from a file; None: from the cache folder where there are some, else the packaged ones.

    Raises
    ------
    OSError : the file is missing or cannot be read.
    ValueError : it is no such file, or damaged.
    """
    if path is None:
        path = cache_path() if cache_path().exists() else PACKAGED
    text = Path(path).read_text(encoding="utf-8")
    try:
        found = json.loads(text)
        if found["format"] != FORMAT:
            raise ValueError(f"its format is {found['format']!r}, not {FORMAT!r}")
        seconds = {unit: float(found["seconds"][unit]) for unit in UNITS}
        bad = [unit for unit, value in seconds.items() if not (math.isfinite(value) and value >= 0)]
        if bad:
            raise ValueError(f"{bad[0]} is {seconds[bad[0]]}; it must be finite and >= 0")
        return Costs(seconds, str(found["machine"]), str(found["date"]))
    except (ValueError, KeyError, TypeError) as error:
        told = f"{error} is missing" if isinstance(error, KeyError) else str(error)
        raise ValueError(
            f"{path}: no file of measured costs: {told}; liid-cut plan --calibrate writes one"
        ) from None


def write_costs(path: str | os.PathLike[str], costs: Costs) -> None:
    """Write costs as JSON, in one step; the folder is made where it is missing."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    record: dict[str, Any] = {
        "format": FORMAT,
        "machine": costs.machine,
        "date": costs.date,
        "seconds": {unit: float(f"{value:.4g}") for unit, value in costs.seconds.items()},
    }
    with replacing(path) as file:
        file.write(json.dumps(record, indent=1).encode() + b"\n")


def this_machine() -> str:
    """Processor and cores of this machine, in words."""
    model = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return f"{model}, {os.cpu_count()} cores"


def today() -> str:
    """ISO date."""
    return datetime.datetime.now(datetime.UTC).date().isoformat()
