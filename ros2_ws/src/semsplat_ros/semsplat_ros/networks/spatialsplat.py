# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""NoPoSplat and SpatialSplat as networks: normalised images and intrinsics in, Gaussian fields
out.

Attribute names are the tensor names of the official checkpoints (without their ``encoder.``
prefix).
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from semsplat_ros.networks.croco import TINY_CROCO, CrocoConfig, TwoViewTransformer, ViewFeatures
from semsplat_ros.networks.dpt import TINY_DPT, DptConfig, DptHead, expm1_points
from semsplat_ros.networks.gaussian_adapter import (
    PARAMETER_CHANNELS,
    GaussianAttributes,
    adapt_gaussians,
)
from semsplat_ros.networks.semantic_heads import GaussianHead, InstanceHead

COARSE_STRIDE = 8
"""Pixels per coarse Gaussian along each axis (S of the SpatialSplat paper)."""


@dataclass(frozen=True)
class SplatConfig:
    """Sizes; the defaults are those of the official checkpoints."""

    croco: CrocoConfig = CrocoConfig(intrinsics_token=True)
    dpt: DptConfig = DptConfig()
    instance_channels: int = 8
    language_channels: int = 512


TINY_SPLAT = SplatConfig(
    croco=CrocoConfig(**(TINY_CROCO.__dict__ | {"intrinsics_token": True})),
    dpt=TINY_DPT,
    language_channels=12,
)
"""For tests; its language channels fit ``TINY_CLIP``."""


@dataclass(frozen=True)
class GaussianField:
    """Gaussians of b scenes and v views, n row-major pixels each, in view 0's frame."""

    means: Float[Tensor, "b v n 3"]
    scales: Float[Tensor, "b v n 3"]
    quats_xyzw: Float[Tensor, "b v n 4"]
    sh: Float[Tensor, "b v n 3 k"]
    opacities: Float[Tensor, "b v n"]
    """Importance not multiplied in."""
    importances: Float[Tensor, "b v n"] | None
    instances: Float[Tensor, "b v n e"] | None = None
    """Unit vectors; None for NoPoSplat."""
    semantics: Float[Tensor, "b v n d"] | None = None
    """Non-negative, not normalised; only in the coarse field, and None there without language
    features."""


@dataclass(frozen=True)
class DualField:
    """SpatialSplat's two fields: what things look like and belong to, and what they mean."""

    fine: GaussianField
    """One Gaussian for every pixel."""
    coarse: GaussianField
    """One for every 8 x 8 pixels. Its importances are predicted but play no part in its
    opacities."""


def join_views(
    reference: Float[Tensor, "b ..."], others: Float[Tensor, "b_others ..."]
) -> Float[Tensor, "b v ..."]:
    """Outputs of view 0 and of the other views (batch b * (v - 1)) as one tensor."""
    return torch.cat((reference.unsqueeze(1), others.unflatten(0, (len(reference), -1))), dim=1)


def _join_attributes(
    reference: GaussianAttributes, others: GaussianAttributes
) -> dict[str, Tensor | None]:
    return {
        name: None if mine is None else join_views(mine, theirs)
        for name, mine, theirs in zip(reference._fields, reference, others, strict=True)
    }


class NoPoSplatNetwork(nn.Module):
    """Gaussians for every pixel of two or more unposed views (NoPoSplat paper)."""

    gaussian_channels = PARAMETER_CHANNELS
    coarse_stride: int | None = None

    def __init__(self, config: SplatConfig | None = None) -> None:
        super().__init__()
        self.config = c = config or SplatConfig()
        self.backbone = TwoViewTransformer(c.croco)
        self.downstream_head1 = DptHead(3, c.dpt)
        self.downstream_head2 = DptHead(3, c.dpt)
        self.gaussian_param_head = GaussianHead(self.gaussian_channels, self.coarse_stride, c.dpt)
        self.gaussian_param_head2 = GaussianHead(self.gaussian_channels, self.coarse_stride, c.dpt)

    def point_maps(self, features: ViewFeatures) -> Float[Tensor, "b v h w 3"]:
        """Points of all views in view 0's frame."""
        reference = expm1_points(self.downstream_head1(features.reference, features.grid))
        others = expm1_points(self.downstream_head2(features.others, features.grid))
        return join_views(reference, others)

    def _gaussians(self, features: ViewFeatures, images: Tensor) -> tuple[dict, dict | None]:
        """Attributes of the fine field, and of the coarse one if there is one."""
        first = self.gaussian_param_head(features.reference, features.grid, images[:, 0])
        rest = self.gaussian_param_head2(
            features.others, features.grid, images[:, 1:].flatten(0, 1)
        )
        fine = _join_attributes(adapt_gaussians(first.fine), adapt_gaussians(rest.fine))
        if first.coarse is None:
            return fine, None
        return fine, _join_attributes(adapt_gaussians(first.coarse), adapt_gaussians(rest.coarse))

    def forward(
        self, images: Float[Tensor, "b v 3 h w"], intrinsics: Float[Tensor, "b v 3 3"]
    ) -> GaussianField:
        """One pass.

        Args:
            images: RGB, -1..1, sides multiples of 16.
            intrinsics: row 0 divided by the image width, row 1 by its height.
        """
        features = self.backbone(images, intrinsics)
        fine, _ = self._gaussians(features, images)
        return GaussianField(means=self.point_maps(features).flatten(2, 3), **fine)


class SpatialSplatNetwork(NoPoSplatNetwork):
    """The dual field: fine Gaussians with instance features, coarse ones with semantics
    (SpatialSplat paper).

    Of more than two views the transformer's layout is that of NoPoSplat's code, or that of the
    supplement (8.2): :class:`semsplat_ros.view_layout.ViewLayout`.
    """

    gaussian_channels = PARAMETER_CHANNELS + 1
    coarse_stride = COARSE_STRIDE

    def __init__(self, config: SplatConfig | None = None) -> None:
        super().__init__(config)
        c = self.config
        self.instance_head = InstanceHead(c.instance_channels, c.language_channels, c.dpt)
        self.instance_head2 = InstanceHead(c.instance_channels, c.language_channels, c.dpt)

    def forward(  # type: ignore[override]  # takes language and gives both fields
        self,
        images: Float[Tensor, "b v 3 h w"],
        intrinsics: Float[Tensor, "b v 3 3"],
        language: Float[Tensor, "b v d hl wl"] | None = None,
    ) -> DualField:
        """One pass.

        Args:
            images: RGB, -1..1, sides multiples of 16.
            intrinsics: row 0 divided by the image width, row 1 by its height.
            language: 2D language features of the views at any size, or None: geometry, colour and
                instances do not depend on them, only the coarse semantics do.
        """
        features = self.backbone(images, intrinsics)
        points = self.point_maps(features)
        fine, coarse = self._gaussians(features, images)
        first = self.instance_head(features.reference, features.grid, _side(language, slice(0, 1)))
        rest = self.instance_head2(features.others, features.grid, _side(language, slice(1, None)))
        instances = join_views(first.instance, rest.instance).movedim(2, -1)
        semantics = None
        if first.semantic is not None:
            semantics = join_views(first.semantic, rest.semantic).flatten(3).transpose(2, 3)
        return DualField(
            fine=GaussianField(
                means=points.flatten(2, 3),
                instances=F.normalize(instances, dim=-1).flatten(2, 3),
                **fine,
            ),
            coarse=GaussianField(
                means=_every_eighth(points),
                # The coarse field must not shape the instance features.
                instances=F.normalize(_every_eighth(instances.detach()), dim=-1),
                semantics=semantics,
                **coarse,
            ),
        )


def _side(language: Tensor | None, views: slice) -> Tensor | None:
    return None if language is None else language[:, views].flatten(0, 1)


def _every_eighth(pixels: Float[Tensor, "b v h w c"]) -> Float[Tensor, "b v n c"]:
    """The top left pixel of every block."""
    return pixels[:, :, ::COARSE_STRIDE, ::COARSE_STRIDE].flatten(2, 3)
