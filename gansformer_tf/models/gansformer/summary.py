"""Tables of the layers of GANsformer's generator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gansformer_tf.models.summary import Layer, features_shape, size_text


def mapping_layers(mapping: Any) -> Iterator[Layer]:
    """(name, variables, output shape) of every part of a mapping network, in the order of computation."""
    config = mapping.config
    latents = (None, config.num_latents, config.style_dim)
    parts = (mapping.label_embedding, mapping.map_start, mapping.map_positions, mapping.shared_in)
    for layer in parts:
        if layer is not None:
            yield f"mapping/{layer.name}", layer.weights, (None, layer.units)
    for stack in (mapping.components, mapping.global_):
        if stack is None:
            continue
        count = 1 if stack is mapping.global_ or mapping.shared_in is not None else config.num_components
        for step in ([stack.input_dense] if stack.input_dense is not None else []) + stack.steps:
            yield f"mapping/{stack.name}/{step.name}", step.weights, (None, count, stack.width_of(step))
    for layer in (mapping.shared_out, mapping.map_end):
        if layer is not None:
            yield f"mapping/{layer.name}", layer.weights, latents


def generator_layers(generator: Any) -> Iterator[Layer]:
    """(name, variables, output shape) of every part of a generator, in the order of computation."""
    config, synthesis = generator.config, generator.synthesis
    if generator.component_embedding is not None:
        yield "component_embedding", [generator.component_embedding], tuple(generator.component_embedding.shape)
    yield from mapping_layers(generator.mapping)
    for grid in synthesis.grids:
        yield grid.name, grid.weights, (grid.height, grid.width, grid.output_dim)
    base = synthesis.blocks[0].level
    yield f"{size_text(config, base)}/stem", synthesis.stem.weights, features_shape(config, base)
    for block in synthesis.blocks:
        yield from _block_layers(config, block)


def _block_layers(config: Any, block: Any) -> Iterator[Layer]:
    size = size_text(config, block.level)
    shape = features_shape(config, block.level)
    for layer in block.layers_:
        attention = layer.attention.weights if layer.attention is not None else []
        attended = {id(variable) for variable in attention}
        yield f"{size}/{layer.name}", [v for v in layer.weights if id(v) not in attended], shape
        if attention:
            yield f"{size}/{layer.name}/attention", attention, shape
    for layer in (block.skip, block.merge, block.extra):
        if layer is not None:
            yield f"{size}/{layer.name}", layer.weights, shape
    if block.to_rgb is not None:
        yield f"{size}/to_rgb", block.to_rgb.weights, (*shape[:-1], config.image_channels)
