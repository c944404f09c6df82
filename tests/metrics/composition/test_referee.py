"""The referee: what it should answer, what is read from an answer, and how well the one that ships answers."""

from __future__ import annotations

import numpy as np
import pytest

from gansformer_tf.data.scenes.render import render
from gansformer_tf.metrics.composition.distributions import counts_of_found, distance, parts, read_known
from gansformer_tf.metrics.composition.overlap import matched_iou
from gansformer_tf.metrics.composition.rand_index import foreground_ari
from gansformer_tf.metrics.composition.referee.instances import found_in
from gansformer_tf.metrics.composition.referee.scheme import ATTRIBUTES, CHANNELS, LEAST_PIXELS, channels_of
from gansformer_tf.metrics.composition.referee.targets import objects_of, targets

FIRST = 5_000_000  # scenes that no training had


@pytest.fixture(scope="module")
def scenes():
    return render(range(FIRST, FIRST + 24))


def perfect_output(wanted: np.ndarray) -> np.ndarray:
    """Scores that say just what is wanted."""
    output = wanted.astype(np.float64)
    for name in ("foreground", "centre"):
        part = np.clip(output[..., channels_of(name)], 1e-6, 1 - 1e-6)
        output[..., channels_of(name)] = np.log(part / (1 - part))
    return output


def test_channels_follow_each_other():
    places = [place for name in CHANNELS for place in range(*channels_of(name).indices(99))]
    assert places == list(range(sum(CHANNELS.values()))) and CHANNELS["color"] == 8


def test_a_perfect_answer_gives_the_scene_back(scenes):
    for output, objects, masks, scene in zip(
        perfect_output(targets(scenes)), objects_of(scenes.masks), scenes.masks, scenes.scenes, strict=True
    ):
        found = found_in(output)
        seen = [item for item, mask in zip(scene.objects, masks, strict=False) if mask.sum() >= LEAST_PIXELS]
        assert len(found) == len(seen) == objects.max()
        assert matched_iou(objects, found.objects, len(found) + 1) == 1.0
        for name, values in ATTRIBUTES.items():  # in another order: by the height of peaks
            assert sorted(values[one] for one in found.classes[name]) == sorted(getattr(item, name) for item in seen)
        counts = parts(counts_of_found(found))
        assert counts["count"].argmax() == len(seen) and counts["place"].sum() == len(seen)


def test_an_empty_answer_has_no_objects():
    found = found_in(np.full((64, 64, sum(CHANNELS.values())), -9.0))
    assert len(found) == 0 and not found.objects.any() and len(found.classes["shape"]) == 0


def test_foreground_without_a_middle_is_no_object(scenes):
    output = perfect_output(targets(scenes))[0]
    output[..., channels_of("centre")] = -9.0
    assert len(found_in(output)) == 0


def test_hidden_objects_do_not_count():
    masks = np.zeros((1, 3, 64, 64), bool)
    masks[0, 0, :2, :3] = masks[0, 1, 10:20, 10:20] = masks[0, 2, 30:40, 30:40] = True
    objects = objects_of(masks)
    assert sorted(np.unique(objects)) == [0, 1, 2] and objects[0, 0, 0] == 0 and objects[0, 30, 30] == 2


def test_what_the_renderer_shows_is_known(scenes):
    known = read_known()
    assert known["count"].sum() > 5000
    # colours are drawn evenly; hardly an object is hidden
    assert distance(known["color"], np.ones(8)) < 0.02 and distance(known["material"], np.ones(2)) < 0.02


def test_the_referee_that_ships_knows_scenes(scenes):
    from gansformer_tf.metrics.composition.referee.network import WEIGHTS
    from gansformer_tf.metrics.composition.referee.referee import Referee

    assert WEIGHTS.stat().st_size < 2_000_000
    referee = Referee()
    found, objects = referee(scenes.images), objects_of(scenes.masks)
    overlap = [matched_iou(a, b.objects, len(b) + 1) for a, b in zip(objects, found, strict=True)]
    ari = [foreground_ari(a, b.objects, len(b) + 1) for a, b in zip(objects, found, strict=True)]
    assert np.mean(overlap) > 0.6 and np.mean(ari) > 0.7
    # one by one they are the same
    for number in (0, 17, 23):
        (alone,) = referee(scenes.images[number : number + 1])
        np.testing.assert_array_equal(alone.objects, found[number].objects)
    # larger ones are brought to its size
    large = referee(np.repeat(np.repeat(scenes.images[:2], 2, axis=1), 2, axis=2))
    np.testing.assert_array_equal(large[1].objects, found[1].objects)


def test_other_weights_are_refused(tmp_path):
    from safetensors.numpy import save_file

    from gansformer_tf.metrics.composition.referee.network import load
    from gansformer_tf.metrics.errors import MetricError

    save_file({"000": np.zeros(3, np.float16)}, tmp_path / "other.safetensors")
    for name in ("other.safetensors", "none.safetensors"):
        with pytest.raises(MetricError, match="does not hold this referee's weights"):
            load(tmp_path / name)
