# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Cameras from predicted point maps."""

import logging

import pytest
import torch

from semsplat_ros.geometry.point_cameras import cameras_from_points
from semsplat_ros.geometry.views import central_crop
from semsplat_ros.scene import CameraPrior, Crop, IntrinsicsSource, Views


def views(crop: Crop, intrinsics=None, count=2) -> Views:
    return Views(
        images=torch.zeros(count, 3, crop.network_height, crop.network_width),
        crops=(crop,) * count,
        prior=CameraPrior(() if intrinsics is None else (intrinsics,) * count),
    )


def scene_points(height=64, width=64, focal=80.0):
    """A wavy surface seen from two places: pixel-aligned points of both views in the first
    frame."""
    rows, columns = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    rays = torch.stack(((columns - width / 2) / focal, (rows - height / 2) / focal), dim=-1)
    depth = 2 + 0.3 * torch.sin(rows / 7) + 0.2 * torch.cos(columns / 5)
    own = torch.cat((rays, torch.ones(height, width, 1)), dim=-1) * depth[..., None]
    pose = torch.eye(4)
    angle = torch.tensor(0.1)
    pose[:3, :3] = torch.tensor(
        [[angle.cos(), 0, angle.sin()], [0, 1, 0], [-angle.sin(), 0, angle.cos()]]
    )
    pose[:3, 3] = torch.tensor([0.4, -0.1, 0.05])
    return torch.stack((own, own @ pose[:3, :3].T + pose[:3, 3])), pose


def test_poses_and_focal_length_are_recovered():
    points, pose = scene_points()
    cameras = cameras_from_points(points, views(central_crop(64, 64, 64, 64)))
    assert cameras.failed == ()
    assert cameras.source is IntrinsicsSource.ESTIMATED
    assert cameras.intrinsics[0, 0, 0] == pytest.approx(80, rel=0.01)
    assert cameras.intrinsics[0, 0, 2] == 32.5
    torch.testing.assert_close(cameras.first_from_view[1], pose, atol=5e-3, rtol=0)


def test_given_intrinsics_are_kept():
    points, pose = scene_points()
    k = torch.tensor([[80.0, 0, 32.5], [0, 80, 32.5], [0, 0, 1]])
    cameras = cameras_from_points(points, views(central_crop(64, 64, 64, 64), k))
    assert cameras.source is IntrinsicsSource.PARAMETER
    assert torch.equal(cameras.intrinsics[1], k)
    torch.testing.assert_close(cameras.first_from_view[1], pose, atol=1e-3, rtol=0)


def test_a_failure_is_named(caplog):
    points, _ = scene_points()
    points[1] = float("nan")
    with caplog.at_level(logging.WARNING):
        cameras = cameras_from_points(points, views(central_crop(64, 64, 64, 64)))
    assert cameras.failed == (1,)
    assert torch.equal(cameras.first_from_view[1], torch.eye(4))
    assert "view 1" in caplog.text


def test_only_confident_points_count():
    points, pose = scene_points()
    wrong = points.clone()
    wrong[1, :, :48] = wrong[1, :, :48].flip(0)
    confident = torch.ones(2, 64, 64, dtype=torch.bool)
    confident[:, :, :48] = False
    plain = views(central_crop(64, 64, 64, 64))
    cameras = cameras_from_points(wrong, plain, confident)
    torch.testing.assert_close(cameras.first_from_view[1], pose, atol=2e-2, rtol=0)
    nothing = cameras_from_points(points, plain, torch.zeros(2, 64, 64, dtype=torch.bool))
    assert nothing.failed == (1,)
