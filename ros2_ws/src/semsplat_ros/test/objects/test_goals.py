# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.objects.goals import approach_goal

# A camera 1 m above the ground that looks along the target's +x: right is -y, down is -z.
LEVEL = np.array(
    [[0.0, 0.0, 1.0, 0.0], [-1.0, 0.0, 0.0, 0.0], [0.0, -1.0, 0.0, 1.0], [0.0, 0.0, 0.0, 1.0]]
)
METRES = st.floats(-5.0, 5.0)


def test_goal_stands_before_the_object_on_the_ground() -> None:
    goal = approach_goal(LEVEL, (0.0, 0.5, 3.0), 0.8, "map")
    assert goal.frame == "map"
    assert goal.position == pytest.approx((2.2, 0.0, 0.0))
    assert goal.yaw == pytest.approx(0.0)
    assert goal.distance == pytest.approx(3.0)


def test_object_to_the_left_is_faced_to_the_left() -> None:
    goal = approach_goal(LEVEL, (-3.0, 0.0, 3.0), math.sqrt(2.0))
    assert goal.position == pytest.approx((2.0, 2.0, 0.0))
    assert goal.yaw == pytest.approx(math.pi / 4)


def test_a_robot_that_is_too_near_steps_back() -> None:
    goal = approach_goal(LEVEL, (0.0, 0.0, 0.3), 0.8)
    assert goal.position == pytest.approx((-0.5, 0.0, 0.0))
    assert goal.yaw == pytest.approx(0.0)


@given(st.integers(0, 2**32 - 1), st.tuples(METRES, METRES, METRES), st.floats(0.0, 3.0))
def test_goal_is_always_standoff_before_the_object_and_faces_it(
    seed: int, center: tuple[float, float, float], standoff: float
) -> None:
    rng = np.random.default_rng(seed)
    pose = np.eye(4)
    pose[:3, :3] = Rotation.random(rng=rng).as_matrix()
    pose[:3, 3] = rng.uniform(-5, 5, 3)
    target = pose[:3, :3] @ np.array(center) + pose[:3, 3]
    assume(np.hypot(*(target - pose[:3, 3])[:2]) > 1e-2)
    goal = approach_goal(pose, center, standoff)
    x, y, z = goal.position
    assert z == 0.0
    ahead = np.array([math.cos(goal.yaw), math.sin(goal.yaw)])
    np.testing.assert_allclose(np.array([x, y]) + standoff * ahead, target[:2], atol=1e-9)
    # The goal is on the camera's side.
    assert ahead @ (target[:2] - pose[:2, 3]) == pytest.approx(goal.distance)


def test_object_straight_below_is_faced_as_the_camera_looks() -> None:
    below = (0.0, 1.0, 0.0)
    assert approach_goal(LEVEL, below, 0.5).position == pytest.approx((-0.5, 0.0, 0.0))
    turned = LEVEL.copy()
    turned[:3, :3] = Rotation.from_euler("z", 90, degrees=True).as_matrix() @ LEVEL[:3, :3]
    goal = approach_goal(turned, below, 0.5)
    assert goal.yaw == pytest.approx(math.pi / 2)
    assert goal.distance == pytest.approx(0.0)


def test_a_camera_that_looks_straight_down_has_its_upper_edge_ahead() -> None:
    # Optical z along -z of the target; the image's up (-y) along +x.
    down = np.array(
        [[0.0, -1.0, 0.0, 0.0], [-1.0, 0.0, 0.0, 0.0], [0.0, 0.0, -1.0, 2.0], [0.0, 0.0, 0.0, 1.0]]
    )
    goal = approach_goal(down, (0.0, 0.0, 1.5), 0.5)
    assert goal.position == pytest.approx((-0.5, 0.0, 0.0))
    assert goal.yaw == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("center", "standoff", "height"),
    [
        ((float("nan"), 0.0, 1.0), 0.8, 1.0),
        ((0.0, 0.0, 1.0), float("inf"), 1.0),
        ((0.0, 0.0, 1.0), -0.1, 1.0),
        ((0.0, 0.0, 1.0), 0.8, float("inf")),
    ],
)
def test_numbers_that_make_no_sense_are_refused(
    center: tuple[float, float, float], standoff: float, height: float
) -> None:
    pose = LEVEL.copy()
    pose[2, 3] = height
    with pytest.raises(SemsplatError) as caught:
        approach_goal(pose, center, standoff)
    assert caught.value.code is ErrorCode.INVALID_ARGUMENT
