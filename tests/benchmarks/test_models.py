"""The widths that the speed benchmarks name are those of the published networks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.models import networks


def millions(network: Any) -> float:
    return round(sum(int(np.prod(weight.shape)) for weight in network.trainable_weights) / 1e6, 2)


@pytest.mark.parametrize(("resolution", "generator", "discriminator"), [(64, 4.35, 1.66), (128, 4.60, 1.78)])
def test_stylegan2_has_as_many_parameters(resolution: int, generator: float, discriminator: float) -> None:
    """They were counted in the published networks with 8192/128."""
    found = networks("stylegan2", resolution, "small", "float32")
    assert (millions(found[0]), millions(found[1])) == (generator, discriminator)
