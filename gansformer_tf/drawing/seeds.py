"""Seeds: their range and how they are written."""

from __future__ import annotations

from collections.abc import Sequence

MAX_SEED = 2**32 - 1  # what numpy.random.RandomState accepts


def check_seeds(seeds: Sequence[int]) -> None:
    """Raises `ValueError` unless every seed lies in 0..2**32-1."""
    for seed in seeds:
        if not 0 <= seed <= MAX_SEED:
            raise ValueError(f"seed {seed} is out of range; seeds lie between 0 and {MAX_SEED}.")


def parse_seeds(text: str, limit: int = 1_000_000) -> tuple[int, ...]:
    """Reads `0-31,77`: single seeds and ranges with both ends included.

    Raises:
        ValueError: Anything else, a seed out of range, or more than `limit` seeds.
    """
    seeds: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise ValueError(f"{text!r} is no list of seeds; write for example 0-31,77.")
        start, end = int(first), int(last) if dash else int(first)
        if end < start:
            raise ValueError(f"the range {part.strip()!r} runs backwards; write {end}-{start}.")
        if end > MAX_SEED:
            raise ValueError(f"seed {end} is out of range; seeds lie between 0 and {MAX_SEED}.")
        if len(seeds) + end - start + 1 > limit:
            raise ValueError(f"{text!r} names more than {limit:,} seeds; draw them in several runs.")
        seeds.extend(range(start, end + 1))
    return tuple(seeds)
