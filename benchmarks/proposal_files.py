"""Writes made-up proposals in the layouts of others' files, for the readers' tests and benchmarks.

Input: :func:`made_up`, images with a superpixel map and sets of superpixels. Output: files as MCG,
MATLAB v7.3, SAM, PRM, COCO's and VOC's tools write them. Nothing of liid_mil's readers is used:
pixels are compared, encoded by pycocotools or NumPy's plainest means.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PillowImage
from pycocotools import mask as coco_mask
from scipy.io import savemat
from scipy.spatial import KDTree


@dataclass(frozen=True, eq=False)
class MadeUp:
    """An image's proposals: sets of superpixels, from 1 on, and scores that differ."""

    image_id: str
    superpixels: np.ndarray  # uint16 (H, W), 1..S
    sets: list[np.ndarray]  # P arrays of superpixels
    scores: np.ndarray  # float64 (P,)

    @property
    def masks(self) -> np.ndarray:
        """Pixels, bool (P, H, W)."""
        return np.stack([np.isin(self.superpixels, one) for one in self.sets])

    @property
    def labels(self) -> np.ndarray:
        """A label map, uint8 (H, W): 0, and proposal i as i + 1, where no later one covers it."""
        labels = np.zeros(self.superpixels.shape, np.uint8)
        for i, mask in enumerate(self.masks[:200]):
            labels[mask] = i + 1
        return labels


def made_up(
    image_id: str, n: int, size: tuple[int, int], seed: int, n_superpixels: int = 150
) -> MadeUp:
    """``n`` proposals: superpixels are the pixels nearest to random seeds, sets lie together."""
    rng = np.random.default_rng(seed)
    centres = rng.random((n_superpixels, 2)) * size
    y, x = np.indices(size)
    _, nearest = KDTree(centres).query(np.stack([y.ravel(), x.ravel()], axis=1))
    superpixels = np.unique(nearest, return_inverse=True)[1].reshape(size) + 1
    centres = np.array(
        [np.argwhere(superpixels == k + 1).mean(0) for k in range(superpixels.max())]
    )
    sets = []
    for _ in range(n):
        middle = rng.integers(len(centres))
        near = np.argsort(((centres - centres[middle]) ** 2).sum(axis=1))
        many = min(len(centres), int(rng.integers(1, 1 + max(2, len(centres) // 5))))
        sets.append(rng.permutation(near[:many]) + 1)
    scores = rng.permutation(n) / n + rng.random() / n / 2
    return MadeUp(image_id, superpixels.astype(np.uint16), sets, scores)


def write_mcg(path: Path, image: MadeUp, *, packed: bool = True, **more: Any) -> None:
    """MCG's segmented proposals, MATLAB v5 or, packed, v7."""
    content = {
        "superpixels": image.superpixels,
        "labels": _cells([one.astype(np.float64)[None] for one in image.sets]),
        "scores": image.scores[:, None],
        **more,
    }
    savemat(path, content, do_compression=packed)


def write_mcg_boxes(path: Path, image: MadeUp) -> None:
    """MCG's box proposals: y1, x1, y2, x2 from 1, both ends included."""
    boxes = []
    for mask in image.masks:
        y, x = np.nonzero(mask)
        boxes.append([y.min() + 1, x.min() + 1, y.max() + 1, x.max() + 1])
    savemat(path, {"bboxes": np.array(boxes, float), "scores": image.scores[:, None]})


def write_mcg_hdf5(path: Path, image: MadeUp, group: str | None = None) -> None:
    """MCG's segmented proposals as MATLAB v7.3 writes them; ``group``: in a struct of that name."""
    import h5py

    with h5py.File(path, "w", userblock_size=512) as file:
        root = file if group is None else file.create_group(group)
        if group is not None:
            root.attrs["MATLAB_class"] = np.bytes_("struct")

        def array(where: Any, name: str, values: np.ndarray, kind: str) -> Any:
            packed = {"chunks": True, "compression": "gzip"} if values.size > 1000 else {}
            dataset = where.create_dataset(name, data=values.T, **packed)
            dataset.attrs["MATLAB_class"] = np.bytes_(kind)
            return dataset

        array(root, "superpixels", image.superpixels, "uint16")
        array(root, "scores", image.scores[:, None], "double")
        cells = file.create_group("#refs#")
        references = np.empty((1, len(image.sets)), dtype=h5py.ref_dtype)
        for i, one in enumerate(image.sets):
            references[0, i] = array(cells, f"c{i}", one.astype(np.float64)[None], "double").ref
        labels = root.create_dataset("labels", data=references, dtype=h5py.ref_dtype)
        labels.attrs["MATLAB_class"] = np.bytes_("cell")
    with path.open("r+b") as file:
        text = b"MATLAB 7.3 MAT-file, Platform: GLNXA64, Created on: Tue Nov 24 02:00:00 2026 HDF5"
        file.write(text.ljust(116) + bytes(8) + b"\x00\x02IM")


def write_sam(path: Path, image: MadeUp, *, as_list: bool = False, plain: bool = False) -> None:
    """SAM's json: SA-1B's object or the generator's list; codes as text or plain numbers."""
    height, width = image.superpixels.shape
    notes = []
    for i, mask in enumerate(image.masks):
        y, x = np.nonzero(mask)
        box = [int(n) for n in (x.min(), y.min(), x.max() - x.min(), y.max() - y.min())]
        notes.append(
            {
                "id": 532_000_000 + i,
                "segmentation": _numbers(mask) if plain else _text(mask),
                "bbox": box,
                "area": int(mask.sum()),
                "predicted_iou": float(image.scores[i]),
                "point_coords": [[float(x[0]), float(y[0])]],
                "stability_score": 0.95,
                "crop_box": [0, 0, width, height],
            }
        )
    about = {"image_id": 1, "width": width, "height": height, "file_name": f"{image.image_id}.jpg"}
    content = notes if as_list else {"image": about, "annotations": notes}
    path.write_text(json.dumps(content))


def write_prm(path: Path, image: MadeUp) -> None:
    """PRM's json: runs along the rows, counted from 1."""
    records = []
    for mask in image.masks:
        changes = np.flatnonzero(np.diff(mask.ravel().astype(np.int8), prepend=0, append=0))
        starts, ends = changes[::2], changes[1::2]
        runs = np.stack([starts + 1, ends - starts], axis=1).astype("<i4")
        data = base64.b64encode(runs.tobytes()).decode()
        records.append({"data": data, "shape": list(mask.shape)})
    path.write_text(json.dumps(records))


def coco_records(image: MadeUp, *, masks: bool = True) -> list[dict[str, Any]]:
    """Records of COCO's results format."""
    records = []
    for score, mask in zip(image.scores, image.masks, strict=True):
        y, x = np.nonzero(mask)
        box = [x.min(), y.min(), x.max() + 1 - x.min(), y.max() + 1 - y.min()]
        record = {"image_id": image.image_id, "category_id": 1, "score": float(score)}
        record["bbox"] = [float(n) for n in box]
        if masks:
            record["segmentation"] = _text(mask)
        records.append(record)
    return records


def write_label_map(path: Path, image: MadeUp, mode: str = "L") -> None:
    """A label map: ``"L"``, ``"I;16"``, or ``"P"`` with VOC's palette and a void border."""
    labels = image.labels
    if mode == "P":
        labels = labels.copy()
        labels[:, :2] = 255
    picture = PillowImage.fromarray(labels.astype(np.uint16) if mode == "I;16" else labels)
    if mode == "P":
        picture = picture.convert("P")
        picture.putdata(labels.ravel().tolist())
        picture.putpalette(_voc_palette())
    picture.save(path)


def write_arrays(path: Path, images: Sequence[MadeUp], **changes: Any) -> None:
    """The npz layout of liid_mil.readers.authors; None among ``changes`` leaves an array out."""
    codes = [_text(mask)["counts"].encode() for image in images for mask in image.masks]
    boxes = []
    for image in images:
        for mask in image.masks:
            y, x = np.nonzero(mask)
            boxes.append([x.min(), y.min(), x.max() + 1, y.max() + 1])
    arrays: dict[str, Any] = {
        "image_ids": np.array([image.image_id for image in images]),
        "offsets": np.cumsum([0, *(len(image.sets) for image in images)]),
        "boxes": np.array(boxes, np.float32).reshape(-1, 4),
        "scores": np.concatenate([image.scores for image in images]),
        "sizes": np.array([image.superpixels.shape for image in images]),
        "masks": np.frombuffer(b"".join(codes), np.uint8),
        "mask_offsets": np.cumsum([0, *map(len, codes)]),
        **changes,
    }
    np.savez(path, **{name: array for name, array in arrays.items() if array is not None})


def write_authors_json(path: Path, images: Sequence[MadeUp]) -> None:
    """The json layout of liid_mil.readers.authors."""
    records = [
        {
            "image_id": image.image_id,
            "masks": [_text(mask) for mask in image.masks],
            "scores": image.scores.tolist(),
        }
        for image in images
    ]
    path.write_text(json.dumps(records))


def _cells(parts: Sequence[np.ndarray]) -> np.ndarray:
    cells = np.empty((len(parts), 1), dtype=object)
    for i, part in enumerate(parts):
        cells[i, 0] = part
    return cells


def _text(mask: np.ndarray) -> dict[str, Any]:
    code = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    return {"size": list(mask.shape), "counts": code["counts"].decode()}


def _numbers(mask: np.ndarray) -> dict[str, Any]:
    counts, value = [0], False
    for pixel in mask.T.ravel().tolist():
        if pixel != value:
            counts.append(0)
            value = pixel
        counts[-1] += 1
    return {"size": list(mask.shape), "counts": counts}


def _voc_palette() -> list[int]:
    colours = []
    for index in range(256):
        red = green = blue = 0
        rest = index
        for bit in range(7, -1, -1):
            red |= (rest & 1) << bit
            green |= (rest >> 1 & 1) << bit
            blue |= (rest >> 2 & 1) << bit
            rest >>= 3
        colours += [red, green, blue]
    return colours
