"""CREPS's generator in plain PyTorch, as the published code runs it on a CPU.

Written from a description of the computation (CREPS, Nguyen et al. 2022, sections 3.1 to 3.3; modulation and equalized
dense layers: StyleGAN2, Karras et al. 2020, section 2): lines `[batch, channels, length, 2 rank]`, channels first and
of full length in every block; weights per sample; bias, activation, gain and clamp one after the other; dense layers
on `[pixels, channels]`. Everything is float32, the tail too. The names are the published ones, so `load_state_dict`
takes published weights; what those hold and never read (`b4.tores`, `decoder_8`) is there for that reason only.

Weights per sample are applied as a batched product. The other form, a grouped 1x1 convolution, took 2 to 5 times as
long in nearly all layers of the 64x64 generator (torch 2.13, 2 cores), so the product is what favours PyTorch.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.torch_peers.parts import Dense, bias_act, normalize

AXES = 2  # rows, columns
FIRST = 4  # resolution that names the first block
BANDWIDTH = 10.0
CLAMP = 256.0
MAPPING_RATE = 0.01
UNUSED = ("synthesis.b4.tores.", "synthesis.decoder_8.")


class Modulated(nn.Module):
    """The same product at every position of `[batch, channels, height, width]`, with weights that w scales."""

    def __init__(self, inputs: int, units: int, w_dim: int, output: bool = False) -> None:
        super().__init__()
        self.output = output  # neither demodulation nor activation
        self.weight = nn.Parameter(torch.randn(units, inputs))
        self.bias = nn.Parameter(torch.zeros(units))
        self.affine = Dense(w_dim, inputs, bias=1.0)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        styles = self.affine(w)
        if self.output:
            styles = styles / math.sqrt(styles.shape[1])
        weight = self.weight[None] * styles[:, None, :]
        if not self.output:
            weight = weight * (weight.square().sum(dim=2, keepdim=True) + 1e-8).rsqrt()
        batch, channels, height, width = x.shape
        y = torch.bmm(weight, x.reshape(batch, channels, height * width))
        return bias_act(y.reshape(batch, -1, height, width), self.bias, not self.output, CLAMP)


class Mapping(nn.Module):
    def __init__(self, z_dim: int, w_dim: int, layers: int, num_ws: int, labels: int = 0) -> None:
        super().__init__()
        self.num_ws = num_ws
        self.embed = Dense(labels, w_dim) if labels else None
        self.names = [f"fc{index}" for index in range(layers)]
        inputs = z_dim + (w_dim if labels else 0)
        for name in self.names:
            self.add_module(name, Dense(inputs, w_dim, activate=True, rate=MAPPING_RATE))
            inputs = w_dim
        self.register_buffer("w_avg", torch.zeros(w_dim))

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        x = normalize(z)
        if self.embed is not None:
            x = torch.cat([x, normalize(self.embed(labels))], dim=1)
        for name in self.names:
            x = getattr(self, name)(x)
        return x[:, None].repeat(1, self.num_ws, 1)


class Waves(nn.Module):
    """Fourier features of the coordinates, scaled by w: `[batch, channels, length, 2 rank]`, all row lines first."""

    coords: Tensor
    freqs: Tensor

    def __init__(self, channels: int, resolution: int, rank: int, w_dim: int) -> None:
        super().__init__()
        self.rank = rank
        self.weight = nn.Parameter(torch.randn(1, channels, 1, AXES * rank))
        self.affine = Dense(w_dim, channels * AXES * rank, bias=1.0)
        line = torch.linspace(0, 1, resolution)[None, :, None, None]
        self.register_buffer("coords", line.repeat(1, 1, AXES, 1), persistent=False)
        self.register_buffer("freqs", torch.randn(1, channels // 2 * rank) * BANDWIDTH)

    def forward(self, w: Tensor) -> Tensor:
        length, channels = self.coords.shape[1], self.weight.shape[1]
        phases = 2.0 * math.pi * (self.coords[0] @ self.freqs)  # [length, axis, (channel, rank)]
        phases = phases.reshape(length, AXES, channels // 2, self.rank).permute(2, 0, 1, 3)
        phases = phases.reshape(1, channels // 2, length, AXES * self.rank)
        waves = torch.cat([torch.sin(phases), torch.sin(phases + math.pi / 2)], dim=1)
        scales = self.affine(w).reshape(-1, channels, 1, AXES * self.rank)
        return waves * (self.weight * scales / math.sqrt(channels))


class Block(nn.Module):
    """Modulated layers, and their part in what comes out of the block. The first one starts from the waves.

    The tail's blocks have the same layers over the full grid.
    """

    def __init__(self, inputs: int, units: int, outputs: int, w_dim: int, waves: Waves | None = None) -> None:
        super().__init__()
        self.input = waves
        if waves is None:
            self.fc0 = Modulated(inputs, units, w_dim)
        self.fc1 = Modulated(units, units, w_dim)
        self.tores = Modulated(units, outputs, w_dim, output=True)

    def forward(self, x: Tensor | None, w: tuple[Tensor, ...]) -> tuple[Tensor, Tensor | None]:
        if self.input is not None:
            return self.fc1(self.input(w[0]), w[1]), None  # its part is not used
        x = self.fc1(self.fc0(x, w[0]), w[1])
        return x, self.tores(x, w[2])


def decoder(width: int) -> nn.Sequential:
    sizes = [width, 2 * width, 4 * width, 2 * width, width]
    return nn.Sequential(*(Dense(*pair, activate=True) for pair in pairwise(sizes)))


class Synthesis(nn.Module):
    def __init__(
        self,
        resolution: int,
        channel_base: int,
        channel_max: int,
        w_dim: int,
        rank: int,
        line_channels: int,
        colors: int,
    ) -> None:
        super().__init__()
        self.rank = rank
        self.sizes = [2**level for level in range(2, resolution.bit_length())]
        inputs = 0
        for size in self.sizes:
            units = min(channel_base // size, channel_max)
            waves = Waves(units, resolution, rank, w_dim) if size == FIRST else None
            self.add_module(f"b{size}", Block(inputs, units, line_channels, w_dim, waves))
            inputs = units
            if size > FIRST:
                self.add_module(f"decoder_{size}", decoder(line_channels))
        self.decoder_last = decoder(line_channels)
        self.decoder_img = Dense(line_channels, colors)
        self.block0 = Block(line_channels, 4 * line_channels, colors, w_dim)
        self.block1 = Block(4 * line_channels, 2 * line_channels, colors, w_dim)

    def forward(self, ws: Tensor) -> Tensor:
        x: Any = None
        lines: Any = None
        features: Any = None
        start = 0
        for size in self.sizes:
            x, part = getattr(self, f"b{size}")(x, ws[:, start : start + 3].unbind(dim=1))
            start += 1 if size == FIRST else 2
            if part is None:
                continue
            lines = part if lines is None else lines + part
            product = self.product(lines)
            features = product if features is None else getattr(self, f"decoder_{size}")(features) + product
        features = self.decoder_last(features)
        batch, length = lines.shape[0], lines.shape[2]
        image, x = (
            pixels.reshape(batch, length, length, -1).permute(0, 3, 1, 2)
            for pixels in (self.decoder_img(features), features)
        )
        for block in (self.block0, self.block1):
            x, part = block(x, (ws[:, -1],) * 3)
            image = image + part
        return image

    def product(self, lines: Tensor) -> Tensor:
        """Every pixel from its row line and its column line: `[batch length length, line_channels]`."""
        lines = lines * math.sqrt(0.5)
        rows, columns = lines[..., : self.rank], lines[..., self.rank :]
        grid = rows @ columns.transpose(2, 3)
        return grid.permute(0, 2, 3, 1).reshape(-1, grid.shape[1])


class Generator(nn.Module):
    """z `[batch, z_dim]` to images `[batch, colors, resolution, resolution]`, at the size of training.

    Args:
        resolution: A power of two, at least 8.
        channel_base: Channels of block 1, as published: those of the block at 64 are `channel_base / 64`.
        channel_max: Most channels of a block.
        z_dim: Size of z.
        w_dim: Size of w.
        mapping_layers: Dense layers from z to w.
        rank: Products that are summed for each pixel.
        line_channels: Channels of the lines that are multiplied.
        colors: Channels of the image.
        labels: Size of the labels; 0: none.
    """

    def __init__(
        self,
        *,
        resolution: int,
        channel_base: int,
        channel_max: int,
        z_dim: int,
        w_dim: int,
        mapping_layers: int,
        rank: int,
        line_channels: int,
        colors: int = 3,
        labels: int = 0,
    ) -> None:
        super().__init__()
        self.synthesis = Synthesis(resolution, channel_base, channel_max, w_dim, rank, line_channels, colors)
        num_ws = 2 * len(self.synthesis.sizes) + 1
        self.mapping = Mapping(z_dim, w_dim, mapping_layers, num_ws, labels)

    def forward(self, z: Tensor, labels: Tensor | None = None) -> Tensor:
        return self.synthesis(self.mapping(z, labels))

    def used_parameters(self) -> int:
        """How many there are without those that are never read."""
        return sum(value.numel() for name, value in self.named_parameters() if not name.startswith(UNUSED))
