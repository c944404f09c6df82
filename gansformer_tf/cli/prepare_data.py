"""`prepare_data.py`: its flags, and which job they ask for."""

from __future__ import annotations

import argparse
import dataclasses
import os
from typing import Any, NoReturn

from gansformer_tf.cli.common import RunError, UsageError
from gansformer_tf.cli.table import OWN, Command, Flag, run_command
from gansformer_tf.config.base import from_dict
from gansformer_tf.config.data import (
    ENCODINGS,
    FITS,
    ON_ERROR,
    RESIZE_FILTERS,
    RUNNERS,
    SCENES,
    SOURCE_FORMATS,
    PrepareCommand,
    PrepareConfig,
    SourceOptions,
)
from gansformer_tf.config.presets import Sections
from gansformer_tf.data.download.catalog import CATALOG, Entry
from gansformer_tf.terminal import path

# Scenes are small, and as many as one likes.
SCENES_DEFAULTS = {"resolution": 64, "max_images": 5000}
SET, SOURCE = ("set",), ("source",)

EXAMPLES = """examples:
  python prepare_data.py --scenes --resolution 64 --max-images 5000
  python prepare_data.py --task birds --images-dir ~/birds --format jpg --resolution 128
  python prepare_data.py --task streets --images-dir ~/streets.h5 --format hdf5 --ratio 0.5 --shards-num 5
  python prepare_data.py --ffhq --cityscapes --clevr --bedrooms --max-images 100000
  python prepare_data.py --task big --images-dir /shared/big --data-dir /shared/datasets --shards-num 500 \\
      --runner beam --beam-options --runner=FlinkRunner --flink_master=host:8081
Run the same command again after an interruption: finished shards are kept.
"""


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


def _task(name: str) -> dict[str, Any]:
    """A switch that stands for `--task NAME`."""
    return {"action": "append_const", "const": name, "dest": "tasks"}


def _download(entry: Entry) -> str:
    return f"{entry.title}: {entry.num_images:,} images, {entry.archives[0].gigabytes:g} GB to download"


PREPARED = (
    Flag("--task", "name of your own data set", metavar="NAME", further={"action": "append", "dest": "tasks"}),
    Flag("--images-dir", "its folder, file, archive or TFDS name", path, metavar="PLACE"),
    Flag("--format", "what --images-dir holds (default: see what is there)", choices=(*SOURCE_FORMATS, SCENES)),
    Flag("--scenes", "render the built-in CLEVR-like scenes", further=_task(SCENES)),
    Flag(
        "--labels",
        "'folders' (names of sub-folders), a .csv or .json file, or 'none' (default: what the source has)",
        path,
        SOURCE,
        metavar="WHERE",
    ),
)

STORED = (
    Flag("--data-dir", "folder of all data sets (default: {default})", path, metavar="DIR"),
    Flag(
        "--resolution",
        f"longer side in pixels, a power of two (default: {{default}}, scenes: {SCENES_DEFAULTS['resolution']})",
        int,
        SET,
    ),
    Flag("--ratio", "height / width (default: {default})", float, SET, metavar="R"),
    Flag("--max-images", f"use only N images (default: all; scenes: {SCENES_DEFAULTS['max_images']})", int, SET),
    Flag("--shards-num", "number of files (default: one for every 8192 images)", int, SET, "num_shards"),
)

CHECKS = (
    Flag("--inspect", "print what a data set holds, write a sheet of its images", path, metavar="DIR"),
    Flag("--verify", "check every checksum and decode every image of a data set", path, metavar="DIR"),
    Flag("--dry-run", "say what would be made, from a sample; write nothing", bool),
)

CATALOGED = (
    *(Flag(f"--{name}", _download(entry), further=_task(name)) for name, entry in CATALOG.items()),
    Flag("--source-archive", "a downloaded archive, when a host refuses", path, metavar="PATH"),
)

IMAGES = (
    Flag("--fit", "bring other proportions to --ratio; crop: the middle (default: {default})", str, SET, choices=FITS),
    Flag("--resize-filter", "FID depends on it (default: {default})", str, SET, choices=RESIZE_FILTERS),
    Flag("--encoding", "of the stored images (default: {default})", str, SET, choices=ENCODINGS),
    Flag("--quality", "of jpeg (default: 95), webp (default: lossless)", int, SET, metavar="1-100"),
    Flag("--channels", "grey, RGB or RGBA (default: {default})", int, SET, choices=(1, 3, 4)),
)

FORMATS = (
    Flag(
        "--array-key --hdf5-key",
        "hdf5, npz: data set or array within the file (default: the only one)",
        str,
        SOURCE,
        metavar="KEY",
    ),
    Flag("--tfds-key", "tfds: feature of the images (default: the only one)", str, SOURCE, metavar="KEY"),
    Flag("--split", "tfds: which split (default: {default})", str, SOURCE, metavar="NAME"),
    Flag(
        "--value-range",
        "npy, hdf5: black and white of float arrays, e.g. --value-range -1,1",
        _value_range,
        SOURCE,
        metavar="LOW,HIGH",
    ),
    Flag("--array-shape", "lmdb: shape of plain uint8 arrays without a header", _shape, SOURCE, metavar="H,W,C"),
)

RUN = (
    Flag("--workers", "processes (default: number of cores)", int),
    Flag("--on-error", "at a bad image; skip: list it (default: {default})", choices=ON_ERROR),
    Flag("--runner", "where images are converted (default: {default})", choices=RUNNERS),
    Flag(
        "--beam-options",
        "Apache Beam's own flags: everything that follows, so put this last",
        metavar="FLAGS",
        further={"nargs": argparse.REMAINDER},
    ),
)


def _configuration(typed: Sections) -> PrepareCommand:
    values = dict(typed[OWN])
    names = list(dict.fromkeys(values.pop("tasks", ())))
    jobs = [job for job in ("inspect", "verify") if job in values] + ["prepare"] * bool(names)
    if not jobs:
        raise UsageError(
            "nothing to do: give --scenes, --task NAME with --images-dir, a catalog name such as --ffhq, --inspect DIR "
            "or --verify DIR."
        )
    if len(jobs) > 1:
        raise UsageError("--inspect, --verify and preparing are separate jobs; give one of them.")
    if "images_dir" in values and len(names) > 1:
        raise UsageError(f"--images-dir belongs to one data set; prepare {', '.join(names)} with separate commands.")
    if "source_archive" in values and (len(names) > 1 or names[0] not in CATALOG):
        raise UsageError("--source-archive belongs to one data set of the catalog, for example --clevr.")
    if "images_dir" not in values and (typed["source"] or values.get("format", SCENES) != SCENES):
        said = [name for name in ("format", *typed["source"]) if name in values or name in typed["source"]]
        raise UsageError(
            f"--{said[0].replace('_', '-')} says how --images-dir is read; give that too, or leave it out."
        )
    if jobs != ["prepare"] and typed["set"]:
        flag = f"--{next(iter(typed['set'])).replace('_', '-')}"
        raise UsageError(f"{flag} says how a data set is made, --{jobs[0]} looks at one that is there; leave it out.")
    if "beam_options" in values:
        values["beam_options"] = _beam_options(values["beam_options"])
    command = PrepareCommand(**values, source=from_dict(SourceOptions, typed["source"]))
    # all of them are checked before any work begins
    sets = tuple(PrepareConfig(**{"name": name, **_defaults(command, name), **typed["set"]}) for name in names)
    return dataclasses.replace(command, sets=sets)


def _defaults(command: PrepareCommand, name: str) -> dict[str, Any]:
    """Values of a data set that stand before those of the configuration where they are not typed."""
    if command.is_scenes(name):
        return SCENES_DEFAULTS
    if command.images_dir is not None:
        return {}
    if name not in CATALOG:
        raise UsageError(f"--task {name} needs --images-dir, the folder or file of its images.")
    entry = CATALOG[name]
    return {"resolution": entry.resolution, "ratio": entry.ratio, "num_shards": entry.num_shards}


def _beam_options(words: list[str]) -> str:
    """The words after `--beam-options` as one text; they may also be given as one quoted word."""
    own = {spelling for flag in COMMAND.flags for spelling in flag.names.split()} - {"--runner"}
    swallowed = [word for word in words if word.split("=")[0] in own]
    if swallowed:
        raise UsageError(f"--beam-options takes everything that follows it; put {swallowed[0]} before it.")
    return " ".join(words)


COMMAND = Command(
    prog="prepare_data.py",
    description="Turns images into sharded TFRecords below --data-dir.",
    usage="%(prog)s (--scenes | --task NAME --images-dir DIR | --ffhq ...) [options]",
    groups=(
        ("what is prepared", PREPARED),
        ("how it is stored", STORED),
        ("checks", CHECKS),
        ("catalog: data sets of the papers, downloaded (several at once are fine)", CATALOGED),
        ("details of the images", IMAGES),
        ("details of single formats", FORMATS),
        ("how it runs", RUN),
    ),
    configs={OWN: PrepareCommand, "set": PrepareConfig, "source": SourceOptions},
    build=_configuration,
    epilog=EXAMPLES,
)


def main(command: PrepareCommand) -> int:
    """Checks or prepares what was asked for."""
    # The arithmetic here is small: threads of a BLAS library would only get in the way of the worker processes.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from gansformer_tf.cli import dataset_checks, prepare_tasks

    try:
        if command.inspect is not None:
            return dataset_checks.run_inspect(command.inspect)
        if command.verify is not None:
            return dataset_checks.run_verify(command.verify, command.workers)
        return prepare_tasks.run_tasks(command)
    except KeyboardInterrupt:
        raise RunError("interrupted; finished shards are kept: run the same command again to continue.") from None


def run(prog: str | None = None) -> NoReturn:
    """The script; `prog` is what it is called where it is not called by its own name."""
    run_command(COMMAND, main, prog)


if __name__ == "__main__":
    run()
