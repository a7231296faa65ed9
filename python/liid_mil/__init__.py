"""Multiple-instance learning on object proposals: from image tags to labelled proposals.

The companion of :mod:`liid_cut` (extra ``mil``) for the rest of LIID (Liu et al., "Leveraging
Instance-, Image- and Dataset-Level Information for Weakly Supervised Instance Segmentation", TPAMI
2020, sections 3, 4 and 6.1). The whole chain, here on composed scenes::

    from liid_mil import *

    images = SceneDataset(300, **SCENE_SETTINGS)
    proposals = make_proposals(images, "run/proposals", 12)
    classifier = train_cam(images, SCENES_CAM, "run/cam")
    scores = cam_scores(classifier, images, proposals, image_size=64)
    pseudo = pseudo_labels_of(scores, images.tags, eta=1.0)
    network = train_mil(images, proposals, pseudo, SCENES_MIL, "run/mil", classifier=classifier)
    extraction = extract(network, images, proposals, "run/extraction", image_size=64)
    labelling = label(extraction, **SCENES_GRAPH)
    print(ProposalEvaluator(images, proposals).evaluate(labelling.labels, labelling.scores))

Every stage keeps its result in its folder: run again, it reads what is there and goes on. Other
images: :class:`VocDataset`, :class:`CocoDataset`, :class:`TagFolderDataset`, with the paper's
settings ``CamConfig()`` and ``MilConfig()``. :class:`Pipeline` is the chain as one object: it does
the stages that a :class:`PipelineConfig` asks for and that its folder lacks. The command line is
``liid-mil``; ``liid-mil run CONFIG.yaml`` is that chain.

Names are imported when they are used, so that ``import liid_mil`` does not load torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_MODULES = {
    "CamClassifier": "cam",
    "CamConfig": "training.config",
    "CocoDataset": "data.coco",
    "Extraction": "extraction",
    "ImageLabels": "data.types",
    "ImageProposals": "data.types",
    "Labelling": "labelling",
    "LiidLoss": "losses",
    "Metrics": "metrics",
    "MilConfig": "training.config",
    "MilNetwork": "models",
    "Pipeline": "pipeline",
    "PipelineConfig": "config",
    "ProposalEvaluator": "metrics",
    "ProposalStore": "proposals.store",
    "Proposals": "data.types",
    "Report": "metrics",
    "Runtime": "training.config",
    "SCENES_CAM": "presets",
    "SCENES_GRAPH": "presets",
    "SCENES_MIL": "presets",
    "SCENE_SETTINGS": "presets",
    "SceneDataset": "data.scenes",
    "TagFolderDataset": "data.tag_folder",
    "Truth": "data.types",
    "VocDataset": "data.voc",
    "ablate": "ablation",
    "assign": "assignment",
    "build_backbone": "models",
    "cam_scores": "training.cam_scores",
    "evaluate": "metrics",
    "extract": "extraction",
    "images_of_store": "assignment",
    "import_proposals": "importing",
    "label": "labelling",
    "load_classifier": "training.networks",
    "load_network": "training.networks",
    "make_proposals": "proposals.making",
    "open_extraction": "extraction",
    "open_run": "pipeline",
    "preset": "config",
    "pseudo_labels_of": "training.cam_scores",
    "read_config": "config_files",
    "read_proposals": "readers",
    "segment_proposals": "proposals.segmentation",
    "select_proposals": "proposals.selection",
    "semantic_map": "semantic",
    "train_cam": "training.loop",
    "train_mil": "training.loop",
    "write_coco": "export",
    "write_voc": "export",
    "write_yolo": "export",
}

__all__ = list(_MODULES)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_MODULES])
