"""What README.md's reader has: probs.npy, feats.npy, in.npz, arrays of tags and known labels."""

import numpy as np

_rng = np.random.default_rng(0)
_truth = _rng.integers(0, 4, 300)
_feats = np.eye(4)[_truth] + 0.4 * _rng.normal(size=(300, 4))
_probs = 0.7 * _rng.dirichlet(np.ones(4), 300) + 0.3 * np.eye(4)[_truth]
np.save("probs.npy", _probs)
np.save("feats.npy", _feats)
np.savez("in.npz", probs=_probs, feats=_feats)

image_ids = np.arange(300) // 10
image_tags = _rng.random((30, 3)) < 0.6
y = np.where(_rng.random(300) < 0.2, _truth, -1)
