"""Two models become one."""

from __future__ import annotations

import numpy as np
import pytest

from gansformer_tf.edit.blend import blended, main
from gansformer_tf.models.families import build_generator
from gansformer_tf.models.snapshot import load_snapshot, network_weights, save_snapshot


def weights(value):
    names = ("mapping/dense/kernel", "synthesis/block2/conv/bias", "synthesis/block4/conv1/bias", "w_avg")
    return {name: np.full(2, value, np.float32) for name in names}


def test_layers_from_a_size_on():
    found = blended(weights(1.0), weights(3.0), start=16)
    assert [float(value[0]) for value in found.values()] == [1.0, 1.0, 3.0, 1.0]
    assert [float(value[0]) for value in blended(weights(1.0), weights(3.0), 16, 0.25).values()] == [1, 1, 1.5, 1]
    assert [float(value[0]) for value in blended(weights(1.0), weights(3.0), 4).values()] == [1.0, 3.0, 3.0, 1.0]


def test_all_layers_between_the_two():
    found = blended(weights(1.0), weights(3.0), weight=0.25)
    assert [float(value[0]) for value in found.values()] == [1.5] * 4 and found["w_avg"].dtype == np.float32


def test_what_cannot_be_blended():
    a, b = weights(1.0), weights(3.0)
    with pytest.raises(ValueError, match="--weight 1.5: give a number from 0"):
        blended(a, b, weight=1.5)
    with pytest.raises(ValueError, match="--from 32 is no size of a block; this model has 4, 16"):
        blended(a, b, start=32)
    with pytest.raises(ValueError, match="--from 16 is no size of a block; this family has no such blocks"):
        blended({"w": a["w_avg"]}, {"w": b["w_avg"]}, start=16)
    with pytest.raises(ValueError, match="the models differ in w_avg"):
        blended(a, {**b, "w_avg": np.zeros(3)})
    with pytest.raises(ValueError, match="the models differ in other"):
        blended(a, {**b, "other": np.zeros(3)})


def test_the_script(generator, tmp_path, capsys):
    other = build_generator(generator.config)
    paths = [str(tmp_path / f"{name}.safetensors") for name in ("a", "b", "mixed")]
    for path, one in zip(paths, (generator, other), strict=False):
        save_snapshot(path, generator=one)
    assert main([paths[0], paths[1], "--from", "8", "--output", paths[2]]) == 0
    mixed = network_weights(load_snapshot(paths[2]).generator)
    for name, value in mixed.items():
        fine = "block3" in name or "block4" in name
        np.testing.assert_array_equal(value, network_weights(other if fine else generator)[name])
    assert main([paths[0], paths[1], "--output", paths[2]]) == 2
    assert "is there already; remove it" in capsys.readouterr().err
    assert main([paths[0], str(tmp_path / "missing"), "--output", str(tmp_path / "c.safetensors")]) == 2
    assert main([paths[0], paths[1], "--output", "c.npz"]) == 2
