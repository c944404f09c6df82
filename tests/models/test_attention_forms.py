"""What the attention maps depend on, in the form of the published code and in that of the paper.

In the code's duplex form the map of a layer is a function of the image features that enter it: the latents of that
layer act through the values only. (The features themselves depend on the latents of the layers before, so in a whole
network the statement holds for one layer at a time.) In the paper's form a map depends on image and latents.
"""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from gansformer_tf.config import GANsformerConfig
from gansformer_tf.layers.attention_stage import AttentionStage
from tests.models.tiny import DUPLEX, PAPER, TRANSFORMER, differ, discriminator, draw, generator, gradient, latents

CODE_VARIANTS = {
    "code": {},
    "code, 2 heads": {"num_heads": 2},
    "code, 3 iterations": {"kmeans_iterations": 3},
    "code, iterative": {"iterative": True},
    "code, image gate": {"image_gate": True},
}
K = DUPLEX["num_components"]


def maps_of_stage(config: GANsformerConfig):
    """(image, latents, grid, positions) -> the layer's probabilities, and its image output."""
    stage = AttentionStage(config, first=True)
    random = np.random.RandomState(4)
    grid, positions = random.standard_normal((16, 8)), random.standard_normal((K, 8))
    stage.build((None, 4, 4, 8), (None, K, 8), grid.shape, positions.shape)
    places = {"grid": tf.constant(grid, tf.float32), "positions": tf.constant(positions, tf.float32)}

    def run(x, y):
        output, _, probabilities, _ = stage(tf.constant(x), tf.constant(y), **places)
        return np.asarray(probabilities), np.asarray(output)

    return run


def two_draws(*shape: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.RandomState(5)
    return tuple(random.standard_normal(shape).astype(np.float32) for _ in range(2))


@pytest.mark.parametrize("name", [*CODE_VARIANTS, "simplex", "paper", "paper, 2 iterations"])
def test_what_a_map_depends_on(name: str) -> None:
    if name in CODE_VARIANTS:
        config = GANsformerConfig(**(DUPLEX | CODE_VARIANTS[name]))
    elif name == "simplex":
        config = GANsformerConfig(**(DUPLEX | {"kmeans": False}))
    else:
        config = GANsformerConfig(**(PAPER | {"kmeans_iterations": 2 if "2" in name else 1}))
    run = maps_of_stage(config)
    (x, other_x), (y, other_y) = two_draws(2, 4, 4, 8), two_draws(2, K, 8)
    probabilities, output = run(x, y)
    of_other_latents, other_output = run(x, other_y)
    of_other_image, _ = run(other_x, y)
    if "gate" not in name:
        np.testing.assert_allclose(probabilities.sum(axis=-1), 1.0, atol=1e-5)
    assert differ(output, other_output) > 1e-3
    assert differ(probabilities, of_other_image) > 1e-3
    if name in CODE_VARIANTS:
        np.testing.assert_array_equal(probabilities, of_other_latents)
    else:
        assert differ(probabilities, of_other_latents) > 1e-3


@pytest.mark.parametrize("form", ["code", "paper"])
def test_maps_of_a_network_when_the_latents_of_one_layer_change(form: str) -> None:
    model = generator(DUPLEX if form == "code" else PAPER)
    attended = [layer for block in model.synthesis.blocks for layer in block.layers_ if layer.attention is not None]
    assert len(attended) == 3
    w = np.array(model.map(latents(model)))
    which, layer = 1, attended[1]
    changed = w.copy()
    changed[:, :K, layer.index] += np.random.RandomState(6).standard_normal(changed[:, :K, layer.index].shape)
    images, maps = model.synthesize(w, noise_mode="const", return_attention=True)
    other_images, other_maps = model.synthesize(changed, noise_mode="const", return_attention=True)
    moved = [differ(a, b) for a, b in zip(maps, other_maps, strict=True)]
    assert differ(images, other_images) > 1e-3
    assert moved[0] == 0 and moved[2] > 1e-4
    assert moved[which] == 0 if form == "code" else moved[which] > 1e-3


@pytest.mark.parametrize("form", ["code", "paper"])
def test_gradient_of_a_map_with_respect_to_its_latents(form: str) -> None:
    model = generator(DUPLEX if form == "code" else PAPER)
    first = model.synthesis.blocks[0].layers_[0]
    w = tf.constant(np.array(model.map(latents(model))))
    with tf.GradientTape() as tape:
        tape.watch(w)
        _, maps = model.synthesize(w, noise_mode="const", return_attention=True)
        total = tf.reduce_sum(tf.square(maps[0]))
    moved = np.abs(gradient(total, tape, [w])[0])
    assert np.any(moved[:, :K, first.index]) == (form == "paper")


@pytest.mark.parametrize("k", [3, 4, 16, 20])
@pytest.mark.parametrize("values", [DUPLEX, PAPER], ids=["code", "paper"])
def test_iterative_attention_works_for_any_number_of_components(values: dict, k: int) -> None:
    """Fewer components than positions at the first attended layer (16), as many, and more."""
    model = generator(values, num_components=k, latent_size=4 * k, iterative=True)
    z = latents(model, 1)
    images, maps = model(z, noise_mode="const", return_attention=True)
    assert np.isfinite(np.asarray(images)).all()
    assert [found.shape[-1] for found in maps] == [k] * 3
    for found in maps:
        np.testing.assert_allclose(np.sum(found, axis=-1), 1.0, atol=1e-5)
    assert np.std(maps[-1]) > 1e-4


def test_iterative_attention_carries_assignments() -> None:
    """With them taken away, the maps of the second attended layer change."""
    model = generator(PAPER, iterative=True)
    plain = generator(PAPER)
    plain.set_weights(model.get_weights())
    z = latents(model)
    carried, fresh = (m(z, noise_mode="const", return_attention=True)[1] for m in (model, plain))
    assert differ(carried[0], fresh[0]) == 0
    assert differ(carried[1], fresh[1]) > 1e-4


def test_the_papers_form_attends_before_the_convolution() -> None:
    """Up-sampling layers attend on the grid they start from, so no grid above it is attended to."""
    code, paper = generator(DUPLEX), generator(PAPER)
    sizes = [
        [found.shape[2] for found in model(latents(model), noise_mode="const", return_attention=True)[1]]
        for model in (code, paper)
    ]
    assert sizes == [[4, 8, 8], [4, 4, 8]]


def test_the_papers_form_carries_the_latents_on() -> None:
    """Y := u^a(Y, X): what the first layer's latents collect reaches the second layer."""
    model = generator(PAPER)
    first = model.synthesis.blocks[0].layers_[0].attention.image_to_components
    with tf.GradientTape() as tape:
        _, maps = model(latents(model), noise_mode="const", return_attention=True)
        total = tf.reduce_sum(tf.square(maps[1]))
    assert np.any(gradient(total, tape, [first.latent_norm.gamma])[0])


def test_global_latent_of_an_unmodulated_generator_has_no_influence() -> None:
    """`--style False`, as in the original: nothing but attention reads the latents."""
    model = generator(TRANSFORMER, style=False)
    z = latents(model)
    other = z.copy()
    other[:, -1] += 1.0
    assert differ(draw(model, z), draw(model, other)) == 0
    other[:, 0] += 1.0
    assert differ(draw(model, z), draw(model, other)) > 1e-3


def test_forms_of_the_discriminator_differ_by_a_normalisation() -> None:
    values = {"resolution": 8, "channel_base": 64, "channel_max": 8, "transformer": True, "latent_size": 8}
    code, paper = discriminator(values), discriminator(values, attention_form="paper")
    added = {variable.path for variable in paper.weights} - {variable.path for variable in code.weights}
    assert {path.split("/")[-2] for path in added} == {"collect_norm"}
