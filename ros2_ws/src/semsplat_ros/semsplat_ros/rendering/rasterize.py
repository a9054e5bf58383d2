# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Splatting behind one function: gsplat on CUDA where it is installed, plain PyTorch elsewhere."""

import importlib.util
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from semsplat_ros.geometry.spherical_harmonics import sh_colours
from semsplat_ros.rendering.projection import BLUR, project_gaussians
from semsplat_ros.rendering.torch_rasterizer import composite
from semsplat_ros.scene import Gaussians

NEAR = 0.01


@dataclass(frozen=True)
class Rendering:
    """What a camera sees of Gaussians."""

    colour: Float[Tensor, "h w 3"]
    """Over black."""
    features: Float[Tensor, "h w c"] | None
    """Blended like colour; not divided by alpha. None if none were given."""
    depth: Float[Tensor, "h w"]
    """Sum of depth times weight; divide by alpha for the expected depth."""
    alpha: Float[Tensor, "h w"]
    """0..1."""


def rasterize(
    gaussians: Gaussians,
    view_from_world: Float[Tensor, "4 4"],
    intrinsics: Float[Tensor, "3 3"],
    height: int,
    width: int,
    features: Float[Tensor, "n c"] | None = None,
    near: float = NEAR,
) -> Rendering:
    """Render colour, features and depth of Gaussians; differentiable in all of them.

    Args:
        gaussians: opacities are used as they are; multiply importances in before if they should
            count.
        view_from_world: pose of the world (the first camera) in the rendered camera's frame.
        intrinsics: pixels of the rendered image.
        height: rows.
        width: columns.
        features: anything else to blend, one row for each Gaussian.
        near: nearer Gaussians are left out, same unit as the means.
    """
    camera = -view_from_world[:3, :3].T @ view_from_world[:3, 3]
    colour = sh_colours(gaussians.sh, gaussians.means - camera)
    values = colour if features is None else torch.cat([colour, features], 1)
    draw = _with_gsplat if _has_gsplat(gaussians.means.device) else _with_torch
    blended, depth, alpha = draw(
        gaussians, values, view_from_world, intrinsics, height, width, near
    )
    return Rendering(
        colour=blended[..., :3],
        features=None if features is None else blended[..., 3:],
        depth=depth,
        alpha=alpha,
    )


def _has_gsplat(device: torch.device) -> bool:
    return device.type == "cuda" and importlib.util.find_spec("gsplat") is not None


def _with_torch(
    gaussians: Gaussians,
    values: Float[Tensor, "n c"],
    view_from_world: Float[Tensor, "4 4"],
    intrinsics: Float[Tensor, "3 3"],
    height: int,
    width: int,
    near: float,
) -> tuple[Tensor, Tensor, Tensor]:
    ellipses = project_gaussians(
        gaussians.means,
        gaussians.quats_wxyz,
        gaussians.scales,
        view_from_world,
        intrinsics,
        height,
        width,
        near,
    )
    stacked = torch.cat([values, ellipses.depth[:, None]], 1)
    blended, alpha = composite(ellipses, gaussians.opacities, stacked, height, width)
    return blended[..., :-1], blended[..., -1], alpha


def _with_gsplat(
    gaussians: Gaussians,
    values: Float[Tensor, "n c"],
    view_from_world: Float[Tensor, "4 4"],
    intrinsics: Float[Tensor, "3 3"],
    height: int,
    width: int,
    near: float,
) -> tuple[Tensor, Tensor, Tensor]:
    import gsplat

    blended, alpha, _ = gsplat.rasterization(
        gaussians.means,
        gaussians.quats_wxyz,
        gaussians.scales,
        gaussians.opacities,
        values,
        view_from_world[None],
        intrinsics[None],
        width,
        height,
        near_plane=near,
        eps2d=BLUR,
        render_mode="RGB+D",
    )
    return blended[0, ..., :-1], blended[0, ..., -1], alpha[0, ..., 0]
