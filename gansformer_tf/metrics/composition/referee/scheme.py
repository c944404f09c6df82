"""What the referee reads and answers."""

from __future__ import annotations

from gansformer_tf.data.scenes.scene import COLOR_NAMES, MATERIALS, SHAPES, SIZES

SIDE = 64  # pixels of the images that it reads
ATTRIBUTES = {"shape": SHAPES, "color": COLOR_NAMES, "size": SIZES, "material": MATERIALS}
# Channels of its output, in order.
CHANNELS = {"foreground": 1, "centre": 1, "offset": 2} | {name: len(values) for name, values in ATTRIBUTES.items()}
OFFSET_UNIT = 8.0  # pixels: offsets of about 1
LEAST_PIXELS = 12  # of an object that counts; what is hidden further is no object
MOST = 12  # objects in an image; scenes have at most 8


def channels_of(name: str) -> slice:
    """The channels of the output that belong to a name of `CHANNELS`."""
    names = list(CHANNELS)
    start = sum(CHANNELS[earlier] for earlier in names[: names.index(name)])
    return slice(start, start + CHANNELS[name])
