"""Networks of the original TensorFlow 1 code from their variables."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from gansformer_tf.config import ConfigError, DiscriminatorConfig, GANsformerConfig
from gansformer_tf.convert.original_config import config_from_original
from gansformer_tf.convert.original_names import NameMap, discriminator_names, generator_names

# Variables (patterns) that exist in the original and have no influence on any output there -> the reason.
_DEAD = {
    r"lod$": "progress of the growing that StyleGAN2 does not do",
    r"ltnt_emb/emb$": "nothing reads the embedding of components without attention and positional encoding",
    r"G_mapping/(weight|bias)_map_pos$": "only self-attention in the mapping network reads the components' embedding",
    r"(G_synthesis/)?pos_emb\d+/(x_|y_)?emb$": "there is no attention at this resolution",
    r"G_synthesis/noise\d+$": "noise of a layer that adds none, or of one beyond the last layer",
    r"G_synthesis/.*/mod_(weight|bias)$": "without style no layer reads w",
    r"G_synthesis/.*/AttLayer_l2n/(weight|bias)_(key|to_pos)$": "images are compared with centroids, not with keys",
    r"G_synthesis/.*/merge\d+/weight$": "a sum of images needs no weights",
}


def from_original(variables: Mapping[str, np.ndarray], kwargs: Mapping[str, Any], network: str = "generator") -> Any:
    """Builds one of our networks with the weights of an original one.

    Args:
        variables: Arrays by their original local name ("G_synthesis/4x4/Conv/weight", ...); images NCHW.
        kwargs: Static arguments of the original network, in either spelling.
        network: "generator" or "discriminator".

    Returns:
        `Generator` or `Discriminator` with `attention_form="code"` and `original_behaviour=True`: its numbers are
        those of the original.

    Raises:
        ConfigError: A static argument is unknown; a variable is missing, left over or of another shape (it is
            named). Left over means that we do not use it and that the original does.
    """
    return build_original(config_from_original(kwargs, network, variables), variables)


def build_original(config: GANsformerConfig | DiscriminatorConfig, variables: Mapping[str, np.ndarray]) -> Any:
    """One of our networks of a configuration, with the weights of an original one.

    Raises:
        ConfigError: See `from_original`.
    """
    from gansformer_tf.models import Discriminator, build_generator

    if isinstance(config, GANsformerConfig):
        model: Any = build_generator(config)
    else:
        model = Discriminator(config)
    names = names_in_original(model)
    _check_complete(names, variables, model)
    for name, (variable, layout) in names.entries.items():
        array = layout(np.asarray(variables[name], dtype=np.float32))
        if tuple(array.shape) != tuple(variable.shape):
            raise ConfigError(
                f"original variable {name!r} has shape {np.shape(variables[name])}; "
                f"its arguments ask for {tuple(variable.shape)} (ours)."
            )
        variable.assign(array)
    return model


def names_in_original(model: Any) -> NameMap:
    """Original names of the variables of one of our networks."""
    return generator_names(model) if isinstance(model.config, GANsformerConfig) else discriminator_names(model)


def why_unused(name: str) -> str | None:
    """Why a variable of this name may exist in the original without any influence; None where it may not."""
    return next((reason for pattern, reason in _DEAD.items() if re.match(pattern, name)), None)


def _check_complete(names: NameMap, variables: Mapping[str, np.ndarray], model: Any) -> None:
    missing = sorted(set(names.entries) - set(variables))
    if missing:
        raise ConfigError(f"the original variable {missing[0]!r} is missing ({len(missing)} in all).")
    claimed = {id(variable) for variable, _ in names.entries.values()}
    unclaimed = [variable.path for variable in model.weights if id(variable) not in claimed]
    if unclaimed:
        raise ConfigError(
            f"our variable {unclaimed[0]!r} has no counterpart in the original ({len(unclaimed)} in all)."
        )
    left = sorted(name for name in set(variables) - set(names.entries) if why_unused(name) is None)
    if left:
        raise ConfigError(f"the original variable {left[0]!r} is left over ({len(left)} in all); it was not expected.")
