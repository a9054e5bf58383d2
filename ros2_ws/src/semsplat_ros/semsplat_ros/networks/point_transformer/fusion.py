# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Blocks by which points read image or language tokens (LSM paper, section 3.3)."""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from semsplat_ros.networks.croco import Mlp
from semsplat_ros.networks.linear import Linear, linear


class BiasFreeAttention(nn.Module):
    """Multi-head attention without biases, query, key and value weights in one tensor."""

    matrix_parameters = ("in_proj_weight",)

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.out_proj = Linear(width, width, bias=False)
        nn.init.xavier_uniform_(self.in_proj_weight)

    def forward(
        self, x: Float[Tensor, "b n c"], memory: Float[Tensor, "b m c"]
    ) -> Float[Tensor, "b n c"]:
        dtype = self.out_proj.weight.dtype
        weights = self.in_proj_weight.chunk(3)
        q, k, v = (
            linear(tokens.to(dtype), weight).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for tokens, weight in zip((x, memory, memory), weights, strict=True)
        )
        mixed = F.scaled_dot_product_attention(q, k, v)
        return self.out_proj(mixed.transpose(1, 2).flatten(2))


class FusionBlock(nn.Module):
    """Self-attention over all points of a scene, cross-attention to tokens, MLP; pre-norm."""

    def __init__(self, width: int, heads: int, mlp_ratio: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attn = BiasFreeAttention(width, heads)
        self.cross_attn = BiasFreeAttention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.norm3 = nn.LayerNorm(width)
        self.mlp = Mlp(width, mlp_ratio * width)
        self.norm_y = nn.LayerNorm(width)

    def forward(
        self,
        features: Float[Tensor, "n c"],
        counts: tuple[int, ...],
        memory: Float[Tensor, "scenes t c"],
    ) -> Float[Tensor, "n c"]:
        """Points that have read their scene's tokens.

        Args:
            features: the points of all scenes, one scene after the other.
            counts: points of each scene.
            memory: the tokens of each scene.
        """
        scenes = [
            self._scene(x[None], tokens[None])[0]
            for x, tokens in zip(features.split(counts), memory, strict=True)
        ]
        return torch.cat(scenes)

    def _scene(
        self, x: Float[Tensor, "1 n c"], memory: Float[Tensor, "1 t c"]
    ) -> Float[Tensor, "1 n c"]:
        normed = self.norm1(x)
        x = x + self.attn(normed, normed)
        x = x + self.cross_attn(self.norm2(x), self.norm_y(memory))
        return x + self.mlp(self.norm3(x))
