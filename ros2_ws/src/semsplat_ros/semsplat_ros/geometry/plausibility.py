# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What cannot be a camera, or a rig of two: mostly numbers in another unit than asked for."""

import math

import numpy as np
from jaxtyping import Float
from numpy import ndarray

MIN_BASELINE = 0.005
"""Metres; less cannot be told from one camera."""
MAX_BASELINE = 10.0
WIDEST_DEGREES = 160.0
"""Of a pinhole camera; more is a fisheye lens, which has no such matrix."""
NARROWEST_DEGREES = 1.0
MOST_UNEQUAL = 1.5
"""Ratio of the focal lengths along rows and columns."""
MOST_SKEWED = 0.01
"""Skew over focal length."""
LIKE_FRACTIONS = 2.0
"""Pixels; a principal point nearer to the corner is a fraction of the image, or was never set."""
FAR_OUTSIDE = 0.5
"""Image sides that the principal point of a cut-out may lie outside."""


def intrinsics_fault(intrinsics: Float[ndarray, "3 3"], height: int, width: int) -> str:
    """What is wrong with a camera matrix of an image, in words, or "".

    Args:
        intrinsics: pixels of the image.
        height: of the image.
        width: of the image.
    """
    k = np.asarray(intrinsics, np.float64)
    fx, fy, cx, cy = float(k[0, 0]), float(k[1, 1]), float(k[0, 2]), float(k[1, 2])
    if not np.isfinite(k).all():
        return f"it has values that are not finite: {k.tolist()}"
    if fx <= 0 or fy <= 0:
        return f"focal lengths {fx:g}, {fy:g} px; they are positive"
    degrees = math.degrees(2 * math.atan(width / (2 * fx)))
    if not NARROWEST_DEGREES <= degrees <= WIDEST_DEGREES:
        return (
            f"focal length {fx:.4g} px would be a view of {degrees:.3g} degrees in an image "
            f"{width} px wide; it is given in pixels of the image, not in millimetres or as a "
            "ratio"
        )
    if not 1 / MOST_UNEQUAL <= fx / fy <= MOST_UNEQUAL:
        return (
            f"focal lengths {fx:.4g} and {fy:.4g} px differ by more than {MOST_UNEQUAL:g}: is the "
            "image binned or scaled along one side only?"
        )
    if abs(k[0, 1]) > MOST_SKEWED * fx:
        return f"skew {k[0, 1]:.3g} px; pixels without skew are asked for: undistort the images"
    if 0 <= cx <= LIKE_FRACTIONS and 0 <= cy <= LIKE_FRACTIONS:
        return (
            f"principal point {cx:.3g}, {cy:.3g} px looks like a fraction of the image, or was "
            "never set; it is given in pixels"
        )
    outside_x, outside_y = FAR_OUTSIDE * width, FAR_OUTSIDE * height
    if not (-outside_x <= cx <= width + outside_x and -outside_y <= cy <= height + outside_y):
        return f"principal point {cx:.4g}, {cy:.4g} px is far outside {width} x {height} px"
    return ""


def baseline_fault(baseline: float) -> str:
    """What is wrong with the distance of two cameras in metres, in words, or ""."""
    if not math.isfinite(baseline) or baseline <= 0:
        return f"baseline {baseline:g} m; it is a positive number of metres, or None if unknown"
    if baseline < MIN_BASELINE:
        return (
            f"baseline {baseline:.4g} m is less than {1000 * MIN_BASELINE:g} mm: is it in "
            f"kilometres ({1000 * baseline:.3g} m)?"
        )
    if baseline > MAX_BASELINE:
        return (
            f"baseline {baseline:.4g} m is more than {MAX_BASELINE:g} m: is it in millimetres "
            f"({baseline / 1000:.3g} m) or centimetres ({baseline / 100:.3g} m)?"
        )
    return ""
