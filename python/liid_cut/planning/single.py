"""A run in a single process: `multiway_cut` of files, and the result file of `liid-cut solve`."""

from __future__ import annotations

from dataclasses import replace

from liid_cut.neighbors.methods import budget as bytes_left
from liid_cut.planning import cutting
from liid_cut.planning.assumptions import assumed
from liid_cut.planning.choosing import choose_method, sentences
from liid_cut.planning.layout import Layout
from liid_cut.planning.searches import (
    SearchSize,
    directions_that_fit,
    search_parts,
)
from liid_cut.planning.settings import PlanSettings

# Python with NumPy, SciPy, the core and FAISS.
PROCESS_BYTES = 50 << 20
# Of a result file, compressed: most messages are zero.
_COMPRESSED = 0.16


def layout(settings: PlanSettings) -> Layout:
    """The steps of the run."""
    expected = assumed(settings.n, settings.d, settings.target_recall)
    method, reason = choose_method(settings, expected)
    left, problem = search_budget(settings)
    size = SearchSize(settings.n, settings.d, settings.k, left, settings.cores)
    read, *search = search_parts(method, size, expected)
    read = replace(read, read=float(settings.feats_bytes + settings.probs_bytes))
    if settings.checkpoint:
        read = replace(read, counts={**read.counts, "hash_byte": settings.feats_bytes})
        # The table; lists of candidates lie beside it only until it is written.
        search[-1] = replace(search[-1], disk=16.0 * settings.n * settings.k)
    cut = cutting.CutSize(settings.n, settings.labels, settings.k, settings.symmetrize)
    is_pca = method == "pca"
    return Layout(
        method=method,
        reason=reason,
        stages={
            "read": [read],
            "neighbors": search,
            "graph": [cutting.graph(cut)],
            "delta": [cutting.delta(cut)] if settings.auto_delta else [],
            "components": [cutting.components(cut)],
            "solve": [cutting.cut(cut, kept=settings.checkpoint)],
            "write": [cutting.written(cut, _COMPRESSED)],
        },
        process=PROCESS_BYTES,
        blocks={},
        assumptions=sentences(method, settings, expected),
        directions_wanted=expected.directions if is_pca else 0,
        directions=min(directions_that_fit(size), expected.directions) if is_pca else 0,
        problem=problem,
    )


def search_budget(settings: PlanSettings) -> tuple[float, str]:
    """Bytes for vectors and tiles of the search, and what is wrong with ``max_memory``."""
    sizes = settings.n, settings.d, settings.k, settings.cores
    try:
        return float(bytes_left(settings.max_memory, *sizes)), ""
    except ValueError as error:
        return 1.0, str(error)
