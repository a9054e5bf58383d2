# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The two-view transformer of the CroCo v2, DUSt3R, MASt3R, NoPoSplat and SpatialSplat papers.

A ViT encoder that all views share, and two decoders that exchange information by cross-attention:
one for the reference view (``dec_blocks``), one for every other view (``dec_blocks2``). Attribute
names are the tensor names of the official checkpoints.

Precision: Linear and Conv weights may be in bfloat16 (see
:func:`semsplat_ros.networks.precision.set_compute_dtype`); LayerNorm and the residual stream stay
in the dtype of the LayerNorm weights. Rounding hurts most where the residual stream is still
short: the projections into it stay in float32, and the first blocks centre their tokens.
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from semsplat_ros.networks.precision import CentredLinear
from semsplat_ros.networks.rope import RopeTable, apply_rope, grid_positions, rope_table
from semsplat_ros.view_layout import ViewLayout

NORM_EPS = 1e-6
CENTRED_BLOCKS = 4
"""How many blocks of the encoder and of a decoder, from the first on, lose little to a smaller
number format. Each of these four causes as much rounding error as the eight after them."""


@dataclass(frozen=True)
class CrocoConfig:
    """Sizes; the defaults are those of every official checkpoint (ViT-L/16 encoder, base
    decoders).
    """

    patch: int = 16
    encoder_width: int = 1024
    encoder_depth: int = 24
    encoder_heads: int = 16
    decoder_width: int = 768
    decoder_depth: int = 12
    decoder_heads: int = 12
    mlp_ratio: int = 4
    rope_base: float = 100.0
    intrinsics_token: bool = False
    """True for NoPoSplat and SpatialSplat: the intrinsics are one more token of each view."""


TINY_CROCO = CrocoConfig(
    encoder_width=32,
    encoder_depth=2,
    encoder_heads=2,
    decoder_width=24,
    decoder_depth=12,
    decoder_heads=2,
    mlp_ratio=2,
)
"""For tests: all 13 feature entries, hardly any weights."""


class ViewFeatures(NamedTuple):
    """What the heads read: for each side decoder_depth + 1 token maps, without the intrinsics
    token.

    Entry 0 is the normalised encoder output (encoder_width), entries 1.. the outputs of the
    decoder's layers (decoder_width), of which the last is normalised.
    """

    reference: list[Float[Tensor, "b n _"]]
    """Of view 0."""
    others: list[Float[Tensor, "b_others n _"]]
    """Of views 1, 2, ...: the batch is b * (v - 1), a batch item's views next to each other."""
    grid: tuple[int, int]
    """Rows and columns of patches."""


def _into(x: Tensor, layer: nn.Linear | nn.Conv2d) -> Tensor:
    """Activations in the dtype the layer computes in."""
    return x.to(layer.weight.dtype)


class Mlp(nn.Module):
    """Two linear layers with an exact (erf) GELU between them."""

    def __init__(
        self,
        width: int,
        hidden: int,
        out: int | None = None,
        linear: type[nn.Linear] = nn.Linear,
    ) -> None:
        super().__init__()
        self.fc1 = linear(width, hidden)
        self.fc2 = linear(hidden, out or width)

    def forward(self, x: Float[Tensor, "*b n _"]) -> Float[Tensor, "*b n _"]:
        """Tokens in, tokens of the same or the given width out."""
        return self.fc2(F.gelu(self.fc1(_into(x, self.fc1))))


class SelfAttention(nn.Module):
    """Multi-head self-attention, with rotary positions if a table is given."""

    def __init__(self, width: int, heads: int, linear: type[nn.Linear] = nn.Linear) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = linear(width, 3 * width)
        self.proj = linear(width, width)

    def forward(
        self, x: Float[Tensor, "b n c"], table: RopeTable | None = None
    ) -> Float[Tensor, "b n c"]:
        """Mix the tokens of each batch item; `table` holds their positions."""
        qkv = self.qkv(_into(x, self.qkv)).unflatten(-1, (3, self.heads, -1))
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        if table is not None:
            q, k = apply_rope(q, table), apply_rope(k, table)
        mixed = F.scaled_dot_product_attention(q, k, v)
        return self.proj(mixed.transpose(1, 2).flatten(2))


class CrossAttention(nn.Module):
    """Multi-head attention of one view's tokens to other views' tokens, each with its own
    positions.
    """

    def __init__(self, width: int, heads: int, linear: type[nn.Linear] = nn.Linear) -> None:
        super().__init__()
        self.heads = heads
        self.projq = linear(width, width)
        self.projk = linear(width, width)
        self.projv = linear(width, width)
        self.proj = linear(width, width)

    def forward(
        self,
        x: Float[Tensor, "b n c"],
        memory: Float[Tensor, "b m c"],
        table: RopeTable,
        memory_table: RopeTable,
    ) -> Float[Tensor, "b n c"]:
        """What each token of `x` reads from `memory`."""

        def heads(tokens: Tensor) -> Tensor:
            return tokens.unflatten(-1, (self.heads, -1)).transpose(1, 2)

        x, memory = _into(x, self.projq), _into(memory, self.projk)
        q = apply_rope(heads(self.projq(x)), table)
        k = apply_rope(heads(self.projk(memory)), memory_table)
        mixed = F.scaled_dot_product_attention(q, k, heads(self.projv(memory)))
        return self.proj(mixed.transpose(1, 2).flatten(2))


class EncoderBlock(nn.Module):
    """Pre-norm transformer block."""

    def __init__(
        self, width: int, heads: int, mlp_ratio: int, linear: type[nn.Linear] = nn.Linear
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=NORM_EPS)
        self.attn = SelfAttention(width, heads, linear)
        self.norm2 = nn.LayerNorm(width, eps=NORM_EPS)
        self.mlp = Mlp(width, mlp_ratio * width, linear=linear)

    def forward(
        self, x: Float[Tensor, "b n c"], table: RopeTable | None = None
    ) -> Float[Tensor, "b n c"]:
        """One layer."""
        x = x + self.attn(self.norm1(x), table)
        return x + self.mlp(self.norm2(x))


class DecoderBlock(nn.Module):
    """Pre-norm block with self-attention, cross-attention to `memory` (which it does not change)
    and MLP.
    """

    def __init__(
        self, width: int, heads: int, mlp_ratio: int, linear: type[nn.Linear] = nn.Linear
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=NORM_EPS)
        self.attn = SelfAttention(width, heads, linear)
        self.cross_attn = CrossAttention(width, heads, linear)
        self.norm2 = nn.LayerNorm(width, eps=NORM_EPS)
        self.norm3 = nn.LayerNorm(width, eps=NORM_EPS)
        self.mlp = Mlp(width, mlp_ratio * width, linear=linear)
        self.norm_y = nn.LayerNorm(width, eps=NORM_EPS)

    def forward(
        self,
        x: Float[Tensor, "b n c"],
        memory: Float[Tensor, "b m c"],
        table: RopeTable,
        memory_table: RopeTable,
    ) -> Float[Tensor, "b n c"]:
        """One layer; all of `memory` is seen by every token."""
        x = x + self.attn(self.norm1(x), table)
        x = x + self.cross_attn(self.norm2(x), self.norm_y(memory), table, memory_table)
        return x + self.mlp(self.norm3(x))


def linear_of_block(index: int) -> type[nn.Linear]:
    """The kind of linear layer in a transformer's block, counted from 0."""
    return CentredLinear if index < CENTRED_BLOCKS else nn.Linear


class PatchEmbed(nn.Module):
    """Non-overlapping patches to tokens, row-major."""

    def __init__(self, patch: int, width: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, width, kernel_size=patch, stride=patch)

    def forward(self, images: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b n c"]:
        """Images with sides that are multiples of the patch size."""
        return self.proj(_into(images, self.proj)).flatten(2).transpose(1, 2)


class TwoViewTransformer(nn.Module):
    """Views to features for dense heads.

    Two views are computed as in the CroCo v2 and DUSt3R papers; more than two as in NoPoSplat's
    multi-view layout: each view attends to itself and to the tokens of all other views together;
    view 0 goes through ``dec_blocks``, every other one through ``dec_blocks2``.
    """

    full_precision = ("patch_embed", "decoder_embed", "intrinsic_encoder")

    def __init__(self, config: CrocoConfig | None = None) -> None:
        super().__init__()
        self.layout = ViewLayout.SEPARATE
        self.config = c = config or CrocoConfig()
        self.patch_embed = PatchEmbed(c.patch, c.encoder_width)
        self.enc_blocks = nn.ModuleList(
            EncoderBlock(c.encoder_width, c.encoder_heads, c.mlp_ratio, linear_of_block(i))
            for i in range(c.encoder_depth)
        )
        self.enc_norm = nn.LayerNorm(c.encoder_width, eps=NORM_EPS)
        self.decoder_embed = nn.Linear(c.encoder_width, c.decoder_width)
        self.dec_blocks = self._decoder()
        self.dec_blocks2 = self._decoder()
        self.dec_norm = nn.LayerNorm(c.decoder_width, eps=NORM_EPS)
        # Stored in every official file (it served masked pre-training), read by nothing here.
        self.mask_token = nn.Parameter(torch.zeros(1, 1, c.decoder_width))
        if c.intrinsics_token:
            self.intrinsic_encoder = nn.Linear(9, c.encoder_width)

    def _decoder(self) -> nn.ModuleList:
        c = self.config
        return nn.ModuleList(
            DecoderBlock(c.decoder_width, c.decoder_heads, c.mlp_ratio, linear_of_block(i))
            for i in range(c.decoder_depth)
        )

    def encode(
        self,
        images: Float[Tensor, "views 3 h w"],
        intrinsics: Float[Tensor, "views 3 3"] | None = None,
    ) -> Float[Tensor, "views n c"]:
        """Tokens of independent views after ``enc_norm``; the intrinsics token, if there is one,
        is the last.
        """
        c = self.config
        table = self._table(images, c.encoder_width // c.encoder_heads)
        return self._encode_tokens(self._tokens(images, intrinsics), table)

    def _tokens(
        self,
        images: Float[Tensor, "views 3 h w"],
        intrinsics: Float[Tensor, "views 3 3"] | None,
    ) -> Float[Tensor, "views n c"]:
        c = self.config
        tokens = self.patch_embed(images).to(self.enc_norm.weight.dtype)
        if c.intrinsics_token:
            if intrinsics is None:
                raise ValueError(
                    "this transformer has an intrinsics token: give intrinsics [views, 3, 3]"
                )
            token = self.intrinsic_encoder(_into(intrinsics.flatten(1), self.intrinsic_encoder))
            tokens = torch.cat((tokens, token.to(tokens.dtype).unsqueeze(1)), dim=1)
        return tokens

    def _encode_tokens(
        self, tokens: Float[Tensor, "sequences n c"], table: RopeTable
    ) -> Float[Tensor, "sequences n c"]:
        for block in self.enc_blocks:
            tokens = block(tokens, table)
        return self.enc_norm(tokens)

    def decode(
        self, tokens: Float[Tensor, "b v n _"], table: RopeTable
    ) -> tuple[list[Float[Tensor, "b n _"]], list[Float[Tensor, "b_others n _"]]]:
        """Outputs of every decoder layer, for view 0 and for the others; the last ones
        normalised.
        """
        b, v = tokens.shape[:2]
        joined = self.layout is ViewLayout.JOINED
        x = self.decoder_embed(_into(tokens, self.decoder_embed)).to(tokens.dtype)
        memory_table = table.repeat(v - 1)
        reference, others = [], []
        for block, block2 in zip(self.dec_blocks, self.dec_blocks2, strict=True):
            first = block(x[:, 0], x[:, 1:].flatten(1, 2), table, memory_table)
            if joined:
                rest = block2(x[:, 1:].flatten(1, 2), x[:, 0], memory_table, table)
                rest = rest.unflatten(1, (v - 1, -1)).flatten(0, 1)
            else:
                rest = block2(x[:, 1:].flatten(0, 1), _all_but_own(x), table, memory_table)
            x = torch.cat((first.unsqueeze(1), rest.unflatten(0, (b, v - 1))), dim=1)
            reference.append(first)
            others.append(rest)
        reference[-1] = self.dec_norm(reference[-1])
        others[-1] = self.dec_norm(others[-1])
        return reference, others

    def forward(
        self,
        images: Float[Tensor, "b v 3 h w"],
        intrinsics: Float[Tensor, "b v 3 3"] | None = None,
    ) -> ViewFeatures:
        """Features of all views.

        Args:
            images: -1..1, v >= 2, h and w multiples of the patch size; portrait or landscape.
            intrinsics: normalised by image width (row 0) and height (row 1); read only with an
                intrinsics token.
        """
        b, v = images.shape[:2]
        c = self.config
        if v < 2 or images.shape[-2] % c.patch or images.shape[-1] % c.patch:
            raise ValueError(
                f"needs 2 or more views, sides multiples of {c.patch}; got {tuple(images.shape)}"
            )
        flat = None if intrinsics is None else intrinsics.flatten(0, 1)
        encoded = self._encode_views(images, flat)
        table = self._table(images, c.decoder_width // c.decoder_heads)
        reference, others = self.decode(encoded, table)
        reference.insert(0, encoded[:, 0])
        others.insert(0, encoded[:, 1:].flatten(0, 1))
        grid = (images.shape[-2] // c.patch, images.shape[-1] // c.patch)
        n = grid[0] * grid[1]
        return ViewFeatures([t[:, :n] for t in reference], [t[:, :n] for t in others], grid)

    def _encode_views(
        self, images: Float[Tensor, "b v 3 h w"], intrinsics: Float[Tensor, "bv 3 3"] | None
    ) -> Float[Tensor, "b v n c"]:
        b, v = images.shape[:2]
        if self.layout is ViewLayout.SEPARATE or v == 2:
            return self.encode(images.flatten(0, 1), intrinsics).unflatten(0, (b, v))
        tokens = self._tokens(images.flatten(0, 1), intrinsics).unflatten(0, (b, v))
        table = self._table(images, self.config.encoder_width // self.config.encoder_heads)
        first = self._encode_tokens(tokens[:, 0], table)
        others = self._encode_tokens(tokens[:, 1:].flatten(1, 2), table.repeat(v - 1))
        return torch.cat((first.unsqueeze(1), others.unflatten(1, (v - 1, -1))), dim=1)

    def _table(self, images: Tensor, head_width: int) -> RopeTable:
        c = self.config
        rows, columns = images.shape[-2] // c.patch, images.shape[-1] // c.patch
        positions = grid_positions(rows, columns, images.device, c.intrinsics_token)
        return rope_table(positions, head_width, c.rope_base)


def _all_but_own(x: Float[Tensor, "b v n c"]) -> Float[Tensor, "b_others m c"]:
    """For each view but the first: the tokens of all views but itself, one view after the
    other.
    """
    v = x.shape[1]
    memories = [torch.cat((x[:, :i], x[:, i + 1 :]), dim=1).flatten(1, 2) for i in range(1, v)]
    return torch.stack(memories, dim=1).flatten(0, 1)
