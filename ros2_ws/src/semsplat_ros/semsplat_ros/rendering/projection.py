# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Gaussians to ellipses in the image: EWA splatting (Zwicker et al. 2001) as in 3D Gaussian
splatting."""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from semsplat_ros.geometry.rotations import matrices_from_quats

BLUR = 0.3
"""Pixels squared, added to the diagonal of the projected covariance."""
EXTENT = 3.33
"""Standard deviations, sqrt(2 ln 255): further out even an opaque Gaussian is below 1/255."""
FIELD_MARGIN = 0.15
"""Further outside of the image than this share of its side the linearisation is clamped."""


@dataclass(frozen=True)
class Ellipses:
    """Projected Gaussians."""

    center: Float[Tensor, "n 2"]
    """Column and row; pixel i covers [i, i + 1)."""
    conic: Float[Tensor, "n 3"]
    """Upper triangle of the inverse covariance."""
    depth: Float[Tensor, " n"]
    """Along the optical axis."""
    radius: Float[Tensor, "n 2"]
    """Half the columns and rows, around the centre, within which it can be seen."""
    visible: Bool[Tensor, " n"]


def project_gaussians(
    means: Float[Tensor, "n 3"],
    quats_wxyz: Float[Tensor, "n 4"],
    scales: Float[Tensor, "n 3"],
    view_from_world: Float[Tensor, "4 4"],
    intrinsics: Float[Tensor, "3 3"],
    height: int,
    width: int,
    near: float,
) -> Ellipses:
    """Project Gaussians into a pinhole camera; what lies nearer than `near` is not visible."""
    rotation = view_from_world[:3, :3]
    camera = means @ rotation.T + view_from_world[:3, 3]
    depth = camera[:, 2]
    z = depth.clamp_min(near)
    fx, fy, cx, cy = intrinsics[0, 0], intrinsics[1, 1], intrinsics[0, 2], intrinsics[1, 2]
    center = torch.stack([fx * camera[:, 0] / z + cx, fy * camera[:, 1] / z + cy], -1)
    # The clamp keeps the linearisation sane far outside of the image (3DGS reference; as in
    # gsplat its limits follow a principal point that is not in the middle).
    beyond_x, beyond_y = FIELD_MARGIN * width, FIELD_MARGIN * height
    x = (camera[:, 0] / z).clamp((-beyond_x - cx) / fx, (width + beyond_x - cx) / fx)
    y = (camera[:, 1] / z).clamp((-beyond_y - cy) / fy, (height + beyond_y - cy) / fy)
    zero = torch.zeros_like(z)
    jacobian = torch.stack([fx / z, zero, -fx * x / z, zero, fy / z, -fy * y / z], -1).view(
        -1, 2, 3
    )
    axes = rotation @ (matrices_from_quats(quats_wxyz) * scales[:, None, :])
    half = jacobian @ axes
    covariance = half @ half.transpose(1, 2)
    a, b, c = covariance[:, 0, 0] + BLUR, covariance[:, 0, 1], covariance[:, 1, 1] + BLUR
    # ac - b^2 by Lagrange's identity: of a needle close to the camera, float32 would leave nothing
    # of that difference.
    crossed = torch.linalg.cross(half[:, 0], half[:, 1]).square().sum(1)
    determinant = crossed + BLUR * (covariance[:, 0, 0] + covariance[:, 1, 1]) + BLUR**2
    radius = torch.ceil(EXTENT * torch.stack([a, c], -1).sqrt())
    inside = (center + radius > 0) & (center - radius < center.new_tensor([width, height]))
    return Ellipses(
        center=center,
        conic=torch.stack([c, -b, a], -1) / determinant[:, None],
        depth=depth,
        radius=radius,
        visible=(depth > near) & (inside & torch.isfinite(center)).all(1),
    )
