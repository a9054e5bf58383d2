# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Rotary positions: what the formula promises."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from semsplat_ros.networks.rope import apply_rope, grid_positions, rope_table


def test_positions_are_row_major_with_the_extra_token_below_the_first_column():
    positions = grid_positions(2, 3, extra_token=True)
    assert positions.tolist() == [[0, 0], [0, 1], [0, 2], [1, 0], [1, 1], [1, 2], [2, 0]]


def test_by_hand():
    # Head of 8 channels: q = 2 waves with the periods 2 pi and 2 pi * 10 (base 100).
    table = rope_table(torch.tensor([[3, 0]]), 8)
    out = apply_rope(torch.tensor([1.0, 0, 0, 0, 5, 6, 7, 8]).view(1, 1, 1, 8), table).flatten()
    expected = [math.cos(3), 0, math.sin(3), 0, 5, 6, 7, 8]
    torch.testing.assert_close(out, torch.tensor(expected))
    second = apply_rope(torch.tensor([0, 1.0, 0, 0, 0, 0, 0, 0]).view(1, 1, 1, 8), table).flatten()
    torch.testing.assert_close(second[1::2][:2], torch.tensor([math.cos(0.3), math.sin(0.3)]))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 20), st.integers(0, 20))
def test_scores_depend_on_relative_positions_only(row, column, down, right):
    generator = torch.Generator().manual_seed(0)
    query, key = torch.randn(2, 1, 1, 1, 32, generator=generator).double()

    def score(shift_row: int, shift_column: int) -> torch.Tensor:
        q = rope_table(torch.tensor([[row + shift_row, column + shift_column]]), 32)
        k = rope_table(torch.tensor([[4 + shift_row, 7 + shift_column]]), 32)
        return (apply_rope(query, q) * apply_rope(key, k)).sum()

    torch.testing.assert_close(score(0, 0), score(down, right), atol=1e-4, rtol=1e-4)


def test_rows_and_columns_are_told_apart():
    tokens = torch.randn(1, 1, 1, 16)
    row = apply_rope(tokens, rope_table(torch.tensor([[2, 0]]), 16))
    column = apply_rope(tokens, rope_table(torch.tensor([[0, 2]]), 16))
    assert not torch.allclose(row, column)
    assert torch.equal(row[..., 8:], tokens[..., 8:])
    assert torch.equal(column[..., :8], tokens[..., :8])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_dtype_is_kept(dtype):
    table = rope_table(grid_positions(2, 2), 8)
    assert apply_rope(torch.ones(1, 1, 4, 8, dtype=dtype), table).dtype is dtype
