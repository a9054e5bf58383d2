# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Poses by PnP."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from semsplat_ros.geometry.pose import estimate_pose, pinhole

HEIGHT, WIDTH, FOCAL = 30, 40, 45.0


def scene(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Points in the world's frame, seen by a camera whose pose is returned too."""
    rng = np.random.default_rng(seed)
    depth = rng.uniform(1, 4, (HEIGHT, WIDTH))
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    rays = np.stack(
        [(columns - WIDTH / 2) / FOCAL, (rows - HEIGHT / 2) / FOCAL, np.ones_like(depth)], -1
    )
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_rotvec(rng.uniform(-0.3, 0.3, 3)).as_matrix()
    pose[:3, 3] = rng.uniform(-1, 1, 3)
    points = (rays * depth[..., None]) @ pose[:3, :3].T + pose[:3, 3]
    return points.astype(np.float32), pose


@pytest.mark.parametrize("seed", range(3))
def test_finds_the_pose_among_outliers(seed):
    points, pose = scene(seed)
    broken = np.random.default_rng(seed + 10).random((HEIGHT, WIDTH)) < 0.3
    points[broken] += 3
    found = estimate_pose(points, np.ones((HEIGHT, WIDTH), bool), pinhole(FOCAL, HEIGHT, WIDTH))
    assert found.found
    assert found.inliers >= (~broken).sum()
    np.testing.assert_allclose(found.world_from_camera, pose, atol=0.05)


def test_uses_confident_pixels_only():
    points, pose = scene()
    points[:20] = np.random.default_rng(1).normal(size=(20, WIDTH, 3))
    confident = np.zeros((HEIGHT, WIDTH), bool)
    confident[20:] = True
    found = estimate_pose(points, confident, pinhole(FOCAL, HEIGHT, WIDTH))
    np.testing.assert_allclose(found.world_from_camera, pose, atol=2e-3)


@pytest.mark.parametrize("count", [0, 3])
def test_too_few_points_is_said(count):
    points, _ = scene()
    confident = np.zeros((HEIGHT, WIDTH), bool)
    confident[0, :count] = True
    found = estimate_pose(points, confident, pinhole(FOCAL, HEIGHT, WIDTH))
    assert not found.found
    assert f"{count} usable points" in found.failure
    np.testing.assert_array_equal(found.world_from_camera, np.eye(4))


def test_points_without_structure_are_said_or_survive():
    points = np.zeros((HEIGHT, WIDTH, 3), np.float32)
    found = estimate_pose(
        points, np.ones((HEIGHT, WIDTH), bool), pinhole(FOCAL, HEIGHT, WIDTH), iterations=5
    )
    assert np.isfinite(found.world_from_camera).all()
    assert found.found == (found.inliers > 0)


def test_non_finite_points_take_no_part():
    points, pose = scene()
    points[::3] = np.nan
    found = estimate_pose(points, np.ones((HEIGHT, WIDTH), bool), pinhole(FOCAL, HEIGHT, WIDTH))
    np.testing.assert_allclose(found.world_from_camera, pose, atol=2e-3)
