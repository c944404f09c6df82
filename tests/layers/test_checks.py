"""The shared check of layers notices what it is meant to notice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops

from tests.layers.checks import check_layer

INPUTS = {"inputs": np.random.RandomState(0).standard_normal((4, 3)).astype(np.float32)}


@keras.saving.register_keras_serializable("gansformer_tf_tests")
class Good(keras.layers.Layer):
    """A dense layer with an option."""

    def __init__(self, units: int = 2, scale: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.units = units
        self.scale = scale

    def build(self, input_shape: Any) -> None:
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel")
        self.bias = self.add_weight(shape=(self.units,), name="bias")

    def call(self, inputs: Any) -> Any:
        return ops.matmul(inputs, self.kernel) * self.scale + self.bias

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"units": self.units, "scale": self.scale}


@keras.saving.register_keras_serializable("gansformer_tf_tests")
class ForgetsAnOption(Good):
    def get_config(self) -> dict[str, Any]:
        return {key: value for key, value in super().get_config().items() if key != "scale"}


class NotRegistered(Good):
    pass


@keras.saving.register_keras_serializable("gansformer_tf_tests")
class DeclaresAnotherShape(Good):
    def compute_output_shape(self, input_shape: Any) -> Any:
        return (*input_shape[:-1], self.units + 1)


@keras.saving.register_keras_serializable("gansformer_tf_tests")
class StopsAGradient(Good):
    def call(self, inputs: Any) -> Any:
        return ops.matmul(inputs, self.kernel) + ops.stop_gradient(self.bias)


@keras.saving.register_keras_serializable("gansformer_tf_tests")
class HasAWrongGradient(Good):
    def call(self, inputs: Any) -> Any:
        x = super().call(inputs)
        return 3.0 * x - ops.stop_gradient(2.0 * x)


@keras.saving.register_keras_serializable("gansformer_tf_tests")
class StaysInFloat32(Good):
    def call(self, inputs: Any) -> Any:
        return ops.cast(super().call(inputs), "float32")


@keras.saving.register_keras_serializable("gansformer_tf_tests")
class HidesItsState(Good):
    def build(self, input_shape: Any) -> None:
        super().build(input_shape)
        self.hidden = tf.Variable(tf.random.normal((self.units,)))  # unknown to Keras, so it is not saved

    def call(self, inputs: Any) -> Any:
        return super().call(inputs) + ops.cast(ops.convert_to_tensor(self.hidden), self.compute_dtype)


@keras.saving.register_keras_serializable("gansformer_tf_tests")
class NeedsValues(Good):
    def call(self, inputs: Any) -> Any:
        return super().call(inputs) * float(np.asarray(ops.convert_to_numpy(inputs)).max() > 0)


def test_a_good_layer_passes(tmp_path: Path) -> None:
    check_layer(lambda **options: Good(2, 3.0, **options), INPUTS, [(4, 2)], tmp_path)


@pytest.mark.parametrize(
    ("cls", "error", "message"),
    [
        (ForgetsAnOption, AssertionError, "get_config leaves out {'scale'}"),
        (NotRegistered, TypeError, "Could not locate class 'NotRegistered'"),
        (DeclaresAnotherShape, AssertionError, "declared .* computed"),
        (StopsAGradient, AssertionError, "no gradient reaches .*bias"),
        (HasAWrongGradient, AssertionError, "times what the gradient promised"),
        (StaysInFloat32, AssertionError, "a bfloat16 layer returns float32"),
        (HidesItsState, AssertionError, "Arrays are not equal"),
        (NeedsValues, NotImplementedError, "automatically infer the output shape"),
    ],
)
def test_a_bad_layer_fails(cls: type, error: type[Exception], message: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=message):
        check_layer(lambda **options: cls(2, 3.0, **options), INPUTS, [(4, 2)], tmp_path)
