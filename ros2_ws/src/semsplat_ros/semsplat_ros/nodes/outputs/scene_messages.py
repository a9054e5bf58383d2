# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""From scenes to ROS messages: every small message the node fills.

Every number and array goes through a conversion of
:mod:`semsplat_ros.nodes.common.conversions`.
"""

from collections.abc import Sequence

import numpy as np
from geometry_msgs.msg import PoseStamped, TransformStamped
from sensor_msgs.msg import CameraInfo, RegionOfInterest
from std_msgs.msg import Header

from semsplat_interfaces.msg import ErrorCode as ErrorCodeMsg
from semsplat_interfaces.msg import (
    LabelTable,
    ObjectInstanceArray,
    ObjectMatch,
    SceneInfo,
)
from semsplat_interfaces.msg import (
    ObjectInstance as ObjectInstanceMsg,
)
from semsplat_ros.errors import ErrorCode
from semsplat_ros.nodes.common.conversions import (
    clean_string,
    fill,
    fill_xyz,
    ros_from_scene,
    to_header,
    to_pose,
    to_time,
    to_vector,
)
from semsplat_ros.objects.colours import label_colour
from semsplat_ros.scene import Match, ObjectInstance, Perception, Roi


def error(code: ErrorCode, message: str = "") -> ErrorCodeMsg:
    """An answer's error field."""
    return ErrorCodeMsg(code=int(code), message=clean_string(message))


def scene_info(perception: Perception, sequence: int, cameras: Sequence[str]) -> SceneInfo:
    """What all outputs of one pair or set share: which images, which scale, which intrinsics,
    which model.

    Args:
        perception: the scene.
        sequence: its number.
        cameras: the name of each view.
    """
    scene = perception.scene
    vocabulary = perception.vocabulary
    info = SceneInfo()
    info.sequence = int(sequence)
    info.cameras = list(cameras)
    info.stamps = [to_time(stamp) for stamp in scene.provenance.stamps_ns]
    info.scale_status = int(scene.scale.status)
    info.scale_factor = float(scene.scale.factor)
    info.intrinsics_source = int(scene.cameras.source)
    info.vocabulary_version = 0 if vocabulary is None else int(vocabulary.version)
    info.model = clean_string(scene.provenance.model)
    info.inference_time = float(scene.provenance.inference_seconds)
    return info


def to_instance(instance: ObjectInstance) -> ObjectInstanceMsg:
    """One object; its box is axis-aligned in the frame of the scene."""
    # A new message makes its points and regions itself: fill those instead of making others.
    message = ObjectInstanceMsg()
    message.id = int(instance.id)
    message.label = clean_string(instance.label)
    message.label_id = int(instance.label_id)
    message.label_score = float(instance.label_score)
    fill_xyz(message.centroid, instance.centroid)
    fill_xyz(message.box_center.position, instance.box_center)
    fill_xyz(message.box_size, instance.box_size)
    message.gaussian_count = int(instance.gaussian_count)
    message.mean_opacity = float(instance.mean_opacity)
    message.rois = [_to_roi(roi) for roi in instance.rois]
    return message


def to_instances(perception: Perception, header: Header, info: SceneInfo) -> ObjectInstanceArray:
    """All objects of a scene; an empty list means: scene processed, nothing found."""
    message = ObjectInstanceArray(header=header, info=info)
    message.instances = [to_instance(instance) for instance in perception.instances]
    return message


def to_match(match: Match) -> ObjectMatch:
    """One object that answers a query, with its score."""
    return ObjectMatch(
        instance=to_instance(match.instance),
        score=float(match.score),
        raw_similarity=float(match.raw_similarity),
    )


def label_table(labels: tuple[str, ...], version: int, stamp_ns: int) -> LabelTable:
    """The labels in force with their colours; labels[0] is "unlabelled".

    Raises:
        ValueError: if the first label is another one.
    """
    if not labels or labels[0] != "unlabelled":
        raise ValueError(f"labels[0] must be 'unlabelled', not {labels[:1]}")
    message = LabelTable(header=to_header(stamp_ns, ""))
    message.version = int(version)
    message.labels = [clean_string(label) for label in labels]
    colours = np.array([label_colour(index) for index in range(len(labels))], np.uint8)
    fill(message.colors, colours)
    return message


def to_camera_info(perception: Perception, header: Header) -> CameraInfo:
    """Calibration that belongs to the depth image: pinhole, no distortion, pixels of
    the first original image."""
    crop = perception.scene.crops[0]
    intrinsics = perception.scene.cameras.intrinsics[0].cpu().double()
    matrix = ros_from_scene(crop.to_original(intrinsics).numpy())
    message = CameraInfo(header=header, distortion_model="plumb_bob")
    message.height = int(crop.original_height)
    message.width = int(crop.original_width)
    message.d = [0.0] * 5
    message.k = [float(value) for value in matrix.reshape(-1)]
    message.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    projection = np.hstack([matrix, np.zeros((3, 1))])
    message.p = [float(value) for value in projection.reshape(-1)]
    return message


def relative_pose(perception: Perception, header: Header, view: int) -> PoseStamped:
    """Pose of a further camera in the first camera's frame, in the unit of the scene."""
    first_from_view = perception.scene.cameras.first_from_view[view].cpu().double().numpy()
    return PoseStamped(header=header, pose=to_pose(first_from_view))


def relative_transform(
    perception: Perception, header: Header, view: int, camera: str
) -> TransformStamped:
    """The same for TF: the first camera's frame to ``<that frame>_semsplat_<camera>``."""
    pose = relative_pose(perception, header, view).pose
    child = f"{header.frame_id}_semsplat_{camera}"
    message = TransformStamped(header=header, child_frame_id=child)
    message.transform.translation = to_vector((pose.position.x, pose.position.y, pose.position.z))
    message.transform.rotation = pose.orientation
    return message


def _to_roi(roi: Roi) -> RegionOfInterest:
    """Pixels of an original image; all zero if the object is not visible there."""
    region = RegionOfInterest()
    region.x_offset = max(0, int(roi.left))
    region.y_offset = max(0, int(roi.top))
    region.width = max(0, int(roi.width))
    region.height = max(0, int(roi.height))
    return region
