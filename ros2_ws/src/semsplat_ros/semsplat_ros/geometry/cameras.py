# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Points through rigid transforms and pinhole cameras; the way back is in :mod:`geometry.rays`."""

import torch
from jaxtyping import Float
from torch import Tensor


def transform_points(
    target_from_source: Float[Tensor, "4 4"], points: Float[Tensor, "*n 3"]
) -> Float[Tensor, "*n 3"]:
    """Points of the source frame in the target frame."""
    return points @ target_from_source[:3, :3].T + target_from_source[:3, 3]


def project(
    points: Float[Tensor, "*n 3"], intrinsics: Float[Tensor, "3 3"]
) -> tuple[Float[Tensor, "*n 2"], Float[Tensor, "*n"]]:
    """Pixels (column, row; the first pixel's centre is 0.5, 0.5) and depth of points in the
    camera's frame.

    Pixels of points that are not in front of the camera (depth <= 0) are NaN.
    """
    depth = points[..., 2]
    ahead = torch.where(depth > 0, depth, torch.full_like(depth, float("nan")))
    spot = (points @ intrinsics.T)[..., :2] / ahead[..., None]
    return spot, depth
