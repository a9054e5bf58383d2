# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The perception node for a stereo camera, and RViz if it is asked for.

ros2 launch semsplat_ros perception.launch.py \
    left_image:=/camera/left/image_raw right_image:=/camera/right/image_raw rviz:=true
"""

from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.substitutions import LaunchConfiguration, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

PACKAGE = "semsplat_ros"
SWITCH = ["true", "false"]
SHARE = FindPackageShare(PACKAGE)

ARGUMENTS = [
    DeclareLaunchArgument(
        "namespace",
        default_value="semsplat",
        description="Namespace of the node: its services are /semsplat/query and so on.",
    ),
    DeclareLaunchArgument(
        "params_file",
        default_value=PathJoinSubstitution([SHARE, "config", "perception.yaml"]),
        description="Parameter file (YAML). The arguments below win over it where they are set.",
    ),
    DeclareLaunchArgument(
        "model", default_value="", description="Model of the zoo; empty = as in params_file."
    ),
    DeclareLaunchArgument(
        "checkpoint", default_value="", description="File with weights; empty = as in params_file."
    ),
    DeclareLaunchArgument(
        "device",
        default_value="",
        description="auto, cpu or cuda:N; empty = as in params_file.",
    ),
    DeclareLaunchArgument(
        "left_image",
        default_value="left/image_raw",
        description="Topic of the left image; without /compressed also for compressed images.",
    ),
    DeclareLaunchArgument(
        "right_image",
        default_value="right/image_raw",
        description="Topic of the right image.",
    ),
    DeclareLaunchArgument(
        "cameras",
        default_value="",
        description="Names of the cameras, 2 to 8, apart by spaces; empty = as in params_file, "
        "else left and right.",
    ),
    DeclareLaunchArgument(
        "images",
        default_value="",
        description="Image topics of `cameras`, one for each, apart by spaces; empty = "
        "<name>/image_raw.",
    ),
    DeclareLaunchArgument(
        "left_camera_info",
        default_value="",
        description="Topic of the left CameraInfo; empty = camera_info beside the left image.",
    ),
    DeclareLaunchArgument(
        "right_camera_info",
        default_value="",
        description="Topic of the right CameraInfo; empty = camera_info beside the right image.",
    ),
    DeclareLaunchArgument(
        "image_transport",
        default_value="",
        choices=["", "raw", "compressed"],
        description="How images come; empty = as in params_file.",
    ),
    DeclareLaunchArgument(
        "target_frame",
        default_value="",
        description="Frame of objects and approach goals, for example map; empty = as in "
        "params_file.",
    ),
    DeclareLaunchArgument(
        "use_sim_time",
        default_value="",
        choices=["", *SWITCH],
        description="Take the time from /clock; empty = as in params_file, else false.",
    ),
    DeclareLaunchArgument(
        "autostart",
        default_value="",
        choices=["", *SWITCH],
        description="Configure and activate at once; false waits for ros2 lifecycle set; "
        "empty = as in params_file.",
    ),
    DeclareLaunchArgument(
        "log_level",
        default_value="info",
        choices=["debug", "info", "warn", "error", "fatal"],
        description="What is logged.",
    ),
    DeclareLaunchArgument(
        "use_respawn",
        default_value="false",
        choices=SWITCH,
        description="Start the node again when it ends by itself.",
    ),
    DeclareLaunchArgument(
        "rviz", default_value="false", choices=SWITCH, description="Start RViz as well."
    ),
    DeclareLaunchArgument(
        "rviz_config",
        default_value=PathJoinSubstitution([SHARE, "config", "semsplat.rviz"]),
        description="RViz configuration; its topics lie in /semsplat.",
    ),
    DeclareLaunchArgument(
        "fixed_frame",
        default_value="left_camera_optical",
        description="RViz's fixed frame: frame_id of the left image, or one that TF connects to.",
    ),
]

# Names in semsplat.rviz, which RViz is told anew when the node has another namespace, or another
# first camera than left.
RVIZ_TOPICS = [
    "points",
    "markers",
    "overlay/left",
    "masks/left",
    "depth/image",
    "query/goal",
    "query/points",
]


def generate_launch_description() -> LaunchDescription:
    return LaunchDescription([*ARGUMENTS, OpaqueFunction(function=start)])


def start(context: LaunchContext) -> list[Node]:
    """The actions, now that the arguments are known."""
    given = {a.name: LaunchConfiguration(a.name).perform(context) for a in ARGUMENTS}
    # RViz first: where it is not installed, launch ends here, and a node started before would
    # be left running.
    rviz = [rviz_node(given)] if given["rviz"] == "true" else []
    return [*rviz, perception_node(given)]


def perception_node(given: dict[str, str]) -> Node:
    cameras, images = given["cameras"].split(), given["images"].split()
    if images and len(images) != len(cameras):
        raise ValueError(
            f"images has {len(images)} topics for {len(cameras)} names in cameras; give one each"
        )
    topics = {"left": given["left_image"], "right": given["right_image"]}
    topics |= dict(zip(cameras, images, strict=False))
    remappings = [(f"{name}/image_raw", topic) for name, topic in topics.items()]
    # Without a remapping the node listens beside the image topics, as camera drivers publish.
    for side in ("left", "right"):
        topic = given[f"{side}_camera_info"]
        if topic:
            remappings.append((f"{side}/camera_info", topic))
    return Node(
        package=PACKAGE,
        executable="perception_node",
        name="perception_node",
        namespace=given["namespace"],
        parameters=[given["params_file"], overrides(given)],
        remappings=remappings,
        ros_arguments=["--log-level", given["log_level"]],
        respawn=given["use_respawn"] == "true",
        respawn_delay=2.0,
        output="screen",
    )


def overrides(given: dict[str, str]) -> dict:
    """Parameters that arguments set; an empty argument leaves the file's value."""
    texts = {
        "model.name": given["model"],
        "model.checkpoint": given["checkpoint"],
        "model.device": given["device"],
        "input.image_transport": given["image_transport"],
        "target_frame": given["target_frame"],
    }
    # As a plain str it would be read as YAML, and a model named 7 would become a number.
    parameters = {
        name: ParameterValue(text, value_type=str) for name, text in texts.items() if text
    }
    if given["cameras"]:
        parameters["input.cameras"] = given["cameras"].split()
    for name in ("use_sim_time", "autostart"):
        if given[name]:
            parameters[name] = given[name] == "true"
    return parameters


def rviz_node(given: dict[str, str]) -> Node:
    namespace = given["namespace"].strip("/")
    prefix = f"/{namespace}" if namespace else ""
    first = next(iter(given["cameras"].split()), "left")
    return Node(
        package="rviz2",
        executable="rviz2",
        # No name: it would rename every node in RViz's process.
        namespace=namespace,
        arguments=["-d", given["rviz_config"], "-f", given["fixed_frame"]],
        parameters=[{"use_sim_time": given["use_sim_time"] == "true"}],
        remappings=[
            (f"/semsplat/{topic}", f"{prefix}/{topic.replace('/left', f'/{first}')}")
            for topic in RVIZ_TOPICS
        ],
        output="log",
    )
