# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Point Transformer V3 with image and language fusion, as the LSM paper uses it (section 3.2 and
3.3).

A U-Net on serialised points: attention runs in windows of points that follow each other on a
space-filling curve, positions enter through submanifold convolutions, and three fusion blocks let
the coarse points read image and language tokens. Attribute names are the tensor names of the
official checkpoint.
"""

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from semsplat_ros.networks.freed_memory import release_freed_memory
from semsplat_ros.networks.linear import Linear
from semsplat_ros.networks.point_transformer.blocks import Block, PointTransformerConfig
from semsplat_ros.networks.point_transformer.cloud import PointFeatures, Structure, coarsen
from semsplat_ros.networks.point_transformer.fusion import FusionBlock
from semsplat_ros.networks.point_transformer.space_filling_curves import ORDERS
from semsplat_ros.networks.point_transformer.sparse_conv import SubmanifoldConv3d

BATCH_NORM_EPS = 1e-3
STEM_KERNEL = 5


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
        self.proj = Linear(in_channels, width)
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
        self.proj = nn.Sequential(Linear(in_channels, width), _batch_norm(width))
        self.proj_skip = nn.Sequential(Linear(skip_channels, width), _batch_norm(width))

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
        self.dust_feat_proj = Linear(c.image_width, bottom)
        self.decoder_block_dust = FusionBlock(bottom, c.fusion_heads, c.mlp_ratio)
        self.lseg_feat_proj = Linear(c.language_width, bottom)
        self.decoder_block_lseg = FusionBlock(bottom, c.fusion_heads, c.mlp_ratio)
        self.multi_scale_proj = Linear(c.language_width, first_up)
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
            structure: the points, see
            :func:`semsplat_ros.networks.point_transformer.cloud.structure_of`;
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
