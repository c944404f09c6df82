"""What the PyTorch peers share: dense layers, activations and resampling, as the published code has them on a CPU."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def bias_act(
    x: Tensor, bias: Tensor, activate: bool = True, clamp: float | None = None, gain: float | None = None
) -> Tensor:
    """Bias along axis 1, leaky ReLU, gain (root of two behind an activation), clamp: one pass over memory each."""
    x = x + bias.reshape([-1 if axis == 1 else 1 for axis in range(x.ndim)])
    if activate:
        x = F.leaky_relu(x, 0.2)
        gain = math.sqrt(2.0) if gain is None else gain
    if gain is not None:
        x = x * gain
    return x if clamp is None else x.clamp(-clamp, clamp)


def normalize(x: Tensor, dim: int | tuple[int, ...] = 1) -> Tensor:
    return x * (x.square().mean(dim=dim, keepdim=True) + 1e-8).rsqrt()


class Bias(nn.Module):
    """A bias under its published name: behind another module's, as `conv.biasAct.bias`."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(units))


class Dense(nn.Module):
    """Dense layer whose stored weights are scaled when it is called."""

    def __init__(self, inputs: int, units: int, activate: bool = False, bias: float = 0.0, rate: float = 1.0) -> None:
        super().__init__()
        self.activate, self.rate, self.gain = activate, rate, rate / math.sqrt(inputs)
        self.weight = nn.Parameter(torch.randn(units, inputs) / rate)
        self.bias = nn.Parameter(torch.full((units,), bias / rate))

    def forward(self, x: Tensor) -> Tensor:
        weight = (self.weight * self.gain).t()
        bias = self.bias if self.rate == 1.0 else self.bias * self.rate
        x, shape = x.reshape(-1, x.shape[-1]), x.shape
        y = bias_act(x @ weight, bias) if self.activate else torch.addmm(bias, x, weight)
        return y.reshape(*shape[:-1], -1)


def upfirdn2d(x: Tensor, taps: Tensor, up: int = 1, down: int = 1, padding: tuple[int, ...] = (0,) * 4) -> Tensor:
    """Zeros between the samples, padding `(left, right, top, bottom)`, a filter of two dimensions, every down-th."""
    batch, channels, height, width = x.shape
    if up > 1:
        x = F.pad(x.reshape(batch, channels, height, 1, width, 1), (0, up - 1, 0, 0, 0, up - 1))
        x = x.reshape(batch, channels, height * up, width * up)
    x = F.pad(x, padding)
    kernel = (taps * up**2).flip((0, 1)).expand(channels, 1, *taps.shape)
    x = F.conv2d(x, kernel, groups=channels)
    return x[:, :, ::down, ::down]


def upsample(x: Tensor, taps: Tensor) -> Tensor:
    return upfirdn2d(x, taps, up=2, padding=(2, 1, 2, 1))


def convolve_up(x: Tensor, weight: Tensor, taps: Tensor, groups: int = 1) -> Tensor:
    """Transposed convolution of stride 2, then the filter; 3x3 kernels `[groups * outputs, inputs, 3, 3]`."""
    total, inputs, height, width = weight.shape
    weight = weight.reshape(groups, total // groups, inputs, height, width).transpose(1, 2)
    x = F.conv_transpose2d(x, weight.reshape(groups * inputs, total // groups, height, width), stride=2, groups=groups)
    return upfirdn2d(x, taps * 4, padding=(1, 1, 1, 1))


def convolve_down(x: Tensor, weight: Tensor, taps: Tensor) -> Tensor:
    """The filter, then a convolution of stride 2; for a 1x1 kernel every second sample of the filter suffices."""
    if weight.shape[-1] == 1:
        return F.conv2d(upfirdn2d(x, taps, down=2, padding=(1, 1, 1, 1)), weight)
    return F.conv2d(upfirdn2d(x, taps, padding=(2, 2, 2, 2)), weight, stride=2)


def fir_taps() -> Tensor:
    line = torch.tensor([1.0, 3.0, 3.0, 1.0])
    return torch.outer(line, line) / line.sum() ** 2
