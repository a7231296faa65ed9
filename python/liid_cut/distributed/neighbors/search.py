"""The search as the client sees it: `liid_cut.neighbors.methods` on units.

What is decided (the method, how many directions, clusters and candidates) is decided here, by the
functions that the search in one process uses, from the same numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut.distributed.features import Features
from liid_cut.distributed.neighbors import all_pairs, clusters, coordinates, ranking
from liid_cut.distributed.neighbors.ranking import Table
from liid_cut.distributed.neighbors.sample import exact_neighbors
from liid_cut.distributed.ranges import ranges
from liid_cut.distributed.run import Run, write_once
from liid_cut.distributed.sources import BlocksSource, block_name, file_source
from liid_cut.distributed.units import Unit
from liid_cut.neighbors import projected
from liid_cut.neighbors.certified import how_certified
from liid_cut.neighbors.clusters import Clusters
from liid_cut.neighbors.exact import EXTRA_CANDIDATES, hopeful, is_uncertain
from liid_cut.neighbors.methods import METHODS, SearchSettings, budget, checked_report, choose
from liid_cut.neighbors.recall import Recall, recall_of_lists, recall_sample
from liid_cut.neighbors.workers import usable_cores
from liid_cut.npz import Arrays
from liid_cut.runs.store import Store


def check_settings(settings: SearchSettings) -> None:
    """Raise a ``ValueError`` for a method that has no units."""
    if callable(settings.neighbors) or settings.neighbors not in METHODS:
        name = "a function" if callable(settings.neighbors) else repr(settings.neighbors)
        raise ValueError(
            f"neighbors is {name}; with a client it must be one of "
            f"{', '.join(map(repr, METHODS))}, or a table: (ids, similarities)"
        )


def search(
    run: Run, store: Store, features: Features, k: int, settings: SearchSettings
) -> tuple[Table, dict[str, Any]]:
    """The table of the rows that are searched, and the report; k > 0."""
    methods = _InUnits(run, store, features, k, settings)
    found = choose(settings, methods)
    return found.nearest, checked_report(settings, found, methods.recall)


class _InUnits:
    """`liid_cut.neighbors.methods.Methods`."""

    def __init__(
        self, run: Run, store: Store, features: Features, k: int, settings: SearchSettings
    ) -> None:
        self.n, self.d = features.n, features.d
        self._run = run
        self._store = store
        self._features = features
        self._k = k
        self._target_recall = settings.target_recall
        n_threads = settings.n_threads or usable_cores()
        n_all = features.feats.shape[0]
        self._max_bytes = budget(settings.max_bytes, n_all, self.d, k, n_threads)
        self._plan: _Projection | None = None

    def exact(self) -> Table:
        length = self._k + EXTRA_CANDIDATES
        starts = all_pairs.candidates_of_all_pairs(
            self._run, self._store, "exact", self._features, None, length
        )
        parts = self._run.do(
            Unit(
                block_name("exact-ranked", i),
                _rank_exact,
                (self._features, self._store, "exact", self._k, i, *rows),
                self._store,
                ("uncertain",),
            )
            for i, rows in enumerate(ranges(starts))
        )
        uncertain = np.concatenate([part["uncertain"] for part in parts])
        if not uncertain.size:
            return Table.of(self._store, "exact-ranked", starts, self._k)
        ids, cosines = exact_neighbors(
            self._run, self._store, "exact-uncertain", self._features, uncertain, self._k
        )
        write_once(
            self._store, "exact-certain", {"rows": uncertain, "ids": ids, "cosines": cosines}
        )
        self._run.do(
            Unit(
                block_name("exact-table", i),
                _with_certain,
                (self._store, "exact-ranked", i, *rows),
                self._store,
            )
            for i, rows in enumerate(ranges(starts))
        )
        return Table.of(self._store, "exact-table", starts, self._k)

    def certified(self) -> tuple[Table | None, str]:
        """Of both exact methods the other: the table is the same, and so is the decision."""
        plan = coordinates.bounds_of(
            self._run, self._store, self._features, self._k, self._max_bytes
        )
        if isinstance(plan, str):
            return None, plan
        return self.exact(), how_certified(plan.head, plan.total)

    def projected(self, effort: int = 1) -> tuple[Table, str]:
        plan = self._projection()
        length = projected.with_effort(plan.n_candidates, self._k, effort)
        prefix = f"pca-{effort}"
        if plan.clusters is None:
            starts = all_pairs.candidates_of_all_pairs(
                self._run, self._store, prefix, self._features, plan.coordinates, length
            )
            parts = self._run.do(
                Unit(
                    block_name(f"{prefix}-ranked", i),
                    _rank_block,
                    (self._features, self._store, prefix, self._k, i, *rows),
                    self._store,
                    ("rows", "last"),
                )
                for i, rows in enumerate(ranges(starts))
            )
            table = ranking.table_of_ranked(
                self._run, self._store, f"{prefix}-ranked", starts, self._k, parts, None
            )
            return table, projected.how_found(plan.width, length)

        assert plan.ordered is not None
        count = plan.clusters.count
        n_probes = min(count, effort * plan.needed_probes)
        starts = clusters.block_starts(self.n)
        parts = self._run.do(
            Unit(
                block_name(prefix, i),
                _rank_near_clusters,
                (self._features, plan.ordered, n_probes, length, self._k, *rows),
                self._store,
                ("rows", "last"),
            )
            for i, rows in enumerate(ranges(starts))
        )
        place = np.empty_like(plan.clusters.order)
        place[plan.clusters.order] = np.arange(self.n)
        write_once(self._store, "places", {"places": place})
        table = ranking.table_of_ranked(
            self._run,
            self._store,
            prefix,
            starts,
            self._k,
            parts,
            file_source(self._store, "places", "places"),
        )
        return table, projected.how_found(plan.width, length, n_probes, count)

    def recall(self, nearest: Table) -> Recall:
        sample = recall_sample(self.n)
        exact, _ = exact_neighbors(
            self._run, self._store, "recall", self._features, sample, self._k
        )
        return recall_of_lists(exact, nearest.ids.take(sample))

    def _projection(self) -> _Projection:
        """What all efforts share."""
        if self._plan is None:
            self._plan = _Projection(
                self._run,
                self._store,
                self._features,
                self._k,
                self._max_bytes,
                self._target_recall,
            )
        return self._plan


class _Projection:
    """The plan of `liid_cut.neighbors.projected.projected`, and coordinates by it.

    Attributes
    ----------
    width, n_candidates : of the plan, for effort 1; where there are clusters, ``needed_probes``.
    coordinates : source (n, width).
    clusters, ordered : None where all pairs are few enough.
    """

    def __init__(
        self,
        run: Run,
        store: Store,
        features: Features,
        k: int,
        max_bytes: int,
        target_recall: float,
    ) -> None:
        n, d = features.n, features.d
        sample = projected.plan_sample(n)
        found, _ = exact_neighbors(run, store, "plan", features, sample, k)
        neighbors = found.astype(np.int64)
        miss = projected.missed(target_recall)
        widths = _widths_of_the_run(store, projected.widths_that_fit(n, d, max_bytes))
        directions = coordinates.directions_of(run, store, features, widths[-1])
        ranks = coordinates.ranks_of(run, store, features, directions, widths, sample, neighbors)
        self.width, self.n_candidates = projected.cheapest_plan(
            list(ranks), widths, n, d, neighbors, miss
        )
        self.coordinates: BlocksSource = coordinates.coordinates_of(
            run, store, features, directions, self.width
        )
        self.clusters: Clusters | None = None
        self.ordered: clusters.Sorted | None = None
        if n >= projected.CLUSTERS_FROM:
            self.clusters = clusters.clusters_of(run, store, self.coordinates)
            of_sample = self.coordinates.take(sample)
            self.needed_probes = projected.needed_probes(self.clusters, of_sample, neighbors, miss)
            self.ordered = clusters.sorted_by_cluster(run, store, self.coordinates, self.clusters)


def _widths_of_the_run(store: Store, fitting: list[int]) -> list[int]:
    """Numbers of directions to choose from: those that the run began with.

    Raises
    ------
    ValueError : there is less memory than there was, and not for all of them.
    """
    name = "widths"
    most = int(store.get(name, lambda: {"most": np.array(fitting[-1])})["most"])
    if most > fitting[-1]:
        raise ValueError(
            f"checkpoint: {store.folder} was begun with memory for {most} directions, and here are "
            f"{fitting[-1]}; raise max_memory, or name another folder"
        )
    return [width for width in fitting if width <= most]


# ---- units


def _rank_exact(
    features: Features, store: Store, prefix: str, k: int, i: int, begin: int, end: int
) -> Arrays:
    """The best of a block's candidates, and the rows for which they may not be all."""
    ids, similarities = _candidates(store, prefix, i)
    rows = np.arange(begin, end)
    found = ranking.ranked(features, k, rows, hopeful(ids, similarities, k, features.rounding))
    uncertain = is_uncertain(found["cosines"][:, -1], ids, similarities, features.rounding)
    return {"ids": found["ids"], "cosines": found["cosines"], "uncertain": rows[uncertain]}


def _with_certain(store: Store, prefix: str, i: int, begin: int, end: int) -> Arrays:
    """A block of the table, with the rows that were searched again."""
    name = block_name(prefix, i)
    arrays = {of: file_source(store, name, of).read(0, end - begin) for of in ("ids", "cosines")}
    certain = {of: file_source(store, "exact-certain", of) for of in ("rows", "ids", "cosines")}
    rows = certain["rows"].read(0, certain["rows"].shape[0])
    a, b = np.searchsorted(rows, [begin, end])
    for of, array in arrays.items():
        array[rows[a:b] - begin] = certain[of].read(int(a), int(b))
    return arrays


def _rank_block(
    features: Features, store: Store, prefix: str, k: int, i: int, begin: int, end: int
) -> Arrays:
    ids, _ = _candidates(store, prefix, i)
    return ranking.ranked(features, k, np.arange(begin, end), ids)


def _rank_near_clusters(
    features: Features,
    ordered: clusters.Sorted,
    n_probes: int,
    length: int,
    k: int,
    begin: int,
    end: int,
) -> Arrays:
    rows, candidates = clusters.candidates_of_block(features, ordered, n_probes, length, begin, end)
    return ranking.ranked(features, k, rows, candidates)


def _candidates(
    store: Store, prefix: str, i: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    name = block_name(prefix, i)
    ids, similarities = (file_source(store, name, of) for of in ("ids", "similarities"))
    return ids.read(0, ids.shape[0]), similarities.read(0, ids.shape[0])
