# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Faults of cameras, topics and clocks, over DDS in one process. Each ends with: the next pair
works."""

import math
import time

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from lifecycle_msgs.msg import Transition
from rclpy.node import Node
from rosgraph_msgs.msg import Clock

from semsplat_ros.errors import ErrorCode
from semsplat_ros.nodes.common.conversions import to_time
from test.support.fake_model import block_image
from test.support.perception_rig import ROOM, Rig, camera_info, wait_until

pytestmark = [pytest.mark.ros, pytest.mark.timeout(60)]


def test_silent_stream_is_named(ros_graph):
    rig = Rig(ros_graph, **{"input.timeout": 0.3}).wait_active()
    for i in range(8):
        rig.cameras["left"].publish(rig.image(rig.header()))
        assert wait_until(lambda i=i: rig.node.images.counters.streams["left"].received > i)
    status = rig.wait_status(lambda s: "right/image_raw (1 publisher)" in s.message)
    assert status, [s.message for s in rig.received["status"]]
    assert rig.wait_status(lambda s: list(s.cameras) == ["left", "right"] and s.unmatched[0] >= 3)
    rig.good_pair_works()
    assert rig.wait_status(lambda s: "silent" in s.message)
    rig.good_pair_works()


def test_unplugged_cameras_are_a_warning_then_an_error_until_they_come_back(ros_graph):
    rig = Rig(ros_graph, **{"input.timeout": 0.2}).wait_active()
    rig.diagnostics("inputs")
    rig.good_pair_works()
    assert rig.wait_status(lambda s: "left and right silent" in s.message)
    silent = time.monotonic() - rig.node.images.counters.streams["left"].last_received
    (concern,) = rig.node.inputs.concerns(rig.node.images, 0.8 * silent)
    assert not concern.is_error, "a warning at first"
    assert wait_until(
        lambda: [
            s
            for s in rig.diagnostics("inputs")
            if s.level == DiagnosticStatus.ERROR and "left and right silent" in s.message
        ]
    )
    assert rig.query("chair").error.code == ErrorCode.OK, "the last scene still answers"
    rig.good_pair_works()
    assert rig.node.inputs.concerns(rig.node.images, 60.0) == []


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
    assert rig.node.images.counters.resets == 1
    assert rig.query("chair").error.code == ErrorCode.OK, "the scene is kept"
    rig._stamp = 10 * 10**9
    rig.good_pair_works()
    assert rig.node.images.counters.resets == 1, "once"


def test_late_stream_is_diagnosed(ros_graph):
    rig = Rig(ros_graph).wait_active()
    start = rig.next_stamp()
    for i in range(30):
        stamp = start + i * 100_000_000
        rig.cameras["left"].publish(rig.image(rig.header(stamp)))
        rig.cameras["right"].publish(rig.image(rig.header(stamp - 350_000_000)))
        wait_until(lambda i=i: rig.node.images.counters.streams["right"].received > i, 0.5)
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
    dropped = wait_until(lambda: rig.node.images.counters.streams["left"].dropped)
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
    assert wait_until(lambda: sum(rig.node.images.counters.streams["right"].dropped.values()) >= 1)
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
    reader = rig.node.pipeline.camera_reader
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
    big = np.repeat(np.repeat(block_image(ROOM), 2, 0), 3, 1)
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


def test_images_of_two_sizes_are_processed(ros_graph):
    rig = Rig(ros_graph, **{"scale.baseline": 0.1}).wait_active()
    header = rig.send(None, np.repeat(np.repeat(block_image(ROOM), 2, 0), 2, 1))
    assert rig.of_stamp("instances", header)
    rig.good_pair_works()


@pytest.mark.parametrize("grey", [0, 255])
def test_images_without_texture_give_an_empty_scene(ros_graph, grey):
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
    _, good = cv2.imencode(".jpg", block_image(ROOM)[..., ::-1])

    def send(data: bytes):
        header = rig.header()
        for camera in rig.cameras.values():
            message = CompressedImage(header=header, format="jpeg")
            message.data.frombytes(data)
            camera.publish(message)
        return header

    garbage = np.random.default_rng(0).bytes(5000)
    bad = (b"", garbage, good.tobytes()[:500], good.tobytes()[:-200])
    for count, data in enumerate(bad, start=1):
        send(data)
        assert wait_until(
            lambda count=count: (
                sum(rig.node.images.counters.streams["left"].dropped.values())
                + rig.node.pipeline.failures.refused
                == count
            )
        )
    assert rig.received["instances"] == []
    header = send(good.tobytes())
    assert len(rig.of_stamp("instances", header).instances) == 2


def test_nonsense_calibration_is_ignored_with_a_reason(ros_graph):
    rig = Rig(ros_graph).wait_active()
    rig.send_infos(baseline=60.0)
    rig.good_pair_works()
    assert "refused" in rig.node.pipeline.camera_reader.notes["baseline"]
    for side in ("left", "right"):
        info = camera_info(side == "right")
        info.k = [math.nan] * 9
        info.p = [-1.0] * 12
        rig.infos[side].publish(info)
        assert wait_until(
            lambda side=side: math.isnan(rig.node.pipeline.camera_reader.newest(side).k[0])
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
