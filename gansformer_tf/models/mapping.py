"""Mapping network: latents z to intermediate latents w."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gansformer_tf.config import GeneratorConfig
from gansformer_tf.layers import EqualizedDense, LatentUpdate
from gansformer_tf.layers.configured import ConfiguredLayer

NORMALIZATION_EPSILON = 1e-8


@keras.saving.register_keras_serializable("gansformer_tf")
class MappingMLP(ConfiguredLayer):
    """Feed-forward stack of the mapping network, shared by the latents it is given.

    Residual form: n // 2 `LatentUpdate` layers (with self-attention if asked for), then one dense layer. Plain
    form: n dense layers; with self-attention one `LatentUpdate` stands before every second of them.

    Args:
        config: Generator configuration.
        width: Features inside the stack.
        input_dim: Features of the input.
        attend: Whether latents attend to each other.

    Call arguments:
        x: `[batch, latents, input_dim]`.
        positions: `[latents, latent_dim]` or None.
        component_mask, training, rng: See `BipartiteAttention`.

    Returns:
        `[batch, latents, width]`.
    """

    def __init__(self, config: GeneratorConfig, width: int, input_dim: int, attend: bool, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)
        self.width = width
        self.input_dim = input_dim
        self.attend = attend

    def build(self, input_shape: Any, positions_shape: Any = None) -> None:
        config = self.config
        dense = {"lr_multiplier": config.mapping_lr_multiplier, "activation": "lrelu", "dtype": self.dtype_policy}
        shape = (None, input_shape[1], self.width)
        self.input_dense = None
        self.steps: list[keras.layers.Layer] = []
        if config.mapping_residual:
            if self.input_dim != self.width:  # labels widen the input; a residual sum needs equal widths
                self.input_dense = self._build(
                    EqualizedDense(self.width, name="input", dtype=self.dtype_policy), input_shape
                )
            count = config.mapping_layers // 2
            for index in range(count):
                self.steps.append(self._update(f"layer{index}", shape, positions_shape))
            self.steps.append(self._build(EqualizedDense(self.width, name=f"dense{max(count - 1, 0)}", **dense), shape))
            return
        for index in range(config.mapping_layers):
            if self.attend and index % 2 == 0 and index > 0:
                self.steps.append(self._update(f"layer{index}", shape, positions_shape))
            layer = EqualizedDense(self.width, name=f"dense{index}", **dense)
            self.steps.append(self._build(layer, input_shape if index == 0 else shape))

    def _build(self, layer: keras.layers.Layer, shape: Any) -> keras.layers.Layer:
        layer.build(shape)
        return layer

    def _update(self, name: str, shape: Any, positions_shape: Any) -> LatentUpdate:
        config = self.config
        layer = LatentUpdate(
            attend=self.attend,
            lr_multiplier=config.mapping_lr_multiplier,
            num_heads=config.num_heads,
            query_gate=config.latent_gate,
            key_gate=config.latent_gate,
            dropout=config.attention_dropout,
            name=name,
            dtype=self.dtype_policy,
        )
        layer.build(shape, shape, positions_shape, positions_shape)
        return layer

    def call(
        self,
        x: Any,
        positions: Any = None,
        component_mask: Any = None,
        training: bool = False,
        rng: Any = None,
    ) -> Any:
        if self.input_dense is not None:
            x = self.input_dense(x)
        for step in self.steps:
            if isinstance(step, LatentUpdate):
                x = step(
                    x,
                    x_pos=positions,
                    y_pos=positions,
                    component_mask=component_mask,
                    training=training,
                    rng=rng,
                )
            else:
                x = step(x)
        return x

    def compute_output_shape(self, input_shape: Any, *args: Any, **kwargs: Any) -> Any:
        return (*input_shape[:-1], self.width)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"width": self.width, "input_dim": self.input_dim, "attend": self.attend}


@keras.saving.register_keras_serializable("gansformer_tf")
class MappingNetwork(ConfiguredLayer):
    """z to w: `k` component latents through one stack, the global latent through its own.

    What enters the stack of the components is normalised by its root mean square; the global latent is not, as in the
    original. Labels are embedded linearly and appended to the features of every latent. `mapping_shared_dim` maps all
    components together through one vector; `mapping_dim` sets another width inside.

    Call arguments:
        z: `[batch, num_latents, latent_dim]`, the global latent last.
        labels: `[batch, label_dim]` one-hot, or None.
        positions: Embedding of the components `[k, latent_dim]`, or None.
        component_mask: `[batch, k]` or None.
        training, rng: For dropout.

    Returns:
        `[batch, num_latents, latent_dim]`, one w for all layers.

    Source: GANsformer, section 3.2; StyleGAN, section 2.
    """

    def build(self, input_shape: Any = None) -> None:
        config = self.config
        dim, k = config.latent_dim, config.num_components
        self.label_embedding = None
        features = dim
        if config.label_dim:
            self.label_embedding = keras.layers.Dense(
                dim,
                use_bias=False,
                kernel_initializer=keras.initializers.RandomNormal(stddev=1.0),
                name="label_embedding",
                dtype=self.dtype_policy,
            )
            self.label_embedding.build((None, config.label_dim))
            features += dim
        self.shared_in: Any = None
        self.shared_out: Any = None
        self.map_start: Any = None
        self.map_end: Any = None
        self.map_positions: Any = None
        shared = config.mapping_shared_dim if k > 1 or config.transformer else 0
        attend = config.mapping_self_attention and not shared
        positions_shape = (k, dim) if attend and config.use_pos else None
        width, latents, local_features = dim, k, features
        if shared:
            self.shared_in = self._dense(shared, "shared_in", (None, k * features))
            self.shared_out = self._dense(k * dim, "shared_out", (None, shared))
            width, latents, local_features = shared, 1, shared
        elif config.mapping_dim:
            self.map_start = self._dense(config.mapping_dim, "map_start", (None, features))
            self.map_end = self._dense(dim, "map_end", (None, config.mapping_dim))
            width = local_features = config.mapping_dim
            if positions_shape is not None:
                self.map_positions = self._dense(config.mapping_dim, "map_positions", (None, dim))
                positions_shape = (k, config.mapping_dim)
        self.components = MappingMLP(config, width, local_features, attend, name="components", dtype=self.dtype_policy)
        self.components.build((None, latents, local_features), positions_shape)
        self.global_ = None
        if config.transformer:
            global_width = config.mapping_dim if config.mapping_dim and not shared else dim
            global_features = global_width if self.map_start is not None else features
            self.global_ = MappingMLP(
                config, global_width, global_features, False, name="global", dtype=self.dtype_policy
            )
            self.global_.build((None, 1, global_features))

    def _dense(self, units: int, name: str, shape: Any) -> EqualizedDense:
        dense = EqualizedDense(units, name=name, dtype=self.dtype_policy)
        dense.build(shape)
        return dense

    def call(
        self,
        z: Any,
        labels: Any = None,
        positions: Any = None,
        component_mask: Any = None,
        training: bool = False,
        rng: Any = None,
    ) -> Any:
        config = self.config
        k = config.num_components
        local = self._with_labels(z[:, :k], labels)
        local = self._map_components(local, positions, component_mask, training, rng)
        if self.global_ is None:
            return local
        global_ = self._with_labels(z[:, k:], labels)
        if self.map_start is not None:
            global_ = self.map_start(global_)
        global_ = self.global_(global_, training=training, rng=rng)
        if self.map_end is not None:
            global_ = self.map_end(global_)
        return ops.concatenate([local, global_], axis=1)

    def _map_components(self, x: Any, positions: Any, component_mask: Any, training: bool, rng: Any) -> Any:
        k, dim = self.config.num_components, self.config.latent_dim
        if self.map_start is not None:
            x = self.map_start(x)
            if self.map_positions is not None:
                positions = self.map_positions(positions)
        if self.config.normalize_latents:
            x = x * ops.rsqrt(ops.mean(ops.square(x), axis=-1, keepdims=True) + NORMALIZATION_EPSILON)
        if self.shared_in is not None:
            x = self.shared_in(ops.reshape(x, (-1, 1, k * x.shape[-1])))
            x = self.shared_out(self.components(x, training=training, rng=rng))
            return ops.reshape(x, (-1, k, dim))
        x = self.components(x, positions=positions, component_mask=component_mask, training=training, rng=rng)
        return x if self.map_end is None else self.map_end(x)

    def _with_labels(self, z: Any, labels: Any) -> Any:
        if self.label_embedding is None:
            return z
        if labels is None:
            raise ValueError(
                f"this model was trained with {self.config.label_dim} classes; "
                f"pass labels [batch, {self.config.label_dim}]."
            )
        embedded = ops.broadcast_to(self.label_embedding(labels)[:, None], ops.shape(z))
        return ops.concatenate([z, embedded], axis=-1)

    def compute_output_shape(self, input_shape: Any, *args: Any, **kwargs: Any) -> Any:
        return tuple(input_shape)
