"""Problems and results as npz files.

A problem file holds ``probs`` and either ``feats`` or a graph, ``edges`` and ``weights``;
optionally ``allowed``, or ``image_ids`` and ``image_tags`` to make it from, and the constraints
``labels``, ``must_link``, ``cannot_link`` and ``node_weights``. The short names ``P``, ``a``, ``b``
and ``w`` (terminal weights, ends and weights of the edges) are understood too. Other arrays are
ignored.

A result file holds a result with everything that :func:`liid_cut.verify` needs.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from liid_cut._core import __version__
from liid_cut.components import COMPONENT_DTYPE
from liid_cut.constraints.certificate import ARRAYS as CERTIFICATE_ARRAYS
from liid_cut.graph import to_csr
from liid_cut.npz import Arrays, FilePath, read_arrays, require, write_arrays
from liid_cut.presets import PRESETS
from liid_cut.proof_files import pack, unpack
from liid_cut.result import MultiwayCutResult
from liid_cut.tags import tags_to_allowed

RESULT_FORMAT = "liid_cut result 1"

_PROBLEM_NEEDS = "a problem file needs probs and either feats or edges and weights; or P, a, b, w"
_CONSTRAINTS = ("labels", "must_link", "cannot_link", "node_weights")
# Before the names of arrays and facts of the constraints' certificate.
_OF_CONSTRAINTS = "constraint_"
_RESULT_ARRAYS = {  # name: (dimensions, kind of dtype)
    "labels": (1, "i"),
    "cut_labels": (1, "i"),
    "component_ids": (1, "i"),
    "components": (1, "V"),
    "edges": (2, "i"),
    "weights": (1, "f"),
    "messages": (2, "f"),
}
_RESULT_FACTS = {
    "cost": float,
    "lower_bound": float,
    "status": str,
    "success": bool,
    "preset": str,
    "delta": float,
    "graph_scale": float,
    "terminal_weights": str,
    "temperature": float,
    "edge_weights": str,
    "symmetrize": str,
    "proofs": dict,
}


@dataclass(frozen=True)
class ProblemFile:
    """The arrays of a problem file as stored; :func:`liid_cut.multiway_cut` checks their values.

    Attributes
    ----------
    probs : (n, K+1) terminal weights.
    feats : (n, d) features, or None where the file holds a graph.
    edges, weights : (m, 2) and (m,), the graph, or None where the file holds features.
    allowed : (n, K+1) bool or None; made from the image tags where the file holds those.
    image_ids, image_tags : (n,) and (n_images, K), or None.
    labels, must_link, cannot_link, node_weights : as :func:`liid_cut.multiway_cut` takes them, or
        None.
    """

    probs: npt.NDArray[Any]
    feats: npt.NDArray[Any] | None = None
    edges: npt.NDArray[Any] | None = None
    weights: npt.NDArray[Any] | None = None
    allowed: npt.NDArray[Any] | None = None
    image_ids: npt.NDArray[Any] | None = None
    image_tags: npt.NDArray[Any] | None = None
    labels: npt.NDArray[Any] | None = None
    must_link: npt.NDArray[Any] | None = None
    cannot_link: npt.NDArray[Any] | None = None
    node_weights: npt.NDArray[Any] | None = None

    def constraints(self, coverage: bool) -> dict[str, Any]:
        """Keywords of the solve, and of verifying it, that restrict and weigh labels.

        ``coverage``: also that each tag of an image is taken.
        """
        names = ("allowed", "labels", "must_link", "cannot_link", "node_weights")
        given = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        if coverage:
            given["coverage"] = self.image_ids, self.image_tags
        return given

    @property
    def graph(self) -> tuple[npt.NDArray[Any], npt.NDArray[Any]] | None:
        """Edges and weights as the ``graph`` argument of the solve, or None."""
        return None if self.edges is None or self.weights is None else (self.edges, self.weights)


def read_problem(path: FilePath) -> ProblemFile:
    """Read a problem file.

    Raises
    ------
    OSError : the file is missing or cannot be read.
    ValueError : it is no npz file, is damaged, holds pickled objects, or lacks arrays.
    """
    arrays = read_arrays(path)
    if "P" in arrays and "probs" not in arrays:
        require(path, arrays, ("a", "b", "w"), _PROBLEM_NEEDS)
        a, b = arrays["a"], arrays["b"]
        if a.ndim != 1 or a.shape != b.shape:
            raise ValueError(f"{path}: a and b have shapes {a.shape} and {b.shape}; both need (m,)")
        if not {a.dtype.kind, b.dtype.kind} <= set("biuf"):
            raise ValueError(f"{path}: a and b are {a.dtype} and {b.dtype}; both need integers")
        edges = np.stack([a, b], axis=1)
        constraints = {name: arrays[name] for name in _CONSTRAINTS if name in arrays}
        return ProblemFile(arrays["P"], edges=edges, weights=arrays["w"], **constraints)

    source = ("feats",) if "feats" in arrays else ("edges", "weights")
    require(path, arrays, ("probs", *source), _PROBLEM_NEEDS)
    if "feats" in arrays and "edges" in arrays:
        raise ValueError(f"{path}: holds both feats and edges; {_PROBLEM_NEEDS}")
    if "image_ids" in arrays or "image_tags" in arrays:
        require(path, arrays, ("image_ids", "image_tags"), "tags need both")
        if "allowed" in arrays:
            raise ValueError(f"{path}: holds both allowed and image_tags; keep one of them")
        arrays["allowed"] = tags_to_allowed(arrays["image_ids"], arrays["image_tags"])
    further = (*source, "allowed", "image_ids", "image_tags", *_CONSTRAINTS)
    return ProblemFile(
        arrays["probs"], **{name: arrays[name] for name in further if name in arrays}
    )


def write_problem(path: FilePath, problem: ProblemFile, **extra: npt.NDArray[Any]) -> None:
    """Write a problem file, with any further arrays that a reader may want.

    Raises
    ------
    OSError : as :func:`liid_cut.npz.write_arrays`.
    """
    arrays = {name: array for name, array in vars(problem).items() if array is not None}
    if "image_tags" in arrays:
        arrays.pop("allowed", None)  # made from them
    write_arrays(path, arrays | extra)


def write_result(path: FilePath, result: MultiwayCutResult) -> None:
    """Write a result with its certificate; :func:`read_result` gives it back.

    Raises
    ------
    OSError : as :func:`liid_cut.npz.write_arrays`.
    """
    arrays = {name: np.asarray(result[name]) for name in _RESULT_ARRAYS}
    facts = {key: value for key, value in result.items() if key not in {*arrays, "graph", "x"}}
    facts |= {"format": RESULT_FORMAT, "version": __version__}
    facts["proofs"], proof_arrays = pack(result.proofs)
    arrays |= proof_arrays
    if result.certificate is not None:
        facts["certificate"], proof_arrays = pack(result.certificate["proofs"])
        proof_arrays |= {name: result.certificate[name] for name in CERTIFICATE_ARRAYS}
        arrays |= {_OF_CONSTRAINTS + name: array for name, array in proof_arrays.items()}
    arrays["facts"] = np.array(json.dumps(facts, default=_plain))
    write_arrays(path, arrays)


def read_result(path: FilePath) -> MultiwayCutResult:
    """Read a result file; ``result.version`` is the version of the package that wrote it.

    Dimensions, types and indices are right; what the arrays claim is for
    :func:`liid_cut.verify` to check.

    Raises
    ------
    OSError : the file is missing or cannot be read.
    ValueError : it is no result file, or is damaged.
    """
    arrays = read_arrays(path)
    require(path, arrays, ("facts", *_RESULT_ARRAYS), "a result file of liid-cut has them all")
    for name, (ndim, kind) in _RESULT_ARRAYS.items():
        array = arrays[name]
        if array.ndim != ndim or array.dtype.kind != kind:
            raise ValueError(
                f"{path}: damaged result: {name} has shape {array.shape}, dtype {array.dtype}"
            )
    try:
        facts = json.loads(str(arrays["facts"][()]))
        if facts.pop("format") != RESULT_FORMAT or arrays["components"].dtype != COMPONENT_DTYPE:
            raise ValueError(f"its format is not {RESULT_FORMAT!r}")
        for name, type_ in _RESULT_FACTS.items():
            if not isinstance(facts.get(name), type_):
                raise ValueError(f"its {name} is {facts.get(name)!r}")
        diagnostics = facts.get("diagnostics", {})
        if not isinstance(diagnostics, dict):
            raise ValueError(f"its diagnostics are {diagnostics!r}")
        warnings = diagnostics.get("warnings", [])
        if not isinstance(warnings, list) or not all(isinstance(text, str) for text in warnings):
            raise ValueError(f"its warnings are {warnings!r}")
        if facts["preset"] not in PRESETS or arrays["edges"].shape[1] != 2:
            raise ValueError(f"preset {facts['preset']!r}, edges {arrays['edges'].shape}")
        result = MultiwayCutResult(facts, **{name: arrays[name] for name in _RESULT_ARRAYS})
        result.graph = to_csr(len(result.labels), result.edges, result.weights)
        result.x = result.labels
        result.proofs = unpack(result.proofs, arrays)
        result.certificate = _certificate(facts.get("certificate"), arrays)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
        raise ValueError(f"{path}: damaged result: {error}") from None
    return result


def _certificate(facts: Any, arrays: Arrays) -> dict[str, Any] | None:
    """The certificate of the constraints, if the file has one."""
    if facts is None:
        return None
    n = len(_OF_CONSTRAINTS)
    own = {name[n:]: array for name, array in arrays.items() if name.startswith(_OF_CONSTRAINTS)}
    certificate: dict[str, Any] = {name: own[name] for name in CERTIFICATE_ARRAYS}
    return certificate | {"proofs": unpack(facts, own)}


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"a {type(value).__name__} cannot be written to a result file")
