"""Configurations of VQGAN that cannot be built say the value, the rule and the remedy."""

from __future__ import annotations

import pytest

from gansformer_tf.config import ConfigError, from_dict, to_dict
from gansformer_tf.config.vqgan import (
    AutoencoderConfig,
    CodeSampling,
    CodeTransformerConfig,
    PatchDiscriminatorConfig,
    Stage1LossConfig,
    VQGANConfig,
)


@pytest.mark.parametrize(
    "cls, values, message",
    [
        (AutoencoderConfig, {"height": 250}, "height is 250; the 5 levels halve it 4 times, .* multiple of 16. Choose"),
        (AutoencoderConfig, {"width": 24}, "width is 24; .* multiple of 16"),
        (AutoencoderConfig, {"channels": 48}, "channels 48 times .* is 48; every width must be a multiple of 32"),
        (AutoencoderConfig, {"channel_multipliers": ()}, "channel_multipliers is empty; give one number per level"),
        (AutoencoderConfig, {"channel_multipliers": (1, 0)}, "channel_multipliers is 0; it must be greater than 0"),
        (AutoencoderConfig, {"image_channels": 2}, "image_channels is 2; it must be one of: 1, 3, 4"),
        (AutoencoderConfig, {"blocks_per_level": -1}, "blocks_per_level is -1; it cannot be negative"),
        (AutoencoderConfig, {"quantizer": "far"}, "quantizer is 'far'; it must be one of: nearest, cosine, fsq"),
        (AutoencoderConfig, {"commitment_weight": -1.0}, "commitment_weight is -1.0; it must be a finite number"),
        (AutoencoderConfig, {"fsq_levels": (8,)}, "fsq_levels is .* but quantizer is 'nearest'; leave it out"),
        (AutoencoderConfig, {"quantizer": "fsq"}, "fsq_levels is \\(\\); give at least 3 levels"),
        (AutoencoderConfig, {"quantizer": "fsq", "fsq_levels": (8, 5)}, "they must be 40 and 2"),
        (
            PatchDiscriminatorConfig,
            {"normalization": "layer"},
            "normalization is 'layer'; it must be one of: batch, act",
        ),
        (PatchDiscriminatorConfig, {"num_layers": 0}, "num_layers is 0; it must be greater than 0"),
        (Stage1LossConfig, {"discriminator_start": -5}, "discriminator_start is -5; it counts images"),
        (Stage1LossConfig, {"perceptual_weight": float("nan")}, "perceptual_weight is nan; it must be a finite number"),
        (Stage1LossConfig, {"adversarial_loss": "square"}, "adversarial_loss is 'square'; it must be one of"),
        (CodeTransformerConfig, {"num_heads": 7}, "num_heads 7 does not divide the width 1024; choose a divisor"),
        (CodeTransformerConfig, {"num_positions": 100}, "num_positions is 100; the 256 tokens need at least as many"),
        (CodeTransformerConfig, {"token_keep": 1.5}, "token_keep is 1.5; a probability"),
        (CodeTransformerConfig, {"label_dim": -1}, "label_dim is -1; use 0 for a model without labels"),
        (
            CodeTransformerConfig,
            {"shared_condition": True, "num_codes": 8, "label_dim": 10},
            "the condition is token 9 of 8 codes whose embeddings it shares; use more codes",
        ),
        (CodeSampling, {"top_k": 0}, "top_k is 0; at least 1 code must be kept, or leave it out to keep all"),
        (CodeSampling, {"top_p": 0.0}, "top_p is 0.0; it must lie above 0"),
        (CodeSampling, {"temperature": 0.0}, "temperature is 0.0; it must be greater than 0"),
    ],
)
def test_bad_values(cls, values, message):
    with pytest.raises(ConfigError, match=message) as error:
        cls(**values)
    assert "\n" not in str(error.value)


def test_more_codes_than_there_are():
    with pytest.raises(ConfigError, match="top_k is 300; this network has 256 codes. Use a smaller number"):
        CodeSampling(top_k=300).check(256)
    CodeSampling(top_k=256).check(256)


def test_both_stages_fit():
    with pytest.raises(ConfigError, match="predicts 1000 codes; the codebook has 1024. Train it on the codes"):
        VQGANConfig.of(AutoencoderConfig(), CodeTransformerConfig(num_codes=1000))
    with pytest.raises(ConfigError, match="predicts 64 tokens; an image of 256x256 has 16x16 codes. Set num_tokens"):
        VQGANConfig.of(AutoencoderConfig(), CodeTransformerConfig(num_tokens=64))
    first, second = AutoencoderConfig(height=128), CodeTransformerConfig(num_tokens=128, num_heads=8, label_dim=3)
    config = VQGANConfig.of(first, second, CodeSampling(top_k=100))
    assert (config.autoencoder, config.transformer, config.sampling) == (first, second, CodeSampling(top_k=100))
    assert (config.height, config.width, config.image_channels, config.label_dim) == (128, 256, 3, 3)
    assert from_dict(VQGANConfig, to_dict(config)) == config
    assert second.num_embeddings == 1027
    assert VQGANConfig.of(first).transformer is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"transformer_layers": -1}, "transformer_layers is -1; use 0 for a model of the first stage alone"),
        ({"resolution": 8}, "height is 8; the 5 levels halve it 4 times, so it must be a multiple of 16"),
        ({"top_k": 0}, "top_k is 0; at least 1 code must be kept"),
        ({"top_k": 1025}, "top_k is 1025; this network has 1024 codes"),
        ({"num_positions": 255}, "num_positions is 255; the 256 tokens need at least as many"),
    ],
)
def test_a_family_with_bad_values(values, message):
    with pytest.raises(ConfigError, match=message) as error:
        VQGANConfig(**values)
    assert "\n" not in str(error.value)


def test_fields_of_other_families_are_unknown():
    with pytest.raises(ConfigError, match="unknown key 'channel_base'"):
        from_dict(VQGANConfig, {"channel_base": 512})


def test_a_tuple_of_another_type_is_told():
    with pytest.raises(ConfigError, match="channel_multipliers is 2; it must be of type tuple"):
        from_dict(AutoencoderConfig, {"channel_multipliers": 2})
