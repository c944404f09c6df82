"""Frames as GIF and MP4, written frame by frame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

from gansformer_tf.files import replacing
from gansformer_tf.visualize.grids import to_rgb

_H264_OPTIONS = {"crf": "16"}  # almost without visible loss


def write_gif(path: str | Path, frames: Sequence[np.ndarray], frames_per_second: float = 12.0) -> None:
    """Writes an endlessly repeating GIF under a temporary name and renames it.

    Args:
        path: Ends in .gif.
        frames: Images `[height, width, channels]` of one size.
        frames_per_second: Speed; GIF rounds the time of a frame to hundredths of a second.

    Raises:
        ValueError: No frame, or frames of several sizes.

    Example:

    >>> frames = [np.full((16, 16, 3), level, np.uint8) for level in (0, 128, 255)]
    >>> gf.visualize.write_gif("levels.gif", frames)
    """
    first, *rest = [Image.fromarray(to_rgb(frame)) for frame in _checked(frames)]
    path = Path(path)
    with replacing(path, durable=False) as temporary:
        first.save(temporary, save_all=True, append_images=rest, duration=round(1000 / frames_per_second), loop=0)


def write_mp4(path: str | Path, frames: Iterable[np.ndarray], frames_per_second: float = 12.0) -> None:
    """Writes an H.264 video under a temporary name and renames it. Only one frame is held at a time.

    Args:
        path: Ends in .mp4.
        frames: Images `[height, width, channels]` of one size; an odd side is filled up by repeating its last line,
            which the format needs.
        frames_per_second: Speed.

    Raises:
        ValueError: No frame, or frames of several sizes.

    Example:

    >>> frames = [np.full((16, 16, 3), level, np.uint8) for level in (0, 128, 255)]
    >>> gf.visualize.write_mp4("levels.mp4", frames, frames_per_second=25)
    """
    with replacing(path, durable=False) as temporary, av.open(str(temporary), "w") as container:
        rate = Fraction(frames_per_second).limit_denominator(1000)
        stream = container.add_stream("libx264", rate=rate, options=_H264_OPTIONS)
        stream.pix_fmt = "yuv420p"
        for frame in _checked(frames):
            pixels = np.ascontiguousarray(_even(to_rgb(frame)))
            if not stream.codec_context.is_open:
                stream.height, stream.width = pixels.shape[:2]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))


def there_and_back(frames: Sequence[np.ndarray]) -> list[np.ndarray]:
    """The frames and then, backwards, those in between, so that a repeating animation does not jump."""
    return [*frames, *frames[-2:0:-1]]


def _even(frame: np.ndarray) -> np.ndarray:
    return np.pad(frame, ((0, frame.shape[0] % 2), (0, frame.shape[1] % 2), (0, 0)), mode="edge")


def _checked(frames: Iterable[np.ndarray]) -> Iterable[np.ndarray]:
    shape = None
    for frame in frames:
        if shape is not None and frame.shape != shape:
            raise ValueError(f"frames of several sizes, {shape} and {frame.shape}; give frames of one size.")
        shape = frame.shape
        yield frame
    if shape is None:
        raise ValueError("an animation without frames was asked for; give at least one.")
