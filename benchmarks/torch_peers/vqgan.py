"""VQGAN in PyTorch with the sizes of ours: networks and training steps of both stages, as published.

The perceptual distance is left out on both sides. Attention of the transformer is PyTorch's own fused one.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

Config = dict[str, Any]


def norm(channels: int) -> nn.GroupNorm:
    return nn.GroupNorm(32, channels, eps=1e-6)


class Residual(nn.Module):
    def __init__(self, given: int, channels: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = norm(given), nn.Conv2d(given, channels, 3, padding=1)
        self.norm2, self.conv2 = norm(channels), nn.Conv2d(channels, channels, 3, padding=1)
        self.shortcut = nn.Identity() if given == channels else nn.Conv2d(given, channels, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.conv1(F.silu(self.norm1(x)))
        return self.shortcut(x) + self.conv2(F.silu(self.norm2(h)))


class Attention(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = norm(channels)
        self.q, self.k, self.v, self.out = (nn.Conv2d(channels, channels, 1) for _ in range(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.norm(x)
        q, k, v = (layer(h).flatten(2).transpose(1, 2) for layer in (self.q, self.k, self.v))
        heard = F.scaled_dot_product_attention(q, k, v)
        return x + self.out(heard.transpose(1, 2).reshape(x.shape))


class Down(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, stride=2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(F.pad(x, (0, 1, 0, 1)))


class Up(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(F.interpolate(x, scale_factor=2.0))


def _level(config: Config, level: int, given: int, blocks: int) -> tuple[list[nn.Module], int]:
    channels = config["channels"] * config["channel_multipliers"][level]
    layers: list[nn.Module] = []
    for _ in range(blocks):
        layers.append(Residual(given, channels))
        given = channels
        if config["side"] >> level in config["attention_sizes"]:
            layers.append(Attention(channels))
    return layers, given


def encoder(config: Config) -> nn.Sequential:
    given, last = config["channels"], len(config["channel_multipliers"]) - 1
    layers: list[nn.Module] = [nn.Conv2d(3, given, 3, padding=1)]
    for level in range(last + 1):
        more, given = _level(config, level, given, config["blocks_per_level"])
        layers += [*more, *([Down(given)] if level < last else [])]
    layers += [Residual(given, given), Attention(given), Residual(given, given), norm(given), nn.SiLU()]
    layers += [nn.Conv2d(given, config["latent_channels"], 3, padding=1)]
    return nn.Sequential(*layers, nn.Conv2d(config["latent_channels"], config["code_dim"], 1))


def decoder(config: Config) -> tuple[nn.Sequential, nn.Conv2d]:
    last = len(config["channel_multipliers"]) - 1
    given = config["channels"] * config["channel_multipliers"][last]
    layers: list[nn.Module] = [nn.Conv2d(config["code_dim"], config["latent_channels"], 1)]
    layers += [nn.Conv2d(config["latent_channels"], given, 3, padding=1)]
    layers += [Residual(given, given), Attention(given), Residual(given, given)]
    for level in reversed(range(last + 1)):
        more, given = _level(config, level, given, config["blocks_per_level"] + 1)
        layers += [*more, *([Up(given)] if level > 0 else [])]
    return nn.Sequential(*layers, norm(given), nn.SiLU()), nn.Conv2d(given, 3, 3, padding=1)


def discriminator(channels: int, num_layers: int) -> nn.Sequential:
    widths = [channels * min(2**index, 8) for index in range(num_layers + 1)]
    layers: list[nn.Module] = [nn.Conv2d(3, channels, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
    for index in range(1, num_layers + 1):
        stride = 2 if index < num_layers else 1
        layers += [nn.Conv2d(widths[index - 1], widths[index], 4, stride=stride, padding=1, bias=False)]
        layers += [nn.BatchNorm2d(widths[index]), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4, padding=1))


class Block(nn.Module):
    def __init__(self, width: int, heads: int, dropouts: tuple[float, float]) -> None:
        super().__init__()
        self.heads, self.dropouts = heads, dropouts
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key, self.value, self.proj = (nn.Linear(width, width) for _ in range(4))
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.norm1(x)
        q, k, v = (
            layer(h).unflatten(2, (self.heads, -1)).transpose(1, 2) for layer in (self.query, self.key, self.value)
        )
        heard = F.scaled_dot_product_attention(q, k, v, dropout_p=self.dropouts[0], is_causal=True)
        x = x + F.dropout(self.proj(heard.transpose(1, 2).flatten(2)), self.dropouts[1])
        return x + F.dropout(self.mlp(self.norm2(x)), self.dropouts[1])


class Transformer(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        width = config["transformer_width"]
        self.codes, self.keep, self.dropout = config["num_codes"], config["token_keep"], config["embedding_dropout"]
        self.tokens = nn.Embedding(config["num_codes"] + 1, width)
        self.positions = nn.Parameter(torch.zeros(1, config["num_tokens"], width))
        rates = (config["attention_dropout"], config["residual_dropout"])
        heads = config["transformer_heads"]
        self.blocks = nn.Sequential(*(Block(width, heads, rates) for _ in range(config["transformer_layers"])))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, config["num_codes"], bias=False)

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        kept = torch.rand(codes.shape) < self.keep
        shown = torch.where(kept, codes, torch.randint(self.codes, codes.shape))
        tokens = torch.cat([torch.full((len(codes), 1), self.codes), shown[:, :-1]], dim=1)
        x = F.dropout(self.tokens(tokens) + self.positions, self.dropout)
        return self.head(self.norm(self.blocks(x)))


class Steps:
    """A training step of each stage, on one batch of images."""

    def __init__(self, config: Config, judge: dict[str, int], batch: int) -> None:
        self.encode, (self.decode, self.last) = encoder(config), decoder(config)
        self.book = nn.Parameter(torch.randn(config["num_codes"], config["code_dim"]))
        self.judge, self.transformer = discriminator(**judge), Transformer(config)
        first = [*self.encode.parameters(), *self.decode.parameters(), *self.last.parameters(), self.book]
        self.optimizers = [
            torch.optim.Adam(first, 1e-4, (0.5, 0.9)),
            torch.optim.Adam(self.judge.parameters(), 1e-4, (0.5, 0.9)),
            torch.optim.AdamW(self.transformer.parameters(), 1e-4, (0.9, 0.95), weight_decay=0.01),
        ]
        self.images = torch.rand(batch, 3, config["side"], config["side"]) * 2 - 1

    def nearest(self, z: torch.Tensor) -> torch.Tensor:
        rows = z.detach().permute(0, 2, 3, 1).flatten(0, 2)
        return (self.book.detach().square().sum(1) - 2 * rows @ self.book.detach().T).argmin(1)

    def remade(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Reconstructions, and the loss of the codes."""
        z = self.encode(self.images)
        shape = (len(z), *z.shape[2:], z.shape[1])
        chosen = self.book[self.nearest(z)].reshape(shape).permute(0, 3, 1, 2)
        loss = 0.25 * (chosen.detach() - z).square().mean() + (chosen - z.detach()).square().mean()
        return self.last(self.decode(z + (chosen - z).detach())), loss

    def stage1(self) -> None:
        made, codes_loss = self.remade()
        error = (self.images - made).abs().mean()
        adversarial = -self.judge(made).mean()
        norms = [
            torch.autograd.grad(term, self.last.weight, retain_graph=True)[0].norm() for term in (error, adversarial)
        ]
        weight = (norms[0] / (norms[1] + 1e-4)).clamp(0, 1e4).detach()
        self.optimizers[0].zero_grad()
        (error + 0.8 * weight * adversarial + codes_loss).backward()
        self.optimizers[0].step()
        with torch.no_grad():
            made, _ = self.remade()
        real, fake = self.judge(self.images), self.judge(made)
        self.optimizers[1].zero_grad()
        (0.5 * (F.relu(1 - real).mean() + F.relu(1 + fake).mean())).backward()
        self.optimizers[1].step()

    def stage2(self) -> None:
        with torch.no_grad():
            codes = self.nearest(self.encode(self.images)).reshape(len(self.images), -1)
        loss = F.cross_entropy(self.transformer(codes).flatten(0, 1), codes.flatten())
        self.optimizers[2].zero_grad()
        loss.backward()
        self.optimizers[2].step()
