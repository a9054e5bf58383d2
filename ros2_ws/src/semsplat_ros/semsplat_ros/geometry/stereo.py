# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""Semi-global matching of a rectified pair with known baseline: what calibrated stereo knows for
sure.

A network of a few million parameters reads depth from two images only roughly. Where a pair is
rectified and its baseline is known, OpenCV's semi-global matcher gives sub-pixel disparity on
every textured surface, for a few milliseconds. It is handed to the network as an input channel,
which fills the rest (blank walls, occlusions, mirrors) and stays in charge of the output.
"""

import cv2
import numpy as np
from jaxtyping import Float, Shaped, UInt8

MINIMUM_DEPTH = 0.35
"""Metres; nearer surfaces are left to the network. Bounds the disparity search."""
MAXIMUM_DISPARITIES = 192
MINIMUM_DISPARITY = 0.75
"""Pixels of the finer image; less is further than the matcher can tell."""


def inverse_depth_cue(
    left: UInt8[np.ndarray, "hh ww 3"],
    right: UInt8[np.ndarray, "hh ww 3"],
    intrinsics: Float[np.ndarray, "3 3"],
    baseline: float,
    factor: int = 2,
    principal_points_apart: float = 0.0,
) -> Float[np.ndarray, "2 h w"]:
    """Inverse depth of both views where the matcher is sure, 0 elsewhere.

    Args:
        left: RGB of the left camera.
        right: RGB of the right camera, rectified against the left one.
        intrinsics: of the left image, in pixels; both cameras share the focal length.
        baseline: metres, > 0.
        factor: how many times smaller the result is than the images.
        principal_points_apart: column of the left camera's principal point minus that of the
            right one's, pixels: what an infinitely far point has as disparity. Depth is focal
            length x baseline / (disparity - principal_points_apart).

    Returns:
        Inverse depth in 1/m of the left and the right view at 1/factor of the size; the mean of
        the valid disparities of each cell if at least half of the cell is valid, else 0.
    """
    focal = float(intrinsics[0, 0])
    count = int(np.ceil(focal * baseline / MINIMUM_DEPTH / 16.0)) * 16
    count = int(np.clip(count, 16, MAXIMUM_DISPARITIES))
    gray_left = cv2.cvtColor(left, cv2.COLOR_RGB2GRAY)
    gray_right = cv2.cvtColor(right, cv2.COLOR_RGB2GRAY)
    # The matcher searches from 0 on: whole pixels of the offset are taken out of the right image,
    # what is left of it out of the disparities.
    moved = round(principal_points_apart)
    gray_right = _moved(gray_right, moved)
    disparity_left = _disparity(gray_left, gray_right, count)
    flipped = _disparity(np.fliplr(gray_right), np.fliplr(gray_left), count)
    disparity_right = np.ascontiguousarray(np.fliplr(flipped))
    _keep_consistent(disparity_left, disparity_right)
    disparity_right = _moved(disparity_right, -moved)
    for disparity in (disparity_left, disparity_right):
        known = disparity > 0
        disparity[known] -= principal_points_apart - moved
        disparity[known & (disparity < MINIMUM_DISPARITY)] = 0.0
    per_metre = 1.0 / (focal * baseline)
    return np.stack([_shrink(d, factor) for d in (disparity_left, disparity_right)]) * per_metre


def _disparity(
    first: UInt8[np.ndarray, "hh ww"], second: UInt8[np.ndarray, "hh ww"], count: int
) -> Float[np.ndarray, "hh ww"]:
    """Disparity in pixels of the first image, 0 where unknown; the second camera is at its
    right."""
    block = 5
    matcher = cv2.StereoSGBM.create(
        minDisparity=0,
        numDisparities=count,
        blockSize=block,
        P1=4 * block * block,
        P2=24 * block * block,
        disp12MaxDiff=-1,
        preFilterCap=31,
        uniquenessRatio=8,
        speckleWindowSize=40,
        speckleRange=2,
        mode=cv2.STEREO_SGBM_MODE_SGBM_3WAY,
    )
    # The matcher leaves the first `count` columns out: pad them, so that every column gets its
    # turn.
    padded = [cv2.copyMakeBorder(i, 0, 0, count, 0, cv2.BORDER_REPLICATE) for i in (first, second)]
    disparity = matcher.compute(*padded)[:, count:].astype(np.float32) / 16.0
    disparity[disparity < MINIMUM_DISPARITY] = 0.0
    # A match outside the second image is one with the padding.
    columns = np.arange(disparity.shape[1], dtype=np.float32)
    disparity[disparity > columns] = 0.0
    return disparity


def _moved(image: Shaped[np.ndarray, "hh ww"], columns: int) -> Shaped[np.ndarray, "hh ww"]:
    """An image moved to the right by whole columns; 0 where it came from."""
    if columns == 0:
        return image
    out = np.zeros_like(image)
    if columns > 0:
        out[:, columns:] = image[:, :-columns]
    else:
        out[:, :columns] = image[:, -columns:]
    return out


def _keep_consistent(
    left: Float[np.ndarray, "hh ww"], right: Float[np.ndarray, "hh ww"], tolerance: float = 1.5
) -> None:
    """Set to 0, in place, what the other view's disparity does not confirm."""
    rows, columns = np.indices(left.shape, dtype=np.float32)
    right_seen = cv2.remap(right, columns - left, rows, cv2.INTER_NEAREST, borderValue=0.0)
    left_seen = cv2.remap(left, columns + right, rows, cv2.INTER_NEAREST, borderValue=0.0)
    left[np.abs(left - right_seen) > tolerance] = 0.0
    right[np.abs(right - left_seen) > tolerance] = 0.0


def _shrink(disparity: Float[np.ndarray, "hh ww"], factor: int) -> Float[np.ndarray, "h w"]:
    """Mean of the valid disparities of each cell; 0 where less than half of the cell is valid."""
    size = (disparity.shape[1] // factor, disparity.shape[0] // factor)
    valid = cv2.resize((disparity > 0).astype(np.float32), size, interpolation=cv2.INTER_AREA)
    total = cv2.resize(disparity, size, interpolation=cv2.INTER_AREA)
    return np.where(valid >= 0.5, total / np.maximum(valid, 1e-6), 0.0).astype(np.float32)
