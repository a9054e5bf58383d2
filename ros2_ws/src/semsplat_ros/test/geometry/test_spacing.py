# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Distances between the points of a cloud."""

import torch

from semsplat_ros.geometry import spacing
from semsplat_ros.geometry.spacing import mean_square_spacing


def test_a_row_of_points():
    points = torch.tensor([[0.0, 0, 0], [1, 0, 0], [3, 0, 0], [7, 0, 0]])
    expected = torch.tensor([1 + 9 + 49, 1 + 4 + 36, 4 + 9 + 16, 16 + 36 + 49]) / 3
    torch.testing.assert_close(mean_square_spacing(points), expected)
    nearest = mean_square_spacing(points, neighbours=1)
    torch.testing.assert_close(nearest, torch.tensor([1.0, 1.0, 4.0, 16.0]))


def test_points_at_one_place_are_others():
    points = torch.tensor([[0.0, 0, 0], [0, 0, 0], [2, 0, 0], [2, 0, 0]])
    nearest = mean_square_spacing(points, neighbours=1)
    assert torch.equal(nearest, torch.zeros(4))


def test_all_pairs_agree_with_the_tree(monkeypatch):
    points = torch.rand(300, 3, generator=torch.Generator().manual_seed(0))
    tree = mean_square_spacing(points)
    monkeypatch.setattr(spacing, "_ROWS_PER_CHUNK", 64)
    torch.testing.assert_close(spacing._all_pairs(points, 3), tree, rtol=1e-4, atol=1e-7)
