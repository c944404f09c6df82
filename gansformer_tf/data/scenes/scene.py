"""Built-in CLEVR-like scenes: what stands where. `render` turns them into images.

A scene holds 3 to 8 objects (sphere, cube, cylinder; 8 colours, 2 sizes, matt or shiny) on the floor of a studio
with a curved back wall. It is a function of its seed alone, so images, masks and labels can always be made again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

SHAPES = ("sphere", "cube", "cylinder")
MATERIALS = ("matt", "shiny")
SIZES = ("small", "large")
COLORS = {  # sRGB, 0..255
    "gray": (106, 106, 106),
    "red": (190, 40, 40),
    "blue": (42, 75, 215),
    "green": (29, 120, 32),
    "brown": (132, 76, 26),
    "purple": (134, 40, 196),
    "cyan": (41, 208, 208),
    "yellow": (248, 224, 51),
}
COLOR_NAMES = tuple(COLORS)
HALF_HEIGHT = {"small": 0.42, "large": 0.82}  # world units; also the radius of spheres and cylinders
MIN_OBJECTS = 3
MAX_OBJECTS = 8

_FLOOR = (-2.7, 2.7, -3.0, 2.5)  # objects stand within these x and y
_MIN_GAP = 0.22  # free floor between two objects
_PLACEMENT_TRIES = 60


@dataclass(frozen=True)
class SceneObject:
    """One row of the labels table. `position` is (x right, y away from the camera, z up), the object's centre."""

    shape: str
    color: str
    size: str
    material: str
    position: tuple[float, float, float]
    rotation: float  # radians about the vertical axis

    @property
    def half_height(self) -> float:
        # A cube's half diagonal is shortened so that it looks as large as a sphere of the same size.
        return HALF_HEIGHT[self.size] * (0.87 if self.shape == "cube" else 1.0)

    @property
    def footprint(self) -> float:
        """Radius of the circle on the floor that holds the object."""
        return self.half_height * (2**0.5 if self.shape == "cube" else 1.0)


@dataclass(frozen=True)
class Scene:
    """What one image shows: the objects, the camera and the lamp."""

    seed: int
    objects: tuple[SceneObject, ...]
    camera: tuple[float, float, float]
    lamp: tuple[float, float, float]

    def counts(self) -> dict[str, int]:
        """How many objects there are of each shape, colour, size and material."""
        names = (*SHAPES, *COLOR_NAMES, *SIZES, *MATERIALS)
        table = dict.fromkeys(names, 0)
        for item in self.objects:
            for name in (item.shape, item.color, item.size, item.material):
                table[name] += 1
        return table

    def rows(self) -> list[dict[str, object]]:
        """The labels table: one dictionary per object."""
        return [
            {
                "seed": self.seed,
                "object": index,
                "shape": item.shape,
                "color": item.color,
                "size": item.size,
                "material": item.material,
                "x": item.position[0],
                "y": item.position[1],
                "z": item.position[2],
                "rotation": item.rotation,
            }
            for index, item in enumerate(self.objects)
        ]


def make_scene(seed: int) -> Scene:
    """The scene of a seed (0 <= seed < 2**32). The same seed always gives the same scene."""
    # RandomState, because its streams are frozen across NumPy versions.
    random = np.random.RandomState(seed)
    wanted = random.randint(MIN_OBJECTS, MAX_OBJECTS + 1)
    objects: list[SceneObject] = []
    while len(objects) < wanted:
        placed = _place(random, objects)
        if placed is None:  # the floor is too crowded: start again with the random numbers that follow
            objects = []
            continue
        objects.append(placed)
    camera = tuple((np.array([0.0, -9.4, 6.4]) + random.uniform(-0.45, 0.45, 3)).tolist())
    lamp = tuple((np.array([-4.6, -2.6, 6.6]) + random.uniform(-0.9, 0.9, 3)).tolist())
    return Scene(seed=int(seed), objects=tuple(objects), camera=camera, lamp=lamp)


def _place(random: np.random.RandomState, others: Sequence[SceneObject]) -> SceneObject | None:
    shape = SHAPES[random.randint(len(SHAPES))]
    color = COLOR_NAMES[random.randint(len(COLOR_NAMES))]
    size = SIZES[random.randint(len(SIZES))]
    material = MATERIALS[random.randint(len(MATERIALS))]
    rotation = float(random.uniform(0.0, np.pi / 2))
    for _ in range(_PLACEMENT_TRIES):
        x = float(random.uniform(*_FLOOR[:2]))
        y = float(random.uniform(*_FLOOR[2:]))
        item = SceneObject(shape, color, size, material, (x, y, 0.0), rotation)
        if all(_gap(item, other) >= _MIN_GAP for other in others):
            return SceneObject(shape, color, size, material, (x, y, item.half_height), rotation)
    return None


def _gap(first: SceneObject, second: SceneObject) -> float:
    between = math.hypot(first.position[0] - second.position[0], first.position[1] - second.position[1])
    return between - first.footprint - second.footprint
