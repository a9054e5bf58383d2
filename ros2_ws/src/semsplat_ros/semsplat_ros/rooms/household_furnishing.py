# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""How rooms with modelled furniture are furnished: by kind of room, cluttered, unknown things
among the rest.
"""

from dataclasses import dataclass, replace
from math import cos, hypot, pi, sin

import numpy as np
from jaxtyping import Float
from numpy.random import Generator

from semsplat_ros.rooms import fixtures
from semsplat_ros.rooms.builder import Builder, Vector, yaw_matrix
from semsplat_ros.rooms.fixtures import YAWS
from semsplat_ros.rooms.furnishing import Footprint, Furnisher, Light
from semsplat_ros.rooms.furniture_library import FurnitureLibrary, Piece
from semsplat_ros.rooms.household import SOMETHING_ELSE
from semsplat_ros.rooms.layout import MAX_INSTANCES, Room
from semsplat_ros.rooms.meshes import CELL
from semsplat_ros.rooms.room_kinds import KINDS, SCATTERED

SUPPORTS = frozenset(
    {"table", "desk", "cabinet", "nightstand", "chest of drawers", "shelf", "bookshelf", "bench"}
    | {"stool", "washing machine", "dishwasher", "stove", "oven", "refrigerator", "radiator"}
    | {"wardrobe", "piano", "fireplace", "sink", SOMETHING_ELSE}
)
"""Classes on whose free top things may lie."""
COUNTER = ("cabinet", "cabinet", "sink", "stove", "oven", "dishwasher", "washing machine")
COUNTER_HEIGHT = (0.55, 1.15)
"""A kitchen's row has low pieces alone."""
MOUNTED_BOTTOM = {"tv": 1.0, "mirror": 1.0, "clock": 1.5, "towel": 0.9, "lamp": 1.5}
OUTSIDE = 0.06
"""Metres that a piece may reach into a wall."""
LARGEST_RUG = 3.1
"""Metres across, cornerwise."""
LEAST_TOP = 4
"""Cells that a free top needs to be used."""


@dataclass(frozen=True)
class Support:
    """The free top of a placed piece."""

    position: Float[np.ndarray, "3"]
    """Of the piece."""
    yaw: float
    height: float
    """Above the piece's foot."""
    cells: Float[np.ndarray, "n 2"]
    """Middles of the free cells in the piece's frame."""


class HouseholdFurnisher(Furnisher):
    """Furnishes one room of a random kind.

    Args:
        rng: all chance.
        library: the pieces.
    """

    def __init__(self, rng: Generator, library: FurnitureLibrary) -> None:
        shares = np.array([kind.share for kind in KINDS.values()])
        self.kind_name = list(KINDS)[rng.choice(len(KINDS), p=shares / shares.sum())]
        self.kind = KINDS[self.kind_name]
        self.library = library
        self.supports: list[Support] = []
        self.windows: list[tuple[int, float, float, float, float]] = []
        """Wall, centre along it, width, bottom, top."""
        super().__init__(rng)

    def _draw_walls(self, rng: Generator) -> fixtures.Walls:
        kind = self.kind
        width, depth, height = (
            float(rng.uniform(*kind.width)),
            float(rng.uniform(*kind.depth)),
            float(rng.uniform(2.35, 2.9)),
        )
        return fixtures.Walls(width, depth, height)

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

    def _count(self, expected: float) -> int:
        return int(expected + self.builder.rng.random())

    def _draw(self, name: str, places: tuple[str, ...]) -> Piece | None:
        """A random piece of a class for one of some places."""
        possible = [p for p in self.library.places(name) if p in places]
        if not possible:
            return None
        rng = self.builder.rng
        return self.library.draw(rng, name, possible[rng.integers(len(possible))])

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
        b = self.builder
        size = piece(self._trial(piece.class_name))
        half = self.walls.length(wall) / 2 - size[0] / 2
        if half <= 0:
            return
        z = max(0.02, min(top + 0.1, self.walls.height - 0.03) - size[2])
        b.begin(piece.class_name)
        y = -self.walls.distance(wall) + off + size[1] / 2
        position = yaw_matrix(YAWS[wall]) @ np.array([float(np.clip(u, -half, half)), y, z])
        self._restart(piece, position, YAWS[wall])

    def _trial(self, name: str) -> Builder:
        """A builder that nobody keeps, to learn a piece's size."""
        trial = Builder(np.random.default_rng(0))
        trial.begin(name)
        return trial

    def _restart(self, piece: Piece, position: np.ndarray, yaw: float) -> None:
        """Add a piece as the last instance, which was begun without a place."""
        b = self.builder
        b.instances.pop()
        b.begin(piece.class_name, position, yaw)
        piece(b)

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

    def _stand(
        self, piece: Piece | None, against_wall: bool
    ) -> tuple[Footprint, float, Vector] | None:
        """Put a piece on the floor where it fits."""
        if piece is None or len(self.builder.instances) > MAX_INSTANCES - 16:
            return None
        placed = self._place(piece.class_name, piece, against_wall)
        if placed is None:
            return None
        footprint, yaw, size = placed
        self._bring_inside()
        self._note_wall(footprint, yaw, size)
        self._note_support(piece, np.array([footprint.x, footprint.y, 0.0]), yaw, size)
        return placed

    def _bring_inside(self) -> None:
        """Move the last piece out of a wall that leaves or a tilted back reach into."""
        self.builder.bring_inside(self.width / 2, self.depth / 2, OUTSIDE)

    def _note_wall(self, footprint: Footprint, yaw: float, size: Vector) -> None:
        """Keep the wall behind a piece free of what would be hidden in it."""
        for wall, wall_yaw in enumerate(YAWS):
            u, v, _ = yaw_matrix(wall_yaw).T @ np.array([footprint.x, footprint.y, 0.0])
            along, across = footprint.half_x, footprint.half_y
            if wall % 2 == 1:
                along, across = across, along
            if v - across < -self.walls.distance(wall) + 0.3:
                self.walls.taken.append((wall, float(u), 2 * along, 0.0, size[2]))

    def _note_support(self, piece: Piece, position: np.ndarray, yaw: float, size: Vector) -> None:
        if piece.class_name not in SUPPORTS:
            return
        if piece.mesh is not None:
            height, cells = piece.mesh.top, piece.mesh.cells
        elif self.builder.surfaces and piece.class_name in ("table", "cabinet"):
            surface = self.builder.surfaces[-1]
            height = float(surface.position[2])
            xs, ys = (np.arange(-s / 2, s / 2, CELL) for s in (surface.width, surface.depth))
            cells = np.stack(np.meshgrid(xs, ys), -1).reshape(-1, 2)
        else:
            return
        if len(cells) >= LEAST_TOP and 0.25 < height < 1.6:
            self.supports.append(Support(position, yaw, height, cells))

    def _add_seats(self, table: Footprint, yaw: float, size: Vector, sides: int) -> None:
        """Chairs at the sides of a table, facing it; at a desk's front."""
        b, rng = self.builder, self.builder.rng
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
                b.begin("chair", (x, y, 0), facing + rng.normal(0, 0.25))
                chair(b)
                self._bring_inside()
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
            b.current = len(b.instances) - 1
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
            size = piece(self._trial(name))
            if not COUNTER_HEIGHT[0] < size[2] < COUNTER_HEIGHT[1] + 0.1 or size[0] > 1.3:
                u += 0.02
                continue
            if u + size[0] > length / 2:
                break
            if self._put_at_wall(piece, size, wall, u + size[0] / 2):
                above = "range hood" if name in ("stove", "oven") and not hood else "cabinet"
                hood |= above == "range hood"
                if rng.random() < 0.6:
                    self._put_above(above, wall, u + size[0] / 2)
            u += size[0] + 0.005

    def _put_at_wall(self, piece: Piece, size: Vector, wall: int, u: float) -> bool:
        """Put a piece with its back to a wall, at u along it, if that place is free."""
        b, yaw = self.builder, YAWS[wall]
        v = -self.walls.distance(wall) + size[1] / 2 + 0.01
        x, y, _ = yaw_matrix(yaw) @ np.array([u, v, 0.0])
        half = (size[0] / 2, size[1] / 2) if wall % 2 == 0 else (size[1] / 2, size[0] / 2)
        footprint = Footprint(float(x), float(y), half[0] - 0.01, half[1], size[2])
        if any(footprint.overlaps(other) for other in self.footprints):
            return False
        b.begin(piece.class_name, (float(x), float(y), 0.0), yaw)
        piece(b)
        self.footprints.append(footprint)
        self._note_wall(footprint, yaw, size)
        self._note_support(piece, np.array([x, y, 0.0]), yaw, size)
        return True

    def _put_above(self, name: str, wall: int, u: float) -> None:
        """Mount a piece over the counter unless a window or the like is there."""
        piece = self._draw(name, ("mounted",))
        if piece is None or len(self.builder.instances) > MAX_INSTANCES - 16:
            return
        size = piece(self._trial(name))
        bottom = self._bottom(piece, size, 1.45)
        taken = self.walls.taken
        if abs(u) + size[0] / 2 > self.walls.length(wall) / 2 or any(
            wall == other and abs(u - at) < (size[0] + width) / 2 - 0.01 and top > bottom
            for other, at, width, _, top in taken
        ):
            return
        self._mount(piece, size, wall, u, bottom)
        taken.append((wall, u, size[0], bottom, bottom + size[2]))

    def _bottom(self, piece: Piece, size: Vector, otherwise: float) -> float:
        """Height of a mounted piece's underside: as the library has it, below the ceiling."""
        given = None if piece.model is None else piece.model.elevation
        return min(otherwise if given is None else given, self.walls.height - size[2] - 0.02)

    def _mount(self, piece: Piece, size: Vector, wall: int, u: float, bottom: float) -> None:
        v = -self.walls.distance(wall) + (size[1] / 2 if piece.mesh is not None else 0.0) + 0.005
        position = yaw_matrix(YAWS[wall]) @ np.array([u, v, bottom])
        self.builder.begin(piece.class_name, position, YAWS[wall])
        piece(self.builder)

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
                state = rng.bit_generator.state
                piece = self._draw(name, ("mounted",))
                if piece is None:
                    continue
                state = rng.bit_generator.state
                trial = Builder(rng)
                trial.begin(name)
                size = piece(trial)
                rng.bit_generator.state = state
                bottom = self._bottom(piece, size, MOUNTED_BOTTOM.get(name, 1.3))
                spot = self.walls.find_spot(b, size[0], bottom, size[2])
                if spot is not None:
                    self._mount(piece, size, *spot, bottom)

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
                size = piece(self._trial(name))
                reach = [s / 2 - hypot(size[0], size[1]) / 2 for s in (self.width, self.depth)]
                if min(reach) <= 0:
                    continue
                x, y = rng.uniform(-1, 1, 2) * reach
                b.begin(name, (float(x), float(y), 0.002), rng.uniform(0, 2 * pi))
                piece(b)

    def _add_hanging(self) -> None:
        """Lamps and fans at the ceiling."""
        b, rng = self.builder, self.builder.rng
        for name, number in (("lamp", 0.8), ("fan", 0.12)):
            for _ in range(self._count(number)):
                piece = self._draw(name, ("hang",))
                if piece is None:
                    continue
                size = piece(self._trial(name))
                reach = [s / 2 - max(size[:2]) / 2 - 0.1 for s in (self.width, self.depth)]
                if min(reach) <= 0 or size[2] > self.walls.height - 1.6:
                    continue
                x, y = rng.uniform(-0.7, 0.7, 2) * reach
                z = self.walls.height - size[2] - 0.003
                b.begin(name, (float(x), float(y), z), float(rng.integers(4)) * pi / 2)
                piece(b)

    def _add_clutter(self, support: Support, clutter: float) -> None:
        """Things on a free top, each wholly on it and apart from the others."""
        b, rng = self.builder, self.builder.rng
        names = list(self.kind.on_tables)
        shares = np.array(list(self.kind.on_tables.values()))
        wanted = rng.poisson(clutter * min(6.0, 1 + len(support.cells) * CELL**2 * 9))
        used: list[tuple[float, float, float]] = []
        for _ in range(wanted):
            if len(b.instances) >= MAX_INSTANCES:
                return
            name = names[rng.choice(len(names), p=shares / shares.sum())]
            piece = self._draw(name, ("table",))
            if piece is None:
                continue
            size = piece(self._trial(name))
            turn = float(rng.normal(0, 0.4))
            for _ in range(6):
                x, y = support.cells[rng.integers(len(support.cells))]
                radius = hypot(size[0], size[1]) / 2
                if self._is_on(support, float(x), float(y), turn, size) and all(
                    hypot(x - a, y - c) > 0.8 * (radius + r) for a, c, r in used
                ):
                    used.append((float(x), float(y), radius))
                    lifted = np.array([x, y, support.height])
                    at = support.position + yaw_matrix(support.yaw) @ lifted
                    b.begin(name, at, support.yaw + turn)
                    piece(b)
                    self._bring_inside()
                    break

    def _is_on(self, support: Support, x: float, y: float, turn: float, size: Vector) -> bool:
        """True if the corners of a thing are over the free top."""
        corners = np.array([[i, j] for i in (-0.4, 0.4) for j in (-0.4, 0.4)]) * size[:2]
        corners = corners @ yaw_matrix(turn)[:2, :2].T + (x, y)
        gaps = abs(corners[:, None] - support.cells[None]).max(-1).min(1)
        return bool((gaps <= CELL).all())


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
