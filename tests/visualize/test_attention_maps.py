from __future__ import annotations

import numpy as np
import pytest

from gansformer_tf.visualize.attention_maps import (
    attention_panel,
    blend,
    component_map,
    enlarge_attention,
    hard_map,
    soft_map,
)
from gansformer_tf.visualize.palette import COMPONENT_COLORS, component_colors, legend


def halves(size=8, components=3):
    """Left half component 0, right half component 1, a tenth for the last one."""
    attention = np.zeros((size, size, components), np.float32)
    attention[..., -1] = 0.1
    attention[:, : size // 2, 0] = 0.9
    attention[:, size // 2 :, 1] = 0.9
    return attention


def oklab(rgb):
    values = rgb / 255.0
    linear = np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    to_lms = [
        [0.41222147, 0.53633254, 0.05144599],
        [0.2119035, 0.68069955, 0.10739696],
        [0.08830246, 0.28171884, 0.6299787],
    ]
    to_lab = [
        [0.21045426, 0.79361779, -0.00407205],
        [1.9779985, -2.42859221, 0.45059371],
        [0.02590404, 0.78277177, -0.80867577],
    ]
    return np.cbrt(linear @ np.transpose(to_lms)) @ np.transpose(to_lab)


def test_thirty_two_colors_can_be_told_apart():
    lab = oklab(component_colors(32).astype(float))
    distance = np.linalg.norm(lab[:, None] - lab[None], axis=-1) + 9 * np.eye(32)
    assert distance.min() > 0.12  # six just visible steps


def test_more_components_than_colors():
    with pytest.raises(ValueError, match="33 components, but only 32 colours"):
        component_colors(33)
    with pytest.raises(ValueError, match="33 components"):
        hard_map(np.zeros((4, 4, 33), np.float32))
    assert hard_map(np.ones((4, 4, 33), np.float32), colors=np.zeros((33, 3))).shape == (4, 4, 3)


def test_hard_map_paints_the_strongest_component():
    colored = hard_map(halves(), 16, 16)
    assert (colored[:, :7] == COMPONENT_COLORS[0]).all()
    assert (colored[:, 9:] == COMPONENT_COLORS[1]).all()


def test_soft_map_mixes_by_weight():
    colored = soft_map(halves())
    expected = np.rint(0.9 * COMPONENT_COLORS[0].astype(float) + 0.1 * COMPONENT_COLORS[2])
    assert np.array_equal(colored[0, 0], expected)


def test_enlarged_attention_still_sums_to_one():
    enlarged = enlarge_attention(halves(), 24, 40)
    assert enlarged.shape == (24, 40, 3)
    np.testing.assert_allclose(enlarged.sum(-1), 1.0, atol=1e-6)
    with pytest.raises(ValueError, match="one map"):
        enlarge_attention(halves()[None], 8, 8)


def test_component_map_is_white_where_it_is_strongest():
    grey = component_map(halves(), 1)
    assert (grey[:, 4:] == 255).all() and (grey[:, :4] == 0).all()
    with pytest.raises(ValueError, match="components 0 to 2"):
        component_map(halves(), 3)


def test_blend_goes_from_image_to_map():
    image = np.broadcast_to(np.uint8([200, 100, 0]), (8, 8, 3))
    colored = hard_map(halves())
    assert np.array_equal(blend(image, colored, 0.0), image)
    assert np.array_equal(blend(image, colored, 1.0), colored)
    with pytest.raises(ValueError, match="between 0"):
        blend(image, colored, 1.5)
    with pytest.raises(ValueError, match="differ in size"):
        blend(np.zeros((16, 16, 3), np.uint8), colored)


def test_panel_takes_grey_images_and_names_every_component():
    panel = attention_panel(np.zeros((64, 64, 1), np.float32), halves(16, 32))
    assert panel.shape[0] > 64 and panel.shape[1] >= 4 * 64
    for color in COMPONENT_COLORS:
        assert (panel[66:] == color).all(-1).any(), "a colour is missing in the legend"


def test_legend_wraps():
    assert legend(32, 200).shape[0] > legend(32, 2000).shape[0]
