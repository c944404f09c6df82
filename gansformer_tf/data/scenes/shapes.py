"""Rays against spheres, cubes, cylinders and the studio. Vectors are `[3, ...]`: every coordinate is contiguous."""

from __future__ import annotations

import math

import numpy as np

from gansformer_tf.data.scenes.scene import SceneObject

FAR = np.float32(1e9)

# The studio: floor z = 0, back wall y = WALL, joined by a quarter cylinder.
CURVE_START, CURVE_RADIUS = 4.6, 3.0
WALL = CURVE_START + CURVE_RADIUS


def dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def column(vector: tuple[float, ...] | np.ndarray, dimensions: int = 2) -> np.ndarray:
    """A constant vector shaped to broadcast against `[3, ...]` arrays of that many dimensions."""
    return np.asarray(vector, np.float32).reshape((3,) + (1,) * (dimensions - 1))


def _slab(origin: np.ndarray, direction: np.ndarray, half: float) -> tuple[np.ndarray, np.ndarray]:
    """Where a ray enters and leaves the layer |x| <= half."""
    # a ray parallel to the layer gets a tiny slope instead of a division by zero
    inverse = 1 / np.where(direction == 0, np.float32(1e-9), direction)
    middle, reach = origin * inverse, half * np.abs(inverse)
    return -middle - reach, reach - middle


def _quadratic(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Roots of a t^2 + 2 b t + c; the empty interval (FAR, -FAR) where there are none."""
    discriminant = b * b - a * c
    missed = discriminant <= 0
    root = np.sqrt(np.maximum(discriminant, 0))
    inverse = 1 / a
    return np.where(missed, FAR, (-b - root) * inverse), np.where(missed, -FAR, (root - b) * inverse)


def to_local(item: SceneObject, vectors: np.ndarray) -> np.ndarray:
    """Rotates world vectors into the axes of the object."""
    if item.shape != "cube":
        return vectors
    cos, sin = np.float32(math.cos(item.rotation)), np.float32(math.sin(item.rotation))
    local = np.empty_like(vectors)
    local[0] = cos * vectors[0] + sin * vectors[1]
    local[1] = cos * vectors[1] - sin * vectors[0]
    local[2] = vectors[2]
    return local


def interval(item: SceneObject, origin: np.ndarray, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where rays enter and leave an object; the ray misses where entering comes after leaving.

    All shapes are convex and centred, so each is an intersection of intervals. Arguments are in the object's axes.
    """
    half = np.float32(item.half_height)
    if item.shape == "sphere":
        return _quadratic(dot(direction, direction), dot(origin, direction), dot(origin, origin) - half * half)
    near, far = _slab(origin[2], direction[2], half)
    if item.shape == "cube":
        sides = [_slab(origin[axis], direction[axis], half) for axis in (0, 1)]
    else:
        a = direction[0] * direction[0] + direction[1] * direction[1]
        b = origin[0] * direction[0] + origin[1] * direction[1]
        c = origin[0] * origin[0] + origin[1] * origin[1] - half * half
        sides = [_quadratic(a, b, c)]
    for enter, leave in sides:
        near, far = np.maximum(near, enter), np.minimum(far, leave)
    return near, far


def first_hit(item: SceneObject, origin: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Ray parameter of the first hit in front of the origin, FAR where the ray misses."""
    start = to_local(item, origin - column(item.position, origin.ndim))
    near, far = interval(item, start, to_local(item, direction))
    return np.where((near < far) & (near > 1e-4), near, FAR)


def normals_at(item: SceneObject, points: np.ndarray) -> np.ndarray:
    """Unit normals `[3, n]` at points `[3, n]` on the surface of an object."""
    local = to_local(item, points - column(item.position)) / np.float32(item.half_height)
    if item.shape == "sphere":
        return local
    if item.shape == "cylinder":
        radius = np.hypot(local[0], local[1])
        on_top = local[2] > radius
        side = np.where(on_top, np.float32(0), 1 / np.maximum(radius, np.float32(1e-6)))
        return np.stack([local[0] * side, local[1] * side, on_top.astype(np.float32)])
    axis, columns = np.argmax(np.abs(local), axis=0), np.arange(local.shape[1])
    normal = np.zeros_like(local)
    normal[axis, columns] = np.sign(local[axis, columns])
    cos, sin = np.float32(math.cos(item.rotation)), np.float32(math.sin(item.rotation))
    return np.stack([cos * normal[0] - sin * normal[1], sin * normal[0] + cos * normal[1], normal[2]])


def studio_hit(origin: np.ndarray, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ray parameter `[n]` and normals `[3, n]` where rays `[3, n]` meet floor, curve or wall."""
    downwards = direction[2] < -1e-6
    t = np.where(downwards, -origin[2] / np.where(downwards, direction[2], np.float32(-1)), FAR)
    normals = np.zeros(direction.shape, np.float32)
    normals[2] = 1
    beyond = np.flatnonzero(origin[1] + t * direction[1] > CURVE_START)
    if beyond.size:
        d, o = direction[:, beyond], np.broadcast_to(origin, direction.shape)[:, beyond]
        y, z = o[1] - CURVE_START, o[2] - CURVE_RADIUS
        a, b = d[1] * d[1] + d[2] * d[2], y * d[1] + z * d[2]
        _, on_curve = _quadratic(a, b, y * y + z * z - np.float32(CURVE_RADIUS**2))
        on_wall = (WALL - o[1]) / np.maximum(d[1], 1e-6)
        high = o[2] + on_wall * d[2] >= CURVE_RADIUS
        t[beyond] = np.where(high, on_wall, on_curve)
        normals[1, beyond] = np.where(high, -1, -(y + on_curve * d[1]) / CURVE_RADIUS)
        normals[2, beyond] = np.where(high, 0, -(z + on_curve * d[2]) / CURVE_RADIUS)
    return t, normals
