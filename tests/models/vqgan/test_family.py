"""VQGAN as a family of generators: it is drawn, kept, measured and exported as the others are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from gansformer_tf.api.gan import GAN
from gansformer_tf.api.model import load
from gansformer_tf.cli import generate, run_network
from gansformer_tf.cli.common import UsageError
from gansformer_tf.config import ConfigError, RunConfig
from gansformer_tf.config.metric_records import METRICS
from gansformer_tf.config.presets import merge_sections, preset
from gansformer_tf.config.sections import run_of
from gansformer_tf.config.visualize import VisualizeConfig
from gansformer_tf.config.vqgan import VQGANConfig
from gansformer_tf.drawing.sampler import Sampler
from gansformer_tf.export import ExportError, export_onnx, export_saved_model
from gansformer_tf.export.client import image_inputs
from gansformer_tf.image_files import read_metadata
from gansformer_tf.models import build_generator
from gansformer_tf.models.snapshot import load_snapshot, save_snapshot
from gansformer_tf.training.step import TrainStep
from gansformer_tf.viewer.session import ViewerSession
from gansformer_tf.visualize.latent_walk import write_walk
from gansformer_tf.visualize.run import visualize
from tests.metrics.toy_metric import BRIGHTNESS

CONFIG = VQGANConfig(
    resolution=16, base_height=2, label_dim=2, channels=32, channel_multipliers=(1, 1), blocks_per_level=0,
    attention_sizes=(), latent_channels=4, num_codes=12, code_dim=4, transformer_layers=1, transformer_heads=2,
    transformer_width=16,
)  # fmt: skip


def made(config: VQGANConfig) -> Any:
    keras.utils.set_random_seed(1)
    model = build_generator(config)
    random = np.random.default_rng(0)
    for variable in model.trainable_variables:  # fresh weights predict every code alike
        variable.assign(variable + 0.2 * random.standard_normal(variable.shape))
    return model


@pytest.fixture(scope="module")
def model() -> Any:
    return made(CONFIG)


@pytest.fixture(scope="module")
def snapshot(model: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_snapshot(tmp_path_factory.mktemp("run") / "network-snapshot-000001.safetensors", generator=model)


@pytest.fixture(scope="module")
def pixels(model: Any) -> np.ndarray:
    """Images of the seeds 0 to 4, two at once."""
    return np.stack([sample.pixels for sample in Sampler(model, batch_size=2).samples(range(5))])


def generated(*flags: Any) -> int:
    return generate.main(generate.COMMAND.read([str(flag) for flag in (*flags, "--gpus", "none")]))


def test_a_snapshot_draws_the_same_images(snapshot: Path, pixels: np.ndarray) -> None:
    loaded = load_snapshot(snapshot)
    assert loaded.generator.config == CONFIG
    assert RunConfig.from_json(loaded.config.to_json()) == loaded.config
    assert pixels.shape == (5, 8, 16, 3)
    assert len(np.unique(pixels, axis=0)) == 5
    again = np.stack([sample.pixels for sample in Sampler(loaded.generator, batch_size=3).samples([4, 0, 1])])
    assert np.abs(again.astype(int) - pixels[[4, 0, 1]]).max() <= 1  # products of another size round otherwise


def test_the_small_preset_has_its_size() -> None:
    size = {"resolution": 64}
    sections = merge_sections(preset("vqgan-small"), {"generator": size, "discriminator": size})
    small = build_generator(run_of(sections).model.generator)
    assert 3e6 < small.autoencoder.count_params() < 3.6e6
    assert 6.8e6 < small.transformer.count_params() < 7.2e6
    assert small.config.num_tokens == 64


def test_weights_have_names_of_their_own(model: Any) -> None:
    names = [weight.path for weight in model.weights]
    assert len(set(names)) == len(names)
    assert sum(count for _, count, _, _ in model.summary_rows()) == model.count_params()


def test_generate(snapshot: Path, pixels: np.ndarray, tmp_path: Path) -> None:
    flags = ("--model", snapshot, "--seeds", 3, "--output-dir", tmp_path)
    assert generated(*flags) == 0
    from PIL import Image

    drawn = np.asarray(Image.open(tmp_path / "seed0003.png")).astype(int)
    assert np.abs(drawn - pixels[3]).max() <= 1
    with pytest.raises(UsageError, match="other settings"):
        generated(*flags, "--temperature", 0.1)
    assert generated(*flags, "--temperature", 0.1, "--top-k", 3, "--top-p", 0.9, "--overwrite") == 0
    metadata = read_metadata(tmp_path / "seed0003.png")
    assert {name: metadata[name] for name in ("temperature", "top_k", "top_p")} == {
        "temperature": 0.1, "top_k": 3, "top_p": 0.9,
    }  # fmt: skip
    assert np.abs(np.asarray(Image.open(tmp_path / "seed0003.png")).astype(int) - pixels[3]).max() > 1


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--truncation-psi", 0.5), "truncation psi 0.5 was asked for; a vqgan generator has no w, so leave it out"),
        (("--top-k", 0), "top_k is 0; at least 1 code must be kept"),
        (("--top-k", 13), "top_k is 13; this network has 12 codes. Use a smaller number"),
        (("--top-p", 0), "top_p is 0.0; it must lie above 0"),
        (("--temperature", 0), "temperature is 0.0; it must be greater than 0"),
        (("--attention",), "this model has no attention"),
        (("--scale", 2), "a vqgan generator draws images of one size"),
    ],
)
def test_what_generate_refuses(snapshot: Path, tmp_path: Path, flags: tuple, message: str) -> None:
    with pytest.raises((UsageError, ConfigError), match=message):
        generated("--model", snapshot, "--output-dir", tmp_path / "images", *flags)
    assert not list(tmp_path.iterdir())


def test_w_is_refused(model: Any, snapshot: Path, tmp_path: Path) -> None:
    z = np.zeros((1, 1, 32), np.float32)
    label = tf.one_hot([0], 2)
    calls = {
        "truncation was": lambda: model(z, label, truncation_psi=0.5),
        "w was": lambda: load(snapshot).map(z, labels=[0]),
        "images of w were": lambda: load(snapshot).synthesize(z),
        "the viewer, which moves w, was": lambda: ViewerSession(model),
        "training against a discriminator was": lambda: TrainStep(model, None, model, RunConfig().train),
    }
    for what, call in calls.items():
        instead = "look at its reconstructions and completions instead" if "viewer" in what else "leave it out."
        with pytest.raises(ValueError, match=f"{what} asked for; a vqgan generator has no w, so {instead}"):
            call()
    with pytest.raises(ValueError, match="w was asked for"):
        write_walk(Sampler(model), [0, 1], tmp_path / "walk.mp4", progress=False)
    with pytest.raises(ValueError, match="temperatur 1 was asked for; a vqgan generator has none"):
        model.draw_with(temperatur=1)


def test_fit_is_refused() -> None:
    with pytest.raises(ConfigError, match="a vqgan generator is trained in stages, which fit does not do; train it"):
        GAN.from_preset("vqgan-small", 64)


def test_stage_1_alone(tmp_path: Path) -> None:
    alone = made(VQGANConfig.of(CONFIG.autoencoder))
    path = save_snapshot(tmp_path / "alone.safetensors", generator=alone)
    loaded = load_snapshot(path).generator
    images = np.random.default_rng(0).uniform(-1, 1, (1, 8, 16, 3)).astype(np.float32)
    np.testing.assert_array_equal(loaded.decode(loaded.encode(images)), alone.decode(alone.encode(images)))
    with pytest.raises(UsageError, match="this model has the first stage of VQGAN only.* Use one with both stages."):
        generated("--model", path, "--output-dir", tmp_path / "images")


def test_it_is_measured(snapshot: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setitem(METRICS, BRIGHTNESS.name, BRIGHTNESS)
    flags = ["--eval", "--pretrained-pkl", snapshot, "--eval-images-num", 12, "--gpus", "none", "--metrics"]
    assert run_network.main(run_network.COMMAND.read([*flags, "brightness"])) == 0
    assert "brightness" in capsys.readouterr().out
    with pytest.raises(UsageError, match="metric ppl: this model has no w to move along; leave ppl out"):
        run_network.main(run_network.COMMAND.read([*flags, "ppl"]))


def test_kinds_of_images_without_w(model: Any, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    visualize(model, tmp_path, VisualizeConfig(num=2, rich_num=1), progress=False)
    left_out = "latents, interpolations, style mixing, truncation sweep, ablation: this generator has no w"
    assert left_out in capsys.readouterr().out
    written = {path.relative_to(tmp_path).parts[0] for path in tmp_path.rglob("*") if path.is_file()}
    assert written == {"images", "codes"}


def test_it_is_exported(model: Any, pixels: np.ndarray, tmp_path: Path) -> None:
    folder = export_saved_model(model, tmp_path / "exported")
    signatures = tf.saved_model.load(str(folder)).signatures
    assert "mapping" not in signatures and "synthesis" not in signatures
    found = signatures["images"](seeds=tf.range(5, dtype=tf.int64), labels=tf.fill([5], tf.constant(-1, tf.int64)))
    assert np.abs(found["images"].numpy().astype(int) - pixels).max() <= 1
    with pytest.raises(ExportError, match="draws its codes in a loop.*; export it as saved_model"):
        export_onnx(model, tmp_path / "onnx")


def test_a_served_model_without_w_is_given_no_truncation() -> None:
    assert set(image_inputs([3, 4], None, labels=[0, 1])) == {"seeds", "labels"}
