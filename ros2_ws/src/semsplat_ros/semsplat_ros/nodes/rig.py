# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What is known about the two cameras at the moment of a pair: intrinsics, baseline, and from
where."""

import logging
from dataclasses import dataclass

import torch
from jaxtyping import Float
from sensor_msgs.msg import CameraInfo
from torch import Tensor

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.nodes.camera_info import RigReading, read_camera_info, read_rig
from semsplat_ros.nodes.settings import Settings
from semsplat_ros.nodes.transforms import Transforms
from semsplat_ros.scene import ScaleStatus

_logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rig:
    """Intrinsics and distance of the two cameras."""

    intrinsics: tuple[Float[Tensor, "3 3"] | None, Float[Tensor, "3 3"] | None]
    """Pixels of the pictures as received, None where unknown."""
    baseline: float | None
    """Metres between the cameras, None if unknown."""
    rectified: bool
    """True if the pair is rectified, with the second camera at +x."""
    status: ScaleStatus
    """Where the baseline came from: BASELINE, TF, or UNKNOWN without one."""


class RigReader:
    """Keeps the newest CameraInfo of each camera and reads it against the pictures.

    :meth:`store` is called by subscriptions, :meth:`read` by the worker.

    Args:
        rectified_topics: whether left and right pictures come from rectified topics.
        transforms: asked for the baseline if nothing else gives one.
    """

    def __init__(self, rectified_topics: tuple[bool, bool], transforms: Transforms) -> None:
        self._rectified_topics = rectified_topics
        self._transforms = transforms
        self._infos: dict[str, CameraInfo] = {}
        self._said: dict[str, str] = {}
        self.notes: dict[str, str] = {}
        """What was last read, by "left", "right" and "baseline": for diagnostics."""
        self.warning = ""
        """Something a person should look at, else empty."""

    def store(self, side: str, info: CameraInfo) -> None:
        """Keep the newest CameraInfo of "left" or "right"."""
        self._infos[side] = info

    def read(
        self,
        shapes: tuple[tuple[int, int], tuple[int, int]],
        frames: tuple[str, str],
        settings: Settings,
    ) -> Rig:
        """What is known about the cameras of a pair.

        Args:
            shapes: (height, width) of the left and right picture.
            frames: frame_id of the left and right picture.
            settings: use_camera_info and scale.baseline.

        Raises:
            SemsplatError: INVALID_ARGUMENT if input.use_camera_info is "require" and the
                CameraInfo of a camera is missing or of no use.
        """
        mode = settings.input.use_camera_info
        infos = {} if mode == "never" else dict(self._infos)
        left = self._intrinsics("left", infos, shapes[0], mode)
        right = self._intrinsics("right", infos, shapes[1], mode)
        baseline, rectified, status = self._baseline(infos, frames, settings)
        return Rig((left, right), baseline, rectified and shapes[0] == shapes[1], status)

    def _intrinsics(
        self, side: str, infos: dict[str, CameraInfo], shape: tuple[int, int], mode: str
    ) -> Float[Tensor, "3 3"] | None:
        info = infos.get(side)
        if info is None:
            reason, matrix = "no CameraInfo, intrinsics are estimated", None
        else:
            at = 0 if side == "left" else 1
            reading = read_camera_info(info, *shape, self._rectified_topics[at])
            reason, matrix = reading.reason, reading.intrinsics
        self._say(side, reason, concern=info is not None and matrix is None)
        if matrix is None and mode == "require":
            raise SemsplatError(
                ErrorCode.INVALID_ARGUMENT,
                f"input.use_camera_info is 'require', but {side}: {reason}; "
                "publish a calibrated CameraInfo or set it to 'auto'",
            )
        return None if matrix is None else torch.from_numpy(matrix).float()

    def _baseline(
        self, infos: dict[str, CameraInfo], frames: tuple[str, str], settings: Settings
    ) -> tuple[float | None, bool, ScaleStatus]:
        reading = RigReading(None, False, "no CameraInfo of both cameras")
        if "left" in infos and "right" in infos:
            reading = read_rig(infos["left"], infos["right"], *self._rectified_topics)
        self.warning = reading.warning
        given = settings.scale.baseline
        if given > 0:
            # A user who states the baseline of a rig has a rectified one, unless P says otherwise.
            contradicted = reading.baseline is not None and not reading.rectified
            self._say("baseline", f"{given:g} m from parameter scale.baseline")
            return given, not contradicted, ScaleStatus.BASELINE
        if reading.baseline is not None:
            self._say("baseline", reading.reason, concern=bool(reading.warning))
            return reading.baseline, reading.rectified, ScaleStatus.BASELINE
        distance = self._transforms.distance(*frames)
        if distance is not None and distance > 0:
            self._say("baseline", f"{distance:.4g} m from TF between {frames[0]} and {frames[1]}")
            return distance, False, ScaleStatus.TF
        self._say("baseline", f"unknown: {reading.reason}", concern=bool(reading.warning))
        return None, False, ScaleStatus.UNKNOWN

    def _say(self, what: str, text: str, concern: bool = False) -> None:
        """Log when it changes, not every pair."""
        self.notes[what] = text
        if self._said.get(what) != text:
            self._said[what] = text
            _logger.log(logging.WARNING if concern else logging.INFO, "%s: %s", what, text)
