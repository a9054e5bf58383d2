# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""What is known about the cameras when images come: intrinsics, baseline, poses, and from
where."""

import logging
import threading
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Float64
from sensor_msgs.msg import CameraInfo
from torch import Tensor

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.nodes.common.transforms import Transforms
from semsplat_ros.nodes.inputs.camera_info import (
    CameraReading,
    RigReading,
    image_size,
    is_rectified_topic,
    read_camera_info,
    read_rig,
    same_calibration,
)
from semsplat_ros.nodes.parameters.settings import InputSettings, Settings
from semsplat_ros.scene import CameraPrior, IntrinsicsSource, ScaleStatus

_logger = logging.getLogger(__name__)
MAX_MODES = 8
"""Frames and image sizes of a camera whose CameraInfo is kept."""
FIRST_WAIT_S = 1.0
"""Seconds that the first pair waits for the CameraInfo of cameras that publish one. Without it the
pair's metres would be a guess, and its scene the one that a first query is answered from."""
RECTIFY = "run image_proc and take its image_rect topics"


@dataclass(frozen=True)
class _Answered:
    """A question that was asked before."""

    asked: tuple
    infos: dict[str, CameraInfo]
    """Kept so that no other message gets their identity."""
    prior: CameraPrior


class CameraPriorReader:
    """Keeps the CameraInfo of each camera and reads it against the images.

    :meth:`store` is called by subscriptions, :meth:`read` by the worker.

    Args:
        image_topics: by camera; one alone for a camera that is paired with itself. Their names
            say whether the images are rectified.
        transforms: asked for the baseline of a pair if nothing else gives one, and for the poses
            of three or more cameras.
        senders: the cameras whose CameraInfo has a publisher now.
    """

    def __init__(
        self,
        image_topics: Mapping[str, str],
        transforms: Transforms,
        senders: Callable[[], tuple[str, ...]] = tuple,
    ) -> None:
        self.cameras = tuple(image_topics)
        self._named_rectified = {
            name: is_rectified_topic(topic) for name, topic in image_topics.items()
        }
        self._transforms = transforms
        self._infos: dict[str, dict[Hashable, CameraInfo]] = {name: {} for name in self.cameras}
        self._senders = senders
        self._stored = threading.Condition()
        self._waited = False
        self._said: dict[str, str] = {}
        self._last: _Answered | None = None
        """What was asked last and the answer, if it would be the same again; see :meth:`read`."""
        self.notes: dict[str, str] = {}
        """What was last read, by camera and "baseline": for diagnostics."""
        self.warning = ""
        """What a person should look at, else empty."""

    def store(self, camera: str, info: CameraInfo) -> None:
        """Keep the newest CameraInfo of a camera for each frame and image size.

        One that only repeats what is known leaves the earlier message in its place.
        """
        key = (info.header.frame_id, image_size(info))
        known = self._infos[camera].get(key)
        if known is not None and same_calibration(known, info):
            info = known
        others = {k: v for k, v in self._infos[camera].items() if k != key}
        kept = list(others.items())[-(MAX_MODES - 1) :]
        with self._stored:
            # As a whole: the worker may be reading.
            self._infos[camera] = {**dict(kept), key: info}
            self._stored.notify_all()

    def newest(self, camera: str) -> CameraInfo | None:
        """The newest CameraInfo of a camera."""
        infos = tuple(self._infos[camera].values())
        return infos[-1] if infos else None

    def read(
        self,
        shapes: tuple[tuple[int, int], ...],
        frames: tuple[str, ...],
        settings: Settings,
    ) -> CameraPrior:
        """What is known about the cameras of some images.

        Cameras send the same CameraInfo with every image: it is read when it changes.

        Args:
            shapes: (height, width) of each image.
            frames: frame_id of each image.
            settings: use_camera_info, rectified and scale.baseline.

        Raises:
            SemsplatError: INVALID_ARGUMENT if input.use_camera_info is "require" and the
                CameraInfo of a camera is missing or of no use.
        """
        infos: dict[str, CameraInfo] = {}
        if settings.input.use_camera_info != "never":
            self._wait_for_first()
            for name, shape, frame in zip(self.cameras, shapes, frames, strict=False):
                found = self._find(name, shape, frame)
                if found is not None:
                    infos[name] = found
        # Which messages, not what is in them: store() keeps the earlier of two equal ones, and
        # messages of early ROS 2 Jazzy take arrays for equal that share a single element.
        which = {name: id(info) for name, info in infos.items()}
        asked = (which, shapes, frames, settings)
        if self._last is not None and self._last.asked == asked:
            return self._last.prior
        self._last = None
        prior = self._read(infos, shapes, frames, settings)
        # What is asked of TF changes by itself.
        is_stated = prior.baseline is not None and prior.baseline_status is ScaleStatus.BASELINE
        if is_stated and len(self.cameras) == 2:
            self._last = _Answered(asked, infos, prior)
        return prior

    def _read(
        self,
        infos: dict[str, CameraInfo],
        shapes: tuple[tuple[int, int], ...],
        frames: tuple[str, ...],
        settings: Settings,
    ) -> CameraPrior:
        warnings: list[str] = []
        matrices = [
            self._intrinsics(name, infos.get(name), shape, settings.input, warnings)
            for name, shape in zip(self.cameras, shapes, strict=False)
        ]
        baseline, rectified, status = self._baseline(infos, frames, settings, warnings)
        self.warning = "; ".join(warnings)
        return CameraPrior(
            intrinsics=tuple(matrices * 2 if len(matrices) == 1 else matrices),
            intrinsics_source=IntrinsicsSource.CAMERA_INFO,
            first_from_view=self._poses(frames) if len(self.cameras) > 2 else (),
            baseline=baseline,
            baseline_status=status if baseline is not None else ScaleStatus.TF,
            rectified=rectified and shapes[0] == shapes[1],
            frame=frames[0],
        )

    def _poses(self, frames: tuple[str, ...]) -> tuple[Float64[np.ndarray, "4 4"] | None, ...]:
        """Where TF puts three or more cameras, in the first one's frame."""
        first, *further = frames
        poses = [self._transforms.newest(first, frame) for frame in further]
        for name, frame, pose in zip(self.cameras[1:], further, poses, strict=True):
            known = "unknown" if pose is None else "known"
            self._say(f"pose of {name}", f"{known}, TF from {frame!r} to {first!r}")
        return (np.eye(4), *poses)

    def _wait_for_first(self) -> None:
        """Once: until there is CameraInfo of every camera that publishes it."""
        if self._waited:
            return
        with self._stored:
            self._stored.wait_for(
                lambda: all(self._infos[name] for name in self._senders()), FIRST_WAIT_S
            )
        self._waited = True

    def _find(self, camera: str, shape: tuple[int, int], frame: str) -> CameraInfo | None:
        """The CameraInfo of an image's frame and size, else the newest."""
        infos = list(enumerate(self._infos[camera].values()))
        if not infos:
            return None
        best = max(
            infos,
            key=lambda at: (at[1].header.frame_id == frame, image_size(at[1]) == shape, at[0]),
        )
        return best[1]

    def _is_rectified(self, camera: str, settings: InputSettings) -> bool:
        if settings.rectified == "auto":
            return self._named_rectified[camera]
        return settings.rectified == "always"

    def _intrinsics(
        self,
        camera: str,
        info: CameraInfo | None,
        shape: tuple[int, int],
        settings: InputSettings,
        warnings: list[str],
    ) -> Float[Tensor, "3 3"] | None:
        if info is None:
            reading = CameraReading(None, "no CameraInfo, intrinsics are estimated")
        else:
            reading = read_camera_info(info, *shape, self._is_rectified(camera, settings))
        reason, matrix = reading.reason, reading.intrinsics
        if reading.distorted:
            bent = f"raw images of a lens with distortion, which is not corrected; {RECTIFY}"
            warnings.append(f"{camera}: {bent}")
            reason += f"; {bent}"
        unusable = info is not None and matrix is None
        self._say(camera, reason, concern=unusable or reading.distorted)
        if matrix is None and settings.use_camera_info == "require":
            raise SemsplatError(
                ErrorCode.INVALID_ARGUMENT,
                f"input.use_camera_info is 'require', but {camera}: {reason}; "
                "publish a calibrated CameraInfo or set it to 'auto'",
            )
        return None if matrix is None else torch.from_numpy(matrix).float()

    def _baseline(
        self,
        infos: dict[str, CameraInfo],
        frames: tuple[str, ...],
        settings: Settings,
        warnings: list[str],
    ) -> tuple[float | None, bool, ScaleStatus]:
        given = settings.scale.baseline
        if len(self.cameras) == 1:
            ignored = "; scale.baseline has no effect" if given > 0 else ""
            self._say("baseline", f"unknown: one camera that moves{ignored}")
            return None, False, ScaleStatus.BASELINE
        if len(self.cameras) > 2:
            return self._distance_of_first_two(given), False, ScaleStatus.BASELINE
        named = tuple(self._is_rectified(name, settings.input) for name in self.cameras)
        reading = RigReading(None, None, f"no CameraInfo of {' and '.join(self.cameras)}")
        if len(infos) == 2:
            first, second = (infos[name] for name in self.cameras)
            reading = read_rig(first, second, named[0], named[1], self.cameras)
        if reading.warning:
            warnings.append(reading.warning)
        rectified = all(named) if reading.rectified is None else reading.rectified
        rectified = rectified and settings.input.rectified != "never"
        if given > 0:
            self._say_given(given, rectified, reading, settings.input, warnings)
            return given, rectified, ScaleStatus.BASELINE
        if reading.baseline is not None:
            self._say("baseline", reading.reason, concern=bool(reading.warning))
            return reading.baseline, rectified, ScaleStatus.BASELINE
        pose = self._transforms.newest(*frames)
        distance = 0.0 if pose is None else float(np.linalg.norm(pose[:3, 3]))
        if distance > 0:
            self._say("baseline", f"{distance:.4g} m from TF between {frames[0]} and {frames[1]}")
            return distance, False, ScaleStatus.TF
        self._say("baseline", f"unknown: {reading.reason}", concern=bool(reading.warning))
        return None, False, ScaleStatus.BASELINE

    def _distance_of_first_two(self, given: float) -> float | None:
        """Of three cameras or more: what is stated, else the poses of TF are all there is."""
        if given > 0:
            first, second = self.cameras[:2]
            text = f"{given:g} m between {first} and {second} from parameter scale.baseline"
            self._say("baseline", text)
            return given
        self._say("baseline", "three or more cameras: distances are those of TF, where known")
        return None

    def _say_given(
        self,
        given: float,
        rectified: bool,
        reading: RigReading,
        settings: InputSettings,
        warnings: list[str],
    ) -> None:
        """A stated baseline gives the scale; matching along rows needs evidence as well."""
        text = f"{given:g} m from parameter scale.baseline"
        if not rectified:
            why = reading.reason
            if reading.rectified is None:
                why += ", and the image topics are not named as rectified"
            if settings.rectified == "never":
                why = "input.rectified is never"
            text += f" for the scale alone, not as a rectified pair: {why}"
            if settings.rectified == "auto":
                text += f"; set input.rectified to always if they are rectified, else {RECTIFY}"
                warnings.append(text)
        self._say("baseline", text, concern=not rectified and settings.rectified == "auto")

    def _say(self, what: str, text: str, concern: bool = False) -> None:
        """Log when it changes, not every pair."""
        self.notes[what] = text
        if self._said.get(what) != text:
            self._said[what] = text
            _logger.log(logging.WARNING if concern else logging.INFO, "%s: %s", what, text)
