"""Static arguments of the PyTorch networks as our configurations."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gansformer_tf.config import ConfigError, CREPSConfig, DiscriminatorConfig, GANsformerConfig, StyleGAN3Config
from gansformer_tf.config.generator import GeneratorConfig
from gansformer_tf.convert.arguments import Arguments

FAMILIES = ("stylegan2", "stylegan3", "creps", "ganformer")
FIR_TAPS = [1, 3, 3, 1]
_ONLY_LRELU = "no other activation is built"
_ONLY_FIR = "no other filter is built"


def config_from_pytorch(kwargs: Mapping[str, Any], family: str, network: str) -> GeneratorConfig | DiscriminatorConfig:
    """Configuration of a PyTorch network.

    Args:
        kwargs: Arguments of its constructor.
        family: "stylegan2" (StyleGAN2-ADA's and StyleGAN3's repositories), "stylegan3", "creps" or "ganformer"
            (GANformer's port). The discriminators of StyleGAN3 and CREPS are StyleGAN2's.
        network: "generator" or "discriminator".

    Raises:
        ConfigError: An argument is missing, unknown, or asks for what cannot be built.
    """
    if family not in FAMILIES:
        raise ConfigError(f"family is {family!r}; it must be one of: {', '.join(FAMILIES)}.")
    readers = {
        ("stylegan2", "generator"): _stylegan2_generator,
        ("stylegan2", "discriminator"): _stylegan2_discriminator,
        ("stylegan3", "generator"): _stylegan3_generator,
        ("creps", "generator"): _creps_generator,
        ("ganformer", "generator"): _ganformer_generator,
        ("ganformer", "discriminator"): _ganformer_discriminator,
    }
    if network == "discriminator" and family in ("stylegan3", "creps"):
        family = "stylegan2"
    if (family, network) not in readers:
        raise ConfigError(f"network is {network!r}; it must be 'generator' or 'discriminator'.")
    arguments = Arguments(kwargs, f"{family} {network}")
    values = readers[family, network](arguments)
    arguments.finish()
    if network == "discriminator":
        return DiscriminatorConfig(**values)
    if family == "stylegan3":
        return StyleGAN3Config(**values)
    return CREPSConfig(**values) if family == "creps" else GANsformerConfig(**values)


def _geometry(arguments: Arguments) -> dict[str, Any]:
    return {
        "resolution": arguments.take("img_resolution"),
        "image_channels": arguments.take("img_channels"),
        "label_dim": arguments.take("c_dim"),
    }


def _channels(arguments: Arguments) -> dict[str, Any]:
    # theirs is divided by the resolution, ours by half of it
    return {
        "channel_base": arguments.take("channel_base", 32768) // 2,
        "channel_max": arguments.take("channel_max", 512),
    }


def _stylegan2_generator(arguments: Arguments) -> dict[str, Any]:
    mapping = arguments.group("mapping_kwargs")
    # StyleGAN2-ADA has the arguments of the synthesis in a group and does not clamp by default; StyleGAN3's
    # repository has them at the top and clamps
    clamp = None if "synthesis_kwargs" in arguments else 256
    synthesis = arguments.group("synthesis_kwargs") if "synthesis_kwargs" in arguments else arguments
    synthesis.expect("activation", "lrelu", _ONLY_LRELU)
    synthesis.expect("resample_filter", FIR_TAPS, _ONLY_FIR)
    synthesis.expect("kernel_size", 3, "no other kernel is built")
    synthesis.ignore("num_fp16_res", "fp16_channels_last", "fused_modconv_default")
    mapping.expect("activation", "lrelu", _ONLY_LRELU)
    mapping.ignore("w_avg_beta", "freeze_layers", "freeze_embed")
    z_dim, w_dim = arguments.take("z_dim"), arguments.take("w_dim")
    return {
        **_geometry(arguments),
        **_channels(synthesis),
        "latent_size": z_dim,
        "w_dim": w_dim,
        "mapping_layers": mapping.take("num_layers", 8),
        "mapping_hidden_dim": mapping.take("layer_features", None),
        "mapping_lr_multiplier": mapping.take("lr_multiplier", 0.01),
        "label_embedding": "normalized",
        "label_embedding_dim": mapping.take("embed_features", None) or w_dim,
        "architecture": synthesis.take("architecture", "skip"),
        "local_noise": synthesis.take("use_noise", True),
        "conv_clamp": synthesis.take("conv_clamp", clamp),
        "truncation_psi": 1.0,
    }


def _styled_generator(arguments: Arguments) -> dict[str, Any]:
    """What the generators of StyleGAN3 and CREPS have in common."""
    mapping = arguments.group("mapping_kwargs")
    mapping.ignore("w_avg_beta")
    arguments.ignore("num_fp16_res")
    return {
        **_geometry(arguments),
        **_channels(arguments),
        "latent_size": arguments.take("z_dim"),
        "w_dim": arguments.take("w_dim"),
        "mapping_lr_multiplier": mapping.take("lr_multiplier", 0.01),
        "truncation_psi": 1.0,
        "mapping_layers": mapping.take("num_layers", None),
    }


def _stylegan3_generator(arguments: Arguments) -> dict[str, Any]:
    values = _styled_generator(arguments)
    arguments.ignore("magnitude_ema_beta")  # of training
    return values | {
        "mapping_layers": values["mapping_layers"] or 2,
        "num_synthesis_layers": arguments.take("num_layers", 14),
        "margin_size": arguments.take("margin_size", 10),
        "conv_kernel": arguments.take("conv_kernel", 3),
        "radial_filters": arguments.take("use_radial_filters", False),
        "num_critical": arguments.take("num_critical", 2),
        "first_cutoff": arguments.take("first_cutoff", 2.0),
        "first_stopband": arguments.take("first_stopband", 2.0**2.1),
        "last_stopband_reach": arguments.take("last_stopband_rel", 2.0**0.3),
        "filter_taps": arguments.take("filter_size", 6),
        "activation_rate": arguments.take("lrelu_upsampling", 2),
        "output_scale": arguments.take("output_scale", 0.25),
        "conv_clamp": arguments.take("conv_clamp", 256),
    }


def _creps_generator(arguments: Arguments) -> dict[str, Any]:
    values = _styled_generator(arguments)
    arguments.expect("architecture", "skip", "no other architecture is built")
    return values | {
        "mapping_layers": values["mapping_layers"] or 8,
        "line_channels": arguments.take("biline_channels", 32),
        "conv_clamp": arguments.take("fc_clamp", 256),
    }


def _stylegan2_discriminator(arguments: Arguments) -> dict[str, Any]:
    block, epilogue = arguments.group("block_kwargs"), arguments.group("epilogue_kwargs")
    mapping = arguments.group("mapping_kwargs")
    for group in (block, epilogue, mapping):
        group.expect("activation", "lrelu", _ONLY_LRELU)
    block.expect("resample_filter", FIR_TAPS, _ONLY_FIR)
    block.ignore("freeze_layers", "fp16_channels_last")
    arguments.ignore("num_fp16_res")
    geometry, channels = _geometry(arguments), _channels(arguments)
    cmap_dim = arguments.take("cmap_dim", None) or min(channels["channel_base"] // 2, channels["channel_max"])
    mapping.ignore("freeze_layers", "freeze_embed", "w_avg_beta")
    label_mapping = {
        "cmap_dim": cmap_dim,
        "cmap_layers": mapping.take("num_layers", 8),
        "cmap_embedding_dim": mapping.take("embed_features", None),
        "cmap_hidden_dim": mapping.take("layer_features", None),
        "cmap_lr_multiplier": mapping.take("lr_multiplier", 0.01),
    }
    return {
        **geometry,
        **channels,
        **_minibatch_stddev(epilogue),
        "architecture": arguments.take("architecture", "resnet"),
        "conv_clamp": arguments.take("conv_clamp", 256),
        **(label_mapping if geometry["label_dim"] else {}),
    }


def _minibatch_stddev(epilogue: Arguments) -> dict[str, Any]:
    group, features = epilogue.take("mbstd_group_size", 4), epilogue.take("mbstd_num_channels", 1)
    return {"mbstd_group_size": group if features else 0, "mbstd_num_features": max(features, 1)}


def _ganformer_generator(arguments: Arguments) -> dict[str, Any]:
    mapping, synthesis = arguments.group("mapping_kwargs"), arguments.group("synthesis_kwargs")
    arguments.ignore("crop_ratio")  # of the data set
    synthesis.ignore("dim_base", "fused_modconv")  # accepted there and read by nothing
    mapping.ignore("w_avg_beta")
    for group in (mapping, synthesis):
        group.expect("act", "lrelu", _ONLY_LRELU)
    synthesis.expect("resample_kernel", FIR_TAPS, _ONLY_FIR)
    synthesis.expect("latent_stem", False, "the port cannot build it")
    synthesis.expect("iterative", False, "the port cannot run it")
    mapping.expect("shared", False, "the port cannot run it")
    z_dim, w_dim = arguments.take("z_dim"), arguments.take("w_dim")
    layer_dim = mapping.take("layer_dim", None)
    layers, residual = mapping.take("num_layers", 8), mapping.take("resnet", False)
    transformer = _agree(mapping, synthesis, "transformer", False)
    count = arguments.take("k")
    if not transformer and count != 1:
        raise ConfigError(f"k is {count} without transformer; the port's networks without attention have k = 1.")
    components = count - 1 if transformer else 1
    attention = _ganformer_attention(mapping, synthesis, transformer)
    if layer_dim not in (None, w_dim) and (residual or attention.get("mapping_self_attention")):
        raise ConfigError(f"layer_dim is {layer_dim}; residual and attending layers have the size of w, {w_dim}, only.")
    return {
        **_geometry(arguments),
        **_channels(synthesis),
        **attention,
        "num_components": components,
        "latent_size": z_dim * components,
        "w_dim": w_dim,
        # residual pairs round up there; the plain form has one more layer than its argument says
        "mapping_layers": 2 * ((layers + 1) // 2) if residual else layers + 1,
        "mapping_residual": residual,
        "mapping_hidden_dim": layer_dim if layer_dim != w_dim else None,
        "mapping_lr_multiplier": mapping.take("lrmul", 0.01),
        "latent_normalization": "all",
        "normalize_global": mapping.take("normalize_global", True),
        "label_embedding": "normalized",
        "label_embedding_dim": mapping.take("embed_dim", None) or z_dim,
        "architecture": synthesis.take("architecture", "skip"),
        "style": synthesis.take("style", True),
        "local_noise": synthesis.take("local_noise", True),
        "final_conv": "own",
        "component_dropout": arguments.take("component_dropout", 0.0),
    }


def _ganformer_attention(mapping: Arguments, synthesis: Arguments, transformer: bool) -> dict[str, Any]:
    """Arguments of the attention; those of the two subnetworks must agree where ours has one value for both."""
    attends = bool(mapping.take("ltnt2ltnt", False) and transformer)
    pos_type = synthesis.take("pos_type", "sinus")
    if pos_type == "trainable" and transformer:
        raise ConfigError("pos_type 'trainable': the port's networks never use the vectors they store; use another.")
    values = {
        "num_heads": _agree(mapping, synthesis, "num_heads", 1, attends),
        "attention_dropout": _agree(mapping, synthesis, "attention_dropout", 0.12, attends),
        "component_positions": _agree(mapping, synthesis, "use_pos", False, attends),
        "mapping_latent_gate": mapping.take("ltnt_gate", False),
        "latent_gate": synthesis.take("ltnt_gate", False),
        "image_gate": synthesis.take("img_gate", False),
        "attention_start": synthesis.take("start_res", 0),
        "attention_end": synthesis.take("end_res", 20),
        "integration": synthesis.take("integration", "add"),
        "attention_normalization": synthesis.take("norm", None),
        "kmeans": synthesis.take("kmeans", False),
        "kmeans_iterations": synthesis.take("kmeans_iters", 1),
        "pos_dim": synthesis.take("pos_dim", None),
        "pos_init": synthesis.take("pos_init", "uniform"),
        "pos_directions": synthesis.take("pos_directions_num", 2),
    }
    if not transformer:
        return {}
    # image positions are encoded with and without use_pos there, in every layer anew
    fixed = {"transformer": True, "use_pos": True, "pos_type": pos_type, "mapping_self_attention": attends}
    return values | fixed | {"positions_per_layer": pos_type != "sinus", "attention_form": "code"}


def _agree(mapping: Arguments, synthesis: Arguments, name: str, default: Any, needed: bool = True) -> Any:
    ours, theirs = mapping.take(name, default), synthesis.take(name, default)
    if needed and ours != theirs:
        raise ConfigError(f"{name} is {ours} in mapping_kwargs and {theirs} in synthesis_kwargs; they must be equal.")
    return theirs


def _ganformer_discriminator(arguments: Arguments) -> dict[str, Any]:
    block, epilogue = arguments.group("block_kwargs"), arguments.group("epilogue_kwargs")
    for group in (block, epilogue):
        group.expect("act", "lrelu", _ONLY_LRELU)
    block.expect("resample_kernel", FIR_TAPS, _ONLY_FIR)
    arguments.ignore("crop_ratio", "mapping_kwargs", "dim_base")  # accepted there and read by nothing
    return {
        **_geometry(arguments),
        **_channels(arguments),
        **_minibatch_stddev(epilogue),
        "architecture": arguments.take("architecture", "resnet"),
    }
