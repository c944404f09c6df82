"""`prepare_data.py`: flags to one preparation per data set."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from gansformer_tf.cli.common import Parser, RunError, UsageError, run_script
from gansformer_tf.config.data import ENCODINGS, FITS, ON_ERROR, RESIZE_FILTERS, PrepareConfig

if TYPE_CHECKING:
    from gansformer_tf.data.prepare import Outcome
    from gansformer_tf.data.sources import Source

FORMATS = ("png", "jpg", "images", "scenes")

EXAMPLES = """examples:
  python prepare_data.py --scenes --resolution 64 --max-images 5000
  python prepare_data.py --task birds --images-dir ~/birds --format jpg --resolution 128
  python prepare_data.py --task streets --images-dir ~/streets --format png --ratio 0.5 --shards-num 5
Run the same command again after an interruption: finished shards are kept.
"""


def build_parser() -> Parser:
    """All flags of `prepare_data.py`."""
    parser = Parser(
        prog="prepare_data.py",
        description="Turns pictures into sharded TFRecords below --data-dir.",
        epilog=EXAMPLES,
        usage="%(prog)s (--scenes | --task NAME --images-dir DIR) [options]",
    )
    what = parser.add_argument_group("what is prepared")
    what.add_argument("--task", action="append", dest="tasks", metavar="NAME", help="name of your own data set")
    what.add_argument("--images-dir", metavar="DIR", help="where its pictures are, with --task")
    what.add_argument("--format", choices=FORMATS, help="what --images-dir holds (default: images, png or jpg)")
    what.add_argument(
        "--scenes", action="append_const", const="scenes", dest="tasks", help="render the built-in CLEVR-like scenes"
    )

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

    detail = parser.add_argument_group("details of the pictures")
    detail.add_argument("--fit", choices=FITS, help="bring other proportions to --ratio (default: crop the middle)")
    detail.add_argument("--resize-filter", choices=RESIZE_FILTERS, help="default: lanczos; FID depends on it")
    detail.add_argument("--encoding", choices=ENCODINGS, help="of the stored pictures (default: jpeg)")
    detail.add_argument("--quality", type=int, metavar="1-100", help="of jpeg (default: 95) and webp (lossless)")
    detail.add_argument("--channels", type=int, choices=(1, 3, 4), help="grey, RGB or RGBA (default: 3)")

    run = parser.add_argument_group("how it runs")
    run.add_argument("--workers", type=int, metavar="N", help="processes (default: number of cores)")
    run.add_argument("--on-error", choices=ON_ERROR, help="at a bad picture (default: skip and list it)")
    return parser


def main(arguments: argparse.Namespace) -> int:
    """Prepares every data set that was asked for."""
    # The arithmetic here is small: threads of a BLAS library would only get in the way of the worker processes.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    given = vars(arguments)
    names = given.get("tasks") or []
    if not names:
        raise UsageError("nothing to prepare: give --scenes, or --task NAME with --images-dir DIR.")
    for name in names:
        _prepare_one(name, given)
    return 0


def _prepare_one(name: str, given: dict[str, Any]) -> None:
    from gansformer_tf.data.manifest import DatasetError
    from gansformer_tf.data.prepare import PrepareError, prepare
    from gansformer_tf.data.sources import SourceError
    from gansformer_tf.data.workers import WorkerError, default_workers

    workers = given.get("workers", default_workers())
    if workers < 0:
        raise UsageError(f"--workers {workers}: give 0 (no extra process) or more.")
    config = _config(name, given)
    _say_size(config)
    try:
        source = _source(name, given, config)
        with _Bar(name) as bar:
            outcome = prepare(
                source,
                config,
                given.get("data_dir", "datasets"),
                workers=workers,
                on_error=given.get("on_error", "skip"),
                on_progress=bar,
            )
    except (SourceError, DatasetError) as error:
        raise UsageError(str(error)) from error
    except (PrepareError, WorkerError) as error:
        raise RunError(str(error)) from error
    except KeyboardInterrupt:
        raise RunError("interrupted; finished shards are kept: run the same command again to continue.") from None
    _report(outcome)


def _config(name: str, given: dict[str, Any]) -> PrepareConfig:
    from gansformer_tf.data.sources.scenes import DEFAULT_COUNT, DEFAULT_RESOLUTION

    fields = ("resolution", "ratio", "fit", "resize_filter", "encoding", "quality", "channels", "max_images")
    values = {field: given[field] for field in fields if field in given}
    if "shards_num" in given:
        values["num_shards"] = given["shards_num"]
    if _is_scenes(name, given):
        values = {"resolution": DEFAULT_RESOLUTION, "max_images": DEFAULT_COUNT, **values}
    return PrepareConfig(name=name, **values)


def _is_scenes(name: str, given: dict[str, Any]) -> bool:
    return given.get("format") == "scenes" or (name == "scenes" and "images_dir" not in given)


def _source(name: str, given: dict[str, Any], config: PrepareConfig) -> Source:
    from gansformer_tf.data.sources import open_source
    from gansformer_tf.data.sources.scenes import SceneSource

    if _is_scenes(name, given):
        return SceneSource(config.max_images or 0, config.size)
    if "images_dir" not in given:
        raise UsageError(f"--task {name} needs --images-dir DIR, the folder of its pictures.")
    return open_source(given["images_dir"], given.get("format", "images"))


def _say_size(config: PrepareConfig) -> None:
    height, width = config.size
    wanted = config.resolution * (config.ratio if config.ratio <= 1 else 1 / config.ratio)
    if abs(min(height, width) - wanted) >= 1:
        print(
            f"{config.name}: pictures are stored with {height}x{width} pixels (height x width): the shorter side must "
            f"be a multiple of {config.resolution // 4}, and {wanted:.0f} is not."
        )


class _Bar:
    """Progress bar over the pictures."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.bar: Any = None

    def __enter__(self) -> _Bar:
        return self

    def __call__(self, done: int, total: int) -> None:
        if self.bar is None:
            from tqdm import tqdm

            tqdm.monitor_interval = 0  # its thread would keep workers from being forked
            self.bar = tqdm(total=total, initial=done, desc=self.name, unit="img", smoothing=0.1)
        self.bar.update(done - self.bar.n)

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()


def _report(outcome: Outcome) -> None:
    manifest, folder = outcome.manifest, outcome.folder
    if outcome.already_done:
        print(f"{manifest.name}: already prepared with these settings in {folder}; nothing to do.")
        return
    from gansformer_tf.data.manifest import BAD_IMAGES

    size = sum(shard.num_bytes for shard in manifest.shards)
    skipped = f"; {manifest.num_skipped} skipped, see {Path(folder, BAD_IMAGES)}" if manifest.num_skipped else ""
    kept = f" ({outcome.kept_shards} of them kept from before)" if outcome.kept_shards else ""
    print(
        f"{manifest.name}: {manifest.num_images} pictures of {manifest.height}x{manifest.width} in "
        f"{len(manifest.shards)} shard(s){kept}, {size / 1e6:.1f} MB, in {folder}{skipped}"
    )


def run() -> NoReturn:
    """Entry point of the script."""
    run_script(build_parser(), main)
