# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Focal length from point maps."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from semsplat_ros.geometry.focal import FocalMethod, estimate_focal, reference_focal


def point_map(focal: float, height: int, width: int, seed: int = 0) -> torch.Tensor:
    depth = 1 + torch.rand(height, width, generator=torch.Generator().manual_seed(seed))
    rows, columns = torch.meshgrid(
        torch.arange(height) - height / 2, torch.arange(width) - width / 2, indexing="ij"
    )
    return torch.stack([columns * depth / focal, rows * depth / focal, depth], dim=-1)


@settings(max_examples=20, deadline=None)
@given(
    focal=st.floats(10, 500),
    height=st.integers(8, 40),
    width=st.integers(8, 40),
    method=st.sampled_from(FocalMethod),
)
def test_finds_the_focal_of_an_exact_point_map(focal, height, width, method):
    found = estimate_focal(point_map(focal, height, width)[None], method)
    torch.testing.assert_close(found, torch.tensor([focal]), rtol=1e-3, atol=0)


@pytest.mark.parametrize("method", FocalMethod)
def test_wild_points_do_not_move_it(method):
    points = point_map(60.0, 32, 48)
    points[:3] *= torch.tensor([2.0, -1.0, 1.0])
    found = estimate_focal(points[None], method).item()
    assert abs(found - 60) < 3


def test_each_batch_item_has_its_own_focal_and_depth_zero_is_ignored():
    both = torch.stack([point_map(40.0, 20, 30), point_map(80.0, 20, 30)])
    both[0, 3, 5] = 0.0
    both[1, 7, 2, 2] = float("nan")
    torch.testing.assert_close(estimate_focal(both), torch.tensor([40.0, 80.0]), rtol=1e-3, atol=0)


def test_limits_are_relative_to_sixty_degrees():
    assert reference_focal(90, 120) == pytest.approx(120 / (2 * math.tan(math.radians(30))))
    points = point_map(300.0, 20, 30)[None]
    assert estimate_focal(points, max_focal=2.0).item() == pytest.approx(
        2 * reference_focal(20, 30)
    )
    assert estimate_focal(point_map(3.0, 20, 30)[None], min_focal=0.5).item() == pytest.approx(
        0.5 * reference_focal(20, 30)
    )
