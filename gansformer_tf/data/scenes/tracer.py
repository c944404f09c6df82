"""Ray tracer of the built-in scenes, vectorised over the pixels of an image in NumPy.

Which object is seen is decided for 2x2 rays per pixel, each object only inside its projected bounding box. Pixels
whose four rays see the same smooth surface are lit once; the others (edges, shiny objects) are lit four times and
averaged, which is where anti-aliasing shows.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gansformer_tf.data.scenes.light import (
    BACKGROUND,
    FLOOR_ALBEDO,
    add_gloss,
    diffuse,
    linear,
    shadows,
)
from gansformer_tf.data.scenes.scene import Scene, SceneObject
from gansformer_tf.data.scenes.shapes import FAR, column, dot, first_hit, normals_at, studio_hit

FOCAL_LENGTH = 2.35  # in units of half the longer side of the image: a view of about 46 degrees
LOOK_AT = (0.0, -0.05, 0.25)
SAME_SURFACE = 0.97  # cosine between two normals above which a pixel counts as smooth


class Camera:
    """Perspective camera that sends four rays through every pixel."""

    def __init__(self, position: tuple[float, float, float], height: int, width: int) -> None:
        self.position = np.array(position, np.float32)
        forward = np.array(LOOK_AT, np.float32) - self.position
        forward /= np.linalg.norm(forward)
        right = np.cross(forward, np.array([0, 0, 1], np.float32))
        right /= np.linalg.norm(right)
        self.axes = np.stack([right, np.cross(right, forward), forward]).astype(np.float32)
        self.height, self.width = height, width
        self.scale = FOCAL_LENGTH * max(height, width) / 2

    def directions(self) -> np.ndarray:
        """Ray directions `[3, 4, height, width]`, with 1 as their part along the view axis."""
        offset = np.array([[-0.25], [0.25]])
        x = (np.arange(self.width) + 0.5 - self.width / 2 + offset) / self.scale  # [2, width]
        y = (self.height / 2 - np.arange(self.height) - 0.5 - offset) / self.scale  # [2, height]
        right, up, forward = self.axes.astype(np.float64)
        across = (right[:, None, None] * x + forward[:, None, None])[:, None, :, None, :]
        rays = across.astype(np.float32) + (up[:, None, None] * y)[:, :, None, :, None].astype(np.float32)
        return rays.reshape(3, 4, self.height, self.width)

    def box(self, item: SceneObject) -> tuple[slice, slice]:
        """Rows and columns that hold the object: bounds of the projected corners of a box around it."""
        reach = np.array([item.footprint, item.footprint, item.half_height])
        across, up, ahead = self.axes @ (_CORNERS * reach + item.position - self.position).T
        columns = self.width / 2 + self.scale * across / ahead
        rows = self.height / 2 - self.scale * up / ahead
        return _span(rows, self.height), _span(columns, self.width)


_CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])


def _span(values: np.ndarray, size: int) -> slice:
    start = min(max(0, math.floor(values.min())), size)
    return slice(start, max(start, min(size, math.ceil(values.max()) + 1)))


def trace(scene: Scene, colors: np.ndarray, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """One image.

    Args:
        scene: What to show.
        colors: sRGB bytes of the objects, `[objects, 3]`.
        height: In pixels.
        width: In pixels.

    Returns:
        `(image, masks)`: uint8 `[height, width, 3]` and bool `[objects, height, width]`.
    """
    camera = Camera(scene.camera, height, width)
    directions = camera.directions()
    depth, owner, normals = _visible(scene, camera, directions)

    shiny = np.array([item.material == "shiny" for item in scene.objects] + [False])
    smooth = (owner == owner[0]).all(axis=0) & ~shiny[owner[0]]
    smooth &= (owner[0] == BACKGROUND) | (dot(normals[:, 0], normals[:, 3]) > SAME_SURFACE)
    smooth, mixed = np.flatnonzero(smooth), np.flatnonzero(~smooth)

    # the last column is the floor, so that BACKGROUND = -1 picks it
    albedo = np.concatenate([linear(colors).T, column(FLOOR_ALBEDO)], axis=1)
    rays = [part.reshape(*part.shape[:-2], height * width) for part in (directions, depth, owner, normals)]
    chosen: Any = [
        np.concatenate([part[..., 0, :][..., smooth], part[..., mixed].reshape(*part.shape[:-2], -1)], axis=-1)
        for part in rays
    ]
    directions, depth, owner_of_ray, normals = chosen
    light = _tone(_light(scene, albedo, directions, depth, owner_of_ray, normals, whole=smooth.size))
    pixels = np.empty((3, height * width), np.float32)
    pixels[:, smooth] = light[:, : smooth.size]
    pixels[:, mixed] = light[:, smooth.size :].reshape(3, 4, mixed.size).mean(axis=1)
    image = np.rint(pixels.T.reshape(height, width, 3) * 255).astype(np.uint8)
    index = np.arange(len(scene.objects), dtype=np.int8)[:, None, None]
    masks = sum((ray == index).astype(np.int8) for ray in owner) > 2
    return image, masks


def _visible(scene: Scene, camera: Camera, directions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Depth, owner and normal of the nearest object along every ray. Objects always stand before the studio."""
    depth = np.full(directions.shape[1:], FAR)
    owner = np.full(directions.shape[1:], BACKGROUND, np.int8)
    normals = np.zeros(directions.shape, np.float32)
    for index, item in enumerate(scene.objects):
        box: Any = (..., *camera.box(item))
        part = directions[box]
        hit = first_hit(item, column(scene.camera, 4), part)
        closer = np.nonzero(hit < depth[box])
        along_rays: Any = (slice(None), *closer)
        nearest = hit[closer]
        depth[box][closer] = nearest
        owner[box][closer] = index
        points = column(scene.camera) + nearest * part[along_rays]
        normals[box][along_rays] = normals_at(item, points)
    return depth, owner, normals


def _light(
    scene: Scene,
    albedo: np.ndarray,
    directions: np.ndarray,
    depth: np.ndarray,
    owner: np.ndarray,
    normals: np.ndarray,
    whole: int,
) -> np.ndarray:
    """Linear light `[3, n]` that rays `[3, n]` bring to the camera."""
    empty = np.flatnonzero(owner == BACKGROUND)
    depth[empty], normals[:, empty] = studio_hit(column(scene.camera), directions[:, empty])
    points = column(scene.camera) + depth * directions
    lamp_share, sky_share = shadows(scene, points, normals, owner, whole)
    light = diffuse(scene, points, normals, lamp_share, sky_share) * albedo[:, owner]
    add_gloss(scene, light, points, normals, owner, lamp_share, albedo)
    return light


def _tone(light: np.ndarray) -> np.ndarray:
    """Linear light to sRGB in 0..1, with a soft shoulder instead of clipped highlights."""
    knee = np.float32(0.7)
    over = np.maximum(light - knee, 0)
    light = np.minimum(light, knee) + (1 - knee) * over / (over + (1 - knee))
    return np.power(np.maximum(light, 0), np.float32(1 / 2.2))
