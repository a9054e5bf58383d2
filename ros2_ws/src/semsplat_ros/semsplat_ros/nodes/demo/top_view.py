# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The cloud from above, with metres, the camera, what was found and where to stand."""

from math import ceil, floor

import cv2
import numpy as np

from semsplat_ros.nodes.demo.scene_view import SceneView, Target
from semsplat_ros.nodes.demo.theme import GRID, GROUND, LABEL, MUTED, TEXT, TRUTH, accent, text

CEILING = 2.1
"""Metres above the floor: what is higher would hide the room."""
BEHIND = 0.7
"""Metres behind the camera that are shown."""
_ALL_CORNERS = np.array(np.meshgrid(*[[-0.5, 0.5]] * 3)).T.reshape(-1, 3)
_SUBPIXEL = 4


class Ground:
    """Metres on the floor, right of and ahead of the camera, as pixels of a panel.

    Args:
        view: gives the camera's pose.
        height: rows of the panel.
        width: columns of it.
    """

    def __init__(self, view: SceneView, height: int, width: int) -> None:
        self._pose = view.world_from_left
        ahead = self._pose[:2, 2] / np.linalg.norm(self._pose[:2, 2])
        self._right_ahead = np.array([[ahead[1], -ahead[0]], ahead])
        self.height, self.width = height, width
        ground = self.from_camera(view.points)[:, 1] if len(view.points) else np.array([3.0])
        boxes = [self.corners(t.center, t.size)[:, 1].max() for t in view.targets if t.found]
        reach = max([float(np.quantile(ground, 0.98)), *boxes]) + 0.4
        self.reach = min(max(reach, 2.5), 9.0)
        self.scale = height / (self.reach + BEHIND)

    def from_world(self, points: np.ndarray) -> np.ndarray:
        """[n, 3] in the room -> [n, 2] metres right of and ahead of the camera."""
        return (points[:, :2] - self._pose[:2, 3]) @ self._right_ahead.T

    def from_camera(self, points: np.ndarray) -> np.ndarray:
        """[n, 3] in the left camera -> [n, 2] metres right of and ahead of it."""
        return self.from_world(self.to_world(points))

    def to_world(self, points: np.ndarray) -> np.ndarray:
        """[n, 3] in the left camera -> in the room."""
        return points @ self._pose[:3, :3].T + self._pose[:3, 3]

    def corners(self, center: np.ndarray, size: np.ndarray) -> np.ndarray:
        """The eight corners of a box of the left camera's frame, on the ground [8, 2]."""
        return self.from_camera(center + _ALL_CORNERS * size)

    def pixels(self, ground: np.ndarray) -> np.ndarray:
        """[n, 2] metres -> [n, 2] columns and rows."""
        column = self.width / 2 + ground[:, 0] * self.scale
        row = self.height - (ground[:, 1] + BEHIND) * self.scale
        return np.stack([column, row], -1)


def top_view(view: SceneView, height: int, width: int) -> np.ndarray:
    """A panel, uint8 [height, width, 3]."""
    ground = Ground(view, height, width)
    panel = np.full((height, width, 3), GROUND, np.uint8)
    _grid(panel, ground)
    _cone(panel, ground, view.focal_share)
    _cloud(panel, ground, view)
    for index, target in enumerate(view.targets):
        for center, size in target.truth:
            _dashed(panel, _hull(ground, center, size), TRUTH)
        if target.found:
            _target(panel, ground, target, accent(index))
    _camera(panel, ground)
    _distances(panel, ground)
    return panel


def _grid(panel: np.ndarray, ground: Ground) -> None:
    side = ground.width / 2 / ground.scale
    for metre in range(floor(-BEHIND), ceil(ground.reach) + 1):
        row = int(ground.pixels(np.array([[0.0, metre]]))[0, 1])
        cv2.line(panel, (0, row), (ground.width, row), GRID, 1)
    for metre in range(-floor(side), floor(side) + 1):
        column = int(ground.pixels(np.array([[metre, 0.0]]))[0, 0])
        cv2.line(panel, (column, 0), (column, ground.height), GRID, 1)


def _distances(panel: np.ndarray, ground: Ground) -> None:
    for metre in range(1, ceil(ground.reach)):
        row = int(ground.pixels(np.array([[0.0, metre]]))[0, 1])
        text(panel, f"{metre} m", (10, row - 20), 15, MUTED)


def _cone(panel: np.ndarray, ground: Ground, tangent: float) -> None:
    """What the left camera can see."""
    far = ground.reach + 1.0
    edge = np.array([[0.0, 0.0], [-tangent * far, far], [tangent * far, far]])
    corners = ground.pixels(edge).astype(np.int32)
    lit = panel.copy()
    cv2.fillConvexPoly(lit, corners, (46, 56, 68), cv2.LINE_AA)
    panel[:] = cv2.addWeighted(lit, 0.55, panel, 0.45, 0)
    for corner in corners[1:]:
        cv2.line(
            panel, tuple(map(int, corners[0])), tuple(map(int, corner)), MUTED, 1, cv2.LINE_AA
        )


def _cloud(panel: np.ndarray, ground: Ground, view: SceneView) -> None:
    """Points in their colours; the higher one hides the lower one."""
    if not len(view.points):
        return
    world = ground.to_world(view.points)
    shown = world[:, 2] < CEILING
    order = np.argsort(world[shown, 2], kind="stable")
    columns, rows = ground.pixels(ground.from_world(world[shown][order])).astype(int).T
    colours = view.colours[shown][order]
    size = 2 if ground.scale < 90 else 3
    for dy in range(size):
        for dx in range(size):
            x, y = columns + dx, rows + dy
            inside = (x >= 0) & (x < ground.width) & (y >= 0) & (y < ground.height)
            panel[y[inside], x[inside]] = colours[inside]


def _hull(ground: Ground, center: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Outline [k, 2] of a box seen from above, in pixels."""
    corners = ground.pixels(ground.corners(center, size)).astype(np.float32)
    return cv2.convexHull(corners)[:, 0]


def _target(panel: np.ndarray, ground: Ground, target: Target, colour: tuple) -> None:
    hull = _hull(ground, target.center, target.size)
    lit = panel.copy()
    cv2.fillConvexPoly(lit, hull.astype(np.int32), colour, cv2.LINE_AA)
    panel[:] = cv2.addWeighted(lit, 0.28, panel, 0.72, 0)
    _lines(panel, hull, colour, 3, closed=True)
    middle = ground.pixels(ground.from_camera(target.center[None]))[0]
    if target.goal is not None:
        goal = ground.pixels(ground.from_world(target.goal[None]))[0]
        start = ground.pixels(np.zeros((1, 2)))[0]
        _dashed(panel, np.stack([start, goal]), colour, closed=False)
        _stand(panel, goal, middle, colour)
    column, row = int(hull[:, 0].min()), int(hull[:, 1].min()) - 30
    text(panel, target.label, (max(8, column), max(8, row)), 18, LABEL, colour)


def _stand(panel: np.ndarray, goal: np.ndarray, toward: np.ndarray, colour: tuple) -> None:
    """Where a robot should stand, and an arrow to what it should look at."""
    at = tuple(int(round(v)) for v in goal)
    cv2.circle(panel, at, 13, GROUND, -1, cv2.LINE_AA)
    cv2.circle(panel, at, 13, colour, 3, cv2.LINE_AA)
    way = toward - goal
    tip = goal + way / max(float(np.linalg.norm(way)), 1e-6) * 34
    cv2.arrowedLine(
        panel, at, tuple(int(round(v)) for v in tip), colour, 3, cv2.LINE_AA, tipLength=0.4
    )


def _camera(panel: np.ndarray, ground: Ground) -> None:
    column, row = ground.pixels(np.zeros((1, 2)))[0]
    shape = np.array([[0, -16], [12, 12], [0, 5], [-12, 12]]) + (column, row)
    cv2.fillPoly(panel, [shape.astype(np.int32)], TEXT, cv2.LINE_AA)


def _lines(
    panel: np.ndarray, corners: np.ndarray, colour: tuple, thickness: int, closed: bool
) -> None:
    fixed = np.round(corners * 2**_SUBPIXEL).astype(np.int32)
    cv2.polylines(panel, [fixed], closed, colour, thickness, cv2.LINE_AA, _SUBPIXEL)


def _dashed(
    panel: np.ndarray, corners: np.ndarray, colour: tuple, closed: bool = True, dash: float = 9.0
) -> None:
    """A broken line through pixels [k, 2]."""
    ends = np.roll(corners, -1, axis=0) if closed else corners[1:]
    for start, end in zip(corners, ends, strict=False):
        length = float(np.linalg.norm(end - start))
        for at in np.arange(0.0, length, 2 * dash):
            piece = np.array([at, min(at + dash, length)]) / max(length, 1e-6)
            _lines(panel, start + piece[:, None] * (end - start), colour, 2, closed=False)
