# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What belongs to the walls: the walls themselves, floor and ceiling, doors, windows, pictures,
wall screens.

A wall's instance has its frame in the middle of the room, turned so that the wall is at y =
-distance and
its inside faces +y; things on it are given by u (along the wall) and v (its distance, negative).
"""

from dataclasses import dataclass, field
from math import pi

import numpy as np

from semsplat_ros.rooms import palette
from semsplat_ros.rooms.builder import Builder
from semsplat_ros.rooms.furniture import SIDES

YAWS = (0.0, pi / 2, pi, -pi / 2)
"""Yaw of the four walls."""


@dataclass
class Walls:
    """The room's shell and which parts of its walls are taken."""

    width: float
    depth: float
    height: float
    taken: list[tuple[int, float, float, float, float]] = field(default_factory=list)
    """Wall, centre along it, width, bottom, top."""

    def length(self, wall: int) -> float:
        """Metres along a wall."""
        return self.width if wall % 2 == 0 else self.depth

    def distance(self, wall: int) -> float:
        """Metres from the middle of the room to a wall."""
        return (self.depth if wall % 2 == 0 else self.width) / 2

    def find_spot(
        self, b: Builder, width: float, bottom: float, height: float
    ) -> tuple[int, float] | None:
        """A wall and a place u along it where a thing of this size fits; None if there is none."""
        for _ in range(20):
            wall = int(b.rng.integers(4))
            slack = self.length(wall) / 2 - width / 2 - 0.1
            if slack < 0.05:
                continue
            u = b.rng.uniform(-slack, slack)
            if all(
                wall != other
                or abs(u - at) > (width + w) / 2 + 0.1
                or bottom > top
                or bottom + height < low
                for other, at, w, low, top in self.taken
            ):
                self.taken.append((wall, u, width, bottom, bottom + height))
                return wall, u
        return None


def shell(b: Builder, walls: Walls) -> None:
    """Four walls (an instance each, some with a skirting board), the floor and the ceiling."""
    rng = b.rng
    kinds = ["plaster", "", "stripes", "brick", "dots", "tile", "wood"]
    kind = str(rng.choice(kinds, p=[0.5, 0.32, 0.05, 0.04, 0.01, 0.04, 0.04]))
    paint = palette.wall_paint(rng)
    for wall in range(4):
        colour = palette.wall_paint(rng) if rng.random() < 0.12 else paint
        length, distance, scale = walls.length(wall), walls.distance(wall), rng.uniform(0.6, 1.3)
        repeat = (length * scale, walls.height * scale)
        material = b.material(colour, kind, False, repeat, specular=rng.uniform(0, 0.2))
        b.begin("wall", yaw=YAWS[wall])
        upright = ((1.0, 0.0, 0.0), -pi / 2)
        at = (0.0, -distance, walls.height / 2)
        b.add("plane", (length / 2, walls.height / 2, 0.1), at, material, upright)
        if rng.random() < 0.6:
            board = b.material(palette.any_colour(rng, (0, 0.2), (0.5, 0.95)))
            b.box((length, 0.02, 0.1), 0, -distance + 0.01, 0, board)
    _floor(b, walls)
    b.begin("ceiling")
    white = palette.hsv(rng.random(), rng.uniform(0, 0.06), rng.uniform(0.8, 0.95))
    material = b.material(
        white, "plaster" if rng.random() < 0.5 else "", False, (2, 2), specular=0.0
    )
    half = (walls.width / 2, walls.depth / 2, 0.1)
    b.add("plane", half, (0, 0, walls.height), material, ((1.0, 0.0, 0.0), pi))


def _floor(b: Builder, walls: Walls) -> None:
    rng = b.rng
    kinds = ["wood", "tile", "fabric", "marble", "check", "plaster"]
    kind = str(rng.choice(kinds, p=[0.5, 0.18, 0.2, 0.04, 0.02, 0.06]))
    if kind == "wood":
        colour = palette.wood(rng)
    elif kind == "fabric":
        colour = palette.cloth(rng)
    else:
        hue = rng.uniform(0.04, 0.15) if rng.random() < 0.6 else rng.random()
        colour = palette.hsv(hue, rng.uniform(0, 0.2), rng.uniform(0.45, 0.92))
    scale = rng.uniform(0.4, 1.2)
    polished = rng.uniform(0.05, 0.3) if rng.random() < 0.12 else 0.0
    repeat = (walls.width * scale, walls.depth * scale)
    material = b.material(colour, kind, False, repeat, reflectance=polished)
    b.begin("floor")
    b.add("plane", (walls.width / 2, walls.depth / 2, 0.1), (0, 0, 0), material)


def door(b: Builder, walls: Walls) -> np.ndarray | None:
    """A door with frame, handle and panels. Returns the place [3] in front of it that is to stay
    free.
    """
    rng = b.rng
    width, height = rng.uniform(0.75, 0.95), rng.uniform(1.95, 2.1)
    spot = walls.find_spot(b, width, 0, height)
    if spot is None:
        return None
    wall, u = spot
    v = -walls.distance(wall)
    b.begin("door", yaw=YAWS[wall])
    leaf = b.furniture_material()
    b.box((width + 0.14, 0.04, height + 0.07), u, v + 0.02, 0, b.furniture_material())
    b.box((width, 0.06, height), u, v + 0.04, 0, leaf)
    handle = b.material((0.8, 0.7, 0.3), specular=1.0)
    b.add("sphere", (0.03,), (u + width * 0.42, v + 0.09, 1.0), handle)
    for k in range(rng.integers(0, 3)):
        panel = b.furniture_material() if rng.random() < 0.2 else leaf
        b.box((width * 0.7, 0.02, height * 0.35), u, v + 0.075, height * (0.1 + 0.45 * k), panel)
    return b.to_world(u, v + 0.35, 0)


def window(b: Builder, walls: Walls) -> None:
    """A window with a view and sometimes curtains."""
    rng = b.rng
    width, bottom, height = rng.uniform(0.7, 1.6), rng.uniform(0.8, 1.0), rng.uniform(0.8, 1.2)
    spot = walls.find_spot(b, width, bottom, height)
    if spot is None:
        return
    wall, u = spot
    v = -walls.distance(wall)
    b.begin("window", yaw=YAWS[wall])
    frame = b.material(palette.any_colour(rng, (0, 0.2), (0.6, 0.95)))
    b.box((width + 0.12, 0.05, height + 0.12), u, v + 0.01, bottom - 0.06, frame)
    outside = b.material((1, 1, 1), "view", emission=rng.uniform(0.25, 0.65))
    b.box((width, 0.03, height), u, v + 0.03, bottom, outside)
    if rng.random() < 0.4:
        curtain = b.cloth_material()
        for side in SIDES:
            b.box(
                (0.25, 0.06, height + 0.3),
                u + side * (width / 2 + 0.1),
                v + 0.06,
                bottom - 0.2,
                curtain,
            )


def picture(b: Builder, walls: Walls) -> None:
    """A framed picture."""
    rng = b.rng
    width, bottom, height = rng.uniform(0.25, 0.8), rng.uniform(1.1, 1.5), rng.uniform(0.25, 0.6)
    spot = walls.find_spot(b, width, bottom, height)
    if spot is None:
        return
    wall, u = spot
    v = -walls.distance(wall)
    b.begin("picture", yaw=YAWS[wall])
    b.box(
        (width + 0.05, 0.03, height + 0.05), u, v + 0.015, bottom - 0.025, b.furniture_material()
    )
    b.box((width, 0.02, height), u, v + 0.025, bottom, b.material((0.95, 0.95, 0.95), "art"))


def wall_tv(b: Builder, walls: Walls) -> None:
    """A flat screen on the wall."""
    rng = b.rng
    width, bottom, height = rng.uniform(0.8, 1.4), rng.uniform(0.9, 1.2), 0.6
    spot = walls.find_spot(b, width, bottom, height)
    if spot is None:
        return
    wall, u = spot
    v = -walls.distance(wall)
    b.begin("tv", yaw=YAWS[wall])
    b.box((width, 0.05, height), u, v + 0.04, bottom, b.material((0.05, 0.05, 0.05)))
    screen = b.material((1, 1, 1), "screen", emission=rng.uniform(0, 0.5), specular=0.8)
    b.box((width * 0.96, 0.02, height * 0.93), u, v + 0.06, bottom + height * 0.035, screen)


def rug(b: Builder, walls: Walls) -> None:
    """A rug near the middle of the room, square or round."""
    rng = b.rng
    x, y = (
        rng.uniform(-walls.width / 6, walls.width / 6),
        rng.uniform(-walls.depth / 6, walls.depth / 6),
    )
    b.begin("rug", (x, y, 0), rng.uniform(0, pi) if rng.random() < 0.4 else 0.0)
    kind = str(rng.choice(["fabric", "fabric", "plaid", "stripes", "art", "check"]))
    material = b.material(palette.cloth(rng), kind, specular=0.0)
    if rng.random() < 0.7:
        b.box((rng.uniform(1.2, 2.4), rng.uniform(0.9, 1.8), 0.015), 0, 0, 0, material)
    else:
        b.cylinder(rng.uniform(0.5, 1.0), 0.015, 0, 0, 0, material)
