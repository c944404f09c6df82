"""Where each parameter and buffer of the PyTorch networks lives in ours.

StyleGAN2's and GANformer's networks differ in the names of biases and filters; StyleGAN3's and CREPS's generators have
names of their own.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gansformer_tf.config import ConfigError
from gansformer_tf.convert.original_names import flat_input
from gansformer_tf.convert.pytorch_creps import creps_synthesis
from gansformer_tf.convert.pytorch_entries import TorchNames, constant, linear_vectors, noise_map
from gansformer_tf.convert.pytorch_stylegan3 import stylegan3_synthesis
from gansformer_tf.layers import BipartiteAttention, LatentUpdate


def names_of(model: Any, family: str, network: str) -> TorchNames:
    """Their names of the variables of one of our networks."""
    names = TorchNames(".biasAct.bias" if family == "ganformer" else ".bias")
    if network == "discriminator":
        _discriminator(names, model)
        return names
    names.add("mapping.w_avg", model.w_avg)
    names.dense("mapping.embed", model.mapping.label_embedding)
    mapping = model.mapping
    if family in ("stylegan3", "creps"):
        _dense_stack(names, "mapping.fc", mapping.components.steps)
        {"stylegan3": stylegan3_synthesis, "creps": creps_synthesis}[family](names, model)
        return names
    if model.component_embedding is not None:
        names.add("pos", model.component_embedding)
    if family == "stylegan2":
        _dense_stack(names, "mapping.fc", mapping.components.steps)
    else:
        _port_stack(names, "mapping.mlp" if mapping.global_ is not None else "mapping.global_mlp", mapping.components)
        if mapping.global_ is not None:
            _port_stack(names, "mapping.global_mlp", mapping.global_)
    _synthesis(names, model.synthesis)
    return names


def _dense_stack(names: TorchNames, name: str, layers: list[Any]) -> None:
    for index, layer in enumerate(layers):
        names.dense(f"{name}{index}", layer)


def _port_stack(names: TorchNames, name: str, stack: Any) -> None:
    """Attention `sa<i>` and layers `l<i>`, behind them `out_layer`."""
    if stack.input_dense is not None:
        raise ConfigError("residual mapping layers need equal sizes of z (with labels) and w; they differ here.")
    *steps, last = stack.steps
    names.dense(f"{name}.out_layer", last)
    index = 0
    for step in steps:
        if isinstance(step, BipartiteAttention):
            names.attention(f"{name}.sa{index}", step)
            continue
        if isinstance(step, LatentUpdate):
            if step.attention is not None:
                names.attention(f"{name}.sa{index}", step.attention)
            names.dense(f"{name}.l{index}.fc0", step.dense0)
            names.dense(f"{name}.l{index}.fc1", step.dense1)
        else:
            names.dense(f"{name}.l{index}", step)
        index += 1


def _synthesis(names: TorchNames, synthesis: Any) -> None:
    names.add("synthesis.b4.const", synthesis.stem.constant, layout=constant)
    grids = dict(zip(synthesis.grid_levels, synthesis.grids, strict=True))
    theirs = {"conv": "conv1", "conv0_up": "conv0", "conv1": "conv1"}
    for block in synthesis.blocks:
        scope = f"synthesis.b{2**block.level}"
        for layer in block.layers_:
            name = f"{scope}.{theirs[layer.name]}"
            names.modulated(name, layer.conv)
            names.add(f"{name}{names.bias}", layer.bias)
            if layer.noise is not None:
                names.add(f"{name}.noise_strength", layer.noise.strength)
                names.add(f"{name}.noise_const", layer.noise.buffer, layout=noise_map)
            if layer.attention is not None:
                names.attention(f"{name}.transformer", layer.attention.image_to_components)
                _grid(names, f"{name}.grid_pos", grids[layer.grid_key])
        names.conv(f"{scope}.skip", block.skip)
        if block.extra is not None:
            names.modulated(f"{scope}.conv_last", block.extra)
        if block.to_rgb is not None:
            names.modulated(f"{scope}.torgb", block.to_rgb.conv)
            names.add(f"{scope}.torgb{names.bias}", block.to_rgb.bias)


def _grid(names: TorchNames, name: str, grid: Any) -> None:
    if grid.kind == "sinus":
        shape = (grid.height, grid.width, grid.output_dim)
        names.fixed[name] = np.asarray(grid.encoding()).reshape(shape)
    elif grid.kind == "linear":
        names.add(name, grid.vectors, layout=linear_vectors(grid.directions))
    else:
        names.add(name, grid.table)


def _discriminator(names: TorchNames, discriminator: Any) -> None:
    for block in discriminator.blocks:
        scope = f"b{2**block.level}"
        names.conv(f"{scope}.fromrgb", block.from_rgb)
        names.conv(f"{scope}.conv0", block.conv0)
        names.conv(f"{scope}.conv1", block.conv1)
        names.conv(f"{scope}.skip", block.skip)
    names.conv("b4.fromrgb", discriminator.from_rgb)
    names.conv("b4.conv", discriminator.conv)
    config = discriminator.config
    flat = flat_input((*config.size_at(2), config.channels_at(2)))
    names.add("b4.fc.weight", discriminator.dense.kernel, layout=lambda array: flat(array.T))
    names.add("b4.fc.bias", discriminator.dense.bias)
    names.dense("b4.out", discriminator.output_layer)
    names.dense("mapping.embed", discriminator.label_embedding)
    _dense_stack(names, "mapping.fc", discriminator.label_mapping)
