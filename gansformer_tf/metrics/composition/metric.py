"""`--metrics composition`: everything of this folder on one model of scenes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gansformer_tf.config.metrics import MetricConfig
from gansformer_tf.data.scenes.render import render
from gansformer_tf.metrics.collect import Task
from gansformer_tf.metrics.composition import dci, segments
from gansformer_tf.metrics.composition.change import change
from gansformer_tf.metrics.composition.clusters import clusters_of_places
from gansformer_tf.metrics.composition.distributions import (
    KINDS,
    NUM_FACTORS,
    counts_of_found,
    distance,
    factors_of,
    parts,
    read_known,
)
from gansformer_tf.metrics.composition.drawn import Drawer, parts_of, redrawn, untrained
from gansformer_tf.metrics.composition.referee.referee import Referee, scaled
from gansformer_tf.metrics.composition.referee.scheme import SIDE
from gansformer_tf.metrics.errors import MetricError
from gansformer_tf.metrics.images import GeneratedImages
from gansformer_tf.metrics.record import Measured, Rows

FIRST_OTHER = 1_000_003  # the part that is drawn again is that of the seed so much further on
FIRST_REAL = 4_000_000  # seeds of the real scenes that are the floor; no data set and no training has them
CHANGES = ("in_one_object", "if_even", "objects", "background", "pixels")


def fields_of(kinds: Sequence[str], count: int, codes: int) -> dict[str, int]:
    """Names of the parts of a row, and their lengths."""
    counts = sum(KINDS.values())
    return {
        **{kind: segments.width(count) for kind in kinds},
        "change": len(CHANGES) + 2,  # then 1 where there is one, and the number of the part
        "counts": counts,
        "real": counts,
        "factors": NUM_FACTORS,
        "codes": codes,
    }


def split(rows: np.ndarray, fields: Mapping[str, int]) -> dict[str, np.ndarray]:
    """Rows `[N, ...]` by name."""
    return dict(zip(fields, np.split(rows, np.cumsum(list(fields.values()))[:-1], axis=1), strict=True))


def task(name: str, images: GeneratedImages, networks: Sequence[object], config: MetricConfig) -> Task:
    """Rows of the first images of a generator.

    Raises:
        MetricError: The images are not square ones of three channels.
    """
    sampler = images.samplers[0]
    height, width = sampler.image_size
    if height != width or sampler.config.image_channels != 3:
        raise MetricError(
            f"metric {name}: the model draws {height}x{width} pixels with {sampler.config.image_channels} channels; "
            f"the referee knows square scenes in colour. Leave {name} out of --metrics."
        )
    workers = [_Worker(images, device) for device in range(len(images.samplers))]
    fields = fields_of(workers[0].kinds, workers[0].count, sampler.config.num_latents * sampler.config.style_dim)

    def work(device: int, start: int, stop: int) -> tuple[np.ndarray, np.ndarray]:
        rows = workers[device].rows(start, stop)
        return rows, np.zeros((len(rows), 0), np.float32)

    count = min(len(images), config.attention_images_num)
    description = {
        "kind": name,
        **images.describe(),
        "count": count,
        "fields": json.dumps(fields),  # as text, which keeps its order
        "segments": workers[0].kinds,
        "parts": [part for part, _ in parts_of(sampler.config)],
        "groups": _groups(sampler.config).tolist(),
        "referee": workers[0].referee.sha256,
    }
    return Task(
        title="composition",
        what="generated",
        count=count,
        widths=(sum(fields.values()), 0),
        description=description,
        work=work,
        devices=len(images.samplers),
        portion=sampler.batch_size,
    )


def _groups(config: Any) -> np.ndarray:
    """The component of every number of z's image in w; of a model with one latent, every number by itself."""
    if config.num_latents == 1:
        return np.arange(config.style_dim)
    return np.repeat(np.arange(config.num_latents), config.style_dim)


class _Worker:
    """Makes rows on one device."""

    def __init__(self, images: GeneratedImages, device: int) -> None:
        self.images, self.sampler = images, images.samplers[device]
        self.config = self.sampler.config
        self.referee, self.drawer = Referee(device=self.sampler.device), Drawer(self.sampler)
        self.fresh = Drawer(untrained(self.sampler)) if self.config.has_attention else None
        several = self.config.num_components > 1
        self.count = self.config.num_components if several else segments.STANDARD_SEGMENTS
        self.places = clusters_of_places(SIDE, self.count)
        probe = self.drawer.draw(self.drawer.w([0], self._labels([0], 0)), [0])
        self.kinds = segments.kinds_of(len(probe.maps), probe.features is not None)

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Rows of images `start` to `stop`; one more is drawn, whose maps are those of another image for the last."""
        first = self.images.first_seed
        seeds = list(range(first + start, first + stop + 1))
        labels = self._labels(seeds, start)
        own = self.drawer.w(seeds, labels)
        drawn = self.drawer.draw(own, seeds)
        fresh = self.fresh.draw(self.fresh.w(seeds, labels), seeds).maps if self.fresh else []
        seeds, own, labels = seeds[:-1], own[:-1], None if labels is None else labels[:-1]
        others = self.drawer.w([seed + FIRST_OTHER for seed in seeds], labels)
        again = self.drawer.draw(redrawn(own, others, seeds, self.config), seeds).images
        real = self.referee(render([FIRST_REAL + number for number in range(first + start, first + stop)]).images)
        before, after = scaled(drawn.images[:-1]), scaled(again)
        found, found_after = self.referee(before), self.referee(after)
        rows = []
        for row, seed in enumerate(seeds):
            objects = found[row].objects
            cut = segments.segments_of(
                [layer[row] for layer in drawn.maps],
                [layer[row + 1] for layer in drawn.maps],
                [layer[row] for layer in fresh],
                None if drawn.features is None else drawn.features[row],
                before[row],
                self.places,
                self.count,
            )
            changed = change(before[row], after[row], objects, found_after[row].objects)
            part = seed % len(parts_of(self.config))
            counts = counts_of_found(found[row])
            rows.append(
                np.concatenate(
                    [
                        *(segments.numbers_of(objects, cut[kind], self.count) for kind in self.kinds),
                        [getattr(changed, one) if changed else 0.0 for one in CHANGES],
                        [float(changed is not None), part],
                        counts,
                        counts_of_found(real[row]),
                        factors_of(counts, found[row].places),
                        own[row, :, 0].reshape(-1),
                    ]
                )
            )
        return np.stack(rows).astype(np.float32)

    def _labels(self, seeds: Sequence[int], start: int) -> np.ndarray | None:
        if self.images.labels is None:
            return self.sampler.labels(seeds)
        return self.images.labels[np.minimum(np.arange(start, start + len(seeds)), len(self.images.labels) - 1)]


def measure(rows: Rows) -> Measured:
    """Means over the images, and what they are compared with."""
    description = rows.fake.description
    numbers = split(np.asarray(rows.fake.array("features")), json.loads(description["fields"]))
    kinds, notes = description["segments"], []
    maps = {kind: segments.summary(numbers[kind]) for kind in kinds}
    main = kinds[0]
    if main != segments.COMBINED:
        notes.append(f"this model has no attention: composition is of its {main}, in clusters.")
    seen = int(numbers[main][:, 3].sum())
    if seen < rows.fake.count:
        notes.append(f"in {rows.fake.count - seen} of {rows.fake.count} images fewer than two objects were found.")
    changes = _changes(numbers["change"], description["parts"])
    distances = {
        name: {
            "generated": distance(parts(numbers["counts"])[name].sum(axis=0), known),
            "real": distance(parts(numbers["real"])[name].sum(axis=0), known),
        }
        for name, known in read_known().items()
    }
    values = {f"composition_{name}": maps[main][name][0] for name in ("ari", "iou", "purity")}
    for kind in (segments.OTHER_IMAGE, segments.UNTRAINED, segments.FEATURES, segments.PLACES):
        if kind in maps and kind != main:
            values |= {f"composition_{name}_{kind.replace(' ', '_')}": maps[kind][name][0] for name in ("ari", "iou")}
    for name in CHANGES[:-1]:
        values[f"composition_change_{name}"] = changes["all"][name][0]
    try:
        found = dci.measured(numbers["codes"], numbers["factors"], np.asarray(description["groups"]))
        values |= {f"composition_{name}": value for name, value in vars(found).items()}
    except MetricError as error:
        notes.append(f"DCI is left out: {error}")
    for side, label in (("generated", "composition_distance"), ("real", "composition_distance_real")):
        values[label] = float(np.mean([distances[name][side] for name in distances]))
    details = {
        "maps": maps,
        "components": segments.components(numbers[main]),
        "change": changes,
        "distances": distances,
        "objects": segments.mean_of(numbers["factors"][:, 0]),
    }
    return Measured(values, {"images": rows.fake.count, "referee_sha256": description["referee"]}, details, notes)


def _changes(rows: np.ndarray, names: Sequence[str]) -> dict[str, dict[str, tuple[float, float]]]:
    """(mean, half of the interval) of every number of `CHANGES`, over all images and for each part by itself."""
    known, part = rows[:, -2] > 0, rows[:, -1]
    chosen = {"all": known} | {name: known & (part == index) for index, name in enumerate(names)}
    return {
        title: {name: segments.mean_of(rows[mask, column]) for column, name in enumerate(CHANGES)}
        for title, mask in chosen.items()
    }
