# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Which direction of a pair is used, and what comes out of it."""

import dataclasses

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from semsplat_ros.geometry.pair_cameras import Direction, pose_of_other, view_pair

HEIGHT, WIDTH = 30, 40
FOCALS = (45.0, 60.0)


def second_pose() -> np.ndarray:
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_rotvec([0.05, -0.1, 0.02]).as_matrix()
    pose[:3, 3] = [0.4, -0.1, 0.2]
    return pose


def own_points(view: int) -> np.ndarray:
    depth = np.random.default_rng(view).uniform(1, 3, (HEIGHT, WIDTH))
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    rays = np.stack(
        [columns - WIDTH / 2, rows - HEIGHT / 2, np.full((HEIGHT, WIDTH), FOCALS[view])], -1
    )
    return rays / FOCALS[view] * depth[..., None]


def moved(points: np.ndarray, pose: np.ndarray) -> np.ndarray:
    return points @ pose[:3, :3].T + pose[:3, 3]


def direction(reference: int, confidence: float, scale: float = 1.0) -> Direction:
    other = 1 - reference
    reference_from_other = second_pose() if reference == 0 else np.linalg.inv(second_pose())
    return Direction(
        own_points=torch.tensor(own_points(reference) * scale, dtype=torch.float32),
        own_confidence=torch.full((HEIGHT, WIDTH), float(confidence)),
        other_points=torch.tensor(
            moved(own_points(other), reference_from_other) * scale, dtype=torch.float32
        ),
        other_confidence=torch.full((HEIGHT, WIDTH), float(confidence)),
    )


@pytest.mark.parametrize(("first", "second", "reference"), [(6, 4, 0), (4, 6, 1), (5, 5, 1)])
def test_the_more_confident_direction_is_the_frame(first, second, reference):
    pair = view_pair(direction(0, first), direction(1, second))
    assert pair.reference == reference
    expected = second_pose() if reference == 0 else np.linalg.inv(second_pose())
    np.testing.assert_array_equal(pair.world_from_view[reference], np.eye(4))
    np.testing.assert_allclose(pair.world_from_view[1 - reference], expected, atol=2e-3)
    np.testing.assert_allclose(pair.intrinsics[:, 0, 0], FOCALS, rtol=1e-3)
    for view in (0, 1):
        np.testing.assert_allclose(pair.depths[view], own_points(view)[..., 2], atol=5e-3)


def test_confidence_of_the_other_direction_counts_for_the_mask():
    weak = direction(0, 2.9)
    assert view_pair(weak, direction(1, 1.5)).pose.failure.startswith("0 usable points")
    helped = dataclasses.replace(
        direction(1, 0.1), own_confidence=torch.full((HEIGHT, WIDTH), 3.1)
    )
    pair = view_pair(weak, helped)
    assert pair.reference == 0
    assert pair.pose.found


def test_given_intrinsics_have_centres_at_half_a_pixel():
    points = torch.tensor(moved(own_points(1), second_pose()), dtype=torch.float32)
    intrinsics = torch.tensor([[60.0, 0, WIDTH / 2 + 0.5], [0, 60.0, HEIGHT / 2 + 0.5], [0, 0, 1]])
    pose = pose_of_other(points, torch.ones(HEIGHT, WIDTH, dtype=torch.bool), intrinsics)
    np.testing.assert_allclose(pose.world_from_camera, second_pose(), atol=1e-4)
