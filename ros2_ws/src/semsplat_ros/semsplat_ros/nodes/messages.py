# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""From values to ROS messages: every cast and every small message the node fills.

ROS 2 Jazzy does not check what is assigned to a field: a ``numpy.float32``, an ``int`` in a float
field or a ``numpy.bool_`` arrive as garbage on the other side. So every number goes through
``float()``, ``int()``, ``bool()`` or ``str()`` here, and every array through :func:`fill`.
"""

import colorsys
import math
from array import array
from collections.abc import Iterable
from typing import SupportsFloat

import numpy as np
from builtin_interfaces.msg import Duration, Time
from geometry_msgs.msg import Point, Pose, PoseStamped, Quaternion, Vector3
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import CameraInfo, Image, RegionOfInterest
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
from semsplat_ros.nodes.camera_info import ros_from_scene
from semsplat_ros.scene import Match, ObjectInstance, Perception, Roi

NANOSECONDS = 1_000_000_000
UNLABELLED_COLOUR = (160, 160, 160)


def fill(field: array, values: np.ndarray) -> None:
    """Append a numpy array to an empty array field of a fresh message: one copy, no Python loop.

    Args:
        field: the message's own ``array.array``; its type code decides the type of the numbers.
        values: any shape; cast to the field's type where that keeps the kind of number.

    Raises:
        TypeError: if the cast would change the kind (a float array into a uint8 field).
    """
    kind = np.dtype(field.typecode)
    flat = np.ascontiguousarray(values.astype(kind, casting="same_kind", copy=False)).reshape(-1)
    if flat.size:
        field.frombytes(memoryview(flat).cast("B"))


def to_time(stamp_ns: int) -> Time:
    """Nanoseconds since the epoch as a stamp; 0 is "no stamp"."""
    seconds, rest = divmod(int(stamp_ns), NANOSECONDS)
    return Time(sec=seconds, nanosec=rest)


def to_duration(seconds: SupportsFloat) -> Duration:
    """Seconds as a duration."""
    whole, rest = divmod(round(float(seconds) * NANOSECONDS), NANOSECONDS)
    return Duration(sec=whole, nanosec=rest)


def duration_seconds(duration: Duration) -> float:
    """A duration in seconds."""
    return float(duration.sec) + float(duration.nanosec) / NANOSECONDS


def to_header(stamp_ns: int, frame: str) -> Header:
    """Header of something measured at `stamp_ns` in `frame`."""
    return Header(stamp=to_time(stamp_ns), frame_id=str(frame))


def error(code: ErrorCode, message: str = "") -> ErrorCodeMsg:
    """An answer's error field."""
    return ErrorCodeMsg(code=int(code), message=clean_string(message))


def clean_string(text: str) -> str:
    """A string that DDS can carry: without NUL, lone surrogates replaced."""
    return str(text).replace("\0", "").encode("utf-8", "replace").decode("utf-8")


def to_point(values: Iterable[SupportsFloat]) -> Point:
    """Three numbers as a point."""
    x, y, z = values
    return Point(x=float(x), y=float(y), z=float(z))


def to_vector(values: Iterable[SupportsFloat]) -> Vector3:
    """Three numbers as a vector."""
    x, y, z = values
    return Vector3(x=float(x), y=float(y), z=float(z))


def to_quaternion(matrix: np.ndarray) -> Quaternion:
    """Rotation matrix [3, 3] as a quaternion in the order of ROS (x y z w)."""
    x, y, z, w = Rotation.from_matrix(np.asarray(matrix, np.float64)).as_quat()
    return Quaternion(x=float(x), y=float(y), z=float(z), w=float(w))


def yaw_quaternion(yaw: SupportsFloat) -> Quaternion:
    """Rotation about z by `yaw` radians."""
    return Quaternion(x=0.0, y=0.0, z=math.sin(float(yaw) / 2), w=math.cos(float(yaw) / 2))


def to_pose(target_from_source: np.ndarray) -> Pose:
    """Homogeneous transform [4, 4] as the pose of the source frame in the target frame."""
    matrix = np.asarray(target_from_source, np.float64)
    pose = Pose(orientation=to_quaternion(matrix[:3, :3]))
    pose.position = to_point(matrix[:3, 3])
    return pose


def scene_info(perception: Perception, sequence: int) -> SceneInfo:
    """What all outputs of one pair share: which pair, which scale, which intrinsics, which
    model."""
    scene = perception.scene
    stamps = scene.provenance.stamps_ns
    right_ns = stamps[1] if len(stamps) > 1 else (stamps[0] if stamps else 0)
    vocabulary = perception.vocabulary
    info = SceneInfo()
    info.sequence = int(sequence)
    info.right_stamp = to_time(right_ns)
    info.pair_offset = (right_ns - stamps[0]) / NANOSECONDS if stamps else 0.0
    info.scale_status = int(scene.scale.status)
    info.scale_factor = float(scene.scale.factor)
    info.intrinsics_source = int(scene.cameras.source)
    info.vocabulary_version = 0 if vocabulary is None else int(vocabulary.version)
    info.model = clean_string(scene.provenance.model)
    info.inference_time = float(scene.provenance.inference_seconds)
    return info


def to_roi(roi: Roi) -> RegionOfInterest:
    """Pixels of an original image; all zero if the object is not visible there."""
    return RegionOfInterest(
        x_offset=max(0, int(roi.left)),
        y_offset=max(0, int(roi.top)),
        width=max(0, int(roi.width)),
        height=max(0, int(roi.height)),
    )


def to_instance(instance: ObjectInstance) -> ObjectInstanceMsg:
    """One object; its box is axis-aligned in the frame of the scene."""
    message = ObjectInstanceMsg()
    message.id = int(instance.id)
    message.label = clean_string(instance.label)
    message.label_id = int(instance.label_id)
    message.label_score = float(instance.label_score)
    message.centroid = to_point(instance.centroid)
    message.box_center.position = to_point(instance.box_center)
    message.box_size = to_vector(instance.box_size)
    message.gaussian_count = int(instance.gaussian_count)
    message.mean_opacity = float(instance.mean_opacity)
    rois = (*instance.rois, Roi(), Roi())
    message.roi_left = to_roi(rois[0])
    message.roi_right = to_roi(rois[1])
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


def label_colour(label_id: int) -> tuple[int, int, int]:
    """The colour (r g b, 0..255) of a label everywhere: hues a golden section apart, 0 is grey."""
    if label_id == 0:
        return UNLABELLED_COLOUR
    hue = (label_id * 0.618033988749895) % 1.0
    # Three brightnesses in turn keep labels apart whose hues fall close together.
    value = (0.95, 0.75, 0.55)[label_id % 3]
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.75, value)
    return round(red * 255), round(green * 255), round(blue * 255)


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


def to_image(pixels: np.ndarray, encoding: str, header: Header) -> Image:
    """An image message from an array.

    Args:
        pixels: [h, w] uint16 for "16UC1", [h, w] float32 for "32FC1", [h, w, 3] uint8 for "rgb8".
        encoding: one of those three.
        header: stamp and frame.

    Raises:
        ValueError: if array and encoding do not belong together.
    """
    kinds = {"16UC1": (np.uint16, 2), "32FC1": (np.float32, 2), "rgb8": (np.uint8, 3)}
    kind, dimensions = kinds[encoding]
    if pixels.dtype != kind or pixels.ndim != dimensions:
        raise ValueError(f"{encoding} needs {kind.__name__} in {dimensions} dimensions")
    message = Image(header=header, encoding=encoding)
    message.height = int(pixels.shape[0])
    message.width = int(pixels.shape[1])
    message.step = int(pixels.shape[1] * pixels.itemsize * (3 if dimensions == 3 else 1))
    message.is_bigendian = int(not np.little_endian)
    if pixels.size:
        message.data.frombytes(memoryview(np.ascontiguousarray(pixels)).cast("B"))
    return message


def to_camera_info(perception: Perception, header: Header) -> CameraInfo:
    """Calibration that belongs to the depth image: pinhole, no distortion, original left
    pixels."""
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


def relative_pose(perception: Perception, header: Header) -> PoseStamped:
    """Pose of the second camera in the first camera's frame, in the unit of the scene."""
    first_from_second = perception.scene.cameras.first_from_view[1].cpu().double().numpy()
    return PoseStamped(header=header, pose=to_pose(first_from_second))
