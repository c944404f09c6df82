"""Segmentation by attention maps."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gansformer_tf.edit.regions import cluster, coco, masks, run_lengths


def stripes(width=4, parts=2):
    """Maps `[2, 1, width, width, parts]`: each component owns a vertical stripe; the second image is mirrored."""
    owner = np.repeat(np.eye(parts), width // parts, axis=0)
    one = np.tile(owner, (width, 1, 1))
    return np.stack([one, one[:, ::-1]])[:, None].astype(np.float32)


def test_masks_are_the_last_layers():
    found = masks([stripes(2), stripes(8)], 8, 8)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found[0], np.repeat([[0] * 4 + [1] * 4], 8, axis=0))
    np.testing.assert_array_equal(found[1], found[0][:, ::-1])


def test_clusters_are_pixels_that_listen_alike():
    wide = np.zeros((2, 1, 8, 8, 2), np.float32)
    wide[..., 0] = 1
    wide[:, :, :2, :, :] = (0, 1)  # another layer parts top from bottom
    found = cluster([stripes(8), wide], 4, 8, 8)
    assert sorted(np.unique(found)) == [0, 1, 2, 3]
    assert len(np.unique(found[0, :2, :4])) == len(np.unique(found[0, 2:, 4:])) == 1
    # the same number in every image, and the larger regions first
    np.testing.assert_array_equal(found[1], found[0][:, ::-1])
    sizes = np.bincount(found.ravel())
    assert (np.diff(sizes) <= 0).all()
    np.testing.assert_array_equal(found, cluster([stripes(8), wide], 4, 8, 8))


def test_images_that_differ_as_wholes_are_parted_all_the_same():
    maps = 0.1 * stripes(8)
    maps[1, ..., 0] += 5.0
    found = cluster([maps], 2, 8, 8)
    np.testing.assert_array_equal(found[1], found[0][:, ::-1])
    assert len(np.unique(found[0])) == 2


def test_more_regions_than_there_are_differences():
    found = cluster([stripes(8)], 5, 8, 8)
    assert len(np.unique(found)) == 2


@pytest.mark.parametrize("count", [1, 0, 33])
def test_how_many_regions(count):
    with pytest.raises(ValueError, match=f"--segment {count}: give 2 to 32 regions"):
        cluster([stripes()], count, 4, 4)


def decoded(counts, size):
    flat = np.concatenate([np.full(count, index % 2) for index, count in enumerate(counts)])
    return flat.reshape(size, order="F").astype(bool)


def test_run_lengths_can_be_read_again():
    assert run_lengths(np.array([[0, 1], [0, 1]])) == [2, 2]
    assert run_lengths(np.array([[1, 0], [0, 0]])) == [0, 1, 3]
    assert run_lengths(np.ones((2, 2))) == [0, 4] and run_lengths(np.zeros((2, 2))) == [4]
    random = np.random.RandomState(0)
    for _ in range(20):
        mask = random.rand(5, 7) < 0.5
        np.testing.assert_array_equal(decoded(run_lengths(mask), (5, 7)), mask)


def test_coco():
    labels = np.zeros((2, 4, 6), np.uint8)
    labels[0, 1:3, 2:5] = 2
    found = json.loads(json.dumps(coco(labels, ["a.png", "b.png"], ["x", "y", "z"])))
    assert [image["file_name"] for image in found["images"]] == ["a.png", "b.png"]
    assert [(one["image_id"], one["category_id"]) for one in found["annotations"]] == [(1, 1), (1, 3), (2, 1)]
    box = found["annotations"][1]
    assert box["bbox"] == [2, 1, 3, 2] and box["area"] == 6
    segmentation = box["segmentation"]
    np.testing.assert_array_equal(decoded(segmentation["counts"], segmentation["size"]), labels[0] == 2)
