# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Focal length of a pinhole camera from a point map in its own frame (DUSt3R paper, section 3.3).

Pixels here are integer (column, row) from 0, the principal point is the image centre (width/2,
height/2), and there is one focal length for both axes: the convention of the DUSt3R paper's
systems.
"""

import math
from enum import StrEnum

import torch
from jaxtyping import Float
from torch import Tensor

WEISZFELD_ITERATIONS = 10
WEISZFELD_MIN_DISTANCE = 1e-8
REFERENCE_FIELD_OF_VIEW = math.radians(60.0)
"""The focal limits are given relative to the focal length of this field of view."""


class FocalMethod(StrEnum):
    """How the focal lengths that the single pixels ask for are brought together."""

    WEISZFELD = "weiszfeld"
    """Geometric median of the reprojection errors by iteratively re-weighted least squares."""
    MEDIAN = "median"
    """Median over the pixels and both axes."""


def reference_focal(height: int, width: int) -> float:
    """Focal length in pixels at which the longer side fills a field of view of 60 degrees."""
    return max(height, width) / (2.0 * math.tan(REFERENCE_FIELD_OF_VIEW / 2.0))


def estimate_focal(
    points: Float[Tensor, "b h w 3"],
    method: FocalMethod = FocalMethod.WEISZFELD,
    min_focal: float = 0.0,
    max_focal: float = math.inf,
) -> Float[Tensor, " b"]:
    """Focal lengths in pixels from point maps in the frame of the camera that saw them.

    Args:
        points: one point per pixel, OpenCV axes, any unit. Confidence is not used.
        method: how to bring the pixels together.
        min_focal: lower limit as a share of :func:`reference_focal`.
        max_focal: upper limit as a share of :func:`reference_focal`.

    Returns:
        One focal length per point map. Points with a zero or non-finite depth take no part.
    """
    height, width = points.shape[1:3]
    columns = torch.arange(width, device=points.device, dtype=points.dtype) - width / 2
    rows = torch.arange(height, device=points.device, dtype=points.dtype) - height / 2
    pixels = torch.stack(torch.meshgrid(columns, rows, indexing="xy"), dim=-1).reshape(1, -1, 2)
    flat = points.reshape(points.shape[0], -1, 3)
    if method is FocalMethod.MEDIAN:
        votes = pixels * flat[..., 2:] / flat[..., :2]
        focal = votes.flatten(1).nanmedian(dim=1).values
    else:
        focal = _weiszfeld(pixels, flat)
    limit = reference_focal(height, width)
    return focal.clip(min=min_focal * limit, max=max_focal * limit)


def _weiszfeld(
    pixels: Float[Tensor, "1 n 2"], points: Float[Tensor, "b n 3"]
) -> Float[Tensor, " b"]:
    """Minimises sum ||pixel - f * ray|| over f."""
    rays = (points[..., :2] / points[..., 2:]).nan_to_num(nan=0.0, posinf=0.0, neginf=0.0)
    ray_dot_pixel = (rays * pixels).sum(dim=-1)
    ray_dot_ray = rays.square().sum(dim=-1)
    focal = ray_dot_pixel.mean(dim=1) / ray_dot_ray.mean(dim=1)
    for _ in range(WEISZFELD_ITERATIONS):
        distance = (pixels - focal[:, None, None] * rays).norm(dim=-1)
        weight = 1.0 / distance.clip(min=WEISZFELD_MIN_DISTANCE)
        focal = (weight * ray_dot_pixel).mean(dim=1) / (weight * ray_dot_ray).mean(dim=1)
    return focal
