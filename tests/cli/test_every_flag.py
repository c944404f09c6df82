"""Every flag of `run_network.py` changes what it is there to change: networks, weights after two steps, or files."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from gansformer_tf.cli.flags import COMMAND
from gansformer_tf.cli.network_flags import VQGAN
from gansformer_tf.cli.resolve import resolve
from gansformer_tf.config.families import GENERATOR_FAMILIES
from gansformer_tf.models import Discriminator, build_generator
from gansformer_tf.ops import SeedStream
from gansformer_tf.training import step, trainer
from gansformer_tf.training.run_dir import RunDir
from tests.training.conftest import tiny_data
from tests.training.tiny_networks import TinyDiscriminator, TinyGenerator

__all__ = ["tiny_data"]

ATTENTION = "--transformer --components-num 2 --latent-size 8 --g-end-res 4"
POSITIONS = f"{ATTENTION} --use-pos --pos-dim 8"
DUPLEX = f"{ATTENTION} --kmeans"
AGGREGATORS = f"{ATTENTION} --d-transformer --d-end-res 4"
KGAN = "--kgan --components-num 2 --latent-size 8"
STYLEGAN3 = "--baseline StyleGAN3-T --latent-size 8"
CREPS = "--baseline CREPS --latent-size 8"
PLAIN = "--latent-size 8"

# what is typed, and beside what
NETWORKS = {
    "--ratio": ("0.5", PLAIN),
    "--channel-base": ("16", PLAIN),
    "--channel-max": ("2", PLAIN),
    "--g-arch": ("orig", PLAIN),
    "--d-arch": ("skip", PLAIN),
    "--mbstd-group-size": ("2", PLAIN),
    "--tanh": ("", PLAIN),
    "--style": ("False", PLAIN),
    "--latent-stem": ("", PLAIN),
    "--local-noise": ("False", PLAIN),
    "--mapping-layersnum": ("3", PLAIN),
    "--mapping-lrmul": ("0.5", PLAIN),
    "--mapping-dim": ("12", ATTENTION),
    "--mapping-resnet": ("", ATTENTION),
    "--mapping-shared-dim": ("2", ATTENTION),
    "--mapping-ltnt2ltnt": ("", ATTENTION),
    "--transformer": ("False", ATTENTION.replace("--components-num 2", "--components-num 1")),
    "--latent-size": ("16", ATTENTION),
    "--components-num": ("4", ATTENTION),
    "--num-heads": ("2", ATTENTION),
    "--attention-form": ("paper", ATTENTION),
    "--attention-dropout": ("0.9", ATTENTION),
    "--component-dropout": ("0.9", ATTENTION),
    "--normalize": ("layer", ATTENTION),
    "--integration": ("mul", ATTENTION),
    "--g-start-res": ("3", ATTENTION),
    "--g-end-res": ("3", ATTENTION),
    "--attention": ("duplex", ATTENTION),
    "--kmeans": ("", ATTENTION),
    "--kmeans-iters": ("3", DUPLEX),
    "--iterative": ("", DUPLEX),
    "--ltnt-gate": ("", ATTENTION),
    "--img-gate": ("", ATTENTION),
    "--g-ltnt2ltnt": ("", ATTENTION),
    "--g-img2img": ("3", ATTENTION),
    "--g-img2ltnt": ("", ATTENTION),
    "--d-transformer": ("", f"{ATTENTION} --d-end-res 4"),
    "--d-start-res": ("4", AGGREGATORS.replace("--d-end-res 4", "--d-end-res 5")),
    "--d-end-res": ("5", AGGREGATORS),
    "--d-ltnt2ltnt": ("", AGGREGATORS),
    "--d-aggregators": ("", AGGREGATORS),
    "--d-ltnt2img": ("", AGGREGATORS),
    "--d-img2img": ("3", AGGREGATORS),
    "--use-pos": ("", f"{ATTENTION} --pos-dim 8"),
    "--pos-dim": ("12", POSITIONS),
    "--pos-type": ("trainable2d", POSITIONS),
    "--pos-init": ("normal", f"{POSITIONS} --pos-type trainable"),
    "--pos-directions-num": ("3", POSITIONS),
    "--kgan": ("", "--components-num 1 --latent-size 8"),
    "--merge-layer": ("3", KGAN),
    "--merge-type": ("sum", KGAN),
    "--merge-same": ("", KGAN),
    "--baseline": ("StyleGAN3-R", PLAIN),
    "--preset": ("demo", ""),
    "--gansformer-default": ("", ""),
    "--num-critical": ("3", STYLEGAN3),
    "--first-cutoff": ("1.5", STYLEGAN3),
    "--first-stopband": ("3.5", STYLEGAN3),
    "--last-stopband-rel": ("1.5", STYLEGAN3),
    "--filter-size": ("4", STYLEGAN3),
    "--lrelu-upsampling": ("1", STYLEGAN3),
    "--output-scale": ("0.5", STYLEGAN3),
    "--synthesis-layersnum": ("8", STYLEGAN3),
    "--conv-kernel": ("1", STYLEGAN3),
    "--radial-filters": ("", STYLEGAN3),
    "--margin-size": ("4", STYLEGAN3),
    "--rank": ("3", CREPS),
    "--line-channels": ("8", CREPS),
    "--bandwidth": ("2", CREPS),
}
# whatever is compared after two steps: weights, names and images of the run folder, what its log says
STEPS = {
    "--batch-size": ("16", ""),
    "--batch-gpu": ("4", ""),
    "--total-kimg": ("0.008", ""),
    "--gamma": ("1", ""),
    "--seed": ("3", ""),
    "--mirror-augment": ("", ""),
    "--train-images-num": ("9", ""),
    "--g-lr": ("0.01", ""),
    "--d-lr": ("0.01", ""),
    "--clip": ("0.01", ""),
    "--g-loss": ("hinge", ""),
    "--d-loss": ("hinge", ""),
    "--d-reg": ("r2", ""),
    "--d-reg-interval": ("1", ""),
    "--pathreg": ("", "--g-reg-interval 1"),
    "--g-reg-weight": ("7", "--pathreg --g-reg-interval 1"),
    "--g-reg-interval": ("2", "--pathreg"),
    "--style-mixing": ("0", ""),
    "--component-mixing": ("1", ""),
    "--ema-kimg": ("1", ""),
    "--ema-rampup": ("0.05", ""),
    "--blur-init-sigma": ("2", ""),
    "--blur-fade-kimg": ("0.01", "--blur-init-sigma 2"),
    "--aug": ("diffaug", ""),
    "--augpipe": ("color", "--aug fixed --p 1"),
    "--p": ("1", "--aug fixed --augpipe blit --p 0.1"),
    "--tick-kimg": ("0.016", ""),
    "--snapshot-ticks": ("2", ""),
    "--checkpoint-ticks": ("2", ""),
    "--last-snapshots": ("1", ""),
    "--keep-samples": ("False", ""),
    "--summarize": ("", ""),
    "--beta2": ("0.5", ""),
    "--g-lr-end": ("0.01", ""),
    "--d-lr-end": ("0.01", ""),
    "--gamma-end": ("1", "--d-reg-interval 1"),
    "--beta2-end": ("0.5", ""),
    "--schedule-begin": ("0.012", "--g-lr-end 0.01"),
    "--schedule-end": ("0.008", "--g-lr-end 0.01"),
}
# the others, and what holds them
ELSEWHERE = {
    "tests/cli/test_projected_flags.py": "--d-features --d-features-size --d-norm-group-size",
    "tests/system/test_run_network.py": "--train --eval --vis --expname --dataset --result-dir --data-dir --resolution "
    "--restart --fused-modconv --gpus",
    "tests/cli/test_train_command.py": "--pretrained-pkl --reload --recompile --freeze-d --wandb",
    "tests/training: whole trainings with labels, and steering over many steps": "--use-labels --ada-target --ada-kimg "
    "--ada-max-p",
    "tests/training: the same numbers by another way": "--jit --recompute --num-threads --precision",
    "tests/models/test_original_numbers.py": "--original-behaviour",
    "tests/visualize and tests/cli/test_family_flags.py": "--truncation-psi --scale",
    "tests/export/test_script.py": "--export --model --output-dir --noise-mode",
    "tests/cli/test_vqgan_flags.py": " ".join(flag.name for flag in VQGAN),
    "tests/visualize/test_codes.py": "--vis-reconstructions --vis-temperatures",
    "tests/metrics": "--metrics --eval-images-num --inception-weights --feature-network --fid-ddof --ppl-space "
    "--ppl-sampling --metric-seed",
    "tests/visualize/test_run.py": "--vis-images --vis-latents --vis-maps --vis-layer-maps --vis-interpolations "
    "--interpolation-per-component --vis-noise-var --vis-style-mix --vis-truncation --vis-ablation --vis-directions "
    "--projected-w --vis-grid --vis-num --vis-rich-num --vis-section-size --blending-alpha --interpolation-density",
}


def test_every_flag_is_here():
    held = [*NETWORKS, *STEPS, *" ".join(ELSEWHERE.values()).split()]
    assert sorted(held) == sorted(flag.name for flag in COMMAND.flags)


def asked(folder, *texts):
    words = ["--dataset", "tiny", "--data-dir", folder, *" ".join(texts).split()]
    return resolve(COMMAND.read(words), None)


@pytest.fixture(scope="module")
def wide_data(tmp_path_factory):
    """The data set `tiny` with 32x32 pixels, and the height of half of them where it is cropped."""
    from gansformer_tf.config.data import PrepareConfig
    from gansformer_tf.data.prepare.prepare import prepare
    from gansformer_tf.data.sources.scenes import SceneSource

    folder = tmp_path_factory.mktemp("wide")
    prepare(SceneSource(4, (32, 32)), PrepareConfig(name="tiny", resolution=32, encoding="png"), folder)
    return str(folder)


def models(folder, text):
    small = "" if "--channel-base" in text else "--channel-base 64"
    small += "" if "--channel-max" in text else " --channel-max 4"
    model = asked(folder, small, text).model
    return model.generator, model.discriminator


def with_all_kinds_of_weights(network):
    """Gates, biases and noise strengths begin as zeros."""
    random = np.random.RandomState(2)
    network.set_weights([value + 0.1 * random.standard_normal(value.shape) for value in network.get_weights()])
    return network, [(variable.path, tuple(variable.shape)) for variable in network.weights]


@functools.cache
def generated(config):
    """Shapes of a generator's weights and images with dropout."""
    keras.utils.set_random_seed(1)
    generator, shapes = with_all_kinds_of_weights(build_generator(config))
    z = np.random.RandomState(1).standard_normal((4, config.num_latents, config.latent_dim)).astype(np.float32)
    return shapes, np.asarray(generator(z, training=True, rng=SeedStream(5)))


@functools.cache
def judged(config):
    """Shapes of a discriminator's weights and scores with dropout."""
    keras.utils.set_random_seed(1)
    discriminator, shapes = with_all_kinds_of_weights(Discriminator(config))
    images = np.random.RandomState(3).uniform(-1, 1, (4, config.height, config.width, 3)).astype(np.float32)
    return shapes, np.asarray(discriminator(images, training=True, rng=SeedStream(6)))


@pytest.mark.parametrize("flag", NETWORKS)
def test_networks(flag, wide_data):
    value, beside = NETWORKS[flag]
    typed, plain = (models(wide_data, text) for text in (f"{beside} {flag} {value}".strip(), beside))
    for result, ours, theirs in zip((generated, judged), typed, plain, strict=True):
        if ours == theirs:
            continue  # the same network
        (shapes, values), (old_shapes, old_values) = result(ours), result(theirs)
        if shapes != old_shapes or values.shape != old_values.shape or not np.array_equal(values, old_values):
            return
    pytest.fail("neither network is another")


@pytest.fixture
def two_steps(tiny_data, tmp_path, monkeypatch):
    monkeypatch.setattr(step, "build_generator", TinyGenerator)
    monkeypatch.setattr(step, "build_discriminator", TinyDiscriminator)
    tf.config.run_functions_eagerly(True)  # nothing to compile: a run takes a second
    yield lambda text: trained(tiny_data, text, tmp_path)
    tf.config.run_functions_eagerly(False)


SEEN: dict[str, object] = {}


def trained(folder, text, place):
    """Weights, files and log of two steps."""
    if text in SEEN:
        return SEEN[text]
    common = {
        "--transformer": "",
        "--components-num": "2",
        "--latent-size": "8",
        "--mbstd-group-size": "2",
        "--batch-size": "8",
        "--batch-gpu": "8",
        "--total-kimg": "0.016",
        "--tick-kimg": "0.008",
        "--snapshot-ticks": "1",
        "--summarize": "False",
    }
    typed = " ".join(f"{flag} {value}" for flag, value in common.items() if f"{flag} " not in f"{text} ")
    config = asked(folder, typed, text)
    run_dir = RunDir.numbered(place / f"run{len(SEEN)}-000", 0)
    with run_dir.taken():
        run = trainer.Trainer(config, run_dir, progress=False)
        run.train()
    networks = (run.train_step.generator, run.train_step.discriminator, run.train_step.ema_generator)
    weights = [hashlib.sha256(np.asarray(value).tobytes()).hexdigest() for net in networks for value in net.weights]
    files = sorted(
        (
            str(path.relative_to(run_dir.path)).split("events.out")[0],
            hashlib.sha256(path.read_bytes()).hexdigest() if path.suffix == ".png" else "",
        )
        for path in run_dir.path.rglob("*")
        if path.is_file()
    )
    told = ("step", "tick", "kimg", "loss/", "score/", "gradient_norm/", "penalty/")  # and not how long it took
    log = [
        {key: value for key, value in json.loads(line).items() if key.startswith(told)}
        for line in Path(run_dir.path / "metrics.jsonl").read_text().splitlines()
    ]
    SEEN[text] = weights, files, log
    return SEEN[text]


@pytest.mark.parametrize("flag", STEPS)
def test_steps(flag, two_steps):
    value, beside = STEPS[flag]
    before, after = two_steps(beside), two_steps(f"{beside} {flag} {value}".strip())
    assert before != after


def test_two_equal_trainings_are_equal(two_steps):
    first = two_steps("")
    SEEN.pop("")
    assert two_steps("") == first


def test_networks_have_the_shape_of_the_data(wide_data):
    model = asked(wide_data, "--ratio 0.5 --latent-size 8 --channel-base 64 --channel-max 4").model
    z = np.zeros((1, model.generator.num_latents, model.generator.latent_dim), np.float32)
    images = build_generator(model.generator)(z, noise_mode="none")
    assert tuple(images.shape) == (1, 16, 32, 3)
    assert (model.discriminator.height, model.discriminator.width) == (16, 32)


# fields that no flag sets, and why
OF_THE_DATA = "resolution base_height base_width image_channels label_dim num_images family"
OF_IMPORTERS = (  # what networks of other code bases have; presets set some of them
    "w_dim conv_clamp component_positions final_conv label_embedding label_embedding_dim latent_normalization "
    "mapping_hidden_dim mapping_latent_gate normalize_global normalize_latents positions_per_layer cmap_dim "
    "cmap_embedding_dim cmap_hidden_dim cmap_layers cmap_lr_multiplier mbstd_num_features "
    "count_unread_layer w_avg_decay w_avg_phases magnitude_half_life_kimg"
)
OF_VQGAN = "num_positions shared_condition start_code"  # of published checkpoints
OF_THE_PAPERS = (  # constants of the publications, which compare with nothing else when changed
    "ada_interval adam_beta1 adam_epsilon path_length_batch_shrink path_length_decay path_length_weight "
    "attention_images_num density_neighbours is_splits kid_subset_size kid_subsets pr_neighbours"
)
OF_THE_HOUSE = "keep_checkpoints max_skipped_steps sample_columns sample_rows"  # limits that nobody asked to move
BY_OTHER_FLAGS = "typed all_reals batch_size truncation_psi"  # names of metrics, --batch-gpu, --truncation-psi


def test_every_field_has_a_flag_or_a_reason():
    reached = {(section, flag.target) for flag in COMMAND.flags for section in flag.sections}
    configs = [*COMMAND.configs.items(), *(("generator", cls) for cls in GENERATOR_FAMILIES.values())]
    fields = {(section, field.name) for section, cls in configs for field in dataclasses.fields(cls)}
    reasons = " ".join((OF_THE_DATA, OF_IMPORTERS, OF_VQGAN, OF_THE_PAPERS, OF_THE_HOUSE, BY_OTHER_FLAGS)).split()
    assert sorted({name for _, name in fields - reached}) == sorted(reasons)
