"""Names of the variables of CREPS's generator."""

from __future__ import annotations

from typing import Any

import numpy as np

from gansformer_tf.convert.original_names import Layout
from gansformer_tf.convert.pytorch_entries import STYLE_OFFSET, TorchNames, transposed
from gansformer_tf.models.coordinates import line_coordinates
from gansformer_tf.models.creps.synthesis import AXES

# Stored there, and read by nothing.
DEAD = {
    r"synthesis\.b4\.tores\..*": "the first block has no part in the image",
    r"synthesis\.decoder_8\..*": "the image starts from the second block, so nothing is decoded there",
}


def creps_synthesis(names: TorchNames, generator: Any) -> None:
    """Adds the names of the synthesis network."""
    config, synthesis = generator.config, generator.synthesis
    source, scope = synthesis.input_, "synthesis.b4.input"
    rank, channels = config.rank, source.channels
    names.add(f"{scope}.freqs", source.frequencies, layout=lambda array: array.reshape(channels // 2, rank).T)
    names.add(f"{scope}.weight", source.kernel, layout=_lines(rank, channels))
    names.add(f"{scope}.affine.weight", source.affine.kernel, layout=_affine_kernel(rank, channels))
    lines = _lines(rank, channels)
    names.add(
        f"{scope}.affine.bias", source.affine.bias, layout=lambda array: lines(array).ravel(), offset=STYLE_OFFSET
    )
    names.fixed[f"{scope}.coords"] = np.stack(line_coordinates(config), axis=-1)[None, :, :, None]
    theirs = {"dense0": "fc0", "dense1": "fc1", "to_lines": "tores", "to_rgb": "tores"}
    for block in synthesis.blocks:
        parts = [*block.layers_, *([block.to_lines] if block.to_lines is not None else [])]
        for layer in parts:
            _modulated(names, f"synthesis.b{2**block.level}.{theirs[layer.name]}", layer)
    for decoder in synthesis.decoders:
        suffix = decoder.name.removeprefix("decoder").removeprefix("_")
        scope = f"synthesis.decoder_{suffix if suffix == 'last' else 2 ** int(suffix)}"
        for index, layer in enumerate(decoder.layers_):
            names.dense(f"{scope}.{index}", layer)
    names.dense("synthesis.decoder_img", synthesis.to_rgb)
    for index, block in enumerate(synthesis.tail):
        for layer in (block.dense0, block.dense1, block.to_rgb):
            _modulated(names, f"synthesis.block{index}.{theirs[layer.name]}", layer)


def _modulated(names: TorchNames, scope: str, layer: Any) -> None:
    names.add(f"{scope}.weight", layer.kernel, layout=transposed)
    names.add(f"{scope}.bias", layer.bias)
    names.dense(f"{scope}.affine", layer.affine, offset=STYLE_OFFSET)


def _lines(rank: int, channels: int) -> Layout:
    """Numbers that run over channels, axes and ranks -> `[axes, rank, channels]`."""
    return lambda array: np.transpose(array.reshape(channels, AXES, rank), (1, 2, 0))


def _affine_kernel(rank: int, channels: int) -> Layout:
    """`[channels * axes * rank, style_dim]` -> `[style_dim, axes * rank * channels]`."""

    def layout(array: np.ndarray) -> np.ndarray:
        lines = np.transpose(array.reshape(channels, AXES, rank, -1), (3, 1, 2, 0))
        return lines.reshape(len(lines), -1)

    return layout
