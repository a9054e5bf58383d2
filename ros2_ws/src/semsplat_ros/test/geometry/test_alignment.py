# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Scale between predicted and true point maps."""

import pytest
import torch

from semsplat_ros.geometry.alignment import ScaleMethod, find_scale, mean_distance


def maps(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.randn(2, 9, 11, 3, generator=generator) + 3 for _ in range(2))


def all_valid() -> tuple[torch.Tensor, torch.Tensor]:
    return tuple(torch.ones(2, 9, 11, dtype=torch.bool) for _ in range(2))


@pytest.mark.parametrize("method", ScaleMethod)
def test_finds_the_scale_of_each_pair_and_ignores_invalid_points(method):
    truth, valid = maps(0), all_valid()
    factor = torch.tensor([0.5, 2.0]).view(2, 1, 1, 1)
    predicted = tuple(points * factor for points in truth)
    for mask, points in zip(valid, predicted, strict=True):
        mask[:, :3] = False
        points[:, :3] = 1e6
    torch.testing.assert_close(
        find_scale(truth, predicted, valid, method), torch.tensor([0.5, 2.0])
    )


def test_outliers_pull_the_average_but_not_weiszfeld():
    truth, valid = maps(1), all_valid()
    predicted = tuple(points.clone() for points in truth)
    predicted[0][:, :2] *= 30
    robust = find_scale(truth, predicted, valid, ScaleMethod.WEISZFELD)
    average = find_scale(truth, predicted, valid, ScaleMethod.AVERAGE)
    assert (robust - 1).abs().max() < 0.2
    assert (average - 1).min() > 1


def test_the_scale_is_at_least_a_thousandth_and_has_no_gradient():
    truth, valid = maps(2), all_valid()
    predicted = tuple((-points).requires_grad_() for points in truth)
    scale = find_scale(truth, predicted, valid)
    torch.testing.assert_close(scale, torch.full((2,), 1e-3))
    assert not scale.requires_grad


def test_mean_distance_counts_valid_points_only():
    points, valid = maps(3), all_valid()
    valid[1][0] = False
    points[1][0] = float("nan")
    expected = points[0][0].norm(dim=-1).mean()
    torch.testing.assert_close(mean_distance(points, valid)[0], expected)
    nothing = tuple(torch.zeros_like(mask) for mask in valid)
    torch.testing.assert_close(mean_distance(points, nothing), torch.full((2,), 1e-8))
