# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The answer to a query as a goal: where the object is and, if it can be known, where a robot
should stand."""

import math

from geometry_msgs.msg import Pose, PoseStamped

from semsplat_interfaces.msg import ObjectGoal
from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.nodes import messages
from semsplat_ros.nodes.outputs import Snapshot
from semsplat_ros.nodes.settings import Settings
from semsplat_ros.nodes.transforms import Transforms
from semsplat_ros.objects.goals import approach_goal
from semsplat_ros.scene import Goal, QueryResult


def object_goal(
    snapshot: Snapshot, result: QueryResult, settings: Settings, transforms: Transforms
) -> ObjectGoal:
    """A goal for the best match of a result that was found.

    Without metres, or without a way to the target frame, the object's place is still given and
    `approach_error` says why there is no approach.
    """
    best = result.matches[0]
    goal = ObjectGoal(header=snapshot.header, info=snapshot.info)
    goal.text = messages.clean_string(result.text)
    goal.concept = messages.clean_string(result.concept)
    goal.match = messages.to_match(best)
    goal.object_pose = goal.match.instance.box_center
    goal.approach_distance = math.nan
    goal.approach_valid = False
    try:
        approach = _approach(snapshot, best.instance.box_center, settings, transforms)
    except SemsplatError as refusal:
        goal.approach_error = messages.error(refusal.code, refusal.message)
        return goal
    goal.approach_valid = True
    goal.approach_distance = float(approach.distance)
    goal.approach_pose = PoseStamped(
        header=messages.to_header(snapshot.stamp_ns, approach.frame),
        pose=Pose(
            position=messages.to_point(approach.position),
            orientation=messages.yaw_quaternion(approach.yaw),
        ),
    )
    return goal


def _approach(
    snapshot: Snapshot,
    center: tuple[float, float, float],
    settings: Settings,
    transforms: Transforms,
) -> Goal:
    if not snapshot.perception.scene.scale.is_metric:
        raise SemsplatError(
            ErrorCode.NO_METRIC_SCALE,
            "positions are not in metres; set scale.baseline or publish CameraInfo with P",
        )
    if not settings.target_frame:
        raise SemsplatError(
            ErrorCode.TRANSFORM_UNAVAILABLE,
            "no target_frame is set; set it to the frame the robot drives in, for example map",
        )
    target_from_camera = transforms.lookup(
        settings.target_frame, snapshot.header.frame_id, snapshot.stamp_ns
    )
    return approach_goal(target_from_camera, center, settings.goal.standoff, settings.target_frame)
