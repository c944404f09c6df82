"""Measures a PyTorch peer in a process of its own, which needs torch and neither TensorFlow nor the package.

    python benchmarks/torch_peers/measure.py generate '{"model": "creps", "architecture": {...}, "batch": 8,
                                                        "repeats": 5, "threads": 2}'
    python benchmarks/torch_peers/measure.py train '{..., "discriminator": {...}, "at_once": 8}'
    python benchmarks/torch_peers/measure.py stages '{"config": {...}, "judge": {...}, "batch": 16, "threads": 2}'

answers requests (`benchmarks/processes.py`): "start" once it drew or trained for the first time; every "turn" with the
seconds of a batch, or of the phases of a step, and the rate of a plain convolution around it; "end" with the peak of
the resident memory in GB, in all, without pages of files, and once torch was imported. `generate.py` and
`train_step.py` ask it in turn with ours.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional as F

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.processes import serve
from benchmarks.timing import beside_rate, median_seconds, memory, peak_gigabytes
from benchmarks.torch_peers import creps, gansformer, stylegan2, vqgan
from benchmarks.torch_peers.discriminator import Discriminator
from benchmarks.torch_peers.phases import Training

ON_GPU = torch.cuda.is_available()
PHASES = ("G", "G_reg", "D", "D_reg", "EMA")


def finished(result: Any = None) -> None:
    """Waits for a GPU; the CPU is done when a call returns."""
    if ON_GPU:
        torch.cuda.synchronize()


@torch.inference_mode()
def convolution_rate(repeats: int = 5) -> float:
    """Operations per second of the convolution of `flops.convolution_rate`."""
    x, kernel = torch.randn(8, 256, 32, 32), torch.randn(256, 256, 3, 3)
    flops = 2 * 8 * 32 * 32 * 9 * 256 * 256
    finished(F.conv2d(x, kernel, padding=1))
    return flops / median_seconds(lambda: finished(F.conv2d(x, kernel, padding=1)), repeats)


def built(model: str, architecture: dict[str, int]) -> tuple[Any, tuple[int, ...]]:
    """A generator, and the shape of z of a image."""
    if model == "gansformer":
        return gansformer.Generator(**architecture), (architecture["components"] + 1, architecture["w_dim"])
    return {"creps": creps, "stylegan2": stylegan2}[model].Generator(**architecture), (architecture["z_dim"],)


def generate(model: str, architecture: dict[str, int], batch: int, repeats: int) -> Callable[[], float]:
    """Measures the seconds of a batch of images."""
    generator, latents = built(model, architecture)
    generator.eval()
    z = torch.randn(batch, *latents)

    @torch.inference_mode()
    def measured() -> float:
        return median_seconds(lambda: finished(generator(z)), repeats)

    return measured


def train(
    model: str, architecture: dict[str, int], discriminator: dict[str, int], batch: int, at_once: int
) -> Callable[[], dict[str, float]]:
    """Measures the seconds of the phases of a step."""
    generator, latents = built(model, architecture)
    training = Training(generator, Discriminator(**discriminator), latents, at_once)
    images = torch.zeros(batch, 3, architecture["resolution"], architecture["resolution"])

    def measured() -> dict[str, float]:
        return {phase: median_seconds(lambda phase=phase: finished(training.run(phase, images)), 1) for phase in PHASES}

    return measured


def stages(config: dict[str, Any], judge: dict[str, int], batch: int) -> Callable[[], dict[str, float]]:
    """Measures the seconds of a training step of both stages of VQGAN."""
    steps = vqgan.Steps(config, judge, batch)

    def measured() -> dict[str, float]:
        return {"stage 1": median_seconds(steps.stage1, 1), "stage 2": median_seconds(steps.stage2, 1)}

    return measured


if __name__ == "__main__":
    settings = json.loads(sys.argv[2])
    imported = peak_gigabytes()
    torch.set_num_threads(settings.pop("threads"))
    torch.set_default_device("cuda" if ON_GPU else "cpu")
    measured = {"generate": generate, "train": train, "stages": stages}[sys.argv[1]](**settings)
    measured()  # what happens once happens here
    serve(
        {
            "start": lambda: None,
            "turn": lambda: beside_rate(measured, convolution_rate),
            "end": lambda: memory() | {"imported": imported},
        }
    )
