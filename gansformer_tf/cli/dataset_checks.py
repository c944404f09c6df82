"""`prepare_data.py --inspect` and `--verify`."""

from __future__ import annotations

from gansformer_tf.bars import Bar
from gansformer_tf.cli.common import RunError, UsageError, counted
from gansformer_tf.data.manifest import DatasetError
from gansformer_tf.data.read.inspection import inspect
from gansformer_tf.data.read.verify import verify
from gansformer_tf.data.records.tfrecord import CorruptRecordError
from gansformer_tf.data.workers import default_workers


def run_inspect(folder: str) -> int:
    """Prints what a data set holds."""
    try:
        lines = inspect(folder)
    except DatasetError as error:
        raise UsageError(str(error)) from error
    except (CorruptRecordError, ValueError) as error:
        raise RunError(f"{error} Find all damage with --verify {folder}.") from error
    print("\n".join(lines))
    return 0


def run_verify(folder: str, workers: int | None) -> int:
    """Checks a data set; status 1 if anything is wrong with it."""
    try:
        with Bar("verify", "shard") as bar:
            report = verify(folder, default_workers() if workers is None else workers, bar)
    except DatasetError as error:
        raise UsageError(str(error)) from error
    except CorruptRecordError as error:
        raise RunError(str(error)) from error
    checked = "checksums and records" if report.has_checksums else "records (it has no checksums of shards)"
    if report.problems:
        print("\n".join(f"  {problem}" for problem in report.problems))
        raise RunError(f"{folder}: {len(report.problems)} problem(s) in {counted(report.num_images)}.")
    print(f"{folder}: {counted(report.num_images)}, {report.num_bytes / 1e6:.1f} MB: all {checked} are good.")
    return 0
