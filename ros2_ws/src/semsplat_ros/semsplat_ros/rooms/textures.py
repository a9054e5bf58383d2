# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Procedural textures by seed: wood, cloth, tiles, pictures, screens, books, window views."""

import io
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.random import Generator
from PIL import Image

from semsplat_ros.rooms import palette

Array = np.ndarray
FINE = frozenset({"art", "view", "books", "tile", "brick"})
COUNTS = {
    "wood": 30,
    "fabric": 24,
    "stripes": 24,
    "check": 12,
    "tile": 24,
    "brick": 10,
    "plaster": 24,
    "marble": 14,
    "dots": 14,
    "plaid": 24,
    "art": 80,
    "screen": 30,
    "books": 40,
    "view": 40,
    "leaf": 12,
}
"""How many textures of each kind a bank holds."""


def noise(rng: Generator, size: int, octaves: tuple[int, ...], stretch_x: float = 1.0) -> Array:
    """Tileable value noise [size, size] in 0..1: smooth random grids of the given cell counts,
    summed.
    """
    total = np.zeros((size, size), np.float32)
    amplitude, weight = 1.0, 0.0
    for octave in octaves:
        rows, columns = max(2, octave), max(2, int(octave * stretch_x))
        grid = rng.random((rows, columns), np.float32)
        y, x = (np.linspace(0, n, size, endpoint=False) for n in (rows, columns))
        y0, x0 = y.astype(int), x.astype(int)
        fy, fx = ((f * f * (3 - 2 * f)) for f in (y - y0, x - x0))
        across = grid[:, x0] * (1 - fx) + grid[:, (x0 + 1) % columns] * fx
        total += amplitude * (
            across[y0] * (1 - fy)[:, None] + across[(y0 + 1) % rows] * fy[:, None]
        )
        weight += amplitude
        amplitude *= 0.55
    return total / weight


def mix(t: Array, low: Array | float, high: Array | float) -> Array:
    """Colour from `low` at t = 0 to `high` at t = 1; t [h, w] -> [h, w, 3]."""
    low, high = np.broadcast_to(low, 3), np.broadcast_to(high, 3)
    return low * (1 - t[..., None]) + high * t[..., None]


def _wood(rng: Generator, x: Array, y: Array) -> Array:
    grain = np.clip((noise(rng, len(x), (3, 8, 24, 60), 0.25) - 0.5) * 1.8 + 0.5, 0, 1)
    planks = int(rng.integers(2, 7))
    shade = rng.uniform(0.75, 1, planks)[(y * planks).astype(int)]
    seam = np.where((y * planks) % 1 < 0.02, 0.6, 1.0)
    return mix(grain, 0.6, 1.0) * (shade * seam)[..., None]


def _fabric(rng: Generator, x: Array, y: Array) -> Array:
    n = len(x)
    weave = 0.5 + 0.25 * np.sin(x * n * 0.9) + 0.25 * np.sin(y * n * 0.9)
    return mix(0.5 * noise(rng, n, (4, 16, 64)) + 0.5 * weave, 0.65, 1.0)


def _stripes(rng: Generator, x: Array, y: Array) -> Array:
    along = x if rng.random() < 0.5 else y
    stripe = (along * rng.integers(3, 14) % 1 > rng.uniform(0.3, 0.7)).astype(np.float32)
    return mix(stripe, palette.any_colour(rng, (0, 0.6), (0.4, 1)), 1.0)


def _check(rng: Generator, x: Array, y: Array) -> Array:
    k = rng.integers(2, 8)
    field = ((x * k).astype(int) + (y * k).astype(int)) % 2
    return mix(field.astype(np.float32), palette.any_colour(rng, (0, 0.5), (0.3, 1)), 1.0)


def _tile(rng: Generator, x: Array, y: Array) -> Array:
    k = int(rng.integers(2, 7))
    shade = rng.uniform(0.8, 1, (k, k))[(y * k).astype(int), (x * k).astype(int)]
    image = mix(shade * (0.85 + 0.15 * noise(rng, len(x), (8, 32))), 0.0, 1.0)
    image[(x * k % 1 < 0.05) | (y * k % 1 < 0.05)] = rng.uniform(0.4, 0.9)
    return image


def _brick(rng: Generator, x: Array, y: Array) -> Array:
    k = int(rng.integers(4, 10))
    row = (y * k).astype(int)
    column = x * k / 2 + 0.5 * (row % 2)
    image = mix(rng.uniform(0.65, 1, (k, k + 2))[row, column.astype(int)], 0.0, 1.0)
    image[(y * k % 1 < 0.1) | (column % 1 < 0.05)] = 0.85
    return image


def _plaster(rng: Generator, x: Array, y: Array) -> Array:
    return mix(noise(rng, len(x), (3, 9, 40, 90)), 0.82, 1.0)


def _marble(rng: Generator, x: Array, y: Array) -> Array:
    return mix(np.abs(np.sin(x * 6 + 8 * noise(rng, len(x), (3, 7, 20)))) ** 0.4, 0.6, 1.0)


def _dots(rng: Generator, x: Array, y: Array) -> Array:
    k = rng.integers(4, 10)
    distance = np.hypot(x * k % 1 - 0.5, y * k % 1 - 0.5)
    return mix(
        (distance < rng.uniform(0.15, 0.4)).astype(np.float32), 1.0, palette.any_colour(rng)
    )


def _plaid(rng: Generator, x: Array, y: Array) -> Array:
    k = rng.integers(2, 6)
    image = np.ones((*x.shape, 3)) * palette.any_colour(rng, (0.1, 0.7), (0.5, 1))
    colour = palette.any_colour(rng)
    for along in (x, y):
        band = (along * k % 1) < rng.uniform(0.2, 0.5)
        image = mix(band * np.float32(0.5), 1.0, colour) * image
    return image


def _art(rng: Generator, x: Array, y: Array) -> Array:
    ground = y if rng.random() < 0.5 else noise(rng, len(x), (2, 5))
    image = mix(ground, palette.any_colour(rng), palette.any_colour(rng))
    for _ in range(rng.integers(2, 9)):
        colour = palette.any_colour(rng, (0, 1))
        cx, cy, a, b = rng.random(4)
        if rng.random() < 0.5:
            shape = np.hypot((x - cx) / (a * 0.4 + 0.05), (y - cy) / (b * 0.4 + 0.05)) < 1
        else:
            shape = (abs(x - cx) < a * 0.3) & (abs(y - cy) < b * 0.3)
        image[shape] = colour
    return image * (0.9 + 0.1 * noise(rng, len(x), (30,)))[..., None]


def _screen(rng: Generator, x: Array, y: Array) -> Array:
    image = np.ones((*x.shape, 3)) * palette.any_colour(rng, (0, 0.7), (0.02, 0.35))
    for _ in range(rng.integers(0, 7)):
        cx, cy = rng.random(2)
        width, height = rng.uniform(0.1, 0.5, 2)
        window = (abs(x - cx) < width / 2) & (abs(y - cy) < height / 2)
        image[window] = palette.any_colour(rng, (0, 0.9), (0.2, 1))
    return image


def _books(rng: Generator, x: Array, y: Array) -> Array:
    n = len(x)
    image = np.zeros((n, n, 3))
    rows = int(rng.integers(1, 3))
    for row in range(rows):
        column = 0
        while column < n:
            width = int(rng.integers(4, 14))
            top, bottom = int((row + 1 - rng.uniform(0.7, 0.97)) * n / rows), (row + 1) * n // rows
            image[top:bottom, column : column + width] = palette.any_colour(
                rng, (0, 0.9), (0.2, 0.95)
            )
            image[top:bottom, column : column + 1] *= 0.4
            column += width
    return image


def _view(rng: Generator, x: Array, y: Array) -> Array:
    n = len(x)
    horizon = rng.uniform(0.4, 0.7) + 0.06 * noise(rng, n, (4, 9))[0][None]
    sky = mix(y, palette.any_colour(rng, (0.1, 0.5), (0.7, 1)) * np.array([0.7, 0.85, 1.0]), 1.0)
    ground = palette.hsv(rng.uniform(0.15, 0.4), rng.uniform(0.1, 0.6), rng.uniform(0.2, 0.7))
    ground = ground * (0.7 + 0.6 * noise(rng, n, (8, 30))[..., None])
    image = np.where((y > horizon)[..., None], ground, sky)
    bars = abs(x - 0.5) < 0.02
    if rng.random() < 0.7:
        bars |= abs(y - 0.5) < 0.02
    image[bars] = 0.95
    return image


def _leaf(rng: Generator, x: Array, y: Array) -> Array:
    return mix(noise(rng, len(x), (6, 20, 50)), 0.35, 1.0)


PAINTERS: dict[str, Callable[[Generator, Array, Array], Array]] = {
    "wood": _wood,
    "fabric": _fabric,
    "stripes": _stripes,
    "check": _check,
    "tile": _tile,
    "brick": _brick,
    "plaster": _plaster,
    "marble": _marble,
    "dots": _dots,
    "plaid": _plaid,
    "art": _art,
    "screen": _screen,
    "books": _books,
    "view": _view,
    "leaf": _leaf,
}


@lru_cache(maxsize=2048)
def texture_png(bank: int, kind: str, index: int) -> bytes:
    """PNG file of one texture: square RGB, the same bytes for the same arguments.

    Args:
        bank: which set of textures; sets have no texture in common.
        kind: a key of :data:`COUNTS`.
        index: 0 <= index < COUNTS[kind].
    """
    size = 256 if kind in FINE else 128  # powers of two: others are slow to upload
    rng = np.random.default_rng([bank, list(COUNTS).index(kind), index])
    y, x = np.mgrid[0:size, 0:size].astype(np.float32) / size
    pixels = (np.clip(PAINTERS[kind](rng, x, y), 0, 1) * 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()
