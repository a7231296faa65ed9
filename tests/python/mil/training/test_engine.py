"""Training: it learns, its steps are the documented ones, and it can be killed at any time."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import types
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from liid_mil.data.types import DatasetError  # noqa: E402
from liid_mil.losses import LiidLoss, LossWeights  # noqa: E402
from liid_mil.training.batches import (  # noqa: E402
    Samples,
    collate,
    epoch_order,
    epoch_steps,
    is_mirrored,
)
from liid_mil.training.checkpoint import CheckpointError, load_checkpoint  # noqa: E402
from liid_mil.training.config import CamConfig, Runtime  # noqa: E402
from liid_mil.training.engine import TrainingDiverged  # noqa: E402
from liid_mil.training.loop import train_cam, train_mil  # noqa: E402
from liid_mil.training.networks import (  # noqa: E402
    build_classifier,
    build_network,
    load_classifier,
    load_network,
)
from mil.launched import torchrun  # noqa: E402
from mil.training.tiny import (  # noqa: E402
    SIZE,
    K,
    TinyImages,
    tiny_config,
    tiny_labels,
    tiny_proposals,
)

TESTS = Path(__file__).parents[2]


def train(folder: Path, runtime: Runtime | None = None, **settings: Any) -> nn.Module:
    return train_mil(
        TinyImages(), tiny_proposals(), tiny_labels(), tiny_config(**settings), folder, runtime
    )


def start(folder: Path, *settings: str) -> subprocess.Popen[bytes]:
    """Train in a new process."""
    return subprocess.Popen(
        [sys.executable, "-m", "mil.training.tiny", str(folder), *settings],
        env=os.environ | {"PYTHONPATH": str(TESTS)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )


def assert_equal(one: Any, other: Any, where: str = "") -> None:
    """Bit-equal nested states."""
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other), where
    elif isinstance(one, dict):
        assert one.keys() == other.keys(), where
        for key in one:
            assert_equal(one[key], other[key], f"{where}/{key}")
    elif isinstance(one, list):
        assert len(one) == len(other), where
        for i, pair in enumerate(zip(one, other, strict=True)):
            assert_equal(*pair, f"{where}/{i}")
    else:
        assert one == other, where


def test_steps_are_those_of_sgd_written_out(tmp_path: Path) -> None:
    """Order, mirroring, learning rates, momentum, weight decay and centres, without the engine."""
    config = tiny_config()
    trained = train(tmp_path)

    network = build_network(config, K)
    network.train()
    loss = LiidLoss(K, network.n_features, LossWeights(0.5, 0.5, 0.1), theta=0.01, r=5)
    samples = Samples(TinyImages(), SIZE, tiny_proposals(), tiny_labels())
    weights = [weight for weight in network.parameters() if weight.requires_grad]
    speed = [torch.zeros_like(weight) for weight in weights]
    for epoch in range(3):
        for step in epoch_steps(epoch_order(6, 0, epoch), 2):
            batch = collate([samples[int(i), is_mirrored(0, epoch, int(i))] for i in step.index])
            output = network(batch.images.float() / 255, batch.boxes)
            terms = loss(output.logits, output.feats, output.image_index, batch.labels, batch.tags)
            gradients = torch.autograd.grad(terms.total, weights)
            with torch.no_grad():
                for weight, gradient, v in zip(weights, gradients, speed, strict=True):
                    v.mul_(0.9).add_(gradient + 1e-4 * weight)
                    weight.sub_((0.1 if epoch < 2 else 0.01) * v)
    expected = network.state_dict()
    for name, value in trained.state_dict().items():
        torch.testing.assert_close(value, expected[name], rtol=1e-3, atol=1e-5)


def test_it_learns(tmp_path: Path) -> None:
    config = tiny_config(epochs=20, drop_after=16, batch_size=4, learning_rate=0.05)
    data = TinyImages(24)
    network = train_mil(data, tiny_proposals(24), tiny_labels(24), config, tmp_path)
    samples = Samples(data, SIZE, tiny_proposals(24))
    batch = collate([samples[i, False] for i in range(24)])
    with torch.no_grad():
        found = network(batch.images.float() / 255, batch.boxes).probs.argmax(1).numpy()
    assert np.mean(found == np.concatenate(tiny_labels(24))) > 0.9


def test_cam_classifier_learns_and_is_loaded_again(tmp_path: Path) -> None:
    config = CamConfig(
        backbone="tiny", output_stride=8, image_size=SIZE, epochs=30, batch_size=4,
        learning_rate=0.3, drop_after=20,
    )  # fmt: skip
    data = TinyImages(12)
    classifier = train_cam(data, config, tmp_path)
    images = torch.stack([torch.from_numpy(data.image(i)) for i in range(12)])
    images = images.permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        logits = classifier(images)
    assert (logits.argmax(1).numpy() == np.arange(12) % K).all()

    loaded = load_classifier(tmp_path)
    assert (loaded.config, loaded.class_names, loaded.epochs) == (config, data.class_names, 30)
    with torch.no_grad():
        assert torch.equal(loaded.network(images), logits)
    with pytest.raises(CheckpointError, match="holds a cam network; a mil one is needed"):
        load_network(tmp_path)


def test_tags_of_all_images_and_of_none_are_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = TinyImages()
    data.tags[:, 1:] = [True, False]
    config = CamConfig(backbone="tiny", image_size=32, output_stride=8, epochs=1)
    train_cam(data, config, tmp_path)
    told = [record.getMessage() for record in caplog.records]
    assert "tagged in all images, so that nothing is learned from it: green" in told
    assert "tagged in no image, so that nothing is learned from it: blue" in told


def test_seeds(tmp_path: Path) -> None:
    first, again, other = (
        dict(train(tmp_path / name, seed=seed, backbone="tiny_dropout").state_dict())
        for name, seed in (("a", 0), ("b", 0), ("c", 1))
    )
    assert_equal(first, again)
    assert not torch.equal(first["classifier.weight"], other["classifier.weight"])


def test_the_callers_random_numbers_are_left_alone(tmp_path: Path) -> None:
    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    train(tmp_path)
    assert torch.equal(torch.rand(4), expected)


def test_sigkill_and_resume_give_the_same_bits(tmp_path: Path) -> None:
    settings = {"backbone": "tiny_dropout"}
    train(tmp_path / "whole", **settings)

    folder = tmp_path / "killed"
    path = folder / "checkpoint.pt"
    process = start(folder, 'backbone="tiny_dropout"', "minutes=0", "pause=0.1")
    position = (-1, -1)
    while process.poll() is None and position < (1, 1):
        time.sleep(0.02)
        if path.exists():
            state = load_checkpoint(path)
            position = (state["epoch"], state["step"])
    process.send_signal(signal.SIGKILL)
    output, _ = process.communicate()
    assert process.returncode == -signal.SIGKILL, output.decode()
    state = load_checkpoint(path)
    assert (1, 1) <= (state["epoch"], state["step"]) < (3, 0)

    train(folder, **settings)
    assert_same_run(folder, tmp_path / "whole")


@pytest.mark.parametrize("n_reads", [1, 3, 7, 16], ids="stopped after {} images".format)
def test_stopping_anywhere_and_resuming_give_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_reads: int
) -> None:
    settings = {"backbone": "tiny_dropout", "batch_size": 1}
    train(tmp_path / "whole", **settings)

    whole, reads = TinyImages.image, 0

    def stopping(self: TinyImages, i: int) -> np.ndarray:
        nonlocal reads
        reads += 1
        if reads == n_reads + 1:
            raise KeyboardInterrupt
        return whole(self, i)

    monkeypatch.setattr(TinyImages, "image", stopping)
    every_step = Runtime(checkpoint_minutes=0, cache_gib=0)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "stopped", every_step, **settings)
    state = load_checkpoint(tmp_path / "stopped" / "checkpoint.pt")
    assert 6 * state["epoch"] + state["step"] == n_reads
    train(tmp_path / "stopped", **settings)
    assert_same_run(tmp_path / "stopped", tmp_path / "whole")


def assert_same_run(one: Path, other: Path) -> None:
    states = [load_checkpoint(folder / "checkpoint.pt") for folder in (one, other)]
    for state in states:
        state["extra"].pop("sums")  # for the log; added up in another order
    assert_equal(*states)
    assert states[0]["epoch"] == 3


@pytest.mark.slow
def test_two_nodes_equal_one_process_with_the_doubled_batch(tmp_path: Path) -> None:
    # Statistics of a batch are each process's own, so batch normalisation is frozen.
    settings = {"freeze_batch_norm": True, "gamma": 0.5, "theta": 0.1}
    written = [f"{name}={json.dumps(value)}" for name, value in settings.items()]
    config = tiny_config(batch_size=4, **settings)
    train_mil(TinyImages(7), tiny_proposals(7), tiny_labels(7), config, tmp_path / "one")
    ended = torchrun("mil.training.tiny", str(tmp_path / "two"), *written, "n=7")
    assert [code for code, _ in ended] == [0, 0], ended

    # Seven images: in the last step of an epoch the shares are two and one.
    alone, shared_state = (
        load_checkpoint(tmp_path / name / "checkpoint.pt") for name in ("one", "two")
    )
    assert shared_state["extra"]["processes"] == 2
    start_weights = build_network(config, K).state_dict()
    for name, value in alone["model"].items():
        torch.testing.assert_close(value, shared_state["model"][name], rtol=1e-4, atol=1e-6)
    moved = alone["model"]["classifier.weight"] - start_weights["classifier.weight"]
    assert moved.abs().max() > 0.01
    name = "loss.center.centers"
    centers = [state["extra"]["objective"][name] for state in (alone, shared_state)]
    assert centers[0].abs().max() > 0.01
    torch.testing.assert_close(*centers, rtol=1e-4, atol=1e-6)


def test_the_mil_network_may_start_from_the_classifier(tmp_path: Path) -> None:
    tiny: dict[str, Any] = {"backbone": "tiny", "output_stride": 8, "image_size": SIZE}
    classifier = train_cam(TinyImages(), CamConfig(**tiny, epochs=1), tmp_path / "cam")
    config = tiny_config(weights="cam", epochs=1)
    network = build_network(config, K, classifier)
    assert_equal(dict(network.backbone.state_dict()), dict(classifier.backbone.state_dict()))

    folder = tmp_path / "mil"
    data = (TinyImages(), tiny_proposals(), tiny_labels())
    trained = train_mil(*data, config, folder, classifier=classifier)
    loaded = load_network(folder)
    assert loaded.config == config
    assert_equal(dict(loaded.network.state_dict()), dict(trained.state_dict()))
    # Batch normalisation is frozen, as with any weights that are given.
    name = "backbone.layers.1.running_mean"
    assert torch.equal(trained.state_dict()[name], network.state_dict()[name])

    other = train_cam(TinyImages(), CamConfig(**tiny, epochs=1, seed=1), tmp_path / "other")
    with pytest.raises(CheckpointError, match="was made with other images, tags, proposals"):
        train_mil(*data, config, folder, classifier=other)
    with pytest.raises(ValueError, match="weights is 'cam', which needs the trained CAM"):
        train_mil(*data, config, folder)
    large = build_classifier(CamConfig(backbone="resnet18"), K)
    with pytest.raises(ValueError, match="the CAM classifier's backbone is not a tiny"):
        build_network(config, K, large)


def test_a_finished_run_is_not_trained_further(tmp_path: Path) -> None:
    first = dict(train(tmp_path).state_dict())
    written = (tmp_path / "checkpoint.pt").stat().st_mtime_ns
    assert_equal(dict(train(tmp_path).state_dict()), first)
    assert (tmp_path / "checkpoint.pt").stat().st_mtime_ns == written


def test_other_settings_or_data_are_refused(tmp_path: Path) -> None:
    train(tmp_path)
    with pytest.raises(CheckpointError, match=r"checkpoint\.pt: was made with theta=0\.01, but"):
        train(tmp_path, theta=0.02)
    labels = tiny_labels()
    labels[0] = 1 - labels[0]
    with pytest.raises(CheckpointError, match="was made with other images, tags, proposals"):
        train_mil(TinyImages(), tiny_proposals(), labels, tiny_config(), tmp_path)


def test_frozen_batch_norm_keeps_its_statistics(tmp_path: Path) -> None:
    name = "backbone.layers.1.running_mean"
    assert train(tmp_path / "frozen", freeze_batch_norm=True).state_dict()[name].abs().max() == 0
    assert train(tmp_path / "trained").state_dict()[name].abs().max() > 0


def test_divergence_is_told_and_not_saved(tmp_path: Path) -> None:
    with pytest.raises(TrainingDiverged, match=r"loss is (nan|inf) in epoch \d+, before step"):
        train(tmp_path, learning_rate=1e9, freeze_batch_norm=True, epochs=5)
    if (tmp_path / "checkpoint.pt").exists():
        state = load_checkpoint(tmp_path / "checkpoint.pt")
        assert all(np.isfinite(total) for total in state["extra"]["sums"].values())


def test_a_damaged_image_stops_training_unless_it_may_be_skipped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = TinyImages.image

    def damaged(self: TinyImages, i: int) -> np.ndarray:
        if i == 2:
            raise DatasetError("2.jpg", "truncated")
        return whole(self, i)

    monkeypatch.setattr(TinyImages, "image", damaged)
    with pytest.raises(DatasetError, match=r"2\.jpg: truncated"):
        train(tmp_path / "raise")
    train(tmp_path / "skip", Runtime(on_error="skip"), batch_size=1)
    assert load_network(tmp_path / "skip").epochs == 3


def test_pseudo_labels_must_fit(tmp_path: Path) -> None:
    labels = tiny_labels()
    labels[1] = np.zeros(5, int)
    with pytest.raises(ValueError, match=r"pseudo_labels\[1\] has shape \(5,\); image image-1 has"):
        train_mil(TinyImages(), tiny_proposals(), labels, tiny_config(), tmp_path)
    with pytest.raises(ValueError, match="the dataset has no image to train on"):
        train_mil(TinyImages(0), [], [], tiny_config(), tmp_path)


def test_tensorboard_gets_the_means_of_each_epoch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[tuple[str, float, int]] = []

    class Writer:
        def __init__(self, folder: str) -> None:
            self.folder = folder

        def add_scalar(self, name: str, value: float, step: int) -> None:
            assert self.folder == "events"
            written.append((name, value, step))

        def close(self) -> None:
            written.append(("closed", 0, 0))

    module = types.SimpleNamespace(SummaryWriter=Writer)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", module)
    train(tmp_path / "a", Runtime(tensorboard="events"))
    assert [(name, step) for name, _, step in written if name == "mil/total"] == [
        ("mil/total", 1),
        ("mil/total", 2),
        ("mil/total", 3),
    ]
    means = {name: value for name, value, step in written if step == 1}
    parts = 0.5 * means["mil/attention"] + 0.5 * means["mil/mil"] + 0.1 * means["mil/center"]
    assert means["mil/total"] == pytest.approx(parts, rel=1e-5)
    assert written[-1][0] == "closed"

    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(ImportError, match="tensorboard is not installed"):
        train(tmp_path / "b", Runtime(tensorboard="events"))


def test_missing_cuda_is_told(tmp_path: Path) -> None:
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device")
    with pytest.raises(ValueError, match="device is 'cuda', but this PyTorch finds no CUDA"):
        train(tmp_path, Runtime(device="cuda"))
    with pytest.raises(ValueError, match="device is 'gpu'"):
        train(tmp_path, Runtime(device="gpu"))
