# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The simulated camera as a process, over DDS: good pairs, and each fault as it is named."""

import os
import signal
import subprocess
import sys
import threading
import uuid
from pathlib import Path

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped
from hypothesis import given
from hypothesis import strategies as st
from rcl_interfaces.srv import SetParameters
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from tf2_msgs.msg import TFMessage

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.nodes.inputs.camera_info import read_camera_info, read_rig
from semsplat_ros.nodes.inputs.image_decoding import decode
from semsplat_ros.nodes.simulation.camera_faults import FAULTS, UNKNOWN_ENCODING
from semsplat_ros.nodes.simulation.room_cameras import next_tick
from semsplat_ros.nodes.simulation.simulated_camera import FRAMES
from semsplat_ros.rooms.layout import Room
from semsplat_ros.rooms.robot import StereoRig, robot_path
from test.support.perception_rig import wait_until

pytestmark = [pytest.mark.ros, pytest.mark.timeout(180)]
PACKAGE_ROOT = Path(__file__).parents[3]
SEED, WIDTH, HEIGHT, BASELINE = 1_000_001, 160, 120, 0.2
START_S = 60.0
MAX_PIXELS = 1 << 20
PROGRAM = "from semsplat_ros.nodes.executables import room_cameras; room_cameras()"


def start(*ros_args: str) -> subprocess.Popen:
    paths = [str(PACKAGE_ROOT), os.environ.get("PYTHONPATH", "")]
    command = [sys.executable, "-c", PROGRAM, "--ros-args"]
    command += ["-p", f"width:={WIDTH}", "-p", f"height:={HEIGHT}", *ros_args]
    return subprocess.Popen(
        command,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "ROS_PYTHON_CHECK_FIELDS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture(scope="module")
def camera():
    """A running camera: its namespace. Its clean end on SIGTERM is checked as well."""
    namespace = f"/cameras_{uuid.uuid4().hex[:8]}"
    values = {"seed": SEED, "baseline": BASELINE, "rate": 20.0, "compressed": "true"}
    args = [word for name, value in values.items() for word in ("-p", f"{name}:={value}")]
    process = start("-r", f"__ns:={namespace}", *args)
    yield namespace
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 0, output
    assert "Traceback" not in output


class Listener:
    """Everything that the camera publishes, in the order of arrival."""

    def __init__(self, graph, namespace: str) -> None:
        self.node: Node = graph.add(Node, "listener", namespace=namespace)
        self._lock = threading.Lock()
        self._received: list[tuple[str, object]] = []
        sensor = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
        for side in FRAMES:
            self._listen(Image, f"{side}/image_raw", sensor)
            self._listen(CompressedImage, f"{side}/image_raw/compressed", sensor)
            self._listen(CameraInfo, f"{side}/camera_info", sensor)
        self._listen(PoseStamped, "camera_pose", 10)
        self._parameters = self.node.create_client(SetParameters, "room_cameras/set_parameters")
        assert self._parameters.wait_for_service(timeout_sec=START_S)
        self.set(**{"fault.kind": "none", "fault.period": 1, "motion": "still"})
        self.set(encoding="rgb8", publish_camera_info=True)

    def _listen(self, kind: type, topic: str, qos) -> None:
        def store(message) -> None:
            with self._lock:
                self._received.append((topic, message))

        self.node.create_subscription(kind, topic, store, qos)

    def try_set(self, **values):
        """Set parameters as `ros2 param set` does; the results."""
        values = {name.replace("__", "."): value for name, value in values.items()}
        request = SetParameters.Request()
        request.parameters = [
            Parameter(name, value=value).to_parameter_msg() for name, value in values.items()
        ]
        future = self._parameters.call_async(request)
        assert wait_until(future.done, 10.0)
        return future.result().results

    def set(self, **values) -> None:
        assert all(result.successful for result in self.try_set(**values))

    def clear(self) -> None:
        with self._lock:
            self._received.clear()

    def of(self, topic: str) -> list:
        with self._lock:
            return [message for name, message in self._received if name == topic]

    def wait(self, topic: str, count: int = 1, timeout: float = 15.0) -> list:
        """At least so many messages of a topic that were sent from now on."""
        assert wait_until(lambda: len(self.of(topic)) >= count, timeout), topic
        return self.of(topic)

    def fresh(self, topic: str, count: int = 1) -> list:
        """Messages of frames drawn from now on; the one that is on its way is left out."""
        self.clear()
        self.wait("camera_pose", 2)
        self.clear()
        return self.wait(topic, count)


@pytest.fixture
def listener(ros_graph, camera) -> Listener:
    return Listener(ros_graph, camera)


def stamp(message) -> int:
    return message.header.stamp.sec * 10**9 + message.header.stamp.nanosec


def offsets(listener: Listener) -> list[float]:
    """Seconds from each left stamp to the next right stamp at or after it."""
    lefts = [stamp(m) for m in listener.of("left/image_raw")]
    rights = [stamp(m) for m in listener.of("right/image_raw")]
    later = [[right - left for right in rights if right >= left] for left in lefts]
    return [min(each) / 1e9 for each in later if each]


def test_pair_has_equal_stamps_frames_calibration_and_pose(listener):
    listener.fresh("right/image_raw", 4)
    by_topic = {
        topic: {stamp(m): m for m in listener.of(topic)}
        for topic in (
            "left/image_raw",
            "right/image_raw",
            "left/camera_info",
            "right/camera_info",
            "camera_pose",
        )
    }
    common = set.intersection(*(set(messages) for messages in by_topic.values()))
    assert common, {topic: len(messages) for topic, messages in by_topic.items()}
    at = next(iter(common))
    left, right = by_topic["left/image_raw"][at], by_topic["right/image_raw"][at]
    assert (left.header.frame_id, right.header.frame_id) == (FRAMES["left"], FRAMES["right"])
    assert (left.width, left.height, left.encoding) == (WIDTH, HEIGHT, "rgb8")
    assert not np.array_equal(decode(left, MAX_PIXELS), decode(right, MAX_PIXELS))
    infos = by_topic["left/camera_info"][at], by_topic["right/camera_info"][at]
    rig = read_rig(*infos, False, False)
    assert rig.baseline == pytest.approx(BASELINE, rel=1e-6)
    assert rig.rectified
    assert not rig.swapped
    reading = read_camera_info(infos[0], HEIGHT, WIDTH, False)
    expected = StereoRig(height=HEIGHT, width=WIDTH).intrinsics
    np.testing.assert_allclose(reading.intrinsics, expected, rtol=1e-6)
    pose = by_topic["camera_pose"][at]
    true = robot_path(Room(SEED), SEED)[0][:3, 3]
    position = pose.pose.position
    np.testing.assert_allclose((position.x, position.y, position.z), true, atol=1e-9)
    assert pose.header.frame_id == "room"


@given(st.floats(0.01, 1.0), st.floats(0.0, 20.0))
def test_ticks_lie_on_one_grid_and_the_missed_ones_are_left_out(period, delay):
    due = next_tick(100.0, period, 100.0 + delay)
    periods = (due - 100.0) / period
    assert periods == pytest.approx(round(periods), abs=1e-6)
    assert periods >= 1 - 1e-6
    assert due > 100.0 + delay - period * (1 + 1e-6)
    assert due <= 100.0 + max(delay, period) * (1 + 1e-9)


def test_standing_robot_repeats_its_image_and_driving_one_does_not(listener):
    images = listener.fresh("left/image_raw", 3)
    assert images[0].data == images[-1].data
    listener.set(motion="drive", speed=3.0)
    poses = listener.fresh("camera_pose", 6)
    assert len({(p.pose.position.x, p.pose.orientation.z) for p in poses}) > 1


def test_encoding_can_be_changed(listener):
    reference = decode(listener.fresh("left/image_raw")[0], MAX_PIXELS)
    listener.set(encoding="nv12")
    message = listener.fresh("left/image_raw")[0]
    assert message.encoding == "nv12"
    assert np.median(np.abs(decode(message, MAX_PIXELS).astype(float) - reference)) < 6.0


def test_jpeg_shows_the_same_room(listener):
    listener.fresh("left/image_raw/compressed")
    assert wait_until(lambda: listener.of("left/image_raw"), 10.0)
    jpeg = decode(listener.of("left/image_raw/compressed")[0], MAX_PIXELS)
    raw = decode(listener.of("left/image_raw")[0], MAX_PIXELS)
    assert np.median(np.abs(jpeg.astype(float) - raw)) < 6.0


@pytest.mark.parametrize(("silent", "heard"), [("left", "right"), ("right", "left")])
def test_silent_camera_sends_neither_image_nor_calibration(listener, silent, heard):
    listener.set(fault__kind=f"{silent}_silent")
    listener.fresh(f"{heard}/image_raw", 5)
    assert not listener.of(f"{silent}/image_raw")
    assert not listener.of(f"{silent}/camera_info")
    listener.set(fault__kind="none")
    listener.fresh(f"{silent}/image_raw")


def test_late_camera_is_late_by_the_delay(listener):
    listener.set(fault__kind="right_late", fault__delay=0.27, rate=1.0)
    try:
        listener.fresh("right/image_raw", 2)
        late = [offset for offset in offsets(listener) if offset < 0.9]
        assert late
        assert np.allclose(late, 0.27, atol=1e-6)
    finally:
        listener.set(rate=20.0, fault__kind="none")


def test_wrong_encoding_is_refused_by_the_decoder(listener):
    listener.set(fault__kind="wrong_encoding")
    message = listener.fresh("left/image_raw")[0]
    assert message.encoding == UNKNOWN_ENCODING
    with pytest.raises(SemsplatError) as refusal:
        decode(message, MAX_PIXELS)
    assert refusal.value.code is ErrorCode.INVALID_ARGUMENT
    assert listener.fresh("right/image_raw")[0].encoding == "rgb8"


def test_short_data_is_refused_by_the_decoder(listener):
    listener.set(fault__kind="short_data")
    message = listener.fresh("left/image_raw")[0]
    assert len(message.data) < message.step * message.height
    with pytest.raises(SemsplatError):
        decode(message, MAX_PIXELS)


def test_corrupt_jpeg_is_refused_by_the_decoder(listener):
    listener.set(fault__kind="corrupt_jpeg")
    with pytest.raises(SemsplatError) as refusal:
        decode(listener.fresh("left/image_raw/compressed")[0], MAX_PIXELS)
    assert refusal.value.code is ErrorCode.BAD_FILE
    decode(listener.fresh("right/image_raw/compressed")[0], MAX_PIXELS)


def test_zero_stamps(listener):
    listener.set(fault__kind="zero_stamps")
    assert {stamp(m) for m in listener.fresh("left/image_raw", 3)} == {0}
    assert {stamp(m) for m in listener.of("right/image_raw")} <= {0}
    assert stamp(listener.of("camera_pose")[0]) > 0


def test_changed_resolution_comes_with_its_calibration(listener):
    listener.set(fault__kind="resolution_change")
    image = listener.fresh("left/image_raw")[0]
    assert (image.width, image.height) == (WIDTH // 2, HEIGHT // 2)
    info = listener.fresh("left/camera_info")[0]
    assert (info.width, info.height) == (WIDTH // 2, HEIGHT // 2)
    expected = StereoRig(height=HEIGHT // 2, width=WIDTH // 2).intrinsics
    reading = read_camera_info(info, HEIGHT // 2, WIDTH // 2, False)
    np.testing.assert_allclose(reading.intrinsics, expected, rtol=1e-6)


def test_a_third_camera_looks_from_above_and_tf_says_so(ros_graph):
    namespace = f"/cameras_{uuid.uuid4().hex[:8]}"
    process = start("-r", f"__ns:={namespace}", "-p", "cameras:=3", "-p", f"seed:={SEED}")
    try:
        peer = ros_graph.add(Node, "peer", namespace=namespace)
        images: dict[str, Image] = {}
        transforms: dict[str, tuple[str, float]] = {}

        def note(message: TFMessage) -> None:
            for t in message.transforms:
                transforms[t.child_frame_id] = (t.header.frame_id, t.transform.translation.y)

        for side in ("left", "right", "third"):
            peer.create_subscription(
                Image,
                f"{side}/image_raw",
                lambda image, side=side: images.update({side: image}),
                QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT),
            )
        peer.create_subscription(TFMessage, "/tf", note, 10)
        assert wait_until(lambda: len(images) == 3 and "third_camera_optical" in transforms, 60.0)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=20)
    assert images["third"].header.frame_id == "third_camera_optical"
    assert bytes(images["third"].data) not in (
        bytes(images["left"].data),
        bytes(images["right"].data),
    )
    assert transforms["third_camera_optical"] == ("left_camera_optical", pytest.approx(-0.12))


def test_period_makes_only_some_frames_faulty(listener):
    listener.set(fault__kind="zero_stamps", fault__period=4)
    stamps = [stamp(m) for m in listener.fresh("left/image_raw", 24)[:24]]
    # One in four; images are best effort, and any of them may be lost.
    assert 3 <= stamps.count(0) <= 9


def test_without_calibration(listener):
    listener.set(publish_camera_info=False)
    listener.fresh("left/image_raw", 3)
    assert not listener.of("left/camera_info")


def test_what_is_fixed_or_out_of_range_cannot_be_set(listener):
    seed, rate, fault = listener.try_set(seed=5, rate=0.0, fault__kind="gremlins")
    assert "start it again" in seed.reason
    assert not rate.successful
    assert all(name in fault.reason for name in FAULTS)
    listener.fresh("left/image_raw")


@pytest.mark.parametrize(
    ("argument", "words"),
    [
        ("rate:=1000.0", "rate"),
        ("encoding:=cmyk", "encoding"),
        ("fault.kind:=corrupt_jpeg", "compressed:=true"),
    ],
)
def test_bad_parameter_is_one_line_and_code_2(argument, words):
    process = start("-p", argument)
    output, _ = process.communicate(timeout=START_S)
    assert process.returncode == 2, output
    assert len(output.strip().splitlines()) == 1, output
    assert words in output
