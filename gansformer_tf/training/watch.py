"""Signs of trouble in the numbers of a tick."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

# Fixed samples that vary less than this share of what they once did have collapsed.
COLLAPSE_SHARE = 0.3
# The sign of nearly every real score is positive and the loss is next to nothing: G learns little from such a D.
WINNING_SIGN, WINNING_LOSS = 0.98, 0.05
# More of the time than this spent waiting for images is worth a word.
WAIT_SHARE = 0.2
# A wait for images longer than this, in seconds, is worth a word while it lasts: no tick may come to tell of it.
STALL_SECONDS = 60.0


def diversity(images: np.ndarray) -> float:
    """How much images differ from each other: standard deviation over the batch, averaged over pixels, in [0, 1].

    Args:
        images: uint8 `[count, height, width, channels]`.
    """
    return float(np.mean(np.std(images.astype(np.float32) / 255.0, axis=0)))


def collapse_warning(current: float, best: float) -> str | None:
    """A warning when the fixed samples have become alike."""
    if current >= COLLAPSE_SHARE * best:
        return None
    return (
        f"WARNING: the samples have become alike (diversity {current:.3f}, it was {best:.3f}): the generator may have "
        "collapsed. Try a larger --gamma, a smaller --g-lr, or go back to an earlier snapshot with --pretrained-pkl."
    )


def tick_warnings(record: Mapping[str, Any], d_loss: str = "logistic") -> list[str]:
    """Warnings from the numbers of one tick.

    Args:
        record: The tick.
        d_loss: Kind of the discriminator's loss. That of a WGAN is a difference of scores, without a lower bound: it
            is small as a rule and tells nothing about who wins.
    """
    warnings = []
    sign, loss = record.get("score/real_sign", 0.0), record.get("loss/d")
    if d_loss != "wgan" and sign > WINNING_SIGN and loss is not None and loss < WINNING_LOSS:
        warnings.append(
            f"WARNING: the discriminator tells nearly all images apart (loss {loss:.3f}): the generator learns little. "
            "Try a larger --gamma, a smaller --d-lr, or --aug ada if there are few images."
        )
    waited = record.get("data_wait_share", 0.0)
    if waited > WAIT_SHARE:
        warnings.append(
            f"WARNING: {waited:.0%} of the time went into waiting for images. Try more --num-threads, a data set "
            "prepared with --encoding jpeg or raw, or a faster disk."
        )
    return warnings


@contextlib.contextmanager
def stall_warning(say: Callable[[str], None], seconds: float = STALL_SECONDS) -> Iterator[None]:
    """Around a wait for images: says so when it takes longer than `seconds`."""
    warning = (
        f"WARNING: no images have come for {seconds:.0f} s; training waits for them. Check the disk of the data set; "
        "a process that is killed here goes on from its last checkpoint."
    )
    timer = threading.Timer(seconds, say, [warning])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
