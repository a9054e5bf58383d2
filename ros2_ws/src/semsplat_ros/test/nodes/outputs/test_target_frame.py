# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Objects in the frame asked for: every number against the same scene in the camera's frame."""

import contextlib
import math
import time

import numpy as np
import pytest
from geometry_msgs.msg import TransformStamped
from scipy.spatial.transform import Rotation
from tf2_msgs.msg import TFMessage

from semsplat_interfaces.msg import SceneInfo
from semsplat_interfaces.srv import GetInstance
from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.nodes.common.conversions import to_time
from semsplat_ros.nodes.outputs.point_cloud import POINT
from test.support.fake_model import FakeModel
from test.support.perception_rig import FRAME, Rig, wait_until

tf2_ros = pytest.importorskip("tf2_ros")
pytestmark = [pytest.mark.ros, pytest.mark.timeout(60)]
OBJECTS = ("instances", "points", "markers")
IMAGES = ("masks/left", "depth/image", "gaussians", "relative_pose")
ROTATION = Rotation.from_quat([-0.5, 0.5, -0.5, 0.5])
"""Optical z is x of map, optical x is -y of map."""
SHIFT = np.array([3.0, -2.0, 1.0])


def camera_in_map(frame: str = FRAME, stamp_ns: int = 0, moved: float = 0.0) -> TransformStamped:
    transform = TransformStamped(child_frame_id=frame)
    transform.header.frame_id = "map"
    transform.header.stamp = to_time(stamp_ns)
    t, q = transform.transform.translation, transform.transform.rotation
    t.x, t.y, t.z = (SHIFT + [moved, 0.0, 0.0]).tolist()
    q.x, q.y, q.z, q.w = ROTATION.as_quat().tolist()
    return transform


def in_map(position) -> np.ndarray:
    return ROTATION.apply(np.array([position.x, position.y, position.z])) + SHIFT


def numbers(position) -> list[float]:
    return [position.x, position.y, position.z]


def know_the_way(rig: Rig) -> None:
    broadcaster = tf2_ros.StaticTransformBroadcaster(rig.peer)
    broadcaster.sendTransform(camera_in_map())

    def known() -> bool:
        with contextlib.suppress(SemsplatError):
            return rig.node.transforms.lookup("map", FRAME, 1) is not None
        return False

    assert wait_until(known)


def test_objects_are_given_in_the_target_frame_and_images_are_not(ros_graph):
    rig = Rig(ros_graph, listen=(*OBJECTS, *IMAGES), target_frame="map").wait_active()
    rig.send_infos()
    # Without TF: the same outputs, in the camera's frame, and a warning.
    before = rig.send()
    here = {name: rig.of_stamp(name, before) for name in (*OBJECTS, *IMAGES)}
    assert here["instances"].header.frame_id == here["points"].header.frame_id == FRAME
    assert len(here["instances"].instances) == 2
    warned = rig.wait_status(lambda s: "target_frame" in s.message)
    assert warned
    assert "map" in warned.message
    assert rig.facts().notices
    answer = rig.query("chair")
    assert (answer.error.code, answer.header.frame_id) == (ErrorCode.OK, FRAME)

    know_the_way(rig)
    after = rig.send()
    there = {name: rig.of_stamp(name, after) for name in (*OBJECTS, *IMAGES)}
    for name in OBJECTS:
        first = there[name].markers[0] if name == "markers" else there[name]
        assert first.header.frame_id == "map", name
    for name in IMAGES:
        assert there[name].header.frame_id == FRAME, name
    for old, new in zip(here["instances"].instances, there["instances"].instances, strict=True):
        assert (old.id, old.label, old.box_size) == (new.id, new.label, new.box_size)
        assert numbers(new.centroid) == pytest.approx(in_map(old.centroid), abs=1e-5)
        position = in_map(old.box_center.position)
        assert numbers(new.box_center.position) == pytest.approx(position, abs=1e-5)
        q = new.box_center.orientation
        turned = Rotation.from_quat([q.x, q.y, q.z, q.w])
        assert (turned * ROTATION.inv()).magnitude() == pytest.approx(0.0, abs=1e-6)
    old, new = (np.frombuffer(cloud["points"].data, POINT) for cloud in (here, there))
    moved = ROTATION.apply(np.stack([old[axis] for axis in "xyz"], 1)) + SHIFT
    assert np.stack([new[axis] for axis in "xyz"], 1) == pytest.approx(moved, abs=1e-4)
    assert (old["instance_id"] == new["instance_id"]).all()
    boxes = [m for m in there["markers"].markers if m.ns == "boxes"]
    assert {m.header.frame_id for m in there["markers"].markers} == {"map"}
    assert numbers(boxes[0].pose.position) == numbers(
        there["instances"].instances[0].box_center.position
    )
    assert rig.wait_status(lambda s: s.message == "processing pairs")
    assert rig.facts().notices == ()
    assert_answers_are_in_map(rig)


def assert_answers_are_in_map(rig: Rig) -> None:
    answer = rig.query("chair")
    assert answer.error.code == ErrorCode.OK
    goal = answer.goal
    assert answer.header.frame_id == goal.header.frame_id == "map"
    assert goal.approach_valid
    newest = rig.received["instances"][-1].instances
    chair = next(i for i in newest if i.label == "chair")
    assert answer.matches[0].instance.centroid == chair.centroid
    assert goal.object_pose == goal.match.instance.box_center == chair.box_center
    approach = goal.approach_pose.pose.position
    x, y, _ = numbers(chair.box_center.position)
    assert math.hypot(approach.x - x, approach.y - y) == pytest.approx(0.8, abs=1e-5)
    one = rig.call(GetInstance, "get_instance", GetInstance.Request(id=chair.id))
    assert one.points.header.frame_id == "map"
    assert one.instance.centroid == chair.centroid
    points = np.frombuffer(one.points.data, POINT)
    middle = [float(points[axis].mean()) for axis in "xyz"]
    assert middle == pytest.approx(numbers(chair.centroid), abs=0.02)


def test_positions_that_are_not_metres_stay_in_the_camera_frame(ros_graph):
    rig = Rig(ros_graph, FakeModel(metric=False), target_frame="map").wait_active()
    know_the_way(rig)
    rig.good_pair_works()
    assert rig.received["instances"][-1].header.frame_id == FRAME
    goal = rig.query("chair").goal
    assert goal.header.frame_id == FRAME
    assert goal.approach_error.code == ErrorCode.NO_METRIC_SCALE
    assert rig.wait_status(lambda s: "not in metres" in s.message)


def test_transform_that_is_none_is_a_reason_not_a_crash(ros_graph):
    rig = Rig(ros_graph, target_frame="map").wait_active()
    broken = camera_in_map()
    broken.transform.rotation.w = broken.transform.rotation.x = 0.0
    broken.transform.rotation.y = broken.transform.rotation.z = 0.0
    buffer = rig.node.transforms._buffer
    buffer.lookup_transform = lambda *_: broken
    rig.good_pair_works()
    assert rig.received["instances"][-1].header.frame_id == FRAME
    del buffer.lookup_transform
    rig.good_pair_works()


def test_estimated_pose_is_broadcast_only_when_asked_and_metric(ros_graph):
    rig = Rig(ros_graph, publish_relative_tf=True).wait_active()
    seen: list[TransformStamped] = []
    rig.peer.create_subscription(TFMessage, "/tf", lambda m: seen.extend(m.transforms), 10)
    assert wait_until(lambda: rig.node.transforms._broadcaster.pub_tf.get_subscription_count())
    rig.model.metric = False
    rig.good_pair_works()
    rig.model.metric = True
    rig.send_infos()
    header = rig.send()
    assert wait_until(lambda: seen)
    (transform,) = seen
    assert transform.header.stamp == header.stamp, "none before positions were metres"
    assert transform.header.frame_id == FRAME
    assert transform.child_frame_id == f"{FRAME}_semsplat_right"
    assert transform.transform.translation.x == pytest.approx(0.1, abs=1e-6)
    assert transform.transform.rotation.w == pytest.approx(1.0)


def test_nothing_is_broadcast_by_default(ros_graph):
    rig = Rig(ros_graph).wait_active()
    rig.good_pair_works()
    names = {
        name
        for name, _ in rig.node.get_publisher_names_and_types_by_node(
            rig.node.get_name(), rig.node.get_namespace()
        )
    }
    assert f"{rig.namespace}/instances" in names
    assert "/tf" not in names


@pytest.mark.parametrize("parameter", [{"target_frame": "map"}, {"publish_relative_tf": True}])
def test_missing_tf2_ros_is_named_at_configure(ros_graph, monkeypatch, parameter):
    monkeypatch.setattr("semsplat_ros.nodes.common.transforms.tf_installed", lambda: False)
    rig = Rig(ros_graph, **parameter)
    error = wait_until(lambda: rig.node.configure_error)
    assert error.code == ErrorCode.TRANSFORM_UNAVAILABLE
    assert next(iter(parameter)) in error.message
    assert "ros-jazzy-tf2-ros-py" in error.message


def test_metres_come_from_the_transform_between_the_cameras(ros_graph):
    """Without CameraInfo and without a baseline TF alone knows how far apart the cameras are."""
    rig = Rig(ros_graph, FakeModel(metric=False, camera_distance=0.5)).wait_active()
    before = rig.of_stamp("instances", rig.send())
    assert before.info.scale_status != SceneInfo.SCALE_TF
    between = TransformStamped(child_frame_id="right_optical")
    between.header.frame_id = FRAME
    between.transform.translation.x = 0.25
    between.transform.rotation.y, between.transform.rotation.w = 0.6, 0.8  # turned inwards
    broadcaster = tf2_ros.StaticTransformBroadcaster(rig.peer)
    broadcaster.sendTransform(between)
    after = wait_until(
        lambda: (lambda m: m if m.info.scale_status == SceneInfo.SCALE_TF else None)(
            rig.of_stamp("instances", rig.send())
        )
    )
    assert after
    factor = after.info.scale_factor
    assert factor == pytest.approx(0.25 / 0.5)
    for unscaled, metric in zip(before.instances, after.instances, strict=True):
        np.testing.assert_allclose(
            numbers(metric.centroid), np.multiply(numbers(unscaled.centroid), factor), rtol=1e-4
        )


SECOND = 1_000_000_000
PERIOD = SECOND // 20


class DrivingRobot:
    """Sends where the camera is, twenty times a second of its own time; it drives along x."""

    def __init__(self, rig: Rig) -> None:
        self._broadcaster = tf2_ros.TransformBroadcaster(rig.peer)
        assert wait_until(lambda: rig.peer.count_subscribers("/tf") > 0)
        self._rig = rig

    def drive(self, since_ns: int, until_ns: int) -> None:
        for stamp in range(since_ns, until_ns + 1, PERIOD):
            moved = 0.1 * (stamp - since_ns) / SECOND
            self._broadcaster.sendTransform(camera_in_map(stamp_ns=stamp, moved=moved))
            time.sleep(0.001)
        assert wait_until(lambda: self._knows(until_ns))

    def _knows(self, stamp_ns: int) -> bool:
        with contextlib.suppress(SemsplatError):
            return self._rig.node.transforms.lookup("map", FRAME, stamp_ns) is not None
        return False


def answers(rig: Rig) -> tuple:
    found = rig.query("chair")
    one = rig.call(
        GetInstance, "get_instance", GetInstance.Request(id=found.matches[0].instance.id)
    )
    return found, one


def test_answers_keep_the_frame_that_their_pair_was_published_in(ros_graph):
    """tf2 forgets after ten seconds; a silent camera's objects stay where they are."""
    rig = Rig(ros_graph, listen=("instances",), target_frame="map").wait_active()
    rig.send_infos()
    robot = DrivingRobot(rig)
    stamp = rig.next_stamp() + SECOND
    robot.drive(stamp - SECOND, stamp + SECOND)
    published = rig.of_stamp("instances", rig.send(stamp_ns=stamp))
    assert published.header.frame_id == "map"
    before = answers(rig)
    robot.drive(stamp + SECOND, stamp + 30 * SECOND)
    with pytest.raises(SemsplatError, match="past"):
        rig.node.transforms.lookup("map", FRAME, stamp)
    after = answers(rig)
    for (found, one), (later, other) in ((before, after),):
        assert found.header.frame_id == later.header.frame_id == "map"
        assert found.goal.approach_valid and later.goal.approach_valid
        assert later.goal == found.goal
        assert later.matches == found.matches
        assert other.instance == one.instance
        assert other.points.header.frame_id == "map"
        assert other.points.data == one.points.data


def test_a_transform_that_comes_late_is_taken_at_the_stamp_of_the_pair_and_kept(ros_graph):
    rig = Rig(ros_graph, listen=("instances",), target_frame="map").wait_active()
    rig.send_infos()
    robot = DrivingRobot(rig)
    stamp = rig.next_stamp() + SECOND
    published = rig.of_stamp("instances", rig.send(stamp_ns=stamp))
    assert published.header.frame_id == FRAME, "nobody has said yet where the camera is"
    early, _ = answers(rig)
    assert early.header.frame_id == FRAME and not early.goal.approach_valid
    robot.drive(stamp - SECOND, stamp + SECOND)
    known, _ = answers(rig)
    assert known.header.frame_id == "map" and known.goal.approach_valid
    robot.drive(stamp + SECOND, stamp + 30 * SECOND)
    later, _ = answers(rig)
    assert later.header.frame_id == "map"
    assert later.goal == known.goal
