# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Run by launch_testing: demo.launch.py, whose robot finds the chair of its room.

`test_real_launch.py` starts it; by hand: launch_test demo.test.py
"""

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
from rcl_interfaces.srv import GetParameters

from semsplat_interfaces.srv import Query
from semsplat_ros.errors import ErrorCode
from test.support.launched import START_S, Peer
from test.support.perception_rig import wait_until

NAMESPACE = f"/launched_{uuid.uuid4().hex[:8]}"
SEED = 1000001


def generate_test_description() -> LaunchDescription:
    path = PathJoinSubstitution([FindPackageShare("semsplat_ros"), "launch", "demo.launch.py"])
    arguments = {"namespace": NAMESPACE, "seed": str(SEED), "rate": "4", "device": "cpu"}
    started = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(path), launch_arguments=arguments.items()
    )
    return LaunchDescription([started, launch_testing.actions.ReadyToTest()])


class TestLaunchedDemo(unittest.TestCase):
    """While it runs."""

    def setUp(self) -> None:
        self.peer = Peer(NAMESPACE)
        self.addCleanup(self.peer.close)

    def test_arguments_reach_the_cameras(self) -> None:
        request = GetParameters.Request(names=["seed", "rate", "motion"])
        values = self.peer.call(GetParameters, "room_cameras/get_parameters", request).values
        self.assertEqual(values[0].integer_value, SEED)
        self.assertEqual(values[1].double_value, 4.0, "a whole number is a rate too")
        self.assertEqual(values[2].string_value, "still")

    def test_the_chair_is_found_and_can_be_approached(self) -> None:
        def found() -> Query.Response | None:
            answer = self.peer.call(Query, "query", Query.Request(text="find the chair"))
            return answer if answer.error.code == ErrorCode.OK else None

        answer = wait_until(found, START_S)
        self.assertIsNotNone(answer)
        self.assertTrue(answer.goal.approach_valid, answer.goal.approach_error.message)
        self.assertEqual(answer.goal.approach_pose.header.frame_id, "room")


@launch_testing.post_shutdown_test()
class TestEndedDemo(unittest.TestCase):
    """After launch has sent both nodes SIGINT."""

    def test_both_ended_with_code_0(self, proc_info) -> None:
        self.assertEqual(len(list(proc_info)), 2)
        launch_testing.asserts.assertExitCodes(proc_info)

    def test_nothing_was_raised(self, proc_output) -> None:
        self.assertNotIn("Traceback", "".join(io.text.decode() for io in proc_output))
