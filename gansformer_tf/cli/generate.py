"""`generate.py`: flags to one call of `generate_images`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from gansformer_tf.cli.common import UsageError, counted
from gansformer_tf.cli.snapshots import MODEL_HELP, model_file
from gansformer_tf.cli.table import OWN, Command, Flag, run_command
from gansformer_tf.cli.values import class_list, gpu_list, grid_size, shift, window
from gansformer_tf.config.base import from_dict
from gansformer_tf.config.generate import GenerateConfig
from gansformer_tf.config.generator import NOISE_MODES
from gansformer_tf.config.presets import Sections
from gansformer_tf.config.project import SPACES
from gansformer_tf.terminal import path

if TYPE_CHECKING:  # it loads TensorFlow
    from gansformer_tf.drawing.sampler import Sampler

EXAMPLES = """examples:
  python generate.py --gpus 0 --model results/scenes-000 --output-dir images --images-num 32
  python generate.py --model results/scenes-000 --seeds 0-31,77 --truncation-psi 1 --grid --attention
  python generate.py --model results/creps-000 --seeds 3 --scale 128            8192x8192 from a 64x64 CREPS
  python generate.py --model scenes --project me.jpg --steps 500       w that draws your image
  python generate.py --model results/creps-000 --seeds 0-15 --video walk.mp4 --grid 4x2 --w-frames 60
"""

DRAWN = (
    Flag("--model --network", MODEL_HELP, path, metavar="PATH"),
    Flag("--images-num", "images, of seeds 0 to N-1 (default: {default})", int),
    Flag("--seeds", "seeds instead, such as 0-31,77; a seed always gives the same image", metavar="LIST"),
    Flag(
        "--truncation-psi --trunc",
        "quality against variety: 0.6 to 1.0 (default: 0.7)",
        float,
        metavar="PSI",
    ),
    Flag("--temperature", "below 1: likelier codes (VQGAN; default: the model's)", float, metavar="T"),
    Flag("--top-k", "draw from the K likeliest codes (VQGAN; default: the model's)", int, metavar="K"),
    Flag(
        "--top-p", "draw from the likeliest codes of this probability (VQGAN; default: the model's)", float, metavar="P"
    ),
    Flag(
        "--labels --class",
        "class numbers that the images take in turn (default: from the seed)",
        class_list,
        metavar="LIST",
    ),
    Flag(
        "--noise-mode",
        "fine detail: from the seed, fixed, or left out (default: {default})",
        choices=NOISE_MODES,
    ),
    Flag("--scale", "size as a factor, any number (CREPS; default: {default})", float, metavar="S"),
    Flag("--crop", "draw this window of the scaled image only (CREPS)", window, metavar="X0,Y0,X1,Y1"),
    Flag("--translate", "shift right and down, in shares of the sides (StyleGAN3)", shift, metavar="X,Y"),
    Flag("--rotate", "turn images (StyleGAN3)", float, metavar="DEG"),
)

WRITTEN = (
    Flag("--output-dir --outdir", "folder for the images (default: {default})", path, metavar="DIR"),
    Flag("--format", "file format (default: {default})", choices=("png", "jpg", "webp", "tiff")),
    Flag("--ratio", "crop to this height / width (default: as the model draws)", float, metavar="R"),
    Flag(
        "--grid",
        "also write all images as one sheet; with --video: columns x rows, such as 4x2",
        grid_size,
        metavar="BOOL|CxR",
        further={"nargs": "?", "const": True},
    ),
    Flag("--attention", "also write each image's attention maps", bool),
    Flag(
        "--segment",
        "also write regions, as PNG and COCO JSON: N by k-means over attention maps, or the components",
        int,
        metavar="N",
        further={"nargs": "?", "const": 0},
    ),
    Flag("--overwrite", "replace images that another model or other settings made", bool),
)

VIDEO = (
    Flag("--video", "write this .mp4 in place of images", path, metavar="FILE"),
    Flag("--keyframes --num-keyframes", "of each cell (default: seeds / cells)", int),
    Flag("--w-frames", "frames from one to the next (default: {default})", int),
)

# Flags about images of seeds, which neither finding w nor drawing found ones has.
OF_SEEDS = (
    *("seeds", "images_num", "truncation_psi", "temperature", "top_k", "top_p", "labels"),
    *("scale", "crop", "translate", "rotate", "video"),
)
OF_DRAWINGS = ("noise_mode", "format", "ratio", "grid", "attention", "segment", "edit")

PROJECTION = (
    Flag("--project", "find w of these images, or folders of them", path, metavar="IMAGE", further={"nargs": "+"}),
    Flag("--steps", "of the optimisation (default: {default})", int),
    Flag(
        "--space",
        "each latent alone, one vector for all, or each latent layer by layer (default: {default})",
        choices=SPACES,
    ),
    Flag("--noise-maps", "optimise the noise inputs too", bool),
    Flag("--tune", "then bend the model's weights to the images", bool),
    Flag(
        "--edit",
        "change a component: take=C:SOURCE, remove=C, swap=C:C, duplicate=C:C or resample=SOURCE; a source is a seed "
        "or a projected_w.npz",
        metavar="EDIT",
    ),
    Flag("--mask", "image, white where --edit resample may change", path, metavar="FILE"),
    Flag("--projected-w", "draw the w of a projection in place of seeds", path, metavar="FILE"),
)

SPEED = (
    Flag("--gpus", "GPU numbers, such as 0 or 0,1; none: the CPU (default: 0)", gpu_list, metavar="LIST"),
    Flag("--batch-size", "images at once on each device (default: {default})", int),
)


def _configuration(typed: Sections) -> GenerateConfig:
    values = typed[OWN]
    if "seeds" in values and "images_num" in values:
        raise UsageError("--seeds and --images-num both say which images to draw; leave one of them out.")
    _check_outputs(values)
    _check_projection(values)
    if "project" in values:
        values["project"] = tuple(values["project"])
    return from_dict(GenerateConfig, values)


def _check_outputs(typed: Mapping[str, Any]) -> None:
    """Raises UsageError for flags that ask for a video and for something else, or for half of a video."""
    for study in ("segment", "edit"):
        for flag in ("video", "ratio", "attention", "format", "grid", "scale", "crop", "edit"):
            if study in typed and flag in typed and flag != study:
                raise UsageError(f"{_typed(flag)} does not go with {_typed(study)}; leave it out.")
    if "video" in typed:
        for flag in ("ratio", "attention", "format", "overwrite", "output_dir"):
            if flag in typed:
                raise UsageError(f"--{flag.replace('_', '-')} is about images; leave it out with --video.")
        if isinstance(typed.get("grid"), bool):
            raise UsageError("--grid of a video is columns x rows, such as --grid 4x2.")
        return
    for flag in ("keyframes", "w_frames"):
        if flag in typed:
            raise UsageError(f"--{flag.replace('_', '-')} is about a video; name it with --video FILE.")
    if not isinstance(typed.get("grid", False), bool):
        raise UsageError("--grid with a size is about a video; write --grid alone for a sheet, or add --video FILE.")


def _check_projection(typed: Mapping[str, Any]) -> None:
    """Raises UsageError for flags about a projection without one, and for those that do not go with it."""
    given = [flag for flag in ("project", "projected_w") if flag in typed]
    if len(given) == 2:
        raise UsageError("--project finds w and --projected-w draws them; leave one of them out.")
    if "project" not in typed:
        for flag in ("steps", "space", "noise_maps", "tune"):
            if flag in typed:
                raise UsageError(f"{_typed(flag)} is about a projection; name an image with --project IMAGE.")
    for flag in (*OF_SEEDS, *(OF_DRAWINGS if "project" in typed else ())):
        if given and flag in typed:
            raise UsageError(f"{_typed(flag)} does not go with {_typed(given[0])}; leave it out.")


def _typed(flag: str) -> str:
    return f"--{flag.replace('_', '-')}"


COMMAND = Command(
    prog="generate.py",
    description="Draws images with a trained model.",
    usage="%(prog)s --model PATH [options]",
    groups=(
        ("what is drawn", DRAWN),
        ("what is written", WRITTEN),
        ("video: w on a smooth closed way through key frames", VIDEO),
        ("your own images, and edits", PROJECTION),
        ("how it is computed", SPEED),
    ),
    configs={OWN: GenerateConfig},
    build=_configuration,
    epilog=EXAMPLES,
)


def main(config: GenerateConfig) -> int:
    """Draws what was asked for.

    Raises:
        UsageError: A value does not fit the model, or the model cannot be had.
    """
    from gansformer_tf.cli.devices import select_devices

    seeds = _seeds(config)
    devices = select_devices(config.gpus)
    from gansformer_tf.visualize.large import is_large

    try:
        file = model_file(config.model).path
        if config.project or config.projected_w is not None:
            from gansformer_tf.cli.project import draw_projected, project_images

            return (project_images if config.project else draw_projected)(config, file, devices[0])
        samplers = [_sampler(config, file, device) for device in devices]
        if config.editing is not None:
            from gansformer_tf.cli.edit import edit_images

            sampler, names = samplers[0], [f"seed{seed:04d}" for seed in seeds]
            w = sampler.latents_w(seeds, _labels(config, sampler, seeds))
            noise, folder = sampler.noise(seeds), Path(config.output_dir)
            return edit_images(sampler, w, names, config.editing, folder, noise=noise, overwrite=config.overwrite)
        if config.segment is not None:
            from gansformer_tf.cli.segment import segment_images

            samples = list(samplers[0].samples(seeds, _labels(config, samplers[0], seeds), with_attention=True))
            names = [f"seed{seed:04d}" for seed in seeds]
            return segment_images(samples, names, config.segment, Path(config.output_dir), config.overwrite)
        if config.video is not None:
            return _write_video(config, config.video, samplers[0], seeds)
        if is_large(samplers[0]):
            _refuse_for_large(config)
        return _write_images(config, samplers, seeds, file)
    except (ValueError, FileExistsError) as error:  # a bad snapshot, value or clash: the message says what to change
        raise UsageError(str(error)) from error


def _sampler(config: GenerateConfig, file: Path, device: str) -> Sampler:
    import tensorflow as tf

    from gansformer_tf.drawing.sampler import Sampler
    from gansformer_tf.drawing.view import View
    from gansformer_tf.models.snapshot import load_snapshot

    view = View(scale=config.scale, window=config.crop, shift=config.translate, turn=config.rotate)
    with tf.device(device):
        generator = load_snapshot(file).generator
    own = {name: getattr(config, name) for name in ("temperature", "top_k", "top_p")}
    generator.draw_with(**{name: value for name, value in own.items() if value is not None})
    return Sampler(
        generator,
        truncation_psi=config.truncation_psi,
        noise_mode=config.noise_mode,
        batch_size=config.batch_size,
        device=device,
        view=view,
    )


def _write_video(config: GenerateConfig, file: str, sampler: Sampler, seeds: Sequence[int]) -> int:
    from gansformer_tf.visualize.latent_walk import write_walk

    frames = write_walk(
        sampler,
        seeds,
        file,
        grid=config.grid if isinstance(config.grid, tuple) else (1, 1),
        keyframes=config.keyframes,
        frames_between=config.w_frames,
        classes=config.labels,
    )
    print(f"{frames} frames written to {file}.")
    return 0


def _write_images(config: GenerateConfig, samplers: Sequence[Sampler], seeds: Sequence[int], file: Path) -> int:
    from gansformer_tf.files import sha256_of
    from gansformer_tf.visualize.generate import generate_images
    from gansformer_tf.visualize.large import generate_large_images, is_large

    common: dict[str, Any] = {
        "model": sha256_of(file),
        "classes": config.labels,
        "image_format": config.format,
        "overwrite": config.overwrite,
    }
    if is_large(samplers[0]):
        written = generate_large_images(samplers[0], seeds, config.output_dir, **common)
    else:
        written = generate_images(
            samplers,
            seeds,
            config.output_dir,
            ratio=config.ratio,
            grid=bool(config.grid),
            attention=config.attention,
            **common,
        )
    kept = f", {len(written.kept)} were there already" if written.kept else ""
    print(f"{counted(len(written.new))} written to {config.output_dir}{kept}.")
    return 0


def _labels(config: GenerateConfig, sampler: Sampler, seeds: Sequence[int]) -> Any:
    from gansformer_tf.drawing.labels import labels_from_seeds

    return labels_from_seeds(seeds, sampler.config.label_dim, config.labels)


def _refuse_for_large(config: GenerateConfig) -> None:
    for flag, instead in (("ratio", "use --crop"), ("grid", "leave it out"), ("attention", "leave it out")):
        if getattr(config, flag):
            raise UsageError(f"--{flag} does not go with images that are written in bands; {instead}.")


def _seeds(config: GenerateConfig) -> Sequence[int]:
    from gansformer_tf.drawing.seeds import parse_seeds

    if config.seeds is None:
        return range(config.images_num)
    try:
        return parse_seeds(config.seeds)
    except ValueError as error:
        raise UsageError(f"--seeds: {error}") from error


def run(prog: str | None = None) -> NoReturn:
    """The script; `prog` is what it is called where it is not called by its own name."""
    run_command(COMMAND, main, prog)


if __name__ == "__main__":
    run()
