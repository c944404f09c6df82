"""Networks of PyTorch repositories from their parameters: StyleGAN2-ADA, StyleGAN3, CREPS, GANformer's port."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from gansformer_tf.config import ConfigError, CREPSConfig, GANsformerConfig
from gansformer_tf.convert.pytorch_config import FIR_TAPS, config_from_pytorch
from gansformer_tf.convert.pytorch_creps import DEAD
from gansformer_tf.convert.pytorch_entries import Entry, TorchNames
from gansformer_tf.convert.pytorch_names import names_of

FIXED_TOLERANCE = 1e-5
_FIR_FILTER = re.compile(r"(.*\.)?resample_(filter|kernel)$")


def from_pytorch(
    state: Mapping[str, Any], kwargs: Mapping[str, Any], family: str = "stylegan2", network: str = "generator"
) -> Any:
    """Builds one of our networks with the weights of a PyTorch one.

    Args:
        state: Parameters and buffers by their dotted name ("synthesis.b4.conv1.weight", ...), as arrays.
        kwargs: Arguments of the network's constructor.
        family: "stylegan2" for the StyleGAN2 networks of the StyleGAN2-ADA and StyleGAN3 repositories, "ganformer"
            for GANformer's PyTorch port, "stylegan3" or "creps" for the generators of those (and the StyleGAN2
            discriminator beside them).
        network: "generator" or "discriminator".

    Returns:
        `Generator` or `Discriminator` with the numbers of theirs. The w of "stylegan2" and "ganformer" have one entry
        more on the layer axis: see `w_from_pytorch`; a truncation cutoff of n layers there is n + 1 here.

    Raises:
        ConfigError: An argument is missing, unknown or cannot be built; an array is missing, left over or of another
            shape or value than we compute (it is named).
    """
    from gansformer_tf.models import Discriminator
    from gansformer_tf.models.families import build_generator

    config: Any = config_from_pytorch(kwargs, family, network)
    model: Any = build_generator(config) if network == "generator" else Discriminator(config)
    names = names_of(model, family, network)
    _check_complete(names, state, model)
    _check_fixed(names, state)
    for name, entry in names.entries.items():
        array = _laid_out(name, entry, np.asarray(state[name], dtype=np.float32))
        for variable in entry.variables:
            variable.assign(array)
    return model


def w_from_pytorch(ws: Any) -> np.ndarray:
    """w of theirs as w of ours.

    Entry i of the layer axis belongs to layer i there and to layer i - 1 here, where the first is read by a latent stem
    only; it is filled with a copy of the next.

    Args:
        ws: `[batch, layers, dim]` (StyleGAN2) or `[batch, latents, layers, dim]` (GANformer's port).

    Returns:
        `[batch, latents, layers + 1, dim]`.
    """
    ws = np.asarray(ws)
    if ws.ndim == 3:
        ws = ws[:, None]
    return np.concatenate([ws[:, :, :1], ws], axis=2)


def without_influence(config: Any) -> dict[str, str]:
    """Names (patterns) of arrays that no output of the PyTorch network depends on -> the reason."""
    found: dict[str, str] = {}
    if isinstance(config, CREPSConfig):
        return dict(DEAD)
    if not isinstance(config, GANsformerConfig):
        return found
    if not config.style:
        found[r"synthesis\..*\.affine\.(weight|bias)"] = "without style no layer reads w"
    if not config.transformer:
        return found
    attention = r"synthesis\..*\.transformer\."
    if config.kmeans:
        found[attention + r"(to_keys|to_pos_map)\.(weight|bias)"] = "images are compared with centroids, not with keys"
    if not config.embeds_components:
        reason = "use_pos is off"
        found["pos"] = reason
        found[r".*\.to_pos_map\.(weight|bias)"] = reason
        found[r".*\.to_gate_attention\.gate_pos\.(weight|bias)"] = reason
        found[r"mapping\..*\.(from_pos_map|from_gate_attention\.gate_pos)\.(weight|bias)"] = reason
    if config.pos_type == "trainable2d":
        found[r"synthesis\..*\.pos0"] = "a second name of grid_pos"
    return found


def _laid_out(name: str, entry: Entry, array: np.ndarray) -> np.ndarray:
    expected = tuple(entry.variables[0].shape)
    try:
        result = entry.layout(array) + np.float32(entry.offset)
    except ValueError as error:
        if isinstance(error, ConfigError):
            raise ConfigError(f"{name!r}: {error}") from error
        result = None  # numpy cannot lay out an array of this shape
    if result is None or result.shape != expected:
        raise ConfigError(f"{name!r} has shape {array.shape}; its arguments ask for {expected} (ours).")
    return result


def _check_complete(names: TorchNames, state: Mapping[str, Any], model: Any) -> None:
    missing = sorted(set(names.entries) - set(state))
    if missing:
        raise ConfigError(f"{missing[0]!r} is missing in the PyTorch network ({len(missing)} in all).")
    claimed = {id(variable) for entry in names.entries.values() for variable in entry.variables}
    unclaimed = [variable.path for variable in model.weights if id(variable) not in claimed]
    if unclaimed:
        raise ConfigError(
            f"our variable {unclaimed[0]!r} has no counterpart in the PyTorch network ({len(unclaimed)} in all)."
        )
    dead = re.compile("|".join(f"({pattern})" for pattern in without_influence(model.config)) or r"(?!)")
    left = sorted(
        name
        for name in set(state) - set(names.entries) - set(names.fixed)
        if not (dead.fullmatch(name) or _FIR_FILTER.match(name))
    )
    if left:
        raise ConfigError(f"{left[0]!r} of the PyTorch network is left over ({len(left)} in all).")


def _check_fixed(names: TorchNames, state: Mapping[str, Any]) -> None:
    """Buffers that we compute instead of storing them must have the values that we compute."""
    taps = np.asarray(FIR_TAPS, np.float32)
    fir = np.outer(taps, taps) / taps.sum() ** 2
    fixed = names.fixed | {name: fir for name in state if _FIR_FILTER.match(name)}
    for name, expected in fixed.items():
        array = np.asarray(state[name]) if name in state else expected
        if array.shape != expected.shape or not np.allclose(array, expected, atol=FIXED_TOLERANCE):
            raise ConfigError(f"buffer {name!r} of the PyTorch network differs from the one we compute.")
