"""Metrics of generated images: what each of them needs is collected once, then they are computed from disk."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gansformer_tf
from gansformer_tf.config.data import DataConfig
from gansformer_tf.config.metric_records import METRICS, Metric
from gansformer_tf.config.metrics import STANDARD_IMAGES, MetricConfig
from gansformer_tf.data.download.cache import cache_folder
from gansformer_tf.data.manifest import MANIFEST, DatasetError, read_manifest
from gansformer_tf.data.sources.scenes import SceneSource
from gansformer_tf.metrics.collect import Task, collect, feature_task
from gansformer_tf.metrics.errors import MetricError
from gansformer_tf.metrics.images import GeneratedImages, Images
from gansformer_tf.metrics.networks import FeatureNetwork
from gansformer_tf.metrics.reconstructions import Reconstructions
from gansformer_tf.metrics.record import Measured, Rows
from gansformer_tf.metrics.results import Result
from gansformer_tf.metrics.store import FeatureStore, key_of

PUBLISHED = "inception"  # label of the network whose numbers carry no label

# A progress bar: a context that is called with (done, in all).
Bar = Callable[[str], AbstractContextManager[Callable[[int, int], None]]]


def _no_bar(title: str) -> AbstractContextManager[Callable[[int, int], None]]:
    return nullcontext(lambda done, total: None)


@dataclass(frozen=True)
class Evaluation:
    """Measures generated images.

    Attributes:
        config: Which metrics, and their settings.
        fake: Generated images.
        real: Real images, for metrics that compare with them.
        networks: The feature network, once for each device, for metrics that use one.
        work_folder: Where features of generated images wait until all metrics are done.
        cache: Where features of real images are kept; None: `cache_folder() / "features"`.
        bar: Makes progress bars.
        stopping: Asked now and then; True ends the evaluation with `Interrupted`.

    Example:

    >>> colours = keras.Sequential([keras.Input((None, None, 3)), keras.layers.GlobalAveragePooling2D()])
    >>> network = gf.metrics.FeatureNetwork("colours", colours, lambda images: tf.cast(images, tf.float32), "", "x")
    >>> images = gf.metrics.FolderImages("birds")
    >>> config = gf.config.MetricConfig(metrics=("fid",), images_num=16)
    >>> (result,) = gf.metrics.Evaluation(config, fake=images, real=images, networks=[network]).run()
    >>> result.name, round(abs(result.values["fid"]), 3)
    ('fid-colours', 0.0)
    """

    config: MetricConfig
    fake: Images
    real: Images | None = None
    networks: Sequence[FeatureNetwork] = ()
    work_folder: Path = field(default_factory=lambda: cache_folder() / "work")
    cache: Path | None = None
    bar: Bar = _no_bar
    stopping: Callable[[], bool] = lambda: False

    def run(self) -> list[Result]:
        """All metrics of the configuration, in its order.

        Raises:
            MetricError: A metric cannot be computed; the message says why.
            Interrupted: `stopping` said so. Features that are complete are kept, and the next call goes on with them.
        """
        self._check()
        metrics = self._metrics
        stores: list[FeatureStore] = []
        real = features = None
        if any(metric.needs_reals for metric in metrics):
            assert self.real is not None
            cache = self.cache or cache_folder() / "features"
            real = self._collected(feature_task(self.real, self.networks, with_logits=False), cache)
        if not all(metric.own_rows or metric.reconstructs for metric in metrics):
            with_logits = any(metric.needs_classes for metric in metrics)
            features = self._collected(feature_task(self.fake, self.networks, with_logits), self.work_folder)
            stores.append(features)
        results = []
        for metric in metrics:
            module = metric.load()
            rows = features
            if metric.own_rows or metric.reconstructs:
                task = (
                    self._remaking()
                    if metric.reconstructs
                    else module.task(metric.name, self.fake, self.networks, self.config)
                )
                rows = self._collected(task, self.work_folder)
                stores.append(rows)
            assert rows is not None
            own_reals = real if metric.needs_reals else None
            measured = module.measure(Rows(metric.name, self.config, self.fake, rows, own_reals))
            results.append(self._result(metric, measured, rows.count))
        for store in stores:
            store.remove()
        with contextlib.suppress(OSError):  # other evaluations still work in it
            self.work_folder.rmdir()
        return results

    @property
    def _metrics(self) -> list[Metric]:
        return [METRICS[name] for name in self.config.metrics]

    def _remaking(self) -> Task:
        """Features of the real images as the generator draws them again."""
        assert isinstance(self.fake, GeneratedImages) and self.real is not None
        remade = Reconstructions(self.real, self.fake.samplers, self.fake.model_hash)
        return feature_task(remade, self.networks, with_logits=False)

    def _collected(self, task: Task, folder: Path) -> FeatureStore:
        store = FeatureStore(folder / key_of(task.description), task.description, task.count, task.widths)
        if store.done < task.count:
            with self.bar(task.title) as bar:
                collect(task, store, bar, self.stopping)
        return store

    def _check(self) -> None:
        """What is missing is said before anything is computed."""
        for metric in self._metrics:
            name = metric.name
            if metric.needs_network and not self.networks:
                raise ValueError(f"metric {name} needs a feature network.")
            if metric.needs_reals and self.real is None:
                raise MetricError(f"metric {name} compares with real images; name a data set with --dataset.")
            if metric.needs_generator:
                if not isinstance(self.fake, GeneratedImages):
                    raise MetricError(f"metric {name} needs a generator, not a folder of images; leave it out.")
                require_capability(metric, self.fake.samplers[0].config)
            if metric.needs_classes and not self.networks[0].num_classes:
                raise MetricError(
                    f"metric {name} needs class scores, which the feature network {self.networks[0].label} does not "
                    "give; leave it out or use --feature-network inception."
                )
            least = metric.least_images(self.config)
            for images in (self.fake, self.real) if metric.needs_reals else (self.fake,):
                if images is not None and len(images) < least:
                    raise MetricError(
                        f"metric {name} needs at least {least} {images.what} images, there are {len(images)}; "
                        "add images or leave it out."
                    )

    def conversions(self) -> list[str]:
        """What was changed of the images that were read, a line for each place."""
        return [f"Note: {text}" for images in (self.fake, self.real) if images and (text := images.converted())]

    def notes(self) -> list[str]:
        """What the user should know about the numbers before comparing them."""
        counted = [metric.name for metric in self._metrics if metric.needs_network]
        lines = [f"Note: {note}" for images in (self.fake, self.real) if images is not None for note in images.notes]
        if counted and len(self.fake) < STANDARD_IMAGES:
            lines.append(
                f"Note: {', '.join(counted)} of {len(self.fake)} generated images. Published numbers are of "
                f"{STANDARD_IMAGES:,}; compare this one only with numbers of as many."
            )
        if counted and self.networks[0].label != PUBLISHED:
            lines.append(
                f"Note: the feature network is {self.networks[0].label}, not the published Inception; compare only "
                "with numbers of the same network."
            )
        return lines

    def _result(self, metric: Metric, measured: Measured, count: int) -> Result:
        manifest: dict[str, Any] = {
            "metric": metric.name,
            "settings": dict(measured.settings),
            "fake": {**self.fake.describe(), "count": count},
            "package_version": gansformer_tf.__version__,
        }
        name = metric.name
        if metric.needs_reals and self.real is not None:
            manifest["real"] = self.real.describe()
        if metric.needs_network:
            network = self.networks[0]
            manifest |= network.describe()
            if metric.by_distance:
                name = f"{name}-{network.distance_label}"
            elif network.label != PUBLISHED:
                name = f"{name}-{network.label}"
        return Result(name, dict(measured.values), manifest, dict(measured.details), tuple(measured.notes))


def require_capability(metric: Metric, generator: Any) -> None:
    """Raises `MetricError` if a metric asks more of a generator than its configuration offers."""
    if metric.capability is None:
        return
    field_name, reason = metric.capability
    if not getattr(generator, field_name):
        raise MetricError(f"metric {metric.name}: {reason}; leave {metric.name} out of --metrics.")


def require_scenes(metric: Metric, data: DataConfig) -> None:
    """Raises `MetricError` if a metric knows only scenes, and the data set is another.

    A data set that is not there (a model from elsewhere) is taken for what its name says.
    """
    if data.dataset:
        folder = Path(data.data_dir) / data.dataset
        try:
            if read_manifest(folder).source.get("format") == SceneSource.format:
                return
        except DatasetError:
            if "scene" in data.dataset.lower() and not (folder / MANIFEST).exists():
                return
    what = f"the data set {data.dataset}" if data.dataset else "a model without a data set"
    raise MetricError(
        f"metric {metric.name} knows the objects of the built-in scenes alone, and {what} has no such masks; leave "
        f"{metric.name} out, or train on images of prepare_data.py --scenes."
    )
