# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Where a robot should stand to be before an object."""

import math

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.scene import Goal

CLOSE = 1e-3
"""Metres along the ground below which a direction cannot be told."""


def approach_goal(
    target_from_camera: Float[ndarray, "4 4"],
    box_center: tuple[float, float, float],
    standoff: float,
    frame: str = "",
) -> Goal:
    """The pose `standoff` metres before an object, on the line from the camera to it, facing it.

    The target frame has z up and its ground at z = 0, as map, odom and base_link have (REP 105).
    A camera nearer than `standoff` is asked to step back. For an object straight above or below
    the camera the camera's own heading decides from which side it is approached.

    Args:
        target_from_camera: rigid transform from the camera's optical frame to the target frame,
            metres.
        box_center: of the object, in the optical frame, metres.
        standoff: metres, 0 or more.
        frame: name of the target frame, for the answer.

    Raises:
        SemsplatError: INVALID_ARGUMENT for numbers that are not finite or a negative standoff.
    """
    pose = np.asarray(target_from_camera, np.float64)
    center = np.asarray(box_center, np.float64)
    if not (np.isfinite(pose).all() and np.isfinite(center).all() and math.isfinite(standoff)):
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT, "an approach goal needs a finite pose, centre and standoff"
        )
    if standoff < 0.0:
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT, f"standoff {standoff} given; it is 0 metres or more"
        )
    target = pose[:3, :3] @ center + pose[:3, 3]
    toward = target[:2] - pose[:2, 3]
    distance = float(np.hypot(*toward))
    heading = _direction(toward, pose)
    x, y = target[:2] - standoff * heading
    yaw = math.atan2(heading[1], heading[0])
    return Goal(frame, (float(x), float(y), 0.0), yaw, distance)


def _direction(toward: Float[ndarray, " 2"], pose: Float[ndarray, "4 4"]) -> Float[ndarray, " 2"]:
    """Unit direction on the ground: to the object, else where the camera looks, else +x."""
    # A camera that looks straight down still has its image's upper edge ahead.
    for candidate in (toward, pose[:2, 2], -pose[:2, 1]):
        length = float(np.hypot(*candidate))
        if length > CLOSE:
            return candidate / length
    return np.array([1.0, 0.0])
