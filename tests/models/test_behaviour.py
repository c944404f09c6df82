"""What the networks do where the original fails or ignores an option; COMPATIBILITY.md lists the differences."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from gansformer_tf.config import DiscriminatorConfig, GANsformerConfig, TrainConfig
from gansformer_tf.config.presets import preset
from gansformer_tf.layers import LatentUpdate
from gansformer_tf.layers.attention_stage import AttentionStage
from gansformer_tf.layers.merge import ComponentMerge
from gansformer_tf.models import Discriminator, build_generator
from gansformer_tf.training import losses as objectives
from gansformer_tf.training.augment.control import Augmentation
from gansformer_tf.training.penalties import path_lengths
from gansformer_tf.training.phases import MicroBatch, PhaseLosses
from tests.models.tiny import (
    DUPLEX,
    KGAN,
    PAPER,
    PLAIN,
    SCORING,
    SMALL,
    TRANSFORMER,
    differ,
    discriminator,
    draw,
    generator,
    gradient,
    images,
    latents,
    one_hot,
)

# -- labels --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [PLAIN, DUPLEX, KGAN], ids=["plain", "transformer", "kgan"])
def test_labels_condition_the_generator(values: dict) -> None:
    model = generator(values, label_dim=3)
    z = latents(model)[:1].repeat(3, axis=0)
    with tf.GradientTape() as tape:
        drawn = model(z, one_hot(0, 1, 1), noise_mode="const")
        total = tf.reduce_sum(drawn * images(model.config, 3))
    assert differ(drawn[0], drawn[1]) > 1e-3
    assert differ(drawn[1], drawn[2]) < 1e-5
    (embedding,) = gradient(total, tape, [model.mapping.label_embedding.kernel])
    assert np.abs(embedding).max(axis=1)[2] == 0  # no image has label 2
    assert np.abs(embedding).max(axis=1)[:2].min() > 0
    with pytest.raises(ValueError, match="pass labels"):
        model(z, noise_mode="const")


def test_labels_condition_the_discriminator() -> None:
    model = discriminator(SMALL, label_dim=3)
    drawn = images(model.config, 1)
    with tf.GradientTape(persistent=True) as tape:
        scores = [model(drawn, one_hot(label)) for label in range(3)]
    assert min(differ(a, b) for a, b in itertools.combinations(scores, 2)) > 1e-5
    (by_output,) = gradient(scores[1], tape, [model.output_layer.kernel])
    assert np.abs(by_output[:, 1]).max() > 0 and np.abs(by_output[:, [0, 2]]).max() == 0
    with pytest.raises(ValueError, match="pass labels"):
        model(drawn)


def test_labels_reach_both_networks_in_training() -> None:
    g, d = generator(PLAIN, label_dim=3), discriminator(SMALL, label_dim=3)
    losses = PhaseLosses(g, d, TrainConfig(), Augmentation(TrainConfig()))
    batch = MicroBatch(tf.constant([1, 2], tf.int64), 0, images(g.config, 4), one_hot(0, 1, 1, 0), 4)
    with tf.GradientTape(persistent=True) as tape:
        g_loss, d_loss = losses.generator_main(batch)[0], losses.discriminator_main(batch)[0]
    (embedding,) = gradient(g_loss, tape, [g.mapping.label_embedding.kernel])
    (output,) = gradient(d_loss, tape, [d.output_layer.kernel])
    for by_class in (np.abs(embedding).max(axis=1), np.abs(output).max(axis=0)):
        assert by_class[:2].min() > 0 and by_class[2] == 0


# -- baselines -----------------------------------------------------------------------------------------------------

TINY_BASELINE = {"resolution": 32, "channel_base": 128, "channel_max": 8, "mapping_layers": 2}


def baseline(name: str) -> tuple[GANsformerConfig, DiscriminatorConfig]:
    sections = preset(name)
    geometry = {"resolution": 32, "channel_base": 128, "channel_max": 8}
    g = sections["generator"]
    g |= TINY_BASELINE | {"latent_size": 8 * g.get("num_components", 1)}
    return GANsformerConfig(**g), DiscriminatorConfig(**sections["discriminator"], **geometry)


@pytest.mark.parametrize("name", ["GAN", "StyleGAN2", "SAGAN", "kGAN"])
def test_baselines_run(name: str) -> None:
    g_config, d_config = baseline(name)
    keras.utils.set_random_seed(3)
    g, d = build_generator(g_config), Discriminator(d_config)
    with tf.GradientTape() as tape:
        drawn = g(latents(g), rng=1)
        loss = tf.reduce_mean(tf.nn.softplus(-d(drawn)))
    assert drawn.shape == (2, 32, 32, 3)
    assert g.config.style == (name in ("StyleGAN2", "kGAN"))
    found = {v.path: g for v, g in zip(g.trainable_variables, gradient(loss, tape, g.trainable_variables), strict=True)}
    assert all(np.isfinite(value).all() for value in found.values())
    assert [path for path, value in found.items() if not np.any(value)] == []


def far_corner_moves(layer: Callable[[np.ndarray], Any], x: np.ndarray) -> float:
    """How much the last pixel of the output moves with the first pixel of the input."""
    moved = x.copy()
    moved[:, 0, 0] += 1.0
    return differ(layer(moved)[:, -1, -1], layer(x)[:, -1, -1])


@pytest.mark.parametrize("name", ["GAN", "SAGAN"])
def test_only_sagan_attends_between_image_positions(name: str) -> None:
    """A convolution of 3x3 cannot connect opposite corners of 32x32; self-attention does."""
    from gansformer_tf.models.gansformer.flow import Flow, FlowInputs, Styles

    g = build_generator(baseline(name)[0])
    assert not g.config.transformer
    attended = [layer for block in g.synthesis.blocks for layer in block.layers_ if layer.attention is not None]
    assert [layer.level for layer in attended] == ([5, 5] if name == "SAGAN" else [])
    layer = g.synthesis.blocks[-1].layers_[-1]
    w = g.map(latents(g))
    x = np.random.RandomState(0).standard_normal((2, 32, 32, g.config.channels_at(5))).astype(np.float32)
    silent, flow = FlowInputs(noise_mode="none"), Flow(Styles(w))
    moves = far_corner_moves(lambda x: layer(x, inputs=silent, flow=flow)[0], x)
    assert (moves > 1e-4) == (name == "SAGAN")


def test_discriminator_attends_between_image_positions_without_aggregators() -> None:
    d = discriminator(SMALL, image_self_attention=3)
    block = d.blocks[0]
    assert block.image_attention is not None and d.component_embedding is None
    corner = far_corner_moves(lambda x: block(None, image=x)[0], images(d.config).numpy())
    assert corner > 1e-4
    plain = discriminator(SMALL).blocks[0]
    assert far_corner_moves(lambda x: plain(None, image=x)[0], images(d.config).numpy()) == 0


# -- k-GAN ---------------------------------------------------------------------------------------------------------

MERGES = itertools.cycle(itertools.product(("sum", "softmax", "max", "leaves"), (False, True)))
KGAN_CASES = [
    (architecture, layer, stem, *next(MERGES))
    for architecture, layer, stem in itertools.product(("orig", "skip", "resnet"), (-1, 2, 3, 4), (False, True))
]


@pytest.mark.parametrize(("architecture", "layer", "stem", "kind", "same"), KGAN_CASES)
def test_kgan_runs_with_every_architecture_layer_stem_and_merge(
    architecture: str, layer: int, stem: bool, kind: str, same: bool
) -> None:
    model = generator(
        KGAN, architecture=architecture, merge_layer=layer, latent_stem=stem, merge_type=kind, merge_same=same
    )
    w = model.map(latents(model))
    with tf.GradientTape() as tape:
        tape.watch(w)
        drawn = model.synthesize(w, rng=1)
        total = tf.reduce_sum(drawn[0] * images(model.config, 1)[0])
    assert drawn.shape == (2, 16, 16, 3)
    moved = np.abs(np.asarray(tape.gradient(total, w))).max(axis=(2, 3))
    assert np.all(moved[1] == 0), "an image depends on the latents of another"
    reached = moved[0] > 0
    assert reached.any() if kind == "max" else reached.all(), "a component has no influence"


def test_leaves_does_not_mix_samples() -> None:
    x = np.random.RandomState(0).standard_normal((6, 4, 4, 5)).astype(np.float32)
    for original in (False, True):
        layer = ComponentMerge(3, "leaves", batch_maximum=original)
        layer.build(x.shape)
        alone, together = layer(x[:3])[0], layer(x)[0]
        assert (differ(alone, together) > 1e-4) == original
    model = generator(KGAN, merge_type="leaves", merge_layer=3)
    z = latents(model, 3)
    assert differ(draw(model, z)[:1], draw(model, z[:1])) < 1e-5


# -- options that the original cannot run --------------------------------------------------------------------------


@pytest.mark.parametrize("switched_on", [{"latent_self_attention"}, {"image_to_latent"}, set()], ids=str)
@pytest.mark.parametrize("values", [TRANSFORMER, PAPER], ids=["simplex", "paper"])
def test_latents_are_updated_inside_the_generator(values: dict, switched_on: set[str]) -> None:
    """Each update alone, and with an empty set both: all their variables are connected to the image."""
    options = dict.fromkeys(switched_on or {"latent_self_attention", "image_to_latent"}, True)
    model = generator(values, **options)
    with tf.GradientTape(persistent=True) as tape:
        drawn = model(latents(model), noise_mode="const")
        total = tf.reduce_sum(drawn * images(model.config))
    stages = [layer.attention for block in model.synthesis.blocks for layer in block.layers_ if layer.attention]
    updates = [u for u in (stages[0].latent_self_update, stages[0].latent_image_update) if u is not None]
    assert len(updates) == len(options)
    for update in updates:
        assert isinstance(update, LatentUpdate)
        for variable, value in zip(
            update.trainable_variables, gradient(total, tape, update.trainable_variables), strict=True
        ):
            # a bias common to all keys moves no softmax
            assert np.any(value) or variable.path.endswith(("key/bias", "key_position/bias")), variable.path


def test_original_behaviour_drops_the_first_of_two_updates() -> None:
    config = GANsformerConfig(**TRANSFORMER, latent_self_attention=True, image_to_latent=True)
    stage = AttentionStage(config)
    x, y = np.ones((1, 2, 2, 8), np.float32), np.ones((1, 4, 8), np.float32)
    stage.build(x.shape, y.shape)
    original = AttentionStage(GANsformerConfig(**(TRANSFORMER | vars(config) | {"original_behaviour": True})))
    original.build(x.shape, y.shape)
    for connected, module in ((True, stage), (False, original)):
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(module(x, y)[1])
        kernel = module.latent_self_update.dense1.kernel
        assert np.any(gradient(total, tape, [kernel])[0]) == connected


def test_aggregators_talk_to_each_other() -> None:
    model = discriminator(SCORING, latent_self_attention=True, use_pos=True)
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(model(images(model.config)))
    variables = model.blocks[0].latent_update.trainable_variables
    found = zip(variables, gradient(total, tape, variables), strict=True)
    assert [v.path for v, g in found if not np.any(g) and "key" not in v.path] == []


@pytest.mark.parametrize("form", ["code", "paper"])
def test_aggregators_collect_from_the_image(form: str) -> None:
    model = discriminator(SCORING, attention_form=form)
    aggregators, positions = model._initial_aggregators(2)
    assert differ(aggregators[0], aggregators[1]) == 0
    block = model.blocks[0]
    _, _, collected = block(None, image=images(model.config), aggregators=aggregators, positions=positions)
    assert differ(collected[0], collected[1]) > 1e-4
    assert (block.collect_norm is not None) == (form == "paper")


def test_all_components_through_one_vector() -> None:
    """`--mapping-shared-dim`, also together with self-attention, which then has nothing to attend to."""
    for attends in (False, True):
        model = generator(TRANSFORMER, mapping_shared_dim=5, mapping_self_attention=attends)
        w = model.map(latents(model))
        assert w.shape == (2, 5, model.config.num_layers, 8)
        assert model.mapping.shared_in.units == 5
        assert model.mapping.components.steps[0].kernel.shape == (5, 5)
        z = latents(model)
        z[:, 0] += 1.0
        assert differ(model.map(z)[:, 3], w[:, 3]) > 1e-5  # one component moves another


@pytest.mark.parametrize("layers", [1, 2, 5])
def test_number_of_mapping_layers(layers: int) -> None:
    assert len(generator(PLAIN, mapping_layers=layers).mapping.components.steps) == layers
    residual = generator(PLAIN, mapping_layers=layers, mapping_residual=True).mapping.components.steps
    assert len(residual) == layers // 2 + 1  # pairs, and one dense layer


def test_self_attention_in_every_form_of_the_mapping_network() -> None:
    for values in (TRANSFORMER, KGAN):
        for residual in (False, True):
            model = generator(values, mapping_self_attention=True, mapping_layers=4, mapping_residual=residual)
            z = latents(model)
            w = model.map(z)
            z[:, 0] += 1.0
            assert differ(model.map(z)[:, 1], w[:, 1]) > 1e-6


# -- regularisation, dropout, losses -------------------------------------------------------------------------------


@pytest.mark.parametrize("values", [PLAIN, DUPLEX, PAPER], ids=["plain", "code", "paper"])
def test_path_length_reaches_w(values: dict) -> None:
    model = generator(values)
    z = latents(model)
    noise = images(model.config, seed=3)
    with tf.GradientTape() as tape:
        w = model.map(z)
        lengths = path_lengths(lambda w: model.synthesize(w, noise_mode="const"), w, noise)
        total = tf.reduce_sum(lengths)
    assert np.all(np.asarray(lengths) > 0)
    (kernel,) = gradient(total, tape, [model.mapping.components.steps[0].kernel])
    assert np.any(kernel)


DROPOUTS = {"attention_dropout": 0.5, "component_dropout": 0.5}


def test_dropouts_are_off_outside_training() -> None:
    model = generator(DUPLEX, **DROPOUTS)
    kept = generator(DUPLEX)
    kept.set_weights(model.get_weights())
    z = latents(model)
    np.testing.assert_array_equal(draw(model, z, rng=1), draw(kept, z))
    first, again, other = (draw(model, z, rng=seed, training=True) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert differ(first, other) > 1e-3
    for name, rate in DROPOUTS.items():
        assert differ(draw(generator(DUPLEX, **{name: rate}), z, rng=1, training=True), draw(kept, z)) > 1e-3


def test_dropout_of_the_discriminator_is_off_outside_training() -> None:
    model = discriminator(SCORING | {"attention_dropout": 0.5})
    drawn = images(model.config)
    assert differ(model(drawn, rng=1), model(drawn, rng=2)) == 0
    assert differ(model(drawn, rng=1, training=True), model(drawn, rng=2, training=True)) > 1e-4


def test_hinge_is_the_standard_hinge() -> None:
    scores = tf.constant([-3.0, 0.0, 3.0])
    pairs = objectives.Scores(scores, lambda: tf.zeros(3))
    np.testing.assert_allclose(objectives.g_hinge(pairs), [3, 0, -3])
    np.testing.assert_allclose(objectives.g_hinge_code(pairs), [0, -1, -4])
    np.testing.assert_allclose(objectives.d_hinge(objectives.Scores(tf.zeros(3), lambda: scores)), [5, 2, 1])


# -- sizes ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("height", "width", "channels"), [(3, 4, 3), (2, 4, 1), (4, 3, 4), (1, 4, 3)])
@pytest.mark.parametrize("values", [DUPLEX, PAPER, KGAN], ids=["code", "paper", "kgan"])
def test_rectangular_images(values: dict, height: int, width: int, channels: int) -> None:
    geometry = {"resolution": 8, "base_height": height, "base_width": width, "image_channels": channels}
    model = generator(values, **geometry, latent_stem=height == 3, architecture=("skip", "resnet")[height % 2])
    drawn, maps = model(latents(model), rng=1, return_attention=True)
    assert drawn.shape == (2, 2 * height, 2 * width, channels)
    for found in maps:
        assert found.shape[2] * width == found.shape[3] * height
        np.testing.assert_allclose(np.sum(found, axis=-1), 1.0, atol=1e-5)
    scoring = discriminator(SCORING, **geometry, use_pos=True)
    assert scoring(drawn).shape == (2, 1)
    with pytest.raises(ValueError, match="this discriminator takes"):
        scoring(drawn[:, :-1])
