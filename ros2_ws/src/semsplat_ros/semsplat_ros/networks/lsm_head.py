# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Gaussians from point features, as the LSM paper's published network computes them (section
3.2)."""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from semsplat_ros.geometry.spacing import mean_square_spacing
from semsplat_ros.geometry.spherical_harmonics import SH_C0

SH_DEGREE = 3
SH_COEFFICIENTS = (SH_DEGREE + 1) ** 2
MIN_SQUARE_SPACING = 1e-7
SCALE_LIMITS = (0.1, 3.0)
"""Of the median spacing of a scene."""


class LsmGaussians(NamedTuple):
    """Attributes of one Gaussian for every point; p = points of a scene, view by view,
    row-major."""

    scales: Float[Tensor, "s p 3"]
    """Standard deviations, same unit as the points."""
    quats_wxyz: Float[Tensor, "s p 4"]
    opacities: Float[Tensor, "s p"]
    sh: Float[Tensor, "s p k 3"]
    """16 coefficients. The published renderer draws the first alone: the others were never
    trained."""
    features: Float[Tensor, "s p f"]
    """Compressed language features."""


def sh_mask(device: torch.device | str = "cpu") -> Float[Tensor, " k"]:
    """Damping of the coefficients: 1 for DC, 0.5 * 0.25**l for degree l."""
    degrees = torch.arange(SH_DEGREE + 1, device=device)
    damping = torch.where(degrees == 0, 1.0, 0.5 * 0.25**degrees)
    return damping.repeat_interleave(2 * degrees + 1, output_size=SH_COEFFICIENTS)


def spacing_of(points: Float[Tensor, "s p 3"]) -> Float[Tensor, "s p"]:
    """Root of the mean squared distance to the 3 nearest points of the scene, at least 3.2e-4."""
    squares = torch.stack([mean_square_spacing(scene) for scene in points.float()])
    return squares.clamp(min=MIN_SQUARE_SPACING).sqrt()


class LsmGaussianHead(nn.Module):
    """One linear layer; channels: scale 3, rotation 4, opacity 1, SH 48 (coefficient, colour),
    features."""

    def __init__(self, in_channels: int = 64, feature_channels: int = 64) -> None:
        super().__init__()
        self.splits = (3, 4, 1, 3 * SH_COEFFICIENTS, feature_channels)
        self.gaussian_proj = nn.Linear(in_channels, sum(self.splits))

    def forward(
        self,
        point_features: Float[Tensor, "s p c"],
        points: Float[Tensor, "s p 3"],
        colours: Float[Tensor, "s p 3"],
        language: Float[Tensor, "s p f"],
    ) -> LsmGaussians:
        """Attributes; the means are the points themselves.

        Args:
            point_features: of the point transformer.
            points: both views of a scene in the first camera's frame; spacings are taken over
                both.
            colours: RGB of the points' pixels, -1..1.
            language: reduced language features of the points' pixels.
        """
        raw = self.gaussian_proj(point_features.to(self.gaussian_proj.weight.dtype)).float()
        scale, rotation, opacity, sh, features = raw.split(self.splits, dim=-1)
        spacing = spacing_of(points)
        low, high = (limit * spacing.median(dim=1).values for limit in SCALE_LIMITS)
        scale = scale.exp() * spacing[..., None]
        sh = sh.unflatten(-1, (SH_COEFFICIENTS, 3))
        dc = sh[..., :1, :] + colours[..., None, :].float() * (0.5 / SH_C0)
        return LsmGaussians(
            scales=torch.minimum(scale.maximum(low[:, None, None]), high[:, None, None]),
            quats_wxyz=F.normalize(rotation, dim=-1, eps=1e-12),
            opacities=opacity.squeeze(-1).sigmoid(),
            sh=torch.cat([dc, sh[..., 1:, :]], dim=-2).mul_(sh_mask(raw.device)[:, None]),
            features=features + language.float(),
        )
