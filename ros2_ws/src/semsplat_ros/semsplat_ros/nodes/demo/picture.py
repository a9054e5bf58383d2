# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The demo's picture: both views, the instances, what was found, and the room from above."""

import cv2
import numpy as np
from PIL import Image

from semsplat_ros.nodes.demo import theme
from semsplat_ros.nodes.demo.scene_view import SceneView
from semsplat_ros.nodes.demo.theme import text
from semsplat_ros.nodes.demo.top_view import top_view
from semsplat_ros.objects.colours import label_colour

WIDTH, HEIGHT = 1680, 1062
MARGIN, GAP = 28, 16
HEADER = 124
LEGEND = 56
LARGE = (800, 600)
SMALL = (392, 294)
MAX_LINES = 3
UNLABELLED = 1000


def draw(view: SceneView) -> Image.Image:
    """The picture, RGB, :data:`WIDTH` x :data:`HEIGHT`."""
    canvas = np.full((HEIGHT, WIDTH, 3), theme.BACKGROUND, np.uint8)
    _header(canvas, view)
    left = _outlined(_tinted(view.left, view), view, side=0)
    _place(canvas, left, (MARGIN, HEADER), LARGE, "left camera: instances, and what was found")
    below = HEADER + LARGE[1] + GAP
    right = _outlined(view.right.copy(), view, side=1)
    _place(canvas, right, (MARGIN, below), SMALL, "right camera")
    mask = _mask_picture(view)
    _place(canvas, mask, (MARGIN + SMALL[0] + GAP, below), SMALL, "instance mask")
    column = MARGIN + LARGE[0] + GAP
    size = (WIDTH - MARGIN - column, below + SMALL[1] - HEADER - LEGEND)
    _place(canvas, top_view(view, size[1], size[0]), (column, HEADER), size, "from above")
    _legend(canvas, view, column, HEADER + size[1])
    return Image.fromarray(canvas)


def _header(canvas: np.ndarray, view: SceneView) -> None:
    text(canvas, "semsplat", (MARGIN, 18), 19, theme.MUTED)
    room = f"room {view.seed}"
    right = WIDTH - MARGIN - theme.text_size(room, 19)[0]
    text(canvas, room, (right, 18), 19, theme.MUTED)
    shown = view.targets[:MAX_LINES]
    size = 34 if len(shown) == 1 else 21
    row = 52
    for index, target in enumerate(shown):
        colour = theme.accent(index) if target.found else theme.MISSING
        score = f"   score {target.label.rpartition(' ')[2]}" if target.found else ""
        line = f"{target.outcome}{score}"
        if len(shown) == 1:
            text(canvas, f'"{target.text}"', (MARGIN + 110, 18), 19, theme.TEXT)
        text(canvas, line, (MARGIN, row), _fitting(line, size), colour)
        row += 24


def _fitting(line: str, size: int) -> int:
    """The size at which a line fits into the canvas."""
    while size > 12 and theme.text_size(line, size)[0] > WIDTH - 2 * MARGIN:
        size -= 1
    return size


def _place(
    canvas: np.ndarray, picture: np.ndarray, at: tuple[int, int], size: tuple[int, int], name: str
) -> None:
    """Fit a picture into a cell of (columns, rows) at a pixel, and name it."""
    height, width = picture.shape[:2]
    scale = min(size[0] / width, size[1] / height)
    fitted = (round(width * scale), round(height * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    column, row = at[0] + (size[0] - fitted[0]) // 2, at[1] + (size[1] - fitted[1]) // 2
    cell = canvas[row : row + fitted[1], column : column + fitted[0]]
    cell[:] = cv2.resize(picture, fitted, interpolation=method) if scale != 1 else picture
    text(cell, name, (10, 10), 15, theme.TEXT, theme.BACKGROUND)


def _colour_of(view: SceneView, instance: int) -> theme.Colour:
    label_id = view.instances.get(instance, ("", 0))[1]
    return label_colour(label_id or UNLABELLED + instance)


def _tinted(picture: np.ndarray, view: SceneView) -> np.ndarray:
    """Every instance in the colour of its label, thinly."""
    out = picture.copy()
    for instance in view.instances:
        area = view.mask == instance
        colour = np.array(_colour_of(view, instance), np.float32)
        out[area] = (out[area] * 0.72 + colour * 0.28).astype(np.uint8)
        edges, _ = cv2.findContours(area.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(out, edges, -1, colour.tolist(), 1, cv2.LINE_AA)
    return out


def _outlined(picture: np.ndarray, view: SceneView, side: int) -> np.ndarray:
    """What was found, with a bright edge and its score."""
    out = picture
    for index, target in enumerate(view.targets):
        area = target.masks[side]
        if not area.any():
            continue
        edges, _ = cv2.findContours(
            area.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
        )
        cv2.drawContours(out, edges, -1, theme.BACKGROUND, 5, cv2.LINE_AA)
        cv2.drawContours(out, edges, -1, theme.accent(index), 3, cv2.LINE_AA)
        rows, columns = np.nonzero(area)
        at = (int(columns.min()), int(rows.min()) - 30)
        text(out, target.label, at, 17, theme.LABEL, theme.accent(index))
    return out


def _mask_picture(view: SceneView) -> np.ndarray:
    """Instances as flat areas with a dark edge, the larger ones with their names."""
    out = np.full_like(view.left, theme.GROUND)
    areas = {instance: view.mask == instance for instance in view.instances}
    for instance, area in areas.items():
        out[area] = _colour_of(view, instance)
    for area in areas.values():
        edges, _ = cv2.findContours(area.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
        cv2.drawContours(out, edges, -1, theme.GROUND, 2)
    taken: list[tuple[int, int, int, int]] = []
    for instance in sorted(areas, key=lambda instance: -int(areas[instance].sum())):
        name = view.instances[instance][0]
        rows, columns = np.nonzero(areas[instance])
        if not name or len(rows) < out.shape[0] * out.shape[1] * 0.004:
            continue
        width, height = theme.text_size(name, 22)
        x, y = int(np.median(columns)) - width // 2 - 7, int(np.median(rows)) - height // 2
        box = (x, y, x + width + 14, y + height + 8)
        if any(box[0] < b[2] and b[0] < box[2] and box[1] < b[3] and b[1] < box[3] for b in taken):
            continue  # of two names in one place the larger thing's stays
        taken.append(box)
        text(out, name, (x, y), 22, theme.TEXT, theme.BACKGROUND)
    return out


def _legend(canvas: np.ndarray, view: SceneView, column: int, row: int) -> None:
    """What the signs of the top view mean."""
    strip = canvas[row : row + LEGEND, column : WIDTH - MARGIN]
    strip[:] = theme.GROUND
    cv2.line(strip, (0, 0), (strip.shape[1], 0), theme.GRID, 1)
    middle = LEGEND // 2
    found = [index for index, target in enumerate(view.targets) if target.found]
    colour = theme.accent(found[0]) if found else theme.MUTED
    entries = [("camera", "camera"), ("box", "found"), ("goal", "where to stand")]
    if not found:
        entries = [("camera", "camera")]
    if any(target.truth for target in view.targets):
        entries.append(("truth", "true box (simulator)"))
    entries.append(("", "grid: 1 m"))
    at = 18
    for sign, words in entries:
        _sign(strip, sign, (at, middle), colour)
        at += 34 if sign else 0
        text(strip, words, (at, middle - 10), 16, theme.TEXT)
        at += theme.text_size(words, 16)[0] + 28


def _sign(strip: np.ndarray, sign: str, at: tuple[int, int], colour: theme.Colour) -> None:
    x, y = at
    if sign == "camera":
        shape = np.array([[12, -11], [21, 10], [12, 5], [3, 10]]) + (x, y)
        cv2.fillPoly(strip, [shape.astype(np.int32)], theme.TEXT, cv2.LINE_AA)
    elif sign == "box":
        cv2.rectangle(strip, (x + 2, y - 8), (x + 24, y + 8), colour, 3, cv2.LINE_AA)
    elif sign == "goal":
        cv2.circle(strip, (x + 9, y), 8, colour, 3, cv2.LINE_AA)
        cv2.arrowedLine(strip, (x + 9, y), (x + 28, y), colour, 2, cv2.LINE_AA, tipLength=0.4)
    elif sign == "truth":
        for start in (2, 14):
            for edge in (-8, 8):
                cv2.line(strip, (x + start, y + edge), (x + start + 7, y + edge), theme.TRUTH, 2)
        cv2.line(strip, (x + 2, y - 5), (x + 2, y + 5), theme.TRUTH, 2)
        cv2.line(strip, (x + 24, y - 5), (x + 24, y + 5), theme.TRUTH, 2)
