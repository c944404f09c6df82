"""A small StyleGAN3 generator from stored parameters, to measure the equivariance of (Karras et al., 2021)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gansformer_tf.ops import filtered_lrelu

LEARNING_RATE_MULTIPLIER = 0.01  # of the mapping network
OUTPUT_SCALE = 0.25


class StyleGan3:
    """Generator with 1x1 convolutions; `G/` arrays of the golden file.

    Args:
        arrays: Parameters and buffers by their PyTorch name, with "G/" in front.
        layers: Factors and paddings by layer.
        input_layer: Size, bandwidth and sampling rate of the Fourier features.
    """

    def __init__(self, arrays: dict[str, np.ndarray], layers: dict[str, Any], input_layer: dict[str, Any]) -> None:
        self.arrays, self.layers, self.input_layer = arrays, layers, input_layer

    def __call__(self, z: np.ndarray, transform: np.ndarray) -> np.ndarray:
        """Latents `[B, z_dim]` and the inverse of the wanted motion `[3, 3]` to pictures `[B, H, W, 3]`."""
        w = z / np.sqrt(np.mean(np.square(z), axis=1, keepdims=True) + 1e-8)
        for name in ("mapping.fc0", "mapping.fc1"):
            y = self._dense(w, name, LEARNING_RATE_MULTIPLIER)
            w = np.where(y > 0, y, 0.2 * y) * math.sqrt(2.0)
        x = self._fourier_features(w, transform)
        for name, layer in self.layers.items():
            x = self._layer(x, w, f"synthesis.{name}", layer)
        return x * OUTPUT_SCALE

    def _get(self, name: str) -> np.ndarray:
        return self.arrays[f"G/{name}"].astype(np.float64)

    def _dense(self, x: np.ndarray, name: str, multiplier: float = 1.0) -> np.ndarray:
        weight = self._get(f"{name}.weight")
        return x @ (weight * multiplier / math.sqrt(weight.shape[1])).T + multiplier * self._get(f"{name}.bias")

    def _fourier_features(self, w: np.ndarray, transform: np.ndarray) -> np.ndarray:
        t = self._dense(w, "synthesis.input.affine")
        t = t / np.linalg.norm(t[:, :2], axis=1, keepdims=True)
        rate, bandwidth = self.input_layer["sampling_rate"], self.input_layer["bandwidth"]
        size = self.input_layer["size"][0]
        place = ((2 * np.arange(size) + 1) / size - 1) * 0.5 * size / rate
        grid = np.stack(np.meshgrid(place, place, indexing="xy"), axis=-1)
        features = []
        for row in t:
            turn = np.array([[row[0], -row[1], 0], [row[1], row[0], 0], [0, 0, 1]])
            shift = np.array([[1, 0, -row[2]], [0, 1, -row[3]], [0, 0, 1]])
            motion = turn @ shift @ transform
            frequencies = self._get("synthesis.input.freqs")
            phases = self._get("synthesis.input.phases") + frequencies @ motion[:2, 2]
            frequencies = frequencies @ motion[:2, :2]
            norms = np.linalg.norm(frequencies, axis=1)
            amplitudes = np.clip(1 - (norms - bandwidth) / (rate / 2 - bandwidth), 0, 1)
            features.append(np.sin(2 * np.pi * (grid @ frequencies.T + phases)) * amplitudes)
        weight = self._get("synthesis.input.weight")
        return np.stack(features) @ (weight / math.sqrt(weight.shape[1])).T

    def _layer(self, x: np.ndarray, w: np.ndarray, name: str, layer: dict[str, Any]) -> np.ndarray:
        weight, style = self._get(f"{name}.weight")[:, :, 0, 0], self._dense(w, f"{name}.affine")
        if layer["is_torgb"]:
            kernels = weight[None] * (style / math.sqrt(weight.shape[1]))[:, None]
        else:
            weight = weight / np.sqrt(np.mean(np.square(weight), axis=1, keepdims=True))
            style = style / np.sqrt(np.mean(np.square(style)))
            kernels = weight[None] * style[:, None]
            kernels = kernels / np.sqrt(np.sum(np.square(kernels), axis=2, keepdims=True) + 1e-8)
        kernels = kernels / np.sqrt(self._get(f"{name}.magnitude_ema"))
        x = np.einsum("bhwi,boi->bhwo", x, kernels)
        left, right, top, bottom = layer["padding"]
        found = filtered_lrelu(
            x.astype(np.float32),
            self.arrays.get(f"G/{name}.up_filter"),
            self.arrays.get(f"G/{name}.down_filter"),
            self.arrays[f"G/{name}.bias"],
            up=layer["up_factor"],
            down=layer["down_factor"],
            padding=(left, right, top, bottom),
            gain=1.0 if layer["is_torgb"] else math.sqrt(2.0),
            slope=1.0 if layer["is_torgb"] else 0.2,
        )
        return np.asarray(found, np.float64)
