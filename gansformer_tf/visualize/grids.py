"""Arrays in, arrays out: grids and labelled sheets."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from gansformer_tf.drawing.pixels import to_uint8

WHITE = (255, 255, 255)
INK = (32, 32, 32)
READABLE_HEIGHT = 128


def to_rgb(images: np.ndarray) -> np.ndarray:
    """uint8 images of 1, 3 or 4 channels as RGB; transparent parts are laid on white.

    Args:
        images: As for `to_uint8`.
    """
    pixels = to_uint8(images)
    channels = pixels.shape[-1]
    if channels == 3:
        return pixels
    if channels == 1:
        return np.repeat(pixels, 3, axis=-1)
    if channels == 4:
        alpha = pixels[..., 3:].astype(np.float32) / 255.0
        return np.rint(pixels[..., :3] * alpha + 255.0 * (1.0 - alpha)).astype(np.uint8)
    raise ValueError(f"images have {channels} channels; give 1 (grey), 3 (RGB) or 4 (RGBA).")


def grid_columns(count: int, aspect: float = 1.0) -> int:
    """Columns that make a sheet of `count` cells of height/width `aspect` about 4:3.

    Raises:
        ValueError: Nothing to lay out.
    """
    if count < 1:
        raise ValueError(f"a grid of {count} images was asked for; give at least 1.")
    return max(1, min(count, math.ceil(math.sqrt(count * aspect * 4 / 3))))


def image_grid(images: Sequence[np.ndarray] | np.ndarray, columns: int | None = None, padding: int = 0) -> np.ndarray:
    """Lays images of one size out row by row.

    Args:
        images: `[count, height, width, channels]`, float in [-1, 1] or uint8.
        columns: Images in a row; None makes the sheet about 4:3.
        padding: White pixels between the images.

    Returns:
        uint8 `[rows * (height + padding) - padding, columns * (width + padding) - padding, channels]`; cells
        left over are white.

    Raises:
        ValueError: No images, images of several sizes, or less than one column.

    Example:

    >>> gf.visualize.image_grid(np.zeros((6, 8, 8, 3), np.uint8), columns=3).shape
    (16, 24, 3)
    """
    pixels = [to_uint8(image) for image in images]
    shapes = {image.shape for image in pixels}
    if len(shapes) > 1:
        raise ValueError(f"images of several sizes {sorted(shapes)} do not fit one grid; give one size.")
    columns = grid_columns(len(pixels), _aspect(pixels)) if columns is None else columns
    if columns < 1 or padding < 0:
        raise ValueError(f"a grid of {columns} columns with padding {padding}; give at least 1 column and padding 0.")
    height, width, channels = pixels[0].shape
    rows = math.ceil(len(pixels) / columns)
    sheet_size = (rows * (height + padding) - padding, columns * (width + padding) - padding, channels)
    sheet = np.full(sheet_size, 255, np.uint8)
    for index, image in enumerate(pixels):
        top, left = (index // columns) * (height + padding), (index % columns) * (width + padding)
        sheet[top : top + height, left : left + width] = image
    return sheet


def labelled_sheet(
    rows: Sequence[Sequence[np.ndarray | None]],
    row_labels: Sequence[str] = (),
    column_labels: Sequence[str] = (),
    title: str = "",
    padding: int = 4,
) -> np.ndarray:
    """A table of images with text on the left and above.

    Args:
        rows: Per row the images `[height, width, channels]` of its cells (None: an empty cell), all of one size.
        row_labels: One text per row, or none at all.
        column_labels: One text per column, or none at all. A text too wide for its column is broken into lines.
        title: A line above everything.
        padding: White pixels around the cells.

    Returns:
        uint8 `[sheet_height, sheet_width, 3]`.

    Raises:
        ValueError: No image at all, or labels that do not match the table.

    Example:

    >>> image = np.zeros((64, 64, 3), np.uint8)
    >>> sheet = gf.visualize.labelled_sheet([[image, None], [image, image]], ["seed 0", "seed 1"], ["before", "after"])
    """
    num_columns = max((len(row) for row in rows), default=0)
    images = [to_rgb(cell) for row in rows for cell in row if cell is not None]
    if not images:
        raise ValueError("a sheet without any image was asked for; give at least one.")
    for name, labels, count in (("row", row_labels, len(rows)), ("column", column_labels, num_columns)):
        if labels and len(labels) != count:
            raise ValueError(f"{len(labels)} {name} labels for {count} {name}s; give one for each.")
    height, width = images[0].shape[:2]
    font = label_font(height)
    left = padding + max((text_size(label, font)[0] + padding for label in row_labels), default=0)
    broken = [break_text(label, font, width) for label in column_labels]
    heading = break_text(title, font, left + num_columns * (width + padding) - 2 * padding) if title else ""
    top = padding + (text_size(heading, font)[1] + padding if heading else 0)
    column_top = top
    top += max((text_size(label, font)[1] + padding for label in broken), default=0)

    sheet = Image.new(
        "RGB", (left + num_columns * (width + padding), top + len(rows) * (height + padding)), color=WHITE
    )
    draw = ImageDraw.Draw(sheet)
    if heading:
        draw.multiline_text((padding, padding), heading, fill=INK, font=font)
    for column, label in enumerate(broken):
        middle = left + column * (width + padding) + width // 2
        draw.multiline_text((middle, column_top), label, fill=INK, font=font, anchor="ma", align="center")
    for index, row in enumerate(rows):
        y = top + index * (height + padding)
        if row_labels:
            draw.text((padding, y + height // 2), row_labels[index], fill=INK, font=font, anchor="lm")
        for column, cell in enumerate(row):
            if cell is not None:
                sheet.paste(Image.fromarray(to_rgb(cell)), (left + column * (width + padding), y))
    return np.asarray(sheet)


def label_font(cell_height: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """A font that can be read beside cells of that height."""
    return ImageFont.load_default(size=int(np.clip(cell_height // 8, 11, 20)))


def text_size(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> tuple[int, int]:
    """(width, height) of a text of one or more lines, in pixels."""
    box = ImageDraw.Draw(Image.new("RGB", (1, 1))).multiline_textbbox((0, 0), text, font=font)
    return math.ceil(box[2]), math.ceil(box[3])


def break_text(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> str:
    """Breaks a text at its spaces so that each line fits `width` pixels where that is possible."""
    lines: list[str] = []
    for word in text.split():
        longer = f"{lines[-1]} {word}" if lines else word
        if lines and text_size(longer, font)[0] <= width:
            lines[-1] = longer
        else:
            lines.append(word)
    return "\n".join(lines)


def readable(image: np.ndarray, min_height: int = READABLE_HEIGHT) -> np.ndarray:
    """An image as RGB, enlarged by a whole factor if it is too small to look at beside text."""
    pixels = to_rgb(image)
    return enlarge(pixels, max(1, min_height // pixels.shape[0]))


def enlarge(images: np.ndarray, factor: int) -> np.ndarray:
    """Repeats every pixel `factor` times both ways.

    Args:
        images: `[..., height, width, channels]`.
        factor: A whole number.

    Returns:
        `[..., factor * height, factor * width, channels]`.

    Example:

    >>> gf.visualize.enlarge(np.zeros((2, 8, 8, 3), np.uint8), 4).shape
    (2, 32, 32, 3)
    """
    return np.repeat(np.repeat(images, factor, axis=-3), factor, axis=-2)


def _aspect(pixels: Sequence[np.ndarray]) -> float:
    return pixels[0].shape[0] / pixels[0].shape[1] if pixels else 1.0
