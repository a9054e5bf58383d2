# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Three cameras and a node over DDS: their sets, their outputs, and what goes wrong with one."""

import numpy as np
import pytest
from geometry_msgs.msg import TransformStamped
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
from tf2_msgs.msg import TFMessage

from semsplat_interfaces.msg import SceneInfo
from semsplat_ros.errors import ErrorCode, SemsplatError
from test.support.fake_model import FakeModel, block_image
from test.support.perception_rig import ROOM, VOCABULARY, Rig, wait_until

MS = 1_000_000
CAMERAS = ["front", "rear", "top"]
OUTPUTS = (
    "instances",
    "gaussians",
    *(f"{kind}/{name}" for kind in ("masks", "labels") for name in CAMERAS),
    "overlay/front",
    "relative_pose/rear",
    "relative_pose/top",
)


def three(ros_graph, model: FakeModel | None = None, listen=("instances",), **parameters) -> Rig:
    parameters = {"input.cameras": CAMERAS, **parameters}
    return Rig(ros_graph, model, listen=listen, **parameters).wait_active()


def good_set_works(rig: Rig) -> None:
    header = rig.send_set()
    instances = rig.of_stamp("instances", header)
    assert instances is not None, rig.facts()
    assert {"chair", "table"} <= {i.label for i in instances.instances}
    assert rig.query("chair").error.code == ErrorCode.OK


def streams(rig: Rig):
    return rig.node.images.counters.streams


def test_every_output_carries_the_cameras(ros_graph):
    rig = three(ros_graph, FakeModel(camera_distance=0.1), OUTPUTS)
    mirrored = np.ascontiguousarray(block_image(ROOM)[:, ::-1])
    header = rig.send_set({"rear": 3 * MS, "top": -5 * MS}, pixels={"rear": mirrored})
    messages = {name: rig.of_stamp(name, header) for name in OUTPUTS}
    assert None not in messages.values(), rig.facts()
    info = messages["instances"].info
    assert list(info.cameras) == CAMERAS
    late = [stamp.sec * 1000 * MS + stamp.nanosec for stamp in info.stamps]
    assert [stamp - late[0] for stamp in late] == [0, 3 * MS, -5 * MS]
    for instance in messages["instances"].instances:
        assert len(instance.rois) == 3
    assert set(messages["gaussians"].view_ids) == {0, 1, 2}
    for name in CAMERAS:
        mask = np.frombuffer(messages[f"masks/{name}"].data, np.uint16)
        labels = np.frombuffer(messages[f"labels/{name}"].data, np.uint16)
        assert mask.any()
        assert {VOCABULARY[label - 1] for label in set(labels[mask > 0])} == {"chair", "table"}
    assert messages["relative_pose/rear"].pose.position.x == pytest.approx(0.1)
    assert messages["relative_pose/top"].pose.position.x == pytest.approx(0.2)
    assert "relative_pose" not in rig.node.outputs.counts
    assert rig.wait_status(lambda s: list(s.cameras) == CAMERAS)


def test_a_silent_camera_is_named_and_the_next_good_set_works(ros_graph):
    rig = three(ros_graph, **{"input.timeout": 0.5})
    good_set_works(rig)
    for i in range(6):
        rig.send_set(but=("rear",))
        assert wait_until(lambda i=i: streams(rig)["top"].received > i + 1)
    assert rig.wait_status(lambda s: "rear" in s.message and "silent" in s.message)
    assert rig.node.pipeline.processed_total == 1, "a set lacks no camera"
    good_set_works(rig)


def test_a_camera_that_never_came_is_waited_for_by_its_topic(ros_graph):
    rig = three(ros_graph, **{"input.timeout": 0.5})
    rig.send_set(but=("top",))
    assert wait_until(lambda: streams(rig)["rear"].received)
    assert "waiting for" in (message := rig.query("chair").error.message)
    assert "/top/image_raw" in message
    good_set_works(rig)


def test_stamps_that_jitter_make_sets_within_the_tolerance(ros_graph):
    rig = three(ros_graph, **{"input.max_offset": 0.01})
    for offsets in ({"rear": 10 * MS}, {"front": 4 * MS, "top": -6 * MS}, {"top": 9 * MS}):
        assert rig.of_stamp("instances", rig.send_set(offsets)) is not None, offsets
    # Each is near enough to the first one, but not to each other.
    apart = rig.send_set({"rear": 9 * MS, "top": -9 * MS})
    assert wait_until(lambda: all(s.received == 4 for s in streams(rig).values()))
    assert rig.of_stamp("instances", apart, 0.3) is None
    good_set_works(rig)


def test_a_camera_that_drops_every_second_image_halves_the_sets(ros_graph):
    rig = three(ros_graph)
    for i in range(8):
        header = rig.send_set(but=("top",) if i % 2 else ())
        assert wait_until(lambda i=i: streams(rig)["rear"].received > i)
        expected = rig.of_stamp("instances", header, 0.1 if i % 2 else 5.0)
        assert (expected is None) == bool(i % 2)
    assert rig.node.images.counters.sets == 4
    assert rig.node.images.diagnosis() == ""
    good_set_works(rig)


def test_a_broken_image_of_one_camera_costs_one_set(ros_graph):
    rig = three(ros_graph)
    good_set_works(rig)
    broken = rig.image(rig.header())
    broken.encoding = "jpeg2000"
    rig.cameras["top"].publish(broken)
    assert rig.wait_status(lambda s: "top images dropped" in s.message)
    good_set_works(rig)


def test_three_views_that_a_model_does_not_take_are_no_fault(ros_graph):
    model = FakeModel()
    rig = three(ros_graph, model)
    model.raises = SemsplatError(ErrorCode.INVALID_ARGUMENT, "3 views given; fake takes 2")
    for i in range(7):
        rig.send_set()
        assert rig.node.pipeline.wait_handled(i, 5.0)
    assert rig.wait_status(lambda s: "3 views given" in s.message)
    assert rig.state() == "active"
    model.raises = None
    good_set_works(rig)


def test_metres_come_from_the_transforms_between_three_cameras(ros_graph):
    rig = three(ros_graph, FakeModel(metric=False, camera_distance=0.5))
    latched = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    broadcast = rig.peer.create_publisher(TFMessage, "/tf_static", latched)
    poses = []
    for name, metres in (("rear", 0.2), ("top", 0.4)):
        pose = TransformStamped(child_frame_id=f"{name}_optical")
        pose.header.frame_id = "front_optical"
        pose.transform.translation.x, pose.transform.rotation.w = metres, 1.0
        poses.append(pose)
    rig.send_set()
    assert rig.node.pipeline.wait_handled(0, 5.0)
    broadcast.publish(TFMessage(transforms=poses))
    newest = rig.node.transforms.newest
    assert wait_until(lambda: newest("front_optical", "top_optical") is not None)
    instances = rig.of_stamp("instances", rig.send_set())
    assert instances.info.scale_status == SceneInfo.SCALE_TF
    assert instances.info.scale_factor == pytest.approx(0.4)


def test_frames_of_all_further_cameras_are_broadcast(ros_graph):
    rig = three(ros_graph, FakeModel(camera_distance=0.1), publish_relative_tf=True)
    seen: dict[str, TransformStamped] = {}
    rig.peer.create_subscription(
        TFMessage, "/tf", lambda m: seen.update({t.child_frame_id: t for t in m.transforms}), 10
    )
    assert wait_until(lambda: rig.node.transforms._broadcaster.pub_tf.get_subscription_count())
    rig.send_set()
    wanted = {f"front_optical_semsplat_{name}" for name in ("rear", "top")}
    assert wait_until(lambda: seen.keys() == wanted), seen
    assert seen["front_optical_semsplat_top"].transform.translation.x == pytest.approx(0.2)


def test_cameras_can_be_changed_between_two_configurations(ros_graph):
    rig = three(ros_graph)
    good_set_works(rig)
    assert rig.transition(4)  # deactivate
    assert rig.transition(2)  # clean up
    wanted = Parameter("input.cameras", value=["front", "rear"]).to_parameter_msg()
    request = SetParameters.Request(parameters=[wanted])
    answer = rig.call(SetParameters, "perception_node/set_parameters", request)
    assert answer.results[0].successful, answer.results[0].reason
    assert rig.transition(1)  # configure
    assert rig.transition(3)  # activate
    assert "masks/top" not in rig.node.outputs.counts
    assert "relative_pose" in rig.node.outputs.counts
    rig.names = ("front", "rear")
    assert wait_until(lambda: rig.cameras["front"].get_subscription_count())
    assert wait_until(lambda: rig.cameras["rear"].get_subscription_count())
    assert rig.cameras["top"].get_subscription_count() == 0
    good_set_works(rig)


@pytest.mark.parametrize(
    ("cameras", "why"),
    [
        (["left"], "2 to 8 names"),
        ([f"camera{i}" for i in range(9)], "2 to 8 names"),
        (["left", "left"], "no name twice"),
        (["left", "right camera"], "'right camera'"),
        (["left", "2nd"], "'2nd'"),
        (["left", "a/b"], "'a/b'"),
        (["left", ""], "''"),
        (["left", "depth"], "'depth'"),
    ],
)
def test_names_that_cannot_be_end_the_node_with_a_sentence(ros_graph, cameras, why):
    with pytest.raises(SemsplatError, match="input.cameras is") as refused:
        Rig(ros_graph, **{"input.cameras": cameras})
    assert why in refused.value.message
