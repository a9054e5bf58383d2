# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The pose comes back from true matches, also among false ones; too few give none."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from semsplat_ros.geometry.match_pose import pose_from_matches


def scene(seed: int, false_share: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    points = rng.uniform([-2, -1.5, 1.0], [2, 1.5, 5.0], (200, 3))
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_rotvec(rng.uniform(-0.3, 0.3, 3)).as_matrix()
    pose[:3, 3] = rng.uniform(-0.4, 0.4, 3)
    inside = np.linalg.inv(pose)
    moved = points @ inside[:3, :3].T + inside[:3, 3]
    rays = moved[:, :2] / moved[:, 2:]
    wrong = rng.random(200) < false_share
    rays[wrong] = rng.uniform(-1, 1, (int(wrong.sum()), 2))
    return points, rays, pose


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.sampled_from([0.0, 0.3]))
def test_pose_comes_back(seed: int, false_share: float) -> None:
    points, rays, pose = scene(seed, false_share)
    found = pose_from_matches(points, rays)
    assert found is not None
    assert np.abs(found - pose).max() < 0.01


def test_too_few_or_nonsense_gives_none() -> None:
    points, rays, _ = scene(0, 0.0)
    assert pose_from_matches(points[:10], rays[:10]) is None
    assert pose_from_matches(np.zeros((0, 3)), np.zeros((0, 2))) is None


def test_it_is_repeatable() -> None:
    points, rays, _ = scene(3, 0.3)
    first, second = (pose_from_matches(points, rays) for _ in range(2))
    assert first == pytest.approx(second, abs=0)
