"""Measures a PyTorch peer in a process of its own, which needs torch and neither TensorFlow nor the package.

    python benchmarks/torch_peers/measure.py generate '{"model": "creps", "architecture": {...}, "batch": 8,
                                                        "repeats": 5, "threads": 2}'
    python benchmarks/torch_peers/measure.py train '{..., "discriminator": {...}, "at_once": 8}'

prints as JSON the seconds of a batch, or of the phases of a training step, the rate of a plain convolution, and the
peak of the resident memory in GB, in all and once torch was imported. `generate.py` and `train_step.py` call it beside
ours.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.timing import median_seconds, peak_gigabytes
from benchmarks.torch_peers import creps, gansformer
from benchmarks.torch_peers.discriminator import Discriminator
from benchmarks.torch_peers.phases import Training

PHASES = ("G", "G_reg", "D", "D_reg", "EMA")


def convolution_rate(repeats: int = 5) -> float:
    """Operations per second of the convolution of `flops.convolution_rate`."""
    x, kernel = torch.randn(8, 256, 32, 32), torch.randn(256, 256, 3, 3)
    flops = 2 * 8 * 32 * 32 * 9 * 256 * 256
    F.conv2d(x, kernel, padding=1)
    return flops / median_seconds(lambda: F.conv2d(x, kernel, padding=1), repeats)


def built(model: str, architecture: dict[str, int]) -> tuple[Any, tuple[int, ...]]:
    """A generator, and the shape of z of a picture."""
    if model == "creps":
        return creps.Generator(**architecture), (architecture["z_dim"],)
    return gansformer.Generator(**architecture), (architecture["components"] + 1, architecture["w_dim"])


@torch.inference_mode()
def generate(model: str, architecture: dict[str, int], batch: int, repeats: int) -> dict[str, Any]:
    """Seconds of a batch of pictures."""
    generator, latents = built(model, architecture)
    generator.eval()
    rates = [convolution_rate()]
    z = torch.randn(batch, *latents)
    generator(z)
    seconds = median_seconds(lambda: generator(z), repeats)
    return {"seconds": seconds, "rate": max(*rates, convolution_rate())}


def train(
    model: str, architecture: dict[str, int], discriminator: dict[str, int], batch: int, at_once: int, repeats: int
) -> dict[str, Any]:
    """Seconds of each phase in every step but the first."""
    generator, latents = built(model, architecture)
    training = Training(generator, Discriminator(**discriminator), latents, at_once)
    rates = [convolution_rate()]
    images = torch.zeros(batch, 3, architecture["resolution"], architecture["resolution"])
    found: dict[str, list[float]] = {phase: [] for phase in PHASES}
    for step in range(repeats + 1):
        for phase in PHASES:
            seconds = median_seconds(lambda phase=phase: training.run(phase, images), 1)
            if step:
                found[phase].append(seconds)
    rates.append(convolution_rate())
    return {"seconds": found, "rate": max(rates)}


if __name__ == "__main__":
    settings = json.loads(sys.argv[2])
    imported = peak_gigabytes()
    torch.set_num_threads(settings.pop("threads"))
    measured = {"generate": generate, "train": train}[sys.argv[1]](**settings)
    print(json.dumps(measured | {"peak": peak_gigabytes(), "imported": imported}))
