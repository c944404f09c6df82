"""Named sets of values: the published default, the baselines, the sets of the reproducibility study.

A preset is plain data, a dictionary of field values per section of `RunConfig`; it is applied before a run's saved
configuration and the flags that were typed.
"""

from __future__ import annotations

from typing import Any

from gansformer_tf.config.base import ConfigError

Sections = dict[str, dict[str, Any]]

# What the published command line sets for every data set (--gansformer-default).
_GANSFORMER: Sections = {
    "generator": {
        "transformer": True,
        "num_components": 16,
        "latent_size": 512,
        "attention_normalization": "layer",
        "integration": "mul",
        "kmeans": True,
        "use_pos": True,
        "mapping_self_attention": True,
        "style": True,
        "architecture": "resnet",
        "mapping_residual": True,
    },
    "discriminator": {"num_components": 16, "latent_size": 512, "use_pos": True},
    "data": {},
    "train": {"gamma": 10.0},
}

# CLEVR has many small objects and little global style: fewer, smaller latents without global modulation.
_CLEVR: Sections = {
    "generator": {"num_components": 8, "latent_size": 128, "mapping_self_attention": False, "style": False},
    "discriminator": {"num_components": 8, "latent_size": 128},
    "data": {"ratio": 0.75},
    "train": {"gamma": 40.0},
}

_DATASETS: dict[str, Sections] = {
    "ffhq": {"data": {"mirror": True}, "train": {"gamma": 10.0}},
    "clevr": _CLEVR,
    "cityscapes": {"data": {"mirror": True, "ratio": 0.5}, "train": {"gamma": 20.0}},
    "bedrooms": {"data": {"ratio": 188 / 256}, "train": {"gamma": 100.0}},
}

# Equations of the paper in place of what the code computes: gain and bias, layer normalization, attention first.
_PAPER_FORM: Sections = {
    "generator": {"attention_form": "paper", "integration": "both", "attention_normalization": "layer"},
    "discriminator": {"attention_form": "paper"},
}

_BASELINES: dict[str, Sections] = {
    "GAN": {"generator": {"style": False, "latent_stem": True}},
    "StyleGAN2": {"generator": {}},
    "SAGAN": {"generator": {"style": False, "latent_stem": True, "image_self_attention": 5}},
    "kGAN": {
        "generator": {
            "num_components": 8,
            "latent_size": 512,
            "kgan": True,
            "merge_type": "softmax",
            "merge_layer": 5,
        }
    },
}

# StyleGAN3's repository (train.py): what its three configurations have in common.
_STYLEGAN3_COMMON: Sections = {
    "discriminator": {"conv_clamp": 256.0},
    "train": {
        "d_learning_rate": 0.002,
        "ema_rampup": 0.05,
        "w_avg_decay": 0.998,
        "augment": "ada",
    },
}
_STYLEGAN3_T: Sections = {
    "generator": {"family": "stylegan3"},
    "train": {"g_learning_rate": 0.0025, "style_mixing": 0.0, "g_reg_interval": None},
}
_STYLEGAN3_R: Sections = {
    "generator": {"conv_kernel": 1, "radial_filters": True, "channel_base": 32768, "channel_max": 1024},
    "train": {"blur_init_sigma": 10.0},
}

# The published configuration for a person's own images (16x16 codes of 256x256 pixels), with the learning rate of its
# rule: 4.5e-6 times the images of a step.
_VQGAN: Sections = {
    "generator": {"family": "vqgan"},
    "discriminator": {"family": "patch"},
    "train": {
        "batch_size": 12,
        "batch_size_per_replica": 12,
        "g_learning_rate": 5.4e-5,
        "d_learning_rate": 5.4e-5,
        "adam_beta1": 0.5,
        "adam_beta2": 0.9,
    },
    "stages": {"discriminator_start": 120_000, "transformer_learning_rate": 5.4e-5},
}
# The same at 64x64 for two cores of a CPU: 8x8 codes, 3 and 7 million weights.
_VQGAN_SMALL: Sections = {
    "generator": {
        "channels": 32,
        "channel_multipliers": (1, 1, 2, 4),
        "blocks_per_level": 1,
        "attention_sizes": (8,),
        "latent_channels": 128,
        "num_codes": 512,
        "code_dim": 32,
        "transformer_layers": 6,
        "transformer_heads": 8,
        "transformer_width": 304,
        "embedding_dropout": 0.1,
        "attention_dropout": 0.1,
        "residual_dropout": 0.1,
        "token_keep": 0.9,
    },
    "discriminator": {"channels": 32, "num_layers": 2},
    "train": {
        "batch_size": 16,
        "batch_size_per_replica": 16,
        "g_learning_rate": 4e-4,
        "d_learning_rate": 2e-4,
        "total_kimg": 72.0,
        "tick_kimg": 4.0,
        "snapshot_ticks": 2,
    },
    "stages": {
        "perceptual_weight": 0.5,
        "discriminator_weight": 0.5,
        "stage1_share": 1 / 3,
        "discriminator_start": 13_000,
        "transformer_learning_rate": 6e-4,
        "kmeans_start": True,
    },
}

# Models of other repositories, each with its defaults.
_FAMILIES: dict[str, tuple[Sections, ...]] = {
    "StyleGAN3-T": (_STYLEGAN3_COMMON, _STYLEGAN3_T),
    "StyleGAN3-R": (_STYLEGAN3_COMMON, _STYLEGAN3_T, _STYLEGAN3_R),
    "StyleGAN2-2021": (
        _STYLEGAN3_COMMON,
        {
            "generator": {"conv_clamp": 256.0, "label_embedding": "normalized"},
            "train": {"path_length": True, "count_unread_layer": False, "w_avg_phases": "D"},
        },
    ),
    "CREPS": (
        _STYLEGAN3_COMMON,
        {"generator": {"family": "creps"}, "train": {"style_mixing": 0.0, "path_length": True}},
    ),
    "VQGAN": (_VQGAN,),
}

# Hyper-parameters of the reproducibility study's tables ("paper" and "code" columns).
_STUDY: dict[str, Sections] = {
    "paper": {"train": {"adam_beta1": 0.9, "adam_beta2": 0.999, "adam_epsilon": 1e-3}},
    "code": {"train": {"adam_beta1": 0.0, "adam_beta2": 0.99, "adam_epsilon": 1e-8}},
}

# A small GANsformer that learns 64x64 scenes in minutes on two cores of a CPU.
_DEMO: Sections = {
    "generator": {
        "num_components": 8,
        "latent_size": 128,
        "channel_base": 512,
        "channel_max": 64,
        "attention_end": 6,
    },
    "discriminator": {"num_components": 8, "latent_size": 128, "channel_base": 512, "channel_max": 64},
    "train": {
        "batch_size": 16,
        "batch_size_per_replica": 16,
        "gamma": 0.5,
        "total_kimg": 20.0,
        "ema_half_life_kimg": 1.0,
        "ema_rampup": 0.1,
        "tick_kimg": 0.5,
        "snapshot_ticks": 4,
    },
}

# For a person's own few thousand images of 64x64 on a CPU or one GPU: the demo's networks, with what little data needs.
_SMALL: Sections = {
    "generator": _DEMO["generator"],
    "discriminator": _DEMO["discriminator"],
    "train": {
        "batch_size": 16,
        "batch_size_per_replica": 16,
        "gamma": 0.5,
        "total_kimg": 1000.0,
        "ema_half_life_kimg": 5.0,
        "ema_rampup": 0.05,
        "augment": "ada",
    },
}

BASELINE_NAMES = (*_BASELINES, *_FAMILIES)
PRESET_NAMES = ("gansformer-default", *BASELINE_NAMES, *_STUDY, "demo", "gansformer-small", "vqgan-small")


def preset(name: str, dataset: str = "") -> Sections:
    """Values of a preset.

    Args:
        name: One of `PRESET_NAMES`. "paper" and "code" are the two columns of hyper-parameters of the
            reproducibility study on top of the default; "paper" also uses the paper's form of attention. "demo" is
            a small model for a CPU, "gansformer-small" the same for a person's own few thousand images, "vqgan-small"
            a VQGAN of 64x64 pixels for a CPU. "StyleGAN2" is the original's baseline, "StyleGAN2-2021" the one with
            the defaults of StyleGAN3's repository.
        dataset: Name of the data set; the published values differ for ffhq, clevr, cityscapes and bedrooms.

    Returns:
        `{"generator": {...}, "discriminator": {...}, "data": {...}, "train": {...}}`, a fresh copy.

    Raises:
        ConfigError: There is no such preset.
    """
    if name in _BASELINES:
        return merge_sections(_BASELINES[name])
    if name in _FAMILIES:
        return merge_sections(*_FAMILIES[name])
    if name == "vqgan-small":
        return merge_sections(_VQGAN, _VQGAN_SMALL)
    if name not in PRESET_NAMES:
        raise ConfigError(f"there is no preset {name!r}; choose one of: {', '.join(PRESET_NAMES)}.")
    sections = merge_sections(_GANSFORMER, _DATASETS.get(dataset, {}), _STUDY.get(name, {}))
    if name == "demo":
        sections = merge_sections(_GANSFORMER, _DEMO)
    if name == "gansformer-small":
        sections = merge_sections(_GANSFORMER, _SMALL)
    if name == "paper":
        sections = merge_sections(sections, _PAPER_FORM, {"discriminator": {"transformer": True}})
    return sections


def form_values(attention_form: str) -> Sections:
    """What a form of attention implies beyond its name: the paper integrates gain and bias after LayerNorm."""
    return merge_sections(_PAPER_FORM) if attention_form == "paper" else merge_sections()


def merge_sections(*layers: Sections) -> Sections:
    """Later layers override earlier ones, section by section."""
    merged: Sections = {
        "generator": {}, "discriminator": {}, "data": {}, "train": {}, "metrics": {}, "stages": {},
    }  # fmt: skip
    for layer in layers:
        for section, values in layer.items():
            merged[section].update(values)
    return merged
