"""Sampling rates, cut-offs, sizes and channels of the layers of StyleGAN3 (Karras et al. 2021, section 3.2)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gansformer_tf.config import StyleGAN3Config
from gansformer_tf.models.stylegan3.filters import design_filter

NUM_CUT = 2  # layers at the end, without a margin beyond the border of the image


@dataclass(frozen=True)
class Band:
    """A signal between two layers: samples per image, frequencies it holds, its size with margins, its channels."""

    rate: int
    cutoff: float
    half_width: float
    size: int
    channels: int


@dataclass(frozen=True)
class LayerPlan:
    """What a layer does to its signal.

    Attributes:
        source, target: The signals before and behind it.
        kernel_size: Side of the convolution; its output is as much larger as it can be.
        makes_image: Whether this is the last layer, without filters and nonlinearity.
        up, down: Factors around the nonlinearity.
        padding: (left, right, top, bottom) in samples of the nonlinearity, negative to crop.
        up_filter, down_filter: Kernels of `filtered_lrelu`, or None.
    """

    source: Band
    target: Band
    kernel_size: int
    makes_image: bool
    up: int
    down: int
    padding: tuple[int, int, int, int]
    up_filter: np.ndarray | None
    down_filter: np.ndarray | None


def bands(config: StyleGAN3Config) -> list[Band]:
    """The signals behind every layer; the first is also the one the network starts from."""
    count, resolution = config.num_synthesis_layers, config.resolution
    found = []
    for index in range(count + 1):
        progress = min(index / (count - config.num_critical), 1.0)
        last_cutoff = resolution / 2
        last_stopband = last_cutoff * config.last_stopband_reach
        cutoff = config.first_cutoff * (last_cutoff / config.first_cutoff) ** progress
        stopband = config.first_stopband * (last_stopband / config.first_stopband) ** progress
        rate = int(2 ** math.ceil(math.log2(min(2 * stopband, resolution))))
        size = resolution if index > count - NUM_CUT else rate + 2 * config.margin_size
        channels = round(min(config.channel_base / cutoff, config.channel_max))
        if index == count:
            channels = config.image_channels
        found.append(Band(rate, cutoff, max(stopband, rate / 2) - cutoff, size, channels))
    return found


def layer_plans(config: StyleGAN3Config) -> list[LayerPlan]:
    """All layers, the one that makes the image last."""
    found = bands(config)
    return [_plan(config, found[max(index - 1, 0)], band, index) for index, band in enumerate(found)]


def _plan(config: StyleGAN3Config, source: Band, target: Band, index: int) -> LayerPlan:
    count = config.num_synthesis_layers
    makes_image = index == count
    kernel_size = 1 if makes_image else config.conv_kernel
    rate = max(source.rate, target.rate) * (1 if makes_image else config.activation_rate)
    up, down = rate // source.rate, rate // target.rate
    up_taps = config.filter_taps * up if up > 1 and not makes_image else 1
    down_taps = config.filter_taps * down if down > 1 and not makes_image else 1
    total = (target.size - 1) * down + 1 - (source.size + kernel_size - 1) * up + up_taps + down_taps - 2
    low = (total + up) // 2
    radial = config.radial_filters and index < count - config.num_critical
    return LayerPlan(
        source=source,
        target=target,
        kernel_size=kernel_size,
        makes_image=makes_image,
        up=up,
        down=down,
        padding=(low, total - low, low, total - low),
        up_filter=design_filter(up_taps, source.cutoff, source.half_width, rate),
        down_filter=design_filter(down_taps, target.cutoff, target.half_width, rate, radial),
    )
