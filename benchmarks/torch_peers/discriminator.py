"""StyleGAN2's residual discriminator in plain PyTorch, which GANsformer trains with too.

Source: StyleGAN2 (Karras et al. 2020), section 4. Published names; see `gansformer.py`.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.torch_peers.parts import Bias, Dense, bias_act, convolve_down, fir_taps

GROUP = 4  # samples whose statistics are taken together


class Convolution(nn.Module):
    """Convolution, bias and leaky ReLU; `linear`: neither of the last two."""

    def __init__(
        self, inputs: int, units: int, size: int = 3, down: bool = False, gain: float = 1.0, linear: bool = False
    ) -> None:
        super().__init__()
        self.down, self.gain = down, gain
        self.scale = 1.0 / math.sqrt(inputs * size**2)
        self.weight = nn.Parameter(torch.randn(units, inputs, size, size))
        self.biasAct = None if linear else Bias(units)
        self.register_buffer("taps", fir_taps(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight * self.scale
        x = convolve_down(x, weight, self.taps) if self.down else F.conv2d(x, weight, padding=weight.shape[-1] // 2)
        if self.biasAct is None:
            return x * self.gain
        return bias_act(x, self.biasAct.bias, gain=self.gain * math.sqrt(2.0))


class Block(nn.Module):
    def __init__(self, inputs: int, units: int, colors: int) -> None:
        super().__init__()
        self.fromrgb = Convolution(colors, inputs, size=1) if colors else None
        self.conv0 = Convolution(inputs, inputs)
        self.conv1 = Convolution(inputs, units, down=True, gain=math.sqrt(0.5))
        self.skip = Convolution(inputs, units, size=1, down=True, gain=math.sqrt(0.5), linear=True)

    def forward(self, x: Tensor) -> Tensor:
        if self.fromrgb is not None:
            x = self.fromrgb(x)
        return self.skip(x) + self.conv1(self.conv0(x))


def with_statistics(x: Tensor) -> Tensor:
    """Deviation over groups of samples, as one more channel."""
    batch, channels, height, width = x.shape
    group = min(GROUP, batch)
    y = x.reshape(group, -1, channels, height, width)
    y = (y - y.mean(dim=0)).square().mean(dim=0)
    y = (y + 1e-8).sqrt().mean(dim=(1, 2, 3))
    return torch.cat([x, y.reshape(-1, 1, 1, 1).repeat(group, 1, height, width)], dim=1)


class Head(nn.Module):
    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.conv = Convolution(inputs + 1, inputs)
        self.fc = Dense(16 * inputs, inputs, activate=True)
        self.out = Dense(inputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.fc(self.conv(with_statistics(x)).flatten(1)))


class Discriminator(nn.Module):
    """Images `[batch, colors, resolution, resolution]` to scores `[batch, 1]`."""

    def __init__(self, *, resolution: int, channel_base: int, channel_max: int, colors: int = 3) -> None:
        super().__init__()

        def channels(size: int) -> int:
            return min(channel_base // size, channel_max)

        self.sizes = [2**level for level in range(resolution.bit_length() - 1, 2, -1)]
        for size in self.sizes:
            first = colors if size == resolution else 0
            self.add_module(f"b{size}", Block(channels(size), channels(size // 2), first))
        self.b4 = Head(channels(4))

    def forward(self, images: Tensor) -> Tensor:
        x: Any = images
        for size in self.sizes:
            x = getattr(self, f"b{size}")(x)
        return self.b4(x)
