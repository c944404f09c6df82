"""Rows of numbers for every image into a store: streamed, on several devices, resumable."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np

from gansformer_tf.metrics.blocks import require_finite
from gansformer_tf.metrics.images import Images
from gansformer_tf.metrics.networks import FeatureNetwork
from gansformer_tf.metrics.store import FeatureStore

# Images between two entries on disk: little is lost in a crash, and writing takes no time worth noting.
CHUNK = 256
# Images between two looks at whether to stop: on a CPU a whole portion takes minutes.
PIECE = 32


class Interrupted(Exception):
    """The user asked to stop; what is complete is kept, and the same command goes on from there."""


@dataclass(frozen=True)
class Task:
    """Numbers to compute for `count` images.

    Attributes:
        title: For the progress bar.
        what: What the images are, for messages.
        count: How many.
        widths: Numbers in a row of "features" and of "logits".
        description: What decides the numbers; names the stored rows.
        work: (device, first image, end) -> rows `[n, widths[0]]` and `[n, widths[1]]`. Rows must not depend on how
            the images are cut into portions.
        devices: How many devices `work` knows.
        threads: Calls of `work` at once on each device.
        portion: Least number of images worth a call.
    """

    title: str
    what: str
    count: int
    widths: tuple[int, int]
    description: Mapping[str, Any]
    work: Callable[[int, int, int], tuple[np.ndarray, np.ndarray]]
    devices: int = 1
    threads: int = 1
    portion: int = 1


def feature_task(images: Images, networks: Sequence[FeatureNetwork], with_logits: bool) -> Task:
    """Features of images; `networks` holds one network per device."""

    def work(device: int, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        features, logits = networks[device](images.read(start, stop, device))
        return features, logits if with_logits else logits[:, :0]

    network = networks[0]
    return Task(
        title=f"{images.what} images",
        what=images.what,
        count=len(images),
        widths=(network.feature_dim, network.num_classes if with_logits else 0),
        description={**images.describe(), **network.describe(), "logits": with_logits},
        work=work,
        devices=len(networks),
        threads=images.readers,
        portion=network.batch_size,
    )


def collect(
    task: Task,
    store: FeatureStore,
    on_progress: Callable[[int, int], None] | None = None,
    stopping: Callable[[], bool] = lambda: False,
) -> None:
    """Fills a store up to the number of images.

    Memory holds two portions per device and thread, however many images there are. Which device computes what does
    not show in the result.

    Args:
        task: What to compute.
        store: Where rows go; what it holds already is not computed again.
        on_progress: Called with (images done, images in all).
        stopping: Asked before every portion, and within it.

    Raises:
        MetricError: Images that cannot be read, or numbers that are not finite.
        Interrupted: `stopping` said so.
    """
    report = on_progress or (lambda done, total: None)

    def work(device: int, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        pieces = []
        for first in range(start, stop, max(PIECE, task.portion)):
            if stopping():
                raise Interrupted
            pieces.append(task.work(device, first, min(first + max(PIECE, task.portion), stop)))
        rows, logits = (np.concatenate(parts) for parts in zip(*pieces, strict=True))
        require_finite(rows, task.what, start)
        return rows, logits

    with store.lock(), ExitStack() as stack:
        done = store.done
        report(done, task.count)
        # small sets are cut finer, so that every device has something to do and the bar moves
        portion = min(CHUNK, max(task.portion, -(-task.count // (8 * task.devices))))
        pools = [stack.enter_context(ThreadPoolExecutor(task.threads)) for _ in range(task.devices)]
        waiting: deque = deque()
        for index, start in enumerate(range(done, task.count, portion)):
            if stopping():
                for future in waiting:
                    future.cancel()
                raise Interrupted
            device = index % task.devices
            waiting.append(pools[device].submit(work, device, start, min(start + portion, task.count)))
            if len(waiting) > task.devices * task.threads:
                store.append(*waiting.popleft().result())
                report(store.done, task.count)
        while waiting:
            store.append(*waiting.popleft().result())
            report(store.done, task.count)
