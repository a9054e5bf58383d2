# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What people look at: boxes and names for RViz, and the first image with its objects painted
in."""

import numpy as np
from geometry_msgs.msg import Pose
from std_msgs.msg import ColorRGBA, Header
from visualization_msgs.msg import Marker, MarkerArray

from semsplat_ros.nodes.common.conversions import clean_string, to_duration, to_point, to_vector
from semsplat_ros.nodes.outputs.scene_arrays import SceneArrays
from semsplat_ros.objects.drawing import draw_objects, object_colour, object_name
from semsplat_ros.scene import ObjectInstance, Perception

MIN_BOX = 0.01
"""Smallest side of a drawn box: RViz warns about markers without extent."""


def to_markers(perception: Perception, header: Header, lifetime: float) -> MarkerArray:
    """A box and a name for each object, after one marker that deletes all earlier ones.

    Args:
        perception: the scene and its objects.
        header: stamp and frame of the first image.
        lifetime: seconds until the markers vanish by themselves, so that a camera that stopped
            does not leave old objects standing.
    """
    side = max((max(i.box_size) for i in perception.instances), default=1.0)
    markers = [Marker(header=header, action=Marker.DELETEALL)]
    for instance in perception.instances:
        markers.append(_box(instance, header, lifetime))
        markers.append(_name(instance, header, lifetime, height=max(0.02, 0.08 * side)))
    return MarkerArray(markers=markers)


def _box(instance: ObjectInstance, header: Header, lifetime: float) -> Marker:
    marker = Marker(header=header, ns="boxes", id=int(instance.id), type=Marker.CUBE)
    marker.pose = _pose(instance.box_center)
    marker.scale = to_vector(tuple(max(MIN_BOX, size) for size in instance.box_size))
    marker.color = _colour(object_colour(instance), alpha=0.35)
    marker.lifetime = to_duration(lifetime)
    return marker


def _name(instance: ObjectInstance, header: Header, lifetime: float, height: float) -> Marker:
    marker = Marker(header=header, ns="names", id=int(instance.id), type=Marker.TEXT_VIEW_FACING)
    x, y, z = instance.box_center
    # y points down in an optical frame: above the box is at smaller y.
    marker.pose = _pose((x, y - instance.box_size[1] / 2 - height, z))
    marker.scale.z = float(height)
    marker.color = _colour((255, 255, 255), alpha=1.0)
    marker.text = clean_string(object_name(instance))
    marker.lifetime = to_duration(lifetime)
    return marker


def _pose(position: tuple[float, float, float]) -> Pose:
    pose = Pose(position=to_point(position))
    pose.orientation.w = 1.0
    return pose


def _colour(rgb: tuple[int, int, int], alpha: float) -> ColorRGBA:
    red, green, blue = rgb
    return ColorRGBA(r=red / 255.0, g=green / 255.0, b=blue / 255.0, a=float(alpha))


def overlay(image: np.ndarray, arrays: SceneArrays) -> np.ndarray:
    """The first image with every object tinted, outlined and named.

    Args:
        image: the first original image, uint8 [H, W, 3] RGB; not changed.
        arrays: the scene made from it.
    """
    return draw_objects(image, arrays.instance_mask(view=0), arrays.perception.instances)
