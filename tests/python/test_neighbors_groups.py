"""Neighbours that have to share a group, such as a foreground tag, by every method."""

from __future__ import annotations

import numpy as np
import pytest
from instances import Bools, Floats, Ints, features, probabilities
from reference import cosines

from liid_cut import find_neighbors, make_problem, tags_to_allowed
from liid_cut.neighbors.groups import Groups

N = 700
FEATS = features(N, 10, seed=1)
RNG = np.random.default_rng(2)
MEMBERS = RNG.random((N, 80)) < 0.03  # more than one 64-bit word; some rows have none


def nearest_of_group(feats: Floats, members: Bools, k: int) -> Ints:
    """The k nearest that share a group, slowly; -1 for none."""
    similarity = cosines(feats)
    shared = (members[:, None, :] & members[None, :, :]).any(axis=2)
    ids = np.full((len(feats), k), -1)
    for u in range(len(feats)):
        others = [v for v in np.flatnonzero(shared[u]) if v != u]
        best = sorted(others, key=lambda v: (-similarity[u, v], v))[:k]
        ids[u, : len(best)] = best
    return ids


@pytest.mark.parametrize("method", ["exact", "auto", "certified", "pca", "torch:cpu"])
@pytest.mark.parametrize("k", [1, 3, 40])
def test_every_row_gets_neighbours_that_share_a_group(method: str, k: int) -> None:
    if method == "torch:cpu":
        pytest.importorskip("torch")
    table = find_neighbors(FEATS, k, neighbors=method, groups=MEMBERS)
    np.testing.assert_array_equal(table.ids, nearest_of_group(FEATS, MEMBERS, k))
    assert (np.isneginf(table.similarities) == (table.ids < 0)).all()


def test_copies_of_different_groups_are_not_neighbours() -> None:
    feats = np.repeat(features(10, 5, seed=3), 30, axis=0)
    members = np.eye(4, dtype=bool)[np.arange(300) % 4]
    members[::7] = False
    table = find_neighbors(feats, 3, groups=members)
    shared = members[np.arange(300)[:, None], :] & members[table.ids]
    assert (shared.any(axis=2) == (table.ids >= 0)).all()
    assert (table.ids[::7] == -1).all()
    np.testing.assert_array_equal(table.ids[299], [271, 275, 279])


@pytest.mark.parametrize("n_groups", [1, 63, 64, 65, 200])
def test_groups_of_any_number(n_groups: int) -> None:
    members = np.random.default_rng(n_groups).random((40, n_groups)) < 2 / n_groups
    groups = Groups.of(members)
    u, v = (x.ravel() for x in np.indices((40, 40)))
    expected = (members[u] & members[v]).any(axis=1)
    np.testing.assert_array_equal(groups.share(u, v), expected)
    np.testing.assert_array_equal(
        groups.take(np.arange(39, -1, -1)).share(39 - u, 39 - v), expected
    )


def test_faiss_cannot_filter_and_says_so() -> None:
    with pytest.raises(ValueError, match="cannot leave out pairs inside the search; with shared_t"):
        find_neighbors(FEATS, 3, neighbors="faiss:Flat", groups=MEMBERS)


# ---- tags


def tagged() -> tuple[Floats, Bools]:
    tags = RNG.random((70, 5)) < 0.3
    return probabilities(N, 6, 4), tags_to_allowed(np.arange(N) // 10, tags)


def test_shared_tags_are_those_of_allowed() -> None:
    probs, allowed = tagged()
    problem = make_problem(probs, FEATS, allowed=allowed, shared_tags=True, symmetrize="union")
    u, v = problem.edges.T
    assert (allowed[u, 1:] & allowed[v, 1:]).any(axis=1).all()
    expected = nearest_of_group(FEATS, allowed[:, 1:], 3)
    pairs = {(min(u, v), max(u, v)) for u, row in enumerate(expected) for v in row if v >= 0}
    assert {(int(a), int(b)) for a, b in problem.edges} == pairs
    # A filter after the search leaves fewer.
    after = make_problem(probs, FEATS, allowed=allowed, symmetrize="union").edges.T
    kept = (allowed[after[0], 1:] & allowed[after[1], 1:]).any(axis=1)
    assert kept.sum() < len(pairs)


def test_shared_tags_need_tags() -> None:
    probs, _ = tagged()
    with pytest.raises(ValueError, match="shared_tags needs allowed, which says the foreground"):
        make_problem(probs, FEATS, shared_tags=True)


def test_shared_tags_is_a_bool() -> None:
    probs, allowed = tagged()
    with pytest.raises(ValueError, match="shared_tags is 'yes'; it must be True or False"):
        make_problem(probs, FEATS, allowed=allowed, shared_tags="yes")  # type: ignore[arg-type]


def test_shared_tags_act_inside_a_search() -> None:
    probs, allowed = tagged()
    table = find_neighbors(FEATS, 3)
    with pytest.raises(ValueError, match="shared_tags filters a search; neighbors is a table"):
        make_problem(probs, neighbors=table, allowed=allowed, shared_tags=True)
