"""Static arguments of the original networks as our configurations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gansformer_tf.config import ConfigError, DiscriminatorConfig, GANsformerConfig

# The older module of the original spells some arguments in another way.
_OLD_SPELLINGS = {
    "latent_size": "z_dim",
    "dlatent_size": "w_dim",
    "fmap_base": "channel_base",
    "fmap_max": "channel_max",
    "label_dim": "c_dim",
    "mapping_layers": "mapping_num_layers",
}

_SHARED = {
    "num_channels": "image_channels",
    "resolution": "resolution",
    "c_dim": "label_dim",
    "channel_base": "channel_base",
    "channel_max": "channel_max",
    "transformer": "transformer",
    "components_num": "num_components",
    "num_heads": "num_heads",
    "start_res": "attention_start",
    "end_res": "attention_end",
    "attention_dropout": "attention_dropout",
    "ltnt_gate": "latent_gate",
    "img_gate": "image_gate",
    "ltnt2ltnt": "latent_self_attention",
    "img2img": "image_self_attention",
    "use_pos": "use_pos",
    "pos_dim": "pos_dim",
    "pos_type": "pos_type",
    "pos_init": "pos_init",
    "pos_directions_num": "pos_directions",
    "architecture": "architecture",
}

_GENERATOR = _SHARED | {
    "mapping_num_layers": "mapping_layers",
    "mapping_lrmul": "mapping_lr_multiplier",
    "mapping_dim": "mapping_dim",
    "mapping_resnet": "mapping_residual",
    "mapping_shared_dim": "mapping_shared_dim",
    "mapping_ltnt2ltnt": "mapping_self_attention",
    "normalize_latents": "normalize_latents",
    "component_dropout": "component_dropout",
    "tanh": "tanh",
    "style": "style",
    "latent_stem": "latent_stem",
    "local_noise": "local_noise",
    "norm": "attention_normalization",
    "integration": "integration",
    "kmeans": "kmeans",
    "kmeans_iters": "kmeans_iterations",
    "iterative": "iterative",
    "img2ltnt": "image_to_latent",
    "merge": "kgan",
    "merge_layer": "merge_layer",
    "merge_type": "merge_type",
    "merge_same": "merge_same",
    "truncation_psi": "truncation_psi",
}

_DISCRIMINATOR = _SHARED | {
    "mbstd_group_size": "mbstd_group_size",
    "mbstd_num_features": "mbstd_num_features",
    "ltnt2img": "latent_to_image",
}

# Arguments without effect on the finished network: training-time mixing, implementation choices, names, and those
# that the original accepts and never reads.
_WITHOUT_EFFECT = {
    "func_name",
    "label_size",
    "fused_modconv",
    "style_mixing",
    "component_mixing",
    "noise_mode",
    "randomize_noise",
    "mapping_layersnum",
    "num_broadcast",
    "dlatent_broadcast",
    "is_validation",
    "structure",
}


def config_from_original(
    kwargs: Mapping[str, Any], network: str, variables: Mapping[str, Any] | None = None
) -> GANsformerConfig | DiscriminatorConfig:
    """Configuration of an original network.

    Args:
        kwargs: Static arguments; both spellings are understood (`z_dim` or `latent_size`, ...).
        network: "generator" or "discriminator".
        variables: Variables by name, to recognise what the arguments do not tell (own aggregators).

    Raises:
        ConfigError: An argument is unknown, or the network cannot be built.
    """
    if network not in ("generator", "discriminator"):
        raise ConfigError(f"network is {network!r}; it must be 'generator' or 'discriminator'.")
    kwargs = {_OLD_SPELLINGS.get(name, name): value for name, value in kwargs.items()}
    table = _GENERATOR if network == "generator" else _DISCRIMINATOR
    values: dict[str, Any] = {"attention_form": "code", "original_behaviour": True}
    if network == "generator":
        sizes = {"latent": kwargs.pop("z_dim", 512), "w": kwargs.pop("w_dim", 512)}
        if sizes["latent"] != sizes["w"]:
            raise ConfigError(f"z_dim {sizes['latent']} and w_dim {sizes['w']} differ; only equal sizes are supported.")
    else:
        sizes = {"latent": kwargs.pop("a_dim", kwargs.pop("z_dim", 512))}
    for name, value in kwargs.items():
        if name in table:
            values[table[name]] = value
        elif name not in _WITHOUT_EFFECT:
            raise ConfigError(f"unknown static argument {name!r} of the original {network}.")
    values = {name: value for name, value in values.items() if value is not None or name in _MAY_BE_NONE}
    values["latent_size"] = sizes["latent"] * values.get("num_components", 1)
    if network == "discriminator":
        values["separate_aggregators"] = "aggregators" in (variables or {})
        return DiscriminatorConfig(**values)
    # self-attention exists there in the residual form of a transformer only, image attention beside components only
    attends = values.get("mapping_residual", False) and values.get("transformer", False)
    values["mapping_self_attention"] = bool(values.get("mapping_self_attention", False) and attends)
    if not values.get("transformer", False):
        values["image_self_attention"] = 0
    return GANsformerConfig(**values)


_MAY_BE_NONE = {"attention_normalization", "pos_dim", "mapping_dim"}
