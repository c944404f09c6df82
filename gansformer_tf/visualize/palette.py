"""Fixed colours for latent components, and the legend that names them."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw

from gansformer_tf.visualize.grids import INK, WHITE, label_font, text_size

# 32 colours that lie at least 0.13 apart in OKLab (a just visible step is about 0.02), also tested for separation
# under red-green colour blindness; ordered so that every leading part is as far apart as possible.
COMPONENT_COLORS = np.array(
    [
        *[(240, 0, 0), (0, 0, 255), (75, 240, 0), (0, 75, 0), (135, 180, 240), (225, 0, 255)],
        *[(105, 0, 105), (195, 255, 255), (255, 150, 90), (135, 105, 15), (255, 240, 75), (60, 180, 135)],
        *[(135, 0, 255), (0, 90, 120), (165, 105, 210), (180, 0, 135), (0, 135, 240), (90, 15, 15)],
        *[(255, 195, 225), (255, 135, 255), (0, 240, 195), (45, 0, 135), (165, 0, 30), (180, 180, 0)],
        *[(75, 75, 195), (255, 105, 150), (180, 120, 120), (120, 75, 105), (0, 150, 15), (90, 135, 150)],
        *[(45, 45, 75), (180, 195, 165)],
    ],
    dtype=np.uint8,
)


def component_colors(count: int) -> np.ndarray:
    """Colours of components 0 to `count - 1`: uint8 `[count, 3]`. A component keeps its colour everywhere.

    Raises:
        ValueError: More components than colours that can be told apart.
    """
    if not 1 <= count <= len(COMPONENT_COLORS):
        raise ValueError(
            f"{count} components, but only {len(COMPONENT_COLORS)} colours can be told apart; draw images without "
            "maps (such as --vis-images --vis-latents), or pass colours of your own to gansformer_tf.visualize."
        )
    return COMPONENT_COLORS[:count]


def legend(count: int, width: int, colors: np.ndarray | None = None) -> np.ndarray:
    """Swatches with the numbers of the components.

    Args:
        count: Components.
        width: Width of the strip in pixels; the swatches wrap to further lines.
        colors: uint8 `[count, 3]`; None takes `component_colors`.

    Returns:
        uint8 `[height, width, 3]`.
    """
    colors = component_colors(count) if colors is None else colors
    font = label_font(96)
    swatch, gap = 14, 4
    cell = swatch + gap + text_size(str(count - 1), font)[0] + 2 * gap
    width = max(width, cell + gap)
    per_line = max(1, (width - gap) // cell)
    lines = -(-count // per_line)
    strip = Image.new("RGB", (width, lines * (swatch + gap) + gap), color=WHITE)
    draw = ImageDraw.Draw(strip)
    for index in range(count):
        x, y = gap + (index % per_line) * cell, gap + (index // per_line) * (swatch + gap)
        fill = tuple(int(value) for value in colors[index])
        draw.rectangle((x, y, x + swatch - 1, y + swatch - 1), fill=fill, outline=INK)
        draw.text((x + swatch + gap, y + swatch // 2), str(index), fill=INK, font=font, anchor="lm")
    return np.asarray(strip)
