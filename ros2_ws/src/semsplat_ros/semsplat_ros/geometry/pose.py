# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Camera poses from pixel-aligned point maps by PnP with RANSAC (DUSt3R paper, section 3.3).

Pixels here are integer (column, row) from 0 and an unknown principal point is (width/2, height/2),
as in :mod:`semsplat_ros.geometry.focal`. Poses are camera-to-world, the world being the frame of
the points.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from jaxtyping import Bool, Float
from numpy import ndarray

REPROJECTION_ERROR = 5.0
"""Pixels."""
PAIR_ITERATIONS = 100
MIN_POINTS = 4


@dataclass(frozen=True)
class PoseEstimate:
    """A pose, or the reason why there is none."""

    world_from_camera: Float[ndarray, "4 4"]
    """float64; the identity if the estimate failed."""
    inliers: int
    """Points whose reprojection is within 5 pixels; 0 if the estimate failed."""
    focal: float
    """Pixels; the one that was given, or the best one of the search."""
    failure: str = ""
    """Empty, or why there is no pose."""

    @property
    def found(self) -> bool:
        """True if the pose was estimated, False if it is the identity for want of one."""
        return not self.failure


def pinhole(focal: float, height: int, width: int) -> Float[ndarray, "3 3"]:
    """Intrinsics with the principal point at (width/2, height/2), float32."""
    return np.array(
        [[focal, 0.0, width / 2], [0.0, focal, height / 2], [0.0, 0.0, 1.0]], dtype=np.float32
    )


def estimate_pose(
    points: Float[ndarray, "h w 3"],
    confident: Bool[ndarray, "h w"],
    intrinsics: Float[ndarray, "3 3"],
    iterations: int = PAIR_ITERATIONS,
) -> PoseEstimate:
    """The pose of the camera whose pixels saw these points.

    Args:
        points: one point per pixel, in the world's frame, any unit.
        confident: which pixels to use.
        intrinsics: pixels, integer pixel convention.
        iterations: RANSAC iterations (the DUSt3R paper's systems take 100 for a pair).

    Returns:
        The pose; on failure the identity with the reason in `failure`.
    """
    focal = float(intrinsics[0, 0])
    usable = confident & np.isfinite(points).all(axis=-1)
    count = int(usable.sum())
    if count < MIN_POINTS:
        reason = f"{count} usable points, {MIN_POINTS} are needed"
        return PoseEstimate(np.eye(4), 0, focal, reason)
    rows, columns = np.nonzero(usable)
    pixels = np.stack([columns, rows], axis=-1).astype(np.float32)
    try:
        success, rotation, translation, inliers = cv2.solvePnPRansac(
            points[usable].astype(np.float32),
            pixels,
            intrinsics.astype(np.float32),
            None,
            iterationsCount=iterations,
            reprojectionError=REPROJECTION_ERROR,
            flags=cv2.SOLVEPNP_SQPNP,
        )
    except cv2.error as error:
        return PoseEstimate(np.eye(4), 0, focal, f"OpenCV: {error.err}")
    if not success or inliers is None:
        return PoseEstimate(np.eye(4), 0, focal, f"RANSAC found no pose in {count} points")
    camera_from_world = np.eye(4)
    camera_from_world[:3, :3] = cv2.Rodrigues(rotation)[0]
    camera_from_world[:3, 3] = translation[:, 0]
    return PoseEstimate(np.linalg.inv(camera_from_world), len(inliers), focal)
