# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""From Python and NumPy to the fields of ROS messages: every cast.

ROS 2 Jazzy does not check what is assigned to a field: a ``numpy.float32``, an ``int`` in a float
field or a ``numpy.bool_`` arrive as garbage on the other side. So every number goes through
``float()``, ``int()``, ``bool()`` or ``str()``, and every array through :func:`fill`. Nothing in
here needs torch, so that a process without a model starts fast.
"""

import math
from array import array
from collections.abc import Iterable
from typing import SupportsFloat

import numpy as np
from builtin_interfaces.msg import Duration, Time
from geometry_msgs.msg import Point, Pose, Quaternion, Vector3
from jaxtyping import Float64
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import Image
from std_msgs.msg import Header

NANOSECONDS = 1_000_000_000
Matrix = Float64[np.ndarray, "3 3"]

PIXEL_CENTER = 0.5


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
        field.frombytes(flat.data.cast("B"))


def fill_zeros(field: array, count: int) -> None:
    """Make an empty array field of a fresh message `count` zeros long, to be written in place.

    Assigning an array to the field would copy it.
    """
    field.append(0)
    field *= count


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


def fill_xyz(field: Point | Vector3, values: Iterable[SupportsFloat]) -> None:
    """Three numbers into a point or vector that a new message holds already."""
    x, y, z = values
    field.x, field.y, field.z = float(x), float(y), float(z)


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
        message.data.frombytes(np.ascontiguousarray(pixels).data.cast("B"))
    return message


def scene_from_ros(intrinsics: Matrix) -> Matrix:
    """Intrinsics with the first pixel's centre at 0.5 from those with it at 0 (ROS, OpenCV)."""
    return _shifted(intrinsics, PIXEL_CENTER)


def ros_from_scene(intrinsics: Matrix) -> Matrix:
    """Intrinsics as CameraInfo wants them; the inverse of :func:`scene_from_ros`."""
    return _shifted(intrinsics, -PIXEL_CENTER)


def _shifted(intrinsics: Matrix, pixels: float) -> Matrix:
    moved = intrinsics.copy()
    moved[:2, 2] += pixels
    return moved
