"""`prepare_data.py`: its flags, and which job they ask for."""

from __future__ import annotations

import argparse
import os
from typing import NoReturn

from gansformer_tf.cli.common import Parser, RunError, UsageError, run_script
from gansformer_tf.config.data import ENCODINGS, FITS, ON_ERROR, RESIZE_FILTERS

FORMATS = ("png", "jpg", "images", "npy", "hdf5", "lmdb", "tfds", "zip", "tfrecords", "scenes")
CATALOG_NAMES = ("clevr", "ffhq", "cityscapes", "bedrooms", "cartoonset")
RUNNERS = ("local", "beam")

EXAMPLES = """examples:
  python prepare_data.py --scenes --resolution 64 --max-images 5000
  python prepare_data.py --task birds --images-dir ~/birds --format jpg --resolution 128
  python prepare_data.py --task streets --images-dir ~/streets.h5 --format hdf5 --ratio 0.5 --shards-num 5
  python prepare_data.py --ffhq --cityscapes --clevr --bedrooms --max-images 100000
  python prepare_data.py --task big --images-dir /shared/big --data-dir /shared/datasets --shards-num 500 \\
      --runner beam --beam-options --runner=FlinkRunner --flink_master=host:8081
Run the same command again after an interruption: finished shards are kept.
"""


def build_parser() -> Parser:
    """All flags of `prepare_data.py`."""
    parser = Parser(
        prog="prepare_data.py",
        description="Turns pictures into sharded TFRecords below --data-dir.",
        epilog=EXAMPLES,
        usage="%(prog)s (--scenes | --task NAME --images-dir DIR | --ffhq ...) [options]",
    )
    what = parser.add_argument_group("what is prepared")
    what.add_argument("--task", action="append", dest="tasks", metavar="NAME", help="name of your own data set")
    what.add_argument("--images-dir", metavar="PLACE", help="its folder, file, archive or TFDS name")
    what.add_argument("--format", choices=FORMATS, help="what --images-dir holds (default: see what is there)")
    what.add_argument(
        "--scenes", action="append_const", const="scenes", dest="tasks", help="render the built-in CLEVR-like scenes"
    )
    what.add_argument("--labels", metavar="WHERE", help="'folders' (names of sub-folders), or a .csv or .json file")

    main = parser.add_argument_group("how it is stored")
    main.add_argument("--data-dir", metavar="DIR", help="folder of all data sets (default: datasets)")
    main.add_argument(
        "--resolution", type=int, metavar="N", help="longer side in pixels, a power of two (default: 256, scenes: 64)"
    )
    main.add_argument("--ratio", type=float, metavar="R", help="height / width (default: 1.0)")
    main.add_argument("--max-images", type=int, metavar="N", help="use only N pictures (default: all; scenes: 5000)")
    main.add_argument(
        "--shards-num", type=int, metavar="N", help="number of files (default: one for every 8192 pictures)"
    )

    check = parser.add_argument_group("checks")
    check.add_argument("--inspect", metavar="DIR", help="print what a data set holds, write a sheet of its pictures")
    check.add_argument("--verify", metavar="DIR", help="check every checksum and decode every picture of a data set")
    check.add_argument("--dry-run", action="store_true", help="say what would be made, from a sample; write nothing")

    catalog = parser.add_argument_group("catalog: data sets of the papers, downloaded (several at once are fine)")
    for name, text in _CATALOG_HELP.items():
        catalog.add_argument(f"--{name}", action="append_const", const=name, dest="tasks", help=text)
    catalog.add_argument("--source-archive", metavar="PATH", help="a downloaded archive, when a host refuses")

    detail = parser.add_argument_group("details of the pictures")
    detail.add_argument("--fit", choices=FITS, help="bring other proportions to --ratio (default: crop the middle)")
    detail.add_argument("--resize-filter", choices=RESIZE_FILTERS, help="default: lanczos; FID depends on it")
    detail.add_argument("--encoding", choices=ENCODINGS, help="of the stored pictures (default: jpeg)")
    detail.add_argument("--quality", type=int, metavar="1-100", help="of jpeg (default: 95), webp (default: lossless)")
    detail.add_argument("--channels", type=int, choices=(1, 3, 4), help="grey, RGB or RGBA (default: 3)")

    formats = parser.add_argument_group("details of single formats")
    formats.add_argument(
        "--array-key", "--hdf5-key", metavar="KEY", help="hdf5, npz: which data set or array (default: the only one)"
    )
    formats.add_argument("--tfds-key", metavar="KEY", help="tfds: feature of the pictures (default: the only one)")
    formats.add_argument("--split", metavar="NAME", help="tfds: which split (default: train)")
    formats.add_argument(
        "--value-range",
        type=_value_range,
        metavar="LOW,HIGH",
        help="npy, hdf5: black and white of float arrays, e.g. --value-range=-1,1",
    )
    formats.add_argument(
        "--array-shape", type=_shape, metavar="H,W,C", help="lmdb: shape of plain uint8 arrays without a header"
    )

    run = parser.add_argument_group("how it runs")
    run.add_argument("--workers", type=int, metavar="N", help="processes (default: number of cores)")
    run.add_argument("--on-error", choices=ON_ERROR, help="at a bad picture (default: skip and list it)")
    run.add_argument("--runner", choices=RUNNERS, help="where pictures are converted (default: local)")
    run.add_argument(
        "--beam-options",
        nargs=argparse.REMAINDER,
        metavar="FLAGS",
        help="Apache Beam's own flags: everything that follows, so put this last",
    )
    return parser


_CATALOG_HELP = {
    "clevr": "CLEVR: 100,000 pictures, 18 GB to download",
    "ffhq": "FFHQ: 70,000 pictures, 13 GB",
    "cityscapes": "Cityscapes: 25,000 pictures, 2 GB",
    "bedrooms": "LSUN bedrooms: 3,033,042 pictures, 43 GB",
    "cartoonset": "CartoonSet 10k: 10,000 pictures, 0.4 GB",
}


def _value_range(text: str) -> tuple[float, float]:
    try:
        low, high = (float(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no range; write for example --value-range 0,1.") from None
    if not low < high:
        raise argparse.ArgumentTypeError(f"{text!r}: the first number is black and must be below the second.")
    return low, high


def _shape(text: str) -> tuple[int, ...]:
    try:
        shape = tuple(int(part) for part in text.split(","))
    except ValueError:
        shape = ()
    if len(shape) not in (2, 3) or min(shape, default=0) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no shape; write for example --array-shape 64,64,3.")
    return shape


def _beam_options(words: list[str]) -> str:
    """The words after `--beam-options` as one text; they may also be given as one quoted word."""
    own = {option for action in build_parser()._actions for option in action.option_strings} - {"--runner"}
    swallowed = [word for word in words if word.split("=")[0] in own]
    if swallowed:
        raise UsageError(f"--beam-options takes everything that follows it; put {swallowed[0]} before it.")
    return " ".join(words)


def main(arguments: argparse.Namespace) -> int:
    """Checks or prepares what was asked for."""
    # The arithmetic here is small: threads of a BLAS library would only get in the way of the worker processes.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from gansformer_tf.cli import dataset_checks, prepare_tasks

    given = vars(arguments)
    if "beam_options" in given:
        given["beam_options"] = _beam_options(given["beam_options"])
    jobs = [name for name in ("inspect", "verify", "tasks") if name in given]
    if not jobs:
        raise UsageError(
            "nothing to do: give --scenes, --task NAME with --images-dir, a catalog name such as --ffhq, --inspect DIR "
            "or --verify DIR."
        )
    if len(jobs) > 1:
        raise UsageError("--inspect, --verify and preparing are separate jobs; give one of them.")
    try:
        if "inspect" in given:
            return dataset_checks.run_inspect(given["inspect"])
        if "verify" in given:
            return dataset_checks.run_verify(given["verify"], given)
        return prepare_tasks.run_tasks(given)
    except KeyboardInterrupt:
        raise RunError("interrupted; finished shards are kept: run the same command again to continue.") from None


def run() -> NoReturn:
    """Entry point of the script."""
    run_script(build_parser(), main)


if __name__ == "__main__":
    run()
