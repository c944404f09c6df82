"""Variables of the networks: which are trained, what they are called, and TensorFlow's behind Keras's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from gansformer_tf.config import ConfigError


def unfrozen_variables(discriminator: Any, num_frozen: int) -> list[Any]:
    """Trainable variables of the discriminator without its first layers, seen from the image (FreezeD, Mo et al. 2020).

    Args:
        discriminator: The network.
        num_frozen: Layers to freeze, in the order from_rgb, first convolution (with the attention before it), second
            convolution, skip connection, block by block.

    Raises:
        ConfigError: There are not so many layers.
    """
    if not num_frozen:
        return list(discriminator.trainable_variables)
    groups: list[list[Any]] = []
    for block in discriminator.blocks:
        parts = [block.from_rgb, block.conv0, block.conv1, block.skip]
        attention = [block.collect, block.latent_update, block.image_update, block.image_attention]
        for part in parts:
            if part is not None:
                beside = [layer for layer in attention if layer is not None] if part is block.conv0 else []
                groups.append([variable for layer in (part, *beside) for variable in layer.trainable_variables])
    if num_frozen > len(groups):
        raise ConfigError(f"freeze_d is {num_frozen}; this discriminator has {len(groups)} layers that can be frozen.")
    frozen = {id(variable) for group in groups[:num_frozen] for variable in group}
    return [variable for variable in discriminator.trainable_variables if id(variable) not in frozen]


def raw_variable(variable: Any) -> tf.Variable:
    """The TensorFlow variable behind a Keras variable."""
    return variable.value if hasattr(variable, "path") else variable


def network_state(network: Any, prefix: str) -> dict[str, tf.Variable]:
    """Every variable of a network by `prefix/name`, without the network's own name."""
    own = f"{network.name}/"
    return {f"{prefix}/{weight.path.removeprefix(own)}": raw_variable(weight) for weight in network.weights}


def raw_variables(variables: Sequence[Any]) -> list[tf.Variable]:
    return [raw_variable(variable) for variable in variables]
