# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from semsplat_ros.errors import SemsplatError
from semsplat_ros.nodes.demo.truth import RoomTruth
from semsplat_ros.rooms.ground_truth import truth_for, visible_objects
from semsplat_ros.rooms.layout import Room
from semsplat_ros.rooms.renderer import RoomRenderer
from semsplat_ros.rooms.robot import StereoRig, robot_path

RIG = StereoRig(height=120, width=160)
SEED = 1_000_001


def test_truth_of_a_pose_is_the_simulators():
    pose = robot_path(Room(SEED), SEED)[0]
    truth = RoomTruth(SEED, RIG)
    with RoomRenderer(Room(SEED), RIG.height, RIG.width) as renderer:
        expected = truth_for(
            "chair", visible_objects(Room(SEED), pose, *RIG.frames(renderer, pose))
        )
    assert expected
    assert truth.of("chairs", pose) == expected
    assert truth.of("giraffe", pose) == []
    turned = pose.copy()
    turned[:3, :3] = pose[:3, :3] @ np.diag([-1.0, 1.0, -1.0])  # looks the other way
    assert truth.of("chair", turned) != expected


def test_a_room_that_cannot_be_made_is_told():
    with pytest.raises(SemsplatError):
        RoomTruth(-1, RIG).of("chair", np.eye(4))
