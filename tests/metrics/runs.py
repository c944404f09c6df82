"""A run folder with one snapshot of a tiny generator."""

from __future__ import annotations

from pathlib import Path

from gansformer_tf.config import DataConfig, GANsformerConfig, MetricConfig, ModelConfig, RunConfig
from gansformer_tf.models import build_generator
from gansformer_tf.models.snapshot import save_snapshot
from tests.metrics.tiny import tiny_dataset


def make_run(place: Path) -> tuple[Path, RunConfig]:
    """The snapshot's path in its run folder, and its configuration."""
    dataset = tiny_dataset(place, side=8)
    geometry = {"resolution": 8, "base_height": 4, "base_width": 4, "image_channels": 3, "label_dim": 0}
    generator = GANsformerConfig(
        resolution=8, transformer=True, num_components=2, latent_size=8, channel_base=32, channel_max=4
    )
    config = RunConfig(
        model=ModelConfig(generator, ModelConfig().with_images(**geometry).discriminator),
        data=DataConfig(dataset.name, str(dataset.parent)),
        metrics=MetricConfig(images_num=16, kid_subset_size=8, kid_subsets=2),
    )
    folder = place / "results" / "exp-000"
    folder.mkdir(parents=True)
    path = folder / "network-snapshot-000007.safetensors"
    save_snapshot(path, generator=build_generator(generator), config=config, metadata={"kimg": "7.5", "step": "3"})
    return path, config
