"""Cuts under constraints: against an integer program, laws, limits, determinism."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from constrained import links, program_optimum, tagged_images
from instances import Instance, grid, instance
from reference import assert_same_bits, cut_cost

from liid_cut import MultiwayCutResult, MultiwayCutWarning, multiway_cut, tags_to_allowed, verify
from liid_cut.constraints import pieces, relaxation


def solve(inst: Instance, **keywords: Any) -> MultiwayCutResult:
    """A result that verifies, with the keywords of the solve that belong to the problem."""
    settings = {"method", "n_jobs", "time_limit"}
    result = inst.solve(**keywords)
    problem = {name: value for name, value in keywords.items() if name not in settings}
    verification = verify(result, inst.probs, inst.graph, allowed=inst.allowed, **problem)
    assert verification, verification.problems
    assert verification.optimal == (result.status == "optimal")
    return result


def covers(labels: Any, coverage: Any) -> bool:
    ids, tags = coverage
    return all((labels[ids == i] == c + 1).any() for i, c in np.argwhere(tags))


# ---- against an integer program


@pytest.mark.parametrize("method", ["auto", "ckr"])
@pytest.mark.parametrize("seed", range(3))
def test_coverage(seed: int, method: str) -> None:
    inst, coverage = tagged_images(7, seed)
    result = solve(inst, coverage=coverage, method=method)
    assert result.status == "optimal"
    assert result.cost == pytest.approx(program_optimum(inst, coverage), rel=1e-9)
    assert covers(result.labels, coverage)
    assert result.diagnostics["constraints"]["broken_tags"] > 3


@pytest.mark.parametrize("seed", range(1, 3))
def test_all_constraints_at_once(seed: int) -> None:
    inst, coverage = tagged_images(4, seed, delta=1.0)
    must, cannot = links(24, 3, seed), links(24, 8, seed + 100)
    must = must[~(must[:, None, :] == cannot).all(axis=2).any(axis=1)]
    result = solve(inst, coverage=coverage, must_link=must, cannot_link=cannot)
    assert result.status == "optimal"
    expected = program_optimum(inst, coverage, cannot, must)
    assert result.cost == pytest.approx(expected, rel=1e-9)
    assert result.cost == pytest.approx(cut_cost(inst, result.labels), rel=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_one_component_in_pieces(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "LARGE", 10)
    monkeypatch.setattr(pieces, "_PIECE", 8)
    monkeypatch.setattr(pieces, "CROWD", 0)
    inst = grid(6, 4, seed, weight=0.4)
    tags = np.ones((4, 3), dtype=bool)
    coverage = np.arange(36) // 9, tags
    result = solve(inst, coverage=coverage, cannot_link=links(36, 5, seed))
    assert result.n_components == 1
    expected = program_optimum(inst, coverage, links(36, 5, seed))
    assert result.cost == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("largest_program", [60_000, 150, 0])
def test_labels_that_a_relaxation_rules_out(
    largest_program: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "LARGE", 6)
    monkeypatch.setattr(relaxation, "_LARGEST_PROGRAM", largest_program)
    cannot, must = links(42, 3, 5), [[0, 1]]
    nodes = left = 0
    for seed in range(3):
        inst, coverage = tagged_images(7, seed, delta=0.2)
        result = solve(inst, coverage=coverage, cannot_link=cannot, must_link=must)
        assert result.status == "optimal"
        expected = program_optimum(inst, coverage, cannot, must)
        assert result.cost == pytest.approx(expected, rel=1e-9)
        facts = result.diagnostics["constraints"]
        nodes, left = nodes + facts["relaxed_nodes"], left + facts["nodes_left"]
    assert left < nodes


def test_crowded_constraints_in_one_large_component() -> None:
    # As the default thresholds have it: the plain cut takes the background everywhere.
    inst = grid(25, 4, seed=3, weight=0.05)
    inst.probs[:, 0] += 0.7
    coverage = np.arange(625) // 25, np.ones((25, 3), dtype=bool)
    result = solve(inst, coverage=coverage)
    facts = result.diagnostics["constraints"]
    assert facts["broken_tags"] > 20
    assert facts["nodes_left"] < facts["relaxed_nodes"] / 2
    assert covers(result.labels, coverage)
    assert result.status == "optimal"
    assert solve(inst, coverage=coverage, n_jobs=2).labels.tolist() == result.labels.tolist()


def test_crowded_constraints_that_connect_small_components() -> None:
    inst, coverage = tagged_images(150, 0, delta=0.2)
    result = solve(inst, coverage=coverage)
    assert result.status == "optimal"
    facts = result.diagnostics["constraints"]
    assert facts["nodes_left"] < facts["relaxed_nodes"]
    components = np.unique(solve(inst).component_ids, return_counts=True)[1]
    assert components.max() < pieces.LARGE < facts["relaxed_nodes"]


def test_a_tag_that_two_labels_of_one_component_would_pay_twice() -> None:
    # Both nodes turn together for 1.1, one alone for 2.2; the price of the tag counts once.
    inst = instance([[1, 0.45], [1, 0.45], [1, 0]], [[0, 1]], [1.65])
    result = solve(inst, coverage=([0, 0, 0], [[True]]))
    assert result.cost == pytest.approx(min(2 + 0.45 + 0.45 - 1.8 + 1.1, 0.9 + 1), rel=1e-12)


# ---- laws


@pytest.mark.parametrize("seed", range(3))
def test_a_constraint_never_lowers_the_cost(seed: int) -> None:
    inst, coverage = tagged_images(6, seed)
    given: dict[str, Any] = {}
    cost = solve(inst).cost
    for name, value in (
        ("coverage", coverage),
        ("cannot_link", links(36, 5, seed)),
        ("must_link", [[0, 7], [3, 9]]),
    ):
        given[name] = value
        result = solve(inst, **given)
        assert result.cost >= cost - 1e-9
        cost = result.cost


def test_a_constraint_that_holds_changes_nothing() -> None:
    inst, coverage = tagged_images(6, 0)
    labels = solve(inst).labels
    taken = np.zeros_like(coverage[1])
    for image, label in zip(coverage[0], labels, strict=True):
        if label:
            taken[image, label - 1] = True
    same = np.argwhere(labels[:, None] == labels)[:20]
    differ = np.argwhere(labels[:, None] != labels)[:20]
    plain = solve(inst)
    held = solve(inst, coverage=(coverage[0], taken), cannot_link=differ)
    assert held.labels.tolist() == plain.labels.tolist()
    assert held.cost == pytest.approx(plain.cost, rel=1e-12)
    assert held.diagnostics["constraints"]["rounds"] == 0
    assert solve(inst, must_link=same).cost == pytest.approx(plain.cost, rel=1e-12)


def test_names_of_labels_and_nodes_do_not_matter() -> None:
    inst, (ids, tags) = tagged_images(6, 1)
    rng = np.random.default_rng(0)
    cannot = links(36, 8, 2)
    cost = solve(inst, coverage=(ids, tags), cannot_link=cannot).cost
    labels, nodes = np.r_[0, 1 + rng.permutation(4)], rng.permutation(36)
    place = np.argsort(nodes)
    turned = instance(inst.probs[nodes][:, labels], place[inst.edges], inst.weights)
    result = solve(
        turned, coverage=(ids[nodes], tags[:, labels[1:] - 1]), cannot_link=place[cannot][:, ::-1]
    )
    assert result.cost == pytest.approx(cost, rel=1e-9)


def test_must_linked_nodes_are_one_node() -> None:
    inst = instance([[1, 0], [0, 0.4], [0, 0.5]], [[0, 1], [1, 2]], [0.3, 0.2])
    result = solve(inst, must_link=[[0, 1], [1, 0]])
    assert result.labels.tolist() == [0, 0, 1]
    assert result.cost == pytest.approx(0.4 + 0.2)
    assert result.n_components == 1


def test_a_node_counts_as_often_as_it_weighs() -> None:
    inst = instance([[0.4, 0.6], [0.7, 0.3]], [[0, 1]], [0.3])
    copies = instance([[0.4, 0.6]] * 3 + [[0.7, 0.3]], [[0, 3]], [0.3])
    weighed = solve(inst, node_weights=[3, 1])
    joined = solve(copies, must_link=[[0, 1], [1, 2]])
    assert weighed.labels.tolist() == [1, 0]
    assert solve(inst).labels.tolist() == [0, 0]
    assert weighed.cost == pytest.approx(joined.cost, rel=1e-12)


def test_extra_edges_add_up() -> None:
    inst = instance([[0.4, 0.6], [0.7, 0.3]], [[0, 1]], [0.1])
    result = solve(inst, extra_edges=([[1, 0], [0, 1]], [0.05, 0.15]))
    assert result.weights.tolist() == pytest.approx([0.3])
    assert result.labels.tolist() == [0, 0]


def test_known_labels_are_kept() -> None:
    inst = instance([[0.4, 0.6], [0.7, 0.3]], [[0, 1]], [0.5])
    assert solve(inst, labels=[1, -1]).labels.tolist() == [1, 1]


def test_an_edge_between_separated_nodes_is_a_constant() -> None:
    inst = instance([[1, 0.9], [1, 0.5]], [[0, 1]], [7.0])
    result = solve(inst, cannot_link=[[0, 1]])
    assert result.labels.tolist() == [1, 0]
    assert result.cost == pytest.approx(1 + 0.5 + 7)
    assert result.diagnostics["constraints"]["extra_cost"] == pytest.approx(0.1)


def test_tags_and_allowed_labels() -> None:
    inst, coverage = tagged_images(6, 3)
    restricted = Instance(inst.probs, inst.edges, inst.weights, tags_to_allowed(*coverage))
    result = solve(restricted, coverage=coverage)
    ids, tags = coverage
    assert covers(result.labels, coverage)
    assert all(k == 0 or tags[i, k - 1] for i, k in zip(ids, result.labels, strict=True))


# ---- limits, determinism, facts


@pytest.mark.parametrize("limit", [1e-9, 0.01])
def test_a_time_limit_leaves_a_labelling_that_meets_the_constraints(limit: float) -> None:
    inst, coverage = tagged_images(60, 0)
    result = solve(inst, coverage=coverage, cannot_link=links(360, 30, 0), time_limit=limit)
    assert result.status in ("time_limit", "optimal")
    assert covers(result.labels, coverage)
    assert result.lower_bound <= result.cost


def test_an_expired_limit_is_reported() -> None:
    inst, coverage = tagged_images(60, 0)
    result = solve(inst, coverage=coverage, time_limit=1e-9)
    assert result.status == "time_limit"
    assert not result.success


def test_threads_do_not_matter() -> None:
    inst, coverage = tagged_images(7, 5)
    keywords = {"coverage": coverage, "cannot_link": links(42, 4, 5)}
    one, two = (solve(inst, n_jobs=n, **keywords) for n in (1, 2))
    assert_same_bits(one, two)
    for name in ("tree", "messages", "price_values"):
        assert one.certificate[name].tobytes() == two.certificate[name].tobytes()


def test_facts() -> None:
    inst, coverage = tagged_images(6, 0)
    result = solve(inst, coverage=coverage, must_link=[[0, 1]])
    facts = result.diagnostics["constraints"]
    assert facts["must_links"] == 1
    assert facts["nodes_after_must_links"] == 35
    assert facts["tags"] == coverage[1].sum()
    without = solve(inst, must_link=[[0, 1]])
    assert facts["cost_without"] == pytest.approx(without.cost, rel=1e-12)
    assert facts["extra_cost"] == pytest.approx(result.cost - without.cost, rel=1e-9)
    assert {"links", "first_labelling", "constraints", "certificate"} <= result.timings.keys()
    assert set(result.components["stage"]) >= {"constraints"}


def test_progress_is_told_and_may_stop() -> None:
    inst, coverage = tagged_images(20, 1)
    seen: list[Any] = []
    inst.solve(coverage=coverage, progress=seen.append)
    assert seen[-1].components_done == seen[-1].n_components
    assert all(state.lower_bound <= state.cost + 1e-9 for state in seen)

    def interrupt(state: Any) -> None:
        raise KeyboardInterrupt

    result = inst.solve(coverage=coverage, progress=interrupt)
    assert covers(result.labels, coverage)
    assert verify(result, inst.probs, inst.graph, coverage=coverage)


def test_an_image_without_proposals_is_left_out_with_a_warning() -> None:
    inst = instance([[1, 0.5]], [], [])
    tags = [[True], [True]]
    with pytest.warns(MultiwayCutWarning, match="1 of 2 images have tags but no proposal"):
        result = multiway_cut(inst.probs, graph=inst.graph, coverage=([0], tags))
    assert result.labels.tolist() == [1]
    assert "their tags are left out" in result.diagnostics["warnings"][0]


def test_no_constraint_in_the_arguments_is_none() -> None:
    inst = instance([[1, 0.5]], [], [])
    result = inst.solve(must_link=[], cannot_link=np.empty((0, 2), int), coverage=([0], [[0]]))
    assert result.certificate is None


# ---- found by fuzzing


@pytest.mark.parametrize("huge", [1e300, 2.0**31, 1e5])
def test_a_huge_probability_beside_links(huge: float) -> None:
    """Its label cost 0 here and the sum of the others there: verify refused the cut."""
    probs = np.array([[huge, 1, 0], [0, 1, 1], [1, 0, 1], [0.9, 0.1, 0.2]])
    inst = instance(probs.tolist(), [(0, 1), (1, 2)], [0.5, 0.5])
    result = solve(inst, must_link=[[0, 3]], cannot_link=[[1, 2]])
    assert (result.status, result.labels.tolist()) == ("optimal", [0, 1, 0, 0])
    # The others' weights at the four nodes, and the two edges of node 1.
    assert result.cost == pytest.approx(1 + 1 + 1 + 0.3 + 1.0)


@pytest.mark.parametrize("method", ["auto", "ckr"])
def test_a_huge_probability_leaves_the_other_costs_their_digits(method: str) -> None:
    """The gap stayed open: beside 1e17 the copies of a cut lost the costs of 3."""
    inst = instance([[1, 0], [1e17, 0], [3, 0], [0, 0]], [(0, 1), (2, 3)], [0.96, 0.64])
    result = solve(inst, cannot_link=[[3, 0], [2, 3], [1, 2]], method=method)
    assert (result.status, result.labels.tolist()) == ("optimal", [1, 0, 1, 0])
    assert result.cost == pytest.approx(1 + 3 + 0.96 + 0.64)


@pytest.mark.parametrize("method", ["auto", "ckr"])
def test_a_huge_cost_that_constraints_force(method: str) -> None:
    probs = [[1e9, 1e100], [1e300, 0], [1e300, 0], [1e300, 1], [0, 1e300]]
    edges = [(0, 2), (0, 4), (1, 2), (1, 3), (1, 4), (2, 3), (2, 4), (3, 4)]
    inst = instance(probs, edges, [1, 1, 1.1, 0.6, 0.004, 0.2, 0.6, 0.5])
    result = solve(inst, cannot_link=[[4, 2], [1, 3], [4, 0]], method=method)
    assert (result.status, result.cost) == ("optimal", 1e300)


@pytest.mark.parametrize("weight", [1e16, 1e100, 1e300])
@pytest.mark.parametrize("method", ["auto", "ckr"])
def test_huge_weights(weight: float, method: str) -> None:
    """HiGHS took them for infinite, and the call ended in a RuntimeError."""
    probs = [[0.75, 2], [2, 1.75], [1.25, 1.75], [0.25, 1], [1.5, 2]]
    inst = instance(probs, [(0, 3), (2, 3), (0, 4), (1, 4), (1, 2)], [weight] * 5)
    result = solve(inst, cannot_link=[[1, 3]], method=method)
    assert result.labels[1] != result.labels[3]
    if result.status == "optimal":
        assert result.cost == pytest.approx(2 * weight)
