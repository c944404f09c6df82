"""`--metrics composition`: rows of a tiny model, numbers of constructed rows, and the command."""

from __future__ import annotations

import dataclasses
import itertools
import json

import numpy as np
import pytest

from gansformer_tf.cli import evaluation
from gansformer_tf.cli.common import UsageError
from gansformer_tf.cli.flags import COMMAND
from gansformer_tf.config import DataConfig, GANsformerConfig, MetricConfig
from gansformer_tf.config.metric_records import METRICS
from gansformer_tf.data.scenes.render import render
from gansformer_tf.drawing.sampler import Sampler
from gansformer_tf.metrics.composition import metric, segments
from gansformer_tf.metrics.composition.change import change
from gansformer_tf.metrics.composition.distributions import counts_of_found
from gansformer_tf.metrics.composition.drawn import Drawer, parts_of, redrawn, untrained
from gansformer_tf.metrics.composition.referee.referee import Referee, scaled
from gansformer_tf.metrics.errors import MetricError
from gansformer_tf.metrics.evaluate import require_scenes
from gansformer_tf.metrics.images import GeneratedImages
from gansformer_tf.metrics.record import Rows
from gansformer_tf.models import build_generator
from tests.metrics.runs import make_run

TINY = {"resolution": 8, "latent_size": 8, "channel_base": 32, "channel_max": 4}


def sampler_of(batch_size: int = 4, **fields) -> Sampler:
    config = GANsformerConfig(**TINY | {"transformer": True, "num_components": 2} | fields)
    return Sampler(build_generator(config), truncation_psi=1.0, batch_size=batch_size)


class StoredRows:
    """Rows in memory, as a store has them."""

    def __init__(self, rows, description):
        self.rows, self.description, self.count = rows, description, len(rows)

    def array(self, name):
        return self.rows


def test_segments_of_maps_are_their_largest_components():
    maps = [np.zeros((4, 4, 3)), np.zeros((8, 8, 3))]
    maps[0][:, 2:, 1] = 1.0  # the right half, weakly
    maps[1][:4, :, 2] = 3.0  # the upper half, strongly
    found = segments.combined(maps, side=8)
    assert (found[:4] == 2).all() and (found[4:, 4:] == 1).all() and (found[4:, :4] == 0).all()
    np.testing.assert_array_equal(segments.resized(np.arange(4).reshape(2, 2), 4)[[0, 3], [0, 3]], [0, 3])


def test_means_and_intervals():
    assert segments.mean_of(np.zeros(0)) == (0.0, 0.0) and segments.mean_of(np.ones(1)) == (1.0, 0.0)
    mean, half = segments.mean_of(np.array([0.0, 1.0, 0.0, 1.0]))
    assert mean == 0.5 and half == pytest.approx(1.96 * np.sqrt(1 / 3) / 2)


def test_a_part_is_drawn_again():
    for fields, names in (
        ({}, ["component 0", "component 1"]),
        ({"transformer": False, "num_components": 1}, ["coarse", "middle", "fine"]),
    ):
        config = GANsformerConfig(**TINY | {"transformer": True, "num_components": 2} | fields)
        assert [name for name, _ in parts_of(config)] == names
        shape = (3, config.num_latents, config.num_layers, config.style_dim)
        mixed = redrawn(np.zeros(shape), np.ones(shape), [0, 1, 2], config)
        assert 0 < mixed[0].mean() < 1 and not np.array_equal(mixed[0], mixed[1])
        if names[0] == "component 0":
            assert (mixed[1][1] == 1).all() and mixed[1].sum() == mixed[1][1].size
        else:
            assert mixed.sum() == config.num_layers * config.style_dim  # the groups are all layers


def test_untrained_weights_are_the_same_each_time_and_leave_random_alone():
    import random

    random.seed(5)
    wanted = random.random()
    random.seed(5)
    sampler = sampler_of()
    random.seed(5)
    first, second = (Drawer(untrained(sampler)) for _ in range(2))
    assert random.random() == wanted
    drawn = [one.draw(one.w([0], None), [0]) for one in (first, second)]
    np.testing.assert_array_equal(drawn[0].maps[0], drawn[1].maps[0])


def test_drawn_images_are_those_of_the_sampler():
    for sampler in (sampler_of(), sampler_of(transformer=False, num_components=1)):
        drawer = Drawer(sampler)
        drawn = drawer.draw(drawer.w([3, 4, 5], None), [3, 4, 5])
        samples = list(sampler.samples([3, 4, 5], with_attention=sampler.config.has_attention))
        assert np.abs(drawn.images.astype(int) - np.stack([one.pixels for one in samples])).max() <= 1
        assert drawn.features.shape[:3] == (3, 8, 8)
        for index, layer in enumerate(drawn.maps):
            np.testing.assert_allclose(layer[2], samples[2].attention[index].mean(axis=0), atol=1e-5)


def test_rows_do_not_depend_on_the_batch():
    config = MetricConfig(metrics=("composition",), images_num=10, attention_images_num=7)
    rows, tasks = [], []
    generator = sampler_of().generator
    for batch, cuts in ((4, (0, 7)), (3, (0, 2, 7))):
        images = GeneratedImages([Sampler(generator, truncation_psi=1.0, batch_size=batch)], 10, model_hash="abc")
        tasks.append(metric.task("composition", images, (), config))
        assert tasks[-1].count == 7
        pieces = itertools.pairwise(cuts)
        rows.append(np.concatenate([tasks[-1].work(0, start, stop)[0] for start, stop in pieces]))
    assert tasks[0].description == tasks[1].description
    np.testing.assert_allclose(rows[0], rows[1], atol=1e-3)
    measured = metric.measure(Rows("composition", config, images, StoredRows(rows[0], tasks[0].description)))
    assert next(iter(measured.values)) == "composition_ari"
    assert {"composition_iou_untrained", "composition_distance_real"} <= measured.values.keys()
    assert measured.values["composition_distance_real"] < measured.values["composition_distance"]
    assert any(note.startswith("DCI is left out") for note in measured.notes)
    assert json.dumps(measured.details)


def test_rows_hold_what_was_drawn():
    """Of a series' second image: its segments, those of the next seed, what moved, codes and real scene."""
    sampler = sampler_of()
    images = GeneratedImages([sampler], 4, first_seed=5)
    task = metric.task("composition", images, (), MetricConfig(metrics=("composition",), images_num=4))
    rows = task.work(0, 0, 2)[0]
    numbers = {name: part[1] for name, part in metric.split(rows, json.loads(task.description["fields"])).items()}
    drawer, referee = Drawer(sampler), Referee()
    w = drawer.w([6, 7], None)
    drawn = drawer.draw(w, [6, 7])
    before = scaled(drawn.images[:1])
    (found,) = referee(before)
    for kind, row in ((segments.COMBINED, 0), (segments.OTHER_IMAGE, 1)):
        cut = segments.combined([layer[row] for layer in drawn.maps])
        np.testing.assert_allclose(numbers[kind], segments.numbers_of(found.objects, cut, 2), atol=1e-5)
    other = drawer.w([6 + metric.FIRST_OTHER], None)
    after = scaled(drawer.draw(redrawn(w[:1], other, [6], sampler.config), [6]).images)
    changed = change(before[0], after[0], found.objects, referee(after)[0].objects)
    expected = [getattr(changed, name) for name in metric.CHANGES] if changed else [0.0] * len(metric.CHANGES)
    np.testing.assert_allclose(numbers["change"], [*expected, changed is not None, 6 % 2], atol=1e-5)
    (real,) = referee(render([metric.FIRST_REAL + 6]).images)
    np.testing.assert_array_equal(numbers["real"], counts_of_found(real))
    np.testing.assert_allclose(numbers["codes"], w[0, :, 0].ravel(), atol=1e-6)


def test_a_model_without_attention_is_measured_by_its_features():
    config = MetricConfig(metrics=("composition",), images_num=4)
    sampler = sampler_of(transformer=False, num_components=1)
    task = metric.task("composition", GeneratedImages([sampler], 4), (), config)
    assert task.description["segments"] == ["features", "colours", "places"]
    measured = metric.measure(Rows("composition", config, None, StoredRows(task.work(0, 0, 4)[0], task.description)))
    assert "this model has no attention: composition is of its features, in clusters." in measured.notes
    assert list(measured.details["change"]) == ["all", "coarse", "middle", "fine"]


def constructed(count: int, seed: int = 0):
    """Rows of a model whose components are the objects, whose maps of another image are random."""
    random = np.random.default_rng(seed)
    kinds, size = [segments.COMBINED, segments.OTHER_IMAGE], 3
    fields = metric.fields_of(kinds, size, 4)
    objects = np.zeros((64, 64), int)
    objects[5:20, 5:20], objects[40:60, 30:50] = 1, 2
    rows = []
    for index in range(count):
        codes = random.normal(size=4)
        factors = np.zeros(fields["factors"])
        factors[[0, 3, 7]] = codes[[0, 2, 3]]  # components 0 and 1 have two codes each
        parts = {
            segments.COMBINED: segments.numbers_of(objects, (objects + 1) % 3, size),
            segments.OTHER_IMAGE: segments.numbers_of(objects, random.integers(0, 3, objects.shape), size),
            "change": [1.0, 0.2, 0.5, 0.9, 0.1, float(index % 2 == 0), index % 4 // 2],
            "counts": np.eye(fields["counts"])[3],
            "real": np.zeros(fields["real"]),
            "factors": factors,
            "codes": codes,
        }
        rows.append(np.concatenate([parts[name] for name in fields]))
    description = {
        "fields": json.dumps(fields),
        "segments": kinds,
        "parts": ["component 0", "component 1"],
        "groups": [0, 0, 1, 1],
        "referee": "0" * 64,
    }
    return StoredRows(np.stack(rows).astype(np.float32), description)


def test_numbers_of_constructed_rows():
    pytest.importorskip("sklearn")
    measured = metric.measure(Rows("composition", MetricConfig(), None, constructed(200)))
    values = measured.values
    assert values["composition_ari"] == values["composition_iou"] == values["composition_purity"] == 1.0
    assert abs(values["composition_ari_other_image"]) < 0.01 and values["composition_iou_other_image"] < 0.2
    assert values["composition_change_in_one_object"] == 1.0
    assert values["composition_change_objects"] == 0.5
    # of three factors the first component tells one, the second two: it has two thirds of the importance
    known = (1 + 2 * (1 - np.log(2) / np.log(3))) / 3
    assert values["composition_disentanglement"] == pytest.approx(known, abs=0.03)
    assert values["composition_completeness"] > 0.95 and values["composition_informativeness"] > 0.7
    assert values["composition_distance_real"] == 1.0  # nothing was counted
    assert measured.details["components"]["share"] == pytest.approx([400 / 625, 0, 225 / 625])
    assert measured.details["change"]["component 1"]["objects"] == (0.5, 0.0)
    assert not measured.notes


def test_images_of_which_nothing_is_known_are_left_out():
    store = constructed(8)
    store.rows[:4, 2:4] = 0.0  # no ARI
    store.rows[4, 2] = 0.0
    measured = metric.measure(Rows("composition", MetricConfig(), None, store))
    assert measured.values["composition_ari"] == 0.75
    assert "in 4 of 8 images fewer than two objects were found." in measured.notes


def test_images_that_the_referee_cannot_read_are_refused():
    images = GeneratedImages([sampler_of(image_channels=1)], 4)
    with pytest.raises(MetricError, match="draws 8x8 pixels with 1 channels; the referee knows square scenes"):
        metric.task("composition", images, (), MetricConfig())


def test_the_command_measures_a_run_of_scenes(tmp_path, capsys):
    path, _ = make_run(tmp_path)
    evaluation.evaluate(COMMAND.read(["--eval", "--metrics", "composition"]), path.parent)
    record = json.loads((path.parent / "metric-composition.jsonl").read_text())
    assert record["manifest"]["fake"]["count"] == 16 and len(record["manifest"]["settings"]["referee_sha256"]) == 64
    assert "composition_ari" in capsys.readouterr().out


def test_what_is_not_of_scenes_is_told_in_one_line(tmp_path):
    path, config = make_run(tmp_path)
    record = METRICS["composition"]
    require_scenes(record, config.data)
    require_scenes(record, DataConfig("scenes", str(tmp_path / "nowhere")))  # a model that ships
    for data, what in (
        (DataConfig("faces", str(tmp_path)), "the data set faces has no such masks"),
        (dataclasses.replace(config.data, dataset=""), "a model without a data set has no such masks"),
    ):
        with pytest.raises(MetricError, match=what):
            require_scenes(record, data)
    manifest = tmp_path / "scenes" / "manifest.json"
    content = json.loads(manifest.read_text())
    content["source"]["format"] = "png"
    manifest.write_text(json.dumps(content))
    options = COMMAND.read(["--eval", "--metrics", "composition"])
    with pytest.raises(UsageError, match="metric composition knows the objects of the built-in scenes alone"):
        evaluation.evaluate(options, path.parent)
