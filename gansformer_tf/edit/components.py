"""Edits of one component: taken from another image, removed, exchanged, doubled, drawn anew under a mask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gansformer_tf.drawing.pixels import to_uint8
from gansformer_tf.drawing.sampler import Sampler, require_attention
from gansformer_tf.edit.regions import masks
from gansformer_tf.visualize.heat import change_map

ACTIONS = ("take", "remove", "swap", "duplicate", "resample")


@dataclass(frozen=True)
class Edited:
    """What `gf.Model.edit` came to.

    Attributes:
        images: After it, uint8 `[batch, height, width, channels]`.
        before: As `images`, before it.
        change: How much each pixel changed, averaged over channels, float32 `[batch, height, width]` in 0..255.
        region: Where it was meant to change: the mask, or the pixels that listen most to a component of the edit,
            before or after it; bool `[batch, height, width]`.
        share: Share of the change that falls into the region, `[batch]`; NaN where nothing changed.
        w: After it, float32 `[batch, num_latents, num_layers, style_dim]`.
        components: Those whose w was changed, for each image.
    """

    images: np.ndarray
    before: np.ndarray
    change: np.ndarray
    region: np.ndarray
    share: np.ndarray
    w: np.ndarray
    components: tuple[tuple[int, ...], ...]


def edit(
    sampler: Sampler,
    w: np.ndarray,
    action: str,
    *,
    component: int | None = None,
    to: int | None = None,
    other: np.ndarray | None = None,
    mask: np.ndarray | None = None,
    mean: np.ndarray | None = None,
    noise: list[np.ndarray] | None = None,
) -> Edited:
    """Changes one component of images.

    Args:
        sampler: Draws them.
        w: `[batch, num_latents, num_layers, style_dim]`.
        action: "take" (`component` from `other`), "remove" (`component` becomes its mean), "swap" (`component` and `to`
            change their w, so places), "duplicate" (`to` becomes as `component`), "resample" (the component that the
            mask shows most of is taken from `other`).
        component, to: Numbers of components.
        other: w that a component is taken from, of the shape of `w`, or with a batch of 1.
        mask: For "resample": `[height, width]`, where it is not 0.
        mean: For "remove": w of each component in the mean, `[num_latents, style_dim]`.
        noise: Per layer, as `Sampler.images` takes it.

    Raises:
        ValueError: A model without attention, an unknown action or component, or a mask of another size.
    """
    require_attention(sampler.config, "edits of components")
    if action not in ACTIONS:
        raise ValueError(f"the edit {action!r} is unknown; choose one of {', '.join(ACTIONS)}.")
    w = np.asarray(w, np.float32)
    before, maps = _drawn(sampler, w, noise)
    owners = masks(maps, *before.shape[1:3])
    touched: list[tuple[int, ...]]
    if action == "resample":
        region = np.broadcast_to(checked_mask(mask, before.shape[1:3]), owners.shape)
        touched = [(_most_of(owner, region[0]),) for owner in owners]
    else:
        touched = [_touched(sampler.config, action, component, to)] * len(w)
    changed = np.stack(
        [_changed(one, row, action, touched[row], other, mean, component, len(w)) for row, one in enumerate(w)]
    )
    after, maps = _drawn(sampler, changed, noise)
    if action != "resample":
        owned = np.stack([owners, masks(maps, *after.shape[1:3])])
        region = np.any(np.isin(owned, touched[0]), axis=0)
    change = np.stack([change_map(a, b) for a, b in zip(before, after, strict=True)])
    total = change.sum(axis=(1, 2))
    share = np.divide((change * region).sum(axis=(1, 2)), total, out=np.full(len(w), np.nan), where=total > 0)
    return Edited(after, before, change, region, share, changed, tuple(touched))


def checked_mask(mask: Any, size: tuple[int, ...]) -> np.ndarray:
    """A mask as bool `[height, width]`.

    Raises:
        ValueError: None, of another size, or empty.
    """
    if mask is None:
        raise ValueError("a mask is missing; draw one of the image's size, white where the image may change.")
    mask = np.asarray(mask)
    if mask.ndim == 3:
        mask = mask.max(axis=-1)
    if mask.shape != tuple(size):
        found = "x".join(map(str, mask.shape))
        raise ValueError(f"the mask has {found} pixels, the image {size[0]}x{size[1]}; bring it to the image's size.")
    if not (mask != 0).any():
        raise ValueError("the mask is empty, so nothing would change; paint where it may.")
    return mask != 0


def _touched(config: Any, action: str, component: int | None, to: int | None) -> tuple[int, ...]:
    """Components that an action changes, checked."""
    needed = {"component": component, "to": to} if action in ("swap", "duplicate") else {"component": component}
    for name, value in needed.items():
        if value is None or not 0 <= value < config.num_components:
            raise ValueError(
                f"{action}: {name} is {value}; this model has components 0 to {config.num_components - 1}."
            )
    assert component is not None
    if to is None or action in ("take", "remove"):
        return (component,)
    if to == component:
        raise ValueError(f"{action}: component {component} with itself changes nothing; give two components.")
    return (to,) if action == "duplicate" else (component, to)


def _changed(
    w: np.ndarray,
    row: int,
    action: str,
    touched: tuple[int, ...],
    other: np.ndarray | None,
    mean: np.ndarray | None,
    component: int | None,
    count: int,
) -> np.ndarray:
    """w `[num_latents, num_layers, style_dim]` of one image, changed."""
    changed = w.copy()
    if action == "swap":
        changed[list(touched)] = w[list(touched[::-1])]
    elif action == "duplicate":
        changed[touched[0]] = w[component]
    elif action == "remove":
        if mean is None:
            raise ValueError("remove: the mean of w is missing; give `mean`.")
        changed[touched[0]] = mean[touched[0]]
    else:
        if other is None or other.shape[1:] != w.shape or len(other) not in (1, count):
            shape = None if other is None else other.shape
            raise ValueError(
                f"{action}: the other w has shape {shape}; give [1 or {count}, {', '.join(map(str, w.shape))}]."
            )
        changed[touched[0]] = other[row % len(other)][touched[0]]
    return changed


def _most_of(owner: np.ndarray, mask: np.ndarray) -> int:
    """The component that most pixels of a mask listen to."""
    return int(np.bincount(owner[mask]).argmax())


def _drawn(sampler: Sampler, w: np.ndarray, noise: list[np.ndarray] | None) -> tuple[np.ndarray, list[np.ndarray]]:
    images, maps = [], []
    for rows in sampler.parts(len(w)):
        part = None if noise is None else [values[rows] for values in noise]
        drawn, found = sampler.synthesize(w[rows], part, with_attention=True)
        images.append(to_uint8(drawn))
        maps.append(found)
    return np.concatenate(images), [np.concatenate(layer) for layer in zip(*maps, strict=True)]
