"""What `--vis` draws, and how much of it."""

from __future__ import annotations

from dataclasses import dataclass

from gansformer_tf.config.base import require, require_positive, require_probability


@dataclass(frozen=True)
class VisualizeConfig:
    """Kinds of images, and their numbers.

    `num` images are drawn of the simple kinds (images, latents, maps), `rich_num` of those that take many images
    each. A sheet holds `section_size` images, which is also all that is kept in memory at once. `maps` None draws them
    where the model has attention, `reconstructions` and `temperatures` None where it draws codes; `truncation_psi` None
    is 0.7 where it has w.
    `interpolation_density` counts the images between two ends.
    """

    images: bool = True
    latents: bool = True
    maps: bool | None = None
    layer_maps: bool = False
    interpolations: bool = True
    noise_variance: bool = True
    style_mixing: bool = True
    truncation_sweep: bool = True
    ablation: bool = True
    reconstructions: bool | None = None
    temperatures: bool | None = None
    directions: bool = False
    projected_w: str | None = None  # a file of `generate.py --project`
    grid: bool = True
    num: int = 100
    rich_num: int = 5
    section_size: int = 100
    blending_alpha: float = 0.6
    interpolation_density: int = 8
    interpolation_per_component: bool = False
    truncation_psi: float | None = None
    batch_size: int = 4
    # size of the images as a factor, for generators that draw any
    scale: float = 1.0

    def __post_init__(self) -> None:
        for name in ("num", "rich_num", "section_size", "batch_size"):
            require_positive(f"vis {name}", getattr(self, name))
        require_probability("blending_alpha", self.blending_alpha)
        require(
            self.interpolation_density >= 0,
            f"interpolation_density is {self.interpolation_density}; it counts the images between two ends, 0 or more.",
        )
