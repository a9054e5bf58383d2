# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Cameras of a scene from the point maps that a network predicted in the first view's frame."""

import logging
import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from semsplat_ros.geometry.focal import estimate_focal, reference_focal
from semsplat_ros.geometry.pair_cameras import pose_of_other
from semsplat_ros.scene import Cameras, IntrinsicsSource, Views

POSE_STEP = 4
"""Every fourth pixel along each axis takes part in PnP: thousands are plenty for six numbers."""
FOCAL_LIMITS = (0.2, 5.0)
"""Shares of the focal length of a 60 degree lens, beyond which an estimate is not believed."""
logger = logging.getLogger(__name__)


def cameras_from_points(
    points: Float[Tensor, "v h w 3"],
    views: Views,
    confident: Bool[Tensor, "v h w"] | None = None,
) -> Cameras:
    """Poses by PnP; intrinsics as given, else one focal length for all views, from the first one.

    A view whose pose cannot be estimated is named in `failed`, and in a warning. PnP runs on the
    CPU, so on a GPU this waits for the points.

    Args:
        points: of all views, in the first view's frame.
        views: what the points were predicted from.
        confident: which points PnP may use; None: all.
    """
    device = points.device
    points = points.detach().float().cpu()
    intrinsics, source = views.intrinsics, views.intrinsics_source
    if intrinsics is None:
        intrinsics = estimated_intrinsics(points[0]).repeat(len(points), 1, 1)
        source = IntrinsicsSource.ESTIMATED
    intrinsics = intrinsics.detach().float().cpu()
    usable = torch.zeros(points.shape[:3], dtype=torch.bool)
    usable[:, ::POSE_STEP, ::POSE_STEP] = True
    if confident is not None:
        usable &= confident.cpu()
    poses = torch.eye(4).repeat(len(points), 1, 1)
    failed = []
    for i in range(1, len(points)):
        estimate = pose_of_other(points[i], usable[i], intrinsics[i])
        if estimate.found:
            poses[i] = torch.from_numpy(estimate.world_from_camera).float()
        else:
            failed.append(i)
            logger.warning("no pose for view %d: %s", i, estimate.failure)
    return Cameras(poses.to(device), intrinsics.to(device), source, tuple(failed))


def estimated_intrinsics(points: Float[Tensor, "h w 3"]) -> Float[Tensor, "3 3"]:
    """Intrinsics by Weiszfeld's method from points in their own camera's frame, centred principal
    point, pixel centres at +0.5. Without a usable point the lens is taken to be one of 60 degrees.
    """
    height, width = points.shape[:2]
    low, high = FOCAL_LIMITS
    focal = float(estimate_focal(points[None], min_focal=low, max_focal=high)[0])
    if not math.isfinite(focal):
        focal = reference_focal(height, width)
        logger.warning("no focal length in the predicted points; %.0f pixels are assumed", focal)
    # The estimate counts pixels from integer centres with the principal point at half the side.
    centre = (width / 2 + 0.5, height / 2 + 0.5)
    return torch.tensor([[focal, 0.0, centre[0]], [0.0, focal, centre[1]], [0.0, 0.0, 1.0]])
