"""Named sets of instances, each with the peers and the time limit that they are compared with.

`SUITES` maps a name to a `Suite`; `load` makes its instances. Instances that need a file or a
package that is not there are left out with a word on stderr.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import numpy as np

from benchmarks import generators
from benchmarks.instances import SHARED, Instance, make_instance, read_instance
from benchmarks.peers import PEERS

Make = Callable[[], Instance]


class Suite(NamedTuple):
    """Instances by name, solvers in the order of the table, and how they are run.

    Attributes
    ----------
    instances : functions that make them, by name.
    peers : names in `PEERS`; ours come first.
    time_limit : seconds for ours; ``peer_time_limit`` : seconds for each peer.
    repeat : rounds.
    """

    instances: Mapping[str, Make]
    peers: tuple[str, ...]
    time_limit: float
    peer_time_limit: float
    repeat: int


def proposals_graph(n_images: int, n_classes: int = 20, seed: int = 0) -> Instance:
    """Generated proposals on liid_cut's default graph (mutual, 3 neighbours, delta 5)."""
    import liid_cut

    made = generators.proposals(n_images, n_classes=n_classes, seed=seed)
    graph = liid_cut.build_graph(made.feats).tocoo()
    upper = graph.row < graph.col
    edges = np.stack([graph.row[upper], graph.col[upper]], axis=1)
    return make_instance(made.probs, edges, graph.data[upper])


def _files(*names: str) -> dict[str, Make]:
    return {name: partial(read_instance, SHARED / "instances" / f"{name}.npz") for name in names}


EXACT = ("liid-auto", "highs-mip", "scip", "toulbar2", "alpha-expansion")

SUITES: dict[str, Suite] = {
    "quick": Suite(
        {
            "triangle": generators.triangle,
            "simplex-grid-4": partial(generators.simplex_grid, 4),
            "potts-10x10-k4": partial(generators.potts_grid, 10, 10, 4, seed=0),
            "proposals-600": partial(proposals_graph, 30),
        },
        tuple(PEERS),
        time_limit=5.0,
        peer_time_limit=5.0,
        repeat=1,
    ),
    # Graphs of nearest neighbours, as the package is made for.
    "proposals": Suite(
        _files("voc-small-mutual", "voc-union-d1", "coco-mutual")
        | {
            "proposals-6000": partial(proposals_graph, 300),
            "proposals-20000-k81": partial(proposals_graph, 1000, 80),
        },
        ("liid-auto", "liid-ckr", "highs-components", "toulbar2", "alpha-expansion"),
        time_limit=30.0,
        peer_time_limit=30.0,
        repeat=3,
    ),
    # Families on which the relaxation has a gap.
    "gaps": Suite(
        _files("gap-gadgets120-01", "gap-potts20-k5")
        | {
            f"simplex-grid-{size}": partial(generators.simplex_grid, size)
            for size in (3, 4, 6, 7, 9, 10, 12)
        }
        | {
            "gadgets-300-k8": partial(generators.gadgets, 300, 8, seed=0),
            **{
                f"gadgets-1500-k10-{seed}": partial(generators.gadgets, 1500, 10, seed=seed)
                for seed in range(3)
            },
            **{
                f"potts-30x30-k8-{seed}": partial(generators.potts_grid, 30, 30, 8, seed=seed)
                for seed in range(3)
            },
            "regular-60-d5-k6": partial(generators.random_regular, 60, 5, 6, seed=1),
            "regular-100-d5-k6": partial(generators.random_regular, 100, 5, 6, seed=0),
        },
        EXACT,
        time_limit=20.0,
        peer_time_limit=20.0,
        repeat=3,
    ),
    # Just below the weight at which one label takes all; the seeds with the largest gaps of 0..7.
    "hard": Suite(
        {
            f"regular-300-d4-k6-w{weight:g}-{seed}": partial(
                generators.random_regular, 300, 4, 6, seed=seed, weight=weight
            )
            for weight, seed in ((0.28, 0), (0.28, 2), (0.28, 6), (0.28, 7), (0.29, 0))
        },
        EXACT,
        time_limit=120.0,
        peer_time_limit=30.0,
        repeat=1,
    ),
}


def load(instances: Mapping[str, Make]) -> dict[str, Instance]:
    """Make the instances; those whose file or package is missing are left out, with a word."""
    found = {}
    for title, make in instances.items():
        try:
            found[title] = make()
        except (FileNotFoundError, ImportError) as error:
            print(f"{title}: left out, {error}", file=sys.stderr)
    return found
