# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The answer to a query as a goal: where the object is and, if it can be known, where a robot
should stand."""

import math

from geometry_msgs.msg import Pose, PoseStamped

from semsplat_interfaces.msg import ObjectGoal
from semsplat_ros.nodes.common.conversions import clean_string, to_point, yaw_quaternion
from semsplat_ros.nodes.outputs import scene_messages
from semsplat_ros.nodes.outputs.snapshot import Snapshot
from semsplat_ros.nodes.outputs.target_frame import Placement
from semsplat_ros.nodes.parameters.settings import Settings
from semsplat_ros.objects.goals import approach_goal
from semsplat_ros.scene import QueryResult


def object_goal(
    snapshot: Snapshot, result: QueryResult, settings: Settings, placement: Placement
) -> ObjectGoal:
    """A goal for the best match of a result that was found.

    Without metres, or without a way to the target frame, the object's place is still given, in the
    camera's frame, and `approach_error` says why there is no approach.
    """
    best = result.matches[0]
    goal = ObjectGoal(header=placement.header, info=snapshot.info)
    goal.text = clean_string(result.text)
    goal.concept = clean_string(result.concept)
    goal.match = scene_messages.to_match(best)
    placement.move_instances([goal.match.instance])
    goal.object_pose = goal.match.instance.box_center
    goal.approach_distance = math.nan
    goal.approach_valid = False
    if placement.problem is not None:
        goal.approach_error = scene_messages.error(
            placement.problem.code, placement.problem.message
        )
        return goal
    center, frame = best.instance.box_center, placement.header.frame_id
    standoff = settings.goal.standoff
    approach = approach_goal(placement.target_from_camera, center, standoff, frame)
    goal.approach_valid = True
    goal.approach_distance = float(approach.distance)
    goal.approach_pose = PoseStamped(
        header=placement.header,
        pose=Pose(
            position=to_point(approach.position),
            orientation=yaw_quaternion(approach.yaw),
        ),
    )
    return goal
