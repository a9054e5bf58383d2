# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.rooms.ground_truth import truth_for, visible_objects
from semsplat_ros.rooms.layout import Room
from semsplat_ros.rooms.pair_sampling import rotation_degrees
from semsplat_ros.rooms.renderer import NO_INSTANCE, RoomRenderer
from semsplat_ros.rooms.robot import StereoRig, robot_path
from test.rooms.conftest import Scenery, points_of

RIG = StereoRig(height=120, width=160)


@pytest.mark.parametrize("seed", [5, 1_000_000, 1_000_003, 1_000_008])
def test_path_is_smooth_closed_and_free(seed):
    room = Room(seed)
    path = robot_path(room, seed=3)
    assert len(path) > 50
    closed = np.concatenate([path, path[:1]])
    steps = np.linalg.norm(np.diff(closed[:, :3, 3], axis=0), axis=1)
    assert steps.max() <= 0.0301
    turns = [
        rotation_degrees(a[:3, :3].T @ b[:3, :3])
        for a, b in zip(closed[:-1], closed[1:], strict=True)
    ]
    assert max(turns) < 3.0
    np.testing.assert_allclose(path[:, 2, 3], 0.9)
    np.testing.assert_allclose(np.degrees(np.arcsin(path[:, 2, 2])), -10.0, atol=1e-6)
    assert all(room.is_free(np.array([x, y, 0.35]), 0.05) for x, y in path[:, :2, 3])


def test_path_is_drawn_by_seed():
    room = Room(1_000_000)
    assert (robot_path(room, 1) == robot_path(room, 1)).all()
    first, second = robot_path(room, 1), robot_path(room, 2)
    assert first.shape != second.shape or (first != second).any()


def test_robot_looks_at_a_chair_first():
    seen = 0
    for seed in range(1_000_000, 1_000_005):
        room = Room(seed)
        assert any(instance.name == "chair" for instance in room.instances)
        pose = robot_path(room, 0)[0]
        with RoomRenderer(room, RIG.height, RIG.width) as renderer:
            objects = visible_objects(room, pose, *RIG.frames(renderer, pose))
        chairs = truth_for("chair", objects)
        seen += bool(chairs) and min(chairs[0]["visible_left"], chairs[0]["visible_right"]) > 0.005
    assert seen >= 4


def test_room_without_floor_to_stand_on_is_told():
    room = Room(5)
    room.footprints = (*room.footprints, type(room.footprints[0])(0, 0, 9, 9, 2.0))
    with pytest.raises(SemsplatError) as refusal:
        robot_path(room, 0)
    assert refusal.value.code is ErrorCode.NOT_FOUND


def test_rig_is_rectified(scenery: Scenery):
    pose = scenery.free[0].world_from_camera[0]
    left_from_right = np.linalg.inv(pose) @ RIG.right_pose(pose)
    expected = np.eye(4)
    expected[0, 3] = 0.12
    np.testing.assert_allclose(left_from_right, expected, atol=1e-9)
    left, right = RIG.images(scenery.renderer, pose)
    assert left.shape == right.shape == (120, 160, 3)
    assert (left != right).any()
    assert RIG.intrinsics[0, 2] == 80
    assert RIG.intrinsics[0, 0] == pytest.approx(60 / np.tan(np.radians(26)))


def test_truth_is_what_the_images_show(scenery: Scenery):
    pose = scenery.stereo[0].world_from_camera[0]
    left, right = RIG.frames(scenery.renderer, pose)
    objects = visible_objects(scenery.room, pose, left, right)
    assert len(objects) > 5
    assert sum(o.visible_first for o in objects) == pytest.approx(
        (left.instance != NO_INSTANCE).mean()
    )
    camera_points = points_of(left.depth, RIG.intrinsics, np.eye(4))
    for item in objects:
        assert item.name == scenery.room.instances[item.instance].name
        shown = left.instance == item.instance
        assert item.visible_first == pytest.approx(shown.mean())
        assert item.visible_second == pytest.approx((right.instance == item.instance).mean())
        assert item.visible_first + item.visible_second > 0
        away = abs(camera_points[shown] - item.center) - np.array(item.size) / 2
        assert (away < 0.01).all(1).mean() > 0.99 or not shown.any()


def test_truth_of_a_class_present_absent_and_unknown(scenery: Scenery):
    pose = scenery.stereo[0].world_from_camera[0]
    objects = visible_objects(scenery.room, pose, *RIG.frames(scenery.renderer, pose))
    walls = truth_for("wall", objects)
    assert len(walls) == sum(item.name == "wall" for item in objects) >= 1
    assert set(walls[0]) == {"center", "size", "visible_left", "visible_right"}
    shares = [entry["visible_left"] + entry["visible_right"] for entry in walls]
    assert shares == sorted(shares, reverse=True)
    assert truth_for("chair", [item for item in objects if item.name != "chair"]) == []
    with pytest.raises(SemsplatError) as refusal:
        truth_for("unicorn", objects)
    assert refusal.value.code is ErrorCode.INVALID_ARGUMENT
