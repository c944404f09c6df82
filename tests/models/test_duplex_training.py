"""The measurement of both duplex forms, on a few steps."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.duplex_training import movement, networks, statistics, table, train


@pytest.mark.slow
def test_training_with_attention_in_both_networks(eager: None) -> None:
    result = train("paper", steps=3, resolution=8, components=4, width=8, batch=4)
    assert result.losses.shape == (3, 2) and np.isfinite(result.losses).all()
    for found in (result.before, result.after):
        assert 0 < found.entropy <= 1 and 1 <= found.used <= 4
        assert found.own_latents > 1e-4 and found.all_latents > 1e-4
    assert result.before != result.after
    assert len(table([result]).splitlines()) == 4


def test_maps_of_the_code_form_ignore_the_latents_of_their_layer() -> None:
    generator, discriminator, _ = networks("code", 8, 4, 8)
    assert discriminator.config.transformer and generator.config.kmeans
    found = statistics(generator, 4)
    assert found.own_latents == 0 and found.all_latents > 1e-4


def test_movement() -> None:
    maps = np.array([[0.5, 0.5], [1.0, 0.0]])
    assert movement(maps, maps) == 0
    assert movement(maps, maps[:, ::-1]) == 0.5
