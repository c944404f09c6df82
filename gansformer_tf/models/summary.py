"""Tables of a network's layers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

Row = tuple[str, int, str, str]
Layer = tuple[str, list[Any], tuple]


def summary_rows(layers: Iterator[Layer]) -> list[Row]:
    """One row per layer that owns trainable weights: (layer, parameters, output shape, weight shape).

    The weight shown is the layer's main kernel; a layer of several equal ones, such as attention, shows "-".
    """
    rows = []
    for name, variables, shape in layers:
        trainable = [variable for variable in variables if variable.trainable]
        count = sum(math.prod(variable.shape) for variable in trainable)
        if not count:
            continue
        kernels = [variable for variable in trainable if variable.path.endswith("kernel")]
        main = trainable[0] if len(trainable) == 1 else min(kernels, key=lambda v: v.path.count("/"), default=None)
        alone = main is not None and sum(v.path.count("/") == main.path.count("/") for v in kernels) <= 1
        rows.append((name, count, format_shape(shape), str(tuple(main.shape)) if main is not None and alone else "-"))
    return rows


def format_shape(shape: tuple) -> str:
    """A shape with "?" for the batch, for example (?, 64, 64, 512)."""
    sizes = ", ".join("?" if size is None else str(size) for size in shape)
    return f"({sizes},)" if len(shape) == 1 else f"({sizes})"


def discriminator_layers(discriminator: Any) -> Iterator[Layer]:
    """(name, variables, output shape) of every part of a discriminator, in the order of computation."""
    config = discriminator.config
    aggregators = (config.num_components, config.latent_dim)
    for name in ("component_embedding", "aggregators"):
        variable = getattr(discriminator, name)
        if variable is not None:
            yield name, [variable], aggregators
    for grid in discriminator.grids:
        yield grid.name, grid.weights, (grid.height, grid.width, grid.output_dim)
    for block in discriminator.blocks:
        size = size_text(config, block.level)
        wide, narrow = features_shape(config, block.level), features_shape(config, block.level - 1)
        for layer, shape in (
            (block.from_rgb, wide),
            (block.collect, (None, *aggregators)),
            (block.collect_norm, (None, *aggregators)),
            (block.latent_update, (None, *aggregators)),
            (block.image_update, wide),
            (block.image_attention, wide),
            (block.conv0, wide),
            (block.conv1, narrow),
            (block.skip, narrow),
        ):
            if layer is not None:
                yield f"{size}/{layer.name}", layer.weights, shape
    level = discriminator.blocks[-1].level - 1
    size, shape = size_text(config, level), features_shape(config, level)
    if discriminator.from_rgb is not None:
        yield f"{size}/from_rgb", discriminator.from_rgb.weights, shape
    yield f"{size}/conv", discriminator.conv.weights, shape
    yield f"{size}/dense", discriminator.dense.weights, (None, discriminator.dense.units)
    scores = discriminator.component_scores
    if scores is not None:
        yield "component_scores/dense", scores.dense.weights, (None, *aggregators)
        yield "component_scores/output", scores.output_layer.weights, (None, config.num_components, 1)
    if discriminator.label_embedding is not None:
        for layer in (discriminator.label_embedding, *discriminator.label_mapping):
            yield layer.name, layer.weights, (None, layer.units)
    yield "output", discriminator.output_layer.weights, (None, discriminator.output_layer.units)


def size_text(config: Any, level: int) -> str:
    """Height and width of the features of a stage, for example 64x64."""
    height, width = config.size_at(level)
    return f"{height}x{width}"


def features_shape(config: Any, level: int) -> tuple:
    """Shape of the features of a stage."""
    return (None, *config.size_at(level), config.channels_at(level))
