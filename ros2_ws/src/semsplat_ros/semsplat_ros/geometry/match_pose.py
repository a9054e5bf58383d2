# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Pose of the second camera from points of the first view and where they are seen in the
second."""

import cv2
import numpy as np
from jaxtyping import Float
from numpy import ndarray

REPROJECTION_ERROR = 0.012
"""In units of the ray, about 1.5 pixels of a 128 pixel high image with 53 degrees."""
ITERATIONS = 200
MIN_INLIERS = 20


def pose_from_matches(
    points: Float[ndarray, "n 3"], rays: Float[ndarray, "n 2"]
) -> Float[ndarray, "4 4"] | None:
    """first_from_second by PnP with RANSAC and a refinement on the inliers.

    Args:
        points: in the first camera's frame, any unit.
        rays: x/z and y/z of the same points in the second camera.

    Returns:
        The pose of the second camera in the first one's frame, in the unit of the points; None if
        fewer than 20 matches agree on one.
    """
    if len(points) < MIN_INLIERS:
        return None
    points64, rays64 = np.ascontiguousarray(points, float), np.ascontiguousarray(rays, float)
    camera = np.eye(3)
    cv2.setRNGSeed(0)
    found, rotation, translation, inliers = cv2.solvePnPRansac(
        points64,
        rays64,
        camera,
        None,
        iterationsCount=ITERATIONS,
        reprojectionError=REPROJECTION_ERROR,
        confidence=0.999,
        flags=cv2.SOLVEPNP_SQPNP,
    )
    if not found or inliers is None or len(inliers) < MIN_INLIERS:
        return None
    chosen = inliers[:, 0]
    rotation, translation = cv2.solvePnPRefineLM(
        points64[chosen], rays64[chosen], camera, None, rotation, translation
    )
    second_from_first = np.eye(4)
    second_from_first[:3, :3] = cv2.Rodrigues(rotation)[0]
    second_from_first[:3, 3] = translation[:, 0]
    return np.linalg.inv(second_from_first)
