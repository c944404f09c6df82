"""Bad configurations are refused with value, rule and remedy, before a framework is even loaded."""

from __future__ import annotations

import subprocess
import sys

import pytest

from gansformer_tf.config import ConfigError, DiscriminatorConfig, GANsformerConfig, ModelConfig, RunConfig, TrainConfig
from gansformer_tf.config.creps import CREPSConfig
from gansformer_tf.config.presets import preset

ATTENDED = {"transformer": True, "num_components": 4, "latent_size": 32}

# class, values, (value, rule, remedy) as they stand in the message
GENERATOR = [
    ({"resolution": 48}, ("48", "power of two", "Prepare the data set again")),
    ({"resolution": 4}, ("4", "at least 8", "Prepare the data set again")),
    ({"base_height": 5}, ("5", "between 1 and 4", "one side equal to 4")),
    ({"base_height": 3, "base_width": 3}, ("3x3", "its longer side", "must be 4")),
    ({"image_channels": 2}, ("2", "must be one of", "1, 3, 4")),
    ({"label_dim": -1}, ("-1", "label_dim", "use 0")),
    (ATTENDED | {"latent_size": 510}, ("510", "not divisible by num_components 4", "--latent-size 512")),
    (ATTENDED | {"num_heads": 3}, ("3", "does not divide the 512 channels at 4x4", "choose a divisor")),
    (
        ATTENDED | {"latent_size": 36, "num_heads": 2, "mapping_self_attention": True},
        ("2", "does not divide the 9 features of a latent", "choose a divisor"),
    ),
    (
        ATTENDED | {"latent_size": 36, "num_heads": 2, "attention_form": "paper", "kmeans": True},
        ("2", "does not divide the 9 features of a latent", "choose a divisor"),
    ),
    (
        ATTENDED | {"num_heads": 2, "mapping_self_attention": True, "mapping_dim": 7},
        ("2", "does not divide the 7 features of the mapping network", "choose a divisor"),
    ),
    (
        {"image_self_attention": 5, "num_heads": 3},
        ("3", "does not divide the 512 channels at 32x32", "choose a divisor"),
    ),
    ({"image_self_attention": 9}, ("9", "stages go from 2", "0 switches it off")),
    (ATTENDED | {"attention_end": 2}, ("0..2", "leaves no attended layer at resolution 256", "stages go from 2")),
    (ATTENDED | {"attention_start": 9, "attention_end": 12}, ("9..12", "leaves no attended layer", "to 8")),
    ({"kgan": True, "merge_layer": 9}, ("9", "must be -1", "between 2 and 8")),
    ({"kgan": True, "merge_layer": 1}, ("1", "must be -1", "between 2 and 8")),
    (ATTENDED | {"kgan": True}, ("transformer and kgan", "cannot be combined", "choose one")),
    ({"num_components": 4}, ("4", "neither transformer nor kgan", "add --transformer or --kgan")),
    (ATTENDED | {"use_pos": True, "pos_dim": 3}, ("3", "too small for 2 directions", "at least 4")),
    (ATTENDED | {"use_pos": True, "pos_dim": 8, "pos_directions": 5}, ("8", "5 directions", "at least 10")),
    ({"image_self_attention": 4, "use_pos": True, "pos_dim": 1, "pos_type": "trainable"}, ("1", "small", "least 2")),
    ({"attention_dropout": 1.5}, ("1.5", "probability", "between 0 and 1")),
    ({"component_dropout": -0.1}, ("-0.1", "probability", "between 0 and 1")),
    ({"mapping_layers": 0}, ("0", "mapping_layers", "at least 1")),
    ({"kmeans_iterations": 0}, ("0", "at least 1", "kmeans=False")),
    ({"architecture": "unet"}, ("'unet'", "architecture", "orig, skip, resnet")),
    ({"integration": "sub"}, ("'sub'", "integration", "add, mul, both")),
    ({"attention_normalization": "group"}, ("'group'", "attention_normalization", "None, batch, instance, layer")),
    ({"attention_form": "book"}, ("'book'", "attention_form", "code, paper")),
    ({"pos_type": "rotary"}, ("'rotary'", "pos_type", "linear, sinus, trainable, trainable2d")),
    ({"pos_init": "ones"}, ("'ones'", "pos_init", "uniform, normal")),
    ({"merge_type": "mean"}, ("'mean'", "merge_type", "sum, softmax, max, leaves")),
]
DISCRIMINATOR = [
    (ATTENDED | {"num_heads": 3}, ("3", "does not divide the 8 features of an aggregator", "choose a divisor")),
    (
        {"transformer": True, "latent_size": 9, "num_heads": 3, "latent_to_image": True},
        ("3", "does not divide the 512 channels at 8x8", "choose a divisor"),
    ),
    (ATTENDED | {"attention_end": 3}, ("0..3", "leaves no attended layer", "stages go from 3 (8x8) to 8")),
    ({"image_self_attention": 2}, ("2", "stages go from 3", "0 switches it off")),
    ({"mbstd_group_size": -1}, ("-1", "mbstd_group_size", "use 0 to switch it off")),
    ({"mbstd_num_features": 3}, ("3", "does not divide the 512 channels at 4x4", "choose a divisor")),
    ({"cmap_dim": 8}, ("8", "label_dim is 0", "leave cmap_dim out")),
]
TRAINING = [
    ({"g_loss": "lsgan"}, ("'lsgan'", "g_loss", "logistic, logistic_ns, hinge")),
    ({"d_reg": "r3"}, ("'r3'", "d_reg", "none, r1, r2, gp")),
    ({"gamma": -1.0}, ("-1", "gamma", "cannot be negative")),
    ({"gamma": float("inf")}, ("gamma is inf", "finite number")),
    ({"gamma": float("nan")}, ("gamma is nan", "finite number")),
    ({"g_reg_weight": -1.0}, ("g_reg_weight is -1.0", "cannot be negative")),
    ({"path_length_weight": float("nan")}, ("path_length_weight is nan", "finite number")),
    ({"clip_norm": 0.0}, ("clip_norm is 0.0", "greater than 0", "Leave --clip out")),
    ({"clip_norm": -1.0}, ("clip_norm is -1.0", "greater than 0", "Leave --clip out")),
    ({"clip_norm": float("inf")}, ("clip_norm is inf", "finite", "Leave --clip out")),
    ({"clip_norm": float("nan")}, ("clip_norm is nan", "finite", "Leave --clip out")),
    ({"ema_rampup": -0.1}, ("ema_rampup is -0.1", "0 or more", "Leave it out")),
    ({"blur_init_sigma": float("inf")}, ("blur_init_sigma is inf", "use 0 for no blur")),
    ({"total_kimg": float("inf")}, ("total_kimg is inf", "finite number")),
    ({"g_learning_rate": float("nan")}, ("g_learning_rate is nan", "greater than 0")),
    ({"style_mixing": 2.0}, ("2.0", "probability", "between 0 and 1")),
    ({"batch_size": 0}, ("0", "batch_size", "greater than 0")),
]
# 24, 24 and 12 channels at 4x4, 8x8 and 16x16: only the last cannot be divided by 8.
NARROW = {"resolution": 16, "channel_base": 96, "channel_max": 24, "num_components": 2, "transformer": True}
CREPS = [(NARROW | {"num_heads": 8}, ("num_heads 8", "does not divide the 12 channels", "choose a divisor"))]
CONFIGS = (
    (GANsformerConfig, GENERATOR),
    (CREPSConfig, CREPS),
    (DiscriminatorConfig, DISCRIMINATOR),
    (TrainConfig, TRAINING),
)
CASES = [(cls, *entry) for cls, entries in CONFIGS for entry in entries]


@pytest.mark.parametrize(("cls", "values", "parts"), CASES, ids=lambda value: str(value)[:60])
def test_bad_values_are_refused(cls: type, values: dict, parts: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError) as caught:
        cls(**values)
    message = str(caught.value)
    assert isinstance(caught.value, ValueError)
    assert "\n" not in message
    assert [part for part in parts if part not in message] == [], message


def test_batch_that_no_group_divides() -> None:
    config = DiscriminatorConfig(mbstd_group_size=4)
    for size in (1, 2, 3, 4, 8):
        config.check_batch(size)
    with pytest.raises(ConfigError, match="batch size 6 .* group of 4; use a multiple of 4 or at most 4"):
        config.check_batch(6)
    DiscriminatorConfig(mbstd_group_size=0).check_batch(6)


@pytest.mark.parametrize(
    ("group", "at_once", "batch"), [(4, 4, 8), (4, 8, 8), (4, 2, 2), (2, 2, 8), (0, 1, 8), (1, 1, 8), (None, 2, 8)]
)
def test_parts_of_a_batch_with_whole_groups(group: int | None, at_once: int, batch: int) -> None:
    DiscriminatorConfig(mbstd_group_size=group).check_batch(at_once, of=batch)


@pytest.mark.parametrize(("at_once", "batch", "group"), [(2, 8, 4), (1, 8, 4), (6, 12, 4), (1, 2, 2)])
def test_parts_of_a_batch_that_cut_groups(at_once: int, batch: int, group: int) -> None:
    """The groups of a batch of 2 have 2 images; a part of it cannot have one of 4 either."""
    with pytest.raises(ConfigError) as caught:
        DiscriminatorConfig(mbstd_group_size=4).check_batch(at_once, of=batch)
    message = str(caught.value)
    assert f"--batch-gpu {at_once} cuts the minibatch-stddev groups of {group} images" in message
    assert f"a multiple of {group}" in message and "--mbstd-group-size" in message and "\n" not in message


def test_networks_of_different_geometry() -> None:
    with pytest.raises(ConfigError, match="resolution is 64 in the generator and 128 in the discriminator"):
        ModelConfig(GANsformerConfig(resolution=64), DiscriminatorConfig(resolution=128))


@pytest.mark.parametrize("images", [104, 112, 2007, 1, 25_000_000])
def test_kimg_are_whole_images(images) -> None:
    """Times 1,000, 0.064 + 0.04 is more than 104 and 0.072 + 0.04 is less than 112; neither asks for another image."""
    for kimg in (images / 1000, (images - 40) / 1000 + 0.04):
        config = TrainConfig(total_kimg=kimg, tick_kimg=kimg)
        assert config.total_images == config.tick_images == images


def test_unknown_preset() -> None:
    with pytest.raises(ConfigError, match="no preset 'stylegan4'; choose one of: gansformer-default, "):
        preset("stylegan4")


def test_bad_values_in_a_saved_configuration() -> None:
    for text, message in (
        ("{", "not valid JSON"),
        ("[]", "RunConfig is list; expected a JSON object"),
        ('{"model": 3}', "model. is int; expected a JSON object"),
        (
            '{"optimizer": {}}',
            "unknown key 'optimizer' in the configuration; known keys: data, metrics, model, preset, stages, train",
        ),
        ('{"model": {"generator": {"width": 8}}}', "unknown key 'model.generator.width'"),
        (
            '{"model": {"generator": {"resolution": "64"}}}',
            "model.generator.resolution is '64'; it must be of type int",
        ),
        ('{"train": {"gamma": null}}', "train.gamma is None; it must be of type float or int"),
        ('{"train": {"gamma": NaN}}', "gamma is nan"),
        ('{"model": {"generator": {"resolution": 64}}}', "they must be equal"),
    ):
        with pytest.raises(ConfigError) as caught:
            RunConfig.from_json(text)
        assert message in str(caught.value)


def test_no_framework_is_loaded_to_refuse() -> None:
    """Refused before anything is built: the configuration knows no framework."""
    code = (
        "import sys\n"
        "from gansformer_tf.config import GANsformerConfig, ConfigError\n"
        "try: GANsformerConfig(resolution=48)\n"
        "except ConfigError: pass\n"
        "print(sorted({'keras', 'tensorflow', 'numpy'} & set(sys.modules)))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip() == "[]"
