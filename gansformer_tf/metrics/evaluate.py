"""Metrics of generated pictures: what each of them needs is collected once, then they are computed from disk."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import gansformer_tf
from gansformer_tf.config.metrics import STANDARD_IMAGES, MetricConfig
from gansformer_tf.data.download.cache import cache_folder
from gansformer_tf.metrics import equivariance
from gansformer_tf.metrics.attention import attention_statistics, attention_task
from gansformer_tf.metrics.collect import Task, collect, feature_task
from gansformer_tf.metrics.errors import MetricError
from gansformer_tf.metrics.fid import frechet_distance
from gansformer_tf.metrics.inception_score import inception_score
from gansformer_tf.metrics.kid import kid
from gansformer_tf.metrics.networks import FeatureNetwork
from gansformer_tf.metrics.path_length import path_task, trimmed_mean
from gansformer_tf.metrics.pictures import GeneratedPictures, Pictures
from gansformer_tf.metrics.precision_recall import precision_recall
from gansformer_tf.metrics.results import Result
from gansformer_tf.metrics.store import FeatureStore, key_of

OF_FEATURES = ("fid", "kid", "is", "pr")
WITH_REALS = ("fid", "kid", "pr")
WITH_NETWORK = (*OF_FEATURES, "ppl")
OF_GENERATOR = ("ppl", "attention", *equivariance.METRICS)

# A progress bar: a context that is called with (done, in all).
Bar = Callable[[str], AbstractContextManager[Callable[[int, int], None]]]


def _no_bar(title: str) -> AbstractContextManager[Callable[[int, int], None]]:
    return nullcontext(lambda done, total: None)


@dataclass(frozen=True)
class Evaluation:
    """Measures generated pictures.

    Attributes:
        config: Which metrics, and their settings.
        fake: Generated pictures.
        real: Real pictures; needed by FID, KID and precision/recall.
        networks: The feature network, once for each device; needed by all but attention and equivariance.
        work_folder: Where features of generated pictures wait until all metrics are done.
        cache: Where features of real pictures are kept; None: `cache_folder() / "features"`.
        bar: Makes progress bars.
        stopping: Asked now and then; True ends the evaluation with `Interrupted`.
    """

    config: MetricConfig
    fake: Pictures
    real: Pictures | None = None
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
        metrics = self.config.metrics
        self._check()
        stores: list[FeatureStore] = []
        real = fake = None
        if any(metric in WITH_REALS for metric in metrics):
            assert self.real is not None
            cache = self.cache or cache_folder() / "features"
            real = self._collected(feature_task(self.real, self.networks, with_logits=False), cache)
        if any(metric in OF_FEATURES for metric in metrics):
            task = feature_task(self.fake, self.networks, with_logits="is" in metrics)
            fake = self._collected(task, self.work_folder)
            stores.append(fake)
        results = []
        for metric in metrics:
            if metric in OF_FEATURES:
                assert fake is not None
                results.append(self._of_features(metric, real, fake))
            else:
                store = self._collected(self._generator_task(metric), self.work_folder)
                stores.append(store)
                results.append(self._of_generator(metric, store))
        for store in stores:
            store.remove()
        with contextlib.suppress(OSError):  # other evaluations still work in it
            self.work_folder.rmdir()
        return results

    def _collected(self, task: Task, folder: Path) -> FeatureStore:
        store = FeatureStore(folder / key_of(task.description), task.description, task.count, task.widths)
        if store.done < task.count:
            with self.bar(task.title) as bar:
                collect(task, store, bar, self.stopping)
        return store

    def _check(self) -> None:
        """What is missing is said before anything is computed."""
        config, metrics = self.config, self.config.metrics
        if any(metric in WITH_NETWORK for metric in metrics) and not self.networks:
            raise ValueError("these metrics need a feature network.")
        for metric in metrics:
            if metric in WITH_REALS and self.real is None:
                raise MetricError(f"metric {metric} compares with real pictures; name a data set with --dataset.")
            if metric in OF_GENERATOR and not isinstance(self.fake, GeneratedPictures):
                raise MetricError(f"metric {metric} needs a generator, not a folder of pictures; leave it out.")
            if metric in equivariance.METRICS and isinstance(self.fake, GeneratedPictures):
                equivariance.require_movable(self.fake.samplers[0].generator, metric)
        if "is" in metrics and not self.networks[0].num_classes:
            raise MetricError(
                f"metric is needs class scores, which the feature network {self.networks[0].label} does not give; "
                "leave it out or use --feature-network inception."
            )
        least = {"fid": 2, "kid": 2, "is": config.is_splits}
        least["pr"] = max(config.pr_neighbours, config.density_neighbours) + 1
        for metric in metrics:
            for pictures in (self.fake, self.real) if metric in WITH_REALS else (self.fake,):
                if pictures is not None and len(pictures) < least.get(metric, 1):
                    raise MetricError(
                        f"metric {metric} needs at least {least[metric]} {pictures.what} images, there are "
                        f"{len(pictures)}; add images or leave it out."
                    )

    def notes(self) -> list[str]:
        """What the user should know about the numbers before comparing them."""
        counted = [metric for metric in self.config.metrics if metric in WITH_NETWORK]
        lines = []
        if counted and len(self.fake) < STANDARD_IMAGES:
            lines.append(
                f"Note: {', '.join(counted)} of {len(self.fake)} generated images. Published numbers are of "
                f"{STANDARD_IMAGES:,}; compare this one only with numbers of as many."
            )
        if counted and self.networks[0].label != "inception":
            lines.append(
                f"Note: the feature network is {self.networks[0].label}, not the published Inception; compare only "
                "with numbers of the same network."
            )
        return lines

    def _of_features(self, metric: str, real: FeatureStore | None, fake: FeatureStore) -> Result:
        config = self.config
        if metric == "is":
            score = inception_score(fake.array("logits"), config.is_splits)
            return self._result(metric, {"is": score.mean, "is_std": score.std}, {"splits": config.is_splits})
        assert real is not None
        if metric == "fid":
            value = frechet_distance(real.moments(config.fid_ddof, "real"), fake.moments(config.fid_ddof, "generated"))
            return self._result(metric, {"fid": value}, {"ddof": config.fid_ddof})
        x, y = real.array("features"), fake.array("features")
        if metric == "kid":
            found = kid(x, y, config.kid_subsets, config.kid_subset_size, config.seed)
            settings = {"subsets": config.kid_subsets, "subset_size": found.subset_size, "seed": config.seed}
            return self._result(metric, {"kid": found.mean, "kid_std": found.std}, settings)
        shares = precision_recall(x, y, config.pr_neighbours, config.density_neighbours)
        settings = {"neighbours": config.pr_neighbours, "density_neighbours": config.density_neighbours}
        return self._result(metric, dataclasses.asdict(shares), settings)

    def _generator_task(self, metric: str) -> Task:
        config, fake = self.config, self.fake
        assert isinstance(fake, GeneratedPictures)
        if metric == "ppl":
            return path_task(
                fake.samplers,
                self.networks,
                len(fake),
                space=config.ppl_space,
                sampling=config.ppl_sampling,
                labels=fake.labels,
                model_hash=fake.model_hash,
            )
        if metric == "attention":
            count = min(len(fake), config.attention_images_num)
            return attention_task(fake.samplers, count, fake.labels, fake.model_hash)
        return equivariance.equivariance_task(metric, fake.samplers, len(fake), fake.labels, fake.model_hash)

    def _of_generator(self, metric: str, store: FeatureStore) -> Result:
        rows, config = store.array("features"), self.config
        if metric == "ppl":
            settings = {key: store.description[key] for key in ("space", "sampling", "epsilon")}
            return self._result(metric, {"ppl": trimmed_mean(rows[:, 0])}, settings)
        if metric == "attention":
            assert isinstance(self.fake, GeneratedPictures)
            found = attention_statistics(rows, self.fake.samplers[0].config.num_components)
            values = {
                "attention_entropy": found.entropy,
                "attention_effective_components": found.effective_components,
                "attention_unused_components": float(found.unused_components),
            }
            details = {"layer_entropies": found.layer_entropies, "usage": found.usage}
            return self._result(metric, values, {"images": config.attention_images_num}, details)
        errors, compared = np.asarray(rows).sum(axis=0, dtype=np.float64)
        return self._result(metric, {metric: equivariance.psnr(errors, compared)}, {})

    def _result(
        self,
        metric: str,
        values: Mapping[str, float],
        settings: Mapping[str, Any],
        details: Mapping[str, Any] | None = None,
    ) -> Result:
        manifest: dict[str, Any] = {
            "metric": metric,
            "settings": dict(settings),
            "fake": self.fake.describe(),
            "package_version": gansformer_tf.__version__,
        }
        name = metric
        if metric in WITH_REALS and self.real is not None:
            manifest["real"] = self.real.describe()
        if metric in WITH_NETWORK:
            network = self.networks[0]
            manifest |= network.describe()
            # path lengths are of features, not of the perceptual distance of papers
            name = metric if network.label == "inception" and metric != "ppl" else f"{metric}-{network.label}"
        return Result(name, dict(values), manifest, dict(details or {}))
