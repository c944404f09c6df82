"""Dtype policies of the networks, one of which computes in bfloat16 where images are large."""

from __future__ import annotations

import keras

# As many as StyleGAN2-ADA runs in 16 bits: the cost is in the large features, the delicate sums in the small ones.
NUM_LOW_PRECISION_LEVELS = 4


class HighResolutionPolicy(keras.DTypePolicy):
    """float32, with bfloat16 computation in the blocks of the highest resolutions.

    Args:
        num_levels: Number of resolutions that compute in bfloat16.
    """

    def __init__(self, num_levels: int = NUM_LOW_PRECISION_LEVELS) -> None:
        super().__init__("float32")
        self.num_levels = num_levels

    def at(self, level: int, top_level: int) -> keras.DTypePolicy:
        """Policy of the block at resolution `2 ** level` in a network of `2 ** top_level` pixels."""
        low = level > top_level - self.num_levels
        return keras.DTypePolicy("mixed_bfloat16" if low else "float32")


def dtype_policy(precision: str) -> keras.DTypePolicy:
    """What networks compute in for a `--precision`; weights are float32 in every case.

    "auto" is float32: on CPUs bfloat16 was measured slower but for training wide networks, where it gains 6 % and its
    images were not compared; no GPU has been measured.
    """
    policies = {"auto": "float32", "float32": "float32", "bfloat16": "mixed_bfloat16", "mixed": HighResolutionPolicy()}
    return keras.dtype_policies.get(policies[precision])


def policy_at(policy: keras.DTypePolicy, level: int, top_level: int) -> keras.DTypePolicy:
    """The policy for one block; any policy but `HighResolutionPolicy` is the same everywhere."""
    return policy.at(level, top_level) if isinstance(policy, HighResolutionPolicy) else policy
