"""``liid-cut report``: what it reads, what it writes, and one message a fault."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from liid_cut import delta_path
from liid_cut.cli import main
from liid_cut.files import write_result
from liid_cut.report.files import read_delta_path, read_input, read_names, read_truth

from .samples import NAMES, NODES_AN_IMAGE, SIDE, Sample, picture, sample

IMAGE_OF_NODE = np.arange(48) // NODES_AN_IMAGE
IMAGE_NAMES = np.array([f"photo-{i}" for i in range(6)])


@pytest.fixture(scope="module")
def data() -> Sample:
    return sample()


@pytest.fixture
def result_file(tmp_path: Path, data: Sample) -> Path:
    write_result(tmp_path / "result.npz", data.result)
    return tmp_path / "result.npz"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    image = pytest.importorskip("PIL.Image", reason="pictures need Pillow")
    (tmp_path / "photos").mkdir()
    for i, name in enumerate(IMAGE_NAMES):
        image.fromarray(picture(i)).save(tmp_path / "photos" / f"{name}.png")
    return tmp_path / "photos"


def npz(path: Path, **arrays: Any) -> str:
    np.savez(path, **arrays)
    return str(path)


def content(path: Path) -> dict[str, Any]:
    page = path.read_text(encoding="utf-8")
    start = page.index('id="data">') + len('id="data">')
    found: dict[str, Any] = json.loads(page[start : page.index("</script>", start)])
    return found


def test_result_alone(tmp_path: Path, result_file: Path, capsys: Any) -> None:
    page = tmp_path / "r.html"
    assert main(["report", str(result_file), "-o", str(page)]) == 0
    out = capsys.readouterr().out
    assert out == f"written      {page} ({page.stat().st_size:,} bytes)\n"
    assert "<title>result</title>" in page.read_text()
    assert main(["report", str(result_file), "-o", str(page), "--quiet"]) == 0
    assert capsys.readouterr().out == ""


def test_everything(tmp_path: Path, data: Sample, result_file: Path, photos: Path) -> None:
    problem = npz(
        tmp_path / "in.npz",
        probs=data.probs,
        feats=data.feats,
        boxes=data.boxes,
        image_ids=IMAGE_OF_NODE,
        image_names=IMAGE_NAMES,
    )
    truth, names = tmp_path / "truth.npy", tmp_path / "names.txt"
    np.save(truth, data.truth)
    names.write_text("\n".join(NAMES) + "\n")
    cuts = [cut for _, cut in data.path]
    path = npz(
        tmp_path / "path.npz",
        deltas=[delta for delta, _ in data.path],
        labels=np.stack([cut.labels for cut in cuts]),
        costs=[cut.cost for cut in cuts],
        lower_bounds=[cut.lower_bound for cut in cuts],
        statuses=[cut.status for cut in cuts],
    )
    page = tmp_path / "r.html"
    options = ["--input", problem, "--images", str(photos), "--names", str(names)]
    options += ["--truth", str(truth), "--delta-path", path, "--title", "Pets"]
    assert main(["report", str(result_file), *options, "-o", str(page)]) == 0
    found = content(page)
    assert found["labels"] == NAMES
    assert found["nodes"]["truth"] == data.truth.tolist()
    assert [step["cost"] for step in found["steps"]] == [cut.cost for cut in cuts]
    assert len(found["images"]) == 6
    assert all(image["src"] and image["w"] == SIDE for image in found["images"])
    assert "<title>Pets</title>" in page.read_text()


def test_arrays_of_liid_mil(tmp_path: Path, data: Sample) -> None:
    given = read_input(
        npz(
            tmp_path / "in.npz",
            probs=data.probs,
            boxes=data.boxes,
            image_index=IMAGE_OF_NODE[::-1],
            image_ids=IMAGE_NAMES,
            class_names=NAMES[1:],
        )
    )
    assert given["label_names"] == NAMES
    np.testing.assert_array_equal(given["images"][0].nodes, np.arange(40, 48))
    np.testing.assert_array_equal(given["images"][0].boxes, data.boxes[40:])
    assert given["images"][0].load is None


def test_tags_masks_and_short_names(tmp_path: Path, data: Sample) -> None:
    pytest.importorskip("pycocotools", reason="masks need pycocotools")
    tags = np.zeros((6, 2), bool)
    tags[:, 0] = True
    codes = [mask["counts"] for image in data.images(masks=True) for mask in image.masks or []]
    given = read_input(
        npz(
            tmp_path / "in.npz",
            P=data.probs,
            image_tags=tags,
            image_ids=IMAGE_OF_NODE,
            image_names=IMAGE_NAMES,
            boxes=data.boxes,
            masks=np.array(codes),
            image_sizes=np.full((6, 2), SIDE),
        )
    )
    np.testing.assert_array_equal(given["probs"], data.probs)
    np.testing.assert_array_equal(given["allowed"], [[True, True, False]] * 48)
    masks = [mask["counts"] for image in given["images"] for mask in image.masks]
    assert masks == codes


def test_names_cannot_leave_the_folder(tmp_path: Path, photos: Path, data: Sample) -> None:
    (photos.parent / "secret.png").write_bytes((photos / "photo-0.png").read_bytes())
    arrays = {"boxes": data.boxes, "image_ids": IMAGE_OF_NODE}
    names = np.array(["../secret", str(photos.parent / "secret"), "nothing", "photo-3", "", "."])
    path = npz(tmp_path / "in.npz", image_names=names, **arrays)
    images = read_input(path, photos)["images"]
    for i in (0, 1, 2, 4, 5):
        with pytest.raises(FileNotFoundError, match="has no file of that name"):
            images[i].load()
    np.testing.assert_array_equal(images[3].load(), picture(3))


def test_damaged_picture(tmp_path: Path, photos: Path, data: Sample) -> None:
    whole = (photos / "photo-1.png").read_bytes()
    (photos / "photo-1.png").write_bytes(whole[: len(whole) // 2])
    arrays = {"image_names": IMAGE_NAMES, "image_ids": IMAGE_OF_NODE, "boxes": data.boxes}
    images = read_input(npz(tmp_path / "in.npz", **arrays), photos)["images"]
    with pytest.raises((OSError, ValueError)):
        images[1].load()


def test_truth_of_an_npz(tmp_path: Path) -> None:
    np.testing.assert_array_equal(read_truth(npz(tmp_path / "t.npz", truth=[1, 2])), [1, 2])
    with pytest.raises(ValueError, match=r"t\.npz: truth missing"):
        read_truth(npz(tmp_path / "t.npz", labels=[1]))
    (tmp_path / "t.npy").write_bytes(b"nothing")
    with pytest.raises(ValueError, match="damaged npy file"):
        read_truth(tmp_path / "t.npy")


def test_names_are_text(tmp_path: Path) -> None:
    (tmp_path / "names").write_bytes(b"dog\xe9")
    with pytest.raises(ValueError, match=r"not UTF-8 text: .* at byte 3"):
        read_names(tmp_path / "names")


def test_saved_delta_path(tmp_path: Path, data: Sample) -> None:
    path = delta_path(data.probs, data.feats, deltas=[0.1, 1.0])
    path.save(tmp_path / "path.npz")
    for point, cut in zip(read_delta_path(tmp_path / "path.npz"), path, strict=True):
        np.testing.assert_array_equal(point.labels, cut.labels)
        facts = (point.delta, point.cost, point.lower_bound, point.status)
        assert facts == (cut.delta, cut.cost, cut.lower_bound, cut.status)


def test_cuts_of_other_lengths(tmp_path: Path) -> None:
    arrays = {"deltas": [1], "labels": [[0]], "costs": [1.0, 2], "lower_bounds": [1.0]}
    with pytest.raises(ValueError, match="lengths differ"):
        read_delta_path(npz(tmp_path / "p.npz", statuses=["optimal"], **arrays))
    with pytest.raises(ValueError, match="statuses missing"):
        read_delta_path(npz(tmp_path / "p.npz", **arrays))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_names": None}, "image_names missing"),
        ({"image_ids": np.full(48, 6)}, r"the image of each node\[0\] is 6; images are 0 to 5"),
        ({"image_ids": IMAGE_OF_NODE[:5]}, "boxes has 48 rows for 5 nodes with an image"),
        ({"masks": np.array([b"0"] * 48)}, "image_sizes missing"),
        ({"boxes": None}, "boxes missing"),
    ],
)
def test_bad_arrays(tmp_path: Path, data: Sample, changes: dict[str, Any], message: str) -> None:
    arrays = {"boxes": data.boxes, "image_ids": IMAGE_OF_NODE, "image_names": IMAGE_NAMES} | changes
    path = npz(tmp_path / "in.npz", **{k: v for k, v in arrays.items() if v is not None})
    with pytest.raises(ValueError, match=message):
        read_input(path, tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--images", "."], "--images needs --input"),
        (["--input", "nowhere.npz"], "nowhere.npz: No such file"),
        (["--max-bytes", "much"], "max_bytes is 'much'"),
        (["--max-images", "0"], "max_images is 0"),
    ],
)
def test_usage_errors(
    tmp_path: Path, result_file: Path, capsys: Any, options: list[str], message: str
) -> None:
    page = tmp_path / "r.html"
    assert main(["report", str(result_file), "-o", str(page), *options]) == 2
    assert message in capsys.readouterr().err
    assert not page.exists()


def test_inputs_are_not_overwritten(result_file: Path, capsys: Any) -> None:
    whole = result_file.read_bytes()
    assert main(["report", str(result_file), "-o", str(result_file)]) == 2
    assert "the page would overwrite an input" in capsys.readouterr().err
    assert result_file.read_bytes() == whole


def test_folder_is_missing(tmp_path: Path, data: Sample) -> None:
    path = npz(tmp_path / "in.npz", probs=data.probs)
    with pytest.raises(NotADirectoryError, match="no such folder of images"):
        read_input(path, tmp_path / "nowhere")
