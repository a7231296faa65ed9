"""Digests of what liid_cut returns on fixed inputs, to compare builds, CPUs and numbers of threads.

    python -m benchmarks.bits INPUTS.npz [--threads N] [--package DIR]

Input: the arrays that `benchmarks.reproducibility` wrote once, so that no two runs make them
differently. Output, as JSON: the first 16 hexadecimal digits of a SHA-256 for each result: labels,
cost, bound, status, messages, proofs and components of a cut; ids and similarities of a neighbour
table. ``--package``: the folder that liid_cut must come from. `benchmarks.reproducibility` runs
this for many builds.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import liid_cut
from benchmarks.instances import Instance
from liid_cut.neighbors import projected

CUT_FIELDS = (
    "labels",
    "cost",
    "lower_bound",
    "status",
    "component_ids",
    "components",
    "edges",
    "weights",
    "delta",
    "messages",
    "proofs",
    "certificate",
)


def cases(arrays: dict[str, Any], threads: int) -> Iterator[tuple[str, Any]]:
    """Every result by name, ``GROUP: CASE``."""
    for name in dict.fromkeys(key.split("/")[0] for key in arrays if key.endswith("/edges")):
        inst = Instance(*(arrays[f"{name}/{field}"] for field in Instance._fields))
        for method in ("auto", "ckr"):
            yield f"given graph: {name}, {method}", cut(inst, method=method, n_jobs=threads)
    gadgets = Instance(*(arrays[f"gadgets/{field}"] for field in Instance._fields))
    links = {"must_link": [[0, 9], [3, 40]], "cannot_link": [[1, 60], [5, 100]]}
    yield "given graph: links", cut(gadgets, n_jobs=threads, **links)

    probs, feats = arrays["proposals/probs"], arrays["proposals/feats"]
    images = arrays["proposals/image_ids"], arrays["proposals/image_tags"]
    wide = arrays["wide"]
    for method in ("exact", "certified", "pca", "pca in clusters"):
        for dtype in (np.float32, np.float16):
            found = neighbours(wide.astype(dtype), method, threads)
            yield f"neighbours: {method}, {np.dtype(dtype)}", found

    allowed = liid_cut.tags_to_allowed(*images)
    settings: dict[str, dict[str, Any]] = {
        "features: mutual": {"delta": 0.5},
        "features: union": {"delta": 0.3, "symmetrize": "union"},
        "features: tags": {"delta": 0.5, "allowed": allowed},
        "features: coverage": {"delta": 0.5, "allowed": allowed, "coverage": images},
        "features: authors": {"preset": "authors", "allowed": allowed},
        "logarithms: terminal_weights": {"delta": 0.5, "terminal_weights": "log"},
        "logarithms: temperature": {"delta": 0.5, "temperature": 1.3},
        "logarithms: local edge weights": {"delta": 0.5, "edge_weights": "local"},
        "logarithms: delta auto": {"delta": "auto"},
    }
    for name, options in settings.items():
        result = liid_cut.multiway_cut(probs, feats, n_jobs=threads, **options)
        yield name, fields(result)
        if name == "features: mutual":
            yield "features: margins", liid_cut.cut_margins(result, probs)
            yield "features: min-marginals", vars(liid_cut.min_marginals(result, probs))
            yield "features: distributions", liid_cut.label_distributions(result, probs)
    labels = np.where(np.arange(len(probs)) % 3 == 0, arrays["proposals/labels"], -1)
    yield "logarithms: fit_temperature", liid_cut.fit_temperature(probs, labels)
    yield "features: nms", liid_cut.batched_nms(arrays["boxes"], arrays["scores"], n_jobs=threads)


def neighbours(feats: Any, method: str, threads: int) -> dict[str, Any]:
    """The table of a method, which a fallback to another one would not show."""
    name, _, clusters = method.partition(" in ")
    kept = projected.CLUSTERS_FROM
    if clusters:
        projected.CLUSTERS_FROM = len(feats)
    try:
        table = liid_cut.find_neighbors(feats, 5, neighbors=name, target_recall=0.9, n_jobs=threads)
    finally:
        projected.CLUSTERS_FROM = kept
    reason = table.report["reason"]
    if table.report["method"] != name or ("clusters" in reason) != bool(clusters):
        raise SystemExit(f"{method} was not taken: {table.report}")
    return {"ids": table.ids, "similarities": table.similarities}


def cut(inst: Instance, **options: Any) -> dict[str, Any]:
    """The fields of the cut of a given graph."""
    result = liid_cut.multiway_cut(inst.probs, graph=(inst.edges, inst.weights), **options)
    return fields(result)


def fields(result: liid_cut.MultiwayCutResult) -> dict[str, Any]:
    """What must not differ: all but times and texts."""
    return {name: result[name] for name in CUT_FIELDS}


def digest(value: Any) -> str:
    """Of nested dictionaries, sequences, arrays and numbers, to the last bit."""
    hashed = hashlib.sha256()
    feed(hashed, value)
    return hashed.hexdigest()[:16]


def feed(hashed: Any, value: Any) -> None:
    """Hash ``value`` with its type, so that no two values look alike."""
    if isinstance(value, dict):
        hashed.update(b"{%d" % len(value))
        for name in sorted(value):
            feed(hashed, name)
            feed(hashed, value[name])
    elif isinstance(value, list | tuple):
        hashed.update(b"[%d" % len(value))
        for item in value:
            feed(hashed, item)
    elif isinstance(value, np.ndarray):
        hashed.update(f"array {value.dtype.str} {value.shape}".encode())
        hashed.update(np.ascontiguousarray(value).tobytes())
    elif isinstance(value, float | np.floating):
        hashed.update(b"float " + float(value).hex().encode())
    elif value is None or isinstance(value, str | int | np.integer | np.bool_):
        hashed.update(f"{type(value).__name__} {value}".encode())
    else:
        raise TypeError(f"cannot hash a {type(value).__name__}")


def main() -> None:
    """Print the digests of every case."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bits")
    parser.add_argument("inputs", type=Path, metavar="INPUTS.npz")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--package", type=Path, help="folder that liid_cut must come from")
    options = parser.parse_args()
    place = Path(liid_cut.__file__).resolve()
    if options.package is not None and not place.is_relative_to(options.package.resolve()):
        raise SystemExit(f"liid_cut comes from {place}, not from {options.package}")
    warnings.simplefilter("ignore")
    with np.load(options.inputs) as arrays:
        found = {name: digest(value) for name, value in cases(dict(arrays), options.threads)}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
