# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""A simulated robot: its stereo camera, and a path through a room at the robot's height."""

from dataclasses import dataclass
from math import atan2, hypot, radians

import numpy as np
from jaxtyping import Bool, Float32, Float64, UInt8
from scipy.ndimage import gaussian_filter1d, label
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import dijkstra

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.rooms.builder import CLASS_ID
from semsplat_ros.rooms.layout import Room
from semsplat_ros.rooms.pair_sampling import SHELL, look_along
from semsplat_ros.rooms.renderer import Frame, RoomRenderer, intrinsics_of

CELL = 0.1
"""Metres between the places that a path is planned on."""
CLEARANCE = 0.25
"""Metres between the robot's middle and furniture."""
LOW = 0.35
"""Height to ask :meth:`Room.is_free` at for what is in a robot's way: the free place at a door is
not.
"""
REST = 15
"""Samples that the path stays at each end of a way."""
PATH_STREAM = 2
"""Paths are drawn from default_rng([seed, PATH_STREAM])."""


@dataclass(frozen=True)
class StereoRig:
    """Two parallel cameras of the same kind, rectified: the right one is `baseline` metres along
    +x of the left.
    """

    height: int = 480
    width: int = 640
    fovy: float = 52.0
    """Vertical field of view, degrees."""
    baseline: float = 0.12

    @property
    def intrinsics(self) -> Float32[np.ndarray, "3 3"]:
        """Of both cameras, in pixels."""
        return intrinsics_of(self.fovy, self.height, self.width)

    def right_pose(
        self, world_from_left: Float64[np.ndarray, "4 4"]
    ) -> Float64[np.ndarray, "4 4"]:
        """``world_from_camera`` of the right camera."""
        pose = np.array(world_from_left, float)
        pose[:3, 3] += pose[:3, 0] * self.baseline
        return pose

    def above_pose(
        self, world_from_left: Float64[np.ndarray, "4 4"]
    ) -> Float64[np.ndarray, "4 4"]:
        """``world_from_camera`` of a third camera, as far above the left one as the right one is
        beside it."""
        pose = np.array(world_from_left, float)
        pose[:3, 3] -= pose[:3, 1] * self.baseline
        return pose

    def image_above(
        self, renderer: RoomRenderer, world_from_left: Float64[np.ndarray, "4 4"]
    ) -> UInt8[np.ndarray, "h w 3"]:
        """The RGB image of the third camera."""
        pose = self.above_pose(world_from_left)
        return renderer.colour(pose, self.fovy, self.height, self.width)

    def images(
        self, renderer: RoomRenderer, world_from_left: Float64[np.ndarray, "4 4"]
    ) -> tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w 3"]]:
        """The left and the right RGB image."""
        left, right = (
            renderer.colour(pose, self.fovy, self.height, self.width)
            for pose in (world_from_left, self.right_pose(world_from_left))
        )
        return left, right

    def frames(
        self, renderer: RoomRenderer, world_from_left: Float64[np.ndarray, "4 4"]
    ) -> tuple[Frame, Frame]:
        """True depth and instances of both images."""
        left, right = (
            renderer.geometry(pose, self.fovy, self.height, self.width)
            for pose in (world_from_left, self.right_pose(world_from_left))
        )
        return left, right


@dataclass(frozen=True)
class _Stop:
    """Where the robot looks at something: a cell, and the point it looks at."""

    cell: int
    aim: np.ndarray


def robot_path(
    room: Room,
    seed: int,
    height: float = 0.9,
    pitch: float = -10.0,
    stops: int = 5,
    step: float = 0.03,
    first: str = "chair",
) -> Float64[np.ndarray, "n 4 4"]:
    """A closed, smooth path of the left camera past pieces of furniture that it looks at in turn.

    Args:
        room: the room.
        seed: draws the path; the same path for the same room and seed.
        height: of the camera above the floor, metres.
        pitch: of the camera, degrees; negative looks down.
        stops: how many places it visits.
        step: metres per pose, where half a radian of turning counts as 0.4 m.
        first: class that it looks at first, if the room has one.

    Returns:
        ``world_from_camera`` poses; the last is one step away from the first.

    Raises:
        SemsplatError: ``NOT_FOUND`` if the room has no free floor to look at anything from.
    """
    rng = np.random.default_rng([seed, PATH_STREAM])
    grid = _Grid(room)
    visited = _choose_stops(room, grid, rng, height, stops, first)
    if not visited:
        raise SemsplatError(
            ErrorCode.NOT_FOUND,
            f"room {room.seed} has no free floor to look at furniture from: take another seed",
        )
    places, aims = [], []
    for start, end in zip(visited, visited[1:] + visited[:1], strict=True):
        way = grid.shortest(start.cell, end.cell)
        blend = np.linspace(0, 1, len(way))[:, None]
        # The ends are repeated, so that smoothing leaves the stops where they are.
        way, blend = (np.pad(a, ((REST, REST), (0, 0)), mode="edge") for a in (way, blend))
        blend = blend * blend * (3 - 2 * blend)
        places.append(way)
        aims.append(start.aim * (1 - blend) + end.aim * blend)
    position = grid.smooth(np.concatenate(places))
    along = np.concatenate(aims) - position
    yaw = np.unwrap(np.arctan2(along[:, 1], along[:, 0]))
    turns = round(
        (yaw[-1] - yaw[0]) / (2 * np.pi)
    )  # the path is closed, its heading up to whole turns
    ramp = 2 * np.pi * turns * np.linspace(0, 1, len(yaw))
    yaw = gaussian_filter1d(yaw - ramp, 4, mode="wrap") + ramp
    return _poses(position, yaw, height, radians(pitch), step)


def _poses(
    position: np.ndarray, yaw: np.ndarray, height: float, pitch: float, step: float
) -> Float64[np.ndarray, "n 4 4"]:
    """Poses at equal steps of way and turn."""
    travelled = np.hypot(*np.diff(position, axis=0).T) + 0.8 * abs(np.diff(yaw))
    at = np.concatenate([[0.0], np.cumsum(travelled)])
    wanted = np.arange(0, max(at[-1], step), step)
    x, y, heading = (
        np.interp(wanted, at, values) for values in (position[:, 0], position[:, 1], yaw)
    )
    return np.stack(
        [
            look_along(np.array([px, py, height]), np.array([np.cos(h), np.sin(h), np.tan(pitch)]))
            for px, py, h in zip(x, y, heading, strict=True)
        ]
    )


def _choose_stops(
    room: Room, grid: "_Grid", rng: np.random.Generator, height: float, count: int, first: str
) -> list[_Stop]:
    """Stops that look at different pieces, `first` before the others."""
    candidates = [i for i, c in enumerate(room.class_ids) if int(c) not in SHELL]
    order = [candidates[k] for k in rng.permutation(len(candidates))]
    order.sort(key=lambda i: room.class_ids[i] != CLASS_ID.get(first, -1))
    boxes = room.oriented_boxes()
    found: list[_Stop] = []
    for index in order:
        if len(found) == count:
            break
        if boxes[index, 3:6].max() < 0.15 and found:  # too small to be looked at from 1.2 m
            continue
        stop = _stop_for(room, grid, rng, boxes[index, :3].astype(float), height)
        if stop is not None:
            found.append(stop)
    return found


def _stop_for(
    room: Room, grid: "_Grid", rng: np.random.Generator, centre: np.ndarray, height: float
) -> _Stop | None:
    """A free place 1.2 to 2.8 m from a point, with nothing tall between or close in front."""
    offset = grid.places - centre[:2]
    distance = np.hypot(*offset.T)
    near = np.flatnonzero(grid.reachable & (distance > 1.2) & (distance < 2.8))
    for cell in rng.permutation(near)[:200]:
        heading = atan2(*(centre[:2] - grid.places[cell])[::-1])
        sides = [(heading + radians(a), 0.9) for a in (-28, -14, 14, 28)]
        rays = [(heading, distance[cell] - 0.5), *sides]
        if all(_is_open(room, grid.places[cell], angle, reach, height) for angle, reach in rays):
            return _Stop(int(cell), centre[:2])
    return None


def _is_open(room: Room, start: np.ndarray, angle: float, reach: float, height: float) -> bool:
    """True if nothing that reaches the camera's height is in the way for `reach` metres."""
    for travelled in np.arange(0.1, reach, 0.1):
        x, y = start + travelled * np.array([np.cos(angle), np.sin(angle)])
        if not room.is_free(np.array([x, y, height]), 0.02):
            return False
    return True


class _Grid:
    """The floor as cells; those that the robot can stand on, and the largest connected part of
    them.
    """

    def __init__(self, room: Room) -> None:
        xs, ys = (np.arange(-n / 2 + CELL, n / 2, CELL) for n in (room.width, room.depth))
        self.shape = (len(xs), len(ys))
        self.places = np.stack(np.meshgrid(xs, ys, indexing="ij"), -1).reshape(-1, 2)
        self._room = room
        free = np.array([self._is_free(place) for place in self.places])
        parts, _ = label(free.reshape(self.shape))
        sizes = np.bincount(parts.reshape(-1))
        sizes[0] = 0
        self.reachable: Bool[np.ndarray, " n"] = (parts == sizes.argmax()).reshape(-1) & free
        self._edges = self._connect()

    def _is_free(self, place: np.ndarray) -> bool:
        x, y = place
        if abs(x) > self._room.width / 2 - 0.3 or abs(y) > self._room.depth / 2 - 0.3:
            return False
        return not any(
            hypot(max(abs(x - f.x) - f.half_x, 0), max(abs(y - f.y) - f.half_y, 0)) < CLEARANCE
            for f in self._room.footprints
            if f.height + 0.2 > LOW  # what is kept free in front of a door is no obstacle
        )

    def _connect(self) -> csr_array:
        """Distances between neighbouring reachable cells."""
        index = np.arange(len(self.places)).reshape(self.shape)
        rows, columns, weights = [], [], []
        pairs = (
            (index[1:], index[:-1], 1.0),
            (index[:, 1:], index[:, :-1], 1.0),
            (index[1:, 1:], index[:-1, :-1], 2**0.5),
            (index[1:, :-1], index[:-1, 1:], 2**0.5),
        )
        for a, b, length in pairs:
            a, b = a.reshape(-1), b.reshape(-1)
            both = self.reachable[a] & self.reachable[b]
            rows.append(a[both])
            columns.append(b[both])
            weights.append(np.full(both.sum(), length * CELL))
        size = (len(self.places), len(self.places))
        entries = (np.concatenate(rows), np.concatenate(columns))
        return coo_array((np.concatenate(weights), entries), shape=size).tocsr()

    def shortest(self, start: int, end: int) -> Float64[np.ndarray, "k 2"]:
        """Places along the shortest way; at least two, the first and last may be the same."""
        _, before = dijkstra(self._edges, directed=False, indices=start, return_predecessors=True)
        way = [end]
        while way[-1] != start:
            way.append(int(before[way[-1]]))
        way = way[::-1] if len(way) > 1 else [start, start]
        return self.places[way]

    def smooth(self, places: Float64[np.ndarray, "n 2"]) -> Float64[np.ndarray, "n 2"]:
        """The closed way without corners, as smooth as keeps half of the clearance."""
        for sigma in (5.0, 3.0, 2.0, 1.0):
            smoothed = gaussian_filter1d(places, sigma, axis=0, mode="wrap")
            if all(self._room.is_free(np.array([x, y, 0.0]), CLEARANCE / 2) for x, y in smoothed):
                return smoothed
        return places
