"""Sections of values, as presets and flags give them, to the configuration of a run."""

from __future__ import annotations

from typing import Any

from gansformer_tf.config.base import family_of, from_dict
from gansformer_tf.config.data import DataConfig
from gansformer_tf.config.discriminator import DiscriminatorConfig
from gansformer_tf.config.families import GENERATOR_FAMILIES
from gansformer_tf.config.gansformer import GANsformerConfig
from gansformer_tf.config.metrics import MetricConfig
from gansformer_tf.config.model import ModelConfig
from gansformer_tf.config.presets import Sections
from gansformer_tf.config.run import RunConfig
from gansformer_tf.config.train import TrainConfig

SECTIONS: dict[str, type] = {
    "generator": GANsformerConfig,
    "discriminator": DiscriminatorConfig,
    "data": DataConfig,
    "train": TrainConfig,
    "metrics": MetricConfig,
}


def run_of(sections: Sections) -> RunConfig:
    """The configuration that sections make; the two networks must agree on the geometry."""
    classes = {**SECTIONS, "generator": generator_class(sections)}
    parts: dict[str, Any] = {name: from_dict(cls, sections[name], f"{name}.") for name, cls in classes.items()}
    model = ModelConfig(parts["generator"], parts["discriminator"])
    return RunConfig(model=model, data=parts["data"], train=parts["train"], metrics=parts["metrics"])


def generator_class(sections: Sections) -> type:
    """The configuration class of the family that the generator's section names."""
    return family_of(sections["generator"], GENERATOR_FAMILIES, "generator.") or GANsformerConfig
