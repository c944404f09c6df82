"""Exponential moving average of the generator's weights."""

from __future__ import annotations


def ema_beta(
    batch_size: int, half_life_kimg: float, images_seen: float | None = None, rampup: float | None = None
) -> float:
    """Share of the old average that one step keeps.

    Args:
        batch_size: Real images per step.
        half_life_kimg: After this many thousand images an old weight counts half.
        images_seen: Images shown so far; only used together with `rampup`.
        rampup: If given, the half-life is at most `rampup * images_seen`, so that a short run does not average over
            its own beginning (0.05 in StyleGAN2-ADA). None: constant half-life.

    Returns:
        `0.5 ** (batch_size / half_life_in_images)`.
    """
    half_life = half_life_kimg * 1000.0
    if rampup is not None and images_seen is not None:
        half_life = min(half_life, images_seen * rampup)
    return 0.5 ** (batch_size / max(half_life, 1e-8))
