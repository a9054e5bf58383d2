# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Objects in the frame that the user asked for (parameter ``target_frame``), where TF allows it.

What describes the world moves: points, instances, markers, detections, answers. What describes the
first image stays in its optical frame: masks, labels, overlay, depth, gaussians, relative_pose. If
the way is not known everything stays in the camera's frame, and each header says which frame it
is: an output is never withheld because of TF.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from geometry_msgs.msg import Point, Pose
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Header
from visualization_msgs.msg import Marker

from semsplat_interfaces.msg import ObjectInstance
from semsplat_ros.errors import SemsplatError
from semsplat_ros.nodes.common.conversions import to_point, to_quaternion
from semsplat_ros.nodes.common.transforms import rotation_of
from semsplat_ros.nodes.outputs.point_cloud import POINT
from semsplat_ros.nodes.parameters.settings import TEMPORAL_MODE, Settings


@dataclass(frozen=True)
class Placement:
    """The frame for the objects of one scene, and the way there. Messages are changed in place."""

    header: Header
    """Stamp of the scene, frame of the objects."""
    target_from_camera: np.ndarray | None
    """[4, 4] from the first camera's optical frame, None if objects stay there."""
    problem: SemsplatError | None
    """Why they stay there."""

    def move_instances(self, instances: Iterable[ObjectInstance]) -> None:
        """Centroids and boxes; a box keeps its sides and is turned."""
        if self.target_from_camera is None:
            return
        for instance in instances:
            instance.centroid = self._point(instance.centroid)
            instance.box_center = self._pose(instance.box_center)

    def move_markers(self, markers: Iterable[Marker]) -> None:
        """Boxes and names."""
        if self.target_from_camera is None:
            return
        for marker in markers:
            marker.header = self.header
            if marker.action == Marker.ADD:
                marker.pose = self._pose(marker.pose)

    def move_cloud(self, cloud: PointCloud2) -> None:
        """A cloud of :data:`semsplat_ros.nodes.outputs.point_cloud.POINT`."""
        if self.target_from_camera is None:
            return
        cloud.header = self.header
        if not cloud.width:
            return
        points = np.frombuffer(cloud.data, POINT)
        here = np.stack([points[axis] for axis in "xyz"])
        matrix = self.target_from_camera.astype(np.float32)
        there = matrix[:3, :3] @ here + matrix[:3, 3:]
        for axis, values in zip("xyz", there, strict=True):
            points[axis] = values

    def _point(self, point: Point) -> Point:
        matrix = self.target_from_camera
        return to_point(matrix[:3, :3] @ (point.x, point.y, point.z) + matrix[:3, 3])

    def _pose(self, pose: Pose) -> Pose:
        turned = self.target_from_camera[:3, :3] @ rotation_of(pose.orientation)
        return Pose(position=self._point(pose.position), orientation=to_quaternion(turned))


def not_metric(settings: Settings) -> str:
    """That positions are not in metres, and what to do."""
    if settings.input.mode == TEMPORAL_MODE:
        return "positions are not in metres; for one camera take a model that is trained in metres"
    return "positions are not in metres; set scale.baseline or publish CameraInfo with P"
