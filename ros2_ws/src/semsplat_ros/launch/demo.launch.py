# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""A simulated robot's stereo camera in a generated room, and the perception node.

ros2 launch semsplat_ros demo.launch.py seed:=1000003 motion:=drive rviz:=true
ros2 service call /semsplat/query semsplat_interfaces/srv/Query "{text: 'find the chair'}"
"""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

PACKAGE = "semsplat_ros"

ARGUMENTS = [
    DeclareLaunchArgument(
        "namespace", default_value="semsplat", description="Namespace of both nodes."
    ),
    DeclareLaunchArgument(
        "seed", default_value="1000000", description="Which room; each number is another one."
    ),
    DeclareLaunchArgument(
        "motion",
        default_value="still",
        choices=["still", "drive"],
        description="Whether the robot stands or drives through the room.",
    ),
    DeclareLaunchArgument("rate", default_value="5.0", description="Pairs in a second, Hz."),
    DeclareLaunchArgument(
        "fault", default_value="none", description="What is wrong with the cameras (fault.kind)."
    ),
    DeclareLaunchArgument(
        "model", default_value="", description="Model of the zoo; empty = the shipped one."
    ),
    DeclareLaunchArgument(
        "device", default_value="", description="auto, cpu or cuda:N; empty = auto."
    ),
    DeclareLaunchArgument(
        "log_level",
        default_value="info",
        choices=["debug", "info", "warn", "error", "fatal"],
        description="What both nodes log.",
    ),
    DeclareLaunchArgument(
        "rviz",
        default_value="false",
        choices=["true", "false"],
        description="Start RViz as well.",
    ),
]


def generate_launch_description() -> LaunchDescription:
    # The cameras last: RViz may not be installed, and nothing is to be left running then.
    return LaunchDescription([*ARGUMENTS, perception(), room_cameras()])


def room_cameras() -> Node:
    return Node(
        package=PACKAGE,
        executable="room_cameras",
        name="room_cameras",
        namespace=LaunchConfiguration("namespace"),
        parameters=[
            {
                "seed": ParameterValue(LaunchConfiguration("seed"), value_type=int),
                "motion": ParameterValue(LaunchConfiguration("motion"), value_type=str),
                "rate": ParameterValue(LaunchConfiguration("rate"), value_type=float),
                "fault.kind": ParameterValue(LaunchConfiguration("fault"), value_type=str),
            }
        ],
        ros_arguments=["--log-level", LaunchConfiguration("log_level")],
        output="screen",
    )


def perception() -> IncludeLaunchDescription:
    path = PathJoinSubstitution([FindPackageShare(PACKAGE), "launch", "perception.launch.py"])
    passed_on = ["namespace", "model", "device", "log_level", "rviz"]
    return IncludeLaunchDescription(
        PythonLaunchDescriptionSource(path),
        launch_arguments=[
            *((name, LaunchConfiguration(name)) for name in passed_on),
            ("target_frame", "room"),  # room_cameras publishes room -> left camera
        ],
    )
