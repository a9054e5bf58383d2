# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Faults of cameras and models, over DDS in one process. Each ends with: the next good pair
works."""

import math
import threading

import numpy as np
import pytest
import torch
from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import Transition
from rclpy.node import Node
from rosgraph_msgs.msg import Clock

from semsplat_interfaces.srv import Query
from semsplat_ros.errors import ErrorCode
from semsplat_ros.nodes.messages import to_time
from test.support.fake_model import FakeModel, picture
from test.support.perception_rig import ROOM, Rig, camera_info, wait_until

pytestmark = [pytest.mark.ros, pytest.mark.timeout(60)]


def test_silent_stream_is_named(ros_graph):
    rig = Rig(ros_graph, **{"input.timeout": 0.3}).wait_active()
    for i in range(8):
        rig.cameras["left"].publish(rig.image(rig.header()))
        assert wait_until(lambda i=i: rig.node.pairs.counters.left.received > i)
    status = rig.wait_status(lambda s: "right/image_raw (1 publisher)" in s.message)
    assert status, [s.message for s in rig.received["status"]]
    assert rig.wait_status(lambda s: s.unmatched_left >= 3)
    rig.good_pair_works()
    assert rig.wait_status(lambda s: "silent" in s.message)
    rig.good_pair_works()


def test_unplugged_cameras_are_a_warning_then_an_error_until_they_come_back(ros_graph):
    rig = Rig(ros_graph, **{"input.timeout": 0.2}).wait_active()
    rig.diagnostics("inputs")
    rig.good_pair_works()
    assert rig.wait_status(lambda s: "left and right silent" in s.message)
    levels = (DiagnosticStatus.WARN, DiagnosticStatus.ERROR)
    for level in levels:
        assert wait_until(
            lambda level=level: [
                s
                for s in rig.diagnostics("inputs")
                if s.level == level and "left and right silent" in s.message
            ]
        ), level
    assert rig.query("chair").error.code == ErrorCode.OK, "the last scene still answers"
    rig.good_pair_works()
    assert rig.wait_status(lambda s: s.message == "processing pairs")


def test_clock_that_is_missing_comes_and_goes_back(ros_graph):
    rig = Rig(ros_graph, use_sim_time=True).wait_active()
    assert rig.wait_status(lambda s: "/clock" in s.message), "the watchdog needs no clock"
    # /clock is one topic for all nodes: only this one is told.
    clock = rig.node._time_source

    def set_clock(seconds: int) -> None:
        clock.clock_callback(Clock(clock=to_time(seconds * 10**9)))

    set_clock(1000)
    rig._stamp = 1000 * 10**9
    rig.good_pair_works()
    assert rig.wait_status(lambda s: s.message == "processing pairs")
    set_clock(10)
    assert rig.node.pairs.counters.resets == 1
    assert rig.query("chair").error.code == ErrorCode.OK, "the scene is kept"
    rig._stamp = 10 * 10**9
    rig.good_pair_works()
    assert rig.node.pairs.counters.resets == 1, "once"


def test_late_stream_is_diagnosed(ros_graph):
    rig = Rig(ros_graph).wait_active()
    start = rig.next_stamp()
    for i in range(30):
        stamp = start + i * 100_000_000
        rig.cameras["left"].publish(rig.image(rig.header(stamp)))
        rig.cameras["right"].publish(rig.image(rig.header(stamp - 350_000_000)))
        wait_until(lambda i=i: rig.node.pairs.counters.right.received > i, 0.5)
    assert rig.wait_status(lambda s: "input.max_offset" in s.message)
    rig._stamp = start + 10_000_000_000
    rig.good_pair_works()


def bad_encoding(rig, image):
    image.encoding = "nonsense16"
    return image


def too_short(rig, image):
    image.data = image.data[:100]
    return image


def bad_stamp(rig, image):
    image.header.stamp.sec = -5
    return image


def zero_size(rig, image):
    image.height = image.width = image.step = 0
    image.data = image.data[:0]
    return image


@pytest.mark.parametrize("spoil", [bad_encoding, too_short, bad_stamp, zero_size])
def test_bad_image_is_dropped_and_counted(ros_graph, spoil):
    rig = Rig(ros_graph).wait_active()
    header = rig.header()
    rig.cameras["left"].publish(spoil(rig, rig.image(header)))
    rig.cameras["right"].publish(rig.image(header))
    dropped = wait_until(lambda: rig.node.pairs.counters.left.dropped)
    assert sum(dropped.values()) == 1
    rig.good_pair_works()


def test_images_without_a_stamp_are_an_error_that_names_the_cure(ros_graph):
    rig = Rig(ros_graph).wait_active()
    rig.send(stamp_ns=0)
    status = rig.wait_status(lambda s: "stamp is zero" in s.message)
    assert status
    assert "input.allow_zero_stamp" in status.message
    assert rig.received["instances"] == []
    rig.good_pair_works()
    assert rig.wait_status(lambda s: s.message == "processing pairs")


def test_images_without_a_stamp_are_paired_by_arrival_where_that_is_allowed(ros_graph):
    # A busy machine may take its time between the two arrivals.
    allowed = {"input.allow_zero_stamp": True, "input.max_offset": 1.0}
    rig = Rig(ros_graph, **allowed).wait_active()
    before = rig.node.now_ns()
    rig.send(stamp_ns=0)
    assert wait_until(lambda: rig.received["instances"])
    stamp = rig.received["instances"][0].header.stamp
    assert before <= stamp.sec * 10**9 + stamp.nanosec <= rig.node.now_ns()
    assert rig.query("chair").error.code == ErrorCode.OK


def test_encoding_may_change_to_a_wrong_one_and_back(ros_graph):
    rig = Rig(ros_graph).wait_active()
    rig.good_pair_works()
    for _ in range(3):
        header = rig.header()
        rig.cameras["left"].publish(rig.image(header))
        rig.cameras["right"].publish(bad_encoding(rig, rig.image(header)))
    assert wait_until(lambda: sum(rig.node.pairs.counters.right.dropped.values()) >= 1)
    status = rig.wait_status(lambda s: "right images dropped" in s.message)
    assert "nonsense16" in status.message
    assert "rgb8" in status.message, "what is supported is named"
    rig.good_pair_works()


def test_raw_images_of_a_bent_lens_are_a_warning(ros_graph):
    rig = Rig(ros_graph).wait_active()
    for side in ("left", "right"):
        info = camera_info(side == "right")
        info.d = [-0.3, 0.1, 0.0, 0.0, 0.0]
        rig.infos[side].publish(info)
    reader = rig.node.pipeline.rig_reader
    assert wait_until(lambda: reader.newest("left") and reader.newest("right"))
    rig.good_pair_works()
    inputs = wait_until(
        lambda: [s for s in rig.diagnostics("inputs") if "image_rect" in s.message]
    )
    assert inputs[0].level == DiagnosticStatus.WARN


def test_resolution_may_change(ros_graph):
    rig = Rig(ros_graph, listen=("instances", "masks/left")).wait_active()
    rig.send_infos()
    rig.good_pair_works()
    big = np.repeat(np.repeat(picture(ROOM), 2, 0), 3, 1)
    header = rig.send(big, big)
    assert rig.of_stamp("instances", header)
    mask = rig.of_stamp("masks/left", header)
    assert (mask.height, mask.width) == (256, 480)
    info = rig.received["instances"][-1].info
    assert info.intrinsics_source == info.INTRINSICS_ESTIMATED, "those of the old size do not fit"
    rig.send_infos(width=480, height=256)
    header = rig.send(big, big)
    info = rig.of_stamp("instances", header).info
    assert info.intrinsics_source == info.INTRINSICS_CAMERA_INFO
    rig.good_pair_works()
    info = rig.received["instances"][-1].info
    assert info.intrinsics_source == info.INTRINSICS_CAMERA_INFO, "the first size is remembered"


def test_pictures_of_two_sizes_are_processed(ros_graph):
    rig = Rig(ros_graph, **{"scale.baseline": 0.1}).wait_active()
    header = rig.send(None, np.repeat(np.repeat(picture(ROOM), 2, 0), 2, 1))
    assert rig.of_stamp("instances", header)
    rig.good_pair_works()


@pytest.mark.parametrize("grey", [0, 255])
def test_pictures_without_texture_give_an_empty_scene(ros_graph, grey):
    rig = Rig(ros_graph).wait_active()
    flat = np.full((128, 160, 3), grey, np.uint8)
    header = rig.send(flat, flat)
    assert rig.of_stamp("instances", header).instances == []
    assert any("next to nothing" in text for text in rig.node.pipeline.oddities)
    assert rig.query("chair").error.code == ErrorCode.NOT_FOUND
    rig.good_pair_works()


def test_corrupt_files_are_dropped(ros_graph):
    import cv2
    from sensor_msgs.msg import CompressedImage

    rig = Rig(ros_graph, **{"input.image_transport": "compressed"}).wait_active()
    _, good = cv2.imencode(".jpg", picture(ROOM)[..., ::-1])

    def send(data: bytes):
        header = rig.header()
        for camera in rig.cameras.values():
            message = CompressedImage(header=header, format="jpeg")
            message.data.frombytes(data)
            camera.publish(message)
        return header

    garbage = np.random.default_rng(0).bytes(5000)
    for data in (b"", garbage, good.tobytes()[:500], good.tobytes()[:-200]):
        send(data)
        assert wait_until(
            lambda: (
                sum(rig.node.pairs.counters.left.dropped.values())
                + rig.node.pipeline.failures.refused
                >= 1
            )
        )
    header = send(good.tobytes())
    assert len(rig.of_stamp("instances", header).instances) == 2


def test_nonsense_calibration_is_ignored_with_a_reason(ros_graph):
    rig = Rig(ros_graph).wait_active()
    rig.send_infos(baseline=60.0)
    rig.good_pair_works()
    assert "refused" in rig.node.pipeline.rig_reader.notes["baseline"]
    for side in ("left", "right"):
        info = camera_info(side == "right")
        info.k = [math.nan] * 9
        info.p = [-1.0] * 12
        rig.infos[side].publish(info)
        assert wait_until(
            lambda side=side: math.isnan(rig.node.pipeline.rig_reader.newest(side).k[0])
        )
    rig.good_pair_works()
    newest = rig.received["instances"][-1].info
    assert newest.intrinsics_source == newest.INTRINSICS_ESTIMATED


def test_required_calibration_is_required(ros_graph):
    rig = Rig(ros_graph, **{"input.use_camera_info": "require"}).wait_active()
    rig.send()
    assert rig.wait_status(lambda s: "use_camera_info" in s.message)
    rig.send_infos()
    rig.good_pair_works()


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        (ValueError("wrong shape"), ErrorCode.INTERNAL),
        (torch.OutOfMemoryError("CUDA out of memory"), ErrorCode.OUT_OF_MEMORY),
        (MemoryError(), ErrorCode.OUT_OF_MEMORY),
    ],
)
def test_model_that_raises_costs_one_pair(ros_graph, fault, code):
    rig = Rig(ros_graph).wait_active()
    rig.good_pair_works()
    rig.model.raises = fault
    handled = rig.node.pipeline.handled
    rig.send()
    assert rig.node.pipeline.wait_handled(handled, 5.0)
    assert rig.wait_status(lambda s: s.last_error.code == code)
    assert rig.query("chair").error.code == ErrorCode.OK, "the old scene still answers"
    rig.model.raises = None
    rig.good_pair_works()
    assert rig.wait_status(lambda s: s.last_error.code == 0)


def test_numbers_that_are_not_finite(ros_graph):
    rig = Rig(ros_graph).wait_active()
    rig.model.nan_fraction = 0.5
    rig.send()
    assert rig.wait_status(lambda s: s.last_error.code == ErrorCode.INTERNAL)
    assert rig.received["instances"] == []
    rig.model.nan_fraction = 0.0
    rig.good_pair_works()


def test_empty_scene_is_an_answer(ros_graph):
    rig = Rig(ros_graph, FakeModel(empty=True), listen=("instances", "points", "masks/left"))
    header = rig.wait_active().send()
    assert rig.of_stamp("instances", header).instances == []
    assert rig.of_stamp("points", header).width == 0
    assert not any(rig.of_stamp("masks/left", header).data)
    assert rig.query("chair").error.code == ErrorCode.NOT_FOUND
    rig.model.empty = False
    rig.good_pair_works()


@pytest.mark.parametrize(
    ("fault", "times", "state"),
    [
        (ValueError("always"), 5, "inactive"),
        (torch.OutOfMemoryError("full"), 3, "unconfigured"),
        (RuntimeError("CUDA error: device-side assert triggered"), 1, "unconfigured"),
    ],
)
def test_model_that_fails_again_and_again_stops_the_node(ros_graph, fault, times, state):
    rig = Rig(ros_graph).wait_active()
    rig.model.raises = fault
    for _ in range(times):
        assert rig.state() == "active"
        handled = rig.node.pipeline.handled
        rig.send()
        assert rig.node.pipeline.wait_handled(handled, 5.0)
    assert wait_until(lambda: rig.state() == state)
    assert rig.wait_status(lambda s: s.state == s.FAULT)
    lost = "CUDA" in str(fault)
    assert rig.query("chair").error.code == (
        ErrorCode.CUDA_ERROR if lost else ErrorCode.NOT_ACTIVE
    )
    assert bool(wait_until(lambda: rig.node.exit_code, 0.3)) == lost
    rig.model.raises = None
    if state == "unconfigured":
        assert rig.transition(Transition.TRANSITION_CONFIGURE)
    assert rig.transition(Transition.TRANSITION_ACTIVATE)
    rig.wait_active().good_pair_works()


def test_model_that_hangs_is_said_and_cannot_be_deactivated(ros_graph, monkeypatch):
    monkeypatch.setattr("semsplat_ros.nodes.control.MIN_STUCK_S", 0.3)
    monkeypatch.setattr("semsplat_ros.nodes.control.STUCK_FACTOR", 0)
    rig = Rig(ros_graph).wait_active()
    rig.good_pair_works()
    rig.model.hang = threading.Event()
    rig.send()
    status = rig.wait_status(lambda s: "inference stuck" in s.message)
    assert status.state == status.FAULT
    assert rig.query("chair").error.code == ErrorCode.OK, "the old scene still answers"
    assert not rig.transition(Transition.TRANSITION_DEACTIVATE)
    assert rig.state() == "active"
    rig.model.hang.set()
    rig.model.hang = None
    rig.good_pair_works()
    assert rig.transition(Transition.TRANSITION_DEACTIVATE)


def test_flood_of_queries_is_answered_busy(ros_graph):
    rig = Rig(ros_graph, **{"query.max_pending": 1}).wait_active()
    rig.good_pair_works()
    client = rig.peer.create_client(Query, "query")
    assert client.wait_for_service(timeout_sec=5.0)
    pending = rig.node.services_offered.pending
    with pending._turn:
        waits = client.call_async(Query.Request(text="chair"))
        assert wait_until(lambda: pending._waiting == 1)
        refused = rig.query("table")
        assert refused.error.code == ErrorCode.BUSY
        assert "query.max_pending" in refused.error.message
        assert refused.retry_after.sec or refused.retry_after.nanosec
    assert wait_until(waits.done)
    assert waits.result().error.code == ErrorCode.OK
    rig.good_pair_works()


def test_query_while_the_node_ends_is_told_so(ros_graph):
    rig = Rig(ros_graph).wait_active()
    rig.good_pair_works()
    rig.node.closing = True
    assert rig.query("chair").error.code == ErrorCode.SHUTTING_DOWN
    rig.node.closing = False
    rig.good_pair_works()


def test_one_topic_for_both_cameras_is_refused(ros_graph):
    same = ["--ros-args", "-r", "right/image_raw:=left/image_raw"]
    rig = Rig(ros_graph, cli_args=same)
    error = wait_until(lambda: rig.node.configure_error)
    assert error.code == ErrorCode.INVALID_ARGUMENT
    assert f"{rig.namespace}/left/image_raw" in error.message


def test_cameras_of_one_frame_and_nodes_of_one_name_are_said(ros_graph):
    rig = Rig(ros_graph).wait_active()
    ros_graph.add(Node, "perception_node", namespace=rig.namespace)
    stamp = rig.next_stamp()
    for camera in rig.cameras.values():
        camera.publish(rig.image(rig.header(stamp)))
    assert wait_until(lambda: any("frame_id" in text for text in rig.node.pipeline.oddities))
    assert wait_until(lambda: rig.node.board._said_twin)
    rig.good_pair_works()


def test_wrong_type_on_the_topic_is_named(ros_graph):
    from sensor_msgs.msg import CompressedImage

    rig = Rig(ros_graph, autostart=False, **{"input.timeout": 0.2})
    # The same process may not hold both types of one topic: another name takes the wrong one.
    rig.node.inputs = None
    assert rig.transition(Transition.TRANSITION_CONFIGURE)
    wrong = f"{rig.namespace}/wrong"
    rig.peer.create_publisher(CompressedImage, "wrong", 1)
    rig.node.inputs.image_topics["left"] = wrong
    concern = wait_until(
        lambda: (lambda c: c if c.is_error else None)(rig.node.inputs._missing("left"))
    )
    assert "input.image_transport:=compressed" in concern.text


def test_similar_topics_are_offered(ros_graph):
    from sensor_msgs.msg import Image

    rig = Rig(ros_graph, autostart=False)
    assert rig.transition(Transition.TRANSITION_CONFIGURE)
    rig.peer.create_publisher(Image, "right/image", 1)
    rig.node.inputs.image_topics["right"] = f"{rig.namespace}/rigth/image_raw"
    name = f"{rig.namespace}/right/image"
    text = wait_until(
        lambda: (lambda t: t if name in t else None)(rig.node.inputs.waiting_for("right"))
    )
    assert "0 publishers; similar: " in text


def test_incompatible_qos_is_an_error_that_names_the_policy(ros_graph):
    from rclpy.qos import QoSProfile, ReliabilityPolicy
    from sensor_msgs.msg import Image

    rig = Rig(ros_graph, autostart=False)
    topic = f"{rig.namespace}/left/image_raw"
    parameter = f"qos_overrides.{topic}.subscription.reliability"
    rig.node.declare_parameter(parameter, "reliable")
    rig.peer.destroy_publisher(rig.cameras["left"])
    unreliable = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    rig.cameras["left"] = rig.peer.create_publisher(Image, "left/image_raw", unreliable)
    assert rig.transition(Transition.TRANSITION_CONFIGURE)
    assert rig.transition(Transition.TRANSITION_ACTIVATE)
    status = rig.wait_status(lambda s: "QoS" in s.message)
    assert status
    assert parameter in status.message
