# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Colours and letters of the demo's picture."""

import functools

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Colour = tuple[int, int, int]

BACKGROUND: Colour = (13, 17, 23)
GROUND: Colour = (20, 26, 34)
GRID: Colour = (38, 47, 58)
TEXT: Colour = (235, 239, 244)
MUTED: Colour = (139, 150, 163)
LABEL: Colour = (16, 18, 20)
"""Letters on an accent."""
TRUTH: Colour = (255, 255, 255)
MISSING: Colour = (255, 120, 104)
_ACCENTS: tuple[Colour, ...] = ((255, 186, 59), (84, 210, 235), (255, 128, 178), (150, 226, 116))
_PADDING = (7, 4)


def accent(index: int) -> Colour:
    """The colour of the query with this index."""
    return _ACCENTS[index % len(_ACCENTS)]


@functools.cache
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """Letters that come with Pillow, so that every machine draws the same."""
    return ImageFont.load_default(size)


def printable(words: str) -> str:
    """What the font can show: Latin letters; others become "?"."""
    return words.encode("latin-1", "replace").decode("latin-1")


def text_size(words: str, size: int) -> tuple[int, int]:
    """Columns and rows of a line of text, as high as the font."""
    left, _, right, _ = font(size).getbbox(printable(words))
    return int(right - left), int(size * 1.2)


def text(
    panel: np.ndarray,
    words: str,
    at: tuple[int, int],
    size: int,
    colour: Colour,
    background: Colour | None = None,
) -> None:
    """Write into uint8 [h, w, 3] with the upper left corner at a pixel, on a plate if a
    background is given; moved to stay inside."""
    width, height = text_size(words, size)
    pad_x, pad_y = _PADDING if background else (0, 0)
    box = (width + 2 * pad_x, height + 2 * pad_y)
    column = max(0, min(at[0], panel.shape[1] - box[0]))
    row = max(0, min(at[1], panel.shape[0] - box[1]))
    patch = panel[row : row + box[1], column : column + box[0]]
    if not patch.size:
        return
    image = Image.fromarray(patch)
    draw = ImageDraw.Draw(image)
    if background:
        draw.rounded_rectangle((0, 0, box[0] - 1, box[1] - 1), 5, background)
    draw.text((pad_x, pad_y + height / 2), printable(words), colour, font(size), anchor="lm")
    patch[:] = np.asarray(image)
