"""The flags of VQGAN: what each sets, what is refused, and that `run_network.py` trains, measures and draws with it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from gansformer_tf.cli import run_network
from gansformer_tf.cli.common import RunError, UsageError
from gansformer_tf.cli.flags import COMMAND
from gansformer_tf.cli.resolve import resolve
from gansformer_tf.config import ConfigError, RunConfig, to_dict
from tests.training.conftest import tiny_data

__all__ = ["tiny_data"]

SETTINGS = {
    "--stage1-share 0.25": ("stages", "stage1_share", 0.25),
    "--transformer-lr 0.01": ("stages", "transformer_learning_rate", 0.01),
    "--weight-decay 0.2": ("stages", "weight_decay", 0.2),
    "--held-out 8": ("stages", "held_out", 8),
    "--perceptual none": ("stages", "perceptual", "none"),
    "--perceptual-weight 2": ("stages", "perceptual_weight", 2.0),
    "--codebook-weight 2": ("stages", "codebook_weight", 2.0),
    "--kmeans-start": ("stages", "kmeans_start", True),
    "--restart-codes False": ("stages", "restart_codes", False),
    "--d-start 5": ("stages", "discriminator_start", 5),
    "--d-weight 0.5": ("stages", "discriminator_weight", 0.5),
    "--patch-loss vanilla": ("stages", "adversarial_loss", "vanilla"),
    "--d-channels 8": ("discriminator", "channels", 8),
    "--d-layers 2": ("discriminator", "num_layers", 2),
    "--vq-channels 64": ("generator", "channels", 64),
    "--vq-multipliers 1,2,2": ("generator", "channel_multipliers", (1, 2, 2)),
    "--vq-blocks 1": ("generator", "blocks_per_level", 1),
    "--vq-attention 8,4": ("generator", "attention_sizes", (8, 4)),
    "--vq-latent-channels 16": ("generator", "latent_channels", 16),
    "--vq-dropout 0.1": ("generator", "dropout", 0.1),
    "--vq-conv-resampling False": ("generator", "resample_with_conv", False),
    "--quantizer cosine": ("generator", "quantizer", "cosine"),
    "--codes-num 64": ("generator", "num_codes", 64),
    "--code-dim 8": ("generator", "code_dim", 8),
    "--fsq-levels 8,5,5 --quantizer fsq --codes-num 200 --code-dim 3": ("generator", "fsq_levels", (8, 5, 5)),
    "--commitment-form legacy": ("generator", "commitment_form", "legacy"),
    "--commitment-weight 0.5": ("generator", "commitment_weight", 0.5),
    "--transformer-layers 2": ("generator", "transformer_layers", 2),
    "--transformer-heads 4": ("generator", "transformer_heads", 4),
    "--transformer-width 64": ("generator", "transformer_width", 64),
    "--embedding-dropout 0.2": ("generator", "embedding_dropout", 0.2),
    "--residual-dropout 0.2": ("generator", "residual_dropout", 0.2),
    "--attention-dropout 0.2": ("generator", "attention_dropout", 0.2),
    "--token-keep 0.8": ("generator", "token_keep", 0.8),
    "--temperature 0.9": ("generator", "temperature", 0.9),
    "--top-k 20": ("generator", "top_k", 20),
    "--top-p 0.9": ("generator", "top_p", 0.9),
    "--g-lr 0.1": ("train", "g_learning_rate", 0.1),
    "--beta2 0.99": ("train", "adam_beta2", 0.99),
}


@pytest.fixture
def data_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """A data set of 32x32 images."""
    info = SimpleNamespace(
        resolution=32, height=32, width=32, channels=3, label_dim=0, num_images=400, cropped_size=lambda ratio: (32, 32)
    )
    monkeypatch.setattr("gansformer_tf.data.read.open.read_info", lambda folder: info)


def resolved(*flags: str, preset: str = "--baseline VQGAN") -> RunConfig:
    return resolve(COMMAND.read(["--dataset", "scenes", *preset.split(), *" ".join(flags).split()]), None)


@pytest.mark.parametrize("text", SETTINGS)
def test_every_flag_sets_its_field(data_set: None, text: str) -> None:
    section, name, value = SETTINGS[text]
    config = resolved(text)
    parts = {"stages": config.stages, "train": config.train}
    part = parts.get(section) or getattr(config.model, section)
    assert getattr(part, name) == value
    before = {**to_dict(resolved()), **to_dict(resolved().model)}
    assert before[section][name] != value
    assert RunConfig.from_json(config.to_json()) == config


def test_every_flag_is_tried() -> None:
    from gansformer_tf.cli.network_flags import VQGAN

    assert {flag.name for flag in VQGAN} <= {text.split()[0] for text in SETTINGS}


def test_the_small_preset_has_its_size(data_set: None) -> None:
    small = resolved(preset="--preset vqgan-small").model.generator
    assert (small.transformer_layers, small.transformer_width, small.num_codes) == (6, 304, 512)
    assert resolved().model.generator.transformer_width == 1024


REFUSED: dict[str, str] = {
    "--gamma 2": "--gamma sets what training of a vqgan generator does not have; leave it out",
    "--aug ada": "--aug sets what training of a vqgan generator does not have",
    "--recompute": "--recompute sets what training of a vqgan generator does not have",
    "--precision mixed": "precision is 'mixed', which is about resolutions of a generator; use bfloat16 or float32",
    "--latent-size 8": "--latent-size sets what a vqgan generator does not have; leave it out",
    "--d-features efficientnet-lite0": "--d-features sets what a patch discriminator does not have|not trained against",
    "--vq-multipliers 1,1,1,1,1,1,1": "height is 32; the 7 levels halve it 6 times, so it must be a multiple of 64",
    "--vq-channels 40": "it must be a multiple of 32|every width must be a multiple of 32",
    "--top-k 0": "top_k is 0; at least 1 code must be kept",
    "--top-k 5000": "top_k is 5000; this network has 1024 codes. Use a smaller number",
    "--held-out 400": "held_out is 400 of 400 images, which leaves none to train on; give a smaller --held-out",
    "--held-out 0": "held_out is 0; at least 1 image is held out",
    "--perceptual nowhere.pth": "--perceptual nowhere.pth: there is no file nowhere.pth; name one of",
    "--stage1-share 0": "there is no stage 1 whose codes it could learn; name a snapshot that has one with",
    "--stage1-share 1.5": "stage1_share is 1.5; a share lies between 0 and 1",
    "--d-layers 4": "the image has a side of 32 pixels; 4 layers of the discriminator need 48",
}


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_refused(data_set: None, text: str) -> None:
    with pytest.raises((UsageError, ConfigError), match=REFUSED[text]) as caught:
        resolved(text)
    assert "\n" not in str(caught.value)


def test_stages_are_vqgans_alone(data_set: None) -> None:
    with pytest.raises(UsageError, match="--stage1-share sets what training of a gansformer generator does not have"):
        resolved("--stage1-share 0.5", preset="")
    with pytest.raises(UsageError, match="--codes-num sets what a .* generator does not have; leave it out"):
        resolved("--codes-num 5", preset="")
    assert resolved(preset="").stages is None


TINY = (
    "--baseline VQGAN --dataset tiny --vq-multipliers 1,1 --vq-channels 32 --vq-blocks 0 --vq-attention none "
    "--code-dim 4 --vq-latent-channels 4 --codes-num 12 --transformer-layers 1 --transformer-heads 2 "
    "--transformer-width 8 --d-channels 4 --d-layers 1 --perceptual none --held-out 4 --batch-size 4 "
    "--batch-gpu 4 --total-kimg 0.016 --tick-kimg 0.008 --summarize False --gpus none"
)

ALONE = ("--stage1-share", 0, "--pretrained-pkl")


def run(place: Path, data: str, *words: Any) -> None:
    flags = [*TINY.split(), "--data-dir", data, "--result-dir", str(place), "--expname", "vq", *map(str, words)]
    assert run_network.main(COMMAND.read(flags)) == 0


def test_train_resume_draw_and_show(tmp_path: Path, tiny_data: str, capsys: pytest.CaptureFixture, eager: None) -> None:
    run(tmp_path, tiny_data, "--train")
    assert "Training finished at 0.02 kimg (step 4)" in capsys.readouterr().out
    run(tmp_path, tiny_data, "--train")
    assert "Resuming" in capsys.readouterr().out
    with pytest.raises(UsageError, match="this run was started with --held-out 4, now it is 5, which would train on"):
        run(tmp_path, tiny_data, "--train", "--held-out", 5)
    run(tmp_path, tiny_data, "--vis", "--vis-num", 2, "--vis-rich-num", 2)
    drawn = {str(path.relative_to(tmp_path / "vq-000/visuals")) for path in tmp_path.rglob("visuals/codes/*")}
    assert drawn == {"codes/reconstructions.png", "codes/completions.png", "codes/temperatures.png"}
    run(tmp_path, tiny_data)
    shown = capsys.readouterr().out
    assert "codebook" in shown and "Memory for training" in shown

    run(tmp_path, tiny_data, "--train", "--restart", *ALONE, tmp_path / "vq-000")
    assert "weights loaded" in capsys.readouterr().out  # stage 2 alone, on the codes of the first run
    kept = sorted(tmp_path.rglob("*"))
    with pytest.raises(RunError, match=r"the whole autoencoder, .*codebook \(12, 4\) -> \(10, 4\) is"):
        run(tmp_path, tiny_data, "--train", "--expname", "other", *ALONE, tmp_path / "vq-000", "--codes-num", 10)
    assert sorted(tmp_path.rglob("*")) == kept
