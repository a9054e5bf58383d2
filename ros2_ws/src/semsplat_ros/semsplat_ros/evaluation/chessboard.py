# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""How well a model sees depth in real photographs: stereo pairs that show a chessboard.

The images that a rig is calibrated with carry their own truth. OpenCV finds the board's corners,
calibrates and rectifies the rig from them, and says how far every corner is; the model is given
the rectified images and asked the same.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from jaxtyping import Float, UInt8

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.geometry.image_files import read_image
from semsplat_ros.perceiver import Perceiver
from semsplat_ros.scene import CameraPrior, IntrinsicsSource

LEAST_PAIRS = 5
"""Fewer do not calibrate a rig."""
LARGEST_ERROR = 1.0
"""Of the calibration, pixels; pairs that belong together stay far below."""
REFINEMENT = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_COUNT, 40, 1e-3)

ERRORS = ("depth_error", "depth_error_no_baseline")

Corners = Float[np.ndarray, "n 2"]


@dataclass(frozen=True)
class Board:
    """A chessboard."""

    columns: int
    """Inner corners in a row."""
    rows: int
    square: float
    """Side of a square, metres."""

    def points(self) -> Float[np.ndarray, "n 3"]:
        """Its inner corners, in its own plane."""
        grid = np.mgrid[0 : self.columns, 0 : self.rows].T.reshape(-1, 2)
        return np.concatenate([grid, np.zeros((len(grid), 1))], 1).astype(np.float32) * self.square

    def corners(self, image: UInt8[np.ndarray, "h w 3"]) -> Corners | None:
        """Where they are in an image, pixels; None if the board is not seen whole."""
        grey = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        found, at = cv2.findChessboardCorners(grey, (self.columns, self.rows))
        if not found:
            return None
        return cv2.cornerSubPix(grey, at, (5, 5), (-1, -1), REFINEMENT).reshape(-1, 2)


@dataclass(frozen=True)
class Photographs:
    """Images of both cameras in which the whole board is seen."""

    names: tuple[str, ...]
    images: tuple[tuple[UInt8[np.ndarray, "h w 3"], UInt8[np.ndarray, "h w 3"]], ...]
    corners: tuple[tuple[Corners, Corners], ...]

    @property
    def size(self) -> tuple[int, int]:
        """Width and height."""
        height, width = self.images[0][0].shape[:2]
        return width, height


@dataclass(frozen=True)
class RectifiedRig:
    """What rectifies the images of a rig, and what the rectified cameras are."""

    cameras: tuple[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray], ...]
    """Of each: matrix, distortion, rectifying rotation, projection of the rectified camera."""
    reprojection_error: float
    """Of the calibration, pixels."""

    @property
    def focal(self) -> float:
        """Of both rectified cameras, pixels."""
        return float(self.cameras[0][3][0, 0])

    @property
    def baseline(self) -> float:
        """Metres."""
        return float(-self.cameras[1][3][0, 3] / self.focal)

    @property
    def intrinsics(self) -> Float[torch.Tensor, "3 3"]:
        """Of both rectified cameras; the centre of the first pixel is at 0.5."""
        matrix = torch.from_numpy(self.cameras[0][3][:, :3]).float()
        matrix[:2, 2] += 0.5
        return matrix

    def rectify(
        self, pair: tuple[np.ndarray, np.ndarray], size: tuple[int, int]
    ) -> tuple[np.ndarray, ...]:
        """Both images with points on the same rows."""
        return tuple(
            cv2.remap(
                image,
                *cv2.initUndistortRectifyMap(*camera, size, cv2.CV_32FC1),
                cv2.INTER_LINEAR,
            )
            for image, camera in zip(pair, self.cameras, strict=True)
        )

    def distances(
        self, corners: tuple[Corners, Corners]
    ) -> tuple[Corners, Float[np.ndarray, " n"]]:
        """Corners in the rectified left image and their depth, metres."""
        left, right = (
            cv2.undistortPoints(at[:, None], matrix, distortion, R=rotation, P=projection)[:, 0]
            for at, (matrix, distortion, rotation, projection) in zip(
                corners, self.cameras, strict=True
            )
        )
        return left, self.focal * self.baseline / (left[:, 0] - right[:, 0])


def read_photographs(
    left: Sequence[Path], right: Sequence[Path], board: Board
) -> tuple[Photographs, list[str]]:
    """Pairs of files, and the names of those that do not show the whole board in both.

    Raises:
        SemsplatError: INVALID_ARGUMENT for no files, lists of two lengths and fewer than five
            pairs that show the board; BAD_FILE for images of two sizes; what
            :func:`semsplat_ros.geometry.image_files.read_image` raises.
    """
    if not left and not right:
        raise SemsplatError(ErrorCode.INVALID_ARGUMENT, "no file fits these patterns")
    if len(left) != len(right):
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"{len(left)} left and {len(right)} right images given; give as many of both, in "
            "the order of their names",
        )
    good: list[tuple[str, tuple, tuple]] = []
    unseen = []
    for paths in zip(left, right, strict=True):
        pair = tuple(read_image(path) for path in paths)
        first = good[0][1][0] if good else pair[0]
        if any(image.shape != first.shape for image in pair):
            raise SemsplatError(
                ErrorCode.BAD_FILE,
                f"{paths[0]} or {paths[1]} has another size than those before",
            )
        seen = tuple(board.corners(image) for image in pair)
        if any(at is None for at in seen):
            unseen.append(paths[0].name)
        else:
            good.append((paths[0].name, pair, seen))
    if len(good) < LEAST_PAIRS:
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"{len(good)} of {len(left)} pairs show a board of {board.columns} x {board.rows} "
            f"inner corners in both images; {LEAST_PAIRS} are needed: count the inner corners "
            "of yours",
        )
    return Photographs(*zip(*good, strict=True)), unseen


def calibrate(photographs: Photographs, board: Board) -> RectifiedRig:
    """The rig that took the images (OpenCV's stereoCalibrate and stereoRectify)."""
    points = [board.points()] * len(photographs.names)
    lefts, rights = (list(side) for side in zip(*photographs.corners, strict=True))
    # The third radial term is wild where no corner was.
    (_, first, first_distortion, _, _), (_, second, second_distortion, _, _) = (
        cv2.calibrateCamera(
            points, at, photographs.size, np.eye(3), np.zeros(5), flags=cv2.CALIB_FIX_K3
        )
        for at in (lefts, rights)
    )
    single = (first, first_distortion, second, second_distortion)
    found: Any = cv2.stereoCalibrate(
        *(points, lefts, rights, *single, photographs.size), flags=cv2.CALIB_FIX_INTRINSIC
    )
    error, rotation, translation = found[0], found[5], found[6]
    left, right, left_projection, right_projection, *_ = cv2.stereoRectify(
        *single, photographs.size, rotation, translation
    )
    cameras = (
        (first, first_distortion, left, left_projection),
        (second, second_distortion, right, right_projection),
    )
    return RectifiedRig(cameras, float(error))


def evaluate_chessboard(
    perceiver: Perceiver, photographs: Photographs, board: Board
) -> dict[str, Any]:
    """Median relative depth error at the corners of every pair, with the baseline known and
    withheld.

    Returns:
        ``baseline_m``, ``reprojection_error_px``, ``depth_error`` and ``depth_error_no_baseline``
        (medians over the pairs; None where nothing is known in metres), and ``pairs`` with
        ``name``, ``distance_m`` and both errors.

    Raises:
        SemsplatError: INVALID_ARGUMENT if the second camera is not to the right of the first, or
            if the pairs do not make one rig.
    """
    rig = calibrate(photographs, board)
    if rig.baseline <= 0:
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"the second camera is {-rig.baseline:.3f} m to the left of the first, or above it; "
            "the cameras stand side by side, the left one first: exchange the images",
        )
    if not rig.reprojection_error <= LARGEST_ERROR:
        raise SemsplatError(
            ErrorCode.INVALID_ARGUMENT,
            f"corners differ from the calibrated rig by {rig.reprojection_error:.1f} pixels, more "
            f"than {LARGEST_ERROR:g}: are the pairs in order, and is the board never upside down?",
        )
    rows = []
    for name, pair, corners in zip(
        photographs.names, photographs.images, photographs.corners, strict=True
    ):
        images = rig.rectify(pair, photographs.size)
        at, truth = rig.distances(corners)
        known, withheld = (
            _error(perceiver, images, rig, baseline, at, truth)
            for baseline in (rig.baseline, None)
        )
        rows.append(
            {
                "name": name,
                "distance_m": round(float(np.median(truth)), 3),
                **dict(zip(ERRORS, (known, withheld), strict=True)),
            }
        )
    return {
        "baseline_m": round(rig.baseline, 4),
        "reprojection_error_px": round(rig.reprojection_error, 3),
        **{name: _median([row[name] for row in rows]) for name in ERRORS},
        "pairs": rows,
    }


def _error(
    perceiver: Perceiver,
    images: tuple[np.ndarray, ...],
    rig: RectifiedRig,
    baseline: float | None,
    at: Corners,
    truth: Float[np.ndarray, " n"],
) -> float | None:
    """Median over the corners that the network image shows; None where there are none, and for
    depth that is not in metres.
    """
    views = perceiver.prepare(
        images,
        CameraPrior(
            intrinsics=(rig.intrinsics, rig.intrinsics),
            intrinsics_source=IntrinsicsSource.CAMERA_INFO,
            baseline=baseline,
            rectified=True,
        ),
    )
    scene = perceiver.perceive(views).scene
    if not scene.scale.is_metric:
        return None
    crop, depth = scene.crops[0], scene.depth_map(0).cpu().numpy()
    column = np.floor((at[:, 0] + 0.5 - crop.left) * crop.scale_x).astype(int)
    row = np.floor((at[:, 1] + 0.5 - crop.top) * crop.scale_y).astype(int)
    inside = (column >= 0) & (column < depth.shape[1]) & (row >= 0) & (row < depth.shape[0])
    seen = depth[row[inside], column[inside]]
    return _median(np.abs(seen - truth[inside]) / truth[inside])


def _median(values: Iterable) -> float | None:
    """Of those that are numbers; None without any."""
    known = [value for value in values if value is not None and np.isfinite(value)]
    return round(float(np.median(known)), 4) if known else None
