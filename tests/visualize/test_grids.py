from __future__ import annotations

import numpy as np
import pytest

from gansformer_tf.visualize.grids import grid_columns, image_grid, labelled_sheet, to_rgb


def test_to_rgb_lays_transparent_parts_on_white():
    rgba = np.zeros((1, 2, 4), np.uint8)
    rgba[0, 0] = (10, 20, 30, 255)
    assert to_rgb(rgba).tolist() == [[[10, 20, 30], [255, 255, 255]]]


def test_grid_places_row_by_row_and_fills_with_white():
    images = np.stack([np.full((2, 3, 3), value, np.uint8) for value in (10, 20, 30)])
    sheet = image_grid(images, columns=2)
    assert sheet.shape == (4, 6, 3)
    assert sheet[0, 0, 0] == 10 and sheet[0, 3, 0] == 20 and sheet[2, 0, 0] == 30 and sheet[3, 5, 0] == 255


def test_grid_takes_floats_and_padding():
    sheet = image_grid(np.full((2, 2, 2, 1), -1.0, np.float32), columns=2, padding=1)
    assert sheet[..., 0].tolist() == [[0, 0, 255, 0, 0]] * 2


def test_grid_errors():
    with pytest.raises(ValueError, match="at least 1"):
        image_grid(np.zeros((0, 2, 2, 3), np.uint8))
    with pytest.raises(ValueError, match="several sizes"):
        image_grid([np.zeros((2, 2, 3), np.uint8), np.zeros((2, 3, 3), np.uint8)])


def test_columns_make_a_landscape_sheet():
    assert grid_columns(1) == 1
    assert grid_columns(12) == 4
    assert grid_columns(32) == 7


def test_sheet_leaves_room_for_its_labels():
    cell = np.zeros((32, 32, 3), np.uint8)
    plain = labelled_sheet([[cell, cell]])
    labelled = labelled_sheet(
        [[cell, None]], row_labels=["seed 7"], column_labels=["psi 0.5", "psi 1"], title="a title"
    )
    assert labelled.shape[0] > plain.shape[0] and labelled.shape[1] > plain.shape[1]
    assert (plain == 0).sum() == 2 * cell.size
    with pytest.raises(ValueError, match="3 column labels for 2 columns"):
        labelled_sheet([[cell, cell]], column_labels=["a", "b", "c"])
