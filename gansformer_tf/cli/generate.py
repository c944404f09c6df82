"""`generate.py`: flags to one call of `generate_pictures`."""

from __future__ import annotations

import argparse
from typing import NoReturn

from gansformer_tf.cli.common import Parser, UsageError, add_bool, comma_list, gpu_list, parse_bool, run_script
from gansformer_tf.cli.snapshots import MODEL_HELP, model_file

DEFAULT_IMAGES_NUM = 32

EXAMPLES = """examples:
  python generate.py --gpus 0 --model results/scenes-000 --output-dir images --images-num 32
  python generate.py --model results/scenes-000 --seeds 0-31,77 --truncation-psi 1 --grid --attention
  python generate.py --model results/creps-000 --seeds 3 --scale 128            8192x8192 from a 64x64 CREPS
  python generate.py --model results/creps-000 --seeds 0-15 --video walk.mp4 --grid 4x2 --w-frames 60
"""


def build_parser() -> Parser:
    """All flags of `generate.py`."""
    parser = Parser(
        prog="generate.py",
        description="Draws pictures with a trained model.",
        epilog=EXAMPLES,
        usage="%(prog)s --model PATH [options]",
    )
    main = parser.add_argument_group("what is drawn")
    main.add_argument("--model", "--network", metavar="PATH", help=MODEL_HELP)
    main.add_argument("--images-num", type=int, metavar="N", help="pictures, of seeds 0 to N-1 (default: 32)")
    main.add_argument(
        "--seeds", metavar="LIST", help="seeds instead, such as 0-31,77; a seed always gives the same picture"
    )
    main.add_argument(
        "--truncation-psi",
        "--trunc",
        type=float,
        metavar="PSI",
        help="quality against variety: 0.6 to 1.0 (default: 0.7)",
    )
    main.add_argument(
        "--labels",
        "--class",
        metavar="LIST",
        help="class numbers that the pictures take in turn (default: from the seed)",
    )
    main.add_argument(
        "--noise-mode",
        choices=("random", "const", "none"),
        help="fine detail: from the seed, fixed, or left out (default: random)",
    )
    main.add_argument("--scale", type=float, metavar="S", help="size as a factor, any number (CREPS; default: 1)")
    main.add_argument(
        "--crop", type=crop_window, metavar="X0,Y0,X1,Y1", help="draw this window of the scaled picture only (CREPS)"
    )
    main.add_argument(
        "--translate", type=shift, metavar="X,Y", help="shift right and down, in shares of the sides (StyleGAN3)"
    )
    main.add_argument("--rotate", type=float, metavar="DEG", help="turn pictures (StyleGAN3)")

    output = parser.add_argument_group("what is written")
    output.add_argument("--output-dir", "--outdir", metavar="DIR", help="folder for the pictures (default: images)")
    output.add_argument("--format", choices=("png", "jpg", "webp", "tiff"), help="file format (default: png)")
    output.add_argument(
        "--ratio", type=float, metavar="R", help="crop to this height / width (default: as the model draws)"
    )
    output.add_argument(
        "--grid",
        nargs="?",
        const=True,
        type=grid_size,
        metavar="BOOL|CxR",
        help="also write all pictures as one sheet; with --video: columns x rows, such as 4x2",
    )
    add_bool(output, "--attention", help="also write each picture's attention maps")
    add_bool(output, "--overwrite", help="replace pictures that another model or other settings made")

    video = parser.add_argument_group("video: w on a smooth closed way through key frames")
    video.add_argument("--video", metavar="FILE", help="write this .mp4 in place of pictures")
    video.add_argument(
        "--keyframes", "--num-keyframes", type=int, metavar="N", help="of each cell (default: seeds / cells)"
    )
    video.add_argument("--w-frames", type=int, metavar="N", help="frames from one to the next (default: 120)")

    speed = parser.add_argument_group("how it is computed")
    speed.add_argument("--gpus", type=gpu_list, metavar="LIST", help="GPU numbers, such as 0 or 0,1 (default: 0)")
    speed.add_argument("--batch-size", type=int, metavar="N", help="pictures at once on each device (default: 8)")
    return parser


def main(arguments: argparse.Namespace) -> int:
    """Draws what the flags ask for.

    Raises:
        UsageError: A flag's value breaks a rule.
    """
    from gansformer_tf.cli.devices import select_devices

    given = vars(arguments)
    if "model" not in given:
        raise UsageError("--model is missing; name a run folder or a snapshot: --model results/NAME-000")
    seeds = _seeds(given)
    classes = _classes(given["labels"]) if "labels" in given else None
    if given.get("batch_size", 8) < 1:
        raise UsageError(f"--batch-size {given['batch_size']}: at least 1 picture must be drawn at once.")

    _check_outputs(given)

    devices = select_devices(given.get("gpus", (0,)))
    import tensorflow as tf

    from gansformer_tf.drawing.sampler import Sampler
    from gansformer_tf.drawing.view import View
    from gansformer_tf.files import sha256_of
    from gansformer_tf.models.snapshot import load_snapshot
    from gansformer_tf.visualize.generate import generate_pictures
    from gansformer_tf.visualize.large import generate_large_pictures, is_large
    from gansformer_tf.visualize.latent_walk import write_walk

    folder = given.get("output_dir", "images")
    try:
        path = model_file(given["model"]).path
        view = View(
            scale=given.get("scale", 1.0),
            window=given.get("crop"),
            shift=given.get("translate", (0.0, 0.0)),
            turn=given.get("rotate", 0.0),
        )
        samplers = []
        for device in devices:
            with tf.device(device):
                generator = load_snapshot(path).generator
            samplers.append(
                Sampler(
                    generator,
                    truncation_psi=given.get("truncation_psi", 0.7),
                    noise_mode=given.get("noise_mode", "random"),
                    batch_size=given.get("batch_size", 8),
                    device=device,
                    view=view,
                )
            )
        if "video" in given:
            frames = write_walk(
                samplers[0],
                seeds,
                given["video"],
                grid=given.get("grid", (1, 1)),
                keyframes=given.get("keyframes"),
                frames_between=given.get("w_frames", 120),
                classes=classes,
            )
            print(f"{frames} frames written to {given['video']}.")
            return 0
        common = {
            "model": sha256_of(path),
            "classes": classes,
            "image_format": given.get("format", "png"),
            "overwrite": given.get("overwrite", False),
        }
        if is_large(samplers[0]):
            _refuse_for_large(given)
            written = generate_large_pictures(samplers[0], seeds, folder, **common)
        else:
            written = generate_pictures(
                samplers,
                seeds,
                folder,
                ratio=given.get("ratio"),
                grid=given.get("grid", False),
                attention=given.get("attention", False),
                **common,
            )
    except (ValueError, FileExistsError) as error:  # a bad snapshot, value or clash: the message says what to change
        raise UsageError(str(error)) from error
    kept = f", {len(written.kept)} were there already" if written.kept else ""
    print(f"{len(written.new)} pictures written to {folder}{kept}.")
    return 0


def crop_window(text: str) -> tuple[int, int, int, int]:
    """`x0,y0,x1,y1` in pixels."""
    parts = text.split(",")
    if len(parts) != 4 or not all(part.strip().isdecimal() for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is no window; write x0,y0,x1,y1 in pixels, such as 0,0,512,256.")
    x0, y0, x1, y1 = (int(part) for part in parts)
    return x0, y0, x1, y1


def shift(text: str) -> tuple[float, float]:
    """`x,y`."""
    try:
        x, y = (float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no shift; write x,y, such as 0.1,-0.05.") from None
    return x, y


def grid_size(text: str) -> bool | tuple[int, int]:
    """True or False, or `4x2` as (columns, rows)."""
    columns, _, rows = text.lower().partition("x")
    return (int(columns), int(rows)) if columns.isdecimal() and rows.isdecimal() else parse_bool(text)


def _check_outputs(given: dict) -> None:
    """Raises UsageError for flags that ask for a video and for something else, or for half of a video."""
    if "video" in given:
        for flag in ("ratio", "attention", "format", "overwrite", "output_dir"):
            if flag in given:
                raise UsageError(f"--{flag.replace('_', '-')} is about pictures; leave it out with --video.")
        if isinstance(given.get("grid"), bool):
            raise UsageError("--grid of a video is columns x rows, such as --grid 4x2.")
        return
    for flag in ("keyframes", "w_frames"):
        if flag in given:
            raise UsageError(f"--{flag.replace('_', '-')} is about a video; name it with --video FILE.")
    if not isinstance(given.get("grid", False), bool):
        raise UsageError("--grid with a size is about a video; write --grid alone for a sheet, or add --video FILE.")


def _refuse_for_large(given: dict) -> None:
    for flag, instead in (("ratio", "use --crop"), ("grid", "leave it out"), ("attention", "leave it out")):
        if given.get(flag):
            raise UsageError(f"--{flag} does not go with pictures that are written in bands; {instead}.")


def _seeds(given: dict) -> tuple[int, ...] | range:
    from gansformer_tf.drawing.seeds import parse_seeds

    if "seeds" in given and "images_num" in given:
        raise UsageError("--seeds and --images-num both say which pictures to draw; leave one of them out.")
    if "seeds" in given:
        try:
            return parse_seeds(given["seeds"])
        except ValueError as error:
            raise UsageError(f"--seeds: {error}") from error
    number = given.get("images_num", DEFAULT_IMAGES_NUM)
    if number < 1:
        raise UsageError(f"--images-num {number}: give at least 1.")
    return range(number)


def _classes(text: str) -> list[int]:
    parts = comma_list(text)
    if not parts or not all(part.isdecimal() for part in parts):
        raise UsageError(f"--labels {text!r} is no list of class numbers; write for example --labels 0,3.")
    return [int(part) for part in parts]


def run() -> NoReturn:
    """The script."""
    run_script(build_parser(), main)
