"""Light in the built-in scenes: a spherical lamp with soft shadows, fill light, sky light, highlights, reflections."""

from __future__ import annotations

import math

import numpy as np

from gansformer_tf.data.scenes.scene import Scene, SceneObject
from gansformer_tf.data.scenes.shapes import column, dot, first_hit, interval, normals_at, studio_hit, to_local

BACKGROUND = -1
LAMP_POINTS = 16
LAMP_RADIUS = 0.85
LAMP_POWER = 70.0
LAMP_COLOR = np.array([1.0, 0.965, 0.90], np.float32)
FILL_DIRECTION = np.array([0.80, -0.52, 0.30], np.float32)
FILL_COLOR = np.array([0.13, 0.15, 0.18], np.float32)
SKY_COLOR = np.array([0.185, 0.20, 0.225], np.float32)
FLOOR_ALBEDO = np.array([0.56, 0.55, 0.535], np.float32)
OCCLUSION_REACH = 3.2  # an object darkens the sky light within this many times its size
MIRROR_SHARE = 0.85  # how much of a shiny surface is mirror, and how much of its own colour is left
SHINY_DIFFUSE = 0.42


def linear(color: tuple[int, int, int] | np.ndarray) -> np.ndarray:
    """sRGB bytes to linear light."""
    return (np.asarray(color, np.float32) / 255) ** np.float32(2.2)


def lamp_points(lamp: tuple[float, float, float]) -> np.ndarray:
    """Points spread evenly over a disc that faces the middle of the floor, `[3, LAMP_POINTS]`."""
    centre = np.array(lamp, np.float32)
    axis = centre / np.linalg.norm(centre)
    first = np.cross(axis, np.array([0, 1, 0], np.float32))
    first /= np.linalg.norm(first)
    second = np.cross(axis, first)
    index = np.arange(LAMP_POINTS)
    radius = LAMP_RADIUS * np.sqrt((index + 0.5) / LAMP_POINTS)
    angle = index * (math.pi * (3 - math.sqrt(5)))  # golden angle: no two points line up
    disc = first[:, None] * (radius * np.cos(angle)) + second[:, None] * (radius * np.sin(angle))
    return (centre[:, None] + disc).astype(np.float32)


def _bounding_radius(item: SceneObject) -> float:
    return item.half_height if item.shape == "sphere" else math.hypot(item.footprint, item.half_height)


def shadows(
    scene: Scene, points: np.ndarray, normals: np.ndarray, owner: np.ndarray, whole: int
) -> tuple[np.ndarray, np.ndarray]:
    """How much of the lamp and of the sky light reaches each point.

    Args:
        points: `[3, n]`.
        normals: `[3, n]`.
        owner: `[n]`, index of the object each point lies on, or BACKGROUND.
        whole: The first `whole` points look at all of the lamp. The others are the four rays of mixed pixels, ray
            after ray: each ray looks at its own quarter of the lamp, so that the pixel sees all of it.

    Returns:
        `(lamp, sky)`, both `[n]` in 0..1.
    """
    to_lamp = column(scene.lamp) - points
    squared = dot(to_lamp, to_lamp)
    lamps = lamp_points(scene.lamp)
    quarters = lamps.reshape(3, LAMP_POINTS // 4, 4)
    mixed = points.shape[1] - whole
    ray = np.repeat(np.arange(4), mixed // 4)
    blocked_whole = np.zeros((LAMP_POINTS, whole), bool)
    blocked_mixed = np.zeros((LAMP_POINTS // 4, mixed), bool)
    sky = np.ones(points.shape[1], np.float32)
    for index, item in enumerate(scene.objects):
        to_item = column(item.position) - points
        gap2 = dot(to_item, to_item)
        along = dot(to_item, to_lamp) / squared
        # The object can only shade points whose line to the lamp passes its bounding sphere, widened by the
        # part of the lamp's radius seen from there. Convex objects do not shade themselves.
        widest = _bounding_radius(item) + LAMP_RADIUS * along
        other = owner != index
        near = np.flatnonzero((along > 0) & (gap2 - along * along * squared < widest * widest) & other)
        cut = int(np.searchsorted(near, whole))
        if cut:
            _block(item, points, near[:cut], lamps[:, :, None], blocked_whole, 0)
        if cut < near.size:
            _block(item, points, near[cut:], quarters[:, :, ray[near[cut:] - whole]], blocked_mixed, whole)
        size2 = item.half_height**2
        close = np.flatnonzero((gap2 < OCCLUSION_REACH**2 * size2) & other)
        if close.size:
            distance2 = np.maximum(gap2[close], size2)
            facing = np.maximum(dot(normals[:, close], to_item[:, close]) / np.sqrt(distance2), 0)
            sky[close] *= 1 - facing * (size2 / distance2 - OCCLUSION_REACH**-2)
    lit = [1 - blocked.mean(axis=0, dtype=np.float32) for blocked in (blocked_whole, blocked_mixed)]
    return np.concatenate(lit), sky


def _block(
    item: SceneObject, points: np.ndarray, near: np.ndarray, lamps: np.ndarray, blocked: np.ndarray, offset: int
) -> None:
    """Marks in `blocked` the points of the lamp that `item` hides from the points `near`."""
    start = points[:, None, near]
    direction = lamps - start
    enter, leave = interval(item, to_local(item, start - column(item.position, 3)), to_local(item, direction))
    blocked[:, near - offset] |= (enter < leave) & (leave > 1e-3) & (enter < 1)


def diffuse(
    scene: Scene, points: np.ndarray, normals: np.ndarray, lamp_share: np.ndarray, sky_share: np.ndarray
) -> np.ndarray:
    """Light that arrives at the points, `[3, n]`, linear."""
    to_lamp = column(scene.lamp) - points
    squared = dot(to_lamp, to_lamp)
    key = LAMP_POWER * np.maximum(dot(normals, to_lamp), 0) / (squared * np.sqrt(squared)) * lamp_share
    fill = np.maximum(dot(normals, column(FILL_DIRECTION)), 0) * (0.35 + 0.65 * sky_share)
    sky = (0.62 + 0.38 * normals[2]) * sky_share
    return column(LAMP_COLOR) * key + column(FILL_COLOR) * fill + column(SKY_COLOR) * sky


def reflection(
    scene: Scene, points: np.ndarray, mirrored: np.ndarray, owner: np.ndarray, albedo: np.ndarray
) -> np.ndarray:
    """Light seen along mirrored rays, `[3, n]`: other objects, floor and wall, the bright ceiling and the lamp."""
    t, normals = studio_hit(points, mirrored)
    seen = np.full(points.shape[1], BACKGROUND)
    for index, item in enumerate(scene.objects):
        hit = first_hit(item, points, mirrored)
        closer = (hit < t) & (owner != index)
        t = np.where(closer, hit, t)
        seen[closer] = index
    where = points + np.minimum(t, np.float32(40)) * mirrored
    for index, item in enumerate(scene.objects):
        chosen = np.flatnonzero(seen == index)
        if chosen.size:
            normals[:, chosen] = normals_at(item, where[:, chosen])
    # Shadows inside reflections are replaced by their average: they are too small to be seen.
    shares = np.full(points.shape[1], 0.8, np.float32)
    light = diffuse(scene, where, normals, shares, shares) * albedo[:, seen]
    empty = seen == BACKGROUND
    ceiling = 0.27 + 0.5 * np.clip(mirrored[2], 0, 1)
    light = np.where(empty & (mirrored[2] > 0.02), ceiling, light)
    to_lamp = column(scene.lamp) - points
    cosine = dot(mirrored, to_lamp) / np.sqrt(dot(to_lamp, to_lamp))
    softbox = np.where(empty, np.clip((cosine - 0.955) / 0.03, 0, 1), 0)
    return light + softbox * column(LAMP_COLOR * 3.2)


def add_gloss(
    scene: Scene,
    light: np.ndarray,
    points: np.ndarray,
    normals: np.ndarray,
    owner: np.ndarray,
    lamp_share: np.ndarray,
    albedo: np.ndarray,
) -> None:
    """Adds highlights to all objects and mirror images to the shiny ones, in place."""
    on_objects = np.flatnonzero(owner != BACKGROUND)
    if not on_objects.size:
        return
    place, normal, who = points[:, on_objects], normals[:, on_objects], owner[on_objects]
    view = column(scene.camera) - place
    view /= np.sqrt(dot(view, view))
    to_lamp = column(scene.lamp) - place
    to_lamp /= np.sqrt(dot(to_lamp, to_lamp))
    halfway = view + to_lamp
    sheen = np.maximum(dot(normal, halfway), 0) / np.sqrt(dot(halfway, halfway))
    shiny = np.array([item.material == "shiny" for item in scene.objects])[who]
    polish, matt = np.array([[220], [0.9]], np.float32), np.array([[18], [0.055]], np.float32)
    exponent, strength = np.where(shiny, polish, matt)
    highlight = strength * np.power(sheen, exponent) * lamp_share[on_objects]
    light[:, on_objects] += highlight * column(LAMP_COLOR)

    polished = np.flatnonzero(shiny)
    if not polished.size:
        return
    place, normal, view, who = place[:, polished], normal[:, polished], view[:, polished], who[polished]
    cosine = np.clip(dot(normal, view), 0, 1)
    reflected = reflection(scene, place, 2 * cosine * normal - view, who, albedo)
    tint = 0.1 + 0.9 * albedo[:, who]
    grazing = (1 - cosine) * (1 - cosine)
    tint += (1 - tint) * (0.8 * grazing * grazing * (1 - cosine))  # Schlick: everything mirrors at a grazing angle
    target = on_objects[polished]
    light[:, target] = SHINY_DIFFUSE * light[:, target] + MIRROR_SHARE * tint * reflected
