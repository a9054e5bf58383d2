# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""``sensor_msgs/CameraInfo`` to the intrinsics of a received image, and to a stereo baseline.

CameraInfo is optional, often stale and often wrong, so every reading says what was taken or why
nothing was. Rules (CameraInfo.msg, REP 104):

* K belongs to raw images, P to rectified ones. An image counts as rectified if its topic says so
  (:func:`is_rectified_topic`). Where the one that is due is all zero, the other stands in if the
  lens has no distortion, since then both describe the same image.
* K and P refer to the full sensor of `width` x `height`; the image is its region of interest,
  binned.
* An image of another size is taken as scaled only if its sides have the same ratio, otherwise the
  CameraInfo is ignored: it belongs to another mode of the camera.
* ROS and OpenCV put the centre of the first pixel at 0, this package puts it at 0.5
  (:mod:`semsplat_ros.scene`). Intrinsics leave this module in the package's convention.
"""

import re
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from sensor_msgs.msg import CameraInfo

from semsplat_ros.geometry.plausibility import baseline_fault, intrinsics_fault
from semsplat_ros.nodes.common.conversions import Matrix, scene_from_ros

NO_BASELINE = 1e-5
"""Metres; less is none."""
_ASPECT_TOLERANCE = 0.01
_ROW_TOLERANCE = 0.5
"""Pixels by which cy may differ between the cameras of a rectified pair."""
_RELATIVE_TOLERANCE = 1e-3
_RECTIFIED_NAME = re.compile(r"(^|[/_])rect(ified)?([/_]|$)")


@dataclass(frozen=True)
class CameraReading:
    """Intrinsics of one received image."""

    intrinsics: Matrix | None
    """Pixels of the received image, first pixel centre at 0.5; None if CameraInfo is no use."""
    reason: str
    """What was used, or why nothing was."""
    distorted: bool = False
    """True if the image is raw and the lens bends lines: intrinsics alone are approximate."""


@dataclass(frozen=True)
class RigReading:
    """What two CameraInfo messages say about the pair."""

    baseline: float | None
    """Metres between the cameras, > 0; None if unknown."""
    rectified: bool | None
    """True if points keep their row and, as far as P says, the second camera is at +x of the
    first; None if there is no P that could say it."""
    reason: str
    """Where the baseline came from, or why there is none; why the pair is not rectified."""
    swapped: bool = False
    """True if P puts the second camera to the left of the first."""
    warning: str = ""
    """Something a person should look at, else empty."""


def is_rectified_topic(topic: str) -> bool:
    """True if a part of the name is "rect": ``left/image_rect_color``, not ``direct/image``."""
    return _RECTIFIED_NAME.search(topic) is not None


def image_size(info: CameraInfo) -> tuple[int, int] | None:
    """Height and width of the images that a CameraInfo describes, None if it has no size."""
    window, _ = _window(info)
    if window is None:
        return None
    _, _, width, height = window
    return height // max(info.binning_y, 1), width // max(info.binning_x, 1)


def same_calibration(one: CameraInfo, other: CameraInfo) -> bool:
    """True if two messages say the same about a camera; stamps and frames do not count."""
    return _content(one) == _content(other)


def read_camera_info(
    info: CameraInfo, image_height: int, image_width: int, rectified_topic: bool
) -> CameraReading:
    """Intrinsics of a received image of `image_height` x `image_width` pixels.

    Args:
        info: the camera's newest CameraInfo; may be wrong in any way.
        image_height: of the received image, in pixels.
        image_width: of the received image, in pixels.
        rectified_topic: whether the image comes from a rectified image topic.
    """
    full, used, problem = _matrix(info, rectified_topic)
    if full is None:
        return CameraReading(None, problem)
    window, problem = _window(info)
    if window is None:
        return CameraReading(None, problem)
    left, top, width, height = window
    scale_x, scale_y = image_width / width, image_height / height
    binned = f"{width / max(info.binning_x, 1):g} x {height / max(info.binning_y, 1):g}"
    # How much the image was resized beyond the binning that CameraInfo declares.
    resized_x = scale_x * max(info.binning_x, 1)
    resized_y = scale_y * max(info.binning_y, 1)
    rounding = 1.0 / image_width + 1.0 / image_height  # odd sensors do not divide evenly
    if abs(resized_x / resized_y - 1.0) > _ASPECT_TOLERANCE + rounding:
        return CameraReading(
            None,
            f"image is {image_width} x {image_height}, CameraInfo describes {binned}: "
            "not the same shape, CameraInfo ignored",
        )
    affine = np.array(
        [[scale_x, 0.0, -left * scale_x], [0.0, scale_y, -top * scale_y], [0.0, 0.0, 1.0]]
    )
    with np.errstate(over="ignore", invalid="ignore"):  # huge values are refused just below
        intrinsics = affine @ scene_from_ros(full)
    # Against the full sensor: an image may be binned along one side, if CameraInfo says so.
    problem = intrinsics_fault(scene_from_ros(full), info.height, info.width)
    if not problem and not np.isfinite(intrinsics).all():
        problem = "values too large"
    if problem:
        return CameraReading(None, f"{used}: {problem}, CameraInfo ignored")
    reason = used
    if abs(resized_x - 1.0) > 1.5 / image_width or abs(resized_y - 1.0) > 1.5 / image_height:
        reason += f", scaled from {binned} to {image_width} x {image_height}"
    distorted = not rectified_topic and _bends(info)
    return CameraReading(intrinsics, reason, distorted)


def read_rig(
    left_info: CameraInfo,
    right_info: CameraInfo,
    left_rectified_topic: bool,
    right_rectified_topic: bool,
    names: tuple[str, ...] = ("left", "right"),
) -> RigReading:
    """Baseline of a stereo pair and whether it is rectified.

    The baseline B is in P (``P[3] = -fx * B`` in the right camera). Either sign of P[3] gives it;
    the unusual one means that the topics (or the sign) are swapped, and then the pair does not
    count as rectified, because matching along rows needs to know the direction.
    """
    left, right = _projection(left_info), _projection(right_info)
    if left is None or right is None:
        name = names[0] if left is None else names[1]
        return RigReading(None, None, f"{name} CameraInfo has no usable P")
    # Position of the right camera's centre in the left camera, in the rectified frame that both
    # share.
    with np.errstate(over="ignore", invalid="ignore"):
        offset_x = float(left[0, 3] / left[0, 0] - right[0, 3] / right[0, 0])
        offset_y = float(left[1, 3] / left[1, 1] - right[1, 3] / right[1, 1])
        baseline = float(np.hypot(offset_x, offset_y))
    obstacle = _why_not_rectified(
        left_info, right_info, (left_rectified_topic, right_rectified_topic), names
    )
    if baseline < NO_BASELINE:
        reason = "P of both cameras gives baseline 0"
        return RigReading(None, not obstacle, f"{reason}; {obstacle}" if obstacle else reason)
    fault = baseline_fault(baseline)  # also NaN, from focal lengths next to zero
    if fault:
        reason = f"P refused: {fault} P[3] must be -fx * baseline in pixels times metres"
        return RigReading(None, False, reason, warning=reason)
    swapped = -offset_x > abs(offset_y)
    warning = ""
    if swapped:
        warning = f"P puts the {names[1]} camera {-offset_x:.4g} m to the left: "
        warning += f"{'/'.join(names)} swapped?"
    if not obstacle and abs(offset_y) > 0.01 * baseline:
        obstacle = "P puts one camera above the other"
    if not obstacle and swapped:
        obstacle = f"{' and '.join(names)} are swapped"
    reason = f"{baseline:.4g} m from P; "
    reason += f"not rectified: {obstacle}" if obstacle else "rectified"
    return RigReading(baseline, not obstacle, reason, swapped, warning)


def _matrix(info: CameraInfo, rectified: bool) -> tuple[Matrix | None, str, str]:
    """The 3 x 3 matrix that is due, its name, and what is wrong if there is none."""
    k = np.asarray(info.k, np.float64).reshape(3, 3)
    p = np.asarray(info.p, np.float64).reshape(3, 4)[:, :3]
    due, name, other, other_name = (p, "P", k, "K") if rectified else (k, "K", p, "P")
    if not due.any() and other.any() and not _bends(info):
        due, name = other, f"{other_name} ({name} is zero, the lens has no distortion)"
    if not due.any() or due[0, 0] == 0.0:
        return None, name, f"{name} is zero: camera is not calibrated"
    if not np.isfinite(due).all():
        return None, name, f"{name} has values that are not finite"
    if due[0, 0] <= 0.0 or due[1, 1] <= 0.0:
        return None, name, f"{name} has focal lengths {due[0, 0]:g}, {due[1, 1]:g}; must be > 0"
    if due[1, 0] != 0.0 or (due[2] != (0.0, 0.0, 1.0)).any():
        return (
            None,
            name,
            f"{name} is not a camera matrix: rows {due[1].tolist()}, {due[2].tolist()}",
        )
    return due.copy(), name, ""


def _window(info: CameraInfo) -> tuple[tuple[int, int, int, int] | None, str]:
    """Left, top, width, height of the captured region in full-sensor pixels, or what is wrong."""
    if info.width == 0 or info.height == 0:
        return None, "CameraInfo has no width and height, ignored"
    roi = info.roi
    if not (roi.width or roi.height or roi.x_offset or roi.y_offset):
        return (0, 0, info.width, info.height), ""
    width = roi.width or info.width - roi.x_offset
    height = roi.height or info.height - roi.y_offset
    inside = roi.x_offset + width <= info.width and roi.y_offset + height <= info.height
    if width <= 0 or height <= 0 or not inside:
        return None, (
            f"CameraInfo's roi {width} x {height} at {roi.x_offset}, {roi.y_offset} is not inside "
            f"{info.width} x {info.height}, ignored"
        )
    return (roi.x_offset, roi.y_offset, width, height), ""


def _projection(info: CameraInfo) -> Float64[np.ndarray, "3 4"] | None:
    """P if it is finite with positive focal lengths, else None."""
    p = np.asarray(info.p, np.float64).reshape(3, 4)
    usable = np.isfinite(p).all() and p[0, 0] > 0.0 and p[1, 1] > 0.0
    return p if usable else None


def _why_not_rectified(
    left: CameraInfo,
    right: CameraInfo,
    rectified_topics: tuple[bool, bool],
    names: tuple[str, ...],
) -> str:
    """Why rows of the two images may not correspond, or empty. In doubt there is a reason."""
    left_p, right_p = _projection(left), _projection(right)
    if left_p is None or right_p is None:
        return "P is missing"
    for name, row, column in (("fx", 0, 0), ("fy", 1, 1)):
        a, b = left_p[row, column], right_p[row, column]
        if abs(a - b) > _RELATIVE_TOLERANCE * a:
            return f"{name} differs, {a:.6g} and {b:.6g}"
    if abs(left_p[1, 2] - right_p[1, 2]) > _ROW_TOLERANCE:
        return f"cy differs, {left_p[1, 2]:.6g} and {right_p[1, 2]:.6g}"
    if _geometry(left) != _geometry(right):
        return "size, binning or roi rows differ"
    for name, info, rectified in zip(names, (left, right), rectified_topics, strict=True):
        if not rectified and not _raw_is_rectified(info):
            return f"{name} image topic is raw and its lens or mounting needs rectification"
    return ""


def _content(info: CameraInfo) -> tuple:
    roi = info.roi
    # Bytes: NaN equals NaN there.
    numbers = tuple(values.tobytes() for values in (info.d, info.k, info.r, info.p))
    return (
        *(info.height, info.width, info.distortion_model, *numbers),
        *(info.binning_x, info.binning_y),
        *(roi.x_offset, roi.y_offset, roi.width, roi.height, roi.do_rectify),
    )


def _geometry(info: CameraInfo) -> tuple[int, ...]:
    """What must agree for rows to correspond."""
    roi = info.roi
    binning = (max(info.binning_x, 1), max(info.binning_y, 1))
    return (info.height, info.width, *binning, roi.y_offset, roi.height)


def _raw_is_rectified(info: CameraInfo) -> bool:
    """True if rectification would move no pixel: no distortion, R the identity, K equal to P."""
    k = np.asarray(info.k, np.float64).reshape(3, 3)
    p = np.asarray(info.p, np.float64).reshape(3, 4)[:, :3]
    r = np.asarray(info.r, np.float64).reshape(3, 3)
    if _bends(info) or not np.isfinite(k).all():
        return False
    rotated = r.any() and not np.allclose(r, np.eye(3), rtol=0.0, atol=1e-6)
    return not rotated and bool(np.allclose(k, p, rtol=_RELATIVE_TOLERANCE, atol=_ROW_TOLERANCE))


def _bends(info: CameraInfo) -> bool:
    """True if the distortion coefficients are not zero, or not numbers."""
    d = np.asarray(info.d, np.float64)
    return bool((~(np.abs(d) < 1e-9)).any())
