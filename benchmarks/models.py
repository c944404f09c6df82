"""The models that the speed benchmarks build, and the PyTorch peers' figures."""

from __future__ import annotations

from typing import Any, NamedTuple

# As PyTorch's code bases count: channels are the first number / resolution, and at most the second.
WIDTHS = {"default": (32768, 512), "small": (8192, 128), "demo": (1024, 64)}
MODELS = ("code", "paper", "simplex", "stylegan2", "stylegan3-t", "stylegan3-r", "creps")
FAMILIES = {"stylegan3-t": "StyleGAN3-T", "stylegan3-r": "StyleGAN3-R", "creps": "CREPS"}
WIDER = {"stylegan3-r": 2, "creps": 2}  # generators with twice the channels, as published


class Peer(NamedTuple):
    """What the PyTorch code of a model reaches with 8 images on a quiet machine of two cores: leads, no constants."""

    images_per_second: float
    main_seconds: float  # of G and D together
    gigabytes: float


# by model, resolution, width
PEERS = {
    ("code", 64, "default"): Peer(1.67, 25.0, 5.3),
    ("code", 64, "small"): Peer(16.9, 2.1, 1.8),
    ("code", 128, "small"): Peer(6.3, 5.6, 3.0),
    ("stylegan2", 64, "default"): Peer(3.16, 17.9, 3.4),
    ("stylegan2", 64, "small"): Peer(41.8, 1.3, 1.2),
    ("stylegan2", 128, "small"): Peer(18.2, 3.3, 1.7),
    ("creps", 64, "default"): Peer(4.98, 14.1, 5.6),
    ("creps", 64, "small"): Peer(32.3, 1.5, 1.9),
    ("creps", 128, "small"): Peer(4.75, 5.2, 4.7),
    ("stylegan3-t", 64, "small"): Peer(1.12, 18.3, 7.4),
}


def networks(model: str, resolution: int, width: str, precision: str, **changes: Any) -> tuple[Any, Any, Any]:
    """Generator, discriminator and the average; the published default has no attention in the discriminator.

    `changes` are values of a GANsformer generator's configuration.
    """
    from gansformer_tf.config import DiscriminatorConfig, GANsformerConfig
    from gansformer_tf.config.families import GENERATOR_FAMILIES
    from gansformer_tf.config.presets import form_values, merge_sections, preset
    from gansformer_tf.layers.precision import dtype_policy
    from gansformer_tf.models import Discriminator, build_generator

    base, most = WIDTHS[width]
    geometry = {"resolution": resolution, "channel_base": base // 2, "channel_max": most}  # ours: / half the resolution
    dtype = dtype_policy(precision)
    if model in FAMILIES:
        sections, wider = preset(FAMILIES[model]), WIDER.get(model, 1)
        channels = {"channel_base": wider * geometry["channel_base"], "channel_max": wider * most}
        g_values = sections["generator"] | geometry | channels
        family: Any = GENERATOR_FAMILIES[g_values["family"]]
        generator, average = (build_generator(family(**g_values), **options) for options in ({"dtype": dtype}, {}))
        average.set_weights(generator.get_weights())
        d_config = DiscriminatorConfig(**(sections["discriminator"] | geometry))
        return generator, Discriminator(d_config, dtype=dtype), average
    sections = preset("StyleGAN2") if model == "stylegan2" else preset("gansformer-default")
    if model == "paper":
        sections = merge_sections(sections, form_values("paper"))
    changes |= {"kmeans": False} if model == "simplex" else {}
    g_config = GANsformerConfig(**(sections["generator"] | geometry | changes))
    d_config = DiscriminatorConfig(**(sections["discriminator"] | geometry))
    generator = build_generator(g_config, dtype=dtype)
    average = build_generator(g_config, name="ema_generator")
    average.set_weights(generator.get_weights())
    return generator, Discriminator(d_config, dtype=dtype), average


def torch_generator(model: str, config: Any) -> dict[str, Any] | None:
    """What `torch_peers/measure.py` takes to build a generator as large as ours of `config`; None: it has none."""
    # Theirs is divided by the resolution, ours by half of it.
    size = {
        "resolution": config.resolution,
        "channel_base": 2 * config.channel_base,
        "channel_max": config.channel_max,
        "mapping_layers": config.mapping_layers,
    }
    if model == "creps":
        size |= {"z_dim": config.latent_size, "w_dim": config.style_dim, "rank": config.rank}
        return {"model": model, "architecture": size | {"line_channels": config.line_channels}}
    if model == "stylegan2":
        return {"model": model, "architecture": size | {"z_dim": config.latent_size, "w_dim": config.style_dim}}
    if model == "code":
        size |= {"w_dim": config.style_dim, "components": config.num_components}
        return {"model": "gansformer", "architecture": size}
    return None


def torch_discriminator(config: Any) -> dict[str, int]:
    """The same of a discriminator."""
    return {
        "resolution": config.resolution,
        "channel_base": 2 * config.channel_base,
        "channel_max": config.channel_max,
    }
