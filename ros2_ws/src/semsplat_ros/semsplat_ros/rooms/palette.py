# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Colours that rooms are painted in, drawn from a random generator; RGB in 0..1."""

import colorsys

import numpy as np
from numpy.random import Generator

Range = tuple[float, float]


def hsv(hue: float, saturation: float, value: float) -> np.ndarray:
    """RGB of a hue, saturation and value, each 0..1."""
    return np.array(colorsys.hsv_to_rgb(hue % 1.0, saturation, value), np.float32)


def any_colour(
    rng: Generator, saturation: Range = (0, 0.8), value: Range = (0.25, 0.95)
) -> np.ndarray:
    """Any hue, saturation and value in the given ranges."""
    return hsv(rng.random(), rng.uniform(*saturation), rng.uniform(*value))


def wood(rng: Generator) -> np.ndarray:
    """From pale birch to dark walnut."""
    return hsv(rng.uniform(0.04, 0.11), rng.uniform(0.2, 0.65), rng.uniform(0.25, 0.88))


def wall_paint(rng: Generator) -> np.ndarray:
    """Mostly light and pale; one wall in eight strong."""
    if rng.random() < 0.12:
        return hsv(rng.random(), rng.uniform(0.2, 0.5), rng.uniform(0.5, 0.9))
    hue = [rng.uniform(0.05, 0.16), rng.random(), rng.uniform(0.5, 0.65)][rng.integers(3)]
    return hsv(hue, rng.uniform(0, 0.16), rng.uniform(0.66, 0.93))


def furniture_paint(rng: Generator) -> np.ndarray:
    """White, grey or black; some muted colours."""
    kind = rng.random()
    if kind < 0.45:
        return hsv(rng.random(), rng.uniform(0, 0.08), rng.uniform(0.7, 0.95))
    if kind < 0.7:
        return hsv(rng.random(), rng.uniform(0, 0.12), rng.uniform(0.15, 0.6))
    return hsv(rng.random(), rng.uniform(0.2, 0.6), rng.uniform(0.35, 0.9))


def cloth(rng: Generator) -> np.ndarray:
    """Beige and brown, grey and blue, muted, and now and then bright."""
    kind = rng.random()
    if kind < 0.35:
        return hsv(rng.uniform(0.05, 0.13), rng.uniform(0.08, 0.45), rng.uniform(0.35, 0.88))
    if kind < 0.65:
        return hsv(rng.uniform(0.5, 0.68), rng.uniform(0.05, 0.55), rng.uniform(0.25, 0.8))
    if kind < 0.9:
        return hsv(rng.random(), rng.uniform(0.1, 0.55), rng.uniform(0.35, 0.85))
    return any_colour(rng, (0.4, 0.9), (0.3, 0.95))
