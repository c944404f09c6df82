"""Which of our variables holds which array of a VQGAN of the original code, by its dotted name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np

from gansformer_tf.config.vqgan import GROUPS

Pairs = Iterator[tuple[str, Any]]

assert GROUPS == 32, "the names below belong to networks of 32 groups"


def autoencoder_names(model: Any) -> dict[str, Any]:
    """Names of the arrays of a first stage -> variables of a `VQAutoencoder`."""
    pairs = dict(_coder("encoder", model.encoder, model.encoder.downsamples, "down", "downsample"))
    pairs |= _coder("decoder", model.decoder, model.decoder.upsamples, "up", "upsample")
    pairs |= _weights("quant_conv", model.to_codes)
    pairs |= _weights("post_quant_conv", model.from_codes)
    pairs["quantize.embedding.weight"] = model.quantizer.codebook
    return pairs


def _coder(prefix: str, coder: Any, resamples: list[Any], levels: str, resample: str) -> Pairs:
    for name in ("conv_in", "norm_out", "conv_out"):
        yield from _weights(f"{prefix}.{name}", getattr(coder, name))
    yield from _block(f"{prefix}.mid.block_1", coder.mid_block1)
    yield from _attention(f"{prefix}.mid.attn_1", coder.mid_attention)
    yield from _block(f"{prefix}.mid.block_2", coder.mid_block2)
    for level, blocks in enumerate(coder.blocks):
        for index, block in enumerate(blocks):
            yield from _block(f"{prefix}.{levels}.{level}.block.{index}", block)
        for index, attention in enumerate(coder.attentions[level]):
            yield from _attention(f"{prefix}.{levels}.{level}.attn.{index}", attention)
    for layer in resamples:
        level = int(layer.name.removeprefix(resample))
        if layer.conv is not None:
            yield from _weights(f"{prefix}.{levels}.{level}.{resample}.conv", layer.conv)


def _block(prefix: str, block: Any) -> Pairs:
    for name in ("norm1", "conv1", "norm2", "conv2"):
        yield from _weights(f"{prefix}.{name}", getattr(block, name))
    if block.shortcut is not None:
        yield from _weights(f"{prefix}.nin_shortcut", block.shortcut)


def _attention(prefix: str, attention: Any) -> Pairs:
    for name in ("norm", "q", "k", "v", "proj_out"):
        yield from _weights(f"{prefix}.{name}", getattr(attention, name))


def _weights(prefix: str, layer: Any) -> Pairs:
    """Weight and bias of a convolution, dense layer or normalisation."""
    is_norm = isinstance(layer, keras.layers.GroupNormalization | keras.layers.LayerNormalization)
    yield f"{prefix}.weight", layer.gamma if is_norm else layer.kernel
    bias = layer.beta if is_norm else layer.bias
    if bias is not None:
        yield f"{prefix}.bias", bias


def discriminator_names(model: Any) -> dict[str, Any]:
    """Names of the arrays of a patch discriminator (parameters and running statistics) -> variables of ours."""
    pairs: dict[str, Any] = {}
    position = 0  # convolutions, normalisations and activations are counted in one row
    for index, convolution in enumerate(model.convolutions):
        pairs |= _weights(f"main.{position}", convolution)
        position += 1
        if 0 < index <= len(model.norms):
            pairs |= _norm(f"main.{position}", model.norms[index - 1])
            position += 1
        position += 1
    return pairs


def _norm(prefix: str, norm: Any) -> Pairs:
    if hasattr(norm, "initialized"):
        pairs = {"loc": norm.offset, "scale": norm.scale, "initialized": norm.initialized}
    else:
        pairs = {"weight": norm.gamma, "bias": norm.beta, "running_mean": norm.mean, "running_var": norm.variance}
    for name, variable in pairs.items():
        yield f"{prefix}.{name}", variable


def transformer_names(model: Any) -> dict[str, Any]:
    """Names of the arrays of a second stage's transformer -> variables of a `CodeTransformer`."""
    pairs = {"tok_emb.weight": model.token_embedding, "pos_emb": model.position_embedding}
    for index, block in enumerate(model.blocks):
        prefix = f"blocks.{index}"
        pairs |= _weights(f"{prefix}.ln1", block.norm1)
        pairs |= _weights(f"{prefix}.ln2", block.norm2)
        for name in ("key", "query", "value", "proj"):
            pairs |= _weights(f"{prefix}.attn.{name}", getattr(block, name))
        pairs |= _weights(f"{prefix}.mlp.0", block.expand)
        pairs |= _weights(f"{prefix}.mlp.2", block.contract)
    pairs |= _weights("ln_f", model.norm_out)
    pairs |= _weights("head", model.head)
    return pairs


# Positions of the convolutions in the published VGG-16, slice by slice.
VGG16_POSITIONS = ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21), (24, 26, 28))


def perceptual_names(model: Any) -> dict[str, Any]:
    """Names of the arrays of a perceptual distance -> variables of a `PerceptualDistance`."""
    pairs: dict[str, Any] = {}
    for index, (layers, positions) in enumerate(zip(model.slices, VGG16_POSITIONS, strict=True)):
        for layer, position in zip(layers, positions, strict=True):
            pairs |= _weights(f"net.slice{index + 1}.{position}", layer)
        pairs[f"lin{index}.model.1.weight"] = model.heads[index].kernel
    return pairs


def laid_out(array: np.ndarray) -> np.ndarray:
    """An array of theirs in our order: kernels `[height, width, in, out]`, dense weights `[in, out]`.

    Tables of embeddings and codes have the same order in both; do not pass them.
    """
    if array.ndim == 4:
        return array.transpose(2, 3, 1, 0)
    return array.T if array.ndim == 2 else array


# Tables `[number, dim]`, which are not dense weights.
TABLES = ("quantize.embedding.weight", "tok_emb.weight")


def assign(names: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
    """Gives variables the numbers of the arrays of the same name.

    Raises:
        ValueError: An array is missing or has another shape; it is named.
    """
    for name, variable in names.items():
        if name not in arrays:
            raise ValueError(f"{name!r} is missing")
        array = np.asarray(arrays[name], np.float32)
        array = array if name.endswith(TABLES) else laid_out(array)
        if len(variable.shape) < array.ndim and array.size == np.prod(variable.shape):
            array = array.reshape(variable.shape)  # one number per channel, stored as a kernel
        if array.shape != tuple(variable.shape):
            raise ValueError(f"{name!r} has shape {tuple(arrays[name].shape)}; the configuration asks for another")
        variable.assign(array)
