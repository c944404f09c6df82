"""Tables of layers: the discriminators of the reproducibility study, and every parameter in exactly one row."""

from __future__ import annotations

import pytest

from gansformer_tf.config import DiscriminatorConfig, GANsformerConfig
from gansformer_tf.models import Discriminator, build_generator

# Rows of the study's table of the 64x64 discriminator with attention (16 components of 32), without the final layer.
STUDY_STAGES = ("from_rgb", "collect", "conv0", "conv1_down", "skip")
STUDY_PARAMETERS = {"from_rgb": 2048, "collect": 37056, "conv0": 2359808, "conv1_down": 2359808, "skip": 262144}


def study_rows(attention: bool) -> list[tuple[str, int]]:
    rows = [("component_embedding", 512)] if attention else []
    for size in (64, 32, 16, 8):
        for stage in STUDY_STAGES:
            if (stage == "collect" and not attention) or (stage == "from_rgb" and size != 64):
                continue
            rows.append((f"{size}x{size}/{stage}", STUDY_PARAMETERS[stage]))
    rows += [("4x4/conv", 2364416), ("4x4/dense", 4194816)]
    if attention:
        rows += [("component_scores/dense", 1088), ("component_scores/output", 33)]
    return [*rows, ("output", (528 if attention else 512) + 1)]


@pytest.mark.parametrize("attention, total", [(True, 26_638_706), (False, 26_488_833)])
def test_discriminator_of_the_reproducibility_study(attention, total):
    config = DiscriminatorConfig(
        resolution=64, transformer=attention, num_components=16, latent_size=512, use_pos=True, architecture="resnet"
    )
    discriminator = Discriminator(config)
    rows = discriminator.summary_rows()
    assert [(name, count) for name, count, _, _ in rows] == study_rows(attention)
    assert sum(count for _, count, _, _ in rows) == total == discriminator.count_params()
    by_name = {name: (shape, weight) for name, _, shape, weight in rows}
    assert by_name["64x64/conv1_down"] == ("(?, 32, 32, 512)", "(3, 3, 512, 512)")
    assert by_name["4x4/conv"] == ("(?, 4, 4, 512)", "(3, 3, 513, 512)")
    assert by_name["4x4/dense"] == ("(?, 512)", "(8192, 512)")
    if attention:
        assert by_name["64x64/collect"] == ("(?, 16, 32)", "-")


@pytest.mark.parametrize(
    "options",
    [
        {"transformer": True, "num_components": 4, "kmeans": True, "use_pos": True, "pos_type": "trainable"},
        {"transformer": True, "num_components": 4, "mapping_residual": True, "mapping_dim": 12, "label_dim": 3},
        {"num_components": 4, "kgan": True, "merge_layer": 3, "latent_stem": True},
        {
            "transformer": True,
            "num_components": 4,
            "mapping_shared_dim": 10,
            "base_height": 3,
            "architecture": "resnet",
        },
    ],
)
def test_every_generator_parameter_is_in_one_row(options):
    generator = build_generator(
        GANsformerConfig(resolution=16, channel_base=64, channel_max=8, latent_size=32, **options)
    )
    counted = sum(count for _, count, _, _ in generator.summary_rows())
    assert counted == sum(int(v.numpy().size) for v in generator.trainable_variables)
