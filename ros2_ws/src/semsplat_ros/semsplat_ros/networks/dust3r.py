# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""DUSt3R and MASt3R: two images to point maps in the first camera's frame.

Attribute names are the tensor names of the official checkpoints.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from semsplat_ros.networks.croco import CrocoConfig, Mlp, TwoViewTransformer, ViewFeatures
from semsplat_ros.networks.dpt import (
    DptConfig,
    DptHead,
    dpt_config_for,
    exp_confidence,
    expm1_points,
)
from semsplat_ros.networks.freed_memory import release_freed_memory

DESCRIPTOR_CHANNELS = 24


class PointMap(NamedTuple):
    """One image's points, one per pixel."""

    points: Float[Tensor, "b h w 3"]
    """In the frame of the first image's camera, OpenCV axes."""
    confidence: Float[Tensor, "b h w"]
    """1 + e^x, at least 1."""


class Descriptors(NamedTuple):
    """MASt3R's local features for matching."""

    features: Float[Tensor, "b h w d"]
    """Unit vectors."""
    confidence: Float[Tensor, "b h w"]


class PairPointMaps(NamedTuple):
    """What DUSt3R predicts for a pair."""

    first: PointMap
    second: PointMap
    features: ViewFeatures
    """The transformer's, for systems that build on them."""


def point_map(raw: Float[Tensor, "b 4 h w"]) -> PointMap:
    """Points and confidence from the four raw channels of a head."""
    return PointMap(expm1_points(raw[:, :3]), exp_confidence(raw[:, 3]))


class Dust3rNetwork(TwoViewTransformer):
    """DUSt3R (DUSt3R paper, section 3): transformer and one DPT head a side."""

    def __init__(self, config: CrocoConfig | None = None, dpt: DptConfig | None = None) -> None:
        super().__init__(config)
        dpt = dpt or dpt_config_for(self.config)
        self.downstream_head1 = self._head(dpt)
        self.downstream_head2 = self._head(dpt)

    def _head(self, dpt: DptConfig) -> nn.Module:
        return DptHead(4, dpt)

    def forward(self, images: Float[Tensor, "b 2 3 h w"]) -> PairPointMaps:  # type: ignore[override]
        """Point maps of both images.

        Args:
            images: -1..1, sides multiples of 16, portrait or landscape.
        """
        features = super().forward(images)
        release_freed_memory(images.device)
        return PairPointMaps(
            point_map(self.downstream_head1(features.reference, features.grid)),
            point_map(self.downstream_head2(features.others, features.grid)),
            features,
        )


class Mast3rHead(DptHead):
    """Point head as DUSt3R's, and an MLP on the first and last tokens for descriptors."""

    def __init__(self, dpt: DptConfig, patch: int = 16) -> None:
        super().__init__(4, dpt)
        self.patch = patch
        width = dpt.widths[0] + dpt.widths[-1]
        out = (DESCRIPTOR_CHANNELS + 1) * patch**2
        self.head_local_features = Mlp(width, 4 * width, out)

    def describe(
        self,
        features: list[Float[Tensor, "b n _"]],
        grid: tuple[int, int],
        min_confidence: float = 0.0,
    ) -> Descriptors:
        """Descriptors at image size.

        Args:
            features: the transformer's feature list of this side.
            grid: rows and columns of patches.
            min_confidence: the confidence is this plus e^x; 0 in MASt3R, 1 in Splatt3R.
        """
        tokens = torch.cat((features[0], features[-1]), dim=-1)
        maps = self.head_local_features(tokens).float().transpose(1, 2).unflatten(2, grid)
        pixels = F.pixel_shuffle(maps, self.patch)
        vectors = pixels[:, :DESCRIPTOR_CHANNELS].permute(0, 2, 3, 1)
        return Descriptors(
            vectors / vectors.norm(dim=-1, keepdim=True),
            exp_confidence(pixels[:, DESCRIPTOR_CHANNELS], min_confidence),
        )


class Mast3rNetwork(Dust3rNetwork):
    """MASt3R (MASt3R paper, section 3.2): DUSt3R with descriptors; its points are metres."""

    min_descriptor_confidence = 0.0
    downstream_head1: Mast3rHead
    downstream_head2: Mast3rHead

    def _head(self, dpt: DptConfig) -> nn.Module:
        return Mast3rHead(dpt, self.config.patch)

    def describe(self, features: ViewFeatures) -> tuple[Descriptors, Descriptors]:
        """Descriptors of both images, from the features of :meth:`forward`."""
        least = self.min_descriptor_confidence
        return (
            self.downstream_head1.describe(features.reference, features.grid, least),
            self.downstream_head2.describe(features.others, features.grid, least),
        )
