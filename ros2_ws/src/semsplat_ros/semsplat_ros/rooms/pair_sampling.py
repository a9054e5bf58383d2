# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Pairs of camera poses in a room as a robot has them: stereo rigs and free moves between two
images.
"""

from dataclasses import dataclass, field
from math import atan2, cos, hypot, pi, radians, sin

import numpy as np
from jaxtyping import Float, Float64
from numpy.random import Generator

from semsplat_ros.rooms.builder import CLASS_ID
from semsplat_ros.rooms.renderer import Frame, RoomRenderer, intrinsics_of

TINY = frozenset(
    CLASS_ID[name]
    for name in (
        *("mug", "bottle", "laptop", "book", "keyboard", "computer mouse", "phone", "radio"),
        *("camera", "clock", "vase", "candle", "bowl", "plate", "glass", "pot", "pan", "kettle"),
        *("toaster", "shoe", "hat", "toy", "fruit", "paper", "towel", "coffee machine"),
    )
)
SMALL = frozenset(
    CLASS_ID[name]
    for name in (
        *("ball", "box", "plant", "trash can", "pillow", "lamp", "microwave", "speaker", "fan"),
        *("printer", "computer monitor", "basket", "bag", "backpack", "suitcase", "umbrella"),
        *("clothes", "fire extinguisher", "cat", "dog", "guitar", "stool", "nightstand"),
    )
)
MEDIUM = frozenset(
    CLASS_ID[name]
    for name in (
        *("chair", "table", "tv", "lamp", "plant", "box", "trash can", "picture", "sofa"),
        *("armchair", "desk", "shelf", "mirror", "curtain", "blinds", "radiator", "oven", "stove"),
        *("refrigerator", "washing machine", "dishwasher", "range hood", "sink", "toilet"),
        *("bathtub", "shower", "air conditioner", "piano", "bicycle", "ladder", "person"),
        *("wardrobe", "chest of drawers", "fireplace", "bench", "something else"),
    )
)
SHELL = frozenset(CLASS_ID[name] for name in ("wall", "floor", "ceiling"))
LEAST_SHARE = {"tiny": 0.0025, "small": 0.002, "medium": 0.006}
"""Share of the first image that the object a pair looks at must fill."""


@dataclass(frozen=True)
class PairLimits:
    """What pairs are drawn from; ranges are uniform. Metres and degrees."""

    fovy: tuple[float, float] = (42.0, 66.0)
    height: tuple[float, float] = (0.4, 1.5)
    pitch: tuple[float, float] = (-25.0, 10.0)
    roll: float = 3.0
    stereo_share: float = 0.6
    stereo_baseline: tuple[float, float] = (0.06, 0.25)
    free_baseline: tuple[float, float] = (0.05, 1.0)
    free_rotation: float = 30.0
    covisible: float = 0.45
    """Least share of the first view's pixels that the second one sees."""
    object_share: float = 0.47
    """Share of pairs that look at an object, rather than at the room."""
    other_fovy_share: float = 1 / 3
    """Share of free pairs whose two cameras differ in field of view."""


@dataclass(frozen=True)
class Pair:
    """Two camera poses and what is seen from them (at the size they were sampled at)."""

    stereo: bool
    """True: rectified, parallel, the second camera at the first one's right."""
    world_from_camera: Float64[np.ndarray, "2 4 4"]
    fovy: tuple[float, float]
    """Vertical field of view of each camera, degrees."""
    frames: tuple[Frame, Frame] = field(repr=False)

    @property
    def first_from_second(self) -> Float64[np.ndarray, "4 4"]:
        """Pose of the second camera in the first one's optical frame."""
        return np.linalg.inv(self.world_from_camera[0]) @ self.world_from_camera[1]

    @property
    def baseline(self) -> float:
        """Metres between the two cameras."""
        return float(
            np.linalg.norm(self.world_from_camera[0, :3, 3] - self.world_from_camera[1, :3, 3])
        )


def look_along(
    position: np.ndarray, direction: np.ndarray, roll: float = 0.0
) -> Float64[np.ndarray, "4 4"]:
    """``world_from_camera`` of a camera that looks along a direction, upright but for a roll in
    radians.
    """
    forward = direction / np.linalg.norm(direction)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    pose = np.eye(4)
    pose[:3, 0] = cos(roll) * right + sin(roll) * down
    pose[:3, 1] = cos(roll) * down - sin(roll) * right
    pose[:3, 2] = forward
    pose[:3, 3] = position
    return pose


def covisible_share(
    first: Frame,
    second: Frame,
    second_from_first: Float[np.ndarray, "4 4"],
    fovy: tuple[float, float],
    step: int = 4,
) -> float:
    """Share of the first view's pixels (every `step`-th) whose surface the second view sees."""
    height, width = first.depth.shape
    k1, k2 = (intrinsics_of(angle, height, width).astype(float) for angle in fovy)
    v, u = np.mgrid[step // 2 : height : step, step // 2 : width : step]
    z = first.depth[v, u].astype(float)
    rays = np.stack(
        [(u + 0.5 - k1[0, 2]) / k1[0, 0], (v + 0.5 - k1[1, 2]) / k1[1, 1], np.ones_like(z)], -1
    )
    points = (rays * z[..., None]) @ second_from_first[:3, :3].T + second_from_first[:3, 3]
    ahead = points[..., 2] > 0.05
    depth = np.where(ahead, points[..., 2], 1.0)
    column = np.floor(points[..., 0] / depth * k2[0, 0] + k2[0, 2]).astype(int)
    row = np.floor(points[..., 1] / depth * k2[1, 1] + k2[1, 2]).astype(int)
    inside = ahead & (column >= 0) & (column < width) & (row >= 0) & (row < height)
    seen = second.depth[row.clip(0, height - 1), column.clip(0, width - 1)]
    return float((inside & (abs(seen - depth) < 0.06 * depth)).mean())


class PairSampler:
    """Draws pairs in the room of a renderer; the same for the same room, generator state and size.

    Args:
        renderer: draws the room.
        rng: where all chance comes from.
        limits: what pairs are drawn from.
        height: rows of the frames that decide whether a pair is good.
        width: columns of them.
    """

    def __init__(
        self,
        renderer: RoomRenderer,
        rng: Generator,
        limits: PairLimits | None = None,
        height: int = 128,
        width: int = 160,
    ) -> None:
        self._renderer, self._room, self._rng = renderer, renderer.room, rng
        self.limits = limits or PairLimits()
        self.height, self.width = height, width
        self._class_of = renderer.room.class_ids
        self._centres = renderer.room.oriented_boxes()[:, :3]
        self._groups = {
            name: [i for i, c in enumerate(self._class_of) if int(c) in group]
            for name, group in (("tiny", TINY), ("small", SMALL), ("medium", MEDIUM))
        }

    def sample(self, stereo: bool | None = None, tries: int = 60) -> Pair | None:
        """A pair, or None if none was found in `tries` attempts.

        Args:
            stereo: True for a rectified stereo pair, False for a free one, None to draw.
            tries: attempts with different first cameras.
        """
        rng, limits = self._rng, self.limits
        stereo = bool(rng.random() < limits.stereo_share) if stereo is None else stereo
        group = self._choose_group()
        for _ in range(tries):
            start = self._first_pose(group)
            if start is None:
                continue
            pose, target = start
            fovy = float(rng.uniform(*limits.fovy))
            if target is not None and not self._in_view(pose, fovy, self._centres[target]):
                continue
            frame = self._see(pose, fovy)
            if not self._is_good_first(frame, group, target):
                continue
            second = self._stereo_pose(pose) if stereo else self._free_pose(pose, frame)
            if second is None:
                continue
            other = fovy
            if not stereo and rng.random() < limits.other_fovy_share:
                other = float(rng.uniform(*limits.fovy))
            pair = Pair(
                stereo, np.stack([pose, second]), (fovy, other), (frame, self._see(second, other))
            )
            if self._is_good_pair(pair):
                return pair
        return None

    def _see(self, pose: np.ndarray, fovy: float) -> Frame:
        return self._renderer.geometry(pose, fovy, self.height, self.width)

    def _choose_group(self) -> str | None:
        """What kind of object to look at: tiny, small, medium, or None for the room at large."""
        draw = self._rng.random() * (0.47 / self.limits.object_share)
        wanted = (
            "tiny"
            if draw < 0.17
            else "small"
            if draw < 0.32
            else "medium"
            if draw < 0.47
            else None
        )
        return wanted if wanted and self._groups[wanted] else None

    def _first_pose(self, group: str | None) -> tuple[np.ndarray, int | None] | None:
        """A pose and the instance it looks at, or None if the place is not free."""
        rng, room = self._rng, self._room
        size = np.array([room.width, room.depth])
        position = np.array(
            [*(rng.uniform(-0.47, 0.47, 2) * size), rng.uniform(*self.limits.height)]
        )
        target = None
        if group is not None:
            target = int(rng.choice(self._groups[group]))
            near, far = {"tiny": (0.6, 1.7), "small": (0.8, 2.4), "medium": (0.8, 4.0)}[group]
            distance, angle = rng.uniform(near, far), rng.uniform(0, 2 * pi)
            centre = self._centres[target]
            position[:2] = centre[:2] + distance * np.array([cos(angle), sin(angle)])
            aim = centre + rng.normal(0, 0.12 * distance, 3)
        elif room.footprints and rng.random() < 0.8:
            f = room.footprints[rng.integers(len(room.footprints))]
            aim = np.array([f.x, f.y, f.height * 0.6]) + rng.normal(0, 0.3, 3)
        else:
            aim = np.array([*(rng.uniform(-0.35, 0.35, 2) * size), rng.uniform(0.3, 1.2)])
        least = 0.45 if group == "tiny" else 0.8
        if not room.is_free(position, 0.2) or hypot(*(aim - position)[:2]) < least:
            return None
        return self._level(position, aim), target

    def _level(self, position: np.ndarray, aim: np.ndarray) -> Float64[np.ndarray, "4 4"]:
        """A pose that looks towards a point as far as the limits of pitch and roll allow."""
        along = aim - position
        ahead = hypot(along[0], along[1])
        low, high = (radians(angle) for angle in self.limits.pitch)
        pitch = min(max(atan2(along[2], ahead), low), high)
        roll = float(np.clip(self._rng.normal(0, 1.2), -self.limits.roll, self.limits.roll))
        return look_along(
            position, np.array([along[0], along[1], ahead * np.tan(pitch)]), radians(roll)
        )

    def _in_view(self, pose: np.ndarray, fovy: float, point: np.ndarray) -> bool:
        x, y, z = (point - pose[:3, 3]) @ pose[:3, :3]
        reach = np.tan(radians(fovy) / 2)
        wide = reach * self.width / self.height
        return bool(z > 0 and abs(y) < reach * z and abs(x) < wide * z)

    def _is_good_first(self, frame: Frame, group: str | None, target: int | None) -> bool:
        """The target is seen, at least two objects are, and nothing is too near."""
        counts = np.bincount(frame.instance.reshape(-1), minlength=256)[: len(self._class_of)]
        if target is not None and counts[target] < LEAST_SHARE[group or ""] * frame.instance.size:
            return False
        objects = [
            i
            for i in np.flatnonzero(counts > 0.004 * frame.instance.size)
            if self._class_of[i] not in SHELL
        ]
        near, middle = np.quantile(frame.depth[::4, ::4], [0.05, 0.5])
        tiny = group == "tiny"
        far_enough = middle > (0.75 if tiny else 1.1) and near > (0.4 if tiny else 0.5)
        return bool(len(objects) >= 2 and far_enough and frame.depth.min() > 0.2)

    def _stereo_pose(self, pose: np.ndarray) -> Float64[np.ndarray, "4 4"]:
        second = pose.copy()
        second[:3, 3] += pose[:3, 0] * self._rng.uniform(*self.limits.stereo_baseline)
        return second

    def _free_pose(self, pose: np.ndarray, frame: Frame) -> Float64[np.ndarray, "4 4"] | None:
        """Where the robot is a moment later: moved mostly sideways and ahead, looking at about the
        same.
        """
        rng, limits = self._rng, self.limits
        distance = float(np.median(frame.depth[::4, ::4]))
        for _ in range(20):
            step = rng.normal(0, 1, 3) * (1.0, 0.35, 0.8)
            step *= rng.uniform(*limits.free_baseline) / np.linalg.norm(step)
            position = pose[:3, 3] + pose[:3, :3] @ step
            aim = (
                pose[:3, 3]
                + pose[:3, 2] * distance
                + rng.normal(0, 0.16 * distance, 3) * (1, 1, 0.5)
            )
            low, high = limits.height
            if not (low - 0.05 < position[2] < high + 0.1 and self._room.is_free(position, 0.15)):
                continue
            second = self._level(position, aim)
            if rotation_degrees(pose[:3, :3].T @ second[:3, :3]) <= limits.free_rotation:
                return second
        return None

    def _is_good_pair(self, pair: Pair) -> bool:
        first, second = pair.frames
        if second.depth.min() < 0.2 or np.quantile(second.depth[::4, ::4], 0.05) < 0.4:
            return False
        second_from_first = np.linalg.inv(pair.first_from_second)
        if covisible_share(first, second, second_from_first, pair.fovy) < self.limits.covisible:
            return False
        back = covisible_share(second, first, pair.first_from_second, pair.fovy[::-1])
        return back > 0.3


def rotation_degrees(rotation: Float[np.ndarray, "3 3"]) -> float:
    """Angle of a rotation matrix."""
    return float(np.degrees(np.arccos(np.clip((np.trace(rotation) - 1) / 2, -1, 1))))
