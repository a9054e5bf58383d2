# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""CLIP's ViT image tower as a dense feature extractor, and its text tower, under OpenAI's tensor
names.

The image tower gives one feature per patch (the value path of the last attention alone, without
softmax, residual or MLP), which is what the "Lite" configuration of the SpatialSplat paper lifts
to 3D.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn


@dataclass(frozen=True)
class ClipConfig:
    """Sizes; the defaults are ViT-B/16."""

    image_size: int = 224
    patch: int = 16
    image_width: int = 768
    image_depth: int = 12
    image_heads: int = 12
    text_width: int = 512
    text_depth: int = 12
    text_heads: int = 8
    context: int = 77
    vocabulary: int = 49408
    embedding: int = 512


CLIP_VIT_B32 = ClipConfig(patch=32)
TINY_CLIP = ClipConfig(
    image_size=64,
    image_width=24,
    image_depth=2,
    image_heads=2,
    text_width=16,
    text_depth=2,
    text_heads=2,
    context=8,
    vocabulary=20,
    embedding=12,
)
"""For tests."""


class ClipAttention(nn.Module):
    """Multi-head self-attention."""

    matrix_parameters = ("in_proj_weight", "in_proj_bias")

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.in_proj_weight)

    def forward(self, x: Float[Tensor, "b n c"], causal: bool = False) -> Float[Tensor, "b n c"]:
        """Mix the tokens; with `causal` each one sees itself and those before it."""
        qkv = F.linear(x.to(self.in_proj_weight.dtype), self.in_proj_weight, self.in_proj_bias)
        q, k, v = qkv.unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=causal)
        return self.out_proj(mixed.transpose(1, 2).flatten(2))

    def values(self, x: Float[Tensor, "b n c"]) -> Float[Tensor, "b n c"]:
        """Every token attends to itself alone: out_proj(v_proj(x))."""
        weight, bias = self.in_proj_weight.chunk(3)[2], self.in_proj_bias.chunk(3)[2]
        return self.out_proj(F.linear(x.to(weight.dtype), weight, bias))


class ClipMlp(nn.Module):
    """Two linear layers with CLIP's quick GELU x * sigmoid(1.702 x)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.c_fc = nn.Linear(width, 4 * width)
        self.c_proj = nn.Linear(4 * width, width)

    def forward(self, x: Float[Tensor, "b n c"]) -> Float[Tensor, "b n c"]:
        """Each token by itself."""
        hidden = self.c_fc(x.to(self.c_fc.weight.dtype))
        return self.c_proj(hidden * torch.sigmoid_(1.702 * hidden))


class ClipBlock(nn.Module):
    """Pre-norm transformer block."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attn = ClipAttention(width, heads)
        self.ln_1 = nn.LayerNorm(width)
        self.mlp = ClipMlp(width)
        self.ln_2 = nn.LayerNorm(width)

    def forward(self, x: Float[Tensor, "b n c"], causal: bool = False) -> Float[Tensor, "b n c"]:
        """One layer."""
        x = x + self.attn(self.ln_1(x), causal)
        return x + self.mlp(self.ln_2(x))


class ClipTransformer(nn.Module):
    """A stack of blocks."""

    def __init__(self, width: int, depth: int, heads: int) -> None:
        super().__init__()
        self.resblocks = nn.ModuleList(ClipBlock(width, heads) for _ in range(depth))


class ClipImageTower(nn.Module):
    """One feature per patch."""

    def __init__(self, config: ClipConfig) -> None:
        super().__init__()
        self.config = c = config
        self.grid = c.image_size // c.patch
        self.class_embedding = nn.Parameter(torch.zeros(c.image_width))
        self.positional_embedding = nn.Parameter(torch.zeros(self.grid**2 + 1, c.image_width))
        self.proj = nn.Parameter(torch.randn(c.image_width, c.embedding) * c.image_width**-0.5)
        self.conv1 = nn.Conv2d(3, c.image_width, c.patch, c.patch, bias=False)
        self.ln_pre = nn.LayerNorm(c.image_width)
        self.transformer = ClipTransformer(c.image_width, c.image_depth, c.image_heads)
        self.ln_post = nn.LayerNorm(c.image_width)

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b d rows columns"]:
        """Dense features, not normalised, float32.

        Args:
            images: RGB in 0..1, sides multiples of the patch size. They are *not* standardised by
                CLIP's mean and
                deviation: the SpatialSplat paper's checkpoints were trained without that.
        """
        patches = self.conv1(images.to(self.conv1.weight.dtype))
        rows, columns = patches.shape[-2:]
        tokens = patches.flatten(2).transpose(1, 2).float()
        first = self.class_embedding.expand(len(tokens), 1, -1)
        tokens = torch.cat((first, tokens), dim=1) + self._positions(rows, columns)
        tokens = self.ln_pre(tokens)
        *blocks, last = self.transformer.resblocks
        for block in blocks:
            tokens = block(tokens)
        dense = self.ln_post(last.attn.values(last.ln_1(tokens))[:, 1:].float())
        return (dense @ self.proj).transpose(1, 2).unflatten(2, (rows, columns))

    def _positions(self, rows: int, columns: int) -> Float[Tensor, "n c"]:
        """The position table at another grid size.

        The enlargement factor is ``(size + 0.1) / grid`` and goes into the sampling positions as
        it is: a common guard against rounding down that shifts the table slightly, and that the
        trained weights are used to.
        """
        table = self.positional_embedding
        if (rows, columns) == (self.grid, self.grid):
            return table
        square = table[1:].T.unflatten(1, (self.grid, self.grid)).unsqueeze(0)
        resized = F.interpolate(
            square,
            scale_factor=((rows + 0.1) / self.grid, (columns + 0.1) / self.grid),
            mode="bicubic",
            align_corners=False,
            recompute_scale_factor=False,
        )
        return torch.cat((table[:1], resized[0].flatten(1).T))


class Clip(nn.Module):
    """Both towers, as OpenAI's files hold them."""

    full_precision = ("transformer",)

    def __init__(self, config: ClipConfig | None = None) -> None:
        super().__init__()
        self.config = c = config or ClipConfig()
        self.visual = ClipImageTower(c)
        self.transformer = ClipTransformer(c.text_width, c.text_depth, c.text_heads)
        self.token_embedding = nn.Embedding(c.vocabulary, c.text_width)
        self.positional_embedding = nn.Parameter(torch.zeros(c.context, c.text_width))
        self.ln_final = nn.LayerNorm(c.text_width)
        self.text_projection = nn.Parameter(
            torch.randn(c.text_width, c.embedding) * c.text_width**-0.5
        )
        # ln(1 / 0.07), the value training starts from; cosine scores here do not use it.
        self.logit_scale = nn.Parameter(torch.tensor(2.6592600))

    def encode_text(self, tokens: Int[Tensor, "t context"]) -> Float[Tensor, "t d"]:
        """Text embeddings, not normalised, float32.

        Args:
            tokens: byte-pair tokens with start and end marks; the end mark is the largest number
                in the vocabulary and the feature is read where it stands.
        """
        x = self.token_embedding(tokens).float() + self.positional_embedding[: tokens.shape[1]]
        for block in self.transformer.resblocks:
            x = block(x, causal=True)
        ends = tokens.argmax(dim=-1)
        picked = x[torch.arange(len(x), device=x.device), ends]
        return self.ln_final(picked) @ self.text_projection
