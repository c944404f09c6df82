"""Every flag of `generate.py` changes what it is there to change: an image, a file, or whether it runs."""

from __future__ import annotations

import dataclasses
import hashlib

import keras
import pytest

from gansformer_tf.cli.generate import COMMAND, main
from gansformer_tf.config import GANsformerConfig
from gansformer_tf.config.creps import CREPSConfig
from gansformer_tf.config.stylegan3 import StyleGAN3Config
from gansformer_tf.models.families import build_generator
from gansformer_tf.models.snapshot import save_snapshot

# Nothing is compiled, which takes longer than a few steps.
pytestmark = pytest.mark.usefixtures("eager")

SMALL = {"resolution": 16, "channel_base": 64, "channel_max": 8, "mapping_layers": 2}
MODELS = {
    "plain": GANsformerConfig(**SMALL, latent_size=8, transformer=True, num_components=2, label_dim=3),
    "other": GANsformerConfig(**SMALL, latent_size=8, label_dim=3),
    "creps": CREPSConfig(**SMALL, latent_size=8, line_channels=4, rank=4),
    "stylegan3": StyleGAN3Config(**SMALL, latent_size=8, num_synthesis_layers=4, margin_size=4),
}
PLAIN = "--model {place}/plain.safetensors --images-num 1"
VIDEO = "--model {place}/plain.safetensors --seeds 0,1 --video {out}/a.mp4 --keyframes 2 --w-frames 2"

# what is typed, and beside what
CASES = {
    "--model": ("{place}/other.safetensors", PLAIN),
    "--images-num": ("2", PLAIN),
    "--seeds": ("5", "--model {place}/plain.safetensors"),
    "--truncation-psi": ("0.1", PLAIN),
    "--labels": ("1", PLAIN + " --labels 0"),
    "--noise-mode": ("none", PLAIN),
    "--scale": ("2", "--model {place}/creps.safetensors --images-num 1"),
    "--crop": ("0,0,8,8", "--model {place}/creps.safetensors --images-num 1"),
    "--translate": ("-0.2,0.1", "--model {place}/stylegan3.safetensors --images-num 1"),
    "--rotate": ("30", "--model {place}/stylegan3.safetensors --images-num 1"),
    "--output-dir": ("{out}/elsewhere", PLAIN),
    "--format": ("jpg", PLAIN),
    "--ratio": ("0.5", PLAIN),
    "--grid": ("", PLAIN),
    "--attention": ("", PLAIN),
    "--segment": ("", PLAIN),
    "--video": ("{out}/b.mp4 --w-frames 2", "--model {place}/plain.safetensors --seeds 0,1"),
    "--keyframes": ("3", VIDEO),
    "--w-frames": ("3", VIDEO),
}
# the others, and what holds them
ELSEWHERE = {
    "tests/visualize/test_generate_script.py": "--overwrite --gpus",
    "tests/edit": "--project --steps --space --noise-maps --tune --projected-w --edit --mask",
    "tests/drawing: the same images by another way": "--batch-size",
    "tests/models/vqgan/test_family.py": "--temperature --top-k --top-p",
}


def test_every_flag_is_here():
    held = [*CASES, *" ".join(ELSEWHERE.values()).split()]
    assert sorted(held) == sorted(flag.name for flag in COMMAND.flags)


def test_every_field_has_a_flag():
    reached = {(section, flag.target) for flag in COMMAND.flags for section in flag.sections}
    fields = {(section, field.name) for section, cls in COMMAND.configs.items() for field in dataclasses.fields(cls)}
    assert fields - reached == set()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    place = tmp_path_factory.mktemp("models")
    keras.utils.set_random_seed(1)
    for name, config in MODELS.items():
        generator = build_generator(config)
        for variable in generator.trainable_variables:  # strengths of noise begin as zeros
            variable.assign(variable + 0.1 * keras.random.normal(variable.shape, seed=2))
        save_snapshot(place / f"{name}.safetensors", generator=generator)
    return place


BEFORE: dict[str, dict[str, str]] = {}  # outcomes of what stands beside a flag


def outcome(text, place, out):
    """Names and contents of what was written."""
    out.mkdir()
    words = text.format(place=place, out=out).split()
    if not {"--output-dir", "--video"} & set(words):
        words += ["--output-dir", str(out)]
    main(COMMAND.read([*words, "--gpus", ""]))
    return {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("flag", CASES)
def test_flags(flag, place, tmp_path):
    value, beside = CASES[flag]
    if beside not in BEFORE:
        BEFORE[beside] = outcome(beside, place, tmp_path / "before")
    before = BEFORE[beside]
    assert before and before != outcome(f"{beside} {flag} {value}", place, tmp_path / "after")
