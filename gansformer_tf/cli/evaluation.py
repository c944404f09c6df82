"""Metrics from the command line: of a finished run or snapshot (`--eval`), and of every snapshot while training."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gansformer_tf.cli.common import RunError, UsageError
from gansformer_tf.cli.options import RunOptions
from gansformer_tf.cli.snapshots import model_file
from gansformer_tf.config import ConfigError, MetricConfig, RunConfig, from_dict, to_dict
from gansformer_tf.config.data import DataConfig
from gansformer_tf.config.metric_records import DEFAULT, METRICS


def evaluate(options: RunOptions, run_path: Path) -> None:
    """Measures the newest snapshot of a run, or the one of `--pretrained-pkl`, and prints a table.

    Numbers are written into the folder of the run; those of a snapshot from elsewhere beside it, unless `--expname`
    names a run.

    Raises:
        UsageError: There is no snapshot, or a metric cannot be computed as asked.
        RunError: Ctrl-C.
    """
    from gansformer_tf.cli.devices import select_devices

    typed = options.typed
    from_dict(MetricConfig, typed["metrics"])  # a wrong value is told before TensorFlow is loaded
    if options.pretrained_pkl is None and not run_path.exists():
        raise UsageError(f"there is no run {run_path}; train it first, or name a snapshot with --pretrained-pkl.")
    devices = select_devices(options.gpus)
    from gansformer_tf.metrics.collect import Interrupted
    from gansformer_tf.metrics.errors import MetricError
    from gansformer_tf.metrics.results import table
    from gansformer_tf.models.snapshot import SnapshotError, read_snapshot

    try:
        model = model_file(options.pretrained_pkl or run_path)
        path = model.path
        saved, _, metadata = read_snapshot(path)
        config = _chosen(saved, typed)
        meter = Meter(config, devices)
        named = options.expname != RunOptions.expname
        folder = run_path if options.pretrained_pkl is None or named else model.folder
        results = meter.measure(path, folder, metadata)
    except Interrupted:
        raise RunError("stopped; run the same command again to go on from here.") from None
    except (SnapshotError, MetricError) as error:
        raise UsageError(str(error)) from error
    print(table(results))
    print(f"Numbers and their manifests are in {folder}/metric-*.txt and .jsonl.")


def snapshot_meter(config: RunConfig, devices: Sequence[str]) -> Callable[[Path], Mapping[str, float]] | None:
    """What measures every snapshot while training; None where no metrics are asked for.

    The feature network and the data set are opened now, so that what is missing is told before training starts.

    Raises:
        UsageError: A metric cannot be computed as asked.
    """
    if not config.metrics.metrics:
        return None
    from gansformer_tf.metrics.best import keep_best
    from gansformer_tf.metrics.collect import Interrupted
    from gansformer_tf.metrics.errors import MetricError
    from gansformer_tf.metrics.results import scalars, table
    from gansformer_tf.models.snapshot import read_snapshot

    try:
        meter = Meter(config, devices)
    except MetricError as error:
        raise UsageError(str(error)) from error

    def measure(path: Path) -> Mapping[str, float]:
        try:
            results = meter.measure(path, path.parent, read_snapshot(path)[2])
        except Interrupted:
            meter.say(f"Metrics of {path.name} were stopped; run_network.py --eval computes them.")
            return {}
        except MetricError as error:  # a snapshot that cannot be measured is no reason to stop training
            meter.say(f"Metrics of {path.name} failed: {error}")
            return {}
        meter.say(table(results))
        if keep_best(path, results[0]):
            meter.say(f"{path.name} is the best so far by {results[0].name}.")
        return scalars(results)

    return measure


class Meter:
    """Measures snapshots of one configuration.

    Args:
        config: Of the run: metrics, data set, generator.
        devices: TensorFlow device names; each holds a feature network and, while it measures, a generator.

    Raises:
        MetricError: The feature network or the data set cannot be had, or a metric does not fit the generator.
    """

    def __init__(self, config: RunConfig, devices: Sequence[str]) -> None:
        from gansformer_tf.metrics.errors import MetricError
        from gansformer_tf.metrics.evaluate import require_capability, require_scenes
        from gansformer_tf.metrics.images import DatasetImages
        from gansformer_tf.metrics.networks import check_name, feature_network
        from gansformer_tf.metrics.progress import metric_bar

        self.config, self.devices, self.noted = config, devices, False
        metrics, chosen = config.metrics, [METRICS[name] for name in config.metrics.metrics]
        check_name(metrics.network)
        for metric in chosen:
            require_capability(metric, config.model.generator)
            if metric.needs_scenes:
                require_scenes(metric, config.data)
        if metrics.scale != 1.0 and not config.model.generator.draws_any_size:
            raise MetricError(f"--scale {metrics.scale}: this model draws images of one size; leave the flag out.")
        self.reals = None
        self.labels_of = None
        if config.data.dataset:
            with contextlib.suppress(MetricError):
                self.labels_of = DatasetImages(config.data, metrics.images_num, metrics.seed)
        if any(metric.needs_reals for metric in chosen):
            if not config.data.dataset:
                raise MetricError("the snapshot names no data set; name the one to compare with: --dataset NAME.")
            limit = None if metrics.all_reals else metrics.images_num
            self.reals = DatasetImages(config.data, limit, metrics.seed)
            channels = config.model.generator.image_channels
            if self.reals.info.channels != channels:
                raise MetricError(
                    f"the images of {self.reals.folder} have {self.reals.info.channels} channels, the generator "
                    f"draws {channels}; name the data set it was trained with."
                )
        self.networks = []
        if any(metric.needs_network for metric in chosen):
            with metric_bar("Inception weights", "B") as bar:
                self.networks = [
                    feature_network(
                        metrics.network,
                        metrics.inception_weights,
                        batch_size=metrics.batch_size,
                        device=device,
                        on_progress=bar,
                    )
                    for device in devices
                ]

    def say(self, line: str) -> None:
        """Prints lines above progress bars."""
        from tqdm import tqdm

        tqdm.write(line)

    def measure(self, path: Path, folder: Path, metadata: Mapping[str, str]) -> list[Any]:
        """All metrics of a snapshot; also written to `folder`.

        Raises:
            MetricError: A metric cannot be computed.
            Interrupted: Ctrl-C or SIGTERM came.
        """
        import tensorflow as tf

        from gansformer_tf.drawing.sampler import Sampler
        from gansformer_tf.drawing.view import View
        from gansformer_tf.files import sha256_of
        from gansformer_tf.metrics.evaluate import Evaluation
        from gansformer_tf.metrics.images import GeneratedImages
        from gansformer_tf.metrics.progress import metric_bar
        from gansformer_tf.metrics.results import write_results
        from gansformer_tf.models.snapshot import load_snapshot
        from gansformer_tf.training.signals import StopRequest

        metrics, samplers = self.config.metrics, []
        view = View(scale=metrics.scale)
        for device in self.devices:
            with tf.device(device):
                generator = load_snapshot(path).generator
            at_once = self.config.train.batch_size_per_replica
            samplers.append(Sampler(generator, truncation_psi=1.0, batch_size=at_once, device=device, view=view))
        labels = None
        if samplers[0].config.label_dim and self.labels_of is not None:
            labels = self.labels_of.labels(metrics.images_num)
        fake = GeneratedImages(samplers, metrics.images_num, labels, sha256_of(path))
        with StopRequest(at_once=False) as stop:
            evaluation = Evaluation(
                metrics,
                fake,
                self.reals,
                self.networks,
                work_folder=folder / ".metrics",
                bar=metric_bar,
                stopping=lambda: stop.requested,
            )
            if not self.noted:  # once is enough in a training run
                self.noted = True
                for note in evaluation.notes():
                    self.say(note)
            results = evaluation.run()
        kimg = float(metadata["kimg"]) if "kimg" in metadata else None
        write_results(folder, results, {"snapshot": path.name, "kimg": kimg})
        return results


def _chosen(saved: RunConfig, typed: Mapping[str, Mapping[str, Any]]) -> RunConfig:
    """The snapshot's configuration with what was typed about data and metrics."""
    metrics: dict[str, Any] = to_dict(saved.metrics)
    metrics["metrics"] = metrics["metrics"] or (*DEFAULT, *(("rfid",) if saved.model.generator.reconstructs else ()))
    metrics |= typed["metrics"]
    if not metrics["metrics"]:
        raise UsageError("--eval --metrics none measures nothing; name some, such as --metrics fid,kid.")
    data = {**to_dict(saved.data), **typed["data"]}
    at_once = typed["train"].get("batch_size_per_replica", saved.train.batch_size_per_replica)
    try:
        train = dataclasses.replace(saved.train, batch_size_per_replica=at_once)
        return RunConfig(saved.model, from_dict(DataConfig, data), train, from_dict(MetricConfig, metrics))
    except ConfigError as error:
        raise UsageError(str(error)) from error
