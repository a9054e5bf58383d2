# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Furniture that stands on the floor. Each function adds one piece to the builder's current
instance,
facing +y, and returns its size (width, depth, height) in metres.
"""

from math import cos, pi, sin

from semsplat_ros.rooms import palette
from semsplat_ros.rooms.builder import Builder, Vector

SIDES = (-1, 1)
CORNERS = tuple((a, b) for a in SIDES for b in SIDES)


def chair(b: Builder) -> Vector:
    """Seat, four legs and a back that is a panel, a ladder or spindles; some have arms."""
    rng = b.rng
    width, depth = rng.uniform(0.4, 0.5, 2)
    seat, back = rng.uniform(0.42, 0.48), rng.uniform(0.38, 0.55)
    frame = b.furniture_material()
    cushion = b.cloth_material() if rng.random() < 0.4 else frame
    style, t = rng.integers(3), rng.uniform(0.03, 0.05)
    b.box((width, depth, rng.uniform(0.03, 0.07)), 0, 0, seat - 0.03, cushion)
    for side, end in CORNERS:
        x, y = side * (width - t) / 2, end * (depth - t) / 2
        if style == 1:
            b.cylinder(t / 2, seat, x, y, 0, frame)
        else:
            b.box((t, t, seat), x, y, 0, frame)
    y = -depth / 2 + t / 2
    for side in SIDES:
        b.box((t, t, back), side * (width - t) / 2, y, seat, frame)
    if style == 0:
        b.box((width - t, 0.025, back * 0.75), 0, y, seat + back * 0.22, cushion)
    elif style == 1:
        for k in range(3):
            b.box((width - t, 0.02, 0.07), 0, y, seat + back - 0.08 - k * 0.14, frame)
    else:
        b.box((width - t, 0.025, 0.07), 0, y, seat + back - 0.07, frame)
        for k in range(4):
            b.box((0.025, 0.02, back - 0.05), (k - 1.5) * width * 0.2, y, seat, frame)
    if rng.random() < 0.15:
        for side in SIDES:
            b.box((0.04, depth * 0.8, 0.03), side * width / 2, 0, seat + 0.2, frame)
            b.box((0.03, 0.03, 0.2), side * width / 2, depth * 0.35, seat, frame)
    return width, depth, seat + back


def table(b: Builder) -> Vector:
    """A dining table, desk or coffee table: a top clearly wider than a chair, on legs, panels or a
    column.
    """
    rng = b.rng
    top = b.furniture_material()
    legs = top if rng.random() < 0.7 else b.furniture_material()
    t, style = rng.uniform(0.03, 0.05), rng.integers(5)
    if rng.random() < 0.25:
        height, width, depth = (
            rng.uniform(0.36, 0.48),
            rng.uniform(0.9, 1.3),
            rng.uniform(0.5, 0.7),
        )
    else:
        height, width, depth = (
            rng.uniform(0.7, 0.78),
            rng.uniform(1.1, 1.9),
            rng.uniform(0.7, 0.95),
        )
    under = height - t
    if style == 0:
        width = depth = rng.uniform(0.9, 1.25)
        b.cylinder(width / 2, t, 0, 0, under, top)
        b.cylinder(0.05, height, 0, 0, 0, legs)
        b.cylinder(width * 0.25, 0.03, 0, 0, 0, legs)
    else:
        b.box((width, depth, t), 0, 0, under, top)
        k = rng.uniform(0.05, 0.08)
        if style == 1:
            for side in SIDES:
                b.box((0.05, depth * 0.9, under), side * (width / 2 - 0.08), 0, 0, legs)
        else:
            if style == 2:
                b.box((width - 2 * k, depth - 2 * k, 0.08), 0, 0, under - 0.08, legs)
            for side, end in CORNERS:
                x, y = side * (width / 2 - k), end * (depth / 2 - k)
                if style < 4:
                    b.box((k, k, under), x, y, 0, legs)
                else:
                    b.cylinder(k / 2, under, x, y, 0, legs)
    b.surface(width * 0.85, depth * 0.85, height)
    return width, depth, height


def pillow(b: Builder, x: float, y: float, z: float, lying: bool) -> None:
    """A pillow as an instance of its own, placed in the frame of the current one."""
    owner = b.current
    position, yaw = b.to_world(x, y, z), b.instances[owner].yaw
    b.begin("pillow", position, yaw)
    q = b.rng.uniform(0.17, 0.24)
    if lying:
        b.add("ellipsoid", (q * 1.4, q, 0.08), (0, 0, 0), b.cloth_material())
    else:
        b.add("ellipsoid", (q, q, 0.07), (0, 0, 0), b.cloth_material(), ((1, 0, 0), pi / 2 + 0.35))
    b.current = owner


def sofa(b: Builder) -> Vector:
    """Base, seat and back cushions, arms; up to two pillows."""
    rng = b.rng
    width, depth = rng.uniform(1.3, 2.3), rng.uniform(0.75, 1.0)
    cover = b.cloth_material()
    seat, height, arm = rng.uniform(0.35, 0.48), rng.uniform(0.7, 0.95), rng.uniform(0.1, 0.25)
    b.box((width, depth, seat - 0.1), 0, 0, 0.06, cover)
    count = round(width / 0.7)
    each = (width - 2 * arm) / count
    cushion = cover if rng.random() < 0.6 else b.cloth_material()
    for k in range(count):
        x = -width / 2 + arm + each * (k + 0.5)
        b.box((each * 0.97, depth * 0.75, 0.16), x, depth * 0.08, seat - 0.08, cushion)
        b.box(
            (each * 0.95, 0.16, height - seat),
            x,
            -depth / 2 + 0.25,
            seat,
            cushion,
            ((1, 0, 0), 0.15),
        )
    b.box((width, 0.18, height), 0, -depth / 2 + 0.09, 0.05, cover)
    for side in SIDES:
        x = side * (width / 2 - arm / 2)
        if rng.random() < 0.7:
            b.box((arm, depth, seat + 0.18), x, 0, 0.04, cover)
        else:
            size = (arm / 2, depth / 2 - arm / 2)
            b.add("capsule", size, (x, 0, seat + 0.12), cover, ((1, 0, 0), pi / 2))
    for _ in range(rng.integers(0, 3)):
        x = rng.uniform(-width / 2 + arm + 0.2, width / 2 - arm - 0.2)
        pillow(b, x, -depth * 0.1, seat + 0.25, lying=False)
    return width, depth, height


def bed(b: Builder) -> Vector:
    """Frame, mattress, blanket over part of it, headboard, one or two pillows."""
    rng = b.rng
    width, depth = rng.uniform(0.9, 1.8), rng.uniform(1.85, 2.1)
    frame, blanket = b.furniture_material(), b.cloth_material()
    sheet = b.material(palette.any_colour(rng, (0, 0.25), (0.65, 0.93)), "fabric", specular=0.0)
    base, covered = rng.uniform(0.2, 0.35), rng.uniform(0.4, 0.75)
    b.box((width, depth, base), 0, 0, 0.03, frame)
    b.box((width * 0.97, depth * 0.97, 0.2), 0, 0, base, sheet)
    b.box((width, depth * covered, 0.1), 0, depth / 2 - depth * covered / 2, base + 0.13, blanket)
    b.box((width, 0.06, rng.uniform(0.7, 1.2)), 0, -depth / 2 - 0.03, 0, frame)
    count = 1 if width < 1.2 else 2
    for k in range(count):
        pillow(b, (k - (count - 1) / 2) * width * 0.45, -depth / 2 + 0.3, base + 0.27, lying=True)
    return width, depth + 0.06, base + 0.5


def bookshelf(b: Builder) -> Vector:
    """An open case with three to five shelves and rows of books."""
    rng = b.rng
    width, depth, height = rng.uniform(0.6, 1.3), rng.uniform(0.25, 0.4), rng.uniform(1.0, 2.1)
    board, t, shelves = b.furniture_material(), 0.03, int(rng.integers(3, 6))
    pitch = (height - t) / shelves
    for side in SIDES:
        b.box((t, depth, height), side * (width / 2 - t / 2), 0, 0, board)
    b.box((width, t, height), 0, -depth / 2 + t / 2, 0, board)
    for k in range(shelves + 1):
        b.box((width, depth, t), 0, 0, k * pitch, board)
    for k in range(shelves):
        if rng.random() < 0.8:
            row = rng.uniform(0.3, 0.95) * (width - 2 * t)
            tall = (height / shelves - t) * rng.uniform(0.55, 0.9)
            x = (width / 2 - t - row / 2) * rng.choice(SIDES) * rng.uniform(0.5, 1)
            b.box(
                (row, depth * 0.7, tall),
                x,
                0,
                k * pitch + t,
                b.material((0.95, 0.95, 0.95), "books"),
            )
    return width, depth, height


def cabinet(b: Builder) -> Vector:
    """A closed front of doors or drawers with knobs: a sideboard or a wardrobe."""
    return _cabinet(b, b.rng.uniform(0.6, 1.9))


def sideboard(b: Builder) -> Vector:
    """A low cabinet, as televisions stand on."""
    return _cabinet(b, b.rng.uniform(0.4, 0.6))


def _cabinet(b: Builder, height: float) -> Vector:
    rng = b.rng
    width, depth = rng.uniform(0.6, 1.5), rng.uniform(0.35, 0.55)
    body = b.furniture_material()
    front = body if rng.random() < 0.5 else b.furniture_material()
    knob = b.material(palette.any_colour(rng, (0, 0.3), (0.1, 0.9)))
    b.box((width, depth, height), 0, 0, 0.03, body)
    columns = int(rng.integers(1, 4))
    rows = 1 if rng.random() < 0.5 else int(rng.integers(2, 5))
    w, h = width / columns, height / rows
    for i in range(columns):
        for j in range(rows):
            x = -width / 2 + w * (i + 0.5)
            b.box((w * 0.92, 0.02, h * 0.92), x, depth / 2 + 0.01, 0.03 + h * (j + 0.04), front)
            b.add("sphere", (0.018,), (x, depth / 2 + 0.03, 0.03 + h * (j + 0.5)), knob)
    if height < 1.3:
        b.surface(width * 0.8, depth * 0.7, height + 0.03)
    return width, depth, height


def floor_lamp(b: Builder) -> Vector:
    """Foot, pole and shade, as tall as a person."""
    return _lamp(b, b.rng.uniform(1.2, 1.75), 1.0)


def table_lamp(b: Builder) -> Vector:
    """The same, for a table."""
    return _lamp(b, b.rng.uniform(0.3, 0.55), 0.6)


def _lamp(b: Builder, height: float, scale: float) -> Vector:
    rng = b.rng
    metal = b.material(palette.any_colour(rng, (0, 0.6), (0.05, 0.8)))
    glow = palette.hsv(rng.uniform(0.05, 0.17), rng.uniform(0, 0.45), 0.92)
    shade = b.material(glow, emission=rng.uniform(0.15, 0.6))
    b.cylinder(0.14 * scale, 0.03, 0, 0, 0, metal)
    b.cylinder(0.015, height, 0, 0, 0, metal)
    style, radius = rng.integers(3), rng.uniform(0.13, 0.22) * scale
    if style == 0:
        b.cylinder(radius, radius * 1.5, 0, 0, height - radius * 0.6, shade)
    elif style == 1:
        b.add("sphere", (radius * 0.9,), (0, 0, height + radius * 0.5), shade)
    else:
        for k in range(5):
            b.cylinder(
                radius * (1 - 0.13 * k),
                radius * 0.3,
                0,
                0,
                height + radius * (0.3 * k - 0.6),
                shade,
            )
    return 0.35 * scale, 0.35 * scale, height


def plant(b: Builder) -> Vector:
    """A potted plant that stands on the floor."""
    return _plant(b, 1.0)


def small_plant(b: Builder) -> Vector:
    """A potted plant for a table."""
    return _plant(b, 0.5)


def _plant(b: Builder, scale: float) -> Vector:
    rng = b.rng
    q = scale * rng.uniform(0.8, 1.3)
    pot = b.material(palette.furniture_paint(rng), str(rng.choice(["plaster", "wood", "marble"])))
    green = palette.hsv(rng.uniform(0.2, 0.42), rng.uniform(0.4, 0.9), rng.uniform(0.3, 0.9))
    leaf, stem = b.material(green, "leaf", specular=0.1), b.material((0.25, 0.2, 0.1))
    b.cylinder(0.15 * q, 0.25 * q, 0, 0, 0, pot)
    style, height = rng.integers(3), rng.uniform(0.35, 0.8) * q
    if style == 0:
        b.cylinder(0.02 * q, height, 0, 0, 0.2 * q, stem)
        for _ in range(7):
            x, y, z = rng.normal(0, 0.12 * q, 3)
            b.add(
                "ellipsoid",
                tuple(rng.uniform(0.08, 0.2, 3) * q),
                (x, y, 0.25 * q + height + z),
                leaf,
            )
    elif style == 1:
        for k in range(12):
            a, lean, length = k * 2.4, rng.uniform(0.2, 0.9), rng.uniform(0.2, 0.4) * q
            reach = length * sin(lean)
            at = (sin(a) * reach, cos(a) * reach, 0.25 * q + length * cos(lean))
            b.add("ellipsoid", (0.04 * q, 0.012, length), at, leaf, ((cos(a), -sin(a), 0), -lean))
    else:
        for k in range(4):
            r = 0.22 * q * (1 - 0.2 * k)
            b.add("ellipsoid", (r, r, 0.14 * q), (0, 0, 0.35 * q + k * 0.17 * q), leaf)
    return 0.4 * q, 0.4 * q, 0.25 * q + height
