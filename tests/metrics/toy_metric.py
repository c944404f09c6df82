"""A metric of another package: how bright generated images are."""

from __future__ import annotations

import numpy as np

from gansformer_tf.config.metric_records import Metric
from gansformer_tf.metrics.collect import Task
from gansformer_tf.metrics.record import Measured, Rows

BRIGHTNESS = Metric(
    "brightness",
    __name__,
    own_rows=True,
    less_is_better=True,
    least_images=lambda config: 3,
    aliases={"light50k": {"images_num": 10}},
)


def task(name, images, networks, config):
    def work(device: int, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        means = images.read(start, stop, device).mean(axis=(1, 2, 3), dtype=np.float64)
        return means[:, None].astype(np.float32), np.zeros((len(means), 0), np.float32)

    return Task(name, images.what, len(images), (1, 0), {"kind": name, **images.describe()}, work)


def measure(rows: Rows) -> Measured:
    values = rows.fake.array("features")
    return Measured({"brightness": float(values.mean())}, notes=["brightness is a toy."])
