# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Which messages a pair gives: by what is switched on, by the scale, by the pose."""

from dataclasses import replace

import pytest

from semsplat_ros.nodes.common.conversions import to_header
from semsplat_ros.nodes.outputs.pair_messages import PairMessages
from semsplat_ros.nodes.outputs.scene_messages import relative_transform, scene_info
from semsplat_ros.nodes.outputs.snapshot import Snapshot
from semsplat_ros.nodes.outputs.target_frame import Placement
from semsplat_ros.nodes.parameters.settings import Settings
from semsplat_ros.perceiver import Perceiver
from semsplat_ros.scene import Perception
from test.support.camera_priors import stereo_rig
from test.support.fake_model import FakeModel, block_image
from test.support.perception_rig import ROOM

HEADER = to_header(5_000_000_000, "left_optical")
DEPTH = {"depth/image", "depth/camera_info"}


@pytest.fixture(scope="module")
def perception() -> Perception:
    perceiver = Perceiver(FakeModel())
    room = block_image(ROOM)
    views = perceiver.prepare((room, room), stereo_rig(None, 0.1, frame="left_optical"))
    return perceiver.perceive(views, perceiver.make_vocabulary(["chair", "table"], 1))


def messages_of(perception: Perception, settings: Settings = Settings()) -> PairMessages:  # noqa: B008
    snapshot = Snapshot(
        perception, HEADER, scene_info(perception, 1, ("left", "right")), 1, 0.0, 5_000_000_000
    )
    return PairMessages(snapshot, block_image(ROOM), settings, Placement(HEADER, None, None), 1.0)


def with_scene(perception: Perception, **fields) -> Perception:
    return replace(perception, scene=replace(perception.scene, **fields))


def test_by_default_everything_is_made(perception):
    makers = messages_of(perception).makers()
    assert makers.keys() >= {"instances", "points", "markers", "masks/left", "gaussians", *DEPTH}
    for name, make in makers.items():
        if name != "detections":  # only where vision_msgs is
            assert make() is not None


@pytest.mark.parametrize(
    ("switch", "topics"),
    [
        ("points", {"points"}),
        ("markers", {"markers"}),
        ("masks", {"masks/left", "masks/right", "labels/left", "labels/right"}),
        ("overlay", {"overlay/left"}),
        ("gaussians", {"gaussians"}),
        ("depth", DEPTH),
    ],
)
def test_each_output_can_be_switched_off(perception, switch, topics):
    every = messages_of(perception).makers().keys()
    settings = Settings().with_values({f"output.{switch}": False})
    assert messages_of(perception, settings).makers().keys() == every - topics


def test_no_depth_without_metres(perception):
    scale = replace(perception.scene.scale, status=type(perception.scene.scale.status).RELATIVE)
    pair = messages_of(with_scene(perception, scale=scale))
    assert not pair.is_metric
    assert not DEPTH & pair.makers().keys()


def test_no_pose_where_the_model_found_none(perception):
    assert messages_of(perception).posed == {"right": 1}
    cameras = replace(perception.scene.cameras, failed=(1,))
    pair = messages_of(with_scene(perception, cameras=cameras))
    assert pair.transforms() == []
    assert "relative_pose" not in pair.makers()


def test_relative_transform_is_the_relative_pose(perception):
    transform = relative_transform(perception, HEADER, 1, "right")
    pose = messages_of(perception).makers()["relative_pose"]().pose
    moved = transform.transform.translation
    assert (moved.x, moved.y, moved.z) == (pose.position.x, pose.position.y, pose.position.z)
    assert moved.x == pytest.approx(0.1)
    assert transform.transform.rotation == pose.orientation
    assert transform.child_frame_id == "left_optical_semsplat_right"
