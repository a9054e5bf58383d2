# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Run by launch_testing: perception.launch.py as a robot starts it, with arguments of its own.

`test_real_launch.py` starts it; by hand: launch_test perception.test.py
"""

import time
import unittest
import uuid

import launch_testing
import launch_testing.actions
import launch_testing.asserts
from launch import LaunchDescription
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import PathJoinSubstitution
from launch_ros.substitutions import FindPackageShare
from lifecycle_msgs.srv import GetState
from rcl_interfaces.srv import GetParameters
from sensor_msgs.msg import Image

from semsplat_interfaces.msg import ObjectInstanceArray
from semsplat_interfaces.srv import Query
from semsplat_ros.errors import ErrorCode
from semsplat_ros.nodes.common.conversions import to_header, to_image
from test.support.fake_model import block_image
from test.support.launched import START_S, Peer
from test.support.perception_rig import ROOM, wait_until

UNIQUE = uuid.uuid4().hex[:8]
NAMESPACE = f"/launched_{UNIQUE}/arm"
CAMERAS = {side: f"/rig_{UNIQUE}/{side}/image" for side in ("left", "right")}
INFOS = {side: f"/calibration_{UNIQUE}/{side}" for side in ("left", "right")}
PARAMETERS = {
    # A name that YAML would read as a number, and values that differ from the shipped file's.
    "target_frame": "7",
    "model.device": "cpu",
    "input.image_transport": "raw",
    "autostart": True,
    "use_sim_time": False,
}


def generate_test_description() -> LaunchDescription:
    path = PathJoinSubstitution(
        [FindPackageShare("semsplat_ros"), "launch", "perception.launch.py"]
    )
    arguments = {
        "namespace": NAMESPACE,
        "left_image": CAMERAS["left"],
        "right_image": CAMERAS["right"],
        "left_camera_info": INFOS["left"],
        "right_camera_info": INFOS["right"],
        "target_frame": "7",
        "device": "cpu",
        "image_transport": "raw",
        "autostart": "true",
        "use_sim_time": "false",
        "log_level": "debug",
    }
    started = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(path), launch_arguments=arguments.items()
    )
    return LaunchDescription([started, launch_testing.actions.ReadyToTest()])


class TestLaunchedNode(unittest.TestCase):
    """While it runs."""

    def setUp(self) -> None:
        self.peer = Peer(NAMESPACE)
        self.addCleanup(self.peer.close)

    def test_it_comes_up_active_in_its_namespace(self) -> None:
        def active() -> bool:
            answer = self.peer.call(GetState, "perception_node/get_state", GetState.Request())
            return answer.current_state.label == "active"

        self.assertTrue(wait_until(active, START_S))
        # Names of nodes come with a message of their own, after the services are found.
        known = ("perception_node", NAMESPACE)
        self.assertTrue(wait_until(lambda: known in self.peer.node_names(), START_S))

    def test_it_listens_to_the_topics_it_was_given_and_to_no_others(self) -> None:
        for topic in (*CAMERAS.values(), *INFOS.values()):
            self.assertTrue(self.peer.wait_for_listener(topic, "perception_node"), topic)
        for side in ("left", "right"):
            self.assertEqual(self.peer.node.count_subscribers(f"{NAMESPACE}/{side}/image_raw"), 0)

    def test_arguments_are_parameters_of_the_right_type(self) -> None:
        request = GetParameters.Request(names=list(PARAMETERS))
        values = self.peer.call(GetParameters, "perception_node/get_parameters", request).values
        kinds = {bool: "bool_value", str: "string_value"}
        for (name, expected), value in zip(PARAMETERS.items(), values, strict=True):
            self.assertEqual(getattr(value, kinds[type(expected)]), expected, name)

    def test_a_pair_gives_instances_of_its_stamp_and_queries_are_answered(self) -> None:
        seen: list[ObjectInstanceArray] = []
        self.peer.node.create_subscription(ObjectInstanceArray, "instances", seen.append, 1)
        stamps = self._send_until(lambda: seen)
        stamp = seen[0].header.stamp
        self.assertIn((stamp.sec, stamp.nanosec), stamps)
        answer = self.peer.call(Query, "query", Query.Request(text="find the giraffe"))
        self.assertEqual(answer.error.code, ErrorCode.NOT_FOUND, answer.error.message)
        self.assertEqual(answer.concept, "giraffe")

    def _send_until(self, true) -> set[tuple[int, int]]:
        """Publish pairs without a calibration until something holds; returns their stamps."""
        cameras = [self.peer.node.create_publisher(Image, t, 1) for t in CAMERAS.values()]
        stamps: set[tuple[int, int]] = set()

        def sent() -> bool:
            header = to_header(time.time_ns(), "camera")
            stamps.add((header.stamp.sec, header.stamp.nanosec))
            for camera in cameras:
                camera.publish(to_image(block_image(ROOM, 480, 640), "rgb8", header))
            time.sleep(0.2)
            return bool(true())

        self.assertTrue(wait_until(sent, START_S))
        return stamps


@launch_testing.post_shutdown_test()
class TestEndedNode(unittest.TestCase):
    """After launch has sent it SIGINT."""

    def test_it_ended_with_code_0(self, proc_info) -> None:
        launch_testing.asserts.assertExitCodes(proc_info, process="perception_node")

    def test_the_log_level_arrived_and_nothing_was_raised(self, proc_output) -> None:
        text = "".join(io.text.decode() for io in proc_output)
        self.assertIn("[DEBUG]", text)
        self.assertNotIn("Traceback", text)
