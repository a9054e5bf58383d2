# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""How a room is furnished: large pieces, what stands about, small things on tables, lights."""

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, hypot, pi, sin

import numpy as np
from numpy.random import Generator

from semsplat_ros.rooms import fixtures, furniture, palette, small_objects
from semsplat_ros.rooms.builder import Builder, Surface, Vector, yaw_matrix

Piece = Callable[[Builder], Vector]

STANDING: tuple[tuple[str, Piece, bool, float], ...] = (
    ("sofa", furniture.sofa, True, 0.75),
    ("bed", furniture.bed, True, 0.45),
    ("bookshelf", furniture.bookshelf, True, 0.6),
    ("cabinet", furniture.cabinet, True, 0.55),
    ("cabinet", furniture.sideboard, True, 0.45),
    ("table", furniture.table, False, 0.95),
    ("table", furniture.table, False, 0.55),
)
"""Large pieces: class, piece, against a wall, probability."""
SCATTERED: tuple[tuple[str, Piece, float], ...] = (
    ("chair", furniture.chair, 0.7),
    ("chair", furniture.chair, 0.4),
    ("lamp", furniture.floor_lamp, 0.55),
    ("plant", furniture.plant, 0.7),
    ("plant", furniture.plant, 0.3),
    ("trash can", small_objects.trash_can, 0.75),
    ("box", small_objects.cardboard_box, 0.65),
    ("box", small_objects.cardboard_box, 0.4),
    ("ball", small_objects.ball, 0.6),
    ("ball", small_objects.ball, 0.3),
)
"""What stands about afterwards: class, piece, probability."""
ON_SURFACES: tuple[tuple[str, Piece, float], ...] = (
    ("mug", small_objects.mug, 0.23),
    ("laptop", small_objects.laptop, 0.17),
    ("bottle", small_objects.bottle, 0.16),
    ("book", small_objects.book, 0.16),
    ("lamp", furniture.table_lamp, 0.09),
    ("tv", small_objects.tv, 0.08),
    ("plant", furniture.small_plant, 0.06),
    ("ball", small_objects.ball, 0.03),
    ("box", small_objects.cardboard_box, 0.02),
)
"""What stands on tables and low cabinets: class, piece, share."""


@dataclass(frozen=True)
class Footprint:
    """Floor that is taken: an axis-aligned rectangle and the height of what stands there."""

    x: float
    y: float
    half_x: float
    half_y: float
    height: float

    def overlaps(self, other: "Footprint") -> bool:
        """True if the two rectangles share floor."""
        apart_x = abs(self.x - other.x) > self.half_x + other.half_x
        return not (apart_x or abs(self.y - other.y) > self.half_y + other.half_y)


@dataclass(frozen=True)
class Light:
    """A lamp at the ceiling that shines down in a cone; angles in degrees."""

    position: Vector
    direction: Vector
    cutoff: float
    exponent: float
    attenuation: float
    diffuse: Vector
    casts_shadow: bool


IN_THE_WALL = 0.12
"""Metres that a television on a cabinet may reach into the wall behind it; more is moved away."""


class Furnisher:
    """Furnishes one room, drawing all chance from one generator.

    Args:
        rng: the generator.
    """

    def __init__(self, rng: Generator) -> None:
        self.walls = self._draw_walls(rng)
        self.width, self.depth = self.walls.width, self.walls.depth
        self.footprints: list[Footprint] = []
        self.lights: list[Light] = []
        self.ambient: Vector = (0.0, 0.0, 0.0)
        self.headlight = 0.0
        self.builder = Builder(rng)

    def _draw_walls(self, rng: Generator) -> fixtures.Walls:
        """How large the room is."""
        width, depth, height = *rng.uniform(3.6, 6.8, 2), rng.uniform(2.35, 2.9)
        return fixtures.Walls(float(width), float(depth), float(height))

    def furnish(self) -> None:
        """Fill the room."""
        b = self.builder
        fixtures.shell(b, self.walls)
        self._add_fixtures()
        for table in self._add_standing():
            self._add_chairs(table)
        for name, piece, probability in SCATTERED:
            if b.rng.random() < probability:
                self._place(name, piece, against_wall=b.rng.random() < 0.3)
        for surface in list(b.surfaces):
            self._add_small_objects(surface)
        self._add_lights()

    def _add_fixtures(self) -> None:
        b = self.builder
        free = fixtures.door(b, self.walls)
        if free is not None:
            self.footprints.append(Footprint(float(free[0]), float(free[1]), 0.45, 0.45, 0.1))
        for _ in range(b.rng.integers(1, 3)):
            fixtures.window(b, self.walls)
        for _ in range(b.rng.integers(1, 5)):
            fixtures.picture(b, self.walls)
        if b.rng.random() < 0.35:
            fixtures.wall_tv(b, self.walls)
        if b.rng.random() < 0.55:
            fixtures.rug(b, self.walls)

    def _add_standing(self) -> list[tuple[Footprint, float, Vector]]:
        """The large pieces, in random order. Returns footprint, yaw and size of the tables."""
        rng = self.builder.rng
        tables = []
        for index in rng.permutation(len(STANDING)):
            name, piece, against_wall, probability = STANDING[index]
            if rng.random() < probability:
                placed = self._place(name, piece, against_wall)
                if placed is not None and name == "table":
                    tables.append(placed)
        return tables

    def _place(
        self, name: str, piece: Piece, against_wall: bool
    ) -> tuple[Footprint, float, Vector] | None:
        """Add a piece where floor is free; None if no place was found."""
        b = self.builder
        state = b.rng.bit_generator.state
        trial = Builder(b.rng)
        trial.begin(name)
        size = piece(trial)  # once for its size, and again, the same, where it fits
        for _ in range(30):
            spot = self._spot_at_wall(size) if against_wall else self._spot_anywhere(size)
            if spot is None:
                continue
            x, y, yaw = spot
            c, s = abs(cos(yaw)), abs(sin(yaw))
            half_x = (size[0] * c + size[1] * s) / 2 + 0.04
            half_y = (size[0] * s + size[1] * c) / 2 + 0.04
            if abs(x) + half_x > self.width / 2 + 0.06 or abs(y) + half_y > self.depth / 2 + 0.06:
                continue
            footprint = Footprint(x, y, half_x, half_y, size[2])
            if any(footprint.overlaps(other) for other in self.footprints):
                continue
            after, b.rng.bit_generator.state = b.rng.bit_generator.state, state
            b.begin(name, (x, y, 0), yaw)
            piece(b)
            b.rng.bit_generator.state = after
            self.footprints.append(footprint)
            return footprint, yaw, size
        return None

    def _spot_at_wall(self, size: Vector) -> tuple[float, float, float] | None:
        """Position and yaw with the back against a random wall."""
        rng = self.builder.rng
        wall = int(rng.integers(4))
        slack = (self.walls.length(wall) - size[0]) / 2
        if slack <= 0:
            return None
        u = rng.uniform(-slack, slack)
        v = -self.walls.distance(wall) + size[1] / 2 + 0.02 + rng.uniform(0, 0.06)
        x, y, _ = yaw_matrix(fixtures.YAWS[wall]) @ np.array([u, v, 0.0])
        return float(x), float(y), fixtures.YAWS[wall]

    def _spot_anywhere(self, size: Vector) -> tuple[float, float, float]:
        """Position and yaw somewhere on the floor, roughly along the walls."""
        rng = self.builder.rng
        yaw = float(rng.integers(4)) * pi / 2 + rng.normal(0, 0.3)
        reach_x, reach_y = (length / 2 - size[1] / 2 - 0.2 for length in (self.width, self.depth))
        return rng.uniform(-reach_x, reach_x), rng.uniform(-reach_y, reach_y), yaw

    def _add_chairs(self, table: tuple[Footprint, float, Vector]) -> None:
        """Chairs at the sides of a table, facing it."""
        b, rng = self.builder, self.builder.rng
        footprint, yaw, size = table
        for side in range(4):
            if rng.random() >= 0.55:
                continue
            facing = yaw + side * pi / 2
            away = (size[1] if side % 2 == 0 else size[0]) / 2 + rng.uniform(0.05, 0.35)
            x, y = footprint.x + sin(facing) * away, footprint.y - cos(facing) * away
            taken = Footprint(x, y, 0.28, 0.28, 0.9)
            inside = abs(x) < self.width / 2 - 0.3 and abs(y) < self.depth / 2 - 0.3
            if inside and not any(
                taken.overlaps(f) for f in self.footprints if f is not footprint
            ):
                b.begin("chair", (x, y, 0), facing + rng.normal(0, 0.25))
                furniture.chair(b)
                self.footprints.append(taken)

    def _add_small_objects(self, surface: Surface) -> None:
        """Up to five things on a surface, not closer than 0.3 m to each other."""
        b, rng = self.builder, self.builder.rng
        used: list[tuple[float, float]] = []
        shares = np.array([share for _, _, share in ON_SURFACES])
        for _ in range(rng.integers(1, 6)):
            name, piece, _ = ON_SURFACES[rng.choice(len(ON_SURFACES), p=shares / shares.sum())]
            if name == "tv" and (used or surface.width < 0.8):
                continue
            for _ in range(8):
                x, y = (
                    rng.uniform(-0.4, 0.4) * surface.width,
                    rng.uniform(-0.3, 0.3) * surface.depth,
                )
                if all(hypot(x - a, y - c) > 0.3 for a, c in used):
                    used.append((x, y))
                    at = surface.position + yaw_matrix(surface.yaw) @ np.array([x, y, 0.0])
                    b.begin(name, at, surface.yaw + rng.normal(0, 0.5))
                    piece(b)
                    if name == "tv":
                        b.bring_inside(self.width / 2, self.depth / 2, IN_THE_WALL)
                    break

    def _add_lights(self) -> None:
        """One to three lamps (the first casts shadows), ambient light and a weak light from the
        camera.
        """
        rng = self.builder.rng
        count = int(rng.integers(1, 4))
        shadows = rng.random() < 0.75
        for index in range(count):
            colour = palette.any_colour(rng, (0, 0.12), (0.75, 1.0)) * (0.68 / count**0.65)
            x, y = rng.uniform(-0.35, 0.35, 2) * (self.width, self.depth)
            position = (float(x), float(y), self.walls.height - 0.05)
            tilt_x, tilt_y = rng.normal(0, 0.25, 2)
            cutoff, exponent = rng.uniform(60, 85), rng.uniform(0, 2)
            attenuation = rng.uniform(0, 0.08)
            self.lights.append(
                Light(
                    position,
                    (float(tilt_x), float(tilt_y), -1.0),
                    cutoff,
                    exponent,
                    attenuation,
                    (float(colour[0]), float(colour[1]), float(colour[2])),
                    shadows and index == 0,
                )
            )
        red, green, blue = palette.any_colour(rng, (0, 0.1), (0.44, 0.6))
        self.ambient = (float(red), float(green), float(blue))
        self.headlight = float(rng.uniform(0.08, 0.2))
