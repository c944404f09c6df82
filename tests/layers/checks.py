"""What every layer must be able to do, in one function."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

# A step against the gradient that promises to lower the loss by this share of it ...
PROMISED = 1e-3
# ... keeps its promise within this factor, unless the gradient is wrong.
KEPT = (0.5, 1.5)
BFLOAT16 = 0.05

Run = Callable[[keras.layers.Layer, dict[str, Any]], Any]


@keras.saving.register_keras_serializable("gansformer_tf_tests")
class Holder(keras.Model):
    """A model of one layer, whose call arguments are a dictionary of tensors."""

    def __init__(self, layer: keras.layers.Layer, run: Run | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.layer = layer
        self.run = run
        self.built = True

    def call(self, tensors: dict[str, Any]) -> Any:
        return _flat(self.run(self.layer, tensors))

    def get_config(self) -> dict[str, Any]:
        return {"layer": keras.saving.serialize_keras_object(self.layer)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Holder:
        return cls(keras.saving.deserialize_keras_object(config["layer"]))


def by_name(layer: keras.layers.Layer, tensors: dict[str, Any]) -> Any:
    """The usual call: every tensor is an argument of its name."""
    return layer(**tensors)


def check_layer(
    make: Callable[..., keras.layers.Layer],
    inputs: dict[str, np.ndarray],
    outputs: list[tuple[int, ...]],
    folder: Path,
    *,
    run: Run = by_name,
    build: tuple | None = None,
    unbatched: tuple[str, ...] = ("grid", "positions", "x_pos", "y_pos"),
    without_gradient: tuple[str, ...] = (),
    bfloat16_tolerance: float = BFLOAT16,
    exact_inputs: tuple[str, ...] = (),
    exact_outputs: tuple[int, ...] = (),
) -> keras.layers.Layer:
    """Serialises, builds, calls, trains, lowers to bfloat16, saves and loads a layer.

    Args:
        make: Makes the layer; must accept `dtype`.
        inputs: Arguments of the call by name; float arrays.
        outputs: Shapes of the outputs that are tensors, in order.
        folder: For the saved file.
        run: Calls the layer with the tensors of `inputs`.
        build: Arguments of `build`; None lets the first call build the layer.
        unbatched: Inputs whose first axis is not the batch.
        without_gradient: Ends of the names of trainable variables that do not influence the outputs.
        bfloat16_tolerance: Norm of the allowed difference over the norm of the float32 output.
        exact_inputs: Inputs that a bfloat16 layer gets in float32.
        exact_outputs: Numbers of the outputs that a bfloat16 layer gives in float32.

    Returns:
        The layer.
    """
    inputs = {name: np.asarray(value, np.float32) for name, value in inputs.items()}
    tensors = {name: tf.constant(value) for name, value in inputs.items()}
    layer = make()
    if build is not None:
        layer.build(*build)
    results = _flat(run(layer, tensors))
    assert [tuple(result.shape) for result in results] == [tuple(shape) for shape in outputs]
    assert all(np.isfinite(np.asarray(result)).all() for result in results)
    assert layer.built
    _randomize(layer)
    results = _flat(run(layer, tensors))
    _check_serialisation(layer)
    _check_symbolic(layer, inputs, results, run, unbatched)
    _check_saving(layer, tensors, results, run, folder)
    low = {name: tf.cast(tensor, tf.bfloat16) for name, tensor in tensors.items() if name not in exact_inputs}
    _check_bfloat16(make, build, layer, tensors | low, results, run, bfloat16_tolerance, exact_outputs)
    _check_training_step(layer, tensors, run, without_gradient)
    if run is by_name:
        _check_training_mode(layer, tensors)
    return layer


def _check_training_mode(layer: Any, tensors: dict) -> None:
    """It is called in training mode as any layer of Keras, without a seed."""
    if "training" in inspect.signature(type(layer).call).parameters:
        assert all(np.isfinite(np.asarray(result)).all() for result in _flat(layer(**tensors, training=True)))


def _flat(outputs: Any) -> list[Any]:
    return [output for output in keras.tree.flatten(outputs) if output is not None]


def _randomize(layer: keras.layers.Layer) -> None:
    """Zeros (biases, noise strengths) would hide arguments that are not connected."""
    random = np.random.default_rng(1)
    for variable in layer.trainable_variables:
        if not np.any(variable.numpy()):
            variable.assign(0.3 * random.standard_normal(variable.shape))


def _check_serialisation(layer: keras.layers.Layer) -> None:
    text = json.dumps(keras.saving.serialize_keras_object(layer))
    clone = keras.saving.deserialize_keras_object(json.loads(text))
    assert type(clone) is type(layer)
    assert clone.get_config() == layer.get_config()
    assert [v.shape for v in clone.variables] == [v.shape for v in layer.variables], "built from its own build config"
    parameters = inspect.signature(type(layer).__init__).parameters
    arguments = {name for name, parameter in parameters.items() if parameter.kind is not parameter.VAR_KEYWORD}
    missing = arguments - {"self"} - set(layer.get_config())
    assert not missing, f"get_config leaves out {missing}"


def _check_symbolic(layer: Any, inputs: dict[str, np.ndarray], results: list, run: Run, unbatched: tuple) -> None:
    specs = {
        name: keras.KerasTensor(value.shape if name in unbatched else (None, *value.shape[1:]), dtype="float32")
        for name, value in inputs.items()
    }
    symbolic = _flat(Holder(layer, run)(specs))
    assert len(symbolic) == len(results)
    for spec, result in zip(symbolic, results, strict=True):
        assert _fits(spec.shape, result.shape), f"symbolic call gives {spec.shape}, eager call {tuple(result.shape)}"
        assert spec.dtype == keras.backend.standardize_dtype(result.dtype)
    if run is by_name:  # by `compute_output_shape`, where the layer has one
        declared = _flat(layer(**specs))
        assert [len(spec.shape) for spec in declared] == [len(result.shape) for result in results]
        for spec, result in zip(declared, results, strict=True):
            assert _fits(spec.shape, result.shape), f"declared {spec.shape}, computed {tuple(result.shape)}"


def _fits(symbolic: tuple, shape: tuple) -> bool:
    return len(symbolic) == len(shape) and all(a is None or a == b for a, b in zip(symbolic, shape, strict=True))


def _check_saving(layer: Any, tensors: dict, results: list, run: Run, folder: Path) -> None:
    path = folder / "layer.keras"
    Holder(layer, run).save(path)
    loaded = keras.saving.load_model(path).layer
    for result, again in zip(results, _flat(run(loaded, tensors)), strict=True):
        np.testing.assert_array_equal(np.asarray(again), np.asarray(result))


def _check_bfloat16(
    make: Any, build: Any, layer: Any, tensors: dict, results: list, run: Run, tolerance: float, exact: tuple[int, ...]
) -> None:
    low = make(dtype="mixed_bfloat16")
    if build is not None:
        low.build(*build)
    run(low, tensors)
    low.set_weights(layer.get_weights())
    assert all(variable.dtype == "float32" for variable in low.weights)
    for index, (result, rounded) in enumerate(zip(results, _flat(run(low, tensors)), strict=True)):
        expected = tf.float32 if index in exact else tf.bfloat16
        assert rounded.dtype == expected, f"a bfloat16 layer returns {rounded.dtype.name}, not {expected.name}"
        result, rounded = np.asarray(result), np.asarray(tf.cast(rounded, tf.float32))
        error = np.linalg.norm(rounded - result) / max(np.linalg.norm(result), 1e-12)
        assert error <= tolerance, f"bfloat16 differs by {error:.3f}, allowed {tolerance}"


def _check_training_step(layer: Any, tensors: dict, run: Run, without_gradient: tuple[str, ...]) -> None:
    random = np.random.default_rng(2)
    targets = [random.standard_normal(output.shape).astype(np.float32) for output in _flat(run(layer, tensors))]

    def loss() -> tf.Tensor:
        outputs = _flat(run(layer, tensors))
        return tf.add_n([tf.reduce_mean(tf.square(o - t)) for o, t in zip(outputs, targets, strict=True)])

    variables = layer.trainable_variables
    if not variables:
        return
    with tf.GradientTape() as tape:
        before = loss()
    gradients = tape.gradient(before, [variable.value for variable in variables])
    disconnected = [v.path for v, g in zip(variables, gradients, strict=True) if g is None]
    unexpected = [path for path in disconnected if not path.endswith(without_gradient or ("\0",))]
    assert not unexpected, f"no gradient reaches {unexpected}"
    assert len(disconnected) >= len(without_gradient), f"all of {without_gradient} have a gradient"
    if len(disconnected) == len(variables):
        return
    gradients = [tf.zeros(v.shape) if g is None else g for v, g in zip(variables, gradients, strict=True)]
    squared = float(tf.add_n([tf.reduce_sum(tf.square(gradient)) for gradient in gradients]))
    assert np.isfinite(squared) and squared > 0
    rate = PROMISED * float(before) / squared
    optimizer = keras.optimizers.SGD(rate)
    optimizer.apply(gradients, variables)
    kept = (float(before) - float(loss())) / (PROMISED * float(before))
    assert KEPT[0] < kept < KEPT[1], f"the loss fell by {kept:.2f} times what the gradient promised"
