# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Where pieces go in rooms with modelled furniture: floor, walls, and the free tops of others."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import hypot
from typing import Any

import numpy as np
from jaxtyping import Float
from numpy.random import Generator

from semsplat_ros.rooms import fixtures
from semsplat_ros.rooms.builder import Builder, Vector, yaw_matrix
from semsplat_ros.rooms.fixtures import YAWS
from semsplat_ros.rooms.furnishing import Footprint, Furnisher
from semsplat_ros.rooms.household.class_names import SOMETHING_ELSE
from semsplat_ros.rooms.household.library import FurnitureLibrary, Piece
from semsplat_ros.rooms.household.meshes import CELL
from semsplat_ros.rooms.household.room_kinds import KINDS
from semsplat_ros.rooms.layout import MAX_INSTANCES

SUPPORTS = frozenset(
    {"table", "desk", "cabinet", "nightstand", "chest of drawers", "shelf", "bookshelf", "bench"}
    | {"stool", "washing machine", "dishwasher", "stove", "oven", "refrigerator", "radiator"}
    | {"wardrobe", "piano", "fireplace", "sink", SOMETHING_ELSE}
)
"""Classes on whose free top things may lie."""
OUTSIDE = 0.06
"""Metres that a piece may reach into a wall."""
LEAST_TOP = 4
"""Cells that a free top needs to be used."""
ROOM_FOR_SMALL = 16
"""Instances that are left for small things."""


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


@dataclass(frozen=True)
class Measured:
    """A piece of a known size."""

    piece: Piece
    size: Vector
    state: Mapping[str, Any]
    """Of the generator when the piece was made."""


class HouseholdPlacing(Furnisher):
    """Puts pieces where they fit.

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

    def _count(self, expected: float) -> int:
        return int(expected + self.builder.rng.random())

    def _draw(self, name: str, places: tuple[str, ...]) -> Piece | None:
        """A random piece of a class for one of some places."""
        possible = [p for p in self.library.places(name) if p in places]
        if not possible:
            return None
        rng = self.builder.rng
        return self.library.draw(rng, name, possible[rng.integers(len(possible))])

    def _measure(self, piece: Piece) -> Measured:
        """A piece's size, and what makes the same piece again where it is put."""
        state = self.builder.rng.bit_generator.state
        trial = Builder(self.builder.rng)
        trial.begin(piece.class_name)
        return Measured(piece, piece(trial), state)

    def _add(self, measured: Measured, position: np.ndarray, yaw: float) -> None:
        """Put a measured piece at a place."""
        b = self.builder
        after, b.rng.bit_generator.state = b.rng.bit_generator.state, measured.state
        b.begin(measured.piece.class_name, position, yaw)
        measured.piece(b)
        b.rng.bit_generator.state = after
        self._bring_inside()

    def _stand(
        self, piece: Piece | None, against_wall: bool
    ) -> tuple[Footprint, float, Vector] | None:
        """Put a piece on the floor where it fits."""
        if piece is None or len(self.builder.instances) > MAX_INSTANCES - ROOM_FOR_SMALL:
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

    def _put_at_wall(self, measured: Measured, wall: int, u: float) -> bool:
        """Put a piece with its back to a wall, at u along it, if that place is free."""
        yaw, piece, size = YAWS[wall], measured.piece, measured.size
        v = -self.walls.distance(wall) + size[1] / 2 + 0.01
        x, y, _ = yaw_matrix(yaw) @ np.array([u, v, 0.0])
        half = (size[0] / 2, size[1] / 2) if wall % 2 == 0 else (size[1] / 2, size[0] / 2)
        footprint = Footprint(float(x), float(y), half[0] - 0.01, half[1], size[2])
        if any(footprint.overlaps(other) for other in self.footprints):
            return False
        self._add(measured, np.array([x, y, 0.0]), yaw)
        self.footprints.append(footprint)
        self._note_wall(footprint, yaw, size)
        self._note_support(piece, np.array([x, y, 0.0]), yaw, size)
        return True

    def _bottom(self, measured: Measured, otherwise: float) -> float:
        """Height of a mounted piece's underside: as the library has it, below the ceiling."""
        model = measured.piece.model
        given = None if model is None else model.elevation
        return min(
            otherwise if given is None else given, self.walls.height - measured.size[2] - 0.02
        )

    def _mount(self, measured: Measured, wall: int, u: float, bottom: float) -> None:
        # Own pieces have their back in their origin, models their middle.
        back = measured.size[1] / 2 if measured.piece.mesh is not None else 0.0
        v = -self.walls.distance(wall) + back + 0.005
        position = yaw_matrix(YAWS[wall]) @ np.array([u, v, bottom])
        self._add(measured, position, YAWS[wall])

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
            measured = self._measure(piece)
            size = measured.size
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
                    self._add(measured, at, support.yaw + turn)
                    break

    def _is_on(self, support: Support, x: float, y: float, turn: float, size: Vector) -> bool:
        """True if the corners of a thing are over the free top."""
        corners = np.array([[i, j] for i in (-0.4, 0.4) for j in (-0.4, 0.4)]) * size[:2]
        corners = corners @ yaw_matrix(turn)[:2, :2].T + (x, y)
        gaps = abs(corners[:, None] - support.cells[None]).max(-1).min(1)
        return bool((gaps <= CELL).all())
