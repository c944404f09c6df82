"""Stage 2 of VQGAN: a causal transformer that predicts the codes of an image, one after the other."""

from __future__ import annotations

import math
from typing import Any

import keras
from keras import ops

from gansformer_tf.config import from_dict, to_dict
from gansformer_tf.config.vqgan import CodeTransformerConfig
from gansformer_tf.models.vqgan.blocks import dropped

LAYER_EPSILON = 1e-5
SPREAD = 0.02  # of fresh weights
HIDDEN = 4  # width of the MLP over the width of the network

# Keys and values of all blocks, each `[positions, batch, heads, head_dim]`.
Cache = tuple[tuple[Any, Any], ...]


@keras.saving.register_keras_serializable("gansformer_tf")
class CausalBlock(keras.layers.Layer):
    """Attention to the tokens up to each one, then an MLP, each behind a normalisation and beside the identity.

    Args:
        num_heads: Heads of the attention.
        attention_dropout, residual_dropout: Rates on the attention and on what the two parts add, in training only.

    Call arguments:
        x: `[batch, tokens, width]`.
        training: Switches dropout on.
        rng: `SeedStream` of the dropout.

    Returns:
        The same shape.

    Source: GPT-2 (Radford et al. 2019), section 2.3.
    """

    def __init__(
        self, num_heads: int, attention_dropout: float = 0.0, residual_dropout: float = 0.0, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.attention_dropout = attention_dropout
        self.residual_dropout = residual_dropout

    def build(self, input_shape: Any) -> None:
        width = int(input_shape[-1])
        self.norm1 = layer_norm(width, "norm1", self.dtype_policy)
        self.query = dense(width, width, "query", self.dtype_policy)
        self.key = dense(width, width, "key", self.dtype_policy)
        self.value = dense(width, width, "value", self.dtype_policy)
        self.proj = dense(width, width, "proj", self.dtype_policy)
        self.norm2 = layer_norm(width, "norm2", self.dtype_policy)
        self.expand = dense(width, HIDDEN * width, "expand", self.dtype_policy)
        self.contract = dense(HIDDEN * width, width, "contract", self.dtype_policy)

    def call(self, x: Any, training: bool = False, rng: Any = None) -> Any:
        h = self.norm1(x)
        query, key, value = (ops.transpose(self._heads(layer(h)), (0, 2, 1, 3)) for layer in self._projections())
        # The sums of products need the digits of float32.
        scores = ops.matmul(ops.cast(query, "float32"), ops.transpose(ops.cast(key, "float32"), (0, 1, 3, 2)))
        tokens = ops.arange(ops.shape(x)[1])
        scores = ops.where(tokens[:, None] >= tokens[None], self._scaled(scores), -math.inf)
        weights = dropped(ops.cast(ops.softmax(scores), value.dtype), self.attention_dropout, training, rng)
        heard = ops.reshape(ops.transpose(ops.matmul(weights, value), (0, 2, 1, 3)), ops.shape(x))
        return self._rest(x, heard, training, rng)

    def step(self, x: Any, keys: Any, values: Any, position: Any) -> tuple[Any, Any, Any]:
        """One token behind those whose keys and values are known.

        Args:
            x: `[batch, width]`.
            keys, values: `[positions, batch, heads, head_dim]`, filled in front of `position`.
            position: Of the token.

        Returns:
            (`[batch, width]`, keys and values filled up to `position`).
        """
        h = self.norm1(x)
        query, key, value = (self._heads(layer(h)) for layer in self._projections())  # [batch, heads, head_dim]
        at = ops.reshape(position, (1, 1))
        keys = ops.scatter_update(keys, at, key[None])
        values = ops.scatter_update(values, at, value[None])
        scores = ops.sum(ops.cast(query[None], "float32") * ops.cast(keys, "float32"), axis=-1)
        known = ops.arange(keys.shape[0])[:, None, None] <= position
        weights = ops.softmax(ops.where(known, self._scaled(scores), -math.inf), axis=0)
        heard = ops.sum(ops.cast(weights, values.dtype)[..., None] * values, axis=0)
        return self._rest(x, ops.reshape(heard, ops.shape(x)), False, None), keys, values

    def dense_layers(self) -> tuple[Any, ...]:
        """The layers whose kernels decay in training."""
        return self.query, self.key, self.value, self.proj, self.expand, self.contract

    def _projections(self) -> tuple[Any, Any, Any]:
        return self.query, self.key, self.value

    def _heads(self, x: Any) -> Any:
        return ops.reshape(x, (*ops.shape(x)[:-1], self.num_heads, x.shape[-1] // self.num_heads))

    def _scaled(self, scores: Any) -> Any:
        return scores / math.sqrt(self.query.units // self.num_heads)

    def _rest(self, x: Any, heard: Any, training: bool, rng: Any) -> Any:
        x = x + dropped(self.proj(heard), self.residual_dropout, training, rng)
        h = ops.gelu(self.expand(self.norm2(x)), approximate=False)
        return x + dropped(self.contract(h), self.residual_dropout, training, rng)

    def compute_output_shape(self, input_shape: Any, **_: Any) -> Any:
        return input_shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "num_heads": self.num_heads,
            "attention_dropout": self.attention_dropout,
            "residual_dropout": self.residual_dropout,
        }


def dense(in_features: int, units: int, name: str, dtype: Any, use_bias: bool = True) -> keras.layers.Dense:
    """A built dense layer with the weights of a fresh transformer."""
    spread = keras.initializers.RandomNormal(stddev=SPREAD)
    layer = keras.layers.Dense(units, kernel_initializer=spread, use_bias=use_bias, name=name, dtype=dtype)
    layer.build((None, in_features))
    return layer


def layer_norm(width: int, name: str, dtype: Any) -> keras.layers.LayerNormalization:
    layer = keras.layers.LayerNormalization(epsilon=LAYER_EPSILON, name=name, dtype=dtype)
    layer.build((None, None, width))
    return layer


@keras.saving.register_keras_serializable("gansformer_tf")
class CodeTransformer(keras.Model):
    """Predicts every code of an image from those in front of it, row by row.

    Args:
        config: `CodeTransformerConfig`.

    Call arguments:
        codes: `[batch, num_tokens]`, integer; of the last one nothing depends.
        labels: One-hot `[batch, label_dim]`, or None for a model without labels.
        training: Switches dropout on, and the replacement of tokens.
        rng: `SeedStream` of both.

    Returns:
        Logits `[batch, num_tokens, num_codes]`, float32: entry i is the prediction of code i.

    Raises:
        ValueError: Labels are missing, or given to a model without labels.

    Source: "Taming Transformers for High-Resolution Image Synthesis" (Esser et al. 2021), section 3.2.
    """

    def __init__(self, config: CodeTransformerConfig, **kwargs: Any) -> None:
        kwargs.setdefault("name", "code_transformer")
        super().__init__(**kwargs)
        self.config = config
        width, dtype = config.width, self.dtype_policy
        self.token_embedding = self.add_weight(
            shape=(config.num_embeddings, width),
            initializer=keras.initializers.RandomNormal(stddev=SPREAD),
            name="token_embedding",
        )
        self.position_embedding = self.add_weight(
            shape=(config.num_positions, width), initializer="zeros", name="position_embedding"
        )
        self.blocks: list[CausalBlock] = []
        with keras.name_scope(self.name):
            for index in range(config.num_layers):
                block = CausalBlock(
                    config.num_heads,
                    config.attention_dropout,
                    config.residual_dropout,
                    name=f"block{index}",
                    dtype=dtype,
                )
                block.build((None, None, width))
                self.blocks.append(block)
            self.norm_out = layer_norm(width, "norm_out", dtype)
            self.head = dense(width, config.num_codes, "head", dtype, use_bias=False)
        self.built = True

    def call(self, codes: Any, labels: Any = None, training: bool = False, rng: Any = None) -> Any:
        first = self.condition(ops.shape(codes)[0], labels)
        if training and self.config.token_keep < 1.0:
            codes = self._some_replaced(codes, rng)
        codes = ops.cast(codes, "int32")
        tokens = ops.concatenate([first[:, None], codes[:, :-1]], axis=1)
        return self.logits(tokens, training=training, rng=rng)

    def condition(self, batch_size: Any, labels: Any = None) -> Any:
        """The tokens in front of the codes, `[batch]`: of the class, or the start token."""
        config = self.config
        first = 0 if config.shared_condition else config.num_codes
        if config.label_dim == 0:
            if labels is not None:
                raise ValueError("labels were given; this transformer has none. Leave them out.")
            return ops.full((batch_size,), config.start_code if config.shared_condition else first, "int32")
        if labels is None:
            raise ValueError(f"labels are missing; this transformer takes one-hot [batch, {config.label_dim}].")
        return ops.cast(ops.argmax(labels, axis=-1), "int32") + first

    def logits(self, tokens: Any, training: bool = False, rng: Any = None) -> Any:
        """Predictions behind every token, `[batch, tokens, num_codes]`; tokens are rows of the embedding."""
        x = self._embedded(tokens) + ops.cast(self.position_embedding[: tokens.shape[1]], self.compute_dtype)
        x = dropped(x, self.config.embedding_dropout, training, rng)
        for block in self.blocks:
            x = block(x, training=training, rng=rng)
        return self._predicted(x)

    def empty_cache(self, batch_size: Any) -> Cache:
        """Keys and values of no token yet, for `num_tokens` of them."""
        config = self.config
        shape = (config.num_tokens, batch_size, config.num_heads, config.width // config.num_heads)
        return tuple((ops.zeros(shape, self.compute_dtype), ops.zeros(shape, self.compute_dtype)) for _ in self.blocks)

    def step(self, tokens: Any, cache: Cache, position: Any) -> tuple[Any, Cache]:
        """The prediction behind one token, from the keys and values of those in front of it.

        Args:
            tokens: `[batch]`.
            cache: Of all positions in front.
            position: Of the token; 0 is the condition.

        Returns:
            (logits `[batch, num_codes]`, the cache with this token).
        """
        x = self._embedded(tokens) + ops.cast(ops.take(self.position_embedding, position, axis=0), self.compute_dtype)
        filled = []
        for block, (keys, values) in zip(self.blocks, cache, strict=True):
            x, keys, values = block.step(x, keys, values, position)
            filled.append((keys, values))
        return self._predicted(x), tuple(filled)

    def _embedded(self, tokens: Any) -> Any:
        return ops.cast(ops.take(self.token_embedding, tokens, axis=0), self.compute_dtype)

    def _predicted(self, x: Any) -> Any:
        return ops.cast(self.head(self.norm_out(x)), "float32")

    def _some_replaced(self, codes: Any, rng: Any) -> Any:
        if rng is None:
            raise ValueError("token_keep below 1 in training needs rng, a SeedStream; none was given.")
        shape = ops.shape(codes)
        kept = rng.uniform(shape) < self.config.token_keep
        others = ops.cast(rng.uniform(shape) * self.config.num_codes, "int32")
        return replaced(codes, kept, others)

    def get_config(self) -> dict[str, Any]:
        return {"config": to_dict(self.config), "name": self.name, "dtype": self.dtype_policy.name}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> CodeTransformer:
        return cls(**(config | {"config": from_dict(CodeTransformerConfig, config["config"])}))


def replaced(codes: Any, kept: Any, others: Any) -> Any:
    """Codes where `kept`, else `others`."""
    return ops.where(kept, ops.cast(codes, "int32"), ops.cast(others, "int32"))
