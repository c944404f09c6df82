"""The trainings of the study: which model on which images, all with equal settings."""

from __future__ import annotations

from dataclasses import dataclass

RESOLUTION = 64
IMAGES = 10_000
KIMG = 300.0
# Narrow networks, so that a CPU is enough: the widths and latents of the demo preset, without its other choices.
SHARED = (
    "--latent-size 128 --channel-base 512 --channel-max 64 --d-arch resnet --batch-size 16 --batch-gpu 16 --gamma 0.5 "
    "--ema-kimg 1 --ema-rampup 0.1 --tick-kimg 5 --snapshot-ticks 6 --last-snapshots 20 --metrics none"
)
_RESIDUAL = "--g-arch resnet --mapping-resnet"
_STYLEGAN2 = f"--baseline StyleGAN2 {_RESIDUAL}"
_GANSFORMER = f"--gansformer-default {_RESIDUAL} --components-num 8 --g-end-res 6"
_SIMPLEX = f"{_GANSFORMER} --attention simplex"
_DUPLEX = f"{_GANSFORMER} --attention duplex"
_PAPER = f"{_DUPLEX} --attention-form paper"


@dataclass(frozen=True)
class Training:
    """One run: `name` is its experiment, `title` its row in the table, `flags` what differs from `shared`."""

    name: str
    title: str
    dataset: str
    flags: str
    seed: int = 1000
    shared: str = SHARED
    kimg: float = KIMG
    metrics: tuple[str, ...] = ("fid", "pr")


def _vqgan(dataset: str) -> Training:
    """Both stages of VQGAN, of which none trains as GANs do; its kimg are those of its preset."""
    shared = "--preset vqgan-small --last-snapshots 20 --metrics none"
    return Training(f"{dataset}-vqgan", "VQGAN", dataset, "", shared=shared, kimg=72.0, metrics=("fid", "pr", "rfid"))


TRAININGS = (
    Training("faces-stylegan2", "StyleGAN2", "faces", _STYLEGAN2),
    Training("faces-simplex", "simplex", "faces", _SIMPLEX),
    Training("faces-duplex-paper", "duplex, paper's form", "faces", _PAPER),
    Training("faces-duplex", "duplex, code's form", "faces", _DUPLEX),
    Training("faces-simplex-d", "simplex, attention in D", "faces", f"{_SIMPLEX} --d-transformer"),
    Training("faces-duplex-d", "duplex, attention in D", "faces", f"{_DUPLEX} --d-transformer"),
    Training("scenes-stylegan2", "StyleGAN2", "scenes", _STYLEGAN2),
    Training("scenes-simplex", "simplex", "scenes", _SIMPLEX),
    Training("scenes-duplex-paper", "duplex, paper's form", "scenes", _PAPER),
    Training("scenes-duplex", "duplex, code's form", "scenes", _DUPLEX),
    _vqgan("scenes"),
    _vqgan("faces"),
    Training("faces-stylegan2-2000", "StyleGAN2", "faces", _STYLEGAN2, 2000),
    Training("faces-simplex-2000", "simplex", "faces", _SIMPLEX, 2000),
)
