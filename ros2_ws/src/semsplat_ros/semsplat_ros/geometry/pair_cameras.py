# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Cameras of two uncalibrated images from predicted point maps (DUSt3R paper, section 3.3).

One prediction ("direction") is the point maps of both images in the frame of one of them. From
one direction follow the focal length and the other image's pose. If both directions were
predicted, the more confident one is used, as the DUSt3R paper's pair viewer does.
"""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float
from numpy import ndarray
from torch import Tensor

from semsplat_ros.geometry.focal import estimate_focal
from semsplat_ros.geometry.pose import PoseEstimate, estimate_pose, pinhole

MIN_CONFIDENCE = 3.0
"""Points with a smaller or equal confidence (1 + e^x) take no part in PnP."""


@dataclass(frozen=True)
class Direction:
    """Point maps of both images in the frame of the first of them."""

    own_points: Float[Tensor, "h w 3"]
    """Of the image whose frame it is."""
    own_confidence: Float[Tensor, "h w"]
    other_points: Float[Tensor, "hh ww 3"]
    other_confidence: Float[Tensor, "hh ww"]

    @property
    def score(self) -> float:
        """Product of the mean confidences."""
        return float(self.own_confidence.mean() * self.other_confidence.mean())


@dataclass(frozen=True)
class PairCameras:
    """Cameras of both images; the world is the frame of image `reference`."""

    reference: int
    """0 or 1: the image in whose frame the poses and depths are."""
    world_from_view: Float[ndarray, "2 4 4"]
    intrinsics: Float[ndarray, "2 3 3"]
    """Pixels, integer pixel convention."""
    depths: tuple[Float[ndarray, "h w"], Float[ndarray, "hh ww"]]
    """Along each image's own optical axis, unit of the points."""
    pose: PoseEstimate
    """Of the other image; says whether it was found."""


def view_pair(
    first: Direction, second: Direction, intrinsics: Float[ndarray, "2 3 3"] | None = None
) -> PairCameras:
    """Cameras from both directions (the DUSt3R paper's pair viewer).

    Args:
        first: image 1 is own, image 2 other.
        second: image 2 is own, image 1 other.
        intrinsics: of both images, integer pixel convention; None: estimated from each image's
            own points.

    Returns:
        Cameras in image 1's frame if the first direction scores strictly higher, else in image
        2's. If PnP fails, the other image's pose is the identity and `pose.found` is False.
    """
    confidences = (
        torch.maximum(first.own_confidence, second.other_confidence),
        torch.maximum(first.other_confidence, second.own_confidence),
    )
    reference = 0 if first.score > second.score else 1
    best = (first, second)[reference]
    other = 1 - reference
    if intrinsics is None:
        intrinsics = np.stack([_pinhole_of(d.own_points) for d in (first, second)])
    points = best.other_points.detach().cpu().numpy()
    confident = (confidences[other] > MIN_CONFIDENCE).cpu().numpy()
    pose = estimate_pose(points, confident, intrinsics[other])
    poses = np.stack([np.eye(4), np.eye(4)])
    poses[other] = pose.world_from_camera
    depths = [np.empty(0), np.empty(0)]
    depths[reference] = best.own_points[..., 2].detach().cpu().numpy()
    depths[other] = _depth_in(points, pose.world_from_camera)
    return PairCameras(reference, poses, intrinsics, (depths[0], depths[1]), pose)


def pose_of_other(
    points: Float[Tensor, "h w 3"],
    confident: Bool[Tensor, "h w"],
    intrinsics: Float[Tensor, "3 3"],
) -> PoseEstimate:
    """The other image's pose from one direction, with intrinsics in the scene's convention.

    Args:
        points: the other image's points in the reference frame.
        confident: which to use. If they are fewer than four, the estimate fails and says so.
        intrinsics: pixels with centres at +0.5 (:mod:`semsplat_ros.scene`).
    """
    integer = intrinsics.detach().cpu().double().numpy().copy()
    integer[:2, 2] -= 0.5
    return estimate_pose(
        points.detach().float().cpu().numpy(), confident.detach().cpu().numpy(), integer
    )


def _pinhole_of(points: Float[Tensor, "h w 3"]) -> Float[ndarray, "3 3"]:
    height, width = points.shape[:2]
    return pinhole(float(estimate_focal(points[None].float())[0]), height, width)


def _depth_in(
    points: Float[ndarray, "h w 3"], world_from_camera: Float[ndarray, "4 4"]
) -> Float[ndarray, "h w"]:
    camera_from_world = np.linalg.inv(world_from_camera)
    return (points @ camera_from_world[2, :3] + camera_from_world[2, 3]).astype(np.float32)
