# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The matcher finds where a cell went; whole networks are matched in test_compact.py."""

import pytest
import torch

from semsplat_ros.networks.view_matching import ViewMatcher, _argmax


def test_cells_are_found_where_they_moved_to_in_both_directions() -> None:
    torch.manual_seed(0)
    matcher = ViewMatcher(8, 4, 32)
    with torch.no_grad():
        matcher.log_scale.fill_(5.0)
        matcher.from_eighth.weight.zero_()
        matcher.from_eighth.bias.zero_()
    first = torch.randn(1, 8, 8, 12)
    second = torch.roll(first, 3, dims=3)
    columns, rows = torch.meshgrid(torch.arange(48.0), torch.arange(32.0), indexing="xy")
    rays = torch.stack([columns, rows])[None].expand(2, -1, -1, -1)
    found = matcher(torch.cat([first, second]), torch.zeros(2, 4, 4, 6), rays)
    here = rays[:1, :, 2::4, 2::4]
    inner = (slice(None), slice(1, 7), slice(1, 8))
    moved = here.clone()
    moved[:, 0] += 3 * 4
    torch.testing.assert_close(found.rays[0][inner], moved[0][inner], atol=1.5, rtol=0)
    assert (found.confidence[0, 0][1:7, 1:8] > 0.9).all()
    back = found.rays[1, 0, 1:7, 4:11] - here[0, 0, 1:7, 4:11]
    torch.testing.assert_close(back, torch.full_like(back, -12.0), atol=1.5, rtol=0)


def test_at_the_border_no_cell_counts_twice() -> None:
    torch.manual_seed(0)
    matcher = ViewMatcher(8, 4, 32)
    with torch.no_grad():
        matcher.log_scale.fill_(5.0)
    one = torch.randn(1, 8, 4, 4)
    found = matcher(one.expand(2, -1, -1, -1), torch.zeros(2, 4, 2, 2), torch.zeros(2, 2, 16, 16))
    assert found.confidence.min() > 0.9
    assert found.confidence.max() < 1.001


@pytest.mark.parametrize("dim", [1, 2])
def test_argmax_takes_the_first_of_equal_ones_as_torch_does(dim: int) -> None:
    generator = torch.Generator().manual_seed(0)
    table = torch.randint(0, 40, (2, 48, 80), generator=generator).float()
    assert torch.equal(_argmax(table, dim), table.argmax(dim))
