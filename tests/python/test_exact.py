"""``verify(exact=True)``: fractions, held against fractions written out, and forged claims."""

from __future__ import annotations

import copy
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from constrained import links, tagged_images
from hard_instances import NESTED, NESTED_WITH_CUTS, SMALL
from instances import (
    Instance,
    grid,
    instance,
    necklace,
    path,
    random_instance,
    simplex_grid,
    star,
    triangle,
    union,
)
from proof_steps import bound, branch, claiming, cut, part, proof_of_the_triangle
from reference import assert_rejected

from liid_cut import MultiwayCutResult, multiway_cut, verify
from liid_cut.exact import INFINITE, Unit, group_sums

INSTANCES = {
    "path": path(),
    "triangle": triangle(),
    "union": union(star(), triangle()),
    "necklace": necklace(4),
    "simplex": simplex_grid(3),
    "grid": grid(4, 3, seed=0),
    "small": SMALL,
    "nested": NESTED,
    "cuts": NESTED_WITH_CUTS,
    **{f"random {seed}": random_instance(seed) for seed in range(12)},
}


def exact_cost(inst: Instance, labels: Any) -> Fraction:
    """The definition of the cost, in fractions."""
    total = Fraction(0)
    for row, label in zip(inst.probs.tolist(), labels.tolist(), strict=True):
        total += sum(Fraction(p) for k, p in enumerate(row) if k != label)
    for (u, v), w in zip(inst.edges.tolist(), inst.weights.tolist(), strict=True):
        total += Fraction(w) if labels[u] != labels[v] else 0
    return total


def shifted(result: MultiwayCutResult, name: str, by: float) -> MultiwayCutResult:
    """A claim about the only component, and all that repeats it, changed."""
    forged = copy.deepcopy(result)
    forged.components[name] += by
    forged[name] += by
    forged.update(fun=forged.cost, mip_dual_bound=forged.lower_bound)
    forged.gap = forged.cost - forged.lower_bound
    forged.mip_gap = forged.gap / abs(forged.cost)
    return forged


# ---- numbers


@pytest.mark.parametrize(
    "values",
    [[0.1, -0.7, 3.0], [1e300, 1e-300], [5e-324, 1.7e308], [0.0, -0.0], [], [2.0**80, 2.0**-80]],
)
def test_every_float_is_an_integer_times_the_unit(values: list[float]) -> None:
    unit = Unit.of([np.array(values)])
    counts = unit.count(np.array(values))
    assert [unit.fraction(c) for c in counts] == [Fraction(v) for v in values]


def test_what_is_finer_than_the_unit_is_rounded_down() -> None:
    unit = Unit(2)
    assert unit.count([0.3, -0.3, 0.25, 5e-324, -5e-324]).tolist() == [1, -2, 1, 0, -1]
    assert Unit(-3).count([17.0, 7.0, -1.0]).tolist() == [2, 0, -1]


def test_infinite_is_more_than_any_integer() -> None:
    huge = 10**400
    assert min(INFINITE, huge) == huge
    assert max(huge, INFINITE) is INFINITE
    assert huge + INFINITE is INFINITE - huge is INFINITE + huge is INFINITE
    assert np.array([INFINITE, huge, -huge], dtype=object).min() == -huge
    assert not INFINITE < INFINITE <= INFINITE
    assert not INFINITE > INFINITE >= huge


def test_sums_by_group_do_not_round() -> None:
    values = np.array([10**40, 1, -(10**40), 2], dtype=object)
    assert group_sums(np.array([0, 0, 0, 1]), values, 3).tolist() == [1, 2, 0]


# ---- true results


@pytest.mark.parametrize("method", ["auto", "ckr", "brute_force"])
@pytest.mark.parametrize("name", INSTANCES)
def test_agrees_with_the_float_check(name: str, method: str) -> None:
    inst = INSTANCES[name]
    if method == "brute_force" and inst.probs.shape[1] ** len(inst.probs) > 1e5:
        pytest.skip("too large to enumerate")
    result = inst.solve(method=method)
    exact = verify(result, inst.probs, inst.graph, allowed=inst.allowed, exact=True)
    rounded = verify(result, inst.probs, inst.graph, allowed=inst.allowed)
    assert exact, exact.problems
    assert exact.optimal is rounded.optimal is True
    assert exact.exact_cost == exact_cost(inst, result.labels)
    assert exact.exact_lower_bound is not None
    assert exact.lower_bound <= exact.exact_lower_bound
    assert exact.lower_bound == pytest.approx(rounded.lower_bound, rel=1e-12)
    assert exact.exact_gap == exact.exact_cost - exact.exact_lower_bound
    assert exact.exact_gap <= Fraction(1, 10**9) * max(1, exact.exact_cost)
    assert rounded.exact_gap is None


def test_a_bound_is_never_above_the_optimum() -> None:
    # Ties and quarters: the bound of the solver is the optimum, to the last bit.
    for seed in range(0, 40, 2):
        inst = random_instance(seed)
        result = inst.solve()
        report = verify(result, inst.probs, inst.graph, allowed=inst.allowed, exact=True)
        best = exact_cost(inst, inst.solve(method="brute_force").labels)
        assert report.exact_lower_bound is not None
        assert report.exact_lower_bound <= best <= exact_cost(inst, result.labels)


def test_a_stopped_solve_is_true_but_not_optimal() -> None:
    result = NESTED_WITH_CUTS.solve(time_limit=1e-9)
    report = verify(result, NESTED_WITH_CUTS.probs, exact=True)
    assert report, report.problems
    assert not report.optimal
    assert report.exact_gap is not None
    assert float(report.exact_gap) == pytest.approx(result.gap)


@pytest.mark.parametrize("kind", ["coverage", "cannot_link", "must_link", "all"])
def test_constraints(kind: str) -> None:
    inst, coverage = tagged_images(10, seed=0)
    pairs = links(len(inst.probs), 6, seed=1)
    given: dict[str, Any] = {
        "coverage": {"coverage": coverage},
        "cannot_link": {"cannot_link": pairs},
        "must_link": {"must_link": pairs},
        "all": {"coverage": coverage, "must_link": pairs[:2], "cannot_link": pairs[2:]},
    }[kind]
    result = multiway_cut(inst.probs, graph=inst.graph, **given)
    exact = verify(result, inst.probs, inst.graph, **given, exact=True)
    rounded = verify(result, inst.probs, inst.graph, **given)
    assert exact, exact.problems
    assert exact.optimal
    assert exact.exact_cost == exact_cost(inst, result.labels)
    assert exact.lower_bound == pytest.approx(rounded.lower_bound, rel=1e-12)
    if kind != "must_link":
        forged = copy.deepcopy(result)
        forged.certificate["messages"] *= 0.5
        assert_rejected(
            verify(forged, inst.probs, inst.graph, **given, exact=True), "lower bound is claimed"
        )


def test_enumerated_constraints() -> None:
    inst = grid(3, 2, seed=0)
    given = {"cannot_link": [[0, 8]]}
    result = multiway_cut(inst.probs, graph=inst.graph, method="brute_force", **given)
    report = verify(result, inst.probs, inst.graph, **given, exact=True)
    assert report.optimal, report.problems
    assert report.exact_gap == 0


def test_authors_preset_and_weights_that_are_not_the_probabilities() -> None:
    rng = np.random.default_rng(0)
    feats, probs = rng.random((30, 4)), rng.dirichlet(np.ones(3), 30)
    for settings in (
        {"preset": "authors"},
        {"terminal_weights": "log", "temperature": 1.5, "delta": 1.0},
        {"node_weights": rng.random(30) + 0.5, "delta": 1.0},
    ):
        result = multiway_cut(probs, feats, **settings)
        weights = {"node_weights": settings["node_weights"]} if "node_weights" in settings else {}
        report = verify(result, probs, exact=True, **weights)
        assert report.optimal, report.problems


@pytest.mark.parametrize("scale", [1e-300, 1e-12, 1e12, 1e300])
def test_any_scale(scale: float) -> None:
    inst = instance(scale * triangle().probs, triangle().edges, scale * triangle().weights)
    result = inst.solve()
    report = verify(result, inst.probs, inst.graph, exact=True)
    assert report.optimal, report.problems
    assert report.exact_cost == exact_cost(inst, result.labels)


# ---- what rounding hides


def test_rounding_of_sums_is_told() -> None:
    # 1e17 + 1 is 1e17 in float64: the solver and the float check both lose the 1.
    inst = instance([[1e17, 1e17], [1.0, 1.0]], [], [])
    result = inst.solve()
    assert result.cost == 1e17
    assert verify(result, inst.probs).optimal
    report = verify(result, inst.probs, exact=True)
    assert report.exact_cost == 10**17 + 1  # the claim is right within 1e-12 of all weights
    assert report.exact_gap == 0


def test_a_label_beside_a_huge_one_keeps_its_cost() -> None:
    inst = instance([[1e17, 1.0]], [], [])
    result = inst.solve()
    assert result.cost == 1
    assert verify(result, inst.probs, exact=True).exact_cost == 1


def test_gap_between_one_and_two_tolerances() -> None:
    inst = star()
    result = shifted(inst.solve(), "lower_bound", -0.9e-9)
    result.messages *= 1 - 1.5e-9
    assert verify(result, inst.probs).optimal
    report = verify(result, inst.probs, exact=True)
    assert_rejected(report, "component 0: lower bound is claimed|claimed optimal with a gap of 1.5")
    assert not report.optimal
    assert report.exact_gap is not None
    assert float(report.exact_gap) == pytest.approx(1.5e-9, rel=1e-6)


FORGED: dict[str, tuple[str, float, str]] = {
    "cost lowered": ("cost", -5e-10, "component 0: cost is claimed to be 0.99"),
    "cost raised": ("cost", 5e-10, "component 0: cost is claimed to be 1.00"),
    "bound raised": ("lower_bound", 5e-10, "component 0: lower bound is claimed to be 1.00"),
}


@pytest.mark.parametrize("forgery", FORGED)
def test_claims_within_the_tolerance_of_floats(forgery: str) -> None:
    name, by, message = FORGED[forgery]
    inst = star()
    forged = shifted(inst.solve(), name, by)
    assert verify(forged, inst.probs)
    assert_rejected(verify(forged, inst.probs, exact=True), message)


def test_graph_that_differs_in_the_last_bit() -> None:
    inst = star()
    result = inst.solve()
    other = inst.edges, np.nextafter(inst.weights, 1)
    assert verify(result, inst.probs, other)
    assert_rejected(verify(result, inst.probs, other, exact=True), "belongs to another graph")


def test_messages_larger_than_the_weight_by_rounding_are_cut_to_it() -> None:
    inst = star()
    result = inst.solve()
    result.messages *= 1 + 1e-13
    report = verify(result, inst.probs, exact=True)
    assert report.optimal, report.problems
    assert report.exact_lower_bound is not None
    assert report.exact_lower_bound <= 1


# ---- false proofs


def test_false_proofs_of_the_triangle() -> None:
    # No branch taken alone, no ruled-out label and no cut proves more than the optimum, 4.
    inst = triangle()
    true = claiming(inst, [0, 0, 0], proof_of_the_triangle())
    report = verify(true, inst.probs, inst.graph, exact=True)
    assert report.optimal, report.problems
    assert report.exact_gap == 0
    for proofs, message in (
        ([], "only 3.0 is proven"),
        ([part([0, 1, 2], [0, 1, 2], branch(0, 0, [bound(), bound()]))], "is proven"),
        ([part([0, 1, 2], [0, 1, 2], bound(np.full((3, 3), np.nan)))], "malformed: a message is"),
        ([part([0, 1, 2], [0, 1, 2], bound(np.eye(3)))], "spread by 1.0, more than its weight 0.5"),
        (
            [part([0, 1, 2], [0, 1, 2], bound(np.zeros((3, 3)), cuts=[cut([0, 1], [0, 1, 2], 1)]))],
            "a cut is no cycle",
        ),
        (
            [
                part(
                    [0, 1, 2],
                    [0, 1, 2],
                    bound(np.zeros((3, 3)), cuts=[cut([0, 1, 2], [0, 0, 0], 1e9)]),
                )
            ],
            "only -.* is proven",
        ),
    ):
        forged = claiming(inst, [0, 0, 0], proofs)
        assert_rejected(verify(forged, inst.probs, inst.graph, exact=True), message)
