"""Attention maps as images. Every function takes one image's maps at their native resolution."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from gansformer_tf.visualize.grids import labelled_sheet, readable, to_rgb
from gansformer_tf.visualize.palette import component_colors, legend

DEFAULT_BLENDING_ALPHA = 0.6


def enlarge_attention(attention: np.ndarray, height: int, width: int) -> np.ndarray:
    """Bilinear enlargement of one map, component by component.

    Args:
        attention: float `[h, w, components]`, summing to 1 over the components.
        height: Target height in pixels.
        width: Target width in pixels.

    Returns:
        float32 `[height, width, components]`, still summing to 1.

    Raises:
        ValueError: Not three axes.

    Example:

    >>> attention = np.full((4, 4, 8), 1 / 8)
    >>> gf.visualize.enlarge_attention(attention, 64, 64).shape
    (64, 64, 8)
    """
    attention = np.asarray(attention, np.float32)
    if attention.ndim != 3:
        raise ValueError(f"an attention map has shape {attention.shape}; give one map [height, width, components].")
    if attention.shape[:2] == (height, width):
        return attention
    enlarged = np.empty((height, width, attention.shape[-1]), np.float32)
    for component in range(attention.shape[-1]):
        plane = Image.fromarray(np.ascontiguousarray(attention[..., component]))
        enlarged[..., component] = np.asarray(plane.resize((width, height), Image.Resampling.BILINEAR))
    return enlarged


def hard_map(
    attention: np.ndarray, height: int | None = None, width: int | None = None, colors: np.ndarray | None = None
) -> np.ndarray:
    """Paints every pixel in the colour of the component it attends to most.

    Args:
        attention: float `[h, w, components]`.
        height: Height of the image; None keeps the map's own.
        width: Width of the image; None keeps the map's own.
        colors: uint8 `[components, 3]`; None takes the fixed palette.

    Returns:
        uint8 `[height, width, 3]`.

    Raises:
        ValueError: More components than colours.

    Example:

    >>> attention = np.eye(2)[[[0, 1]]]  # two pixels, each of a component of its own
    >>> gf.visualize.hard_map(attention, colors=np.array([[255, 0, 0], [0, 0, 255]])).tolist()
    [[[255, 0, 0], [0, 0, 255]]]
    """
    colors = _colors(attention, colors)
    attention = enlarge_attention(attention, height or attention.shape[0], width or attention.shape[1])
    return colors[attention.argmax(axis=-1)]


def soft_map(
    attention: np.ndarray, height: int | None = None, width: int | None = None, colors: np.ndarray | None = None
) -> np.ndarray:
    """Mixes the components' colours by their weights, so that undecided regions look muddy.

    Args:
        attention: float `[h, w, components]`.
        height: Height of the image; None keeps the map's own.
        width: Width of the image; None keeps the map's own.
        colors: uint8 `[components, 3]`; None takes the fixed palette.

    Returns:
        uint8 `[height, width, 3]`.

    Raises:
        ValueError: More components than colours.

    Example:

    >>> attention = np.full((1, 1, 2), 0.5)
    >>> gf.visualize.soft_map(attention, colors=np.array([[200, 0, 0], [0, 0, 100]])).tolist()
    [[[100, 0, 50]]]
    """
    colors = _colors(attention, colors)
    attention = enlarge_attention(attention, height or attention.shape[0], width or attention.shape[1])
    return np.rint(attention @ colors.astype(np.float32)).clip(0, 255).astype(np.uint8)


def component_map(
    attention: np.ndarray, component: int, height: int | None = None, width: int | None = None
) -> np.ndarray:
    """Weight of one component as a grey image: black 0, white the component's own maximum.

    Args:
        attention: float `[h, w, components]`.
        component: Its number, from 0.
        height: Height of the image; None keeps the map's own.
        width: Width of the image; None keeps the map's own.

    Returns:
        uint8 `[height, width, 3]`.

    Raises:
        ValueError: No such component.

    Example:

    >>> attention = np.array([[[0.25, 0.75], [0.5, 0.5]]])
    >>> gf.visualize.component_map(attention, 0)[..., 0].tolist()
    [[128, 255]]
    """
    count = attention.shape[-1]
    if not 0 <= component < count:
        raise ValueError(f"component {component} was asked for; the map has components 0 to {count - 1}.")
    plane = attention[..., component : component + 1]
    plane = enlarge_attention(plane, height or attention.shape[0], width or attention.shape[1])
    plane = plane / max(float(plane.max()), 1e-12)
    return np.repeat(np.rint(plane * 255).astype(np.uint8), 3, axis=-1)


def blend(image: np.ndarray, colored_map: np.ndarray, alpha: float = DEFAULT_BLENDING_ALPHA) -> np.ndarray:
    """Lays a coloured map over its image.

    Args:
        image: `[height, width, channels]`, float in [-1, 1] or uint8.
        colored_map: uint8 `[height, width, 3]`, from `hard_map` or `soft_map`.
        alpha: Weight of the map, 0 (only the image) to 1 (only the map).

    Returns:
        uint8 `[height, width, 3]`.

    Raises:
        ValueError: `alpha` outside 0..1, or sizes that differ.

    Example:

    >>> image, colours = np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 100, np.uint8)
    >>> gf.visualize.blend(image, colours, alpha=0.5)[0, 0].tolist()
    [50, 50, 50]
    """
    if not 0.0 <= alpha <= 1.0:
        raise ValueError(f"blending alpha is {alpha}; it must lie between 0 (image) and 1 (map).")
    pixels = to_rgb(image)
    if pixels.shape != colored_map.shape:
        raise ValueError(f"an image {pixels.shape} and a map {colored_map.shape} differ in size; enlarge the map.")
    return np.rint((1.0 - alpha) * pixels + alpha * colored_map).astype(np.uint8)


def attention_panel(
    image: np.ndarray, attention: np.ndarray, alpha: float = DEFAULT_BLENDING_ALPHA, colors: np.ndarray | None = None
) -> np.ndarray:
    """An image, its blend, its hard map and its soft map side by side, with the legend below.

    Small images are enlarged, so that the panel can be read.

    Args:
        image: `[height, width, channels]`.
        attention: float `[h, w, components]`: one layer, one head.
        alpha: Weight of the map in the blend.
        colors: uint8 `[components, 3]`; None takes the fixed palette.

    Returns:
        uint8 `[panel_height, panel_width, 3]`.

    Example:

    >>> images, maps = gf.load("scenes").sample([3], attention=True)
    >>> panel = gf.visualize.attention_panel(images[0], maps[-1][0].mean(axis=0))
    >>> keras.utils.save_img("panel.png", panel, scale=False)
    """
    pixels = readable(image)
    height, width = pixels.shape[:2]
    attention = enlarge_attention(attention, height, width)
    hard = hard_map(attention, colors=colors)
    soft = soft_map(attention, colors=colors)
    names = ["image", "blend", "hard map", "soft map"]
    sheet = labelled_sheet([[pixels, blend(pixels, hard, alpha), hard, soft]], column_labels=names)
    return stack_rows([sheet, legend(attention.shape[-1], sheet.shape[1], colors)])


def component_sheet(image: np.ndarray, attention: np.ndarray, title: str = "") -> np.ndarray:
    """An image and, for every component, where it attends (white: most), as one labelled sheet.

    Args:
        image: `[height, width, channels]`.
        attention: float `[h, w, components]`: one layer, one head.
        title: A line above the sheet.

    Returns:
        uint8 `[sheet_height, sheet_width, 3]`.

    Example:

    >>> image, attention = np.zeros((64, 64, 3), np.uint8), np.full((16, 16, 8), 1 / 8)
    >>> sheet = gf.visualize.component_sheet(image, attention, title="seed 3")
    """
    pixels = readable(image)
    height, width = pixels.shape[:2]
    count = attention.shape[-1]
    cells = [pixels, *(component_map(attention, index, height, width) for index in range(count))]
    names = ["image", *(f"component {index}" for index in range(count))]
    columns = min(len(cells), 9)
    rows = [cells[start : start + columns] for start in range(0, len(cells), columns)]
    if len(rows) == 1:
        return labelled_sheet(rows, column_labels=names, title=title)
    # Several lines of cells have different names in one column, so each line is a sheet of its own.
    lines = [
        labelled_sheet(
            [[*row, *[None] * (columns - len(row))]], column_labels=_padded(names[index * columns :], columns)
        )
        for index, row in enumerate(rows)
    ]
    lines[0] = labelled_sheet([rows[0]], column_labels=names[:columns], title=title)
    return stack_rows(lines)


def layer_sheet(
    image: np.ndarray, layers: Sequence[np.ndarray], alpha: float = DEFAULT_BLENDING_ALPHA, title: str = ""
) -> np.ndarray:
    """Blend, hard map and soft map of every layer and head, one row each, with the legend below.

    Only one row's maps are enlarged at a time.

    Args:
        image: `[height, width, channels]`.
        layers: Per attended layer, from coarse to fine, float `[heads, h, w, components]`.
        alpha: Weight of the map in the blends.
        title: A line above the sheet.

    Returns:
        uint8 `[sheet_height, sheet_width, 3]`.

    Example:

    >>> images, maps = gf.load("scenes").sample([3], attention=True)
    >>> sheet = gf.visualize.layer_sheet(images[0], [layer[0] for layer in maps])
    """
    pixels = readable(image)
    height, width = pixels.shape[:2]
    rows, labels = [], []
    for index, heads in enumerate(layers):
        for head, attention in enumerate(heads):
            hard = hard_map(attention, height, width)
            rows.append([blend(pixels, hard, alpha), hard, soft_map(attention, height, width)])
            name = f"layer {index}, {heads.shape[1]}x{heads.shape[2]}"
            labels.append(name if len(heads) == 1 else f"{name}, head {head}")
    sheet = labelled_sheet(rows, labels, ["blend", "hard map", "soft map"], title)
    return stack_rows([sheet, legend(layers[0].shape[-1], sheet.shape[1])])


def stack_rows(rows: list[np.ndarray]) -> np.ndarray:
    """Images below each other; narrower ones are filled up with white on the right."""
    width = max(row.shape[1] for row in rows)
    filled = [np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=255) for row in rows]
    return np.concatenate(filled, axis=0)


def _padded(names: list[str], count: int) -> list[str]:
    return (names + [""] * count)[:count]


def _colors(attention: np.ndarray, colors: np.ndarray | None) -> np.ndarray:
    count = attention.shape[-1]
    if colors is None:
        return component_colors(count)
    if len(colors) < count:
        raise ValueError(f"{len(colors)} colours for {count} components; give one for each.")
    return np.asarray(colors, np.uint8)
