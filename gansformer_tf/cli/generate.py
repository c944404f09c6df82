"""`generate.py`: flags to one call of `generate_pictures`."""

from __future__ import annotations

import argparse
from typing import NoReturn

from gansformer_tf.cli.common import Parser, UsageError, add_bool, comma_list, gpu_list, run_script
from gansformer_tf.cli.snapshots import MODEL_HELP, model_file

DEFAULT_IMAGES_NUM = 32

EXAMPLES = """examples:
  python generate.py --gpus 0 --model results/scenes-000 --output-dir images --images-num 32
  python generate.py --model results/scenes-000 --seeds 0-31,77 --truncation-psi 1 --grid --attention
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
    main.add_argument("--model", metavar="PATH", help=MODEL_HELP)
    main.add_argument("--images-num", type=int, metavar="N", help="pictures, of seeds 0 to N-1 (default: 32)")
    main.add_argument(
        "--seeds", metavar="LIST", help="seeds instead, such as 0-31,77; a seed always gives the same picture"
    )
    main.add_argument(
        "--truncation-psi", type=float, metavar="PSI", help="quality against variety: 0.6 to 1.0 (default: 0.7)"
    )
    main.add_argument(
        "--labels", metavar="LIST", help="class numbers that the pictures take in turn (default: from the seed)"
    )
    main.add_argument(
        "--noise-mode",
        choices=("random", "const", "none"),
        help="fine detail: from the seed, fixed, or left out (default: random)",
    )

    output = parser.add_argument_group("what is written")
    output.add_argument("--output-dir", metavar="DIR", help="folder for the pictures (default: images)")
    output.add_argument("--format", choices=("png", "jpg", "webp"), help="file format (default: png)")
    output.add_argument(
        "--ratio", type=float, metavar="R", help="crop to this height / width (default: as the model draws)"
    )
    add_bool(output, "--grid", help="also write all pictures as one sheet")
    add_bool(output, "--attention", help="also write each picture's attention maps")
    add_bool(output, "--overwrite", help="replace pictures that another model or other settings made")

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

    devices = select_devices(given.get("gpus", (0,)))
    import tensorflow as tf

    from gansformer_tf.files import sha256_of
    from gansformer_tf.models.snapshot import load_snapshot
    from gansformer_tf.visualize.generate import generate_pictures
    from gansformer_tf.visualize.sampling import Sampler

    folder = given.get("output_dir", "images")
    try:
        path = model_file(given["model"]).path
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
                )
            )
        written = generate_pictures(
            samplers,
            seeds,
            folder,
            model=sha256_of(path),
            classes=classes,
            ratio=given.get("ratio"),
            image_format=given.get("format", "png"),
            grid=given.get("grid", False),
            attention=given.get("attention", False),
            overwrite=given.get("overwrite", False),
        )
    except (ValueError, FileExistsError) as error:  # a bad snapshot, value or clash: the message says what to change
        raise UsageError(str(error)) from error
    kept = f", {len(written.kept)} were there already" if written.kept else ""
    print(f"{len(written.new)} pictures written to {folder}{kept}.")
    return 0


def _seeds(given: dict) -> tuple[int, ...] | range:
    from gansformer_tf.visualize.seeds import parse_seeds

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
