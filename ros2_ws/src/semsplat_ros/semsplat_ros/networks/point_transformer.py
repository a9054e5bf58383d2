# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Point Transformer V3 with image and language fusion, as the LSM paper uses it (section 3.2 and
3.3).

A U-Net on serialised points: attention runs in windows of points that follow each other on a
space-filling curve, positions enter through submanifold convolutions, and three fusion blocks let
the coarse points read image and language tokens. Attribute names are the tensor names of the
official checkpoint.
"""

from dataclasses import dataclass
from enum import Enum

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from semsplat_ros.networks.croco import Mlp
from semsplat_ros.networks.freed_memory import release_freed_memory
from semsplat_ros.networks.fusion import FusionBlock
from semsplat_ros.networks.point_cloud import PointFeatures, Structure, coarsen
from semsplat_ros.networks.serialization import ORDERS
from semsplat_ros.networks.sparse_conv import SubmanifoldConv3d

BATCH_NORM_EPS = 1e-3
STEM_KERNEL = 5
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
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

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
                nn.Linear(width, width),
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


def _batch_norm(width: int) -> nn.BatchNorm1d:
    return nn.BatchNorm1d(width, eps=BATCH_NORM_EPS, momentum=0.01)


def _project(layers: nn.Sequential, x: Float[Tensor, "n c"]) -> Float[Tensor, "n out"]:
    """Linear, batch norm, GELU."""
    linear, norm = layers
    return F.gelu(norm(linear(x.to(linear.weight.dtype)).to(norm.weight.dtype)))


class Stem(nn.Module):
    """Input channels to the first stage's width."""

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.conv = SubmanifoldConv3d(in_channels, width, STEM_KERNEL, bias=False)
        self.norm = _batch_norm(width)

    def forward(self, points: PointFeatures) -> PointFeatures:
        voxels = points.structure.voxels
        # Used once and large: not kept with the structure.
        x = self.conv(points.conv_input, voxels, voxels.neighbours(STEM_KERNEL))
        return points.with_features(F.gelu(self.norm(x.to(self.norm.weight.dtype))))


class Embedding(nn.Module):
    """The stem under the name of the official checkpoint."""

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.stem = Stem(in_channels, width)

    def forward(self, points: PointFeatures) -> PointFeatures:
        return self.stem(points)


class Pooling(nn.Module):
    """Half the resolution: linear, maximum over the merged points, batch norm, GELU."""

    def __init__(self, in_channels: int, width: int) -> None:
        super().__init__()
        self.proj = nn.Linear(in_channels, width)
        self.norm = nn.Sequential(_batch_norm(width))

    def forward(self, points: PointFeatures, shuffle: bool) -> PointFeatures:
        coarse = coarsen(points.structure, shuffle)
        x = self.proj(points.features.to(self.proj.weight.dtype)).to(self.norm[0].weight.dtype)
        x = F.gelu(self.norm(coarse.merge.reduce(x, "max")))
        return PointFeatures(coarse, x, x)


class Unpooling(nn.Module):
    """Twice the resolution: every point receives its coarse point's features, added to its own.

    What the next convolution reads is the skip projection alone, without the coarse features: the
    published network leaves its sparse tensor as it was when it adds, and the official weights
    were trained so.
    """

    def __init__(self, in_channels: int, skip_channels: int, width: int) -> None:
        super().__init__()
        self.proj = nn.Sequential(nn.Linear(in_channels, width), _batch_norm(width))
        self.proj_skip = nn.Sequential(nn.Linear(skip_channels, width), _batch_norm(width))

    def forward(self, coarse: PointFeatures, skip: PointFeatures) -> PointFeatures:
        own = _project(self.proj_skip, skip.features)
        received = _project(self.proj, coarse.features)[coarse.structure.merge.coarse_of_point]
        return PointFeatures(skip.structure, own + received, conv_input=own)


class EncoderStage(nn.Module):
    """Pooling (in all stages but the first) and blocks that go through the orders in turn."""

    def __init__(
        self, config: PointTransformerConfig, stage: int, drop_paths: list[float]
    ) -> None:
        super().__init__()
        width = config.encoder_channels[stage]
        if stage:
            self.down = Pooling(config.encoder_channels[stage - 1], width)
        self.depth = config.encoder_depths[stage]
        for i in range(self.depth):
            heads = config.encoder_heads[stage]
            block = Block(config, width, heads, i % len(ORDERS), drop_paths[i])
            self.add_module(f"block{i}", block)

    def forward(self, points: PointFeatures, shuffle: bool) -> PointFeatures:
        if hasattr(self, "down"):
            points = self.down(points, shuffle)
        for i in range(self.depth):
            points = getattr(self, f"block{i}")(points)
        return points


class DecoderStage(nn.Module):
    """Unpooling and blocks."""

    def __init__(
        self,
        config: PointTransformerConfig,
        stage: int,
        in_channels: int,
        drop_paths: list[float],
    ) -> None:
        super().__init__()
        width = config.decoder_channels[stage]
        self.finest = stage == 0
        self.up = Unpooling(in_channels, config.encoder_channels[stage], width)
        self.depth = config.decoder_depths[stage]
        for i in range(self.depth):
            heads = config.decoder_heads[stage]
            block = Block(config, width, heads, i % len(ORDERS), drop_paths[i])
            self.add_module(f"block{i}", block)

    def forward(self, levels: list[PointFeatures]) -> PointFeatures:
        """Takes the two coarsest off `levels`, so that nobody holds them longer than needed."""
        if self.finest:
            release_freed_memory(levels[-1].features.device)
        points = self.up(levels.pop(), levels.pop())
        for i in range(self.depth):
            points = getattr(self, f"block{i}")(points)
        return points


class PointTransformer(nn.Module):
    """Point features from positions, colours, image tokens and language tokens.

    Args:
        config: sizes.
        shuffle_orders: permute the serial orders at random in every pass, also outside of
            training, as the published code does. Off by default: the same input then gives the
            same output.
    """

    def __init__(
        self, config: PointTransformerConfig | None = None, shuffle_orders: bool = False
    ) -> None:
        super().__init__()
        self.config = c = config or PointTransformerConfig()
        self.shuffle_orders = shuffle_orders
        self.embedding = Embedding(c.in_channels, c.encoder_channels[0])
        self.enc = nn.ModuleDict(
            {
                f"enc{stage}": EncoderStage(c, stage, drop_paths)
                for stage, drop_paths in enumerate(_drop_paths(c.drop_path, c.encoder_depths))
            }
        )
        decoder_drops = _drop_paths(c.drop_path, c.decoder_depths)
        below = (*c.decoder_channels[1:], c.encoder_channels[-1])
        self.dec = nn.ModuleDict(
            {
                f"dec{stage}": DecoderStage(c, stage, below[stage], decoder_drops[stage])
                for stage in reversed(range(len(c.decoder_depths)))
            }
        )
        bottom, first_up = c.encoder_channels[-1], c.decoder_channels[-1]
        self.dust_feat_proj = nn.Linear(c.image_width, bottom)
        self.decoder_block_dust = FusionBlock(bottom, c.fusion_heads, c.mlp_ratio)
        self.lseg_feat_proj = nn.Linear(c.language_width, bottom)
        self.decoder_block_lseg = FusionBlock(bottom, c.fusion_heads, c.mlp_ratio)
        self.multi_scale_proj = nn.Linear(c.language_width, first_up)
        self.decoder_block_multi_scale = FusionBlock(first_up, c.multi_scale_heads, c.mlp_ratio)

    def forward(
        self,
        features: Float[Tensor, "n c"],
        structure: Structure,
        image_tokens: Float[Tensor, "scenes t i"],
        language_tokens: Float[Tensor, "scenes u l"],
    ) -> Float[Tensor, "n out"]:
        """Features of all points.

        Args:
            features: LSM: position in the normalised cube and colour in -1..1.
            structure: the points, see :func:`semsplat_ros.networks.point_cloud.structure_of`;
                shuffled there if this network shuffles.
            image_tokens: encoder tokens of both views of each scene.
            language_tokens: pooled language features of both views of each scene.
        """
        features = features.to(self.embedding.stem.norm.weight.dtype)
        points = self.embedding(PointFeatures(structure, features, features))
        levels = []
        for stage in self.enc.values():
            points = stage(points, self.shuffle_orders)
            levels.append(points)
        del points  # The decoder frees each level as soon as it has read it.
        self._fuse(self.decoder_block_dust, levels, self.dust_feat_proj, image_tokens)
        self._fuse(self.decoder_block_lseg, levels, self.lseg_feat_proj, language_tokens)
        for i, stage in enumerate(self.dec.values()):
            levels.append(stage(levels))
            if i == 0:
                self._fuse(
                    self.decoder_block_multi_scale, levels, self.multi_scale_proj, language_tokens
                )
        return levels.pop().features

    @staticmethod
    def _fuse(
        block: FusionBlock, levels: list[PointFeatures], projection: nn.Linear, memory: Tensor
    ) -> None:
        """Let the points of the coarsest level read tokens."""
        points = levels.pop()
        tokens = projection(memory.to(projection.weight.dtype)).to(points.features.dtype)
        levels.append(
            points.with_features(block(points.features, points.structure.counts, tokens))
        )


def _drop_paths(highest: float, depths: tuple[int, ...]) -> list[list[float]]:
    """Stochastic depth of each block of each stage, from 0 at the finest to `highest` at the
    coarsest."""
    last = max(sum(depths) - 1, 1)
    flat = [highest * i / last for i in range(sum(depths))]
    return [[flat.pop(0) for _ in range(depth)] for depth in depths]
