# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What SpatialSplat and NoPoSplat are told about the cameras, and what their points say about
them.
"""

import logging

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from semsplat_ros.geometry.focal import estimate_focal
from semsplat_ros.geometry.pair_cameras import pose_of_other
from semsplat_ros.scene import Cameras, IntrinsicsSource, Views

ASSUMED_FOCAL = 1.2
"""Focal length over image side, of the whole picture, along each axis: what the published
inference assumes where no intrinsics are given."""
POSE_STEP = 4
"""Every fourth pixel along each axis takes part in PnP: 4096 of 256 x 256 are plenty for six
numbers."""
FOCAL_LIMITS = (0.2, 5.0)
"""Shares of the focal length of a 60 degree lens, beyond which an estimate is not believed."""
logger = logging.getLogger(__name__)


def normalised_intrinsics(views: Views) -> Float[Tensor, "v 3 3"]:
    """Intrinsics as the networks were trained with them.

    Focal lengths are those of the network image over its sides. The principal point is that of the
    whole picture over the whole picture's sides: training did not move it with the crop.
    """
    out = torch.eye(3).repeat(len(views.crops), 1, 1)
    for i, crop in enumerate(views.crops):
        if views.intrinsics is None:
            out[i, 0, 0] = ASSUMED_FOCAL * crop.original_width / crop.width
            out[i, 1, 1] = ASSUMED_FOCAL * crop.original_height / crop.height
            out[i, :2, 2] = 0.5
            continue
        network = views.intrinsics[i]
        original = crop.to_original(network)
        out[i, 0, 0] = network[0, 0] / crop.network_width
        out[i, 1, 1] = network[1, 1] / crop.network_height
        out[i, 0, 2] = original[0, 2] / crop.original_width
        out[i, 1, 2] = original[1, 2] / crop.original_height
    return out


def splat_cameras(
    points: Float[Tensor, "v h w 3"],
    views: Views,
    confident: Bool[Tensor, "v h w"] | None = None,
) -> Cameras:
    """Poses by PnP from the points; intrinsics as given, else with one focal length for all views.

    A view whose pose cannot be estimated is named in `failed`, and in a warning.

    Args:
        points: of all views, in the first view's frame.
        views: what the points were predicted from.

    """
    points = points.detach().float()
    intrinsics, source = views.intrinsics, views.intrinsics_source
    if intrinsics is None:
        intrinsics = _estimated_intrinsics(points[0]).repeat(len(points), 1, 1)
        source = IntrinsicsSource.ESTIMATED
    intrinsics = intrinsics.detach().float().cpu()
    chosen = torch.zeros(points.shape[1:3], dtype=torch.bool)
    chosen[::POSE_STEP, ::POSE_STEP] = True
    poses = torch.eye(4).repeat(len(points), 1, 1)
    failed = []
    for i in range(1, len(points)):
        usable = chosen if confident is None else chosen & confident[i].cpu()
        estimate = pose_of_other(points[i].cpu(), usable, intrinsics[i])
        if estimate.found:
            poses[i] = torch.from_numpy(estimate.world_from_camera).float()
        else:
            failed.append(i)
            logger.warning("no pose for view %d: %s", i, estimate.failure)
    return Cameras(poses.to(points.device), intrinsics.to(points.device), source, tuple(failed))


def _estimated_intrinsics(points: Float[Tensor, "h w 3"]) -> Float[Tensor, "3 3"]:
    """Focal length by Weiszfeld's method from points in their own camera's frame, centred
    principal point.
    """
    height, width = points.shape[:2]
    low, high = FOCAL_LIMITS
    focal = float(estimate_focal(points[None], min_focal=low, max_focal=high)[0])
    if focal != focal:  # NaN: no point has a usable depth
        logger.warning("no focal length in the predicted points; %g is assumed", ASSUMED_FOCAL)
        focal = ASSUMED_FOCAL * max(height, width)
    # The estimate's principal point is (width/2, height/2) with integer pixel centres; here
    # centres # are at +0.5.
    centre = (width / 2 + 0.5, height / 2 + 0.5)
    return torch.tensor([[focal, 0.0, centre[0]], [0.0, focal, centre[1]], [0.0, 0.0, 1.0]])
