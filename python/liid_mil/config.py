"""Everything that ``liid-mil run`` can be told, as nested dataclasses with defaults and checks.

A configuration is a YAML file (:mod:`liid_mil.config_files`) or is made in Python; the defaults are
the paper's, ``PRESETS`` has others. What is said of each field under *Attributes* is also what
``liid-mil run --print-config`` writes beside it. The trainings' parts are ``CamConfig``,
``MilConfig`` and ``Runtime`` of :mod:`liid_mil.training.config`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal

from liid_mil.assignment import Selection
from liid_mil.data.types import ImageDataset
from liid_mil.export import FORMATS as EXPORT_FORMATS
from liid_mil.presets import SCENE_SETTINGS, SCENES_CAM, SCENES_GRAPH, SCENES_MIL
from liid_mil.readers import FORMATS
from liid_mil.training.config import CamConfig, MilConfig, Runtime, check, check_choice

MAIN_WITHOUT_SEG_VAL = "main-without-seg-val"


@dataclass(frozen=True, kw_only=True)
class ScenesData:
    """Images composed of handwritten digits or clothes, on photographs; nothing to download.

    Attributes
    ----------
    n_images : how many.
    n_classes : the first so many classes of ``objects``, 1 to 10.
    size : side of the images in pixels, 32 to 2048.
    seed : another seed, other images.
    split : train or val; they share no pictures.
    objects : digits (scikit-learn) or fashion (Debian's dataset-fashion-mnist).
    n_objects : fewest and most objects an image.
    scale : smallest and largest side of an object, relative to the image's.
    hue_spread : 0 paints every object in the hue of its class, 1 in any hue.
    """

    n_images: int = 300
    n_classes: int = SCENE_SETTINGS["n_classes"]
    size: int = SCENE_SETTINGS["size"]
    seed: int = 0
    split: str = "train"
    objects: str = "digits"
    n_objects: tuple[int, int] = SCENE_SETTINGS["n_objects"]
    scale: tuple[float, float] = SCENE_SETTINGS["scale"]
    hue_spread: float = SCENE_SETTINGS["hue_spread"]

    def open(self, on_error: str = "raise") -> ImageDataset:
        """The dataset; ``on_error`` is for readers of files."""
        from liid_mil.data.scenes import SceneDataset

        return SceneDataset(**vars(self))


@dataclass(frozen=True, kw_only=True)
class VocData:
    """A folder in the layout of the VOC devkit.

    Attributes
    ----------
    root : the folder with JPEGImages and Annotations, such as VOCdevkit/VOC2012.
    images : a list of ImageSets, a .txt file with an id a line, or main-without-seg-val, which the
        paper trains on.
    class_names : null for VOC's 20.
    tag_file : csv or npz with tags; null: they are the classes of the annotated objects.
    """

    root: Path
    images: str = "Main/trainval"
    class_names: tuple[str, ...] | None = None
    tag_file: Path | None = None

    def open(self, on_error: str = "raise") -> ImageDataset:
        """The dataset."""
        from liid_mil.data.voc import VOC_CLASSES, VocDataset, main_trainval_without_seg_val

        images: Any = self.images
        if images == MAIN_WITHOUT_SEG_VAL:
            images = main_trainval_without_seg_val(self.root)
        return VocDataset(
            self.root,
            images,
            class_names=self.class_names or VOC_CLASSES,
            tag_file=self.tag_file,
            on_error=on_error,
        )


@dataclass(frozen=True, kw_only=True)
class CocoData:
    """Images with COCO annotations.

    Attributes
    ----------
    annotations : the json file, such as instances_train2017.json.
    images : folder of the images.
    """

    annotations: Path
    images: Path

    def open(self, on_error: str = "raise") -> ImageDataset:
        """The dataset."""
        from liid_mil.data.coco import CocoDataset

        return CocoDataset(self.annotations, self.images, on_error=on_error)


@dataclass(frozen=True, kw_only=True)
class FolderData:
    """A folder of images and a file with their tags; nothing to compare with.

    Attributes
    ----------
    folder : of the images.
    tags : csv or npz with the tags of each image.
    """

    folder: Path
    tags: Path

    def open(self, on_error: str = "raise") -> ImageDataset:
        """The dataset."""
        from liid_mil.data.tag_folder import TagFolderDataset

        return TagFolderDataset(self.folder, self.tags, on_error=on_error)


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Images with image-level tags, and maybe the objects to compare with: one of the four.

    Attributes
    ----------
    scenes : composed images.
    voc : images in VOC's layout.
    coco : images with COCO annotations.
    folder : images with a file of tags.
    """

    scenes: ScenesData | None = None
    voc: VocData | None = None
    coco: CocoData | None = None
    folder: FolderData | None = None

    def __post_init__(self) -> None:
        given = [one.name for one in fields(self) if getattr(self, one.name) is not None]
        if len(given) > 1:
            raise ValueError(f"{given[1]} is given beside {given[0]}; data has one source")

    @property
    def source(self) -> ScenesData | VocData | CocoData | FolderData:
        """The one that is given. Raises ``ValueError`` where none is."""
        for one in fields(self):
            source = getattr(self, one.name)
            if source is not None:
                return source
        raise ValueError("data has no source; give scenes, voc, coco or folder")


@dataclass(frozen=True, kw_only=True)
class ProposalConfig:
    """Object proposals without a class (section 3): made here, or read from files.

    Attributes
    ----------
    per_image : at most so many an image (the paper: 20 on VOC, 40 on COCO); of those of a file
        they are selected in the same way.
    path : file or folder with others' proposals; null: they are made.
    format : of path: mcg, sam, prm, coco, label-maps, voc, authors, or auto: by what is in it.
    allow_missing : images of which path has no proposals get none; else they are an error.
    """

    per_image: int = 20
    path: Path | None = None
    format: str = "auto"
    allow_missing: bool = False

    def __post_init__(self) -> None:
        check(self, "per_image", self.per_image >= 1, "at least 1")
        check_choice(self, "format", FORMATS)


@dataclass(frozen=True, kw_only=True)
class ExtractionConfig:
    """Probabilities and features of all proposals.

    Attributes
    ----------
    dtype : float16 or float32.
    """

    dtype: str = "float16"

    def __post_init__(self) -> None:
        check_choice(self, "dtype", ("float16", "float32"))


@dataclass(frozen=True, kw_only=True)
class CutConfig:
    """The multi-way cut (section 5).

    Attributes
    ----------
    delta : weight of edges against probabilities (Eq. 10), or auto: estimated from both. The
        paper's 5 fits its features; too much ruins labels.
    n_neighbors : nearest neighbours of a proposal.
    symmetrize : mutual: an edge where both ends name the other as neighbour; union: where one does.
    terminal_weights : linear: the probabilities, as in the paper; log: their logarithms.
    temperature : divides the logits behind the probabilities; with log, above 1 is less sure.
    edge_weights : abs: of the cosine, as in the paper; clip: negative ones are 0; local: scaled by
        each proposal's own neighbourhood.
    background_scale : times the background's probabilities; expected: such that as many proposals
        become objects as the probabilities expect.
    shared_tags : only proposals of images that share a tag become neighbours.
    across_images : only proposals of different images become neighbours.
    coverage : every tag of an image is taken by one of its proposals at least.
    time_limit : seconds, then the best labels so far; null for none.
    """

    delta: float | Literal["auto"] = 5.0
    n_neighbors: int = 3
    symmetrize: str = "mutual"
    terminal_weights: str = "linear"
    temperature: float = 1.0
    edge_weights: str = "abs"
    background_scale: float | Literal["expected"] = 1.0
    shared_tags: bool = False
    across_images: bool = False
    coverage: bool = False
    time_limit: float | None = None

    def __post_init__(self) -> None:
        delta = self.delta
        good = delta == "auto" or (not isinstance(delta, str) and delta >= 0)
        check(self, "delta", good, "at least 0, or 'auto'")
        check(self, "n_neighbors", self.n_neighbors >= 1, "at least 1")
        check_choice(self, "symmetrize", ("mutual", "union"))
        check_choice(self, "terminal_weights", ("linear", "log"))
        check(self, "temperature", self.temperature > 0, "positive")
        check_choice(self, "edge_weights", ("abs", "clip", "local"))
        scale = self.background_scale
        good = scale == "expected" or (not isinstance(scale, str) and scale > 0)
        check(self, "background_scale", good, "positive, or 'expected'")
        limit = self.time_limit
        check(self, "time_limit", limit is None or limit > 0, "positive, or null")


@dataclass(frozen=True, kw_only=True)
class ExportConfig:
    """Files with the pseudo ground truth.

    Attributes
    ----------
    formats : any of coco, voc (palette PNGs) and yolo.
    """

    formats: tuple[str, ...] = ("coco", "voc")

    def __post_init__(self) -> None:
        good = all(name in EXPORT_FORMATS for name in self.formats)
        check(self, "formats", good, f"some of {', '.join(EXPORT_FORMATS)}")


@dataclass(frozen=True, kw_only=True)
class MetricsConfig:
    """The comparison with annotated objects, where there are any.

    Attributes
    ----------
    region : what overlaps are of: mask, box, or auto: masks where both sides have them.
    coco : COCO's twelve numbers too, which hold all objects in memory.
    """

    region: str = "auto"
    coco: bool = True

    def __post_init__(self) -> None:
        check_choice(self, "region", ("mask", "box", "auto"))


@dataclass(frozen=True, kw_only=True)
class ReportConfig:
    """The page that shows what the cut did.

    Attributes
    ----------
    title : its heading.
    max_images : images that it shows.
    delta_factors : the page's slider: cuts with these multiples of delta, of 20 seconds each at
        most; [] for none.
    """

    title: str = "Pseudo labels by the multi-way cut"
    max_images: int = 24
    delta_factors: tuple[float, ...] = (0.25, 0.5, 1.0, 2.0, 4.0)

    def __post_init__(self) -> None:
        check(self, "max_images", self.max_images >= 0, "at least 0")
        check(self, "delta_factors", all(one > 0 for one in self.delta_factors), "positive")


@dataclass(frozen=True, kw_only=True)
class PipelineConfig:
    """All settings of a run, a part for each stage.

    Attributes
    ----------
    data : images with tags.
    proposals, cam, mil, extraction, cut, export, metrics, report : settings of the stages.
    assignment : which labelled proposals become objects; for export and metrics.
    runtime : how the run is carried out; changes no result.
    """

    data: DataConfig = field(default_factory=DataConfig)
    proposals: ProposalConfig = field(default_factory=ProposalConfig)
    cam: CamConfig = field(default_factory=CamConfig)
    mil: MilConfig = field(default_factory=MilConfig)
    extraction: ExtractionConfig = field(default_factory=ExtractionConfig)
    cut: CutConfig = field(default_factory=CutConfig)
    assignment: Selection = field(default_factory=Selection)
    export: ExportConfig = field(default_factory=ExportConfig)
    metrics: MetricsConfig = field(default_factory=MetricsConfig)
    report: ReportConfig = field(default_factory=ReportConfig)
    runtime: Runtime = field(default_factory=Runtime)


def _scenes() -> PipelineConfig:
    return PipelineConfig(
        data=DataConfig(scenes=ScenesData()),
        proposals=ProposalConfig(per_image=12),
        cam=SCENES_CAM,
        mil=SCENES_MIL,
        cut=CutConfig(**SCENES_GRAPH),
    )


# The paper's settings, which need data and want a GPU; and small ones for scenes.
PRESETS: dict[str, Callable[[], PipelineConfig]] = {"paper": PipelineConfig, "scenes": _scenes}


def preset(name: str, *, seed: int | None = None) -> PipelineConfig:
    """Settings that go together; ``seed`` is that of both trainings.

    Raises
    ------
    ValueError : no such preset.
    """
    if name not in PRESETS:
        raise ValueError(f"preset is {name!r}; it must be one of {', '.join(PRESETS)}")
    config = PRESETS[name]()
    if seed is None:
        return config
    return replace(config, cam=replace(config.cam, seed=seed), mil=replace(config.mil, seed=seed))
