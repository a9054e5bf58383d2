# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Raw head channels to Gaussian attributes, as NoPoSplat and SpatialSplat define them.

Channels: 0 opacity logit, 1-3 scales, 4-7 quaternion (x, y, z, w), 8-82 spherical harmonics (25
red, 25 green, 25 blue), 83 importance logit (SpatialSplat only).
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

SH_DEGREE = 4
SH_COEFFICIENTS = (SH_DEGREE + 1) ** 2
PARAMETER_CHANNELS = 8 + 3 * SH_COEFFICIENTS
SCALE_FACTOR = 0.001
MAX_SCALE = 0.3
EPS = 1e-8


class GaussianAttributes(NamedTuple):
    """Attributes of the Gaussians of b images, row-major pixels n."""

    opacities: Float[Tensor, "b n"]
    """0..1, importance not multiplied in."""
    scales: Float[Tensor, "b n 3"]
    quats_xyzw: Float[Tensor, "b n 4"]
    sh: Float[Tensor, "b n 3 k"]
    """Colour first, 25 coefficients each; those above degree 3 do not matter to a 3DGS
    rasteriser."""
    importances: Float[Tensor, "b n"] | None
    """Selection score 0..1; None without channel 83."""


def sh_mask(device: torch.device | str = "cpu") -> Float[Tensor, " k"]:
    """Damping of the coefficients: 1 for DC, 0.1 * 0.25**l for degree l."""
    degrees = torch.arange(SH_DEGREE + 1, device=device)
    damping = torch.where(degrees == 0, 1.0, 0.1 * 0.25**degrees)
    return damping.repeat_interleave(2 * degrees + 1, output_size=SH_COEFFICIENTS)


def adapt_gaussians(raw: Float[Tensor, "b c h w"]) -> GaussianAttributes:
    """Attributes of one Gaussian per pixel from 83 or 84 raw channels."""
    x = raw.flatten(2).transpose(1, 2)
    quats = x[..., 4:8]
    sh = x[..., 8:PARAMETER_CHANNELS].unflatten(-1, (3, SH_COEFFICIENTS))
    has_importance = x.shape[-1] > PARAMETER_CHANNELS
    return GaussianAttributes(
        opacities=x[..., 0].sigmoid(),
        scales=(SCALE_FACTOR * F.softplus(x[..., 1:4])).clamp(max=MAX_SCALE),
        quats_xyzw=quats / (quats.norm(dim=-1, keepdim=True) + EPS),
        sh=sh * sh_mask(raw.device),
        importances=x[..., PARAMETER_CHANNELS].sigmoid() if has_importance else None,
    )


def selected_opacities(
    opacities: Float[Tensor, "*b"], importances: Float[Tensor, "*b"], threshold: float = 0.5
) -> Float[Tensor, "*b"]:
    """Opacity times importance, and a thousandth of it where the importance does not exceed the
    threshold.

    Selective Gaussian mechanism of the SpatialSplat paper.
    """
    weighted = opacities * importances
    return torch.where(importances > threshold, weighted, 1e-3 * weighted)


def covariances(
    scales: Float[Tensor, "*b 3"], quats_xyzw: Float[Tensor, "*b 4"]
) -> Float[Tensor, "*b 3 3"]:
    """R diag(scales)^2 R^T, with R from a quaternion that need not be exactly of length one."""
    x, y, z, w = quats_xyzw.unbind(-1)
    two = 2 / (quats_xyzw.square().sum(-1) + EPS)
    rows = (
        *(1 - two * (y * y + z * z), two * (x * y - z * w), two * (x * z + y * w)),
        *(two * (x * y + z * w), 1 - two * (x * x + z * z), two * (y * z - x * w)),
        *(two * (x * z - y * w), two * (y * z + x * w), 1 - two * (x * x + y * y)),
    )
    rotation = torch.stack(rows, dim=-1).unflatten(-1, (3, 3))
    half = rotation * scales.unsqueeze(-2)
    return half @ half.transpose(-1, -2)
