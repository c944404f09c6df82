"""Static arguments of StyleGAN2's TensorFlow 1 networks as our configurations.

Their variables have the names of the original GANformer code, which grew out of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gansformer_tf.config import ConfigError, DiscriminatorConfig, GANsformerConfig
from gansformer_tf.convert.arguments import Arguments

FIR_TAPS = [1, 3, 3, 1]
_ONLY_LRELU = "no other activation is built"


def config_from_stylegan2(kwargs: Mapping[str, Any], network: str) -> GANsformerConfig | DiscriminatorConfig:
    """Configuration of a network of `G_main` or `D_stylegan2`.

    Args:
        kwargs: Static arguments; what is not among them has StyleGAN2's default.
        network: "generator" or "discriminator".

    Raises:
        ConfigError: An argument is unknown, or asks for what cannot be built.
    """
    arguments = Arguments(kwargs, f"StyleGAN2 {network}")
    values = _shared(arguments) | (_generator(arguments) if network == "generator" else _discriminator(arguments))
    arguments.finish()
    if network == "generator":
        return GANsformerConfig(**values)
    return DiscriminatorConfig(**values)


def _shared(arguments: Arguments) -> dict[str, Any]:
    arguments.expect("nonlinearity", "lrelu", _ONLY_LRELU)
    arguments.expect("resample_kernel", FIR_TAPS, "no other filter is built")
    arguments.expect("fmap_decay", 1, "channels double with every halving of the resolution")
    arguments.ignore("dtype", "impl", "fused_modconv")  # how it was computed
    resolution, base = arguments.take("resolution", 1024), arguments.take("fmap_base", 16384)
    least = arguments.take("fmap_min", 1)
    if least > 1 and least * resolution > 2 * base:
        raise ConfigError(
            f"fmap_min of the {arguments.where} is {least}, more than fmap_base {base} leaves at {resolution} pixels; "
            "no such smallest number of channels is built."
        )
    return {
        "image_channels": arguments.take("num_channels", 3),
        "resolution": resolution,
        "label_dim": arguments.take("label_size", 0),
        "channel_base": base,
        "channel_max": arguments.take("fmap_max", 512),
        "attention_form": "code",
        "original_behaviour": True,
    }


def _generator(arguments: Arguments) -> dict[str, Any]:
    arguments.expect("mapping_func", "G_mapping", "there is no other mapping network")
    arguments.expect("synthesis_func", "G_synthesis_stylegan2", "the networks of configurations A to D are not built")
    arguments.expect("mapping_nonlinearity", "lrelu", _ONLY_LRELU)
    arguments.expect("truncation_cutoff", None, "truncation counts for all layers")
    arguments.ignore("truncation_psi_val", "truncation_cutoff_val", "dlatent_avg_beta", "style_mixing_prob")
    arguments.ignore("randomize_noise", "structure")
    size, w_dim = arguments.take("latent_size", 512), arguments.take("dlatent_size", 512)
    layers, hidden = arguments.take("mapping_layers", 8), arguments.take("mapping_fmaps", 512)
    psi = arguments.take("truncation_psi", 0.5)
    return {
        "latent_size": size,
        "w_dim": w_dim,
        "mapping_layers": layers,
        "mapping_hidden_dim": hidden if layers > 1 and hidden != w_dim else None,
        "mapping_lr_multiplier": arguments.take("mapping_lrmul", 0.01),
        "normalize_latents": arguments.take("normalize_latents", True),
        "architecture": arguments.take("architecture", "skip"),
        "truncation_psi": 1.0 if psi is None else psi,
    }


def _discriminator(arguments: Arguments) -> dict[str, Any]:
    group = arguments.take("mbstd_group_size", 4)
    if group is None or group < 0:
        raise ConfigError(f"mbstd_group_size of the StyleGAN2 discriminator is {group}; it must be 0 or more.")
    return {
        "mbstd_group_size": group if group > 1 else 0,
        "mbstd_num_features": arguments.take("mbstd_num_features", 1),
        "architecture": arguments.take("architecture", "resnet"),
    }
