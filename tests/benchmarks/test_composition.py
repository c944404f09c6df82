"""The tables of `benchmarks/composition.py`, and what `benchmarks/referee.py` learns from."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from benchmarks import composition, referee
from gansformer_tf.data.scenes.render import render
from gansformer_tf.files import sha256_of


def record(ari: float) -> dict:
    """What one series of one model leaves."""
    change = {name: [0.25, 0.03] for name in composition.CHANGES}
    return {
        "values": {"composition_disentanglement": ari, "composition_completeness": 0.5},
        "details": {
            "maps": {"combined": {"ari": [ari, 0.03], "iou": [0.5, 0.04], "purity": [0.75, 0.0]}},
            "change": {"all": change},
            "distances": {"count": {"generated": ari, "real": 0.125}},
            "objects": [5.0, 0.4],
        },
        "notes": ["a note."],
    }


def test_series_are_pooled():
    # half intervals of independent means: sqrt(0.03^2 + 0.04^2) / 2
    assert composition.pooled([[0.1, 0.03], [0.3, 0.04]]) == "0.200 ± 0.025"
    assert composition.between([0.25]) == "0.250" and composition.between([0.1, 0.3, 0.2]) == "0.200 ± 0.100"


def test_the_tables_have_a_row_for_everything():
    lines = composition.tables({"one": [record(0.2), record(0.4)]})
    assert "| one | combined | 0.300 ± 0.021 | 0.500 ± 0.028 | 0.750 ± 0.000 |" in lines
    assert "| one | all | " + " | ".join(["0.250 ± 0.021"] * 5) + " |" in lines
    assert "| one | 0.300 ± 0.100 | 0.500 ± 0.000 | nan ± nan | 5.000 ± 0.283 |" in lines
    assert "| one | 0.300 ± 0.100 |" in lines and "| real scenes, as many | 0.125 ± 0.000 |" in lines


def test_what_is_done_is_not_done_again(tmp_path, monkeypatch, capsys):
    snapshot = tmp_path / "network-snapshot-000001.safetensors"
    snapshot.write_bytes(b"no network: it is not read")
    for series in range(2):
        name = f"{sha256_of(snapshot)[:16]}-8-{series}.json"
        (tmp_path / name).write_text(json.dumps(record(0.2)))
    arguments = [
        "composition.py",
        "--work",
        str(tmp_path),
        "--model",
        f"one={snapshot}",
        "--images",
        "8",
        "--seeds",
        "2",
    ]
    monkeypatch.setattr(sys, "argv", arguments)
    composition.main()
    shown = capsys.readouterr().out
    assert "| one | combined | 0.200 ± 0.021" in shown and shown.endswith("one: a note.\n")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "nothing"], "--model nothing: write NAME=PATH."),
        (["--model", "a=b", "--images", "4"], "--images 4 --seeds 3: use at least 8 images"),
    ],
)
def test_bad_usage_is_told(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["composition.py", "--work", str(tmp_path / "work"), *arguments])
    with pytest.raises(SystemExit) as stop:
        composition.main()
    assert stop.value.code == 2 and message in capsys.readouterr().err
    assert not (tmp_path / "work").exists()


def test_a_model_and_its_series_are_measured(tmp_path):
    from gansformer_tf.config import GANsformerConfig
    from gansformer_tf.models import build_generator
    from gansformer_tf.models.snapshot import save_snapshot

    config = GANsformerConfig(
        resolution=8, latent_size=8, channel_base=32, channel_max=4, transformer=True, num_components=2
    )
    path = tmp_path / "network-snapshot-000001.safetensors"
    save_snapshot(path, generator=build_generator(config))
    found = composition.measured(path, 8, 1, tmp_path / "work", 4)
    assert found["manifest"]["first_seed"] == composition.SERIES and found["manifest"]["count"] == 8
    assert [entry.suffix for entry in (tmp_path / "work").iterdir()] == [".json"]
    assert composition.tables({"tiny": [found]})


def test_blurring_keeps_the_mean_and_spreads_a_point():
    image = np.zeros((1, 9, 9, 1), np.float32)
    image[0, 4, 4] = 256.0
    found = referee.blurred(image, 1)[0, 3:6, 3:6, 0]
    np.testing.assert_array_equal(found, np.outer([1, 2, 1], [1, 2, 1]) * 16)
    flat = np.full((2, 5, 5, 3), 7.0, np.float32)
    np.testing.assert_array_equal(referee.blurred(flat, 3), flat)


def test_a_pool_that_goes_on_is_the_one_that_was_left(monkeypatch):
    monkeypatch.setattr(referee, "POOL", 12)
    monkeypatch.setattr(referee, "FRESH", 5)
    pool = referee.Pool(0)
    for step in (1, 2, 3):
        pool.refresh(step)
    again = referee.Pool(3)
    np.testing.assert_array_equal(pool.images, again.images)
    np.testing.assert_array_equal(pool.wanted, again.wanted)
    assert not np.array_equal(pool.images, referee.Pool(2).images)


def test_what_the_renderer_shows_is_counted_with_exact_masks():
    counts = referee.rendered(6)["counts"]
    scenes = render(range(referee.FIRST_OF_TEST, referee.FIRST_OF_TEST + 6))
    seen = (scenes.masks.sum(axis=(2, 3)) >= 12).sum(axis=1)
    np.testing.assert_array_equal(counts["count"], np.bincount(seen, minlength=13))
    assert sum(counts["shape"]) == sum(counts["place"]) == seen.sum()
