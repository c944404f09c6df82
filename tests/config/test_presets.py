"""Presets hold what the published command line sets; saved configurations come back as they were."""

from __future__ import annotations

import dataclasses

import pytest

from gansformer_tf.config import GANsformerConfig, RunConfig, from_dict
from gansformer_tf.config.presets import PRESET_NAMES, preset
from gansformer_tf.config.sections import run_of

# What the original's command line hands to its networks and training loop for `--ganformer-default`.
PUBLISHED_GENERATOR = {
    "architecture": "resnet",
    "mapping_layers": 8,
    "mapping_residual": True,
    "local_noise": True,
    "latent_stem": False,
    "transformer": True,
    "attention_normalization": "layer",
    "integration": "mul",
    "kmeans": True,
    "kmeans_iterations": 1,
    "iterative": False,
    "use_pos": True,
    "num_heads": 1,
    "pos_type": "sinus",
    "pos_init": "uniform",
    "pos_directions": 2,
    "merge_layer": -1,
    "attention_start": 0,
    "attention_end": 8,
    "attention_dropout": 0.12,
    "image_self_attention": 0,
    "component_dropout": 0.0,
    "attention_form": "code",
}
PUBLISHED_DISCRIMINATOR = {
    "architecture": "resnet",
    "mbstd_group_size": 4,
    "use_pos": True,
    "transformer": False,
    "attention_end": 8,
}
PUBLISHED_TRAINING = {
    "total_kimg": 25000,
    "batch_size": 32,
    "batch_size_per_replica": 4,
    "g_learning_rate": 0.002,
    "d_learning_rate": 0.002,
    "adam_beta1": 0.0,
    "adam_beta2": 0.99,
    "adam_epsilon": 1e-8,
    "g_loss": "logistic_ns",
    "d_loss": "logistic",
    "d_reg": "r1",
    "g_reg_interval": 4,
    "d_reg_interval": 16,
    "path_length": False,
    "style_mixing": 0.9,
    "component_mixing": 0.0,
    "ema_half_life_kimg": 10,
    "seed": 1000,
}
# data set: components, size of one, mapping self-attention, style, gamma, mirror, ratio
PUBLISHED_DATASETS = {
    "ffhq": (16, 32, True, True, 10, True, None),
    "clevr": (8, 16, False, False, 40, False, 0.75),
    "cityscapes": (16, 32, True, True, 20, True, 0.5),
    "bedrooms": (16, 32, True, True, 100, False, 0.734375),
    "other": (16, 32, True, True, 10, False, None),
}


def configured(name: str, dataset: str = "other") -> tuple[RunConfig, dict]:
    sections = preset(name, dataset)
    return run_of(sections), sections["data"]


def has(config: object, values: dict) -> None:
    found = {name: getattr(config, name) for name in values}
    assert found == values


@pytest.mark.parametrize("dataset", PUBLISHED_DATASETS)
def test_gansformer_default(dataset: str) -> None:
    components, size, attends, style, gamma, mirror, ratio = PUBLISHED_DATASETS[dataset]
    config, data = configured("gansformer-default", dataset)
    g, d = config.model.generator, config.model.discriminator
    has(g, PUBLISHED_GENERATOR | {"mapping_self_attention": attends, "style": style})
    has(d, PUBLISHED_DISCRIMINATOR)
    has(config.train, PUBLISHED_TRAINING | {"gamma": gamma})
    for network in (g, d):
        has(network, {"num_components": components, "latent_dim": size})
    assert g.num_latents == components + 1
    assert data.get("mirror", False) == mirror
    assert data.get("ratio") == ratio


# name: (fields of the generator, size of one latent)
PUBLISHED_BASELINES = {
    "GAN": ({"style": False, "latent_stem": True, "num_components": 1, "image_self_attention": 0}, 512),
    "SAGAN": ({"style": False, "latent_stem": True, "num_components": 1, "image_self_attention": 5}, 512),
    "StyleGAN2": ({"style": True, "latent_stem": False, "num_components": 1}, 512),
    "kGAN": ({"style": True, "num_components": 8, "kgan": True, "merge_type": "softmax", "merge_layer": 5}, 64),
}


@pytest.mark.parametrize("name", PUBLISHED_BASELINES)
def test_baselines(name: str) -> None:
    fields, size = PUBLISHED_BASELINES[name]
    config, _ = configured(name)
    has(
        config.model.generator,
        fields | {"architecture": "skip", "transformer": False, "latent_dim": size, "integration": "add"},
    )
    has(config.model.discriminator, {"architecture": "resnet", "transformer": False, "image_self_attention": 0})
    has(config.train, PUBLISHED_TRAINING | {"gamma": 10})


def test_hyper_parameters_of_the_study() -> None:
    """The two tables of hyper-parameters: what the paper says, and what its code does."""
    paper, code = (configured(name)[0] for name in ("paper", "code"))
    has(paper.train, {"adam_beta1": 0.9, "adam_beta2": 0.999, "adam_epsilon": 0.001})
    has(code.train, {"adam_beta1": 0.0, "adam_beta2": 0.99, "adam_epsilon": 1e-8})
    for config in (paper, code):
        has(config.model.generator, {"latent_dim": 32, "num_components": 16})
    has(paper.model.generator, {"attention_form": "paper", "integration": "both", "attention_normalization": "layer"})
    has(paper.model.discriminator, {"attention_form": "paper", "transformer": True})
    has(code.model.generator, PUBLISHED_GENERATOR)
    has(code.model.discriminator, {"attention_form": "code", "transformer": False})


# name: (fields of the generator, fields of training), as StyleGAN3's and CREPS's train.py set them
PUBLISHED_FAMILIES = {
    "StyleGAN3-T": (
        {"conv_kernel": 3, "radial_filters": False, "channel_base": 16384, "channel_max": 512, "mapping_layers": 2},
        {"g_learning_rate": 0.0025, "g_reg_interval": None, "path_length": False, "blur_init_sigma": 0.0},
    ),
    "StyleGAN3-R": (
        {"conv_kernel": 1, "radial_filters": True, "channel_base": 32768, "channel_max": 1024, "mapping_layers": 2},
        {"g_learning_rate": 0.0025, "g_reg_interval": None, "blur_init_sigma": 10.0, "blur_fade_kimg": 200.0},
    ),
    "StyleGAN2-2021": (
        {"architecture": "skip", "mapping_layers": 8, "conv_clamp": 256.0},
        {"g_learning_rate": 0.002, "g_reg_interval": 4, "path_length": True, "style_mixing": 0.9},
    ),
    "CREPS": (
        {"channel_base": 32768, "channel_max": 1024, "mapping_layers": 8, "line_channels": 32, "rank": 8},
        {"g_learning_rate": 0.002, "g_reg_interval": 4, "path_length": True, "style_mixing": 0.0},
    ),
}


@pytest.mark.parametrize("name", PUBLISHED_FAMILIES)
def test_families(name: str) -> None:
    generator, train = PUBLISHED_FAMILIES[name]
    config, _ = configured(name)
    has(config.model.generator, generator | {"latent_dim": 512, "style_dim": 512})
    has(config.model.discriminator, {"architecture": "resnet", "conv_clamp": 256.0, "mbstd_group_size": 4})
    common = {"d_learning_rate": 0.002, "d_reg_interval": 16, "w_avg_decay": 0.998, "ema_rampup": 0.05}
    has(config.train, train | common | {"augment": "ada", "augment_pipe": "bgc", "path_length_batch_shrink": 2})


GANSFORMERS = [name for name in PRESET_NAMES if preset(name)["generator"].get("family", "gansformer") == "gansformer"]


@pytest.mark.parametrize("name", GANSFORMERS)
def test_simplex_and_duplex_by_one_field(name: str) -> None:
    for kmeans in (False, True):
        GANsformerConfig(**(preset(name)["generator"] | {"kmeans": kmeans}))


@pytest.mark.parametrize("name", PRESET_NAMES)
def test_saved_configurations_come_back(name: str) -> None:
    config, _ = configured(name)
    assert RunConfig.from_json(config.to_json()) == config


def test_a_preset_is_a_fresh_copy() -> None:
    preset("gansformer-default")["generator"]["num_components"] = 3
    assert preset("gansformer-default")["generator"]["num_components"] == 16


def test_missing_keys_take_defaults_and_configurations_are_frozen() -> None:
    config = from_dict(GANsformerConfig, {"resolution": 64})
    assert config == GANsformerConfig(resolution=64)
    with pytest.raises(dataclasses.FrozenInstanceError):
        config.resolution = 32  # type: ignore[misc]
