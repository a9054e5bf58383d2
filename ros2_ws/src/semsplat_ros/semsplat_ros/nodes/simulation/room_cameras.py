# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""room_cameras: a robot's stereo camera in a generated room, good or with faults on purpose.

Publishes left and right ``image_raw`` with ``camera_info``, ``camera_pose`` (the true pose of the
left camera in the room) and the transforms room -> left camera -> right camera. The pair is
rectified, both cameras are pinholes without distortion.
"""

import sys
import threading
import time
from concurrent.futures import Future
from functools import partial

from builtin_interfaces.msg import Time
from geometry_msgs.msg import PoseStamped
from rcl_interfaces.msg import SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.qos_overriding_options import QoSOverridingOptions
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.nodes.common.conversions import to_time
from semsplat_ros.nodes.parameters.parameter_declaration import declare
from semsplat_ros.nodes.parameters.parameter_spec import ParameterSpec
from semsplat_ros.nodes.simulation import simulated_camera
from semsplat_ros.nodes.simulation.camera_faults import FAULTS, CameraFrame, spoil
from semsplat_ros.nodes.simulation.simulated_camera import ENCODERS, FRAMES, THIRD_FRAME
from semsplat_ros.rooms.builder import CLASSES
from semsplat_ros.rooms.robot import StereoRig
from semsplat_ros.rooms.simulation import RobotInRoom

DEFAULT_SEED = 1_000_000
_POSE_DEPTH = 50


def _is_even(value: int) -> str:
    return "" if value % 4 == 0 else "must be a multiple of 4"


SPECS = (
    ParameterSpec("seed", DEFAULT_SEED, "Which room; each number is another one.", 0, 2**31 - 1),
    ParameterSpec("rate", 5.0, "Pairs in a second.", 0.1, 60.0, "Hz", live=True),
    ParameterSpec("width", 640, "Of the images.", 64, 2048, "px", check=_is_even),
    ParameterSpec("height", 480, "Of the images.", 64, 2048, "px", check=_is_even),
    ParameterSpec("fovy", 52.0, "Vertical field of view.", 10.0, 120.0, "degrees"),
    ParameterSpec("baseline", 0.12, "Distance of the two cameras.", 0.01, 1.0, "m"),
    ParameterSpec(
        "cameras",
        2,
        "How many. The third, called third, is as far above the left one as the right one is "
        "beside it.",
        2,
        3,
    ),
    ParameterSpec(
        "motion",
        "still",
        "still stands where the path begins, drive goes along it, again and again.",
        choices=("still", "drive"),
        live=True,
    ),
    ParameterSpec("speed", 0.3, "Of a robot that drives.", 0.01, 3.0, "m/s", live=True),
    ParameterSpec(
        "look_at",
        "chair",
        "Class that the robot looks at first, if there is one.",
        choices=CLASSES,
    ),
    ParameterSpec("encoding", "rgb8", "Of image_raw.", choices=tuple(ENCODERS), live=True),
    ParameterSpec("compressed", False, "Also publish JPEG at image_raw/compressed."),
    ParameterSpec("publish_camera_info", True, "Publish the calibration.", live=True),
    ParameterSpec("publish_tf", True, "Publish room -> left camera -> right camera on /tf."),
    ParameterSpec(
        "reliable", False, "Reliable instead of best effort, for readers that must not lose any."
    ),
    ParameterSpec(
        "fault.kind",
        "none",
        "A fault on purpose: " + "; ".join(f"{name}: {what}" for name, what in FAULTS.items()),
        choices=tuple(FAULTS),
        live=True,
    ),
    ParameterSpec(
        "fault.period", 1, "Every so many frames have the fault; 1 = all.", 1, 10_000, live=True
    ),
    ParameterSpec("fault.delay", 0.3, "Of the fault right_late.", 0.0, 5.0, "s", live=True),
)
_BY_NAME = {spec.name: spec for spec in SPECS}


class RoomCameras(Node):
    """The node. One thread draws and publishes; parameters are read at the start of each frame.

    Args:
        options: of :class:`rclpy.node.Node`.

    Raises:
        SemsplatError: for a parameter that cannot be, or a room that cannot be drawn.
    """

    exit_code: int | None = None
    """It runs until it is told to end; see :class:`semsplat_ros.nodes.common.process.Closable`."""

    def __init__(self, **options) -> None:
        super().__init__("room_cameras", **options)
        self._values = declare(self, SPECS)
        problem = _contradiction(self._values)
        if problem:
            raise SemsplatError(ErrorCode.INVALID_ARGUMENT, problem)
        self._with_third = self._values["cameras"] == 3
        self._frames = {**FRAMES, **THIRD_FRAME} if self._with_third else FRAMES
        self.add_on_set_parameters_callback(self._validate)
        self.add_post_set_parameters_callback(self._apply)
        self._make_publishers()
        self._late: list[tuple[float, CameraFrame]] = []
        self._stop = threading.Event()
        ready: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(ready,), name="room-cameras")
        self._thread.start()
        ready.result()

    def close(self, timeout: float) -> bool:
        """End the thread; True if it has ended."""
        self._stop.set()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    # Parameters --------------------------------------------------------------------------------

    def _validate(self, parameters: list[Parameter]) -> SetParametersResult:
        ours = {p.name: p.value for p in parameters if p.name in _BY_NAME}
        for name, value in ours.items():
            refusal = _BY_NAME[name].refusal(value)
            if not refusal and not _BY_NAME[name].live:
                refusal = f"{name} is fixed while the node runs; start it again with another value"
            if refusal:
                return SetParametersResult(successful=False, reason=refusal)
        problem = _contradiction({**self._values, **ours})
        return SetParametersResult(successful=not problem, reason=problem)

    def _apply(self, parameters: list[Parameter]) -> None:
        changed = {p.name: p.value for p in parameters if p.name in _BY_NAME}
        self._values = {**self._values, **changed}

    # Drawing and publishing: all on one thread, as OpenGL wants it ------------------------------

    def _run(self, ready: "Future[None]") -> None:
        values = self._values
        rig = self._rig(values, 1)
        try:
            robot = RobotInRoom(values["seed"], rig, values["look_at"])
        except BaseException as error:
            ready.set_exception(error)
            return
        ready.set_result(None)
        self.get_logger().info(
            f"room {values['seed']}: {rig.width} x {rig.height}, baseline {rig.baseline:g} m"
        )
        if not robot.can_drive:
            self.get_logger().warning("this room is too full to drive in, the robot stands")
        with robot:
            self._stream(robot)

    def _stream(self, robot: RobotInRoom) -> None:
        """One frame at each tick of a steady clock; ticks that were missed are left out."""
        travelled, number = 0.0, 0
        due = before = time.monotonic()
        while not self._stop.is_set():
            values, now = self._values, time.monotonic()
            if values["motion"] == "drive":
                travelled += values["speed"] * (now - before)
            before, number = now, number + 1
            try:
                self._send_pair(robot, travelled, number, values)
            except Exception as error:
                if not self._stop.is_set():
                    self.get_logger().error(f"no pair: {error}", throttle_duration_sec=5.0)
            due = next_tick(due, 1.0 / values["rate"], time.monotonic())
            self._wait_until(due)

    def _wait_until(self, due: float) -> None:
        """Send what is late on purpose, wait for the next frame or the end."""
        while not self._stop.is_set():
            for entry in [e for e in self._late if e[0] <= time.monotonic()]:
                self._late.remove(entry)
                self._publish(entry[1])
            until = min([due, *(e[0] for e in self._late)])
            if self._stop.wait(max(0.0, until - time.monotonic())) or time.monotonic() >= due:
                return

    def _send_pair(self, robot: RobotInRoom, travelled: float, number: int, values: dict) -> None:
        fault = values["fault.kind"] if number % values["fault.period"] == 0 else "none"
        rig = self._rig(values, 2 if fault == "resolution_change" else 1)
        pose = robot.pose(travelled)
        now = self.get_clock().now().nanoseconds
        stamp, later = to_time(now), to_time(now + round(values["fault.delay"] * 1e9))
        images: tuple = robot.images(pose, rig)
        if self._with_third:
            images = (*images, robot.image_above(pose, rig))
        self._pose.publish(simulated_camera.to_camera_pose(pose, stamp))
        if self._transforms is not None:
            self._transforms.sendTransform(
                simulated_camera.to_transforms(pose, rig.baseline, stamp, self._with_third)
            )
        for side, image in zip(self._frames, images, strict=True):
            frame = self._frame(side, image, rig, stamp, values)
            spoiled = spoil(frame, fault, values["fault.delay"], later)
            if spoiled is None:
                continue
            if spoiled.delay > 0:
                self._late.append((time.monotonic() + spoiled.delay, spoiled))
            else:
                self._publish(spoiled)

    def _frame(self, side: str, image, rig: StereoRig, stamp: Time, values: dict) -> CameraFrame:
        header = partial(Header, stamp=stamp, frame_id=self._frames[side])
        frame = CameraFrame(side, simulated_camera.to_raw(image, values["encoding"], header()))
        if values["publish_camera_info"]:
            frame.info = simulated_camera.to_calibration(rig, side, header())
        jpeg = self._jpegs.get(side)
        if jpeg is not None and jpeg.get_subscription_count():
            frame.jpeg = simulated_camera.to_jpeg(image, header())
        return frame

    def _publish(self, frame: CameraFrame) -> None:
        if frame.info is not None:
            self._infos[frame.side].publish(frame.info)
        self._raws[frame.side].publish(frame.raw)
        if frame.jpeg is not None:
            self._jpegs[frame.side].publish(frame.jpeg)

    def _make_publishers(self) -> None:
        reliable = self._values["reliable"]
        reliability = ReliabilityPolicy.RELIABLE if reliable else ReliabilityPolicy.BEST_EFFORT
        make = partial(
            self.create_publisher,
            qos_profile=QoSProfile(depth=2, reliability=reliability),
            qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        )
        self._raws = {side: make(Image, f"{side}/image_raw") for side in self._frames}
        self._infos = {side: make(CameraInfo, f"{side}/camera_info") for side in self._frames}
        self._jpegs = {
            side: make(CompressedImage, f"{side}/image_raw/compressed")
            for side in (self._frames if self._values["compressed"] else ())
        }
        self._pose = self.create_publisher(PoseStamped, "camera_pose", _POSE_DEPTH)
        self._transforms = None
        if self._values["publish_tf"]:
            from tf2_ros import TransformBroadcaster

            self._transforms = TransformBroadcaster(self)

    @staticmethod
    def _rig(values: dict, divisor: int) -> StereoRig:
        return StereoRig(
            height=values["height"] // divisor,
            width=values["width"] // divisor,
            fovy=values["fovy"],
            baseline=values["baseline"],
        )


def next_tick(due: float, period: float, now: float) -> float:
    """The tick after `due`, all of them whole periods apart; those that `now` has passed by more
    than a period are left out."""
    missed = max(0, int((now - due) / period) - 1)
    return due + period * (1 + missed)


def _contradiction(values: dict) -> str:
    """What two parameters say that cannot both be, or empty."""
    if values["fault.kind"] == "corrupt_jpeg" and not values["compressed"]:
        return "fault.kind corrupt_jpeg needs JPEGs: start with compressed:=true"
    return ""


def main() -> int:
    """Entry point of ``python -m semsplat_ros.nodes.simulation.room_cameras``."""
    from semsplat_ros.nodes.common.process import run

    return run(RoomCameras)


if __name__ == "__main__":
    sys.exit(main())
