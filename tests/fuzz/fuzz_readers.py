"""Damaged files of proposals, labels, tags, annotations and settings: each is refused with a
``ValueError`` that names the file, or read as one that is whole.
"""

from __future__ import annotations

import json
import logging
import shutil
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from damage import as_text, changed_arrays, changed_json, damaged, npz_bytes
from fuzzing import Bytes, fuzz, instrumented, require, tally

from benchmarks import proposal_files as made

with instrumented("liid_cut", "liid_mil"):
    from liid_cut import multiway_cut
    from liid_cut.files import write_result
    from liid_cut.npz import read_arrays
    from liid_mil.config import PRESETS, preset
    from liid_mil.config_files import format_config, read_config
    from liid_mil.data.coco import CocoDataset
    from liid_mil.data.tag_files import read_tags
    from liid_mil.data.voc import VocDataset
    from liid_mil.label_files import read_labels
    from liid_mil.proposals.store import ProposalStore, write_store
    from liid_mil.readers import FORMATS, Limits, read_proposals

FOLDER = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
LIMITS = Limits(max_pixels=1 << 16, max_proposals=500, max_bytes=1 << 20)
IMAGE = made.made_up("img", 4, (9, 13), 0, n_superpixels=8)

# Format, ending, and the file as it should be.
Template = tuple[str, str, bytes]


def template(format: str, ending: str, write: Callable[[Path], Any]) -> Template:
    """The bytes that ``write`` writes."""
    path = FOLDER / f"template{ending}"
    write(path)
    return format, ending, path.read_bytes()


JSON = [
    template("sam", ".json", lambda path: made.write_sam(path, IMAGE)),
    template("sam", ".json", lambda path: made.write_sam(path, IMAGE, as_list=True, plain=True)),
    template("prm", ".json", lambda path: made.write_prm(path, IMAGE)),
    ("coco", ".json", as_text(made.coco_records(IMAGE))),
    ("coco", ".json", as_text(made.coco_records(IMAGE, masks=False))),
    template("authors", ".json", lambda path: made.write_authors_json(path, [IMAGE])),
]
BINARY = [
    template("mcg", ".mat", lambda path: made.write_mcg(path, IMAGE, packed=False)),
    template("mcg", ".mat", lambda path: made.write_mcg(path, IMAGE)),
    template("mcg", ".mat", lambda path: made.write_mcg_boxes(path, IMAGE)),
    template("mcg", ".mat", lambda path: made.write_mcg_hdf5(path, IMAGE)),
    template("label-maps", ".png", lambda path: made.write_label_map(path, IMAGE)),
    template("label-maps", ".png", lambda path: made.write_label_map(path, IMAGE, "I;16")),
    template("voc", ".png", lambda path: made.write_label_map(path, IMAGE, "P")),
]
ARRAYS = template("authors", ".npz", lambda path: made.write_arrays(path, [IMAGE]))
STORE = FOLDER / "store"


def make_store() -> dict[str, bytes]:
    """The files of a store of one image."""
    made.write_mcg(FOLDER / "img.mat", IMAGE)
    (image,) = read_proposals("mcg", FOLDER / "img.mat")
    write_store(STORE, ["img"], [(image.proposals, IMAGE.superpixels.shape)])
    return {path.name: path.read_bytes() for path in STORE.iterdir()}


STORE_FILES = make_store()


def label_files() -> list[dict[str, Any]]:
    """The arrays of a label file, and of a result of a cut."""
    own = {
        "labels": np.array([1, 0, 2, 1]),
        "scores": np.array([0.5, 0.25, 1, 0.75], np.float32),
        "rows": np.arange(4),
        "boxes": np.array([[0, 0, 2, 2]] * 4, np.float32),
        "image_ids": np.array(["img"]),
        "class_names": np.array(["cat", "dog"]),
        "facts": np.array(json.dumps({"status": "optimal", "cost": 1.0})),
    }
    own |= {f"{name}_without_graph": own[name] for name in ("labels", "scores")}
    path = FOLDER / "result.npz"
    write_result(path, multiway_cut([[1, 0], [0, 1]], graph=([[0, 1]], [0.1]), n_jobs=1))
    return [own, read_arrays(path)]


LABELS = label_files()
TAGS_CSV = (b"image,tags\na,cat;dog\nb,\n", b"image,cat,dog\na,1,0\nb,0,1\n")
TAGS_NPZ = {"image_ids": np.array(["a", "b"]), "tags": np.array([[True, False], [False, True]])}
XML = (
    b"<annotation><size><width>13</width><height>9</height></size><object><name>cat</name>"
    b"<difficult>0</difficult><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>5</xmax><ymax>6</ymax>"
    b"</bndbox></object></annotation>"
)
COCO = {
    "images": [{"id": 1, "file_name": "a.png", "height": 9, "width": 13}],
    "categories": [{"id": 3, "name": "cat"}, {"id": 5, "name": "dog"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 3, "bbox": [1, 2, 4, 5], "iscrowd": 0, "area": 9}
        | {"segmentation": [[1, 2, 5, 2, 5, 7]]},
        {"id": 2, "image_id": 1, "category_id": 5, "bbox": [0, 0, 9, 9], "iscrowd": 1, "area": 9}
        | {"segmentation": {"size": [9, 13], "counts": [10, 20, 87]}},
    ],
}
YAML = [format_config(preset(name), comments=False).encode() for name in PRESETS]


def file(ending: str, data: bytes) -> Path:
    """A file of these bytes."""
    path = FOLDER / f"file{ending}"
    path.write_bytes(data)
    return path


def fuzz_proposals(stream: Bytes) -> None:
    format, ending, data = stream.choice([*JSON, *BINARY, ARRAYS])
    what = stream.next() % 4
    if ending == ".json" and what:
        path = file(ending, as_text(changed_json(json.loads(data), stream)))
    elif ending == ".npz" and what:
        path = file(ending, npz_bytes(changed_arrays(dict(np.load(file(ending, data))), stream)))
    else:
        path = file(ending, damaged(data, stream))
    other = stream.next()
    reader = read_proposals(
        FORMATS[other % len(FORMATS)] if other > 200 else format,
        path,
        limits=LIMITS,
        on_error="skip" if other % 4 == 0 else "raise",
        missing_scores="area" if other % 8 == 1 else "one",
        top=1 if other % 8 == 2 else None,
        sizes=(lambda _: (9, 13)) if other % 16 == 3 else None,
    )
    for image in reader:
        found = image.proposals
        require(np.isfinite(found.boxes).all(), "a box that is not finite")
        require((np.diff(found.scores) <= 0).all(), "proposals are not best first")
        require(len(found.boxes) <= LIMITS.max_proposals, "more proposals than are allowed")


def fuzz_labels(stream: Bytes) -> None:
    arrays = dict(stream.choice(LABELS))
    if stream.next() % 4 == 0:
        facts = changed_json(json.loads(str(arrays["facts"])), stream)
        arrays["facts"] = np.array(json.dumps(facts))
    path = file(".npz", npz_bytes(changed_arrays(arrays, stream)))
    labels = read_labels(path, without_graph=stream.next() % 4 == 0)
    shutil.rmtree(STORE, ignore_errors=True)
    write_files(STORE, STORE_FILES)
    labels.of_store(ProposalStore(STORE))


def write_files(folder: Path, files: dict[str, bytes]) -> None:
    """A folder of these files."""
    folder.mkdir(exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)


def fuzz_store(stream: Bytes) -> None:
    files = dict(STORE_FILES)
    name = stream.choice(sorted(files))
    if name == "header.json" and stream.next() % 4:
        files[name] = as_text(changed_json(json.loads(files[name]), stream))
    else:
        files[name] = damaged(files[name], stream)
    shutil.rmtree(STORE, ignore_errors=True)
    write_files(STORE, files)
    store = ProposalStore(STORE)
    for i in range(len(store)):
        require(len(store[i].boxes) == len(store[i].scores), "scores and boxes differ in number")


def fuzz_tags(stream: Bytes) -> None:
    if stream.next() % 2:
        read_tags(file(".csv", damaged(stream.choice(TAGS_CSV), stream)))
    else:
        data = npz_bytes(changed_arrays(TAGS_NPZ, stream))
        read_tags(
            file(".npz", data if stream.next() % 4 else damaged(data, stream)), ["cat", "dog"]
        )


def fuzz_coco(stream: Bytes) -> None:
    data = as_text(changed_json(COCO, stream) if stream.next() % 4 else COCO)
    path = file(".json", data if stream.next() % 4 else damaged(data, stream))
    dataset = CocoDataset(path, FOLDER / "images", on_error=stream.choice(["raise", "skip"]))
    for i in range(len(dataset.image_ids)):
        dataset.truth(i)


def fuzz_voc(stream: Bytes) -> None:
    (VOC / "Annotations" / "a.xml").write_bytes(damaged(XML, stream))
    (VOC / "ImageSets" / "Main" / "all.txt").write_bytes(
        b"a\n" if stream.next() % 4 else damaged(b"a\nb 1\n", stream)
    )
    if stream.next() % 4 == 0:
        for name in ("SegmentationObject", "SegmentationClass"):
            (VOC / name / "a.png").write_bytes(damaged(BINARY[-1][2], stream))
    dataset = VocDataset(VOC, "Main/all", class_names=["cat", "dog"])
    for i in range(len(dataset.image_ids)):
        dataset.truth(i)


def fuzz_config(stream: Bytes) -> None:
    data = damaged(stream.choice(YAML), stream)
    changes = ["a=1", "seed=x", "data.coco=[", "=", "seed=", "preset=paper", "\0=1", "seed=1e999"]
    config = read_config(file(".yaml", data), [stream.choice(changes)] * (stream.next() % 4 == 0))
    format_config(config)


VOC = FOLDER / "voc"
for name in ("Annotations", "ImageSets/Main", "SegmentationObject", "SegmentationClass"):
    (VOC / name).mkdir(parents=True)
(VOC / "JPEGImages").mkdir()
(FOLDER / "images").mkdir()
for folder, name in ((VOC / "JPEGImages", "a.jpg"), (FOLDER / "images", "a.png")):
    (folder / name).write_bytes(BINARY[-1][2])

FUZZERS = (
    *(fuzz_proposals, fuzz_proposals, fuzz_proposals, fuzz_proposals, fuzz_labels, fuzz_store),
    *(fuzz_tags, fuzz_coco, fuzz_voc, fuzz_config),
)


def one_input(data: bytes) -> None:
    stream = Bytes(data)
    which = stream.choice(FUZZERS)
    name = which.__name__.removeprefix("fuzz_")
    try:
        which(stream)
    except ValueError as error:
        require(str(FOLDER) in str(error) or name == "config", f"no file is named: {error!r}")
        tally[f"{name} refused"] += 1
    else:
        tally[f"{name} read"] += 1


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    logging.disable()
    fuzz(one_input)
