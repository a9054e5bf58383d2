# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
import cv2
import numpy as np
import pytest

from semsplat_ros.rooms.pair_sampling import (
    Pair,
    PairLimits,
    PairSampler,
    covisible_share,
    look_along,
    rotation_degrees,
)
from semsplat_ros.rooms.renderer import intrinsics_of
from test.rooms.conftest import Scenery, points_of

LIMITS = PairLimits()


def test_look_along_is_an_upright_optical_frame():
    pose = look_along(np.array([1.0, 2.0, 0.9]), np.array([0.0, 2.0, 0.0]))
    np.testing.assert_allclose(pose[:3, 2], [0, 1, 0])  # forward
    np.testing.assert_allclose(pose[:3, 0], [1, 0, 0])  # right
    np.testing.assert_allclose(pose[:3, 1], [0, 0, -1])  # down
    np.testing.assert_allclose(np.linalg.det(pose), 1.0)


def test_same_generator_state_gives_the_same_pairs(scenery: Scenery):
    poses = [
        PairSampler(scenery.renderer, np.random.default_rng(9)).sample().world_from_camera
        for _ in range(2)
    ]
    assert (poses[0] == poses[1]).all()


def test_stereo_pairs_are_rectified(scenery: Scenery):
    for pair in scenery.stereo:
        assert pair.fovy[0] == pair.fovy[1]
        np.testing.assert_allclose(pair.first_from_second[:3, :3], np.eye(3), atol=1e-9)
        x, y, z = pair.first_from_second[:3, 3]
        assert LIMITS.stereo_baseline[0] <= x <= LIMITS.stereo_baseline[1]
        assert abs(y) < 1e-9
        assert abs(z) < 1e-9


def test_pairs_keep_the_limits(scenery: Scenery):
    for pair in scenery.stereo + scenery.free:
        for pose, fovy in zip(pair.world_from_camera, pair.fovy, strict=True):
            assert LIMITS.fovy[0] <= fovy <= LIMITS.fovy[1]
            pitch = np.degrees(np.arcsin(pose[2, 2]))
            assert LIMITS.pitch[0] - 0.1 <= pitch <= LIMITS.pitch[1] + 0.1
            assert abs(np.degrees(np.arcsin(pose[2, 0]))) <= LIMITS.roll + 0.1
            assert LIMITS.height[0] - 0.06 <= pose[2, 3] <= LIMITS.height[1] + 0.11
        second_from_first = np.linalg.inv(pair.first_from_second)
        share = covisible_share(*pair.frames, second_from_first, pair.fovy)
        assert share >= LIMITS.covisible
    for pair in scenery.free:
        assert not pair.stereo
        assert LIMITS.free_baseline[0] <= pair.baseline <= LIMITS.free_baseline[1]
        assert rotation_degrees(pair.first_from_second[:3, :3]) <= LIMITS.free_rotation
    assert max(rotation_degrees(p.first_from_second[:3, :3]) for p in scenery.free) > 2


def test_some_free_pairs_have_two_fields_of_view(scenery: Scenery):
    sampler = PairSampler(
        scenery.renderer, np.random.default_rng(1), PairLimits(other_fovy_share=1.0)
    )
    pair = sampler.sample(stereo=False)
    assert pair is not None
    assert pair.fovy[0] != pair.fovy[1]


def test_covisible_share_of_the_same_and_of_opposite_views(scenery: Scenery):
    pair = scenery.stereo[0]
    frame, fovy = pair.frames[0], (pair.fovy[0], pair.fovy[0])
    assert covisible_share(frame, frame, np.eye(4), fovy) == 1.0
    behind = np.diag([-1.0, 1.0, -1.0, 1.0])
    assert covisible_share(frame, frame, behind, fovy) == 0.0


def _warp_error(scenery: Scenery, pair: Pair, shift: tuple[float, float]) -> float:
    """Mean colour difference of the first view and the second one warped into it by true depth."""
    height, width = 256, 320
    first, second = (
        scenery.renderer.colour(pose, fovy, height, width).astype(np.float32)
        for pose, fovy in zip(pair.world_from_camera, pair.fovy, strict=True)
    )
    frames = [
        scenery.renderer.geometry(pose, fovy, height, width)
        for pose, fovy in zip(pair.world_from_camera, pair.fovy, strict=True)
    ]
    k1, k2 = (intrinsics_of(fovy, height, width) for fovy in pair.fovy)
    world = points_of(frames[0].depth, k1, pair.world_from_camera[0])
    pose = pair.world_from_camera[1]
    x, y, z = np.moveaxis((world - pose[:3, 3]) @ pose[:3, :3], -1, 0)
    # OpenCV counts pixel centres from 0.0, we from 0.5.
    column = (x / z * k2[0, 0] + k2[0, 2] - 0.5).astype(np.float32)
    row = (y / z * k2[1, 1] + k2[1, 2] - 0.5).astype(np.float32)
    depth = cv2.remap(frames[1].depth, column, row, cv2.INTER_NEAREST)
    visible = abs(depth - z) < 0.01 * z
    assert visible.mean() > 0.3
    warped = cv2.remap(second, column + shift[0], row + shift[1], cv2.INTER_LINEAR)
    return float(abs(warped - first)[visible].mean())


@pytest.mark.parametrize("stereo", [True, False])
def test_second_view_warped_by_true_depth_is_the_first(scenery: Scenery, stereo: bool):
    pairs = (scenery.stereo if stereo else scenery.free)[:3]
    shifts = [(0.0, 0.0), (0.7, 0.0), (-0.7, 0.0), (0.0, 0.7), (0.0, -0.7)]
    errors = [np.mean([_warp_error(scenery, pair, shift) for pair in pairs]) for shift in shifts]
    assert min(errors[1:]) > errors[0]
    if stereo:
        assert errors[0] < 3.0
