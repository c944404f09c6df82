"""Synthesis network of StyleGAN3."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from gansformer_tf.config import StyleGAN3Config
from gansformer_tf.layers import EqualizedDense
from gansformer_tf.layers.configured import ConfiguredLayer
from gansformer_tf.layers.modulated_conv import DEMODULATION_EPSILON
from gansformer_tf.layers.precision import NUM_LOW_PRECISION_LEVELS, HighResolutionPolicy
from gansformer_tf.models.stylegan3.fourier import FourierInput
from gansformer_tf.models.stylegan3.schedule import LayerPlan, layer_plans
from gansformer_tf.ops import bias_act, conv2d, filtered_lrelu, scale_channels


@keras.saving.register_keras_serializable("gansformer_tf")
class AliasFreeLayer(ConfiguredLayer):
    """Modulated convolution and a nonlinearity that keeps within the bands of its signals.

    Args:
        config: `StyleGAN3Config`.
        index: Number of the layer, from 0.

    Call arguments:
        x: `[batch, size, size, channels]`.
        style: `[batch, style_dim]`.
        magnitude_decay: Share of the average magnitude of inputs that this call keeps; None leaves it as it is.

    Returns:
        Features `[batch, size', size', channels']`, and the average of squared inputs that they were divided by.

    Source: StyleGAN3, section 3 and appendix B.
    """

    config_class = StyleGAN3Config

    def __init__(self, config: StyleGAN3Config, *, index: int, **kwargs: Any) -> None:
        super().__init__(config, autocast=False, **kwargs)  # averages move by less than bfloat16 can tell apart
        self.index = index

    def build(self, x_shape: Any = None, style_shape: Any = None) -> None:
        plan = self.plan = self._plan()
        normal = keras.initializers.RandomNormal(stddev=1.0)
        shape = (plan.kernel_size, plan.kernel_size, plan.source.channels, plan.target.channels)
        self.kernel = self.add_weight(shape=shape, initializer=normal, name="kernel", autocast=False)
        self.bias = self.add_weight(shape=shape[-1:], initializer="zeros", name="bias", autocast=False)
        self.magnitude = self.add_weight(
            shape=(), initializer="ones", trainable=False, name="magnitude", autocast=False
        )
        self.affine = EqualizedDense(plan.source.channels, name="affine", dtype=self.dtype_policy)
        self.affine.build((None, self.config.style_dim))

    def _plan(self) -> LayerPlan:
        return layer_plans(self.config)[self.index]

    def call(self, x: Any, style: Any, magnitude_decay: Any = None) -> tuple[Any, Any]:
        plan = self.plan
        magnitude = self.magnitude * 1.0  # a tensor, which `convert_to_tensor` need not give
        if magnitude_decay is not None:
            current = ops.stop_gradient(ops.mean(ops.square(ops.cast(x, "float32"))))
            magnitude = current + magnitude_decay * (magnitude - current)
        scales = ops.cast(self.affine(style) + 1.0, "float32")
        kernel, bias = ops.convert_to_tensor(self.kernel), ops.convert_to_tensor(self.bias)
        gain = ops.rsqrt(magnitude)
        if plan.makes_image:
            scales = scales / math.sqrt(plan.source.channels * plan.kernel_size**2)
        else:
            # Both cancel in the demodulation; they keep numbers small. The original takes one mean over all samples.
            kernel = kernel * ops.rsqrt(ops.mean(ops.square(kernel), axis=(0, 1, 2)))
            scales = scales * ops.rsqrt(ops.mean(ops.square(scales), axis=1, keepdims=True))
            energy = ops.matmul(ops.square(scales), ops.sum(ops.square(kernel), axis=(0, 1)))
            gain = gain * ops.rsqrt(energy + DEMODULATION_EPSILON)[:, None, None, :]
        x = scale_channels(ops.cast(x, self.compute_dtype), ops.cast(scales, self.compute_dtype))
        x = conv2d(x, ops.cast(kernel, self.compute_dtype), padding=plan.kernel_size - 1)
        x = x * ops.cast(gain, self.compute_dtype)
        clamp = self.config.conv_clamp
        if plan.makes_image:
            return bias_act(x, bias, clamp=clamp), magnitude
        x = filtered_lrelu(
            x,
            plan.up_filter,
            plan.down_filter,
            bias,
            up=plan.up,
            down=plan.down,
            padding=plan.padding,
            clamp=clamp,
        )
        return x, magnitude

    def compute_output_shape(self, x_shape: Any, style_shape: Any = None) -> Any:
        target = self.plan.target
        return (x_shape[0], target.size, target.size, target.channels), ()

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"index": self.index}


@keras.saving.register_keras_serializable("gansformer_tf")
class StyleGAN3Synthesis(ConfiguredLayer):
    """w to an image: Fourier features, and layers whose signals obey the sampling theorem.

    Call arguments:
        w: `[batch, num_layers, style_dim]`.
        transform: See `FourierInput`.
        magnitude_decay: See `AliasFreeLayer`.

    Returns:
        Images `[batch, resolution, resolution, image_channels]` in float32, and the average magnitudes `[layers]`.

    Source: StyleGAN3 (Karras et al. 2021), section 3.
    """

    config_class = StyleGAN3Config

    def __init__(self, config: StyleGAN3Config, **kwargs: Any) -> None:
        super().__init__(config, autocast=False, **kwargs)  # of the motion

    def build(self, *shapes: Any, **other_shapes: Any) -> None:
        config = self.config
        plans = layer_plans(config)
        self.input_ = FourierInput(config, name="input", dtype=self._policy(plans[0]))
        self.input_.build((None, config.style_dim))
        self.layers_ = []
        for index, plan in enumerate(plans):
            layer = AliasFreeLayer(config, index=index, name=f"layer{index}", dtype=self._policy(plan))
            layer.build()
            self.layers_.append(layer)

    def _policy(self, plan: LayerPlan) -> keras.DTypePolicy:
        policy = self.dtype_policy
        if not isinstance(policy, HighResolutionPolicy):
            return policy
        low = plan.target.rate * 2**NUM_LOW_PRECISION_LEVELS > self.config.resolution
        return keras.DTypePolicy("mixed_bfloat16" if low else "float32")

    def call(self, w: Any, transform: Any = None, magnitude_decay: Any = None) -> tuple[Any, Any]:
        x, magnitudes = self.input_(w[:, 0], transform), []
        for index, layer in enumerate(self.layers_):
            x, magnitude = layer(x, w[:, index + 1], magnitude_decay=magnitude_decay)
            magnitudes.append(magnitude)
        return ops.cast(x, "float32") * self.config.output_scale, ops.stack(magnitudes)

    def compute_output_shape(self, w_shape: Any, *other_shapes: Any, **others: Any) -> Any:
        config = self.config
        return (w_shape[0], config.height, config.width, config.image_channels), (len(self.layers_),)
