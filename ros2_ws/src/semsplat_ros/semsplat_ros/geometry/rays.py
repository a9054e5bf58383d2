# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Rays of the pixels of calibrated images."""

import torch
from jaxtyping import Float
from torch import Tensor


def pixel_rays(
    intrinsics: Float[Tensor, "v 3 3"], height: int, width: int
) -> Float[Tensor, "v 2 h w"]:
    """x/z and y/z of every pixel centre (+0.5) of images with these intrinsics, in pixels."""
    rows = torch.arange(height, device=intrinsics.device, dtype=intrinsics.dtype) + 0.5
    columns = torch.arange(width, device=intrinsics.device, dtype=intrinsics.dtype) + 0.5
    x = (columns - intrinsics[:, 0, 2, None]) / intrinsics[:, 0, 0, None]
    y = (rows - intrinsics[:, 1, 2, None]) / intrinsics[:, 1, 1, None]
    views = intrinsics.shape[0]
    return torch.stack(
        [x[:, None].expand(views, height, width), y[:, :, None].expand(views, height, width)], 1
    )


def default_intrinsics(height: int, width: int) -> Float[Tensor, "3 3"]:
    """A camera to start from where nothing is known: focal length = image height (53 degrees)."""
    return torch.tensor(
        [[float(height), 0.0, width / 2], [0.0, float(height), height / 2], [0.0, 0.0, 1.0]]
    )


def unproject(
    depth: Float[Tensor, "v h w"], rays: Float[Tensor, "v 2 h w"]
) -> Float[Tensor, "v 3 h w"]:
    """Points in each camera's frame from depth along the optical axis."""
    return torch.cat([rays, torch.ones_like(rays[:, :1])], 1) * depth[:, None]
