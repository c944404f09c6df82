"""Mapping network: latents z to intermediate latents w."""

from __future__ import annotations

from typing import Any

import keras
from keras import ops

from gansformer_tf.config import GANsformerConfig
from gansformer_tf.layers import BipartiteAttention, EqualizedDense, LatentUpdate
from gansformer_tf.layers.configured import ConfiguredLayer
from gansformer_tf.layers.second_moment import normalize_second_moment


@keras.saving.register_keras_serializable("gansformer_tf")
class MappingMLP(ConfiguredLayer):
    """Feed-forward stack of the mapping network, shared by the latents it is given.

    Residual form: n // 2 `LatentUpdate` layers (with self-attention if asked for), then one dense layer. Plain
    form: n dense layers; with self-attention the latents attend to each other before each of them but the last.

    Args:
        config: Generator configuration.
        width: Features of the output, and inside the stack unless `mapping_hidden_dim` says otherwise.
        input_dim: Features of the input.
        attend: Whether latents attend to each other.

    Call arguments:
        x: `[batch, latents, input_dim]`.
        positions: `[latents, latent_dim]` or None.
        component_mask, training, rng: See `BipartiteAttention`.

    Returns:
        `[batch, latents, width]`.
    """

    def __init__(self, config: GANsformerConfig, width: int, input_dim: int, attend: bool, **kwargs: Any) -> None:
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
        hidden = config.mapping_hidden_dim or self.width
        for index in range(config.mapping_layers):
            last = index == config.mapping_layers - 1
            if self.attend and not last:
                self.steps.append(self._attention(f"attention{index}", input_shape, positions_shape))
            layer = EqualizedDense(self.width if last else hidden, name=f"dense{index}", **dense)
            self.steps.append(self._build(layer, input_shape))
            input_shape = (*input_shape[:-1], layer.units)

    def _build(self, layer: keras.layers.Layer, shape: Any) -> keras.layers.Layer:
        layer.build(shape)
        return layer

    def _attention_options(self, name: str) -> dict[str, Any]:
        config = self.config
        return {
            "num_heads": config.num_heads,
            "query_gate": config.mapping_gate,
            "key_gate": config.mapping_gate,
            "dropout": config.attention_dropout,
            "name": name,
            "dtype": self.dtype_policy,
        }

    def _update(self, name: str, shape: Any, positions_shape: Any) -> LatentUpdate:
        multiplier = self.config.mapping_lr_multiplier
        layer = LatentUpdate(attend=self.attend, lr_multiplier=multiplier, **self._attention_options(name))
        layer.build(shape, shape, positions_shape, positions_shape)
        return layer

    def _attention(self, name: str, shape: Any, positions_shape: Any) -> BipartiteAttention:
        layer = BipartiteAttention(int(shape[-1]), **self._attention_options(name))
        layer.build(shape, shape, positions_shape, positions_shape)
        return layer

    def width_of(self, step: keras.layers.Layer) -> int:
        """Features behind one step of the stack."""
        if isinstance(step, BipartiteAttention):
            return step.dim
        return step.units if isinstance(step, EqualizedDense) else self.width

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
        options = {"component_mask": component_mask, "training": training, "rng": rng}
        for step in self.steps:
            if isinstance(step, LatentUpdate):
                x = step(x, x_pos=positions, y_pos=positions, **options)
            elif isinstance(step, BipartiteAttention):
                x, _ = step(x, x, x_pos=positions, y_pos=positions, **options)
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

    What enters the stack of the components is normalised by its root mean square, of each component or of all of them
    together (`latent_normalization`); the global latent with `normalize_global` only. Labels are embedded linearly and
    appended to the features of every latent before that, or, with the "normalized" embedding of StyleGAN2-ADA,
    normalised by themselves and appended behind it. `mapping_shared_dim` maps all components together through one
    vector; `mapping_dim` sets another width inside.

    Call arguments:
        z: `[batch, num_latents, latent_dim]`, the global latent last.
        labels: `[batch, label_dim]` one-hot, or None.
        positions: Embedding of the components `[k, style_dim]`, or None.
        component_mask: `[batch, k]` or None.
        training, rng: For dropout.

    Returns:
        `[batch, num_latents, style_dim]`, one w for all layers.

    Source: GANsformer, section 3.2; StyleGAN, section 2; StyleGAN2-ADA, appendix D (labels).
    """

    def build(self, input_shape: Any = None) -> None:
        config = self.config
        dim, k = config.style_dim, config.num_components
        self._build_label_embedding()
        features = config.latent_dim + (0 if self.labels_normalized else config.label_features)
        appended = config.label_features if self.labels_normalized else 0
        local_appended = 0 if config.transformer else appended
        self.shared_in: Any = None
        self.shared_out: Any = None
        self.map_start = self.map_end = self.map_positions = None
        shared = config.mapping_shared_dim if k > 1 or config.transformer else 0
        attend = config.mapping_self_attention and not shared
        positions_shape = (k, dim) if attend and config.embeds_components else None
        width, latents, local_features, global_features = dim, k, features, features
        if shared:
            self.shared_in = self._dense(shared, "shared_in", (None, k * (features + local_appended)))
            self.shared_out = self._dense(k * dim, "shared_out", (None, shared))
            width, latents, local_features, local_appended = shared, 1, shared, 0
        elif config.mapping_dim:
            self.map_start = self._dense(config.mapping_dim, "map_start", (None, features))
            self.map_end = self._dense(dim, "map_end", (None, config.mapping_dim))
            width = local_features = global_features = config.mapping_dim
            if positions_shape is not None:
                self.map_positions = self._dense(config.mapping_dim, "map_positions", (None, dim))
                positions_shape = (k, config.mapping_dim)
        local_features += local_appended
        self.components = MappingMLP(config, width, local_features, attend, name="components", dtype=self.dtype_policy)
        self.components.build((None, latents, local_features), positions_shape)
        self.global_: Any = None
        if config.transformer:
            width = config.mapping_dim if self.map_start is not None else dim
            global_features += appended
            self.global_ = MappingMLP(config, width, global_features, False, name="global", dtype=self.dtype_policy)
            self.global_.build((None, 1, global_features))

    def _build_label_embedding(self) -> None:
        config = self.config
        self.label_embedding = None
        if not config.label_dim:
            return
        options = {"name": "label_embedding", "dtype": self.dtype_policy}
        if self.labels_normalized:
            self.label_embedding = EqualizedDense(config.label_features, **options)
        else:
            initializer = keras.initializers.RandomNormal(stddev=1.0)
            self.label_embedding = keras.layers.Dense(
                config.label_features, use_bias=False, kernel_initializer=initializer, **options
            )
        self.label_embedding.build((None, config.label_dim))

    @property
    def labels_normalized(self) -> bool:
        """Whether labels are normalised by themselves and appended behind the normalisation of the latents."""
        return self.config.label_embedding == "normalized"

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
        k = self.config.num_components
        embedded = self._embedded(labels)
        early, late = (None, embedded) if self.labels_normalized else (embedded, None)
        local = _append(z[:, :k], early)
        local_late = late if self.global_ is None else None
        local = self._map_components(local, local_late, positions, component_mask, training, rng)
        if self.global_ is None:
            return local
        return ops.concatenate([local, self._map_global(_append(z[:, k:], early), late, training, rng)], axis=1)

    def _map_components(
        self, x: Any, labels: Any, positions: Any, component_mask: Any, training: bool, rng: Any
    ) -> Any:
        k, dim = self.config.num_components, self.config.style_dim
        if self.map_start is not None:
            x = self.map_start(x)
            if self.map_positions is not None:
                positions = self.map_positions(positions)
        if self.config.normalize_latents:
            x = normalize_second_moment(x, axis=-1 if self.config.latent_normalization == "components" else (1, 2))
        x = _append(x, labels)
        if self.shared_in is not None:
            x = self.shared_in(ops.reshape(x, (-1, 1, k * x.shape[-1])))
            x = self.shared_out(self.components(x, training=training, rng=rng))
            return ops.reshape(x, (-1, k, dim))
        x = self.components(x, positions=positions, component_mask=component_mask, training=training, rng=rng)
        return x if self.map_end is None else self.map_end(x)

    def _map_global(self, x: Any, labels: Any, training: bool, rng: Any) -> Any:
        if self.map_start is not None:
            x = self.map_start(x)
        if self.config.normalize_global:
            x = normalize_second_moment(x)
        x = self.global_(_append(x, labels), training=training, rng=rng)
        return x if self.map_end is None else self.map_end(x)

    def _embedded(self, labels: Any) -> Any:
        if self.label_embedding is None:
            return None
        if labels is None:
            raise ValueError(
                f"this model was trained with {self.config.label_dim} classes; "
                f"pass labels [batch, {self.config.label_dim}]."
            )
        embedded = self.label_embedding(labels)
        return normalize_second_moment(embedded) if self.labels_normalized else embedded

    def compute_output_shape(self, input_shape: Any, *args: Any, **kwargs: Any) -> Any:
        return (*input_shape[:-1], self.config.style_dim)


def _append(x: Any, features: Any) -> Any:
    """`[batch, latents, a]` with the features `[batch, b]`, or None, appended to every latent."""
    if features is None:
        return x
    features = ops.broadcast_to(features[:, None], (*ops.shape(x)[:2], features.shape[-1]))
    return ops.concatenate([x, features], axis=-1)
