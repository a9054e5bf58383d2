# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What a simulated stereo camera sends: images in the usual encodings, calibration, its pose.

The inverse of :mod:`semsplat_ros.nodes.inputs.image_decoding` and
:mod:`semsplat_ros.nodes.inputs.camera_info`.
"""

from collections.abc import Callable

import cv2
import numpy as np
from geometry_msgs.msg import PoseStamped, TransformStamped
from jaxtyping import Float64, UInt8
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header

from semsplat_ros.nodes.common.conversions import fill, ros_from_scene, to_pose, to_vector
from semsplat_ros.rooms.robot import StereoRig

ROOM_FRAME = "room"
FRAMES = {"left": "left_camera_optical", "right": "right_camera_optical"}
THIRD_FRAME = {"third": "third_camera_optical"}
JPEG_QUALITY = 90

Pixels = UInt8[np.ndarray, "h w 3"]


def _cvt(code: int) -> Callable[[Pixels], np.ndarray]:
    return lambda rgb: cv2.cvtColor(rgb, code)


def _mono16(rgb: Pixels) -> np.ndarray:
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype("<u2") * 257


def _planes(rgb: Pixels) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Luma [h, w] and both chromas [h/2, w/2], BT.601 with limited range."""
    height, width = rgb.shape[:2]
    planar = cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420).reshape(-1)
    luma, chroma = np.split(planar, [height * width])
    u, v = chroma.reshape(2, height // 2, width // 2)
    return luma.reshape(height, width), u, v


def _nv12(rgb: Pixels) -> np.ndarray:
    luma, u, v = _planes(rgb)
    return np.concatenate([luma, np.stack([u, v], -1).reshape(len(u), -1)])


def _yuy2(rgb: Pixels) -> np.ndarray:
    luma, u, v = _planes(rgb)
    packed = np.empty((*luma.shape, 2), np.uint8)
    packed[..., 0] = luma
    packed[:, 0::2, 1], packed[:, 1::2, 1] = u.repeat(2, 0), v.repeat(2, 0)
    return packed


def _rggb(rgb: Pixels) -> np.ndarray:
    mosaic = rgb[..., 1].copy()
    mosaic[0::2, 0::2] = rgb[0::2, 0::2, 0]
    mosaic[1::2, 1::2] = rgb[1::2, 1::2, 2]
    return mosaic


ENCODERS: dict[str, Callable[[Pixels], np.ndarray]] = {
    "rgb8": lambda rgb: rgb,
    "bgr8": _cvt(cv2.COLOR_RGB2BGR),
    "rgba8": _cvt(cv2.COLOR_RGB2RGBA),
    "bgra8": _cvt(cv2.COLOR_RGB2BGRA),
    "mono8": _cvt(cv2.COLOR_RGB2GRAY),
    "mono16": _mono16,
    "nv12": _nv12,
    "yuv422_yuy2": _yuy2,
    "bayer_rggb8": _rggb,
}
"""RGB pixels as rows of memory, by the encoding's name. All need an even width and height."""


def to_raw(rgb: Pixels, encoding: str, header: Header) -> Image:
    """An image in one of :data:`ENCODERS`."""
    rows = np.ascontiguousarray(ENCODERS[encoding](rgb))
    message = Image(header=header, encoding=encoding)
    message.height, message.width = int(rgb.shape[0]), int(rgb.shape[1])
    message.step = int(rows[0].nbytes)
    message.is_bigendian = 0
    message.data.frombytes(rows.data.cast("B"))
    return message


def to_jpeg(rgb: Pixels, header: Header) -> CompressedImage:
    """An image as JPEG."""
    bgr = cv2.cvtColor(rgb, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    message = CompressedImage(header=header, format="rgb8; jpeg compressed bgr8")
    fill(message.data, data)
    return message


def to_calibration(rig: StereoRig, side: str, header: Header) -> CameraInfo:
    """CameraInfo of a rectified camera without distortion; P of the right one holds the baseline.

    P[3] = -fx * baseline in pixels times metres (CameraInfo.msg).
    """
    matrix = ros_from_scene(rig.intrinsics.astype(np.float64))
    info = CameraInfo(header=header, distortion_model="plumb_bob")
    info.height, info.width = int(rig.height), int(rig.width)
    info.d = [0.0] * 5
    info.k = [float(value) for value in matrix.reshape(-1)]
    info.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    shift = -matrix[0, 0] * rig.baseline if side == "right" else 0.0
    projection = np.hstack([matrix, [[shift], [0.0], [0.0]]])
    info.p = [float(value) for value in projection.reshape(-1)]
    return info


def to_camera_pose(world_from_left: Float64[np.ndarray, "4 4"], stamp) -> PoseStamped:
    """Pose of the left camera's optical frame in the room."""
    header = Header(stamp=stamp, frame_id=ROOM_FRAME)
    return PoseStamped(header=header, pose=to_pose(world_from_left))


def to_transforms(
    world_from_left: Float64[np.ndarray, "4 4"], baseline: float, stamp, with_third: bool = False
) -> list[TransformStamped]:
    """The left camera in the room, the right camera beside the left one, and the third above
    it."""
    pose = to_pose(world_from_left)
    left = TransformStamped(child_frame_id=FRAMES["left"])
    left.header = Header(stamp=stamp, frame_id=ROOM_FRAME)
    left.transform.translation = to_vector(world_from_left[:3, 3])
    left.transform.rotation = pose.orientation
    places = {FRAMES["right"]: (baseline, 0.0, 0.0)}
    if with_third:
        places[THIRD_FRAME["third"]] = (0.0, -baseline, 0.0)
    return [left, *(_beside_left(frame, place, stamp) for frame, place in places.items())]


def _beside_left(frame: str, place: tuple[float, float, float], stamp) -> TransformStamped:
    beside = TransformStamped(child_frame_id=frame)
    beside.header = Header(stamp=stamp, frame_id=FRAMES["left"])
    beside.transform.translation = to_vector(place)
    beside.transform.rotation.w = 1.0
    return beside
