# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Dense prediction heads (DPT paper) in the shape the DUSt3R paper's systems use: no batch norm,
hooks 0, 6, 9, 12.

Precision: with bfloat16 weights only the four large convolutions of the finest fusion block
compute in it. All that leads there, the path they add to and the last layers of a regression head
stay in float32, where rounding costs most and computing little.

Attribute names are the tensor names of the official checkpoints. ``scratch.layer_rn.N`` and
``scratch.layerN+1_rn`` are two names of one tensor there and here.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from semsplat_ros.networks.croco import CrocoConfig


@dataclass(frozen=True)
class DptConfig:
    """Sizes; the defaults are those of the official checkpoints."""

    widths: tuple[int, int, int, int] = (1024, 768, 768, 768)
    """Channels of the four token maps that are read."""
    hooks: tuple[int, int, int, int] = (0, 6, 9, 12)
    """Which entries of the transformer's feature list they are."""
    level_channels: tuple[int, int, int, int] = (96, 192, 384, 768)
    channels: int = 256
    """Of the fusion path."""
    last_channels: int = 128
    """Of the last hidden layer of a regression head."""


TINY_DPT = DptConfig(
    widths=(32, 24, 24, 24), level_channels=(4, 6, 8, 10), channels=8, last_channels=6
)
"""For tests, fits ``TINY_CROCO``."""


def dpt_config_for(croco: CrocoConfig) -> DptConfig:
    """The official head sizes on a transformer of other widths."""
    decoder = croco.decoder_width
    return DptConfig(widths=(croco.encoder_width, decoder, decoder, decoder))


STRIP_ROWS = 32
"""Of an image; see :func:`in_strips`."""


def up2(x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c hh ww"]:
    """Twice the size, bilinear, corners aligned."""
    return F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=True)


def in_strips(layers: nn.Module, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k h w"]:
    """The same as ``layers(x)``, some rows at a time: what is between the layers stays small.

    Args:
        layers: keep the size and see no further than one row up and down.
        x: of any height.
    """
    strips = []
    height = x.shape[2]
    for top in range(0, height, STRIP_ROWS):
        bottom, first = min(top + STRIP_ROWS, height), max(top - 1, 0)
        strip = layers(x[:, :, first : bottom + 1])
        strips.append(strip[:, :, top - first : bottom - first])
    return torch.cat(strips, dim=2)


def token_map(tokens: Float[Tensor, "b n c"], grid: tuple[int, int]) -> Float[Tensor, "b c h w"]:
    """Tokens as an image, without a copy: channels last in memory.

    Convolutions and what is between them keep that layout, which the CPU computes faster in.
    `unflatten` after `transpose` would give a batch of one strides that PyTorch takes for channels
    first.
    """
    return tokens.unflatten(1, grid).permute(0, 3, 1, 2)


class ResidualConvUnit(nn.Module):
    """x + conv(relu(conv(relu(x))))."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """Same shape, float32."""
        inner = F.relu_(self.conv1(F.relu(x).to(self.conv1.weight.dtype)))
        return self.conv2(inner).float().add_(x)


class FeatureFusionBlock(nn.Module):
    """Coarse path plus one level, at twice the size."""

    full_precision = ("out_conv",)

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.out_conv = nn.Conv2d(channels, channels, 1)
        self.resConfUnit1 = ResidualConvUnit(channels)
        self.resConfUnit2 = ResidualConvUnit(channels)

    def forward(
        self, path: Float[Tensor, "b c h w"], level: Float[Tensor, "b c h w"] | None = None
    ) -> Float[Tensor, "b c hh ww"]:
        """Without `level` (the coarsest block) resConfUnit1 is not used, as in the official
        files.
        """
        if level is not None:
            path = self.resConfUnit1(level).add_(path)
        # The published order is upsample, then 1x1 convolution. Both are linear and the
        # interpolation weights add up to one, so they commute; this order costs a quarter.
        return up2(self.out_conv(self.resConfUnit2(path)))


class Scratch(nn.Module):
    """The fusion half of a DPT head."""

    full_precision = (
        *("layer_rn", "layer1_rn", "layer2_rn", "layer3_rn", "layer4_rn"),
        *("refinenet2", "refinenet3", "refinenet4"),
    )

    def __init__(self, config: DptConfig) -> None:
        super().__init__()
        convs = [
            nn.Conv2d(c, config.channels, 3, padding=1, bias=False) for c in config.level_channels
        ]
        self.layer1_rn, self.layer2_rn, self.layer3_rn, self.layer4_rn = convs
        self.layer_rn = nn.ModuleList(convs)
        self.refinenet1 = FeatureFusionBlock(config.channels)
        self.refinenet2 = FeatureFusionBlock(config.channels)
        self.refinenet3 = FeatureFusionBlock(config.channels)
        self.refinenet4 = FeatureFusionBlock(config.channels)

    def forward(self, levels: Sequence[Tensor]) -> Float[Tensor, "b c h w"]:
        """Fuse four levels, finest first."""
        l1, l2, l3, l4 = (
            conv(x.to(conv.weight.dtype)) for conv, x in zip(self.layer_rn, levels, strict=True)
        )
        path = self.refinenet4(l4)
        # The coarsest level is ceil(grid / 2): for an odd grid its double is one too large.
        path = path[:, :, : l3.shape[2], : l3.shape[3]]
        path = self.refinenet3(path, l3)
        path = self.refinenet2(path, l2)
        return self.refinenet1(path, l1)


class DptTrunk(nn.Module):
    """Four token maps to one feature map at half the image size (for patches of 16)."""

    full_precision: tuple[str, ...] = ("act_postprocess",)

    def __init__(self, config: DptConfig | None = None) -> None:
        super().__init__()
        self.config = c = config or DptConfig()
        w, k = c.widths, c.level_channels
        self.scratch = Scratch(c)
        self.act_postprocess = nn.ModuleList(
            [
                nn.Sequential(nn.Conv2d(w[0], k[0], 1), nn.ConvTranspose2d(k[0], k[0], 4, 4)),
                nn.Sequential(nn.Conv2d(w[1], k[1], 1), nn.ConvTranspose2d(k[1], k[1], 2, 2)),
                nn.Sequential(nn.Conv2d(w[2], k[2], 1)),
                nn.Sequential(nn.Conv2d(w[3], k[3], 1), nn.Conv2d(k[3], k[3], 3, 2, 1)),
            ]
        )

    def trunk(
        self, features: Sequence[Float[Tensor, "b n _"]], grid: tuple[int, int]
    ) -> Float[Tensor, "b c h w"]:
        """The fused feature map ("path 1"), 8 times the grid, float32.

        Args:
            features: the transformer's whole feature list of one side; the hooks pick from it.
            grid: rows and columns of patches.
        """
        dtype = self.act_postprocess[2][0].weight.dtype
        maps = [token_map(features[hook].to(dtype), grid) for hook in self.config.hooks]
        return self.scratch([act(x) for act, x in zip(self.act_postprocess, maps, strict=True)])


class RegressionDpt(DptTrunk):
    """Per-pixel values at image size: the heads of DUSt3R (4 channels), NoPoSplat points (3),
    Splatt3R (14).
    """

    full_precision = ("act_postprocess", "head")

    def __init__(self, out_channels: int, config: DptConfig | None = None) -> None:
        super().__init__(config)
        c = self.config
        self.head = nn.Sequential(
            nn.Conv2d(c.channels, c.last_channels, 3, padding=1),
            nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True),
            nn.Conv2d(c.last_channels, c.last_channels, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.Conv2d(c.last_channels, out_channels, 1),
        )

    def forward(
        self, features: Sequence[Float[Tensor, "b n _"]], grid: tuple[int, int]
    ) -> Float[Tensor, "b k h w"]:
        """Raw values, before any map, float32."""
        first, enlarge, *last = self.head
        path = first(self.trunk(features, grid))
        return in_strips(nn.Sequential(*last), enlarge(path))


class DptHead(nn.Module):
    """A regression head as the checkpoints nest it: the network is called ``dpt``."""

    def __init__(self, out_channels: int, config: DptConfig | None = None) -> None:
        super().__init__()
        self.dpt = RegressionDpt(out_channels, config)

    def forward(
        self, features: Sequence[Float[Tensor, "b n _"]], grid: tuple[int, int]
    ) -> Float[Tensor, "b k h w"]:
        """Raw values, before any map, float32."""
        return self.dpt(features, grid)


def expm1_points(raw: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b h w 3"]:
    """Points from three raw channels: the direction of v, at the distance exp(|v|) - 1 (DUSt3R's
    'exp' depth mode).
    """
    v = raw.permute(0, 2, 3, 1)
    norm = v.norm(dim=-1, keepdim=True)
    return v / norm.clamp(min=1e-8) * norm.expm1()


def exp_confidence(raw: Float[Tensor, "b h w"], minimum: float = 1.0) -> Float[Tensor, "b h w"]:
    """Confidence from one raw channel: minimum + exp(x) (DUSt3R's 'exp' confidence mode)."""
    return minimum + raw.exp()
