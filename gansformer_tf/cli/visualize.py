"""The `--vis-*` flags of `run_network.py`, and what `--vis` does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gansformer_tf.cli.common import UsageError, add_bool
from gansformer_tf.config.visualize import VisualizeConfig

# flag -> (field of VisualizeConfig, help)
KINDS = {
    "--vis-images": ("images", "sample pictures"),
    "--vis-latents": ("latents", "latents z and w as .npy"),
    "--vis-maps": ("maps", "attention maps, last layer and first head"),
    "--vis-layer-maps": ("layer_maps", "attention maps of all layers and heads"),
    "--vis-interpolations": ("interpolations", "ways between two pictures: frames, GIF, MP4"),
    "--vis-noise-var": ("noise_variance", "what the noise changes"),
    "--vis-style-mix": ("style_mixing", "mixed layers, and single components swapped"),
    "--vis-truncation": ("truncation_sweep", "one picture at several truncations"),
    "--vis-ablation": ("ablation", "each component replaced by the mean"),
}
SETTINGS = {
    "vis_grid": "grid",
    "vis_num": "num",
    "vis_rich_num": "rich_num",
    "vis_section_size": "section_size",
    "blending_alpha": "blending_alpha",
    "interpolation_density": "interpolation_density",
    "interpolation_per_component": "interpolation_per_component",
    "truncation_psi": "truncation_psi",
}


def add_flags(parser: Any) -> None:
    """Adds the flags as two groups."""
    kinds = parser.add_argument_group("what --vis draws (default: everything but --vis-layer-maps)")
    for flag, (_, text) in KINDS.items():
        add_bool(kinds, flag, help=text)
    sizes = parser.add_argument_group("how much --vis draws")
    sizes.add_argument("--vis-num", type=int, metavar="N", help="pictures, latents and maps (default: 100)")
    sizes.add_argument("--vis-rich-num", type=int, metavar="N", help="pictures of all other kinds (default: 5)")
    add_bool(sizes, "--vis-grid", help="sheets of sample pictures (default: True)")
    sizes.add_argument("--vis-section-size", type=int, metavar="N", help="pictures on one sheet (default: 100)")
    sizes.add_argument("--blending-alpha", type=float, metavar="A", help="weight of maps over pictures (default: 0.6)")
    sizes.add_argument("--interpolation-density", type=int, metavar="N", help="pictures between two ends (default: 8)")
    add_bool(sizes, "--interpolation-per-component", help="also move one component at a time")


def asked(given: dict[str, Any]) -> bool:
    """Whether the flags that were typed name a kind of picture."""
    return any(given.get(_dest(flag)) for flag in KINDS)


def visualize_config(given: dict[str, Any], attends: bool = True) -> VisualizeConfig:
    """What to draw: the kinds that were named, or all but the layer maps where none was.

    Args:
        given: Typed flags by destination.
        attends: Whether the model has attention maps; without, the default leaves them out.

    Raises:
        ConfigError: A value out of its range.
    """
    typed = {field: given[_dest(flag)] for flag, (field, _) in KINDS.items() if _dest(flag) in given}
    if any(typed.values()):
        kinds = {field: bool(typed.get(field)) for field, _ in KINDS.values()}
    else:  # kinds that were switched off by hand stay off
        kinds = {"maps": attends, **typed}
    return VisualizeConfig(**kinds, **{field: given[dest] for dest, field in SETTINGS.items() if dest in given})


def visualize_snapshot(path: str | Path, output_dir: str | Path, given: dict[str, Any]) -> Path:
    """Draws a snapshot (or the newest one of a run folder) into `output_dir/<snapshot>`; returns that folder.

    Raises:
        UsageError: No snapshot, or flags that do not fit the model.
    """
    from gansformer_tf.models.snapshot import find_snapshot, load_snapshot
    from gansformer_tf.visualize.picture_files import file_hash
    from gansformer_tf.visualize.run import visualize

    try:
        file = find_snapshot(path)
        generator = load_snapshot(file).generator
        config = visualize_config(given, attends=generator.config.transformer)
        return visualize(generator, Path(output_dir) / file.stem, config, model=file_hash(file))
    except ValueError as error:
        raise UsageError(str(error)) from error


def _dest(flag: str) -> str:
    return flag.removeprefix("--").replace("-", "_")
