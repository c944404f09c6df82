"""Where each variable of the original TensorFlow 1 networks lives in ours.

A `NameMap` pairs original names with our variables and says how the array is laid out there. Building it walks our
network, so a variable of ours that the original lacks shows up as missing, and one of the original that we do not
use must stand in the list of those that are dead there too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

Layout = Callable[[np.ndarray], np.ndarray]


def as_is(array: np.ndarray) -> np.ndarray:
    return array


def channels_last(array: np.ndarray) -> np.ndarray:
    """`[maps, channels, height, width]` to `[maps, height, width, channels]`."""
    return np.transpose(array, (0, 2, 3, 1))


def flat_output(grid: tuple[int, int, int]) -> Layout:
    """Dense outputs that are reshaped to an image: `[inputs, C * H * W]` to `[inputs, H * W * C]`."""
    height, width, channels = grid

    def layout(array: np.ndarray) -> np.ndarray:
        image = array.reshape(array.shape[0], channels, height, width)
        return np.transpose(image, (0, 2, 3, 1)).reshape(array.shape)

    return layout


def flat_input(grid: tuple[int, int, int]) -> Layout:
    """Dense inputs that are a flattened image: `[C * H * W, units]` to `[H * W * C, units]`."""
    height, width, channels = grid

    def layout(array: np.ndarray) -> np.ndarray:
        image = array.reshape(channels, height, width, -1)
        return np.transpose(image, (1, 2, 0, 3)).reshape(array.shape)

    return layout


@dataclasses.dataclass
class NameMap:
    """Original name -> (our variable, layout of the original array in our terms)."""

    entries: dict[str, tuple[Any, Layout]] = dataclasses.field(default_factory=dict)

    def add(self, name: str, variable: Any, layout: Layout = as_is) -> None:
        if name in self.entries:
            raise ValueError(f"two of our variables claim the original variable {name!r}.")
        self.entries[name] = (variable, layout)

    def dense(self, scope: str, layer: Any, suffix: str = "", layout: Layout = as_is) -> None:
        """A dense or convolutional layer: `<scope>/weight<suffix>` and `<scope>/bias<suffix>`."""
        if layer is None:
            return
        self.add(f"{scope}weight{suffix}", layer.kernel, layout)
        if getattr(layer, "bias", None) is not None:
            self.add(f"{scope}bias{suffix}", layer.bias)


def attention_names(names: NameMap, scope: str, attention: Any) -> None:
    """Variables of one attention layer below `scope` (which ends in `AttLayer_<kind>/`)."""
    from gansformer_tf.layers import CentroidAttention

    names.dense(scope, attention.query, "_query")
    names.dense(scope, attention.query_position, "_from_pos")
    names.dense(scope, attention.value, "_value")
    names.dense(scope, attention.output_projection, "_out")
    for gate, letter in ((attention.gate_y, "e"), (attention.gate_x, "n")):
        if gate is not None:
            names.dense(scope, gate.content, f"_{letter}_cont")
            names.dense(scope, gate.position, f"_{letter}_pos")
    if isinstance(attention, CentroidAttention):
        names.dense(scope, attention.centroid_query, "_key2")
        if attention.centroids is not None:
            names.add(f"{scope}toasgn_init", attention.centroids)
        for index, scales in enumerate(attention.element_scales):
            names.add(f"{scope}iter_{index}/st_weights", scales)
    else:
        names.dense(scope, attention.key, "_key")
        names.dense(scope, attention.key_position, "_to_pos")


def update_names(names: NameMap, scope: str, kind: str, update: Any) -> None:
    """A `LatentUpdate`: attention and two dense layers that share the suffix `kind`."""
    if update is None:
        return
    if update.attention is not None:
        attention_names(names, f"{scope}AttLayer_{kind}/", update.attention)
    names.dense(f"{scope}Dense{kind}_0/", update.dense0)
    names.dense(f"{scope}Dense{kind}_1/", update.dense1)


def grid_names(names: NameMap, scope: str, levels: list[int], grids: list[Any]) -> None:
    for level, grid in zip(levels, grids, strict=True):
        prefix = f"{scope}pos_emb{level}/"
        if grid.kind == "linear":
            names.add(f"{prefix}emb", grid.vectors)
        elif grid.kind == "trainable":
            names.add(f"{prefix}x_emb", grid.columns)
            names.add(f"{prefix}y_emb", grid.rows)
        elif grid.kind == "trainable2d":
            names.add(f"{prefix}emb", grid.table)


def generator_names(generator: Any) -> NameMap:
    """Original names of a generator's variables."""
    names = NameMap()
    if generator.component_embedding is not None:
        names.add("ltnt_emb/emb", generator.component_embedding)
    names.add("dlatent_avg", generator.w_avg)
    _mapping_names(names, generator.mapping)
    _synthesis_names(names, generator.synthesis)
    return names


def _mapping_names(names: NameMap, mapping: Any) -> None:
    scope = "G_mapping/"
    if mapping.label_embedding is not None:
        names.add(f"{scope}LabelConcat/weight", mapping.label_embedding.kernel)
    names.dense(scope, mapping.shared_in, "_inmap")
    names.dense(scope, mapping.shared_out, "_outmap")
    names.dense(scope, mapping.map_start, "_map_start")
    names.dense(scope, mapping.map_positions, "_map_pos")
    names.dense(scope, mapping.map_end, "_map_end")
    _mlp_names(names, scope, mapping.components)
    if mapping.global_ is not None:
        _mlp_names(names, f"{scope}global/", mapping.global_)


def _mlp_names(names: NameMap, scope: str, mlp: Any) -> None:
    from gansformer_tf.layers import LatentUpdate

    for step in mlp.steps:
        if isinstance(step, LatentUpdate):
            index = step.name.removeprefix("layer")
            if step.attention is not None:
                attention_names(names, f"{scope}AttLayer_{index}/", step.attention)
            names.dense(f"{scope}Dense{index}_0/", step.dense0)
            names.dense(f"{scope}Dense{index}_1/", step.dense1)
        else:
            names.dense(f"{scope}Dense{_dense_index(step, mlp)}/", step)


def _dense_index(step: Any, mlp: Any) -> int:
    """The number of a plain dense layer; behind no residual layer at all the original counts it as -1."""
    behind_none = mlp.config.mapping_residual and mlp.config.mapping_layers == 1
    return -1 if behind_none else int(step.name.removeprefix("dense"))


def _synthesis_names(names: NameMap, synthesis: Any) -> None:
    scope = "G_synthesis/"
    grid_names(names, scope, synthesis.grid_levels, synthesis.grids)
    stem = synthesis.stem
    if synthesis.config.latent_stem:
        names.add(f"{scope}4x4/Dense/weight", stem.kernel, flat_output(stem.grid))
        names.add(f"{scope}4x4/Dense/bias", stem.bias)
        if stem.noise is not None:
            names.add(f"{scope}4x4/Dense/noise_strength", stem.noise)
    else:
        names.add(f"{scope}4x4/Const/const", stem.constant, channels_last)
    for block in synthesis.blocks:
        _block_names(names, scope, block)


def _block_names(names: NameMap, scope: str, block: Any) -> None:
    size = 2**block.level
    prefix = f"{scope}{size}x{size}/"
    originals = {"conv": "Conv", "conv0_up": "Conv0_up", "conv1": "Conv1"}
    for layer in block.layers_:
        layer_scope = f"{prefix}{originals[layer.name]}/"
        _modulated_names(names, layer_scope, layer.conv)
        names.add(f"{layer_scope}bias", layer.bias)
        if layer.noise is not None:
            names.add(f"{layer_scope}noise_strength", layer.noise.strength)
            names.add(f"{scope}noise{layer.index - 1}", layer.noise.buffer, channels_last)
        if layer.attention is not None:
            _stage_names(names, layer_scope, layer.attention)
    if block.skip is not None:
        names.dense(f"{prefix}Skip/", block.skip)
    if block.merge is not None and block.merge.score is not None:
        names.dense(f"{prefix}merge{block.level}/", block.merge.score)
    if block.extra is not None:
        _modulated_names(names, f"{prefix}ToRGB/extraLayer/", block.extra)
    if block.to_rgb is not None:
        _modulated_names(names, f"{prefix}ToRGB/", block.to_rgb.conv)
        names.add(f"{prefix}ToRGB/bias", block.to_rgb.bias)


def _modulated_names(names: NameMap, scope: str, conv: Any) -> None:
    names.add(f"{scope}weight", conv.kernel)
    if conv.affine is not None:
        names.add(f"{scope}mod_weight", conv.affine.kernel)
        names.add(f"{scope}mod_bias", conv.affine.bias)


def _stage_names(names: NameMap, scope: str, stage: Any) -> None:
    if stage.image_to_components is not None:
        attention_names(names, f"{scope}AttLayer_l2n/", stage.image_to_components)
    if stage.image_to_image is not None:
        attention_names(names, f"{scope}AttLayer_n2n/", stage.image_to_image)
    update_names(names, scope, "l2l", stage.latent_self_update)
    update_names(names, scope, "n2l", stage.latent_image_update)


def discriminator_names(discriminator: Any) -> NameMap:
    """Original names of a discriminator's variables."""
    names = NameMap()
    if discriminator.component_embedding is not None:
        names.add("ltnt_emb/emb", discriminator.component_embedding)
    if discriminator.aggregators is not None:
        names.add("aggregators", discriminator.aggregators)
    grid_names(names, "", discriminator.grid_levels, discriminator.grids)
    for block in discriminator.blocks:
        size = 2**block.level
        scope = f"{size}x{size}/"
        for layer, name in (
            (block.from_rgb, "FromRGB"),
            (block.conv0, "Conv0"),
            (block.conv1, "Conv1_down"),
            (block.skip, "Skip"),
        ):
            names.dense(f"{scope}{name}/", layer)
        for attention, kind in (
            (block.collect, "n2l"),
            (block.image_update, "l2n"),
            (block.image_attention, "n2n"),
        ):
            if attention is not None:
                attention_names(names, f"{scope}AttLayer_{kind}/", attention)
        update_names(names, scope, "l2l", block.latent_update)
    names.dense("4x4/FromRGB/", discriminator.from_rgb)
    names.dense("4x4/Conv/", discriminator.conv)
    config = discriminator.config
    grid = (*config.size_at(2), config.channels_at(2))
    names.dense("4x4/Dense0/", discriminator.dense, layout=flat_input(grid))
    if discriminator.component_scores is not None:
        names.dense("ComponentScores/Dense/", discriminator.component_scores.dense)
        names.dense("ComponentScores/Output/", discriminator.component_scores.output_layer)
    names.dense("Output/", discriminator.output_layer)
    return names
