"""Every kind of image of a trained model in one folder: what `run_network.py --vis` does."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from gansformer_tf.config.visualize import VisualizeConfig
from gansformer_tf.drawing.directions import METHODS
from gansformer_tf.drawing.projected_w import read_projected_w
from gansformer_tf.drawing.sampler import Sampler, require_attention
from gansformer_tf.drawing.view import View
from gansformer_tf.files import prepare_folder
from gansformer_tf.visualize.ablation import write_ablation
from gansformer_tf.visualize.codes import TEMPERATURES, Reals, write_reconstructions, write_temperatures
from gansformer_tf.visualize.directions import latents, write_directions
from gansformer_tf.visualize.image_folder import ImageFolder
from gansformer_tf.visualize.interpolation import write_interpolations
from gansformer_tf.visualize.noise_variance import write_noise_variance
from gansformer_tf.visualize.palette import component_colors
from gansformer_tf.visualize.projections import write_projections
from gansformer_tf.visualize.samples import write_latents, write_samples
from gansformer_tf.visualize.style_mixing import layer_ranges, write_style_mixing
from gansformer_tf.visualize.truncation import write_truncation_sweep

# Kinds of images that are about w.
OF_W = ("latents", "interpolations", "style_mixing", "truncation_sweep", "ablation", "directions")
# Kinds of images that are about codes.
OF_CODES = ("reconstructions", "temperatures")


@dataclass(frozen=True)
class Work:
    """One kind of image: its name, how many steps it takes, and the work, which yields after every step."""

    name: str
    steps: int
    work: Iterator[Any]


def visualize(
    generator: Any,
    output_dir: str | Path,
    config: VisualizeConfig | None = None,
    *,
    model: str = "",
    reals: Reals | None = None,
    progress: bool = True,
) -> Path:
    """Draws what `config` asks for, with a progress bar per kind.

    Images and maps are made and written one after the other, so that memory does not grow with their number. What
    an earlier call wrote into the same folder is replaced.

    Args:
        generator: A `Generator`.
        output_dir: Folder; made if it is missing.
        config: What to draw, and how much; None takes the defaults.
        model: What identifies the weights (a hash), kept in the images' metadata.
        reals: Images that a generator with codes draws again and completes; without them that is left out.
        progress: Whether to show progress bars.

    Returns:
        The folder.

    Raises:
        ValueError: Attention maps of a model that has none, or of more components than there are colours.
        OSError: The folder cannot be written to.
    """
    config = VisualizeConfig() if config is None else config
    if config.maps is None:
        config = dataclasses.replace(config, maps=generator.config.has_attention)
    if config.maps or config.layer_maps:
        require_attention(generator.config)
        component_colors(generator.config.num_components)
    if config.projected_w is not None:
        read_projected_w(config.projected_w, generator.config)  # what is wrong with it is told before anything is drawn
    if config.noise_variance and not generator.noise_shapes:
        print("noise variance: nothing in this generator takes noise, so it is left out.", flush=True)
        config = dataclasses.replace(config, noise_variance=False)
    if not generator.config.has_w:
        config = _without_w(config)
    config = _with_codes(config, generator.config)
    if config.reconstructions and reals is None:
        print("reconstructions: there are no real images to draw again; name a data set with --dataset.", flush=True)
    view = View(scale=config.scale)
    sampler = Sampler(generator, truncation_psi=config.truncation_psi, batch_size=config.batch_size, view=view)
    path = prepare_folder(output_dir)
    for task in tasks(sampler, ImageFolder(path, {"model": model, **sampler.describe()}), config, reals):
        with tqdm(total=task.steps, desc=task.name, unit="step", disable=not progress) as bar:
            for _ in task.work:
                bar.update()
    return path


def _with_codes(config: VisualizeConfig, model: Any) -> VisualizeConfig:
    """The kinds about codes, where the model has some.

    Raises:
        ValueError: It has none, and they are asked for.
    """
    asked = [name for name in OF_CODES if getattr(config, name)]
    if asked and not model.reconstructs:
        raise ValueError(f"{asked[0]} were asked for; a {model.family} generator draws no codes, so leave them out.")
    unsaid = [name for name in OF_CODES if getattr(config, name) is None]
    return dataclasses.replace(config, **dict.fromkeys(unsaid, model.reconstructs))


def _without_w(config: VisualizeConfig) -> VisualizeConfig:
    """The kinds that need no w; says which others were asked for."""
    asked = [name for name in OF_W if getattr(config, name)]
    if asked:
        print(f"{', '.join(asked).replace('_', ' ')}: this generator has no w, so they are left out.", flush=True)
    left: dict[str, Any] = dict.fromkeys(asked, False)
    return dataclasses.replace(config, **left)


def tasks(sampler: Sampler, folder: ImageFolder, config: VisualizeConfig, reals: Reals | None = None) -> Iterator[Work]:
    """The work that `config` asks for, kind by kind."""
    model, rich = sampler.config, config.rich_num
    seeds, rich_seeds, others = range(config.num), range(rich), range(rich, 2 * rich)
    if config.latents:
        yield Work("latents", len(seeds), write_latents(sampler, seeds, folder))
    if config.images or config.maps or config.layer_maps:
        samples = write_samples(
            sampler,
            seeds,
            folder,
            images=config.images,
            grid=config.grid,
            maps=bool(config.maps),
            layer_maps=config.layer_maps,
            section_size=config.section_size,
            alpha=config.blending_alpha,
        )
        yield Work("images", len(seeds), samples)
    if config.interpolations:
        pairs = list(zip(rich_seeds, others, strict=True))
        ways = 2 * (1 + (model.num_latents if config.interpolation_per_component else 0))
        between = write_interpolations(
            sampler, pairs, folder, config.interpolation_density, config.interpolation_per_component
        )
        yield Work("interpolations", rich * ways, between)
    if config.noise_variance:
        yield Work("noise variance", rich, write_noise_variance(sampler, rich_seeds, folder))
    if config.style_mixing:
        steps = len(layer_ranges(model.num_layers)) + rich
        yield Work("style mixing", steps, write_style_mixing(sampler, rich_seeds, others, folder))
    if config.truncation_sweep:
        yield Work("truncation", 1, write_truncation_sweep(sampler, rich_seeds, folder))
    if config.reconstructions and reals is not None:
        yield Work("reconstructions", 2, write_reconstructions(sampler, reals, folder))
    if config.temperatures:
        yield Work("temperatures", len(TEMPERATURES), write_temperatures(sampler, rich_seeds, folder))
    if config.ablation:
        yield Work("ablation", rich, write_ablation(sampler, rich_seeds, folder))
    if config.directions:
        yield Work("directions", len(METHODS) * len(latents(model)), write_directions(sampler, folder))
    if config.projected_w is not None:
        given = read_projected_w(config.projected_w, model)
        work = write_projections(sampler, given, folder, config.interpolation_density)
        yield Work("projections", len(given.w), work)
