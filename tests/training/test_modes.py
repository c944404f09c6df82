"""Rematerialisation, XLA and half precision train like the plain step."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from gansformer_tf.config import DiscriminatorConfig, GANsformerConfig, TrainConfig
from gansformer_tf.layers.precision import HighResolutionPolicy, dtype_policy
from gansformer_tf.models import Discriminator, build_generator
from gansformer_tf.models.gansformer.flow import Flow, FlowInputs, Styles
from gansformer_tf.ops import SeedStream
from gansformer_tf.training.remat import Rematerialization, recomputed
from gansformer_tf.training.step import TrainStep
from tests.models.tiny import PAPER, SCORING
from tests.training.tiny_networks import tiny_train_config

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 8, 8, 3), np.uint8)
NO_LABELS = np.zeros((4, 0), np.float32)
GEOMETRY = {"resolution": 8, "channel_base": 64, "channel_max": 8}


def make_step(dtype: object = None, **changes: object) -> TrainStep:
    """A step of small but complete networks; dropout, noise and style mixing are on."""
    keras.utils.set_random_seed(1)
    g_config = GANsformerConfig(**(PAPER | GEOMETRY | {"attention_dropout": 0.1}))
    generator = build_generator(g_config, dtype=dtype)
    discriminator = Discriminator(DiscriminatorConfig(**(SCORING | GEOMETRY | {"mbstd_group_size": 2})), dtype=dtype)
    average = build_generator(g_config, name="ema_generator")
    average.set_weights(generator.get_weights())
    values = {"batch_size": 4, "batch_size_per_replica": 4, "path_length": False, "component_mixing": 0.0}
    return TrainStep(generator, discriminator, average, tiny_train_config(**(values | changes)))


def gradients(step: TrainStep) -> dict[str, np.ndarray]:
    """First moments after one step, which is the gradient of every variable; all phases run."""
    step.run(0, IMAGES, NO_LABELS)
    return {
        name: variable.numpy() for name, variable in step.state().items() if "/m/" in name or name.endswith("w_avg")
    }


@pytest.fixture(scope="module")
def plain() -> dict[str, np.ndarray]:
    tf.config.run_functions_eagerly(True)
    found = gradients(make_step(adam_beta1=0.5))
    tf.config.run_functions_eagerly(False)
    return found


def difference(ours: dict[str, np.ndarray], theirs: dict[str, np.ndarray]) -> float:
    """Largest relative difference of a variable's gradient, in the norm."""
    assert ours.keys() == theirs.keys()
    scale = max(np.linalg.norm(value) for value in theirs.values())
    return max(
        np.linalg.norm(ours[name] - value) / max(np.linalg.norm(value), 1e-4 * scale) for name, value in theirs.items()
    )


def test_recomputed_blocks_give_the_same_gradients(plain):
    assert difference(gradients(make_step(adam_beta1=0.5, recompute=True)), plain) < 1e-3


@pytest.mark.parametrize("precision", ["bfloat16", "mixed"])
def test_half_precision_trains_float32_weights(precision, plain, eager):
    step = make_step(dtype=dtype_policy(precision), adam_beta1=0.5)
    found = gradients(step)
    assert {variable.dtype for variable in step.generator.trainable_variables} == {"float32"}
    whole, expected = (np.concatenate([value.ravel() for value in part.values()]) for part in (found, plain))
    cosine = whole @ expected / np.linalg.norm(whole) / np.linalg.norm(expected)
    assert 0.9 < cosine < 1.0 - 1e-7  # other numbers, the same direction
    statistics = step.run(1, IMAGES, NO_LABELS)
    assert all(np.isfinite(float(value)) for value in statistics.values())
    assert int(step.skipped["G"]) == int(step.skipped["D"]) == 0


def test_mixed_keeps_small_resolutions_in_float32():
    policy = HighResolutionPolicy(num_levels=2)
    assert [policy.at(level, 6).compute_dtype for level in (2, 4, 5, 6)] == [
        "float32",
        "float32",
        "bfloat16",
        "bfloat16",
    ]
    step = make_step(dtype=HighResolutionPolicy(num_levels=1))
    assert [block.compute_dtype for block in step.generator.synthesis.blocks] == ["float32", "bfloat16"]


@dataclasses.dataclass(frozen=True)
class LongerFlow(Flow):
    added: Any = None


@dataclasses.dataclass(frozen=True)
class LongerInputs(FlowInputs):
    added: Any = None


def test_recomputing_loses_no_field_of_the_flow():
    """A field that the code of rematerialisation has never heard of comes in, goes out, and has a gradient."""

    class Block:
        def __call__(self, x, inputs, flow):
            drawn = inputs.rng.uniform([2])
            change = {"added": flow.added * inputs.added[1] + drawn, "grid_size": (4, 2), "maps": (*flow.maps, x)}
            return x * flow.styles.w, dataclasses.replace(flow, **change)

    def outputs(active: bool, stream: SeedStream, value: tf.Tensor) -> list[Any]:
        rematerialization = Rematerialization()
        inputs = LongerInputs(rng=stream, added=(None, value), noise={3: value})
        flow = LongerFlow(Styles(value + 1.0), added=value, latents=value)
        with rematerialization.enabled() if active else contextlib.nullcontext():
            x, flow = rematerialization.run_block(Block(), value, inputs=inputs, flow=flow)
        assert type(flow) is LongerFlow and flow.grid_size == (4, 2) and flow.image is None
        assert isinstance(flow.styles, Styles) and len(flow.maps) == 1
        return [x, flow.added, flow.latents, stream.uniform([2])]

    value, found = tf.constant([2.0, 3.0]), []
    for active in (False, True):
        with tf.GradientTape() as tape:
            tape.watch(value)
            results = outputs(active, SeedStream(5), value)
            total = tf.add_n([tf.reduce_sum(tf.square(result)) for result in results])
        found.append([*results, tape.gradient(total, value)])
    for plain, again in zip(*found, strict=True):
        np.testing.assert_allclose(again, plain, rtol=1e-6)


def test_recomputed_blocks_wait_for_their_gradient():
    """Also where the first output is used by nobody: its gradient is there at once."""

    @tf.function(autograph=False)
    def gradient(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            outputs = recomputed(lambda inputs: {"x": inputs["x"] * 2.0, "image": tf.sin(inputs["x"])}, {"x": x})
            loss = tf.reduce_sum(tf.tanh(outputs["image"]))
        return tape.gradient(loss, x)

    x = tf.constant([0.3, -0.4])
    np.testing.assert_allclose(gradient(x), (1 - np.tanh(np.sin(x)) ** 2) * np.cos(x), rtol=1e-5)
    operations = gradient.get_concrete_function(x).graph.get_operations()
    sines = [operation for operation in operations if operation.type == "Sin"]
    assert len(sines) == 2

    def comes_before(operation, kind, seen):
        sources = [tensor.op for tensor in operation.inputs] + list(operation.control_inputs)
        fresh = [source for source in sources if source.name not in seen]
        seen.update(source.name for source in fresh)
        return any(source.type == kind or comes_before(source, kind, seen) for source in fresh)

    assert [comes_before(sine, "TanhGrad", set()) for sine in sines] == [False, True]


def test_the_precision_that_was_measured_best():
    assert dtype_policy("auto").name == "float32" and TrainConfig(precision="auto").precision == "auto"
