"""Sections of values, as presets and flags give them, to the configuration of a run."""

from __future__ import annotations

import dataclasses
from typing import Any

from gansformer_tf.config.base import family_of, from_dict
from gansformer_tf.config.data import DataConfig
from gansformer_tf.config.discriminator import DiscriminatorConfig
from gansformer_tf.config.families import DISCRIMINATOR_FAMILIES, GENERATOR_FAMILIES
from gansformer_tf.config.gansformer import GANsformerConfig
from gansformer_tf.config.metrics import MetricConfig
from gansformer_tf.config.model import ModelConfig
from gansformer_tf.config.presets import Sections, merge_sections
from gansformer_tf.config.projected import ProjectedConfig
from gansformer_tf.config.run import RunConfig
from gansformer_tf.config.stages import StagesConfig
from gansformer_tf.config.train import TrainConfig

SECTIONS: dict[str, type] = {
    "generator": GANsformerConfig,
    "discriminator": DiscriminatorConfig,
    "data": DataConfig,
    "train": TrainConfig,
    "metrics": MetricConfig,
    "stages": StagesConfig,
}


def run_of(sections: Sections) -> RunConfig:
    """The configuration that sections make; the two networks must agree on the geometry."""
    classes = classes_of(sections)
    parts: dict[str, Any] = {name: from_dict(cls, sections[name], f"{name}.") for name, cls in classes.items()}
    model = ModelConfig(parts["generator"], parts["discriminator"])
    stages = parts["stages"] if model.generator.trained_in_stages else None
    return RunConfig(model, parts["data"], parts["train"], parts["metrics"], stages)


def classes_of(sections: Sections) -> dict[str, type]:
    """The configuration class of each section, of the families that the networks' sections name."""
    return {
        **SECTIONS,
        "generator": family_of(sections["generator"], GENERATOR_FAMILIES, "generator.") or GANsformerConfig,
        "discriminator": family_of(sections["discriminator"], DISCRIMINATOR_FAMILIES, "discriminator.")
        or DiscriminatorConfig,
    }


def projected(sections: Sections) -> Sections:
    """The sections with a projected discriminator in place of theirs, and with what its paper trains it with.

    Hinge losses, no penalties and differentiable augmentation are those of Sauer et al. (2021); the width is kept.
    """
    known = {field.name for field in dataclasses.fields(ProjectedConfig)}
    kept = {name: value for name, value in sections["discriminator"].items() if name in known}
    at_once = sections["train"].get("batch_size_per_replica", ProjectedConfig.norm_group_size)
    train = {
        "batch_size_per_replica": at_once,
        "g_loss": "hinge",
        "d_loss": "hinge",
        "d_reg": "none",
        "augment": "diffaug",
    }
    others = {**sections, "discriminator": {}}
    return merge_sections(others, {"discriminator": {**kept, "family": ProjectedConfig.family}, "train": train})
