# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The heads that NoPoSplat and SpatialSplat add to point maps: Gaussian parameters, instances,
coarse semantics.

Attribute names are the tensor names of the official checkpoints; layers without weights stand
where they keep the numbering of the files.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from semsplat_ros.networks.dpt import DptConfig, DptTrunk, up2
from semsplat_ros.networks.linear import Linear
from semsplat_ros.networks.winograd import Conv3x3


def _pixel_head(channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        Conv3x3(channels, channels, bias=False),
        nn.Identity(),
        nn.ReLU(inplace=True),
        nn.Dropout(0.1),
        nn.Conv2d(channels, out_channels, 1),
    )


class GaussianRaw(NamedTuple):
    """Raw Gaussian parameters, float32, before the adapter."""

    fine: Float[Tensor, "b k h w"]
    coarse: Float[Tensor, "b k hs ws"] | None
    """At 1 / stride of the image size; None for NoPoSplat."""


class GaussianDpt(DptTrunk):
    """Gaussian parameters for every pixel, and for every `coarse_stride`-th if that is given."""

    def __init__(
        self, out_channels: int, coarse_stride: int | None = None, config: DptConfig | None = None
    ) -> None:
        super().__init__(config)
        channels = self.config.channels
        self.coarse_stride = coarse_stride
        self.input_merger = nn.Sequential(
            nn.Conv2d(3, channels, 7, padding=3), nn.ReLU(inplace=True)
        )
        self.head = _pixel_head(channels, out_channels)
        if coarse_stride is not None:
            self.down_head = _pixel_head(channels, out_channels)

    def forward(
        self,
        features: Sequence[Float[Tensor, "b n _"]],
        grid: tuple[int, int],
        images: Float[Tensor, "b 3 h w"],
    ) -> GaussianRaw:
        """Features and the images (-1..1) themselves to raw parameters."""
        dtype = self.input_merger[0].weight.dtype
        merged = up2(self.trunk(features, grid).to(dtype))
        # The layout of the trunk's output: a sum of two layouts is slow.
        original_images = images.to(dtype).contiguous(memory_format=torch.channels_last)
        merged += self.input_merger(original_images)
        coarse = None
        if self.coarse_stride is not None:
            size = (images.shape[-2] // self.coarse_stride, images.shape[-1] // self.coarse_stride)
            small = F.interpolate(merged, size, mode="bilinear", align_corners=True)
            coarse = self.down_head(small).float()
        return GaussianRaw(self.head(merged).float(), coarse)


class FeatureModulation(nn.Module):
    """Scale and shift of a feature map by a language map (FiLM): y = gamma(language) * x +
    beta(language).
    """

    def __init__(self, language_channels: int, channels: int) -> None:
        super().__init__()
        self.fc_gamma = Linear(language_channels, channels)
        self.fc_beta = Linear(language_channels, channels)

    def forward(
        self, x: Float[Tensor, "b c h w"], language: Float[Tensor, "b d hl wl"]
    ) -> Float[Tensor, "b c h w"]:
        """Modulate `x`; the language map may have any size."""
        tokens = language.permute(0, 2, 3, 1).to(self.fc_gamma.weight.dtype)

        def at_full_size(layer: nn.Linear) -> Tensor:
            # The published order is resize, then linear. They commute, and this way the layer sees
            # fewer pixels.
            values = layer(tokens).permute(0, 3, 1, 2)
            return F.interpolate(values, x.shape[-2:], mode="bilinear", align_corners=True)

        return at_full_size(self.fc_gamma) * x + at_full_size(self.fc_beta)


class InstanceRaw(NamedTuple):
    """Raw outputs of the instance and semantic head, float32."""

    instance: Float[Tensor, "b e h w"]
    """Not normalised."""
    semantic: Float[Tensor, "b d hs ws"] | None
    """Non-negative, not normalised, at 1/8 of the image size; None if no language map was
    given."""


class InstanceDpt(DptTrunk):
    """Instance features for every pixel; semantics at an eighth of the size, modulated by 2D
    language features.
    """

    def __init__(
        self,
        instance_channels: int = 8,
        language_channels: int = 512,
        config: DptConfig | None = None,
    ) -> None:
        super().__init__(config)
        channels = self.config.channels
        self.head = _pixel_head(channels, instance_channels)
        self.feats_proj = FeatureModulation(language_channels, channels)
        self.language_feats_head = nn.Sequential(
            nn.Conv2d(channels, language_channels, 3, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.AvgPool2d(2),
        )

    def forward(
        self,
        features: Sequence[Float[Tensor, "b n _"]],
        grid: tuple[int, int],
        language: Float[Tensor, "b d hl wl"] | None = None,
    ) -> InstanceRaw:
        """Instances always, semantics where a language map is given."""
        path = self.trunk(features, grid).to(self.head[0].weight.dtype)
        instance = self.head(up2(path)).float()
        if language is None:
            return InstanceRaw(instance, None)
        semantic = self.language_feats_head(self.feats_proj(path, language))
        return InstanceRaw(instance, semantic.float())


class GaussianHead(nn.Module):
    """The Gaussian head as the checkpoints nest it."""

    def __init__(
        self, out_channels: int, coarse_stride: int | None = None, config: DptConfig | None = None
    ) -> None:
        super().__init__()
        self.dpt = GaussianDpt(out_channels, coarse_stride, config)

    def forward(
        self,
        features: Sequence[Float[Tensor, "b n _"]],
        grid: tuple[int, int],
        images: Float[Tensor, "b 3 h w"],
    ) -> GaussianRaw:
        """As :class:`GaussianDpt`."""
        return self.dpt(features, grid, images)


class InstanceHead(nn.Module):
    """The instance and semantic head as the checkpoints nest it."""

    def __init__(
        self,
        instance_channels: int = 8,
        language_channels: int = 512,
        config: DptConfig | None = None,
    ) -> None:
        super().__init__()
        self.dpt = InstanceDpt(instance_channels, language_channels, config)

    def forward(
        self,
        features: Sequence[Float[Tensor, "b n _"]],
        grid: tuple[int, int],
        language: Float[Tensor, "b d hl wl"] | None = None,
    ) -> InstanceRaw:
        """As :class:`InstanceDpt`."""
        return self.dpt(features, grid, language)
