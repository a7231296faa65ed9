"""What a solve returns.

``import liid_cut`` does not import this module: its base class takes all of SciPy's optimisers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.optimize

from liid_cut import plots


class MultiwayCutResult(scipy.optimize.OptimizeResult):  # type: ignore[misc]
    """A labelling with its cost, its lower bound, and the certificate of both.

    A dictionary with attribute access, as SciPy's optimisers return; ``np.asarray(result)`` is
    ``labels``.

    Attributes
    ----------
    labels : (n,) int32. With ``preset="authors"`` after the clean-up by tags.
    cut_labels : (n,) int32, the labelling that ``cost`` belongs to; ``labels`` but for that preset.
    cost, lower_bound : float. ``gap`` is their difference, ``mip_gap`` the same over ``cost``.
    status : ``"optimal"``, ``"time_limit"``, ``"interrupted"``, ``"size_limit"``,
        ``"memory_limit"``, or ``"unproven"``: rounding left a gap, where weights differ by so many
        powers of ten that float64 cannot hold them side by side. Optimal means that
        ``cost - lower_bound <= 1e-9 * max(1, |cost|)`` holds for every component.
    success : bool, whether the status is ``"optimal"``; ``message`` says it in a sentence.
    n_components : int; ``component_ids`` : (n,) int32, numbered by their smallest node.
        Edges connect them, and so do must-links, and constraints that the cut had to be held to.
    components : structured array (n_components,): ``size`` in nodes, ``edges``, ``cost``,
        ``lower_bound``, ``status``, the ``stage`` that closed it (``"inspection"``,
        ``"reduction"``, ``"dual_ascent"``, ``"linear_program"``, ``"branch_and_bound"``,
        ``"enumeration"``, ``"constraints"``, or ``"open"``), and ``search_nodes``, the number of
        LPs solved for it and of nodes of its search trees that dual ascent bounded.
    edges, weights : the graph as (m, 2) int32 with u < v and (m,) float64; ``graph`` : the same as
        a symmetric scipy.sparse.csr_array (n, n).
    delta : float, what the similarities of neighbours were multiplied with; ``graph_scale`` : what
        the weights of a given graph were. 1 where nothing was.
    preset, terminal_weights, temperature, edge_weights, symmetrize : the settings of the solve, in
        which ``symmetrize`` is ``""`` for a given graph and the authors' preset.
    messages : (m, K+1) float64, dual messages that prove the bound (see :func:`liid_cut.verify`).
    proofs : list of dict, proofs of the parts of the graph where messages alone do not suffice.
    proofs_complete : bool; False if some were too large to keep, so that ``verify`` confirms less.
    certificate : dict, what proves the bound of components of stage ``"constraints"`` (see
        :mod:`liid_cut.constraints.certificate`); None without links and coverage. With must-links,
        ``proofs`` are about the nodes after these were joined.
    timings : dict of wall-clock seconds by stage.
    diagnostics : dict; ``diagnostics["warnings"]`` is a list of sentences,
        ``diagnostics["neighbors"]`` the report of the neighbour search, ``diagnostics["delta"]``
        how delta was chosen, and ``diagnostics["constraints"]`` the numbers of constraints, of
        those that the cut without them breaks, and ``extra_cost``, what keeping them costs.
    fun, x, mip_dual_bound, mip_gap, mip_node_count : SciPy's names for the same things.

    Notes
    -----
    Figures: ``plot_components``, ``plot_bounds``, ``plot_timings``, ``plot_labels``,
    ``plot_confusion`` (:mod:`liid_cut.plots`); a page of everything:
    :func:`liid_cut.report.write_report`.
    """

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        """``labels``."""
        if copy is None:  # a copy only if needed; NumPy 1 has no word for it
            return np.asarray(self.labels, dtype=dtype)
        return np.array(self.labels, dtype=dtype, copy=copy)

    def __repr__(self) -> str:
        closed = ", ".join(f"{n} by {stage}" for stage, n in self.diagnostics["closed_by"].items())
        return (
            f"<MultiwayCutResult {self.status}: {len(self.labels)} nodes, cost {self.cost:.10g}, "
            f"lower bound {self.lower_bound:.10g}, {self.n_components} components ({closed})>"
        )

    __str__ = __repr__

    def __dir__(self) -> list[str]:
        """Fields and figures, for completion."""
        return [*super().__dir__(), *(name for name in vars(type(self)) if name[:5] == "plot_")]

    def plot_components(self, ax: Any = None) -> Any:
        """Histogram of component sizes; see :func:`liid_cut.plots.plot_components`."""
        return plots.plot_components(self, ax)

    def plot_bounds(self, ax: Any = None) -> Any:
        """Cost, bound and gap by stage; see :func:`liid_cut.plots.plot_bounds`."""
        return plots.plot_bounds(self, ax)

    def plot_timings(self, ax: Any = None) -> Any:
        """Seconds by stage; see :func:`liid_cut.plots.plot_timings`."""
        return plots.plot_timings(self, ax)

    def plot_labels(
        self, probs: Any, label_names: Sequence[str] | None = None, ax: Any = None
    ) -> Any:
        """Nodes by label, before and after; see :func:`liid_cut.plots.plot_labels`."""
        return plots.plot_labels(self, probs, label_names, ax)

    def plot_confusion(
        self, truth: Any, label_names: Sequence[str] | None = None, ax: Any = None
    ) -> Any:
        """True labels against labels; see :func:`liid_cut.plots.plot_confusion`."""
        return plots.plot_confusion(self, truth, label_names, ax)
