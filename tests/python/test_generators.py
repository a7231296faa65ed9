"""Generators: same seed same arrays, shapes, and the LP values and optima that they promise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmarks import generators
from benchmarks.ckr_lp import (
    ckr_lp,
    is_integral,
    make_integer,
    new_highs,
    node_positions,
    proven_bound,
    rounded,
)
from benchmarks.instances import (
    Instance,
    cut_cost,
    dual_bound,
    make_instance,
    read_folder,
    read_instance,
    write_instance,
)
from benchmarks.peers import split

FAMILIES: dict[str, Callable[[int], Instance]] = {
    "triangle": lambda seed: generators.triangle(),
    "simplex_grid": lambda seed: generators.simplex_grid(7),
    "potts_grid": lambda seed: generators.potts_grid(5, 7, 4, seed),
    "gadgets": lambda seed: generators.gadgets(50, 5, seed),
    "random_regular": lambda seed: generators.random_regular(40, 5, 4, seed),
}


def lp_value(instance: Instance) -> tuple[float, bool]:
    highs = new_highs(60.0)
    highs.passModel(ckr_lp(instance))
    highs.run()
    value = highs.getInfo().objective_function_value
    assert proven_bound(highs, instance) == pytest.approx(value, rel=1e-9)
    return value, is_integral(node_positions(highs, instance))


def optimum(instance: Instance) -> float:
    highs = new_highs(60.0, mip_rel_gap=1e-9)
    highs.passModel(make_integer(ckr_lp(instance), instance))
    highs.run()
    cost = cut_cost(instance, rounded(node_positions(highs, instance)))
    assert highs.getInfo().mip_dual_bound == pytest.approx(cost, rel=1e-7)
    return cost


@pytest.mark.parametrize("family", FAMILIES)
def test_instances_are_in_normal_form(family: str) -> None:
    probs, edges, weights = FAMILIES[family](3)
    assert probs.dtype == np.float64
    assert edges.dtype == np.int32
    assert weights.dtype == np.float64
    assert edges.shape == (len(weights), 2)
    assert np.all(probs >= 0)
    assert np.all(weights >= 0)
    assert np.all(edges[:, 0] < edges[:, 1])
    assert edges.min() >= 0
    assert edges.max() < len(probs)
    keys = edges[:, 0].astype(np.int64) * len(probs) + edges[:, 1]
    assert np.all(np.diff(keys) > 0)


@pytest.mark.parametrize("family", FAMILIES)
def test_same_seed_same_arrays(family: str) -> None:
    for first, second in zip(FAMILIES[family](5), FAMILIES[family](5), strict=True):
        np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("family", ["potts_grid", "gadgets", "random_regular"])
def test_another_seed_another_instance(family: str) -> None:
    assert not np.array_equal(FAMILIES[family](0).probs, FAMILIES[family](1).probs)


def test_triangle_has_its_gap() -> None:
    assert lp_value(generators.triangle()) == (pytest.approx(3.75), False)
    assert optimum(generators.triangle()) == pytest.approx(4.0)


@pytest.mark.parametrize("size", [3, 4, 6, 7, 9, 10, 12])
def test_simplex_grid_has_the_ratio_of_its_docstring(size: int) -> None:
    instance = generators.simplex_grid(size)
    q, remainder = divmod(size, 3)
    cheapest = 12 * q if remainder else 12 * q + 4
    value, integral = lp_value(instance)
    assert value == pytest.approx(cheapest / 12 * (11 + 1 / (3 * q + 1)))
    assert not integral
    assert optimum(instance) == pytest.approx(cheapest)


def test_potts_grid_has_a_tiny_gap() -> None:
    # Values of highspy 1.16.0 (simplex, MIP).
    instance = generators.potts_grid(20, 20, 5, seed=0)
    assert lp_value(instance)[0] == pytest.approx(756.904429, abs=1e-5)
    assert optimum(instance) == pytest.approx(756.975764, abs=1e-5)


def test_gadgets_have_a_gap() -> None:
    instance = generators.gadgets(60, 6, seed=0)
    assert lp_value(instance)[0] < 0.98 * optimum(instance)


def test_random_regular_has_a_gap_and_equal_degrees() -> None:
    instance = generators.random_regular(80, 5, 6, seed=0)
    assert np.all(np.bincount(instance.edges.ravel(), minlength=80) == 5)
    assert not lp_value(instance)[1]


def test_proposals_shapes_and_ranges() -> None:
    probs, feats, labels, image_ids, image_tags = generators.proposals(40, 5, 6, 32, 2.0, seed=1)
    assert probs.shape == (200, 7)
    assert probs.dtype == np.float32
    assert feats.shape == (200, 32)
    assert feats.dtype == np.float32
    assert labels.dtype == np.int32
    assert image_ids.dtype == np.int32
    assert image_tags.shape == (40, 6)
    np.testing.assert_allclose(probs.sum(axis=1), 1.0, rtol=1e-5)
    assert feats.min() >= 0
    assert image_tags.any(axis=1).all()
    np.testing.assert_array_equal(image_ids, np.repeat(np.arange(40), 5))
    shown = labels > 0
    assert image_tags[image_ids[shown], labels[shown] - 1].all()
    assert 0 < shown.sum() < len(labels)


def test_proposals_repeat_and_follow_their_seed() -> None:
    first, again = (generators.proposals(10, d=16, seed=4) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)
    assert not np.array_equal(first.feats, generators.proposals(10, d=16, seed=5).feats)


def test_proposals_get_harder_with_noise() -> None:
    right = []
    for noise in (0.5, 2.0, 4.0):
        made = generators.proposals(50, d=64, noise=noise, seed=0)
        right.append(float(np.mean(made.probs.argmax(axis=1) == made.labels)))
    assert right[0] > right[1] > right[2]


def test_proposals_take_tags_from_a_file(tmp_path: Path) -> None:
    table = np.eye(4, dtype=bool)[np.arange(30) % 3]
    np.savez(tmp_path / "tags.npz", tags=table)
    made = generators.proposals(20, 2, 4, 8, seed=0, tags=tmp_path / "tags.npz")
    assert np.all(made.image_tags.sum(axis=1) == 1)
    assert not made.image_tags[:, 3].any()
    with pytest.raises(ValueError, match=r"tags: expected shape \(n, 5\)"):
        generators.proposals(20, 2, 5, 8, seed=0, tags=table)


@pytest.mark.parametrize("size", [-1, 0, 1, 2, 5])
def test_simplex_grid_rejects_other_sizes(size: int) -> None:
    with pytest.raises(ValueError, match="size: expected 3, 4, 6, 7, 9, 10"):
        generators.simplex_grid(size)


def test_random_regular_rejects_an_odd_sum_of_degrees() -> None:
    with pytest.raises(ValueError, match="must be even"):
        generators.random_regular(5, 3, 2, seed=0)


def test_gadgets_reject_two_labels() -> None:
    with pytest.raises(ValueError, match="at least 3 each"):
        generators.gadgets(30, 2, seed=0)


def test_make_instance_orders_sorts_and_merges() -> None:
    made = make_instance(
        np.ones((3, 2)), np.array([[2, 1], [1, 0], [0, 1]]), np.array([1.0, 2.0, 3.0])
    )
    np.testing.assert_array_equal(made.edges, [[0, 1], [1, 2]])
    np.testing.assert_array_equal(made.weights, [5.0, 1.0])


@pytest.mark.parametrize(
    ("edge", "message"), [([1, 1], "its own neighbour"), ([0, 3], "must lie in 0..2")]
)
def test_make_instance_rejects_bad_edges(edge: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_instance(np.ones((3, 2)), np.array([edge]), np.ones(1))


def test_files_keep_an_instance(tmp_path: Path) -> None:
    instance = generators.gadgets(20, 4, seed=2)
    write_instance(tmp_path / "one.npz", instance)
    for read in (read_instance(tmp_path / "one.npz"), read_folder(tmp_path)["one"]):
        for one, other in zip(instance, read, strict=True):
            np.testing.assert_array_equal(one, other)
    np.savez(tmp_path / "bad.npz", P=np.ones((2, 2)))
    with pytest.raises(ValueError, match="arrays missing: a, b, w"):
        read_instance(tmp_path / "bad.npz")
    with pytest.raises(FileNotFoundError, match="no such folder"):
        read_folder(tmp_path / "nowhere")


def test_dual_bound_holds_for_any_messages() -> None:
    instance = generators.gadgets(30, 4, seed=0)
    rng = np.random.default_rng(0)
    best = optimum(instance)
    for scale in (0.0, 0.1, 10.0):
        messages = scale * rng.standard_normal((len(instance.edges), 4))
        assert dual_bound(instance, messages) <= best + 1e-9


def test_split_gives_components_whose_costs_add_up() -> None:
    instance = generators.gadgets(40, 4, seed=1)
    labels = np.random.default_rng(0).integers(4, size=40)
    parts = split(instance)
    seen = np.concatenate([nodes for nodes, _ in parts])
    assert len(np.unique(seen)) == len(seen)
    lonely = np.setdiff1d(np.arange(40), seen)
    rest = Instance(instance.probs[lonely], np.empty((0, 2), np.int32), np.empty(0))
    total = sum(cut_cost(part, labels[nodes]) for nodes, part in parts) + cut_cost(
        rest, labels[lonely]
    )
    assert total == pytest.approx(cut_cost(instance, labels))
