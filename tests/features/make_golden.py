"""Writes `tests/golden/features/*.npz`: EfficientNet-Lite as its PyTorch package computes it.

    pip install torch efficientnet-lite-pytorch 'gansformer-tf[features]'
    python -m tests.features.make_golden

Padding follows the size of the image (`image_size=None`), as in the TensorFlow code that the weights come from; at the
sizes of training it is the same as the package's default.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from gansformer_tf.features.weights import WEIGHTS

FOLDER = Path(__file__).parents[1] / "golden" / "features"
HEIGHT, WIDTH = 40, 64
TAPS = {
    "efficientnet-lite0": (2, 4, 10, 15),
    "efficientnet-lite1": (3, 6, 14, 20),
    "efficientnet-lite2": (3, 6, 14, 20),
}


def image() -> np.ndarray:
    """`[1, HEIGHT, WIDTH, 3]` in [-1, 1]: waves of three colours and a little noise."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float64)
    waves = [np.sin(x / 5 + shift) * np.cos(y / 7 - shift) for shift in range(3)]
    noise = np.random.RandomState(0).uniform(-0.2, 0.2, (HEIGHT, WIDTH, 3))
    return (0.8 * np.stack(waves, axis=-1) + noise).astype(np.float32)[None]


def reference(name: str, images: np.ndarray, image_size: Any = None) -> dict[str, np.ndarray]:
    """Taps, pooled features and logits of the PyTorch network."""
    import torch
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name(name, image_size=image_size)
    network.load_state_dict(torch.load(WEIGHTS[name].find(), weights_only=True))
    network.eval()
    found: dict[str, np.ndarray] = {}
    with torch.no_grad():
        x = torch.from_numpy(images.transpose(0, 3, 1, 2).copy())
        y = network._swish(network._bn0(network._conv_stem(x)))
        for index, block in enumerate(network._blocks):
            y = block(y)
            if index in TAPS[name]:
                found[f"tap{TAPS[name].index(index)}"] = y.numpy().transpose(0, 2, 3, 1)
        y = network._swish(network._bn1(network._conv_head(y)))
        found["pooled"] = y.mean(dim=(2, 3)).numpy()
        found["logits"] = network._fc(torch.from_numpy(found["pooled"])).numpy()
        np.testing.assert_allclose(found["logits"], network(x).numpy(), atol=1e-4)
    return found


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name in WEIGHTS:
        np.savez_compressed(FOLDER / f"{name}.npz", **reference(name, image()))
