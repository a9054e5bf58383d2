# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Rotary position embedding in two dimensions ("RoPE100" of the CroCo v2 and DUSt3R papers).

Half of a head's channels rotate by a token's row, the other half by its column. Inside a half of
2q channels, channels j and j+q form a pair that turns by ``position * base ** (-j / q)``.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor


class RopeTable(NamedTuple):
    """What each channel of a head is multiplied by, for all tokens."""

    own: Float[Tensor, "n d"]
    """The channel itself: cosines."""
    partner: Float[Tensor, "n d"]
    """The other channel of its pair: sines, negative in the first half of each pair."""

    def repeat(self, times: int) -> "RopeTable":
        """The table of `times` copies of the tokens, one copy after the other."""
        return RopeTable(self.own.repeat(times, 1), self.partner.repeat(times, 1))


def grid_positions(
    rows: int, columns: int, device: torch.device | str = "cpu", extra_token: bool = False
) -> Int[Tensor, "n 2"]:
    """(row, column) of the patch tokens, row-major.

    With `extra_token` one more token follows, at (rows, 0): where the SpatialSplat and NoPoSplat
    papers' intrinsics token stands.
    """
    row = torch.arange(rows, device=device).repeat_interleave(columns)
    column = torch.arange(columns, device=device).repeat(rows)
    positions = torch.stack((row, column), dim=-1)
    if not extra_token:
        return positions
    # Made of what is on the device: a constant from the host would have to wait for it.
    last = torch.stack((row[-1:] + 1, column[:1]), dim=-1)
    return torch.cat((positions, last))


def rope_table(positions: Int[Tensor, "n 2"], head_width: int, base: float = 100.0) -> RopeTable:
    """Cosines and sines for tokens at integer positions.

    Args:
        positions: (row, column) of every token.
        head_width: channels of one attention head; a multiple of 4.
        base: the slowest wave has a period of about 2 pi base.
    """
    quarter = head_width // 4
    exponents = torch.arange(quarter, device=positions.device, dtype=torch.float32) / quarter
    row, column = (positions.float().unsqueeze(-1) / base**exponents).unbind(1)
    return RopeTable(
        torch.cat((row, row, column, column), dim=-1).cos(),
        torch.cat((-row, row, -column, column), dim=-1).sin(),
    )


def apply_rope(
    tokens: Float[Tensor, "b heads n d"], table: RopeTable
) -> Float[Tensor, "b heads n d"]:
    """Rotate queries or keys; computed in float32, returned in the dtype of `tokens`."""
    row1, row2, column1, column2 = tokens.chunk(4, dim=-1)
    partners = torch.cat((row2, row1, column2, column1), dim=-1)
    return torch.addcmul(tokens * table.own, partners, table.partner).to(tokens.dtype)
