# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Things of which the catalogue has no model, or too few; conventions as in
:mod:`semsplat_ros.rooms.furniture`.
"""

from semsplat_ros.rooms import palette
from semsplat_ros.rooms.builder import Builder, Vector


def _plastic(b: Builder, low: float, high: float) -> int:
    return b.material(palette.any_colour(b.rng, (0, 0.15), (low, high)))


def keyboard(b: Builder) -> Vector:
    """A plate with rows of keys."""
    rng = b.rng
    width, depth = rng.uniform(0.32, 0.46), rng.uniform(0.11, 0.16)
    dark = rng.random() < 0.6
    case = _plastic(b, 0.05, 0.3) if dark else _plastic(b, 0.7, 0.95)
    keys = _plastic(b, 0.05, 0.4) if rng.random() < 0.6 else _plastic(b, 0.6, 0.95)
    b.box((width, depth, 0.015), 0, 0, 0, case)
    for row in range(4):
        y = depth * (row - 1.5) * 0.23
        for key in range(8):
            x = width * (key - 3.5) * 0.12
            b.box((width * 0.105, depth * 0.19, 0.008), x, y, 0.014, keys)
    return width, depth, 0.022


def computer_mouse(b: Builder) -> Vector:
    """A small flat egg."""
    body = _plastic(b, 0.05, 0.9)
    b.add("ellipsoid", (0.032, 0.055, 0.02), (0, 0, 0.02), body)
    return 0.064, 0.11, 0.04


def computer_monitor(b: Builder) -> Vector:
    """A flat screen on a foot, as on desks."""
    rng = b.rng
    width = rng.uniform(0.45, 0.7)
    height, lift = width * rng.uniform(0.52, 0.68), rng.uniform(0.08, 0.16)
    case = _plastic(b, 0.02, 0.2) if rng.random() < 0.75 else _plastic(b, 0.6, 0.9)
    screen = b.material((1, 1, 1), "screen", emission=rng.uniform(0, 0.5), specular=0.8)
    b.box((width, 0.035, height), 0, 0, lift, case)
    b.box((width * 0.96, 0.01, height * 0.93), 0, 0.016, lift + height * 0.035, screen)
    b.box((0.05, 0.03, lift + 0.1), 0, -0.025, 0, case)
    b.box((width * 0.42, 0.18, 0.015), 0, 0, 0, case)
    return width, 0.18, height + lift


def dishwasher(b: Builder) -> Vector:
    """A white or steel front with a panel and a handle."""
    rng = b.rng
    body = _plastic(b, 0.75, 0.95) if rng.random() < 0.6 else _plastic(b, 0.4, 0.7)
    panel = _plastic(b, 0.05, 0.8)
    handle = b.material((0.7, 0.7, 0.72), specular=1.0)
    width = rng.choice([0.45, 0.6])
    b.box((width, 0.58, 0.85), 0, 0, 0, body)
    b.box((width, 0.01, 0.11), 0, 0.29, 0.73, panel)
    b.box((width * 0.96, 0.02, 0.6), 0, 0.29, 0.11, body)
    b.box((width * 0.6, 0.03, 0.02), 0, 0.31, 0.67, handle)
    for k in range(int(rng.integers(1, 5))):
        b.box((0.02, 0.01, 0.02), width * (0.4 - 0.09 * k), 0.3, 0.78, handle)
    return float(width), 0.6, 0.85


def book(b: Builder) -> Vector:
    """One to three books, lying one on the other."""
    rng = b.rng
    z, widest = 0.0, 0.0
    paper = b.material((0.9, 0.88, 0.82), specular=0.0)
    for _ in range(int(rng.choice([1, 1, 2, 3]))):
        width, depth, height = (
            rng.uniform(0.12, 0.22),
            rng.uniform(0.18, 0.3),
            rng.uniform(0.015, 0.05),
        )
        kind = "art" if rng.random() < 0.4 else ""
        cover = b.material(palette.any_colour(rng, (0, 0.9), (0.2, 0.95)), kind)
        b.box((width, depth, 0.004), 0, 0, z, cover)
        b.box((width * 0.96, depth * 0.97, height - 0.008), 0.003, 0, z + 0.004, paper)
        b.box((width, depth, 0.004), 0, 0, z + height - 0.004, cover)
        b.box((0.004, depth, height), -width / 2, 0, z, cover)
        z, widest = z + height, max(widest, depth)
    return widest, widest, z


def paper(b: Builder) -> Vector:
    """Some sheets, not quite on top of each other."""
    rng = b.rng
    for k in range(int(rng.integers(1, 6))):
        white = b.material(palette.any_colour(rng, (0, 0.1), (0.85, 1.0)), specular=0.0)
        turn = ((0.0, 0.0, 1.0), float(rng.normal(0, 0.3)))
        x, y = rng.normal(0, 0.02, 2)
        b.box((0.21, 0.297, 0.002), float(x), float(y), 0.002 * k, white, turn)
    return 0.3, 0.36, 0.012


def mirror(b: Builder) -> Vector:
    """A framed mirror for the wall, its back at y = 0; it does reflect the room."""
    rng = b.rng
    width, height = rng.uniform(0.4, 0.9), rng.uniform(0.5, 1.2)
    frame = b.furniture_material()
    b.box((width + 0.05, 0.02, height + 0.05), 0, 0.01, 0, frame)
    glass = b.material((0.15, 0.16, 0.17), specular=0.2, reflectance=0.75)
    # MuJoCo reflects in a box's own +z side, which is turned towards the room.
    upright = ((1.0, 0.0, 0.0), -1.5707963)
    b.add("box", (width / 2, height / 2, 0.005), (0, 0.026, 0.025 + height / 2), glass, upright)
    return width + 0.05, 0.03, height + 0.05
