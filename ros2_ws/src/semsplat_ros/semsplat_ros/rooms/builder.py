# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What rooms are built from: primitives with a material, grouped into instances of a class.

World frame: z up, origin on the floor in the middle of the room, metres, radians. Each instance
has a
frame of its own: its position, turned by yaw about z; furniture faces its +y.
"""

from dataclasses import dataclass, field, replace
from math import cos, sin

import numpy as np
from numpy.random import Generator

from semsplat_ros.rooms import palette
from semsplat_ros.rooms.household.class_names import HOUSEHOLD, SOMETHING_ELSE
from semsplat_ros.rooms.textures import COUNTS

CLASSES = (
    "wall",
    "floor",
    "ceiling",
    "door",
    "window",
    "chair",
    "table",
    "sofa",
    "bed",
    "bookshelf",
    "lamp",
    "tv",
    "plant",
    "mug",
    "ball",
    "box",
    "trash can",
    "cabinet",
    "picture",
    "rug",
    "pillow",
    "laptop",
    "bottle",
    "book",
)
"""The classes of simple rooms; a class id is an index into this tuple."""
HOUSEHOLD_CLASSES = (*CLASSES, *HOUSEHOLD, SOMETHING_ELSE)
"""The classes of rooms with modelled furniture: the same ids, and more."""
CLASS_ID = {name: index for index, name in enumerate(HOUSEHOLD_CLASSES)}
TEXTURES_PER_ROOM = {"wood": 3, "fabric": 3, "art": 4, "books": 3, "screen": 2}
"""How many different textures of a kind one room has; 2 of the others. Uploading them costs most
of a room's time.
"""
Vector = tuple[float, float, float]
Turn = tuple[Vector, float]
"""A rotation: unit axis and angle."""


@dataclass(frozen=True)
class Material:
    """A surface: a colour, times a texture if there is one."""

    rgb: Vector
    texture: tuple[str, int] | None = None
    """Kind and index in the texture bank."""
    cube: bool = True
    """Texture wrapped around the primitive (True) or laid flat along its x and y (False)."""
    repeat: tuple[float, float] = (1.0, 1.0)
    specular: float = 0.0
    shininess: float = 0.5
    emission: float = 0.0
    reflectance: float = 0.0
    image: str = ""
    """Name of an image of :attr:`Builder.files`, laid by a mesh's own texture coordinates."""


@dataclass(frozen=True)
class Primitive:
    """One solid: ``size`` as MuJoCo defines it for its ``kind``."""

    kind: str
    """box, cylinder, sphere, ellipsoid, capsule, plane or mesh."""
    size: tuple[float, ...]
    """As MuJoCo has it; half the extents of a mesh, whose vertices are around `position`."""
    position: np.ndarray
    rotation: np.ndarray
    """World from primitive [3, 3]."""
    material: int
    instance: int
    mesh: str = ""
    """Name of the file of a mesh, a key of :attr:`Builder.files`."""

    def extent(self, axes: np.ndarray) -> np.ndarray:
        """Half of the solid's length along each row of `axes` [k, 3] (unit vectors in the world)
        -> [k].
        """
        d = axes @ self.rotation
        s = self.size
        if self.kind == "sphere":
            return np.full(len(axes), s[0])
        if self.kind == "ellipsoid":
            return np.linalg.norm(d * s, axis=1)
        if self.kind == "capsule":
            return s[0] + s[1] * abs(d[:, 2])
        if self.kind == "cylinder":
            return s[0] * np.hypot(d[:, 0], d[:, 1]) + s[1] * abs(d[:, 2])
        return abs(d) @ np.array([s[0], s[1], 0.0 if self.kind == "plane" else s[2]])


@dataclass(frozen=True)
class Instance:
    """One object: its class and the frame it was built in."""

    class_id: int
    position: np.ndarray
    yaw: float

    @property
    def name(self) -> str:
        """The class by name."""
        return HOUSEHOLD_CLASSES[self.class_id]


@dataclass(frozen=True)
class Surface:
    """A table top or the like that small things stand on; its frame is turned by yaw."""

    position: np.ndarray
    """Centre, on the surface."""
    yaw: float
    width: float
    depth: float


def rotation_matrix(turn: Turn) -> np.ndarray:
    """Rodrigues' formula: [3, 3] of a rotation by an angle about a unit axis."""
    (x, y, z), angle = turn
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]], float)
    return np.eye(3) + sin(angle) * k + (1 - cos(angle)) * (k @ k)


def yaw_matrix(yaw: float) -> np.ndarray:
    """World from instance [3, 3] of a turn about z."""
    return np.array([[cos(yaw), -sin(yaw), 0], [sin(yaw), cos(yaw), 0], [0, 0, 1]])


@dataclass
class Builder:
    """Collects what a room is made of. Furniture functions draw from `rng` and add to the current
    instance.
    """

    rng: Generator
    instances: list[Instance] = field(default_factory=list)
    primitives: list[Primitive] = field(default_factory=list)
    materials: list[Material] = field(default_factory=list)
    surfaces: list[Surface] = field(default_factory=list)
    current: int = -1
    textures: dict[str, list[int]] = field(default_factory=dict)
    """The textures of each kind that the room uses."""
    files: dict[str, bytes] = field(default_factory=dict)
    """Meshes and images that primitives and materials name."""

    def begin(self, name: str, position: np.ndarray | Vector = (0, 0, 0), yaw: float = 0.0) -> int:
        """Start an instance of a class; what is added next belongs to it. Returns its index."""
        self.instances.append(Instance(CLASS_ID[name], np.array(position, float), float(yaw)))
        self.current = len(self.instances) - 1
        return self.current

    def bring_inside(self, half_width: float, half_depth: float, tolerance: float) -> None:
        """Move the current instance back between the walls, if it reaches into one by more than
        the tolerance.

        Args:
            half_width: from the room's middle to the walls at -x and +x, metres.
            half_depth: the same along y.
            tolerance: metres.
        """
        mine = [i for i, part in enumerate(self.primitives) if part.instance == self.current]
        centres = np.stack([self.primitives[i].position for i in mine])
        extents = np.stack([self.primitives[i].extent(np.eye(3)) for i in mine])
        low, high = (centres - extents).min(0)[:2], (centres + extents).max(0)[:2]
        half = np.array([half_width, half_depth])
        below, above = np.maximum(-half - low, 0.0), np.maximum(high - half, 0.0)
        if max(below.max(), above.max()) <= tolerance:
            return
        move = np.array([*(below - above), 0.0])
        owner = self.instances[self.current]
        self.instances[self.current] = replace(owner, position=owner.position + move)
        for i in mine:
            part = self.primitives[i]
            self.primitives[i] = replace(part, position=part.position + move)

    def to_world(self, x: float, y: float, z: float) -> np.ndarray:
        """World position [3] of a point of the current instance."""
        owner = self.instances[self.current]
        return owner.position + yaw_matrix(owner.yaw) @ np.array([x, y, z])

    def add(
        self,
        kind: str,
        size: tuple[float, ...],
        at: Vector,
        material: int,
        turn: Turn | None = None,
        mesh: str = "",
    ) -> None:
        """Add a primitive with its centre at `at` in the current instance's frame."""
        rotation = yaw_matrix(self.instances[self.current].yaw)
        if turn is not None:
            rotation = rotation @ rotation_matrix(turn)
        size = tuple(max(float(s), 0.002) for s in size)
        self.primitives.append(
            Primitive(kind, size, self.to_world(*at), rotation, material, self.current, mesh)
        )

    def box(
        self,
        size: Vector,
        x: float,
        y: float,
        bottom: float,
        material: int,
        turn: Turn | None = None,
    ) -> None:
        """A box of full `size` that stands at height `bottom`."""
        half = (size[0] / 2, size[1] / 2, size[2] / 2)
        self.add("box", half, (x, y, bottom + half[2]), material, turn)

    def cylinder(
        self, radius: float, height: float, x: float, y: float, bottom: float, material: int
    ) -> None:
        """An upright cylinder that stands at height `bottom`."""
        self.add("cylinder", (radius, height / 2), (x, y, bottom + height / 2), material)

    def surface(self, width: float, depth: float, height: float) -> None:
        """Declare the top of the current instance to be free for small things."""
        owner = self.instances[self.current]
        self.surfaces.append(Surface(self.to_world(0, 0, height), owner.yaw, width, depth))

    def material(
        self,
        rgb: np.ndarray | Vector,
        texture: str = "",
        cube: bool = True,
        repeat: tuple[float, float] = (1.0, 1.0),
        specular: float | None = None,
        emission: float = 0.0,
        reflectance: float = 0.0,
    ) -> int:
        """A new material, textured by a random texture of a kind unless `texture` is empty; its
        index.
        """
        rng = self.rng
        chosen = (texture, self._texture(texture)) if texture else None
        specular = float(rng.uniform(0, 0.5)) if specular is None else specular
        colour = (float(rgb[0]), float(rgb[1]), float(rgb[2]))
        self.materials.append(
            Material(
                colour,
                chosen,
                cube,
                repeat,
                specular,
                float(rng.uniform(0.1, 0.9)),
                emission,
                reflectance,
            )
        )
        return len(self.materials) - 1

    def image_material(self, rgb: np.ndarray, image: str) -> int:
        """A new material of an image in :attr:`files`, times a colour; its index."""
        shine = (float(self.rng.uniform(0, 0.4)), float(self.rng.uniform(0.1, 0.9)))
        colour = (float(rgb[0]), float(rgb[1]), float(rgb[2]))
        self.materials.append(Material(colour, image=image, specular=shine[0], shininess=shine[1]))
        return len(self.materials) - 1

    def _texture(self, kind: str) -> int:
        """A random texture of a kind: of the few that this room has, as one home repeats its woods
        and cloths.
        """
        used = self.textures.setdefault(kind, [])
        if len(used) < TEXTURES_PER_ROOM.get(kind, 2):
            used.append(int(self.rng.integers(COUNTS[kind])))
            return used[-1]
        return used[self.rng.integers(len(used))]

    def furniture_material(self) -> int:
        """Wood or paint."""
        kind = self.rng.random()
        if kind < 0.55:
            return self.material(palette.wood(self.rng), "wood")
        return self.material(palette.furniture_paint(self.rng), "" if kind < 0.92 else "plaster")

    def cloth_material(self) -> int:
        """Mostly plain cloth, some with a pattern."""
        kind = (
            "fabric"
            if self.rng.random() < 0.78
            else str(self.rng.choice(["stripes", "plaid", "dots", "check"]))
        )
        return self.material(palette.cloth(self.rng), kind, specular=0.0)
