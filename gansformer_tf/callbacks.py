"""Keras callbacks for `gansformer_tf.GAN`: sheets of samples, and metrics that Keras's own callbacks can watch."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from gansformer_tf.api.batches import parts_of
from gansformer_tf.config import ConfigError, MetricConfig
from gansformer_tf.config.base import require_positive
from gansformer_tf.config.metric_records import METRICS
from gansformer_tf.drawing.sampler import Sampler
from gansformer_tf.image_files import SHEET, SOFTWARE, save_image
from gansformer_tf.metrics.evaluate import Evaluation, require_capability
from gansformer_tf.metrics.images import GeneratedImages, Images
from gansformer_tf.metrics.networks import check_name, feature_network
from gansformer_tf.metrics.results import scalars
from gansformer_tf.visualize.grids import image_grid

__all__ = ["Metrics", "SampleGrid"]


class SampleGrid(keras.callbacks.Callback):
    """Writes a sheet of images of the averaged weights, always of the same seeds: `<folder>/epoch-0003.png`.

    Args:
        folder: Made if it is not there.
        every: Epochs between two sheets; the last epoch's is written too.
        rows: Of a sheet; its seeds are 0 to `rows * columns - 1`.
        columns: Of a sheet.
        truncation_psi: Quality against variety.

    Raises:
        ConfigError: A number below 1.

    Example:

    >>> sheets = gf.callbacks.SampleGrid("samples", every=2)
    >>> gan.fit(data, epochs=10, callbacks=[sheets])  # doctest: +SKIP
    """

    def __init__(
        self, folder: str | Path, every: int = 1, rows: int = 4, columns: int = 8, truncation_psi: float = 0.7
    ) -> None:
        super().__init__()
        for name, value in (("every", every), ("rows", rows), ("columns", columns)):
            require_positive(name, value)
        self.folder, self.every, self.rows, self.columns = Path(folder).expanduser(), every, rows, columns
        self.truncation_psi = truncation_psi

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if _is_due(epoch, self.every, self.params):
            images = self.model.sample(range(self.rows * self.columns), truncation_psi=self.truncation_psi)
            self.folder.mkdir(parents=True, exist_ok=True)
            about = {"software": SOFTWARE, "kind": SHEET}
            save_image(self.folder / f"epoch-{epoch + 1:04d}.png", image_grid(images, self.columns), about)


class Metrics(keras.callbacks.Callback):
    """Measures the averaged weights and adds the numbers to the logs of the epoch, such as "val_fid".

    Put it before callbacks that look at them: `ModelCheckpoint(monitor="val_fid", mode="min")`, `CSVLogger`,
    `TensorBoard`. The features of real images are computed once.

    Args:
        metrics: Names, such as "fid", "kid", "is" or "ppl"; `run_network.py --metrics` knows the same ones.
        reals: A finite dataset as `fit` takes it, of the real images to compare with; None: those that `fit` is given.
        every: Epochs between two measurements; the first and the last epoch are measured too. Epochs in between repeat
            the last numbers, so that `ModelCheckpoint` sees no better ones.
        images_num: Generated images, and at most so many real ones. Published numbers are of 50,000: with fewer, FID
            is larger, so compare only numbers of as many.
        network: Of features: "inception" (the published one, whose weights are downloaded once), or another name
            that `run_network.py --feature-network` takes, such as "efficientnet-lite0".
        batch_size: Images at once in that network.
        seed: Of choices that metrics make.

    Raises:
        ConfigError: An unknown metric, or a value that breaks a rule; while training: real images without an end.
        MetricError: While training: the generator does not fit a metric, or the network's weights cannot be had.

    Example:

    >>> data = gf.data.images_from_directory("birds", resolution=64, batch_size=16)
    >>> metrics = gf.callbacks.Metrics(["fid"], every=5, images_num=2000)
    >>> best = keras.callbacks.ModelCheckpoint("best.weights.h5", "val_fid", mode="min", save_best_only=True,
    ...                                        save_weights_only=True)
    >>> gan.fit(data, epochs=50, callbacks=[metrics, best])  # doctest: +SKIP
    """

    def __init__(
        self,
        metrics: Sequence[str] = ("fid",),
        reals: Any = None,
        every: int = 1,
        images_num: int = 2000,
        network: str = "inception",
        batch_size: int = 32,
        seed: int = 0,
    ) -> None:
        super().__init__()
        require_positive("every", every)
        if isinstance(metrics, str):
            raise ConfigError(f"metrics is {metrics!r}; give a list of names, such as [{metrics!r}].")
        check_name(network)
        self.config = MetricConfig(
            metrics=tuple(metrics), images_num=images_num, network=network, batch_size=batch_size, seed=seed
        )
        self.reals, self.every = reals, every
        self._held: Any = None  # what self._reals was read from
        self._reals: _HeldImages | None = None
        self._networks: list[Any] = []
        self._last: dict[str, float] = {}

    def on_train_begin(self, logs: Any = None) -> None:
        self._last = {}
        for name in self.config.metrics:
            require_capability(METRICS[name], self.model.model_config.generator)
        reals = self.model.data if self.reals is None else self.reals
        if any(METRICS[name].needs_reals for name in self.config.metrics) and self._held is not reals:
            self._reals, self._held = _HeldImages(reals, self.config.images_num), reals
        if not self._networks and any(METRICS[name].needs_network for name in self.config.metrics):
            self._networks = [feature_network(self.config.network, batch_size=self.config.batch_size)]

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if not self._last or _is_due(epoch, self.every, self.params):
            self._last = self._measured(epoch)
        if logs is not None:
            logs.update(self._last)

    def _measured(self, epoch: int) -> dict[str, float]:
        config = self.config
        sampler = Sampler(self.model.ema_generator, truncation_psi=1.0, batch_size=config.batch_size)
        fake = GeneratedImages([sampler], config.images_num, model_hash=f"epoch {epoch}")
        with tempfile.TemporaryDirectory() as folder:  # unfinished features are of no use after this
            evaluation = Evaluation(config, fake, self._reals, self._networks, work_folder=Path(folder) / "work")
            found = scalars(evaluation.run())
        return {f"val_{name.removeprefix('metric/')}": value for name, value in found.items()}


class _HeldImages(Images):
    """The first images of a dataset, in memory."""

    def __init__(self, data: Any, limit: int) -> None:
        if int(data.cardinality()) == -1:  # tf.data's word for endless
            raise ConfigError("reals has no end; give a finite dataset, such as reals.take(100).")
        images: list[np.ndarray] = []
        for element in data:
            images.extend(np.asarray(parts_of(element)[0]))
            if len(images) >= limit:
                break
        self.images = np.stack(images[:limit])

    def __len__(self) -> int:
        return len(self.images)

    def read(self, start: int, stop: int, worker: int = 0) -> np.ndarray:
        return self.images[start:stop]

    def describe(self) -> dict[str, Any]:
        return {"pixels_hash": hashlib.sha256(self.images.tobytes()).hexdigest(), "count": len(self)}


def _is_due(epoch: int, every: int, params: dict[str, Any]) -> bool:
    return (epoch + 1) % every == 0 or epoch + 1 == params.get("epochs")
