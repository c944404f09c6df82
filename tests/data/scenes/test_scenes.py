"""The built-in scenes: determinism, geometry, masks and labels."""

from __future__ import annotations

import numpy as np
import pytest

from gansformer_tf.data.scenes.render import render
from gansformer_tf.data.scenes.scene import COLORS, MAX_OBJECTS, MIN_OBJECTS, SHAPES, make_scene


@pytest.fixture(scope="module")
def batch():
    return render(range(40), 32)


def test_a_seed_always_gives_the_same_image(batch):
    again = render([7, 3], 32)
    np.testing.assert_array_equal(again.images, batch.images[[7, 3]])
    np.testing.assert_array_equal(again.masks, batch.masks[[7, 3]])
    assert not (batch.images[0] == batch.images[1]).all()


def test_scenes_hold_three_to_eight_objects_of_every_kind(batch):
    sizes = {len(scene.objects) for scene in batch.scenes}
    assert min(sizes) >= MIN_OBJECTS and max(sizes) <= MAX_OBJECTS and len(sizes) > 3
    objects = [item for scene in batch.scenes for item in scene.objects]
    assert {item.shape for item in objects} == set(SHAPES)
    assert {item.color for item in objects} == set(COLORS)
    assert {item.size for item in objects} == {"small", "large"}
    assert {item.material for item in objects} == {"matt", "shiny"}


def test_objects_stand_on_the_floor_without_touching(batch):
    for scene in batch.scenes:
        for index, item in enumerate(scene.objects):
            assert item.position[2] == pytest.approx(item.half_height)
            for other in scene.objects[:index]:
                apart = np.hypot(item.position[0] - other.position[0], item.position[1] - other.position[1])
                assert apart > item.footprint + other.footprint


def test_masks_are_disjoint_and_show_the_color_of_their_object(batch):
    assert (batch.masks.sum(axis=1) <= 1).all()
    matches = []
    for image, masks, scene in zip(batch.images, batch.masks, batch.scenes, strict=True):
        assert not masks[len(scene.objects) :].any()
        for mask, item in zip(masks, scene.objects, strict=False):
            if item.material == "matt" and mask.sum() > 20:
                mean = image[mask].mean(axis=0)
                nearest = min(COLORS, key=lambda name: _hue_distance(mean, COLORS[name]))
                matches.append(nearest == item.color)
    assert len(matches) > 20 and np.mean(matches) > 0.8


def _hue_distance(first, second) -> float:
    first, second = (np.asarray(color, float) / np.linalg.norm(color) for color in (first, second))
    return float(np.abs(first - second).sum())


def test_an_object_in_front_hides_the_one_behind():
    # the same object is largest in the scene in which nothing stands before it
    hidden = 0
    for seed in range(40):
        scene = make_scene(seed)
        visible = render([seed], 32).masks[0]
        alone = [_alone(scene, index) for index in range(len(scene.objects))]
        for mask, whole in zip(visible, alone, strict=False):
            assert not (mask & ~whole).any()
            hidden += int((whole & ~mask).sum())
        if hidden > 50:
            break
    assert hidden > 50


def _alone(scene, index: int) -> np.ndarray:
    import dataclasses

    from gansformer_tf.data.scenes.tracer import trace

    single = dataclasses.replace(scene, objects=(scene.objects[index],))
    return trace(single, np.array([[255, 0, 0]]), 32, 32)[1][0]


def test_objects_cast_shadows_to_the_right():
    # the lamp stands on the left: the floor right of an object is darker than the floor left of it
    import dataclasses

    from gansformer_tf.data.scenes.scene import SceneObject
    from gansformer_tf.data.scenes.tracer import trace

    ball = SceneObject("sphere", "red", "large", "matt", (0.0, 0.0, 0.82), 0.0)
    image, masks = trace(dataclasses.replace(make_scene(0), objects=(ball,)), np.array([[190, 40, 40]]), 64, 64)
    rows, columns = np.nonzero(masks[0])
    row = int(rows.max()) - 1
    left, right = columns.min() - 6, columns.max() + 6
    assert int(image[row, right - 4 : right].sum()) < 0.85 * int(image[row, left : left + 4].sum())


def test_labels_table(batch):
    table = batch.labels()
    assert len(table) == sum(len(scene.objects) for scene in batch.scenes)
    first = table[0]
    assert first["visible_pixels"] == batch.masks[0, 0].sum()
    counts = batch.scenes[0].counts()
    assert sum(counts[shape] for shape in SHAPES) == len(batch.scenes[0].objects)
    assert {"seed", "object", "shape", "color", "size", "material", "x", "y", "z", "rotation"} <= set(first)


def test_rectangular_images_and_limits():
    assert render(1, height=24, width=32).images.shape == (1, 24, 32, 3)
    with pytest.raises(ValueError, match="512x512 pixels.*at most 256"):
        render(1, 512)
    with pytest.raises(ValueError, match="seed must lie in"):
        render([-1], 32)
