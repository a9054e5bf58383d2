# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The block of Point Transformer V3: position by submanifold convolution, attention in windows of
serialised points, MLP; and the sizes of the network that is made of it.
"""

from dataclasses import dataclass
from enum import Enum

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from semsplat_ros.networks.croco import Mlp
from semsplat_ros.networks.linear import Linear
from semsplat_ros.networks.point_transformer.cloud import PointFeatures, Structure
from semsplat_ros.networks.point_transformer.sparse_conv import SubmanifoldConv3d

POSITION_KERNEL = 3

WINDOWS_AT_A_TIME = 4
"""Queries, keys and values of so many attention windows are in memory together."""
POINTS_AT_A_TIME = 8192
"""The hidden layer of an MLP is in memory for so many points together."""


class WindowRule(Enum):
    """How long an attention window is where a batch holds several scenes; one scene: no
    difference."""

    FIXED = "fixed"
    """The configured length; a scene with fewer points is one shorter window (published with flash
    attention)."""
    SMALLEST_SCENE = "smallest scene"
    """At most the points of the smallest scene at that resolution (published without flash
    attention)."""


@dataclass(frozen=True)
class PointTransformerConfig:
    """Sizes; the defaults are those of the official LSM checkpoint. Stages are listed finest
    first."""

    in_channels: int = 6
    encoder_depths: tuple[int, ...] = (1, 1, 1, 3, 1)
    encoder_channels: tuple[int, ...] = (32, 64, 128, 256, 512)
    encoder_heads: tuple[int, ...] = (2, 4, 8, 16, 32)
    decoder_depths: tuple[int, ...] = (1, 1, 1, 1)
    decoder_channels: tuple[int, ...] = (64, 64, 128, 256)
    decoder_heads: tuple[int, ...] = (4, 4, 8, 16)
    window: int = 1024
    window_rule: WindowRule = WindowRule.FIXED
    mlp_ratio: int = 4
    drop_path: float = 0.3
    """Stochastic depth of the last encoder block, rising linearly from 0; decoder the other way
    round."""
    image_width: int = 1024
    language_width: int = 512
    fusion_heads: int = 8
    """Of the two blocks at the bottom."""
    multi_scale_heads: int = 4
    """Of the block after the first decoder stage."""


TINY_POINT_TRANSFORMER = PointTransformerConfig(
    encoder_channels=(8, 8, 16, 16, 32),
    encoder_heads=(1, 1, 2, 2, 4),
    decoder_channels=(64, 8, 16, 16),
    decoder_heads=(4, 1, 2, 2),
    window=64,
    mlp_ratio=2,
    image_width=32,
    language_width=24,
    fusion_heads=2,
    multi_scale_heads=2,
)
"""For tests: all stages and fusion blocks, hardly any weights."""


class DropPath(nn.Module):
    """Stochastic depth (Huang et al., ECCV 2016): drops a residual branch for some points while
    training."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, branch: Float[Tensor, "n c"]) -> Float[Tensor, "n c"]:
        if not self.training or self.probability == 0.0:
            return branch
        kept = 1.0 - self.probability
        mask = torch.rand(branch.shape[0], 1, device=branch.device) < kept
        return branch * mask.to(branch.dtype) / kept


class WindowAttention(nn.Module):
    """Self-attention inside windows of points that follow each other in one serial order."""

    def __init__(self, width: int, heads: int, window: int, rule: WindowRule, order: int) -> None:
        super().__init__()
        self.heads = heads
        self.window = window
        self.rule = rule
        self.order = order
        self.qkv = Linear(width, 3 * width)
        self.proj = Linear(width, width)

    def forward(
        self, features: Float[Tensor, "n c"], structure: Structure, norm: nn.Module
    ) -> Float[Tensor, "n c"]:
        """What each point reads from its window; `norm` is applied to each point before."""
        window = self.window
        if self.rule is WindowRule.SMALLEST_SCENE:
            window = min(window, *structure.counts)
        mixed = torch.empty_like(features)
        for rows in structure.order[self.order].split(structure.counts):
            self._attend_scene(features, rows, window, norm, mixed)
        return mixed

    def _attend_scene(
        self,
        features: Float[Tensor, "n c"],
        rows: Int[Tensor, " m"],
        window: int,
        norm: nn.Module,
        mixed: Float[Tensor, "n c"],
    ) -> None:
        """Attention of one scene's points, in the serial order of `rows`; its result goes into
        these rows of `mixed`.

        More points than a window: the places missing in the last window are filled with the points
        at the same places of the window before; they are attended to, what they receive is
        dropped.
        """
        count = rows.shape[0]
        window = min(window, count)
        missing = -count % window
        filling = rows[count - window :][:missing]
        for part in rows.split(window * WINDOWS_AT_A_TIME):
            read = part if len(part) % window == 0 else torch.cat([part, filling])
            attended = self.proj(self._attend(norm(features[read]), window))
            mixed[part] = attended[: len(part)].to(mixed.dtype)

    def _attend(self, points: Float[Tensor, "p c"], window: int) -> Float[Tensor, "p c"]:
        """Attention inside whole windows of points that follow each other."""
        qkv = self.qkv(points.to(self.qkv.weight.dtype))
        windows = qkv.unflatten(0, (-1, window)).unflatten(-1, (3, self.heads, -1))
        q, k, v = windows.permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v)
        return mixed.transpose(1, 2).reshape(points.shape)


class Block(nn.Module):
    """Position encoding by convolution, window attention, MLP; each added to the features."""

    def __init__(
        self, config: PointTransformerConfig, width: int, heads: int, order: int, drop_path: float
    ) -> None:
        super().__init__()
        self.cpe = nn.ModuleList(
            [
                SubmanifoldConv3d(width, width, POSITION_KERNEL),
                Linear(width, width),
                nn.LayerNorm(width),
            ]
        )
        self.norm1 = nn.Sequential(nn.LayerNorm(width))
        self.attn = WindowAttention(width, heads, config.window, config.window_rule, order)
        self.norm2 = nn.Sequential(nn.LayerNorm(width))
        self.mlp = nn.Sequential(Mlp(width, config.mlp_ratio * width))
        self.drop_path = DropPath(drop_path)

    def _places(self, points: PointFeatures) -> Float[Tensor, "n c"]:
        """What the convolution knows of the points' positions."""
        conv, linear, norm = self.cpe
        structure = points.structure
        place = linear(
            conv(points.conv_input, structure.voxels, structure.neighbours(POSITION_KERNEL)).to(
                linear.weight.dtype
            )
        )
        return norm(place.to(norm.weight.dtype))

    def forward(self, points: PointFeatures) -> PointFeatures:
        structure = points.structure
        x = self._places(points).add_(points.features)
        # Added in place to the branch, whose last layer needs its output for no gradient.
        x = self.drop_path(self.attn(x, structure, self.norm1)).add_(x)
        return points.with_features(self._transform(x))

    def _transform(self, x: Float[Tensor, "n c"]) -> Float[Tensor, "n c"]:
        """The MLP, added to what it reads."""
        out = torch.empty_like(x)
        for start in range(0, len(x), POINTS_AT_A_TIME):
            part = x[start : start + POINTS_AT_A_TIME]
            out[start : start + POINTS_AT_A_TIME] = part + self.drop_path(
                self.mlp(self.norm2(part))
            )
        return out
