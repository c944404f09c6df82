"""Whole evaluations: the same number whatever the batches, devices and crashes, with all that decided it beside it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gansformer_tf.config import ConfigError, MetricConfig
from gansformer_tf.config.data import DataConfig
from gansformer_tf.drawing.noise import repeat_noise
from gansformer_tf.drawing.sampler import Sampler
from gansformer_tf.metrics import collect
from gansformer_tf.metrics.attention import attention_row, attention_statistics
from gansformer_tf.metrics.collect import Interrupted
from gansformer_tf.metrics.errors import MetricError
from gansformer_tf.metrics.evaluate import Evaluation
from gansformer_tf.metrics.images import DatasetImages, FolderImages, GeneratedImages, open_images
from gansformer_tf.metrics.path_length import EPSILON, path_task
from gansformer_tf.metrics.results import read_results, result_line, scalars, table, write_results
from gansformer_tf.metrics.store import FeatureStore
from tests.metrics.tiny import FEATURES, tiny_dataset, tiny_network
from tests.visualize.fakes import FakeGenerator, tiny_config

ALL = ("fid", "kid", "is", "pr", "ppl", "attention")
COUNT = 20


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return tiny_dataset(tmp_path_factory.mktemp("data"))


@pytest.fixture
def measure(dataset, tmp_path):
    """Evaluates a fake generator; returns the numbers by name."""

    def run(metrics=ALL, batch=4, network_batch=8, devices=1, generator=None, stopping=lambda: False, **options):
        samplers = [Sampler(generator or FakeGenerator(), truncation_psi=1.0, batch_size=batch) for _ in range(devices)]
        settings = {"images_num": COUNT, "kid_subset_size": 8, "kid_subsets": 5, "is_splits": 2}
        evaluation = Evaluation(
            MetricConfig(metrics=metrics, **settings),
            options.get("fake") or GeneratedImages(samplers, COUNT, model_hash="abc"),
            options.get("real") or DatasetImages(DataConfig(dataset.name, str(dataset.parent))),
            [tiny_network(network_batch, options.get("logits", True)) for _ in range(devices)],
            work_folder=tmp_path / "work",
            cache=tmp_path / options.get("cache", "cache"),
            stopping=stopping,
        )
        return evaluation.run()

    return run


def numbers(results):
    return {name: value for result in results for name, value in result.values.items()}


def test_batches_and_devices_do_not_change_a_number(measure):
    first = numbers(measure())
    assert {"fid", "kid", "kid_std", "is", "is_std", "precision", "recall", "density", "coverage", "ppl"} <= set(first)
    for options in ({"batch": 7, "network_batch": 3}, {"devices": 2, "network_batch": 5, "cache": "other"}):
        again = numbers(measure(**options))
        assert again.keys() == first.keys()
        for name, value in first.items():
            # PPL divides by the square of a small step, which amplifies the rounding of products of other sizes.
            bound = 1e-3 if name == "ppl" else 1e-4
            assert again[name] == pytest.approx(value, rel=bound, abs=1e-6), (options, name)


def test_the_same_evaluation_gives_the_same_numbers(measure):
    assert numbers(measure()) == numbers(measure(cache="fresh"))


def test_an_interrupted_evaluation_goes_on(measure, tmp_path, monkeypatch):
    whole = numbers(measure(("fid",)))
    asked, drawn = [], []

    def stopping():
        asked.append(1)
        return len(asked) > 6

    draw = Sampler.draw

    def counted(self, seeds, *arguments, **options):
        drawn.extend(seeds)
        return draw(self, seeds, *arguments, **options)

    monkeypatch.setattr(Sampler, "draw", counted)
    monkeypatch.setattr(collect, "CHUNK", 2)
    with pytest.raises(Interrupted):
        measure(("fid",), stopping=stopping)
    before = len(drawn)
    assert 0 < before < COUNT
    (progress,) = (tmp_path / "work").rglob("progress.json")
    done = json.loads(progress.read_text())["rows"]
    assert 0 < done < COUNT
    with open(progress.with_name("features.f32"), "ab") as file:  # what a crash in the middle of a write leaves
        file.write(b"half a row")
    assert numbers(measure(("fid",))) == pytest.approx(whole)
    assert len(drawn) - before == COUNT - done
    assert not list(tmp_path.glob("work/*"))


def test_real_features_are_kept_until_the_data_set_changes(measure, dataset, monkeypatch):
    measure(("fid",))
    read, counts = DatasetImages.read, []

    def counted(self, start, stop, worker=0):
        counts.append(stop - start)
        return read(self, start, stop, worker)

    monkeypatch.setattr(DatasetImages, "read", counted)
    measure(("fid", "pr"))
    assert not counts
    data = DataConfig(dataset.name, str(dataset.parent), mirror=True)
    measure(("fid",), real=DatasetImages(data))
    assert sum(counts) == 2 * 24
    manifest = dataset / "manifest.json"
    text = manifest.read_text()
    manifest.write_text(text + "\n")
    try:
        measure(("fid",))
    finally:
        manifest.write_text(text)
    assert sum(counts) == 3 * 24


def test_real_images_are_those_of_training(dataset):
    data = DataConfig(dataset.name, str(dataset.parent))
    plain = DatasetImages(data).read(0, 24)
    mirrored = DatasetImages(DataConfig(dataset.name, str(dataset.parent), mirror=True))
    assert len(mirrored) == 48
    np.testing.assert_array_equal(mirrored.read(0, 24), plain)
    np.testing.assert_array_equal(mirrored.read(24, 48), plain[:, :, ::-1])
    cropped = DatasetImages(DataConfig(dataset.name, str(dataset.parent), ratio=0.5)).read(3, 5)
    np.testing.assert_array_equal(cropped, plain[3:5, 4:12])
    some = DatasetImages(DataConfig(dataset.name, str(dataset.parent), max_images=12), limit=5, seed=1)
    assert len(some) == 5
    assert set(some.numbers) <= set(range(0, 24, 2))
    assert some.describe() != DatasetImages(DataConfig(dataset.name, str(dataset.parent)), limit=5).describe()


def test_labels_are_as_frequent_as_in_the_data_set(tmp_path):
    from gansformer_tf.config.data import PrepareConfig, SourceOptions
    from gansformer_tf.data.prepare.prepare import prepare
    from gansformer_tf.data.sources.open import open_source

    for index in range(12):
        path = tmp_path / "images" / ("rare" if index < 3 else "often") / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((16, 16, 3), 20 * index, np.uint8)).save(path)
    source = open_source(tmp_path / "images", options=SourceOptions(labels="folders"))
    prepare(source, PrepareConfig(name="two", resolution=16), tmp_path)
    images = DatasetImages(DataConfig("two", str(tmp_path), use_labels=True))
    labels = images.labels(2000)
    assert labels.shape == (2000, 2)
    assert labels.sum(axis=0) == pytest.approx([1500, 500], abs=100)
    assert DatasetImages(DataConfig("two", str(tmp_path))).labels(10) is None


def test_the_manifest_says_what_decided_the_number(measure):
    fid, ppl, attention = measure(("fid", "ppl", "attention"))
    assert fid.name == "fid-tiny"  # plain "fid" is kept for the published network
    assert fid.manifest["settings"] == {"ddof": 1}
    assert fid.manifest["network"] == "tiny"
    assert len(fid.manifest["network_sha256"]) == 64
    assert fid.manifest["fake"]["snapshot_hash"] == "abc"
    assert fid.manifest["fake"]["count"] == COUNT
    assert fid.manifest["real"]["resize_filter"] == "lanczos"
    assert len(fid.manifest["real"]["dataset_hash"]) == 64
    assert fid.manifest["package_version"]
    assert ppl.manifest["settings"] == {"space": "w", "sampling": "end", "epsilon": EPSILON}
    assert attention.name == "attention"
    assert len(attention.details["usage"]) == 4


def test_attention_counts_the_images_that_it_draws(dataset, tmp_path):
    images = GeneratedImages([Sampler(FakeGenerator(), truncation_psi=1.0)], 20)
    config = MetricConfig(metrics=("attention",), images_num=20, attention_images_num=6)
    (result,) = Evaluation(config, images, work_folder=tmp_path / "work").run()
    assert result.manifest["fake"]["count"] == 6
    assert table([result]).splitlines()[2].split()[-2:] == ["6", "-"]


def test_kid_of_few_images_tells_that_its_spread_means_nothing(dataset, tmp_path):
    def measure(count, size):
        evaluation = Evaluation(
            MetricConfig(metrics=("kid",), images_num=12, kid_subset_size=size, kid_subsets=3),
            GeneratedImages([Sampler(FakeGenerator(), truncation_psi=1.0)], 12),
            DatasetImages(DataConfig(dataset.name, str(dataset.parent)), count),
            [tiny_network()],
            work_folder=tmp_path / "work",
            cache=tmp_path / "cache",
        )
        return evaluation.run()[0]

    all_the_same = measure(12, 1000)
    assert set(all_the_same.values) == {"kid"}
    assert "Note: kid of 12 images: every subset of 12 holds all of them" in table([all_the_same])
    assert measure(24, 1000).notes
    assert set(measure(24, 1000).values) == {"kid", "kid_std"}
    assert measure(12, 11).values.keys() == {"kid", "kid_std"}
    assert not measure(12, 11).notes


def test_the_published_network_alone_gives_the_plain_name(dataset, tmp_path):
    samplers = [Sampler(FakeGenerator(), truncation_psi=1.0)]
    evaluation = Evaluation(
        MetricConfig(metrics=("fid", "ppl"), images_num=8),
        GeneratedImages(samplers, 8),
        DatasetImages(DataConfig(dataset.name, str(dataset.parent))),
        [tiny_network(label="inception")],
        work_folder=tmp_path / "work",
        cache=tmp_path / "cache",
    )
    assert [result.name for result in evaluation.run()] == ["fid", "ppl-inception"]
    (note,) = evaluation.notes()
    assert "8 generated images. Published numbers are of 50,000" in note


def test_results_are_written_once(measure, tmp_path):
    results = measure(("fid", "is"))
    subject = {"snapshot": "network-snapshot-000010.safetensors", "kimg": 10.0}
    for _ in range(2):
        write_results(tmp_path, results, subject)
    write_results(tmp_path, results, {"snapshot": "network-snapshot-000020.safetensors", "kimg": 20.0})
    records = read_results(tmp_path / "metric-fid-tiny.jsonl")
    assert [record["kimg"] for record in records] == [10.0, 20.0]
    assert records[0]["manifest"]["network"] == "tiny"
    value = results[0].values["fid"]
    lines = (tmp_path / "metric-fid-tiny.txt").read_text().splitlines()
    assert lines[0] == f"network-snapshot-000010.safetensors  kimg 10.000  fid {value:.6g}"
    assert result_line({"values": {"kid": 0.5}}) == "kid 0.5"
    assert scalars(results)["metric/fid-tiny"] == value
    text = table(results)
    assert "fid-tiny" in text
    assert f"{value:.6g}" in text
    (tmp_path / "metric-fid-tiny.jsonl").write_text("{}\nhalf")
    assert read_results(tmp_path / "metric-fid-tiny.jsonl") == []


class Linear(FakeGenerator):
    """Images in proportion to w, with no noise: path lengths have a closed form."""

    def synthesize(self, w, noise_mode="none", noise=None, return_attention=False):
        return super().synthesize(w, "none", None, return_attention)


@pytest.mark.parametrize(("space", "sampling"), [("w", "end"), ("w", "full")])
def test_path_lengths_of_a_linear_generator(space, sampling):
    sampler = Sampler(Linear(tiny_config()), truncation_psi=1.0, batch_size=4)
    task = path_task([sampler], [tiny_network()], 6, space=space, sampling=sampling)
    rows = np.concatenate([task.work(0, start, start + 3)[0] for start in (0, 3)])[:, 0]
    network, config = tiny_network(), sampler.config
    for index, found in enumerate(rows):
        z = np.random.RandomState([index, 1]).standard_normal((2, config.num_latents, config.latent_dim))
        images, _ = sampler.synthesize(sampler.map(z.astype(np.float32)), repeat_noise(sampler.noise([0]), 2))
        features, _ = network(((images + 1) * 127.5).astype(np.float32))
        assert found == pytest.approx(np.square(features[0] - features[1]).sum(dtype=np.float64), rel=2e-2)


def test_path_lengths_in_z_run_on_the_sphere():
    sampler = Sampler(Linear(tiny_config()), truncation_psi=1.0, batch_size=4)
    rows = path_task([sampler], [tiny_network()], 4, space="z").work(0, 0, 4)[0]
    straight = path_task([sampler], [tiny_network()], 4, space="w").work(0, 0, 4)[0]
    assert (rows > 0).all()
    assert not np.allclose(rows, straight, rtol=0.05)


def test_attention_statistics_of_known_maps():
    even = [np.full((1, 4, 4, 8), 1 / 8), np.full((2, 8, 8, 8), 1 / 8)]
    single = [np.eye(8)[np.zeros((1, 4, 4), int)], np.eye(8)[np.zeros((2, 8, 8), int)]]
    for maps, entropy, effective, unused in ((even, 1.0, 8.0, 0), (single, 0.0, 1.0, 7)):
        found = attention_statistics(np.stack([attention_row(maps)] * 3), 8)
        assert found.entropy == pytest.approx(entropy, abs=1e-6)
        assert found.layer_entropies == pytest.approx((entropy, entropy), abs=1e-6)
        assert found.effective_components == pytest.approx(effective, rel=1e-5)
        assert found.unused_components == unused
        assert sum(found.usage) == pytest.approx(1.0)


class Broken(FakeGenerator):
    def synthesize(self, w, noise_mode="random", noise=None, return_attention=False):
        return np.nan * super().synthesize(w, noise_mode, noise)


def make_folder(folder: Path, sizes):
    folder.mkdir()
    for index, (height, width) in enumerate(sizes):
        Image.fromarray(np.full((height, width, 3), index, np.uint8)).save(folder / f"{index:03d}.png")
    return folder


def test_bad_input_is_named(measure, tmp_path, dataset):
    few = make_folder(tmp_path / "few", [(16, 16)] * 4)
    mixed = make_folder(tmp_path / "mixed", [(16, 16), (16, 16), (16, 24)] * 3)
    (tmp_path / "empty").mkdir()
    for call, message in (
        (
            lambda: measure(("pr",), fake=FolderImages(few, "generated")),
            "metric pr needs at least 6 generated images",
        ),
        (lambda: measure(("fid",), real=FolderImages(mixed)), "16x24 pixels, others 16x16.*--size HxW"),
        (lambda: open_images(tmp_path / "empty", "real"), "no real images: .*holds no"),
        (lambda: open_images(tmp_path / "none", "generated"), "no generated images: .*does not exist"),
        (lambda: open_images(few, "real", mirror=True), "--mirror is for prepared data sets"),
        (lambda: open_images(dataset, "real", size=(8, 8)), "--size has no meaning"),
        (lambda: measure(("ppl",), fake=FolderImages(few, "generated")), "metric ppl needs a generator"),
        (lambda: measure(("is",), logits=False), "metric is needs class scores"),
        (lambda: measure(("eqt",)), "input cannot be moved"),
        (lambda: DatasetImages(DataConfig("nope", str(tmp_path))), "does not exist; prepare it first"),
        (lambda: measure(("ppl",), generator=Broken()), "generated image 0 are NaN"),
    ):
        with pytest.raises(MetricError, match=message):
            call()
    (few / "003.png").write_bytes((few / "002.png").read_bytes()[:60])
    with pytest.raises(MetricError, match=r"003.png in .*repair it or take it out"):
        FolderImages(few).read(0, 4)
    assert FolderImages(mixed, size=(8, 8)).read(0, 9).shape == (9, 8, 8, 3)


def test_bad_settings_are_named():
    for values, message in (
        ({"metrics": ("fid", "fie")}, "--metrics is 'fie'; it must be one of: fid, kid"),
        ({"metrics": ("fid", "fid")}, "names one metric twice"),
        ({"images_num": 1}, "--eval-images-num is 1"),
        ({"fid_ddof": 2}, "--fid-ddof is 2"),
        ({"ppl_space": "x"}, "--ppl-space is 'x'"),
        ({"seed": -1}, "--metric-seed is -1"),
        ({"is_splits": 0}, "is_splits is 0"),
    ):
        with pytest.raises(ConfigError, match=message):
            MetricConfig(**values)


def test_a_store_keeps_only_complete_rows(tmp_path):
    store = FeatureStore(tmp_path / "rows", {"kind": "test"}, 10, (FEATURES, 2))
    assert store.done == 0
    assert store.array("features").shape == (0, FEATURES)
    rows = np.arange(4 * FEATURES, dtype=np.float32).reshape(4, FEATURES)
    store.append(rows, np.ones((4, 2), np.float32))
    np.testing.assert_array_equal(store.array("features"), rows)
    first = store.moments(1, "real")
    store.append(rows, np.ones((4, 2), np.float32))
    assert (first.count, store.moments(1, "real").count) == (4, 8)
    with pytest.raises(ValueError, match="features of shape"):
        store.append(rows[:, :2], np.ones((4, 2), np.float32))
    with open(tmp_path / "rows" / "features.f32", "r+b") as file:
        file.truncate(10)
    assert store.done == 0  # a file that was cut is not believed
    (tmp_path / "file").write_text("")
    with pytest.raises(MetricError, match="features cannot be kept in"):
        FeatureStore(tmp_path / "file" / "rows", {}, 1, (1, 0))
