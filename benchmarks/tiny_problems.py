"""Holds every method against brute force on many random tiny problems.

    python -m benchmarks.tiny_problems [--n 100000] [--first 0] [--processes 2] [--json OUT]
                                       [--constraints | --relaxed]

Each problem is solved by ``"auto"``, ``"ckr"`` and ``"brute_force"``, once with all labels and once
with a random ``allowed``. The oracle is an enumeration in NumPy, written here. For each result:

- the status is ``"optimal"``, and cost and bound are the oracle's minimum, to 1e-9;
- the labels are allowed, and their cost, summed here, is that minimum;
- ``liid_cut.verify`` confirms it as optimal.

Problem i is `tiny_problem(i)`; with ``--constraints`` it is `constrained_problem(i)` of
``benchmarks/tiny_constraints.py``, solved once by each method. Prints counts, by
method and by the latest stage that was needed, and every mismatch; the exit code is 1 if there is
one.
"""

from __future__ import annotations

import argparse
import itertools
import multiprocessing
import sys
import time
from collections import Counter
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

import liid_cut
from benchmarks import records
from benchmarks.generators import triangle
from benchmarks.instances import FloatArray, Instance, make_instance, unary_costs
from benchmarks.tiny_constraints import STAGES, check_constrained, check_relaxed

METHODS = ("auto", "ckr", "brute_force")
TOLERANCE = 1e-9
MOST_NODES, MOST_LABELS = 8, 5
MOST_LABELLINGS = 1 << 14
CHUNK = 250

Check = Callable[[int], tuple[Counter[str], list[str]]]


class Problem(NamedTuple):
    """A problem, and the labels that its second variant may use, bool (n, K+1)."""

    instance: Instance
    allowed: NDArray[np.bool_]


def tiny_problem(seed: int) -> Problem:
    """Random sizes, graphs and weights: many with ties, with a gap or with several components.

    Graphs are sparse to complete; weights are quarters (ties) or continuous. Every second problem
    that is large enough has one or two triangles of three terminals planted in it, whose
    relaxation has a gap, with lighter edges between and around them.
    """
    rng = np.random.default_rng(seed)
    labels = int(rng.integers(1, MOST_LABELS + 1))
    most = MOST_NODES
    while labels**most > MOST_LABELLINGS:
        most -= 1
    n = int(rng.integers(1, most + 1))
    pairs = np.argwhere(np.triu(np.ones((n, n), dtype=bool), k=1))
    pairs = pairs[rng.random(len(pairs)) < rng.uniform(0.2, 1.0)]
    weights = rng.integers(0, 5, len(pairs)) / 4
    probs = rng.integers(0, 5, (n, labels)) / 4
    if min(n, labels) >= 3 and rng.random() < 0.5:
        weights *= rng.choice([0.0, 0.05, 0.25])
        probs *= 0.1
        torn = triangle()
        nodes = rng.permutation(n)
        for first in range(0, n - 2, 3)[: rng.integers(1, 3)]:
            three = nodes[first : first + 3]
            columns = rng.choice(labels, 3, replace=False)
            probs[np.ix_(three, columns)] += torn.probs
            pairs = np.concatenate([pairs, three[torn.edges]])
            weights = np.concatenate([weights, torn.weights])
    elif rng.random() < 0.5:  # every node torn between two labels
        probs = np.zeros((n, labels))
        for _ in range(2):
            probs[np.arange(n), rng.integers(labels, size=n)] = 1.0
    if rng.random() < 0.5:  # no ties
        probs += 0.1 * rng.random((n, labels))
        weights *= rng.uniform(0.8, 1.2, len(pairs))
    probs[np.arange(n), rng.integers(labels, size=n)] += 0.05  # no row all zero
    allowed = rng.random((n, labels)) < 0.7
    allowed[np.arange(n), rng.integers(labels, size=n)] = True
    return Problem(make_instance(probs, pairs, weights), allowed)


@cache
def all_labellings(n: int, labels: int) -> NDArray[np.int8]:
    """Every labelling, int8 (labels ** n, n)."""
    return np.array(list(itertools.product(range(labels), repeat=n)), dtype=np.int8)


def all_costs(instance: Instance) -> FloatArray:
    """Cost of every labelling, in the order of `all_labellings`."""
    n, labels = instance.probs.shape
    every = all_labellings(n, labels)
    costs: FloatArray = unary_costs(instance)[np.arange(n), every].sum(axis=1)
    for (u, v), w in zip(instance.edges, instance.weights, strict=True):
        costs += w * (every[:, u] != every[:, v])
    return costs


def faults(result: Any, instance: Instance, costs: FloatArray, given: dict[str, Any]) -> list[str]:
    """What is wrong with a result; ``costs`` are infinite where a labelling is not allowed.

    ``given``: the keywords of the solve that ``verify`` needs.
    """
    n, labels = instance.probs.shape
    best = float(costs.min())
    slack = TOLERANCE * max(1.0, abs(best))
    found = []
    if result.status != "optimal":
        found.append(f"status {result.status}")
    for name in ("cost", "lower_bound"):
        if not abs(result[name] - best) <= slack:
            found.append(f"{name} {result[name]!r}, cheapest {best!r}")
    x = np.asarray(result.labels)
    if x.shape != (n,) or x.min() < 0 or x.max() >= labels:
        return [*found, f"labels {x.tolist()}"]
    attained = float(costs[np.ravel_multi_index(tuple(x), (labels,) * n)])
    if not abs(attained - best) <= slack:
        found.append(f"labels {x.tolist()} cost {attained!r}, cheapest {best!r}")
    graph = instance.edges, instance.weights
    verification = liid_cut.verify(result, instance.probs, graph, **given)
    if not verification or not verification.optimal:
        found.append(f"verify: {verification.problems or 'bound below cost'}")
    return found


def check(seed: int) -> tuple[Counter[str], list[str]]:
    """Solve one problem in every way: counts of stages, and what is wrong."""
    instance, mask = tiny_problem(seed)
    n, labels = instance.probs.shape
    every = all_labellings(n, labels)
    free = all_costs(instance)
    masked = np.where(mask[np.arange(n), every].all(axis=1), free, np.inf)
    stages: Counter[str] = Counter()
    wrong = []
    for allowed, costs in ((None, free), (mask, masked)):
        for method in METHODS:
            name = f"problem {seed}, {method}{'' if allowed is None else ', allowed'}"
            try:
                result = liid_cut.multiway_cut(
                    instance.probs,
                    graph=(instance.edges, instance.weights),
                    allowed=allowed,
                    method=method,
                    n_jobs=1,
                )
                found = faults(result, instance, costs, {"allowed": allowed})
                closed_by = result.diagnostics["closed_by"]
                latest = max(closed_by, key=STAGES.index)
                stages[f"{method}: {latest}"] += 1
            except Exception as error:  # a crash is a finding like any other
                found = [f"{type(error).__name__}: {error}"]
            wrong += [f"{name}: {text}" for text in found]
    return stages, wrong


def check_many(seeds: range, check_one: Check = check) -> tuple[Counter[str], list[str], float]:
    """A check on each seed, and the CPU seconds that it took."""
    start = time.process_time()
    stages: Counter[str] = Counter()
    wrong: list[str] = []
    for seed in seeds:
        found = check_one(seed)
        stages += found[0]
        wrong += found[1]
    return stages, wrong, time.process_time() - start


def markdown(data: dict[str, Any]) -> str:
    """A sentence, the counts, and the first mismatches."""
    wrong = data["mismatches"]
    how = "with all labels and with random `allowed`"
    if data.get("constraints"):
        how = "with random constraints"
    text = (
        f"{data['problems']} problems (seeds {data['first']} to "
        f"{data['first'] + data['problems'] - 1}), each {how}, by each of "
        f"{', '.join(METHODS)}: {sum(data['stages'].values())} results, "
        f"{len(wrong)} mismatches, {data['cpu_s']:.0f} CPU s, checks included."
    )
    names = (*STAGES, "no labelling")
    stages = [stage for stage in names if any(stage in name for name in data["stages"])]
    rows: list[tuple[str, ...]] = [("method", *stages)]
    for method in METHODS:
        counts = (data["stages"].get(f"{method}: {stage}", 0) for stage in stages)
        rows.append((method, *map(str, counts)))
    return "\n\n".join([text, records.markdown_table(rows), *wrong[:20]])


def main(arguments: list[str] | None = None) -> int:
    """Check the problems; returns 1 if there is a mismatch, else 0."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.tiny_problems", description="Every method against brute force."
    )
    parser.add_argument("--n", type=int, default=100_000, help="problems")
    parser.add_argument("--first", type=int, default=0, help="first seed")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--constraints", action="store_true", help="links, tags, known labels")
    parser.add_argument("--relaxed", action="store_true", help="the same by way of a relaxation")
    parser.add_argument("--json", type=Path, metavar="OUT", help="write the counts")
    options = parser.parse_args(arguments)
    end = options.first + options.n
    chunks = [range(i, min(i + CHUNK, end)) for i in range(options.first, end, CHUNK)]
    check_one = check_constrained if options.constraints else check
    check_one = check_relaxed if options.relaxed else check_one
    stages: Counter[str] = Counter()
    wrong: list[str] = []
    cpu, done = 0.0, 0
    with multiprocessing.get_context("spawn").Pool(options.processes) as pool:
        for chunk, found in zip(
            chunks, pool.imap(partial(check_many, check_one=check_one), chunks), strict=True
        ):
            stages += found[0]
            wrong += found[1]
            cpu += found[2]
            done += len(chunk)
            if done % 10_000 < CHUNK:
                print(f"{done} problems, {len(wrong)} mismatches", file=sys.stderr, flush=True)
    data = {
        "first": options.first,
        "problems": done,
        "constraints": options.constraints or options.relaxed,
        "cpu_s": cpu,
        "stages": dict(sorted(stages.items())),
        "mismatches": wrong,
    }
    print(markdown(data))
    if options.json:
        records.write(options.json, records.command_line("benchmarks.tiny_problems"), data)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
