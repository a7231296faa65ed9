"""Images, semantic maps and backbone features as the segmentation network sees them.

Input: a dataset, a map for each image, a backbone. Steps: scale to one size (maps without
mixing classes), mirror, features of the scaled and mirrored image; what fits is kept in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from PIL import Image as PillowImage
from torch import Tensor

from liid_mil.data.types import Image, ImageDataset
from liid_mil.models.backbone import Backbone
from liid_mil.semantic import VOID, SemanticMap
from liid_mil.training.batches import scale_image


class SegmentationSamples:
    """Training samples by image and whether it is mirrored.

    Parameters
    ----------
    dataset : N images.
    map_of : gives the map of image i, uint8 (H, W): 0 the background, 1..K, 255 void.
    backbone : its map of each image goes along; it is used as it is.
    size : pixels, S.
    cache_gib : GiB that is kept of what was made once.
    """

    def __init__(
        self,
        dataset: ImageDataset,
        map_of: Callable[[int], SemanticMap],
        backbone: Backbone,
        size: int,
        *,
        cache_gib: float = 1.0,
    ) -> None:
        self._dataset, self._map_of, self._size = dataset, map_of, size
        self._backbone = backbone
        self._cached: dict[tuple[int, bool], tuple[Tensor, Tensor, Tensor]] = {}
        self._bytes_left = int(cache_gib * 2**30)

    def batch(
        self, keys: Sequence[tuple[int, bool]], device: torch.device
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Samples of (image, mirrored) on a device.

        Returns
        -------
        Images float32 (B, 3, S, S) in [0, 1], features float32 (B, C, h, w), and classes
        int64 (B, S, S).

        Raises
        ------
        ValueError : a map of another shape than its image, or with a class above K.
        """
        columns = zip(*(self._sample(key, device) for key in keys), strict=True)
        images, features, classes = (torch.stack(column).to(device) for column in columns)
        return images.float().div_(255), features.float(), classes.long()

    def _sample(self, key: tuple[int, bool], device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
        if key in self._cached:
            return self._cached[key]
        i, mirrored = key
        image = self._dataset.image(i)
        classes = self._checked_map(i, image.shape[:2])
        size = (self._size, self._size)
        nearest = PillowImage.fromarray(classes).resize(size, PillowImage.Resampling.NEAREST)
        pixels = image_tensor(image, self._size)
        labels = torch.from_numpy(np.array(nearest))
        if mirrored:
            pixels, labels = pixels.flip(-1), labels.flip(-1)
        features = backbone_features(self._backbone, pixels.to(device)[None])[0].half().cpu()
        sample = pixels, features, labels
        n_bytes = sum(part.numel() * part.element_size() for part in sample)
        if self._bytes_left >= n_bytes:
            self._cached[key] = sample
            self._bytes_left -= n_bytes
        return sample

    def _checked_map(self, i: int, shape: tuple[int, ...]) -> SemanticMap:
        classes = np.asarray(self._map_of(i))
        name, n_classes = self._dataset.image_ids[i], len(self._dataset.class_names)
        if classes.dtype != np.uint8 or classes.shape != shape:
            raise ValueError(
                f"the map of image {name!r} is {classes.dtype} {classes.shape}; it must be uint8 "
                f"{shape}"
            )
        wrong = (classes > n_classes) & (classes != VOID)
        if wrong.any():
            raise ValueError(
                f"the map of image {name!r} has class {classes[wrong].max()}; there are 0 to "
                f"{n_classes}, and {VOID} for void"
            )
        return classes


def image_tensor(image: Image, size: int) -> Tensor:
    """An image scaled to ``size`` x ``size`` as uint8 (3, size, size)."""
    return torch.from_numpy(np.ascontiguousarray(scale_image(image, size).transpose(2, 0, 1)))


@torch.no_grad()
def backbone_features(backbone: Backbone, images: Tensor) -> Tensor:
    """The backbone's map of uint8 images (B, 3, S, S), by its stored statistics."""
    was_training = backbone.training
    backbone.eval()
    found: Tensor = backbone(images.float() / 255)
    backbone.train(was_training)
    return found
