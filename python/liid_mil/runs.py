"""The folder of a run on the command line: ``run.json`` says what the other files were made from.

So ``liid-mil extract RUN`` and its like need nothing but the folder.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from liid_cut.npz import replacing
from liid_mil.data.types import ImageDataset
from liid_mil.pipeline import Pipeline
from liid_mil.presets import SCENE_SETTINGS
from liid_mil.training.config import CamConfig, MilConfig, Runtime

FORMAT = "liid_mil run 1"
MAIN_WITHOUT_SEG_VAL = "main-without-seg-val"
_FILE = "run.json"


@dataclass(frozen=True)
class DataSource:
    """Where images come from: a reader's name, and its arguments as JSON has them."""

    reader: str
    arguments: Mapping[str, Any]

    def open(self, on_error: str = "raise") -> ImageDataset:
        """The dataset.

        Raises
        ------
        DatasetError : a file is missing or damaged.
        ValueError : an unknown reader, or an argument that it does not allow.
        """
        arguments = dict(self.arguments)
        if self.reader == "scenes":
            from liid_mil.data.scenes import SceneDataset

            return SceneDataset(**(SCENE_SETTINGS | arguments))
        if self.reader == "voc":
            from liid_mil.data.voc import VocDataset, main_trainval_without_seg_val

            if arguments["images"] == MAIN_WITHOUT_SEG_VAL:
                arguments["images"] = main_trainval_without_seg_val(arguments["root"])
            return VocDataset(**arguments, on_error=on_error)
        if self.reader == "coco":
            from liid_mil.data.coco import CocoDataset

            return CocoDataset(**arguments, on_error=on_error)
        if self.reader == "folder":
            from liid_mil.data.tag_folder import TagFolderDataset

            return TagFolderDataset(**arguments, on_error=on_error)
        raise ValueError(f"reader is {self.reader!r}; it must be scenes, voc, coco or folder")


@dataclass(frozen=True)
class Run:
    """What ``run.json`` holds."""

    data: DataSource
    cam: CamConfig
    mil: MilConfig
    n_proposals: int

    def pipeline(self, folder: str | Path, runtime: Runtime, **settings: Any) -> Pipeline:
        """The stages of this run."""
        return Pipeline(
            self.data.open(runtime.on_error),
            Path(folder),
            self.cam,
            self.mil,
            n_proposals=self.n_proposals,
            runtime=runtime,
            **settings,
        )


def start_run(folder: str | Path, run: Run) -> None:
    """Write ``run.json``, or check that the one in the folder is of the same run.

    Raises
    ------
    ValueError : the folder holds another run; the first setting that differs is named.
    """
    path = Path(folder) / _FILE
    if path.exists():
        _check_same(path, asdict(read_run(folder)), asdict(run))
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as file:
        file.write(json.dumps({"format": FORMAT, **asdict(run)}, indent=1).encode() + b"\n")


def read_run(folder: str | Path) -> Run:
    """Read ``run.json``.

    Raises
    ------
    OSError : the folder is no run of ``liid-mil train``.
    ValueError : the file is damaged.
    """
    path = Path(folder) / _FILE
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
        if state["format"] != FORMAT:
            raise ValueError(f"its format is {state['format']!r}, not {FORMAT!r}")
        return Run(
            DataSource(**state["data"]),
            CamConfig.from_dict(state["cam"]),
            MilConfig.from_dict(state["mil"]),
            int(state["n_proposals"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path}: damaged: {error}") from None


def _check_same(path: Path, saved: Any, wanted: Any, where: str = "") -> None:
    if isinstance(saved, dict) and isinstance(wanted, dict):
        for name in sorted(set(saved) | set(wanted)):
            _check_same(path, saved.get(name), wanted.get(name), f"{where}.{name}".lstrip("."))
    elif json.dumps(saved) != json.dumps(wanted):
        raise ValueError(
            f"{path}: this run has {where}={saved!r}, not {wanted!r}; use the same settings, or "
            "another folder"
        )
