# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""How rooms with modelled furniture are furnished: by kind of room, cluttered, unknown things
among the rest.
"""

from dataclasses import replace
from math import cos, hypot, pi, sin

import numpy as np
from numpy.random import Generator

from semsplat_ros.rooms import fixtures
from semsplat_ros.rooms.builder import Vector, yaw_matrix
from semsplat_ros.rooms.fixtures import YAWS
from semsplat_ros.rooms.furnishing import Footprint, Furnisher, Light
from semsplat_ros.rooms.household.class_names import SOMETHING_ELSE
from semsplat_ros.rooms.household.library import FurnitureLibrary, Piece
from semsplat_ros.rooms.household.placing import ROOM_FOR_SMALL, HouseholdPlacing
from semsplat_ros.rooms.household.room_kinds import SCATTERED
from semsplat_ros.rooms.layout import MAX_INSTANCES, Room

COUNTER = ("cabinet", "cabinet", "sink", "stove", "oven", "dishwasher", "washing machine")
COUNTER_HEIGHT = (0.55, 1.15)
"""A kitchen's row has low pieces alone."""
MOUNTED_BOTTOM = {"tv": 1.0, "mirror": 1.0, "clock": 1.5, "towel": 0.9, "lamp": 1.5}
LARGEST_RUG = 3.1
"""Metres across, cornerwise."""


class HouseholdFurnisher(HouseholdPlacing):
    """Furnishes one room of a random kind."""

    def furnish(self) -> None:
        """Fill the room."""
        b = self.builder
        fixtures.shell(b, self.walls)
        self._add_openings()
        if self.kind.counter:
            self._add_counter()
        for name, number in self.kind.standing.items():
            for _ in range(self._count(number)):
                self._add_standing_piece(name)
        self._add_mounted()
        self._add_flat()
        for name, number in SCATTERED.items():
            for _ in range(self._count(number)):
                self._stand(self._draw(name, ("floor",)), against_wall=b.rng.random() < 0.4)
        self._add_hanging()
        clutter = b.rng.uniform(0.3, 1.5)
        for support in self.supports:
            self._add_clutter(support, clutter)
        self._add_lights()

    def _add_lights(self) -> None:
        """Lamps as in simple rooms, some brighter, and daylight from the windows."""
        super()._add_lights()
        rng = self.builder.rng
        brightness = rng.uniform(0.9, 1.3)
        self.ambient = _scaled(self.ambient, brightness)
        self.lights = [
            replace(light, diffuse=_scaled(light.diffuse, brightness)) for light in self.lights
        ]
        day = rng.uniform(0.0, 0.5) if rng.random() < 0.7 else 0.0
        warmth = rng.uniform(0.85, 1.0)
        for wall, u, _, bottom, top in self.windows:
            turn = yaw_matrix(YAWS[wall])
            x, y, z = turn @ np.array([u, -self.walls.distance(wall) + 0.15, (bottom + top) / 2])
            right, ahead, up = turn @ np.array([rng.normal(0, 0.3), 1.0, rng.uniform(-0.8, -0.1)])
            colour = (day, day * rng.uniform(0.9, 1.0), day * warmth)
            inside = (float(right), float(ahead), float(up))
            at = (float(x), float(y), float(z))
            self.lights.append(Light(at, inside, 75.0, 1.0, 0.1, colour, casts_shadow=False))

    def _add_openings(self) -> None:
        """Door, windows with curtains or blinds."""
        b = self.builder
        free = fixtures.door(b, self.walls)
        if free is not None:
            self.footprints.append(Footprint(float(free[0]), float(free[1]), 0.45, 0.45, 0.1))
        least = 0 if self.kind_name in ("bathroom", "corridor") else 1
        for _ in range(b.rng.integers(least, 4)):
            before = len(self.walls.taken)
            fixtures.window(b, self.walls)
            if len(self.walls.taken) == before:
                continue
            self.windows.append(self.walls.taken[-1])
            if b.rng.random() < 0.3:
                wall, u, width, bottom, top = self.windows[-1]
                name = "curtain" if b.rng.random() < 0.7 else "blinds"
                piece = self._draw(name, ("mounted",))
                if piece is not None:
                    side = float(b.rng.choice([-1, 0, 1])) if name == "curtain" else 0.0
                    self._hang_on_wall(piece, wall, u + side * width * 0.45, 0.08, bottom, top)

    def _hang_on_wall(
        self, piece: Piece, wall: int, u: float, off: float, bottom: float, top: float
    ) -> None:
        """A curtain or blind before a window."""
        measured = self._measure(piece)
        size = measured.size
        half = self.walls.length(wall) / 2 - size[0] / 2
        if half <= 0:
            return
        z = max(0.02, min(top + 0.1, self.walls.height - 0.03) - size[2])
        y = -self.walls.distance(wall) + off + size[1] / 2
        position = yaw_matrix(YAWS[wall]) @ np.array([float(np.clip(u, -half, half)), y, z])
        self._add(measured, position, YAWS[wall])

    def _add_standing_piece(self, name: str) -> None:
        """A large piece where it fits, with what belongs to it."""
        rng = self.builder.rng
        piece = self._draw(name, ("wall", "floor"))
        if piece is None:
            return
        at_wall = piece.model is None or piece.model.place == "wall" or rng.random() < 0.35
        placed = self._stand(piece, at_wall and name != "table")
        if placed is None:
            return
        footprint, yaw, size = placed
        if name in ("table", "desk") and self.kind.seats and size[2] > 0.6:
            self._add_seats(footprint, yaw, size, sides=1 if name == "desk" else 4)
        if name in ("sofa", "bed", "armchair"):
            self._add_pillows(piece, footprint, yaw, size)

    def _add_seats(self, table: Footprint, yaw: float, size: Vector, sides: int) -> None:
        """Chairs at the sides of a table, facing it; at a desk's front."""
        rng = self.builder.rng
        chair = self._draw("chair", ("floor",))
        for side in range(sides):
            if chair is None or rng.random() >= (0.85 if sides == 1 else 0.55):
                continue
            facing = yaw + pi if sides == 1 else yaw + side * pi / 2
            away = (size[1] if side % 2 == 0 else size[0]) / 2 + rng.uniform(0.1, 0.4)
            x, y = table.x + sin(facing) * away, table.y - cos(facing) * away
            taken = Footprint(x, y, 0.28, 0.28, 0.9)
            inside = abs(x) < self.width / 2 - 0.3 and abs(y) < self.depth / 2 - 0.3
            if inside and not any(taken.overlaps(f) for f in self.footprints if f is not table):
                measured = self._measure(chair)
                turn = facing + float(rng.normal(0, 0.25))
                self._add(measured, np.array([x, y, 0.0]), turn)
                self.footprints.append(taken)

    def _add_pillows(self, piece: Piece, at: Footprint, yaw: float, size: Vector) -> None:
        """Pillows on the seat of a modelled sofa or the head of a modelled bed."""
        b, rng = self.builder, self.builder.rng
        if piece.mesh is None or len(piece.mesh.cells) < 20:
            return
        cells, top = piece.mesh.cells, piece.mesh.top
        for _ in range(self._count(0.8 if piece.class_name != "armchair" else 0.2)):
            x, y = cells[rng.integers(len(cells))]
            if abs(x) > size[0] / 2 - 0.25 or abs(y) > size[1] / 2 - 0.2:
                continue
            position = np.array([at.x, at.y, 0.0]) + yaw_matrix(yaw) @ np.array([x, y, 0.0])
            b.begin("pillow", position, yaw + rng.normal(0, 0.4))
            self._lying_pillow(top)

    def _lying_pillow(self, top: float) -> None:
        b, rng = self.builder, self.builder.rng
        cloth = b.cloth_material()
        half = (rng.uniform(0.17, 0.26), rng.uniform(0.15, 0.22), rng.uniform(0.05, 0.09))
        b.add("ellipsoid", half, (0, 0, top + half[2] * 0.8), cloth)

    def _add_counter(self) -> None:
        """A kitchen's row of low cabinets and machines along a wall, cabinets and a hood above."""
        rng = self.builder.rng
        wall = int(rng.integers(4))
        length = self.walls.length(wall)
        u, end = -length / 2 + 0.02, length / 2 * rng.uniform(0.2, 1.0)
        hood = False
        while u < end:
            name = str(rng.choice(COUNTER))
            piece = self._draw(name, ("wall",))
            if piece is None:
                continue
            measured = self._measure(piece)
            size = measured.size
            if not COUNTER_HEIGHT[0] < size[2] < COUNTER_HEIGHT[1] + 0.1 or size[0] > 1.3:
                u += 0.02
                continue
            if u + size[0] > length / 2:
                break
            if self._put_at_wall(measured, wall, u + size[0] / 2):
                above = "range hood" if name in ("stove", "oven") and not hood else "cabinet"
                hood |= above == "range hood"
                if rng.random() < 0.6:
                    self._put_above(above, wall, u + size[0] / 2)
            u += size[0] + 0.005

    def _put_above(self, name: str, wall: int, u: float) -> None:
        """Mount a piece over the counter unless a window or the like is there."""
        piece = self._draw(name, ("mounted",))
        if piece is None or len(self.builder.instances) > MAX_INSTANCES - ROOM_FOR_SMALL:
            return
        measured = self._measure(piece)
        size, bottom = measured.size, self._bottom(measured, 1.45)
        taken = self.walls.taken
        if abs(u) + size[0] / 2 > self.walls.length(wall) / 2 or any(
            wall == other and abs(u - at) < (size[0] + width) / 2 - 0.01 and top > bottom
            for other, at, width, _, top in taken
        ):
            return
        self._mount(measured, wall, u, bottom)
        taken.append((wall, u, size[0], bottom, bottom + size[2]))

    def _add_mounted(self) -> None:
        """Pictures, a screen, and what the kind of room has on its walls."""
        b, rng = self.builder, self.builder.rng
        for _ in range(rng.integers(0, 4)):
            fixtures.picture(b, self.walls)
        wanted = self.kind.mounted | {SOMETHING_ELSE: 0.35}
        for name, number in wanted.items():
            for _ in range(self._count(number)):
                if name == "tv" and rng.random() < 0.5:
                    fixtures.wall_tv(b, self.walls)
                    continue
                piece = self._draw(name, ("mounted",))
                if piece is None:
                    continue
                measured = self._measure(piece)
                size, bottom = measured.size, self._bottom(measured, MOUNTED_BOTTOM.get(name, 1.3))
                spot = self.walls.find_spot(b, size[0], bottom, size[2])
                if spot is not None:
                    self._mount(measured, *spot, bottom)

    def _add_flat(self) -> None:
        """Rugs, and clothes on the floor."""
        b, rng = self.builder, self.builder.rng
        if rng.random() < 0.3 and min(self.width, self.depth) > LARGEST_RUG:
            fixtures.rug(b, self.walls)
            self._bring_inside()
        for name, number in (("rug", 0.35), ("clothes", 0.3)):
            for _ in range(self._count(number)):
                piece = self._draw(name, ("flat",))
                if piece is None:
                    continue
                measured = self._measure(piece)
                size = measured.size
                reach = [s / 2 - hypot(size[0], size[1]) / 2 for s in (self.width, self.depth)]
                if min(reach) <= 0:
                    continue
                x, y = rng.uniform(-1, 1, 2) * reach
                self._add(measured, np.array([x, y, 0.002]), rng.uniform(0, 2 * pi))

    def _add_hanging(self) -> None:
        """Lamps and fans at the ceiling."""
        rng = self.builder.rng
        for name, number in (("lamp", 0.8), ("fan", 0.12)):
            for _ in range(self._count(number)):
                piece = self._draw(name, ("hang",))
                if piece is None:
                    continue
                measured = self._measure(piece)
                size = measured.size
                reach = [s / 2 - max(size[:2]) / 2 - 0.1 for s in (self.width, self.depth)]
                if min(reach) <= 0 or size[2] > self.walls.height - 1.6:
                    continue
                x, y = rng.uniform(-0.7, 0.7, 2) * reach
                z = self.walls.height - size[2] - 0.003
                turn = float(rng.integers(4)) * pi / 2
                self._add(measured, np.array([x, y, z]), turn)


def _scaled(colour: Vector, factor: float) -> Vector:
    return (colour[0] * factor, colour[1] * factor, colour[2] * factor)


class HouseholdRoom(Room):
    """A room with modelled furniture, the same for the same seed, library and catalogue.

    Args:
        seed: as of :class:`semsplat_ros.rooms.layout.Room`.
        library: training pieces for seeds below ``EVALUATION_SEEDS``, held-out ones above.
    """

    def __init__(self, seed: int, library: FurnitureLibrary) -> None:
        self._library = library
        super().__init__(seed)

    def _furnisher(self, rng: Generator) -> Furnisher:
        return HouseholdFurnisher(rng, self._library)
