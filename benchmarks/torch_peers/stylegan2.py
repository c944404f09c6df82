"""StyleGAN2's generator with summed images ("skip") in plain PyTorch, as the published code runs it on a CPU.

Source: StyleGAN2 (Karras et al. 2020), sections 2 to 4. Convolutions are those of `gansformer.py`, in both forms, and
CREPS kept the mapping. The names are the published ones, so `load_state_dict` takes published weights.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.torch_peers.creps import Mapping
from benchmarks.torch_peers.gansformer import Modulated
from benchmarks.torch_peers.parts import bias_act, fir_taps, upsample


class Layer(Modulated):
    """Modulated convolution, noise, bias and leaky ReLU."""

    def __init__(self, inputs: int, units: int, w_dim: int, size: int, clamp: float | None, up: bool = False) -> None:
        super().__init__(inputs, units, w_dim, up)
        self.clamp = clamp
        self.noise_strength = nn.Parameter(torch.zeros([]))
        self.register_buffer("noise_const", torch.randn(size, size))
        self.bias = nn.Parameter(torch.zeros(units))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        x = self.modulated(x, w)
        noise = torch.randn(len(x), 1, *x.shape[2:]) if self.training else self.noise_const
        return bias_act(x + noise * self.noise_strength, self.bias, clamp=self.clamp)


class Output(Modulated):
    """To the colours, without demodulation."""

    def __init__(self, inputs: int, colors: int, w_dim: int, clamp: float | None) -> None:
        super().__init__(inputs, colors, w_dim, size=1)
        self.clamp = clamp
        self.bias = nn.Parameter(torch.zeros(colors))

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        return bias_act(self.modulated(x, w), self.bias, activate=False, clamp=self.clamp)


class Block(nn.Module):
    """The layers at one resolution, and the image so far. The first one has a constant."""

    def __init__(self, inputs: int, units: int, w_dim: int, size: int, colors: int, clamp: float | None) -> None:
        super().__init__()
        if inputs:
            self.conv0 = Layer(inputs, units, w_dim, size, clamp, up=True)
        else:
            self.const = nn.Parameter(torch.randn(units, size, size))
        self.conv1 = Layer(units, units, w_dim, size, clamp)
        self.torgb = Output(units, colors, w_dim, clamp)
        self.register_buffer("taps", fir_taps(), persistent=False)

    def forward(self, x: Any, image: Any, ws: list[Tensor]) -> tuple[Tensor, Tensor]:
        """`ws`: w of the layers and, behind them, of the image."""
        x = self.const[None].repeat(len(ws[0]), 1, 1, 1) if x is None else self.conv0(x, ws[-3])
        x = self.conv1(x, ws[-2])
        part = self.torgb(x, ws[-1])
        return x, part if image is None else upsample(image, self.taps) + part


class Synthesis(nn.Module):
    def __init__(
        self, resolution: int, channel_base: int, channel_max: int, w_dim: int, colors: int, clamp: float | None
    ) -> None:
        super().__init__()
        self.sizes = [2**level for level in range(2, resolution.bit_length())]
        inputs = 0
        for size in self.sizes:
            units = min(channel_base // size, channel_max)
            self.add_module(f"b{size}", Block(inputs, units, w_dim, size, colors, clamp))
            inputs = units

    def forward(self, ws: Tensor) -> Tensor:
        entries = list(ws.unbind(dim=1))
        x: Any = None
        image: Any = None
        for index, size in enumerate(self.sizes):
            # What a block's image takes is also what the next block's first layer takes.
            x, image = getattr(self, f"b{size}")(x, image, entries[max(2 * index - 1, 0) : 2 * index + 2])
        return image


class Generator(nn.Module):
    """z `[batch, z_dim]` to images `[batch, colors, resolution, resolution]`.

    Args:
        resolution: A power of two, at least 8.
        channel_base: Channels of the block at 64 are `channel_base / 64`.
        channel_max: Most channels of a block.
        z_dim: Size of z.
        w_dim: Size of w.
        mapping_layers: Dense layers from z to w.
        colors: Channels of the image.
        clamp: Bound of what layers return; None: none.
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
        colors: int = 3,
        clamp: float | None = None,
    ) -> None:
        super().__init__()
        self.synthesis = Synthesis(resolution, channel_base, channel_max, w_dim, colors, clamp)
        self.mapping = Mapping(z_dim, w_dim, mapping_layers, num_ws=2 * len(self.synthesis.sizes))

    def map(self, z: Tensor) -> Tensor:
        return self.mapping(z)

    def draw(self, ws: Tensor) -> Tensor:
        return self.synthesis(ws)

    def forward(self, z: Tensor) -> Tensor:
        return self.draw(self.map(z))
