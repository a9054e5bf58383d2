# Copyright 2026 the semsplat authors
# SPDX-License-Identifier: Apache-2.0
"""The way of one pair (or larger set) of images on the worker's thread: decode, prepare, perceive, swap in, publish."""

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Callable

import cv2
import numpy as np

from semsplat_ros.errors import ErrorCode, SemsplatError
from semsplat_ros.nodes.common.failures import Failures
from semsplat_ros.nodes.common.stage_times import StageTimes
from semsplat_ros.nodes.inputs.camera_rig import Rig, RigReader
from semsplat_ros.nodes.inputs.image_decoding import decode
from semsplat_ros.nodes.inputs.image_set import ImageSet
from semsplat_ros.nodes.outputs.publishers import Outputs
from semsplat_ros.nodes.outputs.scene_messages import scene_info
from semsplat_ros.nodes.outputs.snapshot import Snapshot
from semsplat_ros.nodes.parameters.settings import Settings
from semsplat_ros.objects.clustering import ClusterSettings
from semsplat_ros.objects.instances import SegmentationSettings
from semsplat_ros.objects.known_baseline import with_known_baseline
from semsplat_ros.perceiver import Perceiver
from semsplat_ros.scene import IntrinsicsSource, Perception, Views, Vocabulary

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
        settings: returns the settings in force; asked once per pair.
        now_ns: the node's clock, for latency.
    """

    def __init__(
        self,
        outputs: Outputs,
        times: StageTimes,
        settings: Callable[[], Settings],
        now_ns: Callable[[], int],
    ) -> None:
        self._outputs, self._times = outputs, times
        self._settings, self._now_ns = settings, now_ns
        self._lock = threading.Lock()
        self._generation = 0
        self._finished = threading.Condition()
        self._recent: deque[tuple[float, float]] = deque(maxlen=1000)
        self.failures = Failures()
        self.perceiver: Perceiver | None = None
        self.rig_reader: RigReader | None = None
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
            views, rig = self._prepare(perceiver, images, decoded, settings)
        except SemsplatError as refusal:
            self.failures.refuse(refusal)
            return
        perception = perceiver.perceive(views, vocabulary, segmentation_settings(settings))
        perception = _scaled(perception, views, rig)
        for stage, milliseconds in perception.stages_ms.items():
            self._times.add(stage, milliseconds)
        snapshot = self._swap_in(perception, images, settings, generation)
        if snapshot is None:
            return
        self.failures.succeed()
        self._outputs.publish_pair(snapshot, decoded[0], settings)
        latency = (self._now_ns() - images.stamp_ns) / 1e9
        self._recent.append((time.monotonic(), latency))

    def _prepare(
        self,
        perceiver: Perceiver,
        images: ImageSet,
        decoded: tuple[np.ndarray, ...],
        settings: Settings,
    ) -> tuple[Views, Rig]:
        self._notice(images, decoded, settings.input.cameras[: len(decoded)])
        frames = (pair.left.header.frame_id, pair.right.header.frame_id)
        left, right = images
        rig = self.rig_reader.read((left.shape[:2], right.shape[:2]), frames, settings)
        with self._times.measure("prepare"):
            views = perceiver.prepare(
                left,
                right,
                intrinsics=rig.intrinsics,
                intrinsics_source=IntrinsicsSource.CAMERA_INFO,
                baseline=rig.baseline if rig.rectified else None,
                stamps_ns=(pair.left_stamp_ns, pair.right_stamp_ns),
                frame=frames[0],
            )
        return views, rig

    def _notice(
        self, images: ImageSet, decoded: tuple[np.ndarray, ...], names: tuple[str, ...]
    ) -> None:
        """Say once what is odd about the images, though they can be processed."""
        sizes = [f"{pixels.shape[1]} x {pixels.shape[0]}" for pixels in decoded]
        frames = images.frames
        sized = ", ".join(f"{name} {size}" for name, size in zip(names, sizes, strict=True))
        found = {
            "images show next to nothing (black, white or covered lens?)": any(
                _texture(pixels) < LOW_TEXTURE for pixels in decoded
            ),
            f"sizes differ, {sized}: processed, but not as a rectified pair": len(set(sizes)) > 1,
        }
        if len(self.rig_reader.cameras) > 1:
            for frame in set(frames) - {""}:
                same = [name for name, own in zip(names, frames, strict=True) if own == frame]
                found[f"{' and '.join(same)} have the same frame_id {frame!r}"] = len(same) > 1
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


def _scaled(perception: Perception, views: Views, rig: Rig) -> Perception:
    """Metres from the known baseline where the model could not use it itself; the status of TF."""
    if rig.baseline is None or views.rectified_baseline is not None:
        return perception
    return with_known_baseline(perception, rig.baseline, rig.status)
