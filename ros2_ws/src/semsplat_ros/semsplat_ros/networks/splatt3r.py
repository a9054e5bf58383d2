# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Splatt3R: MASt3R with a second DPT head a side that predicts one Gaussian per pixel.

Attribute names are the tensor names of the official checkpoint, without its prefix ``encoder.``.
"""

import math
from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor, nn

from semsplat_ros.geometry.spherical_harmonics import dc_from_colour
from semsplat_ros.networks.croco import ViewFeatures
from semsplat_ros.networks.dpt import DptConfig, DptHead
from semsplat_ros.networks.dust3r import Mast3rHead, Mast3rNetwork, PointMap

GAUSSIAN_CHANNELS = (3, 3, 4, 3, 1)
"""Offset, scale, rotation, spherical harmonics (one coefficient a colour), opacity."""
OFFSET_SHIFT = 6.0
EPS = 1e-8


class PixelGaussians(NamedTuple):
    """One Gaussian per pixel of one image, in the first image's camera frame."""

    means: Float[Tensor, "b h w 3"]
    scales: Float[Tensor, "b h w 3"]
    quats_xyzw: Float[Tensor, "b h w 4"]
    sh_residual: Float[Tensor, "b h w 3 1"]
    """As predicted; the pixel's colour not added."""
    sh: Float[Tensor, "b h w 3 1"]
    """Colour first, DC only."""
    opacities: Float[Tensor, "b h w 1"]


class PairGaussians(NamedTuple):
    """What Splatt3R predicts for a pair."""

    points: tuple[PointMap, PointMap]
    gaussians: tuple[PixelGaussians, PixelGaussians]
    features: ViewFeatures


class Splatt3rHead(Mast3rHead):
    """MASt3R's head and the Gaussian head beside it."""

    def __init__(self, dpt: DptConfig, patch: int = 16) -> None:
        super().__init__(dpt, patch)
        self.gaussian_dpt = DptHead(sum(GAUSSIAN_CHANNELS), dpt)


class Splatt3rNetwork(Mast3rNetwork):
    """Splatt3R (Splatt3R paper, section 3)."""

    # The upstream model leaves the descriptor confidence in the mode of the point confidence.
    min_descriptor_confidence = 1.0
    downstream_head1: Splatt3rHead
    downstream_head2: Splatt3rHead

    def _head(self, dpt: DptConfig) -> nn.Module:
        return Splatt3rHead(dpt, self.config.patch)

    def forward(self, images: Float[Tensor, "b 2 3 h w"]) -> PairGaussians:  # type: ignore[override]
        """Gaussians of both images.

        Args:
            images: -1..1, sides multiples of 16, portrait or landscape.
        """
        maps = super().forward(images)
        features = maps.features
        raw1 = self.downstream_head1.gaussian_dpt(features.reference, features.grid)
        raw2 = self.downstream_head2.gaussian_dpt(features.others, features.grid)
        return PairGaussians(
            (maps.first, maps.second),
            (
                pixel_gaussians(raw1, maps.first.points, images[:, 0]),
                pixel_gaussians(raw2, maps.second.points, images[:, 1]),
            ),
            features,
        )


def pixel_gaussians(
    raw: Float[Tensor, "b 14 h w"],
    points: Float[Tensor, "b h w 3"],
    images: Float[Tensor, "b 3 h w"],
) -> PixelGaussians:
    """Gaussian attributes from the 14 raw channels of the Gaussian head.

    Args:
        raw: offset, scale, rotation, spherical harmonics, opacity.
        points: of the same pixels; no gradient flows into them.
        images: -1..1.
    """
    offset, scale, rotation, sh, opacity = raw.permute(0, 2, 3, 1).split(GAUSSIAN_CHANNELS, -1)
    residual = sh.unflatten(-1, (3, 1))
    colours = images.permute(0, 2, 3, 1).float() * 0.5 + 0.5
    return PixelGaussians(
        means=points.detach() + _offset(offset),
        scales=scale.exp(),
        quats_xyzw=rotation / (rotation.norm(dim=-1, keepdim=True) + EPS),
        sh_residual=residual,
        sh=residual + dc_from_colour(colours).unsqueeze(-1),
        opacities=opacity.sigmoid(),
    )


def _offset(v: Float[Tensor, "b h w 3"]) -> Float[Tensor, "b h w 3"]:
    """Direction of v, length exp(|v| - 6) - exp(-6)."""
    norm = v.norm(dim=-1, keepdim=True)
    return v / norm.clamp(min=EPS) * (norm.expm1() * math.exp(-OFFSET_SHIFT))
