"""Generated proposals as in LIID: image tags, features clustered by class, a weak classifier.

NumPy only, vectorised; the same seed gives the same arrays. The package makes a graph from the
features.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

# Ways in which a proposal can be background (sky, grass, object parts, ...): one feature cluster
# each.
BACKGROUND_CLUSTERS = 8
# Labelled examples behind each cluster of the weak classifier.
SHOTS = 3
# Inverse temperature of the classifier's softmax over cosine similarities.
SHARPNESS = 12.0


class Proposals(NamedTuple):
    """Proposals of a set of images.

    Attributes
    ----------
    probs : float32 (n, K + 1)
        Rows sum to 1; column 0 is the background. Not masked by the image tags.
    feats : float32 (n, d)
        Non-negative, as after a ReLU; cluster centres have length 1.
    labels : int32 (n,)
        True labels, 0 for background.
    image_ids : int32 (n,)
        Row of ``image_tags`` that the proposal belongs to.
    image_tags : bool (n_images, K)
        Foreground classes of each image, at least one.
    """

    probs: NDArray[np.float32]
    feats: NDArray[np.float32]
    labels: NDArray[np.int32]
    image_ids: NDArray[np.int32]
    image_tags: NDArray[np.bool_]


def _image_tags(
    n_images: int,
    n_classes: int,
    rng: np.random.Generator,
    source: Path | str | NDArray[np.bool_] | None,
) -> NDArray[np.bool_]:
    """Real tags drawn from ``source``, or 1 + Poisson(0.55) random classes an image.

    VOC 2012 has 1.55 tags an image.
    """
    if source is None:
        count = np.minimum(1 + rng.poisson(0.55, n_images), n_classes)
        rank = np.argsort(np.argsort(rng.random((n_images, n_classes)), axis=1), axis=1)
        drawn: NDArray[np.bool_] = rank < count[:, None]
        return drawn
    if isinstance(source, (str, Path)):
        with np.load(source) as data:
            table = data["tags"]
    else:
        table = np.asarray(source)
    table = table.astype(bool)
    if table.ndim != 2 or table.shape[1] != n_classes:
        raise ValueError(f"tags: expected shape (n, {n_classes}), got {table.shape}")
    table = table[table.any(axis=1)]
    rows = rng.choice(len(table), n_images, replace=n_images > len(table))
    chosen: NDArray[np.bool_] = table[rows]
    return chosen


def proposals(
    n_images: int,
    proposals_per_image: int = 20,
    n_classes: int = 20,
    d: int = 256,
    noise: float = 2.0,
    seed: int = 0,
    tags: Path | str | NDArray[np.bool_] | None = None,
) -> Proposals:
    """Proposals with features clustered by class, and a weak classifier's probabilities.

    Half of an image's proposals are background, the others show one of its tags. A feature is
    ``relu(centre + noise * (own + 0.5 * image) / sqrt(d))`` with Gaussian vectors ``own`` of the
    proposal and ``image`` of its image: two proposals of one image look alike whatever they show.
    The classifier knows each cluster from the mean of `SHOTS` further examples and takes the
    softmax of cosine similarities, so its errors are those of the features.

    Parameters
    ----------
    n_images, proposals_per_image, n_classes, d : positive int
        ``n = n_images * proposals_per_image``, ``K = n_classes``.
    noise : float >= 0
        Length of the noise vector relative to the centre's.
    seed : int
        Of NumPy's default generator.
    tags : bool (N, n_classes), or an ``.npz`` file with it as array ``tags``, optional
        Real image tags; images are drawn from it, without replacement if it has enough.

    Raises
    ------
    ValueError
        ``tags`` does not have ``n_classes`` columns.
    """
    rng = np.random.default_rng(seed)
    image_tags = _image_tags(n_images, n_classes, rng, tags)
    image_ids = np.repeat(np.arange(n_images, dtype=np.int32), proposals_per_image)
    n = len(image_ids)

    # A random tag of the image: the largest of random keys, -1 where the tag is absent.
    keys = np.where(
        image_tags[image_ids], rng.random((n, n_classes), dtype=np.float32), np.float32(-1)
    )
    labels = np.where(rng.random(n) < 0.5, 0, 1 + keys.argmax(axis=1)).astype(np.int32)

    n_clusters = BACKGROUND_CLUSTERS + n_classes
    centres = np.maximum(rng.standard_normal((n_clusters, d), dtype=np.float32), 0)
    centres /= np.linalg.norm(centres, axis=1, keepdims=True)
    scale = np.float32(noise / np.sqrt(d))

    def draw(cluster: NDArray[np.int_]) -> NDArray[np.float32]:
        own = rng.standard_normal((len(cluster), d), dtype=np.float32)
        own *= scale
        own += centres[cluster]
        return own

    background = rng.integers(BACKGROUND_CLUSTERS, size=n)
    feats = draw(np.where(labels == 0, background, BACKGROUND_CLUSTERS - 1 + labels))
    image = rng.standard_normal((n_images, d), dtype=np.float32) * (scale / 2)
    feats += image[image_ids]
    np.maximum(feats, 0, out=feats)

    examples = np.maximum(draw(np.repeat(np.arange(n_clusters), SHOTS)), 0)
    means = examples.reshape(n_clusters, SHOTS, d).mean(axis=1)
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    norms = np.maximum(np.linalg.norm(feats, axis=1, keepdims=True), np.float32(1e-12))
    scores = np.exp(SHARPNESS * (feats @ means.T / norms))
    # All background clusters are one class: the best one speaks for it.
    best = scores[:, :BACKGROUND_CLUSTERS].max(axis=1, keepdims=True)
    probs = np.hstack([best, scores[:, BACKGROUND_CLUSTERS:]])
    probs /= probs.sum(axis=1, keepdims=True)
    return Proposals(probs.astype(np.float32), feats, labels, image_ids, image_tags)
