# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""A robot with a stereo camera in a room: where it is after a way, and what it sees there."""

import numpy as np
from jaxtyping import Float64, UInt8

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.rooms.layout import Room
from semsplat_ros.rooms.pair_sampling import PairSampler
from semsplat_ros.rooms.renderer import RoomRenderer
from semsplat_ros.rooms.robot import StereoRig, robot_path

STEP = 0.03
"""Metres of way between two poses of the path."""
STANDING_STREAM = 3
"""Standing places are drawn from default_rng([seed, STANDING_STREAM])."""
STANDING_TRIES = 5

Pose = Float64[np.ndarray, "4 4"]
Image = UInt8[np.ndarray, "h w 3"]


class RobotInRoom:
    """Draws the images of a robot. Only for the thread that made it (OpenGL); close it there.

    Args:
        seed: of the room, and of the way through it.
        rig: the cameras, of the largest size that will be asked for.
        look_at: class that the robot looks at first, if the room has one.

    Raises:
        SemsplatError: INVALID_ARGUMENT for a bad seed, NOT_FOUND for a room without any place to
            stand, INTERNAL if nothing can be drawn on this machine.
    """

    def __init__(self, seed: int, rig: StereoRig, look_at: str = "chair") -> None:
        self.room = Room(seed)
        self.renderer = RoomRenderer(self.room, rig.height, rig.width)
        self._last: tuple[Pose, StereoRig, tuple[Image, Image]] | None = None
        try:
            self.path = self._path(seed, look_at)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "RobotInRoom":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Free the OpenGL context."""
        self.renderer.close()

    @property
    def can_drive(self) -> bool:
        """False in a room so full that the robot can only stand."""
        return len(self.path) > 1

    def pose(self, travelled: float) -> Pose:
        """``world_from_left`` after so many metres of way; the way is closed."""
        return self.path[int(travelled / STEP) % len(self.path)]

    def images(self, world_from_left: Pose, rig: StereoRig) -> tuple[Image, Image]:
        """Left and right RGB image; the same pose and rig as before cost nothing."""
        last = self._last
        if last is None or last[1] != rig or not np.array_equal(last[0], world_from_left):
            last = (world_from_left, rig, rig.images(self.renderer, world_from_left))
            self._last = last
        return last[2]

    def image_above(self, world_from_left: Pose, rig: StereoRig) -> Image:
        """RGB image of the third camera."""
        return rig.image_above(self.renderer, world_from_left)

    def _path(self, seed: int, look_at: str) -> Float64[np.ndarray, "n 4 4"]:
        try:
            return robot_path(self.room, seed, step=STEP, first=look_at)
        except SemsplatError as error:
            if error.code is not ErrorCode.NOT_FOUND:
                raise
        # No floor to drive on: stand where a view is good, as the training pairs do.
        sampler = PairSampler(self.renderer, np.random.default_rng([seed, STANDING_STREAM]))
        for _ in range(STANDING_TRIES):
            pair = sampler.sample(stereo=True)
            if pair is not None:
                return np.asarray(pair.world_from_camera[0], np.float64)[None]
        raise SemsplatError(
            ErrorCode.NOT_FOUND, f"room {seed} has no place for a robot: take another seed"
        )
