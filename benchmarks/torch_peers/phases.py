"""Training phases of StyleGAN2 and GANsformer in plain PyTorch, in the order and form of the published loop.

Source: StyleGAN2 (Karras et al. 2020), sections 3.1 and 3.2, and its training loop: each phase draws its own latents,
gradients are accumulated over parts of the batch, made finite, and given to Adam; then the averaged generator moves.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

RATE = 0.002
R1_GAMMA = 10.0
R1_INTERVAL, PATH_INTERVAL = 16, 4
PATH_WEIGHT, PATH_DECAY, PATH_SHRINK = 2.0, 0.01, 2
MIXING = 0.9
EMA_BETA = 0.999
LARGEST = 1e5  # of a gradient


def adam(network: Any, interval: int) -> torch.optim.Adam:
    """With the correction for a regulariser every `interval` steps."""
    ratio = interval / (interval + 1)
    return torch.optim.Adam(network.parameters(), lr=RATE * ratio, betas=(0.0**ratio, 0.99**ratio), eps=1e-8)


class Training:
    """Runs a phase of a step at a time.

    Args:
        generator: With `map` to w `[batch, ..., layers, dim]` and `draw` from w, as `gansformer.Generator`.
        discriminator: Scores of images.
        latents: Shape of z of a image.
        at_once: Images that go through a phase together.
    """

    def __init__(self, generator: Any, discriminator: Any, latents: tuple[int, ...], at_once: int) -> None:
        self.generator, self.discriminator = generator.train(), discriminator.train()
        self.average = copy.deepcopy(generator).eval().requires_grad_(False)
        self.latents, self.at_once = latents, at_once
        self.generator.requires_grad_(False)
        self.discriminator.requires_grad_(False)
        self.optimizers = {"G": adam(generator, PATH_INTERVAL), "D": adam(discriminator, R1_INTERVAL)}
        self.path_mean = torch.zeros([])

    def run(self, phase: str, images: Tensor) -> None:
        """`phase`: G, G_reg, D, D_reg or EMA; `images`: the real ones `[batch, colors, height, width]`."""
        if phase == "EMA":
            self.move_average()
            return
        network = self.generator if phase[0] == "G" else self.discriminator
        optimizer = self.optimizers[phase[0]]
        optimizer.zero_grad(set_to_none=True)
        network.requires_grad_(True)
        losses: dict[str, Callable[[Tensor], None]] = {
            "G": self.generator_main,
            "G_reg": self.path_length,
            "D": self.discriminator_main,
            "D_reg": self.gradient_penalty,
        }
        for part in images.split(self.at_once):
            losses[phase](part)
        network.requires_grad_(False)
        for parameter in network.parameters():
            if parameter.grad is not None:
                torch.nan_to_num(parameter.grad, nan=0, posinf=LARGEST, neginf=-LARGEST, out=parameter.grad)
        optimizer.step()

    def generate(self, count: int) -> tuple[Tensor, Tensor]:
        """Images and their w, with styles of two latents."""
        ws = self.generator.map(torch.randn(count, *self.latents))
        layers = ws.shape[-2]
        cut = int(torch.randint(1, layers, [])) if torch.rand([]) < MIXING else layers
        other = self.generator.map(torch.randn(count, *self.latents))
        ws = torch.cat([ws[..., :cut, :], other[..., cut:, :]], dim=-2)
        return self.generator.draw(ws), ws

    def generator_main(self, part: Tensor) -> None:
        images, _ = self.generate(len(part))
        F.softplus(-self.discriminator(images)).mean().backward()

    def discriminator_main(self, part: Tensor) -> None:
        images, _ = self.generate(len(part))
        F.softplus(self.discriminator(images)).mean().backward()
        F.softplus(-self.discriminator(part)).mean().backward()

    def gradient_penalty(self, part: Tensor) -> None:
        part = part.detach().requires_grad_(True)
        scores = self.discriminator(part)
        (gradient,) = torch.autograd.grad(scores.sum(), [part], create_graph=True)
        penalty = gradient.square().sum(dim=(1, 2, 3)) * (R1_GAMMA / 2)
        (scores[:, 0] * 0 + penalty).mean().mul(R1_INTERVAL).backward()

    def path_length(self, part: Tensor) -> None:
        images, ws = self.generate(len(part) // PATH_SHRINK)
        noise = torch.randn_like(images) / math.sqrt(images.shape[2] * images.shape[3])
        (gradient,) = torch.autograd.grad((images * noise).sum(), [ws], create_graph=True)
        lengths = gradient.square().sum(dim=-1).flatten(1).mean(dim=1).sqrt()
        mean = self.path_mean.lerp(lengths.mean(), PATH_DECAY)
        self.path_mean = mean.detach()
        penalty = (lengths - mean).square() * PATH_WEIGHT
        (images[:, 0, 0, 0] * 0 + penalty).mean().mul(PATH_INTERVAL).backward()

    @torch.no_grad()
    def move_average(self) -> None:
        for averaged, current in zip(self.average.parameters(), self.generator.parameters(), strict=True):
            averaged.copy_(current.lerp(averaged, EMA_BETA))
        for averaged, current in zip(self.average.buffers(), self.generator.buffers(), strict=True):
            averaged.copy_(current)
