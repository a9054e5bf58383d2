# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Small things that lie on tables or on the floor; conventions as in
:mod:`semsplat_ros.rooms.furniture`.
"""

from math import sin

from semsplat_ros.rooms import palette
from semsplat_ros.rooms.builder import Builder, Vector
from semsplat_ros.rooms.furniture import SIDES


def tv(b: Builder) -> Vector:
    """A flat screen on a foot."""
    rng = b.rng
    width = rng.uniform(0.6, 1.4)
    height = width * 0.57
    case = b.material(palette.any_colour(rng, (0, 0.1), (0.02, 0.15)))
    screen = b.material((1, 1, 1), "screen", emission=rng.uniform(0, 0.4), specular=0.8)
    foot = b.material((0.1, 0.1, 0.1))
    b.box((width, 0.05, height), 0, 0, 0.08, case)
    b.box((width * 0.95, 0.02, height * 0.92), 0, 0.02, 0.08 + height * 0.04, screen)
    b.box((width * 0.4, 0.18, 0.02), 0, 0, 0, foot)
    b.box((0.06, 0.04, 0.1), 0, 0, 0, foot)
    return width, 0.2, height


def mug(b: Builder) -> Vector:
    """A cup with a handle, and something dark in it."""
    rng = b.rng
    kind = "" if rng.random() < 0.8 else "stripes"
    bright = rng.random() >= 0.6
    colour = (
        palette.any_colour(rng, (0.3, 0.9), (0.4, 0.95))
        if bright
        else palette.furniture_paint(rng)
    )
    body = b.material(colour, kind)
    radius, height = rng.uniform(0.04, 0.055), rng.uniform(0.09, 0.13)
    b.cylinder(radius, height, 0, 0, 0, body)
    b.cylinder(radius * 0.85, 0.004, 0, 0, height - 0.001, b.material((0.2, 0.12, 0.06)))
    for share in (0.25, 0.75):
        b.box((radius * 0.7, 0.014, 0.014), radius * 1.3, 0, height * share, body)
    b.box((0.014, 0.014, height * 0.5), radius * 1.6, 0, height * 0.25, body)
    return 0.1, 0.1, height


def bottle(b: Builder) -> Vector:
    """Body, shoulder, neck and a label."""
    rng = b.rng
    glass = b.material(palette.any_colour(rng, (0.2, 0.9), (0.2, 0.9)))
    radius, height = rng.uniform(0.03, 0.045), rng.uniform(0.15, 0.24)
    b.cylinder(radius, height, 0, 0, 0, glass)
    b.add("ellipsoid", (radius, radius, radius), (0, 0, height), glass)
    b.cylinder(radius * 0.35, radius * 2.4, 0, 0, height, glass)
    b.cylinder(
        radius * 1.02, height * 0.4, 0, 0, height * 0.3, b.material((0.95, 0.95, 0.95), "art")
    )
    return 0.1, 0.1, height + radius * 2.4


def book(b: Builder) -> Vector:
    """One to three books, one on the other."""
    rng = b.rng
    count = int(rng.integers(1, 4))
    paper = b.material((0.9, 0.88, 0.8))
    for k in range(count):
        width, depth, turn = (
            rng.uniform(0.14, 0.2),
            rng.uniform(0.2, 0.28),
            ((0, 0, 1), rng.normal(0, 0.3)),
        )
        kind = "" if rng.random() < 0.5 else "art"
        cover = b.material(palette.any_colour(rng, (0.2, 0.9), (0.3, 0.95)), kind)
        b.box((width, depth, 0.022), 0, 0, k * 0.034 + 0.004, paper, turn)
        b.box((width * 1.02, depth * 1.02, 0.005), 0, 0, k * 0.034, cover, turn)
        b.box((width * 1.02, depth * 1.02, 0.005), 0, 0, k * 0.034 + 0.027, cover, turn)
    return 0.2, 0.28, 0.034 * count


def laptop(b: Builder) -> Vector:
    """Open, the lid leaning back; the keyboard is towards +y."""
    rng = b.rng
    width = rng.uniform(0.3, 0.38)
    depth = width * 0.68
    case = b.material(palette.any_colour(rng, (0, 0.1), (0.2, 0.85)))
    b.box((width, depth, 0.018), 0, 0, 0, case)
    b.box(
        (width * 0.85, depth * 0.5, 0.004),
        0,
        -depth * 0.1,
        0.017,
        b.material((0.15, 0.15, 0.15), "check"),
    )
    lean = rng.uniform(-0.1, 0.45)
    y, turn = -depth / 2 - depth / 2 * sin(lean), ((1.0, 0.0, 0.0), lean)
    b.box((width, 0.012, depth), 0, y, 0.01, case, turn)
    screen = b.material((1, 1, 1), "screen", emission=0.35)
    b.box((width * 0.94, 0.004, depth * 0.9), 0, y + 0.008, 0.02, screen, turn)
    return width, depth * 1.3, depth


def ball(b: Builder) -> Vector:
    """A ball with a pattern."""
    rng = b.rng
    radius = rng.uniform(0.08, 0.2)
    kind = str(rng.choice(["stripes", "dots", "check", "plaster"]))
    surface = b.material(palette.any_colour(rng, (0.3, 1), (0.4, 0.95)), kind)
    b.add("sphere", (radius,), (0, 0, radius), surface)
    return 2 * radius, 2 * radius, 2 * radius


def cardboard_box(b: Builder) -> Vector:
    """A parcel with tape; some are open."""
    rng = b.rng
    width, depth, height = rng.uniform(0.2, 0.55, 3)
    brown = palette.hsv(rng.uniform(0.06, 0.1), rng.uniform(0.3, 0.55), rng.uniform(0.5, 0.85))
    colour = brown if rng.random() < 0.85 else palette.furniture_paint(rng)
    board = b.material(colour, "plaster", specular=0.0)
    b.box((width, depth, height), 0, 0, 0, board)
    b.box((width * 0.15, depth * 1.01, 0.006), 0, 0, height - 0.002, b.material((0.8, 0.75, 0.6)))
    if rng.random() < 0.4:
        for side in SIDES:
            flap = ((0.0, 1.0, 0.0), side * 0.6)
            b.box((width * 0.45, depth, 0.01), side * width * 0.7, 0, height - 0.02, board, flap)
    return width, depth, height


def trash_can(b: Builder) -> Vector:
    """Round or square, open or with a lid."""
    rng = b.rng
    radius, height = rng.uniform(0.13, 0.2), rng.uniform(0.3, 0.6)
    shell = b.material(palette.any_colour(rng, (0, 0.5), (0.08, 0.8)))
    dark = b.material((0.05, 0.05, 0.05))
    if rng.random() < 0.6:
        b.cylinder(radius, height, 0, 0, 0, shell)
        if rng.random() < 0.6:
            b.cylinder(radius * 0.9, 0.006, 0, 0, height - 0.002, dark)
        else:
            b.add("ellipsoid", (radius, radius, 0.08), (0, 0, height), shell)
    else:
        b.box((2 * radius, 1.6 * radius, height), 0, 0, 0, shell)
        b.box((1.8 * radius, 1.4 * radius, 0.006), 0, 0, height - 0.002, dark)
    return 2 * radius, 2 * radius, height
