"""Check a result under constraints in plain NumPy; see :mod:`liid_cut.verify`.

The links are worked into the problem again (:mod:`.reduced`); messages and proofs of the result
prove the bound of components without active constraints, its certificate that of the others
(:mod:`.certificate`). The labels are held against the constraints as they were given.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut.constraints.blocks import Structure
from liid_cut.constraints.certificate import bound_terms, checked, coupled_nodes, relaxed
from liid_cut.constraints.enumeration import choices_of, enumerate_block
from liid_cut.constraints.inputs import Bools, Constraints, Ints
from liid_cut.constraints.reduced import Floats, Reduced, reduce_problem
from liid_cut.labellings import MOST_LABELLINGS, count_labellings
from liid_cut.proofs import BAD_CERTIFICATE, Malformed
from liid_cut.verify import Checker


class ConstrainedChecker(Checker):
    """The claims of a result on a problem with constraints."""

    def __init__(
        self,
        result: Any,
        probs: npt.NDArray[Any],
        allowed: Bools | None,
        constraints: Constraints,
    ) -> None:
        super().__init__(result, probs, allowed)
        self.constraints = constraints

    @cached_property
    def problem(self) -> Reduced:
        """The problem with the links worked in."""
        edges = self.edges.astype(np.int64)
        return reduce_problem(self.probs, self.allowed, edges, self.weights, self.constraints)

    @cached_property
    def component_of(self) -> Ints:
        """The component of each node of the reduced problem, as the result says."""
        ids = np.asarray(self.result.component_ids)
        component = np.empty(self.problem.n_nodes, dtype=np.int64)
        component[self.problem.group] = ids
        if (component[self.problem.group] != ids).any():
            raise Malformed("must-linked nodes are in different components")
        return component

    def check_cost(self) -> None:
        """The cost, and that the labels meet the constraints."""
        super().check_cost()
        labels = np.asarray(self.result.cut_labels)
        given = self.constraints
        for name, pairs, wrong in (
            ("must_link", given.must_link, np.not_equal),
            ("cannot_link", given.cannot_link, np.equal),
        ):
            bad = wrong(labels[pairs[:, 0]], labels[pairs[:, 1]])
            if bad.any():
                i = int(np.argmax(bad))
                u, v = pairs[i]
                self.complain(
                    f"{name}[{i}] does not hold: nodes {u}, {v} take {labels[u]}, {labels[v]}"
                )
        if len(given.tags):
            taken = np.zeros((int(given.image_ids.max()) + 1, self.n_labels), dtype=bool)
            taken[given.image_ids, labels] = True
            missing = ~taken[given.tags[:, 0], given.tags[:, 1]]
            if missing.any():
                image, label = given.tags[int(np.argmax(missing))]
                self.complain(f"coverage: no proposal of image {image} takes its tag {label}")

    def bounds_of_components(self) -> Floats:
        """What messages, proofs and the certificate prove of each component."""
        r = self.result
        n_components = len(r.components)
        problem = self.problem  # an error of it is one of the input
        try:
            component = self.component_of
            certificate = checked(r.get("certificate"), self.n_labels)
            known = relaxed(problem, certificate, component, n_components)
            left, inside = known.restriction.problem, component[known.restriction.nodes]
            messages = problem.messages(np.asarray(r.messages))[known.restriction.edges]
            terms, _ = bound_terms(left, messages, r.proofs, certificate)
            for nodes in coupled_nodes(left, certificate):
                if np.ptp(inside[nodes]) != 0:
                    raise Malformed("a block or a constraint reaches over two components")
            for part in r.proofs:
                if np.ptp(inside[part["nodes"]]) != 0:
                    raise Malformed("a part reaches over two components")
        except BAD_CERTIFICATE as error:
            return self.without_certificate(error)
        sums = self.zeros(n_components)
        np.add.at(sums, inside, terms)
        np.add.at(sums, component, known.restriction.terms)
        return np.asarray(known.joined(sums) + self.always_cut())

    def bound_by_enumeration(self, t: int) -> Any:
        """The cheapest of all labellings of a component that meet the constraints in it."""
        problem = self.problem
        nodes_of_t = (self.component_of == t).astype(np.int32)
        structure = Structure(problem, nodes_of_t)
        block = structure.block(structure.nodes([1]))
        if count_labellings(choices_of(block)) > MOST_LABELLINGS:
            self.complain(f"component {t} is too large to have been enumerated")
            return -np.inf
        return enumerate_block(block)[0] + self.always_cut()[t]

    def always_cut(self) -> Floats:
        """Weights, by component, of the edges between nodes that must differ."""
        cut = self.problem.always_cut
        ids = np.asarray(self.result.component_ids)[self.edges[cut, 0]]
        return np.bincount(ids, self.weights[cut], len(self.result.components)).astype(np.float64)
