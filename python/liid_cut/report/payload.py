"""What the page's script works on: a bounded part of the nodes, images and crops, as plain JSON.

Input: the data of a report and its changes. Steps: choose the images with most changes, the
changed nodes to list, and their dearest edges; load each image once for its picture and its crops;
write all that as arrays over the chosen nodes. Whatever the number of nodes, the size is bounded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from liid_cut.report.changes import MOST_NEIGHBORS, Changes, neighbors_of
from liid_cut.report.images import Encoder, Picture, ReportImage, as_picture, can_trace, outline
from liid_cut.report.inputs import Floats, Ints, ReportData

_IMAGE_SIDE = 640
_MOST_NODES_AN_IMAGE = 200
_MOST_CROPS = 700
_MOST_PROBABILITIES = 4
_SHARE_OF_IMAGES = 0.75  # of the bytes; crops get the rest


@dataclass
class Payload:
    """``content`` is the JSON; ``notes`` say in sentences what was left out of the page."""

    content: dict[str, Any]
    n_listed: int
    n_images: int
    notes: list[str] = field(default_factory=list)


@dataclass
class _Pictures:
    """Data URIs by image and by node, sizes (width, height) by image."""

    images: dict[int, str] = field(default_factory=dict)
    crops: dict[int, str] = field(default_factory=dict)
    sizes: dict[int, tuple[int, int]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def make_payload(
    data: ReportData, changes: Changes, *, max_images: int, max_changes: int, max_bytes: int
) -> Payload:
    """Choose what the page shows, and write it as JSON-ready values.

    Raises
    ------
    ImportError : there are pictures, and Pillow is missing.
    ValueError : a picture or a mask is malformed.
    """
    shown = _chosen_images(data, max_images)
    nodes_of = {i: _nodes_of_image(data, data.images[i]) for i in shown}
    in_images = np.concatenate([np.empty(0, np.int64), *(nodes_of[i][1] for i in shown)])
    is_listed = np.isin(changes.nodes, in_images)
    is_listed[:max_changes] = True
    rows = np.flatnonzero(is_listed)
    listed = changes.nodes[rows]
    edges = [neighbors_of(data, int(u)) for u in listed]
    near = [ids[:MOST_NEIGHBORS] for ids, _ in edges]

    pictures = _load(data, shown, _wanted_crops(data, listed, near), max_bytes)
    included = np.unique(np.concatenate([in_images, listed, *near]))
    place = {int(u): i for i, u in enumerate(included)}
    content = {
        "labels": data.label_names,
        "n": data.n,
        "nodes": _nodes(data, included, pictures, {i: nodes_of[i][1] for i in shown}),
        "changes": [
            _change(data, changes, row, place, near[j], edges[j][1])
            for j, row in enumerate(rows.tolist())
        ],
        "images": [_image(data, i, nodes_of[i], place, pictures) for i in shown],
        "steps": [_step(data, i, included) for i in range(len(data.steps))],
        "resultStep": _step_of_result(data),
    }
    notes = list(pictures.notes)
    if len(shown) < len(data.images):
        notes.append(
            f"{len(shown):,} of {len(data.images):,} images are shown, those with most changes."
        )
    if len(listed) < len(changes.nodes):
        notes.append(
            f"{len(listed):,} of {len(changes.nodes):,} changed nodes are listed, those with the "
            "largest saving."
        )
    if any(len(data.images[i].nodes) > _MOST_NODES_AN_IMAGE for i in shown):
        notes.append(f"At most {_MOST_NODES_AN_IMAGE} nodes of an image are drawn.")
    return Payload(content, len(listed), len(shown), notes)


def _chosen_images(data: ReportData, max_images: int) -> list[int]:
    """Images with most changes first, then with most foreground nodes, then in their order."""
    changed = np.zeros(data.n, dtype=bool)
    changed[data.changed] = True

    def rank(i: int) -> tuple[int, int, int]:
        nodes = data.images[i].nodes
        return -int(changed[nodes].sum()), -int((data.after[nodes] > 0).sum()), i

    return sorted(range(len(data.images)), key=rank)[:max_images]


def _nodes_of_image(data: ReportData, image: ReportImage) -> tuple[Ints, Ints]:
    """Places within the image and nodes to draw: changed first, then foreground, by their order."""
    after = data.after[image.nodes]
    before = after if data.before is None else data.before[image.nodes]
    order = np.lexsort((np.arange(len(after)), (after == 0) & (before == 0), after == before))
    places = np.sort(order[:_MOST_NODES_AN_IMAGE])
    return places, image.nodes[places]


def _wanted_crops(data: ReportData, listed: Ints, near: list[Ints]) -> list[int]:
    if data.crops is None and not data.images:
        return []
    wanted: dict[int, None] = {}
    for u, neighbors in zip(listed.tolist(), near, strict=True):
        if len(wanted) >= _MOST_CROPS:
            break
        wanted |= dict.fromkeys([u, *neighbors.tolist()])
    return list(wanted)


def _load(data: ReportData, shown: list[int], wanted: list[int], max_bytes: int) -> _Pictures:
    pictures = _Pictures()
    image_bytes = int(max_bytes * _SHARE_OF_IMAGES) if data.images else 0
    encode_image, encode_crop = Encoder(image_bytes), Encoder(max_bytes - image_bytes)
    if data.crops is not None:
        for node in wanted:
            _keep(
                pictures.crops,
                node,
                encode_crop.crop(as_picture(f"crops[{node}]", data.crops(node))),
            )

    crops_of: dict[int, list[int]] = {}
    if data.crops is None:
        image_of = np.full(data.n, -1)
        for i, image in enumerate(data.images):
            image_of[image.nodes] = i
        for node in wanted:
            crops_of.setdefault(int(image_of[node]), []).append(node)
        crops_of.pop(-1, None)

    for i in [*shown, *sorted(set(crops_of) - set(shown))]:
        image = data.images[i]
        picture = _loaded(image, pictures.notes)
        pictures.sizes[i] = _size(image, picture)
        if picture is None:
            continue
        if i in shown:
            _keep(pictures.images, i, encode_image.encode(picture, _IMAGE_SIDE))
        place = {int(u): row for row, u in enumerate(image.nodes)}
        for node in crops_of.get(i, []):
            _keep(pictures.crops, node, encode_crop.crop(picture, image.boxes[place[node]]))
    n_missing = sum(i not in pictures.images and data.images[i].load is not None for i in shown)
    if n_missing:
        pictures.notes.append(
            f"{n_missing} images are shown without their picture; max_bytes allows more."
        )
    if any(data.images[i].masks is not None for i in shown) and not can_trace():
        pictures.notes.append("Masks are shown as boxes: they need pycocotools and contourpy.")
    return pictures


def _keep(found: dict[int, str], key: int, uri: str | None) -> None:
    if uri is not None:
        found[key] = uri


def _loaded(image: ReportImage, notes: list[str]) -> Picture | None:
    """The picture, or None; a damaged file must not cost the user the whole report."""
    if image.load is None:
        return None
    try:
        return as_picture(f"image {image.image_id!r}", image.load())
    except (OSError, ValueError) as error:
        notes.append(f"Image {image.image_id!r} could not be loaded: {error}")
        return None


def _size(image: ReportImage, picture: Picture | None) -> tuple[int, int]:
    if picture is not None:
        return picture.shape[1], picture.shape[0]
    if image.masks:
        height, width = image.masks[0]["size"]
        return int(width), int(height)
    corners = image.boxes[:, 2:].max(axis=0, initial=1)
    return int(np.ceil(corners[0])), int(np.ceil(corners[1]))


def _nodes(
    data: ReportData, included: Ints, pictures: _Pictures, nodes_of: dict[int, Ints]
) -> dict[str, Any]:
    in_image = {int(u): place for place, i in enumerate(nodes_of) for u in nodes_of[i]}
    found: dict[str, Any] = {"id": included.tolist(), "after": data.after[included].tolist()}
    if data.before is not None:
        found["before"] = data.before[included].tolist()
    if data.truth is not None:
        found["truth"] = data.truth[included].tolist()
    if data.margins is not None:
        found["margin"] = _short(data.margins[included])
    if data.node_names is not None:
        found["name"] = [data.node_names[u] for u in included]
    found["image"] = [in_image.get(int(u), -1) for u in included]
    found["crop"] = [pictures.crops.get(int(u)) for u in included]
    return found


def _change(
    data: ReportData, changes: Changes, row: int, place: dict[int, int], near: Ints, weights: Floats
) -> dict[str, Any]:
    node = int(changes.nodes[row])
    found = {
        "i": place[node],
        "terminal": _short(changes.terminal[row]),
        "cut": _short(changes.cut[row]),
        "saving": _short(changes.saving[[row]])[0],
        "degree": len(weights),
        "near": [place[int(v)] for v in near],
        "w": _short(weights[: len(near)]),
    }
    if data.probs is not None:
        probs = np.asarray(data.probs[node], dtype=np.float64)
        top = np.argsort(-probs, kind="stable")[:_MOST_PROBABILITIES]
        is_allowed = np.isfinite(data.costs[node]) if data.costs is not None else probs >= 0
        found["p"] = [[int(k), _short(probs[[k]])[0], int(is_allowed[k])] for k in top]
    return found


def _image(
    data: ReportData, i: int, drawn: tuple[Ints, Ints], place: dict[int, int], pictures: _Pictures
) -> dict[str, Any]:
    image = data.images[i]
    width, height = pictures.sizes[i]
    places, nodes = drawn
    found: dict[str, Any] = {
        "id": image.image_id,
        "w": width,
        "h": height,
        "src": pictures.images.get(i),
        "nodes": [place[int(u)] for u in nodes],
        "boxes": np.round(image.boxes[places], 1).tolist(),
    }
    if image.masks is not None and can_trace():
        found["paths"] = [_outline(image, int(p)) for p in places]
    if image.truth_boxes is not None and image.truth_labels is not None:
        found["truth"] = {
            "boxes": np.round(image.truth_boxes, 1).tolist(),
            "labels": image.truth_labels.tolist(),
        }
    return found


def _outline(image: ReportImage, place: int) -> str:
    try:
        return outline((image.masks or [])[place])
    except ValueError as error:
        node = image.nodes[place]
        raise ValueError(f"image {image.image_id!r}: mask of node {node}: {error}") from None


def _step_of_result(data: ReportData) -> int | None:
    """The step that is the result: its labels at, as near as can be, its cost."""
    same = [i for i, step in enumerate(data.steps) if np.array_equal(step.labels, data.after)]
    cost = float(data.result.cost)
    return min(same, key=lambda i: (abs(data.steps[i].cost - cost), i), default=None)


def _step(data: ReportData, i: int, included: Ints) -> dict[str, Any]:
    step = data.steps[i]
    counts = np.bincount(step.labels, minlength=len(data.label_names))
    same = np.array_equal(step.labels, data.after)
    return {
        "delta": step.delta,
        "cost": step.cost,
        "bound": step.lower_bound,
        "status": step.status,
        "changed": None if data.before is None else int((step.labels != data.before).sum()),
        "differs": 0 if same else int((step.labels != data.after).sum()),
        "accuracy": data.accuracy(step.labels),
        "counts": counts.tolist(),
        "labels": step.labels[included].tolist(),
    }


def _short(values: Floats) -> list[float]:
    """Six significant digits: enough for a page, and much shorter."""
    return [float(f"{value:.6g}") for value in np.asarray(values, dtype=np.float64).tolist()]
