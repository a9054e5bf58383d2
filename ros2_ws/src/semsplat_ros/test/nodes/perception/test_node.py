# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The node over DDS in one process, with a model without weights: outputs, services, lifecycle."""

import math

import numpy as np
import pytest
from lifecycle_msgs.msg import Transition
from rclpy.qos import DurabilityPolicy, QoSProfile
from std_srvs.srv import SetBool, Trigger

from semsplat_interfaces.srv import GetInstance, SetVocabulary
from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.nodes.outputs.publishers import topics_of
from test.support.fake_model import FakeModel
from test.support.perception_rig import FRAME, Rig, stamp_of, wait_until

pytestmark = [pytest.mark.ros, pytest.mark.timeout(60)]
PER_PAIR = tuple(
    topic.name
    for topic in topics_of(("left", "right"))
    if not topic.name.startswith("query/") and topic.name != "label_table"
)


def test_one_pair_gives_every_output_with_one_stamp_and_frame(ros_graph):
    rig = Rig(ros_graph, listen=PER_PAIR).wait_active()
    rig.send_infos()
    header = rig.send()
    for topic in PER_PAIR:
        message = rig.of_stamp(topic, header)
        assert message is not None, topic
        first = message.markers[0] if topic == "markers" else message
        assert first.header.frame_id == FRAME, topic
        assert stamp_of(message) == header.stamp
    mask = rig.received["masks/left"][0]
    assert (mask.height, mask.width, mask.encoding) == (128, 160, "16UC1")
    instances = rig.received["instances"][0]
    assert instances.info.sequence == 1
    assert instances.info.scale_status == instances.info.SCALE_BASELINE
    assert instances.info.intrinsics_source == instances.info.INTRINSICS_CAMERA_INFO
    ids = set(np.frombuffer(mask.data, np.uint16).tolist())
    assert ids == {0} | {instance.id for instance in instances.instances}
    depth = np.frombuffer(rig.received["depth/image"][0].data, np.float32)
    assert np.nanmedian(depth) == pytest.approx(2.0, abs=0.01)
    assert rig.received["depth/camera_info"][0].k[0] == pytest.approx(120.0, abs=0.01)
    assert rig.received["relative_pose"][0].pose.position.x == pytest.approx(0.1, abs=1e-6)


def test_nothing_is_filled_that_nobody_receives(ros_graph):
    rig = Rig(ros_graph).wait_active()
    rig.good_pair_works()
    counts = rig.node.outputs.counts
    assert counts["instances"] >= 1
    assert counts["points"] == counts["gaussians"] == counts["overlay/left"] == 0


def test_depth_is_not_published_without_metres(ros_graph):
    rig = Rig(ros_graph, FakeModel(metric=False), listen=("instances", "depth/image"))
    rig.wait_active().good_pair_works()
    assert rig.received["instances"][0].info.scale_status == 1
    assert rig.received["depth/image"] == []


def test_query_answers(ros_graph):
    rig = Rig(ros_graph).wait_active()
    before = rig.query("chair")
    assert before.error.code == ErrorCode.NO_SCENE_YET
    header = rig.send()
    assert rig.of_stamp("instances", header)
    found = rig.query("find the chair")
    assert (found.error.code, found.concept) == (ErrorCode.OK, "chair")
    assert found.header.stamp == header.stamp
    assert found.matches[0].instance.rois[0].x_offset == pytest.approx(20, abs=8)
    assert found.goal.object_pose.position.z == pytest.approx(2.0, abs=0.1)
    assert not found.goal.approach_valid
    assert found.goal.approach_error.code == ErrorCode.TRANSFORM_UNAVAILABLE
    absent = rig.query("find the ball")
    assert absent.error.code == ErrorCode.NOT_FOUND
    assert "ball" in absent.error.message
    assert len(absent.matches) == 1
    assert absent.matches[0].score < 0.25
    assert rig.query("  \t ").error.code == ErrorCode.EMPTY_TEXT
    assert rig.query("x" * 5000).error.code == ErrorCode.TEXT_TOO_LONG
    assert rig.query("chair", min_score=math.nan).error.code == ErrorCode.INVALID_ARGUMENT
    assert rig.query("chair", min_score=2.0).error.code == ErrorCode.INVALID_ARGUMENT
    assert rig.query("chair").error.code == ErrorCode.OK


def test_query_publishes_its_goal_when_asked(ros_graph):
    rig = Rig(ros_graph, listen=("instances", "query/goal_object", "query/points"))
    rig.wait_active().good_pair_works()
    assert rig.received["query/goal_object"] == []
    assert rig.query("table", publish_goal=True).error.code == 0
    assert wait_until(lambda: rig.received["query/goal_object"])
    assert rig.received["query/goal_object"][0].concept == "table"
    assert wait_until(lambda: rig.received["query/points"])
    assert rig.received["query/points"][0].width > 0


def test_services_answer_in_every_state(ros_graph):
    rig = Rig(ros_graph, autostart=False)
    for _ in range(2):
        answer = rig.query("chair")
        assert answer.error.code == ErrorCode.NOT_ACTIVE
        assert "ros2 lifecycle set" in answer.error.message
        reset = rig.call(Trigger, "reset", Trigger.Request())
        assert not reset.success
        assert reset.message.startswith("NOT_ACTIVE")
        if rig.state() == "unconfigured":
            assert rig.transition(Transition.TRANSITION_CONFIGURE)
    assert rig.transition(Transition.TRANSITION_ACTIVATE)
    rig.wait_active().good_pair_works()
    assert rig.transition(Transition.TRANSITION_DEACTIVATE)
    assert rig.query("chair").error.code == ErrorCode.NOT_ACTIVE
    assert rig.transition(Transition.TRANSITION_CLEANUP)
    assert rig.node.pipeline.perceiver is None
    assert rig.transition(Transition.TRANSITION_CONFIGURE)
    assert rig.transition(Transition.TRANSITION_ACTIVATE)
    rig.wait_active().good_pair_works()


def test_impossible_transition_is_refused_and_survived(ros_graph):
    rig = Rig(ros_graph).wait_active()
    assert not rig.transition(Transition.TRANSITION_CONFIGURE)
    assert not rig.transition(Transition.TRANSITION_CLEANUP)
    assert rig.state() == "active"
    rig.good_pair_works()


def test_model_that_cannot_be_loaded_is_named(ros_graph):
    broken = [SemsplatError(ErrorCode.MODEL_NOT_LOADED, "give model.checkpoint")]
    fake = FakeModel()

    def load(_settings):
        if broken:
            raise broken.pop()
        return fake

    rig = Rig(ros_graph, load=load)
    assert wait_until(lambda: rig.node.configure_error)
    answer = rig.query("chair")
    assert answer.error.code == ErrorCode.MODEL_NOT_LOADED
    assert "give model.checkpoint" in answer.error.message
    assert rig.state() == "unconfigured"
    assert rig.transition(Transition.TRANSITION_CONFIGURE)
    assert rig.transition(Transition.TRANSITION_ACTIVATE)
    rig.wait_active().good_pair_works()


def test_bug_while_loading_is_reported_with_a_reference(ros_graph):
    def load(_settings):
        raise ZeroDivisionError("deep inside")

    rig = Rig(ros_graph, load=load)
    assert wait_until(lambda: rig.node.configure_error)
    assert rig.node.configure_error.code == ErrorCode.INTERNAL
    assert wait_until(lambda: rig.state() == "unconfigured")


def test_goal_comes_with_an_approach_pose_through_tf(ros_graph):
    tf2_ros = pytest.importorskip("tf2_ros")
    from geometry_msgs.msg import TransformStamped

    rig = Rig(ros_graph, listen=("instances", "query/goal"), target_frame="map").wait_active()
    rig.good_pair_works()
    missing = rig.query("chair").goal
    assert missing.approach_error.code == ErrorCode.TRANSFORM_UNAVAILABLE
    assert "map" in missing.approach_error.message
    assert FRAME in missing.approach_error.message
    # Camera 1 m above the ground of map, looking along +x: optical z is x, optical x is -y.
    transform = TransformStamped(child_frame_id=FRAME)
    transform.header.frame_id = "map"
    transform.transform.translation.z = 1.0
    q = transform.transform.rotation
    q.x, q.y, q.z, q.w = -0.5, 0.5, -0.5, 0.5
    broadcaster = tf2_ros.StaticTransformBroadcaster(rig.peer)
    broadcaster.sendTransform(transform)
    answer = wait_until(
        lambda: (lambda a: a if a.goal.approach_valid else None)(
            rig.query("chair", publish_goal=True)
        )
    )
    assert answer
    goal = answer.goal
    assert goal.approach_pose.header.frame_id == "map"
    assert goal.approach_pose.pose.position.z == 0.0
    assert goal.approach_distance == pytest.approx(2.0, abs=0.4)
    here = goal.approach_pose.pose.position
    assert math.hypot(here.x, here.y) == pytest.approx(goal.approach_distance - 0.8, abs=0.01)
    assert wait_until(lambda: rig.received["query/goal"])


def test_vocabulary_changes_whole_or_not_at_all(ros_graph):
    rig = Rig(ros_graph, listen=("instances", "label_table")).wait_active()

    def change(mode: int, *labels: str) -> SetVocabulary.Response:
        request = SetVocabulary.Request(mode=mode, labels=list(labels))
        return rig.call(SetVocabulary, "set_vocabulary", request)

    ask = SetVocabulary.Request
    first = change(ask.REPLACE, "chair", "wall")
    assert (first.error.code, first.labels) == (0, ["chair", "wall"])
    refused = change(ask.ADD, "ball", "Chair")
    assert refused.error.code == ErrorCode.INVALID_ARGUMENT
    assert refused.rejected == ["Chair: already in the vocabulary"]
    assert (refused.labels, refused.version) == (["chair", "wall"], first.version)
    added = change(ask.ADD, "green thing")
    expected = ["chair", "wall", "green thing"]
    assert (added.labels, added.version) == (expected, first.version + 1)
    for refused in (
        change(ask.REPLACE, *(f"thing {i}" for i in range(513))),
        change(9, "x"),
        change(ask.REPLACE),
    ):
        assert refused.error.code == ErrorCode.INVALID_ARGUMENT
        assert (refused.labels, refused.version) == (expected, added.version)
    table = wait_until(
        lambda: [t for t in rig.received["label_table"] if t.version == added.version]
    )
    assert table[0].labels == ["unlabelled", *expected]
    header = rig.send()
    instances = rig.of_stamp("instances", header)
    assert {i.label for i in instances.instances} == {"chair", "green thing"}
    assert instances.info.vocabulary_version == added.version


def test_get_instance_gives_the_points_of_one_object(ros_graph):
    rig = Rig(ros_graph).wait_active()
    rig.good_pair_works()
    chair = rig.query("chair").matches[0].instance
    answer = rig.call(GetInstance, "get_instance", GetInstance.Request(id=chair.id))
    assert answer.error.code == 0
    assert answer.instance.id == chair.id
    assert answer.points.width == chair.gaussian_count
    missing = rig.call(GetInstance, "get_instance", GetInstance.Request(id=999))
    assert missing.error.code == ErrorCode.NOT_FOUND
    assert "999" in missing.error.message


def test_reset_forgets_and_pause_pauses(ros_graph):
    rig = Rig(ros_graph).wait_active()
    rig.good_pair_works()
    assert rig.call(Trigger, "reset", Trigger.Request()).success
    assert rig.query("chair").error.code == ErrorCode.NO_SCENE_YET
    assert rig.call(SetBool, "set_enabled", SetBool.Request(data=False)).success
    calls = rig.model.calls
    header = rig.send()
    assert rig.of_stamp("instances", header, timeout=0.5) is None
    assert rig.model.calls == calls
    assert "paused" in rig.query("chair").error.message
    assert rig.call(SetBool, "set_enabled", SetBool.Request(data=True)).success
    rig.good_pair_works()


def test_a_pair_that_is_in_work_while_the_scene_is_reset_comes_to_nothing(ros_graph):
    rig = Rig(ros_graph).wait_active()
    rig.good_pair_works()
    rig.model.latency_s = 0.5
    calls, handled = rig.model.calls, rig.node.pipeline.handled
    published = rig.node.outputs.counts["instances"]
    header = rig.send()
    assert wait_until(lambda: rig.model.calls > calls), "the model has it"
    assert rig.call(Trigger, "reset", Trigger.Request()).success
    assert wait_until(lambda: rig.node.pipeline.handled > handled)
    assert rig.node.pipeline.current is None
    assert rig.node.outputs.counts["instances"] == published
    assert rig.of_stamp("instances", header, timeout=0.2) is None
    assert rig.query("chair").error.code == ErrorCode.NO_SCENE_YET
    rig.model.latency_s = 0.0
    rig.good_pair_works()


def test_reset_takes_back_what_late_readers_would_get(ros_graph):
    tf2_ros = pytest.importorskip("tf2_ros")
    from geometry_msgs.msg import TransformStamped

    of_scene = ("query/goal_object", "query/goal", "query/points", "gaussians")
    rig = Rig(ros_graph, listen=("instances", *of_scene), target_frame="map").wait_active()
    there = TransformStamped(child_frame_id=FRAME)
    there.header.frame_id = "map"
    broadcaster = tf2_ros.StaticTransformBroadcaster(rig.peer)
    broadcaster.sendTransform(there)
    header = rig.send()
    assert rig.of_stamp("gaussians", header)
    assert wait_until(lambda: rig.query("chair", publish_goal=True).goal.approach_valid)
    for name in of_scene:
        assert wait_until(lambda name=name: rig.received[name]), name

    def late_reader(name: str) -> list:
        got: list = []
        kind = next(topic.kind for topic in topics_of(("left", "right")) if topic.name == name)
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        rig.peer.create_subscription(kind, name, got.append, latched)
        return got

    early = [late_reader(name) for name in of_scene]
    assert wait_until(lambda: all(early)), "they are latched"
    assert rig.call(Trigger, "reset", Trigger.Request()).success
    late = [late_reader(name) for name in of_scene]
    table = late_reader("label_table")
    assert wait_until(lambda: table), "labels stay"
    assert not wait_until(lambda: any(late), 0.5)
    readers = rig.node.outputs.subscribers
    assert wait_until(lambda: all(readers()[name] == 3 for name in of_scene))
    rig.good_pair_works()
    assert wait_until(lambda: rig.query("table", publish_goal=True).goal.approach_valid)
    assert wait_until(lambda: all(late)), "readers of both kinds get the next ones"
    assert wait_until(lambda: len(early[0]) == 2)


def test_capture_processes_exactly_one_new_pair(ros_graph):
    rig = Rig(ros_graph, **{"input.mode": "on_demand", "input.timeout": 0.5}).wait_active()
    rig.send()
    assert wait_until(lambda: rig.node.images.counters.sets == 1)
    calls = rig.model.calls
    timed_out = rig.call(Trigger, "capture", Trigger.Request())
    assert not timed_out.success
    assert timed_out.message.startswith("TIMEOUT")
    rig.send()
    assert rig.model.calls == calls, "a pair was processed without a capture"
    future = rig.peer.create_client(Trigger, "capture").call_async(Trigger.Request())
    assert wait_until(lambda: rig.node.worker._permits == 1)
    header = rig.send()
    assert rig.of_stamp("instances", header)
    assert wait_until(future.done)
    assert future.result().success, future.result().message
    rig.send()
    assert wait_until(lambda: rig.node.images.counters.sets == 4)
    assert rig.model.calls == calls + 1


def test_capture_is_refused_where_every_pair_is_processed(ros_graph):
    rig = Rig(ros_graph).wait_active()
    answer = rig.call(Trigger, "capture", Trigger.Request())
    assert not answer.success
    assert "on_demand" in answer.message


def test_newest_pair_wins_and_queries_do_not_wait(ros_graph):
    rig = Rig(ros_graph).wait_active()
    rig.good_pair_works()
    rig.model.latency_s = 0.4
    handled = rig.node.pipeline.handled
    rig.send()
    assert wait_until(lambda: rig.node.worker.busy_seconds > 0)
    for _ in range(5):
        last = rig.send()
        pairs = rig.node.images.counters.sets
        wait_until(lambda pairs=pairs: rig.node.images.counters.sets > pairs, 0.2)
    calls = rig.model.calls
    assert rig.query("chair").error.code == 0
    assert rig.model.calls == calls, "the query waited for the network"
    assert rig.of_stamp("instances", last)
    assert rig.node.pipeline.handled - handled <= 3
    assert rig.node.images.counters.sets_dropped >= 3


def test_live_parameters_are_applied(ros_graph):
    from rclpy.parameter import Parameter

    rig = Rig(ros_graph, listen=("instances", "points")).wait_active()
    header = rig.send()
    many = rig.of_stamp("points", header).width
    results = rig.node.set_parameters([Parameter("output.max_points", value=100)])
    assert results[0].successful
    header = rig.send()
    assert rig.of_stamp("points", header).width == 100 < many
    fixed = rig.node.set_parameters([Parameter("model.device", value="cpu")])
    assert not fixed[0].successful
    rig.good_pair_works()


def test_one_camera_is_paired_with_itself(ros_graph):
    rig = Rig(
        ros_graph,
        listen=("instances", "masks/right"),
        **{"input.mode": "temporal", "input.min_baseline_time": 0.2, "scale.baseline": 0.1},
    )
    assert wait_until(lambda: rig.node.state_label == "active")
    assert wait_until(lambda: rig.cameras["left"].get_subscription_count())
    assert wait_until(lambda: rig.node.outputs.subscribers()["instances"])
    assert rig.cameras["right"].get_subscription_count() == 0
    assert rig.node.count_subscribers(f"{rig.namespace}/right/camera_info") == 0
    headers = []
    for i in range(4):
        headers.append(rig.header())
        rig.cameras["left"].publish(rig.image(headers[-1]))
        assert wait_until(lambda i=i: rig.node.images.counters.streams["left"].received > i)
        if i == 0:
            assert "second image" in rig.query("chair").error.message
    instances = rig.of_stamp("instances", headers[-1])
    assert sorted(i.label for i in instances.instances) == ["chair", "table"]
    assert list(instances.info.stamps) == [headers[3].stamp, headers[1].stamp]
    assert instances.info.scale_status == instances.info.SCALE_MODEL, "the baseline is unknown"
    assert rig.query("chair").error.code == ErrorCode.OK
    assert not rig.node.pipeline.oddities, "one frame_id is no fault of one camera"
    assert rig.wait_status(lambda s: s.message == "processing pairs")
