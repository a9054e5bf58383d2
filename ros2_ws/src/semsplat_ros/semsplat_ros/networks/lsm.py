# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Large Spatial Model (LSM paper): two unposed images to Gaussians with compressed language
features.

DUSt3R gives the points, LSeg the language features, and a point transformer that reads both gives
the other attributes. Attribute names are the tensor names of the official checkpoint.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from semsplat_ros.networks.croco import TINY_CROCO, CrocoConfig
from semsplat_ros.networks.dpt import TINY_DPT, DptConfig
from semsplat_ros.networks.dust3r import Dust3rNetwork, PointMap
from semsplat_ros.networks.freed_memory import release_freed_memory
from semsplat_ros.networks.lseg import TINY_LSEG, Lseg, LsegConfig
from semsplat_ros.networks.lsm_head import LsmGaussianHead, LsmGaussians
from semsplat_ros.networks.point_transformer.blocks import (
    TINY_POINT_TRANSFORMER,
    PointTransformerConfig,
)
from semsplat_ros.networks.point_transformer.cloud import Structure, structure_of, voxelize
from semsplat_ros.networks.point_transformer.network import PointTransformer

VIEWS = 2
VOXEL_SIZE = 0.01
"""In the cube of side 2 that every scene is scaled to."""


@dataclass(frozen=True)
class LsmConfig:
    """Sizes; the defaults are those of the official checkpoint."""

    croco: CrocoConfig = CrocoConfig()
    dpt: DptConfig = DptConfig()
    lseg: LsegConfig = LsegConfig()
    points: PointTransformerConfig = PointTransformerConfig()
    feature_channels: int = 64
    """Compressed language features of a Gaussian."""


TINY_LSM = LsmConfig(
    croco=TINY_CROCO,
    dpt=TINY_DPT,
    lseg=TINY_LSEG,
    points=replace(TINY_POINT_TRANSFORMER, language_width=TINY_LSEG.out_channels),
    feature_channels=8,
)
"""For tests."""


class LanguageFeatures(NamedTuple):
    """LSeg's view of the images of s scenes."""

    dense: Float[Tensor, "s2 d hh ww"]
    """At half the image size, a scene's views next to each other."""
    tokens: Float[Tensor, "s n d"]
    """8 x 8 means, both views of a scene."""
    reduced: Float[Tensor, "s2 f hh ww"]
    """Compressed, at half the image size."""


class Cloud(NamedTuple):
    """The points of s scenes of p points each, both views one after the other, row-major."""

    structure: Structure
    """On positions scaled to the cube [-1, 1]."""
    features: Float[Tensor, "n 6"]
    """Scaled position, colour in -1..1."""
    points: Float[Tensor, "s p 3"]
    """As DUSt3R predicted them."""
    centre: Float[Tensor, "s 3"]
    """Mean of the points."""
    scale: Float[Tensor, " s"]
    """Largest coordinate of a centred point."""


def enlarge(reduced: Float[Tensor, "b f hh ww"]) -> Float[Tensor, "b f h w"]:
    """Compressed language features at the image size."""
    return F.interpolate(reduced, scale_factor=2.0, mode="bilinear", align_corners=False)


class LsmPrediction(NamedTuple):
    """What LSM predicts for s pairs."""

    maps: tuple[PointMap, PointMap]
    """Of both views, in the first one's frame."""
    gaussians: LsmGaussians


class LsmNetwork(nn.Module):
    """The whole model.

    Args:
        config: sizes.
        shuffle_orders: see
        :class:`semsplat_ros.networks.point_transformer.network.PointTransformer`.
    """

    full_precision = ("gaussian_head", "feature_expansion", "feature_reduction")

    def __init__(self, config: LsmConfig | None = None, shuffle_orders: bool = False) -> None:
        super().__init__()
        self.config = c = config or LsmConfig()
        self.dust3r = nn.ModuleDict({"dust3r": Dust3rNetwork(c.croco, c.dpt)})
        self.lseg_feature_extractor = Lseg(c.lseg)
        self.point_transformer = PointTransformer(c.points, shuffle_orders)
        width = c.points.decoder_channels[0]
        self.gaussian_head = LsmGaussianHead(width, c.feature_channels)
        language = c.lseg.out_channels
        self.feature_expansion = nn.Sequential(
            nn.Identity(), nn.Conv2d(c.feature_channels, language, kernel_size=1)
        )
        self.feature_reduction = nn.Sequential(
            nn.Conv2d(language, c.feature_channels, kernel_size=1)
        )

    def forward(self, images: Float[Tensor, "s 2 3 h w"]) -> LsmPrediction:
        """One pass.

        Args:
            images: RGB in -1..1, sides multiples of 32.
        """
        first, second, features = self.dust3r["dust3r"](images)
        image_tokens = torch.cat([features.reference[0], features.others[0]], dim=1)
        # What nothing reads any more makes place for what follows: all but the encoder's tokens
        # here, the dense features there.
        del features
        language_tokens, reduced = self.language(images)[1:]
        points = torch.stack([first.points, second.points], dim=1)
        cloud = self.assemble(points, images)
        release_freed_memory(images.device)
        gaussians = self.gaussians(cloud, image_tokens, language_tokens, reduced)
        return LsmPrediction((first, second), gaussians)

    def language(self, images: Float[Tensor, "s 2 3 h w"]) -> LanguageFeatures:
        """Language features of both images, which LSeg sees in -1..1."""
        lseg = self.lseg_feature_extractor
        dense = lseg(images.flatten(0, 1))
        tokens = lseg.pooled_tokens(dense, VIEWS)
        return LanguageFeatures(dense, tokens, self.feature_reduction(dense))

    def expand(self, features: Float[Tensor, "b f h w"]) -> Float[Tensor, "b d hh ww"]:
        """A image of compressed features in LSeg's space, half the size."""
        half = F.interpolate(features, scale_factor=0.5, mode="bilinear", align_corners=False)
        return self.feature_expansion(half)

    def expansion(self) -> tuple[Float[Tensor, "d f"], Float[Tensor, " d"]]:
        """Matrix and offset of :meth:`expand`, which is linear: for single Gaussians."""
        layer = self.feature_expansion[1]
        assert isinstance(layer, nn.Conv2d) and layer.bias is not None
        return layer.weight[:, :, 0, 0], layer.bias

    def assemble(
        self, points: Float[Tensor, "s 2 h w 3"], images: Float[Tensor, "s 2 3 h w"]
    ) -> Cloud:
        """Both point maps of each scene as one cloud in the cube [-1, 1].

        No gradient reaches the points: the published training cuts it here.
        """
        scenes = points.shape[0]
        flat = points.detach().flatten(1, 3).float()
        centre = flat.mean(dim=1)
        centred = flat - centre[:, None]
        scale = centred.abs().amax(dim=(1, 2))
        coords = (centred / scale[:, None, None]).flatten(0, 1)
        colours = images.permute(0, 1, 3, 4, 2).flatten(0, 3).to(coords.dtype)
        counts = (flat.shape[1],) * scenes
        grid = voxelize(coords, VOXEL_SIZE)
        structure = structure_of(coords, grid, counts, self.point_transformer.shuffle_orders)
        features = torch.cat([coords, colours], dim=1)
        return Cloud(structure, features, flat, centre, scale)

    def gaussians(
        self,
        cloud: Cloud,
        image_tokens: Float[Tensor, "s t c"],
        language_tokens: Float[Tensor, "s n d"],
        reduced: Float[Tensor, "s2 f h w"],
    ) -> LsmGaussians:
        """Attributes of one Gaussian for every point.

        Args:
            cloud: from :meth:`assemble`.
            image_tokens: DUSt3R's encoder tokens of both views.
            language_tokens: from :meth:`language`, as `reduced`.
            reduced: compressed language features at half the image size.
        """
        features = self.point_transformer(
            cloud.features, cloud.structure, image_tokens, language_tokens
        )
        release_freed_memory(features.device)
        scenes = len(cloud.points)
        per_pixel = enlarge(reduced).permute(0, 2, 3, 1).reshape(scenes, -1, reduced.shape[1])
        return self.gaussian_head(
            features.unflatten(0, (scenes, -1)),
            cloud.points,
            cloud.features[:, 3:].unflatten(0, (scenes, -1)),
            per_pixel,
        )
