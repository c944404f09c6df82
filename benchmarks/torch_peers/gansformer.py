"""GANsformer's generator with duplex attention in plain PyTorch, as the published port runs it on a CPU.

Written from a description of the computation (GANsformer, Hudson and Zitnick 2021, section 3; StyleGAN2, section 2):
images channels first, attention on tokens `[batch, positions, channels]`; weights per sample as a grouped convolution
when images are drawn (`eval`), styles before and behind one convolution in training; noise, bias, activation and gain
one after the other. The names are the published ones, so `load_state_dict` takes published weights; the keys that
duplex attention computes and never reads are computed here too.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.torch_peers.parts import Bias, Dense, bias_act, convolve_up, fir_taps, normalize, upsample

FIRST = 4  # resolution of the first block
MAPPING_RATE = 0.01
DROPOUT = 0.06  # of single probabilities, then of whole components


def position_codes(size: int, dim: int) -> Tensor:
    """Sines and cosines of the column, then of the row: `[size, size, dim]`."""
    line = torch.linspace(-1, 1, size)
    rates = 10000.0 ** (-4 * torch.arange(dim // 4) / dim)
    waves = torch.cat([torch.sin(line[:, None] * rates), torch.cos(line[:, None] * rates)], dim=1)
    columns, rows = waves[None, :].expand(size, size, -1), waves[:, None].expand(size, size, -1)
    return torch.cat([columns, rows], dim=2)


class Attention(nn.Module):
    """What tokens collect from the components: `[batch, positions, channels]`; with `centroids` as k-means finds it."""

    def __init__(self, channels: int, w_dim: int, components: int, centroids: bool) -> None:
        super().__init__()
        self.channels = channels
        self.to_queries = Dense(channels, channels)
        self.to_keys = Dense(w_dim, channels)
        self.to_values = Dense(w_dim, channels)
        self.from_pos_map = Dense(w_dim, channels)
        self.to_pos_map = Dense(w_dim, channels)
        self.modulation = Dense(channels, channels)
        self.centroids = None
        if centroids:
            self.att_weight = nn.Parameter(torch.ones(1, 1, 2 * channels))
            self.centroids = nn.Parameter(torch.randn(1, 1, components, 2 * channels))

    def forward(self, x: Tensor, y: Tensor, x_pos: Tensor, y_pos: Tensor) -> Tensor:
        queries = self.to_queries(x)
        keys, values = self.to_keys(y), self.to_values(y)
        placed = queries + self.from_pos_map(x_pos)
        keys = keys + self.to_pos_map(y_pos)
        if self.centroids is None:
            scores = placed @ keys.transpose(1, 2)
        else:
            elements = torch.cat([queries, placed - queries], dim=2)
            scores = (elements * self.att_weight) @ self.centroids[0].transpose(1, 2)
        probabilities = torch.softmax(scores / math.sqrt(self.channels), dim=2)
        if self.training:
            probabilities = F.dropout(probabilities, DROPOUT)
            probabilities = probabilities * F.dropout(torch.ones_like(probabilities[:, :1]), DROPOUT)
        return self.modulation(probabilities @ values)


class Step(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.fc0 = Dense(dim, dim, activate=True, rate=MAPPING_RATE)
        self.fc1 = Dense(dim, dim, rate=MAPPING_RATE)

    def forward(self, x: Tensor, shortcut: Tensor) -> Tensor:
        return F.leaky_relu(self.fc1(self.fc0(x)) + shortcut, 0.2)


class Stack(nn.Module):
    """Residual steps over `[batch, latents, dim]`; the components attend to each other before each of them."""

    def __init__(self, dim: int, layers: int, components: int) -> None:
        super().__init__()
        self.steps = layers // 2
        self.attend = components > 0
        for index in range(self.steps):
            if self.attend:
                self.add_module(f"sa{index}", Attention(dim, dim, components, centroids=False))
            self.add_module(f"l{index}", Step(dim))
        self.out_layer = Dense(dim, dim, activate=True, rate=MAPPING_RATE)

    def forward(self, x: Tensor, positions: Tensor) -> Tensor:
        for index in range(self.steps):
            shortcut = x
            if self.attend:
                x = x + getattr(self, f"sa{index}")(x, x, positions, positions)
            x = getattr(self, f"l{index}")(x, shortcut)
        return self.out_layer(x)


class Mapping(nn.Module):
    def __init__(self, dim: int, layers: int, components: int, num_ws: int) -> None:
        super().__init__()
        self.num_ws = num_ws
        self.mlp = Stack(dim, layers, components)
        self.global_mlp = Stack(dim, layers, 0)
        self.register_buffer("w_avg", torch.zeros(dim))

    def forward(self, z: Tensor, positions: Tensor) -> Tensor:
        local, whole = normalize(z[:, :-1], dim=(1, 2)), normalize(z[:, -1:], dim=2)
        w = torch.cat([self.mlp(local, positions), self.global_mlp(whole, positions)], dim=1)
        return w[:, :, None].repeat(1, 1, self.num_ws, 1)


class Modulated(nn.Module):
    """Convolution with weights that w scales, and demodulation."""

    def __init__(self, inputs: int, units: int, w_dim: int, up: bool = False, size: int = 3) -> None:
        super().__init__()
        self.up, self.demodulate = up, size > 1
        self.weight = nn.Parameter(torch.randn(units, inputs, size, size))
        self.gain = 1.0 / math.sqrt(inputs * size**2)
        self.affine = Dense(w_dim, inputs, bias=1.0)
        self.register_buffer("taps", fir_taps(), persistent=False)

    def modulated(self, x: Tensor, w: Tensor) -> Tensor:
        styles = self.affine(w) * self.gain
        weights = scales = None
        if self.demodulate or not self.training:
            weights = self.weight[None] * styles[:, None, :, None, None]
        if self.demodulate:
            scales = (weights.square().sum(dim=(2, 3, 4)) + 1e-8).rsqrt()
        if self.training:
            x = self.convolve(x * styles[:, :, None, None], self.weight, 1)
            return x if scales is None else x * scales[:, :, None, None]
        if scales is not None:
            weights = weights * scales[:, :, None, None, None]
        batch, channels, *size = x.shape
        x = self.convolve(x.reshape(1, batch * channels, *size), weights.flatten(0, 1), batch)
        return x.reshape(batch, -1, *x.shape[2:])

    def convolve(self, x: Tensor, weight: Tensor, groups: int) -> Tensor:
        if self.up:
            return convolve_up(x, weight, self.taps, groups)
        return F.conv2d(x, weight, padding=weight.shape[-1] // 2, groups=groups)

    def forward(self, x: Tensor, ws: Tensor, positions: Tensor) -> Tensor:
        return self.modulated(x, ws[:, -1])


class Layer(Modulated):
    """Modulated convolution, attention to the components, noise, bias and leaky ReLU."""

    def __init__(
        self, inputs: int, units: int, w_dim: int, size: int, components: int, up: bool = False, gain: float = 1.0
    ) -> None:
        super().__init__(inputs, units, w_dim, up)
        self.activation_gain = gain * math.sqrt(2.0)
        self.noise_strength = nn.Parameter(torch.zeros([]))
        self.register_buffer("noise_const", torch.randn(size, size))
        self.register_buffer("grid_pos", position_codes(size, w_dim))
        self.biasAct = Bias(units)
        self.transformer = Attention(units, w_dim, components, centroids=True)

    def forward(self, x: Tensor, ws: Tensor, positions: Tensor) -> Tensor:
        x = self.modulated(x, ws[:, -1])
        batch, channels, height, width = x.shape
        tokens = x.reshape(batch, channels, height * width).permute(0, 2, 1)
        control = self.transformer(tokens, ws[:, :-1], self.grid_pos.flatten(0, 1), positions)
        tokens = normalize(tokens, dim=2) * (control + 1)
        x = tokens.permute(0, 2, 1).reshape(batch, channels, height, width)
        noise = torch.randn(batch, 1, height, width) if self.training else self.noise_const
        return bias_act(x + noise * self.noise_strength, self.biasAct.bias, gain=self.activation_gain)


class Output(Modulated):
    """To the colours, without demodulation."""

    def __init__(self, inputs: int, units: int, w_dim: int) -> None:
        super().__init__(inputs, units, w_dim, size=1)
        self.biasAct = Bias(units)

    def forward(self, x: Tensor, ws: Tensor, positions: Tensor) -> Tensor:
        return bias_act(self.modulated(x, ws[:, -1]), self.biasAct.bias, activate=False)


class Shortcut(nn.Module):
    def __init__(self, inputs: int, units: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(units, inputs, 1, 1))
        self.gain = math.sqrt(0.5) / math.sqrt(inputs)
        self.register_buffer("taps", fir_taps(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return upsample(F.conv2d(x, self.weight * self.gain), self.taps)


class Block(nn.Module):
    """The layers at one resolution. The first one has a constant, the last one what makes a image."""

    def __init__(self, inputs: int, units: int, w_dim: int, size: int, components: int, colors: int) -> None:
        super().__init__()
        self.skip: Any = None
        if inputs:
            self.conv0 = Layer(inputs, units, w_dim, size, components, up=True)
            self.conv1 = Layer(units, units, w_dim, size, components, gain=math.sqrt(0.5))
            self.skip = Shortcut(inputs, units)
        else:
            self.const = nn.Parameter(torch.randn(units, size, size))
            self.conv1 = Layer(units, units, w_dim, size, components)
        self.last = colors > 0
        if self.last:
            self.conv_last = Modulated(units, units, w_dim)
            self.torgb = Output(units, colors, w_dim)

    def forward(self, x: Any, ws: Any, positions: Tensor) -> Tensor:
        """`ws`: entries of w `[batch, components + 1, w_dim]` of the layers, in their order, as an iterator."""
        if self.skip is None:
            first = next(ws)
            x = self.conv1(self.const[None].repeat(len(first), 1, 1, 1), first, positions)
        else:
            shortcut = self.skip(x)
            x = self.conv0(x, next(ws), positions)
            x = self.conv1(x, next(ws), positions) + shortcut
        if self.last:
            x = self.torgb(self.conv_last(x, next(ws), positions), next(ws), positions)
        return x


class Synthesis(nn.Module):
    def __init__(
        self, resolution: int, channel_base: int, channel_max: int, w_dim: int, components: int, colors: int
    ) -> None:
        super().__init__()
        self.sizes = [2**level for level in range(2, resolution.bit_length())]
        inputs = 0
        for size in self.sizes:
            units = min(channel_base // size, channel_max)
            last = colors if size == resolution else 0
            self.add_module(f"b{size}", Block(inputs, units, w_dim, size, components, last))
            inputs = units

    def forward(self, ws: Tensor, positions: Tensor) -> Tensor:
        entries = iter(ws.unbind(dim=2))
        x: Any = None
        for size in self.sizes:
            x = getattr(self, f"b{size}")(x, entries, positions)
        return x


class Generator(nn.Module):
    """z `[batch, components + 1, w_dim]`, the global latent last, to `[batch, colors, resolution, resolution]`.

    Args:
        resolution: A power of two, at least 8.
        channel_base: Channels of the block at 64 are `channel_base / 64`.
        channel_max: Most channels of a block.
        w_dim: Size of z and of w, of each latent.
        components: Latents beside the global one.
        mapping_layers: Dense layers from z to w, without the last.
        colors: Channels of the image.
    """

    def __init__(
        self,
        *,
        resolution: int,
        channel_base: int,
        channel_max: int,
        w_dim: int,
        components: int,
        mapping_layers: int,
        colors: int = 3,
    ) -> None:
        super().__init__()
        self.pos = nn.Parameter(torch.rand(components, w_dim))
        self.synthesis = Synthesis(resolution, channel_base, channel_max, w_dim, components, colors)
        self.mapping = Mapping(w_dim, mapping_layers, components, num_ws=2 * len(self.synthesis.sizes) + 1)

    def map(self, z: Tensor) -> Tensor:
        """w `[batch, components + 1, layers, w_dim]`."""
        return self.mapping(z, self.pos)

    def draw(self, ws: Tensor) -> Tensor:
        return self.synthesis(ws, self.pos)

    def forward(self, z: Tensor) -> Tensor:
        return self.draw(self.map(z))
