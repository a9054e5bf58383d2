# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The way of one pair or larger set of images on the worker's thread: decode, prepare, perceive,
swap in, publish."""

import contextlib
import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import replace

import cv2
import numpy as np
import torch
from std_msgs.msg import Header

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.nodes.common.failures import Failures
from semsplat_ros.nodes.common.stage_times import StageTimes
from semsplat_ros.nodes.common.transforms import Transforms
from semsplat_ros.nodes.inputs.camera_priors import CameraPriorReader
from semsplat_ros.nodes.inputs.image_decoding import decode
from semsplat_ros.nodes.inputs.image_set import ImageSet
from semsplat_ros.nodes.outputs.publishers import Outputs
from semsplat_ros.nodes.outputs.scene_messages import scene_info
from semsplat_ros.nodes.outputs.snapshot import Snapshot
from semsplat_ros.nodes.outputs.target_frame import Placement, not_metric
from semsplat_ros.nodes.parameters.settings import Settings
from semsplat_ros.objects.clustering import ClusterSettings
from semsplat_ros.objects.instances import SegmentationSettings
from semsplat_ros.perceiver import Perceiver
from semsplat_ros.scene import Perception, Views, Vocabulary

_logger = logging.getLogger(__name__)
LOW_TEXTURE = 4.0
"""Standard deviation of the grey values (0..255) below which an image shows next to nothing."""
RECENT_S = 5.0
"""Seconds over which rate and latency are reported."""


class Pipeline:
    """Processes pairs and holds the newest result.

    :meth:`process` runs on the worker's thread; everything else may be called from any thread.

    Args:
        outputs: publishes what comes out.
        times: where the milliseconds of each stage are noted.
        transforms: TF, for target_frame.
        settings: returns the settings in force; asked once per pair.
        now_ns: the node's clock, for latency.
    """

    def __init__(
        self,
        outputs: Outputs,
        times: StageTimes,
        transforms: Transforms,
        settings: Callable[[], Settings],
        now_ns: Callable[[], int],
    ) -> None:
        self._outputs, self._times = outputs, times
        self._transforms = transforms
        self._settings, self._now_ns = settings, now_ns
        self._lock = threading.Lock()
        self._generation = 0
        self._finished = threading.Condition()
        self._recent: deque[tuple[float, float]] = deque(maxlen=1000)
        self.failures = Failures()
        self.perceiver: Perceiver | None = None
        self.camera_reader: CameraPriorReader | None = None
        self.vocabulary: Vocabulary | None = None
        self.current: Snapshot | None = None
        self.sequence = 0
        """Pairs processed since activation or reset."""
        self.processed_total = 0
        self.oddities: tuple[str, ...] = ()
        """What is odd about the newest images."""
        self._said: set[str] = set()
        self.handled = 0
        """Pairs that were taken, well or not."""

    def forget(self) -> None:
        """Forget the scene; a pair that is in work will not be swapped in."""
        with self._lock:
            self._generation += 1
            self.current = None
            self.sequence = 0
        self._recent.clear()

    def forget_times(self) -> None:
        """Forget rate and latency: time was set back."""
        self._recent.clear()

    def discard_running(self) -> None:
        """Keep the scene, but let a pair that is in work come to nothing."""
        with self._lock:
            self._generation += 1

    def perceiver_or_refuse(self) -> Perceiver:
        """The model with everything around it.

        Raises:
            SemsplatError: MODEL_NOT_LOADED.
        """
        perceiver = self.perceiver
        if perceiver is None:
            raise SemsplatError(
                ErrorCode.MODEL_NOT_LOADED, "no model is loaded; configure the node"
            )
        return perceiver

    def wait_handled(self, beyond: int, timeout: float) -> bool:
        """Wait until more than `beyond` pairs were handled."""
        with self._finished:
            return self._finished.wait_for(lambda: self.handled > beyond, timeout)

    def rate(self) -> float:
        """Pairs per second over the last seconds."""
        return len(self._latest()) / RECENT_S

    def latency(self) -> float:
        """Median seconds from the first stamp to the end of publishing, 0 if there was no pair."""
        latencies = [latency for _, latency in self._latest() if math.isfinite(latency)]
        return float(np.median(latencies)) if latencies else 0.0

    def process(self, images: ImageSet) -> None:
        """One pair, whatever comes of it; never raises."""
        start = time.perf_counter()
        self._times.add("wait", (time.monotonic() - images.received) * 1e3)
        try:
            self._process(images)
        except Exception as problem:
            self.failures.record(problem)
        finally:
            self._times.add("total", (time.perf_counter() - start) * 1e3)
            with self._finished:
                self.handled += 1
                self._finished.notify_all()

    def _process(self, images: ImageSet) -> None:
        generation, settings = self._generation, self._settings()
        perceiver, vocabulary = self.perceiver, self.vocabulary
        if perceiver is None:
            return
        try:
            with self._times.measure("decode"):
                decoded = tuple(
                    decode(message, settings.input.max_pixels) for message in images.messages
                )
            views = self._prepare(perceiver, images, decoded, settings)
        except SemsplatError as refusal:
            self.failures.refuse(refusal)
            return
        try:
            perception = perceiver.perceive(views, vocabulary, segmentation_settings(settings))
        except SemsplatError as refusal:
            if refusal.code != ErrorCode.INVALID_ARGUMENT:
                raise
            # What the model does not take, for example three views: no failure of the model.
            self.failures.refuse(refusal)
            return
        for stage, milliseconds in perception.stages_ms.items():
            self._times.add(stage, milliseconds)
        snapshot = self._swap_in(perception, images, settings, generation)
        if snapshot is None:
            return
        self.failures.succeed()
        placement = self.place(snapshot, settings)
        self._outputs.publish_pair(snapshot, decoded[0], settings, placement)
        latency = (self._now_ns() - images.stamp_ns) / 1e9
        self._recent.append((time.monotonic(), latency))

    def _prepare(
        self,
        perceiver: Perceiver,
        images: ImageSet,
        decoded: tuple[np.ndarray, ...],
        settings: Settings,
    ) -> Views:
        self._notice(images, decoded, settings.input.cameras[: len(decoded)])
        frames = images.frames
        shapes = tuple(pixels.shape[:2] for pixels in decoded)
        prior = self.camera_reader.read(shapes, frames, settings)
        prior = replace(prior, stamps_ns=images.stamps_ns)
        if settings.target_frame:
            with contextlib.suppress(SemsplatError):  # tried again by place(), which says why
                pose = self._transforms.lookup(settings.target_frame, frames[0], images.stamp_ns)
                prior = replace(prior, world_from_first=pose, world_frame=settings.target_frame)
        with self._times.measure("prepare"):
            return perceiver.prepare(decoded, prior)

    def _notice(
        self, images: ImageSet, decoded: tuple[np.ndarray, ...], names: tuple[str, ...]
    ) -> None:
        """Say once what is odd about the images, though they can be processed."""
        sizes = [f"{pixels.shape[1]} x {pixels.shape[0]}" for pixels in decoded]
        frames = images.frames
        first, *others = (f"{name} {size}" for name, size in zip(names, sizes, strict=True))
        sized = ", ".join([first.replace(" ", " is ", 1), *others])
        found = {
            "images show next to nothing (black, white or covered lens?)": any(
                _texture(pixels) < LOW_TEXTURE for pixels in decoded
            ),
            f"{sized}: processed, but not as a rectified pair": len(set(sizes)) > 1,
        }
        if len(self.camera_reader.cameras) > 1:
            for frame in set(frames) - {""}:
                same = [name for name, own in zip(names, frames, strict=True) if own == frame]
                many = "both" if len(same) == 2 else "all"
                found[f"{' and '.join(same)} {many} have frame_id {frame!r}"] = len(same) > 1
        self.oddities = tuple(text for text, is_so in found.items() if is_so)
        for text in set(self.oddities) - self._said:
            _logger.warning("%s", text)
        self._said = set(self.oddities)

    def _swap_in(
        self, perception: Perception, images: ImageSet, settings: Settings, generation: int
    ) -> Snapshot | None:
        """Make a perception the current one, unless the node was reset or stopped meanwhile."""
        with self._lock:
            if generation != self._generation:
                return None
            self.sequence += 1
            self.processed_total += 1
            names = settings.input.cameras[: len(images.messages)]
            self.current = Snapshot(
                perception=perception,
                header=images.header,
                info=scene_info(perception, self.sequence, names),
                sequence=self.sequence,
                made=time.monotonic(),
                stamp_ns=images.stamp_ns,
            )
            return self.current

    def place(self, snapshot: Snapshot, settings: Settings) -> Placement:
        """The frame for the objects of a scene: that of its pair, whenever it is asked for.

        The pose of the camera in target_frame is looked up at the stamp of the pair until it is
        known, then kept with the scene: TF forgets after some seconds, answers do not.
        """
        header = snapshot.header
        try:
            pose = self._world_from_camera(snapshot, settings)
        except SemsplatError as refusal:
            return Placement(header, None, refusal)
        return Placement(Header(stamp=header.stamp, frame_id=settings.target_frame), pose, None)

    def _world_from_camera(self, snapshot: Snapshot, settings: Settings) -> np.ndarray:
        scene, target_frame = snapshot.perception.scene, settings.target_frame
        if not scene.scale.is_metric:
            raise SemsplatError(ErrorCode.NO_METRIC_SCALE, not_metric(settings))
        if not target_frame:
            raise SemsplatError(
                ErrorCode.TRANSFORM_UNAVAILABLE,
                "no target_frame is set; set it to the frame the robot drives in, for example map",
            )
        if scene.world_from_first is not None and scene.world_frame == target_frame:
            return scene.world_from_first.numpy()
        pose = self._transforms.lookup(target_frame, snapshot.header.frame_id, snapshot.stamp_ns)
        found = replace(scene, world_from_first=torch.from_numpy(pose), world_frame=target_frame)
        with self._lock:
            if self.current is snapshot:
                perception = replace(snapshot.perception, scene=found)
                self.current = replace(snapshot, perception=perception)
        return pose

    def _latest(self) -> list[tuple[float, float]]:
        since = time.monotonic() - RECENT_S
        return [entry for entry in tuple(self._recent) if entry[0] >= since]


def segmentation_settings(settings: Settings) -> SegmentationSettings:
    """The parameters that decide how Gaussians become objects."""
    return SegmentationSettings(
        min_points=settings.instance.min_points,
        clustering=ClusterSettings(merge_threshold=settings.instance.merge_threshold),
        min_label_score=settings.semantics.min_label_score,
    )


def _texture(image: np.ndarray) -> float:
    """Standard deviation of the values of an image [H, W, 3], 0..255, from a sample."""
    _, deviation = cv2.meanStdDev(image[::8, ::8].reshape(-1))
    return float(deviation[0, 0])
